"""The cost model of mappings beside ZigZag's, and the search for mappings beside its search.

`python benchmarks/zigzag.py --peer PYTHON [--docs] [--json FILE] [--fixture FILE]`. PYTHON is an
interpreter with zigzag-dse (and `six`, which one of its dependencies needs), or the environment
variable TILEFOLD_ZIGZAG names it. ZigZag runs in processes of its own (benchmarks/zigzag_peer.py)
and tells what it computed; its CPU time and ours are taken in the same run. `--fixture` writes the
few mappings that tests hold the cost model against.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, cast

# Before anything that imports numpy: it sets the number of threads.
from subjects import ROOT, environment  # isort: skip

import numpy as np
import yaml
from pages import Cells, table, with_measured, with_tables
from tilefold.costmodel.hierarchy.architecture import Architecture
from tilefold.costmodel.hierarchy.evaluate import Costs, evaluate
from tilefold.costmodel.hierarchy.mappings import Mappings
from tilefold.costmodel.hierarchy.unrolling import Unrolling
from tilefold.explore.mapping.allocation import allocate
from tilefold.explore.mapping.orders import all_orders, factors_of
from tilefold.explore.mapping.search import Found, Objective, best_mappings
from tilefold.explore.zigzag.files import Record
from tilefold.explore.zigzag.hardware import read_architecture
from tilefold.explore.zigzag.mapping import entry_for, read_mapping, unroll
from tilefold.explore.zigzag.workload import read_layer
from tilefold.tools.command import console, write_files

Facts = dict[str, Any]

PAGE = ROOT / "docs" / "zigzag.md"
PEER = ROOT / "benchmarks" / "zigzag_peer.py"
VARIABLE = "TILEFOLD_ZIGZAG"
NETWORKS = ("resnet18", "mobilenetv2")
MACHINES = {"tpu_like": "tpu_like", "meta_prototype": "meta_prototype_like"}
"""ZigZag's hardware files, and its mapping files for them."""
SAMPLED = {"resnet18": 17, "mobilenetv2": 29}
"""Every which mapping of a layer is compared."""
LIMIT = 6
"""Loops of a nest: ZigZag's default."""
LARGE = 8
"""Loops of the nests that the rate of evaluation is taken with."""
RUNS = 3
"""Of our searches, whose median counts."""
FIXTURE_LAYERS = (0, 1, 5, 12)
FIXTURE_MAPPINGS = 4


@dataclass(frozen=True)
class Case:
    """A network on a machine, in ZigZag's files."""

    network: str
    machine: str

    def request(self, action: str, **more: object) -> Facts:
        """What the peer is asked."""
        return {
            "action": action,
            "accelerator": f"{self.machine}.yaml",
            "mapping": f"{MACHINES[self.machine]}.yaml",
            "workload": f"{self.network}.onnx",
            "limit": LIMIT,
            **more,
        }


CASES = tuple(Case(network, machine) for machine in MACHINES for network in NETWORKS)
RACES: tuple[tuple[Case, Objective], ...] = (
    *((case, "energy") for case in CASES),
    (CASES[0], "latency"),
)


class Peer:
    """ZigZag in its own interpreter."""

    def __init__(self, python: str) -> None:
        self.python = python
        code = "import zigzag, importlib.metadata as m; print(next(iter(zigzag.__path__)))"
        code += "; print(m.version('zigzag-dse'))"
        try:
            shown = subprocess.run(
                [python, "-c", code], capture_output=True, text=True, check=True
            ).stdout.split("\n")
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(f"error: {python} cannot import zigzag: {error}") from error
        self.inputs, self.version = Path(shown[0]) / "inputs", shown[1]

    def ask(self, request: Facts) -> Facts:
        """The answer to a request."""
        with TemporaryDirectory() as folder:
            asked, answer = Path(folder) / "request.json", Path(folder) / "answer.json"
            asked.write_text(json.dumps(request), encoding="utf-8")
            done = subprocess.run(
                # -P: the folder of the script holds a module named zigzag too.
                [self.python, "-P", str(PEER), str(asked), str(answer)],
                capture_output=True,
                text=True,
            )
            if done.returncode:
                raise SystemExit(f"error: ZigZag failed:\n{done.stderr[-2000:]}")
            return cast(Facts, json.loads(answer.read_text(encoding="utf-8")))


