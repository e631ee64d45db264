"""The host's part of a network: ONNX models that onnxruntime runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError
from onnx import ModelProto

from ..errors import TilefoldError
from .onnx_session import compiled

Array = npt.NDArray[Any]


class HostModel:
    """An ONNX model of the host, ready to run.

    Raises TilefoldError where `data` is no model, or one that onnxruntime refuses.
    """

    def __init__(self, name: str, data: bytes) -> None:
        self._name = name
        try:
            model = ModelProto.FromString(data)
        except DecodeError as error:
            raise TilefoldError(f"{name}: not an ONNX model") from error
        try:
            self._session = compiled(model).session
        except TilefoldError as error:
            raise TilefoldError(f"{name}: {error}") from None
        self._outputs = [value.name for value in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name; TilefoldError where onnxruntime cannot compute them."""
        feeds = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        try:
            results = self._session.run(self._outputs, feeds)
        except Exception as error:  # onnxruntime's exceptions have no common base
            reason = " ".join(str(error).split())[:240]
            raise TilefoldError(f"{self._name}: onnxruntime cannot run it: {reason}") from error
        return dict(zip(self._outputs, results, strict=True))
