"""Resize: nearest pixels as movement, linear means as a depthwise convolution of fixed weights."""

from collections.abc import Sequence
from dataclasses import replace
from math import gcd

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .expressions import ELEMENT, Expression
from .graph import Node
from .movement import moved
from .operators import Constraint, constant_inputs, operator
from .products import Product
from .scope import Scope
from .selection import selected
from .values import Clamp, ConstantView, Pending, Value

HALVES = ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
"""The ways to place pixels that put the centre of an area at its half."""

LARGEST_WEIGHT = 255
"""Weights of a convolution have at most 8 bits."""


def _known_mode(scope: Scope, node: Node) -> bool:
    return node.text("mode", "nearest") in ("nearest", "linear")


def _image(scope: Scope, node: Node) -> bool:
    shape = scope.shape(node, 0)
    return shape is None or len(shape) == 4


@operator(
    "Resize",
    "Of the nearest pixel: repetition, pools with windows of one, or slices side by side. Linear "
    "by whole factors: a depthwise convolution that makes all phases, then `nn.rearrange`.",
    Constraint("The input is an image [1, C, H, W].", _image),
    Constraint("The mode is nearest or linear.", _known_mode),
    constant_inputs("Region, scales and sizes are constants.", 1, 2, 3),
)
def resize(scope: Scope, node: Node) -> Value:
    """The image with other rows and columns."""
    if node.text("mode", "nearest") == "nearest":
        return moved(scope, node, lambda x: _nearest(scope, node, x))
    return _linear(scope, node, scope.plain_view(node, 0))


def _resized(scope: Scope, node: Node, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What onnxruntime makes of a float image."""
    constants = [scope.constant(node, place) for place in range(1, len(node.inputs))]
    return Expression(node, (ELEMENT, *constants)).result(image, scope.graph.opsets)


def _nearest(scope: Scope, node: Node, x: SSAValue) -> SSAValue:
    """The rows and columns that onnxruntime takes of images of their own numbers."""
    _, channels, rows, columns = shape_of(x)
    size = (1, channels, rows, columns)
    by_row = np.broadcast_to(np.arange(rows, dtype=np.float32)[:, None], size)
    by_column = np.broadcast_to(np.arange(columns, dtype=np.float32), size)
    taken = [_resized(scope, node, image) for image in (by_row, by_column)]
    if taken[0].shape[1] != channels or not taken[0].size:
        raise TilefoldError(f"{node}: only rows and columns can be resized, to at least one each")
    x = selected(scope, node, x, 2, taken[0][0, 0, :, 0].astype(int).tolist())
    return selected(scope, node, x, 3, taken[1][0, 0, 0].astype(int).tolist())


def _factors(scope: Scope, node: Node, shape: Sequence[int]) -> tuple[int, int]:
    """The whole numbers by which rows and columns grow; TilefoldError where they are none."""
    result = _resized(scope, node, np.zeros(shape, np.float32)).shape
    factors = [after // before for before, after in zip(shape, result, strict=True)]
    whole = [size * factor for size, factor in zip(shape, factors, strict=True)] == list(result)
    scales = scope.constant(node, 2)
    if scales is not None and scales.size:
        whole = whole and scales.reshape(-1)[-2:].tolist() == factors[2:]
    if not whole or factors[:2] != [1, 1]:
        raise TilefoldError(
            f"{node}: linear means need rows and columns that grow by whole factors"
        )
    return factors[2], factors[3]


def _weights(node: Node, factor: int) -> npt.NDArray[np.int64]:
    """The weights [factor, 3] of the pixels before, at and after each of the phases.

    A pixel o lies at (o + 1/2) / factor - 1/2 of the input, or (asymmetric) at o / factor; the two
    neighbours count by their distances.
    """
    way = node.text("coordinate_transformation_mode", "half_pixel")
    if way not in (*HALVES, "asymmetric"):
        raise TilefoldError(f"{node}: linear means with coordinates of {way} are not supported")
    phases = np.arange(factor)
    places = 2 * phases + 1 - factor if way in HALVES else 2 * phases
    before, far = np.divmod(places, 2 * factor)
    weights = np.zeros((factor, 3), np.int64)
    np.add.at(weights, (phases, before + 1), 2 * factor - far)
    np.add.at(weights, (phases, np.minimum(before + 2, 2)), far)
    return weights


def _linear(scope: Scope, node: Node, x: SSAValue) -> Pending:
    """The means of neighbours: pixels of the edge are repeated, and all phases convolved."""
    _, channels, rows, columns = shape_of(x)
    down, right = _factors(scope, node, shape_of(x))
    for axis, size in ((2, rows), (3, columns)):
        around = np.clip(np.arange(-1, size + 1), 0, size - 1)
        x = selected(scope, node, x, axis, around.tolist())
    vertical, horizontal = _weights(node, down), _weights(node, right)
    kernels = vertical[:, None, :, None] * horizontal[None, :, None, :]
    common = gcd(*kernels.reshape(-1).tolist())
    kernels //= common
    if kernels.max() > LARGEST_WEIGHT:
        raise TilefoldError(
            f"{node}: linear means by factors of {down} and {right} need wide weights"
        )
    scale = np.array([1 / kernels[0, 0].sum()], np.float32)
    filters = np.tile(kernels.reshape(-1, 1, 3, 3), (channels, 1, 1, 1)).astype(np.uint8)
    weight = ConstantView(filters, 8, False, scale, np.zeros(1, np.int32), None)
    split = (1, channels, down, right, rows, columns)
    shape = (1, channels, rows * down, columns * right)

    def emit(
        x: SSAValue, w: SSAValue, bias: SSAValue | None, element: UniformType, clamp: Clamp
    ) -> SSAValue:
        phases = scope.emit(node.name, nn.ConvOp, x, w, bias, element, groups=channels, clamp=clamp)
        if down * right == 1:
            return phases
        return scope.emit(node.name, nn.RearrangeOp, phases, split, (0, 1, 4, 2, 5, 3), shape)

    return replace(Product(scope, node, x, weight, 0, 1, emit).pending(), accumulator=None)
