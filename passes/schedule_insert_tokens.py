"""Order the queues: insert the tokens that make a sequential schedule correct.

Inside loops every buffer is a ring. Its writer waits for a free slot and each reading unit waits
for a full one; the free tokens, one a slot, rotate through the loops around the writer:

```mlir
schedule.for %i = 4 {                          schedule.for %i = 4 iter(%f = %a, %g = %b) {
  schedule.load "load" %x to %t [%i] ...         schedule.wait "load", %f
                                                 schedule.load "load" %x to %t [%i] ...
                                       ->        %full = schedule.signal "load"
                                                 schedule.wait "conv.0", %full
  schedule.conv "conv.0" %o = %t, %w ...         schedule.conv "conv.0" %o = %t, %w ...
                                                 %free = schedule.signal "conv.0"
                                                 schedule.yield %g, %free
}                                              }
```

Between top-level steps and nests, two that touch the same bytes (one of them writing) from
different queues are ordered by a token from after the first to before the second, unless the
tokens that are already there imply it. An array starts before its last results have drained, so
one that reads what it wrote itself waits for its own token.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from ..dialects import schedule
from ..errors import TilefoldError
from .tokens import carry, child_in, insert


@dataclass(frozen=True)
class ScheduleInsertTokensPass(ModulePass):
    """Insert the tokens that order conflicting steps of different units."""

    name = "schedule-insert-tokens"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in schedule.programs_of(op):
            if any(isinstance(inner, schedule.WaitOp) for inner in program.walk()):
                raise TilefoldError("schedule-insert-tokens: the program already has tokens")
            _order_rings(program)
            _NodeOrder(program.body.block).insert_tokens()


# Rings inside loops.


def _order_rings(program: schedule.ProgramOp) -> None:
    for buffer in [op for op in program.walk() if isinstance(op, schedule.BufferOp)]:
        writer = schedule.writer_of(buffer.result)
        if schedule.ring_loops(writer):
            for readers in _readers_by_unit(buffer.result, writer).values():
                _order_ring(buffer, writer, readers)


def _readers_by_unit(buffer: SSAValue, writer: schedule.StepOp) -> dict[str, list[schedule.StepOp]]:
    readers: dict[str, list[schedule.StepOp]] = {}
    for use in buffer.uses:
        step = use.operation
        if isinstance(step, schedule.StepOp) and step.queue != writer.queue:
            readers.setdefault(step.queue, []).append(step)
    return readers


def _order_ring(
    buffer: schedule.BufferOp, writer: schedule.StepOp, readers: Sequence[schedule.StepOp]
) -> None:
    """Full and free tokens between a ring's writer and the steps of one reading unit."""
    loops = schedule.ring_loops(writer)
    home = loops[-1].body.block
    unit = readers[0].queue
    writing = child_in(home, writer)
    reading = sorted((child_in(home, step) for step in readers), key=home.get_operation_index)
    signal = schedule.SignalOp(writer.queue)
    full = insert(InsertPoint.after(writing), signal, writer)
    insert(InsertPoint.before(reading[0]), schedule.WaitOp(unit, full.token), readers[0])
    freed = insert(InsertPoint.after(reading[-1]), schedule.SignalOp(unit), readers[0])
    slots: list[SSAValue] = [
        insert(InsertPoint.before(loops[0]), schedule.ReadyOp(), writer).token
        for _ in range(buffer.depth.value.data)
    ]
    oldest = carry(loops, slots, freed.token)
    insert(InsertPoint.before(writing), schedule.WaitOp(writer.queue, oldest), writer)


# Steps and nests at the top level.

Knowledge = dict[str, int]
"""For each unit, the last top-level operation known to be complete."""


def _learn(into: Knowledge, other: Knowledge) -> None:
    for unit, node in other.items():
        into[unit] = max(into.get(unit, -1), node)


@dataclass(frozen=True)
class _Access:
    memory: str
    low: int
    high: int
    write: bool

    def conflicts(self, other: "_Access") -> bool:
        return (
            (self.write or other.write)
            and self.memory == other.memory
            and self.low < other.high
            and other.low < self.high
        )


