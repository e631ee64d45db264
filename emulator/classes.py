"""The classes of an instruction: its iterations by what clipping leaves of its views.

Costs depend on clipped shapes alone, and loops repeat few of them: most iterations of a tile loop
are alike, edges are not. So footprints and costs are worked out once a class, and a settled loop
repeats itself as long as its classes do.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .memory import ViewPlan
from .tree import Counters, Step

Grid = npt.NDArray[np.int64]
"""Numbers by loop counters: one axis a loop, of length 1 where the loop makes no difference."""


class Classes:
    """The classes of one step.

    `grid` holds the class at all counters, `examples` the first counters of each class.
    """

    def __init__(self, step: Step, views: Sequence[ViewPlan]) -> None:
        self.grid = _labels(step, views)
        self.single = self.grid.size == 1
        self.examples: list[Counters] = [(0,) * len(step.counts)]
        self._flat: list[int] = self.grid.reshape(-1).tolist()
        self._strides: list[tuple[int, int]] = []
        if not self.single:
            first = np.unique(self.grid, return_index=True)[1]
            places = np.array(np.unravel_index(first, self.grid.shape), np.int64)
            self.examples = list(map(tuple, places.T.tolist()))
            strides = (stride // self.grid.itemsize for stride in self.grid.strides)
            self._strides = [
                (level, stride)
                for level, stride in enumerate(strides)
                if self.grid.shape[level] > 1
            ]

    def at(self, counters: Sequence[int]) -> int:
        """The class at the loop `counters`."""
        if self.single:
            return 0
        return self._flat[sum(counters[level] * stride for level, stride in self._strides)]


def _labels(step: Step, views: Sequence[ViewPlan]) -> Grid:
    """Numbers 0.. of distinct clippings at all counters of a step."""
    depth = len(step.counts)
    grid: Grid = np.zeros((1,) * depth, np.int64)
    for part in [*_clippings(views, step.counts), *_reductions(step)]:
        values, labels = np.unique(part, return_inverse=True)
        if values.size > 1:
            joined = grid * values.size + labels.reshape(part.shape)
            grid = np.unique(joined, return_inverse=True)[1].reshape(joined.shape)
    return np.ascontiguousarray(grid)


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
            origin: Grid = np.full((1,) * len(counts), dim.origin.const, np.int64)
            for level, coefficient in terms:
                shape = [1] * len(counts)
                shape[level] = counts[level]
                origin = origin + coefficient * np.arange(counts[level]).reshape(shape)
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
        shape = [1] * len(step.counts)
        shape[level] = step.counts[level]
        counter = np.arange(step.counts[level]).reshape(shape)
        starts = starts & (counter == 0)
        finishes = finishes & (counter == step.counts[level] - 1)
    return [starts + 2 * finishes.astype(np.int64)]
