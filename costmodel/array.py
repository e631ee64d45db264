"""Cycles of a convolution on a group of arrays, whichever operand they keep.

`costmodel.dataflow` divides the loops into blocks of passes that stream s cycles each. This module
says when passes start, which the machine declares, and how the sums drain: `docs/time.md` derives
it, with an example worked by hand, and tests compare it with a register-level simulation.

With weights or inputs kept, a pass first fills them, W = ceil(rows / rows per cycle) cycles, unless
a second plane hides it; with sums kept, they leave in W cycles. Results drain through vector lanes,
D = ceil(outputs / (B lanes)) cycles for each of B blocks. With two planes of accumulators block j
drains while block j + 1 is computed, so a block takes max(T, D), and the last block's D only delays
the results; with one plane it takes T + D. Sums that stay for a later instruction (`finishes`
false) and fit the accumulators cost nothing; else they are spilled and fetched back through the
same lanes.

Assumed: operands arrive at the rate of the array, but for conflicts in the memory of inputs where a
machine declares them (`costmodel.banks`), and an instruction's first fill does not overlap the
instruction before it.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..dialects.fabric_array import LOOP_DIMS
from ..machines.model import Array, Fold, Mode
from .banks import Inputs, input_cycles
from .dataflow import Factors, Walk, walk
from .integers import IntArray, Ints, as_array, ceil_div, plain


@dataclass(frozen=True)
class ConvCost:
    """What one convolution instruction costs; every field an int, or int64 arrays of one shape.

    In cycles: `preload` the first fill of the operand that stays, `occupancy` (which includes it)
    until the array can take the next instruction, `latency` from then until the last result is in
    its memory, `drain` how long the vector lanes are taken. In numbers: `macs` the products that
    the layer needs, `passes` of each unit, `spilled` 32-bit sums written to and read back from the
    memory of outputs because the accumulators are too small, and the accesses of all units:
    `input_reads` inputs that enter an array (an input under several windows as often),
    `weight_loads` weights that do, `accumulator_writes` sums that leave a chain, `register_writes`
    registers that are filled with what stays (sums: as they leave). Neither padding counts nor what
    meets nothing else, and what several multipliers of a unit use enters it once.
    """

    preload: Ints
    occupancy: Ints
    latency: Ints
    drain: Ints
    macs: Ints
    passes: Ints
    input_reads: Ints
    weight_loads: Ints
    accumulator_writes: Ints
    register_writes: Ints
    spilled: Ints


def find_mode(array: Array, mode: Mode | int | str) -> Mode:
    """The mode of an array by index or name (a Mode is returned as it is)."""
    if isinstance(mode, Mode):
        return mode
    if isinstance(mode, int):
        return array.modes[mode]
    return next(candidate for candidate in array.modes if candidate.name == mode)


def conv_cost(
    array: Array,
    mode: Mode | int | str,
    fold: Fold | Factors,
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
    inputs: Inputs | None = None,
    starts: Ints | bool = True,
    finishes: Ints | bool = True,
) -> ConvCost:
    """The cost of a convolution of `rows` x `cols` outputs on one folded group.

    `k` and `c` are the output and input channels *of each* of the `groups` (depthwise: groups =
    channels, c = 1, k = multiplier), `kh` and `kw` the window. Loops that the mode does not unroll
    run in time, so a mode without G takes groups one after the other. `hop_cycles` is the delay
    from unit to unit of a chain, `drain_lanes` the elements a cycle that the vector units take from
    the accumulators (0: draining is not charged), `inputs` where inputs lie in their memory, whose
    banks may make steps of a pass take longer (`costmodel.banks`). `starts` and `finishes` say
    whether the sums begin at zero and whether they are complete at the end. Sizes, the factors of
    the fold and these may be arrays that broadcast; a shape with a size of 0 costs nothing.

    Raises TilefoldError for a precision that the array lacks.
    """
    factors = (fold.chain, fold.cols, fold.pixels, fold.groups)
    given = (*factors, groups, k, c, rows, cols, kh, kw, starts, finishes)
    *arrays, begin, end = np.broadcast_arrays(*map(as_array, given))
    folded, shape = Factors(*arrays[:4]), arrays[4:]
    sizes = dict(zip(LOOP_DIMS, shape, strict=True))
    macs = np.multiply.reduce(shape)
    pixels = sizes["OY"] * sizes["OX"]
    outputs = sizes["G"] * sizes["K"] * pixels * (macs > 0)
    flow = find_mode(array, mode)
    products = array.products(act_bits, wgt_bits)
    passes = walk(array, flow, folded, sizes, products)
    if inputs:
        cycles = input_cycles(inputs, array, flow, folded, sizes, products)
        passes = replace(passes, stream=passes.stream * cycles)

    room = array.accumulator.lines * array.accumulator.planes
    spilled = outputs * (passes.sums > room) * ((1 - begin) + (1 - end))
    moved = (outputs * end + spilled) * (as_array(drain_lanes) > 0)
    lanes = np.maximum(drain_lanes, 1)
    pace = _pace(array, flow, passes)
    busy, after = _busy(array, passes, pace, ceil_div(moved, passes.blocks * lanes))
    works = (macs > 0).astype(np.int64)
    entered = {
        "I": macs // np.maximum(sizes["K"], 1) * passes.kernel_tiles,
        "W": macs // np.maximum(pixels, 1) * passes.pixel_tiles,
        "O": outputs * passes.reduction,
    }
    return ConvCost(
        preload=plain(pace.fill * works),
        occupancy=plain(busy * works),
        latency=plain((after + (folded.chain - 1) * hop_cycles) * works),
        drain=plain(ceil_div(moved, lanes)),
        macs=plain(macs),
        passes=plain(passes.blocks * passes.reduction * works),
        input_reads=plain(entered["I"]),
        weight_loads=plain(entered["W"]),
        accumulator_writes=plain(entered["O"]),
        register_writes=plain(entered[flow.stays] * passes.copies),
        spilled=plain(spilled),
    )


@dataclass(frozen=True)
class _Pace:
    """Cycles to `fill` the first tile, how many of them come before all (`lead`), from one pass to
    the next (`step`), of the `last` pass, and from then until its last sum has left the grid."""

    fill: IntArray
    lead: IntArray
    step: IntArray
    last: IntArray
    after: IntArray


def _pace(array: Array, mode: Mode, passes: Walk) -> _Pace:
    """When passes start: the tables of `docs/time.md`, "From one pass to the next"."""
    local, empties = array.local_for(mode), array.empties_each_pass(mode)
    sizes = dict(array.axes)
    crossed = {axis: as_array(size) for axis, size in sizes.items()}
    crossed = passes.used if array.span == "used" else crossed
    skewed = array.feed == "skew"
    skew = np.add.reduce([n - 1 for n in crossed.values()]) if skewed else as_array(0)
    used = passes.used[local.axis]
    moved = ceil_div(sizes[local.axis] if local.rows == "all" else used, local.rows_per_cycle)
    taken = passes.stream + skew if empties else passes.stream
    zero = as_array(0)
    if mode.stays != "O":
        after = zero if empties else skew
        if local.planes == 1:
            return _Pace(moved, zero, moved + taken, moved + taken, after)
        return _Pace(moved, moved, np.maximum(taken, moved), taken, after)

    unload = moved if local.unload == "tile" else zero
    if empties:
        step = taken + unload if local.planes == 1 else np.maximum(taken, unload)
    elif local.unload == "row":
        step = np.maximum(taken, moved)
    else:
        free = crossed[local.axis] if skewed else ceil_div(used, local.rows_per_cycle)
        step = taken + free if local.planes == 1 else np.maximum(taken, free)
        step = np.maximum(step, unload)
    return _Pace(zero, zero, step, step, passes.stream + skew + unload - step)


def _busy(array: Array, passes: Walk, pace: _Pace, drain: IntArray) -> tuple[IntArray, IntArray]:
    """Cycles that the array is taken, and cycles from then until its last result has drained."""
    block = passes.reduction * pace.step
    last = block - pace.step + pace.last
    if array.accumulator.planes == 1:
        busy = pace.lead + (passes.blocks - 1) * (block + drain) + last + drain
        return busy, pace.after
    # Block j + 1 is computed while block j drains, and the first one while nothing does.
    middle = np.maximum(passes.blocks - 2, 0) * np.maximum(block, drain)
    several = block + middle + np.maximum(last, drain)
    return pace.lead + np.where(passes.blocks == 1, last, several), pace.after + drain
