"""A program's layers, one after the other, on the clocks of its units."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from xdsl.ir import Operation

from ...costmodel.reconfigure import ReconfigureCost, reconfigure_cost
from ...dialects import isa
from ...dialects.location import name_of
from ...errors import TilefoldError
from ...machines.model import Array, Dma, Machine
from .marks import COMPUTE, MEMORY, RECONFIGURATION, START, VECTOR, Mark, latest
from .nest import Item, Loops, Nest, State
from .turns import Transfers, take_turns
from .work import Operands, integer, work_of

SWEEPS: Final = 3
"""The first gives every transfer the DRAM for itself; in the others transfers wait for one another
as the sweep before has placed them."""


@dataclass(eq=False)
class _Node:
    """A top-level operation of a program: its operands and, if it is a step or loop, its nest."""

    op: Operation
    layer: str
    operands: Operands
    nest: Nest | None = None
    fetch: Transfers | None = None


class Composition:
    """When each layer of a program is complete.

    A configure in a loop is taken to cost nothing: the compiler makes none.
    """

    def __init__(self, machine: Machine, program: isa.ProgramOp) -> None:
        self._machine = machine
        self._drains = {
            f"{array.name}.{number}": machine.drain_for(array).name
            for array in machine.arrays
            for number in range(array.count)
        }
        self._loops = 0
        self._configured: dict[str, Operands] = {}
        self._nodes = [self._node(op) for op in program.body.block.ops]
        self._restart()

    def finished(self) -> Mapping[str, Mark]:
        """When each layer is complete, in cycles after the units start, in no order.

        Raises TilefoldError where a unit waits for a signal that never comes.
        """
        for sweep in range(SWEEPS):
            if sweep:
                take_turns(self._state.transfers)
                for node in self._nodes:
                    if node.nest:
                        node.nest.wait_for_dram()
                self._restart()
            for node in self._nodes:
                self._visit(node)
        return self._finished

    def _restart(self) -> None:
        units = self._machine.units
        self._state = State(dict.fromkeys(units, START), dict.fromkeys(units, START))
        self._members: dict[str, tuple[str, ...]] = {}
        self._shadow: dict[str, tuple[Operands, Mark]] = {}
        self._finished: dict[str, Mark] = {}

    # What there is in the program.

    def _node(self, op: Operation) -> _Node:
        assert isinstance(op, isa.InstructionOp), "the program's verifier"
        node = _Node(op, name_of(op), op.values)
        if isinstance(op, isa.ConfigureOp):
            self._configured[cast(str, node.operands["unit"])] = node.operands
        elif op.SPEC.views or isinstance(op, isa.LoopOp):
            node.nest = Nest(list(self._items(op, ())), self._drains)
        return node

    def _items(self, op: Operation, loops: Loops) -> Iterator[Item]:
        assert isinstance(op, isa.InstructionOp), "the program's verifier"
        operands = op.values
        if isinstance(op, isa.LoopOp):
            self._loops += 1
            inner = (*loops, (self._loops, integer(operands, "count")))
            for child in op.body.block.ops:
                yield from self._items(child, inner)
            return
        unit = cast(str, operands["unit"])
        if isinstance(op, isa.SignalOp):
            yield Item(unit, loops, signal=integer(operands, "sem"))
        elif isinstance(op, isa.WaitOp):
            yield Item(unit, loops, wait=integer(operands, "sem"))
        elif isinstance(op, isa.ConfigureOp):
            self._configured[unit] = operands
        elif op.SPEC.views:
            part, counts = self._machine.unit(unit), [count for _, count in loops]
            configuration = self._configured.get(unit, {})
            work = work_of(self._machine, op.SPEC.mnemonic, operands, counts, configuration)
            kind = MEMORY if isinstance(part, Dma) else VECTOR
            kind = COMPUTE if isinstance(part, Array) else kind
            yield Item(unit, loops, work, kind)

    # What happens in it.

    def _visit(self, node: _Node) -> None:
        state, operands = self._state, node.operands
        match node.op:
            case isa.SemOp():
                credits = [START] * integer(operands, "credits")
                state.tokens[integer(operands, "id")] = credits
            case isa.SignalOp():
                unit = cast(str, operands["unit"])
                token = latest((state.done[unit], state.issue[unit]))
                state.tokens.setdefault(integer(operands, "sem"), []).append(token)
            case isa.WaitOp():
                unit, tokens = cast(str, operands["unit"]), state.tokens[integer(operands, "sem")]
                if not tokens:
                    raise TilefoldError(f"{node.layer}: @{unit} waits for a signal after it")
                state.issue[unit] = latest((state.issue[unit], tokens.pop(0)))
            case isa.PrefetchOp():
                self._prefetch(node)
            case isa.ConfigureOp():
                self._configure(node)
            case _ if node.nest:
                node.nest.run(state)
                for unit in node.nest.units:
                    self._finish(node.layer, state.done[unit])
            case _:
                pass

    def _finish(self, layer: str, mark: Mark) -> None:
        self._finished[layer] = latest((self._finished.get(layer, START), mark))

    def _cost(self, node: _Node) -> ReconfigureCost:
        unit = cast(str, node.operands["unit"])
        folds = self._machine.folds_for(self._machine.unit(unit).name)
        units = integer(node.operands, "units")
        return reconfigure_cost(folds, self._machine.dram, units=units)

    def _prefetch(self, node: _Node) -> None:
        unit = cast(str, node.operands["unit"])
        loaded = self._fetch(node, self._state.issue[unit])
        self._shadow[unit] = node.operands, loaded
        if not self._machine.folds_for(self._machine.unit(unit).name).shadow:
            self._state.issue[unit] = loaded

    def _configure(self, node: _Node) -> None:
        state, leader = self._state, cast(str, node.operands["unit"])
        array, _, first = leader.rpartition(".")
        count = integer(node.operands, "units")
        units = tuple(f"{array}.{int(first) + number}" for number in range(count))
        before = [each for each, members in self._members.items() if set(members) & set(units)]
        released = [unit for each in before for unit in self._members.pop(each)]
        gathered = dict.fromkeys((*units, *released))
        start = latest(mark for unit in gathered for mark in (state.issue[unit], state.done[unit]))
        ahead, loaded = self._shadow.pop(leader, ({}, START))
        if ahead != node.operands:
            loaded = self._fetch(node, start)
        end = latest((start, loaded)).after(self._cost(node).switch_cycles, RECONFIGURATION)
        for unit in gathered:
            state.issue[unit] = state.done[unit] = end if unit in units else start
        self._members[leader] = units
        self._finish(node.layer, end)

    def _fetch(self, node: _Node, start: Mark) -> Mark:
        """When the configuration of `node`, asked for at `start`, is there."""
        cost = self._cost(node)
        cycles = int(cost.fetch_cycles)
        if not cycles:
            return start
        waited = node.fetch.waited if node.fetch else 0.0
        queue = f"{node.operands['unit']} {len(self._state.transfers)}"
        node.fetch = Transfers(queue, start.time, start.time + cycles, cycles, cycles, 1)
        self._state.transfers.append(node.fetch)
        return start.after(cycles + waited + cost.fetch_latency, RECONFIGURATION)
