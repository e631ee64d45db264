"""Running a package: machine programs on the emulator, host models in onnxruntime, in turn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypedDict, Unpack, overload

import numpy as np
import numpy.typing as npt

from ..backend.package import HostPort, HostStep, Package
from ..backend.program import Port, Program
from ..costmodel.technology import Technology
from ..errors import TilefoldError
from ..interpreters.steps import Step, joined, run_steps
from .host import check_input, check_inputs
from .package_report import HostPart, PackageReport
from .run import Progress, Pulse, Result, emulate_program
from .session import session_of

Array = npt.NDArray[Any]
Values = Mapping[str, Array]


class Options(TypedDict, total=False):
    """How to emulate: see `run.emulate_program`."""

    values: bool
    time: bool
    check: bool
    fuse: bool
    shortcut: bool
    record: bool
    sensitivity: bool
    technology: Technology | str | Path | None
    progress: Progress | None
    pulse: Pulse | None


@dataclass(frozen=True)
class PackageResult:
    """Outputs by name (empty if values were not asked for), and the report.

    `programs` are the results of the machine's steps, without outputs.
    """

    outputs: dict[str, Array]
    report: PackageReport
    programs: tuple[Result, ...]


@overload
def emulate(program: Program, inputs: Values, **options: Unpack[Options]) -> Result: ...


@overload
def emulate(program: Package, inputs: Values, **options: Unpack[Options]) -> PackageResult: ...


def emulate(
    program: Program | Package, inputs: Values, **options: Unpack[Options]
) -> Result | PackageResult:
    """Run a program or a package on `inputs` by name.

    An input is float32 of the network's shape, quantised by the host, or the integers themselves,
    or what a host model takes; a larger first dimension is a batch, which runs input after input.
    Outputs of float interfaces are dequantised, others are as computed.

    Options, all by name: without `values`, inputs are not needed and there are no outputs; without
    `time`, cycles are 0; without `check`, races go unnoticed; without `fuse`, loops run tile by
    tile, with the same values; without `shortcut`, time follows settled loops to their ends, to the
    same counters. With `record` the result tells what every unit did when, with `sensitivity` the
    cycles on variations of the machine. `technology` prices energy and area; `progress` and `pulse`
    are called now and then.

    The steps of a package start cold, one when the step before it is complete. What the host does
    is counted apart: its time is measured by this computer's clock.

    Raises TilefoldError when the inputs do not fit, or the program itself is at fault.
    """
    if isinstance(program, Program):
        return emulate_program(program, inputs, **options)
    values = options.get("values", True)
    if values and not program.weights:
        raise TilefoldError(
            "the package's weights were left out: it can be timed and checked, not run; "
            "give no inputs (values=False)"
        )
    timed: Options = {**options, "values": False, "progress": None}
    results = [emulate_program(step, {}, **timed) for step in program.programs]
    runner = _Runner(program, options.get("fuse", True))
    outputs: dict[str, Array] = {}
    if values:
        outputs = runner.outputs(inputs, options.get("progress"))
    report = PackageReport.of(program, [result.report for result in results], runner.host_parts())
    return PackageResult(outputs, report, tuple(results))


@dataclass
class _Runner:
    """Computes the outputs of a package, and measures how long the host takes."""

    package: Package
    fuse: bool
    _seconds: dict[int, list[float]] = field(default_factory=dict[int, list[float]])

    def outputs(self, inputs: Values, progress: Progress | None) -> dict[str, Array]:
        """The outputs by name of all inputs, one after the other."""
        batches, size = _checked(self.package, inputs)
        steps = [
            Step(tuple(port.name for port in step.inputs), self._function(number, step))
            for number, step in enumerate(self.package.steps)
        ]
        runs: list[Values] = []
        for place in range(size):
            values = run_steps(steps, {name: batch[place] for name, batch in batches.items()})
            runs.append({name: values[name] for name in self.package.outputs})
            if progress:
                progress(place + 1, size)
        return {
            name: joined(name, [values[name] for values in runs]) for name in self.package.outputs
        }

    def _function(self, number: int, step: Program | HostStep) -> Callable[[Values], Values]:
        if isinstance(step, Program):
            return partial(self._emulate, step)
        return partial(self._measure, number, step)

    def _emulate(self, program: Program, values: Values) -> Values:
        batches, _ = check_inputs(program.inputs, values)
        one = {name: batch[0] for name, batch in batches.items()}
        return session_of(program).run(one, self.fuse)

    def _measure(self, number: int, step: HostStep, values: Values) -> Values:
        model = step.runner
        start = perf_counter()
        results = model.run(values)
        self._seconds.setdefault(number, []).append(perf_counter() - start)
        return results

    def host_parts(self) -> dict[int, HostPart]:
        """What the host did in its steps for one input, by the numbers of these."""
        parts: dict[int, HostPart] = {}
        for number, step in enumerate(self.package.steps):
            if isinstance(step, HostStep):
                seconds = self._seconds.get(number)
                parts[number] = HostPart(
                    name=step.name,
                    nodes=sum(node.step == number for node in self.package.nodes),
                    bytes_read=self._bytes_read(number),
                    bytes_written=self._bytes_written(number),
                    milliseconds=median(seconds) * 1e3 if seconds else None,
                )
        return parts

    def _bytes_read(self, number: int) -> int:
        """Bytes of what the machine's step before this one made for any later step."""
        steps = self.package.steps
        before = steps[number - 1] if number else None
        wanted = {port.name for step in steps[number:] for port in step.inputs}
        made = before.outputs if isinstance(before, Program) else ()
        return sum(port.bytes for port in made if port.name in wanted)

    def _bytes_written(self, number: int) -> int:
        """Bytes of what the machine's step after this one reads of earlier steps."""
        steps = self.package.steps
        after = steps[number + 1] if number + 1 < len(steps) else None
        made = {port.name for step in steps[: number + 1] for port in step.outputs}
        read = after.inputs if isinstance(after, Program) else ()
        return sum(port.bytes for port in read if port.name in made)


