"""The check that a program is correct: no data race, no read of bytes never written.

Two accesses conflict when they touch the same byte, at least one writes, and they are in different
queues. A program is correct when every conflicting pair is ordered by tokens or configurations in
the direction of program order; then time cannot change values. The check does not depend on
values.

Method: one run of the queues gives each instruction a vector clock, how many instructions of every
other queue are complete before it starts. A walk in program order then keeps, for each granule of
each memory, the last access of every queue (a shadow memory), on whole boxes at a time. Only last
accesses matter: while no race was found, earlier ones are ordered before them or before a write
that is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import gcd
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import TilefoldError
from .footprint import Plan
from .memory import Box, StepError, check_bounds
from .queues import PULSE, Queues
from .tree import Counters, Step, walk

Item = TypeVar("Item", bound=np.generic)
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


@dataclass(frozen=True, slots=True)
class Region:
    """The granules of a box: a strided block of the shadow memory, or explicit indices.

    The last dimension of a block is dense.
    """

    first: int
    counts: tuple[int, ...]
    strides: tuple[int, ...]
    indices: npt.NDArray[np.int64] | None = None

    def of(self, shadow: npt.NDArray[Item]) -> npt.NDArray[Item]:
        """The region of a shadow array: writing to it needs `set`."""
        if self.indices is not None:
            return shadow[self.indices]
        size = shadow.itemsize
        strides = tuple(stride * size for stride in self.strides)
        return np.ndarray(self.counts, shadow.dtype, shadow, self.first * size, strides)

    def set(self, shadow: npt.NDArray[np.generic], value: int) -> None:
        """Set the region of a shadow array."""
        if self.indices is not None:
            shadow[self.indices] = value
        else:
            self.of(shadow)[...] = value

    def granule(self, position: int) -> int:
        """The granule at a flat position in the region."""
        if self.indices is not None:
            return int(self.indices[position])
        place = np.unravel_index(position, self.counts)
        return self.first + sum(
            int(p) * stride for p, stride in zip(place, self.strides, strict=True)
        )


def byte_region(box: Box) -> Region:
    """The bytes of a box that is not empty."""
    bits = box.type.bits
    packed = box.packed_dim
    counts, strides = list(box.counts), [stride * bits for stride in box.strides]
    uneven = any(
        stride % 8
        for dim, stride in enumerate(strides)
        if counts[dim] > 1 and (dim != packed or box.strides[dim] != 1)
    )
    if uneven:
        address = np.full((1,) * len(counts), box.start)
        for mesh in np.ix_(
            *(np.arange(n) * stride for n, stride in zip(counts, strides, strict=True))
        ):
            address = address + mesh
        return Region(0, (), (), np.unique(address >> 3))
    if box.strides[packed] != 1 and counts[packed] > 1:
        packed = len(counts)
        counts.append(1)
        strides.append(bits)
    row_bytes = -(-(box.start % 8 + counts.pop(packed) * bits) // 8)
    strides.pop(packed)
    return Region(box.start // 8, (*counts, row_bytes), (*(stride // 8 for stride in strides), 1))


class Shadow:
    """Last accesses to the granules of one memory, by queue."""

    def __init__(self, granule: int, size: int) -> None:
        self.granule = granule
        self.granules = -(-size // granule)
        self.written = np.zeros(self.granules, np.bool_)
        self.writes: dict[str, npt.NDArray[np.int32]] = {}
        self.reads: dict[str, npt.NDArray[np.int32]] = {}

    def region(self, box: Box) -> Region:
        """The granules of a box whose addresses are multiples of the granule."""
        region = byte_region(box)
        if self.granule == 1:
            return region
        *outer, row = region.counts
        strides = [stride // self.granule for stride in region.strides[:-1]]
        first = region.first // self.granule
        return Region(first, (*outer, row // self.granule), (*strides, 1))

    def note(self, region: Region, unit: str, epoch: int, write: bool) -> None:
        """Record an access by the `epoch`-th instruction of `unit`."""
        last = self.writes if write else self.reads
        if unit not in last:
            last[unit] = np.zeros(self.granules, np.int32)
        region.set(last[unit], epoch)
        if write:
            region.set(self.written, 1)


def _granules(
    plan: Plan, initial: Sequence[Extent], sizes: Mapping[str, int]
) -> dict[str, tuple[int, int]]:
    """Granule of every memory that the program touches, and the bytes up to the last touched."""
    granules: dict[str, tuple[int, int]] = {}

    def add(memory: str, end: int, *numbers: int) -> None:
        granule, size = granules.get(memory, (0, 0))
        granules[memory] = gcd(granule, *numbers), max(size, end)

    for memory, first, size in initial:
        add(memory, first + size, first, size)
    for step, counters in walk(plan.tree.body):
        footprint = plan.footprint(step, counters)
        for box in (*footprint.reads, *footprint.writes):
            region = byte_region(box)
            _, end = box.span
            try:
                check_bounds(box, sizes[box.memory])
            except StepError as error:
                raise plan.error(step, counters, error) from None
            if region.indices is not None:
                add(box.memory, end, 1)
                continue
            *outer, row = region.counts
            strides = [s for s, n in zip(region.strides, outer, strict=False) if n > 1]
            add(box.memory, end, region.first, row, *strides)
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
        granules = _granules(plan, initial, sizes)
        clocks = VectorClocks(plan.code.header.units)
        Queues(plan, clocks).run()
        self.known = clocks.known
        self.numbers = {unit: number for number, unit in enumerate(plan.code.header.units)}
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
            footprint = self.plan.footprint(step, counters)
            for write, boxes in ((False, footprint.reads), (True, footprint.writes)):
                for box in boxes:
                    self._access((step, counters), box, write)
        if self.errors:
            more = f" ({self.errors - 1} more faults)" if self.errors > 1 else ""
            raise TilefoldError(self.first_error + more)

    def _access(self, event: Event, box: Box, write: bool) -> None:
        unit = event[0].unit
        shadow = self.shadows[box.memory]
        region = shadow.region(box)
        epoch = len(self.done[unit])
        known = self.known[unit][epoch - 1]
        if not write and not (present := region.of(shadow.written)).all():
            address = region.granule(int(present.argmin())) * shadow.granule
            self._fault(
                f"{self.plan.describe(*event)} reads {box.memory}[{address:#x}], which nothing "
                "has written"
            )
        self._compare(event, box, region, known, shadow.writes, "writes", write)
        if write:
            self._compare(event, box, region, known, shadow.reads, "reads", write)
        shadow.note(region, unit, epoch, write)

    def _compare(
        self,
        event: Event,
        box: Box,
        region: Region,
        known: Known,
        accesses: dict[str, npt.NDArray[np.int32]],
        verb: str,
        write: bool,
    ) -> None:
        """Fault if an earlier access by another queue is not known to be complete."""
        for other, last in accesses.items():
            if other == event[0].unit:
                continue
            epochs = region.of(last)
            if int(epochs.max()) > known[self.numbers[other]]:
                position = int((epochs > known[self.numbers[other]]).argmax())
                address = region.granule(position) * self.shadows[box.memory].granule
                earlier = self.done[other][int(epochs.reshape(-1)[position]) - 1]
                self._fault(
                    f"data race on {box.memory}[{address:#x}]: {self.plan.describe(*earlier)} "
                    f"{verb} it, {self.plan.describe(*event)} {'writes' if write else 'reads'} it, "
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
