"""Pools: the largest or the mean of a window, or of a whole channel."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod

from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import element_of, shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .graph import Node
from .operators import MICROSOFT, Constraint, attribute_is, operator
from .scope import Scope
from .values import Clamp, Integers, Pending, Value, View
from .windows import IMAGE_OR_ROW, WINDOW, Window, as_image, ranked_as, window_of

CHANNELS_FIRST = attribute_is("channels_last", 0, "Channels come before rows and columns.")


def _undilated(scope: Scope, node: Node) -> bool:
    return set(node.integers("dilations", (1, 1))) == {1}


UNDILATED = Constraint("Average pools have no dilation.", _undilated)


@operator(
    "MaxPool",
    "The largest of each window; padding is ignored. auto_pad and ceil_mode become pads.",
    IMAGE_OR_ROW,
    WINDOW,
)
def max_pool(scope: Scope, node: Node) -> Value:
    """The pool of the integers, which are ordered as the numbers that they stand for."""

    def pool(ssa: SSAValue) -> SSAValue:
        window = _window(node, ssa)
        pooled = scope.emit(
            node.name,
            nn.MaxPoolOp,
            as_image(scope, node, ssa),
            window.kernel,
            strides=window.strides,
            pads=window.pads,
            dilations=window.dilations,
        )
        return ranked_as(scope, node, pooled, ssa)

    return _largest(scope, node, pool)


def _largest(scope: Scope, node: Node, pool: Callable[[SSAValue], SSAValue]) -> Value:
    """`pool`, which takes maxima, of input 0; a function that only bounds comes after it."""
    if isinstance(scope.value(node, 0), Integers):
        return Integers(pool(scope.integers(node, 0)))
    view = scope.view(node, 0)
    if isinstance(view, View) and (view.function is None or view.function.bounds):
        return replace(view, ssa=pool(view.ssa))
    return View(pool(scope.plain_view(node, 0)))


@operator(
    "AveragePool",
    "The mean of each window, over its real elements or (count_include_pad) all of them, also what "
    "ceil_mode adds, as onnxruntime's pool of integers has it.",
    IMAGE_OR_ROW,
    WINDOW,
    UNDILATED,
)
def average_pool(scope: Scope, node: Node) -> Value:
    """The pool, waiting for its QuantizeLinear."""
    return _average(scope, node, scope.plain_view(node, 0))


@operator("GlobalAveragePool", "The mean of each channel.", IMAGE_OR_ROW)
def global_average_pool(scope: Scope, node: Node) -> Value:
    """The mean, waiting for its QuantizeLinear."""
    return _global_average(scope, node, scope.plain_view(node, 0))


@operator(
    "QLinearAveragePool",
    "As AveragePool, on integers.",
    IMAGE_OR_ROW,
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
    IMAGE_OR_ROW,
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
            as_image(scope, node, x),
            element,
            window.kernel,
            strides=window.strides,
            pads=window.pads,
            count_include_pad=include,
        )
        return ranked_as(scope, node, scope.clamped(node.name, pooled, clamp), x)

    return Pending(node, build)


def _global_average(scope: Scope, node: Node, x: SSAValue) -> Pending:
    image = as_image(scope, node, x)

    def build(element: UniformType, clamp: Clamp) -> SSAValue:
        mean = scope.emit(node.name, nn.GlobalAvgPoolOp, image, element)
        return ranked_as(scope, node, scope.clamped(node.name, mean, clamp), x)

    return Pending(node, build)


@operator("GlobalMaxPool", "The largest of each channel.", IMAGE_OR_ROW)
def global_max_pool(scope: Scope, node: Node) -> Value:
    """The pool of the integers."""

    def pool(ssa: SSAValue) -> SSAValue:
        image = as_image(scope, node, ssa)
        pooled = scope.emit(node.name, nn.MaxPoolOp, image, shape_of(image)[2:])
        return ranked_as(scope, node, pooled, ssa)

    return _largest(scope, node, pool)


@dataclass(frozen=True)
class Reduction:
    """A reduction along axes other than the batch: of the columns of an image [1, K, 1, R]."""

    scope: Scope
    node: Node
    axes: frozenset[int]
    shape: tuple[int, ...]

    @staticmethod
    def of(scope: Scope, node: Node) -> "Reduction":
        """That of `node`; its axes are an attribute or input 1, all of them where left out."""
        shape = tuple(scope.shape(node, 0) or (1,))
        given = scope.constant(node, 1)
        axes = node.integers("axes", ()) if given is None else tuple(given.reshape(-1).tolist())
        if not axes and node.integer("noop_with_empty_axes", 0):
            raise TilefoldError(f"{node}: there are no axes to reduce")
        chosen = {axis % len(shape) for axis in axes or range(len(shape))} - {0}
        if (0 in axes and shape[0] != 1) or not chosen:
            raise TilefoldError(f"{node}: there must be axes besides the batch")
        return Reduction(scope, node, frozenset(chosen), shape)

    def image(self, x: SSAValue) -> SSAValue:
        """`x` with rows and columns that are all reduced."""
        if len(self.shape) == 4 and sorted(self.axes) == [2, 3]:
            return x
        kept = [axis for axis in range(len(self.shape)) if axis not in self.axes]
        perm = (*kept, *sorted(self.axes))
        if perm != tuple(range(len(self.shape))):
            x = self.scope.emit(self.node.name, nn.TransposeOp, x, perm)
        sizes = prod(self.shape[axis] for axis in kept), prod(self.shape[a] for a in self.axes)
        return self.scope.emit(self.node.name, nn.ReshapeOp, x, (1, sizes[0], 1, sizes[1]))

    def result(self, reduced: SSAValue) -> SSAValue:
        """The reduced image [1, K, 1, 1] in the shape of the node's output."""
        keep = self.node.integer("keepdims", 1)
        shape = [
            1 if axis in self.axes else size
            for axis, size in enumerate(self.shape)
            if keep or axis not in self.axes
        ]
        if list(shape_of(reduced)) == shape:
            return reduced
        return self.scope.emit(self.node.name, nn.ReshapeOp, reduced, shape)


def _axes_known(scope: Scope, node: Node) -> bool:
    return not node.input(1) or scope.constant(node, 1) is not None


AXES = Constraint("The axes are constants.", _axes_known)


@operator("ReduceMean", "As GlobalAveragePool, along any axes besides the batch.", AXES)
def reduce_mean(scope: Scope, node: Node) -> Value:
    """The means, waiting for their QuantizeLinear."""
    x = scope.plain_view(node, 0)
    reduction = Reduction.of(scope, node)
    image = reduction.image(x)

    def build(element: UniformType, clamp: Clamp) -> SSAValue:
        mean = scope.emit(node.name, nn.GlobalAvgPoolOp, image, element)
        return reduction.result(scope.clamped(node.name, mean, clamp))

    return Pending(node, build)


@operator("ReduceMax", "As GlobalMaxPool, along any axes besides the batch.", AXES)
def reduce_max(scope: Scope, node: Node) -> Value:
    """The maxima."""
    reduction = Reduction.of(scope, node)

    def pool(ssa: SSAValue) -> SSAValue:
        image = reduction.image(ssa)
        pooled = scope.emit(node.name, nn.MaxPoolOp, image, shape_of(image)[2:])
        return reduction.result(pooled)

    return _largest(scope, node, pool)
