"""Products of two quantised tensors: matrix by matrix, the right one in the place of weights."""

import numpy as np
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import element_of, shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .graph import Node
from .scope import Scope
from .values import Clamp, Pending

SUMS = 2**31
"""Sums of products must stay below it in magnitude."""


def fit(left: tuple[int, ...] | None, right: tuple[int, ...] | None) -> bool:
    """Whether shapes are [1, M, K] and [1, K, N], or [1, H, M, K] and [1, H or 1, K, N]."""
    if left is None or right is None or len(left) != len(right) or len(left) not in (3, 4):
        return False
    heads = left[1:-2] == right[1:-2] or right[1:-2] == (1,)
    return left[0] == right[0] == 1 and heads and left[-1] == right[-2]


def product_of_two(scope: Scope, node: Node, x: SSAValue, w: SSAValue) -> Pending:
    """The matrices of `x` times those of `w`, whose shapes `fit`, waiting for their type.

    Raises TilefoldError where sums could leave int32, or scales float32.
    """
    left, right = element_of(x), element_of(w)
    reach = [
        max(each.zero_point - each.qmin, each.qmax - each.zero_point) for each in (left, right)
    ]
    most = shape_of(x)[-1] * reach[0] * reach[1]
    if most >= SUMS:
        raise TilefoldError(f"{node}: sums of {most} are beyond the int32 accumulator")

    def build(element: UniformType, clamp: Clamp) -> SSAValue:
        with np.errstate(over="ignore"):
            multiplier = np.float32(left.scale * right.scale) / element.scale
        if not np.isfinite(multiplier):
            raise TilefoldError(f"{node}: the scale of the result is too small for its sums")
        *heads, rows, columns = *shape_of(x)[1:-1], shape_of(w)[-1]
        made: list[SSAValue] = []
        for head in range(heads[0] if heads else 1):
            a, b = (_matrix(scope, node, value, head) for value in (x, w))
            weight = scope.emit(node.name, nn.ReshapeOp, b, shape_of(b)[1:])
            y = scope.emit(node.name, nn.MatmulOp, a, weight, None, element, clamp=clamp)
            if heads:
                y = scope.emit(node.name, nn.ReshapeOp, y, (1, 1, rows, columns))
            made.append(y)
        if len(made) == 1:
            return made[0]
        return scope.emit(node.name, nn.ConcatOp, made, element, 1)

    return Pending(node, build)


def _matrix(scope: Scope, node: Node, value: SSAValue, head: int) -> SSAValue:
    """The matrix [1, M, K] of a tensor [1, M, K], or of [1, H, M, K] that of a head or the one."""
    shape = shape_of(value)
    if len(shape) == 3:
        return value
    if shape[1] > 1:
        starts, sizes = (0, head, 0, 0), (1, 1, *shape[2:])
        value = scope.emit(node.name, nn.SliceOp, value, starts, sizes)
    return scope.emit(node.name, nn.ReshapeOp, value, (1, *shape[2:]))
