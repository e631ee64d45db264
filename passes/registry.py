"""All passes of Tilefold."""

from xdsl.passes import ModulePass

from .attach_machine import AttachMachinePass
from .choose_fold import ChooseFoldPass
from .choose_tile import ChooseTilePass
from .fuse_epilogue import FuseEpiloguePass
from .keep_on_chip import KeepOnChipPass
from .lower_to_isa import LowerToIsaPass
from .lower_to_schedule import LowerToSchedulePass
from .nn_calibrate import NnCalibratePass
from .nn_canonicalize import NnCanonicalizePass
from .nn_cascade import NnCascadePass
from .nn_equalize import NnEqualizePass
from .nn_fold_batch_norm import NnFoldBatchNormPass
from .nn_fold_constants import NnFoldConstantsPass
from .nn_frames import NnFramesPass
from .nn_fuse import NnFusePass
from .nn_quantize import NnQuantizePass
from .nn_quantize_weights import NnQuantizeWeightsPass
from .nn_rows import NnRowsPass
from .order_layers import OrderLayersPass
from .pipelines import NnToIsaPass
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
from .verify_semantics import VerifySemanticsPass

PASSES: tuple[type[ModulePass], ...] = (
    NnFoldBatchNormPass,
    NnRowsPass,
    NnEqualizePass,
    NnCalibratePass,
    NnQuantizePass,
    NnQuantizeWeightsPass,
    NnFoldConstantsPass,
    NnCanonicalizePass,
    NnFusePass,
    NnCascadePass,
    NnFramesPass,
    AttachMachinePass,
    FuseEpiloguePass,
    ChooseFoldPass,
    OrderLayersPass,
    ShareWeightsPass,
    KeepOnChipPass,
    ChooseTilePass,
    LowerToSchedulePass,
    ScheduleBufferDepthPass,
    ScheduleSpreadBanksPass,
    ScheduleDropConfigurePass,
    ScheduleReleaseUnitsPass,
    SchedulePrefetchConfigurePass,
    ScheduleAllocatePass,
    ScheduleInsertTokensPass,
    ScheduleTakeTurnsPass,
    LowerToIsaPass,
    PredictCyclesPass,
    NnToIsaPass,
    VerifySemanticsPass,
)
"""From the network down to instructions."""
