"""What a run counts: bytes, products and the time of every unit, by layer.

Layers are indices into the program's layers; -1 stands for instructions of no layer.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from ..costmodel.energy import Action, Actions
from .costs import Charge
from .roles import ByteKey

BUSY: Final = "busy"


class LayerTime(NamedTuple):
    """A unit's cycles in one layer: BUSY, or the cause of a stall."""

    unit: str
    layer: int
    what: str


class Reconfiguration(NamedTuple):
    """Changes of configuration in one layer: their number, or the cycles that they took."""

    layer: int
    what: Literal["number", "cycles"]


Countable = Charge | ByteKey | LayerTime | Reconfiguration
"""What a journal counts: dynamic instructions by charge, bytes read for code, and cycles."""


class Journal:
    """Amounts in the order in which they occurred, so that a stretch of them can be repeated."""

    _LIMIT: Final = 1 << 18
    """Entries that are kept before they are summed up."""

    def __init__(self) -> None:
        self._whats: list[Countable] = []
        self._amounts: list[int] = []
        self._totals: defaultdict[Countable, int] = defaultdict(int)

    def __len__(self) -> int:
        return len(self._whats)

    def add(self, what: Countable, amount: int = 1) -> None:
        """Add an amount."""
        self._whats.append(what)
        self._amounts.append(amount)

    def repeat(self, start: int, times: int) -> None:
        """Add the amounts of all entries from number `start` on `times` more."""
        sums: defaultdict[Countable, int] = defaultdict(int)
        for what, amount in zip(self._whats[start:], self._amounts[start:], strict=True):
            sums[what] += amount
        for what, amount in sums.items():
            self.add(what, amount * times)

    def shorten(self) -> bool:
        """Sum up the entries, if they are many; says whether their numbers changed."""
        if len(self) < self._LIMIT:
            return False
        self.totals()
        return True

    def totals(self) -> dict[Countable, int]:
        """The sums of all amounts so far."""
        for what, amount in zip(self._whats, self._amounts, strict=True):
            self._totals[what] += amount
        self._whats.clear()
        self._amounts.clear()
        return self._totals


@dataclass
class Counters:
    """Everything counted in one run of a program.

    `transferred` are bytes of DRAM, whole bursts, by layer and DMA class. `start` is the cycle in
    which the units start, after their code was fetched; `begun` is when the first load of each
    frame's input starts, `finished` when the last instruction of each layer was complete, `peak`
    the most products a cycle that the arrays could do at the precision of each layer. `actions` is
    what costs energy, by layer.
    """

    bytes: defaultdict[ByteKey, int] = field(default_factory=lambda: defaultdict[ByteKey, int](int))
    macs: defaultdict[int, int] = field(default_factory=lambda: defaultdict[int, int](int))
    times: defaultdict[LayerTime, int] = field(
        default_factory=lambda: defaultdict[LayerTime, int](int)
    )
    reconfigurations: defaultdict[int, int] = field(
        default_factory=lambda: defaultdict[int, int](int)
    )
    reconfiguration_cycles: defaultdict[int, int] = field(
        default_factory=lambda: defaultdict[int, int](int)
    )
    transferred: defaultdict[tuple[int, str], int] = field(
        default_factory=lambda: defaultdict[tuple[int, str], int](int)
    )
    actions: defaultdict[int, Actions] = field(
        default_factory=lambda: defaultdict[int, Actions](Actions)
    )
    begun: dict[int, int] = field(default_factory=dict[int, int])
    finished: dict[int, int] = field(default_factory=dict[int, int])
    peak: dict[int, int] = field(default_factory=dict[int, int])
    start: int = 0
    cycles: int = 0

    def begin(self, frame: int, time: int) -> None:
        """Note that a load of a frame's input starts at `time`."""
        self.begun[frame] = min(time, self.begun.get(frame, time))

    def complete(self, layer: int, time: int) -> None:
        """Note that an instruction of `layer` was complete at `time`."""
        if time > self.finished.get(layer, -1):
            self.finished[layer] = time

    def take(self, journal: Journal) -> None:
        """Count what a run's journal holds."""
        for what, amount in journal.totals().items():
            match what:
                case Charge():
                    self._charge(what, amount)
                case LayerTime():
                    self.times[what] += amount
                case ByteKey(layer, _, memory):
                    self.bytes[what] += amount
                    self.actions[layer][Action("read", memory)] += amount
                case Reconfiguration(layer, "number"):
                    self.reconfigurations[layer] += amount
                case Reconfiguration(layer):
                    self.reconfiguration_cycles[layer] += amount
        self.cycles = max(self.start, *self.finished.values(), 0)

    def _charge(self, charge: Charge, times: int) -> None:
        layer = charge.step.layer
        if charge.macs:
            self.macs[layer] += charge.macs * times
            self.peak[layer] = max(self.peak.get(layer, 0), charge.peak)
        if charge.dram_bytes:
            self.transferred[layer, charge.step.unit] += charge.dram_bytes * times
        for key, size in charge.bytes:
            self.bytes[key] += size * times
        for action, number in charge.actions.items():
            self.actions[layer][action] += number * times

    def layer_cycles(self) -> dict[int, int]:
        """Cycles by layer, summing to all cycles.

        A layer's cycles are what it adds to the latest completion time of the layers before it.
        Fetching the code is of no layer; other instructions of no layer come last.
        """
        result = {-1: self.start}
        horizon = self.start
        for layer in sorted(self.finished, key=lambda layer: (layer < 0, layer)):
            result[layer] = result.get(layer, 0) + max(0, self.finished[layer] - horizon)
            horizon = max(horizon, self.finished[layer])
        return result
