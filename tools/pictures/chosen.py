"""The sections of an exploration's report that are about the chosen design."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from ...explore.evaluator import Metric
from ...explore.findings import Table
from ...explore.terms import Explanation, Term
from ..chosen import Chosen, strongest
from .document import Section, Tree
from .style import SERIES, Figure, axis, layout, shortened

PARTS: Final[Mapping[str, str]] = {
    "compute": "#4a9a45",
    "memory": "#4e79a7",
    "vector": "#f08a24",
    "reconfiguration": "#d9474b",
    "stalls": "#b3b8be",
}
"""What a layer's cycles go to, and the colour of each."""

_LARGE: Final = 1000
"""Numbers from here on are printed without decimals."""

_BARS: Final = 24
"""Assumptions that are drawn; the table has all."""


def chosen_sections(goals: Sequence[Metric], chosen: Chosen) -> list[Section]:
    """Of what is known: bottlenecks, assumptions, terms, what became of it."""
    sections: list[Section] = []
    if chosen.explanation:
        sections += [_bottlenecks(chosen.explanation), _opened(chosen.explanation)]
    if chosen.assumptions:
        sections.append(_assumptions(goals, chosen))
    if chosen.carried:
        sections.append(_carried(chosen))
    return sections


def _bottlenecks(explanation: Explanation) -> Section:
    rows = explanation.layers
    heads = ("network", "layer", "cycles", *PARTS, "bound", "pJ", "mode", "fold", "tiles")
    return Section(
        "bottlenecks",
        "Bottlenecks of the chosen design",
        "What the cycles of each layer go to: the array, transfers that are not hidden, the vector "
        "lanes, a switch of configuration, or stalls, latencies in which nothing is busy.",
        _bars(rows),
        rows=[heads, *(tuple(_cell(row[name]) for name in heads) for row in rows)],
    )


def _bars(rows: Table) -> Figure:
    several = len({row["network"] for row in rows}) > 1
    names = [f"{row['network']}: {row['layer']}" if several else row["layer"] for row in rows]
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": part,
            "y": [number for number, row in enumerate(rows) if row[part]],
            "x": [row[part] for row in rows if row[part]],
            "marker": {"color": colour},
            "hovertext": [
                f"<b>{escape(name)}</b><br>{part} {row[part]:,} of {row['cycles']:,} cycles"
                for name, row in zip(names, rows, strict=True)
                if row[part]
            ],
            "hoverinfo": "text",
        }
        for part, colour in PARTS.items()
    ]
    ticks = {"tickvals": list(range(len(rows))), "ticktext": [shortened(name) for name in names]}
    across = axis("cycles that the layer adds")
    up = axis("", **ticks, range=[len(rows) - 0.5, -0.5], zeroline=False, showgrid=False)
    shape = layout(110 + 19 * len(rows), barmode="stack", bargap=0.22, xaxis=across, yaxis=up)
    return {"data": data, "layout": shape}


def _opened(explanation: Explanation) -> Section:
    return Section(
        "",
        "Each number opened",
        "Click on a number to see what it is made of. These are the numbers with which the "
        "evaluator computed the metrics; each was checked against its parts.",
        None,
        trees=[tree_of(term) for term in explanation.metrics.values()],
    )


def tree_of(term: Term) -> Tree:
    """A term as text."""
    value = f"{term.value:,}" if isinstance(term.value, int) else f"{term.value:.6g}"
    text = f"{value} {term.unit}".rstrip()
    return Tree(term.name, text, term.formula, term.text, [tree_of(part) for part in term.parts])


def _assumptions(goals: Sequence[Metric], chosen: Chosen) -> Section:
    rows = chosen.assumptions
    second = "" if chosen.second is None else f", design {chosen.second}"
    heads = [name for name in rows[0] if name != "designs"]
    ranked = strongest(goals, rows)
    cells = [
        {**row, "chosen then": "-" if row["chosen then"] is None else str(row["chosen then"])}
        for row in ranked
    ]
    lost = sum(not row["on front"] for row in rows)
    others = sum(row["before runner-up"] is False for row in rows)
    return Section(
        "assumptions",
        "What the choice rests on",
        "Numbers that were not measured or published for these machines, each halved or doubled "
        "with all others as they are: how the objectives of the chosen design change (bars, to "
        "either side), and, "
        f"among {rows[0]['designs']:,} designs of the front, whether it is still on the front and "
        f"still before the second one{second}. Of "
        f"{len(rows)} changes {lost} take it off the front, and {others} put the second one "
        "before it.",
        _tornado(goals, ranked),
        rows=[heads, *(tuple(_cell(row[name]) for name in heads) for row in cells)],
    )


def _tornado(goals: Sequence[Metric], rows: Table) -> Figure:
    """Change of each objective in per cent: a row for each assumption, the strongest on top."""
    names = list(dict.fromkeys(row["assumption"] for row in rows))[:_BARS]
    shown = [row for row in rows if row["assumption"] in names]
    data: list[dict[str, Any]] = []
    for goal, colour in zip(goals, SERIES, strict=False):
        known = [row for row in shown if row[f"{goal.name} ratio"] is not None]
        changes = [100 * (row[f"{goal.name} ratio"] - 1) for row in known]
        data.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": goal.name,
                "y": [names.index(row["assumption"]) for row in known],
                "x": changes,
                "marker": {"color": colour, "opacity": 0.75},
                "hovertext": [
                    f"{escape(row['assumption'])}: {escape(row['assumed'])} → "
                    f"{escape(row['instead'])}<br>{goal.name} <b>{_cell(row[goal.name])}</b> "
                    f"{escape(goal.unit)}, {change:+.1f} %"
                    for row, change in zip(known, changes, strict=True)
                ],
                "hoverinfo": "text",
            }
        )
    assumed = {row["assumption"]: row["assumed"] for row in shown}
    texts = [escape(f"{name} ({assumed[name]})") for name in names]
    ticks = {"tickvals": list(range(len(names))), "ticktext": texts}
    up = axis("", **ticks, range=[len(names) - 0.5, -0.5], zeroline=False, showgrid=False)
    across = axis("change, %", zeroline=True, zerolinecolor="#6e7781")
    height = 110 + (12 + 9 * len(goals)) * len(names)
    return {"data": data, "layout": layout(height, bargap=0.25, xaxis=across, yaxis=up)}


def _carried(chosen: Chosen) -> Section:
    assert chosen.carried
    heads = ("network", "analytical", "predicted", "emulated", "error", "analytical pJ",
             "emulated pJ", "energy error", "exact", "note", "files")  # fmt: skip
    rows = chosen.carried.rows
    commands = [row[word] for row in rows for word in ("compile", "run")]
    return Section(
        "",
        "The chosen design, compiled and emulated",
        "Cycles and energy as they were explored (analytical), as the compiler predicts them, and "
        "as the emulator counts them, for a made-up input; errors are of the analytical ones. "
        "Exact: every bit of the outputs is the reference interpreter's. Below, the machine file "
        "and the commands that do the same by hand.",
        None,
        rows=[heads, *(tuple(_cell(row[name]) for name in heads) for row in rows)],
        lines="\n".join([*commands, "", chosen.machine]),
    )


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.0f}" if abs(value) >= _LARGE else f"{value:.5g}"
        case _:
            return str(value)
