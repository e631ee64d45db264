"""The analytical evaluator beside what is compiled and emulated.

`python benchmarks/analytical.py [--docs] [--json FILE]`. Designs are drawn from the families that
`tilefold explore` searches: from that of folding units until of those that compute, the DRAM, the
vector lanes and reconfiguration bind there are `EACH` for each, the last ones among the slowest
switches; and as many pipelines and hybrids, of four images. Programs are compiled and emulated,
time alone. `--docs` puts the tables into docs/exploration.md, which says what they show.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any

# Before anything that imports numpy: it sets the number of threads.
from subjects import ROOT, subject  # isort: skip

import numpy as np
import numpy.typing as npt
from pages import Cells, options_of, table, with_tables
from tilefold.compiler import compile_levels
from tilefold.costmodel.integers import IntArray
from tilefold.costmodel.technology import load_technology
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.explore.analytical.energy import Tariff
from tilefold.explore.analytical.network import Network
from tilefold.explore.families import Family
from tilefold.explore.network_on_family import NetworkOnFamily
from tilefold.explore.network_on_pipeline import NetworkOnPipeline
from tilefold.explore.pipelines import PipelineFamily
from tilefold.machines.model import Machine
from tilefold.passes.nn_frames import FrameOrder
from tilefold.tools.command import console, write_files

PAGE = ROOT / "docs" / "exploration.md"
NETWORKS = ("fashion", "resnet18", "mobilenetv2")
BOUNDS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "compute": {},
    "memory": {"dram": (8, 16)},
    "vector": {
        "lanes": (16,),
        "side": (64, 128),
        "units": (6, 8, 12),
        "data": (2048, 4096, 8192),
        "dram": (128, 256),
    },
    "reconfiguration": {"switch": (8000,), "folding": ("mesh",), "dram": (128, 256)},
}
"""What binds, and where the parameters of designs lie that it is likely to bind."""
EACH = 10
LEFT = {"analytical": 1}
TRIES = 30
"""Designs that are tried for each of them at most."""


@dataclass(frozen=True)
class Row:
    """A network on a design: what was emulated and what the evaluator says; pJ for energy."""

    network: str
    design: int
    paradigm: str
    bound: str
    cycles: int
    analytical: int
    energy: float
    analytical_energy: float

    @property
    def error(self) -> float:
        """Of the cycles, relative to the emulated ones."""
        return self.analytical / self.cycles - 1

    @property
    def energy_error(self) -> float:
        """The same of energy."""
        return self.analytical_energy / self.energy - 1


def measured(network: NetworkOnFamily, family: Family, point: int) -> Row | None:
    """One design; None where the network does not fit it."""
    values = family.space.columns(np.array([point]))
    tariff = Tariff(family.machine, family.depends, load_technology(family.technology))
    run = network.run(values, tariff)
    machine = family.machine({name: column[0] for name, column in values.items()})
    emulated = emulated_on(machine, network.name)
    if emulated is None:
        return None
    bound, cycles, energy = emulated
    folding = str(values["folding"][0])
    paradigm = "reconfigurable" if folding == "mesh" else f"generic, {folding}"
    analytical = int(run.timeline.cycles[0]), float(run.energy[0])
    return Row(network.name, point, paradigm, bound, cycles, analytical[0], energy, analytical[1])


def piped(network: NetworkOnPipeline, family: PipelineFamily, point: int) -> Row | None:
    """One pipeline or hybrid; None where the network does not fit it."""
    values = family.space.columns(np.array([point]))
    tariff = Tariff(family.machine, family.depends, load_technology(family.technology))
    run, name = network.run(values, tariff), network.name
    machine = family.machine({name: column[0] for name, column in values.items()})
    emulated = emulated_on(machine, name, family.frames, FrameOrder.PIPELINE)
    if emulated is None:
        return None
    bound, cycles, energy = emulated
    paradigm = "hybrid" if values["units"][0] > 1 else "pipeline"
    analytical = int(run.cycles[0]), float(run.energy[0])
    return Row(name, point, paradigm, bound, cycles, analytical[0], energy, analytical[1])


def emulated_on(
    machine: Machine, network: str, frames: int = 1, order: FrameOrder = FrameOrder.FRAME
) -> tuple[str, int, float] | None:
    """What binds a network on a machine, its cycles and its energy in pJ; None where it does not
    fit."""
    try:
        compiled = compile_levels(subject(network).quantised, machine, frames=frames, order=order)
    except TilefoldError:
        return None
    report = emulate(compiled.program, {}, values=False, check=False).report
    parts: Counter[str] = Counter()
    assert report.prediction
    for layer in report.prediction.layers:
        parts.update(layer.predicted.by_kind)
    del parts["stalls"]
    total = report.total
    assert total.picojoules
    return max(parts, key=parts.__getitem__), total.cycles, total.picojoules


def drawn(family: Family, where: Mapping[str, Sequence[Any]], seed: int) -> IntArray:
    """Random designs of a part of the family."""
    space = family.space
    places = space.places(np.random.default_rng(seed).integers(0, space.size, TRIES))
    random = np.random.default_rng(seed + 1)
    for name, values in where.items():
        parameter = space.parameter(name)
        allowed = [parameter.place_of(value) for value in values]
        places[:, space.names.index(name)] = random.choice(allowed, TRIES)
    return space.points(places)


def rows_of(family: Family) -> Iterator[Row]:
    """All networks in turn, until there are enough designs that each of `BOUNDS` binds."""
    networks = [NetworkOnFamily(Network(n, subject(n).quantised), family, n) for n in NETWORKS]
    counts: Counter[str] = Counter()
    for seed, (bound, where) in enumerate(BOUNDS.items()):
        for number, point in enumerate(drawn(family, where, seed).tolist()):
            if counts[bound] >= EACH:
                break
            row = measured(networks[number % len(networks)], family, point)
            if row is not None:
                counts[row.bound] += 1
                yield row


def staged_rows() -> Iterator[Row]:
    """Pipelines and hybrids, the networks in turn."""
    family = PipelineFamily()
    networks = [NetworkOnPipeline(Network(n, subject(n).quantised), family) for n in NETWORKS]
    counts: Counter[str] = Counter()
    for seed, units in enumerate(((1,), (2, 4))):
        some = family.space.restricted("units", units)
        drawn_here = np.random.default_rng(seed).integers(0, some.size, TRIES)
        points = some.points_in(family.space, drawn_here)
        for number, point in enumerate(points.tolist()):
            row = piped(networks[number % len(networks)], family, point)
            if row is not None:
                counts[row.paradigm] += 1
                yield row
            if counts[("pipeline", "hybrid")[seed]] >= EACH:
                break


def summary(name: str, rows: Sequence[Row]) -> list[str]:
    """A line of the table: errors of some rows, and how well designs are ordered."""
    errors = np.abs([row.error for row in rows])
    energy = np.abs([row.energy_error for row in rows])
    return [
        name, str(len(rows)), f"{errors.mean():.1%}", f"{np.quantile(errors, 0.95):.1%}",
        f"{errors.max():.1%}", f"{ranked(rows):.3f}", f"{energy.mean():.1%}", f"{energy.max():.1%}",
    ]  # fmt: skip


def ranked(rows: Sequence[Row]) -> float:
    """Spearman's rank correlation of emulated and analytical cycles."""

    def ranks(values: Sequence[int]) -> npt.NDArray[np.int64]:
        return np.argsort(np.argsort(values))

    emulated = ranks([row.cycles for row in rows])
    return float(np.corrcoef(emulated, ranks([row.analytical for row in rows]))[0, 1])


