"""Put layers in the order in which they are expected to start.

```mlir
%a = nn.conv %x, %v {start = 0}        %a = nn.conv %x, %v
%b = nn.conv %a, %w {start = 900}  ->  %c = nn.conv %x, %u
%c = nn.conv %x, %u {start = 20}       %b = nn.conv %a, %w
```

Queues take instructions in program order, weights are loaded ahead in that order, and tensors are
on chip for a stretch of it. `choose-fold{groups=true}` says when layers start; other operations
follow the last layer that they read. Without such layers nothing moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ..dialects import nn
from ..dialects.location import name_of
from ..dialects.nn_network import network_of
from ..errors import TilefoldError
from .choose_fold import START
from .fuse_epilogue import EPILOGUE, producer_of


@dataclass(frozen=True)
class OrderLayersPass(ModulePass):
    """Sort the operations of the network by the starts of their layers; these are removed."""

    name = "order-layers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        block = network_of(op).function.body.block
        *layers, last = block.ops
        starts = _starts(layers)
        for layer in sorted(layers, key=lambda layer: starts[layer]):
            layer.detach()
            block.insert_op_before(layer, last)
            layer.attributes.pop(START, None)
        for layer in layers:
            if (
                isinstance(layer, nn.BinaryOp)
                and EPILOGUE in layer.attributes
                and not producer_of(layer)
            ):
                raise TilefoldError(f"{name_of(layer)}: its layer starts before what is added")


def _starts(layers: Sequence[Operation]) -> dict[Operation, int]:
    """When each operation can start, by the layers with a start that it reads.

    Raises TilefoldError where one starts no later than what it reads.
    """
    starts: dict[Operation, int] = {}

    def made(value: SSAValue) -> int:
        return starts.get(value.owner, -1) if isinstance(value.owner, Operation) else -1

    for op in layers:
        ready = max((made(value) for value in op.operands), default=-1)
        own = op.attributes.get(START)
        if isinstance(own, IntegerAttr):
            if own.value.data <= ready:
                raise TilefoldError(f"{name_of(op)}: starts no later than what it reads")
            ready = own.value.data
        starts[op] = ready
    return starts