def unrollings(
    inputs: Path, case: Case, layers: Sequence[Facts]
) -> tuple[Architecture, list[Unrolling]]:
    """The machine, and each layer unrolled on it, as our readers have them."""
    architecture = read_architecture(inputs / "hardware" / f"{case.machine}.yaml")
    mapping = read_mapping(inputs / "mapping" / f"{MACHINES[case.machine]}.yaml")
    result: list[Unrolling] = []
    for facts in layers:
        read = read_layer(Record(Path(case.network), facts["layer"]["name"], facts["layer"]))
        entry = entry_for(mapping, read.name, read.operator)
        result.append(unroll(read.layer(entry.links), architecture, entry))
    return architecture, result


def batch_of(unrolling: Unrolling, mappings: Sequence[Facts]) -> Mappings:
    """Mappings that ZigZag tells of, checked."""
    order, count = unrolling.layer.order, len(mappings)
    depth = max(len(mapping["loops"]) for mapping in mappings)
    dims, sizes = np.full((count, depth), -1, np.int64), np.ones((count, depth), np.int64)
    for row, mapping in enumerate(mappings):
        for place, (dim, size) in enumerate(mapping["loops"]):
            dims[row, place], sizes[row, place] = order.index(dim), size
    ends = {
        operand.name: np.array([mapping["ends"][operand.name] for mapping in mappings], np.int64)
        for operand in unrolling.layer.operands
    }
    return Mappings.checked(unrolling, dims, sizes, ends)


@dataclass
class Agreement:
    """How many mappings were compared, how many had equal accesses, and the largest differences."""

    mappings: int = 0
    equal: int = 0
    counts: int = 0
    energy: float = 0.0
    latency: float = 0.0

    def add(self, costs: Costs, mappings: Sequence[Facts]) -> None:
        """Compare a batch with what ZigZag told of it."""
        equal = np.ones(len(mappings), np.bool_)
        for name, accesses in costs.accesses.items():
            theirs = np.array([mapping["accesses"][name] for mapping in mappings])
            equal &= (accesses == theirs).all(axis=(1, 2))
            self.counts += theirs.size
        self.mappings += len(mappings)
        self.equal += int(equal.sum())
        for name, ours in (("energy", costs.energy_pj), ("latency", costs.latency)):
            theirs = np.array([mapping[name] for mapping in mappings])
            worst = float(np.abs(ours / theirs - 1).max())
            setattr(self, name, max(getattr(self, name), worst))


def compared(peer: Peer, case: Case) -> tuple[Agreement, Facts]:
    """Samples of ZigZag's mappings under our cost model; and what ZigZag told."""
    dump = peer.ask(case.request("dump", every=SAMPLED[case.network]))
    agreement = Agreement()
    _, layers = unrollings(peer.inputs, case, dump["layers"])
    for unrolling, facts in zip(layers, dump["layers"], strict=True):
        assert {a: dict(loops) for a, loops in unrolling.axes.items()} == facts["unrolled"]
        agreement.add(evaluate(batch_of(unrolling, facts["mappings"])), facts["mappings"])
    return agreement, dump


def searched(
    layers: Sequence[Unrolling], objective: Objective, *, refine: bool
) -> tuple[float, list[Found]]:
    """CPU seconds for all layers, equal ones searched once, and what was found for each."""
    seconds: list[float] = []
    found: list[Found] = []
    for _ in range(RUNS):
        begin = time.process_time()
        found = best_mappings(layers, objective, limit=LIMIT, refine=refine)
        seconds.append(time.process_time() - begin)
    return median(seconds), found


def told(unrolling: Unrolling, found: Found) -> Facts:
    """A mapping in the peer's form."""
    order, mapping = unrolling.layer.order, found.mapping
    return {
        "loops": [
            [order[int(dim)], int(size)]
            for dim, size in zip(mapping.dims[0], mapping.sizes[0], strict=True)
            if dim >= 0
        ],
        "ends": {name: [int(end) for end in ends[0]] for name, ends in mapping.ends.items()},
    }


