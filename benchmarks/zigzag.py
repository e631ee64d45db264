"""The cost model of mappings beside ZigZag's, and the search for mappings beside its search.

`python benchmarks/zigzag.py [TABLE ...] --peer PYTHON [--docs] [--json FILE] [--fixture FILE]`.
PYTHON is an interpreter with zigzag-dse (and `six`, which one of its dependencies needs), or the
environment variable TILEFOLD_ZIGZAG names it. ZigZag runs in processes of its own
(benchmarks/zigzag_peer.py) and tells what it computed; its CPU time and ours are taken in the same
run. `--fixture` writes the few mappings that tests hold the cost model against.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from tilefold.explore.mapping.allocation import allocate, fitting
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
MACHINES = {
    "tpu_like": "tpu_like",
    "meta_prototype": "meta_prototype_like",
    "edge_tpu_like": "edge_tpu_like",
    "ascend_like": "ascend_like",
    "tesla_npu_like": "tesla_npu_like",
    "eyeriss_like": "default",
}
"""ZigZag's hardware files, and its mapping files for them."""
SAMPLED = {"resnet18": 17, "mobilenetv2": 29, "alexnet": 17}
"""Every which mapping of a layer is compared."""
LIMIT = 6
"""Loops of a nest: ZigZag's default."""
LARGE = 8
"""Loops of the nests that the rate of evaluation is taken with."""
DRAWN = 20_000
"""Mappings of a layer that are drawn for the rate."""
BATCH = 1 << 12
LEFT = {"agreement": 2, "search": 3, "rate": 1}
"""The tables, and how many columns of each are text."""
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


CASES = tuple(
    Case(network, machine)
    for machine in ("tpu_like", "meta_prototype")
    for network in ("resnet18", "mobilenetv2")
)
"""What is searched."""
COMPARED = (
    *CASES,
    *(Case("alexnet", machine) for machine in ("tpu_like", "meta_prototype")),
    *(Case("resnet18", machine) for machine in list(MACHINES)[2:]),
)
"""What is evaluated: on top, grouped layers and the other machines."""
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


@dataclass
class Rate:
    """Mappings evaluated, how many of them differ in what they cost, and the CPU seconds."""

    name: str
    mappings: int = 0
    distinct: int = 0
    seconds: float = 0.0


def rates(peer: Peer) -> list[Rate]:
    """ZigZag's search for a network, the same nests, longer ones, and mappings of any kind."""
    asked = peer.ask(CASES[0].request("search", objective="energy"))
    _, every = unrollings(peer.inputs, CASES[0], asked["layers"])
    layers = list({repr((u.layer.dims, u.layer.operands)): u for u in every}.values())
    same = _rate("Tilefold, the same nests", layers, lambda u: _orders(u, LIMIT))
    large = _rate(f"Tilefold, nests of {LARGE} loops", layers, lambda u: _orders(u, LARGE))
    drawn = _rate("Tilefold, any orders and ends", layers, _drawn)
    zigzag = Rate("ZigZag", asked["evaluated"], same.distinct, asked["seconds"])
    return [zigzag, same, large, drawn]


def _rate(
    name: str, layers: Sequence[Unrolling], batches: Callable[[Unrolling], Iterator[Mappings]]
) -> Rate:
    """Evaluate the batches of all layers; equal costs of a layer's mappings count once."""
    found = Rate(name)
    for unrolling in layers:
        begin = time.process_time()
        parts = [evaluate(batch) for batch in batches(unrolling)]
        found.seconds += time.process_time() - begin
        rows = np.concatenate([_row(part) for part in parts])
        found.mappings += len(rows)
        found.distinct += len(np.unique(rows, axis=0))
    return found


def _orders(unrolling: Unrolling, limit: int) -> Iterator[Mappings]:
    """All orders of nests, as the search allocates them."""
    dims, sizes = all_orders(factors_of(unrolling.temporal, limit), unrolling.layer.order)
    for first in range(0, len(dims), BATCH):
        rows = slice(first, first + BATCH)
        yield allocate(unrolling, dims[rows], sizes[rows])[0]