def _checked(package: Package, inputs: Values) -> tuple[dict[str, Array], int]:
    """The inputs of a package with a leading batch dimension, and the size of the batch."""
    for name in set(inputs) & set(package.fixed):
        if (np.asarray(inputs[name]) != (number := package.fixed[name])).any():
            raise TilefoldError(
                f"the network was compiled for '{name}' = {number}, as in all samples; for others "
                "compile it with samples of these"
            )
    inputs = {name: array for name, array in inputs.items() if name not in package.fixed}
    if unknown := sorted(set(inputs) - set(package.inputs)):
        listed = ", ".join(sorted(package.inputs))
        raise TilefoldError(f"no input '{unknown[0]}'; the network has {listed}")
    batches: dict[str, Array] = {}
    for name in package.inputs:
        if name not in inputs:
            raise TilefoldError(f"input '{name}' is missing")
        ports = [port for step in package.steps for port in step.inputs if port.name == name]
        if ports:
            batches[name] = _batch(ports, inputs[name])
    sizes = {name: len(batch) for name, batch in batches.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"'{name}' {size}" for name, size in sizes.items())
        raise TilefoldError(f"inputs have different batch sizes: {listed}")
    size = next(iter(sizes.values()), 1)
    unread = (name for name in package.inputs if name not in batches)
    return batches | {name: _parts(name, inputs[name], size) for name in unread}, size


def _parts(name: str, values: Array, size: int) -> Array:
    """`values`, which no step reads, as [size, ...]."""
    if not values.ndim or len(values) % size:
        if size > 1:
            raise TilefoldError(f"input '{name}' has shape {list(values.shape)} for {size} inputs")
        return values[np.newaxis]
    return values.reshape(size, len(values) // size, *values.shape[1:])


def _batch(ports: Sequence[Port | HostPort], values: Array) -> Array:
    """`values` as [batch, *shape], checked against all ports that read them."""
    if np.issubdtype(values.dtype, np.floating) and any(
        isinstance(port, HostPort) and port.dtype == "float32" for port in ports
    ):
        values = values.astype(np.float32)
    batches = [
        check_input(port, values) if isinstance(port, Port) else _host_batch(port, values)
        for port in ports
    ]
    return batches[0]


def _host_batch(port: HostPort, values: Array) -> Array:
    shape = [1 if size is None else size for size in port.shape]
    one, rest = (shape[0], tuple(shape[1:])) if shape else (1, ())
    if values.dtype.name != port.dtype:
        raise TilefoldError(f"input '{port.name}' has elements {values.dtype}; give {port.dtype}")
    if values.ndim > len(shape) and values.shape[1:] == tuple(shape) and len(values):
        return values
    fits = values.ndim == len(shape) and values.shape[1:] == rest
    empty = values.size == 0 and tuple(shape) == values.shape
    if empty:
        return values[np.newaxis]
    if not fits or (values.ndim and (not len(values) or len(values) % one)):
        raise TilefoldError(
            f"input '{port.name}' has shape {list(values.shape)}, not {shape} "
            "(or a multiple of its first dimension, or more of them stacked)"
        )
    return values.reshape(-1, *shape)
