"""Shapes of the results of `nn` operations, from the shapes of their operands.

Shapes are logical (NCHW). All functions raise VerifyException for what makes no sense.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.utils.exceptions import VerifyException

Shape = tuple[int, ...]


def shape_text(shape: Sequence[int]) -> str:
    """`shape` as it appears in types: 1x3x8x8."""
    return "x".join(map(str, shape)) or "scalar"


def require_rank(shape: Sequence[int], rank: int, what: str) -> None:
    """Raise unless `shape` has `rank` dimensions."""
    if len(shape) != rank:
        raise VerifyException(f"{what} {shape_text(shape)} must have {rank} dimensions")


def require_batch_1(shape: Sequence[int], what: str) -> None:
    """Raise unless `shape` is NCHW with batch 1."""
    require_rank(shape, 4, what)
    if shape[0] != 1:
        raise VerifyException(f"{what} has batch {shape[0]}; only batch 1 is supported")


def require_numbers(numbers: Sequence[int], count: int, minimum: int, what: str) -> None:
    """Raise unless there are `count` numbers of at least `minimum`."""
    if len(numbers) != count or any(number < minimum for number in numbers):
        raise VerifyException(
            f"{what} {list(numbers)} must be {count} numbers of at least {minimum}"
        )


def same_pads(
    size: Sequence[int], spans: Sequence[int], strides: Sequence[int], upper: bool
) -> Shape:
    """Pads, all lower ones first, that make the output ceil(size / stride).

    An odd one goes above where `upper`, else below; `spans` are of windows with their dilations.
    """
    low: list[int] = []
    high: list[int] = []
    for length, span, stride in zip(size, spans, strides, strict=True):
        total = max(0, (-(-length // stride) - 1) * stride + span - length)
        low.append(total // 2 if upper else total - total // 2)
        high.append(total - low[-1])
    return (*low, *high)


def window_shape(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
) -> tuple[int, int]:
    """Rows and columns that a sliding window gives; pads are top, left, bottom, right."""
    require_numbers(kernel, 2, 1, "kernel")
    require_numbers(strides, 2, 1, "strides")
    require_numbers(pads, 4, 0, "pads")
    require_numbers(dilations, 2, 1, "dilations")
    spans = [dilation * (taps - 1) + 1 for taps, dilation in zip(kernel, dilations, strict=True)]
    room = [size[axis] + pads[axis] + pads[axis + 2] - spans[axis] for axis in (0, 1)]
    if min(room) < 0:
        raise VerifyException(
            f"a window of {shape_text(spans)} does not fit the padded input "
            + shape_text([room[axis] + spans[axis] for axis in (0, 1)])
        )
    return room[0] // strides[0] + 1, room[1] // strides[1] + 1


def conv_output_shape(
    x: Sequence[int],
    w: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    groups: int,
) -> Shape:
    """The shape [1, K, OY, OX] of `x` [1, C, Y, X] convolved by `w` [K, C/groups, FY, FX]."""
    require_batch_1(x, "input")
    require_rank(w, 4, "weight")
    if groups < 1 or x[1] != w[1] * groups or w[0] % groups:
        raise VerifyException(
            f"{groups} groups do not divide {x[1]} input channels into the weight's {w[1]} "
            f"and its {w[0]} output channels evenly"
        )
    return (1, w[0], *window_shape(x[2:], w[2:], strides, pads, dilations))


def matmul_output_shape(x: Sequence[int], w: Sequence[int]) -> Shape:
    """The shape [.., M, N] of the product of `x` [.., M, K] and `w` [K, N]."""
    require_rank(w, 2, "weight")
    if len(x) < 2 or x[-1] != w[0]:
        raise VerifyException(
            f"input {shape_text(x)} and weight {shape_text(w)} have no common inner dimension"
        )
    return (*x[:-1], w[1])


def pool_output_shape(
    x: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int] = (1, 1),
) -> Shape:
    """The shape [1, C, OY, OX] of a pool of `x` [1, C, Y, X]; no window may be padding alone."""
    require_batch_1(x, "input")
    outputs = window_shape(x[2:], kernel, strides, pads, dilations)
    for axis in (0, 1):
        starts = np.arange(outputs[axis]) * strides[axis] - pads[axis]
        taps = starts[:, None] + np.arange(kernel[axis]) * dilations[axis]
        if not ((taps >= 0) & (taps < x[2 + axis])).any(axis=1).all():
            raise VerifyException(f"pads {list(pads)} give windows that hold only padding")
    return (1, x[1], *outputs)


def concat_output_shape(shapes: Sequence[Sequence[int]], axis: int) -> Shape:
    """The shape of the concatenation of tensors of `shapes` along `axis`."""
    if not shapes:
        raise VerifyException("there is nothing to concatenate")
    first = tuple(shapes[0])
    if not 0 <= axis < len(first):
        raise VerifyException(f"axis {axis} is not an axis of {shape_text(first)}")
    for shape in shapes:
        if (*shape[:axis], *shape[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]):
            raise VerifyException(
                f"{shape_text(shape)} and {shape_text(first)} differ off the axis {axis}"
            )
    return (*first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :])


def transpose_output_shape(x: Sequence[int], perm: Sequence[int]) -> Shape:
    """The shape of `x` with its axes in the order `perm`."""
    if sorted(perm) != list(range(len(x))):
        raise VerifyException(f"{list(perm)} is no permutation of the axes of {shape_text(x)}")
    return tuple(x[axis] for axis in perm)


def require_refinement(x: Sequence[int], split: Sequence[int]) -> None:
    """Raise unless `split` are the axes of `x`, each cut into one or more."""
    left = list(split)
    for size in x:
        part = 1
        while left and part * left[0] <= size and (part < size or left[0] == 1):
            part *= left.pop(0)
        if part != size:
            raise VerifyException(f"{list(split)} does not split the axes of {shape_text(x)}")
    if left:
        raise VerifyException(f"{list(split)} does not split the axes of {shape_text(x)}")


def repeat_output_shape(x: Sequence[int], repeats: Sequence[int]) -> Shape:
    """The shape of `x` with every element `repeats` times in a row along each axis."""
    require_numbers(repeats, len(x), 1, "repeats")
    return tuple(size * times for size, times in zip(x, repeats, strict=True))


def pad_output_shape(x: Sequence[int], low: Sequence[int], high: Sequence[int]) -> Shape:
    """The shape of `x` with `low` elements before and `high` elements after along each axis."""
    require_numbers(low, len(x), 0, "low")
    require_numbers(high, len(x), 0, "high")
    return tuple(sum(parts) for parts in zip(low, x, high, strict=True))


def slice_output_shape(x: Sequence[int], starts: Sequence[int], sizes: Sequence[int]) -> Shape:
    """The shape of `sizes` elements of `x` from `starts` on along each axis."""
    require_numbers(starts, len(x), 0, "starts")
    require_numbers(sizes, len(x), 1, "sizes")
    if any(start + size > whole for start, size, whole in zip(starts, sizes, x, strict=True)):
        raise VerifyException(
            f"{shape_text(sizes)} elements from {list(starts)} on reach beyond {shape_text(x)}"
        )
    return tuple(sizes)


def require_broadcastable(shape: Sequence[int], to: Sequence[int]) -> None:
    """Raise unless a tensor of `shape` broadcasts to the shape `to`."""
    padded = (*[1] * (len(to) - len(shape)), *shape)
    if len(shape) > len(to) or any(
        size not in (1, wanted) for size, wanted in zip(padded, to, strict=True)
    ):
        raise VerifyException(f"{shape_text(shape)} does not broadcast to {shape_text(to)}")


def axis_after_reshape(shape: Sequence[int], axis: int, new_shape: Sequence[int]) -> int | None:
    """Where a reshape leaves `axis` of `shape` intact, its place in `new_shape`; else None."""
    for place, size in enumerate(new_shape):
        if size == shape[axis] and prod(new_shape[:place]) == prod(shape[:axis]):
            return place
    return None


def require_same_size(shape: Sequence[int], new_shape: Sequence[int]) -> None:
    """Raise unless both shapes have the same number of elements."""
    if prod(shape) != prod(new_shape):
        raise VerifyException(
            f"{shape_text(shape)} and {shape_text(new_shape)} differ in their number of elements"
        )


def require_axis_kept(
    shape: Sequence[int], axis: int, new_shape: Sequence[int], new_axis: int
) -> None:
    """Raise unless a reshape turns `axis` of `shape` into `new_axis` of `new_shape`."""
    same_size = new_axis < len(new_shape) and new_shape[new_axis] == shape[axis]
    if not same_size or prod(new_shape[:new_axis]) != prod(shape[:axis]):
        raise VerifyException(f"the reshape breaks up axis {axis}, which the scales run along")
