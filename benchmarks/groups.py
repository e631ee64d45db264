"""Layers side by side on groups of units: cycles with and without, and how good the search is.

`python benchmarks/groups.py [--docs] [--json FILE] [NETWORK..]` fills in a part of docs/folds.md.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from folds import PAGE, Network, measured  # isort: skip

from pages import Cells, markdown, table, with_measured
from tilefold.compiler import compile_levels
from tilefold.emulator import emulate
from tilefold.emulator.report import Row as Total
from tilefold.machines import load_machine
from tilefold.machines.model import Machine
from tilefold.passes.choose_fold import fold_space
from tilefold.passes.folding.choice import all_together
from tilefold.passes.folding.groups import Model, Schedule, side_by_side
from tilefold.passes.folding.reads import layers_loading, layers_read
from tilefold.passes.folding.space import Space, space_of
from tilefold.tests.support.group_choices import branching_problem, least_makespan
from tilefold.tools.command import console, write_files

MACHINES = ("dna_a600", "dna_f200")
GRAPHS = 200
"""Random graphs that the search is held to CP-SAT on."""


@dataclass(frozen=True)
class Row:
    """A network on a machine: cycles by the formula and emulated, one by one and side by side.

    `overlaps` counts the layers that start before all earlier ones have computed; `seconds` is the
    processor time of the choice.
    """

    network: str
    machine: str
    layers: int
    overlaps: int
    serial_model: int
    beside_model: int
    serial: int
    beside: int
    serial_utilisation: float
    beside_utilisation: float
    seconds: float


def measure(network: Network, name: str) -> Row:
    """One network on one machine."""
    machine = load_machine(name)
    layers, space = fold_space(network.on(machine), network.store)
    reads, loads = layers_read(layers), layers_loading(machine, layers)
    start = time.process_time()
    schedule = side_by_side(space, reads, loads)
    seconds = time.process_time() - start
    totals = [emulated(network, machine, groups) for groups in (False, True)]
    return Row(
        network.name,
        name,
        len(layers),
        overlapping(space, schedule),
        Model(space, reads, loads).timed(all_together(space)[None]).cycles,
        schedule.cycles,
        *(total.cycles for total in totals),
        *(total.utilisation for total in totals),
        seconds,
    )


def emulated(network: Network, machine: Machine, groups: bool) -> Total:
    """What the network takes in all."""
    levels = compile_levels(network.module, machine, groups=groups, store=network.store)
    return emulate(levels.program.without_weights(), {}, values=False).report.total


def overlapping(space: Space, schedule: Schedule) -> int:
    """Layers that start before all that started earlier have computed."""
    numbers = {column: number for number, column in enumerate(space.columns)}
    free = count = 0
    for layer in sorted(range(len(space.works)), key=lambda layer: schedule.starts[layer]):
        configuration = schedule.configurations[layer]
        column = numbers.get(configuration, numbers[replace(configuration, first=0)])
        count += schedule.starts[layer] < free
        free = max(free, schedule.starts[layer] + int(space.cycles[layer, column]))
    return count


@dataclass(frozen=True)
class Gap:
    """How the search compares on random graphs: ratios to the least cycles that CP-SAT knows."""

    graphs: int
    proven: int
    missed: int
    mean: float
    worst: float


def gap(graphs: int = GRAPHS) -> Gap:
    """Hold the search to CP-SAT."""
    ratios: list[float] = []
    proven = 0
    for seed in range(graphs):
        machine, works, reads, loads = branching_problem(seed)
        taken = side_by_side(space_of(machine, works), reads, loads).cycles
        least = least_makespan(machine, works, reads, loads, taken)
        ratios.append(taken / least.cycles)
        proven += least.cycles == least.bound
    missed = sum(ratio > 1 for ratio in ratios)
    return Gap(graphs, proven, missed, mean(ratios), max(ratios))


def cells(rows: Sequence[Row]) -> Cells:
    """A heading, and a line for each row."""
    heading = ["network", "machine", "layers", "overlap", "formula", "side by side", "ratio"]
    lines = [[*heading, "emulated", "side by side", "ratio", "utilisation", "chosen in"]]
    for row in rows:
        line = [row.network, row.machine, str(row.layers), str(row.overlaps)]
        for old, new in ((row.serial_model, row.beside_model), (row.serial, row.beside)):
            line += [f"{old:,}", f"{new:,}", f"{old / new:.3f}"]
        before, after = row.serial_utilisation, row.beside_utilisation
        lines.append([*line, f"{before:.1%} to {after:.1%}", f"{row.seconds:.2f} s"])
    return lines


def sentence(found: Gap) -> str:
    """The gap in words."""
    return (
        f"On {found.graphs} random graphs the search misses the least cycles that CP-SAT knows in "
        f"{found.missed},\nby {found.mean - 1:.2%} on average over all, {found.worst - 1:.1%} at "
        f"worst; CP-SAT proves {found.proven} to be least."
    )


def main() -> None:
    """Measure, print, and write what is asked for."""
    options, rows, refused = measured(
        "Measures what groups side by side are worth.",
        PAGE,
        lambda network: [measure(network, machine) for machine in MACHINES],
    )
    screen = console()
    with screen.status("solving random graphs"):
        found = gap()
    screen.print(
        table("cycles", cells(rows), left=2),
        sentence(found),
        *(f"{name}: {why}" for name, why in refused.items()),
    )
    files: dict[Path, bytes] = {}
    if options.docs:
        page = with_measured(PAGE.read_text(encoding="utf-8"), "gap", sentence(found))
        page = with_measured(page, "groups", markdown(cells(rows), left=2))
        files[PAGE] = page.encode()
    if options.json:
        record: dict[str, Any] = {"rows": [asdict(row) for row in rows], "gap": asdict(found)}
        files[options.json] = (json.dumps(record, indent=1) + "\n").encode()
    write_files(files)


if __name__ == "__main__":
    main()
