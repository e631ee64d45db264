"""The `nn` operations that multiply and add: their results are requantised and may be clamped."""

import abc
from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from . import nn_shapes as shapes
from .nn_syntax import Int, Ints, LayerOp, integer, ints
from .nn_types import (
    activation,
    bounds_of,
    check_accumulators,
    check_clamp,
    check_product,
    element_of,
    require_channels,
    require_shape,
    shape_of,
)
from .quant import UniformType
from .store import Store


class ClampedOp(LayerOp, abc.ABC):
    """An operation with one result, whose stored integers a clamp may bound."""

    clamp = opt_prop_def(Ints)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    @property
    def bounds(self) -> tuple[int, int]:
        """The smallest and largest stored integer of the result."""
        return bounds_of(self.clamp, self.result)


class ProductOp(ClampedOp, abc.ABC):
    """Sums of products of an input and a weight, plus a bias."""

    input = operand_def(TensorType)
    weight = operand_def(TensorType)
    bias = opt_operand_def(TensorType)

    WEIGHT_AXIS: ClassVar[int]
    """The weight's axis of output channels."""

    @property
    def channel_axis(self) -> int:
        """The result's axis of output channels."""
        return 1

    @property
    def is_raw(self) -> bool:
        """Whether the result is the raw accumulator."""
        return element_of(self.result).is_accumulator

    def check_stored_scales(self, store: Store) -> None:
        """Check accumulator scales that are in `store`, which the verifier cannot see."""
        check_accumulators(
            self.input, self.weight, self.bias, self.result, self.channel_axis, store
        )

    def check_types(self) -> None:
        """Check element types and clamp."""
        check_product(
            self.input, self.weight, self.bias, self.result, self.WEIGHT_AXIS, self.channel_axis
        )
        check_clamp(self.clamp, self.result)


@irdl_op_definition
class ConvOp(ProductOp):
    """Convolution of `[1, C, Y, X]` by `[K, C/groups, FY, FX]`, padded with the zero point."""

    name = "nn.conv"
    WEIGHT_AXIS: ClassVar[int] = 0

    strides = prop_def(Ints)
    pads = prop_def(Ints)
    dilations = prop_def(Ints)
    groups = prop_def(Int)

    def __init__(
        self,
        input: SSAValue,
        weight: SSAValue,
        bias: SSAValue | None,
        element: UniformType,
        *,
        strides: Sequence[int] = (1, 1),
        pads: Sequence[int] = (0, 0, 0, 0),
        dilations: Sequence[int] = (1, 1),
        groups: int = 1,
        clamp: Sequence[int] | None = None,
    ) -> None:
        shape = shapes.conv_output_shape(
            shape_of(input), shape_of(weight), strides, pads, dilations, groups
        )
        super().__init__(
            operands=[input, weight, bias],
            result_types=[TensorType(element, shape)],
            properties={
                "strides": ints(strides),
                "pads": ints(pads),
                "dilations": ints(dilations),
                "groups": integer(groups),
                "clamp": None if clamp is None else ints(clamp),
            },
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        shape = shapes.conv_output_shape(
            shape_of(self.input),
            shape_of(self.weight),
            self.strides.get_values(),
            self.pads.get_values(),
            self.dilations.get_values(),
            self.groups.value.data,
        )
        require_shape(self.result, shape)
        self.check_types()


@irdl_op_definition
class MatmulOp(ProductOp):
    """Product of `[.., M, K]` by `[K, N]`, which is a constant or what the network computes."""

    name = "nn.matmul"
    WEIGHT_AXIS: ClassVar[int] = 1

    def __init__(
        self,
        input: SSAValue,
        weight: SSAValue,
        bias: SSAValue | None,
        element: UniformType,
        *,
        clamp: Sequence[int] | None = None,
    ) -> None:
        shape = shapes.matmul_output_shape(shape_of(input), shape_of(weight))
        super().__init__(
            operands=[input, weight, bias],
            result_types=[TensorType(element, shape)],
            properties={"clamp": None if clamp is None else ints(clamp)},
        )

    @property
    def channel_axis(self) -> int:
        """The last axis."""
        return len(shape_of(self.input)) - 1

    def verify_(self) -> None:
        """Check shapes and types."""
        shape = shapes.matmul_output_shape(shape_of(self.input), shape_of(self.weight))
        require_shape(self.result, shape)
        self.check_types()


@irdl_op_definition
class RequantizeOp(ClampedOp):
    """Stored integers or accumulators to another scale."""

    name = "nn.requantize"

    input = operand_def(TensorType)

    def __init__(
        self, input: SSAValue, element: UniformType, *, clamp: Sequence[int] | None = None
    ) -> None:
        super().__init__(
            operands=[input],
            result_types=[TensorType(element, shape_of(input))],
            properties={"clamp": None if clamp is None else ints(clamp)},
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        element = element_of(self.input)
        if element.axis is not None:
            if not element.is_accumulator:
                raise VerifyException("input has scales per channel; only i32 ones may")
            require_channels(element, shape_of(self.input), element.axis, "input")
        activation(self.result, "result")
        require_shape(self.result, shape_of(self.input))
        check_clamp(self.clamp, self.result)


class BinaryOp(ClampedOp, abc.ABC):
    """An operation on pairs of elements, the right tensor broadcast to the left one's shape."""

    lhs = operand_def(TensorType)
    rhs = operand_def(TensorType)

    def __init__(
        self,
        lhs: SSAValue,
        rhs: SSAValue,
        element: UniformType,
        *,
        clamp: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            operands=[lhs, rhs],
            result_types=[TensorType(element, shape_of(lhs))],
            properties={"clamp": None if clamp is None else ints(clamp)},
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        for value, what in ((self.lhs, "lhs"), (self.rhs, "rhs"), (self.result, "result")):
            activation(value, what)
        shapes.require_broadcastable(shape_of(self.rhs), shape_of(self.lhs))
        require_shape(self.result, shape_of(self.lhs))
        check_clamp(self.clamp, self.result)


@irdl_op_definition
class AddOp(BinaryOp):
    """Sum of two tensors, the right one broadcast to the left one's shape."""

    name = "nn.add"


@irdl_op_definition
class MulOp(BinaryOp):
    """Products of the elements of two tensors, the right one broadcast to the left one's shape."""

    name = "nn.mul"
