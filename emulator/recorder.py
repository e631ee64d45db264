"""What a run did when: the record behind traces and pictures.

`timing` tells a `Recorder` of every event as it happens; `Recorder.recording` makes arrays of them.
All times are in cycles from the start of the program, intervals exclude their end.
"""

from array import array
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ..machines.model import Machine
from .counters import BUSY
from .footprint import Footprint, Plan
from .memory import StepError
from .occupancy import Occupancy, Steps
from .tree import Counters, Step

Ints = npt.NDArray[np.int64]
_SLICE: Final = 5
"""Numbers of a slice: start, end, what, instruction, iteration."""


@dataclass(frozen=True)
class Slices:
    """What the units did: parallel arrays, sorted by unit and start, disjoint within a unit.

    `unit` and `what` are indices into the recording's names, `layer` into the program's layers and
    `instruction` into its code; the latter two are -1 for what belongs to none. `iteration` is the
    linear number of the iteration of the enclosing loops, -1 for what executes no instruction.
    """

    unit: Ints
    start: Ints
    end: Ints
    what: Ints
    layer: Ints
    instruction: Ints
    iteration: Ints


@dataclass(frozen=True)
class Tokens:
    """Tokens that were signalled and awaited (credits are not): parallel arrays.

    `sender` sent at its issue time `issued`; the token fired at `fired`, when all that the sender
    took before was complete; `receiver` went on at `received`. Units are indices.
    """

    semaphore: Ints
    sender: Ints
    issued: Ints
    fired: Ints
    receiver: Ints
    received: Ints


@dataclass(frozen=True)
class Turns:
    """Who had the DRAM: disjoint turns in order, and the bytes that each moved."""

    start: Ints
    end: Ints
    size: Ints


@dataclass(frozen=True)
class Recording:
    """A recorded run of `cycles` cycles.

    `units` and `whats` are the names that slices and tokens refer to, `whats[0]` is BUSY and the
    others are causes of stalls. `finished` is when the last instruction of each of the program's
    layers was complete, 0 without one. `occupancy` is of each memory on the chip (see
    `occupancy`).
    """

    cycles: int
    units: tuple[str, ...]
    whats: tuple[str, ...]
    slices: Slices
    tokens: Tokens
    turns: Turns
    finished: Ints
    occupancy: Mapping[str, Steps]

    def spans(self) -> list[tuple[int, int, int]]:
        """Layer, start and end of the stretches in which the program was finishing each layer.

        Such a stretch is what a layer adds to the time when all before it were complete.
        """
        ends = np.maximum.accumulate(self.finished) if len(self.finished) else self.finished
        starts = np.append(0, ends[:-1])
        layers = np.flatnonzero(ends > starts)
        return [(int(layer), int(starts[layer]), int(ends[layer])) for layer in layers]


