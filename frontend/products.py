"""Convolutions and matrix products, in both quantised forms."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import i32
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import accumulator_type, element_of, shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .graph import Node
from .matrices import fit, product_of_two
from .operators import MICROSOFT, Constraint, attribute_is, operator
from .scope import Scope, quantised, view_of
from .values import Array, Clamp, ConstantView, Integers, Pending, Value, View
from .windows import IMAGE_OR_ROW, WINDOW, as_image, ranked_as, window_of

ACCUMULATOR_LIMIT = 2**31
"""Sums of products must stay below it in magnitude."""

BIAS_TOLERANCE = 1e-3
"""How far the scale of a bias may be from input scale * weight scale; exporters round it."""

Emit = Callable[[SSAValue, SSAValue, SSAValue | None, UniformType, Clamp], SSAValue]


@dataclass(frozen=True)
class Product:
    """A convolution or matrix product of `x` by constant weights, output channels along `axis`.

    `channel_axis` is that axis in the result; `emit(x, weight, bias, type, clamp)` makes the op.
    """

    scope: Scope
    node: Node
    x: SSAValue
    weight: ConstantView
    axis: int
    channel_axis: int
    emit: Emit
    bias: npt.NDArray[np.int32] | None = None

    @property
    def channels(self) -> int:
        """Output channels."""
        return self.weight.integers.shape[self.axis]

    @property
    def scales(self) -> npt.NDArray[np.float32]:
        """What the accumulators count in, [1] or [channels]: f32(input scale * weight scale)."""
        return np.asarray(self.weight.scales * element_of(self.x).scale, np.float32)

    def with_quantised_bias(self, index: int) -> "Product":
        """The product with input `index` of the node as bias: quantised, float or left out."""
        if not self.node.input(index):
            return self
        return self.with_bias(self.scope.value(self.node, index))

    def with_bias(self, bias: Value) -> "Product":
        """The product plus a constant: quantised at the scale of its sums, int32 or float."""
        if isinstance(bias, np.ndarray):
            if bias.dtype == np.int32:
                return self.with_integer_bias(bias)
            return self.with_float_bias(bias)
        if not isinstance(bias, ConstantView):
            raise TilefoldError(f"{self.node}: the bias must be a constant")
        apart = np.abs(bias.scales / self.scales - 1) > BIAS_TOLERANCE
        if bias.bits != 32 or bias.zero_points.any() or apart.any():
            raise TilefoldError(
                f"{self.node}: the bias must be int32 with zero point 0 and the scale "
                "input scale * weight scale; quantise the model again"
            )
        return self.with_integer_bias(bias.integers)

    def with_integer_bias(self, bias: Array) -> "Product":
        """The product plus `bias`, in units of the accumulators."""
        try:
            channels = np.broadcast_to(bias.reshape(-1), self.channels)
        except ValueError as error:
            raise TilefoldError(
                f"{self.node}: a bias of shape {list(bias.shape)} for {self.channels} channels"
            ) from error
        return replace(self, bias=np.ascontiguousarray(channels, np.int32))

    def with_float_bias(self, bias: Array) -> "Product":
        """The product plus a float `bias`, quantised as onnxruntime does: rint(bias / scale)."""
        if bias.dtype != np.float32 or not np.isfinite(bias).all():
            raise TilefoldError(f"{self.node}: the bias must be finite float32 numbers")
        with np.errstate(over="ignore"):
            units = np.rint(bias.reshape(-1) / self.scales)
        if (np.abs(units) >= ACCUMULATOR_LIMIT).any():
            raise TilefoldError(f"{self.node}: the bias does not fit int32 at its scale")
        return self.with_integer_bias(units.astype(np.int32))

    def pending(self, biasable: bool = False) -> Pending:
        """The product waiting for the type of its result; `biasable`: an Add may follow."""
        self.check()

        def with_bias(bias: Array) -> Pending:
            return self.with_float_bias(bias).pending()

        return Pending(
            self.node,
            self.build,
            accumulator_type(
                element_of(self.x), self.weight_type, self.channel_axis, self.scope.store
            ),
            with_bias=with_bias if biasable else None,
        )

    def build(self, element: UniformType, clamp: Clamp = None) -> SSAValue:
        """The operation with a result of `element`."""
        name = self.node.name
        with np.errstate(over="ignore"):
            multipliers = self.scales / element.scale if not element.is_accumulator else self.scales
        if not np.isfinite(multipliers).all():
            raise TilefoldError(f"{self.node}: the scale of the result is too small for its sums")
        numbers = self.safe_bias(element, clamp)
        weight = self.scope.emit(
            name, nn.ConstantOp, self.weight.integers, self.weight_type, self.scope.store
        )
        bias = None
        if numbers is not None:
            bias = self.scope.emit(name, nn.ConstantOp, numbers, i32, self.scope.store)
        return self.emit(self.x, weight, bias, element, clamp)

    def safe_bias(self, element: UniformType, clamp: Clamp) -> npt.NDArray[np.int32] | None:
        """The bias with which no sum can leave int32; TilefoldError where there is none.

        onnxruntime's quantiser gives channels whose weights are almost zero a bias at the edge of
        int32. It is moved off the edge where that provably changes no result: where every sum
        from the smallest to the largest, with either bias, is stored as the same integer.
        """
        spans = largest_sums(element_of(self.x), self.weight, self.axis)
        given = 0 if self.bias is None else self.bias
        bias = np.broadcast_to(np.asarray(given, np.int64), self.channels)
        room = ACCUMULATOR_LIMIT - 1 - spans
        if (np.abs(bias) <= room).all():
            return self.bias
        safe = np.clip(bias, -np.maximum(room, 0), np.maximum(room, 0))
        lost = room < 0
        if element.is_accumulator:
            lost |= safe != bias
        else:
            least = self.stored(np.minimum(bias, safe) - spans, element, clamp)
            most = self.stored(np.maximum(bias, safe) + spans, element, clamp)
            lost |= (safe != bias) & (least != most)
        if lost.any():
            channel = int(lost.argmax())
            worst = int(spans[channel] + abs(bias[channel]))
            raise TilefoldError(
                f"{self.node}: channel {channel} can sum up to {worst}, beyond the int32 "
                "accumulator; use a smaller bias or fewer bits"
            )
        return safe.astype(np.int32)

    def stored(
        self, sums: npt.NDArray[np.int64], element: UniformType, clamp: Clamp
    ) -> npt.NDArray[np.float32]:
        """What `sums` [channels] become when stored as `element`."""
        scaled = np.rint(sums.astype(np.float32) * (self.scales / element.scale))
        low, high = clamp or (element.qmin, element.qmax)
        return np.clip(scaled + np.float32(element.zero_point), low, high)

    @property
    def weight_type(self) -> UniformType:
        """The element type of the weights."""
        weight = self.weight
        return quantised(
            self.node,
            weight.bits,
            weight.signed,
            weight.scales,
            weight.zero_points,
            weight.axis,
            self.scope.store,
        )

    def check(self) -> None:
        """Refuse weights that are no weights, and scales that vanish."""
        if self.weight.bits > 8:
            raise TilefoldError(f"{self.node}: weights must have at most 8 bits")
        if self.weight.axis not in (None, self.axis):
            raise TilefoldError(f"{self.node}: weight scales must run along output channels")
        scales = self.scales
        if not (np.isfinite(scales).all() and (scales > 0).all()):
            raise TilefoldError(f"{self.node}: input scale * weight scale is no float32 number")


def largest_sums(x: UniformType, weight: ConstantView, axis: int) -> npt.NDArray[np.int64]:
    """A bound of the sums of products per channel: sum |w - zero| * max |x - zero|."""
    shape = [-1 if place == axis else 1 for place in range(weight.integers.ndim)]
    centred = weight.integers.astype(np.int32) - weight.zero_points.reshape(shape)
    others = tuple(place for place in range(centred.ndim) if place != axis)
    reach = max(x.zero_point - x.qmin, x.qmax - x.zero_point)
    return np.abs(centred).sum(axis=others, dtype=np.int64) * reach


def weight_view(scope: Scope, node: Node, index: int) -> ConstantView:
    """The constant weights at input `index` of `node`."""
    view = scope.view(node, index)
    if not isinstance(view, ConstantView):
        raise TilefoldError(f"{node}: the weights must be constant")
    return view


def _weights(
    scope: Scope, node: Node, index: int, scale: int, zero_point: int, axis: int
) -> ConstantView:
    """The constant integers at `index` with their parameters, of operators on integers."""
    integers = scope.needed_constant(node, index, "the weight")
    return scope.constant_view(node, integers, scale, zero_point, axis)


def _unscaled(scope: Scope, node: Node, zero_point: int, axis: int) -> ConstantView:
    """The weights of ConvInteger and MatMulInteger: integers that stand for themselves."""
    integers = scope.needed_constant(node, 1, "the weight")
    given = scope.constant(node, zero_point)
    zeros = np.zeros(1) if given is None else given.reshape(-1)
    return view_of(node, integers, np.ones(zeros.size, np.float32), zeros, axis)


def _conv(scope: Scope, node: Node, x: SSAValue, weight: ConstantView) -> Product:
    window = window_of(node, shape_of(x)[2:], weight.integers.shape[2:])
    groups = node.integer("group", 1)
    row, x = x, as_image(scope, node, x)
    outputs, inner = weight.integers.shape[:2]
    filters = weight.integers.reshape(outputs, inner, *window.kernel)
    weight = replace(weight, integers=filters)

    def emit(
        x: SSAValue, w: SSAValue, bias: SSAValue | None, element: UniformType, clamp: Clamp
    ) -> SSAValue:
        image = scope.emit(
            node.name,
            nn.ConvOp,
            x,
            w,
            bias,
            element,
            strides=window.strides,
            pads=window.pads,
            dilations=window.dilations,
            groups=groups,
            clamp=clamp,
        )
        return ranked_as(scope, node, image, row)

    return Product(scope, node, x, weight, 0, 1, emit)


def _matmul(scope: Scope, node: Node, x: SSAValue, weight: ConstantView) -> Product:

    def emit(
        x: SSAValue, w: SSAValue, bias: SSAValue | None, element: UniformType, clamp: Clamp
    ) -> SSAValue:
        return scope.emit(node.name, nn.MatmulOp, x, w, bias, element, clamp=clamp)

    return Product(scope, node, x, weight, 1, len(shape_of(x)) - 1, emit)


def _transposed(node: Node, weight: ConstantView) -> ConstantView:
    """Gemm's right operand as [K, N]."""
    if not node.integer("transB", 0):
        return weight
    axis = None if weight.axis is None else 1 - weight.axis
    return replace(weight, integers=np.ascontiguousarray(weight.integers.T), axis=axis)


