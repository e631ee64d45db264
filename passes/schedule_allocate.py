"""Give every tensor its place in DRAM and every buffer its place on chip.

```mlir
%t = schedule.buffer "data" {depth = 2}  ->  %t = schedule.buffer "data" {depth = 2, address = 0}
```

On chip, the buffers of one nest lie side by side. In a memory that holds weights alone, those of
the next nest follow, and the first place comes after the last: weights are loaded ahead as far as
the memory is free. In other memories nests take turns from the two ends of what the tensors on chip
leave, so that the next one's first loads need not wait for this one's last reads wherever both fit.
On machines with several array classes, whose nests run beside each other, a nest gets the place
whose last user is longest ago, above all tensors if it can.
In DRAM, constants, inputs and outputs stay; temporaries share space when their
lifetimes, first write to last read, do not overlap (`passes/arena.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from ..dialects import schedule
from ..dialects.location import name_of
from ..errors import LayerError, TilefoldError
from ..machines.model import Machine, Memory
from .arena import Life, load, packed
from .attach_machine import machine_of
from .lowering.budget import ceil_to

DRAM_ALIGNMENT = 64
"""Bytes: tensors start at a burst of every machine's DRAM."""


@dataclass(frozen=True)
class ScheduleAllocatePass(ModulePass):
    """Set the address of every tensor and buffer."""

    name = "schedule-allocate"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in schedule.programs_of(op):
            machine = machine_of(op)
            places = _Places(machine, tensors_on_chip(program))
            for buffers in buffers_by_nest(program):
                places.place(buffers)
            _place_tensors(program, machine)


def buffers_by_nest(program: schedule.ProgramOp) -> list[list[schedule.BufferOp]]:
    """The buffers in use together, in program order: those made before the same result is written.

    A layer has one nest, a concatenation one for each input.
    """
    nests = (
        [op for op in nest if isinstance(op, schedule.BufferOp)]
        for nest in nests_of(program.body.block)
    )
    return [buffers for buffers in nests if buffers]


def nests_of(block: Block) -> Iterator[list[Operation]]:
    """Top-level operations up to each that writes a tensor, in DRAM or on chip; then the rest."""
    nest: list[Operation] = []
    for op in list(block.ops):
        nest.append(op)
        if any(map(writes_tensor, schedule.steps_in(op))):
            yield nest
            nest = []
    yield nest


def writes_tensor(step: schedule.StepOp) -> bool:
    """Whether a step writes a tensor, in DRAM or on chip."""
    return isinstance(step, schedule.StoreOp) or isinstance(step.target.owner, schedule.WindowOp)


def occupied(buffers: Iterable[schedule.BufferOp], memory: Memory) -> int:
    """Bytes that `buffers` take of `memory`, each starting at a line."""
    return sum(
        ceil_to(buffer.total_bytes, memory.line)
        for buffer in buffers
        if buffer.memory.data == memory.name
    )


@dataclass(frozen=True)
class Kept:
    """A tensor on chip: where it ends, and for which top-level operations it is needed."""

    memory: str
    end: int
    life: Life


def tensors_on_chip(program: schedule.ProgramOp) -> list[Kept]:
    """All tensors on chip; TilefoldError for one without an address."""
    kept: list[Kept] = []
    for op in program.body.ops:
        if isinstance(op, schedule.TensorOp) and op.memory is not None:
            if op.address is None:
                raise TilefoldError(f"{name_of(op)}: a tensor on chip has no address")
            life = Life(op.box.byte_size, *lifetime(op.result))
            kept.append(Kept(op.memory.data, op.address.value.data + life.size, life))
    return kept


def on_chip(program: schedule.ProgramOp) -> tuple[int, int, int]:
    """How many tensors lie on chip, the byte at which the highest ends, and the least it could be.

    That is the most bytes of them that are needed at once.
    """
    kept = tensors_on_chip(program)
    end = max((tensor.end for tensor in kept), default=0)
    return len(kept), end, load([tensor.life for tensor in kept])


def floor_of(kept: Iterable[Kept], buffers: Sequence[schedule.BufferOp], memory: Memory) -> int:
    """The end in `memory` of the tensors on chip that are needed while `buffers` are."""
    lives = [lifetime(buffer.result) for buffer in buffers]
    first, last = min(life[0] for life in lives), max(life[1] for life in lives)
    ends = [
        each.end
        for each in kept
        if each.memory == memory.name and each.life.first <= last and first <= each.life.last
    ]
    return ceil_to(max(ends, default=0), memory.line)


