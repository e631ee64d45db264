"""Operators of two or more inputs, element by element."""

from math import prod

import numpy as np
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import element_of, shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .boundary import codes, dequantized
from .channelwise import affine, channels_of
from .expressions import ELEMENT, Expression, Operand
from .graph import Node
from .operators import MICROSOFT, operator
from .scope import Scope
from .values import Array, Clamp, ConstantView, Integers, Pending, Value, View

SUM = (
    "The sum of two quantised tensors, of which one may be broadcast or a quantised constant. "
    "A float constant of one number per column after MatMul, or per channel after Mul, is its "
    "bias; after anything else one number a channel is a depthwise convolution. "
)
ONE_TENSOR = "Of functions of one tensor, and numbers: a table."


@operator("Add", SUM + ONE_TENSOR)
def add(scope: Scope, node: Node) -> Value:
    """The sum, waiting for its QuantizeLinear."""
    first, second = scope.value(node, 0), scope.value(node, 1)
    for product, addend in ((first, second), (second, first)):
        if isinstance(product, Pending) and isinstance(addend, np.ndarray) and product.with_bias:
            return product.with_bias(addend)
    if not _quantised(scope, node):
        function = function_of_one(scope, node) or _by_channel(scope, node)
        if function:
            return function
    return _pending(scope, node, nn.AddOp, (scope.plain_view(node, 0), scope.plain_view(node, 1)))


@operator("QLinearAdd", "As Add.", domain=MICROSOFT)
def qlinear_add(scope: Scope, node: Node) -> Value:
    """The quantised sum."""
    return _of_integers(scope, node, nn.AddOp)


def _pending(
    scope: Scope, node: Node, op: type[nn.BinaryOp], operands: tuple[SSAValue, SSAValue]
) -> Pending:
    """`op` of the operands, which commute, the one that is broadcast last."""
    sizes = [(len(shape_of(value)), prod(shape_of(value))) for value in operands]
    lhs, rhs = operands if sizes[0] >= sizes[1] else operands[::-1]

    def build(element: UniformType, clamp: Clamp) -> SSAValue:
        return scope.emit(node.name, op, lhs, rhs, element, clamp=clamp)

    return Pending(node, build)


def _of_integers(scope: Scope, node: Node, op: type[nn.BinaryOp]) -> Integers:
    """`op` of two quantised inputs, each with its parameters."""
    operands = scope.integers(node, 0, 1, 2), scope.integers(node, 3, 4, 5)
    element = scope.activation_type(node, 6, 7, element_of(operands[0]).numpy_dtype)
    return Integers(_pending(scope, node, op, operands).build(element, None))


def _quantised(scope: Scope, node: Node) -> bool:
    """Whether all inputs are quantised tensors as they are.

    onnxruntime multiplies and adds these as integers, by another expression than real numbers.
    """
    values = [scope.value(node, index) for index in range(len(node.inputs))]
    return all(
        isinstance(value, ConstantView) or (isinstance(value, View) and value.function is None)
        for value in values
    )


def function_of_one(scope: Scope, node: Node) -> View | None:
    """An elementwise operator of functions of one tensor and numbers; None where it is of more."""
    values = [scope.value(node, index) for index in range(len(node.inputs))]
    views = [value for value in values if isinstance(value, View)]
    if not views or any(view.ssa is not views[0].ssa for view in views):
        return None
    ssa, operands = views[0].ssa, list[Operand]()
    for value in values:
        if isinstance(value, View):
            operands.append(value.function or ELEMENT)
        else:
            number = _number(value, shape_of(ssa))
            if number is None:
                return None
            operands.append(number)
    return View(ssa, Expression(node, tuple(operands)))


def _number(value: Value, shape: tuple[int, ...]) -> Array | None:
    """The one number that a constant holds, if it does and leaves a tensor of `shape` its shape."""
    array = dequantized(value) if isinstance(value, ConstantView) else value
    if not isinstance(array, np.ndarray) or array.size == 0 or (array != array.flat[0]).any():
        return None
    try:
        kept = np.broadcast_shapes(array.shape, shape) == shape
    except ValueError:
        return None
    if not kept:
        return None
    return array if array.size == 1 else np.asarray(array.flat[0])


def _one_tensor(scope: Scope, node: Node) -> Value:
    """The operator as a function of one tensor."""
    function = function_of_one(scope, node)
    if function is None:
        views = [scope.view(node, index) for index in range(len(node.inputs))]
        what = "two tensors" if len(views) > 1 else "a constant"
        raise TilefoldError(
            f"{node}: is supported of functions of one tensor and numbers, not of {what}"
        )
    return function


for _name in ("Max", "Min", "Pow"):
    operator(_name, ONE_TENSOR)(_one_tensor)


