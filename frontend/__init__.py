"""The front end: from ONNX to the `nn` dialect."""

from .importer import import_model

__all__ = ["import_model"]
