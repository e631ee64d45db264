"""Stages of layers on many machines at once: `passes.folding.stages`, vectorised."""

import numpy as np

from ...costmodel.integers import IntArray
from ...passes.folding.choice import NEVER


def partitions(costs: IntArray) -> IntArray:
    """The first layer of each stage, and behind them the number of layers [machines, arrays + 1].

    `costs` [machines, layers, arrays] as `passes.folding.stages.partition` takes them.
    """
    machines, layers, arrays = costs.shape
    sums = np.zeros((machines, layers + 1, arrays), np.int64)
    sums[:, 1:] = costs.cumsum(axis=1)
    longest = np.full((machines, layers + 1), NEVER, np.int64)
    longest[:, 0] = 0
    total = longest.copy()
    backwards = np.tril(np.ones((layers + 1, layers + 1), bool))
    begins: list[IntArray] = []
    for array in range(arrays):
        own = sums[:, :, array]
        stage = np.where(backwards, own[:, :, None] - own[:, None, :], NEVER)
        long = np.maximum(longest[:, None, :], stage)
        whole = np.minimum(total[:, None, :] + stage, NEVER)
        least = long.min(axis=2)
        begin = np.where(long == least[:, :, None], whole, 2 * NEVER).argmin(axis=2)
        begins.append(begin)
        longest = least
        total = np.take_along_axis(whole, begin[:, :, None], axis=2)[:, :, 0]
    bounds = np.empty((machines, arrays + 1), np.int64)
    bounds[:, arrays] = layers
    for array in range(arrays - 1, -1, -1):
        bounds[:, array] = begins[array][np.arange(machines), bounds[:, array + 1]]
    return bounds
