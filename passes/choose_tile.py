"""Choose tile sizes and loop order of every convolution and matrix product.

```mlir
%y = nn.conv %x, %w {fold = ...}  ->  %y = nn.conv %x, %w {fold = ..., tiling = #schedule.tiling<
                                          rows = 8, columns = 56, k = 64, c = 64, order = "k y x">}
```

The cheapest of many candidates wins, then the one of fewest tiles; `passes/tilings.py` says what
they cost.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from ..dialects import nn
from ..dialects.fabric import FoldAttr
from ..dialects.frames import frames_of, split_frame
from ..dialects.isa_operands import ElementType
from ..dialects.location import name_of
from ..dialects.schedule import TilingAttr
from ..dialects.store import Store, store_of
from ..errors import LayerError, TilefoldError
from ..machines.model import Machine, Operand
from .attach_machine import machine_of
from .folding.space import Placement
from .fuse_epilogue import EPILOGUE, epilogue_of, other_operand
from .keep_on_chip import room_in
from .lowering.budget import does_not_fit
from .lowering.convolution import conv_shape
from .lowering.parts import container_of
from .lowering.shapes import TABLE_BYTES, ConvShape
from .lowering.sharing import SHARED, Convolution, members_of
from .lowering.state import address_of
from .tilings import LAG, MAX_SIZES, Extras, Options, Ranked, ranked_tilings


@dataclass(frozen=True)
class ChooseTilePass(ModulePass):
    """Attach the tiling with the lowest estimated time to every layer that has none.

    Layers that share their weights get one tiling, or share them no more where none fits all.
    Without `overlap` tiles are loaded, computed and stored in turn; only weights come ahead. Where
    they do, a layer is charged the `lag`-th part of the time to load a tile of them. At most
    `sizes` sizes are tried in a dimension that is cut by like factors. A layer named in `skipping`
    takes the next cheapest of its tilings, once more for each time that it is named. Where
    conflicts of banks count, rows of inputs are taken to be `spread` over the banks
    (`schedule-spread-banks`).
    """

    name = "choose-tile"

    overlap: bool = True
    lag: int = LAG
    sizes: int = MAX_SIZES
    skipping: tuple[str, ...] = ()
    spread: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.lag < 1 or self.sizes < 2:
            raise TilefoldError(f"{self.name}: lag must be at least 1, sizes at least 2")
        machine, store, frames = machine_of(op), store_of(ctx), frames_of(op)
        refused: dict[str, str] = {}
        for layer in op.walk():
            if isinstance(layer, nn.ConvOp | nn.MatmulOp) and "tiling" not in layer.attributes:
                fold = layer.attributes.get("fold")
                if not isinstance(fold, FoldAttr):
                    raise TilefoldError(f"{name_of(layer)}: has no fold; run choose-fold first")
                room = room_in(machine, layer)
                skipped = self.skipping.count(split_frame(name_of(layer), frames)[0])
                best = self._tiling(room, layer, fold, store, skipped)
                if best is None and SHARED in layer.attributes:
                    for member in members_of(layer):
                        del member.attributes[SHARED]
                    room = room_in(machine, layer)
                    best = self._tiling(room, layer, fold, store, skipped)
                if best is None and (epilogue := epilogue_of(layer)):
                    del epilogue.attributes[EPILOGUE]
                    best = self._tiling(room, layer, fold, store, skipped)
                if best is None:
                    refused[name_of(layer)] = does_not_fit(machine)
                    continue
                for member in members_of(layer):
                    member.attributes["tiling"] = best
        if refused:
            raise LayerError(refused)

    def _tiling(
        self, machine: Machine, layer: Convolution, fold: FoldAttr, store: Store, skipped: int
    ) -> TilingAttr | None:
        shape = conv_shape(layer, store)
        extras = extras_of(layer, shape)
        place = Placement.of(fold)
        ranked = ranked_tilings(machine, shape, place, extras, self.options, skipped + 1)
        return ranked[-1].tiling if ranked else None

    @property
    def options(self) -> Options:
        """The options as one."""
        return Options(self.overlap, self.lag, self.sizes, self.spread)


def tilings_of(
    machine: Machine, layer: Convolution, store: Store, options: Options, count: int
) -> tuple[list[Ranked], list[Ranked]]:
    """The `count` cheapest tilings of a layer that has a fold, and of those that do not fit."""
    fold, shape, room = layer.attributes["fold"], conv_shape(layer, store), room_in(machine, layer)
    assert isinstance(fold, FoldAttr)
    given = (room, shape, Placement.of(fold), extras_of(layer, shape), options, count)
    return ranked_tilings(*given), ranked_tilings(*given, fitting=False)


def extras_of(layer: Convolution, shape: ConvShape) -> Extras:
    """What a layer of `shape` takes for its epilogue, and what is kept on chip around it.

    Of layers that share their weights, nothing is kept that is not kept for all, and sums are made
    at once: accumulators cannot keep those of several layers.
    """
    epilogue, members = epilogue_of(layer), members_of(layer)
    several = len(members) > 1
    keeps_input = all(address_of(each.input) is not None for each in members)
    results = ((epilogue_of(each) or each).result for each in members)
    keeps_result = all(address_of(result) is not None for result in results)
    if epilogue is None:
        return Extras((), 0, "", keeps_input, keeps_result, several)
    tiles: list[tuple[Operand, ElementType]] = []
    if not keeps_result:
        tiles.append(("O", shape.stored_type))
    if isinstance(epilogue, nn.LutOp):
        size = TABLE_BYTES * len(members)
        return Extras(tiles, size, "vlut", keeps_input, keeps_result, several)
    sums = [(each, epilogue_of(each)) for each in members]
    others = [other_operand(e, each) for each, e in sums if isinstance(e, nn.AddOp | nn.MulOp)]
    if any(address_of(other) is None for other in others):
        tiles.append(("I", container_of(others[0])))
    mnemonic = "vmul" if isinstance(epilogue, nn.MulOp) else "vadd"
    return Extras(tiles, 0, mnemonic, keeps_input, keeps_result, several)
