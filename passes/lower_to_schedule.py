"""Lower a network to a schedule: configurations, buffers and tile loops for its machine.

```mlir
func.func @main(%image: tensor<...xf32>) ...       schedule.program {
  %q = nn.quantize %image                            %image = schedule.tensor {kind = "input"}
  %y = nn.conv %q, %w {fold, tiling, ...}      ->    schedule.configure #fabric.fold<...>
  ...                                                schedule.for %y = 7 {
}                                                      schedule.load ... schedule.conv ...
                                                       schedule.store ...
                                                     }
```

Convolutions and matrix products must have been given a fold and a tiling (`choose-fold`,
`choose-tile`). What is kept on chip (`keep-on-chip`) is computed on in place. Quantising inputs and
dequantising outputs is the host's work: such values become ports that users see in float32. A
sub-byte result whose rows do not lie at whole bytes is stored in bytes first, and then packed by a
table. The program is sequentially correct and has no tokens yet.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..dialects import nn, schedule
from ..dialects.frames import frames_of
from ..dialects.location import name_of, named
from ..dialects.nn_network import Network, network_of
from ..dialects.nn_types import is_real
from ..dialects.store import store_of
from ..errors import TilefoldError
from .attach_machine import machine_of
from .fuse_epilogue import EPILOGUE
from .keep_on_chip import room_in
from .lowering import convolution, movement, pooling, vector
from .lowering.nest import locate
from .lowering.sharing import members_of
from .lowering.state import PIECE, Lowering

LOWERINGS: Mapping[type[Operation], Callable[[Lowering, Any], None]] = {
    nn.ConvOp: convolution.lower,
    nn.MatmulOp: convolution.lower,
    nn.MaxPoolOp: pooling.lower,
    nn.AvgPoolOp: pooling.lower,
    nn.GlobalAvgPoolOp: pooling.lower,
    nn.AddOp: vector.lower_binary,
    nn.MulOp: vector.lower_binary,
    nn.LutOp: vector.lower_lut,
    nn.RequantizeOp: vector.lower_requantize,
    nn.ReshapeOp: movement.lower_reorder,
    nn.TransposeOp: movement.lower_reorder,
    nn.RearrangeOp: movement.lower_reorder,
    nn.RepeatOp: movement.lower_repeat,
    nn.PadOp: movement.lower_pad,
    nn.SliceOp: movement.lower_slice,
    nn.ConcatOp: movement.lower_concat,
}
"""How each operation of `nn` is lowered; the others are ports and constants."""


@dataclass(frozen=True)
class LowerToSchedulePass(ModulePass):
    """Replace the function `@main` of `nn` operations by a `schedule.program`.

    Without `overlap` vector work and data movement are cut into as few tiles as fit. A layer whose
    input is on chip and whose weights take more bytes than a `piece` becomes several nests.
    """

    name = "lower-to-schedule"

    overlap: bool = True
    piece: int = PIECE

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network, machine = network_of(op), machine_of(op)
        block = Block()
        state = Lowering(
            machine,
            store_of(ctx),
            Builder(InsertPoint.at_end(block)),
            self.overlap,
            self.piece,
            frames_of(op),
        )
        _lower_network(state, network, block)
        function = network.function
        program = schedule.ProgramOp(function.sym_name.data, machine.name, Region(block))
        program.location = function.location
        Rewriter.replace_op(function, program, ())


def _lower_network(state: Lowering, network: Network, block: Block) -> None:
    machine = state.machine
    copies = _make_ports(state, network)
    for op in network.function.body.ops:
        if isinstance(op, nn.ConstantOp | nn.QuantizeOp | nn.DequantizeOp | func.ReturnOp):
            continue
        if EPILOGUE in op.attributes or any(each is not op for each in members_of(op)[:1]):
            continue
        if type(op) not in LOWERINGS:
            raise TilefoldError(f"{name_of(op)}: {op.name} cannot be lowered to a schedule")
        before = block.last_op
        state.machine = room_in(machine, op)
        LOWERINGS[type(op)](state, op)
        locate(block, before, op.location)
    state.machine = machine
    for name, source, port in copies:
        before = block.last_op
        movement.copy_whole(state, name, source, port)
        locate(block, before, named(name))


def _make_ports(state: Lowering, network: Network) -> list[tuple[str, SSAValue, SSAValue]]:
    """Make all ports; returns name, value and port of the outputs that are left to be copied."""
    copies: list[tuple[str, SSAValue, SSAValue]] = []
    for name, argument in zip(network.input_names, network.inputs, strict=True):
        _make_input(state, name, argument)
    for name, value in zip(network.output_names, network.outputs, strict=True):
        source = value.owner.input if isinstance(value.owner, nn.DequantizeOp) else value
        port = state.port("output", name, source, host_float=source is not value)
        if source in state.tensors or isinstance(source.owner, nn.ConstantOp):
            copies.append((name, source, port))
        else:
            state.tensors[source] = port
    return copies


def _make_input(state: Lowering, name: str, argument: SSAValue) -> None:
    """An input port for each quantisation of a float argument, or for the argument itself."""
    values = [argument]
    if is_real(argument):
        values = [use.operation.results[0] for use in argument.uses]
        if len({value.type for value in values}) > 1:
            raise TilefoldError(f"{name}: an input quantised in several ways is not supported")
    for value in values[:1]:
        port = state.port("input", name, value, host_float=is_real(argument))
        state.tensors[value] = port
    for value in values[1:]:
        state.tensors[value] = state.tensors[values[0]]
