"""Traffic of small layers, step by step: sets of elements that memories hold, and their changes."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from tilefold.costmodel.hierarchy.architecture import Way
from tilefold.costmodel.hierarchy.layer import Layer, Operand, Window, dims_of
from tilefold.costmodel.hierarchy.unrolling import Unrolling

Loops = Sequence[tuple[str, int]]
Values = tuple[int, ...]


def elements(operand: Operand, touched: set[Values]) -> int:
    """How many elements iterations touch, given by the values of the loops that index them."""
    dims = [dim for index in operand.indices for dim in dims_of(index)]
    found: set[Values] = set()
    for iteration in touched:
        values = dict(zip(dims, iteration, strict=True))
        found.add(
            tuple(
                index.step * values[index.outer] + index.dilation * values[index.inner]
                if isinstance(index, Window)
                else values[index]
                for index in operand.indices
            )
        )
    return len(found)


def held(
    layer: Layer, operand: Operand, loops: Loops, end: int, beside: Loops, step: int
) -> set[Values]:
    """What the innermost `end` loops touch in a step, and the unrolled loops `beside`.

    These are the values of the loops that index the operand. Unrolled iterations lie beyond all
    those of the nest, which only matters where they make an index together with others: such loops
    are not unrolled here.
    """
    ranges: list[list[tuple[str, int]]] = []
    scale = dict.fromkeys(layer.dims, 1)
    for place, (dim, size) in enumerate(loops):
        now = range(size) if place < end else [step % size]
        ranges.append([(dim, counter * scale[dim]) for counter in now])
        step //= size
        scale[dim] *= size
    for dim, size in beside:
        ranges.append([(dim, counter * scale[dim]) for counter in range(size)])
        scale[dim] *= size
    dims = [dim for index in operand.indices for dim in dims_of(index)]
    found: set[Values] = set()
    for parts in product(*ranges):
        values = dict.fromkeys(layer.dims, 0)
        for dim, part in parts:
            values[dim] += part
        found.add(tuple(values[dim] for dim in dims))
    return found


def simulated(
    unrolling: Unrolling, loops: Loops, ends: Mapping[str, Sequence[int]]
) -> dict[str, list[list[int]]]:
    """Bits that all instances of each memory move, by operand, level and way.

    Whatever a level holds is moved anew where it belongs to other iterations of the loops that
    index it than what it held before; sums leave the multipliers in each step. Sums that a level
    holds again later, or that are added to others of other instances above, are partial: they have
    their full width, and come down each time.
    """
    layer = unrolling.layer
    total = prod(size for _, size in loops)
    result: dict[str, list[list[int]]] = {}
    for operand in layer.operands:
        placement = unrolling.placement(operand, whole=True)
        unrolled = [[(dim, int(f)) for dim, f in part.items()] for part in placement.loops]
        indexed = {dim for index in operand.indices for dim in dims_of(index)}
        counts = [[0] * len(Way) for _ in unrolled[1:]]
        for level, end in enumerate([0, *ends[operand.name]][: len(counts)]):
            beside = [loop for part in unrolled[:level] for loop in part]
            tiles: list[set[Values]] = []
            for step in range(total):
                tile = held(layer, operand, loops, end, beside, step)
                if not tiles or tile != tiles[-1] or (operand.is_output and level == 0):
                    tiles.append(tile)
            above = [loop for part in unrolled[level + 1 :] for loop in part]
            partial = len(set(map(frozenset, tiles))) < len(tiles)
            partial |= any(size > 1 and dim not in indexed for dim, size in above)
            width = operand.bits if partial or not operand.is_output else operand.final_bits
            together = held(layer, operand, loops, end, [*beside, *unrolled[level]], 0)
            read = len(tiles) * elements(operand, together) * width * placement.instances[level + 1]
            written = len(tiles) * elements(operand, tiles[0]) * width * placement.instances[level]
            downwards, upwards = partial or not operand.is_output, operand.is_output
            counts[level][Way.READ_FOR_BELOW] = read * downwards
            counts[level][Way.WRITE_FROM_BELOW] = read * upwards
            if level:
                counts[level - 1][Way.WRITE_FROM_ABOVE] = written * downwards
                counts[level - 1][Way.READ_FOR_ABOVE] = written * upwards
        result[operand.name] = counts
    return result
