"""Constant folding: what exporters compute about shapes, pads and bounds becomes constants."""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto
from onnx.reference import ReferenceEvaluator

from ..errors import TilefoldError
from .sizes import Room, static_shapes

Array = npt.NDArray[Any]

# fmt: off
FOLDED = frozenset((
    "Add", "Cast", "Ceil", "Concat", "Constant", "ConstantOfShape", "Div",
    "Equal", "Expand", "Flatten", "Floor", "Gather", "Identity", "Less",
    "Max", "Min", "Mul", "Neg", "Pow", "Range", "Reciprocal",
    "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSum", "Reshape", "Shape", "Size",
    "Slice", "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where",
))
# fmt: on
"""Operators that exporters leave on constants; all deterministic."""


def fold(model: ModelProto, constants: dict[str, Array], opset: int) -> list[NodeProto]:
    """The nodes of `model` that are left when those on constants are computed.

    Results are added to `constants`. QuantizeLinear and DequantizeLinear stay, for they carry the
    scales; so does any node whose result has no known size.
    TilefoldError where what constants alone make is too large.
    """
    shapes = dict(static_shapes(model))
    shapes.update((tensor.name, tuple(tensor.dims)) for tensor in model.graph.initializer)
    room = Room(constants, opset)
    left: list[NodeProto] = []
    for node in model.graph.node:
        room.take(node, constants, shapes)
        foldable = node.op_type in FOLDED and node.domain in ("", "ai.onnx")
        foldable = foldable and all(name in shapes for name in node.output)
        if foldable and node.op_type == "Shape" and node.input[0] in shapes:
            constants[node.output[0]] = _shape(node, shapes[node.input[0]])
        elif foldable and all(not name or name in constants for name in node.input):
            feeds = {name: constants[name] for name in node.input if name}
            constants.update(zip(node.output, _evaluate(node, feeds, opset), strict=True))
        else:
            left.append(node)
    return left


def _shape(node: NodeProto, shape: tuple[int, ...]) -> Array:
    ends = {attribute.name: attribute.i for attribute in node.attribute}
    return np.array(shape[ends.get("start", 0) : ends.get("end", len(shape))], np.int64)


def _evaluate(node: NodeProto, feeds: dict[str, Array], opset: int) -> list[Array]:
    try:
        with np.errstate(all="ignore"):
            results: Any = ReferenceEvaluator(node, opsets={"": opset}).run(None, feeds)
    except Exception as error:  # the evaluator lets whatever numpy raises through
        reason = " ".join(str(error).split())[:200]
        raise TilefoldError(
            f"node '{node.name}' ({node.op_type}): its constant inputs make no sense: {reason}"
        ) from error
    return [np.asarray(result) for result in results]