def race(peer: Peer, case: Case, objective: Objective) -> Facts:
    """ZigZag's search and ours, and what ZigZag says of our mappings."""
    theirs = peer.ask(case.request("search", objective=objective))
    _, layers = unrollings(peer.inputs, case, theirs["layers"])
    best = [facts["mappings"][0] for facts in theirs["layers"]]
    same_seconds, same = searched(layers, objective, refine=False)
    seconds, found = searched(layers, objective, refine=True)
    given = {
        unrolling.layer.name: [told(unrolling, mapping)]
        for unrolling, mapping in zip(layers, found, strict=True)
    }
    checked = Agreement()
    answer = peer.ask(case.request("check", mappings=given))
    for mapping, facts in zip(found, answer["layers"], strict=True):
        checked.add(mapping.costs, facts["mappings"])
    value = {"energy": lambda c: c.energy_pj[0], "latency": lambda c: c.latency[0]}[objective]
    pairs = [(float(value(f.costs)), b[objective]) for f, b in zip(found, best, strict=True)]
    return {
        "network": case.network,
        "machine": case.machine,
        "objective": objective,
        "zigzag_seconds": theirs["seconds"],
        "zigzag_evaluated": theirs["evaluated"],
        "same_seconds": same_seconds,
        "same_worse": sum(
            bool(value(f.costs) > b[objective] * (1 + 1e-12))
            for f, b in zip(same, best, strict=True)
        ),
        "seconds": seconds,
        "layers": len(layers),
        "better": sum(ours < b * (1 - 1e-12) for ours, b in pairs),
        "worse": sum(ours > b * (1 + 1e-12) for ours, b in pairs),
        "zigzag_total": sum(b for _, b in pairs),
        "total": float(sum(ours for ours, _ in pairs)),
        "checked_equal": checked.equal,
        "checked_energy": checked.energy,
        "checked_latency": checked.latency,
    }


def rate(layers: Sequence[Unrolling]) -> tuple[int, int, float]:
    """Mappings of long nests evaluated, those of different results, and CPU seconds for them."""
    evaluated, distinct, seconds = 0, 0, 0.0
    for unrolling in {str(u.layer.dims): u for u in layers}.values():
        begin = time.process_time()
        dims, sizes = all_orders(factors_of(unrolling.temporal, LARGE), unrolling.layer.order)
        parts: list[Costs] = []
        for first in range(0, len(dims), 1 << 13):
            rows = slice(first, first + (1 << 13))
            parts.append(evaluate(allocate(unrolling, dims[rows], sizes[rows])[0]))
        seconds += time.process_time() - begin
        rows = np.concatenate([_row(part) for part in parts])
        evaluated += len(rows)
        distinct += len(np.unique(rows, axis=0))
    return evaluated, distinct, seconds


def _row(costs: Costs) -> np.ndarray[Any, np.dtype[np.float64]]:
    """All that a mapping costs, one row each."""
    parts = [accesses.reshape(len(accesses), -1) for accesses in costs.accesses.values()]
    cycles = [costs.stalls, costs.loading, costs.storing]
    return np.concatenate([*parts, np.stack(cycles, axis=1)], axis=1).astype(np.float64)


