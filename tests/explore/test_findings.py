"""The tables of an exploration, against the same computed from all results at once."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import pytest
from tilefold.explore.constraints import parse_constraint
from tilefold.explore.evaluator import evaluated
from tilefold.explore.findings import Findings, compromise, findings, neighbours, to_json
from tilefold.explore.store import Store
from tilefold.explore.study import TOP, Question, Study, explore, objectives_of
from tilefold.explore.workers import Inline
from tilefold.tests.support.designs import SPACE, Designs, evaluations
from tilefold.tests.support.exploring import QUESTION, sampler

GOALS = [goal.name for goal in QUESTION.objectives]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Study, Findings]]:
    """Of a random part, in a store that has all designs."""
    folder = tmp_path_factory.mktemp("store")
    with Store(folder, Designs()) as store:
        explore(Designs(), sampler("exhaustive", Designs()), store, Inline(), QUESTION)
        which = sampler("random", Designs(), 700)
        study = explore(Designs(), which, store, Inline(), QUESTION)
        yield study, findings(study, Inline())


def kept_rows(study: Study) -> dict[str, npt.NDArray[np.generic]]:
    """All that were asked for and keep the constraints."""
    results = evaluated(Designs(), study.points)
    kept = QUESTION.judge(Designs(), study.points, results).kept
    columns = {"point": study.points, **SPACE.columns(study.points), **results}
    return {name: column[kept] for name, column in columns.items()}


def test_the_front(found: tuple[Study, Findings]) -> None:
    study, tables = found
    rows = kept_rows(study)
    costs = np.stack([rows[name] for name in GOALS], axis=1)
    chosen = [list(costs[list(rows["point"]).index(point)]) for point in study.front.points]
    assert len(tables.front) < len(chosen), "no designs tie"
    different = sorted({tuple(each) for each in chosen})
    assert [tuple(row[name] for name in GOALS) for row in tables.front] == different
    for row in tables.front:
        equal = [each == [row[name] for name in GOALS] for each in chosen]
        assert row["equal"] == sum(equal)
        assert row["point"] == study.front.points[equal.index(True)]
        assert row["speed"] == SPACE.columns(np.array([row["point"]]))["speed"][0]
    assert sum(row["equal"] for row in tables.front) == len(study.front.points)


def test_the_best(found: tuple[Study, Findings]) -> None:
    study, tables = found
    rows = kept_rows(study)
    for name in GOALS:
        order = np.lexsort([rows["point"], rows[name]])[:TOP]
        best = [row for row in tables.best if row["objective"] == name]
        assert [row["point"] for row in best] == rows["point"][order].tolist()
        assert [row[name] for row in best] == rows[name][order].tolist()


def test_what_each_value_is_worth(found: tuple[Study, Findings]) -> None:
    study, tables = found
    rows = kept_rows(study)
    expected = [
        {
            "parameter": parameter.name,
            "value": value,
            "designs": int(np.count_nonzero(same)),
            **{
                f"{what} {name}": of(rows[name][same].tolist())
                for name in GOALS
                for what, of in (("best", min), ("median", median))
            },
        }
        for parameter in SPACE.parameters
        for value in parameter.values
        if (same := rows[parameter.name] == value).any()
    ]
    assert [list(row) for row in tables.by_value] == [list(row) for row in expected]
    for row, other in zip(tables.by_value, expected, strict=True):
        assert list(row.values())[:3] == list(other.values())[:3]
        assert list(row.values())[3:] == pytest.approx(list(other.values())[3:], rel=1e-12)


def test_the_chosen_design_is_next_to_the_best_of_all(found: tuple[Study, Findings]) -> None:
    study, tables = found
    costs = study.front.costs
    scaled = (costs - costs.min(axis=0)) / np.ptp(costs, axis=0)
    nearest = np.argmin((scaled**2).sum(axis=1))
    assert compromise(study) == study.front.points[nearest]
    assert tables.chosen in tables.front
    assert tables.chosen and tables.chosen["point"] == compromise(study)


def test_the_neighbours(found: tuple[Study, Findings]) -> None:
    _, tables = found
    assert tables.chosen
    chosen = tables.chosen
    assert len(tables.around) == 31 + 3 + 2 + 4
    for row in tables.around:
        changed = [name for name in SPACE.names if row[name] != chosen[name]]
        assert changed == [row["parameter"]]
        assert row["value"] == row[row["parameter"]]
        assert row["kept"] == (row["latency_ms"] is not None and row["area_mm2"] <= 30)
        pairs = [(row[name], chosen[name]) for name in GOALS if row["kept"]]
        no_worse = all(mine <= theirs for mine, theirs in pairs)
        assert row["dominates"] == (bool(pairs) and no_worse and any(a < b for a, b in pairs))
    points, names = neighbours(SPACE, 0)
    assert len(set(points.tolist())) == len(points) == len(names) == 40


def test_neighbours_that_are_not_stored_are_evaluated(tmp_path: Path) -> None:
    designs = Designs(tmp_path / "log")
    with Store(tmp_path / "store", designs) as store:
        study = explore(designs, sampler("random", designs, 5), store, Inline(), QUESTION)
        tables = findings(study, Inline())
        again = findings(study, Inline())
    assert len(tables.around) == 40 and again == tables
    assert len(evaluations(tmp_path / "log")) == len(set(evaluations(tmp_path / "log")))
    assert any(row["dominates"] for row in tables.around), "5 designs do not hold the best"


def test_the_sample(found: tuple[Study, Findings]) -> None:
    study, tables = found
    assert [row["point"] for row in tables.sample] == kept_rows(study)["point"].tolist()


def test_nothing_found(tmp_path: Path) -> None:
    question = Question(QUESTION.objectives, (parse_constraint("area<0", ["area_mm2"]),))
    with Store(tmp_path, Designs()) as store:
        which = sampler("random", Designs(), 50)
        study = explore(Designs(), which, store, Inline(), question)
        tables = findings(study, Inline())
        assert tables == Findings([], [], [], None, [], [])
        assert json.loads(json.dumps(to_json(study, tables), allow_nan=False))["front"] == []


def test_everything_as_json(found: tuple[Study, Findings]) -> None:
    study, tables = found
    record = json.loads(json.dumps(to_json(study, tables), allow_nan=False))
    assert record["run"]["constraints"] == ["area_mm2<=30"]
    assert record["counts"]["designs"] == 700 and record["counts"]["evaluated"] == 0
    assert record["provenance"] == {"network": "made up"}
    assert {"front", "best", "by_value", "around", "chosen"} <= set(record)


def test_more_is_better(tmp_path: Path) -> None:
    question = Question(objectives_of(Designs(), ("rate",)))
    with Store(tmp_path, Designs()) as store:
        study = explore(Designs(), sampler("exhaustive", Designs()), store, Inline(), question)
        tables = findings(study, Inline())
    assert [row["rate"] for row in tables.front] == [320.0]
    speeds = [row for row in tables.by_value if row["parameter"] == "speed"]
    assert [row["best rate"] for row in speeds] == pytest.approx([10 * n for n in range(1, 33)])
