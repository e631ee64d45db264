"""`tilefold demo`: the whole way, on the network and the images that come with the package."""

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from ..backend.assembler import assemble
from ..backend.disassembler import disassemble
from ..backend.encoding import decode, encode
from ..backend.program import Program
from ..compiler import Compilation, compile_levels
from ..emulator import Result, emulate
from ..emulator.trace import chrome_trace
from ..errors import TilefoldError
from ..examples import fashion
from ..frontend.judge import Comparison, Judge
from ..passes.pipelines import nn_passes, schedule_passes
from .command import Array, TechnologyOption, console, progress_of, write_files
from .compile import MachineOption, dram_bytes
from .emulate import show_report
from .pictures.page import html_report

INPUT, OUTPUT = "image", "logits"
SAMPLE = 10
"""Images written beside the results, to try the other commands with."""


def demo(
    machine: MachineOption = "dna_a600",
    images: Annotated[int, typer.Option(min=1, max=1000, help="how many of the images")] = 1000,
    output_dir: Annotated[Path, typer.Option(help="where results go", metavar="DIR")] = Path("out"),
    technology: TechnologyOption = None,
) -> None:
    """Compile the shipped network, run it on the emulator and compare it with onnxruntime."""
    pixels, labels = (part[:images] for part in fashion.images())
    with progress_of("importing int8.onnx") as update:
        compilation = compile_levels(fashion.int8_model(), machine, progress=update)
    _show_levels(compilation)
    text = _round_trip(compilation.program)
    program = _through_file(compilation.program, output_dir / "program.tfp")
    _say("program", f"{output_dir / 'program.tfp'}: loads back equal")
    with progress_of("emulating") as update:
        result = emulate(
            program,
            {INPUT: pixels},
            technology=technology,
            record=True,
            progress=lambda done, all_: update("emulating", done, all_),
        )
    _say("emulate", _emulated(result, len(pixels)))
    expected = Judge(fashion.int8_model()).run({INPUT: pixels})[OUTPUT]
    comparison = Comparison.of(OUTPUT, result.outputs[OUTPUT], expected)
    equal = comparison.elements - comparison.mismatches
    _say("compare", f"{equal:,} of {comparison.elements:,} outputs equal onnxruntime's, bit by bit")
    in_float = Judge(fashion.float_model()).run({INPUT: pixels})[OUTPUT]
    accuracies = {
        "float32, onnxruntime": _accuracy(in_float, labels),
        "int8, onnxruntime": _accuracy(expected, labels),
        f"int8, {compilation.machine.name} emulated": _accuracy(result.outputs[OUTPUT], labels),
    }
    _print_tables(accuracies, result, len(pixels))
    record = result.report.to_json() | {
        "images": len(pixels),
        "accuracy": accuracies,
        "comparison": asdict(comparison),
    }
    files = {
        "report.json": (json.dumps(record, indent=1) + "\n").encode(),
        "program.s": text.encode(),
        "int8.onnx": fashion.int8_model().read_bytes(),
        "images.npz": _npz(pixels[:SAMPLE]),
        **_pictures(program, result),
    }
    write_files({output_dir / name: data for name, data in files.items()})
    written = ", ".join(("program.tfp", *files))
    _say("written", f"{written} in {output_dir}")
    raise typer.Exit(1 if comparison.mismatches else 0)


def _say(step: str, what: str) -> None:
    console().print(f"{step:<9} {what}", markup=False, highlight=False, soft_wrap=True)


def _show_levels(compilation: Compilation) -> None:
    _say("import", "int8.onnx, a CNN for Fashion-MNIST in 8 bits")
    for level, passes in (("nn", nn_passes()), ("schedule", schedule_passes())):
        _say(level, ", ".join(each.name for each in passes))
    program = compilation.program
    constants = sum(segment.data.size for segment in program.segments)
    _say(
        "isa",
        f"{len(program.code.instructions):,} instructions for {compilation.machine.name}, "
        f"{constants:,} bytes of weights, {dram_bytes(compilation):,} bytes of DRAM",
    )


def _round_trip(program: Program) -> str:
    """The program's assembly text; TilefoldError unless text and binary both lead back to it."""
    text = disassemble(program.code)
    binary = encode(assemble(text, "program.s"))
    if binary != encode(program.code) or disassemble(decode(binary)) != text:
        raise TilefoldError("the program's text and binary differ; please report this")
    _say("assemble", f"{len(text):,} characters of text -> {len(binary):,} bytes -> the same text")
    return text


def _through_file(program: Program, path: Path) -> Program:
    """`program` written to `path` and read again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(path)
    loaded = Program.load(path)
    if loaded != program:
        raise TilefoldError(f"{path}: does not load back equal; please report this")
    return loaded


def _emulated(result: Result, count: int) -> str:
    report = result.report
    micros = report.total.cycles / report.hz * 1e6
    return (
        f"{count:,} images, no data race; {report.total.cycles:,} cycles for each, "
        f"{micros:,.1f} us at {report.hz / 1e6:g} MHz"
    )


def _accuracy(logits: Array, labels: Array) -> float:
    """The share of images whose largest logit is that of their label."""
    return float(np.equal(logits.argmax(1), labels).mean())


def _print_tables(accuracies: dict[str, float], result: Result, count: int) -> None:
    table = Table(f"{count:,} images", "right")
    for name, share in accuracies.items():
        table.add_row(name, f"{share:.1%}")
    console().print(table)
    show_report(result.report)


def _pictures(program: Program, result: Result) -> dict[str, bytes]:
    """The trace of the run, and the HTML report where plotly is there to make it."""
    assert result.recording is not None
    run = program, result.report, result.recording
    files = {"trace.json": chrome_trace(*run).encode()}
    try:
        files["report.html"] = html_report(*run).encode()
    except TilefoldError as error:
        _say("note", str(error))
    return files


def _npz(images: Array) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, image=images)
    return file.getvalue()
