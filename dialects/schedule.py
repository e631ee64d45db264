"""The `schedule` dialect: a network mapped on a machine, before it is instructions.

A `schedule.program` is a sequentially correct list of steps in tile loops that stay loops: it
configures the arrays, loads tiles of DRAM tensors into on-chip buffers, computes on buffers and
stores tiles back. Every step names the unit in whose queue it will run; *tokens* order the queues:

```mlir
%image = schedule.tensor {kind = "input", name = "image", ...} : !schedule.tensor<28x28x1xu8>
%out = schedule.tensor {kind = "temporary", ...} : !schedule.tensor<28x28x8xu8>
%tile = schedule.buffer "data" {depth = 2} : !schedule.buffer<6x30x1xu8>
schedule.for %y = 7 {
  schedule.load "load" %image to %tile [%y] {origin = affine_map<(d0) -> (d0 * 4 - 1, -1, 0)>,
      extents = [28, 28, 1], strides = [28, 1, 1], pad = 0}
  %full = schedule.signal "load"
  schedule.wait "conv.0", %full
  ...
}
```

- A *tensor* lies in DRAM in memory form (see `dialects.layout`), a *buffer* on chip. A buffer of
  depth d is a ring of d tiles: the iteration of the loops around its writer picks the tile.
- A temporary tensor may lie on chip as well. Steps compute on *windows* of it, in place, as they do
  on buffers; nothing is loaded or stored.
- A *part* of a tensor is a tensor in place: some of its rows, say. What reads or writes a part
  touches no more than that.
- Every buffer has exactly one writer. The writer says where in its logical tensor the tile lies
  (`origin`, affine in the loop counters, and `extents`); elements outside are padding. Readers of
  the buffer see the same tile in the same iteration.
- A token is made by `signal` (all earlier steps of that unit are done) and used by at most one
  `wait`. Through loops tokens travel as iteration arguments; d of them rotating make the free
  list of a ring of depth d.
"""

from collections.abc import Sequence

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Dialect, Region
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.traits import IsolatedFromAbove, NoTerminator

from .schedule_control import (
    ConfigureOp,
    ForOp,
    PrefetchOp,
    ReadyOp,
    SignalOp,
    WaitOp,
    YieldOp,
    loops_around,
    placed_by,
    ring_loops,
    steps_in,
    writer_of,
)
from .schedule_places import BufferOp, PartOp, TensorOp, place_of
from .schedule_rules import check_program
from .schedule_steps import (
    POOL_KINDS,
    AddOp,
    BinaryOp,
    ComputeOp,
    ConvolvingOp,
    ConvOp,
    DepthwiseOp,
    LoadOp,
    LutOp,
    MulOp,
    PlacingOp,
    PoolOp,
    RequantisingOp,
    RequantizeOp,
    StepOp,
    StoreOp,
    ViewingOp,
    WindowOp,
    box_of,
)
from .schedule_types import (
    PARAMETER_BYTES,
    BoxType,
    BufferType,
    TensorType,
    TilingAttr,
    TokenType,
    words_up,
)

__all__ = [
    "PARAMETER_BYTES",
    "POOL_KINDS",
    "AddOp",
    "BinaryOp",
    "BoxType",
    "BufferOp",
    "BufferType",
    "ComputeOp",
    "ConfigureOp",
    "ConvOp",
    "ConvolvingOp",
    "DepthwiseOp",
    "ForOp",
    "LoadOp",
    "LutOp",
    "MulOp",
    "PartOp",
    "PlacingOp",
    "PoolOp",
    "PrefetchOp",
    "ProgramOp",
    "ReadyOp",
    "RequantisingOp",
    "RequantizeOp",
    "Schedule",
    "SignalOp",
    "StepOp",
    "StoreOp",
    "TensorOp",
    "TensorType",
    "TilingAttr",
    "TokenType",
    "ViewingOp",
    "WaitOp",
    "WindowOp",
    "YieldOp",
    "box_of",
    "loops_around",
    "place_of",
    "placed_by",
    "programs_of",
    "ring_loops",
    "steps_in",
    "words_up",
    "writer_of",
]


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """A network on a machine: a sequence of tensors, buffers and steps."""

    name = "schedule.program"
    sym_name = prop_def(StringAttr)
    machine = prop_def(StringAttr)
    body = region_def("single_block")
    traits = traits_def(NoTerminator(), IsolatedFromAbove())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "attr-dict-with-keyword $body"

    def __init__(self, name: str, machine: str, body: Region):
        super().__init__(
            properties={"sym_name": StringAttr(name), "machine": StringAttr(machine)},
            regions=[body],
        )

    def verify_(self) -> None:
        """Check the rules of whole programs, and that the module's machine can run this one."""
        check_program(self, self.machine.data)


def programs_of(module: ModuleOp) -> Sequence[ProgramOp]:
    """The programs in a module."""
    return [op for op in module.ops if isinstance(op, ProgramOp)]


Schedule = Dialect(
    "schedule",
    [
        ProgramOp,
        TensorOp,
        PartOp,
        BufferOp,
        ForOp,
        YieldOp,
        ReadyOp,
        SignalOp,
        WaitOp,
        ConfigureOp,
        PrefetchOp,
        WindowOp,
        LoadOp,
        StoreOp,
        ConvOp,
        DepthwiseOp,
        AddOp,
        MulOp,
        LutOp,
        RequantizeOp,
        PoolOp,
    ],
    [TokenType, TensorType, BufferType, TilingAttr],
)
