"""A network cut into segments, some for the machine, some for the host.

Segments run one after the other. They alternate, and there are as few as can be: nodes that are
ready on the present side come first. What crosses over is float where the network's inputs and
outputs are, and integers of 8 or 32 bits elsewhere.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from onnx import (
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    defs,
    helper,
    numpy_helper,
)

from ..dialects.nn_types import element_of
from ..errors import TilefoldError
from ..interpreters.onnx_graphs import graphs_of
from ..interpreters.onnx_session import unoptimised
from ..interpreters.placed_node import PlacedNode
from .graph import Array, Graph, Node, Port, ValueType, check_batch
from .placement import Placement, Union, Wiring, read_by
from .values import View

IR_VERSION = 10
"""Of ONNX's file format: the newest that onnxruntime 1.20 reads."""

KNOWN_OPSET = 21
"""The newest operator set of onnxruntime 1.20."""


@dataclass(frozen=True)
class Segment:
    """A part of a network, a network of its own."""

    on_machine: bool
    graph: Graph


@dataclass(frozen=True)
class Partition:
    """The segments of a network in the order in which they run, and where its nodes went.

    Nodes that are done again wherever they are needed (constants, what dequantises) are not listed.
    """

    segments: tuple[Segment, ...]
    nodes: tuple[PlacedNode, ...]


def partition(
    graph: Graph, batches: bool = False, refused: Mapping[str, str] | None = None
) -> Partition:
    """Cut `graph` into segments; nodes that are `refused`, by name and why, are the host's.

    Raises TilefoldError where a quantised input has a fixed batch beyond 1, for which alone its
    readers would stay on the host, unless `batches`.
    """
    graph = _with_types(_without_constant_outputs(graph))
    placement = Placement(Wiring(graph), refused or {})
    for port in () if batches else graph.inputs:
        _check_quantised(placement.wiring, port)
    runs = _runs(placement)
    while len(runs) > 1:
        idle = [run for machine, run in runs if machine and not placement.worthwhile(run)]
        if not idle:
            break
        placement.leave(place for run in idle for place in run)
        runs = _runs(placement)
    cutter = _Cutter(placement, runs)
    return Partition(tuple(cutter.segments()), tuple(cutter.nodes()))


def _check_quantised(wiring: Wiring, port: Port) -> None:
    """Refuse a fixed batch beyond 1 of an input that is there to be quantised, or is already."""
    readers = [wiring.graph.nodes[place] for place in wiring.readers.get(port.name, ())]
    if wiring.is_byte(port.name) or any(node.op_type == "QuantizeLinear" for node in readers):
        try:
            check_batch(port)
        except TilefoldError as error:
            raise TilefoldError(f"{wiring.graph.file}: {error}") from None


def model_of(graph: Graph) -> ModelProto:
    """`graph` as an ONNX model of at most 2 GiB; TilefoldError where a type is not known."""
    initializers = [numpy_helper.from_array(value, key) for key, value in graph.constants.items()]
    inputs = [
        helper.make_tensor_value_info(port.name, port.element_type, port.shape)
        for port in graph.inputs
    ]
    outputs = [helper.make_tensor_value_info(*_declared(graph, port)) for port in graph.outputs]
    made = helper.make_graph(
        [node.proto for node in graph.nodes], graph.name, inputs, outputs, initializers
    )
    opsets = {**graph.opsets, "": _opset(graph)}
    identifiers = [helper.make_opsetid(*entry) for entry in opsets.items()]
    return helper.make_model(made, opset_imports=identifiers, ir_version=IR_VERSION)


def _opset(graph: Graph) -> int:
    """The operator set of `graph`, or an older one that onnxruntime knows and that is the same."""
    declared = graph.opsets[""]
    if declared <= KNOWN_OPSET:
        return declared
    since = [_since(node.proto, declared) for node in graph.nodes]
    return max(KNOWN_OPSET, *since)


