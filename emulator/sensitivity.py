"""How the cycles of one program depend on the machine: its time on machines that differ in a thing.

The program stays as it was compiled, so this tells what the machine's numbers, many of them
assumed, mean for a result; what a compiler would make of another machine is another question.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from rich.table import Table

from ..machines.model import Array, Folds, Machine, Memory, Part, Vector
from .footprint import Plan
from .timing import time_program

UNLIMITED: Final = 1 << 32
"""More rows of weights a cycle than any array has."""


@dataclass(frozen=True)
class Variation:
    """Cycles with `parameter` at `value`, and over those of the machine as it is.

    Both are None where the machine has no such parameter.
    """

    parameter: str
    value: str
    cycles: int | None
    ratio: float | None

    def to_json(self) -> dict[str, Any]:
        """A plain dictionary."""
        ratio = None if self.ratio is None else round(self.ratio, 6)
        names = {"parameter": self.parameter, "value": self.value}
        return names | {"cycles": self.cycles, "ratio": ratio}


def sensitivity(plan: Plan, machine: Machine, code_bytes: int, base: int) -> list[Variation]:
    """The program's cycles on every variation of `machine`, on which it takes `base` cycles."""
    result: list[Variation] = []
    for parameter, value, varied in _variations(machine):
        cycles = time_program(plan, varied, code_bytes).cycles if varied else None
        ratio = cycles / base if cycles is not None else None
        result.append(Variation(parameter, value, cycles, ratio))
    return result


def table(variations: list[Variation]) -> Table:
    """The variations as a table; a dash where one does not apply."""
    result = Table(title="the same program on other machines")
    for column in ("parameter", "value"):
        result.add_column(column)
    for column in ("cycles", "ratio"):
        result.add_column(column, justify="right")
    for row in variations:
        cycles = "-" if row.cycles is None else f"{row.cycles:,}"
        ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
        result.add_row(row.parameter, row.value, cycles, ratio)
    return result


def _variations(machine: Machine) -> Iterator[tuple[str, str, Machine | None]]:
    """Parameter, value, and the machine that has it; None where the parameter does not exist."""
    for name, rows in (("1", 1), ("2", 2), ("unlimited", UNLIMITED)):
        change = _weight_load(rows)
        yield "weight rows a cycle", name, _varied(machine, Array, change)
    for name, halves in (("halved", 1), ("doubled", 4)):
        yield "DRAM bandwidth", name, _varied(machine, Memory, _bandwidth(halves))
    yield "vector lanes", "halved", _varied(machine, Vector, _halved_lanes)
    yield "bank conflicts", "counted", _varied(machine, Memory, _conflicts)
    for cycles in (0, 64, 800):
        yield "switch cycles", str(cycles), _varied(machine, Folds, _switch(cycles))


def _varied(
    machine: Machine, kind: type[Part], change: Callable[[Any], Part | None]
) -> Machine | None:
    """`machine` with all parts of a kind changed, unless there are none that can be."""
    changed = {
        part.name: new
        for part in machine.parts
        if isinstance(part, kind) and (new := change(part)) is not None
    }
    if not changed:
        return None
    return replace(machine, parts=tuple(changed.get(p.name, p) for p in machine.parts))


def _weight_load(rows: int) -> Callable[[Array], Array | None]:
    def change(array: Array) -> Array | None:
        weights = [local for local in array.locals if local.operand == "W"]
        faster = (
            replace(local, rows_per_cycle=rows) if local in weights else local
            for local in array.locals
        )
        return replace(array, locals=tuple(faster)) if weights else None

    return change


def _bandwidth(halves: int) -> Callable[[Memory], Memory | None]:
    def change(memory: Memory) -> Memory | None:
        """SRAMs have no bandwidth of their own."""
        bandwidth = memory.bytes_per_cycle * halves // 2
        return replace(memory, bytes_per_cycle=bandwidth) if bandwidth else None

    return change


def _conflicts(memory: Memory) -> Memory | None:
    return None if memory.kind == "dram" else replace(memory, conflicts=True)


def _halved_lanes(vector: Vector) -> Vector | None:
    return replace(vector, lanes=vector.lanes // 2) if vector.lanes > 1 else None


def _switch(cycles: int) -> Callable[[Folds], Folds | None]:
    return lambda folds: replace(folds, switch_cycles=cycles)