def _drawn(unrolling: Unrolling) -> Iterator[Mappings]:
    """Orders of all prime factors, held anyhow, as far as they fit: drawn with a fixed seed."""
    draw = np.random.default_rng(0)
    factors = factors_of(unrolling.temporal)
    order = np.argsort(draw.random((DRAWN, len(factors))), axis=1)
    names = unrolling.layer.order
    dims = np.array([names.index(dim) for dim, _ in factors], np.int64)[order]
    sizes = np.array([size for _, size in factors], np.int64)[order]
    ends: dict[str, np.ndarray[Any, np.dtype[np.int64]]] = {}
    for operand in unrolling.layer.operands:
        levels = len(unrolling.architecture.levels(operand.memory))
        held = draw.integers(0, len(factors) + 1, (DRAWN, levels))
        held[:, -1] = len(factors)
        ends[operand.name] = np.sort(held, axis=1)
    for first in range(0, DRAWN, BATCH):
        rows = slice(first, first + BATCH)
        batch = Mappings(
            unrolling, dims[rows], sizes[rows], {name: held[rows] for name, held in ends.items()}
        )
        yield batch.take(fitting(batch))


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


def rate_cells(found: Sequence[Rate]) -> Cells:
    """Mappings and different results a CPU second."""
    cells = [["", "mappings", "different results", "CPU s", "mappings a s", "different a s"]]
    for each in found:
        cells.append(
            [
                each.name,
                f"{each.mappings:,}",
                f"{each.distinct:,}",
                f"{each.seconds:.3f}",
                f"{each.mappings / each.seconds:,.0f}",
                f"{each.distinct / each.seconds:,.1f}",
            ]
        )
    return cells


def options() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(LEFT)}")
    parser.add_argument("--peer", default=os.environ.get(VARIABLE), help="Python with zigzag-dse")
    parser.add_argument("--docs", action="store_true", help=f"update docs/{PAGE.name}")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--fixture", type=Path, help="where to write the mappings for tests")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(LEFT):
        parser.error(f"no table '{min(unknown)}'; there are {', '.join(LEFT)}")
    chosen.parts = chosen.parts or list(LEFT)
    if not chosen.peer:
        parser.error(
            f"give --peer or set {VARIABLE} to a Python that has zigzag-dse: "
            "python -m venv peer && peer/bin/pip install zigzag-dse six"
        )
    return chosen


def main() -> None:
    """Compare, race, and print or write the tables that are asked for."""
    chosen = options()
    peer, figures = Peer(chosen.peer), Facts()
    tables: dict[str, Cells] = {}
    lines: dict[str, str] = {}
    if "agreement" in chosen.parts:
        dumps: dict[Case, Facts] = {}
        agreements: dict[Case, Agreement] = {}
        for case in COMPARED:
            agreements[case], dumps[case] = compared(peer, case)
        if chosen.fixture:
            told_of = {case: dumps[case] for case in CASES}
            write_files({chosen.fixture: fixture(peer, told_of).encode()})
        tables["agreement"] = agreement_cells(agreements)
        figures["agreement"] = [vars(found) for found in agreements.values()]
    if "search" in chosen.parts:
        races = [race(peer, case, objective) for case, objective in RACES]
        tables["search"], figures["search"] = race_cells(races), races
        lines["checked"] = checked_line(races)
    if "rate" in chosen.parts:
        found = rates(peer)
        tables["rate"], figures["rate"] = rate_cells(found), [vars(each) for each in found]
    for title, cells in tables.items():
        console().print(table(title, cells, LEFT[title]))
    if chosen.json:
        write_files({chosen.json: (json.dumps(figures, indent=1) + "\n").encode()})
    if chosen.docs:
        facts = environment("", RUNS)
        lines["environment"] = (
            f"ZigZag {peer.version}; {facts['processor']}, one thread; Python {facts['python']}, "
            f"numpy {facts['numpy']}. CPU time without imports; our searches' is the median of "
            f"{RUNS} runs."
        )
        text = with_tables(PAGE, tables, LEFT)
        for name, line in lines.items():
            text = with_measured(text, name, line)
        write_files({PAGE: text.encode()})


def checked_line(races: Sequence[Facts]) -> str:
    """What ZigZag's cost model says of the mappings that were found."""
    layers, equal = (sum(each[key] for each in races) for key in ("layers", "checked_equal"))
    worst = max(max(each["checked_energy"], each["checked_latency"]) for each in races)
    differ = f"differ by {worst:.1e} at most" if worst else "are the same"
    return (
        f"ZigZag's own cost model, given the {layers} mappings that were found, counts the same "
        f"accesses for {equal} of them; energy and latency {differ}."
    )


if __name__ == "__main__":
    sys.exit(main())
