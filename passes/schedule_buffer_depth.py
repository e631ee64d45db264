"""Double buffering: give rings inside loops a second slot where the memory has room.

```mlir
%t = schedule.buffer "data" {depth = 1}  ->  %t = schedule.buffer "data" {depth = 2}
```

A second slot lets the writer fill one tile while the reader works on the other. Nests are looked
at one by one, as their buffers share the memories only in turn; within a nest smaller buffers
come first, since they buy the same overlap for less memory.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from ..dialects import schedule
from ..machines.model import Machine
from .attach_machine import machine_of
from .schedule_allocate import buffers_by_nest, occupied
from .schedule_take_turns import loads_constant


@dataclass(frozen=True)
class ScheduleBufferDepthPass(ModulePass):
    """Raise the depth of rings to `depth` where they fit their memory.

    With `constants_only` only that of rings that constants are loaded into, as weights are.
    """

    name = "schedule-buffer-depth"

    depth: int = 2
    constants_only: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in op.walk():
            if isinstance(program, schedule.ProgramOp):
                self._deepen(program, machine_of(op))

    def _deepen(self, program: schedule.ProgramOp, machine: Machine) -> None:
        for buffers in buffers_by_nest(program):
            for buffer in sorted(buffers, key=lambda b: b.box.byte_size):
                writer = schedule.writer_of(buffer.result)
                if not schedule.ring_loops(writer):
                    continue
                if self.constants_only and not loads_constant(writer):
                    continue
                memory = machine.memory(buffer.memory.data)
                before = buffer.depth
                buffer.depth = IntegerAttr(max(self.depth, before.value.data), i64)
                if occupied(buffers, memory) > memory.bytes:
                    buffer.depth = before
