"""Let additions, products and tables run on the tiles of the layer before them, on the chip.

```mlir
%y = nn.conv %x, %w {...}               %y = nn.conv %x, %w {...}
%z = nn.add %y, %r : ...          ->    %z = nn.add %y, %r {epilogue} : ...
```

An addition, product or table marked `epilogue` is built into the nest of the convolution or matrix
product that it follows: each tile goes from the array through the vector unit to DRAM, and the
tensor in between never exists. That takes a result with no other use, an equal shape, a vector unit
that reads the memory of outputs and, for an addition or product, another operand that is there
before the layer starts. Run it before `choose-tile`, which makes room for the tiles of the
epilogue.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ..dialects import nn
from ..dialects.location import name_of
from ..dialects.nn_types import shape_of
from ..errors import TilefoldError
from ..machines.model import Machine
from .attach_machine import machine_of

EPILOGUE = "epilogue"

Epilogue = nn.BinaryOp | nn.LutOp
Producer = nn.ConvOp | nn.MatmulOp


@dataclass(frozen=True)
class FuseEpiloguePass(ModulePass):
    """Mark the additions, products and tables that run in the nest of the layer before them."""

    name = "fuse-epilogue"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not _reads_outputs(machine_of(op)):
            return
        for candidate in op.walk():
            if isinstance(candidate, nn.BinaryOp | nn.LutOp) and producer_of(candidate):
                candidate.attributes[EPILOGUE] = UnitAttr()


def epilogue_of(producer: Producer) -> Epilogue | None:
    """The operation that runs in the nest of `producer`, if one does."""
    for use in producer.result.uses:
        op = use.operation
        if isinstance(op, nn.BinaryOp | nn.LutOp) and EPILOGUE in op.attributes:
            return op if producer_of(op) is producer else None
    return None


def other_operand(epilogue: nn.BinaryOp, producer: Producer) -> SSAValue:
    """What an addition or product takes besides the result of `producer`."""
    return epilogue.rhs if epilogue.lhs is producer.result else epilogue.lhs


def _reads_outputs(machine: Machine) -> bool:
    memory = machine.memory_for("O").name
    try:
        machine.vector_for(memory, memory)
    except TilefoldError:
        return False
    return True


def producer_of(epilogue: Epilogue) -> Producer | None:
    """The layer whose tiles an operation can work on: the last of those that make its operands."""
    if isinstance(epilogue, nn.LutOp):
        return _only_used_here(epilogue.input)
    for producer in sums_of(epilogue):
        if _before(other_operand(epilogue, producer), producer):
            return producer
    return None


def sums_of(pair: nn.BinaryOp) -> list[Producer]:
    """The layers on whose tiles `pair` could work if the other operand were there before."""
    if shape_of(pair.lhs) != shape_of(pair.rhs) or pair.lhs is pair.rhs:
        return []
    producers = (_only_used_here(value) for value in (pair.rhs, pair.lhs))
    return [producer for producer in producers if producer]


def _only_used_here(value: SSAValue) -> Producer | None:
    owner = value.owner
    if isinstance(owner, nn.ConvOp | nn.MatmulOp) and not owner.is_raw:
        return owner if value.has_one_use() else None
    return None


def _before(value: SSAValue, op: Operation) -> bool:
    owner = value.owner
    return not isinstance(owner, Operation) or owner.is_before_in_block(op)


def unfused(producer: Producer, machine: Machine) -> str:
    """Why nothing runs in the nest of `producer`, after tiles were chosen; "" if something does."""
    if epilogue_of(producer):
        return ""
    users = [use.operation for use in producer.result.uses]
    if len(users) != 1:
        return f"its result is used {len(users)} times"
    (user,) = users
    if not isinstance(user, nn.BinaryOp | nn.LutOp):
        return f"{user.name} follows, which is no addition, product or table"
    if not _reads_outputs(machine):
        return "no vector unit reads the memory of outputs"
    if producer_of(user) is producer:
        return "no tile fits with it"
    if producer_of(user):
        return f"{name_of(user)} runs in the nest of another layer"
    return "what is added is not there before, or is of another shape"
