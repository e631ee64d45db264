"""A chosen design on its way: machine file, compiled programs, emulated runs, and traces.

What the explorer says of a design is beside what the compiler predicts and the emulator counts, and
outputs are compared with those of the reference interpreter.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from rich.markup import escape
from rich.table import Table

from ..backend.program import Port, Program
from ..compiler import Compilation, compile_levels
from ..emulator import Result, emulate
from ..emulator.host import dequantise, numpy_type
from ..emulator.trace import chrome_trace
from ..errors import TilefoldError
from ..explore.findings import Table as Rows
from ..interpreters.nn import run as interpret
from ..machines.model import Machine, parse_machine
from .command import Array, Update, file_name, npy

SEED: Final = 0
"""Of the made-up inputs."""

MACHINE: Final = "design.mlir"
"""The machine file's name."""


@dataclass(frozen=True)
class Carried:
    """What became of a design: a row for each network, and files that tell all of it.

    A row has `analytical`, `predicted` and `emulated` cycles and pJ, `error` of the analytical ones
    relative to the emulated ones, and whether outputs are `exact`; where the network could not be
    compiled these are None, and `note` says why.
    """

    rows: Rows
    files: Mapping[Path, bytes] = field(default_factory=dict[Path, bytes])

    @property
    def exact(self) -> bool:
        """Whether no output of what could be compiled differs."""
        return all(row["exact"] is not False for row in self.rows)


def carry(
    text: str,
    networks: Mapping[str, Path],
    metrics: Mapping[str, Any],
    folder: Path,
    update: Update,
) -> Carried:
    """Compile and emulate `networks`, by name, on the machine of file `text`.

    `metrics` has NAME_cycles and NAME_energy (mJ) of each, as they were explored; files lie in
    `folder`. Inputs are random integers of the inputs' own type, the same each time.
    """
    machine = parse_machine(text, MACHINE)
    files, rows = {folder / MACHINE: text.encode()}, list[dict[str, Any]]()
    for number, (name, model) in enumerate(networks.items()):
        update(f"carrying {name} through", number, len(networks))
        made, inputs = dict[str, bytes](), dict[str, str]()
        analytical = metrics[f"{name}_cycles"], metrics[f"{name}_energy"] * 1e9
        try:
            found, made, inputs = _through(name, model, machine)
        except TilefoldError as error:
            found = dict.fromkeys(("predicted", "emulated", "emulated pJ", "exact"))
            found |= {"note": str(error)}
        rows.append(_row(name, analytical, found, list(made)))
        rows[-1] |= _commands(name, model, folder, inputs)
        files |= {folder / each: data for each, data in made.items()}
    return Carried(rows, files)


def _through(
    name: str, model: Path, machine: Machine
) -> tuple[dict[str, Any], dict[str, bytes], dict[str, str]]:
    """What is counted of a network, its files by name, and those of its inputs."""
    compilation = compile_levels(model, machine)
    program = compilation.program
    inputs = sample(program.inputs, SEED)
    result = emulate(program, inputs, record=True)
    report, recording = result.report, result.recording
    assert report.prediction and recording
    counted: dict[str, Any] = {
        "predicted": report.prediction.predicted,
        "emulated": report.total.cycles,
        "emulated pJ": report.total.picojoules,
        "exact": _equal(compilation, inputs, result),
        "note": "",
    }
    places = {port: f"{name}.{file_name(port)}.npy" for port in inputs}
    files = {
        f"{name}.tfp": _archived(program),
        f"{name}.trace.json": chrome_trace(program, report, recording).encode(),
        **{places[port]: npy(values) for port, values in inputs.items()},
    }
    return counted, files, places


def sample(ports: Sequence[Port], seed: int) -> dict[str, Array]:
    """Random integers of each input's own type, as real numbers where the host quantises them."""
    random, values = np.random.default_rng(seed), dict[str, Array]()
    for port in ports:
        low = -(1 << (port.bits - 1)) if port.signed else 0
        codes = random.integers(low, low + (1 << port.bits), port.shape)
        exact = codes.astype(numpy_type(port))
        values[port.name] = dequantise(port, codes) if port.float_interface else exact
    return values


def _equal(compilation: Compilation, inputs: Mapping[str, Array], result: Result) -> bool:
    """Whether every bit of all outputs is the reference interpreter's."""
    expected = interpret(compilation.source, inputs, compilation.context.store)
    pairs = [(values, expected[name]) for name, values in result.outputs.items()]
    return len(pairs) == len(expected) and all(
        (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes()) for a, b in pairs
    )


def _row(
    name: str, analytical: tuple[float, float], found: Mapping[str, Any], files: list[str]
) -> dict[str, Any]:
    cycles, pj = analytical
    emulated, energy = found["emulated"], found["emulated pJ"]
    return {
        "network": name,
        "analytical": int(cycles),
        "predicted": found["predicted"],
        "emulated": emulated,
        "error": cycles / emulated - 1 if emulated else None,
        "analytical pJ": pj,
        "emulated pJ": energy,
        "energy error": pj / energy - 1 if energy else None,
        "exact": found["exact"],
        "note": found["note"],
        "files": ", ".join((MACHINE, *files)),
    }


def _commands(name: str, model: Path, folder: Path, inputs: Mapping[str, str]) -> dict[str, str]:
    """How to do the same by hand, with `inputs` by name from files."""
    program = str(folder / f"{name}.tfp")
    by_hand = {
        "compile": [str(model), "--machine", str(folder / MACHINE), "-o", program],
        "run": [program, "--prediction", "--trace", str(folder / f"{name}.trace.json")],
    }
    for port, file in inputs.items():
        by_hand["run"] += ["--input", f"{port}={folder / file}"]
    return {word: shlex.join(["tilefold", word, *rest]) for word, rest in by_hand.items()}


def table(carried: Carried) -> Table:
    """The rows for the screen."""
    heads = ("analytical", "predicted", "emulated", "error", "uJ", "emulated uJ", "error", "exact")
    result = Table("network", title="the chosen design: explored, compiled, emulated")
    for head in heads:
        result.add_column(head, justify="right")
    for row in carried.rows:
        cells = [_cell(row[name], ",") for name in ("analytical", "predicted", "emulated")]
        energies = [row["analytical pJ"], row["emulated pJ"]]
        cells += [_cell(row["error"], "+.1%")]
        cells += [_cell(None if pj is None else pj / 1e6, ",.4g") for pj in energies]
        cells += [_cell(row["energy error"], "+.1%")]
        exact = {True: "every bit", False: "NO", None: "-"}[row["exact"]]
        result.add_row(escape(row["network"]), *cells, exact)
    return result


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _archived(program: Program) -> bytes:
    """The program file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "program.tfp"
        program.save(path)
        return path.read_bytes()
