"""Designs that are evaluated in a second: by one process, by two, and by two workers of Dask.

`python benchmarks/exploration.py MODULE:FUNCTION [NETWORK.onnx..] [--points N] [--repeat N]
[--json FILE]`. The function makes the evaluator of the networks, as `tilefold explore` has it. All
kinds of workers evaluate the same designs, by turns, after they have started and evaluated a
few; their fronts must be equal.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from pages import Cells, table
from tilefold.explore.evaluator import Evaluator, Options
from tilefold.explore.samplers import Listed, Random, Sampler
from tilefold.explore.store import Store
from tilefold.explore.study import CHUNK, Question, Study, explore
from tilefold.explore.workers import Workers, workers_of
from tilefold.tools.command import console, write_files

KINDS: Mapping[str, Callable[[], Workers]] = {
    "1 process": lambda: workers_of(1, None),
    "2 processes": lambda: workers_of(2, None),
    "2 Dask workers": lambda: workers_of(2, "local"),
}

FIRST = 8
"""Designs that are evaluated one by one before anything is measured, so that workers are there."""


@dataclass(frozen=True)
class Row:
    """The median of designs a second, and over that of one process in the same turn."""

    workers: str
    designs: int
    per_second: float
    ratio: float


def measure(evaluator: Evaluator, points: int, chunk: int, repeat: int) -> list[Row]:
    """All kinds of workers, in `repeat` turns; raises RuntimeError where results differ."""
    rates: dict[str, list[float]] = {kind: [] for kind in KINDS}
    fronts: set[bytes] = set()
    designs, space = 0, evaluator.space
    first = min(FIRST, space.size)
    with ExitStack() as stack:
        started = {kind: stack.enter_context(make()) for kind, make in KINDS.items()}
        for workers in started.values():
            _explored(evaluator, workers, Listed(np.arange(first), "first"), 1)
        for _ in range(repeat):
            for kind, workers in started.items():
                begin = time.perf_counter()
                study = _explored(evaluator, workers, Random(space, points, 0), chunk)
                designs = study.evaluated
                rates[kind].append(designs / (time.perf_counter() - begin))
                fronts.add(study.front.points.tobytes() + study.front.costs.tobytes())
    if len(fronts) > 1:
        raise RuntimeError("fronts differ")
    single = np.array(rates["1 process"])
    return [
        Row(kind, designs, median(each), float(np.median(np.array(each) / single)))
        for kind, each in rates.items()
    ]


def _explored(evaluator: Evaluator, workers: Workers, sampler: Sampler, chunk: int) -> Study:
    """An exploration that is not kept, for all goals that there are."""
    goals = tuple(metric for metric in evaluator.metrics if metric.goal != "none")
    with TemporaryDirectory() as folder, Store(Path(folder), evaluator) as store:
        return explore(evaluator, sampler, store, workers, Question(goals), chunk=chunk)


def cells(rows: list[Row]) -> Cells:
    """A heading, and a line for each row."""
    lines = [["workers", "designs", "designs/s", "ratio"]]
    lines += [
        [row.workers, f"{row.designs:,}", f"{row.per_second:,.0f}", f"{row.ratio:.2f}"]
        for row in rows
    ]
    return lines


def main() -> None:
    """Measure, print, and write what is asked for."""
    parser = argparse.ArgumentParser(description="Measures how fast designs are evaluated.")
    parser.add_argument("factory", metavar="MODULE:FUNCTION")
    parser.add_argument("networks", nargs="*", type=Path)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--chunk", type=int, default=CHUNK)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    module, _, function = options.factory.partition(":")
    evaluator: Evaluator = getattr(import_module(module), function)(options.networks, Options())
    rows = measure(evaluator, options.points, options.chunk, options.repeat)
    console().print(table("exploration", cells(rows), left=1))
    if options.json:
        record = json.dumps([asdict(row) for row in rows], indent=1)
        write_files({options.json: f"{record}\n".encode()})


if __name__ == "__main__":
    main()
