"""Which memory holds which loops: for orders of loops, and whether given mappings fit."""

from collections.abc import Mapping, Sequence

import numpy as np

from ...costmodel.hierarchy.architecture import Memory
from ...costmodel.hierarchy.layer import Floats, Ints, Operand, extent_of
from ...costmodel.hierarchy.mappings import Bools, Mappings
from ...costmodel.hierarchy.unrolling import Unrolling
from ...errors import TilefoldError

COMBINATIONS = 1 << 20
"""Choices of ends that are compared at once."""


class _Sizes:
    """Bits that operands take in memories, by how many of the innermost loops are held."""

    def __init__(self, nests: Mappings) -> None:
        self.nests, self.layer = nests, nests.unrolling.layer
        self.placements = {
            operand.name: nests.unrolling.placement(operand, whole=False)
            for operand in self.layer.operands
        }

    def bits(self, operand: Operand, own: int, entered: Ints) -> Floats:
        """[B, N + 1]: bits in the operand's memory `own`, where those below hold `entered` [B].

        Sums take the bits of partial ones if a loop beyond `entered`, or one unrolled above the
        memory, adds to them.
        """
        below = self.placements[operand.name].below[own + 1]
        elements: Floats = extent_of(
            operand, lambda dim: self.nests.reached(dim) * below.get(dim, 1.0)
        )
        if not operand.is_output or operand.bits == operand.final_bits:
            return elements * operand.bits
        _, adds = self.layer.relevance(operand)
        adding = adds[self.nests.dims] & (self.nests.sizes > 1)
        places = np.arange(adding.shape[1], dtype=np.int64)
        partial = (adding & (places >= entered[:, None])).any(axis=1)
        names = {dim for dim, adds_to in zip(self.layer.order, adds, strict=False) if adds_to}
        above = self.placements[operand.name].loops[own + 1 :]
        partial |= any(dim in names and f > 1 for loops in above for dim, f in loops.items())
        return elements * np.where(partial, operand.bits, operand.final_bits)[:, None]

    def stored(self, memory: Memory, operand: Operand, own: int, entered: Ints) -> Floats:
        """The same, twice where a memory that double-buffers does not hold the whole tensor."""
        bits = self.bits(operand, own, entered)
        if memory.double_buffered:
            replaced = bits < bits[:, -1:]
            replaced[:, -1] = False
            bits = np.where(replaced, 2 * bits, bits)
        return bits


def in_order(unrolling: Unrolling, loops: Sequence[tuple[str, int]]) -> Mappings:
    """The mapping of one order of loops, from the innermost.

    Raises TilefoldError where the loops are not those of the layer, or do not fit.
    """
    names = unrolling.layer.order
    if unknown := [dim for dim, _ in loops if dim not in names]:
        raise TilefoldError(f"layer '{unrolling.layer.name}' has no loop {unknown[0]}")
    dims = np.array([[names.index(dim) for dim, _ in loops]], np.int64)
    sizes = np.array([[size for _, size in loops]], np.int64)
    found, _ = allocate(unrolling, dims, sizes)
    if not len(found):
        raise TilefoldError(
            f"layer '{unrolling.layer.name}': the order of loops needs more than the memories of "
            f"{unrolling.architecture.name} hold"
        )
    return Mappings.checked(unrolling, found.dims, found.sizes, found.ends)


