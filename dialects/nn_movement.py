"""The `nn` operations that move elements about without computing on them (concat may rescale)."""

from collections.abc import Sequence

from xdsl.dialects.builtin import TensorType
from xdsl.interfaces import HasCanonicalizationPatternsInterface
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, prop_def, result_def, traits_def, var_operand_def
from xdsl.pattern_rewriter import RewritePattern
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from . import nn_shapes as shapes
from .nn_syntax import Int, Ints, LayerOp, UnaryOp, integer, ints
from .nn_types import (
    activation,
    element_of,
    require_same_element,
    require_shape,
    shape_of,
    tensor_of,
)
from .quant import UniformType


@irdl_op_definition
class ConcatOp(LayerOp, HasCanonicalizationPatternsInterface):
    """Tensors side by side along `axis`, each rescaled to the result's type."""

    name = "nn.concat"

    inputs = var_operand_def(TensorType)
    axis = prop_def(Int)
    result = result_def(TensorType)
    traits = traits_def(Pure())

    def __init__(self, inputs: Sequence[SSAValue], element: UniformType, axis: int) -> None:
        shape = shapes.concat_output_shape([shape_of(value) for value in inputs], axis)
        super().__init__(
            operands=[inputs],
            result_types=[TensorType(element, shape)],
            properties={"axis": integer(axis)},
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        for value in self.inputs:
            activation(value, "input")
        activation(self.result, "result")
        shape = shapes.concat_output_shape(
            [shape_of(value) for value in self.inputs], self.axis.value.data
        )
        require_shape(self.result, shape)

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """A concatenation of one tensor."""
        from .nn_canonicalization import SingleConcat

        return (SingleConcat(),)


@irdl_op_definition
class ReshapeOp(UnaryOp, HasCanonicalizationPatternsInterface):
    """The same elements in row-major order in another shape."""

    name = "nn.reshape"

    def __init__(self, input: SSAValue, shape: Sequence[int]) -> None:
        kind = tensor_of(input)
        element = kind.element_type
        if isinstance(element, UniformType) and element.axis is not None:
            axis = shapes.axis_after_reshape(kind.get_shape(), element.axis, shape)
            element = element if axis is None else element.with_axis(axis)
        super().__init__(operands=[input], result_types=[TensorType(element, shape)])

    def verify_(self) -> None:
        """Check shapes and types."""
        before, after = shape_of(self.input), shape_of(self.result)
        shapes.require_same_size(before, after)
        element, result = element_of(self.input), element_of(self.result)
        if element.axis is not None and result.axis is not None:
            shapes.require_axis_kept(before, element.axis, after, result.axis)
            element = element.with_axis(result.axis)
        if element != result:
            raise VerifyException("the result must have the input's element type")

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """A reshape of a reshape, to the same shape, or around a transpose."""
        from .nn_canonicalization import IdentityReshape, ReshapedTranspose, ReshapeOfReshape

        return (IdentityReshape(), ReshapeOfReshape(), ReshapedTranspose())


@irdl_op_definition
class TransposeOp(UnaryOp, HasCanonicalizationPatternsInterface):
    """The same elements with the axes in the order `perm`."""

    name = "nn.transpose"

    perm = prop_def(Ints)

    def __init__(self, input: SSAValue, perm: Sequence[int]) -> None:
        kind = tensor_of(input)
        element = kind.element_type
        if isinstance(element, UniformType) and element.axis is not None:
            element = element.with_axis(list(perm).index(element.axis))
        shape = shapes.transpose_output_shape(kind.get_shape(), perm)
        super().__init__(
            operands=[input],
            result_types=[TensorType(element, shape)],
            properties={"perm": ints(perm)},
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        perm = self.perm.get_values()
        require_shape(self.result, shapes.transpose_output_shape(shape_of(self.input), perm))
        element = element_of(self.input)
        if element.axis is not None:
            element = element.with_axis(perm.index(element.axis))
        if element != element_of(self.result):
            raise VerifyException("the result must have the input's element type")

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """A transpose of a transpose, or one that moves nothing."""
        from .nn_canonicalization import IdentityTranspose, TransposeOfTranspose

        return (IdentityTranspose(), TransposeOfTranspose())


@irdl_op_definition
class RearrangeOp(UnaryOp):
    """The tensor with its axes cut into those of `split`, transposed by `perm`, then reshaped.

    Moves blocks between channels, rows and columns: depth to space, space to depth, shuffles.
    """

    name = "nn.rearrange"

    split = prop_def(Ints)
    perm = prop_def(Ints)

    def __init__(
        self, input: SSAValue, split: Sequence[int], perm: Sequence[int], shape: Sequence[int]
    ) -> None:
        super().__init__(
            operands=[input],
            result_types=[TensorType(tensor_of(input).element_type, shape)],
            properties={"split": ints(split), "perm": ints(perm)},
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        activation(self.input, "input")
        split = self.split.get_values()
        shapes.require_refinement(shape_of(self.input), split)
        moved = shapes.transpose_output_shape(split, self.perm.get_values())
        shapes.require_same_size(moved, shape_of(self.result))
        require_same_element(self.input, self.result)


@irdl_op_definition
class RepeatOp(UnaryOp, HasCanonicalizationPatternsInterface):
    """The tensor with every element `repeats` times in a row along each axis."""

    name = "nn.repeat"

    repeats = prop_def(Ints)

    def __init__(self, input: SSAValue, repeats: Sequence[int]) -> None:
        shape = shapes.repeat_output_shape(shape_of(input), repeats)
        super().__init__(
            operands=[input],
            result_types=[TensorType(tensor_of(input).element_type, shape)],
            properties={"repeats": ints(repeats)},
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        activation(self.input, "input")
        repeats = self.repeats.get_values()
        require_shape(self.result, shapes.repeat_output_shape(shape_of(self.input), repeats))
        require_same_element(self.input, self.result)

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """A repetition of a repetition, or of every element once."""
        from .nn_canonicalization import RepeatOfRepeat

        return (RepeatOfRepeat(),)


@irdl_op_definition
class PadOp(UnaryOp, HasCanonicalizationPatternsInterface):
    """The tensor with `low` zero points before and `high` after it along each axis."""

    name = "nn.pad"

    low = prop_def(Ints)
    high = prop_def(Ints)

    def __init__(self, input: SSAValue, low: Sequence[int], high: Sequence[int]) -> None:
        shape = shapes.pad_output_shape(shape_of(input), low, high)
        super().__init__(
            operands=[input],
            result_types=[TensorType(tensor_of(input).element_type, shape)],
            properties={"low": ints(low), "high": ints(high)},
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        activation(self.input, "input")
        low, high = self.low.get_values(), self.high.get_values()
        require_shape(self.result, shapes.pad_output_shape(shape_of(self.input), low, high))
        require_same_element(self.input, self.result)

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """Padding by nothing."""
        from .nn_canonicalization import EmptyPad

        return (EmptyPad(),)


@irdl_op_definition
class SliceOp(UnaryOp, HasCanonicalizationPatternsInterface):
    """The box of `sizes` elements of a tensor from `starts` on."""

    name = "nn.slice"

    starts = prop_def(Ints)
    sizes = prop_def(Ints)

    def __init__(self, input: SSAValue, starts: Sequence[int], sizes: Sequence[int]) -> None:
        shape = shapes.slice_output_shape(shape_of(input), starts, sizes)
        super().__init__(
            operands=[input],
            result_types=[TensorType(tensor_of(input).element_type, shape)],
            properties={"starts": ints(starts), "sizes": ints(sizes)},
        )

    def verify_(self) -> None:
        """Check shapes and types."""
        activation(self.input, "input")
        starts, sizes = self.starts.get_values(), self.sizes.get_values()
        shape = shapes.slice_output_shape(shape_of(self.input), starts, sizes)
        require_shape(self.result, shape)
        require_same_element(self.input, self.result)

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """All of a tensor, or a slice of a slice."""
        from .nn_canonicalization import IdentitySlice, SliceOfSlice

        return (IdentitySlice(), SliceOfSlice())
