"""How the loops of a convolution divide into passes of an array: the steps before any cycle.

A *pass* keeps one tile of the stationary operand in the array and streams past it. Which loops the
tile covers, which stream and which make the passes follow from the operand that stays; what each
step does and a worked example are in `docs/time.md`.

| stays | a pass streams | passes that add into the same sums |
|---|---|---|
| weights W | output pixels, a chunk of them | C, FY, FX |
| inputs I | output channels, a chunk of them | C, FY, FX |
| outputs O | C, FY, FX | one |
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from ..dialects.fabric_array import SUMMED
from ..machines.model import Array, Fold, Mode
from .integers import IntArray, Ints, as_array, ceil_div

Sizes = dict[str, IntArray]


@dataclass(frozen=True)
class Factors:
    """The factors of one fold, or of many at once as int64 arrays of one shape."""

    chain: Ints
    cols: Ints
    pixels: Ints
    groups: Ints

    @staticmethod
    def of(folds: Sequence[Fold]) -> "Factors":
        """The factors of several folds, one array element each."""
        return Factors(*np.array([astuple(fold) for fold in folds], np.int64).reshape(-1, 4).T)


@dataclass(frozen=True)
class Walk:
    """The passes of one unit: `blocks` of `reduction` passes, each of which streams `stream` long.

    A block is one chunk of the streamed loop for one tile of outputs. `used` are the positions in
    use along each axis, `copies` how many of them keep the same element, `sums` the sums that the
    unit makes in each column. `kernel_tiles` and `pixel_tiles` are the tiles with work, over all
    units that divide them, into which output channels and output pixels are cut: how often the
    operand that does not depend on them enters an array.
    """

    blocks: IntArray
    reduction: IntArray
    stream: IntArray
    sums: IntArray
    used: Sizes
    copies: IntArray
    kernel_tiles: IntArray
    pixel_tiles: IntArray


@dataclass(frozen=True)
class Unrolled:
    """Loops in space: the `steps` left of each, the `tiles` or positions that each takes along all
    axes together, and the positions `used` along each axis."""

    steps: Sizes
    tiles: Sizes
    used: Sizes


def unroll(array: Array, mode: Mode, sizes: Sizes, products: int) -> Unrolled:
    """Unroll loops of the given sizes (each at least 1) in space.

    The `products` that a multiplier makes in a cycle come first, over the loops summed over: those
    that the mode names or, where sums stay, all of them, for they stream.
    """
    steps, tiles, limit = dict(sizes), dict.fromkeys(sizes, as_array(1)), dict(mode.limit)

    def cut(dim: str, most: Ints) -> IntArray:
        size = steps[dim]
        steps[dim] = ceil_div(size, np.minimum(size, most))
        return ceil_div(size, steps[dim])

    def along(axis: str, positions: int) -> IntArray:
        free, used = as_array(positions), as_array(1)
        for dim in spatial.get(axis, ()):
            tile = cut(dim, np.minimum(free, limit.get(dim, positions)))
            used, free, tiles[dim] = used * tile, free // tile, tiles[dim] * tile
        return used

    spatial = dict(mode.spatial)
    if mode.flat:
        for dims in spatial.values():
            whole = np.multiply.reduce([steps[dim] for dim in dims])
            steps |= dict.fromkeys(dims, as_array(1)) | {dims[0]: whole}
    named = dict.fromkeys(dim for dims in spatial.values() for dim in dims)
    inside = SUMMED if mode.stays == "O" else tuple(dim for dim in named if dim in SUMMED)
    free = as_array(products)
    for dim in inside:
        free = free // cut(dim, free)
    return Unrolled(steps, tiles, {axis: along(axis, size) for axis, size in array.axes})


def shared(sizes: Sizes, fold: Fold | Factors) -> Sizes:
    """The loops that one unit of a fold runs, but for its share of the pixels."""
    share = dict(sizes)
    for dim, factor in (("C", fold.chain), ("K", fold.cols), ("G", fold.groups)):
        share[dim] = ceil_div(share[dim], factor)
    return share


def walk(array: Array, mode: Mode, fold: Fold | Factors, sizes: Sizes, products: int) -> Walk:
    """The passes of one unit of a fold for loops of the given sizes; sizes of 0 count as 1.

    Sizes and factors may be arrays that broadcast.
    """
    whole = {dim: np.maximum(size, 1) for dim, size in sizes.items()}
    share = shared(whole, fold)
    space = unroll(array, mode, share, products)
    steps, tiles, used = space.steps, space.tiles, space.used
    pixel_steps = steps["OY"] * steps["OX"]
    pixels = ceil_div(pixel_steps, fold.pixels)
    summed = steps["C"] * steps["FY"] * steps["FX"]
    copies = {"W": tiles["OY"] * tiles["OX"], "I": tiles["K"], "O": as_array(1)}[mode.stays]
    pixel_tile, kernel_tile = as_array(1), ceil_div(share["K"], steps["K"])
    if mode.stays == "O":
        blocks = steps["G"] * steps["K"] * pixels
        stream, reduction = summed, as_array(1)
        sums = blocks * used[array.local_for(mode).axis]
    else:
        along, across = (pixels, steps["K"]) if mode.stays == "W" else (steps["K"], pixels)
        chunks = ceil_div(along, array.accumulator.lines)
        stream, reduction = ceil_div(along, chunks), summed
        blocks, sums = chunks * across * steps["G"], along * across * steps["G"]
        if mode.stays == "W":
            pixel_tile = stream
        else:
            kernel_tile = kernel_tile * stream
    return Walk(
        blocks,
        reduction,
        stream,
        sums,
        used,
        copies,
        kernel_tiles=_tiles(whole["K"], share["K"], kernel_tile),
        pixel_tiles=_tiles(pixel_steps, pixels, pixel_tile),
    )


def _tiles(size: IntArray, share: IntArray, tile: IntArray) -> IntArray:
    """Tiles with work when `size` is dealt out in shares, and each share is cut into tiles."""
    return size // share * ceil_div(share, tile) + ceil_div(size % share, tile)
