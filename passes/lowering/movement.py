"""Operations that only move data: reordering, repetition, padding, slices, concatenation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from xdsl.ir import Operation, SSAValue

from ...dialects import nn, schedule
from ...dialects.isa_operands import ElementType
from ...dialects.layout import memory_axes
from ...dialects.location import name_of
from ...dialects.nn_types import element_of, shape_of
from ...interpreters import kernels
from .elementwise import (
    Side,
    axes_side,
    byte_wide,
    flat_side,
    map_nest,
    storable,
    value_side,
)
from .parts import (
    container_of,
    is_dense,
    part_type,
    place_in_concat,
    place_in_slice,
    strides_of,
)
from .state import Lowering, numbers
from .tables import looked_up, moved, stored


@dataclass
class _Run:
    """A dimension of a strided copy."""

    size: int
    source: int
    target: int


def _joined(axes: Sequence[tuple[int, int]]) -> list[list[int]]:
    """[size, stride] of each axis of more than one element, neighbours joined where they can."""
    joined: list[list[int]] = []
    for size, stride in axes:
        if size > 1 and joined and joined[-1][1] == size * stride:
            joined[-1] = [joined[-1][0] * size, stride]
        elif size > 1:
            joined.append([size, stride])
    return joined


def _common_refinement(
    source: Sequence[tuple[int, int]], target: Sequence[tuple[int, int]]
) -> list[_Run] | None:
    """Split two lists of (size, stride), over the same elements in order, into common runs.

    None where they have no common runs.
    """
    runs: list[_Run] = []
    left, right = _joined(source), _joined(target)
    while left and right:
        (a, a_stride), (b, b_stride) = left[-1], right[-1]
        size = min(a, b)
        if a % size or b % size:
            return None
        runs.append(_Run(size, a_stride, b_stride))
        for side in (left, right):
            side[-1] = [side[-1][0] // size, side[-1][1] * size]
            if side[-1][0] == 1:
                side.pop()
    return runs[::-1]


def _merged(runs: Sequence[_Run]) -> list[_Run]:
    """Runs in the order of the target's memory, neighbours joined where both sides allow."""
    merged: list[_Run] = []
    for run in sorted(runs, key=lambda run: -run.target):
        last = merged[-1] if merged else None
        if last and last.source == run.source * run.size and last.target == run.target * run.size:
            merged[-1] = _Run(last.size * run.size, run.source, run.target)
        else:
            merged.append(run)
    if not merged or merged[-1].target > 1:
        # Rows of one element, which padding may have parted.
        merged.append(_Run(1, 1, 1))
    return merged


Reorder = nn.ReshapeOp | nn.TransposeOp | nn.RearrangeOp


