"""Let copies of a layer that follow each other load their weights once.

```mlir
%y = nn.conv %x, %w {...}          %y = nn.conv %x, %w {shared = 0, ...}
%z = nn.conv %u, %w {...}    ->    %z = nn.conv %u, %w {shared = 0, ...}
```

Layers of one number become one nest: each tile of weights is loaded, then all of them compute with
it. They have the same weights, shapes and fold, no tiling yet, and none reads what another one
makes. Copies for several frames do, one after the other where `nn-frames` puts them in the order of
layers. What is saved in loads is paid for in room: the tiles of all are on chip at once, and so are
the tensors that they read and make. Where `choose-tile` finds no tiling for all of them, without
tiles of input channels to sum over, it parts them again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..dialects import nn
from ..dialects.nn_network import network_of
from ..dialects.store import Store, store_of
from .fuse_epilogue import EPILOGUE, epilogue_of, other_operand
from .lowering.computed_weights import is_computed
from .lowering.convolution import conv_shape
from .lowering.sharing import SHARED, Convolution


@dataclass(frozen=True)
class ShareWeightsPass(ModulePass):
    """Number the layers that run in one nest; those that do in none are not marked."""

    name = "share-weights"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        ops = [each for each in network_of(op).function.body.ops if not _in_between(each)]
        for number, members in enumerate(_runs(ops, store_of(ctx))):
            for member in members:
                member.attributes[SHARED] = IntegerAttr(number, i64)


def _in_between(op: Operation) -> bool:
    """Whether an operation does nothing where it stands."""
    return isinstance(op, nn.ConstantOp) or EPILOGUE in op.attributes


def _runs(ops: Sequence[Operation], store: Store) -> Iterator[Sequence[Convolution]]:
    """Runs of two and more layers that can share their weights."""
    run: list[Convolution] = []
    for op in ops:
        if isinstance(op, nn.ConvOp | nn.MatmulOp) and run and _shares(op, run, store):
            run.append(op)
            continue
        if len(run) > 1:
            yield run
        run = [op] if isinstance(op, nn.ConvOp | nn.MatmulOp) else []
    if len(run) > 1:
        yield run


def _shares(op: Convolution, run: Sequence[Convolution], store: Store) -> bool:
    """Whether `op` can share the weights of those of a run."""
    first = run[0]
    constants = [(each.weight, each.bias) for each in (first, op)]
    kinds = [
        (type(each), each.properties, each.result_types, [v.type for v in each.operands])
        for each in (first, op)
    ]
    epilogues = [epilogue_of(each) for each in (first, op)]
    return (
        not is_computed(first.weight)
        and constants[0] == constants[1]
        and kinds[0] == kinds[1]
        and type(epilogues[0]) is type(epilogues[1])
        and first.attributes.get("fold") == op.attributes.get("fold")
        and "tiling" not in first.attributes | op.attributes
        and not set(_reads(op)) & {made for each in run for made in (each, epilogue_of(each))}
        and conv_shape(first, store) == conv_shape(op, store)
    )


def _reads(op: Convolution) -> Iterator[Operation | None]:
    """What makes the operands of a layer and of its epilogue."""
    values, epilogue = [op.input], epilogue_of(op)
    if isinstance(epilogue, nn.AddOp | nn.MulOp):
        values.append(other_operand(epilogue, op))
    for value in values:
        if isinstance(value.owner, Operation):
            yield value.owner
