"""Rules about the quantised types of `nn` operations. All raise VerifyException."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import (
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    Signedness,
    TensorType,
    i1,
    i32,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.exceptions import VerifyException

from .nn_shapes import Shape, shape_text
from .nn_syntax import Ints
from .quant import UniformType
from .store import Store

AnyTensor = TensorType[Attribute]
QuantTensor = TensorType[UniformType]

PlainType = Float16Type | Float32Type | Float64Type | IntegerType

PLAIN: Mapping[PlainType, np.dtype[Any]] = {
    Float16Type(): np.dtype(np.float16),
    Float32Type(): np.dtype(np.float32),
    Float64Type(): np.dtype(np.float64),
    i1: np.dtype(np.bool_),
    **{IntegerType(bits): np.dtype(f"int{bits}") for bits in (8, 16, 32, 64)},
    **{IntegerType(bits, Signedness.UNSIGNED): np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64)},
}
"""Element types that are not quantised, and numpy's for them."""


def plain_type(dtype: np.dtype[Any]) -> PlainType:
    """The element type for numpy's `dtype`; VerifyException where there is none."""
    for element, known in PLAIN.items():
        if known == dtype:
            return element
    raise VerifyException(f"elements of type {dtype} are not supported")


def numpy_type(element: Attribute) -> np.dtype[Any]:
    """The data type of arrays of `element`s; VerifyException where there is none."""
    if isinstance(element, UniformType):
        return element.numpy_dtype
    if not isinstance(element, PlainType) or element not in PLAIN:
        raise VerifyException(f"elements of type {element} are not supported")
    return PLAIN[element]


def is_real(value: SSAValue) -> bool:
    """Whether `value` is a tensor of f32."""
    return isinstance(tensor_of(value).element_type, Float32Type)


def tensor_of(value: SSAValue) -> AnyTensor:
    """The type of `value`, which must be a tensor."""
    # Not isa(value.type, AnyTensor), which asks no more but takes 20 us each time.
    if not isinstance(value.type, TensorType):
        raise VerifyException(f"{value.type} is not a tensor")
    return cast(AnyTensor, value.type)


def shape_of(value: SSAValue) -> Shape:
    """The shape of a tensor value."""
    return tensor_of(value).get_shape()


def element_of(value: SSAValue) -> UniformType:
    """The quantised element type of a tensor value."""
    element = tensor_of(value).element_type
    if not isinstance(element, UniformType):
        raise VerifyException(f"{value.type} is not a quantised tensor")
    return element


def require_shape(value: SSAValue, shape: Shape) -> None:
    """Refuse a result of another shape than the operands give."""
    if shape_of(value) != shape:
        raise VerifyException(
            f"the result is {shape_text(shape_of(value))}, the operands give {shape_text(shape)}"
        )


def activation(value: SSAValue, what: str) -> UniformType:
    """The element type of `value`: at most 8 bits, one scale per tensor."""
    element = element_of(value)
    if element.is_accumulator:
        raise VerifyException(f"{what} holds i32 accumulators; requantise it first")
    if element.axis is not None:
        raise VerifyException(f"{what} has scales per channel; activations have one per tensor")
    return element


def require_same_element(value: SSAValue, result: SSAValue) -> None:
    """Refuse a changed element type where an operation only moves or compares elements."""
    if tensor_of(value).element_type != tensor_of(result).element_type:
        raise VerifyException("the result must have the input's element type")


def require_channels(element: UniformType, shape: Shape, axis: int, what: str) -> None:
    """Refuse scales along another axis than `axis`, or of another number than its size."""
    if element.axis is None:
        return
    if element.axis != axis:
        raise VerifyException(f"scales of {what} run along axis {element.axis}, not {axis}")
    if element.channels not in (None, shape[axis]):
        raise VerifyException(f"{what} has {element.channels} scales for {shape[axis]} channels")


def accumulator_type(
    x: UniformType, w: UniformType, axis: int, store: Store | None = None
) -> UniformType:
    """The type of a product's raw sums: i32 with scale f32(xs * ws), per channel along `axis`."""
    scales = w.scales(store) * x.scale
    if w.axis is None:
        return UniformType.per_tensor(32, True, float(scales[0]))
    return UniformType.per_axis(32, True, axis, scales, store=store)


def check_product(
    x: SSAValue, w: SSAValue, bias: SSAValue | None, result: SSAValue, weight_axis: int, axis: int
) -> None:
    """Check the types of a convolution or matrix product with output channels along `axis`.

    Where the scales are in the store they cannot be compared here; `check_stored_scales` does.
    """
    activation(x, "input")
    weight = element_of(w)
    if weight.is_accumulator:
        raise VerifyException("the weight must have at most 8 bits")
    require_channels(weight, shape_of(w), weight_axis, "weight")
    if bias is not None:
        _check_bias(bias, shape_of(result)[axis])
    if not element_of(result).is_accumulator:
        activation(result, "result")
    if weight.channels is not None:
        check_accumulators(x, w, bias, result, axis)
    elif element_of(result).is_accumulator:
        require_channels(element_of(result), shape_of(result), axis, "result")


def check_accumulators(
    x: SSAValue,
    w: SSAValue,
    bias: SSAValue | None,
    result: SSAValue,
    axis: int,
    store: Store | None = None,
) -> None:
    """Refuse i32 results and biases whose scale is not f32(input scale * weight scale)."""
    element = element_of(result)
    if element.is_accumulator:
        wanted = accumulator_type(element_of(x), element_of(w), axis, store)
        if element != wanted:
            raise VerifyException(f"the scale of the i32 result must be input * weight: {wanted}")
    if bias is not None and tensor_of(bias).element_type != i32:
        wanted = accumulator_type(element_of(x), element_of(w), 0, store)
        if element_of(bias) != wanted:
            raise VerifyException(f"the scale of the bias must be input * weight: {wanted}")


def _check_bias(bias: SSAValue, channels: int) -> None:
    kind = tensor_of(bias)
    accumulators = isinstance(kind.element_type, UniformType) and kind.element_type.is_accumulator
    if kind.element_type != i32 and not accumulators:
        raise VerifyException(f"bias elements must be i32, not {kind.element_type}")
    if kind.get_shape() != (channels,):
        raise VerifyException(f"bias {shape_text(kind.get_shape())} must be {channels} numbers")


def check_clamp(clamp: Ints | None, result: SSAValue) -> None:
    """Refuse bounds that are not lo <= hi within the result's storage range."""
    if clamp is None:
        return
    element = element_of(result)
    bounds = clamp.get_values()
    if element.is_accumulator:
        raise VerifyException("i32 results have no clamp")
    if len(bounds) != 2 or not element.qmin <= bounds[0] <= bounds[1] <= element.qmax:
        raise VerifyException(
            f"clamp {list(bounds)} is not [lo, hi] within {element.qmin}:{element.qmax}"
        )


def bounds_of(clamp: Ints | None, result: SSAValue) -> tuple[int, int]:
    """The smallest and largest stored integer of `result` under `clamp`."""
    if clamp is not None:
        low, high = clamp.get_values()
        return low, high
    element = element_of(result)
    return element.qmin, element.qmax


def check_codes(codes: Sequence[int], element: UniformType, what: str) -> None:
    """Refuse stored integers outside the storage range."""
    if codes and not element.qmin <= min(codes) <= max(codes) <= element.qmax:
        raise VerifyException(
            f"{what} holds {min(codes)} to {max(codes)}, beyond {element.qmin}:{element.qmax}"
        )
