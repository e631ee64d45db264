"""Which nodes of a network the machine can take, and why others stay on the host.

The judge is the conversion itself: a node that an `Operator` refuses stays on the host, with the
reason that it gives. What a host node computes comes back to the machine as integers, so the
QuantizeLinear behind it is the host's as well; and what the machine has not quantised cannot go to
the host. Nodes are tried until nothing changes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from onnx import TensorProto
from xdsl.ir import Block

from ..dialects.nn_types import element_of, shape_of
from ..dialects.store import Store
from ..errors import TilefoldError
from .graph import Graph, Node, Port, ValueType, captured
from .importer import add_input, convert_node, operator_of, output
from .macs import macs
from .scope import Scope
from .values import Integers, Pending, View

BYTE = (TensorProto.INT8, TensorProto.UINT8)

NO_PRODUCTS = "without products between host nodes: not worth crossing over"


@dataclass
class Wiring:
    """How the nodes of a graph, by their places in it, hang together.

    Some are `free`: they are done again wherever their result is read. These are what depends on
    constants alone, DequantizeLinear of bytes, and QuantizeLinear of a network's input to bytes,
    but for those that make the network's outputs.
    """

    graph: Graph
    maker: dict[str, int] = field(default_factory=dict[str, int])
    readers: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    constant: set[str] = field(default_factory=set[str])
    free: set[int] = field(default_factory=set[int])

    def __post_init__(self) -> None:
        self.constant.update(self.graph.constants)
        ports = {port.name for port in self.graph.inputs}
        results = {port.name for port in self.graph.outputs}
        for place, node in enumerate(self.graph.nodes):
            self.maker.update({name: place for name in node.outputs if name})
            names = read_by(node)
            for name in names:
                self.readers.setdefault(name, []).append(place)
            if results.intersection(node.outputs):
                continue
            stored = {"DequantizeLinear": node.input(0)}
            if node.input(0) in ports:
                stored["QuantizeLinear"] = node.outputs[0]
            if self.constant.issuperset(names):
                self.constant.update(node.outputs)
                self.free.add(place)
            elif self.is_byte(stored.get(node.op_type, "")):
                self.free.add(place)

    def is_byte(self, name: str) -> bool:
        """Whether a value's elements are integers of 8 bits."""
        kind = self.graph.types.get(name)
        return kind is not None and kind.element_type in BYTE

    def sources(self, place: int) -> Iterator[tuple[int, str]]:
        """The nodes that are not free whose results a node reads, also through free nodes."""
        names, seen = list(read_by(self.graph.nodes[place]))[::-1], set[str]()
        while names:
            name = names.pop()
            maker = self.maker.get(name)
            if maker is None or name in seen:
                continue
            seen.add(name)
            if maker in self.free:
                names += read_by(self.graph.nodes[maker])[::-1]
            else:
                yield maker, name

    def users(self, name: str) -> Iterator[int]:
        """The nodes that are not free that read a value, also through free nodes."""
        names, seen = [name], {name}
        while names:
            for place in self.readers.get(names.pop(), ()):
                if place not in self.free:
                    yield place
                    continue
                results = [each for each in self.graph.nodes[place].outputs if each not in seen]
                seen.update(results)
                names += results[::-1]


def read_by(node: Node) -> tuple[str, ...]:
    """The values that a node and the graphs in it read."""
    return (*(name for name in node.inputs if name), *captured(node.proto))


