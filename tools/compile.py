"""`tilefold compile`: from an ONNX model to a program file, or to any level on the way.

`tilefold compile net.onnx --machine dna_a600 -o net.tfp`
"""

import json
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from ..backend.disassembler import disassemble
from ..compiler import Compilation, PackageCompilation, compile_network
from ..dialects.schedule import ProgramOp, TensorOp
from ..errors import TilefoldError
from ..interpreters.arrays import read_arrays
from ..passes.explanation import explain as explain_layer
from ..passes.nn_frames import MOST, FrameOrder
from ..passes.pipelines import Choices, Schedule
from ..passes.schedule_allocate import on_chip
from ..search import TRIALS, Objective, differences
from .command import console, progress_of, write_files
from .explain import record, tables
from .steps import ShapeOption, StepOption, compilation_of, placements, shapes_of
from .steps import summary as package_summary

STDOUT = Path("-")

MOST_CANDIDATES = 1000
"""Candidates that can be asked for."""

MachineOption = Annotated[
    str, typer.Option(help="a machine's name or the path of a machine file", metavar="NAME|FILE")
]


EffortOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=max(TRIALS),
        help="how long to search: 0 for what the passes make on their own, 1 for other tile "
        "sizes, 2 for layers in stripes too, 3 for more of all that; each program is emulated",
    ),
]
FramesOption = Annotated[
    int,
    typer.Option(
        min=1, max=MOST, help="how many images the program takes at a time", metavar="NUMBER"
    ),
]
OrderOption = Annotated[
    FrameOrder,
    typer.Option(
        help="image after image; layer after layer, each for all images; or a pipeline, in which "
        "each array class has a stage of the layers"
    ),
]
ObjectiveOption = Annotated[Objective, typer.Option(help="what a search makes least")]


class Level(StrEnum):
    """What `--emit` writes instead of a program file."""

    NN = "nn"
    SCHEDULE = "schedule"
    ISA = "isa"
    ASM = "asm"


def compile_model(
    model: Annotated[Path, typer.Argument(help="a model", metavar="MODEL.onnx")],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="the file to write", metavar="FILE", show_default=False
        ),
    ] = None,
    machine: MachineOption = "dna_a600",
    host: Annotated[
        bool,
        typer.Option(help="leave to the host what the machine cannot run; without, it is an error"),
    ] = True,
    shape: ShapeOption = None,
    step: StepOption = None,
    emit: Annotated[
        Level | None,
        typer.Option(help="write this level as text, by default to the standard output (-)"),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="also write the arrays that an emitted level refers to", metavar="DIR"),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            help="quantise a float model by these inputs, arrays [n, ...] by name, first "
            "(`tilefold quantize` has more options)",
            metavar="FILE.npz",
            show_default=False,
        ),
    ] = None,
    schedule: Annotated[
        Schedule, typer.Option(help="whether a layer's loads, work and stores overlap")
    ] = Schedule.OVERLAPPED,
    frames: FramesOption = 1,
    frame_order: OrderOption = FrameOrder.FRAME,
    effort: EffortOption = 0,
    objective: ObjectiveOption = Objective.LATENCY,
    weights: Annotated[
        bool, typer.Option(help="put the weights into the program; without, it can only be timed")
    ] = True,
    explain: Annotated[
        str | None,
        typer.Option(
            help="print why a layer, given by name or a part of it, is mapped as it is",
            metavar="LAYER",
            show_default=False,
        ),
    ] = None,
    candidates: Annotated[
        int,
        typer.Option(
            min=1, max=MOST_CANDIDATES, help="how many candidates --explain prints of each kind"
        ),
    ] = 6,
    as_json: Annotated[bool, typer.Option("--json", help="print the explanation as JSON")] = False,
) -> None:
    """Compile a model for a machine."""
    if output is None and emit is None and explain is None:
        raise TilefoldError("give -o FILE.tfp, --emit LEVEL or --explain LAYER")
    if as_json and explain is None:
        raise TilefoldError("--json is for --explain LAYER")
    if step is not None and emit is None and explain is None:
        raise TilefoldError("--step is for --emit LEVEL and --explain LAYER")
    choices = Choices(frames=frames, order=frame_order)
    with progress_of(f"importing {model.name}") as update:
        compiled = compile_network(
            model,
            machine,
            host=host,
            samples=None if calibrate is None else read_arrays(calibrate),
            shapes=shapes_of(shape),
            schedule=schedule,
            frames=frames,
            order=frame_order,
            effort=effort,
            objective=objective,
            progress=update,
        )
    if emit is None and explain is None and store is None:
        _save(compiled, machine, output, weights)
        return
    compilation = compilation_of(compiled, step)
    if store is not None:
        compilation.context.store.save(store)
    if explain is not None:
        chosen = compilation.best.choices if compilation.best else choices
        _explain(compilation, schedule, chosen, explain, candidates, as_json)
    if emit is None:
        _save(compiled, machine, output, weights)
        return
    text = level_text(compilation, emit)
    if output in (None, STDOUT):
        typer.echo(text, nl=False)
    else:
        write_files({output: text.encode()})


