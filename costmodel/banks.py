"""Cycles of accesses that units make to one banked memory in the same cycle.

A memory's lines are dealt over its banks: line l is in bank l mod banks. A bank serves as many
lines a cycle as it has ports, and a line that several units want is read once for all.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import prod

import numpy as np

from ..dialects.fabric_array import LOOP_DIMS
from ..machines.model import Array, Fold, Memory, Mode
from .dataflow import unroll
from .integers import as_array


def access_cycles(memory: Memory, offsets: Sequence[int], width: int) -> int:
    """Cycles that reading `width` bytes at each of `offsets` (bytes, not negative) takes.

    That is the most lines in any bank over the ports of a bank, rounded up; 1 at least, and 1 if
    the machine does not declare that conflicts count.
    """
    if not memory.conflicts:
        return 1
    first = np.array(offsets, np.int64) // memory.line
    last = (np.array(offsets, np.int64) + max(width, 1) - 1) // memory.line
    lines = np.unique(first[:, None] + np.arange(int((last - first).max()) + 1))
    wanted = (lines[:, None] >= first) & (lines[:, None] <= last)
    banks = lines[wanted.any(axis=1)] % memory.banks
    return -(-int(np.bincount(banks).max()) // memory.ports)


def input_cycles(
    memory: Memory,
    array: Array,
    mode: Mode,
    fold: Fold,
    *,
    rows: int,
    cols: int,
    channels: int,
    depthwise: bool,
    row_bytes: int,
    pixel_bytes: int,
    bits: int,
) -> int:
    """Cycles in which a group of units reads the inputs of one step of a pass; 1 without conflicts.

    A unit streams one pixel a cycle, or as many side by side as the mode runs in space, and reads
    the channels of each that its axes have positions for. Units that are given different output
    pixels (`fold.pixels`) start at steps j ceil(steps / pixels); those of a chain, or with groups
    of their own if the convolution is `depthwise`, share the channels of a pixel. `row_bytes` and
    `pixel_bytes` are the distances of the inputs under output rows and columns that follow one
    another, so strides count. The first step, from the start of a line on, stands for all.

    Assumed: a unit keeps the inputs that windows have in common. Tiles of inputs that stay are
    loaded before a pass, not streamed, and cost no more than that.
    """
    if not memory.conflicts or mode.stays == "I":
        return 1
    loop, links = ("G", fold.groups) if depthwise else ("C", fold.chain)
    share = -(-channels // links)
    sizes = dict(array.axes)
    positions = prod(sizes[axis] for axis, dims in mode.spatial if loop in dims)
    offsets = [
        y * row_bytes + x * pixel_bytes + i * share * bits // 8
        for y, x in _pixels(array, mode, fold, rows, cols)
        for i in range(links)
        if i * share < channels
    ]
    return access_cycles(memory, offsets, -(-min(share, positions) * bits // 8))


def _pixels(array: Array, mode: Mode, fold: Fold, rows: int, cols: int) -> list[tuple[int, int]]:
    """The output pixels that the units of a group work on in their first step.

    Pixels that are cut as one long loop are taken as if rows and columns were cut one by one.
    """
    sizes = dict.fromkeys(LOOP_DIMS, as_array(1)) | {"OY": as_array(rows), "OX": as_array(cols)}
    space = unroll(array, replace(mode, flat=False), sizes, 1)
    down, across, height, width = (
        int(part[dim]) for part in (space.steps, space.tiles) for dim in ("OY", "OX")
    )
    share = -(-down * across // fold.pixels)
    starts = [divmod(j * share, across) for j in range(fold.pixels) if j * share < down * across]
    places = product(starts, range(height), range(width))
    pixels = [(y * height + dy, x * width + dx) for (y, x), dy, dx in places]
    return [(y, x) for y, x in pixels if y < rows and x < cols]