def constant_weight(index: int, rank: int, sentence: str) -> Constraint:
    """The constraint that input `index` is a constant, in either form.

    It has `rank` dimensions, or, where that is 0, as many as input 0.
    """

    def holds(scope: Scope, node: Node) -> bool:
        value = scope.value(node, index)
        shape = scope.shape(node, index) or ()
        wanted = rank or len(scope.shape(node, 0) or shape)
        return isinstance(value, ConstantView | np.ndarray) and len(shape) == wanted

    return Constraint(sentence, holds)


def _convolution(weight: int) -> tuple[Constraint, ...]:
    """The constraints of convolutions whose weights are input `weight`."""
    sentence = "Weights are constants [K, C/groups, FY, FX], of a row [K, C/groups, FX]."
    return IMAGE_OR_ROW, WINDOW, constant_weight(weight, 0, sentence)


def _matrix(weight: int) -> Constraint:
    return constant_weight(weight, 2, "The right operand is a constant matrix.")


OF_TWO = (
    "Of two quantised tensors, matrix by matrix; those on the right are packed as weights are "
    "before each product."
)


def _operands(right: int) -> Constraint:
    constant = _matrix(right)

    def holds(scope: Scope, node: Node) -> bool:
        if isinstance(scope.value(node, right), View | Integers):
            return fit(scope.shape(node, 0), scope.shape(node, right))
        return constant.holds(scope, node)

    return Constraint(
        "The right operand is a constant matrix; or both are tensors of as many matrices, "
        "[1, M, K] and [1, K, N], or [1, H, M, K] and [1, H or 1, K, N].",
        holds,
    )