def _since(node: NodeProto, opset: int) -> int:
    """The operator set that a node and those of its graphs are defined by."""
    known = node.domain in ("", "ai.onnx")
    since = defs.get_schema(node.op_type, opset).since_version if known else 0
    return max(
        [since, *(_since(inner, opset) for graph in graphs_of(node) for inner in graph.node)]
    )


def _declared(graph: Graph, port: Port) -> tuple[str, int, Sequence[int | None] | None]:
    kind = graph.types.get(port.name, ValueType(port.element_type, None))
    if kind.element_type == TensorProto.UNDEFINED:
        raise TilefoldError(f"the type of '{port.name}' is not known, or it is no tensor")
    return port.name, kind.element_type, kind.shape


def _without_constant_outputs(graph: Graph) -> Graph:
    """`graph` with a node for each output that is a constant."""
    constants, nodes, types = dict(graph.constants), list(graph.nodes), dict(graph.types)
    for port in graph.outputs:
        if port.name in constants:
            source = _unused(graph, f"{port.name}:constant")
            constants[source] = constants.pop(port.name)
            types[port.name] = ValueType(port.element_type, constants[source].shape)
            nodes.append(_node("Identity", [source], port.name, port.name))
    return replace(graph, constants=constants, nodes=tuple(nodes), types=types)


def _with_types(graph: Graph) -> Graph:
    """`graph` with the types of what follows operators that only onnxruntime knows."""
    made = [name for node in graph.nodes for name in node.outputs if name]
    kinds = {name: graph.types.get(name, ValueType(0, None)) for name in made}
    unknown = [name for name, kind in kinds.items() if kind.shape is None]
    if not unknown or all(node.domain == "" for node in graph.nodes):
        return graph
    model = model_of(replace(graph, outputs=()))
    model.graph.output.extend(ValueInfoProto(name=name) for name in unknown)
    try:
        results = unoptimised(model).get_outputs()
    except TilefoldError:
        return graph  # the host refuses it too, and says why in the segment where it is
    return replace(graph, types={**graph.types, **dict(filter(None, map(_known, results)))})


def _known(result: Any) -> tuple[str, ValueType] | None:
    """Name and type of a result that onnxruntime describes; None where it is no tensor."""
    spelt = re.fullmatch(r"tensor\((\w+)\)", result.type)
    kinds = dict(TensorProto.DataType.items())
    if spelt is None or spelt[1].upper() not in kinds:
        return None
    shape = tuple(size if isinstance(size, int) else None for size in result.shape)
    return result.name, ValueType(kinds[spelt[1].upper()], shape)


def _node(op_type: str, inputs: Sequence[str], result: str, name: str) -> Node:
    proto = helper.make_node(op_type, inputs, [result], name)
    return Node(name, "", op_type, tuple(inputs), (result,), {}, proto)


def _unused(graph: Graph, wanted: str) -> str:
    """A name that no value of `graph` has."""
    used = {*graph.constants, *graph.types, *(port.name for port in graph.inputs)}
    for node in graph.nodes:
        used.update(node.outputs)
    while wanted in used:
        wanted += "#"
    return wanted


Runs = list[tuple[bool, list[int]]]
"""Whether on the machine, and the nodes in ascending order."""


CIRCULAR = "reads what the host makes of a program that it would have to be part of"


def _runs(placement: Placement) -> Runs:
    """The fewest runs; what would have to be on both sides of a host node goes to the host."""
    while late := (schedule := _Schedule(placement)).late():
        placement.leave(late, CIRCULAR)
    return min((schedule.runs(machine_first) for machine_first in (True, False)), key=len)


