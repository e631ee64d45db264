"""nn-fuse: merge operations into the convolutions, products and tables beside them.

Before:

```mlir
%p = nn.pad %x {low = [0, 0, 1, 1], high = [0, 0, 1, 1]} : ...
%a = nn.conv %p, %w, %b {pads = [0, 0, 0, 0], ...} : (...) -> tensor<...x!quant.uniform<i32...>>
%q = nn.requantize %a : (...) -> tensor<...x!quant.uniform<u8...>>
%y = nn.lut %q {table = [3, 3, 3, 3, 4, 5, ...]} : ...
```

After:

```mlir
%y = nn.conv %x, %w, %b {pads = [1, 1, 1, 1], clamp = [3, 255], ...}
    : (...) -> tensor<...x!quant.uniform<u8...>>
```

Also: tables (and requantisations of stored integers, which are tables too) one after the other
become one; so do a tensor times (or plus) a table of itself, as in SiLU, or a constant of one
number; and a concatenation that rescales has tables before it; what `nn-canonicalize` drops
goes too. No result changes by a bit. A fused layer has the name of its convolution, product or
table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.utils.exceptions import VerifyException

from ..dialects.location import replace_with_location
from ..dialects.nn import (
    BYTES,
    BinaryOp,
    ClampedOp,
    ConcatOp,
    ConstantOp,
    ConvOp,
    LutOp,
    MaxPoolOp,
    PadOp,
    ProductOp,
    RequantizeOp,
    StoredAttr,
)
from ..dialects.nn_shapes import pool_output_shape
from ..dialects.nn_syntax import Ints, ints
from ..dialects.nn_types import element_of, shape_of
from ..interpreters import kernels
from ..interpreters.nn import of_pairs
from .nn_canonicalize import canonicalization_patterns


def reachable(value: SSAValue) -> tuple[int, int]:
    """Bounds of the stored integers that `value` can hold."""
    owner = value.owner
    if isinstance(owner, ClampedOp):
        return owner.bounds
    element = element_of(value)
    return element.qmin, element.qmax


def with_changes(
    op: Operation, result: SSAValue, *, input: SSAValue | None = None, **properties: Ints | None
) -> Operation:
    """A copy of `op` with the type of `result` and, where given, other input and properties."""
    operands = [*op.operands]
    if input is not None:
        operands[0] = input
    changed = {name: value for name, value in properties.items() if value is not None}
    return type(op).create(
        operands=operands,
        result_types=[result.type],
        properties=op.properties | changed,
        attributes=op.attributes,
    )


class FuseRequantize(RewritePattern):
    """`requantize(conv -> i32) -> conv`, and the same for matrix products."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: RequantizeOp, rewriter: PatternRewriter, /) -> None:
        """Give the product the requantised type; it multiplies by the same factor."""
        product = op.input.owner
        if not isinstance(product, ProductOp) or not op.input.has_one_use():
            return
        if product.is_raw:
            fused = with_changes(product, op.result, clamp=op.clamp)
            replace_with_location(rewriter, op, fused, sources=(product, op))


class FuseClamp(RewritePattern):
    """`lut(conv) -> conv {clamp}` for a table that only clamps; for all operations with a clamp."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: LutOp, rewriter: PatternRewriter, /) -> None:
        """Narrow the producer's bounds; only its possible results matter."""
        producer = op.input.owner
        if (
            not isinstance(producer, ClampedOp)
            or op.input.type != op.result.type
            or not op.input.has_one_use()
        ):
            return
        low, high = producer.bounds
        inputs, outputs = op.codes()
        possible = (low <= inputs) & (inputs <= high)
        inputs, outputs = inputs[possible], outputs[possible]
        if np.array_equal(outputs, np.clip(inputs, outputs[0], outputs[-1])):
            clamp = ints([int(outputs[0]), int(outputs[-1])])
            fused = with_changes(producer, op.result, clamp=clamp)
            replace_with_location(rewriter, op, fused, sources=(producer, op))


def table_of(op: Operation) -> npt.NDArray[np.uint8] | None:
    """The table that `op` looks up, or None where it does something else."""
    if isinstance(op, LutOp):
        return op.entries
    if isinstance(op, RequantizeOp) and not element_of(op.input).is_accumulator:
        x, y = element_of(op.input), element_of(op.result)
        return kernels.requantise_table(x, y, *op.bounds)
    return None


