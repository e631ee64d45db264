"""The `nn` operations that reduce windows of an image."""

from collections.abc import Sequence

from xdsl.dialects.builtin import BoolAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, prop_def

from . import nn_shapes as shapes
from .nn_syntax import Ints, UnaryOp, boolean, ints
from .nn_types import activation, require_same_element, require_shape, shape_of, tensor_of
from .quant import UniformType


@irdl_op_definition
class MaxPoolOp(UnaryOp):
    """Largest stored integer in each window; padding is ignored."""

    name = "nn.max_pool"

    kernel = prop_def(Ints)
    strides = prop_def(Ints)
    pads = prop_def(Ints)
    dilations = prop_def(Ints)

    def __init__(
        self,
        input: SSAValue,
        kernel: Sequence[int],
        *,
        strides: Sequence[int] = (1, 1),
        pads: Sequence[int] = (0, 0, 0, 0),
        dilations: Sequence[int] = (1, 1),
    ) -> None:
        shape = shapes.pool_output_shape(shape_of(input), kernel, strides, pads, dilations)
        super().__init__(
            operands=[input],
            result_types=[TensorType(tensor_of(input).element_type, shape)],
            properties={
                "kernel": ints(kernel),
                "strides": ints(strides),
                "pads": ints(pads),
                "dilations": ints(dilations),
            },
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        activation(self.input, "input")
        options = (self.kernel, self.strides, self.pads, self.dilations)
        shape = shapes.pool_output_shape(
            shape_of(self.input), *(option.get_values() for option in options)
        )
        require_shape(self.result, shape)
        require_same_element(self.input, self.result)


@irdl_op_definition
class AvgPoolOp(UnaryOp):
    """Mean of each window, over its real elements or (`count_include_pad`) all of them."""

    name = "nn.avg_pool"

    kernel = prop_def(Ints)
    strides = prop_def(Ints)
    pads = prop_def(Ints)
    count_include_pad = prop_def(BoolAttr)

    def __init__(
        self,
        input: SSAValue,
        element: UniformType,
        kernel: Sequence[int],
        *,
        strides: Sequence[int] = (1, 1),
        pads: Sequence[int] = (0, 0, 0, 0),
        count_include_pad: bool = False,
    ) -> None:
        shape = shapes.pool_output_shape(shape_of(input), kernel, strides, pads)
        super().__init__(
            operands=[input],
            result_types=[TensorType(element, shape)],
            properties={
                "kernel": ints(kernel),
                "strides": ints(strides),
                "pads": ints(pads),
                "count_include_pad": boolean(count_include_pad),
            },
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        activation(self.input, "input")
        activation(self.result, "result")
        options = (self.kernel, self.strides, self.pads)
        shape = shapes.pool_output_shape(
            shape_of(self.input), *(option.get_values() for option in options)
        )
        require_shape(self.result, shape)


@irdl_op_definition
class GlobalAvgPoolOp(UnaryOp):
    """Mean of each channel of `[1, C, Y, X]`: `[1, C, 1, 1]`."""

    name = "nn.global_avg_pool"

    def __init__(self, input: SSAValue, element: UniformType) -> None:
        shape = (*shape_of(input)[:2], 1, 1)
        super().__init__(operands=[input], result_types=[TensorType(element, shape)])

    def verify_(self) -> None:
        """Check shapes and types."""
        activation(self.input, "input")
        activation(self.result, "result")
        shapes.require_batch_1(shape_of(self.input), "input")
        require_shape(self.result, (*shape_of(self.input)[:2], 1, 1))
