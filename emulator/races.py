"""The check that a program is correct: no data race, no read of bytes never written.

Two accesses conflict when they touch the same byte, at least one writes, and they are in different
queues. An array starts an instruction before the results of earlier ones have drained, so two
accesses conflict in its queue, too, when one reads what an earlier one wrote. A program is correct
when every conflicting pair is ordered by tokens or configurations in the direction of program
order; then time cannot change values. The check does not depend on values.

Method: one run of the queues gives each instruction a vector clock, how many instructions of every
other queue are complete before it starts. A walk in program order then keeps, for each granule of
each memory, the last access of every queue (a shadow memory), on whole boxes at a time. Only last
accesses matter: while no race was found, earlier ones are ordered before them or before a write
that is.
"""

from collections.abc import Callable, Mapping, Sequence
from math import gcd

import numpy as np
import numpy.typing as npt

from ..errors import TilefoldError
from .accesses import Accesses, Region, Touch
from .footprint import Plan
from .queues import PULSE, Queues
from .tree import Counters, Step, walk

Known = tuple[int, ...]
Event = tuple[Step, Counters]
Extent = tuple[str, int, int]
"""Memory, first byte, bytes."""


class VectorClocks:
    """A `Clock` whose time is what each queue knows of the others.

    `known[unit][k][q]` is how many instructions of queue q are complete before the k-th of `unit`
    starts; tokens and configurations are not counted.
    """

    def __init__(self, units: Sequence[str]) -> None:
        self._number = {unit: number for number, unit in enumerate(units)}
        self._now: dict[str, Known] = dict.fromkeys(units, (0,) * len(units))
        self.known: dict[str, list[Known]] = {unit: [] for unit in units}

    def ready(self, unit: str) -> int:
        """Any order will do."""
        return len(self.known[unit])

    def credit(self) -> Known:
        """A credit orders nothing."""
        return (0,) * len(self._number)

    def signal(self, step: Step) -> Known:
        """All that the signalling queue knows and did."""
        number = self._number[step.unit]
        now = self._now[step.unit]
        return (*now[:number], len(self.known[step.unit]), *now[number + 1 :])

    def arrive(self, step: Step) -> None:
        """Nothing is known before the token is there."""

    def finish(self, unit: str) -> None:
        """Nothing more to know."""

    def wait(self, step: Step, token: Known) -> None:
        """Learn what the signalling queue knew."""
        self._now[step.unit] = tuple(map(max, self._now[step.unit], token))

    def gather(self, step: Step, units: Sequence[str]) -> None:
        """Nothing to do before the configure."""

    def configure(self, step: Step, units: Sequence[str], released: Sequence[str]) -> None:
        """All units learn from each other."""
        for unit in units:
            number = self._number[unit]
            now = self._now[unit]
            mine = (*now[:number], len(self.known[unit]), *now[number + 1 :])
            self._now[step.unit] = tuple(map(max, self._now[step.unit], mine))
        for unit in (*units, *released):
            self._now[unit] = tuple(map(max, self._now[unit], self._now[step.unit]))

    def execute(self, step: Step, counters: Counters) -> None:
        """Note what the queue knows at this instruction."""
        self.known[step.unit].append(self._now[step.unit])


