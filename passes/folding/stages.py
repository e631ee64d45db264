"""Layers in stages: consecutive ones on each array class, so that images follow each other.

Every array class, in the order of the machine's file, gets the layers from where the one before it
ends, or none. An image then takes the sum of all stages, and images follow each other by the
longest one, which is made as short as can be, and among those the sum (dynamic programming over
the first layer of the last stage):

    V_a(j) = min over i <= j of max(V_(a-1)(i), cost of the layers i ... j-1 on array a).

A layer costs its cycles and its latency in the cheapest configuration of its array. Where a stage's
layers are known, their configurations are chosen together, with the switches between them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...costmodel.integers import IntArray
from ...errors import TilefoldError
from .choice import NEVER, all_together
from .groups import Schedule
from .space import Space

ILLEGAL = 1 << 40
"""What a layer is taken to cost on an array that cannot run it: more than any network, and little
enough for sums over all layers."""


def in_stages(space: Space, frames: int, frame: Sequence[int], place: Sequence[int]) -> Schedule:
    """The schedule of `frames` images, one behind the other.

    Of each layer [layers] its `frame` and its `place` in it. Raises TilefoldError where a layer
    cannot run on an array at or after that of the layers before it.
    """
    layers, places = np.array(frame), np.array(place)
    first = np.flatnonzero(layers == 0)
    one = _rows(space, first[np.argsort(places[first])])
    costs = stage_costs(one)
    stages = partition(costs)
    columns = np.zeros(len(one.works), np.int64)
    for number, (start, end) in enumerate(stages):
        if start == end:
            continue
        array = space.machine.arrays[number].name
        refused = np.flatnonzero(costs[start:end, number] >= ILLEGAL)
        if len(refused):
            name = one.works[start + int(refused[0])].name
            raise TilefoldError(
                f"{name}: the arrays cannot take the layers in the order of the machine's file, "
                f"each a part of them; @{array} does not run this one"
            )
        own = _columns_of(space, array)
        columns[start:end] = own[all_together(_rows(one, np.arange(start, end)).take(own))]
    every = np.arange(len(columns))
    taken = one.cycles[every, columns] + one.latency[every, columns]
    offsets = np.concatenate([[0], taken.cumsum()])
    interval = max(int(taken[start:end].sum()) for start, end in stages)
    starts = layers * interval + offsets[places]
    chosen = tuple(space.columns[int(columns[each])] for each in places)
    total = int(offsets[-1]) + (frames - 1) * interval
    return Schedule(chosen, tuple(map(int, starts)), total)


def stage_costs(space: Space) -> IntArray:
    """What each layer costs on each array class [layers, arrays]; `ILLEGAL` where it cannot run."""
    cost = np.where(space.legal, space.cycles + space.latency, NEVER)
    by_array = [
        cost[:, _columns_of(space, array.name)].min(axis=1, initial=NEVER)
        for array in space.machine.arrays
    ]
    return np.minimum(np.stack(by_array, axis=1), ILLEGAL)


def partition(costs: IntArray) -> list[tuple[int, int]]:
    """The first layer of each stage and the one after its last, of `costs` [layers, arrays]."""
    layers, arrays = costs.shape
    sums = np.concatenate([np.zeros((1, arrays), np.int64), costs.cumsum(axis=0)])
    longest, total = np.full((2, layers + 1), NEVER, np.int64)
    longest[0] = total[0] = 0
    begins: list[IntArray] = []
    backwards = np.tril(np.ones((layers + 1, layers + 1), bool))
    for array in range(arrays):
        own = sums[:, array]
        stage = np.where(backwards, own[:, None] - own, NEVER)
        long = np.maximum(longest, stage)
        whole = np.minimum(total + stage, NEVER)
        least = long.min(axis=1)
        begin = np.where(long == least[:, None], whole, 2 * NEVER).argmin(axis=1)
        begins.append(begin)
        longest, total = least, whole[np.arange(layers + 1), begin]
    end, stages = layers, list[tuple[int, int]]()
    for begin in reversed(begins):
        stages.append((int(begin[end]), end))
        end = int(begin[end])
    return stages[::-1]


def _columns_of(space: Space, array: str) -> IntArray:
    return np.array([n for n, each in enumerate(space.columns) if each.array == array], np.int64)


def _rows(space: Space, rows: IntArray) -> Space:
    return replace(
        space,
        works=tuple(space.works[int(row)] for row in rows),
        cycles=space.cycles[rows],
        latency=space.latency[rows],
        legal=space.legal[rows],
    )
