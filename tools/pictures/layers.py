"""Every layer's cycles, utilisation and traffic; and its energy."""

from html import escape
from typing import Any

from ...emulator import Report
from ...emulator.counters import BUSY
from ...emulator.report import Row
from ...machines.model import Machine
from .split import split
from .style import INK, SERIES, STALLS, WORK, Figure, axis, kind_of, layout, shortened

"""By layer: pJ by component."""


def layers(report: Report, machine: Machine) -> Figure:
    """Bars for each layer: how units of a kind spent their cycles, utilisation, DRAM traffic."""
    rows = report.layers
    present = {kind_of(machine, unit) for unit in machine.units}
    kinds = [kind for kind in ("array", "vector", "load", "wload", "store") if kind in present]
    choices: list[tuple[str, list[dict[str, Any]]]] = [
        (kind, _time_bars(rows, machine, kind, visible=kind == kinds[0])) for kind in kinds
    ]
    fixed = [_added(rows), _utilisation(rows), *_traffic(rows, machine)]
    buttons: list[dict[str, Any]] = []
    for kind, _ in choices:
        shown = [other == kind for other, traces in choices for _ in traces]
        change = {"visible": [*shown, *(True for _ in fixed)]}
        buttons.append({"label": f"units {WORK[kind][0]}", "method": "restyle", "args": [change]})
    menu = {
        "buttons": buttons,
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"b": 52},
        "font": {"size": 12},
        "bgcolor": "#fff",
    }
    return {
        "data": [*(trace for _, traces in choices for trace in traces), *fixed],
        "layout": layout(
            190 + 19 * len(rows),
            margin={"l": 64, "r": 24, "t": 116, "b": 48},
            barmode="stack",
            bargap=0.22,
            updatemenus=[menu],
            yaxis=_names(rows),
            xaxis=axis("cycles, mean of the units", domain=[0, 0.56]),
            xaxis2=axis("utilisation, %", domain=[0.6, 0.77], rangemode="tozero"),
            xaxis3=axis("DRAM traffic, kB", domain=[0.81, 1]),
        ),
    }


def energy(report: Report) -> Figure:
    """Bars for each layer, stacked by component, in nJ; the report must have energies."""
    rows = [(row, row.energy) for row in report.layers if row.energy is not None]
    components = sorted({name for _, spent in rows for name in spent})
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": escape(component),
            "y": list(range(len(rows))),
            "x": [spent.get(component, 0.0) / 1e3 for _, spent in rows],
            "marker": {"color": SERIES[number % len(SERIES)]},
            "hovertext": [
                f"<b>{escape(row.name)}</b><br>{escape(component)}: "
                f"{spent.get(component, 0.0) / 1e3:,.3f} nJ"
                for row, spent in rows
            ],
            "hoverinfo": "text",
        }
        for number, component in enumerate(components)
    ]
    return {
        "data": traces,
        "layout": layout(
            110 + 19 * len(rows),
            barmode="stack",
            bargap=0.22,
            margin={"l": 64, "r": 24, "t": 40, "b": 48},
            yaxis=_names([row for row, _ in rows]),
            xaxis=axis("energy, nJ"),
        ),
    }


def _names(rows: list[Row]) -> dict[str, Any]:
    return axis(
        "",
        tickvals=list(range(len(rows))),
        ticktext=[shortened(row.name) for row in rows],
        range=[len(rows) - 0.5, -0.5],
        zeroline=False,
        showgrid=False,
    )


def _bar(rows: list[Row], values: list[float], texts: list[str], **more: object) -> dict[str, Any]:
    """A bar for each row that has a value."""
    shown = [number for number, value in enumerate(values) if value]
    return {
        "type": "bar",
        "orientation": "h",
        "y": shown,
        "x": [values[number] for number in shown],
        "hovertext": [f"<b>{escape(rows[number].name)}</b><br>{texts[number]}" for number in shown],
        "hoverinfo": "text",
        **more,
    }


def _time_bars(rows: list[Row], machine: Machine, kind: str, visible: bool) -> list[dict[str, Any]]:
    """A bar for each use of the time of the units of a kind."""
    times = [split(row, machine, kind) for row in rows]
    traces: list[dict[str, Any]] = []
    for what in (BUSY, *STALLS):
        values = [time.get(what, 0.0) for time in times]
        if any(values):
            label, colour = WORK[kind] if what == BUSY else STALLS[what]
            texts = [
                f"{label}: {value:,.0f} of {sum(time.values()):,.0f} cycles"
                for value, time in zip(values, times, strict=True)
            ]
            look = {"name": label, "marker": {"color": colour}, "visible": visible}
            traces.append(_bar(rows, values, texts, **look))
    return traces


def _added(rows: list[Row]) -> dict[str, Any]:
    """What each layer adds to the time when all before it are complete."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "added to the run",
        "y": list(range(len(rows))),
        "x": [row.cycles for row in rows],
        "marker": {"symbol": "line-ns", "size": 11, "line": {"color": INK, "width": 2}},
        "hovertext": [
            f"<b>{escape(row.name)}</b><br>adds {row.cycles:,} cycles to the run" for row in rows
        ],
        "hoverinfo": "text",
    }


def _utilisation(rows: list[Row]) -> dict[str, Any]:
    values = [100 * row.utilisation for row in rows]
    texts = [f"{row.utilisation:.1%} of the multipliers' cycles, {row.macs:,} MACs" for row in rows]
    look = {"marker": {"color": WORK["array"][1]}, "showlegend": False}
    return _bar(rows, values, texts, xaxis="x2", **look)


def _traffic(rows: list[Row], machine: Machine) -> list[dict[str, Any]]:
    traces: list[dict[str, Any]] = []
    for direction, colour in (("read", WORK["load"][1]), ("written", WORK["store"][1])):
        sizes = [row.bytes.get(machine.dram.name, {}).get(direction, 0) for row in rows]
        texts = [f"{size:,} bytes {direction}" for size in sizes]
        look = {"name": f"DRAM {direction}", "marker": {"color": colour}}
        traces.append(_bar(rows, [size / 1e3 for size in sizes], texts, xaxis="x3", **look))
    return traces
