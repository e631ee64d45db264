"""The report of a run as a page: one HTML file that needs nothing else, not even a network."""

import json
from collections.abc import Sequence
from html import escape
from importlib import import_module
from string import Template
from types import ModuleType
from typing import Final, NamedTuple

from ...backend.program import Program
from ...emulator import Recording, Report
from ...errors import TilefoldError
from ...machines.model import Machine, parse_machine
from .layers import energy, layers
from .memory import memory
from .roofline import roofline
from .style import GRID, INK, PALE_INK, Figure, Time
from .timeline import timeline

_PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<link rel="icon" href="data:,">
<style>
body { margin: 0 auto; max-width: 1240px; padding: 24px 32px 64px; color: $ink; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 26px; margin: 0 0 2px; }
h2 { font-size: 19px; margin: 44px 0 2px; }
p { margin: 0 0 10px; max-width: 86ch; color: $pale; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 12px;
  margin: 20px 0 0; }
dl div { border: 1px solid $grid; border-radius: 8px; padding: 10px 14px; }
dt { font-size: 13px; color: $pale; }
dd { margin: 0; font-size: 20px; font-weight: 600; white-space: nowrap; }
dd small { font-size: 13px; font-weight: 400; color: $pale; }
details { margin-top: 44px; }
summary { font-size: 19px; font-weight: 600; cursor: pointer; }
table { border-collapse: collapse; font-size: 13px; margin-top: 10px; width: 100%; }
th, td { padding: 3px 10px; border-bottom: 1px solid $grid; text-align: right; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
</style>
<script>$plotly</script>
</head>
<body>
<h1>$title</h1>
<p>$subtitle</p>
<dl>$facts</dl>
$sections
<details><summary>All layers</summary>
$table
</details>
<script>
"use strict";
const figures = $figures;
const options = {displayModeBar: false, responsive: true};
Promise.all(Object.entries(figures).map(
  ([name, figure]) => Plotly.newPlot(name, figure.data, figure.layout, options)
)).then(() => { document.body.dataset.drawn = Object.keys(figures).join(" "); });
</script>
</body>
</html>
""")

_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
"""What the page may load: only what it holds itself, so that no browser reaches for a network."""


class Section(NamedTuple):
    """A heading, what the figure below it shows, and the figure (None: there is none)."""

    name: str
    title: str
    text: str
    figure: Figure | None


def load_plotly() -> ModuleType:
    """`plotly.offline`; raises TilefoldError where plotly is not installed."""
    try:
        return import_module("plotly.offline")
    except ImportError:
        raise TilefoldError(
            "HTML reports need plotly, which is not installed: pip install 'tilefold[report]'"
        ) from None


def html_report(program: Program, report: Report, recording: Recording) -> str:
    """The page for a recorded run; raises TilefoldError without plotly."""
    machine = parse_machine(program.machine_text, f"machine of '{program.network}'")
    every = sections(program, report, recording, machine)
    figures = {section.name: section.figure for section in every if section.figure}
    # "<" could end the script.
    data = json.dumps(figures, separators=(",", ":")).replace("<", "\\u003c")
    return _PAGE.substitute(
        title=escape(f"{report.network} on {report.machine}"),
        subtitle=escape(
            f"{_inputs(program)} at {report.hz / 1e6:g} MHz, from the emulator's count of cycles. "
            f"{len(program.layers) // program.frames} layers, "
            f"{len(program.code.instructions):,} instructions."
        ),
        policy=_POLICY,
        ink=INK,
        pale=PALE_INK,
        grid=GRID,
        plotly=load_plotly().get_plotlyjs(),
        facts=_facts(report, machine),
        sections="\n".join(map(_section, every)),
        table=_table(report, machine),
        figures=data,
    )


def sections(
    program: Program, report: Report, recording: Recording, machine: Machine
) -> list[Section]:
    """The sections of the page in order."""
    return [
        Section(
            "roofline",
            "Roofline",
            "Layers by the operations (two a product) that they do for each byte of DRAM traffic, "
            "and in a second of the time that they add to the run. Larger points add more. Layers "
            "overlap: one whose loads ran early can lie above the sloping roof. Layers that do not "
            "multiply are left out.",
            roofline(report, machine),
        ),
        Section(
            "timeline",
            "Timeline",
            "What every unit did. The first row is the layer that was being finished. In long runs "
            "a bar stands for several slices: the saturated part is as high as the unit's busy "
            "share, the pale part the main reason for the rest. White is idle. Drag to zoom, "
            "double-click to see all.",
            timeline(program, recording, machine, report.hz),
        ),
        Section(
            "layers",
            "Layers",
            "How the units of a kind spent their cycles on each layer, busy or stalled. The tick "
            "is what the layer adds to the run: something else, since layers overlap. Utilisation "
            "is products over what all multipliers could do in the added time.",
            layers(report, machine),
        ),
        Section(
            "memory",
            "Memories",
            "DRAM's bandwidth, the mean of short intervals; and the live bytes of the memories on "
            "the chip: from the start of the instruction that writes a byte to the end of the last "
            "one that reads it. What the compiler allocates is more: rings keep empty slots, too.",
            memory(recording, machine, report.hz),
        ),
        Section(
            "energy",
            "Energy",
            "Energy of each layer by component."
            if report.total.energy is not None
            else "No technology given: energy is not known.",
            energy(report) if report.total.energy is not None else None,
        ),
    ]


def _section(section: Section) -> str:
    figure = f'<div id="{section.name}"></div>' if section.figure else ""
    return f"<h2>{section.title}</h2>\n<p>{escape(section.text)}</p>\n{figure}"


def _facts(report: Report, machine: Machine) -> str:
    total = report.total
    time = Time.of(total.cycles, report.hz)
    traffic = sum(total.bytes.get(machine.dram.name, {}).values())
    seconds = total.cycles / report.hz
    frames = len(report.frames)
    latency = report.frames[0].latency if frames > 1 else total.cycles
    changing = total.reconfiguration_cycles / total.cycles if total.cycles else 0
    facts = [
        ("latency", f"{time(latency):,.4g}", time.unit),
        ("cycles", f"{total.cycles:,}", ""),
        ("inputs a second", f"{max(1, frames) / seconds:,.0f}" if seconds else "-", ""),
        ("products", f"{total.macs / 1e6:,.4g}", "million MACs"),
        ("utilisation", f"{total.utilisation:.1%}", ""),
        ("DRAM traffic", f"{traffic / 1e6:,.4g}", "MB"),
        ("DRAM bandwidth", f"{traffic / seconds / 1e9 if seconds else 0:,.4g}", "GB/s, mean"),
        *_predicted(report),
        ("reconfigurations", f"{total.reconfigurations}", f"{changing:.1%} of cycles"),
    ]
    if total.picojoules is not None:
        facts.append(("energy", f"{total.picojoules / 1e6:,.4g}", "µJ"))
    return "".join(
        f"<div><dt>{name}</dt><dd>{value} <small>{unit}</small></dd></div>"
        for name, value, unit in facts
    )


def _inputs(program: Program) -> str:
    return "One input" if program.frames == 1 else f"{program.frames} inputs at a time"


def _predicted(report: Report) -> list[tuple[str, str, str]]:
    """The compiler's prediction, if there is one."""
    if report.prediction is None:
        return []
    error = f"cycles, {report.prediction.error:+.1%}"
    return [("predicted", f"{report.prediction.predicted:,}", error)]


def _table(report: Report, machine: Machine) -> str:
    heads = ("layer", "cycles", "MACs", "utilisation", "DRAM read, B", "written, B", "reconfigured")
    layers = report.prediction.by_name() if report.prediction else {}
    if layers:
        heads = (*heads, "predicted", "error", "bound by")
    lines = [_row(heads, "th")]
    for row in (*report.layers, report.total):
        dram = row.bytes.get(machine.dram.name, {"read": 0, "written": 0})
        cells = (
            row.name,
            f"{row.cycles:,}",
            f"{row.macs:,}",
            f"{row.utilisation:.1%}",
            f"{dram['read']:,}",
            f"{dram['written']:,}",
            f"{row.reconfigurations} ({row.reconfiguration_cycles:,})",
        )
        if predicted := layers.get(row.name):
            cells += (
                f"{predicted.predicted.cycles:,}",
                f"{predicted.error:.1%}",
                predicted.predicted.bound_by,
            )
        lines.append(_row(cells, "td"))
    return f"<table>{''.join(lines)}</table>"


def _row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>\n"
