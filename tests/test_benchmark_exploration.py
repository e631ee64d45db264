"""The benchmark of evaluations a second."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tilefold.explore.evaluator import Options
from tilefold.explore.space import IntArray
from tilefold.explore.workers import Inline
from tilefold.tests.support.benchmarks import script
from tilefold.tests.support.designs import Designs, busy, evaluations

KINDS = {"1 process": Inline, "another": Inline}


def test_all_kinds_of_workers_take_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = script("exploration")
    assert set(benchmark.KINDS) == {"1 process", "2 processes", "2 Dask workers"}
    monkeypatch.setattr(benchmark, "KINDS", KINDS)
    log = tmp_path / "log"
    rows = benchmark.measure(Designs(log), 300, 100, 3)
    assert [(row.workers, row.designs) for row in rows] == [("1 process", 300), ("another", 300)]
    assert rows[0].ratio == 1 and min(row.per_second for row in rows) > 0
    assert len(evaluations(log)) == 2 * (8 + 3 * 300)
    heading, first, _ = benchmark.cells(rows)
    assert heading == ["workers", "designs", "designs/s", "ratio"]
    assert first[::3] == ["1 process", "1.00"]


@dataclass(frozen=True)
class Fickle(Designs):
    """Results that change from call to call."""

    def evaluate(self, points: IntArray) -> dict[str, Any]:
        results = super().evaluate(points)
        noise = np.random.default_rng().random(len(points))
        return {**results, "latency_ms": results["latency_ms"] + noise}


def test_different_fronts_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = script("exploration")
    monkeypatch.setattr(benchmark, "KINDS", KINDS)
    with pytest.raises(RuntimeError, match="fronts differ"):
        benchmark.measure(Fickle(), 300, 100, 1)


def test_designs_that_take_a_while() -> None:
    assert busy([], Options()).space.size == 491_520