def _accesses(step: schedule.StepOp) -> Iterator[_Access]:
    for value in (step.target, *step.sources):
        write, tile, offset = value is step.target, value.owner, 0
        if isinstance(tile, schedule.BufferOp):
            owner, memory, size = tile, tile.memory.data, tile.total_bytes
        else:
            tensor = tile.tensor if isinstance(tile, schedule.WindowOp) else value
            owner, offset = schedule.place_of(tensor)
            memory = owner.memory.data if owner.memory else ""
            size = schedule.box_of(tensor).byte_size
        if owner.address is None:
            raise TilefoldError("schedule-insert-tokens: run schedule-allocate first")
        low = owner.address.value.data + offset
        yield _Access(memory, low, low + size, write)


class _NodeOrder:
    """Finds and orders the conflicts between the operations of a program's top level."""

    def __init__(self, block: Block):
        self._nodes = list(block.ops)
        self._past: list[tuple[int, str, _Access]] = []
        self._known: dict[str, Knowledge] = {}
        self._known_after: dict[tuple[int, str], Knowledge] = {}
        self._edges: list[tuple[int, str, int, str]] = []

    def insert_tokens(self) -> None:
        """Insert a token for every conflict that nothing else orders."""
        for index, node in enumerate(self._nodes):
            self._visit(index, list(schedule.steps_in(node)))
        for before, source, after, sink in self._edges:
            first, second = self._nodes[before], self._nodes[after]
            signal = insert(InsertPoint.after(first), schedule.SignalOp(source), first)
            wait = schedule.WaitOp(sink, signal.token)
            insert(InsertPoint.before(second), wait, second)

    def _visit(self, index: int, steps: Sequence[schedule.StepOp]) -> None:
        knows: dict[schedule.StepOp, Knowledge] = {}
        last_of = {step.queue: step for step in steps}
        for step in steps:
            unit = step.queue
            knows[step] = self._known_at(step, knows)
            accesses = list(_accesses(step))
            overlapping = isinstance(step, schedule.ConvolvingOp)
            for source, before in self._conflicts(unit, accesses, overlapping):
                if knows[step].get(source, -1) < before:
                    self._edges.append((before, source, index, unit))
                    _learn(self._known[unit], self._known_after[before, source])
                    knows[step] = self._known_at(step, knows)
        for step in steps:
            after = self._known[step.queue]
            _learn(after, knows[step])
            for writer in _ring_writers(step, knows):
                if last_of[writer.queue] is writer:
                    _learn(after, {writer.queue: index})
        for unit in last_of:
            self._known_after[index, unit] = {**self._known[unit], unit: index}
        self._past += [(index, step.queue, access) for step in steps for access in _accesses(step)]

    def _known_at(
        self, step: schedule.StepOp, knows: dict[schedule.StepOp, Knowledge]
    ) -> Knowledge:
        """What a step knows when it first runs: its unit's past and its ring writers'."""
        known = dict(self._known.setdefault(step.queue, {}))
        for writer in _ring_writers(step, knows):
            _learn(known, knows[writer])
        return known

    def _conflicts(
        self, unit: str, accesses: Sequence[_Access], overlapping: bool
    ) -> list[tuple[str, int]]:
        """For each unit, its last operation in conflict; the most recent first.

        A unit conflicts with itself where its steps start before earlier ones are done
        (`overlapping`) and one reads what an earlier one wrote.
        """
        latest: Knowledge = {}
        for index, source, past in self._past:
            if source != unit:
                conflict = any(past.conflicts(access) for access in accesses)
            else:
                reads = (access for access in accesses if not access.write)
                conflict = overlapping and any(past.conflicts(access) for access in reads)
            if conflict:
                latest[source] = index
        return sorted(latest.items(), key=lambda item: -item[1])


def _ring_writers(
    step: schedule.StepOp, knows: dict[schedule.StepOp, Knowledge]
) -> Iterator[schedule.StepOp]:
    """The steps of other units in the same nest whose rings `step` reads."""
    for source in step.sources:
        if isinstance(source.owner, schedule.BufferOp):
            writer = schedule.writer_of(source)
            if writer in knows and writer.queue != step.queue and schedule.ring_loops(writer):
                yield writer
