"""Nests of loops: the factors that sizes are cut into, and all their orders."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from ...costmodel.hierarchy.layer import Ints

Factor = tuple[str, int]
"""A loop of a nest: its dimension and its iterations."""


def factors_of(sizes: Mapping[str, int], limit: int | None = None) -> tuple[Factor, ...]:
    """The prime factors of all sizes, merged until there are at most `limit`, one for each loop.

    As ZigZag does it (lpf_limit), so that the same nests are among those that are searched: the
    first dimension of most factors has its two smallest merged.
    """
    parts = {dim: _primes(size) for dim, size in sizes.items() if size > 1}
    while limit is not None and sum(map(len, parts.values())) > max(limit, len(parts)):
        longest = max(parts, key=lambda dim: len(parts[dim]))
        first, second, *rest = parts[longest]
        parts[longest] = sorted([*rest, first * second])
    return tuple((dim, factor) for dim, factors in parts.items() for factor in factors)


def _primes(size: int) -> list[int]:
    """The prime factors of a size, with repetition, from the smallest."""
    found: list[int] = []
    divisor = 2
    while divisor * divisor <= size:
        if size % divisor:
            divisor += 1
        else:
            found.append(divisor)
            size //= divisor
    return [*found, size] if size > 1 else found


def count_orders(factors: Sequence[Factor]) -> int:
    """How many orders there are that differ."""
    total = 1
    for place, _ in enumerate(factors):
        total *= place + 1
    for times in Counter(factors).values():
        for place in range(times):
            total //= place + 1
    return total


def all_orders(factors: Sequence[Factor], names: Sequence[str]) -> tuple[Ints, Ints]:
    """Dimensions, as numbered by `names`, and sizes, [B, N] each, of all orders that differ.

    Equal factors are not told apart, so no nest comes twice.
    """
    kinds = sorted(Counter(factors).items(), key=lambda item: (names.index(item[0][0]), item[0][1]))
    left = np.array([[times for _, times in kinds]], np.int64)
    chosen = np.empty((1, 0), np.int64)
    for _ in factors:
        rows, kind = np.nonzero(left)
        chosen = np.concatenate([chosen[rows], kind[:, None]], axis=1)
        left = left[rows]
        left[np.arange(len(rows)), kind] -= 1
    dims = np.array([names.index(dim) for (dim, _), _ in kinds], np.int64)
    sizes = np.array([size for (_, size), _ in kinds], np.int64)
    return dims[chosen], sizes[chosen]
