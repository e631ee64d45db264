"""What every unit did when."""

from collections import defaultdict
from html import escape
from typing import Any, Final, NamedTuple

from ...backend.program import Program
from ...emulator import Recording
from ...emulator.condense import Pieces, condense
from ...emulator.counters import BUSY
from ...machines.model import Machine
from .style import STALLS, WORK, Figure, Time, axis, kind_of, layout, shortened

PIECES: Final = 4000
"""The most pieces that are drawn."""
THICK: Final = 0.84
"""The height of a bar, where a row is 1."""
LAYERS: Final = ("#d5dae0", "#eef0f3")
"""The colours of layers, in turn."""


class Bar(NamedTuple):
    """A bar in the row of a unit: its cycles, its height of at most 1, and what it tells."""

    unit: int
    start: int
    end: int
    height: float
    text: str


def timeline(program: Program, recording: Recording, machine: Machine, hz: int) -> Figure:
    """A row for the layers, and one for each unit: saturated where it is busy, pale in stalls.

    In long runs a bar stands for several slices: then it is as high as the unit was busy, before
    the colour of what stalled it most.
    """
    time = Time.of(recording.cycles, hz)
    rows = ["layer", *recording.units]
    bars = _bars(program, recording, machine, time)
    looks = {**WORK, **{_stall(cause): look for cause, look in STALLS.items()}}
    ranks = {key: rank for rank, key in enumerate(looks)}
    # What is drawn later lies above; the legend begins with work all the same.
    drawn = [key for key in (*map(_stall, STALLS), *WORK) if bars[key]]
    traces = [_trace(*looks[key], bars[key], time, ranks[key]) for key in drawn]
    return {
        "data": [_layers(program, recording, time), *traces],
        "layout": layout(
            110 + 34 * len(rows),
            barmode="overlay",
            bargap=0,
            uniformtext={"minsize": 9, "mode": "hide"},
            margin={"l": 64, "r": 24, "t": 60, "b": 48},
            xaxis=axis(f"time, {time.unit}", range=[0, time(recording.cycles)]),
            yaxis=axis(
                "",
                tickvals=[-row for row in range(len(rows))],
                ticktext=rows,
                range=[0.45 - len(rows), 0.55],
                showgrid=False,
                zeroline=False,
                fixedrange=True,
            ),
        ),
    }


def _stall(cause: str) -> str:
    """The key of the bars of a cause of stalls: some are called like kinds of units."""
    return f"stall {cause}"


def _bars(
    program: Program, recording: Recording, machine: Machine, time: Time
) -> defaultdict[str, list[Bar]]:
    """The bars by the kind of unit that was busy, or by cause of stall."""
    pieces = condense(recording, PIECES)
    kinds = [kind_of(machine, unit) for unit in recording.units]
    bars: defaultdict[str, list[Bar]] = defaultdict(list)
    for number in range(len(pieces.unit)):
        unit, start, end = (int(c[number]) for c in (pieces.unit, pieces.start, pieces.end))
        text = _text(program, recording, pieces, number, time)
        busy, *stalls = pieces.cycles[number].tolist()
        if any(stalls):
            cause = recording.whats[1 + stalls.index(max(stalls))]
            bars[_stall(cause)].append(Bar(unit, start, end, 1, text))
        if busy:
            bars[kinds[unit]].append(Bar(unit, start, end, busy / (end - start), text))
    return bars


def _trace(label: str, colour: str, bars: list[Bar], time: Time, rank: int) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": label,
        "legendrank": rank,
        "y": [-1 - bar.unit for bar in bars],
        "base": [time(bar.start) for bar in bars],
        "x": [time(bar.end - bar.start) for bar in bars],
        "width": [round(THICK * bar.height, 3) for bar in bars],
        "offset": -THICK / 2,
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertext": [bar.text for bar in bars],
        "hoverinfo": "text",
    }


def _layers(program: Program, recording: Recording, time: Time) -> dict[str, Any]:
    """The row that shows which layer was being finished."""
    spans = recording.spans()
    names = [program.layers[layer] for layer, _, _ in spans]
    texts = [
        f"<b>{escape(name)}</b><br>"
        f"adds {end - start:,} cycles, {time(end - start):,.4g} {time.unit}"
        for name, (_, start, end) in zip(names, spans, strict=True)
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "showlegend": False,
        "y": [0] * len(spans),
        "base": [time(start) for _, start, _ in spans],
        "x": [time(end - start) for _, start, end in spans],
        "width": THICK,
        "offset": -THICK / 2,
        "marker": {"color": [LAYERS[n % 2] for n in range(len(spans))]},
        "text": [shortened(name) for name in names],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "constraintext": "both",
        "hovertext": texts,
        "hoverinfo": "text",
    }


def _text(program: Program, recording: Recording, pieces: Pieces, number: int, time: Time) -> str:
    layer, instruction = int(pieces.layer[number]), int(pieces.instruction[number])
    start, end = int(pieces.start[number]), int(pieces.end[number])
    unit = recording.units[int(pieces.unit[number])]
    name = program.layers[layer] if layer >= 0 else "(program)"
    what = f"{pieces.slices[number]} slices"
    if pieces.slices[number] == 1:
        what = program.code.instructions[instruction].mnemonic if instruction >= 0 else "code"
    spent = [
        f"<br>{n / (end - start):.0%} {cause if cause == BUSY else STALLS[cause][0]}"
        for cause, n in zip(recording.whats, pieces.cycles[number].tolist(), strict=True)
        if n
    ]
    return (
        f"<b>{escape(name)}</b><br>{unit}: {what}<br>"
        f"{time(start):,.6g} to {time(end):,.6g} {time.unit}, {end - start:,} cycles"
        f"{''.join(spent)}"
    )
