"""`tilefold machines [NAME] [--json]`: which machines there are, and what one is made of.

`python -m tilefold.tools.machines docs/machines.md` brings that page's field tables up to date.
"""

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..costmodel.area import area
from ..costmodel.technology import Technology, load_technology
from ..dialects.fabric import Fabric
from ..dialects.fields import FieldOp, field_table
from ..emulator.report import component_table
from ..errors import TilefoldError
from ..machines import load_machine, names
from ..machines.model import Array, Dma, Folds, Machine, Memory, Part, Vector

_KINDS: dict[type, str] = {
    Memory: "memory",
    Dma: "dma",
    Array: "array",
    Vector: "vector",
    Folds: "folds",
}


def summary(machine: Machine) -> dict[str, Any]:
    """One row about a machine: multipliers, peak rate at its widest precision, memories, folds."""
    multipliers = sum(array.count * array.multipliers for array in machine.arrays)
    peak = sum(
        array.count * array.multipliers * array.products(*max(array.precisions)[:2])
        for array in machine.arrays
    )
    return {
        "name": machine.name,
        "mhz": machine.hz / 1e6,
        "arrays": [
            f"{array.count} x " + " x ".join(str(size) for _, size in array.axes)
            for array in machine.arrays
        ],
        "multipliers": multipliers,
        "peak_gmacs_per_second": peak * machine.hz / 1e9,
        "sram_bytes": sum(m.bytes for m in machine.memories if m.kind == "sram"),
        "dram_bytes_per_cycle": machine.dram.bytes_per_cycle,
        "folds": sum(len(machine.folds(array.name)) for array in machine.arrays),
        "digest": machine.digest,
    }


def description(machine: Machine, technology: Technology | None = None) -> dict[str, Any]:
    """Everything about a machine, as JSON holds it: the summary, its source, its parts, its area.

    The area in mm2 is by component, and null without a technology.
    """
    parts = [{"part": _KINDS[type(part)], **asdict(part)} for part in machine.parts]
    units = list(machine.units)
    size = {
        "technology": technology.name if technology else None,
        "area_mm2": area(machine, technology) if technology else None,
    }
    return {**summary(machine), "src": machine.src, **size, "units": units, "parts": parts}


def show_machines(
    name: str | None, as_json: bool, console: Console, technology: str | None = None
) -> None:
    """Print all machines, or the one of that name or file, as a table or as JSON.

    The area of one is at `technology`, or at the one that the machine names. Raises TilefoldError
    for an unknown name or a file that does not hold a machine, or a technology.
    """
    if name is None:
        if technology is not None:
            raise TilefoldError("--technology: name the machine whose area to show")
        rows = [summary(load_machine(each)) for each in names()]
        if as_json:
            console.print_json(json.dumps(rows))
        else:
            console.print(_list_table(rows))
        return
    machine = load_machine(name)
    wanted = technology or machine.technology
    prices = load_technology(wanted) if wanted else None
    if as_json:
        console.print_json(json.dumps(description(machine, prices)))
    else:
        console.print(f"{machine.name}: {machine.hz / 1e6:g} MHz ({machine.src})", markup=False)
        console.print("units: " + ", ".join(machine.units), markup=False)
        console.print(_part_table(machine))
        if prices:
            console.print(component_table(f"area at {prices.name}", None, area(machine, prices)))
        else:
            console.print("no area: the machine names no technology; give one with --technology")


def _list_table(rows: list[dict[str, Any]]) -> Table:
    table = Table("machine", "arrays", "MHz", "peak GMAC/s", "SRAM KiB", "DRAM B/cycle", "folds")
    for row in rows:
        table.add_row(
            row["name"],
            ", ".join(row["arrays"]),
            f"{row['mhz']:g}",
            f"{row['peak_gmacs_per_second']:,.0f}",
            f"{row['sram_bytes'] / 1024:,.0f}",
            str(row["dram_bytes_per_cycle"]),
            str(row["folds"]),
        )
    return table


def _part_table(machine: Machine) -> Table:
    table = Table("part", "name", "what", "source", show_lines=True)
    for part in machine.parts:
        table.add_row(_KINDS[type(part)], part.name, escape(_what(part)), escape(part.src))
    return table


def _what(part: Part) -> str:
    match part:
        case Memory(kind="dram"):
            return (
                f"{part.bytes / 2**20:g} MiB, {part.bytes_per_cycle} B/cycle in bursts of "
                f"{part.burst}, {part.latency_cycles} cycles latency"
            )
        case Memory():
            holds = ", ".join(part.holds)
            return f"{part.bytes / 1024:g} KiB for {holds}: {part.banks} banks of {part.line} B"
        case Dma():
            return f"{' to '.join(part.path)}, {part.count} x {part.bytes_per_cycle} B/cycle"
        case Array():
            sizes = " x ".join(str(size) for _, size in part.axes)
            modes = ", ".join(mode.name for mode in part.modes)
            bits = ", ".join(f"{a}x{w}: {n}" for a, w, n in part.precisions)
            lines = f"{part.accumulator.planes} x {part.accumulator.lines}"
            kept = ", ".join(f"{local.operand} in {local.planes}" for local in part.locals)
            return (
                f"{part.count} units of {sizes}; modes {modes}; bits and products a cycle {bits}; "
                f"{lines} accumulator lines; planes of what stays: {kept}"
            )
        case Vector():
            return f"{part.count} x {part.lanes} lanes"
        case Folds():
            axes = {"chain": part.c, "cols": part.k, "pixels": part.p, "groups": part.g}
            ways = ", ".join(f"{name} {'|'.join(map(str, v))}" for name, v in axes.items())
            return f"of {part.of}: {ways}; {part.switch_cycles} cycles to switch"


def with_field_tables(page: str) -> str:
    """A Markdown page with the table after each `<!-- fields of OP -->` made anew."""
    ops = {op.name: op for op in Fabric.operations if issubclass(op, FieldOp)}

    def fresh(match: re.Match[str]) -> str:
        return f"{match[1]}\n\n{field_table(ops[match[2]])}\n"

    return re.sub(r"(<!-- fields of ([a-z.]+) -->)\n(?:\n(?:\|.*\n)+)?", fresh, page)


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(with_field_tables(file.read_text(encoding="utf-8")), encoding="utf-8")
