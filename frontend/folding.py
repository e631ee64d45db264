"""Constant folding: what exporters compute about shapes, pads and bounds becomes constants."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, ValueInfoProto, helper
from onnx.reference import ReferenceEvaluator

from ..errors import TilefoldError
from .sizes import Room, static_shapes

Array = npt.NDArray[Any]

# fmt: off
FOLDED = frozenset((
    "Abs", "Add", "And", "Cast", "Ceil", "Concat", "Constant", "ConstantOfShape", "Div",
    "Equal", "Expand", "Flatten", "Floor", "Gather", "Greater", "GreaterOrEqual", "Identity",
    "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "Not", "Or", "Pow", "Range",
    "Reciprocal", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Shape", "Size",
    "Slice", "Split", "Sqrt", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze", "Where", "Xor",
))
# fmt: on
"""Operators that exporters leave on constants; all deterministic."""


def fold(
    model: ModelProto, nodes: Iterable[NodeProto], constants: dict[str, Array], room: Room
) -> list[NodeProto]:
    """Those of the `nodes` of `model` that are left when those on constants are computed.

    Results are added to `constants`. QuantizeLinear and DequantizeLinear stay, for they carry the
    scales; so does any node whose result has no known size.
    TilefoldError where what constants alone make does not fit `room`.
    """
    shapes = dict(static_shapes(model))
    shapes.update((tensor.name, tuple(tensor.dims)) for tensor in model.graph.initializer)
    left: list[NodeProto] = []
    for node in nodes:
        room.take(node, constants, shapes)
        foldable = node.op_type in FOLDED and node.domain in ("", "ai.onnx")
        foldable = foldable and all(name in shapes for name in node.output)
        if foldable and node.op_type == "Shape" and node.input[0] in shapes:
            constants[node.output[0]] = _shape(node, shapes[node.input[0]])
        elif foldable and all(not name or name in constants for name in node.input):
            feeds = {name: constants[name] for name in node.input if name}
            constants.update(zip(node.output, _evaluate(node, feeds, room.opset), strict=True))
        else:
            left.append(node)
    return left


def _shape(node: NodeProto, shape: tuple[int, ...]) -> Array:
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    return np.array(shape[ends.get("start", 0) : ends.get("end", len(shape))], np.int64)


def _evaluate(node: NodeProto, feeds: dict[str, Array], opset: int) -> list[Array]:
    try:
        # Of a node alone the evaluator would take the newest operator set that it knows.
        inputs, outputs = ([ValueInfoProto(name=n) for n in ns] for ns in (feeds, node.output))
        graph = helper.make_graph([node], node.name, inputs, outputs)
        with np.errstate(all="ignore"):
            results: Any = ReferenceEvaluator(graph, opsets={"": opset}).run(None, feeds)
    except Exception as error:  # the evaluator lets whatever numpy raises through
        reason = " ".join(str(error).split())[:200]
        raise TilefoldError(
            f"node '{node.name}' ({node.op_type}): its constant inputs make no sense: {reason}"
        ) from error
    return [np.asarray(result) for result in results]
