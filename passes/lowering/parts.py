"""How values of a network lie in memory, and which of them are part of another one there."""

from math import prod

from xdsl.ir import SSAValue

from ...dialects import nn
from ...dialects.isa_operands import ElementType
from ...dialects.layout import logical_strides, memory_axes, memory_form
from ...dialects.nn_types import element_of, shape_of
from ...dialects.schedule import TensorType
from ...errors import TilefoldError

GIVEN = (
    nn.ConstantOp,
    nn.QuantizeOp,
    nn.DequantizeOp,
    nn.ReshapeOp,
    nn.TransposeOp,
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

    TilefoldError naming the layer or port `name` where it is a batch of several images.
    """
    shape = stored_shape(value)
    if len(shape) == 4 and shape[0] != 1:
        raise TilefoldError(f"{name}: has batch {shape[0]}; only batch 1 is supported")
    return TensorType(memory_form(shape), container_of(value))


def begins_at(value: SSAValue, axis: int, start: int) -> int | None:
    """The byte at which what of a value lies from `start` on along `axis` begins.

    None where that is no run of whole bytes in memory: where `axis` is not the outermost one.
    """
    shape, bits = shape_of(value), container_of(value).bits
    axes = memory_axes(len(shape))
    if axis not in axes:
        return None
    outer = prod(shape[other] for other in axes[: axes.index(axis)])
    before = start * logical_strides(shape, bits)[axis] * bits
    return before // 8 if outer == 1 and before % 8 == 0 else None


def place_in_slice(op: nn.SliceOp) -> int | None:
    """The byte of its input at which a slice begins; None where it must be copied."""
    shape, sizes = shape_of(op.input), op.sizes.get_values()
    cut = [axis for axis, size in enumerate(sizes) if size != shape[axis]]
    if not cut:
        return 0
    return begins_at(op.input, cut[0], op.starts.get_values()[cut[0]]) if len(cut) == 1 else None


def place_in_concat(value: SSAValue) -> tuple[nn.ConcatOp, int] | None:
    """The concatenation in whose result a value is made, and the byte at which it begins there.

    That takes one concatenation among its uses, where it comes in once, is not rescaled and is a
    run of whole bytes; and a layer that makes it anew. What only renames another value, and what is
    given from outside, is copied.
    """
    owner = value.owner
    if not isinstance(owner, nn.LayerOp) or isinstance(owner, GIVEN):
        return None
    uses = [use for use in value.uses if isinstance(use.operation, nn.ConcatOp)]
    if len(uses) != 1:
        return None
    concat, index = uses[0].operation, uses[0].index
    assert isinstance(concat, nn.ConcatOp)
    if element_of(value) != element_of(concat.result):
        return None
    axis = concat.axis.value.data
    before = sum(shape_of(other)[axis] for other in concat.inputs[:index])
    offset = begins_at(concat.result, axis, before)
    return None if offset is None else (concat, offset)
