"""Tensors as sets of tiles: where a tile lies in the tensor that it is part of.

A *frame* gives, for each dimension of a buffer, the position in some tensor of the buffer's first
element: an affine function of the loop counters. If what an element of the tensor holds does not
depend on the iteration that its tile belongs to, then all tiles together are the tensor.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

import numpy as np

from ..dialects.isa_operands import Affine, Dim, ElementType, View
from .memory import Box, IntArray

Frame = tuple[Affine, ...]
Range = tuple[int, int]
MAX_TILES = 1 << 20
"""The most positions of tiles along one dimension that are looked at."""


class UnfitError(Exception):
    """A loop nest is not known to compute an operation on whole tensors."""


def fit(condition: bool) -> None:
    """Raise UnfitError unless the condition holds."""
    if not condition:
        raise UnfitError


def offset(one: Affine, other: Affine, scale: int = 1) -> int:
    """one - scale * other, which must be constant."""
    fit(one.terms == tuple((level, c * scale) for level, c in other.terms))
    return one.const - scale * other.const


def positions(origin: Affine, counts: Sequence[int]) -> list[int]:
    """All values of an origin, ascending."""
    fit(prod(counts[level] for level, _ in origin.terms) <= MAX_TILES)
    return [int(value) for value in values_of(origin, counts)]


def values_of(origin: Affine, counts: Sequence[int]) -> IntArray:
    """All values of an origin, ascending, however many they are."""
    values = np.array([origin.const])
    for level, coefficient in origin.terms:
        values = np.unique(values[:, None] + coefficient * np.arange(counts[level]))
    return values


def clip(dim: Dim, frame: Affine, counts: Sequence[int]) -> Range | None:
    """Which positions in the frame a view lets pass; None if it clips nothing in any iteration."""
    origins = positions(dim.origin, counts)
    if origins[0] >= 0 and origins[-1] + dim.size <= dim.extent:
        return None
    base = offset(frame, dim.origin)
    return base, base + dim.extent


def union(dims: Sequence[Dim], frame: Frame, counts: Sequence[int]) -> tuple[Range, ...]:
    """The range in each dimension of what tiles `dims` pass in all iterations, without a gap.

    Together they are all of it: no loop moves the tile in two dimensions.
    """
    levels = [level for origin in frame for level, _ in origin.terms]
    fit(len(set(levels)) == len(levels))
    ranges: list[Range] = []
    for dim, origin in zip(dims, frame, strict=True):
        starts = positions(origin, counts)
        fit(all(b - a <= dim.size for a, b in pairwise(starts)))
        low, high = starts[0], starts[-1] + dim.size
        if (limits := clip(dim, origin, counts)) is not None:
            low, high = max(low, limits[0]), min(high, limits[1])
        fit(low < high)
        ranges.append((low, high))
    return tuple(ranges)


def injective(view: View) -> bool:
    """Whether no two elements of the whole tensor of a view share a place."""
    reach = 0
    for stride, extent in sorted((abs(dim.stride), dim.extent) for dim in view.dims):
        if extent > 1:
            if stride <= reach:
                return False
            reach += (extent - 1) * stride
    return True


@dataclass(frozen=True)
class Region:
    """A tensor in a memory: `start` is the bit address of position 0 in all dimensions.

    Only positions in `ranges` exist. What lies outside holds `pad`; None if nothing does.
    """

    memory: str
    bits: int
    start: int
    strides: tuple[int, ...]
    ranges: tuple[Range, ...]
    pad: int | None = None

    def box(
        self, element: ElementType, ranges: Sequence[Range], shifts: Sequence[int] | None = None
    ) -> Box:
        """The elements of `ranges`, numbered from `shifts` on instead of 0."""
        low = tuple(first for first, _ in ranges)
        counts = tuple(max(0, end - first) for first, end in ranges)
        offset = sum(first * stride for first, stride in zip(low, self.strides, strict=True))
        numbers = low if shifts is None else tuple(a - b for a, b in zip(low, shifts, strict=True))
        start = self.start + offset * self.bits
        return Box(self.memory, element, start, numbers, counts, self.strides)


def dense(memory: str, bits: int, ranges: Sequence[Range]) -> tuple[Region, int]:
    """A region of dense rows, each of whole bytes, from the start of a memory; and its bytes."""
    per_byte = max(1, 8 // bits)
    counts = [end - first for first, end in ranges]
    strides = [1]
    step = -(-counts[-1] // per_byte) * per_byte
    for count in reversed(counts[:-1]):
        strides.insert(0, step)
        step *= count
    start = -bits * sum(first * s for (first, _), s in zip(ranges, strides, strict=True))
    return Region(memory, bits, start, tuple(strides), tuple(ranges)), step * bits // 8
