"""Operators that take some of a tensor's elements, or take them several times."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import element_of, shape_of
from ..errors import TilefoldError
from .boundary import dequantized
from .graph import Node
from .movement import moved
from .operators import Constraint, constant_inputs, operator
from .scope import Scope
from .values import ConstantView, Integers, Value, View

MAX_RUNS = 128
"""Runs of neighbours that a selection may be made of: each is a copy of its own."""


def selected(scope: Scope, node: Node, x: SSAValue, axis: int, indices: Sequence[int]) -> SSAValue:
    """The elements of `x` at `indices` along `axis`, in that order.

    Neighbours are cut out together, elements that all come equally often are repeated, and those
    at equal distances are taken by a pool with windows of one. TilefoldError where what is left
    is too many pieces.
    """
    size = shape_of(x)[axis]
    if list(indices) == list(range(size)):
        return x
    if axis == 0:
        raise TilefoldError(f"{node}: the batch of 1 must stay as it is")
    times, rest = divmod(len(indices), size)
    if not rest and list(indices) == [index // times for index in range(len(indices))]:
        repeats = [times if place == axis else 1 for place in range(len(shape_of(x)))]
        return scope.emit(node.name, nn.RepeatOp, x, repeats)
    step = indices[1] - indices[0] if len(indices) > 1 else 1
    if len(shape_of(x)) == 4 and axis > 1 and step > 1 and _evenly(indices, step):
        span = _box(scope, node, x, axis, indices[0], indices[-1] + 1 - indices[0])
        strides = [step if place == axis else 1 for place in (2, 3)]
        return scope.emit(node.name, nn.MaxPoolOp, span, (1, 1), strides=strides)
    ends = [n + 1 for n, (a, b) in enumerate(pairwise(indices)) if b != a + 1]
    runs = list(pairwise([0, *ends, len(indices)]))
    if len(runs) > MAX_RUNS:
        raise TilefoldError(
            f"{node}: its elements come from {len(runs)} places; at most {MAX_RUNS} are supported"
        )
    parts = [_box(scope, node, x, axis, indices[low], high - low) for low, high in runs]
    if len(parts) == 1:
        return parts[0]
    return scope.emit(node.name, nn.ConcatOp, parts, element_of(x), axis)


def _evenly(indices: Sequence[int], step: int) -> bool:
    return all(b - a == step for a, b in pairwise(indices))


def _box(scope: Scope, node: Node, x: SSAValue, axis: int, start: int, size: int) -> SSAValue:
    """`size` elements of `x` from `start` on along `axis`; itself where that is all."""
    shape = shape_of(x)
    if (start, size) == (0, shape[axis]):
        return x
    starts = [start if place == axis else 0 for place in range(len(shape))]
    sizes = [size if place == axis else whole for place, whole in enumerate(shape)]
    return scope.emit(node.name, nn.SliceOp, x, starts, sizes)


def axis_of(node: Node, rank: int, default: int) -> int:
    """The attribute `axis`, counted from the front."""
    axis = node.integer("axis", default)
    if not -rank <= axis < rank:
        raise TilefoldError(f"{node}: axis {axis} is none of {rank}")
    return axis % rank


@operator(
    "Split",
    "Slices; a part of one row or column, or of rows, takes no copy.",
    constant_inputs("The sizes are constants.", 1),
)
def split(scope: Scope, node: Node) -> tuple[Value, ...]:
    """The parts of the input along `axis`."""
    shape = scope.shape(node, 0) or ()
    axis = axis_of(node, len(shape), 0)
    given = scope.constant(node, 1)
    sizes = node.integers("split", ()) if given is None else tuple(given.reshape(-1).tolist())
    count = len(node.outputs)
    if not sizes:
        each = -(-shape[axis] // count)
        sizes = tuple(min(each, shape[axis] - each * part) for part in range(count))
    if sum(sizes) != shape[axis] or min(sizes) < 1 or len(sizes) != count:
        raise TilefoldError(f"{node}: parts of {list(sizes)} of {shape[axis]} elements")
    ends = np.cumsum((0, *sizes)).tolist()

    def part(low: int, high: int) -> Value:
        return moved(scope, node, lambda x: selected(scope, node, x, axis, range(low, high)))

    return tuple(part(low, high) for low, high in pairwise(ends))


@operator(
    "Slice",
    "A box, which takes no copy where it is rows; steps over rows and columns are a pool.",
    constant_inputs("Starts, ends, axes and steps are constants.", 1, 2, 3, 4),
)
def slice_(scope: Scope, node: Node) -> Value:
    """The elements from start to end, each `step` on."""
    starts, ends = (
        scope.needed_constant(node, place, what).reshape(-1).tolist()
        for place, what in ((1, "the starts"), (2, "the ends"))
    )
    given, steps = scope.constant(node, 3), scope.constant(node, 4)
    axes = list(range(len(starts))) if given is None else given.reshape(-1).tolist()
    strides = [1] * len(starts) if steps is None else steps.reshape(-1).tolist()

    def move(x: SSAValue) -> SSAValue:
        shape = shape_of(x)
        for axis, start, end, step in zip(axes, starts, ends, strides, strict=True):
            indices = range(shape[axis])[start:end:step]
            if not indices:
                raise TilefoldError(f"{node}: nothing is left of axis {axis}")
            x = selected(scope, node, x, axis % len(shape), indices)
        return x

    return moved(scope, node, move)


@operator(
    "Gather",
    "Slices, put side by side where the indices are no neighbours.",
    constant_inputs("The indices are constants.", 1),
)
def gather(scope: Scope, node: Node) -> Value:
    """The elements at the indices along `axis`; an index alone drops the axis."""
    indices = scope.needed_constant(node, 1, "the indices")
    if indices.ndim > 1 or not indices.size:
        raise TilefoldError(f"{node}: the indices must be a number or a list")

    def move(x: SSAValue) -> SSAValue:
        shape = shape_of(x)
        axis = axis_of(node, len(shape), 0)
        size = shape[axis]
        if indices.min() < -size or indices.max() >= size:
            raise TilefoldError(f"{node}: an index is outside of {size} elements")
        taken = selected(scope, node, x, axis, (indices.reshape(-1) % size).tolist())
        if indices.ndim:
            return taken
        if axis == 0:
            raise TilefoldError(f"{node}: the batch of 1 must stay as it is")
        return scope.emit(node.name, nn.ReshapeOp, taken, (*shape[:axis], *shape[axis + 1 :]))

    return moved(scope, node, move)


@operator(
    "Expand",
    "Repetition along axes of size 1.",
    constant_inputs("The shape is a constant.", 1),
)
def expand(scope: Scope, node: Node) -> Value:
    """The input broadcast to a shape."""
    wanted = scope.needed_constant(node, 1, "the shape").reshape(-1).tolist()

    def move(x: SSAValue) -> SSAValue:
        shape = np.broadcast_shapes(shape_of(x), wanted)
        longer = (1,) * (len(shape) - len(shape_of(x))) + shape_of(x)
        if longer != shape_of(x):
            x = scope.emit(node.name, nn.ReshapeOp, x, longer)
        return _repeated(scope, node, x, [b // a for a, b in zip(longer, shape, strict=True)])

    return moved(scope, node, move)


@operator(
    "Tile",
    "Repetition along axes of size 1, the tensor side by side along others.",
    constant_inputs("The repeats are constants.", 1),
)
def tile(scope: Scope, node: Node) -> Value:
    """The input so many times along each axis."""
    repeats = scope.needed_constant(node, 1, "the repeats").reshape(-1).tolist()

    def move(x: SSAValue) -> SSAValue:
        for axis, times in enumerate(repeats):
            x = selected(scope, node, x, axis, list(range(shape_of(x)[axis])) * times)
        return x

    return moved(scope, node, move)


def _repeated(scope: Scope, node: Node, x: SSAValue, repeats: Sequence[int]) -> SSAValue:
    if repeats[0] != 1:
        raise TilefoldError(f"{node}: the batch of 1 must stay as it is")
    return x if set(repeats) == {1} else scope.emit(node.name, nn.RepeatOp, x, repeats)


def _blocks_fit(scope: Scope, node: Node) -> bool:
    shape = scope.shape(node, 0) or ()
    size = node.integer("blocksize", 1)
    if len(shape) != 4 or size < 1:
        return False
    if node.op_type == "DepthToSpace":
        return shape[1] % size**2 == 0
    return shape[2] % size == 0 and shape[3] % size == 0


BLOCKS_FIT = Constraint("The input is an image of whole blocks.", _blocks_fit)


@operator("DepthToSpace", "Channels become blocks of pixels, in both modes.", BLOCKS_FIT)
def depth_to_space(scope: Scope, node: Node) -> Value:
    """Blocks of channels as pixels."""
    size, columns_first = node.integer("blocksize", 1), node.text("mode", "DCR") == "DCR"

    def move(x: SSAValue) -> SSAValue:
        _, channels, rows, columns = shape_of(x)
        left = channels // size**2
        split = (size, size, left) if columns_first else (left, size, size)
        perm = (0, 3, 4, 1, 5, 2) if columns_first else (0, 1, 4, 2, 5, 3)
        shape = (1, left, rows * size, columns * size)
        return scope.emit(node.name, nn.RearrangeOp, x, (1, *split, rows, columns), perm, shape)

    return moved(scope, node, move)


@operator("SpaceToDepth", "Blocks of pixels become channels.", BLOCKS_FIT)
def space_to_depth(scope: Scope, node: Node) -> Value:
    """Blocks of pixels as channels."""
    size = node.integer("blocksize", 1)

    def move(x: SSAValue) -> SSAValue:
        _, channels, rows, columns = shape_of(x)
        split = (1, channels, rows // size, size, columns // size, size)
        shape = (1, channels * size**2, rows // size, columns // size)
        return scope.emit(node.name, nn.RearrangeOp, x, split, (0, 3, 5, 1, 2, 4), shape)

    return moved(scope, node, move)


def _pads_with_zero(scope: Scope, node: Node) -> bool:
    mode = node.text("mode", "constant")
    if mode != "constant":
        return mode in ("edge", "reflect", "wrap")
    filling = scope.value(node, 2) if node.input(2) else np.zeros(1)
    if isinstance(filling, ConstantView):
        filling = dequantized(filling)
    value = scope.value(node, 0)
    zero = element_of(value.ssa).zero_point if isinstance(value, Integers) else 0
    return isinstance(filling, np.ndarray) and bool((filling == zero).all())


@operator(
    "Pad",
    "Constant padding; other modes are slices, side by side.",
    constant_inputs("Pads and axes are constants.", 1, 3),
    Constraint("Constant padding is the number 0, in integers the zero point.", _pads_with_zero),
)
def pad(scope: Scope, node: Node) -> Value:
    """The tensor with zeros or elements of its own around it."""
    mode: Any = node.text("mode", "constant")

    def move(ssa: SSAValue) -> SSAValue:
        rank = len(shape_of(ssa))
        pads = scope.needed_constant(node, 1, "the pads").reshape(-1).tolist()
        given = scope.constant(node, 3)
        axes = range(rank) if given is None else [axis % rank for axis in given.reshape(-1)]
        low, high = [0] * rank, [0] * rank
        if len(pads) != 2 * len(axes):
            raise TilefoldError(f"{node}: {len(pads)} pads for {len(axes)} axes")
        for place, axis in enumerate(axes):
            low[axis], high[axis] = pads[place], pads[place + len(axes)]
        if min(*low, *high) < 0 or low[0] or high[0]:
            raise TilefoldError(f"{node}: pads must not be negative and leave the batch alone")
        if mode == "constant":
            return scope.emit(node.name, nn.PadOp, ssa, low, high)
        for axis, size in enumerate(shape_of(ssa)):
            if mode != "edge" and max(low[axis], high[axis]) >= size:
                raise TilefoldError(f"{node}: pads of {size} elements must be fewer than these")
            around = np.pad(np.arange(size), (low[axis], high[axis]), mode)
            ssa = selected(scope, node, ssa, axis, around.tolist())
        return ssa

    if mode == "constant" and isinstance(scope.value(node, 0), View):
        scope.plain_view(node, 0)
    return moved(scope, node, move)
