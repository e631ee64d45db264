"""A checked ONNX graph: inputs of static shapes, constants folded, every node named."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy.typing as npt
from onnx import ModelProto, NodeProto

from ..errors import TilefoldError
from ..interpreters.onnx_graphs import graphs_of

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


def captured(node: NodeProto) -> Iterator[str]:
    """The names that the graphs among a node's attributes use and do not make, each once."""
    seen = set[str]()
    for graph in graphs_of(node):
        made = {value.name for value in (*graph.input, *graph.initializer)}
        used = [value.name for value in graph.output]
        for inner in graph.node:
            used += [*inner.input, *captured(inner)]
            made.update(inner.output)
        for name in used:
            if name and name not in made and name not in seen:
                seen.add(name)
                yield name
