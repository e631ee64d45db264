"""The host's part of a network: ONNX models that onnxruntime runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError
from onnx import ModelProto, helper

from ..errors import TilefoldError
from .onnx_session import exact, reason_of

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
            self._session = exact(model)
        except TilefoldError as error:
            raise TilefoldError(f"{name}: {error}") from None
        self._outputs = {
            value.name: helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            for value in model.graph.output
        }

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name; TilefoldError where onnxruntime cannot compute them."""
        feeds = {name: np.asarray(value, order="C") for name, value in inputs.items()}
        try:
            results = self._session.run(list(self._outputs), feeds)
        except Exception as error:  # onnxruntime's exceptions have no common base
            reason = reason_of(error)
            raise TilefoldError(f"{self._name}: onnxruntime cannot run it: {reason}") from error
        pairs = zip(self._outputs.items(), results, strict=True)
        return {name: _as_declared(result, dtype) for (name, dtype), result in pairs}


def _as_declared(result: Array, dtype: np.dtype[Any]) -> Array:
    """`result` in the type that the model says; onnxruntime gives floats of 8 bits as bytes."""
    return result.view(dtype) if result.dtype.itemsize == dtype.itemsize else result
