"""Choose for every convolution and matrix product how the units fold, and the array's mode.

```mlir
%y = nn.conv %x, %w {...}  ->  %y = nn.conv %x, %w {..., fold = #fabric.fold<@conv, units = 6, ...>}
```

Every legal fold of every array and every mode is priced by the cost model for the layer as a whole;
the fewest cycles win, then the fewest units, then the machine file's order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..costmodel.array import ConvCost, conv_cost
from ..costmodel.integers import Ints, ceil_div
from ..dialects import nn
from ..dialects.fabric import FoldAttr
from ..dialects.location import name_of
from ..dialects.nn_types import element_of
from ..dialects.store import store_of
from ..errors import TilefoldError
from ..machines.model import Machine, fold_of
from .attach_machine import machine_of
from .lowering.convolution import Convolution, conv_shape
from .lowering.shapes import ConvShape


@dataclass(frozen=True)
class ChooseFoldPass(ModulePass):
    """Attach the fold that the cost model finds fastest to every layer that has none."""

    name = "choose-fold"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine, store = machine_of(op), store_of(ctx)
        for layer in op.walk():
            if isinstance(layer, nn.ConvOp | nn.MatmulOp) and "fold" not in layer.attributes:
                layer.attributes["fold"] = _best(machine, layer, conv_shape(layer, store))


def layer_cost(
    machine: Machine,
    attribute: FoldAttr,
    shape: ConvShape,
    tile: Mapping[str, Ints] | None = None,
    finishes: bool = True,
) -> ConvCost:
    """The cost of a layer, or of tiles of it, on a fold.

    `tile` may give `rows`, `cols`, `k` and `c` as arrays in place of the layer's own.
    """
    array = machine.array(attribute.array.data)
    numbers = attribute.numbers()
    sizes: dict[str, Ints] = {"rows": shape.rows, "cols": shape.columns, "k": shape.k, "c": shape.c}
    sizes.update(tile or {})
    if shape.depthwise:
        groups = ceil_div(sizes["k"], shape.multiplier)
        sizes |= {"groups": groups, "k": shape.multiplier, "c": 1}
    return conv_cost(
        array,
        numbers["mode"],
        fold_of(attribute),
        **sizes,
        kh=shape.kernel[0],
        kw=shape.kernel[1],
        act_bits=numbers["act_bits"],
        wgt_bits=numbers["wgt_bits"],
        hop_cycles=machine.folds_for(array.name).hop_cycles,
        drain_lanes=machine.drain_for(array).elements_per_cycle,
        finishes=finishes,
    )


def _candidates(machine: Machine, op: Convolution) -> Iterator[FoldAttr]:
    act_bits, wgt_bits = element_of(op.input).bits, element_of(op.weight).bits
    for array in machine.arrays:
        for mode in range(len(array.modes)):
            for fold in machine.folds(array.name):
                yield FoldAttr.get(
                    array.name,
                    chain=fold.chain,
                    cols=fold.cols,
                    pixels=fold.pixels,
                    groups=fold.groups,
                    mode=mode,
                    act_bits=act_bits,
                    wgt_bits=wgt_bits,
                )


def _best(machine: Machine, op: Convolution, shape: ConvShape) -> FoldAttr:
    def price(fold: FoldAttr) -> tuple[int, int]:
        cost = layer_cost(machine, fold, shape)
        return int(cost.occupancy) * shape.groups + int(cost.latency), fold.units.data

    try:
        return min(_candidates(machine, op), key=price)
    except TilefoldError as error:
        raise TilefoldError(f"{name_of(op)}: {error}") from None
