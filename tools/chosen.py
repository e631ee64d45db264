"""What `tilefold explore` tells of the design that it chooses: why, on what it rests, what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..explore.assumptions import sensitivity
from ..explore.builds import machine_of
from ..explore.evaluator import Metric
from ..explore.findings import Findings, runner_up
from ..explore.findings import Table as Rows
from ..explore.study import Study
from ..explore.terms import Explanation, explanation_of
from .carry import Carried, carry
from .carry import table as carried_table
from .command import Update

_STRONGEST: Final = 8
"""Assumptions that are printed."""


@dataclass(frozen=True)
class Chosen:
    """What is told of the chosen design; nothing where there is none, or its evaluator tells none.

    `machine` is its machine file. `assumptions` are rows of `explore.assumptions.sensitivity`, and
    `second` is the runner-up there.
    """

    explanation: Explanation | None = None
    assumptions: Rows = field(default_factory=list[dict[str, Any]])
    machine: str = ""
    carried: Carried | None = None
    second: int | None = None

    @property
    def tables(self) -> Mapping[str, Rows]:
        """The tables by name, those that have rows."""
        every = {
            "layers": self.explanation.layers if self.explanation else [],
            "terms": self.explanation.terms if self.explanation else [],
            "assumptions": self.assumptions,
            "carried": self.carried.rows if self.carried else [],
        }
        return {name: rows for name, rows in every.items() if rows}


def tell(
    study: Study,
    found: Findings,
    networks: Sequence[Path],
    carry_to: Path | None,
    update: Update,
) -> Chosen:
    """All about the chosen design; with `carry_to`, the folder of its files, it is carried through
    compiler and emulator, where it is a machine."""
    if found.chosen is None:
        return Chosen()
    point: int = found.chosen["point"]
    update("explaining the chosen design", 0, None)
    explained = explanation_of(study.evaluator, np.array([point]))
    second = runner_up(study)
    assumptions = sensitivity(study, point, second, update)
    names, machine = machine_of(study.evaluator, point) or ((), "")
    carried = None
    if carry_to is not None and machine:
        models = dict(zip(names, networks, strict=True))
        carried = carry(machine, models, found.chosen, carry_to, update)
    return Chosen(next(iter(explained), None), assumptions, machine, carried, second)


def strongest(goals: Sequence[Metric], rows: Rows) -> Rows:
    """The rows of assumptions: those first that take the design off the front, then those that put
    another one before it, then those that change an objective most."""
    names = [f"{goal.name} ratio" for goal in goals]

    def effect(row: Mapping[str, Any]) -> float:
        ratios = [row[name] for name in names]
        return max(max(each, 1 / each) if each else inf for each in ratios)

    def rank(row: Mapping[str, Any]) -> tuple[int, float]:
        keeps = 1 if row["before runner-up"] is False else 2
        return keeps if row["on front"] else 0, -effect(row)

    return sorted(rows, key=rank)


def show(screen: Console, goals: Sequence[Metric], chosen: Chosen) -> None:
    """Print what the choice rests on most, and what became of the design."""
    if chosen.assumptions:
        screen.print(_assumptions_table(goals, chosen.assumptions))
    if chosen.carried:
        screen.print(carried_table(chosen.carried))


def _assumptions_table(goals: Sequence[Metric], rows: Rows) -> Table:
    shown = strongest(goals, rows)[:_STRONGEST]
    table = Table(title=f"what the chosen design rests on most, of {len(rows)} changes")
    for name in ("assumption", "assumed", "instead"):
        table.add_column(name)
    for goal in goals:
        table.add_column(goal.name, justify="right")
    table.add_column("on the front")
    table.add_column("then chosen", justify="right")
    for row in shown:
        ratios = [row[f"{goal.name} ratio"] for goal in goals]
        cells = ["-" if ratio is None else f"{ratio - 1:+.1%}" for ratio in ratios]
        names = (escape(row[name]) for name in ("assumption", "assumed", "instead"))
        table.add_row(*names, *cells, "yes" if row["on front"] else "no", f"{row['chosen then']}")
    return table
