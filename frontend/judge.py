"""onnxruntime as the outside judge: set up so that its integers are one thing.

What it computes in float all the same is reported.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper
from xdsl.dialects.builtin import ModuleOp

from ..dialects.store import Store
from ..interpreters.nn import run
from ..interpreters.onnx_session import INEXACT, Compiled, Session, compiled, unoptimised
from ..interpreters.steps import joined
from .files import read_model
from .graph import name_nodes

Array = npt.NDArray[Any]
INTEGER_RESULT = ("QLinear", "QuantizeLinear", "QGemm")
# fmt: off
MOVING = frozenset((
    "Concat", "DepthToSpace", "Dropout", "Expand", "Flatten", "Gather", "GlobalMaxPool", "Identity",
    "MaxPool", "Pad", "ReduceMax", "Reshape", "Resize", "Slice", "SpaceToDepth", "Squeeze", "Tile",
    "Transpose", "Unsqueeze",
))
# fmt: on
NARROW: Mapping[int, int] = {
    TensorProto.INT4: TensorProto.INT8,
    TensorProto.UINT4: TensorProto.UINT8,
}


class Judge:
    """A quantised model as onnxruntime computes it.

    `model` is a path or a ModelProto. Types of 4 bits are judged as the same integers in 8-bit
    containers. Raises TilefoldError when onnxruntime refuses the model.
    """

    def __init__(self, model: str | Path | ModelProto) -> None:
        self._model = ModelProto()
        self._model.CopyFrom(model if isinstance(model, ModelProto) else read_model(Path(model)))
        name_nodes(self._model)
        widen(self._model)
        self._compiled = compiled(self._model)

    @property
    def in_float(self) -> tuple[str, ...]:
        """The Conv, Gemm, MatMul and Add nodes that onnxruntime computes in float: best none."""
        return self._compiled.in_float

    @property
    def inputs(self) -> dict[str, np.dtype[Any]]:
        """The element types of the model's inputs by name."""
        constants = {tensor.name for tensor in self._model.graph.initializer}
        return {
            value.name: helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
            for value in self._model.graph.input
            if value.name not in constants
        }

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The model's outputs for `inputs` [batch, ...], by name."""
        return self._run(self._compiled.session, inputs)

    def intermediates(
        self, inputs: Mapping[str, Array], layers: Iterable[str] | None = None
    ) -> dict[str, Array]:
        """The quantised result of each layer, by the ONNX node's name, NCHW.

        Adding outputs to a QDQ model would keep onnxruntime from fusing, so they are added to the
        graph that it has fused. Layers without a quantised result of their own are left out.
        """
        tensors = {
            layer: tensor
            for layer, tensor in self._observable.items()
            if layers is None or layer in set(layers)
        }
        values = self._run(self._inspected, inputs)
        types = _element_types(self._model)
        return {
            layer: _as_declared(values[tensor], types.get(tensor, 0))
            for layer, tensor in tensors.items()
        }

    @cached_property
    def _fused(self) -> Compiled:
        """Channels stay where they are, so that tensors keep names and shapes."""
        return compiled(self._model, (*INEXACT, "NhwcTransformer"))

    @cached_property
    def _observable(self) -> dict[str, str]:
        made = {name for node in self._fused.graph.graph.node for name in node.output}
        results = quantised_results(self._model.graph)
        return {layer: tensor for layer, tensor in results.items() if tensor in made}

    @cached_property
    def _inspected(self) -> Session:
        model = ModelProto()
        model.CopyFrom(self._fused.graph)
        known = {value.name for value in model.graph.output}
        for tensor in sorted(set(self._observable.values()) - known):
            model.graph.output.append(ValueInfoProto(name=tensor))
        return unoptimised(model)

    def _run(self, session: Session, inputs: Mapping[str, Array]) -> dict[str, Array]:
        batch = next((len(value) for value in inputs.values()), 1)
        fixed = any(value.shape[:1] == [1] for value in session.get_inputs())
        names = [value.name for value in session.get_outputs()]
        parts = range(batch) if fixed else [slice(None)]
        runs: list[list[Array]] = []
        for part in parts:
            rows = slice(part, part + 1) if isinstance(part, int) else part
            feeds = {name: np.ascontiguousarray(value[rows]) for name, value in inputs.items()}
            runs.append(session.run(names, feeds))
        return {
            name: joined(name, results)
            for name, results in zip(names, zip(*runs, strict=True), strict=True)
        }


@dataclass(frozen=True)
class Comparison:
    """How a layer or an output compares with onnxruntime's.

    `largest` is the greatest difference, in units of the stored integers or of the float output.
    """

    name: str
    elements: int
    mismatches: int
    largest: float

    @staticmethod
    def of(name: str, actual: Array, expected: Array) -> "Comparison":
        """How two arrays of one shape compare, element by element."""
        equal = (actual == expected) | ((actual != actual) & (expected != expected))
        with np.errstate(invalid="ignore"):
            apart = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
        apart[equal] = 0
        return Comparison(name, apart.size, int((~equal).sum()), float(apart.max(initial=0)))


