"""An exploration: a sampler's points, evaluated by workers, stored, and the best of them."""

import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import numpy as np

from ..errors import TilefoldError
from .constraints import Constraint, violation
from .evaluator import Evaluator, Metric, Results
from .names import resolved
from .pareto import Best, BoolArray, FloatArray, Front
from .samplers import Sampler
from .space import IntArray
from .store import Store
from .workers import Workers

CHUNK: Final = 4096
"""Points that a worker evaluates at a time."""

TOP: Final = 10
"""How many of the best designs of each objective are kept."""

_PARTS: Final = 4
"""Chunks of a batch that must be complete before the next one."""

_LIBRARIES: Final = ("tilefold", "numpy", "duckdb", "pymoo", "optuna")


@dataclass(frozen=True)
class State:
    """How far an exploration is: points done of `total`, and how many of them were evaluated now.

    `seconds` is since the start, `best` the least (or most) of each objective so far, by name.
    """

    done: int
    total: int
    evaluated: int
    seconds: float
    best: Mapping[str, float]


Progress = Callable[[State], None]


@dataclass(frozen=True)
class Question:
    """What makes a design good: objectives, in their order, and constraints."""

    objectives: tuple[Metric, ...]
    constraints: tuple[Constraint, ...] = ()

    def judge(self, evaluator: Evaluator, points: IntArray, results: Results) -> "Judged":
        """Costs and violation of `points` [n]."""
        costs = np.stack([each.sign * results[each.name] for each in self.objectives], axis=1)
        needed = {each.name for each in self.constraints} & set(evaluator.space.names)
        parameters = evaluator.space.columns(points) if needed else {}
        return Judged(points, costs, violation(self.constraints, {**parameters, **results}))


@dataclass(frozen=True)
class Judged:
    """Points [n], their costs [n, objectives], and how far they violate the constraints [n]."""

    points: IntArray
    costs: FloatArray
    violation: FloatArray

    @property
    def kept(self) -> BoolArray:
        """Which keep all constraints, [n]."""
        return self.violation == 0


@dataclass(frozen=True)
class Study:
    """What came of an exploration.

    `points` are the designs that the sampler asked for, by number, each once: all counts, the front
    and the best are of these. `front` has those that keep the constraints and that no other one
    dominates; `best` the best `TOP` by each objective's name. `asked` counts the sampler's points,
    `evaluated` those that were not stored before; `kept` are valid and keep the constraints.
    """

    evaluator: Evaluator
    question: Question
    store: Store
    run: Mapping[str, Any]
    points: IntArray
    front: Front
    best: Mapping[str, Best]
    asked: int
    evaluated: int
    valid: int
    kept: int
    seconds: float


def objectives_of(evaluator: Evaluator, names: Iterable[str]) -> tuple[Metric, ...]:
    """The metrics of those names, with or without units; raises TilefoldError if one is no goal."""
    metrics = {metric.name: metric for metric in evaluator.metrics}
    goals = [name for name, metric in metrics.items() if metric.goal != "none"]
    chosen = tuple(metrics[resolved(name, goals, "objective")] for name in names)
    if not chosen or len(set(chosen)) < len(chosen):
        raise TilefoldError("give at least one objective, and each one once")
    return chosen


def explore(
    evaluator: Evaluator,
    sampler: Sampler,
    store: Store,
    workers: Workers,
    question: Question,
    progress: Progress | None = None,
    chunk: int = CHUNK,
) -> Study:
    """Evaluate the sampler's points, unless the store has them, `chunk` at most at a time.

    What comes of it depends on the evaluator, the sampler and the question alone: not on the
    workers, on what was stored before, or on how often the exploration was interrupted and begun
    again.
    """
    run = _Run(evaluator, sampler, store, question, progress)
    if sampler.adaptive:
        run.in_rounds(workers, chunk)
    else:
        run.in_one_go(workers, chunk)
    return run.study()


