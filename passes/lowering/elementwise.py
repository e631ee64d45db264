"""Everything that maps element to element: vector work and data movement of any order.

One nest serves them all. Its iteration box has up to six dimensions; every tensor that it touches
is seen through a `Side`: where the box starts in each dimension, the extents and the strides.
Reshapes and transposes are strides that differ between the sides, padding a negative start,
concatenation a positive one, broadcasting a stride of 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

from xdsl.ir import SSAValue

from ...dialects.isa_operands import MAX_DIMS, ElementType
from ...dialects.layout import logical_strides, memory_axes, row_elements
from ...dialects.nn_types import shape_of
from ...dialects.schedule import PARAMETER_BYTES, TensorType
from ...errors import LayerError
from ...machines.model import Operand
from .budget import Needs, cut
from .nest import HERE, Access, Nest, Place, Position
from .parts import container_of, stored_shape, strides_of
from .state import Lowering
from .tiles import Tiles

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


def flat_side(tensor: SSAValue, element: ElementType) -> Side:
    """A whole tensor as one row, padding included: all elements are alike."""
    assert isinstance(tensor.type, TensorType)
    count = tensor.type.byte_size * 8 // element.bits
    return Side(tensor, element, (0,), (count,), (1,))


def axes_side(
    tensor: SSAValue,
    element: ElementType,
    shape: Sequence[int],
    axes: Sequence[int],
    starts: Sequence[int] | None = None,
    pad: int = 0,
    strides: Sequence[int] | None = None,
) -> Side:
    """A tensor of logical `shape` along its `axes`, seen from `starts` (by logical axis) on.

    It is dense, unless it has `strides` (by logical axis) of its own.
    """
    strides = strides or logical_strides(shape, element.bits)
    return Side(
        tensor,
        element,
        [starts[axis] if starts else 0 for axis in axes],
        [shape[axis] for axis in axes],
        [strides[axis] for axis in axes],
        pad,
    )


def value_side(
    tensor: SSAValue,
    value: SSAValue,
    axes: Sequence[int] | None = None,
    starts: Sequence[int] | None = None,
    pad: int = 0,
    element: ElementType | None = None,
) -> Side:
    """The tensor that holds a value, with elements of its own or wider ones, as `axes_side`.

    Along its axes in memory, where no others are given.
    """
    shape, element = shape_of(value), element or container_of(value)
    axes = memory_axes(len(shape)) if axes is None else axes
    strides = strides_of(value, element)
    return axes_side(tensor, element, shape, axes, starts, pad, strides)


def broadcast_side(tensor: SSAValue, value: SSAValue, to: Sequence[int]) -> Side:
    """The tensor that holds a value, repeated over the memory axes of a tensor of shape `to`."""
    shape, element = stored_shape(value), container_of(value)
    own = zip(shape, strides_of(value), strict=True)
    steps = [0] * (len(to) - len(shape)) + [0 if size == 1 else stride for size, stride in own]
    axes = memory_axes(len(to))
    extents, strides = [to[axis] for axis in axes], [steps[axis] for axis in axes]
    return Side(tensor, element, [0] * len(axes), extents, strides)


def map_nest(
    state: Lowering,
    name: str,
    box: Sequence[int],
    sources: Sequence[Side],
    target: Side,
    compute: Compute | None = None,
    words: SSAValue | None = None,
    held: int = 0,
) -> None:
    """Build the nest over `box` of the layer `name`.

    Without `compute` the one source is stored as it is loaded. `words`, if given, is a constant
    [channels, 3] of parameters, whose tile of the last dimension is the last input buffer. `held`
    is the bytes that `compute` has in the memory of weights already.
    """
    if len(box) > MAX_DIMS:
        reason = f"moving it takes {len(box)} dimensions, views have {MAX_DIMS}"
        raise LayerError({name: reason})
    ends = [start + size for start, size in zip(target.starts, box, strict=True)]
    target = replace(target, extents=ends)
    sides = [*sources, target]
    assert storable(target.element, target.strides, target.starts[-1:]) == target.element, name
    step = max(max(1, 8 // side.element.bits) for side in sides)

    def needs(tile: Sequence[int]) -> Needs:
        needs: list[tuple[Operand, int]] = [
            ("O" if side is target else "I", _tile_bytes(tile, side.element))
            for side in (sides if compute else sources)
            if not state.on_chip(side.tensor)
        ]
        return [*needs, ("W", PARAMETER_BYTES * tile[-1] if words else held)]

    tile = cut(state.machine, box, [*([1] * (len(box) - 1)), step], needs, name, state.overlap)
    loops = [
        (str(axis), -(-size // part))
        for axis, (size, part) in enumerate(zip(box, tile, strict=True))
        if size > part
    ]
    nest, axes = Nest(state.builder, loops), [axis for axis, _ in loops]
    inputs = [_tiles(state, side, tile).loaded(nest, axes) for side in sources]
    result = _tiles(state, target, tile)
    output = result.written() if compute else inputs[0]
    if words:
        last = str(len(box) - 1)
        parameters = state.buffer("W", (tile[-1], 3), ElementType.I32)
        access = Access([(0, {last: tile[-1]}), HERE], (box[-1], 3), (3, 1))
        nest.load([last], lambda at: state.load(at, "W", words, parameters, access))
        inputs.append(lambda _: parameters)
    if compute:
        within = _within(box, tile)
        nest.result(axes, lambda at: compute(at, output(at), [each(at) for each in inputs], within))
    result.stored(nest, axes, output)
    nest.emit()


def _tiles(state: Lowering, side: Side, tile: Sequence[int]) -> Tiles:
    return Tiles(state, side.tensor, tile, side.element, _at(side, tile), side.pad)


def byte_wide(element: ElementType) -> ElementType:
    """The elements of at least a byte that hold the same integers as `element`."""
    return ElementType.of(max(8, element.bits), element.signed)


def storable(
    element: ElementType, strides: Sequence[int], starts: Sequence[int] = (0,)
) -> ElementType:
    """The elements in which rows at these distances can be stored: `element`, or byte-wide ones.

    Stores write whole bytes, so rows of sub-byte elements must be dense and lie at whole bytes.
    `strides` of the dimensions and `starts` of the rows count elements of type `element`.
    """
    per_byte = 8 // element.bits
    *outer, inner = strides
    if per_byte > 1 and (inner != 1 or any(place % per_byte for place in (*outer, *starts))):
        return byte_wide(element)
    return element


def _tile_bytes(tile: Sequence[int], element: ElementType) -> int:
    row = row_elements(tile[-1], element.bits)
    return prod(tile[:-1]) * row * element.bits // 8


def _at(side: Side, tile: Sequence[int]) -> Access:
    positions: list[Position] = [
        (start, {str(axis): size})
        for axis, (start, size) in enumerate(zip(side.starts, tile, strict=True))
    ]
    return Access(positions, side.extents, side.strides)


def _within(box: Sequence[int], tile: Sequence[int]) -> Access:
    positions: list[Position] = [(0, {str(axis): size}) for axis, size in enumerate(tile)]
    return Access(positions, box, ())
