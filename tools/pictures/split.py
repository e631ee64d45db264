"""How kinds of units spent their time on a layer."""

from collections import Counter

from ...emulator.counters import BUSY
from ...emulator.report import Row
from ...machines.model import Machine
from .style import kind_of


def split(row: Row, machine: Machine, kind: str) -> dict[str, float]:
    """Cycles by BUSY or cause of stall that the units of a kind spent on a row, their mean."""
    units = [unit for unit in machine.units if kind_of(machine, unit) == kind]
    total: Counter[str] = Counter()
    for unit in units:
        if unit in row.units:
            total[BUSY] += row.units[unit].busy
            total.update(row.units[unit].stalls)
    return {what: cycles / len(units) for what, cycles in total.items() if cycles}
