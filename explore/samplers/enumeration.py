"""Points that depend on no results: all, a random part, or a list."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..pareto import FloatArray
from ..space import IntArray, Space

BATCH: Final = 4096
"""Points of a batch."""

_ROUNDS: Final = 8


class Permutation:
    """A random permutation of 0..size-1 that is computed, not stored.

    A Feistel network over the least even number of bits, applied again to whatever leaves the
    range: J. Black and P. Rogaway, Ciphers with arbitrary finite domains, CT-RSA 2002. The rounds
    mix with the finaliser of SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, Fast splittable
    pseudorandom number generators, OOPSLA 2014).
    """

    def __init__(self, size: int, seed: int) -> None:
        self._size = np.uint64(size)
        self._half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
        self._mask = np.uint64((1 << int(self._half)) - 1)
        self._keys = np.random.SeedSequence(seed).generate_state(_ROUNDS, np.uint64)

    def __call__(self, numbers: IntArray) -> IntArray:
        """Where `numbers` [n] go: [n]."""
        result = self._round_trip(numbers.astype(np.uint64))
        while (outside := np.flatnonzero(result >= self._size)).size:
            result[outside] = self._round_trip(result[outside])
        return result.astype(np.int64)

    def _round_trip(self, numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        left, right = numbers >> self._half, numbers & self._mask
        for key in self._keys:
            left, right = right, left ^ (_mixed(right ^ key) & self._mask)
        return (left << self._half) | right


def _mixed(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


class _Enumeration:
    """Points by their place in a sequence of `total`."""

    adaptive = False

    def __init__(self, total: int) -> None:
        self.total, self._asked = total, 0

    def ask(self) -> IntArray:
        """The next `BATCH` points."""
        start, self._asked = self._asked, min(self._asked + BATCH, self.total)
        return self._at(np.arange(start, self._asked))

    def tell(self, points: IntArray, costs: FloatArray, violation: FloatArray) -> None:
        """Nothing depends on results."""

    def _at(self, numbers: IntArray) -> IntArray:
        return numbers


class Exhaustive(_Enumeration):
    """All points in order."""

    def __init__(self, space: Space) -> None:
        super().__init__(space.size)

    @property
    def settings(self) -> Mapping[str, Any]:
        """There is nothing to set."""
        return {"sampler": "exhaustive"}


class Random(_Enumeration):
    """`points` different points drawn at random, all of them where there are not so many.

    With more points, the first ones are the same.
    """

    def __init__(self, space: Space, points: int, seed: int) -> None:
        super().__init__(min(points, space.size))
        self._permutation, self._seed = Permutation(space.size, seed), seed

    @property
    def settings(self) -> Mapping[str, Any]:
        """The seed; how many points are asked for changes nothing of the first ones."""
        return {"sampler": "random", "seed": self._seed}

    def _at(self, numbers: IntArray) -> IntArray:
        return self._permutation(numbers)


class Listed(_Enumeration):
    """Given points [n], each once, which are named `origin`."""

    def __init__(self, points: IntArray, origin: str) -> None:
        self._points, self._origin = np.unique(points), origin
        super().__init__(len(self._points))

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the points are."""
        return {"sampler": "listed", "origin": self._origin}

    def _at(self, numbers: IntArray) -> IntArray:
        return self._points[numbers]