class Recorder:
    """Listens to one run of `plan`."""

    def __init__(self, plan: Plan, machine: Machine) -> None:
        self._plan = plan
        self._units = {unit: number for number, unit in enumerate(plan.code.header.units)}
        self._whats: dict[str, int] = {BUSY: 0}
        self._slices = [array("q") for _ in self._units]
        self._tokens = array("q")
        self._turns = array("q")
        self._sent: defaultdict[int, deque[tuple[int, int, int]]] = defaultdict(deque)
        self._credits = dict(plan.tree.credits)
        self._finished = np.zeros(len(plan.layers), np.int64)
        self._occupancy = {
            memory.name: Occupancy(memory.bytes)
            for memory in machine.memories
            if memory is not machine.dram
        }
        self._now: tuple[Step, Counters] | None = None
        self._iteration = 0

    def spent(self, unit: str, start: int, end: int, what: str, step: Step | None) -> None:
        """`unit` was busy with `step` from `start` to `end`, or `what` stalled it there."""
        if end > start:
            number = self._whats.setdefault(what, len(self._whats))
            iteration = self._iteration if self._now and step is self._now[0] else -1
            index = step.index if step else -1
            self._slices[self._units[unit]].extend((start, end, number, index, iteration))

    def signalled(self, step: Step, issued: int, fired: int) -> None:
        """`step.unit` signalled at `issued`; the token fired at `fired`."""
        sent = self._units[step.unit], issued, fired
        self._sent[step.instruction.integer("sem")].append(sent)

    def waited(self, step: Step, received: int) -> None:
        """`step.unit` received a token, or used up a credit, and went on at `received`."""
        semaphore = step.instruction.integer("sem")
        if self._credits.get(semaphore, 0):
            self._credits[semaphore] -= 1
            return
        sent = self._sent[semaphore].popleft()
        self._tokens.extend((semaphore, *sent, self._units[step.unit], received))

    def moved(self, start: int, end: int, size: int) -> None:
        """DRAM moved `size` bytes from `start` to `end`."""
        self._turns.extend((start, end, size))

    def begins(self, step: Step, counters: Counters) -> None:
        """`step` begins at the loop `counters`; what is spent on it next belongs to these."""
        self._now = step, counters
        self._iteration = 0
        for counter, count in zip(counters, step.counts, strict=True):
            self._iteration = self._iteration * count + counter

    def executed(self, footprint: Footprint, start: int, end: int) -> None:
        """What began last touched `footprint`; it took its turn at `start`, complete at `end`.

        Raises TilefoldError where it touched what is outside a memory.
        """
        assert self._now, "begins comes first"
        if (layer := self._now[0].layer) >= 0:
            self._finished[layer] = max(self._finished[layer], end)
        try:
            for box in footprint.reads:
                if box.memory in self._occupancy:
                    self._occupancy[box.memory].read(box, end)
            for box in footprint.writes:
                if box.memory in self._occupancy:
                    self._occupancy[box.memory].write(box, start, end)
        except StepError as error:
            raise self._plan.error(*self._now, error) from None

    def recording(self, cycles: int) -> Recording:
        """The run that was listened to, which took `cycles`."""
        tracks = [_tidy(_rows(track, _SLICE)) for track in self._slices]
        unit = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
        start, end, what, instruction, iteration = np.concatenate(tracks).T
        layer_of = np.full(len(self._plan.code.instructions) + 1, -1)
        for step in self._plan.tree.steps:
            layer_of[step.index] = step.layer
        return Recording(
            cycles,
            tuple(self._units),
            tuple(self._whats),
            Slices(unit, start, end, what, layer_of[instruction], instruction, iteration),
            Tokens(*_rows(self._tokens, 6).T),
            Turns(*_rows(self._turns, 3).T),
            self._finished,
            {name: occupancy.steps() for name, occupancy in self._occupancy.items()},
        )


def _rows(numbers: "array[int]", width: int) -> Ints:
    """Numbers as an array of shape (rows, width)."""
    return np.array(numbers, np.int64).reshape(-1, width)


def _tidy(track: Ints) -> Ints:
    """The slices of one unit in order, its stalls only where it was not busy.

    Busy slices are disjoint, and so are stalls; but a vector class that drains an array is busy
    while its own queue waits.
    """
    idle = track[:, 2] != 0
    busy, stalls = track[~idle], track[idle]
    busy, stalls = busy[busy[:, 0].argsort()], stalls[stalls[:, 0].argsort()]
    cuts = np.unique(np.concatenate([busy[:, :2].ravel(), stalls[:, :2].ravel()]))
    first, last = cuts[:-1], cuts[1:]
    inside = _holder(stalls, first)
    free = (inside >= 0) & (_holder(busy, first) < 0)
    parts = stalls[inside[free]]
    parts[:, 0], parts[:, 1] = first[free], last[free]
    tidy = np.concatenate([busy, parts])
    return tidy[tidy[:, 0].argsort()]


def _holder(track: Ints, times: Ints) -> Ints:
    """Which slice of a sorted `track` holds each of `times`; -1 where none does."""
    if not len(track):
        return np.full(len(times), -1)
    number = np.searchsorted(track[:, 0], times, "right") - 1
    return np.where((number >= 0) & (times < track[number, 1]), number, -1)