class _Run:
    """An exploration that goes on."""

    def __init__(
        self,
        evaluator: Evaluator,
        sampler: Sampler,
        store: Store,
        question: Question,
        progress: Progress | None,
    ) -> None:
        self._evaluator, self._sampler, self._store = evaluator, sampler, store
        self._question, self._progress = question, progress
        self._front = Front(len(question.objectives))
        self._best = {each.name: Best(TOP) for each in question.objectives}
        self._points: list[IntArray] = []
        self._asked = self._done = self._evaluated = self._valid = self._kept = 0
        self._start = time.monotonic()
        self._stored = _Known(len(question.objectives))
        for batch in store.batches():
            self._stored.add(question.judge(evaluator, batch["point"], batch))
        self._settings = _settings(sampler, question)
        self._number = store.begin(self._settings)

    def in_one_go(self, workers: Workers, chunk: int) -> None:
        """Batches that do not depend on results, and have no point twice: workers never wait."""

        def missing() -> Iterator[IntArray]:
            while len(points := self._sampler.ask()):
                self._asked += len(points)
                stored = self._stored.has(points)
                self._take(self._stored.of(points[stored]))
                yield from _pieces(points[~stored], chunk)

        for points, results in workers.run(self._evaluator, missing()):
            self._take(self._evaluated_now(points, results))
            self._tell()

    def in_rounds(self, workers: Workers, chunk: int) -> None:
        """Batches that depend on the results of those before."""
        seen = _Known(len(self._question.objectives))
        while len(points := self._sampler.ask()):
            self._asked += len(points)
            new = np.unique(points)
            new = new[~seen.has(new)]
            self._done += len(points) - len(new)
            stored = self._stored.has(new)
            known, missing = self._stored.of(new[stored]), new[~stored]
            self._take(known)
            seen.add(known)
            size = min(chunk, -(-len(missing) // _PARTS) or 1)
            for part, results in workers.run(self._evaluator, _pieces(missing, size)):
                judged = self._evaluated_now(part, results)
                self._take(judged)
                seen.add(judged)
                self._tell()
            told = seen.of(points)
            self._sampler.tell(points, told.costs, told.violation)

    def study(self) -> Study:
        """What came of it."""
        points = np.sort(np.concatenate([np.empty(0, np.int64), *self._points]))
        return Study(
            self._evaluator,
            self._question,
            self._store,
            self._settings,
            points,
            self._front,
            self._best,
            asked=self._asked,
            evaluated=self._evaluated,
            valid=self._valid,
            kept=self._kept,
            seconds=time.monotonic() - self._start,
        )

    def _evaluated_now(self, points: IntArray, results: Results) -> Judged:
        self._store.write(self._number, points, results)
        self._evaluated += len(points)
        return self._question.judge(self._evaluator, points, results)

    def _take(self, judged: Judged) -> None:
        """Count points that are asked for the first time, and see whether they are good."""
        kept = judged.kept
        points, costs = judged.points[kept], judged.costs[kept]
        self._points.append(judged.points)
        self._done += len(judged.points)
        self._valid += int(np.count_nonzero(np.isfinite(judged.violation)))
        self._kept += len(points)
        self._front.add(points, costs)
        for column, best in enumerate(self._best.values()):
            best.add(points, costs[:, column])

    def _tell(self) -> None:
        if self._progress is None:
            return
        goals = zip(self._question.objectives, self._best.values(), strict=True)
        best = {goal.name: goal.sign * each.costs.min() for goal, each in goals if len(each.costs)}
        seconds = time.monotonic() - self._start
        total = max(self._sampler.total, self._done)
        self._progress(State(self._done, total, self._evaluated, seconds, best))


class _Known:
    """Points of which is known what came of them."""

    def __init__(self, objectives: int) -> None:
        self._parts: list[Judged] = []
        self._all = Judged(np.empty(0, np.int64), np.empty((0, objectives)), np.empty(0))

    def add(self, judged: Judged) -> None:
        """Remember points, none of which was known."""
        if len(judged.points):
            self._parts.append(judged)

    def has(self, points: IntArray) -> BoolArray:
        """Which of `points` [n] are known, [n]."""
        known = self._sorted().points
        if not len(known):
            return np.zeros(len(points), np.bool_)
        return known[self._where(points) % len(known)] == points

    def of(self, points: IntArray) -> Judged:
        """What is known of `points` [n], all of which are."""
        known, where = self._sorted(), self._where(points)
        return Judged(points, known.costs[where], known.violation[where])

    def _where(self, points: IntArray) -> IntArray:
        return np.searchsorted(self._sorted().points, points)

    def _sorted(self) -> Judged:
        if self._parts:
            every = [self._all, *self._parts]
            points = np.concatenate([each.points for each in every])
            order = np.argsort(points, kind="stable")
            self._all = Judged(
                points[order],
                np.concatenate([each.costs for each in every])[order],
                np.concatenate([each.violation for each in every])[order],
            )
            self._parts = []
        return self._all


def _pieces(points: IntArray, size: int) -> Iterator[IntArray]:
    for start in range(0, len(points), size):
        yield points[start : start + size]


def _settings(sampler: Sampler, question: Question) -> dict[str, Any]:
    """A run as its store records it."""
    return {
        **sampler.settings,
        "objectives": [each.name for each in question.objectives],
        "constraints": [str(each) for each in question.constraints],
        "versions": {"python": platform.python_version(), **_versions(_LIBRARIES)},
    }


def _versions(names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
