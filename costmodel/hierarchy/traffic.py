"""What moves between levels: tiles, how often, of how many bits; and the accesses they make."""

from dataclasses import dataclass

import numpy as np

from .architecture import Way
from .layer import Floats, Ints, Layer, Operand
from .mappings import Bools, Levels, Mappings, at, tile_elements
from .unrolling import Placement


@dataclass(frozen=True)
class Transfers:
    """Transfers of one operand, [B, levels, ways] each; those that there are not have no `counts`.

    In every one of `counts` periods of `periods` cycles, `elements` move for one instance, of
    `bits` each; `windows` are the cycles of a period in which they may while the tile that they
    replace is not needed.
    """

    elements: Ints
    bits: Ints
    counts: Ints
    periods: Ints
    windows: Ints
    tile_bits: Ints
    """[B, levels + 1]: bits of the tile of one instance."""
    mean_bits: Floats
    """[B, levels, ways]: bits a cycle that keep up with the computation."""


def transfers(mappings: Mappings, levels: Levels, placement: Placement) -> Transfers:
    """What an operand's levels exchange.

    A level reads the tiles of all different instances below it and is written its own. Partial sums
    go down again where loops above a level add to them, so that sums cross that level's lower side
    with `bits` and in both ways, or with `final_bits` and upwards only. Nothing moves above the
    last level.
    """
    operand = placement.operand
    tiles = tile_elements(mappings, placement, levels.ends)
    partial, again = _partial(mappings, levels, placement)
    stored = (
        np.where(partial, operand.bits, operand.final_bits) if operand.is_output else operand.bits
    )
    tile_bits = tiles * stored
    total = mappings.iterations[:, -1:]
    spread = np.array(placement.spread, np.int64)
    below, above = slice(0, -1), slice(1, None)
    shape = (*tiles[:, 1:].shape, len(Way))
    result = [np.zeros(shape, np.int64) for _ in range(5)]
    elements, bits, counts, periods, windows = result
    mean = np.zeros(shape)
    # Tiles cross the lower side as `below` has them, and the upper side as `above`.
    sides = (
        (Way.READ_FOR_BELOW, Way.WRITE_FROM_BELOW, below, spread[:-1], partial[:, :-1]),
        (Way.WRITE_FROM_ABOVE, Way.READ_FOR_ABOVE, above, np.ones(1, np.int64), partial[:, 1:]),
    )
    for down, up, side, factor, comes_back in sides:
        moved, cycles = tiles[:, side] * factor, levels.cycles[:, side]
        window = cycles // levels.top_irrelevant[:, side]
        rate = np.floor(tile_bits[:, side] / cycles * factor)
        if not operand.is_output:
            ways = {down: np.ones_like(moved, np.bool_)}
        else:
            ways = {up: np.ones_like(moved, np.bool_), down: comes_back}
        for way, happens in ways.items():
            elements[..., way] = np.where(happens, moved, 0)
            counts[..., way] = np.where(happens, total // cycles, 0)
            periods[..., way] = np.where(happens, cycles, 0)
            windows[..., way] = np.where(happens, window, 0)
            mean[..., way] = np.where(happens, rate, 0)
            bits[..., way] = _width(operand, again[:, side], way == down)
    for array in (*result, mean):
        array[:, -1, [Way.READ_FOR_ABOVE, Way.WRITE_FROM_ABOVE]] = 0
    return Transfers(elements, bits, counts, periods, windows, tile_bits, mean)


def _width(operand: Operand, again: Bools, down: bool) -> Ints | int:
    """Bits of an element that crosses a side; none of sums that do not come down."""
    if not operand.is_output:
        return operand.bits
    return np.where(again, operand.bits, 0 if down else operand.final_bits)


def _partial(mappings: Mappings, levels: Levels, placement: Placement) -> tuple[Bools, Bools]:
    """[B, levels + 1] twice: if a level's results are added to above it, by loops, by their effect.

    The second is false where fractions of unrolled loops add less than one element to the traffic.
    """
    layer, operand = mappings.unrolling.layer, placement.operand
    shape = levels.ends.shape
    if not operand.is_output:
        return np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    _, irrelevant = layer.relevance(operand)
    adds = irrelevant[mappings.dims]
    number = np.zeros((len(mappings), adds.shape[1] + 1), np.int64)
    number[:, 1:] = np.cumsum(adds & (mappings.sizes > 1), axis=1)
    products = np.ones_like(number)
    np.multiply.accumulate(np.where(adds, mappings.sizes, 1), axis=1, out=products[:, 1:])
    beside = _added_beside(layer, placement)
    by_loops = at(number, levels.ends) < number[:, -1:]
    by_loops |= np.array([any(factor > 1 for factor in factors) for factors in beside])
    times = (
        products[:, -1:]
        // at(products, levels.ends)
        * np.array([float(np.prod(factors)) for factors in beside])
    )
    by_effect = np.floor(layer.elements(operand) * (times - 1) + 1e-9) >= 1
    by_loops[:, -1] = by_effect[:, -1] = False
    return by_loops, by_effect


def _added_beside(layer: Layer, placement: Placement) -> list[list[float]]:
    """Of each level, the unrolled loops above it that add to the same results."""
    _, irrelevant = layer.relevance(placement.operand)
    adding = {dim for dim, adds in zip(layer.order, irrelevant, strict=False) if adds}
    own = [[f for dim, f in loops.items() if dim in adding] for loops in placement.loops]
    return [[factor for above in own[level + 1 :] for factor in above] for level in range(len(own))]


def accesses(mappings: Mappings, placement: Placement, moved: Transfers) -> Ints:
    """[B, levels, ways]: accesses of all instances of each memory, as counted for energy.

    A transfer takes whole `min_bits` of its port, each a share of an access of `max_bits`; what all
    transfers take together is rounded down to whole accesses.
    """
    memories = mappings.unrolling.architecture.hierarchy(placement.operand.memory)
    result = np.zeros(moved.counts.shape, np.int64)
    for level, memory in enumerate(memories):
        for way in Way:
            port = memory.port(placement.operand.memory, way)
            if port is None:
                continue
            size = moved.elements[:, level, way] * moved.bits[:, level, way]
            words = -(-size // port.min_bits) * (port.min_bits / port.max_bits)
            every = words * moved.counts[:, level, way] * placement.instances[level + 1]
            result[:, level, way] = every.astype(np.int64)
    return result
