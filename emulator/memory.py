"""Byte memories and the boxes of elements that views select in them.

A `ViewPlan` is a view compiled for its loop nest; at given counters it becomes a `Box`: the valid
elements only, with bit addresses. A `Memory` reads and writes whole boxes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Final

import numpy as np
import numpy.typing as npt

from ..dialects.isa_operands import ElementType, View
from ..dialects.layout import pack, unpack

IntArray = npt.NDArray[np.integer]
Range = tuple[int, int]
PAGE: Final = 4096
"""Bytes that share one write stamp."""
NUMPY_TYPES: Final[Mapping[ElementType, np.dtype[np.integer]]] = {
    element: np.dtype("<i4" if element.bits == 32 else "i1" if element.signed else "u1")
    for element in ElementType
}
"""The numpy type that holds elements of a type."""


@dataclass(frozen=True)
class Box:
    """The elements `low[d] <= j_d < low[d] + counts[d]` of a view; empty if a count is 0.

    `start` is the bit address of the element at `low`; `strides` are in elements.
    """

    memory: str
    type: ElementType
    start: int
    low: tuple[int, ...]
    counts: tuple[int, ...]
    strides: tuple[int, ...]

    @cached_property
    def bits(self) -> int:
        """Bits of an element."""
        return self.type.bits

    @cached_property
    def byte_strides(self) -> tuple[int, ...]:
        """Bytes from element to element in each dimension, for whole-byte elements."""
        return tuple(stride * (self.bits // 8) for stride in self.strides)

    @cached_property
    def elements(self) -> int:
        """How many elements the box holds."""
        return prod(self.counts)

    @cached_property
    def high(self) -> tuple[int, ...]:
        """The end (exclusive) of the range in each dimension."""
        return tuple(low + count for low, count in zip(self.low, self.counts, strict=True))

    @cached_property
    def packed_dim(self) -> int:
        """The dimension whose elements lie side by side: the last with stride 1, or the last.

        One of several elements, if there is one: other dimensions may have any stride.
        """
        dense = [dim for dim, stride in enumerate(self.strides) if stride == 1]
        longer = [dim for dim in dense if self.counts[dim] > 1]
        return (longer or dense or [len(self.strides) - 1])[-1]

    @property
    def rows(self) -> int:
        """How many rows of elements side by side the box is made of."""
        return self.elements // max(1, self.counts[self.packed_dim])

    @property
    def row_bytes(self) -> int:
        """The bytes of such a row, partial bytes counted whole."""
        return -(-self.counts[self.packed_dim] * self.bits // 8)

    @property
    def bytes(self) -> int:
        """The bytes that the box touches, each row rounded up to whole bytes."""
        return self.rows * self.row_bytes

    @cached_property
    def runs(self) -> tuple[int, int]:
        """Runs of contiguous bytes, and the bytes of each: rows that touch are one run.

        So are rows that are padded to whole bytes. What a stride of 0 repeats is as many runs more.
        """
        packed = self.packed_dim
        run, runs = self.counts[packed] * self.bits, 1
        others = [
            (abs(stride) * self.bits, count)
            for dim, (stride, count) in enumerate(zip(self.strides, self.counts, strict=True))
            if dim != packed and count > 1
        ]
        if self.strides[packed] != 1:
            run, runs = self.bits, max(1, self.counts[packed])
        for stride, count in sorted(others, key=lambda other: (other[0] == 0, other[0])):
            if runs == 1 and stride in (run, -(-run // 8) * 8):
                run += stride * (count - 1)
            else:
                runs *= count
        return (runs, -(-run // 8)) if self.elements else (0, 0)

    @cached_property
    def span(self) -> Range:
        """The first byte touched and the byte after the last one; the box must not be empty."""
        offsets = [(n - 1) * s for n, s in zip(self.counts, self.strides, strict=True)]
        first = self.start + self.bits * sum(min(0, offset) for offset in offsets)
        last = self.start + self.bits * sum(max(0, offset) for offset in offsets)
        return first // 8, (last + self.bits + 7) // 8

    def clip(self, ranges: Sequence[Range | None]) -> "Box":
        """The part of the box within `ranges` of element numbers, one a dimension (None: all)."""
        start = self.start
        low = list(self.low)
        counts = list(self.counts)
        for dim, wanted in enumerate(ranges):
            if wanted is None:
                continue
            first = max(low[dim], wanted[0])
            start += (first - low[dim]) * self.strides[dim] * self.bits
            counts[dim] = max(0, min(low[dim] + counts[dim], wanted[1]) - first)
            low[dim] = first
        return replace(self, start=start, low=tuple(low), counts=tuple(counts))


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """A view in its loop nest; `counts` are the trip counts of the enclosing loops."""

    view: View
    counts: tuple[int, ...]

    def resolve(self, counters: Sequence[int]) -> Box:
        """The valid elements at the loop `counters`."""
        view = self.view
        start = view.base * 8
        if view.ring is not None:
            start += view.ring.slot(counters, self.counts) * view.ring.stride * 8
        low: list[int] = []
        counts: list[int] = []
        strides: list[int] = []
        offset = 0
        for dim in view.dims:
            origin = dim.origin.at(counters) if dim.origin.terms else dim.origin.const
            first = max(0, -origin)
            low.append(first)
            counts.append(max(0, min(dim.size, dim.extent - origin) - first))
            strides.append(dim.stride)
            offset += (first if view.local else first + origin) * dim.stride
        start += offset * view.type.bits
        return Box(view.memory, view.type, start, tuple(low), tuple(counts), tuple(strides))

    def reach(self) -> int:
        """A byte address that no access of the view at any counters reaches or exceeds."""
        view = self.view
        top = view.base
        if view.ring is not None:
            top += (view.ring.depth - 1) * view.ring.stride
        offset = 0
        for dim in view.dims:
            last = dim.size - 1
            if not view.local:
                origins = dim.origin.const + sum(
                    max(0, c) * (self.counts[level] - 1) for level, c in dim.origin.terms
                )
                last = min(dim.extent - 1, origins + last)
            offset += max(0, last * dim.stride)
        return top + (offset + 1) * view.type.bits // 8 + 1


class StepError(Exception):
    """An instruction cannot be executed; the message lacks only which one."""


def check_bounds(box: Box, size: int) -> None:
    """Raise StepError unless `box`, which is not empty, lies within a memory of `size` bytes."""
    first, end = box.span
    if first < 0 or end > size:
        place = f"{box.memory}[{first:#x}..{end - 1:#x}]"
        raise StepError(f"{place} is outside the memory's {size} bytes")


class Memory:
    """One memory of `size` bytes, all zero at first."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.data: npt.NDArray[np.uint8] = np.zeros(size, np.uint8)
        self._stamps: npt.NDArray[np.int64] = np.zeros(size // PAGE + 1, np.int64)
        self._writes = 0
        self.signed: npt.NDArray[np.int8] = self.data.view(np.int8)

    def stamp(self, box: Box) -> int:
        """A number that grows whenever a byte near `box` is written."""
        first, end = box.span
        return int(self._stamps[first // PAGE : (end - 1) // PAGE + 1].max())

    def touch(self, first: int, end: int) -> None:
        """Note that bytes `first..end-1` were written."""
        self._writes += 1
        self._stamps[first // PAGE : (end - 1) // PAGE + 1] = self._writes

    def read(self, box: Box) -> IntArray:
        """The elements of `box`, shape `box.counts`; 8- and 32-bit elements are not copied."""
        if 0 in box.counts:
            return np.zeros(box.counts, NUMPY_TYPES[box.type])
        check_bounds(box, self.data.size)
        if box.bits >= 8:
            return self._elements(box)
        if (rows := self._packed(box)) is not None:
            lead, data = rows
            count = box.counts[box.packed_dim]
            codes = unpack(data, lead + count, box.bits, box.type.signed)[..., lead:]
            return np.moveaxis(codes, -1, box.packed_dim)
        return self._gather(box)

    def write(self, box: Box, values: npt.NDArray[np.generic]) -> None:
        """Write `values`, shape `box.counts` (or broadcastable), truncated to the elements."""
        if 0 in box.counts:
            return
        check_bounds(box, self.data.size)
        if box.bits >= 8:
            self._elements(box)[...] = values
        else:
            self._write_packed(box, values)
        self.touch(*box.span)

    def _write_packed(self, box: Box, values: npt.NDArray[np.generic]) -> None:
        """Write rows of sub-byte elements; the rest of a row's last byte becomes 0."""
        rows = self._packed(box)
        if rows is None:
            raise StepError(
                f"{self.name}[{box.span[0]:#x}]: elements {box.type} to write must be in dense "
                "rows that start alike within a byte"
            )
        lead, data = rows
        codes = np.broadcast_to(values.astype(np.int16, copy=False), box.counts)
        codes = np.moveaxis(codes, box.packed_dim, -1)
        if lead:
            before = unpack(data[..., :1], lead, box.bits, signed=False)
            codes = np.concatenate([before, codes], axis=-1)
        data[...] = pack(codes, box.bits)

    def _elements(self, box: Box) -> IntArray:
        """A writable array over the elements of a box of whole-byte elements."""
        dtype = NUMPY_TYPES[box.type]
        return np.ndarray(box.counts, dtype, self.data, box.start // 8, box.byte_strides)

    def _packed(self, box: Box) -> tuple[int, npt.NDArray[np.uint8]] | None:
        """Bytes [..., row bytes] of the rows of a box, and how many elements to skip in each.

        The packed dimension is moved last. None if rows start at different bits of a byte.
        """
        bits = box.bits
        packed = box.packed_dim
        others = [dim for dim in range(len(box.counts)) if dim != packed]
        shifts = [box.strides[dim] * bits % 8 for dim in others if box.counts[dim] > 1]
        if any(shifts) or (box.strides[packed] != 1 and box.counts[packed] > 1):
            return None
        lead = box.start % 8 // bits
        row_bytes = -(-(lead + box.counts[packed]) * bits // 8)
        shape = (*(box.counts[dim] for dim in others), row_bytes)
        strides = (*(box.strides[dim] * bits // 8 for dim in others), 1)
        return lead, np.ndarray(shape, np.uint8, self.data, box.start // 8, strides)

    def _gather(self, box: Box) -> IntArray:
        """The elements of a sub-byte box of any strides."""
        bits = box.bits
        axes = [np.arange(n) * (s * bits) for n, s in zip(box.counts, box.strides, strict=True)]
        address = np.full((1,) * len(axes), box.start)
        for mesh in np.ix_(*axes):
            address = address + mesh
        codes = self.data[address >> 3] >> (address & 7).astype(np.uint8)
        return unpack(codes[..., None], 1, bits, box.type.signed)[..., 0]


def fill_box(
    memory: Memory, box: Box, low: Sequence[int], counts: Sequence[int], fill: int
) -> IntArray:
    """Elements `low..low+counts` of a view, with `fill` wherever `box` (its valid part) ends."""
    values = memory.read(box)
    if box.low == tuple(low) and box.counts == tuple(counts):
        return values
    limits = np.iinfo(values.dtype)
    fits = limits.min <= fill <= limits.max
    result = np.full(counts, fill, values.dtype if fits else np.int64)
    if 0 not in box.counts:
        result[inside(box, low)] = values
    return result


def inside(box: Box, low: Sequence[int]) -> tuple[slice, ...]:
    """Where `box` lies in an array whose first element is element `low` of the same view."""
    return tuple(
        slice(first - base, first - base + count)
        for first, base, count in zip(box.low, low, box.counts, strict=True)
    )
