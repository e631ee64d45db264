"""Explorations: right, and the same however often they were interrupted."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from tilefold.errors import TilefoldError
from tilefold.explore.constraints import parse_constraint
from tilefold.explore.evaluator import Restricted, evaluated
from tilefold.explore.pareto import non_dominated
from tilefold.explore.samplers import SAMPLERS, Listed
from tilefold.explore.space import IntArray
from tilefold.explore.store import Store
from tilefold.explore.study import TOP, Question, State, explore, objectives_of
from tilefold.explore.workers import Inline
from tilefold.tests.support.designs import SPACE, Designs, evaluations
from tilefold.tests.support.exploring import (
    QUESTION,
    check_equal,
    explored,
    sampler,
    stored,
)

EVERY = np.arange(SPACE.size)


def test_everything_is_evaluated_once_and_the_front_is_right(tmp_path: Path) -> None:
    log, states = tmp_path / "log", list[State]()
    designs = Designs(log)
    study = explored(
        designs, sampler("exhaustive", designs), tmp_path / "store", progress=states.append
    )
    assert sorted(evaluations(log)) == EVERY.tolist()
    judged = QUESTION.judge(Designs(), EVERY, evaluated(Designs(), EVERY))
    assert (study.asked, study.evaluated) == (1920, 1920)
    assert (study.valid, study.kept) == (1860, np.count_nonzero(judged.kept))
    expected = EVERY[judged.kept][non_dominated(judged.costs[judged.kept])]
    assert study.front.points.tolist() == expected.tolist()
    columns = SPACE.columns(study.front.points)
    assert set(columns["waste"]) == {0.0} and set(columns["style"]) == {"good"}
    assert np.unique(columns["speed"]).tolist() == list(range(1, 31))
    for column, (name, best) in enumerate(study.best.items()):
        costs = np.where(judged.kept, judged.costs[:, column], np.inf)
        assert name == QUESTION.objectives[column].name
        assert best.points.tolist() == np.argsort(costs, kind="stable")[:TOP].tolist()
    assert [state.done for state in states] == [*range(100, 1920, 100), 1920]
    assert states[-1].total == states[-1].evaluated == 1920
    assert states[-1].best == {"latency_ms": 100 / 30, "energy_uj": 11.0}


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "tpe"])
def test_an_interrupted_exploration_goes_on_with_what_is_missing(tmp_path: Path, name: str) -> None:
    log = tmp_path / "log"
    designs = Designs(log)
    whole = explored(Designs(), sampler(name, designs), tmp_path / "whole")

    def stop(state: State) -> None:
        if state.evaluated >= 100:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            explored(designs, sampler(name, designs), tmp_path / "parts", progress=stop)
    before = len(evaluations(log))
    assert 200 <= before < whole.evaluated
    study = explored(designs, sampler(name, designs), tmp_path / "parts")
    check_equal(study, whole)
    assert study.evaluated == whole.evaluated - before
    assert set(Counter(evaluations(log)).values()) == {1}
    assert sorted(evaluations(log)) == whole.points.tolist()
    assert stored(tmp_path / "parts", designs) == stored(tmp_path / "whole", designs)
    assert len(json.loads((tmp_path / "parts" / "study.json").read_text())["runs"]) == 1
    again = explored(designs, sampler(name, designs), tmp_path / "parts")
    check_equal(again, whole)
    assert again.evaluated == 0


def test_a_chunk_that_was_not_written_is_evaluated_again(tmp_path: Path) -> None:
    designs = Designs(tmp_path / "log")
    whole = explored(designs, sampler("random", designs), tmp_path / "store")
    file = next((tmp_path / "store" / "points").glob("*.parquet"))
    file.rename(file.with_name(f".{file.name}.tmp"))
    study = explored(designs, sampler("random", designs), tmp_path / "store")
    check_equal(study, whole)
    assert study.evaluated == 100


def test_other_samplers_use_what_is_stored_but_answer_for_themselves(tmp_path: Path) -> None:
    designs = Designs(tmp_path / "log")
    alone = explored(designs, sampler("nsga2", designs), tmp_path / "alone")
    explored(designs, sampler("exhaustive", designs), tmp_path / "store")
    study = explored(designs, sampler("nsga2", designs), tmp_path / "store")
    assert study.evaluated == 0
    check_equal(study, alone)
    runs = json.loads((tmp_path / "store" / "study.json").read_text())["runs"]
    assert [run["sampler"] for run in runs] == ["exhaustive", "nsga2"]
    assert set(runs[1]) == {
        "sampler", "seed", "population", "objectives", "constraints", "versions", "started",
    }  # fmt: skip


def test_more_of_the_same(tmp_path: Path) -> None:
    designs = Designs(tmp_path / "log")
    explored(designs, sampler("random", designs, 300), tmp_path / "store")
    study = explored(designs, sampler("random", designs, 500), tmp_path / "store")
    assert (study.asked, study.evaluated) == (500, 200)
    check_equal(study, explored(Designs(), sampler("random", designs, 500), tmp_path / "alone"))


def test_goals_and_constraints(tmp_path: Path) -> None:
    question = Question(
        objectives_of(Designs(), ("rate",)),
        tuple(
            parse_constraint(text, ["energy_uj", "speed", "style"])
            for text in ("energy<=100", "speed<20")
        ),
    )
    with Store(tmp_path, Designs()) as store:
        study = explore(Designs(), sampler("exhaustive", Designs()), store, Inline(), question)
    columns = SPACE.columns(study.front.points)
    assert set(columns["speed"].tolist()) == {19} and set(columns["style"]) == {"good"}
    assert sorted(columns["spare"].tolist()) == [0, 1, 2, 3, 4]
    assert (study.front.costs == -190).all()


def test_no_design_keeps_the_constraints(tmp_path: Path) -> None:
    question = replace(QUESTION, constraints=(parse_constraint("area<0", ["area_mm2"]),))
    with Store(tmp_path, Designs()) as store:
        for name in ("exhaustive", "nsga2", "pso"):
            study = explore(Designs(), sampler(name, Designs()), store, Inline(), question)
            assert study.kept == len(study.front.points) == 0
            assert study.valid > 0


def test_a_part_of_the_space_has_the_same_designs(tmp_path: Path) -> None:
    part = Restricted(Designs(), SPACE.restricted("style", ["fair"]).restricted("speed", [7, 9]))
    points = np.arange(part.space.size)
    columns = part.space.columns(points)
    results = part.evaluate(points)
    np.testing.assert_allclose(
        results["latency_ms"], 100 / columns["speed"] * (1.25 + columns["waste"])
    )
    assert part.digest == "designs" and part.metrics == Designs().metrics
    explored(part, sampler("exhaustive", part), tmp_path)
    with pytest.raises(TilefoldError, match="another study"):
        Store(tmp_path, Designs())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("latency", "latency_ms"), "each one once"),
        ((), "at least one"),
        (("latncy",), "no objective is named 'latncy'; did you mean latency_ms"),
        (("bound",), "no objective is named 'bound'"),
    ],
)
def test_objectives_that_cannot_be(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(TilefoldError, match=message):
        objectives_of(Designs(), names)


@dataclass(frozen=True)
class Broken(Designs):
    """Results that break a promise."""

    how: str = ""

    def evaluate(self, points: IntArray) -> dict[str, np.ndarray]:
        results = super().evaluate(points)
        if self.how == "missing":
            del results["rate"]
        elif self.how == "shape":
            results["rate"] = results["rate"][:1]
        elif self.how == "infinite":
            results["rate"][:] = np.inf
        else:
            results["valid"] = results["valid"].astype(int)
        return results


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "expected latency_ms, .*, valid"),
        ("shape", "must be arrays of"),
        ("infinite", "rate of a valid design is not finite"),
        ("integer", "`valid` of bool"),
    ],
)
def test_an_evaluator_that_breaks_a_promise(tmp_path: Path, how: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explored(Broken(how=how), Listed(EVERY[500:510], "test"), tmp_path)
