"""Cycles: how long transfers stall the array, and what is loaded before and stored after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .architecture import OUTPUT, Architecture, Memory, Port, Way
from .layer import Floats, Ints, Layer, Operand
from .mappings import Bools, Levels
from .traffic import Transfers


@dataclass(frozen=True)
class Side:
    """An operand as the latency of a layer needs it."""

    operand: Operand
    moved: Transfers
    space: Ints
    """[B, levels + 1]: bits of each level's tile that are needed at any time, of mean tiles."""
    at_level: Mapping[int, int]
    """Its own level by the number of the memory in the architecture."""


def space_needed(tile_bits: Ints, levels: Levels) -> Ints:
    """Bits of tiles that have to be there at any time: parts that are used once can be replaced."""
    return tile_bits // levels.top_relevant


def buffered(architecture: Architecture, sides: Sequence[Side]) -> list[Bools]:
    """[B, levels + 1] of each operand: if a level has the space for its next tile beside its tile.

    It has where all tiles in a memory take at most half of it, or the operand's own one fits into
    what they leave; then it takes that space from the operands that follow.
    """
    count = len(sides[0].space)
    used = [
        sum(
            (_share(side, level, memory) for side in sides if level in side.at_level),
            np.zeros(count),
        )
        for level, memory in enumerate(architecture.memories)
    ]
    flags: list[Bools] = []
    for side in sides:
        flag = np.zeros(side.space.shape, np.bool_)
        for level, own in side.at_level.items():
            share = _share(side, level, architecture.memories[level])
            half = used[level] <= 0.5
            beside = ~half & (share <= 1 - used[level])
            used[level] = np.where(beside, used[level] + share, used[level])
            flag[:, own + 1] = half | beside
        flags.append(flag)
    return flags


def _share(side: Side, level: int, memory: Memory) -> Floats:
    return side.space[:, side.at_level[level] + 1] / memory.bits


def allowed_cycles(moved: Transfers, flags: Bools) -> Ints:
    """[B, levels, ways]: the cycles of a period in which a transfer does not stall the array.

    All where the level that is written has a second tile; else those while its tile is not used.
    """
    below, above = (
        [Way.READ_FOR_BELOW, Way.WRITE_FROM_BELOW],
        [
            Way.READ_FOR_ABOVE,
            Way.WRITE_FROM_ABOVE,
        ],
    )
    result = np.empty_like(moved.periods)
    for ways, flag in ((below, flags[:, :-1]), (above, flags[:, 1:])):
        result[..., ways] = np.where(
            flag[..., None], moved.periods[..., ways], moved.windows[..., ways]
        )
    return result


