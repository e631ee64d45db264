"""Area and leakage of a machine in a technology; `docs/energy.md` says what is counted."""

from dataclasses import dataclass

from ..machines.model import Array, Machine, Memory
from .technology.table import Macro, Multiplier, Technology

SUM_BITS = 32
"""Width of a sum in an accumulator."""

TABLE_BYTES = 256
"""A vector lane's table: one entry for each 8-bit value."""


def multiplier(technology: Technology, array: Array) -> tuple[Multiplier, bool]:
    """The kind of multiplier in an array, and whether it can split into narrower ones."""
    scalable = any(products > 1 for _, _, products in array.precisions)
    return (technology.scalable if scalable else technology.fixed), scalable


def widest(array: Array) -> tuple[int, int]:
    """Bits of the widest activation and weight that an array takes."""
    return max(a for a, _, _ in array.precisions), max(w for _, w, _ in array.precisions)


def sram(technology: Technology, memory: Memory) -> Macro:
    """One bank of an SRAM."""
    return technology.sram.memory(memory.bytes // (memory.banks * memory.line), 8 * memory.line)


def lane_table(technology: Technology) -> Macro:
    """The table in a vector lane, of 32-bit words."""
    return technology.sram.memory(TABLE_BYTES // 4, 32)


def accumulators(technology: Technology, array: Array) -> tuple[Macro, int]:
    """One plane of a unit's accumulators, a line across all columns to a word, and the columns.

    A column is what is left of the grid without the axis along which rows are filled.
    """
    columns = array.multipliers // dict(array.axes)[array.locals[0].axis]
    return technology.sram.memory(array.accumulator.lines, SUM_BITS * columns), columns


@dataclass(frozen=True)
class Component:
    """`count` equal pieces of a machine: `what` a piece is, um2 and uW of leakage of each, and the
    `section` of the technology's table that these are from."""

    count: int
    what: str
    um2: float
    microwatts: float
    section: str


def area(machine: Machine, technology: Technology) -> dict[str, float]:
    """mm2 by component: multipliers, registers and accumulators of each array, vectors, SRAMs.

    Interconnect, DMA engines, control and pads are not counted.
    """
    every = components(machine, technology)
    return {name: each.count * each.um2 / 1e6 for name, each in every.items()}


def leakage(machine: Machine, technology: Technology) -> float:
    """uW of all parts that `area` counts."""
    return sum(leakages(machine, technology).values())


def leakages(machine: Machine, technology: Technology) -> dict[str, float]:
    """uW by component of what `area` counts."""
    every = components(machine, technology)
    return {name: each.count * each.microwatts for name, each in every.items()}


def components(machine: Machine, technology: Technology) -> dict[str, Component]:
    """All that `area` counts, by name, which begins with that of its part."""
    return {**_logic(machine, technology), **_srams(machine, technology)}


def _logic(machine: Machine, technology: Technology) -> dict[str, Component]:
    """Everything but SRAM."""
    rate = technology.logic.leakage_uw_per_mm2 / 1e6

    def of(count: int, what: str, um2: float, section: str) -> Component:
        return Component(count, what, um2, um2 * rate, section)

    parts: dict[str, Component] = {}
    for array in machine.arrays:
        hardware, scalable = multiplier(technology, array)
        multipliers, um2 = array.count * array.multipliers, hardware.area(*widest(array))
        kind = "scalable" if scalable else "fixed"
        parts[f"{array.name} multipliers"] = of(multipliers, "multiplier", um2, kind)
        bits = sum(local.planes * _kept_bits(array, local.operand) for local in array.locals)
        um2 = technology.register.um2_per_bit
        parts[f"{array.name} registers"] = of(multipliers * bits, "bit", um2, "register")
    for vector in machine.vectors:
        lanes, um2 = vector.elements_per_cycle, technology.lane.um2
        parts[vector.name] = of(lanes, "lane", um2, "lane")
    return parts


def _kept_bits(array: Array, operand: str) -> int:
    act, wgt = widest(array)
    return {"I": act, "W": wgt, "O": SUM_BITS}[operand]


def _srams(machine: Machine, technology: Technology) -> dict[str, Component]:
    """Everything that is SRAM."""

    def of(count: int, what: str, macro: Macro) -> Component:
        return Component(count, what, macro.um2, macro.leakage_uw, "sram")

    parts: dict[str, Component] = {}
    for array in machine.arrays:
        macro, _ = accumulators(technology, array)
        planes = array.count * array.accumulator.planes
        parts[f"{array.name} accumulators"] = of(planes, "plane", macro)
    for vector in machine.vectors:
        lanes, table = vector.elements_per_cycle, lane_table(technology)
        parts[f"{vector.name} tables"] = of(lanes, "table", table)
    for memory in machine.memories:
        if memory.kind == "sram":
            parts[memory.name] = of(memory.banks, "bank", sram(technology, memory))
    return parts
