"""Choose for every convolution and matrix product how the units fold, and the array's mode.

```mlir
%y = nn.conv %x, %w {...}  ->  %y = nn.conv %x, %w {..., fold = #fabric.fold<@conv, units = 6, ...>}
```

Every legal fold of every array and every mode is priced by the cost model for each layer as a
whole. With `switching` = "charged" all are chosen together, so that their cycles and those of
the switches between layers that follow each other are fewest: the drain of the units, the fetch of
the configuration unless shadow registers and a long enough layer hide it, the switch; nothing where
the configuration stays. With "free" each layer gets the fold of its own fewest cycles. Then the
fewest units win, then the machine file's order. With `groups` layers that do not read one another
may get disjoint groups of units and run at the same time; with `stages` each array class gets
consecutive layers, and frames follow each other through them. The attribute `start` of each layer
then says when, and `order-layers` puts them in that order. With `single` = N all layers get one
configuration instead: the N-th cheapest of those that are legal for all. `docs/folds.md` has the
equations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass

from ..costmodel.integers import IntArray
from ..dialects import nn
from ..dialects.fabric import FoldAttr
from ..dialects.frames import frames_of, split_frame
from ..dialects.location import name_of
from ..dialects.nn_types import element_of
from ..dialects.store import Store, store_of
from ..errors import TilefoldError
from ..machines.model import Machine, check_fold
from .attach_machine import machine_of
from .folding.choice import all_together, each_alone, each_the_same
from .folding.groups import Schedule, side_by_side
from .folding.reads import layers_loading, layers_read
from .folding.space import Configuration, Space, Work, space_of
from .folding.stages import in_stages
from .lowering.convolution import conv_shape
from .lowering.sharing import Convolution

SWITCHING = {"charged": all_together, "free": each_alone}
"""What a choice takes switches to cost."""


START = "start"
"""The attribute of a layer that says in which cycle it is expected to start."""


@dataclass(frozen=True)
class ChooseFoldPass(ModulePass):
    """Attach a fold to every layer that has none; `switching` is "charged" or "free".

    `groups` lets layers run side by side, switches charged; `stages` gives each array class, in the
    order of the machine's file, consecutive layers of each frame. `single`, from 1 on, gives all of
    them the same configuration: the best one, the second best, and so on by its cycles. Where
    conflicts of banks count, rows of inputs are taken to be `spread` over the banks
    (`schedule-spread-banks`).
    """

    name = "choose-fold"

    switching: str = "charged"
    groups: bool = False
    stages: bool = False
    single: int = 0
    spread: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.switching not in SWITCHING:
            names = " or ".join(SWITCHING)
            raise TilefoldError(
                f'{self.name}: switching is "{self.switching}", but must be {names}'
            )
        self._check()
        layers, space = fold_space(op, store_of(ctx), self.spread)
        if not layers:
            return
        schedule = None
        if self.groups:
            loads = layers_loading(space.machine, layers)
            schedule = side_by_side(space, layers_read(layers), loads)
        elif self.stages:
            schedule = _staged(space, layers, frames_of(op))
        elif all(work.given for work in space.works):
            return
        if schedule:
            chosen: Sequence[Configuration] = schedule.configurations
        else:
            columns = self._single(space) if self.single else SWITCHING[self.switching](space)
            chosen = [space.columns[int(column)] for column in columns]
        for layer, work, configuration in zip(layers, space.works, chosen, strict=True):
            if work.given is None:
                layer.attributes["fold"] = configuration.attribute(work.bits)
        if schedule:
            for layer, start in zip(layers, schedule.starts, strict=True):
                layer.attributes[START] = IntegerAttr(start, i64)

    def _check(self) -> None:
        """Refuse options that do not go together."""
        ordered = "groups" if self.groups else "stages"
        if self.groups and self.stages:
            raise TilefoldError(f"{self.name}: groups and stages do not go together")
        if (self.groups or self.stages) and self.switching != "charged":
            raise TilefoldError(f'{self.name}: with {ordered} switching must be "charged"')
        if self.single and (self.groups or self.stages or self.switching != "charged"):
            raise TilefoldError(
                f"{self.name}: with a single configuration there are no groups and stages, and "
                'switching must be "charged"'
            )

    def _single(self, space: Space) -> IntArray:
        """The `single`-th best column, for each layer."""
        columns = each_the_same(space)
        if not 0 < self.single <= len(columns):
            raise TilefoldError(
                f"{self.name}: there is no single configuration {self.single}; {len(columns)} are "
                "legal for all layers"
            )
        return np.full(len(space.works), columns[self.single - 1])


def _staged(space: Space, layers: Sequence[Convolution], frames: int) -> Schedule:
    """The layers of all frames in stages."""
    split = [split_frame(name_of(layer), frames) for layer in layers]
    names = [name for name, frame in split if frame == 0]
    return in_stages(
        space, frames, [frame for _, frame in split], [names.index(name) for name, _ in split]
    )


def fold_space(
    module: ModuleOp, store: Store, spread: bool = True
) -> tuple[Sequence[Convolution], Space]:
    """The layers that run on arrays, and what each costs on every configuration of the machine.

    With `spread` as if the rows of inputs were spread over the banks.

    Raises TilefoldError where a layer fits none, or is given a fold that the machine lacks.
    """
    machine = machine_of(module)
    layers = [each for each in module.walk() if isinstance(each, nn.ConvOp | nn.MatmulOp)]
    works = [_work(machine, layer, store) for layer in layers]
    return layers, space_of(machine, works, spread=spread)


def _work(machine: Machine, layer: Convolution, store: Store) -> Work:
    name, shape = name_of(layer), conv_shape(layer, store)
    fold = layer.attributes.get("fold")
    if not isinstance(fold, FoldAttr):
        bits = element_of(layer.input).bits, element_of(layer.weight).bits
        return Work(name, shape, bits)
    try:
        check_fold(machine, fold)
    except TilefoldError as error:
        raise TilefoldError(f"{name}: {error}") from None
    return Work(name, shape, (fold.act_bits.data, fold.wgt_bits.data), Configuration.of(fold))
