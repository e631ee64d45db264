"""DRAM's bandwidth and the bytes in use of every memory on the chip, over time."""

from typing import Any, Final

from ...emulator import Recording
from ...emulator.condense import bandwidth, crests
from ...machines.model import Machine
from .style import PALE_INK, WORK, Figure, Time, axis, layout

SAMPLES: Final = 600
"""The most values of a curve."""
HEIGHT: Final = 170
GAP: Final = 0.09
"""Between the plots, of the figure's height."""


def memory(recording: Recording, machine: Machine, hz: int) -> Figure:
    """A plot for DRAM and for each memory on the chip, above one axis of time."""
    time = Time.of(recording.cycles, hz)
    peak = machine.dram.bytes_per_cycle * hz / 1e9
    edges, rates = bandwidth(recording, SAMPLES)
    times = [time(edge) for edge in edges.tolist()]
    gigabytes = [round(rate * hz / 1e9, 4) for rate in rates.tolist()]
    curves = [(f"{machine.dram.name}, GB/s", times, [*gigabytes, 0.0], PALE_INK)]
    notes = [f"peak {peak:,.1f} GB/s"]
    for name, steps in recording.occupancy.items():
        size, highest = machine.memory(name).bytes, int(steps.value.max())
        short = crests(steps, recording.cycles, SAMPLES)
        times = [*map(time, short.time.tolist()), time(recording.cycles)]
        kibibytes = [
            round(value / 1024, 4) for value in (*short.value.tolist(), int(steps.value[-1]))
        ]
        kind = "load" if name == machine.memory_for("I").name else "wload"
        curves.append((f"{name}, KiB", times, kibibytes, WORK[kind][1]))
        notes.append(
            f"at most {highest / 1024:,.1f} of {size / 1024:,.0f} KiB live ({highest / size:.1%})"
        )
    count = len(curves)
    figure: dict[str, Any] = layout(
        HEIGHT * count + 60,
        showlegend=False,
        xaxis=axis(
            f"time, {time.unit}", range=[0, time(recording.cycles)], anchor=_name("y", count - 1)
        ),
        margin={"l": 72, "r": 24, "t": 28, "b": 48},
    )
    figure["annotations"] = []
    traces: list[dict[str, Any]] = []
    for number, ((title, x, y, colour), note) in enumerate(zip(curves, notes, strict=True)):
        top = 1 - number / count
        domain = [top - 1 / count + (GAP if number < count - 1 else 0), top]
        figure[f"yaxis{number + 1}" if number else "yaxis"] = axis(
            title, domain=domain, rangemode="tozero", fixedrange=True
        )
        figure["annotations"].append(_note(note, top))
        traces.append(_curve(title, x, y, colour, _name("y", number)))
    return {"data": traces, "layout": figure}


def _name(letter: str, number: int) -> str:
    return f"{letter}{number + 1}" if number else letter


def _curve(title: str, x: list[float], y: list[float], colour: str, yaxis: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": title,
        "x": x,
        "y": y,
        "yaxis": yaxis,
        "line": {"shape": "hv", "width": 1.2, "color": colour},
        "fill": "tozeroy",
        "hovertemplate": "%{y:,.4g} at %{x:,.5g}<extra></extra>",
    }


def _note(text: str, top: float) -> dict[str, Any]:
    return {
        "text": text,
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": top,
        "xanchor": "right",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 12, "color": PALE_INK},
    }
