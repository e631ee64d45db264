"""Loops that the array unrolls: which positions hold which iterations, seen from each memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil, prod
from typing import Self

from ...errors import TilefoldError
from .architecture import Architecture
from .layer import NOISE, Layer, Operand, extent_of

Loops = Mapping[str, float]
"""Loops and how many of their iterations are done side by side."""


@dataclass(frozen=True)
class Placement:
    """Unrolled loops of one operand, seen from its memories.

    `loops[l]` are those between level l and the level above: level 0 is a multiplier, level l the
    l-th memory of the operand.
    """

    operand: Operand
    loops: tuple[Loops, ...]

    @cached_property
    def below(self) -> tuple[Loops, ...]:
        """Of each level, the loops unrolled anywhere below it."""
        gathered: list[dict[str, float]] = [{}]
        for loops in self.loops:
            reached = dict(gathered[-1])
            for dim, factor in loops.items():
                reached[dim] = reached.get(dim, 1) * factor
            gathered.append(reached)
        return tuple(gathered)

    @cached_property
    def instances(self) -> tuple[int, ...]:
        """Of each level, how many there are side by side."""
        counts = [prod(loops.values()) for loops in self.loops]
        return tuple(round(prod(counts[level:])) for level in range(len(counts)))

    @cached_property
    def spread(self) -> tuple[int, ...]:
        """Of each level, how many below one instance hold different elements; 1 above the last."""
        unique = [
            float(extent_of(self.operand, lambda dim, at=below: at.get(dim, 1.0)))
            for below in self.below
        ]
        ratios = [after / before for before, after in pairwise(unique)]
        return (*(round(ratio) for ratio in ratios[:-1]), 1)


@dataclass(frozen=True)
class Unrolling:
    """The iterations that each axis of the array does side by side, `axes[axis][loop]`.

    A loop whose size is no multiple of the positions takes as few steps as it can, and what the
    last one leaves is spread over all: `factors` are then fractions (accesses and energy, which are
    means), or are rounded down for transfers, whose length is that of one step.
    """

    layer: Layer
    architecture: Architecture
    axes: Mapping[str, Mapping[str, int]]

    def __post_init__(self) -> None:
        for axis, loops in self.axes.items():
            if axis not in self.architecture.axes:
                raise TilefoldError(
                    f"{self.architecture.name} has no axis {axis}, only "
                    f"{', '.join(self.architecture.axes)}"
                )
            if unknown := [dim for dim in loops if dim not in self.layer.dims]:
                raise TilefoldError(f"layer '{self.layer.name}' has no loop {unknown[0]}")
            if any(factor < 1 for factor in loops.values()):
                raise TilefoldError(f"axis {axis} unrolls a loop less than once")
            if prod(loops.values()) > self.architecture.axes[axis]:
                raise TilefoldError(f"axis {axis} unrolls more than its positions")

    @classmethod
    def fitted(
        cls, layer: Layer, architecture: Architecture, axes: Mapping[str, Mapping[str, int]]
    ) -> Self:
        """What is left of `axes` when loops are no longer than the layer's and axes hold them.

        Loops that the layer lacks are dropped. Of loops that together exceed an axis or a loop's
        size the first are dropped until the rest fits.
        """
        fitted: dict[str, dict[str, int]] = {}
        for axis, loops in axes.items():
            positions = architecture.axes.get(axis, 0)
            kept = {
                dim: min(factor, layer.dims[dim], positions)
                for dim, factor in loops.items()
                if dim in layer.dims
            }
            while prod(kept.values()) > positions:
                del kept[next(iter(kept))]
            fitted[axis] = kept
        for dim, size in layer.dims.items():
            users = [axis for axis in fitted if dim in fitted[axis]]
            while prod(fitted[axis][dim] for axis in users) > size:
                del fitted[users.pop(0)][dim]
        return cls(layer, architecture, fitted)

    @cached_property
    def temporal(self) -> dict[str, int]:
        """The steps of each loop that are left to do one after the other, where more than one."""
        left: dict[str, int] = {}
        for dim, size in self.layer.dims.items():
            for loops in self.axes.values():
                size = ceil(size / loops.get(dim, 1))
            left[dim] = size
        return {dim: size for dim, size in left.items() if size > 1}

    @cached_property
    def fractions(self) -> dict[str, dict[str, float]]:
        """The factors of each axis; of a loop on several the largest makes it come out even."""
        result: dict[str, dict[str, float]] = {axis: {} for axis in self.axes}
        for axis, loops in self.axes.items():
            for dim, factor in loops.items():
                exact: float = factor
                largest = max(other.get(dim, 0) for other in self.axes.values())
                first = next(a for a, other in self.axes.items() if other.get(dim) == largest)
                if axis == first:
                    before = 1.0
                    for other in list(self.axes)[: list(self.axes).index(axis)]:
                        before *= result[other].get(dim, 1.0)
                    size = self.layer.dims[dim]
                    exact = size / ceil(size / (factor * before)) / before
                result[axis][dim] = exact
        return result

    @cached_property
    def drain(self) -> int:
        """Cycles until the last results have left along systolic axes."""
        return sum(
            max(ceil(prod(loops.values())) - 1, 0)
            for axis, loops in self.axes.items()
            if axis in self.architecture.systolic
        )

    def placement(self, operand: Operand, *, whole: bool) -> Placement:
        """The loops of each level for an operand, as fractions or rounded down (`whole`)."""
        known = self._placements
        if (operand.name, whole) not in known:
            known[operand.name, whole] = self._place(operand, whole=whole)
        return known[operand.name, whole]

    @cached_property
    def _placements(self) -> dict[tuple[str, bool], Placement]:
        return {}

    def _place(self, operand: Operand, *, whole: bool) -> Placement:
        left = dict(self.fractions)
        levels: list[dict[str, float]] = []
        for memory in self.architecture.hierarchy(operand.memory):
            taken = [axis for axis in left if axis in memory.serves]
            levels.append(_merged([left.pop(axis) for axis in taken], whole=whole))
        levels.append(_merged(list(left.values()), whole=whole))
        return Placement(operand, tuple(levels))


def _merged(axes: list[dict[str, float]], *, whole: bool) -> dict[str, float]:
    """The loops of several axes as one."""
    merged: dict[str, float] = {}
    for loops in axes:
        for dim, factor in loops.items():
            used = float(int(factor + NOISE)) if whole else factor
            merged[dim] = merged.get(dim, 1.0) * used
    return merged
