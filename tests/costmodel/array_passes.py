"""A convolution cut into the passes of an array, with the product of every multiplier.

Loops are arrays of offsets into flat indices (group, pixel, output channel, element of a sum), so
cutting a loop is reshaping an array and combining loops is adding. Padding is a large negative
offset, so whatever is combined with it stays negative.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import numpy.typing as npt
from tilefold.machines.model import Array, Fold, Mode

IntArray = npt.NDArray[np.int64]
Loops = dict[str, IntArray]
SUMMED = ("C", "FY", "FX")
PIXELS = ("OY", "OX")
PAD = -(10**9)


@dataclass(frozen=True)
class Layer:
    """Sizes of the loops, inputs under each window x[group, pixel, element] and weights
    w[group, output channel, element]."""

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
        """The result [group, pixel, output channel]."""
        return np.einsum("gpe,gke->gpk", self.x, self.w)


@dataclass(frozen=True)
class Pass:
    """What one pass makes in one unit, and where its sums belong.

    `made` [stream, rows, columns] is what each multiplier makes of each operand that streams past.
    `target` [lines, columns] is the flat index of each sum in the result, -1 for padding; a line is
    an operand that streams past or, if sums stay, a row. `products` of `places` are of the layer,
    the others padding; `inputs` and `weights` are the different ones that they are made of, `kept`
    the places that keep one of those that stay.
    """

    made: IntArray
    target: IntArray
    products: int
    places: int
    inputs: int
    weights: int
    kept: int


def list_passes(
    array: Array, mode: Mode, fold: Fold, layer: Layer, products: int
) -> list[list[list[Pass]]]:
    """The passes of every unit: for each place in a chain, for each chain, in order."""
    loops = {dim: np.arange(size) for dim, size in layer.sizes.items()}
    loops["OY"] *= layer.sizes["OX"]
    loops["FY"] *= layer.sizes["FX"]
    loops["C"] *= layer.sizes["FY"] * layer.sizes["FX"]
    shares = {"C": fold.chain, "K": fold.cols, "G": fold.groups}
    shared = {dim: part(loops[dim], parts) for dim, parts in shares.items()}
    units: list[list[list[Pass]]] = []
    for link in shared["C"]:
        units.append([])
        for kernels, groups in product(shared["K"], shared["G"]):
            tiles = in_space(array, mode, loops | {"C": link, "K": kernels, "G": groups}, products)
            pixels = part_steps(steps_of(tiles, PIXELS), fold.pixels)
            for share in pixels:
                nest = list(order(array, mode, tiles, share))
                units[-1].append([make_pass(mode, layer, each) for each in nest])
    return units


def order(array: Array, mode: Mode, tiles: Loops, pixels: list[Loops]) -> Iterator[Loops]:
    """The loops of each pass, [stream, rows, columns, products], in the order of passes."""
    kernels, groups = steps_of(tiles, ("K",)), steps_of(tiles, ("G",))
    summed = steps_of(tiles, SUMMED)
    alone = [[step] for step in summed]
    if mode.stays == "W":
        nest = product(single(groups), single(kernels), chunks(array, pixels), alone)
    elif mode.stays == "I":
        nest = product(single(groups), single(pixels), chunks(array, kernels), alone)
    else:
        nest = product(single(groups), single(kernels), single(pixels), [summed])
    for step in nest:
        yield {dim: np.stack([at[dim] for at in some]) for some in step for dim in some[0]}


def cut(loop: IntArray, limit: int) -> IntArray:
    """[n, ...] as [steps, tile, ...]: as few steps of at most `limit` as possible, all equal."""
    return part(loop, -(-len(loop) // min(limit, len(loop))))


def part(loop: IntArray, parts: int) -> IntArray:
    """[n, ...] as [parts, share, ...], all as long as the longest."""
    share = -(-len(loop) // parts)
    padded = np.full((parts * share, *loop.shape[1:]), PAD)
    padded[: len(loop)] = loop
    return padded.reshape(parts, share, *loop.shape[1:])


def steps_of(tiles: Loops, dims: tuple[str, ...]) -> list[Loops]:
    """The steps of nested loops, the last one fastest."""
    return [dict(zip(dims, at, strict=True)) for at in product(*(tiles[dim] for dim in dims))]


def single(steps: list[Loops]) -> list[list[Loops]]:
    """Each step alone."""
    return [[step] for step in steps]


def part_steps(steps: list[Loops], parts: int) -> list[list[Loops]]:
    """`parts` lists of steps, all as long as the longest."""
    share = -(-len(steps) // parts)
    blank = {dim: np.full_like(tile, PAD) for dim, tile in steps[0].items()}
    padded = steps + [blank] * (parts * share - len(steps))
    return [padded[n * share : (n + 1) * share] for n in range(parts)]


def chunks(array: Array, steps: list[Loops]) -> list[list[Loops]]:
    """Steps in as few chunks as fit the lines of an accumulator, all equally long."""
    return part_steps(steps, -(-len(steps) // array.accumulator.lines))


def in_space(array: Array, mode: Mode, loops: Loops, products: int) -> Loops:
    """Each loop as its steps [steps, rows, columns, products]; 1 where it does not vary."""
    spatial, limit, loops = dict(mode.spatial), dict(mode.limit), dict(loops)
    if mode.flat:
        for dims in spatial.values():
            for dim in dims[1:]:
                loops[dims[0]] = np.add.outer(loops[dims[0]], loops[dim]).ravel()
                loops[dim] = np.zeros(1, np.int64)
    named = [dim for dims in spatial.values() for dim in dims]
    multiplied = {dim: loop[:, None] for dim, loop in loops.items()}
    for dim in SUMMED if mode.stays == "O" else [dim for dim in named if dim in SUMMED]:
        multiplied[dim] = cut(loops[dim], products)
        products //= multiplied[dim].shape[1]
    tiles = {dim: loop[:, None, None] for dim, loop in multiplied.items()}
    for place, (axis, size) in enumerate(array.axes):
        dims, runs, free = spatial.get(axis, ()), dict[str, IntArray](), size
        for dim in dims:
            runs[dim] = cut(multiplied[dim], min(free, limit.get(dim, free)))
            free //= runs[dim].shape[1]
        lengths = [runs[dim].shape[1] for dim in dims]
        positions = np.unravel_index(np.arange(prod(lengths)), lengths) if dims else ()
        for dim, at in zip(dims, positions, strict=True):
            tiles[dim] = np.expand_dims(runs[dim][:, at], 2 - place)
    return tiles


def make_pass(mode: Mode, layer: Layer, at: Loops) -> Pass:
    """The pass over loops of [stream, rows, columns, products]."""
    rows_and_columns = at["FY"][..., :, None] + at["FX"][..., None, :]
    window = at["C"][..., :, None, None] + rows_and_columns[..., None, :, :]
    element = window.reshape(*window.shape[:3], -1)
    group, pixel, kernel, element = np.broadcast_arrays(
        at["G"], at["OY"] + at["OX"], at["K"], element
    )
    summed = (group >= 0) & (pixel >= 0) & (kernel >= 0)
    real = summed & (element >= 0)
    g, p, k, e = group[real], pixel[real], kernel[real], element[real]
    made = np.zeros(real.shape, np.int64)
    made[real] = layer.x[g, p, e] * layer.w[g, k, e]
    stays = {"W": (kernel >= 0) & (element >= 0), "I": (pixel >= 0) & (element >= 0), "O": summed}
    output = (group * layer.x.shape[1] + pixel) * layer.w.shape[1] + kernel
    output = np.where(summed, output, -1)[..., 0]
    return Pass(
        made.sum(axis=-1),
        output[0] if mode.stays == "O" else output[:, 0],
        products=np.count_nonzero(real),
        places=real.size,
        inputs=len(set(zip(g, p, e, strict=True))),
        weights=len(set(zip(g, k, e, strict=True))),
        kept=np.count_nonzero((stays[mode.stays] & (group >= 0)).any(axis=0)) if len(g) else 0,
    )
