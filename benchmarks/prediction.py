"""The predicted cycles of layers beside the emulated ones: how far they are apart, and where.

`python benchmarks/prediction.py [--docs] [--json FILE]` compiles networks for the shipped machines,
and random networks for random machines; only time is emulated. `--docs` puts the tables into
docs/prediction.md, which says what they show.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

# Before anything that imports numpy: it sets the number of threads.
from subjects import EFFICIENTNET_LITE0, ROOT, available, quantised_subject  # isort: skip

from pages import Cells, options_of, table, with_tables
from tilefold.compiler import compile_levels
from tilefold.dialects.isa_prediction import KINDS, STALLS
from tilefold.emulator import emulate
from tilefold.emulator.prediction import Compared, Comparison, Errors, stratified
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.machines.model import Machine, parse_machine
from tilefold.tests.support.random_machines import random_machine
from tilefold.tests.support.random_networks import random_network
from tilefold.tools.command import console, write_files

PAGE = ROOT / "docs" / "prediction.md"
NETWORKS = ("resnet50", "resnet18", "mobilenetv2", EFFICIENTNET_LITE0)
MACHINES = ("dna_a600", "dna_f200", "dna_f100", "tpu_like")
SLOW = "dna_a600, switching in 800 cycles"
"""A machine on which reconfiguration binds layers, for networks that change their mode often."""
SLOW_EDITS = (("switch_cycles = 16", "switch_cycles = 800"),)
SLOW_NETWORKS = ("mobilenetv2", EFFICIENTNET_LITE0)
SEEDS = range(200)
RANDOM = "random"

Run = tuple[str, str]
"""A network and a machine, by name."""


@dataclass(frozen=True)
class Outcome:
    """A comparison, and whether its program is of a random network."""

    comparison: Comparison
    random: bool = False


def machine_of(name: str) -> Machine:
    """A shipped machine, or `SLOW`."""
    if name != SLOW:
        return load_machine(name)
    text = load_machine("dna_a600").text
    for before, after in SLOW_EDITS:
        if text.count(before) != 1:
            raise TilefoldError(f"dna_a600: {before!r} is not there once")
        text = text.replace(before, after)
    return parse_machine(text, name)


def runs(networks: Sequence[str]) -> list[Run]:
    """Every network on every machine, and some on `SLOW`."""
    every = [(network, machine) for network in networks for machine in MACHINES]
    return every + [(network, SLOW) for network in networks if network in SLOW_NETWORKS]


def compared(model: Any, machine: Machine, **more: Any) -> Comparison:
    """What the compiler predicts for a model beside what the emulator counts."""
    program = compile_levels(model, machine, **more).program
    comparison = emulate(program, {}, values=False, check=False).report.prediction
    assert comparison is not None, "compilation predicts"
    return comparison


def random_outcomes(seeds: Sequence[int]) -> Iterator[tuple[Run, Outcome]]:
    """Random networks on random machines, every eighth on `tiny`; some do not fit theirs."""
    for seed in seeds:
        rng = Random(seed)
        module, store, _ = random_network(rng)
        machine = random_machine(rng) if seed % 8 else load_machine("tiny")
        try:
            yield (f"{RANDOM} {seed}", ""), Outcome(compared(module, machine, store=store), True)
        except TilefoldError:
            continue


def outcomes(tell: Callable[[str], None]) -> dict[Run, Outcome]:
    """All comparisons."""
    found: dict[Run, Outcome] = {}
    for network, machine in runs([name for name in NETWORKS if name in available()]):
        tell(f"{network} on {machine}")
        comparison = compared(quantised_subject(network), machine_of(machine))
        found[network, machine] = Outcome(comparison)
    tell(f"{len(SEEDS)} random networks")
    return found | dict(random_outcomes(SEEDS))


def _errors(errors: Errors) -> list[str]:
    parts = (errors.mean, errors.p95, errors.worst, errors.weighted)
    return [f"{errors.layers:,}", *(f"{100 * part:.2f}%" for part in parts)]


def network_cells(found: Mapping[Run, Outcome]) -> Cells:
    """A line for each network and machine."""
    header = ["network", "machine", "emulated", "predicted", "total", "layers", "mean", "95 %"]
    cells: Cells = [[*header, "worst", "by cycles"]]
    for (network, machine), outcome in found.items():
        one = outcome.comparison
        if not outcome.random:
            total = f"{100 * one.error:+.2f}%"
            cells.append([network, machine, f"{one.emulated:,}", f"{one.predicted:,}", total])
            cells[-1] += _errors(Errors.of(one.layers))
    return cells


def strata_cells(found: Mapping[Run, Outcome]) -> Cells:
    """A line for each group of programs and each resource that binds layers, and for all."""
    groups: dict[str, list[Compared]] = {"networks": [], RANDOM: [], "all": []}
    for outcome in found.values():
        groups[RANDOM if outcome.random else "networks"] += outcome.comparison.layers
    groups["all"] = groups["networks"] + groups[RANDOM]
    cells: Cells = [["programs", "bound by", "layers", "mean", "95 %", "worst", "by cycles"]]
    for group, layers in groups.items():
        for name, part in stratified(layers).items():
            cells.append([group, name or "nothing", *_errors(Errors.of(part))])
        cells.append([group, "anything", *_errors(Errors.of(layers))])
    return cells


def worst_cells(found: Mapping[Run, Outcome], count: int = 10) -> Cells:
    """The layers of the networks whose errors are the most of all cycles of their network."""
    layers = [
        (abs(each.predicted.cycles - each.emulated) / outcome.comparison.emulated, run, each)
        for run, outcome in found.items()
        if not outcome.random
        for each in outcome.comparison.layers
    ]
    kinds = [kind for kind in KINDS if kind != STALLS]
    cells: Cells = [["network", "machine", "layer", "emulated", "predicted", "of all", *kinds]]
    for share, (network, machine), each in sorted(layers, key=lambda one: -one[0])[:count]:
        cells.append([network, machine, each.layer, f"{each.emulated:,}"])
        cells[-1] += [f"{each.predicted.cycles:,}", f"{100 * share:.2f}%"]
        cells[-1] += [f"{each.predicted.by_kind[kind]:,}" for kind in kinds]
    return cells


def tables(found: Mapping[Run, Outcome]) -> dict[str, Cells]:
    """Every table by the name of its markers in the page."""
    return {
        "networks": network_cells(found),
        "strata": strata_cells(found),
        "worst": worst_cells(found),
    }


LEFT = {"networks": 2, "strata": 2, "worst": 3}
"""Columns of text."""


def record(found: Mapping[Run, Outcome]) -> list[dict[str, Any]]:
    """Everything, as JSON holds it."""
    return [
        {"network": network, "machine": machine, "emulated": one.comparison.emulated}
        | one.comparison.to_json()
        | {
            "by_layer": [
                {"name": each.layer, "emulated": each.emulated, **each.to_json()}
                for each in one.comparison.layers
            ]
        }
        for (network, machine), one in found.items()
    ]


def main() -> None:
    """Compile, emulate, print, and write what is asked for."""
    options = options_of("Compares predicted with emulated cycles.", PAGE)
    screen = console()
    try:
        with screen.status("compiling") as status:
            found = outcomes(status.update)
    except TilefoldError as error:
        raise SystemExit(f"error: {error}") from None
    shown = tables(found)
    screen.print(*(table(name, cells, LEFT[name]) for name, cells in shown.items()))
    files: dict[Path, bytes] = {}
    if options.docs:
        files[PAGE] = with_tables(PAGE, shown, LEFT).encode()
    if options.json:
        files[options.json] = (json.dumps(record(found), indent=1) + "\n").encode()
    write_files(files)


if __name__ == "__main__":
    main()
