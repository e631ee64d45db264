"""Which bytes the iterations of an instruction touch: one region a class, shifted.

Iterations of a class (see `classes`) touch boxes of one shape that begin elsewhere, so the bytes of
a box are worked out once a class. Only where a shift is not of whole bytes they are anew.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import gcd
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .classes import Table, view_offsets
from .footprint import Plan
from .memory import Box, StepError, check_bounds
from .tree import Counters, Step

Item = TypeVar("Item", bound=np.generic)


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


def coarse(region: Region, granule: int) -> Region:
    """A region of bytes in granules, of which all its addresses are multiples."""
    if granule == 1:
        return region
    *outer, row = region.counts
    strides = [stride // granule for stride in region.strides[:-1]]
    return Region(region.first // granule, (*outer, row // granule), (*strides, 1))


class Touch:
    """A box that an instruction reads or writes in the iterations of a class.

    `box` is that of the first iteration, which begins at bit `offset` of what its view reaches.
    """

    def __init__(self, box: Box, write: bool, offset: int) -> None:
        self.box = box
        self.write = write
        self.offset = offset
        self.bytes = byte_region(box)
        self._coarse: Region | None = None

    def region(self, shift: int, granule: int) -> Region:
        """The granules of the box shifted by `shift` bits."""
        if self._coarse is None:
            self._coarse = coarse(self.bytes, granule)
        if not shift:
            return self._coarse
        if shift % 8 or self.bytes.indices is not None:
            return coarse(byte_region(self.shifted(shift)), granule)
        counts, strides = self._coarse.counts, self._coarse.strides
        return Region(self._coarse.first + shift // (8 * granule), counts, strides)

    def shifted(self, shift: int) -> Box:
        """The box shifted by `shift` bits."""
        return replace(self.box, start=self.box.start + shift)

    def granule(self, shifts: npt.NDArray[np.int64]) -> int:
        """The greatest common divisor of addresses and row lengths at any of the `shifts`."""
        if self.bytes.indices is not None or (shifts % 8).any():
            return 1
        *outer, row = self.bytes.counts
        strides = [s for s, n in zip(self.bytes.strides, outer, strict=False) if n > 1]
        return gcd(int(np.gcd.reduce(self.bytes.first + shifts // 8)), row, *strides)


class Accesses:
    """All that one step touches."""

    def __init__(self, plan: Plan, step: Step) -> None:
        self._plan = plan
        self._step = step
        self._classes = plan.classes(step)
        views = plan.views(step)
        self._offsets = {name: view_offsets(view) for name, view in views.items()}
        self._touches = [self._touched(counters) for counters in self._classes.examples]

    def _touched(self, counters: Counters) -> list[tuple[Table, Touch]]:
        """The touches of the class whose first iteration is at `counters`, reads first."""
        footprint = self._plan.footprint(self._step, counters)
        touches: list[tuple[Table, Touch]] = []
        for write, boxes in ((False, footprint.reads), (True, footprint.writes)):
            names = {id(box): name for name, box in footprint.boxes.items()}
            for box in boxes:
                table = self._offsets[names[id(box)]]
                touches.append((table, Touch(box, write, table.at(counters))))
        return touches

    def at(self, counters: Counters) -> Iterator[tuple[Touch, int]]:
        """The touches at the loop `counters`, reads first, and the bits that they are shifted."""
        for table, touch in self._touches[self._classes.at(counters)]:
            yield touch, table.at(counters) - touch.offset

    def extents(self, sizes: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
        """Memory, granule and end of all touches.

        Raises TilefoldError naming the first iteration that leaves a memory, of `sizes` bytes.
        """
        for number, touches in enumerate(self._touches):
            for table, touch in touches:
                grid, classes = np.broadcast_arrays(table.grid, self._classes.grid)
                shifts = np.unique(grid[classes == number]) - touch.offset
                first, end = touch.box.span
                # A shift of part of a byte can touch one byte more.
                low, high = first + int(shifts[0]) // 8, end - -int(shifts[-1]) // 8
                if low < 0 or high > sizes[touch.box.memory]:
                    self._check_bounds(sizes)
                yield touch.box.memory, touch.granule(shifts), high

    def _check_bounds(self, sizes: Mapping[str, int]) -> None:
        for place in np.ndindex(*self._step.counts):
            for touch, shift in self.at(place):
                box = touch.shifted(shift)
                try:
                    check_bounds(box, sizes[box.memory])
                except StepError as error:
                    raise self._plan.error(self._step, place, error) from None
