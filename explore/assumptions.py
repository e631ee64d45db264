"""What a chosen design rests on: numbers that are not known, and what if they were others."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from .evaluator import Metric, Results, evaluated, normalised, unrestricted
from .findings import Table, distinct
from .pareto import distances, non_dominated
from .space import IntArray
from .study import Judged, Study

MOST: Final = 64
"""Designs of the front that are looked at under each assumption."""


@dataclass(frozen=True)
class Assumption:
    """A number that is not known: what it is of, what is `assumed`, what it is `instead`, and the
    `source`."""

    name: str
    assumed: str
    instead: str
    source: str


Varied = Iterator[tuple[Assumption, Callable[[], Results]]]
"""Assumptions, each with what gives the results of some points under it."""


@runtime_checkable
class Assumes(Protocol):
    """An evaluator that can say what else its metrics would be."""

    def varied(self, points: IntArray) -> Varied:
        """The metrics of `points` [n] with each assumption changed, all others as they are."""
        ...


Progress = Callable[[str, int, int | None], None]


def sensitivity(
    study: Study, chosen: int, runner_up: int | None, progress: Progress | None = None
) -> Table:
    """What the metrics of the `chosen` design are under each changed assumption.

    Rows have the assumption, the metrics that are goals and how many times what they were ("NAME
    ratio"), and whether constraints are `kept`. Then, among so many `designs`, at most `MOST` of
    the different ones on the front, evenly taken: whether no other one dominates it (`on front`),
    which one is next to the best of all objectives (`chosen then`), and whether it is no farther
    from there than the `runner_up`, the second one now (`before runner-up`). No rows where the
    evaluator assumes nothing.
    """
    evaluator, question = study.evaluator, study.question
    points = _some(distinct(study.front)[0], [chosen, *([] if runner_up is None else [runner_up])])
    whole, there = unrestricted(evaluator, points)
    if not isinstance(whole, Assumes):
        return []
    place, second = (_place(points, each) for each in (chosen, runner_up))
    assert place is not None
    base = evaluated(whole, there)
    goals = [metric for metric in evaluator.metrics if metric.goal != "none"]
    every = list(whole.varied(there))
    table: Table = []
    for number, (assumption, results_of) in enumerate(every):
        if progress:
            progress(f"if {assumption.name} were {assumption.instead}", number, len(every))
        results = normalised(whole, there, results_of())
        judged = question.judge(evaluator, points, results)
        table.append(
            {
                "assumption": assumption.name,
                "assumed": assumption.assumed,
                "instead": assumption.instead,
                **_metrics(goals, base, results, place),
                **_ranks(judged, place, second),
                "source": assumption.source,
            }
        )
    return table


def _some(points: IntArray, always: Sequence[int]) -> IntArray:
    """At most `MOST` of `points`, evenly taken, and those that are `always` there; ascending."""
    places = np.linspace(0, len(points) - 1, min(len(points), MOST)).round().astype(np.int64)
    return np.union1d(points[places], np.array(always, np.int64))


def _place(points: IntArray, point: int | None) -> int | None:
    return None if point is None else int(np.searchsorted(points, point))


def _metrics(
    goals: Sequence[Metric], base: Results, results: Results, place: int
) -> dict[str, float | None]:
    """Each goal of a design, and how many times what it was."""
    row: dict[str, float | None] = {}
    for goal in goals:
        value, before = float(results[goal.name][place]), float(base[goal.name][place])
        known = not np.isnan(value)
        row[goal.name] = value if known else None
        row[f"{goal.name} ratio"] = value / before if known and before else None
    return row


def _ranks(judged: Judged, place: int, second: int | None) -> dict[str, Any]:
    """Where a design is among others, and whether before the `second` one."""
    kept, costs = judged.kept, judged.costs
    row: dict[str, Any] = {"kept": bool(kept[place]), "designs": len(kept), "on front": False,
                           "chosen then": None, "before runner-up": None}  # fmt: skip
    if not kept.any():
        return row
    points = judged.points[kept]
    front = non_dominated(costs[kept])
    best = costs[kept][front]
    row["chosen then"] = int(points[front][np.argmin(distances(best, best))])
    if kept[place]:
        row["on front"] = judged.points[place] in points[front]
        if second is not None:
            far = distances(costs[[place, second]], best)
            row["before runner-up"] = bool(far[0] <= far[1] or not kept[second])
    return row
