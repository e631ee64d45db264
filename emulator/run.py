"""Running a program: values, cycles and the check of its tokens, together or apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..backend.program import Program
from ..machines.model import Machine
from .host import check_inputs
from .races import check as check_races
from .report import Report, build_report
from .session import session_of
from .timing import time_program

Array = npt.NDArray[np.generic]
Progress = Callable[[int, int], None]
"""Called with the inputs done so far and all of them."""


@dataclass(frozen=True)
class Result:
    """Outputs by name (empty if values were not asked for) and the report of one run."""

    outputs: dict[str, Array]
    report: Report


def emulate(
    program: Program,
    inputs: Mapping[str, Array],
    *,
    values: bool = True,
    time: bool = True,
    check: bool = True,
    fuse: bool = True,
    progress: Progress | None = None,
) -> Result:
    """Run `program` on `inputs` by name.

    An input is float32 of the network's shape, quantised by the host, or the integers themselves;
    a larger first dimension is a batch, which runs input after input. Outputs of float interfaces
    are dequantised, others are integers. Cycles and the check do not depend on values and are made
    once: the report is of one input. Without `values`, inputs are not needed and there are no
    outputs; without `time`, cycles are 0; without `check`, races go unnoticed; without `fuse`,
    loops run tile by tile even where they could run as whole operations, with the same values.

    What depends on the program alone is prepared in the first run and kept as long as the program
    is; from then on the bytes of its segments cannot be written.

    Raises TilefoldError when the inputs do not fit the program, or the program itself is at fault:
    an access outside a memory, overflow, a deadlock, a data race, a read of unwritten bytes.
    """
    session = session_of(program)
    plan, machine = session.plan, session.machine
    batches, size = check_inputs(program.inputs, inputs) if values else ({}, 0)
    if check:
        check_races(plan, _initial_bytes(program, machine), session.sizes)
    counters = time_program(plan, machine, session.code_bytes) if time else None
    outputs: dict[str, list[Array]] = {port.name: [] for port in program.outputs}
    for number in range(size):
        one = {name: batch[number] for name, batch in batches.items()}
        for name, output in session.run(one, fuse).items():
            outputs[name].append(output)
        if progress:
            progress(number + 1, size)
    host = {
        "input_bytes": sum(port.bytes for port in program.inputs),
        "output_bytes": sum(port.bytes for port in program.outputs),
    }
    units = program.code.header.units
    report = build_report(machine, program.network, program.layers, units, counters, host)
    joined = {name: np.concatenate(parts) for name, parts in outputs.items() if parts}
    return Result(joined, report)


def _initial_bytes(program: Program, machine: Machine) -> list[tuple[str, int, int]]:
    """What the host writes before the program starts."""
    places = [(segment.address, segment.data.size) for segment in program.segments]
    places += [(port.address, port.bytes) for port in program.inputs]
    return [(machine.dram.name, address, size) for address, size in places]
