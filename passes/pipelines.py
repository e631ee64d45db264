"""The named pipelines: passes that belong together, as one pass each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..dialects.fabric import MachineOp
from ..errors import TilefoldError
from .attach_machine import AttachMachinePass
from .choose_fold import ChooseFoldPass
from .choose_tile import ChooseTilePass
from .fuse_epilogue import FuseEpiloguePass
from .keep_on_chip import KeepOnChipPass
from .location import unlocated
from .lower_to_isa import LowerToIsaPass
from .lower_to_schedule import LowerToSchedulePass
from .nn_canonicalize import NnCanonicalizePass
from .nn_cascade import NnCascadePass
from .nn_fold_constants import NnFoldConstantsPass
from .nn_frames import FrameOrder, NnFramesPass
from .nn_fuse import NnFusePass
from .order_layers import OrderLayersPass
from .predict_cycles import PredictCyclesPass
from .schedule_allocate import ScheduleAllocatePass
from .schedule_buffer_depth import ScheduleBufferDepthPass
from .schedule_drop_configure import ScheduleDropConfigurePass
from .schedule_insert_tokens import ScheduleInsertTokensPass
from .schedule_prefetch_configure import SchedulePrefetchConfigurePass
from .schedule_release_units import ScheduleReleaseUnitsPass
from .schedule_spread_banks import ScheduleSpreadBanksPass
from .schedule_take_turns import ScheduleTakeTurnsPass
from .share_weights import ShareWeightsPass

LINGER = 64
"""In a pipeline a stage that is late still reads what others, which are not, would write over."""

Kind = TypeVar("Kind", bound=StrEnum)


def nn_passes() -> tuple[ModulePass, ...]:
    """Simplify the network, whatever the machine."""
    return NnFoldConstantsPass(), NnCanonicalizePass(), NnFusePass(), NnCanonicalizePass()


class Schedule(StrEnum):
    """How the layers of a network follow each other.

    In `LAYER_SERIAL` every layer reads its inputs from DRAM and writes its results there, and
    loading, computing and storing take turns (`schedule-take-turns`); only weights, and what an
    addition after a convolution adds to its results, are loaded meanwhile. It shows what overlap
    is worth.
    """

    OVERLAPPED = "overlapped"
    LAYER_SERIAL = "layer-serial"


@dataclass(frozen=True)
class Choices:
    """What the passes are told where no answer suits all networks.

    `cascades` are layers that run in stripes; `groups` lets layers that do not read one another run
    at the same time, on units of their own; `single` takes one configuration for all layers
    (`choose-fold`); a program takes so many `frames`, in an `order`; the others are options of
    `keep-on-chip` and `choose-tile`.
    """

    cascades: tuple[NnCascadePass, ...] = ()
    groups: bool = False
    single: int = ChooseFoldPass.single
    reserve: int = KeepOnChipPass.reserve
    lag: int = ChooseTilePass.lag
    sizes: int = ChooseTilePass.sizes
    skipping: tuple[str, ...] = ChooseTilePass.skipping
    frames: int = 1
    order: FrameOrder = FrameOrder.FRAME

    @property
    def pipeline(self) -> bool:
        """Whether frames follow each other through stages of layers."""
        return self.order is FrameOrder.PIPELINE

    @property
    def linger(self) -> int:
        """For how many turns addresses on chip are not used again, if possible."""
        return LINGER if self.pipeline else KeepOnChipPass.linger


def schedule_passes(
    schedule: Schedule = Schedule.OVERLAPPED, choices: Choices = Choices()
) -> tuple[ModulePass, ...]:
    """Map the network on the module's machine."""
    overlap = schedule is Schedule.OVERLAPPED
    return (
        *choices.cascades,
        FuseEpiloguePass(),
        *((NnFramesPass(choices.frames, choices.order.value),) if choices.frames != 1 else ()),
        ChooseFoldPass(groups=choices.groups, stages=choices.pipeline, single=choices.single),
        OrderLayersPass(),
        *((ShareWeightsPass(),) if overlap and choices.frames > 1 else ()),
        *((KeepOnChipPass(choices.reserve, choices.linger),) if overlap else ()),
        ChooseTilePass(overlap, choices.lag, choices.sizes, choices.skipping),
        LowerToSchedulePass(overlap),
        ScheduleBufferDepthPass()
        if overlap
        else ScheduleBufferDepthPass(2, 2, constants_only=True),
        ScheduleSpreadBanksPass(),
        ScheduleDropConfigurePass(),
        ScheduleReleaseUnitsPass(),
        *((SchedulePrefetchConfigurePass(),) if overlap else ()),
        ScheduleAllocatePass(),
        ScheduleInsertTokensPass(),
        *(() if overlap else (ScheduleTakeTurnsPass(),)),
    )


def isa_passes() -> tuple[ModulePass, ...]:
    """Lower the schedule to instructions, and say how long they will take."""
    return LowerToIsaPass(), PredictCyclesPass()


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
        _verify(module)
        check_locations(each, module, located)


def _verify(module: ModuleOp) -> None:
    """Verify a module but for its machine, which was checked when it was read: none changes it."""
    module.verify(verify_nested_ops=False)
    for op in module.ops:
        if not isinstance(op, MachineOp):
            op.verify()


def check_locations(done: ModulePass, module: ModuleOp, located: bool) -> None:
    """Refuse operations without a layer name where there were none before a pass."""
    lost = unlocated(module) if located else ()
    if lost:
        raise TilefoldError(f"{done.name}: lost the layer name of {lost[0].name}: a bug, report it")


@dataclass(frozen=True)
class NnToIsaPass(ModulePass):
    """All of the compiler: from a network to the instructions of `machine`.

    `schedule` is "overlapped" or "layer-serial"; with `groups` layers may run side by side;
    `frames` and their `order` are options of `nn-frames`.
    """

    name = "nn-to-isa"

    machine: str
    schedule: str = Schedule.OVERLAPPED.value
    groups: bool = False
    frames: int = 1
    order: str = FrameOrder.FRAME.value

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        schedule = _one_of(Schedule, "schedule", self.schedule)
        order = _one_of(FrameOrder, "order", self.order)
        choices = Choices(groups=self.groups, frames=self.frames, order=order)
        passes = (
            AttachMachinePass(self.machine),
            *nn_passes(),
            *schedule_passes(schedule, choices),
            *isa_passes(),
        )
        run_passes(passes, ctx, op)


def _one_of(kind: type[Kind], option: str, name: str) -> Kind:
    if name not in list(kind):
        raise TilefoldError(f'nn-to-isa: {option} is "{name}", but must be {" or ".join(kind)}')
    return kind(name)
