"""Operators that move elements without computing."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import element_of, shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .graph import Node
from .operators import MICROSOFT, Constraint, constant_inputs, operator
from .scope import Scope
from .values import Clamp, ConstantView, Integers, Pending, Value, View

Move = Callable[[SSAValue], SSAValue]


def moved(scope: Scope, node: Node, move: Move) -> Value:
    """Input 0 of `node` with its integers moved; what they stand for stays."""
    if isinstance(scope.value(node, 0), Integers):
        return Integers(move(scope.integers(node, 0)))
    view = scope.view(node, 0)
    if isinstance(view, ConstantView):
        return View(move(scope.constant_tensor(node, view)))
    return replace(view, ssa=move(view.ssa))


def _reshaped(scope: Scope, node: Node, target: Callable[[Sequence[int]], list[int]]) -> Value:
    """Input 0 in the shape `target(its shape)`."""

    def move(ssa: SSAValue) -> SSAValue:
        before = shape_of(ssa)
        shape = target(before)
        if prod(shape) != prod(before) or shape[:1] != [1]:
            raise TilefoldError(
                f"{node}: {list(before)} cannot become {shape}: the batch must stay 1 and no "
                "element may be lost"
            )
        return scope.emit(node.name, nn.ReshapeOp, ssa, shape)

    return moved(scope, node, move)


@operator(
    "Reshape",
    "The same elements in another shape; the batch of 1 stays in front.",
    constant_inputs("The shape is a constant.", 1),
)
def reshape(scope: Scope, node: Node) -> Value:
    """The elements in row-major order in the shape of input 1; 0 copies, -1 is deduced."""
    wanted = [int(size) for size in scope.needed_constant(node, 1, "the shape")]
    copies = not node.integer("allowzero", 0)

    def target(before: Sequence[int]) -> list[int]:
        shape = [
            before[axis] if size == 0 and copies and axis < len(before) else size
            for axis, size in enumerate(wanted)
        ]
        if shape.count(-1) == 1:
            rest = -prod(shape)
            shape[shape.index(-1)] = prod(before) // rest if rest else 0
        return shape

    return _reshaped(scope, node, target)


@operator("Flatten", "As Reshape.")
def flatten(scope: Scope, node: Node) -> Value:
    """The dimensions before `axis` become one, and those from it on."""
    axis = node.integer("axis", 1)
    return _reshaped(scope, node, lambda shape: [prod(shape[:axis]), prod(shape[axis:])])


@operator("Squeeze", "As Reshape.", constant_inputs("The axes are constants.", 1))
def squeeze(scope: Scope, node: Node) -> Value:
    """The shape without the given axes of size 1 (all of them where none are given)."""

    def target(before: Sequence[int]) -> list[int]:
        given = _axes(scope, node)
        axes = {axis % len(before) for axis in given} if given else set(range(len(before)))
        return [size for axis, size in enumerate(before) if axis not in axes or size != 1]

    return _reshaped(scope, node, target)


@operator("Unsqueeze", "As Reshape.", constant_inputs("The axes are constants.", 1))
def unsqueeze(scope: Scope, node: Node) -> Value:
    """The shape with axes of size 1 put in."""

    def target(before: Sequence[int]) -> list[int]:
        given = _axes(scope, node)
        rank = len(before) + len(given)
        sizes = iter(before)
        axes = {axis % rank for axis in given}
        return [1 if axis in axes else next(sizes) for axis in range(rank)]

    return _reshaped(scope, node, target)


def _axes(scope: Scope, node: Node) -> tuple[int, ...]:
    """The axes, an attribute before operator set 13 and an input since."""
    given = scope.constant(node, 1)
    return node.integers("axes", ()) if given is None else tuple(given.reshape(-1).tolist())


def _batch_in_front(scope: Scope, node: Node) -> bool:
    shape = scope.shape(node, 0) or ()
    perm = node.integers("perm", tuple(range(len(shape)))[::-1])
    return isinstance(scope.value(node, 0), ConstantView) or perm[:1] == (0,)


@operator(
    "Transpose",
    "Axes in another order; constants are transposed when converted.",
    Constraint("The batch stays in front.", _batch_in_front),
)
def transpose(scope: Scope, node: Node) -> Value:
    """The axes in the order `perm`, reversed where it is left out."""
    value = scope.value(node, 0)
    if isinstance(value, ConstantView):
        perm = node.integers("perm", tuple(range(value.integers.ndim))[::-1])
        axis = None if value.axis is None else perm.index(value.axis)
        integers = np.ascontiguousarray(value.integers.transpose(perm))
        return replace(value, integers=integers, axis=axis)

    def move(ssa: SSAValue) -> SSAValue:
        perm = node.integers("perm", tuple(range(len(shape_of(ssa))))[::-1])
        return scope.emit(node.name, nn.TransposeOp, ssa, perm)

    return moved(scope, node, move)


def _off_the_batch(scope: Scope, node: Node) -> bool:
    first = 2 if node.op_type == "QLinearConcat" else 0
    rank = len(scope.shape(node, first) or ()) or 1
    return node.integer("axis", 1) not in (0, -rank)


OFF_THE_BATCH = Constraint("The axis is not that of the batch.", _off_the_batch)


@operator(
    "Concat",
    "Quantised tensors side by side, each rescaled to the type of the result.",
    OFF_THE_BATCH,
)
def concat(scope: Scope, node: Node) -> Value:
    """The tensors side by side: a view where all have one type, else waiting for its type."""
    parts = [scope.plain_view(node, index) for index in range(len(node.inputs))]
    pending = _concat(scope, node, parts)
    types = {element_of(part) for part in parts}
    return View(pending.build(types.pop(), None)) if len(types) == 1 else pending


@operator("QLinearConcat", "As Concat, on integers.", OFF_THE_BATCH, domain=MICROSOFT)
def qlinear_concat(scope: Scope, node: Node) -> Value:
    """The requantised tensors side by side."""
    parts = [
        scope.integers(node, index, index + 1, index + 2) for index in range(2, len(node.inputs), 3)
    ]
    return Integers(_concat(scope, node, parts).build(scope.activation_type(node, 0, 1), None))


def _concat(scope: Scope, node: Node, parts: Sequence[SSAValue]) -> Pending:
    rank = len(shape_of(parts[0]))
    axis = node.integer("axis", 1)
    axis = axis + rank if axis < 0 else axis

    def build(element: UniformType, clamp: Clamp) -> SSAValue:
        joined = scope.emit(node.name, nn.ConcatOp, parts, element, axis)
        return scope.clamped(node.name, joined, clamp)

    return Pending(node, build)
