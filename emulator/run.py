"""Running a program: values, cycles and the check of its tokens, together or apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from ..backend.program import Program
from ..errors import TilefoldError
from ..machines.model import Machine, parse_machine
from .bounds import bounds
from .footprint import Plan
from .host import check_inputs, from_device, to_device
from .memory import Memory
from .races import check as check_races
from .report import Report, build_report
from .sensitivity import sensitivity as vary
from .timing import time_program
from .values import State, execute_all

DRAM_LIMIT: Final = 2 << 30
"""The most DRAM, in bytes, that a program may touch to be emulated."""

Array = npt.NDArray[np.generic]
Progress = Callable[[int, int], None]
"""Called with the inputs done so far and all of them."""
Pulse = Callable[[str, int], None]
"""Called now and then with what goes on, "checking" or "timing", and the events so far."""


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
    shortcut: bool = True,
    sensitivity: bool = False,
    progress: Progress | None = None,
    pulse: Pulse | None = None,
) -> Result:
    """Run `program` on `inputs` by name.

    An input is float32 of the network's shape, quantised by the host, or the integers themselves;
    a larger first dimension is a batch, which runs input after input. Outputs of float interfaces
    are dequantised, others are integers. Cycles and the check do not depend on values and are made
    once: the report is of one input. Without `values`, inputs are not needed and there are no
    outputs; without `time`, cycles are 0; without `check`, races go unnoticed. With
    `sensitivity`, which needs `time`, the report tells the cycles on variations of the machine.
    Without `shortcut`, time follows settled loops to their ends, to the same counters.

    Raises TilefoldError when the inputs do not fit the program, or the program itself is at fault:
    an access outside a memory, overflow, a deadlock, a data race, a read of unwritten bytes.
    """
    if sensitivity and not time:
        raise TilefoldError("without time there is no sensitivity to tell; leave time on")
    if values and not program.weights:
        raise TilefoldError(
            "the program's weights were left out: it can be timed and checked, not run; "
            "give no inputs (values=False)"
        )
    program.check()
    machine = parse_machine(program.machine_text, f"machine of '{program.network}'")
    plan = Plan(program.code, program.layers, program.layer_of)
    sizes = {memory.name: memory.bytes for memory in machine.memories}
    sizes[machine.dram.name] = _dram_bytes(program, plan, machine)
    batches, size = check_inputs(program.inputs, inputs) if values else ({}, 0)
    if check:
        told = partial(pulse, "checking") if pulse else None
        check_races(plan, _initial_bytes(program, machine), sizes, told)
    counters = None
    if time:
        told = partial(pulse, "timing") if pulse else None
        counters = time_program(plan, machine, program.code_bytes, shortcut=shortcut, pulse=told)
    outputs: dict[str, list[Array]] = {port.name: [] for port in program.outputs}
    if values:
        dram = Memory(machine.dram.name, sizes.pop(machine.dram.name))
        for number in range(size):
            one = {name: batch[number] for name, batch in batches.items()}
            for name, output in _run_values(program, plan, dram, sizes, one).items():
                outputs[name].append(output)
            if progress:
                progress(number + 1, size)
    host = {
        "input_bytes": sum(port.bytes for port in program.inputs),
        "output_bytes": sum(port.bytes for port in program.outputs),
    }
    units = program.code.header.units
    lower = bounds(plan, machine, counters) if counters else {}
    report = build_report(machine, program.network, program.layers, units, counters, lower, host)
    if counters and sensitivity:
        report.sensitivity = vary(plan, machine, program.code_bytes, counters.cycles)
    joined = {name: np.concatenate(parts) for name, parts in outputs.items() if parts}
    return Result(joined, report)


def _initial_bytes(program: Program, machine: Machine) -> list[tuple[str, int, int]]:
    """What the host writes before the program starts."""
    places = [(segment.address, segment.data.size) for segment in program.segments]
    places += [(port.address, port.bytes) for port in program.inputs]
    return [(machine.dram.name, address, size) for address, size in places]


def _dram_bytes(program: Program, plan: Plan, machine: Machine) -> int:
    """The bytes of DRAM that the program can touch."""
    ends = [segment.address + segment.data.size for segment in program.segments]
    ends += [port.address + port.bytes for port in (*program.inputs, *program.outputs)]
    for step in plan.tree.steps:
        views = plan.views(step).values()
        ends += [view.reach() for view in views if view.view.memory == machine.dram.name]
    size = min(max(ends, default=0), machine.dram.bytes or 1 << 32)
    if size > DRAM_LIMIT:
        raise TilefoldError(
            f"the program touches {size} bytes of DRAM; at most {DRAM_LIMIT} can be emulated"
        )
    return size


def _run_values(
    program: Program,
    plan: Plan,
    dram: Memory,
    sizes: Mapping[str, int],
    inputs: Mapping[str, Array],
) -> dict[str, Array]:
    """Run one input on fresh memories of these `sizes`.

    DRAM is kept between inputs: the check proves that nothing stale is read.
    """
    memories = {name: Memory(name, size) for name, size in sizes.items()}
    memories[dram.name] = dram
    for segment in program.segments:
        _place(dram, segment.address, segment.data)
    for port in program.inputs:
        _place(dram, port.address, to_device(port, inputs[port.name]))
    execute_all(plan, State(memories))
    return {
        port.name: from_device(port, dram.data[port.address : port.address + port.bytes])
        for port in program.outputs
    }


def _place(dram: Memory, address: int, data: npt.NDArray[np.uint8]) -> None:
    end = address + data.size
    if end > dram.data.size:
        raise TilefoldError(
            f"{data.size} bytes at {address:#x} do not fit the machine's "
            f"{dram.data.size} bytes of {dram.name}"
        )
    dram.data[address:end] = data
    if data.size:
        dram.touch(address, end)
