"""Operations that only move data: reshapes, transposes, padding, concatenation."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...dialects import nn
from ...dialects.layout import memory_form, row_elements
from ...dialects.location import name_of
from ...dialects.nn_types import element_of, shape_of
from ...errors import TilefoldError
from ...interpreters import kernels
from .elementwise import Side, dense_side, map_nest
from .state import Lowering, container_of, numbers
from .vector import looked_up


def _strides(shape: Sequence[int], bits: int) -> list[int]:
    """The distance in memory, in elements, between neighbours along each logical axis."""
    rows, columns, channels = memory_form(shape)
    row = row_elements(channels, bits)
    if len(shape) == 4:
        return [rows * columns * row, 1, columns * row, row]
    strides = [1, row]
    for size in reversed(shape[1:-1]):
        strides.append(strides[-1] * size)
    return strides[: len(shape)][::-1]


@dataclass
class _Run:
    """A dimension of a strided copy."""

    size: int
    source: int
    target: int


def _common_refinement(
    source: Sequence[tuple[int, int]], target: Sequence[tuple[int, int]], name: str
) -> list[_Run]:
    """Split two lists of (size, stride), over the same elements in order, into common runs."""
    runs: list[_Run] = []
    left = [[size, stride] for size, stride in source if size > 1]
    right = [[size, stride] for size, stride in target if size > 1]
    while left and right:
        (a, a_stride), (b, b_stride) = left[-1], right[-1]
        size = min(a, b)
        if a % size or b % size:
            raise TilefoldError(f"{name}: this reshape cannot be made of strided copies")
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
    return merged or [_Run(1, 1, 1)]


def lower_reorder(state: Lowering, op: nn.ReshapeOp | nn.TransposeOp) -> None:
    """A reshape or transpose: nothing where memory stays the same, else a strided copy."""
    element = container_of(op.input)
    shape, result = shape_of(op.input), shape_of(op.result)
    source = list(zip(shape, _strides(shape, element.bits), strict=True))
    target = list(zip(result, _strides(result, element.bits), strict=True))
    if isinstance(op, nn.TransposeOp):
        source = [source[axis] for axis in numbers(op.perm)]
    runs = _merged(_common_refinement(source, target, name_of(op)))
    if all(run.source == run.target for run in runs) and op.result not in state.tensors:
        state.tensors[op.result] = state.tensor(op.input)
        return
    if runs[-1].target != 1 or (element.bits < 8 and runs[-1].source != 1):
        raise TilefoldError(
            f"{name_of(op)}: elements of {element.bits} bits do not lie at whole bytes, and "
            "cannot be moved one by one"
        )
    sizes = [run.size for run in runs]
    starts = [0] * len(runs)
    map_nest(
        state,
        op,
        sizes,
        [Side(state.tensor(op.input), element, starts, sizes, [run.source for run in runs])],
        Side(state.result(op.result), element, starts, sizes, [run.target for run in runs]),
    )


def lower_pad(state: Lowering, op: nn.PadOp) -> None:
    """Padding: a copy that starts outside the input."""
    element = container_of(op.input)
    starts = [-start for start in _in_memory_order(numbers(op.low))]
    pad = element_of(op.input).zero_point
    map_nest(
        state,
        op,
        memory_form(shape_of(op.result)),
        [dense_side(state.tensor(op.input), element, starts, pad)],
        dense_side(state.result(op.result), element),
    )


def _in_memory_order(values: Sequence[int]) -> tuple[int, int, int]:
    if len(values) == 4:
        return values[2], values[3], values[1]
    return 0, sum(values[:-1]), values[-1]


def lower_concat(state: Lowering, op: nn.ConcatOp) -> None:
    """Concatenation: each input copied to its place, through a table where scales differ."""
    axis, rank = op.axis.value.data, len(shape_of(op.result))
    place = {1: 2, 2: 0, 3: 1}[axis] if rank == 4 else 2 if axis == rank - 1 else 1
    element = container_of(op.result)
    target = state.result(op.result)
    start = 0
    for value in op.inputs:
        box = memory_form(shape_of(value))
        starts = [start if dim == place else 0 for dim in range(3)]
        if place == 2 and starts[2] * element.bits % 8:
            raise TilefoldError(
                f"{name_of(op)}: channel {start} of {element.bits} bits does not start at a byte"
            )
        source = dense_side(state.tensor(value), container_of(value))
        side = dense_side(target, element, starts)
        if element_of(value) == element_of(op.result):
            map_nest(state, op, box, [source], side)
        else:
            table = kernels.rescale_table(element_of(value), element_of(op.result))
            looked_up(state, op, box, source, side, table)
        start += box[place]
