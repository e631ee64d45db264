"""Give every tensor its place in DRAM and every buffer its place on chip.

```mlir
%t = schedule.buffer "data" {depth = 2}  ->  %t = schedule.buffer "data" {depth = 2, address = 0}
```

On chip, the buffers of one nest lie side by side; nests take turns from the two ends of each
memory, so that the next one's first loads need not wait for this one's last reads wherever both
fit. In DRAM, constants, inputs and outputs stay; temporaries share space when their
lifetimes, first write to last read, do not overlap (largest first, first fit).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ..dialects import schedule
from ..dialects.location import name_of
from ..errors import TilefoldError
from ..machines.model import Machine, Memory
from .attach_machine import machine_of

DRAM_ALIGNMENT = 64
"""Bytes: tensors start at a burst of every machine's DRAM."""


@dataclass(frozen=True)
class ScheduleAllocatePass(ModulePass):
    """Set the address of every tensor and buffer."""

    name = "schedule-allocate"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in op.walk():
            if isinstance(program, schedule.ProgramOp):
                machine = machine_of(op)
                for turn, buffers in enumerate(buffers_by_nest(program)):
                    _place_buffers(buffers, machine, from_top=turn % 2 == 1)
                _place_tensors(program, machine)


def buffers_by_nest(program: schedule.ProgramOp) -> list[list[schedule.BufferOp]]:
    """The buffers in use together, in program order: those made before the same result is stored.

    A layer has one nest, a concatenation one for each input.
    """
    nests: list[list[schedule.BufferOp]] = [[]]
    for op in program.body.ops:
        if isinstance(op, schedule.BufferOp):
            nests[-1].append(op)
        elif nests[-1] and any(isinstance(inner, schedule.StoreOp) for inner in op.walk()):
            nests.append([])
    return [buffers for buffers in nests if buffers]


def _aligned(size: int, alignment: int) -> int:
    return -(-size // alignment) * alignment


def occupied(buffers: Iterable[schedule.BufferOp], memory: Memory) -> int:
    """Bytes that `buffers` take of `memory`, each starting at a line."""
    return sum(
        _aligned(buffer.total_bytes, memory.line)
        for buffer in buffers
        if buffer.memory.data == memory.name
    )


def _place_buffers(buffers: Sequence[schedule.BufferOp], machine: Machine, from_top: bool) -> None:
    for name in sorted({buffer.memory.data for buffer in buffers}):
        memory = machine.memory(name)
        needed = occupied(buffers, memory)
        if needed > memory.bytes:
            raise TilefoldError(
                f"{name_of(buffers[0])}: its buffers take {needed} bytes of memory @{name}, which "
                f"has {memory.bytes}; choose smaller tiles"
            )
        address = (memory.bytes - needed) // memory.line * memory.line if from_top else 0
        for buffer in buffers:
            if buffer.memory.data == name:
                buffer.address = IntegerAttr(address, i64)
                address += _aligned(buffer.total_bytes, memory.line)


def _lifetime(tensor: SSAValue) -> tuple[int, int]:
    """The first and last top-level operation that touches a temporary."""
    block = tensor.owner.parent_block()
    assert block is not None
    uses = [block.find_ancestor_op_in_block(use.operation) for use in tensor.uses]
    positions = [block.get_operation_index(op) for op in uses if op is not None]
    return min(positions, default=0), max(positions, default=0)


def _place_tensors(program: schedule.ProgramOp, machine: Machine) -> None:
    tensors = [op for op in program.body.ops if isinstance(op, schedule.TensorOp)]
    temporary = [op for op in tensors if op.kind.data == "temporary"]
    top = 0
    for tensor in tensors:
        if tensor.kind.data != "temporary":
            tensor.address = IntegerAttr(top, i64)
            top += _aligned(tensor.box.byte_size, DRAM_ALIGNMENT)
    placed: list[tuple[int, int, int, int]] = []
    for tensor in sorted(temporary, key=lambda op: -op.box.byte_size):
        first, last = _lifetime(tensor.result)
        size = _aligned(tensor.box.byte_size, DRAM_ALIGNMENT)
        address = top
        alive = [p for p in placed if p[2] <= last and first <= p[3]]
        for low, high, _, _ in sorted(alive):
            if address + size <= low:
                break
            address = max(address, high)
        placed.append((address, address + size, first, last))
        tensor.address = IntegerAttr(address, i64)
    end = max([top, *(high for _, high, _, _ in placed)])
    if end > machine.dram.bytes > 0:
        raise TilefoldError(
            f"the network takes {end} bytes of DRAM, machine {machine.name} has "
            f"{machine.dram.bytes}"
        )
