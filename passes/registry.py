"""All passes of Tilefold."""

from xdsl.passes import ModulePass

from .attach_machine import AttachMachinePass
from .choose_fold import ChooseFoldPass
from .choose_tile import ChooseTilePass
from .lower_to_isa import LowerToIsaPass
from .lower_to_schedule import LowerToSchedulePass
from .schedule_allocate import ScheduleAllocatePass
from .schedule_buffer_depth import ScheduleBufferDepthPass
from .schedule_drop_configure import ScheduleDropConfigurePass
from .schedule_insert_tokens import ScheduleInsertTokensPass

PASSES: tuple[type[ModulePass], ...] = (
    AttachMachinePass,
    ChooseFoldPass,
    ChooseTilePass,
    LowerToSchedulePass,
    ScheduleBufferDepthPass,
    ScheduleDropConfigurePass,
    ScheduleAllocatePass,
    ScheduleInsertTokensPass,
    LowerToIsaPass,
)
"""From the network down to instructions."""