def fixture(peer: Peer, dumps: Mapping[Case, Facts]) -> str:
    """The machines' and mappings' facts, and a few mappings of a few layers, as JSON."""
    cases: list[Facts] = []
    for case, dump in dumps.items():
        hardware = peer.inputs / "hardware" / f"{case.machine}.yaml"
        mapping = peer.inputs / "mapping" / f"{MACHINES[case.machine]}.yaml"
        layers: list[Facts] = []
        for place in FIXTURE_LAYERS:
            facts = dump["layers"][place]
            step = max(1, len(facts["mappings"]) // FIXTURE_MAPPINGS)
            layers.append({**facts, "mappings": facts["mappings"][::step][:FIXTURE_MAPPINGS]})
        cases.append(
            {
                "network": case.network,
                "hardware": yaml.safe_load(hardware.read_text(encoding="utf-8")),
                "mapping": yaml.safe_load(mapping.read_text(encoding="utf-8")),
                "layers": layers,
            }
        )
    return json.dumps({"zigzag": peer.version, "cases": cases}, separators=(",", ":")) + "\n"


def agreement_cells(agreements: Mapping[Case, Agreement]) -> Cells:
    """Mappings compared, by network and machine."""
    cells = [["network", "machine", "mappings", "equal accesses", "energy", "latency"]]
    for case, found in agreements.items():
        cells.append(
            [
                case.network,
                case.machine,
                f"{found.mappings:,}",
                f"{found.equal:,}",
                f"{found.energy:.1e}" if found.energy else "0",
                f"{found.latency:.1e}" if found.latency else "0",
            ]
        )
    return cells


def race_cells(races: Sequence[Facts]) -> Cells:
    """CPU seconds and results, by network, machine and objective."""
    head = ["network", "machine", "least", "ZigZag, s", "same nests, s", "times faster"]
    cells = [[*head, "improved, s", "times faster", "layers", "better", "worse", "of ZigZag's"]]
    for race_ in races:
        cells.append(
            [
                race_["network"],
                race_["machine"],
                race_["objective"],
                f"{race_['zigzag_seconds']:.1f}",
                f"{race_['same_seconds']:.3f}",
                f"{race_['zigzag_seconds'] / race_['same_seconds']:,.0f}",
                f"{race_['seconds']:.3f}",
                f"{race_['zigzag_seconds'] / race_['seconds']:,.0f}",
                f"{race_['layers']}",
                f"{race_['better']}",
                f"{race_['worse']}",
                f"{race_['total'] / race_['zigzag_total']:.4f}",
            ]
        )
    return cells


def rate_cells(races: Sequence[Facts], ours: tuple[int, int, float]) -> Cells:
    """Mappings a CPU second."""
    theirs = sum(race_["zigzag_evaluated"] for race_ in races)
    seconds = sum(race_["zigzag_seconds"] for race_ in races)
    evaluated, distinct, own = ours
    return [
        ["", "mappings", "different results", "CPU s", "mappings a CPU s", "different a CPU s"],
        ["ZigZag", f"{theirs:,}", "not counted", f"{seconds:.1f}", f"{theirs / seconds:,.0f}", ""],
        [
            "Tilefold",
            f"{evaluated:,}",
            f"{distinct:,}",
            f"{own:.2f}",
            f"{evaluated / own:,.0f}",
            f"{distinct / own:,.0f}",
        ],
    ]


def options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--peer", default=os.environ.get(VARIABLE), help="Python with zigzag-dse")
    parser.add_argument("--docs", action="store_true", help=f"update docs/{PAGE.name}")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--fixture", type=Path, help="where to write the mappings for tests")
    chosen = parser.parse_args()
    if not chosen.peer:
        parser.error(
            f"give --peer or set {VARIABLE} to a Python that has zigzag-dse: "
            "python -m venv peer && peer/bin/pip install zigzag-dse six"
        )
    return chosen


def main() -> None:
    """Compare, race, and print or write the tables."""
    chosen = options()
    peer = Peer(chosen.peer)
    dumps: dict[Case, Facts] = {}
    agreements: dict[Case, Agreement] = {}
    for case in CASES:
        agreements[case], dumps[case] = compared(peer, case)
        console().print(f"{case}: {agreements[case]}")
    if chosen.fixture:
        write_files({chosen.fixture: fixture(peer, dumps).encode()})
    races: list[Facts] = []
    for case, objective in RACES:
        races.append(race(peer, case, objective))
        console().print(races[-1])
    first = CASES[0]
    ours = rate(unrollings(peer.inputs, first, dumps[first]["layers"])[1])
    if chosen.json:
        figures: Facts = {"agreement": [vars(found) for found in agreements.values()]}
        figures |= {"search": races, "rate": list(ours)}
        write_files({chosen.json: (json.dumps(figures, indent=1) + "\n").encode()})
    tables = {
        "agreement": agreement_cells(agreements),
        "search": race_cells(races),
        "rate": rate_cells(races, ours),
    }
    for title, cells in tables.items():
        console().print(table(title, cells, 3))
    if chosen.docs:
        text = with_tables(PAGE, tables, {"agreement": 2, "search": 3, "rate": 1})
        checked = sum(race_["checked_equal"] for race_ in races)
        layers = sum(race_["layers"] for race_ in races)
        worst = max(max(r["checked_energy"], r["checked_latency"]) for r in races)
        text = with_measured(
            text,
            "checked",
            f"ZigZag's own cost model, given the {layers} mappings that were found, counts the "
            f"same accesses for {checked} of them; energy and latency differ by {worst:.1e} at "
            "most.",
        )
        facts = environment("", RUNS)
        about = (
            f"ZigZag {peer.version}; {facts['processor']}, one thread; Python {facts['python']}, "
            f"numpy {facts['numpy']}. CPU time without imports; ours is the median of {RUNS} runs."
        )
        write_files({PAGE: with_measured(text, "environment", about).encode()})


if __name__ == "__main__":
    sys.exit(main())
