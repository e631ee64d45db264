"""nn-canonicalize: drop and merge `nn` operations that move or change nothing.

Before:

```mlir
%a = nn.transpose %x {perm = [0, 2, 3, 1]} : (tensor<1x2x3x4x!q>) -> tensor<1x3x4x2x!q>
%b = nn.transpose %a {perm = [0, 3, 1, 2]} : (tensor<1x3x4x2x!q>) -> tensor<1x2x3x4x!q>
%y = nn.reshape %b : (tensor<1x2x3x4x!q>) -> tensor<1x24x!q>
%z = nn.reshape %y : (tensor<1x24x!q>) -> tensor<1x6x4x!q>
```

After:

```mlir
%z = nn.reshape %x : (tensor<1x2x3x4x!q>) -> tensor<1x6x4x!q>
```

The patterns belong to the operations, so that the stock `canonicalize` finds them too.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.interfaces import HasCanonicalizationPatternsInterface
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriteWalker,
    RewritePattern,
)

from ..dialects.nn import Nn


def canonicalization_patterns() -> list[RewritePattern]:
    """The canonicalisation patterns of all operations of `nn`."""
    return [
        pattern
        for op in Nn.operations
        if issubclass(op, HasCanonicalizationPatternsInterface)
        for pattern in op.get_canonicalization_patterns()
    ]


@dataclass(frozen=True)
class NnCanonicalizePass(ModulePass):
    """Apply the canonicalisation patterns of `nn` and erase what is left without a use."""

    name = "nn-canonicalize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite `op` in place."""
        patterns = GreedyRewritePatternApplier(canonicalization_patterns(), dce_enabled=True)
        PatternRewriteWalker(patterns).rewrite_module(op)