@dataclass
class Placement:
    """What becomes of each node of a graph.

    `refused` says, by name, which nodes the machine cannot run for all that it has their operators,
    and why. `host` has, by place, the nodes that stay on the host and why; `scope` what the values
    of the others are.
    """

    wiring: Wiring
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    host: dict[int, str] = field(default_factory=dict[int, str])
    scope: Scope = field(init=False)
    unavailable: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self._settle()
        idle = [group for group in self._neighbours() if not self.worthwhile(group)]
        self.leave(place for group in idle for place in group)

    def _settle(self) -> None:
        count = -1
        while count < len(self.host):
            count = len(self.host)
            self._try()
            self._take_back()

    def worthwhile(self, places: Iterable[int]) -> bool:
        """Whether there are products among some nodes."""
        return any(self.macs[place] for place in places)

    def leave(self, places: Iterable[int], reason: str = NO_PRODUCTS) -> None:
        """Leave nodes on the host."""
        self.host.update(dict.fromkeys(places, reason))
        self._settle()

    @property
    def graph(self) -> Graph:
        """The graph that is placed."""
        return self.wiring.graph

    @property
    def solid(self) -> list[int]:
        """The nodes that are not free."""
        return [place for place in range(len(self.graph.nodes)) if place not in self.wiring.free]

    @property
    def machine(self) -> list[int]:
        """The nodes that are the machine's."""
        return [place for place in self.solid if place not in self.host]

    @cached_property
    def macs(self) -> list[int]:
        """The products of each node, multiplied and added; of those of unknown shape 0."""
        return [macs(node, self.graph) for node in self.graph.nodes]

    def type_of(self, name: str) -> ValueType | None:
        """The ONNX type of a value, as far as inference or the conversion knows it."""
        value = self.scope.values.get(name)
        known = self.graph.types.get(name)
        if not isinstance(value, Integers | View) or (known and known.shape is not None):
            return known
        element = element_of(value.ssa)
        integer = TensorProto.INT8 if element.signed else TensorProto.UINT8
        integer = TensorProto.INT32 if element.is_accumulator else integer
        kind = TensorProto.FLOAT if isinstance(value, View) else integer
        return ValueType(kind, shape_of(value.ssa))

    def _try(self) -> None:
        """Convert what is not known to stay on the host, and note what cannot be converted."""
        self.scope = Scope(self.graph, Store(), Block())
        self.unavailable = {}
        for port in self.graph.inputs:
            self._arrive(port.name, "input")
        for place, node in enumerate(self.graph.nodes):
            if place not in self.host:
                try:
                    self._check(place, node)
                    self.scope.values.update(convert_node(self.scope, node))
                    continue
                except TilefoldError as error:
                    reason = str(error).splitlines()[0]
                if place in self.wiring.free:
                    self.unavailable.update(dict.fromkeys(node.outputs, reason))
                    continue
                self.host[place] = reason.removeprefix(f"{node}: ")
            for name in node.outputs:
                self._arrive(name, "value")

    def _check(self, place: int, node: Node) -> None:
        if node.name in self.refused:
            raise TilefoldError(self.refused[node.name])
        operator_of(node)
        for name in read_by(node):
            if name in self.unavailable:
                raise TilefoldError(self.unavailable[name])
        maker = self.wiring.maker.get(node.input(0), -1)
        bytes_ = self.wiring.is_byte(node.outputs[0])
        if node.op_type == "QuantizeLinear" and maker in self.host and bytes_:
            raise TilefoldError("quantises what the host computes")

    def _arrive(self, name: str, what: str) -> None:
        """Let the machine read what comes from the host, where it can."""
        if not name or name in self.wiring.constant:
            return
        kind = self.graph.types.get(name)
        if kind is None or kind.shape is None or None in kind.shape:
            self.unavailable[name] = f"the shape of '{name}' is not known"
            return
        shape = tuple(size or 0 for size in kind.shape)
        try:
            add_input(self.scope, Port(name, shape, kind.element_type))
        except TilefoldError as error:
            self.unavailable[name] = str(error).replace("input", what, 1)

    def _take_back(self) -> None:
        """Leave on the host what computes something that cannot leave the machine.

        Readers come before makers, so that one step settles chains of operators.
        """
        results = {port.name for port in self.graph.outputs}
        for place in reversed(self.machine):
            for name in filter(None, self.graph.nodes[place].outputs):
                reader = next((user for user in self.wiring.users(name) if user in self.host), None)
                if reader is None and name not in results:
                    continue
                reason = self._obstacle(name)
                if reason and reader is not None:
                    reason = f"{self.graph.nodes[reader]} reads its result unquantised on the host"
                if reason:
                    self.host[place] = reason

    def _obstacle(self, name: str) -> str:
        """Why a value cannot leave the machine; "" where it can."""
        value = self.scope.values[name]
        if isinstance(value, Integers) and element_of(value.ssa).bits < 8:
            return "its result has less than 8 bits"
        try:
            output(self.scope, name)
        except TilefoldError as error:
            return str(error).splitlines()[0].partition(": ")[2] or str(error)
        return ""

    def _neighbours(self) -> Iterator[list[int]]:
        """The machine's nodes in groups that do not read one another."""
        union = Union(self.machine)
        for place in self.machine:
            for source, _ in self.wiring.sources(place):
                if source not in self.host:
                    union.join(place, source)
        yield from union.groups()

    def inseparable(self, name: str) -> bool:
        """Whether a value can only be read in the machine program that computes it."""
        match self.scope.values.get(name):
            case Pending():
                return True
            case View(function=function):
                return function is not None
            case Integers(ssa=ssa):
                return element_of(ssa).bits < 8
            case _:
                return False


class Union:
    """Disjoint sets of numbers."""

    def __init__(self, members: list[int]) -> None:
        self._parent = {member: member for member in members}

    def find(self, member: int) -> int:
        """The representative of a member's set."""
        while self._parent[member] != member:
            self._parent[member] = self._parent[self._parent[member]]
            member = self._parent[member]
        return member

    def join(self, a: int, b: int) -> None:
        """Make one set of two."""
        low, high = sorted((self.find(a), self.find(b)))
        self._parent[high] = low

    def groups(self) -> list[list[int]]:
        """The sets, their members in ascending order, by their smallest member."""
        found: dict[int, list[int]] = {}
        for member in sorted(self._parent):
            found.setdefault(self.find(member), []).append(member)
        return list(found.values())
