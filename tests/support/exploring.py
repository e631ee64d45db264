"""Explorations of made-up designs, and what must be equal between two of them."""

from pathlib import Path
from typing import Any

import numpy as np
from tilefold.explore.constraints import parse_constraint
from tilefold.explore.evaluator import Evaluator
from tilefold.explore.samplers import Sampler, sampler_of
from tilefold.explore.store import Store
from tilefold.explore.study import Progress, Question, Study, explore, objectives_of
from tilefold.explore.workers import Inline, Workers
from tilefold.tests.support.designs import Designs

QUESTION = Question(
    objectives_of(Designs(), ("latency", "energy")), (parse_constraint("area<=30", ["area_mm2"]),)
)


def sampler(name: str, evaluator: Evaluator, points: int = 500, seed: int = 1) -> Sampler:
    """One for the objectives of `QUESTION`."""
    return sampler_of(name, evaluator.space, len(QUESTION.objectives), points, seed)


def explored(
    evaluator: Evaluator,
    which: Sampler,
    folder: Path,
    workers: Workers | None = None,
    progress: Progress | None = None,
    chunk: int = 100,
) -> Study:
    """An exploration for `QUESTION`; its store is closed."""
    with Store(folder, evaluator) as store:
        return explore(evaluator, which, store, workers or Inline(), QUESTION, progress, chunk)


def stored(folder: Path, evaluator: Evaluator) -> dict[str, Any]:
    """All rows of a store by number, as lists; NaN as None."""
    with Store(folder, evaluator) as store:
        columns = store.query("SELECT * FROM points ORDER BY point")
    return {
        name: [None if each != each else each for each in column.tolist()]
        for name, column in columns.items()
    }


def check_equal(one: Study, other: Study) -> None:
    """Two studies came to the same."""
    assert one.points.tolist() == other.points.tolist()
    assert one.front.points.tolist() == other.front.points.tolist()
    np.testing.assert_array_equal(one.front.costs, other.front.costs)
    assert one.best.keys() == other.best.keys()
    for name, best in one.best.items():
        assert best.points.tolist() == other.best[name].points.tolist()
    assert (one.asked, one.valid, one.kept) == (other.asked, other.valid, other.kept)