class _Schedule:
    """Groups of nodes that stay together, and what must be complete before each of them."""

    def __init__(self, placement: Placement) -> None:
        self._placement, wiring = placement, placement.wiring
        union = Union(placement.solid)
        for place in placement.machine:
            for source, name in wiring.sources(place):
                if source not in placement.host and placement.inseparable(name):
                    union.join(place, source)
        self._members = {group[0]: group for group in union.groups()}
        self._on_machine = {lead: lead not in placement.host for lead in self._members}
        self._users: dict[int, set[int]] = {lead: set() for lead in self._members}
        self._missing = dict.fromkeys(self._members, 0)
        for place in placement.solid:
            user = union.find(place)
            for source, _ in wiring.sources(place):
                maker = union.find(source)
                if maker != user and user not in self._users[maker]:
                    self._users[maker].add(user)
                    self._missing[user] += 1

    def late(self) -> list[int]:
        """The nodes of a group that wait for others which wait for the group; often none."""
        missing = dict(self._missing)
        ready = [lead for lead, count in missing.items() if not count]
        while ready:
            for user in self._users[ready.pop()]:
                missing[user] -= 1
                if not missing[user]:
                    ready.append(user)
        waiting = [lead for lead, count in missing.items() if count and self._on_machine[lead]]
        lead = next((lead for lead in waiting if lead in self._behind(lead)), None)
        return [] if lead is None else self._behind_others(self._members[lead])

    def _behind_others(self, group: list[int]) -> list[int]:
        """The nodes of a group that read, also through others, what others make of the group."""
        members, found = set(group), set[int]()
        for place in self._placement.solid:
            sources = {source for source, _ in self._placement.wiring.sources(place)}
            if sources & found or (place not in members and sources & members):
                found.add(place)
        return sorted(found & members)

    def _behind(self, lead: int) -> set[int]:
        """The groups that wait for a group."""
        found, rest = set[int](), [lead]
        while rest:
            new = self._users[rest.pop()] - found
            found |= new
            rest += new
        return found

    def runs(self, machine_first: bool) -> Runs:
        """The groups in order; those that are ready on the present side come first."""
        missing = dict(self._missing)
        ready = [lead for lead, count in missing.items() if not count]
        on_machine = machine_first
        found: Runs = []
        while ready:
            mine = [lead for lead in ready if self._on_machine[lead] == on_machine]
            ready = [lead for lead in ready if self._on_machine[lead] != on_machine]
            places: list[int] = []
            while mine:
                lead = mine.pop()
                places += self._members[lead]
                for user in self._users[lead]:
                    missing[user] -= 1
                    if not missing[user]:
                        side = mine if self._on_machine[user] == on_machine else ready
                        side.append(user)
            if places:
                found.append((on_machine, sorted(places)))
            on_machine = not on_machine
        assert sum(len(places) for _, places in found) == sum(map(len, self._members.values()))
        return found


@dataclass
class _Part:
    """A segment in the making: what its nodes need beside one another."""

    nodes: list[Node] = field(default_factory=list[Node])
    inputs: dict[str, ValueType] = field(default_factory=dict[str, ValueType])
    constants: dict[str, Array] = field(default_factory=dict[str, Array])


