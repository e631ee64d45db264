"""Cycles of a convolution on a group of weight-stationary arrays.

One *pass* holds a tile of weights still and streams pixels past it, one a cycle. The model is that
of a sequencer which walks equal passes; `docs/time.md` works an example by hand.

1. The fold divides the loops over the units: input channels by `chain`, output channels by `cols`,
   output pixels by `pixels`, groups by `groups`, each share rounded up.
2. The mode unrolls loops along the axes: the first loop of an axis takes u = min(n, axis), the next
   min(n, axis // u) and so on. What is left of a loop are its *steps* ceil(n / u), and its tile is
   made as small as that many equal steps allow, ceil(n / steps).
   If a multiplier does m > 1 products a cycle, m more positions are unrolled first, over the loops
   that are summed over (C, FY, FX) in the order in which the mode names them.
3. A unit's pixels P are cut into n = ceil(P / lines) equal chunks of s = ceil(P / n) that fit one
   plane of the accumulators. A *block* is one chunk for one tile of output channels; it takes
   M = steps(C) steps(FY) steps(FX) passes, and there are B = n steps(G) steps(K) blocks.
4. The weights of a pass fill in W = ceil(rows used / rows per cycle) cycles.
   With two planes of weights the next tile fills while this one is used, so the N = B M passes take
   W + (N - 1) max(s, W) + s cycles, and the operands' skew (the sum of axis - 1) only delays the
   results. With one plane nothing overlaps: N (W + s + skew), which for full tiles is one more
   than SCALE-Sim 3.0.0's weight-stationary count ceil(K/R) ceil(N/C) (M + 2R + C - 2) - 1, the
   index of the last cycle.
5. Results drain through vector lanes, D = ceil(outputs / (B lanes)) cycles a block. With two planes
   of accumulators block j drains while block j + 1 is computed, so a block takes max(T, D) where
   T = M max(s, W), and the last block's D only delays the results; with one plane T + D.
6. Sums that stay for a later instruction (`finishes` false) and fit the accumulators cost nothing;
   else they are spilled and fetched back through the same lanes.

Assumed: activations arrive at the rate of the array (no bank conflicts), weights likewise, and an
instruction's first fill does not overlap the instruction before it.
"""

from dataclasses import dataclass

import numpy as np

from ..dialects.fabric import LOOP_DIMS
from ..machines.model import Array, Fold, Mode
from .integers import IntArray, Ints, as_array, ceil_div, plain

_SUMMED = ("C", "FY", "FX")


@dataclass(frozen=True)
class ConvCost:
    """What one convolution instruction costs; every field an int, or int64 arrays of one shape.

    In cycles: `preload` the first fill of weights, `occupancy` (which includes it) until the array
    can take the next instruction, `latency` from then until the last result is in its memory,
    `drain` how long the vector lanes are taken. In numbers: `macs` the products that the layer
    needs, `passes` of each unit, `weight_loads` weights written into multipliers (of all units),
    `accumulator_writes` sums written into accumulators, `spilled` 32-bit sums written to and read
    back from the memory of outputs because the accumulators are too small.
    """

    preload: Ints
    occupancy: Ints
    latency: Ints
    drain: Ints
    macs: Ints
    passes: Ints
    weight_loads: Ints
    accumulator_writes: Ints
    spilled: Ints


def find_mode(array: Array, mode: Mode | int | str) -> Mode:
    """The mode of an array by index or name (a Mode is returned as it is)."""
    if isinstance(mode, Mode):
        return mode
    if isinstance(mode, int):
        return array.modes[mode]
    return next(candidate for candidate in array.modes if candidate.name == mode)


def unroll(
    array: Array, mode: Mode, sizes: dict[str, IntArray], products: int
) -> tuple[dict[str, IntArray], IntArray]:
    """Unroll loops of the given sizes (each at least 1) in space.

    Returns the steps left of each loop and the rows used along the axis that weights fill.
    """
    steps = dict(sizes)

    def take(dims: tuple[str, ...], positions: int) -> IntArray:
        free = used = as_array(1)
        free = free * positions
        for dim in dims:
            size = steps[dim]
            steps[dim] = ceil_div(size, np.minimum(size, free))
            tile = ceil_div(size, steps[dim])
            used, free = used * tile, free // tile
        return used

    named = dict.fromkeys(dim for _, dims in mode.spatial for dim in dims)
    take(tuple(dim for dim in named if dim in _SUMMED), products)
    axes, spatial = dict(array.axes), dict(mode.spatial)
    used = {axis: take(dims, axes[axis]) for axis, dims in spatial.items()}
    return steps, used.get(array.local.axis, as_array(1))


@dataclass(frozen=True)
class _Walk:
    """The passes of one unit: `blocks` of `reduction` passes that fill and stream so long."""

    blocks: IntArray
    chunks: IntArray
    reduction: IntArray
    fill: IntArray
    stream: IntArray
    sums: IntArray
    """Sums that the unit makes per column."""