class _Places:
    """Where the buffers of one nest after the other lie."""

    def __init__(self, machine: Machine, kept: Sequence[Kept]):
        self._machine = machine
        self._kept = kept
        self._beside = len(machine.arrays) > 1
        self._turn = 0
        self._used: dict[str, list[tuple[int, int]]] = {}
        self._next = dict.fromkeys((memory.name for memory in machine.memories), 0)

    def place(self, buffers: Sequence[schedule.BufferOp]) -> None:
        """Give the buffers of the next nest their addresses."""
        for name in sorted({buffer.memory.data for buffer in buffers}):
            memory = self._machine.memory(name)
            low, needed = floor_of(self._kept, buffers, memory), occupied(buffers, memory)
            if self._beside:
                ends = [each.end for each in self._kept if each.memory == name]
                above = ceil_to(max(ends, default=0), memory.line)
                low = above if above + needed <= memory.bytes else low
            if needed > memory.bytes - low:
                reason = (
                    f"its buffers take {needed} bytes of memory @{name}, which has "
                    f"{memory.bytes - low}; choose smaller tiles"
                )
                raise LayerError({name_of(buffers[0]): reason})
            address = self._start(memory, low, needed)
            for buffer in buffers:
                if buffer.memory.data == name:
                    buffer.address = IntegerAttr(address, i64)
                    address += ceil_to(buffer.total_bytes, memory.line)
        self._turn += 1

    def _start(self, memory: Memory, low: int, needed: int) -> int:
        """Where the buffers of a nest start."""
        if memory.holds == ("W",):
            start = self._next[memory.name]
            start = start if start + needed <= memory.bytes else 0
            self._next[memory.name] = start + needed
            return start
        top = (memory.bytes - needed) // memory.line * memory.line
        if not self._beside:
            return top if self._turn % 2 else low
        used = self._used.setdefault(memory.name, [])
        edges = {low, top, *(end for _, end in used), *(start - needed for start, _ in used)}
        start = min(
            (edge for edge in edges if low <= edge <= top),
            key=lambda edge: (_last_user(used, edge, edge + needed), edge),
        )
        used.append((start, start + needed))
        return start


def _last_user(used: Sequence[tuple[int, int]], start: int, end: int) -> int:
    """Which of the places `used`, in their order, was the last that shares a byte; -1 for none."""
    return max((n for n, (a, b) in enumerate(used) if a < end and start < b), default=-1)


def lifetime(tensor: SSAValue) -> tuple[int, int]:
    """The first and last top-level operation that touches a temporary, or what shows it."""
    block = tensor.owner.parent_block()
    assert block is not None
    users = list(_users(tensor))
    uses = [block.find_ancestor_op_in_block(user) for user in users]
    positions = [block.get_operation_index(op) for op in uses if op is not None]
    return min(positions, default=0), max(positions, default=0)


def _users(value: SSAValue) -> Iterator[Operation]:
    """What uses a tensor or buffer, parts of it and windows among them."""
    for use in value.uses:
        yield use.operation
        if isinstance(use.operation, schedule.PartOp):
            yield from _users(use.operation.result)
        elif isinstance(use.operation, schedule.WindowOp):
            yield from _users(use.operation.tile)


def _place_tensors(program: schedule.ProgramOp, machine: Machine) -> None:
    tensors = [op for op in program.body.ops if isinstance(op, schedule.TensorOp)]
    temporary = [op for op in tensors if op.kind.data == "temporary" and op.memory is None]
    top = 0
    for tensor in tensors:
        if tensor.kind.data != "temporary":
            tensor.address = IntegerAttr(top, i64)
            top += ceil_to(tensor.box.byte_size, DRAM_ALIGNMENT)
    lives = [
        Life(ceil_to(tensor.box.byte_size, DRAM_ALIGNMENT), *lifetime(tensor.result))
        for tensor in temporary
    ]
    end = top
    for tensor, life, address in zip(temporary, lives, packed(lives, top), strict=True):
        tensor.address = IntegerAttr(address, i64)
        end = max(end, address + life.size)
    if end > machine.dram.bytes > 0:
        raise TilefoldError(
            f"the network takes {end} bytes of DRAM, machine {machine.name} has "
            f"{machine.dram.bytes}"
        )
