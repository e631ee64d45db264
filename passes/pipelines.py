"""The named pipelines: passes that belong together, as one pass each."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline

from .attach_machine import AttachMachinePass
from .choose_fold import ChooseFoldPass
from .choose_tile import ChooseTilePass
from .lower_to_isa import LowerToIsaPass
from .lower_to_schedule import LowerToSchedulePass
from .schedule_allocate import ScheduleAllocatePass
from .schedule_buffer_depth import ScheduleBufferDepthPass
from .schedule_drop_configure import ScheduleDropConfigurePass
from .schedule_insert_tokens import ScheduleInsertTokensPass


def nn_passes() -> tuple[ModulePass, ...]:
    """Simplify the network, whatever the machine."""
    return ()


def schedule_passes() -> tuple[ModulePass, ...]:
    """Map the network on the module's machine."""
    return (
        ChooseFoldPass(),
        ChooseTilePass(),
        LowerToSchedulePass(),
        ScheduleBufferDepthPass(),
        ScheduleDropConfigurePass(),
        ScheduleAllocatePass(),
        ScheduleInsertTokensPass(),
    )


@dataclass(frozen=True)
class NnToIsaPass(ModulePass):
    """All of the compiler: from a network to the instructions of `machine`."""

    name = "nn-to-isa"

    machine: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        passes = (
            AttachMachinePass(self.machine),
            *nn_passes(),
            *schedule_passes(),
            LowerToIsaPass(),
        )
        PassPipeline(passes).apply(ctx, op)