def _save(
    compiled: Compilation | PackageCompilation, machine: str, output: Path | None, weights: bool
) -> None:
    """Write the program or package for `machine`, and say what it is."""
    if output is None:
        return
    if isinstance(compiled, PackageCompilation):
        package = compiled.package
        (package if weights else package.without_weights()).save(output)
        typer.echo(f"{output}: {package_summary(package, Path(machine).stem)}")
        console().print(placements(package), highlight=False)
        for name, value in compiled.fixed.items():
            typer.echo(f"for '{name}' = {value} alone, as in all samples: it chooses between parts")
        for number, compilation in compiled.machine_steps.items():
            _tell(f"step {number}", compilation)
        return
    program = compiled.program
    (program if weights else program.without_weights()).save(output)
    _tell(str(output), compiled)


def _tell(what: str, compilation: Compilation) -> None:
    typer.echo(f"{what}: {summary(compilation)}")
    if compilation.trials:
        typer.echo(search_line(compilation))


def _explain(
    compilation: Compilation,
    schedule: Schedule,
    choices: Choices,
    layer: str,
    count: int,
    as_json: bool,
) -> None:
    """Print why a layer is mapped as it is."""
    found = explain_layer(compilation.nn, compilation.context, schedule, layer, count, choices)
    program = compilation.program
    predicted = None
    if program.prediction and found.layer in program.layers:
        predicted = program.prediction.layers.get(program.layers.index(found.layer))
    if as_json:
        typer.echo(json.dumps(record(found, predicted), indent=1))
        return
    for part in tables(found, predicted):
        console().print(part, highlight=False)


def search_line(compilation: Compilation) -> str:
    """One line about a search: what came of it, and what made the difference."""
    best, first = compilation.best, compilation.trials[0]
    assert best is not None and best.score is not None and first.score is not None
    gain = f"{first.score / best.score:.3f} times as good as the first"
    how = ", ".join(differences(best.choices)) or "nothing better than the first"
    return f"tried {len(compilation.trials)} programs, the best is {gain}: {how}"


def level_text(compilation: Compilation, level: Level) -> str:
    """One level as text, which `tilefold-opt` or `tilefold-as` reads again."""
    match level:
        case Level.NN:
            return module_text(compilation.nn)
        case Level.SCHEDULE:
            return module_text(compilation.schedule)
        case Level.ISA:
            return module_text(compilation.isa)
        case Level.ASM:
            return disassemble(compilation.program.code)


def module_text(module: ModuleOp) -> str:
    """A module as text, with the layers that operations are from as their locations."""
    text = StringIO()
    Printer(text, print_debuginfo=True).print_op(module)
    return text.getvalue() + "\n"


def summary(compilation: Compilation) -> str:
    """A line about a program's size and what it takes of DRAM, one about what stays on chip."""
    program = compilation.program
    constants = sum(segment.data.size for segment in program.segments)
    line = (
        f"{program.network} for {compilation.machine.name}: "
        f"{len(program.code.instructions):,} instructions, {constants:,} bytes of weights, "
        f"{dram_bytes(compilation):,} bytes of DRAM"
    )
    (schedule,) = (op for op in compilation.schedule.ops if isinstance(op, ProgramOp))
    tensors, end, least = on_chip(schedule)
    if not tensors:
        return line
    return f"{line}\n{tensors} tensors on chip in {end:,} bytes; {least:,} are needed at once"


def dram_bytes(compilation: Compilation) -> int:
    """Bytes of DRAM from 0 to the end of the last tensor."""
    return max(
        (op.address.value.data + op.box.byte_size if op.address else 0)
        for op in compilation.isa.walk()
        if isinstance(op, TensorOp)
    )
