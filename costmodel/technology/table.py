"""A technology as plain data: energies in pJ, areas in um2, leakage in uW.

`docs/energy.md` says how energies and areas follow from it.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Annotated

from ...errors import TilefoldError

Row = tuple[float, ...]
Grid = tuple[Row, ...]


Energy = Annotated[float, 0, "energy"]
Area = Annotated[float, 0, "area"]
Constant = Annotated[float, 0, ""]
Points = Annotated[Row, 1, ""]
EnergyRow = Annotated[Row, 1, "energy"]
AreaRow = Annotated[Row, 1, "area"]
EnergyGrid = Annotated[Grid, 2, "energy"]
AreaGrid = Annotated[Grid, 2, "area"]
"""What a field holds: numbers nested so deep, and how they scale."""


@dataclass(frozen=True)
class Multiplier:
    """A multiplier with its adder and pipeline registers, by the width of both operands in bits."""

    bits: Points
    pj: EnergyRow
    um2: AreaRow
    source: str

    def energy(self, act_bits: int, wgt_bits: int) -> float:
        """pJ of a cycle at these operand widths."""
        return self._between(self.pj, act_bits * wgt_bits)

    def area(self, act_bits: int, wgt_bits: int) -> float:
        """um2 for operands of these widths."""
        return self._between(self.um2, act_bits * wgt_bits)

    def _between(self, values: Row, products: int) -> float:
        """Log-log interpolation over the number of one-bit products; the ends go on as they are."""
        low, weight = _place([bits * bits for bits in self.bits], products)
        return values[low] ** (1 - weight) * values[low + 1] ** weight


@dataclass(frozen=True)
class Register:
    """Registers that keep an operand in an array: a bit written, a bit's area."""

    pj_per_bit: Energy
    um2_per_bit: Area
    source: str


@dataclass(frozen=True)
class Adder:
    """A 32-bit integer adder."""

    pj: Energy
    um2: Area
    source: str


@dataclass(frozen=True)
class Lane:
    """A lane of a vector unit: float32 multiplication and addition."""

    multiply_pj: Energy
    add_pj: Energy
    um2: Area
    source: str


@dataclass(frozen=True)
class Interconnect:
    """Between the units of an array that has several, and the memories."""

    pj_per_bit_hop: Energy
    source: str


@dataclass(frozen=True)
class Logic:
    """Leakage of everything but SRAM; as dense at every node."""

    leakage_uw_per_mm2: Constant
    source: str


@dataclass(frozen=True)
class Dram:
    """A kind of DRAM, interface included: energy of a bit moved."""

    pj_per_bit: Constant
    source: str


@dataclass(frozen=True)
class Macro:
    """One memory: pJ of reading and of writing a whole word, um2, and uW of leakage."""

    read_pj: float
    write_pj: float
    um2: float
    leakage_uw: float


@dataclass(frozen=True)
class Sram:
    """SRAM macros by length (`lines`, the rows of the grids) and word width (`bits`)."""

    lines: Points
    bits: Points
    read_pj: EnergyGrid
    write_pj: EnergyGrid
    um2: AreaGrid
    leakage_uw: AreaGrid
    source: str

    def memory(self, lines: int, bits: int) -> Macro:
        """A memory of `lines` words of `bits` bits.

        It is made of as few equal macros as the largest in the table allows, side by side for width
        and one above the other for length; an access wakes one row of them. Between the table's
        sizes the logarithms are interpolated; nothing is smaller than the smallest macro.
        """
        wide, deep = -(-bits // int(self.bits[-1])), -(-lines // int(self.lines[-1]))
        row = _place(self.lines, max(-(-lines // deep), self.lines[0]))
        column = _place(self.bits, max(-(-bits // wide), self.bits[0]))
        read, write, area, leakage = (
            exp(_bilinear(grid, row, column))
            for grid in (self.read_pj, self.write_pj, self.um2, self.leakage_uw)
        )
        return Macro(read * wide, write * wide, area * wide * deep, leakage * wide * deep)


@dataclass(frozen=True)
class Technology:
    """One table; `scaled` lists the sections taken from another one, and `rule` says how."""

    name: str
    node_nm: float
    volts: float
    fixed: Multiplier
    scalable: Multiplier
    register: Register
    adder: Adder
    lane: Lane
    interconnect: Interconnect
    logic: Logic
    sram: Sram
    dram: Mapping[str, Dram]
    scaled: tuple[str, ...] = ()
    rule: str = ""

    def source_of(self, section: str) -> str:
        """Where the numbers of a section are from, and how they were scaled if they were; those of
        a kind of DRAM are `dram.KIND`."""
        name, _, kind = section.partition(".")
        if kind:
            return self.dram_kind(kind).source
        source: str = getattr(self, name).source
        return f"{source}; {self.rule}" if name in self.scaled else source

    def dram_kind(self, kind: str) -> Dram:
        """The DRAM of that kind ("": the entry `unspecified`); TilefoldError if there is none."""
        if (found := self.dram.get(kind or "unspecified")) is None:
            kinds = ", ".join(self.dram)
            raise TilefoldError(
                f"technology {self.name} has no DRAM {kind or 'unspecified'!r}; it has {kinds}"
            )
        return found


def _place(points: Sequence[float], value: float) -> tuple[int, float]:
    """Between which points a value lies: the lower one's index, and the weight of the upper one."""
    low = min(max(bisect_right(points, value) - 1, 0), len(points) - 2)
    return low, log(value / points[low]) / log(points[low + 1] / points[low])


def _bilinear(grid: Grid, row: tuple[int, float], column: tuple[int, float]) -> float:
    """The logarithm of a grid at a place, linear between the logarithms of its neighbours."""
    (i, down), (j, right) = row, column
    upper = (1 - right) * log(grid[i][j]) + right * log(grid[i][j + 1])
    lower = (1 - right) * log(grid[i + 1][j]) + right * log(grid[i + 1][j + 1])
    return (1 - down) * upper + down * lower