class Shadow:
    """Last accesses to the granules of one memory, by queue."""

    def __init__(self, granule: int, size: int) -> None:
        self.granule = granule
        self.granules = -(-size // granule)
        self.written = np.zeros(self.granules, np.bool_)
        self.writes: dict[str, npt.NDArray[np.int32]] = {}
        self.reads: dict[str, npt.NDArray[np.int32]] = {}

    def note(self, region: Region, unit: str, epoch: int, write: bool) -> None:
        """Record an access by the `epoch`-th instruction of `unit`."""
        last = self.writes if write else self.reads
        if unit not in last:
            last[unit] = np.zeros(self.granules, np.int32)
        region.set(last[unit], epoch)
        if write:
            region.set(self.written, 1)


def _granules(
    accesses: Mapping[Step, Accesses], initial: Sequence[Extent], sizes: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Granule of every memory that the program touches, and the bytes up to the last touched."""
    granules: dict[str, tuple[int, int]] = {}

    def add(memory: str, granule: int, end: int) -> None:
        before, size = granules.get(memory, (0, 0))
        granules[memory] = gcd(before, granule), max(size, end)

    for memory, first, size in initial:
        add(memory, gcd(first, size), first + size)
    for some in accesses.values():
        for memory, granule, end in some.extents(sizes):
            add(memory, granule, end)
    return granules


class Checker:
    """Walks a program in program order; `check` does all."""

    def __init__(
        self,
        plan: Plan,
        initial: Sequence[Extent],
        sizes: Mapping[str, int],
        pulse: Callable[[int], None] | None = None,
    ) -> None:
        self.plan = plan
        self.pulse = pulse
        self.accesses = {step: Accesses(plan, step) for step in plan.tree.steps if plan.views(step)}
        granules = _granules(self.accesses, initial, sizes)
        clocks = VectorClocks(plan.code.header.units)
        Queues(plan, clocks).run()
        self.known = clocks.known
        self.numbers = {unit: number for number, unit in enumerate(plan.code.header.units)}
        self.arrays = frozenset(plan.code.header.arrays)
        self.done: dict[str, list[Event]] = {unit: [] for unit in self.numbers}
        self.shadows = {
            memory: Shadow(granule or 1, size) for memory, (granule, size) in granules.items()
        }
        for memory, first, size in initial:
            granule = self.shadows[memory].granule
            self.shadows[memory].written[first // granule : (first + size) // granule] = True
        self.errors = 0
        self.first_error = ""

    def check(self) -> None:
        """Raise TilefoldError describing the first fault, if there is one."""
        for number, (step, counters) in enumerate(walk(self.plan.tree.body)):
            if self.pulse and not number % PULSE:
                self.pulse(number)
            if step.mnemonic in ("wait", "signal", "configure"):
                continue
            self.done[step.unit].append((step, counters))
            if step in self.accesses:
                for touch, shift in self.accesses[step].at(counters):
                    self._access((step, counters), touch, shift)
        if self.errors:
            more = f" ({self.errors - 1} more faults)" if self.errors > 1 else ""
            raise TilefoldError(self.first_error + more)

    def _access(self, event: Event, touch: Touch, shift: int) -> None:
        unit, memory, write = event[0].unit, touch.box.memory, touch.write
        shadow = self.shadows[memory]
        region = touch.region(shift, shadow.granule)
        epoch = len(self.done[unit])
        known = self.known[unit][epoch - 1]
        if not write and not (present := region.of(shadow.written)).all():
            address = region.granule(int(present.argmin())) * shadow.granule
            self._fault(
                f"{self.plan.describe(*event)} reads {memory}[{address:#x}], which nothing "
                "has written"
            )
        self._compare(event, touch, region, known, shadow.writes, "writes")
        if write:
            self._compare(event, touch, region, known, shadow.reads, "reads")
        shadow.note(region, unit, epoch, write)

    def _compare(
        self,
        event: Event,
        touch: Touch,
        region: Region,
        known: Known,
        accesses: dict[str, npt.NDArray[np.int32]],
        verb: str,
    ) -> None:
        """Fault if an earlier access by another queue is not known to be complete."""
        memory = touch.box.memory
        for other, last in accesses.items():
            if other == event[0].unit and not (event[0].unit in self.arrays and not touch.write):
                continue
            epochs = region.of(last)
            if int(epochs.max()) > known[self.numbers[other]]:
                position = int((epochs > known[self.numbers[other]]).argmax())
                address = region.granule(position) * self.shadows[memory].granule
                what = "writes" if touch.write else "reads"
                earlier = self.done[other][int(epochs.reshape(-1)[position]) - 1]
                self._fault(
                    f"data race on {memory}[{address:#x}]: {self.plan.describe(*earlier)} "
                    f"{verb} it, {self.plan.describe(*event)} {what} it, "
                    "and no token orders them"
                )

    def _fault(self, message: str) -> None:
        self.errors += 1
        self.first_error = self.first_error or message


def check(
    plan: Plan,
    initial: Sequence[Extent],
    sizes: Mapping[str, int],
    pulse: Callable[[int], None] | None = None,
) -> None:
    """Check a program; `initial` are the bytes that the host wrote, `sizes` those of the memories.

    `pulse` is called now and then with the dynamic instructions checked so far.

    Raises TilefoldError naming both instructions of the first race, or the instruction that reads
    bytes never written or leaves its memory; also on a deadlock.
    """
    Checker(plan, initial, sizes, pulse).check()
