"""Running a program: values, cycles and the check of its tokens, together or apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..backend.program import Program
from ..costmodel.energy import Prices
from ..costmodel.technology import Technology
from ..dialects.frames import split_frame
from ..errors import TilefoldError
from .bounds import bounds
from .counters import Counters
from .host import check_inputs
from .prediction import Comparison
from .recorder import Recorder, Recording
from .report import Report, build_report
from .sensitivity import sensitivity as vary
from .session import Session, session_of

Array = npt.NDArray[np.generic]
Progress = Callable[[int, int], None]
"""Called with the inputs done so far and all of them."""
Pulse = Callable[[str, int], None]
"""Called now and then with what goes on, "checking" or "timing", and the events so far."""


@dataclass(frozen=True)
class Result:
    """Outputs by name (empty if values were not asked for), the report and the recording.

    Report and recording are of one input, or of one for each frame; there is a recording if it
    was asked for.
    """

    outputs: dict[str, Array]
    report: Report
    recording: Recording | None = None


def emulate_program(
    program: Program,
    inputs: Mapping[str, Array],
    *,
    values: bool = True,
    time: bool = True,
    check: bool = True,
    fuse: bool = True,
    shortcut: bool = True,
    record: bool = False,
    sensitivity: bool = False,
    technology: Technology | str | Path | None = None,
    progress: Progress | None = None,
    pulse: Pulse | None = None,
) -> Result:
    """Run `program` on `inputs` by name.

    An input is float32 of the network's shape, quantised by the host, or the integers themselves;
    a larger first dimension is a batch, which runs input after input; a program of several frames
    takes as many at a time, and the last one again where the batch ends before (`Program.frames`).
    Outputs of float interfaces
    are dequantised, others are integers. Cycles and the check do not depend on values and are made
    once: the report is of one input. Without `values`, inputs are not needed and there are no
    outputs; without `time`, cycles are 0; without `check`, races go unnoticed; without `fuse`,
    loops run tile by tile even where they could run as whole operations, with the same values. With
    `record`, which needs `time`, the result tells what every unit did when, and with
    `sensitivity`, which does, too, the report the cycles on variations of the machine. Without
    `shortcut`, time follows settled loops to their ends, to the same counters.
    Energy and area are those of `technology` (a name, a file or a table), or of the one that the
    machine names; without either there are counts only.

    What depends on the program alone is prepared in the first run and kept as long as the program
    is, a check that found no fault among it; from then on the bytes of its segments cannot be
    written.

    Raises TilefoldError when the inputs do not fit the program, or the program itself is at fault:
    an access outside a memory, overflow, a deadlock, a data race, a read of unwritten bytes.
    """
    _refuse(program, values=values, untimed=not time, record=record, sensitivity=sensitivity)
    session = session_of(program)
    prices = session.prices(technology)
    batches, size = check_inputs(program.inputs_of(0), inputs) if values else ({}, 0)
    if check:
        session.check(partial(pulse, "checking") if pulse else None)
    recorder = Recorder(session.plan, session.machine) if record else None
    counters = None
    if time:
        told = partial(pulse, "timing") if pulse else None
        counters = session.timer.run(recorder, shortcut=shortcut, pulse=told)
    recording = recorder.recording(counters.cycles) if recorder and counters else None
    outputs = _outputs(session, program, batches, size, fuse, progress)
    report = _report(program, session, counters, prices)
    if counters and sensitivity:
        report.sensitivity = vary(
            session.plan, session.machine, program.code_bytes, counters.cycles
        )
    return Result(outputs, report, recording)


def _refuse(
    program: Program, *, values: bool, untimed: bool, record: bool, sensitivity: bool
) -> None:
    """Refuse what does not go together."""
    if record and untimed:
        raise TilefoldError("without time there is nothing to record; leave time on")
    if sensitivity and untimed:
        raise TilefoldError("without time there is no sensitivity to tell; leave time on")
    if values and not program.weights:
        raise TilefoldError(
            "the program's weights were left out: it can be timed and checked, not run; "
            "give no inputs (values=False)"
        )


def _outputs(
    session: Session,
    program: Program,
    batches: Mapping[str, Array],
    size: int,
    fuse: bool,
    progress: Progress | None,
) -> dict[str, Array]:
    """The outputs by name of `size` inputs, so many `frames` of the program after the other."""
    outputs: dict[str, list[Array]] = {port.name: [] for port in program.outputs_of(0)}
    for first in range(0, size, program.frames):
        taken = range(first, min(first + program.frames, size))
        made = session.run(_ports(program, batches, taken), fuse)
        for frame in range(len(taken)):
            for name, port in zip(outputs, program.outputs_of(frame), strict=True):
                outputs[name].append(made[port.name])
        if progress:
            progress(taken.stop, size)
    return {name: np.concatenate(parts) for name, parts in outputs.items() if parts}


def _ports(program: Program, batches: Mapping[str, Array], taken: range) -> dict[str, Array]:
    """The inputs by port where the frames are those `taken` of a batch, and then the last again."""
    numbers = [min(taken.start + frame, taken.stop - 1) for frame in range(program.frames)]
    return {
        port.name: batches[first.name][number]
        for frame, number in enumerate(numbers)
        for first, port in zip(program.inputs_of(0), program.inputs_of(frame), strict=True)
    }


def _report(
    program: Program, session: Session, counters: Counters | None, prices: Prices | None
) -> Report:
    """What the counters come to, beside their lower bounds."""
    machine = session.machine
    lower = bounds(session.distinct_bytes, machine, counters) if counters else {}
    host = {
        "input_bytes": sum(port.bytes for port in program.inputs),
        "output_bytes": sum(port.bytes for port in program.outputs),
    }
    units, frames = program.code.header.units, program.frames
    report = build_report(
        machine, program.network, program.layers, units, counters, lower, host, prices, frames
    )
    if counters:
        report.frames = session.plan.frames.times(counters.begun, counters.finished)
        report.total.layer_by_layer = session.layer_by_layer(counters)
        if program.prediction:
            cycles = counters.layer_cycles()
            names = [split_frame(name, program.frames)[0] for name in program.layers]
            report.prediction = Comparison.of(program.prediction, names, cycles)
    return report
