"""Batches of temporal mappings: orders of loops, and where each memory's loops end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...errors import TilefoldError
from .layer import Floats, Ints, Operand, extent_of
from .unrolling import Placement, Unrolling

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Mappings:
    """B mappings of one layer, unrolled in one way, as arrays.

    `dims` [B, N] numbers the loops as `Layer.order` does, from the innermost outwards, and `sizes`
    [B, N] are their iterations; shorter nests end with loops of dimension -1 and size 1.
    `ends[name]` [B, levels] says of each operand how many of these loops its memories hold, those
    of lower levels included; the last level holds all. Operands need not end at the same loops.
    """

    unrolling: Unrolling
    dims: Ints
    sizes: Ints
    ends: Mapping[str, Ints]

    @classmethod
    def checked(
        cls, unrolling: Unrolling, dims: Ints, sizes: Ints, ends: Mapping[str, Ints]
    ) -> Self:
        """The same, as long as loops make up the layer and levels are in order.

        Raises TilefoldError naming the loop or the operand that is wrong.
        """
        order, temporal = unrolling.layer.order, unrolling.temporal
        if dims.shape != sizes.shape or dims.ndim != 2:
            raise TilefoldError("loops' dimensions and sizes differ in shape")
        if dims.size and (dims.min() < -1 or dims.max() >= len(order)):
            raise TilefoldError(f"loops are numbered from 0 to {len(order) - 1}, none is -1")
        for place, dim in enumerate(order):
            done, steps = np.where(dims == place, sizes, 1).prod(axis=1), temporal.get(dim, 1)
            if (done != steps).any():
                raise TilefoldError(
                    f"layer '{unrolling.layer.name}' has {steps} steps of loop {dim}, "
                    f"not {int(done[done != steps][0])}"
                )
        for operand in unrolling.layer.operands:
            levels = len(unrolling.architecture.levels(operand.memory))
            held = ends.get(operand.name)
            if held is None or held.shape != (len(dims), levels):
                raise TilefoldError(f"operand {operand.name} has {levels} levels of memory")
            own = np.diff(held, axis=1, prepend=0)
            if (own < 0).any() or (held[:, -1] != dims.shape[1]).any():
                raise TilefoldError(f"levels of {operand.name} do not hold all loops in order")
        return cls(unrolling, dims, sizes, ends)

    def __len__(self) -> int:
        return len(self.dims)

    def take(self, which: Ints | Bools | slice) -> "Mappings":
        """Some of the mappings."""
        ends = {name: held[which] for name, held in self.ends.items()}
        return Mappings(self.unrolling, self.dims[which], self.sizes[which], ends)

    @cached_property
    def iterations(self) -> Ints:
        """[B, N + 1]: the product of the innermost n loops."""
        return prefix_products(self.sizes)

    def reached(self, dim: str) -> Ints:
        """[B, N + 1]: how far the innermost n loops get in a dimension."""
        known = self._reached
        if dim not in known:
            place = self.unrolling.layer.order.index(dim)
            known[dim] = prefix_products(np.where(self.dims == place, self.sizes, 1))
        return known[dim]

    @cached_property
    def _reached(self) -> dict[str, Ints]:
        return {}


def joined(batches: Sequence[Mappings]) -> Mappings:
    """Batches of one layer's mappings, which have as many loops, as one batch."""
    return Mappings(
        batches[0].unrolling,
        np.concatenate([batch.dims for batch in batches]),
        np.concatenate([batch.sizes for batch in batches]),
        {name: np.concatenate([b.ends[name] for b in batches]) for name in batches[0].ends},
    )


def prefix_products(factors: Ints) -> Ints:
    """[B, N + 1]: products of the first n of each row."""
    result = np.ones((len(factors), factors.shape[1] + 1), np.int64)
    np.multiply.accumulate(factors, axis=1, out=result[:, 1:])
    return result


@dataclass(frozen=True)
class Levels:
    """What the levels of one operand hold, [B, levels + 1] each; level 0 is a multiplier.

    Loops that an operand does not depend on are free where they are innermost in a level: the level
    below keeps its tile for all of their iterations. They are counted there, so that `ends` are
    further out than those of the mapping. `starts` is where a level's own loops begin.
    """

    starts: Ints
    ends: Ints
    cycles: Ints
    """Cycles until the level's tile is replaced. For level 0 of inputs those that the multipliers'
    elements stay; sums move each cycle."""
    top_relevant: Ints
    """The iterations of the outermost loops of a level which each use a part of its tile once."""
    top_irrelevant: Ints
    """The iterations of the outermost loops of a level which reuse its tile."""


def at(prefix: Ints, places: Ints) -> Ints:
    """[B, L]: the entries of [B, N + 1] at these places of each row."""
    offset = np.arange(len(prefix), dtype=np.int64)[:, None] * prefix.shape[1]
    return prefix.reshape(-1)[places + offset]


def levels_of(mappings: Mappings, operand: Operand) -> Levels:
    """The levels of an operand."""
    relevant, irrelevant = mappings.unrolling.layer.relevance(operand)
    count, depth = mappings.dims.shape
    is_relevant, is_free = relevant[mappings.dims], irrelevant[mappings.dims]
    iterations = mappings.iterations
    places = np.arange(depth, dtype=np.int64)

    ahead = np.full((count, depth + 1), depth, np.int64)
    ahead[:, :-1] = np.where(is_free, depth, places)
    ahead = np.minimum.accumulate(ahead[:, ::-1], axis=1)[:, ::-1]
    inner = np.zeros((count, 1), np.int64)
    moved = at(ahead, np.concatenate([inner, mappings.ends[operand.name]], axis=1))
    stationary = at(iterations, moved[:, :1])
    ends = moved.copy()
    ends[:, 0] = 0
    starts = np.concatenate([inner, inner, ends[:, 1:-1]], axis=1)
    cycles = at(iterations, ends)
    cycles[:, :1] = 1 if operand.is_output else stationary

    def run(kind: Bools) -> Ints:
        """Iterations of the loops of that kind that end a level without another between."""
        before = np.zeros((count, depth + 1), np.int64)
        before[:, 1:] = np.where(kind, 0, places + 1)
        before = np.maximum.accumulate(before, axis=1)
        begin = np.maximum(at(before, ends), starts)
        return at(iterations, ends) // at(iterations, begin)

    return Levels(starts, ends, cycles, run(is_relevant), run(is_free))


def tile_elements(mappings: Mappings, placement: Placement, ends: Ints) -> Ints:
    """[B, levels + 1]: the elements that one instance of each level holds, rounded."""
    factors = {
        dim: np.array([below.get(dim, 1.0) for below in placement.below[:-1]], np.float64)
        for dim in mappings.unrolling.layer.order
    }

    def size(dim: str) -> Floats:
        return at(mappings.reached(dim), ends).astype(np.float64) * factors[dim]

    return np.rint(extent_of(placement.operand, size)).astype(np.int64)