def transfer_cycles(architecture: Architecture, side: Side) -> Ints:
    """[B, levels, ways]: cycles of one transfer at its port."""
    size = side.moved.elements * side.moved.bits
    result = np.zeros_like(size)
    for level, own in side.at_level.items():
        for way in Way:
            port = architecture.memories[level].port(side.operand.memory, way)
            if port is not None:
                result[:, own, way] = -(-size[:, own, way] // port.max_bits)
    return result


def stall_cycles(
    architecture: Architecture,
    sides: Sequence[Side],
    needed: Sequence[Ints],
    allowed: Sequence[Ints],
    total: Ints,
) -> Ints:
    """[B]: cycles that the array waits for the port that delays it most.

    What a transfer needs beyond its window delays the array in every period but the first. Where
    transfers share a port, what others leave of their windows does not make up for that; and they
    delay the array as well by what they need together beyond the union of their windows.
    """
    worst = np.zeros(len(total), np.int64)
    for level, memory in enumerate(architecture.memories):
        for port in memory.ports:
            late, spare, opened = (np.zeros(len(total), np.int64) for _ in range(3))
            periods: list[Ints] = []
            windows: list[Ints] = []
            for number, own, way in _served(sides, level, port):
                counts = sides[number].moved.counts[:, own, way]
                window = allowed[number][:, own, way]
                rest = np.where(counts > 0, counts - 1, 0)
                delay = (needed[number][:, own, way] - window) * rest
                late += np.maximum(delay, 0)
                spare += np.minimum(delay, 0)
                opened += window * rest
                periods.append(np.where(counts > 0, sides[number].moved.periods[:, own, way], 1))
                windows.append(np.where(counts > 0, window, 0))
            if not periods:
                continue
            if len(periods) > 1:
                union = union_of_windows(np.stack(periods), np.stack(windows), total)
                late += np.maximum(0, spare + opened - union)
            worst = np.maximum(worst, late)
    return worst


def _served(sides: Sequence[Side], level: int, port: Port) -> list[tuple[int, int, Way]]:
    """What a port moves: the place of the operand in `sides`, its own level, and the way."""
    by_memory = {side.operand.memory: number for number, side in enumerate(sides)}
    return [
        (by_memory[operand], sides[by_memory[operand]].at_level[level], way)
        for operand, way in port.serves
        if operand in by_memory
    ]


def union_of_windows(periods: Ints, windows: Ints, total: Ints) -> Ints:
    """[B]: cycles of `total` in which a window of any of K transfers [K, B] is open.

    A window is open in the first cycles of each period. Periods are products of the innermost
    loops, so each divides the next longer one, and the cycles x in which the windows of the k
    shortest are all shut can be counted by recursion: shut(k, x) has whole periods of
    shut(k - 1, period) - shut(k - 1, window) each, and the rest of the last period alike.
    """
    order = np.argsort(periods, axis=0, kind="stable")
    periods = np.take_along_axis(periods, order, axis=0)
    windows = np.take_along_axis(windows, order, axis=0)
    each: list[Ints] = []
    lost: list[Ints] = []

    def shut(known: int, cycles: Ints) -> Ints:
        """Of the first cycles, those in which the windows of the `known` shortest are all shut."""
        if known == 0:
            return cycles
        times, rest = np.divmod(cycles, periods[known - 1])
        last = np.maximum(0, shut(known - 1, rest) - lost[known - 1])
        return times * each[known - 1] + last

    for known, (period, window) in enumerate(zip(periods, windows, strict=True)):
        lost.append(shut(known, window))
        each.append(shut(known, period) - lost[-1])
    return total - shut(len(each), total)


def edge_cycles(
    architecture: Architecture, sides: Sequence[Side], needed: Sequence[Ints], computation: Ints
) -> list[Floats]:
    """[B, levels, ways] of each operand: cycles of first loads and last stores outside computation.

    What is moved only once, like a tensor that a memory holds as a whole, is moved during
    `computation` as far as its port has bits to spare there, the longest first, but for as much as
    the first tile of the innermost memory takes.
    """
    result = [
        np.where(side.moved.counts > 0, cycles, 0).astype(np.float64)
        for side, cycles in zip(sides, needed, strict=True)
    ]
    for level, memory in enumerate(architecture.memories):
        for port in memory.ports:
            served = [
                (number, own, way)
                for number, own, way in _served(sides, level, port)
                if not sides[number].operand.is_output
                or way in (Way.WRITE_FROM_BELOW, Way.READ_FOR_ABOVE)
            ]
            if served:
                _borrow(port, served, sides, result, computation)
    return result


def _borrow(
    port: Port,
    served: Sequence[tuple[int, int, Way]],
    sides: Sequence[Side],
    cycles: Sequence[Floats],
    computation: Ints,
) -> None:
    """Take off `cycles` what the port moves during the computation."""
    counts = np.stack([sides[n].moved.counts[:, own, way] for n, own, way in served])
    rates = np.stack([sides[n].moved.mean_bits[:, own, way] for n, own, way in served])
    first = np.stack([-(-sides[n].moved.tile_bits[:, 1] // port.max_bits) for n, _, _ in served])
    length = np.stack([cycles[n][:, own, way] for n, own, way in served])
    once = counts == 1
    busy = np.where(counts > 1, rates, 0).sum(axis=0)
    left = np.maximum(0, (port.max_bits - busy) / port.max_bits * computation)
    movable = np.where(once, np.maximum(0, length - first), 0)
    order = np.argsort(np.where(once, -length, 0), axis=0, kind="stable")
    rows = np.arange(len(computation))
    for place in order:
        taken = np.minimum(movable[place, rows], left)
        left = left - taken
        length[place, rows] -= taken
    for row, (number, own, way) in enumerate(served):
        cycles[number][:, own, way] = length[row]


def loading_cycles(
    architecture: Architecture, sides: Sequence[Side], cycles: Sequence[Floats]
) -> Floats:
    """[B]: cycles of the first loads of inputs, which the array waits for.

    Each step from level to level takes as long as the slower of its two ports. Two inputs load at
    the same time, but for steps whose ports they share.
    """
    parts: list[tuple[Floats, Floats, Floats]] = []
    for side, edge in zip(sides, cycles, strict=True):
        if side.operand.is_output:
            continue
        count = len(edge)
        alone, half, shared = (np.zeros(count) for _ in range(3))
        hierarchy = architecture.hierarchy(side.operand.memory)
        for own, (low, high) in enumerate(pairwise(hierarchy)):
            write, read = Way.WRITE_FROM_ABOVE, Way.READ_FOR_BELOW
            longest = np.maximum(edge[:, own, write], edge[:, own + 1, read])
            both = _is_shared(low, side.operand, write) + _is_shared(high, side.operand, read)
            if both == 0:
                alone = alone + longest
            elif both == 2:
                shared = shared + longest
            else:
                half = longest
        parts.append((alone, half, shared))
    if len(parts) == 1:
        return parts[0][0]
    (alone1, half1, shared1), (alone2, half2, shared2) = parts
    first = shared1 + np.maximum(shared2 + half2 + alone2, half1 + alone1)
    second = shared2 + np.maximum(shared1 + half1 + alone1, half2 + alone2)
    return np.minimum(first, second)


def _is_shared(memory: Memory, operand: Operand, way: Way) -> int:
    """1 where the port moves other inputs too."""
    port = memory.port(operand.memory, way)
    assert port is not None
    return int(len({name for name, _ in port.serves if name != OUTPUT}) > 1)


def storing_cycles(sides: Sequence[Side], cycles: Sequence[Floats]) -> Floats:
    """[B]: cycles of the last stores of results, level by level, one after the other."""
    side, edge = next(
        (side, edge) for side, edge in zip(sides, cycles, strict=True) if side.operand.is_output
    )
    low = edge[:, : len(side.at_level) - 1, Way.READ_FOR_ABOVE]
    return np.maximum(low, edge[:, 1:, Way.WRITE_FROM_BELOW]).sum(axis=1)


def ideal_cycles(architecture: Architecture, layer: Layer) -> int:
    """Cycles of a layer that keeps all multipliers busy."""
    return -(-layer.macs // architecture.multipliers)
