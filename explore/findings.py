"""What an exploration found, as tables: the front, the best, and what each parameter does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from .constraints import Constraint
from .pareto import FloatArray, Front, distances
from .samplers import Listed
from .space import IntArray, Space
from .study import Study, explore
from .workers import Workers

SAMPLE: Final = 2000
"""Designs that are drawn behind the front."""

Table = list[dict[str, Any]]
"""Rows, all with the same columns."""


@dataclass(frozen=True)
class Findings:
    """The tables of a study, whose rows have the parameters and metrics of a design, among others.

    `front` is in the order of the objectives; of designs that are equal in all of them it has the
    one of the lowest number, and how many there are. `best` has the best designs by each objective.
    `by_value` has, for each value of each parameter, the best and the median of each objective
    among the designs that were asked for and keep the constraints. `around` has all designs that
    differ from the chosen one in one parameter. `chosen` is a row of the front, or None where there
    is none. `sample` has some of the designs that keep the constraints, evenly from all of them.
    """

    front: Table
    best: Table
    by_value: Table
    chosen: dict[str, Any] | None
    around: Table
    sample: Table

    @property
    def tables(self) -> Mapping[str, Table]:
        """The tables by name."""
        names = ("front", "best", "by_value", "around")
        return {name: getattr(self, name) for name in names}


def findings(study: Study, workers: Workers) -> Findings:
    """The tables of `study`; the neighbours of the chosen design are evaluated by `workers`."""
    front = _front(study)
    chosen = compromise(study)
    return Findings(
        front,
        _best(study),
        by_value(study),
        next((row for row in front if row["point"] == chosen), None),
        [] if chosen is None else _around(study, chosen, workers),
        _sample(study),
    )


def to_json(study: Study, found: Findings) -> dict[str, Any]:
    """Everything about a study as a plain dictionary."""
    counts = {"space": study.evaluator.space.size, "designs": len(study.points)}
    counts |= {"asked": study.asked, "evaluated": study.evaluated}
    return {
        **{key: value for key, value in study.store.record.items() if key != "runs"},
        "run": dict(study.run),
        "counts": {**counts, "valid": study.valid, "kept": study.kept},
        "chosen": found.chosen,
        **found.tables,
    }


def rows(study: Study, points: IntArray) -> Table:
    """Parameters and metrics of `points` [n], which are stored, in their order."""
    if not len(points):
        return []
    columns = study.store.rows(points)
    names = ["point", *study.evaluator.space.names, *(m.name for m in study.evaluator.metrics)]
    lists = [columns[name].tolist() for name in names]
    return [
        {name: _number(value) for name, value in zip(names, row, strict=True)}
        for row in zip(*lists, strict=True)
    ]


def compromise(study: Study) -> int | None:
    """The design of the front that is next to the best of every objective, or None without any.

    The distance is that of `pareto.distances`; of equal designs it is the one of the lowest number.
    """
    return next(iter(_nearest(study)), None)


def runner_up(study: Study) -> int | None:
    """The design of the front that would be the compromise without all that equal it, or None."""
    return next(iter(_nearest(study)[1:]), None)


def _nearest(study: Study) -> list[int]:
    """The designs of the front by their distance, of equal ones the first."""
    points, costs = distinct(study.front)
    if not len(points):
        return []
    return points[np.lexsort([points, distances(costs, costs)])].tolist()


def distinct(front: Front) -> tuple[IntArray, FloatArray]:
    """Designs of a front and their costs, of those that are equal in all the lowest number; in
    the order of costs."""
    costs, first = np.unique(front.costs, axis=0, return_index=True)
    return front.points[first], costs


def by_value(study: Study) -> Table:
    """The table `by_value` of `Findings`; `designs` counts those that keep the constraints."""
    goals = [
        (each.name, "max" if each.goal == "max" else "min") for each in study.question.objectives
    ]
    wanted = ", ".join(
        f'{least}("{name}") AS "best {name}", median("{name}") AS "median {name}"'
        for name, least in goals
    )
    table: Table = []
    if not study.kept:
        return table
    for parameter in study.evaluator.space.parameters:
        columns = study.store.query(
            f'SELECT "{parameter.name}" AS value, count(*) AS designs, {wanted} FROM points '
            f"{_kept(study)} GROUP BY value",
            {"asked": {"point": study.points}},
        )
        names = list(columns)
        lists = (columns[name].tolist() for name in names)
        found = [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]
        found.sort(key=lambda row: parameter.values.index(row["value"]))
        table += [{"parameter": parameter.name, **row} for row in found]
    return table


def neighbours(space: Space, point: int) -> tuple[IntArray, Sequence[str]]:
    """All points that differ from `point` in one parameter, and which one that is of each."""
    (places,) = space.places(np.array([point]))
    points: list[IntArray] = []
    names: list[str] = []
    for column, parameter in enumerate(space.parameters):
        others = np.delete(np.arange(len(parameter.values)), places[column])
        moved = np.tile(places, (len(others), 1))
        moved[:, column] = others
        points.append(space.points(moved))
        names += [parameter.name] * len(others)
    return np.concatenate(points), names


def _front(study: Study) -> Table:
    front = study.front
    _, first, equal = np.unique(front.costs, axis=0, return_index=True, return_counts=True)
    table = rows(study, front.points[first])
    return [{**row, "equal": int(count)} for row, count in zip(table, equal, strict=True)]


def _best(study: Study) -> Table:
    table: Table = []
    for name, best in study.best.items():
        order = np.lexsort([best.points, best.costs])
        table += [{"objective": name, **row} for row in rows(study, best.points[order])]
    return table


def _around(study: Study, chosen: int, workers: Workers) -> Table:
    points, names = neighbours(study.evaluator.space, chosen)
    listed = Listed(points, f"neighbours of {chosen}")
    explore(study.evaluator, listed, study.store, workers, study.question)
    columns = study.store.rows(np.concatenate([[chosen], points]))
    judged = study.question.judge(study.evaluator, columns["point"], columns)
    better = (judged.costs[1:] <= judged.costs[0]).all(axis=1)
    better &= (judged.costs[1:] < judged.costs[0]).any(axis=1) & judged.kept[1:]
    return [
        {"parameter": name, "value": row[name], "kept": kept, "dominates": wins, **row}
        for name, kept, wins, row in zip(
            names, judged.kept[1:].tolist(), better.tolist(), rows(study, points), strict=True
        )
    ]


def _sample(study: Study) -> Table:
    """Drawn by the hash of their numbers, so the same ones each time."""
    if not study.kept:
        return []
    found = study.store.query(
        f"SELECT point FROM points {_kept(study)} ORDER BY hash(point) LIMIT {SAMPLE}",
        {"asked": {"point": study.points}},
    )
    return rows(study, np.sort(found["point"]))


def _kept(study: Study) -> str:
    """The part of a query that leaves what was `asked` for and keeps the constraints."""
    conditions = " AND ".join(["valid", *map(_condition, study.question.constraints)])
    return f"JOIN asked USING (point) WHERE {conditions}"


def _condition(constraint: Constraint) -> str:
    return f'"{constraint.name}" {constraint.relation} {constraint.bound!r}'


def _number(value: Any) -> Any:
    """A value as JSON has it: None for what a design that is not valid does not have."""
    return None if isinstance(value, float) and np.isnan(value) else value
