"""nn-fold-constants: compute operations on constants at compile time.

Before:

```mlir
%w = nn.constant #nn.stored<"DIGEST"> -> tensor<10x64x!quant.uniform<i8:f32:0, ...>>
%t = nn.transpose %w {perm = [1, 0]} : (...) -> tensor<64x10x!quant.uniform<i8:f32:1, ...>>
```

After:

```mlir
%t = nn.constant #nn.stored<"OTHER DIGEST"> -> tensor<64x10x!quant.uniform<i8:f32:1, ...>>
```

The reference interpreter computes the result, which goes to the context's store.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
)

from ..dialects.location import replace_with_location
from ..dialects.nn import ConstantOp, DequantizeOp
from ..dialects.nn_syntax import LayerOp
from ..dialects.nn_types import tensor_of
from ..dialects.store import Store, store_of
from ..interpreters.nn import evaluate, interpreter_of


def constant_operands(op: Operation) -> Sequence[ConstantOp] | None:
    """The constants that `op` takes; None where it takes none or also something else."""
    owners = [operand.owner for operand in op.operands]
    constants = [owner for owner in owners if isinstance(owner, ConstantOp)]
    return constants if owners and len(constants) == len(owners) else None


@dataclass(frozen=True)
class FoldConstants(RewritePattern):
    """Replace an operation on constants by its value."""

    interpreter: Interpreter
    store: Store

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter, /) -> None:
        """Fold `op`; real numbers are no constants, so a dequantisation stays."""
        if not isinstance(op, LayerOp) or isinstance(op, DequantizeOp):
            return
        constants = constant_operands(op)
        if constants is None:
            return
        arguments = [constant.array(self.store) for constant in constants]
        array = evaluate(self.interpreter, op, arguments)
        element = tensor_of(op.results[0]).element_type
        folded = ConstantOp(array, element, self.store)
        replace_with_location(rewriter, op, folded, sources=(op, *constants))


@dataclass(frozen=True)
class NnFoldConstantsPass(ModulePass):
    """Evaluate `nn` operations whose operands are all constants."""

    name = "nn-fold-constants"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite `op` in place; results go to the store of `ctx`."""
        store = store_of(ctx)
        pattern = FoldConstants(interpreter_of(op, store), store)
        applier = GreedyRewritePatternApplier([pattern], dce_enabled=True)
        PatternRewriteWalker(applier).rewrite_module(op)
