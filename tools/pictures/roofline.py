"""Each layer's operations per byte and per second, under the machine's roof.

S. Williams, A. Waterman, D. Patterson: Roofline: an insightful visual performance model for
multicore architectures. Communications of the ACM 52 (4), 2009.
"""

from collections.abc import Sequence
from html import escape
from math import log10, sqrt
from typing import Any, NamedTuple

from ...emulator import Report
from ...emulator.counters import BUSY
from ...emulator.report import Row
from ...machines.model import Machine
from .split import split
from .style import INK, PALE_INK, STALLS, WORK, Figure, axis, layout


class Point(NamedTuple):
    """A row's operations (two a product) per byte of DRAM, and 10^9 of them a second."""

    row: Row
    x: float
    y: float


def roofline(report: Report, machine: Machine) -> Figure:
    """The layers that multiply and use DRAM, as points under the roof."""
    points = [point for row in report.layers if (point := _point(row, machine, report.hz))]
    peak = 2 * report.total.peak * report.hz / 1e9
    rate = machine.dram.bytes_per_cycle * report.hz / 1e9
    groups: dict[str, list[Point]] = {}
    for point in points:
        times = split(point.row, machine, "array")
        groups.setdefault(max(times, key=lambda what: times[what], default=BUSY), []).append(point)
    traces: list[dict[str, Any]] = []
    most = max((point.row.cycles for point in points), default=1)
    for what in (BUSY, *STALLS):
        if group := groups.get(what):
            label, colour = WORK["array"] if what == BUSY else STALLS[what]
            sizes = [9 + 19 * sqrt(point.row.cycles / most) for point in group]
            marker = {"color": colour, "size": sizes, "line": {"color": INK, "width": 1}}
            traces.append(_markers(f"arrays mostly {label}", group, marker, peak, rate))
    if total := _point(report.total, machine, report.hz):
        star = {"symbol": "star", "size": 19, "color": INK, "line": {"color": "#fff", "width": 1}}
        traces.append(_markers("whole network", [total], star, peak, rate))
    return under_roof(traces, [(point.x, point.y) for point in points], peak, rate)


def under_roof(
    traces: list[dict[str, Any]], places: Sequence[tuple[float, float]], peak: float, rate: float
) -> Figure:
    """A figure of `traces` at `places`, operations a byte and GOP/s, and the roof above them.

    The roof is the arrays' `peak`, in GOP/s, and what the DRAM's `rate` in GB/s allows.
    """
    ridge = peak / rate
    low = min([ridge, *(x for x, _ in places)]) / 2
    high = max([ridge, *(x for x, _ in places)]) * 4
    lowest = min([low * rate, *(y for _, y in places)])
    notes = [
        _note(f"peak {peak:,.1f} GOP/s", high, peak),
        _note(f"DRAM {rate:,.1f} GB/s", ridge / 5, peak / 5),
    ]
    return {
        "data": [_roof([low, ridge, high], [low * rate, peak, peak]), *traces],
        "layout": layout(
            500,
            margin={"l": 64, "r": 24, "t": 40, "b": 48},
            xaxis=axis(
                "operations per byte of DRAM traffic", type="log", range=_decades(low, high)
            ),
            yaxis=axis("performance, GOP/s", type="log", range=_decades(lowest / 2, peak * 2)),
            annotations=notes,
        ),
    }


def _decades(low: float, high: float) -> list[float]:
    """A range of a logarithmic axis."""
    return [log10(low), log10(high)]


def _point(row: Row, machine: Machine, hz: int) -> Point | None:
    size = sum(row.bytes.get(machine.dram.name, {}).values())
    if not (row.macs and size and row.working):
        return None
    return Point(row, 2 * row.macs / size, 2 * row.macs * hz / row.working / 1e9)


def _roof(x: list[float], y: list[float]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": INK, "width": 2},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _markers(
    name: str, points: list[Point], marker: dict[str, Any], peak: float, rate: float
) -> dict[str, Any]:
    texts = [
        f"<b>{escape(row.name)}</b><br>{x:,.1f} operations a byte<br>{y:,.1f} GOP/s, "
        f"{y / min(peak, x * rate):.1%} of the roof there<br>"
        f"{row.cycles:,} cycles, {row.utilisation:.1%} utilisation"
        for row, x, y in points
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [point.x for point in points],
        "y": [point.y for point in points],
        "marker": marker,
        "hovertext": texts,
        "hoverinfo": "text",
    }


def _note(text: str, x: float, y: float) -> dict[str, Any]:
    """A note left of a place on the logarithmic axes."""
    return {
        "text": text,
        "x": log10(x),
        "y": log10(y),
        "xanchor": "right",
        "yanchor": "bottom",
        "xshift": -10,
        "showarrow": False,
        "font": {"size": 12, "color": PALE_INK},
    }
