"""Tiles of data movement and vector work: as large as fits twice, small enough to overlap."""

from collections.abc import Callable, Sequence
from math import ceil

from ...dialects.schedule import words_up
from ...errors import LayerError
from ...machines.model import Machine, Operand

Needs = Sequence[tuple[Operand, int]]
"""Bytes that one tile takes for each operand."""

OVERLAP_TILES = 8
"""A layer is cut into about this many tiles, so that loads, work and stores overlap."""

LATENCIES = 4
"""Tiles are not cut so small that they move in less than this many latencies of the DRAM."""


def ceil_to(size: int, step: int) -> int:
    """The smallest multiple of `step` not below `size`."""
    return -(-size // step) * step


def fits(machine: Machine, needs: Needs, depth: int) -> bool:
    """Whether rings of `depth` such tiles fit the machine's memories."""
    used: dict[str, int] = {}
    for operand, size in needs:
        memory = machine.memory_for(operand)
        lines = ceil_to(words_up(size) * depth, memory.line)
        used[memory.name] = used.get(memory.name, 0) + lines
    return all(size <= machine.memory(name).bytes for name, size in used.items())


def cut(
    machine: Machine,
    sizes: Sequence[int],
    steps: Sequence[int],
    needs: Callable[[Sequence[int]], Needs],
    name: str,
    overlap: bool,
) -> list[int]:
    """Tile sizes: dimensions are cut from the outermost in, to multiples of `steps`.

    Double buffered if possible, else single, and the largest that fit where nothing is to
    `overlap`; LayerError naming the layer `name` if not even the smallest tile fits.
    """
    whole = sum(size for _, size in needs(sizes))
    dma = machine.dma_for_operand("I", "load")
    small = LATENCIES * machine.dram.latency_cycles * dma.count * dma.bytes_per_cycle
    enough = max(whole // OVERLAP_TILES, small)

    def single(tile: Sequence[int]) -> bool:
        return fits(machine, needs(tile), 1)

    def double(tile: Sequence[int]) -> bool:
        return fits(machine, needs(tile), 2)

    def overlaps(tile: Sequence[int]) -> bool:
        return sum(size for _, size in needs(tile)) <= enough and double(tile)

    for accept in (overlaps, double, single) if overlap else (single,):
        if tile := _shrink(sizes, steps, accept):
            return tile
    raise LayerError({name: does_not_fit(machine)})


def does_not_fit(machine: Machine) -> str:
    """Why a layer is refused of which not even the smallest tile fits."""
    return f"not even its smallest tile fits the memories of machine {machine.name}"


def _shrink(
    sizes: Sequence[int], steps: Sequence[int], accept: Callable[[Sequence[int]], bool]
) -> list[int] | None:
    tile = list(sizes)
    for axis, (size, step) in enumerate(zip(sizes, steps, strict=True)):
        for parts in range(1, ceil(size / step) + 1):
            tile[axis] = min(size, ceil_to(ceil(size / parts), step))
            if accept(tile):
                return tile
    return None