GEMM = (
    attribute_is("transA", 0, "transA is 0."),
    attribute_is("alpha", 1, "alpha is 1."),
    attribute_is("beta", 1, "beta is 1."),
)


@operator(
    "Conv",
    "2-D or 1-D convolution, any stride, dilation, padding and group count, depthwise included. "
    "Weights per tensor or per output channel; a float bias is quantised at input scale * weight "
    "scale. Without QuantizeLinear behind it the int32 sums are the output, which the host "
    "dequantises.",
    *_convolution(1),
)
def conv(scope: Scope, node: Node) -> Value:
    """The convolution, waiting for its QuantizeLinear."""
    product = _conv(scope, node, scope.plain_view(node, 0), weight_view(scope, node, 1))
    return product.with_quantised_bias(2).pending()


@operator(
    "Gemm", "Matrix product with constant weights and bias; transB is free.", _matrix(1), *GEMM
)
def gemm(scope: Scope, node: Node) -> Value:
    """The product, waiting for its QuantizeLinear."""
    weight = _transposed(node, weight_view(scope, node, 1))
    product = _matmul(scope, node, scope.plain_view(node, 0), weight)
    return product.with_quantised_bias(2).pending()


@operator("MatMul", f"Product with a constant matrix [K, N] on the right. {OF_TWO}", _operands(1))
def matmul(scope: Scope, node: Node) -> Value:
    """The product, waiting for its bias or QuantizeLinear."""
    x = scope.plain_view(node, 0)
    if not isinstance(scope.view(node, 1), ConstantView):
        return product_of_two(scope, node, x, scope.plain_view(node, 1))
    product = _matmul(scope, node, x, weight_view(scope, node, 1))
    return product.pending(biasable=len(shape_of(x)) == 2)