def _walk(array: Array, mode: Mode, fold: Fold, sizes: dict[str, IntArray], products: int) -> _Walk:
    share = {dim: np.maximum(size, 1) for dim, size in sizes.items()}
    for dim, factor in (("C", fold.chain), ("K", fold.cols), ("G", fold.groups)):
        share[dim] = ceil_div(share[dim], factor)
    steps, rows_used = unroll(array, mode, share, products)
    pixels = ceil_div(steps["OY"] * steps["OX"], fold.pixels)
    chunks = ceil_div(pixels, array.accumulator.lines)
    tiles = steps["G"] * steps["K"]
    return _Walk(
        blocks=chunks * tiles,
        chunks=chunks,
        reduction=steps["C"] * steps["FY"] * steps["FX"],
        fill=ceil_div(rows_used, array.local.rows_per_cycle),
        stream=ceil_div(pixels, chunks),
        sums=pixels * tiles,
    )


def conv_cost(
    array: Array,
    mode: Mode | int | str,
    fold: Fold,
    *,
    rows: Ints,
    cols: Ints,
    k: Ints,
    c: Ints,
    kh: Ints,
    kw: Ints,
    groups: Ints = 1,
    act_bits: int = 8,
    wgt_bits: int = 8,
    hop_cycles: int = 0,
    drain_lanes: int = 0,
    starts: Ints | bool = True,
    finishes: Ints | bool = True,
) -> ConvCost:
    """The cost of a convolution of `rows` x `cols` outputs on one folded group.

    `k` and `c` are the output and input channels *of each* of the `groups` (depthwise: groups =
    channels, c = 1, k = multiplier), `kh` and `kw` the window. Loops that the mode does not unroll
    run in time, so a mode without G takes groups one after the other. `hop_cycles` is the delay
    from unit to unit of a chain, `drain_lanes` the elements a cycle that the vector units take from
    the accumulators (0: draining is not charged). `starts` and `finishes` say whether the sums
    begin at zero and whether they are complete at the end. All shape arguments and these two may be
    arrays that broadcast; a shape with a size of 0 costs nothing.

    Raises TilefoldError for a precision that the array lacks.
    """
    given = (groups, k, c, rows, cols, kh, kw, starts, finishes)
    *shape, begin, end = np.broadcast_arrays(*map(as_array, given))
    sizes = dict(zip(LOOP_DIMS, shape, strict=True))
    macs = np.multiply.reduce(shape)
    outputs = sizes["G"] * sizes["K"] * sizes["OY"] * sizes["OX"] * (macs > 0)
    products = array.products(act_bits, wgt_bits)
    walk = _walk(array, find_mode(array, mode), fold, sizes, products)

    room = array.accumulator.lines * array.accumulator.planes
    spilled = outputs * (walk.sums > room) * ((1 - begin) + (1 - end))
    moved = (outputs * end + spilled) * (drain_lanes > 0)
    lanes = max(drain_lanes, 1)
    block_drain = ceil_div(moved, walk.blocks * lanes)
    busy, after = _busy(array, walk, block_drain)
    works = (macs > 0).astype(np.int64)
    return ConvCost(
        preload=plain(walk.fill * works),
        occupancy=plain(busy * works),
        latency=plain((after + (fold.chain - 1) * hop_cycles) * works),
        drain=plain(ceil_div(moved, lanes)),
        macs=plain(macs),
        passes=plain(walk.blocks * walk.reduction * works),
        weight_loads=plain(
            macs // np.maximum(sizes["OY"] * sizes["OX"], 1) * walk.chunks * fold.pixels
        ),
        accumulator_writes=plain(outputs * walk.reduction),
        spilled=plain(spilled),
    )


def _busy(array: Array, walk: _Walk, drain: IntArray) -> tuple[IntArray, IntArray]:
    """Cycles that the array is taken, and cycles from then until its last result has drained."""
    if array.local.planes == 1:
        block = walk.reduction * (walk.fill + walk.stream + array.skew)
        lead, last, skew = as_array(0), block, 0
    else:
        step = np.maximum(walk.stream, walk.fill)
        block = walk.reduction * step
        # Nothing fills during the very last pass, so it takes only as long as it streams.
        lead, last, skew = walk.fill, block - step + walk.stream, array.skew
    if array.accumulator.planes == 1:
        return lead + (walk.blocks - 1) * (block + drain) + last + drain, as_array(skew)
    # Block j + 1 is computed while block j drains, and the first one while nothing does.
    middle = np.maximum(walk.blocks - 2, 0) * np.maximum(block, drain)
    several = block + middle + np.maximum(last, drain)
    return lead + np.where(walk.blocks == 1, last, several), skew + drain
