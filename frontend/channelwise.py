"""Factors and summands of one number a channel: depthwise convolutions of one tap.

The weights' scales are the factors but for the sign, so that products are rounded as in float32 up
to its last bit; summands are biases, and weights then 127, so that they have steps of 1/127 of the
input's times the factor.
"""

from dataclasses import replace

import numpy as np
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import element_of, shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .graph import Node
from .operators import attribute_is, constant_inputs, operator
from .products import ACCUMULATOR_LIMIT, Product
from .scope import Scope
from .values import Array, Clamp, ConstantView, Pending, Value

LARGEST = 127
"""The magnitude of the weights where there are summands; else they are but signs."""


def channels_of(constant: Value, shape: tuple[int, ...]) -> Array | None:
    """The numbers [C] of a float constant of one number for each channel of a tensor [1, C, ..]."""
    if not isinstance(constant, np.ndarray) or constant.dtype != np.float32:
        return None
    wanted = [size if axis == 1 else 1 for axis, size in enumerate(shape)]
    padded = [1] * (len(shape) - constant.ndim) + list(constant.shape)
    if padded != wanted or not np.isfinite(constant).all():
        return None
    return constant.reshape(-1)


def affine(scope: Scope, node: Node, x: SSAValue, factors: Array, summands: Array) -> Pending:
    """`x` [1, C, ..] times `factors` [C] plus `summands` [C], waiting for its QuantizeLinear."""
    shape = shape_of(x)
    image = (*shape, *(1,) * (4 - len(shape)))

    def emit(
        x: SSAValue, w: SSAValue, bias: SSAValue | None, element: UniformType, clamp: Clamp
    ) -> SSAValue:
        if image == shape:
            return scope.emit(
                node.name, nn.ConvOp, x, w, bias, element, groups=shape[1], clamp=clamp
            )
        x = scope.emit(node.name, nn.ReshapeOp, x, image)
        result = scope.emit(node.name, nn.ConvOp, x, w, bias, element, groups=shape[1], clamp=clamp)
        return scope.emit(node.name, nn.ReshapeOp, result, shape)

    def with_bias(more: Array) -> Pending:
        numbers = more if more.size == 1 else channels_of(more, shape)
        if numbers is None:
            raise TilefoldError(f"{node}: what is added to it must be one number a channel")
        total = (summands + numbers.reshape(-1)).astype(np.float32)
        return replace(affine(scope, node, x, factors, total), with_bias=None)

    weight = _weight(factors, summands / element_of(x).scale)
    product = Product(scope, node, x, weight, 0, 1, emit)
    if summands.any():
        product = product.with_float_bias(summands)
    return replace(product.pending(), accumulator=None, with_bias=with_bias)


def _weight(factors: Array, steps: Array) -> ConstantView:
    """The weights [C, 1, 1, 1] of `factors`, at scales at which summands of `steps` fit int32."""
    least = np.abs(steps) / np.float32(ACCUMULATOR_LIMIT / 4)
    largest = np.float32(LARGEST if steps.any() else 1)
    scales = np.maximum(np.abs(factors) / largest, least)
    scales = np.where(scales > 0, scales, 1 / np.float32(LARGEST)).astype(np.float32)
    integers = np.rint(factors / scales).astype(np.int8).reshape(-1, 1, 1, 1)
    axis = 0 if scales.size > 1 else None
    return ConstantView(integers, 8, True, scales, np.zeros(scales.size, np.int32), axis)


@operator(
    "BatchNormalization",
    "Alone: a depthwise convolution of one tap. Exporters merge it into the convolution before it.",
    attribute_is("training_mode", 0, "It is not in training mode."),
    constant_inputs("Scale, bias, mean and variance are constants.", 1, 2, 3, 4),
)
def batch_normalization(scope: Scope, node: Node) -> Value:
    """The normalised channels, waiting for their QuantizeLinear."""
    x = scope.plain_view(node, 0)
    scale, bias, mean, variance = (
        scope.needed_constant(node, place, "scale, bias, mean and variance").astype(np.float64)
        for place in range(1, 5)
    )
    if len(shape_of(x)) < 2 or scale.shape != (shape_of(x)[1],):
        raise TilefoldError(
            f"{node}: the parameters do not fit the channels of {list(shape_of(x))}"
        )
    factors = scale / np.sqrt(variance + node.real("epsilon", 1e-5))
    summands = bias - mean * factors
    return affine(scope, node, x, factors.astype(np.float32), summands.astype(np.float32))