def tables(rows: Sequence[Row]) -> dict[str, Cells]:
    """The tables of the page by name."""
    head = ["designs", "number", "mean", "95 %", "worst", "ranks", "energy, mean", "worst"]
    found = [head]
    for title, key in (("bound by", "bound"), ("of", "network"), ("", "paradigm")):
        for name in dict.fromkeys(getattr(row, key) for row in rows):
            some = [row for row in rows if getattr(row, key) == name]
            found.append(summary(f"{title} {name}".strip(), some))
    found.append(summary("all", rows))
    return {"analytical": found}


def main() -> None:
    """Measure, print and, where asked for, put the tables into the page."""
    options = options_of("Compares analytical with emulated cycles.", PAGE)
    rows: list[Row] = []
    for row in chain(rows_of(Family()), staged_rows()):
        rows.append(row)
        console().print(f"{row.network} {row.design}: {row.bound}, {row.error:+.1%}")
    found = tables(rows)
    for name, cells in found.items():
        console().print(table(name, cells, LEFT[name]))
    if options.json:
        write_files({options.json: json.dumps([asdict(row) for row in rows], indent=1).encode()})
    if options.docs:
        write_files({PAGE: with_tables(PAGE, found, LEFT).encode()})


if __name__ == "__main__":
    main()
