"""What a run counts: bytes, products and the time of every unit, by layer.

Layers are indices into the program's layers; -1 stands for instructions of no layer.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final, Literal, NamedTuple

from ..costmodel.energy import Actions
from .footprint import Footprint, Plan
from .tree import Step

Operand = Literal["I", "W", "O", "other"]
Direction = Literal["read", "written"]
BUSY: Final = "busy"


class ByteKey(NamedTuple):
    """What a byte count belongs to."""

    layer: int
    operand: Operand
    memory: str
    direction: Direction


class Slice(NamedTuple):
    """A stretch of one unit's time: `what` is BUSY or the cause of a stall."""

    start: int
    end: int
    what: str
    layer: int
    instruction: int


class LayerTime(NamedTuple):
    """A unit's cycles in one layer."""

    unit: str
    layer: int
    what: str


class _Occupied:
    """How long a unit was busy until any time, from its busy slices in order."""

    def __init__(self, busy: Sequence[Slice]) -> None:
        self._starts = [piece.start for piece in busy]
        self._ends = [piece.end for piece in busy]
        self._before = [0, *accumulate(piece.end - piece.start for piece in busy)]

    def until(self, time: int) -> int:
        """Busy cycles before `time`."""
        number = bisect_left(self._starts, time)
        if not number:
            return 0
        over = max(0, self._ends[number - 1] - time)
        return self._before[number] - over


@dataclass
class Counters:
    """Everything counted in one run of a program."""

    bytes: defaultdict[ByteKey, int] = field(default_factory=lambda: defaultdict[ByteKey, int](int))
    macs: defaultdict[int, int] = field(default_factory=lambda: defaultdict[int, int](int))
    slices: dict[str, list[Slice]] = field(default_factory=dict[str, list[Slice]])
    reconfigurations: defaultdict[int, int] = field(
        default_factory=lambda: defaultdict[int, int](int)
    )
    reconfiguration_cycles: defaultdict[int, int] = field(
        default_factory=lambda: defaultdict[int, int](int)
    )
    actions: defaultdict[int, Actions] = field(
        default_factory=lambda: defaultdict[int, Actions](Actions)
    )
    """What costs energy, by layer."""
    finished: dict[int, int] = field(default_factory=dict[int, int])
    """When the last instruction of each layer was complete."""
    peak: dict[int, int] = field(default_factory=dict[int, int])
    """The most products a cycle that the arrays could do at the precision of each layer."""
    instructions: int = 0
    cycles: int = 0

    def spend(self, unit: str, start: int, end: int, what: str, step: Step | None) -> None:
        """Note that `unit` was busy or stalled from `start` to `end`."""
        if end > start:
            layer, index = (step.layer, step.index) if step else (-1, -1)
            self.slices[unit].append(Slice(start, end, what, layer, index))

    def complete(self, layer: int, time: int) -> None:
        """Note that an instruction of `layer` was complete at `time`."""
        self.finished[layer] = max(self.finished.get(layer, 0), time)
        self.cycles = max(self.cycles, time)

    def layer_cycles(self) -> dict[int, int]:
        """Cycles by layer, summing to all cycles.

        A layer's cycles are what it adds to the latest completion time of the layers before it;
        instructions of no layer come last.
        """
        result: dict[int, int] = {}
        horizon = 0
        for layer in sorted(self.finished, key=lambda layer: (layer < 0, layer)):
            result[layer] = max(0, self.finished[layer] - horizon)
            horizon = max(horizon, self.finished[layer])
        return result

    def unit_times(self) -> dict[LayerTime, int]:
        """Cycles by unit, layer and BUSY or cause of stall.

        A vector class that drains an array is busy even while its own queue waits: time counts as
        stalled only where the unit is not busy.
        """
        result: defaultdict[LayerTime, int] = defaultdict(int)
        for unit, slices in self.slices.items():
            busy = sorted(piece for piece in slices if piece.what == BUSY)
            occupied = _Occupied(busy)
            for piece in slices:
                time = piece.end - piece.start
                if piece.what != BUSY:
                    time -= occupied.until(piece.end) - occupied.until(piece.start)
                if time:
                    result[LayerTime(unit, piece.layer, piece.what)] += time
        return dict(result)


class Roles:
    """Which operand of a layer each view is: inputs, weights, outputs or other."""

    _FIXED: Final[Mapping[str, Operand]] = {"wgt": "W", "par": "W", "table": "other", "dst": "O"}

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._weights: dict[tuple[int, str], list[tuple[int, int]]] = {}
        self._loads: dict[int, Operand] = {}
        for step in plan.tree.steps:
            for name, view in plan.views(step).items():
                if name in ("wgt", "par", "table"):
                    key = (step.layer, view.view.memory)
                    self._weights.setdefault(key, []).append((view.view.base, view.reach()))

    def of(self, step: Step, operand: str) -> Operand:
        """The role of an operand of `step`.

        A load brings weights if the buffer that it fills is one from which its layer takes
        weights, parameters or tables.
        """
        if step.mnemonic == "load":
            return self.load(step)
        if step.mnemonic == "store":
            return "O"
        return self._FIXED.get(operand, "I")

    def load(self, step: Step) -> Operand:
        """The role of what a load brings."""
        role = self._loads.get(step.index)
        if role is None:
            target = self._plan.views(step)["dst"]
            first, end = target.view.base, target.reach()
            weights = self._weights.get((step.layer, target.view.memory), [])
            role = "W" if any(low < end and first < high for low, high in weights) else "I"
            self._loads[step.index] = role
        return role


def count_bytes(
    counters: Counters,
    roles: Roles,
    step: Step,
    footprint: Footprint,
    moved: tuple[str, int] | None = None,
) -> None:
    """Count the bytes of one dynamic instruction; `moved` gives a memory's own count of bytes."""
    memory, size = moved or ("", 0)
    for name, box in footprint.boxes.items():
        written = name == "dst"
        if written and not footprint.last:
            continue
        direction = "written" if written else "read"
        key = ByteKey(step.layer, roles.of(step, name), box.memory, direction)
        counters.bytes[key] += size if box.memory == memory else box.bytes


def count_spills(
    counters: Counters, step: Step, footprint: Footprint, memory: str, spilled: int
) -> None:
    """Count 32-bit sums moved to `memory` (an unfinished convolution) or back (a continued one)."""
    directions: list[Direction] = []
    if not footprint.first:
        directions.append("read")
    if not footprint.last:
        directions.append("written")
    for direction in directions:
        key = ByteKey(step.layer, "O", memory, direction)
        counters.bytes[key] += 4 * spilled // len(directions)
