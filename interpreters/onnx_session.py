"""Sessions of onnxruntime, set up so that its integers are one thing.

Default optimisation, one thread, and the session options that make processors with and without
dot-product instructions agree.
"""

import importlib
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto

from ..errors import TilefoldError
from .onnx_graphs import nested

Array = npt.NDArray[Any]
Options = Any
Session = Any

WIDE_PRODUCTS = "session.x64quantprecision"
"""Without VNNI: weights as uint8, for products of uint8 and int8 saturate in 16 bits."""
SIGNED_ACTIVATIONS = "session.qdqisint8allowed"
"""Leaves int8 activations int8 rather than shifting them to uint8."""

SETTINGS = (
    {WIDE_PRODUCTS: "1", SIGNED_ACTIVATIONS: "1"},
    {WIDE_PRODUCTS: "1", SIGNED_ACTIVATIONS: "0"},
    {WIDE_PRODUCTS: "0", SIGNED_ACTIVATIONS: "1"},
)
"""Tried in this order: some releases lack a kernel for int8 activations times uint8 weights."""

INEXACT = ("DoubleQDQPairsRemover",)
"""Optimisations that change numbers: this one merges two quantisations in a row into one."""

INTEGER_WANTED = frozenset(
    {"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "MatMulNBits", "Add"}
)


def runtime() -> Any:
    """onnxruntime, loaded where something runs: most commands start without it."""
    return importlib.import_module("onnxruntime")


QUANTISED = re.compile("(Dynamic)?(Quantize|Dequantize)Linear|QLinear.*|QGemm|.*Integer")
"""Operators for which the settings matter."""


@dataclass(frozen=True)
class Compiled:
    """A session, the graph that onnxruntime made of the model, and its nodes left in float."""

    session: Session
    graph: ModelProto
    in_float: tuple[str, ...]


def compiled(model: ModelProto, disabled: Iterable[str] = INEXACT) -> Compiled:
    """The model under the settings that leave the fewest operators in float.

    Raises TilefoldError where onnxruntime refuses it.
    """
    found: list[Compiled] = []
    refusal = ""
    for entries in SETTINGS:
        try:
            found.append(_compile(model, entries, disabled))
        except TilefoldError as error:
            refusal = refusal or str(error)
            continue
        if not found[-1].in_float:
            break
    if not found:
        raise TilefoldError(refusal)
    return min(found, key=lambda compiled: len(compiled.in_float))


def exact(model: ModelProto) -> Session:
    """The session of `compiled`; quickly for a model that has no quantised operators.

    Raises TilefoldError where onnxruntime refuses it.
    """
    if any(QUANTISED.fullmatch(node.op_type) for node in nested(model.graph.node)):
        return compiled(model).session
    return session(model, session_options(SETTINGS[0]), INEXACT)


def _compile(model: ModelProto, entries: Mapping[str, str], disabled: Iterable[str]) -> Compiled:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "optimised.onnx"
        options = session_options(entries)
        options.optimized_model_filepath = str(file)
        made = session(model, options, disabled)
        optimised = onnx.load(str(file))
    in_float = tuple(node.name for node in optimised.graph.node if node.op_type in INTEGER_WANTED)
    return Compiled(made, optimised, in_float)


def unoptimised(model: ModelProto) -> Session:
    """A session that runs the nodes of `model` as they are."""
    options = session_options({})
    options.graph_optimization_level = runtime().GraphOptimizationLevel.ORT_DISABLE_ALL
    return session(model, options, ())


def session_options(entries: Mapping[str, str]) -> Options:
    """One thread, and these entries."""
    options = runtime().SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    return options


def session(model: ModelProto, options: Options, disabled: Iterable[str]) -> Session:
    """A session on the processor; TilefoldError where onnxruntime refuses the model."""
    try:
        return runtime().InferenceSession(
            model.SerializeToString(),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=list(disabled),
        )
    except Exception as error:  # onnxruntime's exceptions have no common base
        raise TilefoldError(f"onnxruntime refuses the model: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """What onnxruntime says is wrong, in one line that begins with the node, where it names one."""
    text = " ".join(str(error).split())
    spot = re.search(r"Name:'([^']*)'|in node \(([^)]*)\)|In Node, \(\"([^\"]*)\"", text)
    node = next(filter(None, spot.groups()), "") if spot else ""
    detail = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    detail = re.sub(r"/onnxruntime_src/\S+ .*?\) (?=[A-Z\d'\"])", "", detail)[:240]
    return f"node '{node}': {detail}" if node else detail


class OnnxSession:
    """A model of real numbers that onnxruntime has prepared; TilefoldError where it refuses it.

    Without `optimise` its nodes run as they are.
    """

    def __init__(self, model: ModelProto, optimise: bool = True) -> None:
        self._session = session(model, session_options({}), ()) if optimise else unoptimised(model)

    @property
    def outputs(self) -> Sequence[str]:
        """The names of the model's outputs, in order."""
        return [each.name for each in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name; TilefoldError where the inputs do not fit or a node fails."""
        feeds = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        try:
            values = self._session.run(self.outputs, feeds)
        except Exception as error:  # onnxruntime's exceptions have no common base
            raise TilefoldError(f"onnxruntime cannot run the model: {reason_of(error)}") from error
        return dict(zip(self.outputs, values, strict=True))