class _Cutter:
    """Cuts the graph of `placement` into the segments that `runs` lists."""

    def __init__(self, placement: Placement, runs: Runs) -> None:
        self._placement, self._runs = placement, runs
        self._graph, self._wiring = placement.graph, placement.wiring
        self._home = {place: number for number, (_, run) in enumerate(runs) for place in run}
        self._bridges: dict[str, str] = {}

    def nodes(self) -> Iterator[PlacedNode]:
        """Where each node went."""
        for place, number in sorted(self._home.items()):
            node, reason = self._graph.nodes[place], self._placement.host.get(place, "")
            on_machine = place not in self._placement.host
            name = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
            macs = self._placement.macs[place]
            yield PlacedNode(node.name, name, number, on_machine, reason, macs)

    def segments(self) -> Iterator[Segment]:
        """The segments, each as a graph."""
        parts = [self._part(run) for _, run in self._runs]
        wanted = {name for part in parts for name in part.inputs}
        wanted.update(port.name for port in self._graph.outputs)
        for number, ((on_machine, run), part) in enumerate(zip(self._runs, parts, strict=True)):
            made = [name for place in run for name in self._graph.nodes[place].outputs if name]
            for name in made:
                if self._bridges.get(name) in wanted:
                    part.nodes.append(self._bridge(part, name, "QuantizeLinear"))
                    made.append(self._bridges[name])
            results = [name for name in made if name in wanted]
            yield Segment(on_machine, self._sub_graph(number, part, results))

    def _part(self, run: Iterable[int]) -> _Part:
        """The nodes of a run and what they need, operands first."""
        part = _Part()
        made = {name for place in run for name in self._graph.nodes[place].outputs}
        for place in run:
            self._take(part, place, made)
        return part

    def _take(self, part: _Part, place: int, made: set[str]) -> None:
        """Add a node behind what it reads."""
        waiting = [place]
        while waiting:
            node = self._graph.nodes[waiting[-1]]
            maker = self._fetch(part, node, made)
            if maker is None:
                part.nodes.append(node)
                waiting.pop()
            else:
                made.update(self._graph.nodes[maker].outputs)
                waiting.append(maker)

    def _fetch(self, part: _Part, node: Node, made: set[str]) -> int | None:
        """Let a segment have what a node reads; the free node that must be added before, if any."""
        for name in read_by(node):
            maker = self._wiring.maker.get(name)
            if name in self._graph.constants:
                part.constants[name] = self._graph.constants[name]
            elif name in made:
                continue
            elif maker is not None and maker in self._wiring.free:
                return maker
            else:
                self._receive(part, name, made)
        return None

    def _receive(self, part: _Part, name: str, made: set[str]) -> None:
        """Let a segment read what another one makes: the integers of a quantised view."""
        maker = self._wiring.maker.get(name)
        value = self._placement.scope.values.get(name)
        if maker is None or maker in self._placement.host or not isinstance(value, View):
            part.inputs[name] = self._type_of(name)
            return
        bridge = self._bridges.setdefault(name, _unused(self._graph, f"{name}:quantized"))
        part.inputs[bridge] = self._bridge_type(name)
        part.nodes.append(self._bridge(part, name, "DequantizeLinear"))
        made.add(name)

    def _bridge(self, part: _Part, name: str, op_type: str) -> Node:
        """The node that leads from a view to its integers, or back."""
        value = self._placement.scope.values[name]
        assert isinstance(value, View)
        element, bridge = element_of(value.ssa), self._bridges[name]
        scale, zero = f"{bridge}:scale", f"{bridge}:zero_point"
        kind = np.int8 if element.signed else np.uint8
        part.constants[scale] = np.array(element.scale, np.float32)
        part.constants[zero] = np.array(element.zero_point, kind)
        ends = (name, bridge) if op_type == "QuantizeLinear" else (bridge, name)
        return _node(op_type, [ends[0], scale, zero], ends[1], f"{bridge}/{op_type}")

    def _type_of(self, name: str) -> ValueType:
        return self._placement.type_of(name) or ValueType(TensorProto.UNDEFINED, None)

    def _sub_graph(self, number: int, part: _Part, results: Sequence[str]) -> Graph:
        types = {name: self._type_of(name) for node in part.nodes for name in node.outputs if name}
        for name, bridge in self._bridges.items():
            if bridge in types:
                types[bridge] = self._bridge_type(name)
        return replace(
            self._graph,
            name=f"{self._graph.name}#{number}",
            inputs=tuple(_port(*entry) for entry in part.inputs.items()),
            outputs=tuple(_port(name, types[name]) for name in results),
            nodes=tuple(part.nodes),
            constants=part.constants,
            types=types | part.inputs,
        )

    def _bridge_type(self, name: str) -> ValueType:
        value = self._placement.scope.values[name]
        assert isinstance(value, View)
        byte = TensorProto.INT8 if element_of(value.ssa).signed else TensorProto.UINT8
        return ValueType(byte, self._type_of(name).shape)


def _port(name: str, kind: ValueType) -> Port:
    return Port(name, tuple(size or 0 for size in kind.shape or ()), kind.element_type)
