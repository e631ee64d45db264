"""Everything that maps element to element: vector work and data movement of any order.

One nest serves them all. Its iteration box has up to six dimensions; every tensor that it touches
is seen through a `Side`: where the box starts in each dimension, the extents and the strides.
Reshapes and transposes are strides that differ between the sides, padding a negative start,
concatenation a positive one, broadcasting a stride of 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from xdsl.ir import Operation, SSAValue

from ...dialects.isa_operands import MAX_DIMS, ElementType
from ...dialects.layout import memory_form, row_elements
from ...dialects.location import name_of
from ...dialects.schedule import TensorType
from ...errors import TilefoldError
from ...machines.model import Operand
from .budget import Needs, cut
from .nest import HERE, Access, Nest, Place, Position
from .shapes import PARAMETER_BYTES
from .state import Lowering

Compute = Callable[[Place, SSAValue, Sequence[SSAValue], Access], None]
"""Builds the computing step from (place, output buffer, input buffers, output access)."""


@dataclass(frozen=True)
class Side:
    """A tensor as the iteration box sees it: start, extent and stride of each dimension."""

    tensor: SSAValue
    element: ElementType
    starts: Sequence[int]
    extents: Sequence[int]
    strides: Sequence[int]
    pad: int = 0


def dense_side(
    tensor: SSAValue, element: ElementType, starts: Sequence[int] = (0, 0, 0), pad: int = 0
) -> Side:
    """A tensor in memory form, seen from `starts` on."""
    assert isinstance(tensor.type, TensorType)
    return Side(tensor, element, starts, tensor.type.sizes, tensor.type.strides, pad)


def flat_side(tensor: SSAValue, element: ElementType) -> Side:
    """A whole tensor as one row, padding included: all elements are alike."""
    assert isinstance(tensor.type, TensorType)
    count = tensor.type.byte_size * 8 // element.bits
    return Side(tensor, element, (0,), (count,), (1,))


def broadcast_side(
    tensor: SSAValue, element: ElementType, shape: Sequence[int], box: Sequence[int]
) -> Side:
    """A tensor of logical `shape` repeated over the memory form `box`."""
    form = memory_form(shape)
    row = row_elements(form[2], element.bits)
    strides = [
        0 if size == 1 else stride
        for size, stride in zip(form, (form[1] * row, row, 1), strict=True)
    ]
    return Side(tensor, element, (0, 0, 0), box, strides)


def map_nest(
    state: Lowering,
    op: Operation,
    box: Sequence[int],
    sources: Sequence[Side],
    target: Side,
    compute: Compute | None = None,
    words: SSAValue | None = None,
) -> None:
    """Build the nest over `box`; without `compute` the one source is stored as it is loaded.

    `words`, if given, is a constant [channels, 3] of parameters, whose tile of the last dimension
    is the last input buffer.
    """
    if len(box) > MAX_DIMS:
        raise TilefoldError(
            f"{name_of(op)}: moving it takes {len(box)} dimensions, views have {MAX_DIMS}"
        )
    ends = [start + size for start, size in zip(target.starts, box, strict=True)]
    target = replace(target, extents=ends)
    sides = [*sources, target]
    step = max(max(1, 8 // side.element.bits) for side in sides)

    def needs(tile: Sequence[int]) -> Needs:
        needs: list[tuple[Operand, int]] = [
            ("O" if side is target else "I", _tile_bytes(tile, side.element))
            for side in (sides if compute else sources)
        ]
        return [*needs, ("W", PARAMETER_BYTES * tile[-1])] if words else needs

    tile = cut(state.machine, box, [*([1] * (len(box) - 1)), step], needs, name_of(op))
    loops = [
        (str(axis), -(-size // part))
        for axis, (size, part) in enumerate(zip(box, tile, strict=True))
        if size > part
    ]
    inputs = [state.buffer("I", tile, side.element) for side in sources]
    output = state.buffer("O", tile, target.element) if compute else inputs[0]
    nest = Nest(state.builder, loops)
    axes = [axis for axis, _ in loops]
    for side, buffer in zip(sources, inputs, strict=True):
        nest.load(axes, _loading(state, side, buffer, tile))
    if words:
        last = str(len(box) - 1)
        inputs.append(state.buffer("W", (tile[-1], 3), ElementType.I32))
        access = Access([(0, {last: tile[-1]}), HERE], (box[-1], 3), (3, 1))
        nest.load([last], lambda at: state.load(at, "W", words, inputs[-1], access))
    if compute:
        nest.result(axes, lambda at: compute(at, output, inputs, _within(box, tile)))
    nest.result(axes, lambda at: state.store_tile(at, output, target.tensor, _at(target, tile)))
    nest.emit()


def _tile_bytes(tile: Sequence[int], element: ElementType) -> int:
    row = row_elements(tile[-1], element.bits)
    return prod(tile[:-1]) * row * element.bits // 8


def _loading(
    state: Lowering, side: Side, buffer: SSAValue, tile: Sequence[int]
) -> Callable[[Place], None]:
    return lambda at: state.load(at, "I", side.tensor, buffer, _at(side, tile), side.pad)


def _at(side: Side, tile: Sequence[int]) -> Access:
    positions: list[Position] = [
        (start, {str(axis): size})
        for axis, (start, size) in enumerate(zip(side.starts, tile, strict=True))
    ]
    return Access(positions, side.extents, side.strides)


def _within(box: Sequence[int], tile: Sequence[int]) -> Access:
    positions: list[Position] = [(0, {str(axis): size}) for axis, size in enumerate(tile)]
    return Access(positions, box, ())
