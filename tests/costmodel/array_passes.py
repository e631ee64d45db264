"""A convolution cut into the passes of an array, with the operands of every multiplier.

Loops are arrays of offsets into flat indices (element of a sum, pixel, kernel, group), so cutting
a loop is reshaping an array and combining loops is adding. Padding is a large negative offset.
"""

from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt
from tilefold.dialects.fabric_array import LOOP_DIMS
from tilefold.machines.model import Array, Fold, Mode

IntArray = npt.NDArray[np.int64]
SUMMED = ("C", "FY", "FX")
PIXELS = ("OY", "OX")
PAD = -(10**9)


@dataclass(frozen=True)
class Layer:
    """Sizes of the loops, inputs under each window x[g, pixel, element] and weights
    w[g, k, element]."""

    sizes: dict[str, int]
    x: IntArray
    w: IntArray

    @staticmethod
    def random(sizes: dict[str, int], seed: int) -> "Layer":
        """A layer of small random numbers."""
        numbers = np.random.default_rng(seed)
        groups, elements = sizes["G"], prod(sizes[dim] for dim in SUMMED)
        pixels = prod(sizes[dim] for dim in PIXELS)
        x = numbers.integers(-9, 9, (groups, pixels, elements))
        return Layer(sizes, x, numbers.integers(-9, 9, (groups, sizes["K"], elements)))

    def sums(self) -> IntArray:
        """The result [g, pixel, k]."""
        return np.einsum("gpe,gke->gpk", self.x, self.w)


@dataclass(frozen=True)
class Pass:
    """What one pass brings to one unit, and where its sums belong.

    `kept` [rows, columns, products] stays (none if sums do), `across` [rows, columns, stream,
    products] enters each row at the left, with a value for every column, `down` [columns, stream,
    products] enters each column at the top (only if sums stay), `target` [columns, stream] or, if
    sums stay, [columns, rows] is the flat index of each sum in the result, -1 for padding.
    """

    kept: IntArray
    across: IntArray
    down: IntArray
    target: IntArray


