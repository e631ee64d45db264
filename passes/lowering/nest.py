"""Tile loops: builds a nest and puts every step at the innermost loop that it depends on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.builder import Builder
from xdsl.dialects.builtin import (
    UNKNOWN_LOC,
    AffineMapAttr,
    DenseArrayBase,
    IndexType,
    LocationAttr,
    UnknownLoc,
    i64,
)
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineExpr, AffineMap
from xdsl.rewriter import InsertPoint

from ...dialects import schedule

Position = tuple[int, Mapping[str, int]]
"""A coordinate: a constant and the step along each loop axis."""

HERE: Position = (0, {})
"""The coordinate 0 in every iteration."""


@dataclass(frozen=True)
class Access:
    """Where a tile lies in a tensor seen with `extents` and `strides` (in elements)."""

    positions: Sequence[Position]
    extents: Sequence[int]
    strides: Sequence[int]


def ints(values: Sequence[int]) -> DenseArrayBase[Any]:
    """An array attribute of 64-bit integers."""
    return DenseArrayBase.from_list(i64, list(values))


@dataclass(frozen=True)
class Place:
    """A point in a nest: where to build, and the counters of the open loops by axis.

    The counter of an axis counts from its number in `first` on, from 0 where it has none.
    """

    builder: Builder
    counters: Mapping[str, SSAValue]
    first: Mapping[str, int] = field(default_factory=dict[str, int])

    def origin(self, positions: Sequence[Position]) -> tuple[AffineMapAttr, list[SSAValue]]:
        """The affine map of a tile's position, and the counters that it takes."""
        axes = [axis for axis in self.counters if any(axis in steps for _, steps in positions)]
        results: list[AffineExpr] = []
        for start, steps in positions:
            const = start + sum(steps.get(axis, 0) * number for axis, number in self.first.items())
            expression = AffineExpr.constant(const)
            for index, axis in enumerate(axes):
                if step := steps.get(axis, 0):
                    term = AffineExpr.dimension(index) * step
                    expression = term if expression == AffineExpr.constant(0) else term + expression
            results.append(expression)
        origin = AffineMapAttr(AffineMap(len(axes), 0, tuple(results)))
        return origin, [self.counters[axis] for axis in axes]


Build = Callable[[Place], None]
_Step = tuple[int, Build, LocationAttr]


class Nest:
    """The loops of a layer, outermost first, as (axis, trips); trips are more than one.

    `first` has the number of the first iteration along axes of which the nest is only a part.

    Loads are built before the inner loops, at the innermost loop among their axes; results
    (computing and storing steps) after them. Steps are built for the layer at `location`.
    """

    def __init__(
        self,
        builder: Builder,
        loops: Iterable[tuple[str, int]],
        first: Mapping[str, int] | None = None,
    ):
        self._start = Place(builder, {}, first or {})
        self._loops = list(loops)
        self._loads: list[_Step] = []
        self._results: list[_Step] = []
        self.location: LocationAttr = UNKNOWN_LOC

    def _depth(self, axes: Iterable[str]) -> int:
        wanted = set(axes)
        levels = [level for level, (axis, _) in enumerate(self._loops, 1) if axis in wanted]
        return max(levels, default=0)

    def load(self, axes: Iterable[str], build: Build) -> None:
        """Build a step before the loops inside the innermost of `axes`."""
        self._loads.append((self._depth(axes), build, self.location))

    def result(self, axes: Iterable[str], build: Build) -> None:
        """Build a step after the loops inside the innermost of `axes`."""
        self._results.append((self._depth(axes), build, self.location))

    def emit(self) -> None:
        """Build the loops and all steps."""
        self._emit(0, self._start)

    def _emit(self, depth: int, place: Place) -> None:
        self._build(self._loads, depth, place)
        if depth < len(self._loops):
            axis, trips = self._loops[depth]
            body = Block(arg_types=[IndexType()])
            inner = Builder(InsertPoint.at_end(body))
            counters = {**place.counters, axis: body.args[0]}
            self._emit(depth + 1, Place(inner, counters, place.first))
            inner.insert(schedule.YieldOp())
            place.builder.insert(schedule.ForOp(trips, (), Region(body)))
        self._build(self._results, depth, place)

    def _build(self, steps: Sequence[_Step], depth: int, place: Place) -> None:
        """Build the steps of one depth."""
        block = place.builder.insertion_point.block
        for level, build, location in steps:
            if level == depth:
                before = block.last_op
                build(place)
                locate(block, before, location)


def locate(block: Block, before: Operation | None, location: LocationAttr) -> None:
    """Give what was built after `before`, at the end of `block`, a location where it has none."""
    built = block.last_op
    while built is not None and built is not before:
        for op in built.walk():
            if isinstance(op.location, UnknownLoc):
                op.location = location
        built = built.prev_op
