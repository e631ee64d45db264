"""QuantizeLinear, DequantizeLinear, and what passes values through."""

from dataclasses import replace

import numpy as np
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import element_of
from ..dialects.quant import UniformType, storage_range
from ..errors import TilefoldError
from .expressions import ELEMENT, Expression, Floats
from .graph import Node
from .operators import attribute_is, constant_inputs, operator
from .scope import Scope, channels_along, storage_of
from .values import Array, ConstantView, Integers, Pending, Real, Value, View

BLOCKS = attribute_is("block_size", 0, "Scales are per tensor or per channel, not per block.")


@operator(
    "QuantizeLinear",
    "Quantises a network input on the host; elsewhere it says how the result before it is stored. "
    "After one-input functions it becomes a table; equal parameters make it vanish.",
    BLOCKS,
    constant_inputs("The scale is a constant.", 1),
)
def quantize(scope: Scope, node: Node) -> Value:
    """Store the float value in the type that scale and zero point say."""
    value = scope.value(node, 0)
    if isinstance(value, np.ndarray):
        return _quantized_constant(scope, node, value)
    element = scope.stored_type(node, 1, 2)
    match value:
        case Real():
            return Integers(scope.emit(node.name, nn.QuantizeOp, value.ssa, element))
        case Pending():
            return Integers(_settle(scope, value, element))
        case View():
            return Integers(tabulate(scope, node, value, element))
        case ConstantView():
            return _quantized_constant(scope, node, dequantized(value))
        case _:
            raise TilefoldError(f"{node}: input '{node.input(0)}' is an integer tensor already")


@operator(
    "DequantizeLinear",
    "Marks integers as the numbers that they stand for; at a network output the host computes it. "
    "On a constant it makes a quantised weight or bias.",
    BLOCKS,
    constant_inputs("The scale is a constant.", 1),
)
def dequantize(scope: Scope, node: Node) -> Value:
    """View the integers by scale and zero point."""
    value = scope.value(node, 0)
    if isinstance(value, np.ndarray):
        return scope.constant_view(node, value, 1, 2, node.integer("axis", 1))
    if not isinstance(value, Integers):
        raise TilefoldError(f"{node}: input '{node.input(0)}' is not a quantised tensor")
    return View(scope.integers(node, 0, 1, 2))


def dequantized(view: ConstantView) -> Floats:
    """The float32 numbers that constant integers stand for."""
    shape = [-1 if place == view.axis else 1 for place in range(view.integers.ndim)]
    wide = view.integers.astype(np.int32) - view.zero_points.reshape(shape)
    return np.asarray(wide.astype(np.float32) * view.scales.reshape(shape))


def codes(values: Floats, element: UniformType) -> Array:
    """`values` quantised by the per-tensor type `element`: onnxruntime's float32 expression."""
    with np.errstate(over="ignore"):
        rounded = np.rint(values / element.scale) + np.float32(element.zero_point)
    return np.clip(rounded, element.qmin, element.qmax).astype(element.numpy_dtype)


def _quantized_constant(scope: Scope, node: Node, values: Array) -> Array:
    """The integers of the float constant `values`."""
    if values.dtype != np.float32:
        raise TilefoldError(f"{node}: a constant of type {values.dtype}; float32 is supported")
    scales, zeros, dtype = scope.parameters(node, 1, 2)
    axis = channels_along(node, values.shape, scales.size, node.integer("axis", 1))
    shape = [-1 if place == axis else 1 for place in range(values.ndim)]
    low, high = storage_range(*storage_of(node, dtype))
    with np.errstate(over="ignore"):
        rounded = np.rint(values / scales.reshape(shape)) + zeros.reshape(shape)
    return np.asarray(np.clip(rounded, low, high)).astype(dtype)


def _settle(scope: Scope, pending: Pending, element: UniformType) -> SSAValue:
    """The waiting operator with its result stored as `element`.

    Its function bounds the stored integers by what it makes of the extremes.
    """
    if pending.function is None:
        return pending.build(element, None)
    extremes = np.array([-np.inf, np.inf], np.float32)
    extremes = pending.function.values(extremes, scope.graph.opsets)
    low, high = (int(code) for code in codes(extremes, element))
    implied = (low, high) == (element.qmin, element.qmax)
    return pending.build(element, None if implied else (low, high))


def tabulate(scope: Scope, node: Node, view: View, element: UniformType) -> SSAValue:
    """The table of dequantise, function, quantise; the tensor itself where it is the identity."""
    before = element_of(view.ssa)
    if before == element and not view.function:
        return view.ssa
    if before.axis is not None or before.is_accumulator:
        raise TilefoldError(f"{node}: an accumulator cannot be quantised apart from its operator")
    stored = np.arange(256, dtype=np.uint8).view(before.numpy_dtype)
    stored = np.clip(stored, before.qmin, before.qmax).astype(np.int32)
    values = np.asarray((stored - before.zero_point).astype(np.float32) * before.scale)
    if view.function is None:
        return scope.table(node.name, view.ssa, codes(values, element).view(np.uint8), element)
    values = view.function.values(values, scope.graph.opsets)
    last = view.function.node
    if np.isnan(values).any():
        raise TilefoldError(f"{last}: the result is undefined (NaN) for some of its inputs")
    return scope.table(last.name, view.ssa, codes(values, element).view(np.uint8), element)


@operator("Identity", "Vanishes.")
@operator(
    "Dropout",
    "Vanishes: networks are run, not trained.",
    attribute_is("training_mode", 0, "It is not in training mode."),
)
def identity(scope: Scope, node: Node) -> Value:
    """The input itself."""
    return scope.value(node, 0)


def function_of(scope: Scope, node: Node, *constants: Array | None) -> Value:
    """The elementwise operator of `node` on its first input, the others being `constants`."""
    value = scope.value(node, 0)
    if isinstance(value, Pending):
        function = Expression(node, (value.function or ELEMENT, *constants))
        if function.bounds:
            return replace(value, function=function, with_bias=None)
    view = scope.view(node, 0)
    if isinstance(view, ConstantView):
        raise TilefoldError(f"{node}: the input is a quantised constant; fold it before exporting")
    return View(view.ssa, Expression(node, (view.function or ELEMENT, *constants)))
