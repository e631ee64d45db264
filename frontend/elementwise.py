"""Functions of one element, and additions."""

from math import prod

import numpy as np
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import element_of, shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .boundary import function_of
from .graph import Node
from .operators import MICROSOFT, constant_inputs, operator
from .scope import Scope
from .values import Clamp, Floats, Function, Integers, Pending, Value


@operator(
    "Relu",
    "Bounds the stored result of the operator before it; between DequantizeLinear and "
    "QuantizeLinear it becomes a table.",
)
def relu(scope: Scope, node: Node) -> Value:
    """The larger of the input and 0."""
    zero = np.float32(0)
    return function_of(scope, node, Function(node.name, lambda x: np.maximum(x, zero), True))


@operator(
    "Clip",
    "As Relu. On quantised tensors it becomes a table.",
    constant_inputs("The bounds are constants.", 1, 2),
)
def clip(scope: Scope, node: Node) -> Value:
    """The input within its bounds."""
    low, high = scope.constant(node, 1), scope.constant(node, 2)
    value = scope.value(node, 0)
    if isinstance(value, Integers):
        element = element_of(value.ssa)
        stored = np.arange(256, dtype=np.uint8).view(element.numpy_dtype)
        bounded = np.clip(stored, low, high).astype(element.numpy_dtype)
        return Integers(scope.table(node.name, value.ssa, bounded.view(np.uint8), element))
    least = np.float32(-np.inf if low is None else low)
    most = np.float32(np.inf if high is None else high)
    if not least <= most:
        raise TilefoldError(f"{node}: the lower bound {least} exceeds the upper one {most}")

    def bound(x: Floats) -> Floats:
        return np.minimum(np.maximum(x, least), most)

    return function_of(scope, node, Function(node.name, bound, True))


@operator("LeakyRelu", "Between DequantizeLinear and QuantizeLinear it becomes a table.")
def leaky_relu(scope: Scope, node: Node) -> Value:
    """The input, times alpha where it is negative."""
    alpha = np.float32(node.real("alpha", 0.01))

    def slope(x: Floats) -> Floats:
        return np.where(x >= 0, x, alpha * x)

    return function_of(scope, node, Function(node.name, slope, False))


@operator(
    "Add",
    "The sum of two quantised tensors, of which one may be broadcast or a quantised constant. "
    "A float constant of one number per column after MatMul is its bias.",
)
def add(scope: Scope, node: Node) -> Value:
    """The sum, waiting for its QuantizeLinear."""
    first, second = scope.value(node, 0), scope.value(node, 1)
    for product, addend in ((first, second), (second, first)):
        if isinstance(product, Pending) and isinstance(addend, np.ndarray) and product.with_bias:
            return product.with_bias(addend)
    a, b = larger_first(scope.plain_view(node, 0), scope.plain_view(node, 1))

    def build(element: UniformType, clamp: Clamp) -> SSAValue:
        return scope.emit(node.name, nn.AddOp, a, b, element, clamp=clamp)

    return Pending(node, build)


@operator("QLinearAdd", "As Add.", domain=MICROSOFT)
def qlinear_add(scope: Scope, node: Node) -> Value:
    """The quantised sum."""
    a, b = larger_first(scope.integers(node, 0, 1, 2), scope.integers(node, 3, 4, 5))
    element = scope.activation_type(node, 6, 7, element_of(a).numpy_dtype)
    return Integers(scope.emit(node.name, nn.AddOp, a, b, element))


def larger_first(a: SSAValue, b: SSAValue) -> tuple[SSAValue, SSAValue]:
    """The operands of an addition, the one that is broadcast last."""
    sizes = [(len(shape_of(value)), prod(shape_of(value))) for value in (a, b)]
    return (a, b) if sizes[0] >= sizes[1] else (b, a)
