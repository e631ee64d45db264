"""A checked ONNX graph: inputs of static shapes, constants folded, every node named."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from onnx import AttributeProto, ModelProto, NodeProto, defs, numpy_helper

from ..errors import TilefoldError
from .branches import with_branches
from .files import external_tensors, read_model
from .folding import fold
from .opsets import OLDEST_OPSET, modern
from .shapes import Shapes, checked, inferred_again, with_static_inputs

Array = npt.NDArray[Any]


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


def load(
    source: str | Path | ModelProto, shapes: Shapes | None = None, oldest: int = OLDEST_OPSET
) -> Graph:
    """Read, check and prepare a model.

    `shapes` gives those of inputs with dynamic dimensions, by name; a symbolic leading dimension
    is taken as batch 1 where it says nothing else. Nodes with constant inputs are computed,
    except QuantizeLinear and DequantizeLinear, which carry the scales. Operator sets from 7 to
    before `oldest`, which is at most 13, are converted to 13.

    Raises TilefoldError naming the file and the node when the model is damaged, has other
    dynamic dimensions, or an operator set that is older or cannot be converted.
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
        return _prepare(model, file, stem, shapes or {}, oldest)
    except TilefoldError as error:
        message = str(error)
        raise TilefoldError(
            message if message.startswith(file) else f"{file}: {message}"
        ) from error


def _prepare(model: ModelProto, file: str, name: str, shapes: Shapes, oldest: int) -> Graph:
    for tensor in external_tensors(model):
        raise TilefoldError(f"tensor '{tensor.name}' has external data; load the model by its path")
    name_nodes(model)
    model = modern(model, _opsets(model)[""], oldest)
    name_nodes(model)
    opsets = _opsets(model)
    model = checked(with_static_inputs(checked(model, infer=False), shapes))
    constants = {tensor.name: _array(tensor) for tensor in model.graph.initializer}
    nodes, before = list(model.graph.node), [""]
    while before != (before := [node.name for node in nodes]):
        # Shapes that follow from constants are constants themselves.
        nodes = with_branches(fold(model, nodes, constants, opsets[""]), constants)
        nodes = _needed(nodes, [output.name for output in model.graph.output])
        model = inferred_again(model, nodes, constants)
    used = {value for node in nodes for value in (*node.input, *captured(node))}
    used |= {output.name for output in model.graph.output}
    for node in nodes:
        _leave_out_unread(node, used, opsets)
    return Graph(
        name=name,
        file=file,
        opsets=opsets,
        inputs=tuple(_port(value) for value in model.graph.input),
        outputs=tuple(_port(value) for value in model.graph.output),
        nodes=tuple(_node(node) for node in nodes),
        constants={key: value for key, value in constants.items() if key in used},
        types=dict(_types(model)),
    )


def _types(model: ModelProto) -> Iterator[tuple[str, ValueType]]:
    """The types of the values that are computed, as far as they are known."""
    graph = model.graph
    for value in (*graph.value_info, *graph.output, *graph.input):
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


def check_batch(port: Port) -> None:
    """Raise TilefoldError where an input has a fixed batch beyond 1."""
    if port.shape and port.shape[0] != 1:
        raise TilefoldError(
            f"input '{port.name}' has batch {port.shape[0]}; "
            "export the model with batch 1 or a symbolic one"
        )


def _needed(nodes: list[NodeProto], outputs: list[str]) -> list[NodeProto]:
    """The nodes that `outputs` depend on."""
    wanted = set(outputs)
    kept: list[NodeProto] = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update((*node.input, *captured(node)))
            kept.append(node)
    return kept[::-1]


def _leave_out_unread(node: NodeProto, used: Container[str], opsets: Mapping[str, int]) -> None:
    """Remove the last outputs of a node that nothing reads, as Dropout's mask, where it may be."""
    if node.domain not in ("", "ai.onnx") or node.output[-1] in used:
        return
    optional = {
        place
        for place, output in enumerate(defs.get_schema(node.op_type, opsets[""]).outputs)
        if output.option == defs.OpSchema.FormalParameterOption.Optional
    }
    while len(node.output) - 1 in optional and node.output[-1] not in used:
        del node.output[-1]


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