def _runs_of(op: Reorder) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(size, stride) of each axis of the result in row-major order, in the source and in itself."""
    source = list(zip(shape_of(op.input), strides_of(op.input), strict=True))
    target = list(zip(shape_of(op.result), strides_of(op.result), strict=True))
    if isinstance(op, nn.RearrangeOp):
        source = _split(source, numbers(op.split))
    if isinstance(op, nn.TransposeOp | nn.RearrangeOp):
        source = [source[axis] for axis in numbers(op.perm)]
    return source, target


def _split(axes: Sequence[tuple[int, int]], sizes: Sequence[int]) -> list[tuple[int, int]]:
    """(size, stride) of each axis when `axes` are cut into those of `sizes`."""
    parts: list[tuple[int, int]] = []
    left = list(axes)
    for size in reversed(sizes):
        while left[-1][0] == 1 and len(left) > 1:
            left.pop()
        whole, stride = left.pop()
        parts.append((size, stride))
        left.append((whole // size, stride * size))
    return parts[::-1]


def moves_nothing(op: Reorder) -> bool:
    """Whether source and result of a layer that reorders are the same in memory."""
    return _in_place(_common_refinement(*_runs_of(op)))


def _in_place(runs: Sequence[_Run] | None) -> bool:
    return runs is not None and all(run.source == run.target for run in runs)


def lower_reorder(state: Lowering, op: Reorder) -> None:
    """Elements in another order: nothing where memory stays the same, else a strided copy."""
    element, shape = container_of(op.input), shape_of(op.input)
    source, target = _runs_of(op)
    runs = _common_refinement(source, target)
    if runs is None or storable(element, [run.target for run in _merged(runs)]) != element:
        # Row-major order in whole bytes can be stored, and has runs in common with any other.
        linear = [(prod(shape), 1)]
        between = state.temporary(schedule.TensorType((prod(shape),), byte_wide(element)))
        _copy(state, op, _common_refinement(source, linear), state.tensor(op.input), between)
        _copy(state, op, _common_refinement(linear, target), between, state.result(op.result))
    elif _in_place(runs) and op.result not in state.tensors:
        state.tensors[op.result] = state.tensor(op.input)
    else:
        _copy(state, op, runs, state.tensor(op.input), state.result(op.result))


def _copy(
    state: Lowering,
    op: Operation,
    unordered: Sequence[_Run] | None,
    source: SSAValue,
    target: SSAValue,
) -> None:
    """Copy all runs."""
    assert unordered is not None, "a reshape's runs"
    runs = _merged(unordered)
    sizes, starts = [run.size for run in runs], [0] * len(runs)

    def side(tensor: SSAValue, strides: Sequence[int]) -> Side:
        return Side(tensor, schedule.box_of(tensor).element_type, starts, sizes, strides)

    source_side = side(source, [run.source for run in runs])
    moved(state, op, sizes, source_side, side(target, [run.target for run in runs]))


def lower_repeat(state: Lowering, op: nn.RepeatOp) -> None:
    """Repetition: a copy whose source stays where it is along the axes of the repeats."""

    def runs(element: ElementType) -> list[_Run]:
        axes = zip(
            shape_of(op.input),
            numbers(op.repeats),
            strides_of(op.input),
            strides_of(op.result, element),
            strict=True,
        )
        every: list[_Run] = []
        for size, times, source, target in axes:
            every += [_Run(size, source, target * times), _Run(times, 0, target)]
        return [run for run in every if run.size > 1]

    element = container_of(op.result)
    element = storable(element, [run.target for run in _merged(runs(element))])
    with stored(state, op, element) as target:
        _copy(state, op, runs(element), state.tensor(op.input), target)


def copy_whole(state: Lowering, name: str, value: SSAValue, target: SSAValue) -> None:
    """Copy the tensor that holds a value to another, dense one."""
    source, element = state.tensor(value), container_of(value)
    if is_dense(value):
        sides = [flat_side(tensor, element) for tensor in (source, target)]
    else:
        shape = shape_of(value)
        axes = memory_axes(len(shape))
        sides = [value_side(source, value), axes_side(target, element, shape, axes)]
    map_nest(state, name, sides[1].extents, sides[:1], sides[1])


def lower_pad(state: Lowering, op: nn.PadOp) -> None:
    """Padding: a copy that starts outside the input."""
    starts, pad = [-start for start in numbers(op.low)], element_of(op.input).zero_point
    source = value_side(state.tensor(op.input), op.input, starts=starts, pad=pad)
    result = value_side(state.result(op.result), op.result)
    map_nest(state, name_of(op), result.extents, [source], result)


def lower_slice(state: Lowering, op: nn.SliceOp) -> None:
    """A slice: part of its input where that can be worked on there, else a copy from within it."""
    offset = place_in_slice(op)
    if offset is not None:
        type = part_type(op.result, name_of(op))
        state.tensors[op.result] = state.part(state.tensor(op.input), offset, type)
        return
    result = value_side(state.result(op.result), op.result)
    source = value_side(state.tensor(op.input), op.input, starts=numbers(op.starts))
    moved(state, op, result.extents, source, result)


def lower_concat(state: Lowering, op: nn.ConcatOp) -> None:
    """Concatenation: each input copied to its place, through a table where scales differ.

    What is made in its place already is not.
    """
    axis, result = op.axis.value.data, shape_of(op.result)
    axes = memory_axes(len(result))
    ends = list(accumulate(shape_of(value)[axis] for value in op.inputs))
    starts = [0, *ends[:-1]]
    element = container_of(op.result)
    if axis == axes[-1]:
        element = storable(element, (1,), starts)
    with stored(state, op, element) as target:
        for value, start in zip(op.inputs, starts, strict=True):
            # Another name of what is made in its place may be wanted in a second place.
            if place_in_concat(value) and _part_of(target, state.tensor(value)):
                continue
            source = value_side(state.tensor(value), value)
            box = source.extents
            place = [start if dim == axis else 0 for dim in range(len(result))]
            side = value_side(target, op.result, starts=place, element=element)
            if element_of(value) == element_of(op.result):
                moved(state, op, box, source, side)
            else:
                table = kernels.rescale_table(element_of(value), element_of(op.result))
                looked_up(state, op, box, source, side, table)


def _part_of(whole: SSAValue, tensor: SSAValue) -> bool:
    return isinstance(tensor.owner, schedule.PartOp) and tensor.owner.tensor is whole
