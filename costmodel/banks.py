"""Cycles of accesses that units make to one banked memory in the same cycle.

A memory's lines are dealt over its banks: line l is in bank l mod banks. A bank serves as many
lines a cycle as it has ports, and a line that several units want is read once for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from ..machines.model import Array, Memory, Mode
from .dataflow import Factors, Sizes, shared, unroll
from .integers import IntArray, Ints, as_array, ceil_div


@dataclass(frozen=True)
class Inputs:
    """How the inputs of a convolution lie in the memory that arrays read them from.

    `row_bytes` and `pixel_bytes` are the distances of an input from the ones in the row and in the
    column after it, `bits` the width of a container; `strides` are the convolution's. With `spread`
    rows may lie further apart by as many lines as serves best, up to one less than there are banks:
    further on, banks repeat.
    """

    memory: Memory
    row_bytes: Ints
    pixel_bytes: Ints
    bits: int
    strides: tuple[int, int] = (1, 1)
    spread: bool = False


def access_cycles(memory: Memory, offsets: IntArray, widths: Ints) -> IntArray:
    """Cycles that reading `widths` bytes at each of `offsets` [..., accesses] takes, [...].

    Offsets are bytes, not negative; `widths` [...] are those of all accesses of a step. That is the
    most lines in any bank over the ports of a bank, rounded up; 1 at least, and 1 if the machine
    does not declare that conflicts count.
    """
    shape = offsets.shape[:-1]
    if not memory.conflicts or not offsets.size:
        return np.ones(shape, np.int64)
    first = offsets // memory.line
    last = (offsets + np.maximum(as_array(widths), 1)[..., None] - 1) // memory.line
    lines = first[..., None] + np.arange(int((last - first).max()) + 1)
    lines = np.minimum(lines, last[..., None]).reshape(prod(shape), -1)
    lines.sort(axis=-1)
    anew = np.ones(lines.shape, bool)
    anew[:, 1:] = lines[:, 1:] != lines[:, :-1]
    places = lines % memory.banks + np.arange(len(lines))[:, None] * memory.banks
    counts = np.bincount(places[anew], minlength=len(lines) * memory.banks)
    most = counts.reshape(len(lines), memory.banks).max(axis=-1)
    return ceil_div(most, memory.ports).reshape(shape)


def input_cycles(
    inputs: Inputs, array: Array, mode: Mode, fold: Factors, sizes: Sizes, products: int
) -> IntArray:
    """Cycles in which a group of units reads the inputs of one step of a pass; 1 without conflicts.

    `fold`, the `sizes` of the loops (0 counts as 1) and the distances in `inputs` may be arrays
    that broadcast. A multiplier makes so many `products` a cycle.

    A unit streams one pixel a cycle, or as many as it has side by side in space, and reads the
    channels of each that its axes have positions for. Units that are given different output pixels
    (`fold.pixels`) start at steps j ceil(steps / pixels); those of a chain, or with groups of their
    own, share the channels of a pixel. The first step, from the start of a line on, stands for all.

    Assumed: a unit keeps the inputs that windows have in common. Tiles of inputs that stay are
    loaded before a pass, not streamed, and cost no more than that.
    """
    memory = inputs.memory
    if not memory.conflicts or mode.stays == "I":
        return as_array(1)
    step = _step(inputs, array, mode, fold, sizes, products)
    shape = np.broadcast_shapes(*(term.shape for term in step.values()))
    flat = {name: np.broadcast_to(term, shape).ravel() for name, term in step.items()}
    examples, kinds = _kinds(list(flat.values()))
    kind = {name: term[examples] for name, term in flat.items()}
    down, rest = _accesses(kind)
    row, width = kind["row"][:, None], kind["width"]
    cycles = access_cycles(memory, rest + down * row, width)
    for lines in range(1, memory.banks if inputs.spread else 1):
        slow = np.flatnonzero((cycles > 1) & (down > 0).any(axis=1))
        apart = row[slow] + inputs.strides[0] * lines * memory.line
        moved = access_cycles(memory, rest[slow] + down[slow] * apart, width[slow])
        cycles[slow] = np.minimum(cycles[slow], moved)
    return cycles[kinds].reshape(shape)


def _step(
    inputs: Inputs, array: Array, mode: Mode, fold: Factors, sizes: Sizes, products: int
) -> Sizes:
    """What tells the accesses of a step, by name; see `_accesses`.

    Pixels that are cut as one long loop are taken as if rows and columns were cut one by one.
    """
    sizes = {dim: np.maximum(size, 1) for dim, size in sizes.items()}
    share = shared(sizes, fold)
    space = unroll(array, replace(mode, flat=False), share, products)
    axes = dict(array.axes)
    places = {
        loop: prod(axes[axis] for axis, loops in mode.spatial if loop in loops) for loop in "GC"
    }
    steps = space.steps["OY"] * space.steps["OX"]
    wanted = [np.minimum(share[loop], most) for loop, most in places.items()]
    return {
        "rows": sizes["OY"],
        "columns": sizes["OX"],
        "height": space.tiles["OY"],
        "breadth": space.tiles["OX"],
        "steps": steps,
        "across": space.steps["OX"],
        "of a unit": ceil_div(steps, fold.pixels),
        "groups": sizes["G"],
        "groups of a unit": share["G"],
        "channels": sizes["C"],
        "channels of a unit": share["C"],
        "row": inputs.strides[0] * as_array(inputs.row_bytes),
        "pixel": inputs.strides[1] * as_array(inputs.pixel_bytes),
        "bits": as_array(inputs.bits),
        "width": ceil_div(np.where(sizes["C"] == 1, *wanted) * inputs.bits, 8),
    }


def _kinds(terms: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """The index of an example of each kind of candidates, whose `terms` differ, and their kinds."""
    key = np.zeros(terms[0].shape, np.int64)
    for term in terms:
        most = int(term.max(initial=0)) + 1
        if int(key.max(initial=0)) > (1 << 62) // most:
            key = np.unique(key, return_inverse=True)[1]
        key = key * most + term
    _, examples, kinds = np.unique(key, return_index=True, return_inverse=True)
    return examples, kinds


def _accesses(step: Sizes) -> tuple[IntArray, IntArray]:
    """The output row of each access of a step, and its offset in bytes but for that row's.

    Both are [candidates, accesses]; an access that a candidate does not make is another one again.
    """
    at = {name: term[:, None] for name, term in step.items()}

    def units(size: str, part: str) -> int:
        return int(ceil_div(step[size], step[part]).max(initial=1))

    grid = np.indices(
        (
            units("steps", "of a unit"),
            units("groups", "groups of a unit"),
            units("channels", "channels of a unit"),
            int(step["height"].max(initial=1)),
            int(step["breadth"].max(initial=1)),
        )
    )
    unit, group, link, down, across = grid.reshape(len(grid), -1)
    first = unit * at["of a unit"]
    row = first // at["across"] * at["height"] + down
    column = first % at["across"] * at["breadth"] + across
    group, channel = group * at["groups of a unit"], link * at["channels of a unit"]
    made = (first < at["steps"]) & (row < at["rows"]) & (column < at["columns"])
    made &= (down < at["height"]) & (across < at["breadth"])
    made &= (group < at["groups"]) & (channel < at["channels"])
    rest = column * at["pixel"] + (group * at["channels"] + channel) * at["bits"] // 8
    return np.where(made, row, 0), np.where(made, rest, 0)
