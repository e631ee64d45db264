"""nn-frames: take several images at a time, with a copy of every layer for each.

Before, with `count` = 2:

```mlir
func.func @main(%x: tensor<1x3x8x8x...> {nn.name = "image"}) -> (tensor<1x4x8x8x...>) {
  %a = nn.conv %x, %w {...} : (...) -> ... loc("a")
  %b = nn.conv %a, %v {...} : (...) -> ... loc("b")
  func.return %b
```

After:

```mlir
func.func @main(%x: ... {nn.name = "image"}, %x1: ... {nn.name = "image@1"}) -> (..., ...) {
  %a = nn.conv %x, %w {...} : (...) -> ... loc("a")
  %b = nn.conv %a, %v {...} : (...) -> ... loc("b")
  %a1 = nn.conv %x1, %w {...} : (...) -> ... loc("a@1")
  %b1 = nn.conv %a1, %v {...} : (...) -> ... loc("b@1")
  func.return %b, %b1
```

Weights are shared. With `order` = "layer" the copies of a layer follow each other, a, a1, b, b1:
then `share-weights` lets them load their weights once. Where the module has a machine, that begins
after the last layer at which the tensors of all images do not fit its memory; the layers before
run image after image. Copies do not read one another, so `choose-fold{groups=true}` may run layers
of one image beside those of another.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from xdsl.context import Context
from xdsl.dialects.builtin import FunctionType, IntegerAttr, ModuleOp, i64
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from ..dialects import fabric, nn
from ..dialects.frames import FRAMES, frames_of, in_frame, split_frame
from ..dialects.location import names_of, renamed
from ..dialects.nn_network import Network, name_attributes, network_of
from ..errors import TilefoldError
from .attach_machine import machine_of
from .keep_on_chip import first_to_fit

MOST = 64
"""The most frames of a program."""


class FrameOrder(StrEnum):
    """What follows a layer: the next layer of its frame, or its copy for the next frame.

    In the order of layers that is so from where the tensors of all frames fit the chip. In a
    pipeline an array class has consecutive layers, and takes the next frame when it has done them;
    copies are made as for `FRAME`, and `choose-fold{stages=true}` says what follows what.
    """

    FRAME = "frame"
    LAYER = "layer"
    PIPELINE = "pipeline"


@dataclass(frozen=True)
class NnFramesPass(ModulePass):
    """Take `count` images at a time; `order` is "frame", "layer" or "pipeline"."""

    name = "nn-frames"

    count: int = 2
    order: str = FrameOrder.FRAME.value

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite `op` in place; TilefoldError where it has frames, or names like theirs."""
        if self.order not in list(FrameOrder):
            names = " or ".join(FrameOrder)
            raise TilefoldError(f'{self.name}: order is "{self.order}", but must be {names}')
        if not 1 <= self.count <= MOST:
            raise TilefoldError(f"{self.name}: {self.count} frames are not from 1 to {MOST}")
        if frames_of(op) > 1:
            raise TilefoldError(f"{self.name}: the network takes {frames_of(op)} frames already")
        if self.count == 1:
            return
        network = network_of(op)
        self._check_names(network)
        self._copy(network, self._alone(op, network))
        op.attributes[FRAMES] = IntegerAttr(self.count, i64)

    def _check_names(self, network: Network) -> None:
        ops = network.function.body.block.ops
        layers = (name for op in ops for name in names_of(op.location))
        for name in (*network.input_names, *network.output_names, *layers):
            if split_frame(name, self.count)[1]:
                raise TilefoldError(f'{self.name}: "{name}" is what a copy is called: rename it')

    def _alone(self, module: ModuleOp, network: Network) -> int:
        """How many operations come image after image."""
        *layers, _ = network.function.body.block.ops
        if self.order != FrameOrder.LAYER:
            return len(layers)
        if not any(isinstance(op, fabric.MachineOp) for op in module.ops):
            return 0
        return first_to_fit(machine_of(module), layers, self.count)

    def _copy(self, network: Network, alone: int) -> None:
        """Copy the layers and ports of a network, so many operations image after image."""
        function, block = network.function, network.function.body.block
        *layers, end = block.ops
        following = layers[alone] if alone < len(layers) else end
        inputs, outputs = list(network.inputs), list(network.outputs)
        last: dict[Operation, Operation] = {layer: layer for layer in layers}
        for frame in range(1, self.count):
            made = {value: block.insert_arg(value.type, len(block.args)) for value in inputs}
            copies: dict[SSAValue, SSAValue] = {**made}
            for number, layer in enumerate(layers):
                if isinstance(layer, nn.ConstantOp):
                    continue
                copy = layer.clone(copies)
                copy.location = renamed(layer.location, partial(in_frame, frame=frame))
                if number < alone:
                    block.insert_op_before(copy, following)
                else:
                    block.insert_op_after(copy, last[layer])
                    last[layer] = copy
            outputs += [copies.get(value, value) for value in network.outputs]
        returned = ReturnOp(*outputs)
        returned.location = end.location
        block.insert_op_before(returned, end)
        end.detach()
        end.erase()
        function.function_type = FunctionType.from_lists(
            [value.type for value in block.args], [value.type for value in outputs]
        )
        function.arg_attrs = name_attributes(self._names(network.input_names))
        function.res_attrs = name_attributes(self._names(network.output_names))

    def _names(self, names: tuple[str, ...]) -> list[str]:
        return [in_frame(name, frame) for frame in range(self.count) for name in names]
