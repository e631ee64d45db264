"""Canonicalisation of `nn` operations that move or change nothing."""

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.utils.exceptions import VerifyException

from .location import replace_with_location
from .nn import ConcatOp, LutOp, PadOp, RearrangeOp, RepeatOp, ReshapeOp, SliceOp, TransposeOp
from .nn_shapes import require_refinement
from .nn_types import element_of, shape_of


def _forward(op: Operation, value: SSAValue, rewriter: PatternRewriter) -> None:
    """Replace the result of `op` by the equal `value`."""
    if op.results[0].type == value.type:
        rewriter.replace(op, (), (value,))


class IdentityReshape(RewritePattern):
    """`reshape(x) -> x` where the shape stays."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /) -> None:
        """Drop the reshape."""
        _forward(op, op.input, rewriter)


class ReshapeOfReshape(RewritePattern):
    """`reshape(reshape(x)) -> reshape(x)`."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /) -> None:
        """Reshape from the first shape to the last."""
        inner = op.input.owner
        if isinstance(inner, ReshapeOp):
            direct = ReshapeOp.create(operands=[inner.input], result_types=[op.result.type])
            replace_with_location(rewriter, op, direct, sources=(inner, op))


class IdentityTranspose(RewritePattern):
    """`transpose(x) -> x` where no axis moves."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter, /) -> None:
        """Drop the transpose."""
        perm = op.perm.get_values()
        if perm == tuple(sorted(perm)):
            _forward(op, op.input, rewriter)


class TransposeOfTranspose(RewritePattern):
    """`transpose(transpose(x)) -> transpose(x)` with the permutations composed."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TransposeOp, rewriter: PatternRewriter, /) -> None:
        """Permute once."""
        inner = op.input.owner
        if isinstance(inner, TransposeOp):
            first = inner.perm.get_values()
            perm = [first[axis] for axis in op.perm.get_values()]
            direct = TransposeOp(inner.input, perm)
            replace_with_location(rewriter, op, direct, sources=(inner, op))


class ReshapedTranspose(RewritePattern):
    """`reshape(transpose(reshape(x))) -> rearrange(x)` where the first reshape only cuts axes."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter, /) -> None:
        """Move once."""
        transpose = op.input.owner
        if not isinstance(transpose, TransposeOp) or not op.input.has_one_use():
            return
        first = transpose.input.owner
        if not isinstance(first, ReshapeOp) or not transpose.input.has_one_use():
            return
        split = shape_of(first.result)
        element = element_of(first.input)
        try:
            require_refinement(shape_of(first.input), split)
        except VerifyException:
            return
        if element.axis is None and not element.is_accumulator:
            perm = transpose.perm.get_values()
            direct = RearrangeOp(first.input, split, perm, shape_of(op.result))
            replace_with_location(rewriter, op, direct, sources=(first, transpose, op))


class RepeatOfRepeat(RewritePattern):
    """`repeat(repeat(x)) -> repeat(x)`, and `repeat(x) -> x` of every element once."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RepeatOp, rewriter: PatternRewriter, /) -> None:
        """Repeat as often as both."""
        inner, repeats = op.input.owner, op.repeats.get_values()
        if set(repeats) == {1}:
            _forward(op, op.input, rewriter)
        elif isinstance(inner, RepeatOp):
            both = zip(inner.repeats.get_values(), repeats, strict=True)
            direct = RepeatOp(inner.input, [first * second for first, second in both])
            replace_with_location(rewriter, op, direct, sources=(inner, op))


class SingleConcat(RewritePattern):
    """`concat(x) -> x` where the type stays."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConcatOp, rewriter: PatternRewriter, /) -> None:
        """Drop the concatenation."""
        if len(op.inputs) == 1:
            _forward(op, op.inputs[0], rewriter)


class EmptyPad(RewritePattern):
    """`pad(x) -> x` where nothing is added."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PadOp, rewriter: PatternRewriter, /) -> None:
        """Drop the padding."""
        _forward(op, op.input, rewriter)


class IdentitySlice(RewritePattern):
    """`slice(x) -> x` where nothing is left out."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SliceOp, rewriter: PatternRewriter, /) -> None:
        """Drop the slice."""
        _forward(op, op.input, rewriter)


class SliceOfSlice(RewritePattern):
    """`slice(slice(x)) -> slice(x)`."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SliceOp, rewriter: PatternRewriter, /) -> None:
        """Slice once, from where both start."""
        inner = op.input.owner
        if isinstance(inner, SliceOp):
            both = zip(inner.starts.get_values(), op.starts.get_values(), strict=True)
            starts = [first + second for first, second in both]
            direct = SliceOp(inner.input, starts, op.sizes.get_values())
            replace_with_location(rewriter, op, direct, sources=(inner, op))


class IdentityLut(RewritePattern):
    """`lut(x) -> x` where the type stays and every possible input maps to itself."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LutOp, rewriter: PatternRewriter, /) -> None:
        """Drop the table."""
        if np.array_equal(*op.codes()):
            _forward(op, op.input, rewriter)
