"""The report of an exploration: fronts, and what each parameter does."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import combinations
from math import inf
from typing import Any, Final

from ...explore.evaluator import Metric
from ...explore.findings import Findings, Table
from ...explore.study import Question, Study
from ..chosen import Chosen
from .chosen import chosen_sections
from .document import Section, document
from .style import INK, SERIES, Figure, axis, layout

_MOST: Final = 2000
"""Designs of a front that are drawn, and rows of a table; files have them all."""

_ROWS: Final = 200
_PALE: Final = "#c9d1d9"
_SPREAD: Final = 20
"""An axis is logarithmic where its values differ by more than this factor."""

_COLUMNS: Final = {"fronts": 2, "values": 3}


def exploration_report(
    study: Study, found: Findings, command: str | None, chosen: Chosen | None = None
) -> str:
    """The page for an exploration, which `command` carries on, unless there is nothing left.

    `chosen` is what else is known of the chosen design. Raises TilefoldError without plotly.
    """
    provenance = ", ".join(f"{name} {text}" for name, text in study.evaluator.provenance.items())
    return document(
        "Exploration of designs",
        f"{provenance}. Sampler {study.run['sampler']}."
        + (f" To go on: {command}" if command else ""),
        _facts(study, found),
        [
            *sections(study.evaluator.space.names, study.question, found),
            *chosen_sections(study.question.objectives, chosen or Chosen()),
        ],
        [
            (f"{title} ({len(table):,})", cells(table[:_ROWS]))
            for title, table in (
                ("Designs of the front", found.front),
                ("Best designs by each objective", found.best),
                ("Designs around the chosen one", found.around),
            )
            if table
        ],
    )


def sections(parameters: Sequence[str], question: Question, found: Findings) -> list[Section]:
    """The sections of the page in order."""
    goals, limits = question.objectives, ", ".join(map(str, question.constraints))
    within = f" that keep {limits}" if limits else ""
    return [
        Section(
            "fronts",
            "Front",
            f"Designs{within}: those that no other one is better than in all objectives at once, "
            "before some of the others that were tried (pale). With three objectives or more a "
            "design of the front may look worse in two of them. The star is the design next to the "
            "best of every objective, the chosen one.",
            _fronts(parameters, goals, found) if found.front else None,
        ),
        Section(
            "values",
            "Each parameter",
            f"The best (line) and the median (dots) of the designs that were tried{within}, by the "
            "values of a parameter, over the best of all: 1 is best. A search tries more of what "
            "is good, so medians are fair only where all designs are tried, or a random part.",
            _values(goals, found.by_value) if found.by_value else None,
        ),
        Section(
            "around",
            "Around the chosen design",
            "The chosen design with one parameter changed: each objective over that of the chosen "
            "one, less than 1 where it is better. Hollow: not within the constraints.",
            _around(goals, found) if found.around else None,
        ),
    ]


def design_text(parameters: Sequence[str], goals: Sequence[Metric], row: Mapping[str, Any]) -> str:
    """A design for a hover: its number, parameters and objectives."""
    lines = [f"<b>design {row['point']}</b>"]
    lines += [f"{name} {escape(text_of(row[name]))}" for name in parameters]
    lines += [f"{goal.name} <b>{text_of(row[goal.name])}</b> {goal.unit}" for goal in goals]
    return "<br>".join(lines)


def cells(table: Table) -> list[list[str]]:
    """A table's heading and rows as text."""
    return [list(table[0]), *([text_of(value) for value in row.values()] for row in table)]


