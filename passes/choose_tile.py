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
from ..dialects.isa_operands import ElementType
from ..dialects.location import name_of
from ..dialects.schedule import TilingAttr
from ..dialects.store import Store, store_of
from ..errors import TilefoldError
from ..machines.model import Machine, Operand
from .attach_machine import machine_of
from .fuse_epilogue import EPILOGUE, epilogue_of, other_operand
from .keep_on_chip import room_in
from .lowering.convolution import Convolution, conv_shape
from .lowering.parts import container_of
from .lowering.shapes import TABLE_BYTES, ConvShape
from .lowering.state import address_of
from .tilings import LAG, MAX_SIZES, Extras, Options, Ranked, ranked_tilings


@dataclass(frozen=True)
class ChooseTilePass(ModulePass):
    """Attach the tiling with the lowest estimated time to every layer that has none.

    Without `overlap` tiles are loaded, computed and stored in turn; only weights come ahead. Where
    they do, a layer is charged the `lag`-th part of the time to load a tile of them. At most
    `sizes` sizes are tried in a dimension that is cut by like factors. A layer named in `skipping`
    takes the next cheapest of its tilings, once more for each time that it is named.
    """

    name = "choose-tile"

    overlap: bool = True
    lag: int = LAG
    sizes: int = MAX_SIZES
    skipping: tuple[str, ...] = ()

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.lag < 1 or self.sizes < 2:
            raise TilefoldError(f"{self.name}: lag must be at least 1, sizes at least 2")
        machine, store = machine_of(op), store_of(ctx)
        for layer in op.walk():
            if isinstance(layer, nn.ConvOp | nn.MatmulOp) and "tiling" not in layer.attributes:
                fold = layer.attributes.get("fold")
                if not isinstance(fold, FoldAttr):
                    raise TilefoldError(f"{name_of(layer)}: has no fold; run choose-fold first")
                room = room_in(machine, layer)
                best = self._tiling(room, layer, fold, store)
                if best is None and (epilogue := epilogue_of(layer)):
                    del epilogue.attributes[EPILOGUE]
                    best = self._tiling(room, layer, fold, store)
                if best is None:
                    raise TilefoldError(
                        f"{name_of(layer)}: not even its smallest tile fits the memories of "
                        f"machine {machine.name}"
                    )
                layer.attributes["tiling"] = best

    def _tiling(
        self, machine: Machine, layer: Convolution, fold: FoldAttr, store: Store
    ) -> TilingAttr | None:
        shape = conv_shape(layer, store)
        extras = extras_of(layer, shape)
        skipped = self.skipping.count(name_of(layer))
        ranked = ranked_tilings(machine, shape, fold, extras, self.options, skipped + 1)
        return ranked[-1].tiling if ranked else None

    @property
    def options(self) -> Options:
        """The options as one."""
        return Options(self.overlap, self.lag, self.sizes)


def tilings_of(
    machine: Machine, layer: Convolution, store: Store, options: Options, count: int
) -> tuple[list[Ranked], list[Ranked]]:
    """The `count` cheapest tilings of a layer that has a fold, and of those that do not fit."""
    fold, shape, room = layer.attributes["fold"], conv_shape(layer, store), room_in(machine, layer)
    assert isinstance(fold, FoldAttr)
    given = (room, shape, fold, extras_of(layer, shape), options, count)
    return ranked_tilings(*given), ranked_tilings(*given, fitting=False)


def extras_of(layer: Convolution, shape: ConvShape) -> Extras:
    """What a layer of `shape` takes for its epilogue, and what is kept on chip around it."""
    epilogue = epilogue_of(layer)
    keeps_input = address_of(layer.input) is not None
    if epilogue is None:
        keeps_result = address_of(layer.result) is not None
        return Extras(keeps_input=keeps_input, keeps_result=keeps_result)
    keeps_result = address_of(epilogue.result) is not None
    tiles: list[tuple[Operand, ElementType]] = []
    if not keeps_result:
        tiles.append(("O", shape.stored_type))
    if isinstance(epilogue, nn.LutOp):
        return Extras(tiles, TABLE_BYTES, "vlut", keeps_input, keeps_result)
    other = other_operand(epilogue, layer)
    if address_of(other) is None:
        tiles.append(("I", container_of(other)))
    mnemonic = "vmul" if isinstance(epilogue, nn.MulOp) else "vadd"
    return Extras(tiles, 0, mnemonic, keeps_input, keeps_result)
