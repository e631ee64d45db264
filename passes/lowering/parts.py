"""How values of a network lie in memory, and which of them are part of another one there."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.func import ReturnOp
from xdsl.ir import SSAValue

from ...dialects import nn
from ...dialects.isa_operands import ElementType
from ...dialects.layout import logical_strides, memory_axes, memory_form
from ...dialects.nn_types import element_of, shape_of
from ...dialects.schedule import TensorType
from ...errors import LayerError

GIVEN = (
    nn.ConstantOp,
    nn.QuantizeOp,
    nn.DequantizeOp,
    nn.ReshapeOp,
    nn.TransposeOp,
    nn.RearrangeOp,
    nn.SliceOp,
)
"""Layers that make nothing anew."""


def container_of(value: SSAValue) -> ElementType:
    """The container of a quantised tensor's elements in memory."""
    element = element_of(value)
    return ElementType.of(element.container_bits, element.signed)


def stored_shape(value: SSAValue) -> tuple[int, ...]:
    """The logical shape that a value is stored in: its own.

    A constant [n, a, b, c] that is broadcast is no batch of images: it has a leading 1.
    """
    shape = tuple(shape_of(value))
    if isinstance(value.owner, nn.ConstantOp) and len(shape) == 4 and shape[0] != 1:
        return 1, *shape
    return shape


def box_type(value: SSAValue, name: str) -> TensorType:
    """The type of the tensor in DRAM that holds a value of the network.

    LayerError naming the layer or port `name` where it is a batch of several images.
    """
    shape = stored_shape(value)
    if len(shape) == 4 and shape[0] != 1:
        raise LayerError({name: f"has batch {shape[0]}; only batch 1 is supported"})
    return TensorType(memory_form(shape), container_of(value))


@dataclass(frozen=True)
class Part:
    """That a value is part of the `whole`: the byte of it at which it begins, and its strides."""

    whole: SSAValue
    offset: int
    strides: Sequence[int]


def part_of(value: SSAValue) -> Part | None:
    """What a value is part of; None where it has memory of its own."""
    box = _box_of(value)
    if box is None:
        return None
    whole, starts = box
    strides = strides_of(whole)
    offset = _begins_at(whole, strides, starts, shape_of(value))
    return None if offset is None else Part(whole, offset, strides)


def strides_of(value: SSAValue, element: ElementType | None = None) -> Sequence[int]:
    """The distance in memory, in elements, between neighbours of a value along each logical axis.

    Those of the value that it is part of, if it is; or of a tensor of other elements of its own.
    """
    own = container_of(value)
    part = part_of(value) if element in (None, own) else None
    return part.strides if part else _dense_strides(value, element or own)


def is_dense(value: SSAValue) -> bool:
    """Whether a value takes a run of memory of its own."""
    return _is_dense(value, strides_of(value))


def part_type(value: SSAValue, name: str) -> TensorType:
    """The type of the part of a tensor that a value is; a row of elements where it is not dense.

    That reaches from its first element to its last, whatever lies between.
    """
    box = box_type(value, name)
    if is_dense(value):
        return box
    reach = zip(shape_of(value), strides_of(value), strict=True)
    return TensorType((1 + sum((size - 1) * stride for size, stride in reach),), box.element.data)


def place_in_slice(op: nn.SliceOp) -> int | None:
    """The byte of its input at which a slice begins; None where it must be copied."""
    part = part_of(op.result)
    return part.offset if part else None


def place_in_concat(value: SSAValue) -> tuple[nn.ConcatOp, int] | None:
    """The concatenation in whose result a value is made, and the byte at which it begins there."""
    if isinstance(value.owner, nn.SliceOp):
        return None
    part = part_of(value)
    if part is None:
        return None
    assert isinstance(part.whole.owner, nn.ConcatOp)
    return part.whole.owner, part.offset


def _box_of(value: SSAValue) -> tuple[SSAValue, Sequence[int]] | None:
    """The value that another one may be part of, and where in it that starts, by axis.

    A slice is part of its input. What a layer makes anew is part of a concatenation if it goes to
    one alone, once, and is not rescaled. What only renames another value, what is given from
    outside and what goes out is copied.
    """
    owner = value.owner
    if not isinstance(owner, nn.LayerOp) or _goes_out(value):
        return None
    if isinstance(owner, nn.SliceOp):
        return owner.input, owner.starts.get_values()
    uses = [use for use in value.uses if isinstance(use.operation, nn.ConcatOp)]
    if isinstance(owner, GIVEN) or len(uses) != 1:
        return None
    concat, index = uses[0].operation, uses[0].index
    assert isinstance(concat, nn.ConcatOp)
    if element_of(value) != element_of(concat.result):
        return None
    axis, starts = concat.axis.value.data, [0] * len(shape_of(value))
    starts[axis] = sum(shape_of(other)[axis] for other in concat.inputs[:index])
    return concat.result, starts


def _begins_at(
    whole: SSAValue, strides: Sequence[int], starts: Sequence[int], sizes: Sequence[int]
) -> int | None:
    """The byte of a value with `strides` at which the box of `sizes` from `starts` on begins.

    None where it cannot be worked on there: stores write whole bytes, and what is no image is seen
    as a matrix of dense rows, so that smaller elements and other shapes must be runs of bytes.
    """
    bits = container_of(whole).bits
    offset = sum(start * stride for start, stride in zip(starts, strides, strict=True)) * bits
    if offset % 8:
        return None
    images = len(sizes) == 4 and bits >= 8
    return offset // 8 if images or _is_run(whole, strides, sizes) else None


def _is_run(whole: SSAValue, strides: Sequence[int], sizes: Sequence[int]) -> bool:
    """Whether a box of `sizes` in a value is a run of memory: all of it but outermost."""
    shape = shape_of(whole)
    axes = [axis for axis in memory_axes(len(shape)) if shape[axis] > 1]
    return _is_dense(whole, strides) and all(sizes[axis] == shape[axis] for axis in axes[1:])


def _is_dense(value: SSAValue, strides: Sequence[int]) -> bool:
    dense = _dense_strides(value, container_of(value))
    every = zip(stored_shape(value), strides, dense, strict=True)
    return all(own == other for size, own, other in every if size > 1)


def _dense_strides(value: SSAValue, element: ElementType) -> Sequence[int]:
    return logical_strides(stored_shape(value), element.bits)


def _goes_out(value: SSAValue) -> bool:
    return any(isinstance(use.operation, ReturnOp | nn.DequantizeOp) for use in value.uses)
