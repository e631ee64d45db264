"""Pareto fronts: which of many points no other one is better than in everything.

A point is dominated where another one is nowhere worse and somewhere better. Points that are equal
in all costs do not dominate each other, so a front has all of them or none.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .space import IntArray

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_LEAF: Final = 64
"""Rows that are compared each with each."""
_PAIRS: Final = 1 << 20
"""Pairs of rows that are compared at a time."""


def non_dominated(costs: FloatArray) -> BoolArray:
    """Which rows of `costs` [n, objectives], all to be minimised, no other row dominates: [n].

    By divide and conquer, after H. T. Kung, F. Luccio and F. P. Preparata, On finding the maxima of
    a set of vectors, J. ACM 22(4), 1975: O(n log² n) with three objectives. Raises ValueError for
    costs that are not numbers.
    """
    if np.isnan(costs).any():
        raise ValueError("costs are not numbers")
    if not costs.size:
        return np.ones(len(costs), np.bool_)
    order = np.lexsort(costs.T[::-1])
    ranked = costs[order]
    first = np.concatenate([[True], (ranked[1:] != ranked[:-1]).any(axis=1)])
    distinct = ranked[first]
    kept = np.zeros(len(distinct), np.bool_)
    kept[_front(distinct, np.arange(len(distinct)))] = True
    result = np.empty(len(costs), np.bool_)
    result[order] = kept[np.cumsum(first) - 1]
    return result


def distances(costs: FloatArray, front: FloatArray) -> FloatArray:
    """How far `costs` [n, objectives] are from the least of each objective on a front [f,
    objectives]: Euclidean, in costs over their range there [n].

    After M. Zeleny, Compromise programming, 1973.
    """
    low = front.min(axis=0)
    spread = front.max(axis=0) - low
    return np.linalg.norm((costs - low) / np.where(spread > 0, spread, 1.0), axis=1)


def _front(rows: FloatArray, numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Those of `numbers` whose rows are on their front; rows differ and are in lexical order.

    So a row is dominated by earlier ones only, and these need only be no worse.
    """
    if len(numbers) <= _LEAF:
        chosen = rows[numbers]
        no_worse = (chosen[:, None] <= chosen).all(axis=2)
        return numbers[~np.triu(no_worse, 1).any(axis=0)]
    middle = len(numbers) // 2
    early, late = _front(rows, numbers[:middle]), _front(rows, numbers[middle:])
    worse = _exceeded(rows[early, 1:], rows[late, 1:])
    return np.concatenate([early, late[~worse]])


def _exceeded(bounds: FloatArray, rows: FloatArray) -> BoolArray:
    """Which of `rows` [n, k] some row of `bounds` [not 0, k] is nowhere larger than: [n]."""
    if rows.shape[1] == 1:
        return bounds.min() <= rows[:, 0]
    if rows.shape[1] == 2:
        order = np.argsort(bounds[:, 0], kind="stable")
        least = np.concatenate([[np.inf], np.minimum.accumulate(bounds[order, 1])])
        below = np.searchsorted(bounds[order, 0], rows[:, 0], side="right")
        return (least[below] <= rows[:, 1]) & (below > 0)
    result = np.zeros(len(rows), np.bool_)
    step = max(1, _PAIRS // (len(rows) + 1))
    for start in range(0, len(bounds), step):
        rest = np.flatnonzero(~result)
        part = bounds[start : start + step]
        result[rest] = (part[:, None] <= rows[rest]).all(axis=2).any(axis=0)
    return result


class Front:
    """A front that points are added to in any order, with the same end: by number, ascending.

    `points` [f] are numbers, `costs` [f, objectives] theirs. A number that is added again with the
    same costs changes nothing.
    """

    def __init__(self, objectives: int) -> None:
        self.points: IntArray = np.empty(0, np.int64)
        self.costs: FloatArray = np.empty((0, objectives))

    def add(self, points: IntArray, costs: FloatArray) -> None:
        """Take in `points` [n] of `costs` [n, objectives]."""
        numbers, first = np.unique(np.concatenate([self.points, points]), return_index=True)
        every = np.concatenate([self.costs, costs])[first]
        kept = non_dominated(every)
        self.points, self.costs = numbers[kept], every[kept]


class Best:
    """The `most` points of least cost that were added, the lower number first where costs tie."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.points: IntArray = np.empty(0, np.int64)
        self.costs: FloatArray = np.empty(0)

    def add(self, points: IntArray, costs: FloatArray) -> None:
        """Take in `points` [n] of `costs` [n]."""
        numbers, first = np.unique(np.concatenate([self.points, points]), return_index=True)
        every = np.concatenate([self.costs, costs])[first]
        kept = np.argsort(every, kind="stable")[: self._most]
        self.points, self.costs = numbers[kept], every[kept]
