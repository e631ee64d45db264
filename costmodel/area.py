"""Area and leakage of a machine in a technology; `docs/energy.md` says what is counted."""

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


def area(machine: Machine, technology: Technology) -> dict[str, float]:
    """mm2 by component: multipliers, registers and accumulators of each array, vectors, SRAMs.

    Interconnect, DMA engines, control and pads are not counted.
    """
    parts = {**_logic(machine, technology), **_srams(machine, technology, "um2")}
    return {name: um2 / 1e6 for name, um2 in parts.items()}


def leakage(machine: Machine, technology: Technology) -> float:
    """uW of all parts that `area` counts."""
    return sum(leakages(machine, technology).values())


def leakages(machine: Machine, technology: Technology) -> dict[str, float]:
    """uW by component of what `area` counts."""
    rate = technology.logic.leakage_uw_per_mm2 / 1e6
    logic = {name: um2 * rate for name, um2 in _logic(machine, technology).items()}
    return {**logic, **_srams(machine, technology, "leakage_uw")}


def _logic(machine: Machine, technology: Technology) -> dict[str, float]:
    """um2 of everything but SRAM."""
    parts: dict[str, float] = {}
    for array in machine.arrays:
        hardware, _ = multiplier(technology, array)
        multipliers = array.count * array.multipliers
        parts[f"{array.name} multipliers"] = multipliers * hardware.area(*widest(array))
        bits = sum(local.planes * _kept_bits(array, local.operand) for local in array.locals)
        registers = multipliers * bits * technology.register.um2_per_bit
        parts[f"{array.name} registers"] = registers
    for vector in machine.vectors:
        parts[vector.name] = vector.elements_per_cycle * technology.lane.um2
    return parts


def _kept_bits(array: Array, operand: str) -> int:
    act, wgt = widest(array)
    return {"I": act, "W": wgt, "O": SUM_BITS}[operand]


def _srams(machine: Machine, technology: Technology, quantity: str) -> dict[str, float]:
    """`um2` or `leakage_uw` of everything that is SRAM."""
    parts: dict[str, float] = {}
    for array in machine.arrays:
        macro, _ = accumulators(technology, array)
        planes = array.count * array.accumulator.planes
        parts[f"{array.name} accumulators"] = planes * getattr(macro, quantity)
    tables = getattr(lane_table(technology), quantity)
    for vector in machine.vectors:
        parts[f"{vector.name} tables"] = vector.elements_per_cycle * tables
    for memory in machine.memories:
        if memory.kind == "sram":
            parts[memory.name] = memory.banks * getattr(sram(technology, memory), quantity)
    return parts