@operator("QLinearConv", "As Conv, on integers.", *_convolution(3))
def qlinear_conv(scope: Scope, node: Node) -> Value:
    """The requantised convolution."""
    x = scope.integers(node, 0, 1, 2)
    product = _conv(scope, node, x, _weights(scope, node, 3, 4, 5, 0)).with_quantised_bias(8)
    return _requantised(scope, product, 6, 7)


@operator("QLinearMatMul", "As MatMul, on integers.", _operands(3))
def qlinear_matmul(scope: Scope, node: Node) -> Value:
    """The requantised product."""
    x = scope.integers(node, 0, 1, 2)
    if isinstance(scope.value(node, 3), Integers):
        pending = product_of_two(scope, node, x, scope.integers(node, 3, 4, 5))
        element = scope.activation_type(node, 6, 7, element_of(x).numpy_dtype)
        return Integers(pending.build(element, None))
    return _requantised(scope, _matmul(scope, node, x, _weights(scope, node, 3, 4, 5, 1)), 6, 7)


@operator("QGemm", "As Gemm, on integers.", _matrix(3), *GEMM, domain=MICROSOFT)
def qgemm(scope: Scope, node: Node) -> Value:
    """The product, requantised where the result has a scale."""
    x = scope.integers(node, 0, 1, 2)
    channels = 0 if node.integer("transB", 0) else 1
    weight = _transposed(node, _weights(scope, node, 3, 4, 5, channels))
    product = _matmul(scope, node, x, weight).with_quantised_bias(6)
    return _requantised(scope, product, 7, 8) if node.input(7) else product.pending()


@operator("ConvInteger", "Convolution of integers; the int32 sums are an output.", *_convolution(1))
def conv_integer(scope: Scope, node: Node) -> Value:
    """The raw sums."""
    x = scope.shifted_integers(node, 0, 2)
    return _raw(_conv(scope, node, x, _unscaled(scope, node, 3, 0)))


@operator("MatMulInteger", "Product of integers; the int32 sums are an output.", _matrix(1))
def matmul_integer(scope: Scope, node: Node) -> Value:
    """The raw sums."""
    x = scope.shifted_integers(node, 0, 2)
    return _raw(_matmul(scope, node, x, _unscaled(scope, node, 3, 1)))


def _raw(product: Product) -> Value:
    pending = product.pending()
    assert pending.accumulator is not None
    return Integers(pending.build(pending.accumulator, None))


def _requantised(scope: Scope, product: Product, scale: int, zero_point: int) -> Value:
    """The product stored by the parameters at these inputs of its node."""
    default = element_of(product.x).numpy_dtype
    element = scope.activation_type(product.node, scale, zero_point, default)
    product.check()
    return Integers(product.build(element))
