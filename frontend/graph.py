"""A checked ONNX graph: batch 1, static shapes, constants folded, every node named."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from onnx import AttributeProto, ModelProto, NodeProto, helper, numpy_helper

from ..errors import TilefoldError
from .files import external_tensors, read_model
from .folding import fold
from .shapes import checked, with_batch_one

Array = npt.NDArray[Any]

SHAPE_ELEMENTS = 1 << 10
"""Constants of more elements are not values of shapes."""

OLDEST_OPSET = 11
"""Earlier operator sets spell Clip, Pad and the pools in other ways."""


@dataclass(frozen=True)
class Node:
    """One ONNX node; `inputs` has "" for the optional ones that are left out."""

    name: str
    domain: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: NodeProto

    def __str__(self) -> str:
        """How messages name the node."""
        return f"node '{self.name}' ({self.op_type})"

    def input(self, index: int) -> str:
        """The name of input `index`, "" when it is left out."""
        return self.inputs[index] if index < len(self.inputs) else ""

    def integer(self, name: str, default: int) -> int:
        """The integer attribute `name`."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise TilefoldError(f"{self}: attribute {name} must be an integer")
        return value

    def real(self, name: str, default: float) -> float:
        """The float attribute `name`."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int | float):
            raise TilefoldError(f"{self}: attribute {name} must be a number")
        return float(value)

    def text(self, name: str, default: str) -> str:
        """The string attribute `name`."""
        value = self.attributes.get(name, default)
        if not isinstance(value, str):
            raise TilefoldError(f"{self}: attribute {name} must be a string")
        return value

    def integers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """The attribute `name`, a list of integers."""
        value = self.attributes.get(name, default)
        numbers = cast(tuple[object, ...], value) if isinstance(value, tuple) else (None,)
        if not all(isinstance(number, int) for number in numbers):
            raise TilefoldError(f"{self}: attribute {name} must be a list of integers")
        return cast(tuple[int, ...], numbers)


@dataclass(frozen=True)
class Port:
    """An input or output of the graph: its name, shape and ONNX element type."""

    name: str
    shape: tuple[int, ...]
    element_type: int


@dataclass(frozen=True)
class ValueType:
    """The ONNX element type of a value, and its shape: None where unknown, also of dimensions."""

    element_type: int
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Graph:
    """A network ready to convert; nodes come in topological order.

    `opsets` are the versions of operator sets by domain, "" for ONNX's own; `types` are of all
    values that shape inference knows.
    """

    name: str
    file: str
    opsets: Mapping[str, int]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    types: Mapping[str, ValueType]

    @cached_property
    def readers(self) -> Mapping[str, list[Node]]:
        """The nodes that read each value."""
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(node.inputs):
                found.setdefault(name, []).append(node)
        return found


def load(source: str | Path | ModelProto) -> Graph:
    """Read, check and prepare a model.

    A symbolic leading dimension is taken as batch 1. Nodes with constant inputs are computed,
    except QuantizeLinear and DequantizeLinear, which carry the scales.

    Raises TilefoldError naming the file and the node when the model is damaged, has other
    dynamic dimensions, a fixed batch beyond 1, or an operator set older than 11.
    """
    if isinstance(source, ModelProto):
        file, stem = source.graph.name or "model", source.graph.name or "network"
        model = ModelProto()
        model.CopyFrom(source)
    else:
        path = Path(source)
        file, stem = str(path), path.stem
        model = read_model(path)
    try:
        return _prepare(model, file, stem)
    except TilefoldError as error:
        message = str(error)
        raise TilefoldError(
            message if message.startswith(file) else f"{file}: {message}"
        ) from error


def _prepare(model: ModelProto, file: str, name: str) -> Graph:
    for tensor in external_tensors(model):
        raise TilefoldError(f"tensor '{tensor.name}' has external data; load the model by its path")
    opsets = _opsets(model)
    name_nodes(model)
    model = checked(with_batch_one(checked(model, infer=False)))
    constants = {tensor.name: _array(tensor) for tensor in model.graph.initializer}
    nodes = fold(model, constants, opsets[""])
    nodes = _needed(nodes, [output.name for output in model.graph.output])
    used = {value for node in nodes for value in (*node.input, *captured(node))}
    used |= {output.name for output in model.graph.output}
    return Graph(
        name=name,
        file=file,
        opsets=opsets,
        inputs=tuple(_port(value) for value in model.graph.input),
        outputs=tuple(_port(value) for value in model.graph.output),
        nodes=tuple(_node(node) for node in nodes),
        constants={key: value for key, value in constants.items() if key in used},
        types=dict(_types(_inferred(model, nodes, constants))),
    )


def _inferred(
    model: ModelProto, nodes: list[NodeProto], constants: Mapping[str, Array]
) -> ModelProto:
    """The model of `nodes` alone, its shapes inferred anew: now that constants are computed."""
    rest = ModelProto()
    rest.CopyFrom(model)
    for field in (rest.graph.node, rest.graph.initializer, rest.graph.value_info):
        del field[:]
    rest.graph.node.extend(nodes)
    used = {name for node in nodes for name in (*node.input, *captured(node))}
    rest.graph.initializer.extend(
        numpy_helper.from_array(array, name)
        for name, array in constants.items()
        if name in used and array.size <= SHAPE_ELEMENTS
    )
    large = [(name, array) for name, array in constants.items() if array.size > SHAPE_ELEMENTS]
    rest.graph.value_info.extend(
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in large
        if name in used
    )
    return checked(rest)


def _types(model: ModelProto) -> Iterator[tuple[str, ValueType]]:
    """The types of the values that are computed, as far as they are known."""
    graph = model.graph
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
        shape = tuple(dims) if kind.HasField("shape") else None
        yield value.name, ValueType(kind.elem_type, shape)


def _opsets(model: ModelProto) -> dict[str, int]:
    """The versions of operator sets by domain."""
    versions = {
        "" if entry.domain == "ai.onnx" else entry.domain: entry.version
        for entry in model.opset_import
    }
    if "" not in versions:
        raise TilefoldError("the model does not say which operator set it uses")
    if versions[""] < OLDEST_OPSET:
        raise TilefoldError(
            f"operator set {versions['']} is too old; export the model with opset 13 or later"
        )
    return versions


def name_nodes(model: ModelProto) -> None:
    """Give every node a name of its own: reports, errors and locations speak by it."""
    seen: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name:
            node.name = f"{node.op_type}_{index}"
        while node.name in seen:
            node.name = f"{node.name}_{index}"
        seen.add(node.name)


def _needed(nodes: list[NodeProto], outputs: list[str]) -> list[NodeProto]:
    """The nodes that `outputs` depend on."""
    wanted = set(outputs)
    kept: list[NodeProto] = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update((*node.input, *captured(node)))
            kept.append(node)
    return kept[::-1]


def captured(node: NodeProto) -> Iterator[str]:
    """The names that the graphs among a node's attributes use and do not make, each once."""
    seen = set[str]()
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            made = {value.name for value in (*graph.input, *graph.initializer)}
            used = [value.name for value in graph.output]
            for inner in graph.node:
                used += [*inner.input, *captured(inner)]
                made.update(inner.output)
            for name in used:
                if name and name not in made and name not in seen:
                    seen.add(name)
                    yield name