def allocate(unrolling: Unrolling, dims: Ints, sizes: Ints) -> tuple[Mappings, Ints]:
    """Mappings of orders of loops, [B, N] each, and which of the orders they are.

    Memory by memory from the array outwards, the loops are held that leave the fewest bits to be
    read from the memories above: tiles times the iterations of the loops beyond. It is LOMA's
    policy (Symons et al., AICAS 2021), ties going to more loops. Orders whose tiles do not fit
    somewhere are left out.
    """
    nests = Mappings(unrolling, dims, sizes, {})
    layer, architecture = unrolling.layer, unrolling.architecture
    tiles = _Sizes(nests)
    count = len(dims)
    held = {operand.name: np.zeros(count, np.int64) for operand in layer.operands}
    ends: dict[str, list[Ints]] = {operand.name: [] for operand in layer.operands}
    alive = np.ones(count, np.bool_)
    by_memory = {operand.memory: operand for operand in layer.operands}
    for memory in architecture.memories:
        operands = [by_memory[name] for name in memory.operands if name in by_memory]
        stored = [
            tiles.stored(memory, operand, len(ends[operand.name]), held[operand.name])
            for operand in operands
        ]
        choice, fits = _choose(nests, memory, operands, stored, held, ends)
        alive &= fits
        for operand, chosen in zip(operands, choice, strict=True):
            held[operand.name] = chosen
            ends[operand.name].append(chosen)
    which = np.nonzero(alive)[0]
    stacked = {name: np.stack(levels, axis=1) for name, levels in ends.items()}
    return Mappings(unrolling, dims, sizes, stacked).take(which), which


def _choose(
    nests: Mappings,
    memory: Memory,
    operands: Sequence[Operand],
    stored: Sequence[Floats],
    held: Mapping[str, Ints],
    ends: Mapping[str, Sequence[Ints]],
) -> tuple[list[Ints], Bools]:
    """How many loops each operand has in a memory and those below, and where that fits at all."""
    count, width = stored[0].shape
    places = np.arange(width, dtype=np.int64)
    beyond = nests.iterations[:, -1:] // nests.iterations
    options: list[tuple[Floats, Floats]] = []
    for operand, bits in zip(operands, stored, strict=True):
        reads = beyond * bits
        levels = len(nests.unrolling.architecture.levels(operand.memory))
        if len(ends[operand.name]) == levels - 1:
            bits, reads = bits[:, -1:], np.zeros((count, 1))
        else:
            allowed = (places >= held[operand.name][:, None]) & (bits <= memory.bits)
            reads = np.where(allowed, reads, np.inf)
        options.append((bits, reads))
    widths = [bits.shape[1] for bits, _ in options]
    step = max(1, COMBINATIONS // int(np.prod(widths)))
    best = np.empty(count, np.int64)
    fits = np.empty(count, np.bool_)
    for begin in range(0, count, step):
        rows = slice(begin, begin + step)
        space, reads = np.zeros((len(best[rows]), 1)), np.zeros((len(best[rows]), 1))
        for bits, own in options:
            space = (space[:, :, None] + bits[rows, None, :]).reshape(len(space), -1)
            reads = (reads[:, :, None] + own[rows, None, :]).reshape(len(reads), -1)
        reads = np.where(space <= memory.bits, reads, np.inf)
        last = reads.shape[1] - 1 - np.argmin(reads[:, ::-1], axis=1)
        best[rows] = last
        fits[rows] = np.isfinite(np.take_along_axis(reads, last[:, None], axis=1)[:, 0])
    everything = np.full(count, width - 1, np.int64)
    places = np.unravel_index(best, widths)
    chosen = [
        place.astype(np.int64) if size > 1 else everything
        for size, place in zip(widths, places, strict=True)
    ]
    return chosen, fits


def fitting(mappings: Mappings) -> Bools:
    """[B]: whether all memories hold what a mapping keeps in them."""
    layer, architecture = mappings.unrolling.layer, mappings.unrolling.architecture
    tiles = _Sizes(mappings)
    levels = {operand.name: 0 for operand in layer.operands}
    by_memory = {operand.memory: operand for operand in layer.operands}
    result = np.ones(len(mappings), np.bool_)
    rows = np.arange(len(mappings), dtype=np.int64)
    for memory in architecture.memories:
        space = np.zeros(len(mappings))
        for operand in (by_memory[name] for name in memory.operands if name in by_memory):
            own, ends = levels[operand.name], mappings.ends[operand.name]
            entered = ends[:, own - 1] if own else np.zeros_like(rows)
            space += tiles.stored(memory, operand, own, entered)[rows, ends[:, own]]
            levels[operand.name] += 1
        result &= space <= memory.bits
    return result