def compare(
    module: ModuleOp, store: Store, judge: Judge, inputs: Mapping[str, Array]
) -> tuple[Comparison, ...]:
    """Run `module`, imported from the judge's model, on `inputs` [batch, ...] in both ways.

    One row for each layer with a quantised result of its own, then one for each output.
    """
    batch = next((len(value) for value in inputs.values()), 1)
    outputs = judge.run(inputs)
    expected = judge.intermediates(inputs)
    runs = [
        run(module, {name: value[row : row + 1] for name, value in inputs.items()}, store, True)
        for row in range(batch)
    ]
    layers = {name: value for name, value in expected.items() if name in runs[0]}
    rows: list[Comparison] = []
    for name, value in (layers | outputs).items():
        actual = np.concatenate([results[name] for results in runs])
        rows.append(Comparison.of(name, actual, value))
    return tuple(rows)


def quantised_results(graph: GraphProto) -> dict[str, str]:
    """For each node with a quantised result of its own: the tensor that holds it.

    In the QDQ form that is the output of the QuantizeLinear behind the node, with nothing but Relu
    and Clip between; in the operator form the node's own output. What only moves elements counts
    where the quantisation behind it is the one before it.
    """
    readers: dict[str, list[NodeProto]] = {}
    makers: dict[str, NodeProto] = {}
    for node in graph.node:
        makers.update(dict.fromkeys(node.output, node))
        for name in node.input:
            readers.setdefault(name, []).append(node)
    constants = {tensor.name: tensor for tensor in graph.initializer}

    def parameters(node: NodeProto) -> list[bytes]:
        known = [constants[name] for name in node.input[1:] if name in constants]
        return [onnx.numpy_helper.to_array(tensor).tobytes() for tensor in known]

    integer = {value.name for value in graph.input if value.type.tensor_type.elem_type != 1}
    results: dict[str, str] = {}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" or len(node.output) > 1:
            continue
        if node.op_type.startswith(INTEGER_RESULT) or integer.intersection(node.input[:1]):
            results[node.name] = node.output[0]
            integer.add(node.output[0])
            continue
        found = _quantised_by(node.output[0], readers, through=node.op_type not in MOVING)
        if found is not None and node.op_type in MOVING:
            before = [makers[name] for name in node.input if name in makers]
            known = [parameters(each) for each in before if each.op_type == "DequantizeLinear"]
            if all(each == known[0] for each in known) and parameters(found) not in known:
                continue
        if found is not None:
            results[node.name] = found.output[0]
    return results


def _quantised_by(
    tensor: str, readers: Mapping[str, list[NodeProto]], through: bool
) -> NodeProto | None:
    """The QuantizeLinear that alone reads `tensor`, directly or `through` Relu and Clip."""
    while len(readers.get(tensor, ())) == 1:
        (reader,) = readers[tensor]
        if reader.op_type == "QuantizeLinear":
            return reader
        if not through or reader.op_type not in ("Relu", "Clip"):
            return None
        tensor = reader.output[0]
    return None


def widen(model: ModelProto) -> None:
    """Put 4-bit integers in 8-bit containers, clipped to their range; changed in place."""
    types = _element_types(model)
    narrow = {name for name, kind in types.items() if kind in NARROW}
    if not narrow:
        return
    for tensor in model.graph.initializer:
        if tensor.data_type in NARROW:
            values = onnx.numpy_helper.to_array(tensor)
            wide = helper.tensor_dtype_to_np_dtype(NARROW[tensor.data_type])
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(wide), tensor.name))
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        kind = value.type.tensor_type
        kind.elem_type = NARROW.get(kind.elem_type, kind.elem_type)
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        model.graph.node.append(node)
        if node.op_type == "QuantizeLinear" and node.output[0] in narrow:
            _clip(model, model.graph.node[-1], types[node.output[0]])


def _clip(model: ModelProto, quantise: NodeProto, kind: int) -> None:
    """Follow `quantise`, whose result was of the 4-bit type `kind`, with a Clip to its range."""
    bounds = (-8, 7) if kind == TensorProto.INT4 else (0, 15)
    dtype = helper.tensor_dtype_to_np_dtype(NARROW[kind])
    narrow = quantise.output[0]
    quantise.output[0] = f"{narrow}:wide"
    for attribute in quantise.attribute:
        if attribute.name == "output_dtype":
            attribute.i = NARROW[kind]
    names = [f"{narrow}:low", f"{narrow}:high"]
    for name, bound in zip(names, bounds, strict=True):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(bound, dtype), name))
    clip = helper.make_node("Clip", [quantise.output[0], *names], [narrow], f"{quantise.name}:clip")
    model.graph.node.append(clip)


def _element_types(model: ModelProto) -> dict[str, int]:
    """The ONNX element type of every value that shape inference can tell."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    types = {tensor.name: tensor.data_type for tensor in inferred.initializer}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        types[value.name] = value.type.tensor_type.elem_type
    return types


def _as_declared(values: Array, element_type: int) -> Array:
    """Undo onnxruntime's shift of an int8 tensor to uint8."""
    if element_type == TensorProto.INT8 and values.dtype == np.uint8:
        return (values ^ np.uint8(0x80)).view(np.int8)
    return values
