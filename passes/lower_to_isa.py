"""Lower a schedule to instructions, one for each step; loops stay loops.

```mlir
schedule.for %i = 4 {                              isa.loop count=4 {
  schedule.load "load" %x to %t [%i] {...}           isa.load @load, src=dram[...] ..., dst=...
  %full = schedule.signal "load"              ->     isa.signal @load, sem=0
  schedule.wait "conv.0", %full                      isa.wait @conv.0, sem=0
  schedule.conv "conv.0" %o = %t, %w [%i] ...        isa.conv @conv.0, src=local data[...] ...
}                                                  }
```

Tokens that are handed on to one another are one counting semaphore: each `schedule.ready` among
them is an initial credit. Counting semaphores pair waits and signals in order, so tokens must be
handed on in order, the oldest first; anything else is refused. Buffers become views at their
address; what of a tile is real is what its writer says.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..dialects import isa, schedule
from ..dialects.isa_rules import Header
from ..machines.model import Machine
from .attach_machine import machine_of
from .lowering.instructions import instruction
from .lowering.semaphores import Semaphores


@dataclass(frozen=True)
class LowerToIsaPass(ModulePass):
    """Replace every `schedule.program` by an `isa.program`.

    The tensors that are data of the program (constants, inputs and outputs) stay beside it.
    """

    name = "lower-to-isa"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        network = op.attributes.get("nn.network")
        name = network.data if isinstance(network, StringAttr) else "network"
        for program in schedule.programs_of(op):
            semaphores = Semaphores(program)
            body = [
                isa.SemOp(id=number, credits=credits)
                for number, credits in enumerate(semaphores.credits)
            ]
            dram = machine.dram.name
            instructions = list(_lower_block(program.body.block, semaphores, dram))
            lowered = isa.ProgramOp(header_of(machine, name), [*body, *instructions, isa.HaltOp()])
            lowered.location = program.location
            for tensor in [t for t in program.body.ops if isinstance(t, schedule.TensorOp)]:
                if tensor.kind.data != "temporary":
                    Rewriter.insert_op(tensor.clone(), InsertPoint.before(program))
            Rewriter.replace_op(program, lowered, ())


def header_of(machine: Machine, network: str) -> Header:
    """What a program for `machine` is made for."""
    dma, array, vector = (
        tuple(unit for unit in machine.units if machine.unit_kind(unit) == kind)
        for kind in ("dma", "array", "vector")
    )
    memories = tuple(memory.name for memory in machine.memories)
    return Header(machine.name, machine.digest, network, dma, array, vector, memories)


def _lower_block(block: Block, semaphores: Semaphores, dram: str) -> Iterator[Operation]:
    for op in block.ops:
        lowered: isa.InstructionOp | None = None
        match op:
            case schedule.ForOp():
                body = list(_lower_block(op.body.block, semaphores, dram))
                lowered = isa.LoopOp.of(op.trips, body) if body else None
            case schedule.SignalOp() if semaphores.used(op.token):
                number = semaphores.number(op.token)
                lowered = isa.SignalOp(unit=op.unit.data, sem=number)
            case schedule.WaitOp() if semaphores.used(op.token):
                number = semaphores.number(op.token)
                lowered = isa.WaitOp(unit=op.unit.data, sem=number)
            case schedule.ConfigureOp() | schedule.PrefetchOp():
                numbers = op.fold.numbers()
                unit = f"{op.fold.array.data}.{numbers.pop('first')}"
                configures = isinstance(op, schedule.ConfigureOp)
                instruction_of = isa.ConfigureOp if configures else isa.PrefetchOp
                lowered = instruction_of(unit=unit, **numbers)
            case schedule.StepOp():
                mnemonic, operands = instruction(op, dram)
                lowered = isa.OPERATIONS[mnemonic](**operands)
            case _:
                continue
        if lowered:
            lowered.location = op.location
            yield lowered