def cut(loop: IntArray, limit: int) -> IntArray:
    """[n, ...] as [steps, tile, ...]: as few steps of at most `limit` as possible, all equal."""
    steps = -(-len(loop) // min(limit, len(loop)))
    return part(loop, steps)


def part(loop: IntArray, parts: int) -> IntArray:
    """[n, ...] as [parts, share, ...], all as long as the longest."""
    share = -(-len(loop) // parts)
    padded = np.full((parts * share, *loop.shape[1:]), PAD)
    padded[: len(loop)] = loop
    return padded.reshape(parts, share, *loop.shape[1:])


def list_passes(
    array: Array, mode: Mode, fold: Fold, layer: Layer, products: int
) -> list[list[list[Pass]]]:
    """The passes of every unit: for each copy of the work, for each unit of its chain, in order."""
    loops = {dim: np.arange(size) for dim, size in layer.sizes.items()}
    loops["OY"] *= layer.sizes["OX"]
    loops["FY"] *= layer.sizes["FX"]
    loops["C"] *= layer.sizes["FY"] * layer.sizes["FX"]
    shares = {"C": fold.chain, "K": fold.cols, "G": fold.groups}
    parts = {dim: part(loops[dim], factor) for dim, factor in shares.items()}
    return [
        [
            _unit_passes(
                array,
                mode,
                layer,
                loops | {"C": parts["C"][chain], "K": parts["K"][col], "G": parts["G"][group]},
                products,
                (pixel, fold.pixels),
            )
            for chain in range(fold.chain)
        ]
        for col, pixel, group in product(range(fold.cols), range(fold.pixels), range(fold.groups))
    ]


def _unit_passes(
    array: Array,
    mode: Mode,
    layer: Layer,
    loops: dict[str, IntArray],
    products: int,
    pixel_share: tuple[int, int],
) -> list[Pass]:
    tiles = _in_space(array, mode, loops, products)
    pixels = [dict(zip(PIXELS, s, strict=True)) for s in product(*(tiles[d] for d in PIXELS))]
    share = -(-len(pixels) // pixel_share[1])
    pixels = pixels[pixel_share[0] * share :][:share]
    blank = {dim: np.full_like(tiles[dim][0], PAD) for dim in PIXELS}
    pixels += [blank] * (share - len(pixels))
    kernels = [{"K": tile} for tile in tiles["K"]]
    groups = [{"G": tile} for tile in tiles["G"]]
    summed = [dict(zip(SUMMED, s, strict=True)) for s in product(*(tiles[d] for d in SUMMED))]
    lines = array.accumulator.lines
    if mode.stays == "W":
        nest = (groups, kernels, _chunks(pixels, lines), [[each] for each in summed])
    elif mode.stays == "I":
        nest = (groups, [[each] for each in pixels], _chunks(kernels, lines), [[s] for s in summed])
    else:
        nest = (groups, kernels, [[each] for each in pixels], [summed])
    return [_one_pass(mode, layer, _as_streams(step)) for step in product(*nest)]


def _chunks(steps: list[dict[str, IntArray]], lines: int) -> list[list[dict[str, IntArray]]]:
    count = -(-len(steps) // lines)
    size = -(-len(steps) // count)
    blank = {dim: np.full_like(tile, PAD) for dim, tile in steps[0].items()}
    steps = steps + [blank] * (count * size - len(steps))
    return [steps[n * size : (n + 1) * size] for n in range(count)]


def _as_streams(step: tuple) -> dict[str, IntArray]:
    """For each loop its offsets [rows, columns, stream, products], 1 where it does not vary."""
    merged: dict[str, IntArray] = {}
    for some in step:
        each = some if isinstance(some, list) else [some]
        for dim in each[0]:
            merged[dim] = np.stack([one[dim] for one in each], axis=2)
    return merged


def _in_space(
    array: Array, mode: Mode, loops: dict[str, IntArray], products: int
) -> dict[str, IntArray]:
    """Each loop as its steps [steps, rows, columns, products]."""
    spatial = dict(mode.spatial)
    loops = dict(loops)
    if mode.flat:
        for dims in spatial.values():
            for dim in dims[1:]:
                loops[dims[0]] = np.add.outer(loops[dims[0]], loops[dim]).ravel()
                loops[dim] = np.zeros(1, np.int64)
    named = [dim for dims in spatial.values() for dim in dims]
    inside = SUMMED if mode.stays == "O" else [dim for dim in named if dim in SUMMED]
    multiplied = {dim: loop[:, None] for dim, loop in loops.items()}
    for dim in inside:
        multiplied[dim] = cut(loops[dim], products)
        products //= multiplied[dim].shape[1]
    tiles = {dim: loop[:, None, None] for dim, loop in multiplied.items()}
    for place, (axis, size) in enumerate(array.axes):
        dims, runs, free = spatial.get(axis, ()), {}, size
        for dim in dims:
            runs[dim] = cut(multiplied[dim], free)
            free //= runs[dim].shape[1]
        lengths = [runs[dim].shape[1] for dim in dims]
        positions = np.unravel_index(np.arange(prod(lengths)), lengths) if dims else ()
        for dim, at in zip(dims, positions, strict=True):
            tiles[dim] = np.expand_dims(runs[dim][:, at], 2 - place)
    return tiles


def _one_pass(mode: Mode, layer: Layer, at: dict[str, IntArray]) -> Pass:
    window = at["FY"][..., None, :, None] + at["FX"][..., None, None, :]
    element = at["C"][..., :, None, None] + window
    element = element.reshape(*element.shape[:4], -1)
    group, kernel = at["G"], at["K"]
    pixel = at["OY"] + at["OX"]
    element = element.reshape(*element.shape[:3], -1)
    x, w = _pick(layer.x, group, pixel, element), _pick(layer.w, group, kernel, element)
    rows, columns = np.broadcast_shapes(x.shape, w.shape)[:2]
    kept, across, down = {
        "W": (w[:, :, 0], x, w[:0, 0]),
        "I": (x[:, :, 0], w, x[:0, 0]),
        "O": (x[:0, 0], x, np.broadcast_to(w, (1, columns, *w.shape[2:]))[0]),
    }[mode.stays]
    kept = np.broadcast_to(kept, (rows, columns, kept.shape[-1])) if mode.stays != "O" else kept
    across = np.broadcast_to(across, (rows, columns, *across.shape[2:]))
    shape = (*layer.x.shape[:2], layer.w.shape[1])
    spots = [
        np.broadcast_to(s, np.broadcast_shapes(*(z.shape for z in (group, pixel, kernel))))
        for s in (group, pixel, kernel)
    ]
    real = (spots[0] >= 0) & (spots[1] >= 0) & (spots[2] >= 0)
    flat = np.where(real, (spots[0] * shape[1] + spots[1]) * shape[2] + spots[2], -1)[..., 0]
    target = flat[0] if mode.stays != "O" else flat[:, :, 0].T
    lines = across.shape[2] if mode.stays != "O" else rows
    return Pass(kept, across, down, np.broadcast_to(target, (columns, lines)))


def _pick(values: IntArray, group: IntArray, other: IntArray, element: IntArray) -> IntArray:
    group, other, element = np.broadcast_arrays(group, other, element)
    real = (group >= 0) & (other >= 0) & (element >= 0)
    return np.where(real, values[group * real, other * real, element * real], 0)


DIMS = LOOP_DIMS
