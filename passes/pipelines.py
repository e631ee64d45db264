"""The named pipelines: passes that belong together, as one pass each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..errors import TilefoldError
from .attach_machine import AttachMachinePass
from .choose_fold import ChooseFoldPass
from .choose_tile import ChooseTilePass
from .fuse_epilogue import FuseEpiloguePass
from .location import unlocated
from .lower_to_isa import LowerToIsaPass
from .lower_to_schedule import LowerToSchedulePass
from .nn_canonicalize import NnCanonicalizePass
from .nn_fold_constants import NnFoldConstantsPass
from .nn_fuse import NnFusePass
from .schedule_allocate import ScheduleAllocatePass
from .schedule_buffer_depth import ScheduleBufferDepthPass
from .schedule_drop_configure import ScheduleDropConfigurePass
from .schedule_insert_tokens import ScheduleInsertTokensPass


def nn_passes() -> tuple[ModulePass, ...]:
    """Simplify the network, whatever the machine."""
    return NnFoldConstantsPass(), NnCanonicalizePass(), NnFusePass(), NnCanonicalizePass()


def schedule_passes() -> tuple[ModulePass, ...]:
    """Map the network on the module's machine."""
    return (
        FuseEpiloguePass(),
        ChooseFoldPass(),
        ChooseTilePass(),
        LowerToSchedulePass(),
        ScheduleBufferDepthPass(),
        ScheduleDropConfigurePass(),
        ScheduleAllocatePass(),
        ScheduleInsertTokensPass(),
    )


def run_passes(
    passes: Sequence[ModulePass],
    context: Context,
    module: ModuleOp,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Run passes in place, verifying after each that the IR is sound and no layer name is lost."""
    for each in passes:
        if progress:
            progress(each.name)
        located = not unlocated(module)
        each.apply(context, module)
        module.verify()
        check_locations(each, module, located)


def check_locations(done: ModulePass, module: ModuleOp, located: bool) -> None:
    """Refuse operations without a layer name where there were none before a pass."""
    lost = unlocated(module) if located else ()
    if lost:
        raise TilefoldError(f"{done.name}: lost the layer name of {lost[0].name}: a bug, report it")


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
        run_passes(passes, ctx, op)
