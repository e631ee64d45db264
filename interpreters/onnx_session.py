"""Running ONNX models by onnxruntime: what networks of real numbers mean."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto

from ..errors import TilefoldError

Array = npt.NDArray[Any]
_runtime: Any = onnxruntime  # without type stubs


class OnnxSession:
    """A model that onnxruntime has prepared; TilefoldError where it refuses it."""

    def __init__(self, model: ModelProto, threads: int = 1, optimise: bool = True) -> None:
        options = _runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        if not optimise:
            options.graph_optimization_level = _runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session = _runtime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions have no common base
            raise TilefoldError(f"onnxruntime refuses the model: {reason_of(error)}") from error

    @property
    def outputs(self) -> Sequence[str]:
        """The names of the model's outputs, in order."""
        return [each.name for each in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name; TilefoldError where the inputs do not fit or a node fails."""
        feeds = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        try:
            values = self._session.run(self.outputs, feeds)
        except Exception as error:
            raise TilefoldError(f"onnxruntime cannot run the model: {reason_of(error)}") from error
        return dict(zip(self.outputs, values, strict=True))


def reason_of(error: Exception) -> str:
    """One line from an exception of onnxruntime."""
    return " ".join(str(error).split())[:240]
