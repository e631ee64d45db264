"""Pools: the largest or the mean of a window, or of a whole channel."""

from dataclasses import replace

from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import element_of, shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .graph import Node
from .operators import IMAGE, MICROSOFT, Constraint, attribute_is, operator
from .scope import Scope
from .values import Clamp, Integers, Pending, Value, View
from .windows import WINDOW, Window, window_of

CHANNELS_FIRST = attribute_is("channels_last", 0, "Channels come before rows and columns.")


def _undilated(scope: Scope, node: Node) -> bool:
    return set(node.integers("dilations", (1, 1))) == {1}


UNDILATED = Constraint("Average pools have no dilation.", _undilated)


@operator(
    "MaxPool",
    "The largest of each window; padding is ignored. auto_pad and ceil_mode become pads.",
    IMAGE,
    WINDOW,
)
def max_pool(scope: Scope, node: Node) -> Value:
    """The pool of the integers, which are ordered as the numbers that they stand for."""

    def pool(ssa: SSAValue) -> SSAValue:
        window = _window(node, ssa)
        return scope.emit(
            node.name,
            nn.MaxPoolOp,
            ssa,
            window.kernel,
            strides=window.strides,
            pads=window.pads,
            dilations=window.dilations,
        )

    if isinstance(scope.value(node, 0), Integers):
        return Integers(pool(scope.integers(node, 0)))
    view = scope.view(node, 0)
    if isinstance(view, View) and (view.function is None or view.function.bounds):
        return replace(view, ssa=pool(view.ssa))
    return View(pool(scope.plain_view(node, 0)))


@operator(
    "AveragePool",
    "The mean of each window, over its real elements or (count_include_pad) all of them.",
    IMAGE,
    WINDOW,
    UNDILATED,
)
def average_pool(scope: Scope, node: Node) -> Value:
    """The pool, waiting for its QuantizeLinear."""
    return _average(scope, node, scope.plain_view(node, 0))


@operator("GlobalAveragePool", "The mean of each channel.", IMAGE)
def global_average_pool(scope: Scope, node: Node) -> Value:
    """The mean, waiting for its QuantizeLinear."""
    return _global_average(scope, node, scope.plain_view(node, 0))


@operator(
    "QLinearAveragePool",
    "As AveragePool, on integers.",
    IMAGE,
    WINDOW,
    UNDILATED,
    CHANNELS_FIRST,
    domain=MICROSOFT,
)
def qlinear_average_pool(scope: Scope, node: Node) -> Value:
    """The requantised pool."""
    x = scope.integers(node, 0, 1, 2)
    element = scope.activation_type(node, 3, 4, element_of(x).numpy_dtype)
    return Integers(_average(scope, node, x).build(element, None))


@operator(
    "QLinearGlobalAveragePool",
    "As GlobalAveragePool, on integers.",
    IMAGE,
    CHANNELS_FIRST,
    domain=MICROSOFT,
)
def qlinear_global_average_pool(scope: Scope, node: Node) -> Value:
    """The requantised mean."""
    x = scope.integers(node, 0, 1, 2)
    element = scope.activation_type(node, 3, 4, element_of(x).numpy_dtype)
    return Integers(_global_average(scope, node, x).build(element, None))


def _window(node: Node, ssa: SSAValue) -> Window:
    kernel = node.integers("kernel_shape", ())
    if not kernel:
        raise TilefoldError(f"{node}: attribute kernel_shape is missing")
    return window_of(node, shape_of(ssa)[2:], kernel)


def _average(scope: Scope, node: Node, x: SSAValue) -> Pending:
    window = _window(node, x)
    include = bool(node.integer("count_include_pad", 0))

    def build(element: UniformType, clamp: Clamp) -> SSAValue:
        pooled = scope.emit(
            node.name,
            nn.AvgPoolOp,
            x,
            element,
            window.kernel,
            strides=window.strides,
            pads=window.pads,
            count_include_pad=include,
        )
        return scope.clamped(node.name, pooled, clamp)

    return Pending(node, build)


def _global_average(scope: Scope, node: Node, x: SSAValue) -> Pending:
    def build(element: UniformType, clamp: Clamp) -> SSAValue:
        mean = scope.emit(node.name, nn.GlobalAvgPoolOp, x, element)
        return scope.clamped(node.name, mean, clamp)

    return Pending(node, build)