class ComposeTables(RewritePattern):
    """`lut(lut(x)) -> lut(x)`; a requantisation of stored integers counts as a table."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        """Look up the second table in the first."""
        second = table_of(op)
        first_op = op.operands[0].owner if second is not None else None
        if not isinstance(first_op, LutOp | RequantizeOp) or not op.operands[0].has_one_use():
            return
        first = table_of(first_op)
        if first is None or second is None:
            return
        composed = LutOp(first_op.operands[0], element_of(op.results[0]), second[first])
        composed.attributes |= first_op.attributes | op.attributes
        replace_with_location(rewriter, op, composed, sources=(first_op, op))


def tables_of_one(op: BinaryOp) -> tuple[SSAValue, npt.NDArray[Any], npt.NDArray[Any]] | None:
    """The one tensor that both operands depend on, and what these are for each of its 256 bytes.

    None where there are two. A constant of one number depends on nothing.
    """
    sources: list[SSAValue] = []
    codes: list[npt.NDArray[Any]] = []
    for value in op.operands:
        owner, dtype = value.owner, element_of(value).numpy_dtype
        if isinstance(owner, ConstantOp) and prod(shape_of(value)) == 1:
            if isinstance(owner.value, StoredAttr):
                return None
            codes.append(owner.array().reshape(-1))
            continue
        table = np.arange(BYTES, dtype=np.uint8)
        if isinstance(owner, Operation) and (own := table_of(owner)) is not None:
            value, table = owner.operands[0], own
        sources.append(value)
        codes.append(table.view(dtype))
    return (sources[0], codes[0], codes[1]) if len(set(sources)) == 1 else None


class PairsOfOneTensor(RewritePattern):
    """`mul(x, lut(x)) -> lut(x)`, the same for additions, and with a constant of one number."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        """Compute the table of what the operation makes of each integer."""
        found = tables_of_one(op) if isinstance(op, BinaryOp) else None
        if not isinstance(op, BinaryOp) or found is None:
            return
        source, lhs, rhs = found
        table = of_pairs(op, lhs, rhs).view(np.uint8)
        if table.size == BYTES and shape_of(source) == shape_of(op.result):
            lut = LutOp(source, element_of(op.result), table)
            lut.attributes |= op.attributes
            replace_with_location(rewriter, op, lut)


def spatial_pads(pad: PadOp) -> tuple[int, int, int, int] | None:
    """The top, left, bottom and right padding of `pad`; None where it pads other axes too."""
    low, high = pad.low.get_values(), pad.high.get_values()
    if len(low) != 4 or any((*low[:2], *high[:2])):
        return None
    return low[2], low[3], high[2], high[3]


def add_pads(pads: Ints, more: Sequence[int]) -> Ints:
    """The padding of a window over an input that already has `more` of it."""
    return ints(one + other for one, other in zip(pads.get_values(), more, strict=True))


class PadIntoConv(RewritePattern):
    """`conv(pad(x)) -> conv(x) {pads}`: both pad with the input's zero point."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConvOp, rewriter: PatternRewriter, /) -> None:
        """Let the convolution pad."""
        pad = op.input.owner
        if isinstance(pad, PadOp) and (more := spatial_pads(pad)):
            pads = add_pads(op.pads, more)
            fused = with_changes(op, op.result, input=pad.input, pads=pads)
            replace_with_location(rewriter, op, fused, sources=(op, pad))


class PadIntoMaxPool(RewritePattern):
    """`max_pool(pad(x)) -> max_pool(x) {pads}` where zero points cannot win a maximum.

    That is so where no possible input is below the zero point (as after a Relu) and every window
    holds an element of the input.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MaxPoolOp, rewriter: PatternRewriter, /) -> None:
        """Let the pool pad."""
        pad = op.input.owner
        if not isinstance(pad, PadOp) or not (more := spatial_pads(pad)):
            return
        if reachable(pad.input)[0] < element_of(pad.input).zero_point:
            return
        pads = add_pads(op.pads, more)
        options = (op.kernel, op.strides, pads, op.dilations)
        try:
            pool_output_shape(shape_of(pad.input), *(option.get_values() for option in options))
        except VerifyException:
            return
        fused = with_changes(op, op.result, input=pad.input, pads=pads)
        replace_with_location(rewriter, op, fused, sources=(op, pad))


class TablesBeforeConcat(RewritePattern):
    """`concat(x) -> concat(lut(x))` where x has another type: what is left moves bytes alone."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConcatOp, rewriter: PatternRewriter, /) -> None:
        """Rescale inputs by tables of their own, which others may take in."""
        element = element_of(op.result)
        others = [value for value in op.inputs if element_of(value) != element]
        if not others:
            return
        tables = {
            value: LutOp(value, element, kernels.rescale_table(element_of(value), element))
            for value in others
        }
        inputs = [tables[value].result if value in tables else value for value in op.inputs]
        alike = ConcatOp(inputs, element, op.axis.value.data)
        replace_with_location(rewriter, op, [*tables.values(), alike])


@dataclass(frozen=True)
class NnFusePass(ModulePass):
    """Fuse requantisations, clamps, paddings and tables."""

    name = "nn-fuse"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite `op` in place."""
        patterns = [
            FuseRequantize(),
            FuseClamp(),
            ComposeTables(),
            PairsOfOneTensor(),
            PadIntoConv(),
            PadIntoMaxPool(),
            TablesBeforeConcat(),
            *canonicalization_patterns(),
        ]
        applier = GreedyRewritePatternApplier(patterns, dce_enabled=True)
        PatternRewriteWalker(applier).rewrite_module(op)
