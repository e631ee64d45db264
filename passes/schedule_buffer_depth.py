"""Double buffering, and more: give rings inside loops slots where the memory has room.

```mlir
%t = schedule.buffer "data" {depth = 1}  ->  %t = schedule.buffer "data" {depth = 2}
```

A second slot lets the writer fill one tile while the reader works on the other. Constants can be
loaded long before they are needed, while the layers before compute: their rings get as many slots
as they have tiles, up to `constant_depth`, within the `share`-th part of the memory. Nests are
looked at one by one, as their buffers share the memories only in turn; within a nest smaller
buffers come first, since they buy the same overlap for less memory. Room is what tensors that are
kept on chip leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from ..dialects import schedule
from ..machines.model import Machine, Memory
from .attach_machine import machine_of
from .schedule_allocate import buffers_by_nest, floor_of, occupied, tensors_on_chip
from .schedule_take_turns import loads_constant


@dataclass(frozen=True)
class ScheduleBufferDepthPass(ModulePass):
    """Raise the depth of rings to `depth` where they fit their memory, that of constants further.

    With `constants_only` no other rings are.
    """

    name = "schedule-buffer-depth"

    depth: int = 2
    constant_depth: int = 256
    share: int = 2
    constants_only: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in schedule.programs_of(op):
            self._deepen(program, machine_of(op))

    def _deepen(self, program: schedule.ProgramOp, machine: Machine) -> None:
        kept = tensors_on_chip(program)
        for buffers in buffers_by_nest(program):
            room = {
                memory.name: memory.bytes - floor_of(kept, buffers, memory)
                for memory in machine.memories
                if memory.kind == "sram"
            }
            for buffer in sorted(buffers, key=lambda b: b.box.byte_size):
                writer = schedule.writer_of(buffer.result)
                if not schedule.ring_loops(writer):
                    continue
                constant = loads_constant(writer)
                if self.constants_only and not constant:
                    continue
                memory = machine.memory(buffer.memory.data)
                self._raise(buffer, buffers, memory, room[memory.name], self.depth)
                if constant:
                    tiles = prod(loop.trips for loop in schedule.ring_loops(writer))
                    share = memory.bytes // self.share // buffer.slot_bytes
                    depth = min(tiles, share, self.constant_depth)
                    self._raise(buffer, buffers, memory, room[memory.name], depth)

    def _raise(
        self,
        buffer: schedule.BufferOp,
        buffers: Sequence[schedule.BufferOp],
        memory: Memory,
        room: int,
        depth: int,
    ) -> None:
        """Raise the depth of a buffer if all `buffers` of its nest then fit `room` bytes."""
        before = buffer.depth
        buffer.depth = IntegerAttr(max(depth, before.value.data), i64)
        if occupied(buffers, memory) > room:
            buffer.depth = before