@operator(
    "PRelu",
    "With a slope for each channel: a table of what is positive, and a depthwise convolution of "
    "the rest, added up. " + ONE_TENSOR,
)
def prelu(scope: Scope, node: Node) -> Value:
    """The input, times the slope where it is negative."""
    return function_of_one(scope, node) or _by_slopes(scope, node) or _one_tensor(scope, node)


def _by_slopes(scope: Scope, node: Node) -> Pending | None:
    """PRelu with one slope for each channel.

    Of its two halves one is 0 everywhere, so that the sum of both as they are stored is exact.
    """
    view, slopes = scope.value(node, 0), scope.value(node, 1)
    if not isinstance(view, View) or view.function:
        return None
    if isinstance(slopes, ConstantView):
        slopes = dequantized(slopes)
    factors = channels_of(slopes, shape_of(view.ssa))
    if factors is None:
        return None
    x = element_of(view.ssa)

    def table(to: UniformType, low: float, high: float) -> SSAValue:
        stored = np.arange(256, dtype=np.uint8).view(x.numpy_dtype)
        numbers = (np.clip(stored, x.qmin, x.qmax).astype(np.int32) - x.zero_point) * x.scale
        bounded = codes(np.clip(numbers.astype(np.float32), low, high), to)
        return scope.table(node.name, view.ssa, bounded.view(np.uint8), to)

    def build(element: UniformType, clamp: Clamp) -> SSAValue:
        rest = affine(scope, node, table(x, -np.inf, 0), factors, np.zeros_like(factors))
        halves = rest.build(element, None), table(element, 0, np.inf)
        return scope.emit(node.name, nn.AddOp, *halves, element, clamp=clamp)

    return Pending(node, build)


def _by_channel(scope: Scope, node: Node) -> Pending | None:
    """The operator of a quantised tensor and a float constant of one number for each channel."""
    first, second = scope.value(node, 0), scope.value(node, 1)
    for view, constant in ((first, second), (second, first)):
        if not isinstance(view, View) or view.function:
            continue
        numbers = channels_of(constant, shape_of(view.ssa))
        if numbers is None:
            continue
        one, zero = np.ones_like(numbers), np.zeros_like(numbers)
        factors, summands = {
            "Add": (one, numbers),
            "Mul": (numbers, zero),
            "Sub": (one, -numbers) if view is first else (-one, numbers),
            "Div": (one / np.where(numbers == 0, 1, numbers), zero),
        }[node.op_type]
        if node.op_type == "Div" and (view is second or not numbers.all()):
            return None
        return affine(scope, node, view.ssa, factors, summands)
    return None


@operator("Div", "By one float number a channel: a depthwise convolution. " + ONE_TENSOR)
def div(scope: Scope, node: Node) -> Value:
    """The quotient."""
    return function_of_one(scope, node) or _by_channel(scope, node) or _one_tensor(scope, node)


@operator(
    "Sub",
    "The difference of two quantised tensors, as an addition of what a table makes of the second; "
    "and a float constant of one number a channel: a depthwise convolution. " + ONE_TENSOR,
)
def sub(scope: Scope, node: Node) -> Value:
    """The difference, waiting for its QuantizeLinear."""
    function = function_of_one(scope, node) or _by_channel(scope, node)
    if function:
        return function
    operands = scope.plain_view(node, 0), _negative(scope, node, scope.plain_view(node, 1))
    return _pending(scope, node, nn.AddOp, operands)


def _negative(scope: Scope, node: Node, x: SSAValue) -> SSAValue:
    """`x` with the sign of its numbers changed: its integers the other way round."""
    element = element_of(x)
    mirror = element.qmin + element.qmax
    stored = np.arange(256, dtype=np.uint8).view(element.numpy_dtype).astype(np.int32)
    turned = np.clip(mirror - stored, element.qmin, element.qmax).astype(element.numpy_dtype)
    negative = UniformType.per_tensor(
        element.bits, element.signed, float(element.scale), mirror - element.zero_point
    )
    return scope.table(node.name, x, turned.view(np.uint8), negative)


@operator(
    "Mul",
    "The product of two quantised tensors, of which one may be broadcast or a quantised constant; "
    "by one float number a channel: a depthwise convolution. " + ONE_TENSOR,
)
def mul(scope: Scope, node: Node) -> Value:
    """The product, waiting for its QuantizeLinear."""
    if not _quantised(scope, node):
        function = function_of_one(scope, node) or _by_channel(scope, node)
        if function:
            return function
    return _pending(scope, node, nn.MulOp, (scope.plain_view(node, 0), scope.plain_view(node, 1)))


@operator("QLinearMul", "As Mul.", domain=MICROSOFT)
def qlinear_mul(scope: Scope, node: Node) -> Value:
    """The quantised product."""
    return _of_integers(scope, node, nn.MulOp)
