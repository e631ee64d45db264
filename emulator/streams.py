"""A unit's projection of a program as a flat list that a queue steps through."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from .tree import Loop, Node, Step, Tree

WAIT: Final = 0
SIGNAL: Final = 1
CONFIGURE: Final = 2
COMPUTE: Final = 3
OTHER: Final = 4
DONE: Final = 5
ENTER: Final = 6
BACK: Final = 7
"""What comes next in a stream; the last two are passed over."""

_KINDS: Final = {
    "wait": WAIT,
    "signal": SIGNAL,
    "configure": CONFIGURE,
    "conv": COMPUTE,
    "dwconv": COMPUTE,
}


@dataclass(frozen=True, eq=False, slots=True)
class Lap:
    """A loop of one stream: its nesting level and trip count, and what the stream does in it.

    `steps` have views; `semaphores` are waited for or signalled, `layers` worked on. `watched` is
    the loop's place in the program if the stream is the first with instructions in it.
    """

    unit: str
    level: int
    count: int
    steps: tuple[Step, ...]
    semaphores: frozenset[int]
    layers: frozenset[int]
    watched: int | None


class Op(NamedTuple):
    """One place in a stream; see the kinds above."""

    kind: int
    step: Step | None
    number: int
    laps: tuple[Lap, ...]
    """`number` is a semaphore or where a loop's body begins; `laps` are the loops around."""


class Stream:
    """The instructions of `unit` in order, and how far it is: `kind`, `step` and loop `counters`.

    Before the first `advance` a stream is at nothing.
    """

    def __init__(self, unit: str, ops: Sequence[Op]) -> None:
        self.unit = unit
        self.place = -1
        self.counters: list[int] = []
        self.kind = DONE
        self.semaphore = -1
        self._step: Step | None = None
        self._ops = ops

    @property
    def step(self) -> Step:
        """The next instruction; there must be one."""
        assert self._step is not None
        return self._step

    @property
    def laps(self) -> tuple[Lap, ...]:
        """The loops around the next instruction, outermost first."""
        return self._ops[self.place].laps

    def advance(self) -> Lap | None:
        """Go on to the next instruction; returns the watched loop that began an iteration."""
        began: Lap | None = None
        place = self.place + 1
        while True:
            kind, step, number, laps = self._ops[place]
            if kind < ENTER:
                break
            place += 1
            if kind == ENTER:
                self.counters.append(0)
            elif self.counters[-1] + 1 < laps[-1].count:
                self.counters[-1] += 1
                place = number
                if laps[-1].watched is not None:
                    began = laps[-1]
            else:
                self.counters.pop()
        self.place, self.kind, self._step, self.semaphore = place, kind, step, number
        return began


def projections(tree: Tree, units: Sequence[str]) -> dict[str, tuple[Op, ...]]:
    """What each unit runs of a program."""
    seen: set[int] = set()
    return {unit: tuple(_compile(tree.body, unit, seen)) for unit in units}


def group_units(step: Step) -> tuple[str, ...]:
    """The array units that a configure or prefetch names."""
    array, _, first = step.unit.rpartition(".")
    units = step.instruction.integer("units")
    return tuple(f"{array}.{int(first) + number}" for number in range(units))


def _compile(body: Sequence[Node], unit: str, seen: set[int]) -> list[Op]:
    """The flat projection of `body`; loops in `seen` are watched by another stream."""
    ops: list[Op] = []

    def add(body: Sequence[Node], laps: tuple[Lap, ...]) -> None:
        for node in body:
            if isinstance(node, Loop):
                lap = _lap(node, unit, len(laps), seen)
                if lap is not None:
                    ops.append(Op(ENTER, None, -1, laps))
                    start = len(ops)
                    add(node.body, (*laps, lap))
                    ops.append(Op(BACK, None, start, (*laps, lap)))
            elif _belongs(node, unit):
                kind = _KINDS.get(node.mnemonic, OTHER)
                ops.append(Op(kind, node, _semaphore(node), laps))

    add(body, ())
    ops.append(Op(DONE, None, -1, ()))
    return ops


def _lap(loop: Loop, unit: str, level: int, seen: set[int]) -> Lap | None:
    own = _own_steps(loop.body, unit)
    if not own:
        return None
    watched = None if id(loop) in seen else id(loop)
    seen.add(id(loop))
    return Lap(
        unit,
        level,
        loop.count,
        tuple(step for step in own if _KINDS.get(step.mnemonic, OTHER) in (COMPUTE, OTHER)),
        frozenset(_semaphore(step) for step in own) - {-1},
        frozenset(step.layer for step in own),
        watched,
    )


def _semaphore(step: Step) -> int:
    """The semaphore that a step waits for or signals, or -1."""
    return step.instruction.integer("sem") if step.mnemonic in ("wait", "signal") else -1


def _own_steps(body: Sequence[Node], unit: str) -> list[Step]:
    own: list[Step] = []
    for node in body:
        if isinstance(node, Loop):
            own += _own_steps(node.body, unit)
        elif _belongs(node, unit):
            own.append(node)
    return own


def _belongs(step: Step, unit: str) -> bool:
    return step.unit == unit or (step.mnemonic == "configure" and unit in group_units(step))
