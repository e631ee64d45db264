"""Bounds on sizes: a model of a few bytes must not ask for all memory."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, TypeProto, helper, numpy_helper

from ..errors import TilefoldError
from ..interpreters.onnx_graphs import graphs_of
from .structure import label

Array = npt.NDArray[Any]

LARGEST = 1 << 28
"""Elements of a value: 1 GiB of float32."""

ROOM = 1 << 25
"""Elements that may come of constants alone, beside 4 for each element of the model's own."""

STRUCTURE = 5 << 25
"""The same of ConstantOfShape, by which structures have weights, of VGG-19 even."""

HIGHEST_RANK = 64
"""Dimensions of a value: numpy's bound."""


def check_size(what: str, shape: Sequence[int]) -> None:
    """Raise TilefoldError where a value of a shape is too large; `what` begins the message."""
    if len(shape) > HIGHEST_RANK:
        raise TilefoldError(f"{what} has {len(shape)} dimensions; {HIGHEST_RANK} are supported")
    if prod(shape) > LARGEST:
        size = "x".join(map(str, shape))
        raise TilefoldError(f"{what} has {size} elements; up to {LARGEST} are supported")


def check_values(model: ModelProto) -> None:
    """Raise TilefoldError where a value of static shape is too large."""
    makers = {name: node for node in model.graph.node for name in node.output}
    for name, shape in static_shapes(model):
        maker = f"{label(makers[name])}: its result" if name in makers else "value"
        if min(shape, default=0) < 0:
            raise TilefoldError(f"{maker} '{name}' has the shape {list(shape)}")
        check_size(f"{maker} '{name}'", shape)


def static_shapes(model: ModelProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and shapes of the values that are not initializers, where these are known."""
    graph = model.graph
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and kind.elem_type != TensorProto.STRING:
            dims = kind.shape.dim
            if all(dim.HasField("dim_value") for dim in dims):
                yield value.name, tuple(dim.dim_value for dim in dims)


class Room:
    """How many elements may still come of constants alone; onnxruntime computes what is left."""

    def __init__(self, constants: Mapping[str, Array], opset: int) -> None:
        self._left = ROOM + 4 * sum(array.size for array in constants.values())
        self._structure = STRUCTURE
        self.opset = opset
        self._known = set(constants)

    def take(
        self,
        node: NodeProto,
        constants: Mapping[str, Array],
        shapes: Mapping[str, Sequence[int]],
    ) -> None:
        """Take the results of `node`, where it depends on constants alone.

        Raises TilefoldError where they do not fit.
        """
        if not self._known.issuperset(filter(None, node.input)) or any(graphs_of(node)):
            return
        if self._known.issuperset(node.output):
            return  # taken before
        self._known.update(node.output)
        found = [shapes[name] for name in node.output if name in shapes]
        if len(found) < len(node.output) and all(n in constants for n in node.input if n):
            found = _inferred(node, constants, self.opset) or found
        count = sum(map(prod, found))
        if node.op_type == "ConstantOfShape":
            self._structure -= count
        else:
            self._left -= count
        if min(self._left, self._structure) < 0:
            size = "x".join(map(str, found[0]))
            raise TilefoldError(
                f"{label(node)}: {size} elements computed from constants are too many"
            )


def _inferred(node: NodeProto, constants: Mapping[str, Array], opset: int) -> list[tuple[int, ...]]:
    """The static shapes among those of the results of a node on constants."""
    feeds = {name: numpy_helper.from_array(constants[name], name) for name in node.input if name}
    types: dict[str, TypeProto] = {
        name: helper.make_tensor_type_proto(tensor.data_type, tensor.dims)
        for name, tensor in feeds.items()
    }
    try:
        schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
        results = onnx.shape_inference.infer_node_outputs(
            schema, node, types, feeds, opset_imports=[helper.make_opsetid("", opset)]
        )
    except (onnx.defs.SchemaError, onnx.shape_inference.InferenceError, RuntimeError):
        return []
    shapes = [kind.tensor_type.shape.dim for kind in results.values()]
    return [
        tuple(dim.dim_value for dim in dims)
        for dims in shapes
        if all(dim.HasField("dim_value") for dim in dims)
    ]
