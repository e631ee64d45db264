"""The report of a run as a page."""

from ...backend.program import Program
from ...emulator import Recording, Report
from ...machines.model import Machine, parse_machine
from .document import Section, document
from .layers import energy, layers
from .memory import memory
from .roofline import roofline
from .style import Time
from .timeline import timeline


def html_report(program: Program, report: Report, recording: Recording) -> str:
    """The page for a recorded run; raises TilefoldError without plotly."""
    machine = parse_machine(program.machine_text, f"machine of '{program.network}'")
    return document(
        f"{report.network} on {report.machine}",
        f"{_inputs(program)} at {report.hz / 1e6:g} MHz, from the emulator's count of cycles. "
        f"{len(program.layers) // program.frames} layers, "
        f"{len(program.code.instructions):,} instructions.",
        _facts(report, machine),
        sections(program, report, recording, machine),
        [("All layers", _table(report, machine))],
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


def _facts(report: Report, machine: Machine) -> list[tuple[str, str, str]]:
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
    return facts


def _inputs(program: Program) -> str:
    return "One input" if program.frames == 1 else f"{program.frames} inputs at a time"


def _predicted(report: Report) -> list[tuple[str, str, str]]:
    """The compiler's prediction, if there is one."""
    if report.prediction is None:
        return []
    error = f"cycles, {report.prediction.error:+.1%}"
    return [("predicted", f"{report.prediction.predicted:,}", error)]


def _table(report: Report, machine: Machine) -> list[tuple[str, ...]]:
    heads = ("layer", "cycles", "MACs", "utilisation", "DRAM read, B", "written, B", "reconfigured")
    layers = report.prediction.by_name() if report.prediction else {}
    if layers:
        heads = (*heads, "predicted", "error", "bound by")
    lines: list[tuple[str, ...]] = [heads]
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
        lines.append(cells)
    return lines