def _array(tensor: Any) -> Array:
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        reason = f"element type {error}" if isinstance(error, KeyError) else str(error)
        raise TilefoldError(f"tensor '{tensor.name}' is damaged: {reason}") from error


def _port(value: Any) -> Port:
    kind = value.type.tensor_type
    return Port(value.name, tuple(dim.dim_value for dim in kind.shape.dim), kind.elem_type)


def _node(node: NodeProto) -> Node:
    domain = "" if node.domain == "ai.onnx" else node.domain
    attributes = {attribute.name: _attribute(attribute) for attribute in node.attribute}
    inputs, outputs = tuple(node.input), tuple(node.output)
    return Node(node.name, domain, node.op_type, inputs, outputs, attributes, node)


def _attribute(attribute: AttributeProto) -> Any:
    """The attribute's value as int, float, str, tuple of these, or array; else None."""
    match attribute.type:
        case AttributeProto.INT:
            return attribute.i
        case AttributeProto.FLOAT:
            return float(np.float32(attribute.f))
        case AttributeProto.STRING:
            return attribute.s.decode(errors="replace")
        case AttributeProto.INTS:
            return tuple(attribute.ints)
        case AttributeProto.FLOATS:
            return tuple(attribute.floats)
        case AttributeProto.TENSOR:
            return _array(attribute.t)
        case _:
            return None
