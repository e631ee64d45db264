"""Arrays of multipliers with the memories above them, as the hierarchy's cost model sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from math import prod

from ...errors import TilefoldError


class Way(IntEnum):
    """The four ways in which a memory moves an operand: read or written, for below or above.

    Below are the array and the memories nearer to it, above those nearer to DRAM. Arrays of
    accesses have these as their last axis.
    """

    READ_FOR_BELOW = 0
    WRITE_FROM_BELOW = 1
    READ_FOR_ABOVE = 2
    WRITE_FROM_ABOVE = 3


OUTPUT = "O"
"""The memory operand that results are; all others are inputs."""


@dataclass(frozen=True)
class Port:
    """A port of a memory and the ways it serves, as pairs of memory operand and way.

    An access moves `max_bits` in a cycle and costs one access's energy; a transfer of fewer bits
    costs the share of it that whole `min_bits` make. The order of `serves` decides which of two
    transfers of the same length is the first to be moved into the computation.
    """

    name: str
    min_bits: int
    max_bits: int
    serves: tuple[tuple[str, Way], ...]


@dataclass(frozen=True)
class Memory:
    """A level of the hierarchy: `bits` of each instance, and pJ of reading and writing `max_bits`.

    `serves` are the axes of the array that one instance serves; along all others there is an
    instance for each position. A memory that is `double_buffered` keeps space for two of each tile
    that is replaced while the layer runs.
    """

    name: str
    bits: int
    read_pj: float
    write_pj: float
    operands: tuple[str, ...]
    ports: tuple[Port, ...]
    serves: frozenset[str]
    double_buffered: bool = False

    def port(self, operand: str, way: Way) -> Port | None:
        """The port that moves the operand that way, if one does."""
        served = (operand, way)
        return next((port for port in self.ports if served in port.serves), None)


@dataclass(frozen=True)
class Architecture:
    """An array of multipliers, `axes` and how many positions each has, and the memories above it.

    Memories are listed from the array outwards, for each operand by itself. Along `systolic` axes
    the last results leave one cycle a position later. `mac_pj` is the energy of a multiplication.

    Raises TilefoldError where an operand has no memory or a way that it needs has no port.
    """

    name: str
    axes: Mapping[str, int]
    memories: tuple[Memory, ...]
    mac_pj: float
    systolic: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for operand in {name for memory in self.memories for name in memory.operands}:
            levels = self.levels(operand)
            for place, level in enumerate(levels):
                top = place == len(levels) - 1
                for way in _needed(operand, top=top):
                    if self.memories[level].port(operand, way) is None:
                        raise TilefoldError(
                            f"{self.name}: memory '{self.memories[level].name}' has no port for "
                            f"{operand}, {way.name.lower().replace('_', ' ')}"
                        )

    def levels(self, operand: str) -> tuple[int, ...]:
        """Which of `memories` hold the operand, from the array outwards."""
        return tuple(
            place for place, memory in enumerate(self.memories) if operand in memory.operands
        )

    def hierarchy(self, operand: str) -> tuple[Memory, ...]:
        """The memories that hold the operand, from the array outwards."""
        return tuple(self.memories[level] for level in self.levels(operand))

    @cached_property
    def multipliers(self) -> int:
        """All positions of the array."""
        return prod(self.axes.values())


def _needed(operand: str, *, top: bool) -> tuple[Way, ...]:
    """The ways that a memory of the operand cannot do without."""
    if operand != OUTPUT:
        return (Way.READ_FOR_BELOW,) if top else (Way.READ_FOR_BELOW, Way.WRITE_FROM_ABOVE)
    below = (Way.READ_FOR_BELOW, Way.WRITE_FROM_BELOW)
    return below if top else (*below, Way.READ_FOR_ABOVE, Way.WRITE_FROM_ABOVE)
