"""Vector work: additions, products, tables and requantisation, element by element."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, SSAValue

from ...dialects import nn, schedule
from ...dialects.layout import memory_axes
from ...dialects.location import name_of
from ...dialects.nn_types import element_of, shape_of
from ...interpreters import kernels
from .elementwise import (
    Side,
    broadcast_side,
    flat_side,
    map_nest,
    storable,
    value_side,
)
from .nest import Access, Place, ints
from .parts import container_of, is_dense, strides_of
from .state import Lowering, int64, real
from .tables import looked_up, stored
from .weights import parameters


def lower_lut(state: Lowering, op: nn.LutOp) -> None:
    """A table look-up of a whole tensor."""
    source, target = _alike(state, [op.input], op.result)
    looked_up(state, op, target.extents, source[0], target, op.entries)


def _alike(
    state: Lowering, values: Sequence[SSAValue], result: SSAValue
) -> tuple[list[Side], Side]:
    """The sides of operands and result of one shape: flat, unless their rows lie apart."""
    every = [*values, result]
    tensors = [*(state.tensor(value) for value in values), state.result(result)]
    sides = [flat_side(t, container_of(v)) for t, v in zip(tensors, every, strict=True)]
    if not all(map(is_dense, every)) or any(s.extents != sides[0].extents for s in sides):
        sides = [value_side(t, v) for t, v in zip(tensors, every, strict=True)]
    return sides[:-1], sides[-1]


def lower_binary(state: Lowering, op: nn.BinaryOp) -> None:
    """An operation on pairs of elements, the right tensor broadcast where it is smaller."""
    shape = shape_of(op.result)
    if shape_of(op.rhs) == shape:
        sources, result = _alike(state, [op.lhs, op.rhs], op.result)
    else:
        sources = [broadcast_side(state.tensor(value), value, shape) for value in (op.lhs, op.rhs)]
        result = value_side(state.result(op.result), op.result)

    def compute(at: Place, out: SSAValue, ins: Sequence[SSAValue], access: Access) -> None:
        binary_step(state, op, at, out, ins, access)

    map_nest(state, name_of(op), result.extents, sources, result, compute)


def binary_step(
    state: Lowering,
    op: nn.BinaryOp,
    at: Place,
    out: SSAValue,
    ins: Sequence[SSAValue],
    access: Access,
) -> None:
    """Build the step that computes a tile of `op`, `ins` in the order of its operands."""
    origin, indices = at.origin(access.positions)
    lo, hi = op.bounds
    properties: dict[str, Attribute] = {
        "unit": StringAttr(state.vector_unit(op)),
        "origin": origin,
        "extents": ints(access.extents),
        **(_mul_numbers(op) if isinstance(op, nn.MulOp) else _add_numbers(op)),
        "lo": int64(lo),
        "hi": int64(hi),
    }
    if isinstance(op, nn.MulOp):
        at.builder.insert(schedule.MulOp(operands=[out, *ins, indices], properties=properties))
    else:
        # onnxruntime adds the right operand first, and the order of the two roundings matters.
        operands = [out, *reversed(ins), indices]
        at.builder.insert(schedule.AddOp(operands=operands, properties=properties))


def _add_numbers(op: nn.BinaryOp) -> dict[str, Attribute]:
    a, b, c = element_of(op.lhs), element_of(op.rhs), element_of(op.result)
    ra, rb, fix = kernels.add_parameters(
        a.scale, a.zero_point, b.scale, b.zero_point, c.scale, c.zero_point
    )
    return {"ra": real(rb), "rb": real(ra), "fix": real(fix)}


def _mul_numbers(op: nn.MulOp) -> dict[str, Attribute]:
    a, b, c = element_of(op.lhs), element_of(op.rhs), element_of(op.result)
    return {
        "a_zero": int64(a.zero_point),
        "b_zero": int64(b.zero_point),
        "m": real(kernels.multiplier(a.scale, b.scale, c.scale)),
        "dst_zero": int64(c.zero_point),
    }


def lower_requantize(state: Lowering, op: nn.RequantizeOp) -> None:
    """Accumulators to quantised values, each channel by its own multiplier."""
    shape = shape_of(op.input)
    source, target = element_of(op.input), element_of(op.result)
    axes = memory_axes(len(shape))
    if source.axis is not None:
        axes = (*(axis for axis in axes if axis != source.axis), source.axis)
    channels = shape[axes[-1]]
    scales = np.broadcast_to(source.scales(state.store), (channels,))
    zeros = np.zeros(channels, np.int32)
    words = state.words(name_of(op), parameters(zeros, scales / target.scale, zeros))
    lo, hi = op.bounds

    def compute(at: Place, out: SSAValue, ins: Sequence[SSAValue], access: Access) -> None:
        origin, indices = at.origin(access.positions)
        at.builder.insert(
            schedule.RequantizeOp(
                operands=[out, *ins, indices],
                properties={
                    "unit": StringAttr(state.vector_unit(op)),
                    "origin": origin,
                    "extents": ints(access.extents),
                    "src_zero": int64(0 if source.is_accumulator else source.zero_point),
                    "dst_zero": int64(target.zero_point),
                    "lo": int64(lo),
                    "hi": int64(hi),
                },
            )
        )

    side = value_side(state.tensor(op.input), op.input, axes)
    element, strides = container_of(op.result), strides_of(op.result)
    element = storable(element, [strides[axis] for axis in axes])
    with stored(state, op, element) as tensor:
        result = value_side(tensor, op.result, axes, element=element)
        map_nest(state, name_of(op), result.extents, [side], result, compute, words)
