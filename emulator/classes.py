"""The classes of an instruction: its iterations by what clipping leaves of its views.

Costs depend on clipped shapes alone, and loops repeat few of them: most iterations of a tile loop
are alike, edges are not. So footprints and costs are worked out once a class, and a settled loop
repeats itself as long as its classes do.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..dialects.isa_operands import Affine
from .memory import ViewPlan
from .tree import Counters, Step

Grid = npt.NDArray[np.int64]
"""Numbers by loop counters: one axis a loop, of length 1 where the loop makes no difference."""


class Table:
    """A grid that is looked up one number at a time."""

    def __init__(self, grid: Grid) -> None:
        self.grid = np.ascontiguousarray(grid)
        self.single = grid.size == 1
        self._flat: list[int] = self.grid.reshape(-1).tolist()
        self._strides = [
            (level, stride // self.grid.itemsize)
            for level, stride in enumerate(self.grid.strides)
            if self.grid.shape[level] > 1
        ]

    def at(self, counters: Sequence[int]) -> int:
        """The number at the loop `counters`."""
        if self.single:
            return self._flat[0]
        return self._flat[sum(counters[level] * stride for level, stride in self._strides)]


class Classes(Table):
    """The classes of one step: `examples` are the first counters of each class in the table."""

    def __init__(self, step: Step, views: Sequence[ViewPlan]) -> None:
        super().__init__(_labels(step, views))
        self.examples: list[Counters] = [(0,) * len(step.counts)]
        if not self.single:
            first = np.unique(self.grid, return_index=True)[1]
            places = np.array(np.unravel_index(first, self.grid.shape), np.int64)
            self.examples = list(map(tuple, places.T.tolist()))


def view_offsets(view: ViewPlan) -> Table:
    """How many bits from its base a view begins at all counters, apart from clipping.

    Boxes of one class differ by the difference of these.
    """
    grid: Grid = np.zeros((1,) * len(view.counts), np.int64)
    if not view.view.local:
        for dim in view.view.dims:
            grid = grid + _affine(dim.origin, view.counts) * (dim.stride * view.view.bits)
    ring = view.view.ring
    if ring is not None and ring.depth > 1:
        number: Grid = np.zeros((1,) * len(view.counts), np.int64)
        for level, count in enumerate(view.counts[: ring.level]):
            number = number * count + _counter(level, view.counts)
        grid = grid + number % ring.depth * (ring.stride * 8)
    return Table(grid)


def _counter(level: int, counts: Sequence[int]) -> Grid:
    """The counter of the loop `level`."""
    shape = [1] * len(counts)
    shape[level] = counts[level]
    return np.arange(counts[level]).reshape(shape)


def _affine(function: Affine, counts: Sequence[int]) -> Grid:
    """An affine function of the counters."""
    grid: Grid = np.full((1,) * len(counts), function.const, np.int64)
    for level, coefficient in function.terms:
        grid = grid + coefficient * _counter(level, counts)
    return grid


def _labels(step: Step, views: Sequence[ViewPlan]) -> Grid:
    """Numbers 0.. of distinct clippings at all counters of a step."""
    depth = len(step.counts)
    grid: Grid = np.zeros((1,) * depth, np.int64)
    for part in [*_clippings(views, step.counts), *_reductions(step)]:
        values, labels = np.unique(part, return_inverse=True)
        if values.size > 1:
            joined = grid * values.size + labels.reshape(part.shape)
            grid = np.unique(joined, return_inverse=True)[1].reshape(joined.shape)
    return grid


def _clippings(views: Sequence[ViewPlan], counts: Sequence[int]) -> list[Grid]:
    """Where each dimension that is ever clipped begins and ends, as one number each."""
    parts: list[Grid] = []
    for view in views:
        for dim in view.view.dims:
            terms = dim.origin.terms
            ends = [(0, c * (counts[level] - 1)) for level, c in terms]
            low = dim.origin.const + sum(map(min, ends))
            high = dim.origin.const + sum(map(max, ends))
            if not terms or (low >= 0 and high + dim.size <= dim.extent):
                continue
            origin = _affine(dim.origin, counts)
            first = np.maximum(0, -origin)
            count = np.maximum(0, np.minimum(dim.size, dim.extent - origin) - first)
            parts.append(first * (dim.size + 1) + count)
    return parts


def _reductions(step: Step) -> list[Grid]:
    """Where a convolution starts and where it finishes its sums."""
    if "reduce" not in step.instruction.operands:
        return []
    starts = np.ones((1,) * len(step.counts), np.bool_)
    finishes = starts
    for level in step.instruction.levels("reduce"):
        counter = _counter(level, step.counts)
        starts = starts & (counter == 0)
        finishes = finishes & (counter == step.counts[level] - 1)
    return [starts + 2 * finishes.astype(np.int64)]
