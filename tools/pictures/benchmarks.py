"""The page of benchmarks: rooflines, what cycles go by with, and what other machines would give."""

from collections.abc import Mapping, Sequence
from html import escape
from math import sqrt
from typing import Any, Final

from ...dialects.isa_prediction import COMPUTE, MEMORY, RECONFIGURATION, STALLS, VECTOR
from ...explore.bench.benchmark import CODE, LIMITS, Benchmark, Share
from .document import Section, document
from .roofline import under_roof
from .style import INK, WORK, Figure, axis, layout, shortened
from .style import STALLS as WAITS

COLOURS: Final[Mapping[str, str]] = {
    COMPUTE: WORK["array"][1],
    MEMORY: WORK["load"][1],
    VECTOR: WORK["vector"][1],
    RECONFIGURATION: WAITS["reconfiguration"][1],
    STALLS: WAITS["port"][1],
    CODE: WAITS["code"][1],
}
"""Of what cycles go by with."""


def benchmarks_page(
    benchmarks: Sequence[Benchmark], tables: Sequence[tuple[str, Sequence[Sequence[str]]]]
) -> str:
    """The page with `tables` (title, rows; the first is a heading).

    Raises TilefoldError without plotly.
    """
    facts = [
        (
            f"{each.network} on {each.machine.name}",
            f"{each.total.cycles:,}",
            f"cycles; {each.total.limit} most",
        )
        for each in benchmarks
    ]
    return document(
        "Networks on machines",
        "Cycles as the compiler predicts them. A product is two operations, a multiplication and "
        "an addition.",
        facts,
        sections(benchmarks),
        tables,
    )


def sections(benchmarks: Sequence[Benchmark]) -> list[Section]:
    """The sections of the page in order."""
    return [section for number, each in enumerate(benchmarks) for section in _of(number, each)]


def _of(number: int, benchmark: Benchmark) -> list[Section]:
    name = f"{benchmark.network} on {benchmark.machine.name}"
    found = [
        Section(
            f"roofline{number}",
            f"{name}: roofline",
            "Layers by the operations that they do for each byte of DRAM traffic, and in a second "
            "of the time that they take. Larger points take more. Layers overlap: one whose loads "
            "ran early can lie above the sloping roof. Layers without products or without DRAM "
            "traffic are left out.",
            roofline(benchmark),
        ),
        Section(
            f"limits{number}",
            f"{name}: what cycles go by with",
            "What each layer adds to the time of those before it, as predicted.",
            _limits(benchmark),
        ),
    ]
    if benchmark.varied:
        found.append(
            Section(
                f"machines{number}",
                f"{name}: other machines",
                "How many times as fast the network would be, compiled anew, with one thing of the "
                "machine different.",
                _machines(benchmark),
            )
        )
    return found


def roofline(benchmark: Benchmark) -> Figure:
    """The layers that multiply and use DRAM, as points under the roof, by what limits them."""
    giga = benchmark.machine.hz / 1e9
    total = benchmark.total
    shown = [row for row in benchmark.layers if row.intensity and row.attained]
    most = max((row.cycles for row in shown), default=1) or 1
    traces: list[dict[str, Any]] = []
    for limit in LIMITS:
        if rows := [row for row in shown if row.limit == limit]:
            sizes = [9 + 19 * sqrt(row.cycles / most) for row in rows]
            line = {"color": INK, "width": 1}
            marker = {"color": COLOURS[limit], "size": sizes, "line": line}
            traces.append(_points(f"limited by {limit}", rows, giga, marker))
    if total.intensity and total.attained:
        star = {"symbol": "star", "size": 19, "color": INK, "line": {"color": "#fff", "width": 1}}
        traces.append(_points("whole network", [total], giga, star))
    places = [place for trace in traces for place in zip(trace["x"], trace["y"], strict=True)]
    return under_roof(traces, places, 2 * total.peak * giga, total.rate * giga)


def _points(
    name: str, rows: Sequence[Share], giga: float, marker: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [row.intensity for row in rows],
        "y": [(row.attained or 0.0) * giga for row in rows],
        "marker": marker,
        "hovertext": [_hover(row, giga) for row in rows],
        "hoverinfo": "text",
    }


def _hover(row: Share, giga: float) -> str:
    attained, attainable = row.attained or 0.0, row.attainable or 1.0
    return (
        f"<b>{escape(row.name)}</b><br>{row.intensity:,.1f} operations a byte of DRAM traffic, "
        f"{row.tensor_intensity or 0:,.1f} of its tensors<br>{attained * giga:,.1f} GOP/s, "
        f"{attained / attainable:.1%} of the roof there<br>"
        f"{row.cycles:,} cycles, limited by {row.limit}"
    )


def _limits(benchmark: Benchmark) -> Figure:
    rows = benchmark.layers
    traces: list[dict[str, Any]] = []
    for limit in LIMITS:
        shown = [number for number, row in enumerate(rows) if row.parts[limit]]
        if shown:
            spent = [rows[number].parts[limit] for number in shown]
            texts = [
                f"<b>{escape(rows[number].name)}</b><br>{limit}: {cycles:,} of "
                f"{rows[number].cycles:,} cycles"
                for number, cycles in zip(shown, spent, strict=True)
            ]
            traces.append(_bars(shown, spent, texts, COLOURS[limit], limit))
    names = [shortened(row.name) for row in rows]
    return _barred(traces, names, axis("cycles", rangemode="tozero"))


def _machines(benchmark: Benchmark) -> Figure:
    cycles = benchmark.total.cycles
    ratios = [cycles / each.cycles if each.cycles else 1.0 for each in benchmark.varied]
    texts = [
        f"{escape(each.variation.text)}: {ratio:.3f} times as fast"
        if each.cycles
        else escape(each.reason)
        for each, ratio in zip(benchmark.varied, ratios, strict=True)
    ]
    gains = [ratio - 1 for ratio in ratios]
    bars = _bars(list(range(len(gains))), gains, texts, WORK["array"][1], "speedup")
    bars["base"] = 1
    names = [shortened(each.variation.text) for each in benchmark.varied]
    return _barred([bars], names, axis("times as fast"), showlegend=False)


def _bars(
    places: Sequence[int], values: Sequence[float], texts: Sequence[str], colour: str, name: str
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "y": list(places),
        "x": list(values),
        "marker": {"color": colour},
        "hovertext": list(texts),
        "hoverinfo": "text",
    }


def _barred(
    traces: list[dict[str, Any]], names: Sequence[str], xaxis: dict[str, Any], **more: Any
) -> Figure:
    ticks = list(range(len(names)))
    low = len(names) - 0.5
    yaxis = axis(
        "", tickvals=ticks, ticktext=list(names), range=[low, -0.5], showgrid=False, zeroline=False
    )
    height, margin = 130 + 19 * len(names), {"l": 64, "r": 24, "t": 40, "b": 48}
    shown = layout(height, barmode="stack", bargap=0.22, margin=margin, xaxis=xaxis, yaxis=yaxis)
    return {"data": traces, "layout": {**shown, **more}}