def text_of(value: Any) -> str:
    """A value for people."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def ratio(goal: Metric, value: float | None, base: float) -> float | None:
    """How many times as bad as `base` a value is; None where that means nothing."""
    if value is None or value <= 0 or base <= 0:
        return None
    return base / value if goal.goal == "max" else value / base


def _facts(study: Study, found: Findings) -> list[tuple[str, str, str]]:
    facts = [
        ("designs tried", f"{len(study.points):,}", f"of {study.evaluator.space.size:,}"),
        ("evaluated now", f"{study.evaluated:,}", f"in {study.seconds:,.1f} s"),
        ("within constraints", f"{study.kept:,}", f"{study.valid:,} valid"),
        ("on the front", f"{len(study.front.points):,}", f"{len(found.front):,} different"),
    ]
    for goal in study.question.objectives:
        if len(costs := study.best[goal.name].costs):
            facts.append((f"best {goal.name}", text_of(goal.sign * float(costs.min())), goal.unit))
    return facts


def _fronts(parameters: Sequence[str], goals: Sequence[Metric], found: Findings) -> Figure:
    """A panel for each pair of objectives; one objective is drawn over the designs' numbers."""
    point = Metric("point", "number of the design", "none")
    pairs = list(combinations(goals, 2)) or [(point, goals[0])]
    step = -(-len(found.front) // _MOST)
    star = {"symbol": "star", "size": 17, "color": INK, "line": {"color": "#fff", "width": 1}}
    groups: list[tuple[str, Table, dict[str, Any]]] = [
        ("designs tried", found.sample, {"color": _PALE, "size": 4}),
        ("front", found.front[::step], {"color": SERIES[0], "size": 8}),
        ("chosen", [found.chosen] if found.chosen else [], star),
    ]
    every = [row for _, table, _ in groups for row in table]
    grid = _Grid(len(pairs), _COLUMNS["fronts"], 430)
    data: list[dict[str, Any]] = []
    for number, (across, up) in enumerate(pairs):
        grid.axes(number, _metric_axis(across, every), _metric_axis(up, every))
        for name, table, marker in groups:
            points = {
                "x": [row[across.name] for row in table],
                "y": [row[up.name] for row in table],
            }
            texts = [design_text(parameters, goals, row) for row in table]
            data.append(_trace(name, points, texts, marker, grid, number))
    return {"data": data, "layout": grid.layout()}


def _values(goals: Sequence[Metric], table: Table) -> Figure:
    """A panel for each parameter that has several values."""
    by_parameter: dict[str, Table] = {}
    for row in table:
        by_parameter.setdefault(row["parameter"], []).append(row)
    shown = {name: rows for name, rows in by_parameter.items() if len(rows) > 1} or by_parameter
    grid = _Grid(len(shown), _COLUMNS["values"], 250)
    data: list[dict[str, Any]] = []
    for number, (parameter, rows) in enumerate(shown.items()):
        ratios = axis("over the best", type="log", dtick="D2")
        grid.axes(number, axis(parameter, type="category"), ratios)
        for goal, colour in zip(goals, SERIES, strict=False):
            best = _best([row[f"best {goal.name}"] for row in table], goal)
            for what, marker in (
                ("best", {"color": colour, "size": 7}),
                ("median", {"color": colour, "size": 5, "symbol": "circle-open"}),
            ):
                values = [row[f"{what} {goal.name}"] for row in rows]
                points = {
                    "x": [text_of(row["value"]) for row in rows],
                    "y": [ratio(goal, value, best) for value in values],
                }
                texts = [
                    f"{parameter} {escape(text_of(row['value']))}, {row['designs']:,} designs<br>"
                    f"{what} {goal.name} <b>{text_of(value)}</b> {goal.unit}"
                    for row, value in zip(rows, values, strict=True)
                ]
                trace = _trace(f"{what} {goal.name}", points, texts, marker, grid, number)
                lines = {"mode": "lines+markers", "line": {"color": colour, "width": 1.5}}
                data.append({**trace, **(lines if what == "best" else {})})
    return {"data": data, "layout": grid.layout()}


def _around(goals: Sequence[Metric], found: Findings) -> Figure:
    """The neighbours of the chosen design, a row for each parameter."""
    chosen = found.chosen or {}
    parameters = list(dict.fromkeys(row["parameter"] for row in found.around))
    grid = _Grid(1, 1, 60 + 40 * len(parameters))
    ticks = {"tickvals": list(range(len(parameters))), "ticktext": parameters}
    grid.axes(
        0,
        axis("over the chosen design (1: the same)", type="log"),
        axis("", **ticks, range=[len(parameters) - 0.5, -0.5]),
    )
    data: list[dict[str, Any]] = []
    for number, (goal, colour) in enumerate(zip(goals, SERIES, strict=False)):
        rows = [row for row in found.around if row[goal.name] is not None]
        shift = 0.5 * (number - (len(goals) - 1) / 2) / len(goals)
        points = {
            "x": [ratio(goal, row[goal.name], chosen[goal.name]) for row in rows],
            "y": [parameters.index(row["parameter"]) + shift for row in rows],
        }
        texts = [
            f"{row['parameter']} {escape(text_of(chosen[row['parameter']]))} → "
            f"<b>{escape(text_of(row['value']))}</b><br>"
            f"{goal.name} {text_of(row[goal.name])} {goal.unit}"
            for row in rows
        ]
        symbols = ["circle" if row["kept"] else "circle-open" for row in rows]
        marker = {"color": colour, "size": 9, "symbol": symbols}
        data.append(_trace(goal.name, points, texts, marker, grid, 0))
    return {"data": data, "layout": grid.layout()}


def _trace(
    name: str,
    points: Mapping[str, list[Any]],
    texts: list[str],
    marker: Mapping[str, Any],
    grid: "_Grid",
    panel: int,
) -> dict[str, Any]:
    """Markers in a panel; what has the same name in several is in the legend once."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "showlegend": panel == 0,
        **points,
        "hovertext": texts,
        "hoverinfo": "text",
        "marker": marker,
        **grid.names(panel),
    }


class _Grid:
    """Panels side by side and below each other, numbered by row."""

    def __init__(self, panels: int, columns: int, height: int) -> None:
        self._columns = min(panels, columns)
        self._rows = -(-panels // self._columns)
        self._height = height
        self._axes: dict[str, Any] = {}

    def axes(self, panel: int, across: dict[str, Any], up: dict[str, Any]) -> None:
        """Place the axes of a panel."""
        row, column = divmod(panel, self._columns)
        width, height = 1 / self._columns, 1 / self._rows
        gap = {"x": 0.09 / self._columns, "y": 80 / (self._height * self._rows)}
        name = self.names(panel)
        left, top = column * width, 1 - row * height
        inside = [left + (gap["x"] if column else 0), left + width - gap["x"] / 2]
        across |= {"domain": inside, "anchor": name["yaxis"]}
        up |= {"domain": [max(0.0, top - height + gap["y"]), top], "anchor": name["xaxis"]}
        number = panel + 1 if panel else ""
        self._axes |= {f"xaxis{number}": across, f"yaxis{number}": up}

    def names(self, panel: int) -> dict[str, str]:
        """What a trace calls its axes."""
        number = panel + 1 if panel else ""
        return {"xaxis": f"x{number}", "yaxis": f"y{number}"}

    def layout(self) -> dict[str, Any]:
        """The layout of all panels."""
        margin = {"l": 64, "r": 24, "t": 40, "b": 24}
        return layout(70 + self._height * self._rows, margin=margin, **self._axes)


def _metric_axis(metric: Metric, rows: Table) -> dict[str, Any]:
    values = [row[metric.name] for row in rows]
    low, high = min(values, default=0), max(values, default=0)
    scale = {"type": "log"} if low > 0 and high / low > _SPREAD else {}
    return axis(metric.label, **scale)


def _best(values: Sequence[float], goal: Metric) -> float:
    return max(values, default=-inf) if goal.goal == "max" else min(values, default=inf)
