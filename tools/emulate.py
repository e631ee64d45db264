"""`tilefold run`, also `tilefold-emu`: run a program file on the emulator.

`tilefold run net.tfp --input image=image.npy --output-dir out --report report.json`
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, cast

import typer

from ..backend.package import Package, load
from ..backend.program import Program
from ..emulator import PackageReport, PackageResult, Report, Result, emulate
from ..emulator.prediction import errors_table
from ..emulator.sensitivity import table as sensitivity_table
from ..emulator.trace import chrome_trace
from ..errors import TilefoldError
from ..interpreters.arrays import read_array
from .command import (
    Array,
    TechnologyOption,
    console,
    file_name,
    npy,
    progress_of,
    run_app,
    write_files,
)
from .pictures.document import load_plotly
from .pictures.page import html_report
from .steps import StepOption, program_of

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    program: Annotated[
        Path, typer.Argument(help="a program file or package", metavar="PROGRAM.tfp")
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="an input's values, of one image or a batch: FILE.npy, or NAME in FILE.npz; "
            "repeat for each input",
            metavar="NAME=FILE",
        ),
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option(help="where to write each output as NAME.npy", metavar="DIR")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="where to write the report as JSON", metavar="FILE.json")
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(
            help="where to write what every unit did when, for ui.perfetto.dev",
            metavar="FILE.json",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="where to write a report with figures", metavar="FILE.html"),
    ] = None,
    step: StepOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
    time: Annotated[bool, typer.Option(help="count cycles and bytes")] = True,
    check: Annotated[bool, typer.Option(help="check for data races")] = True,
    technology: TechnologyOption = None,
    values: Annotated[bool, typer.Option(help="compute the outputs of the inputs")] = True,
    shortcut: Annotated[
        bool, typer.Option(help="follow settled loops no further than needed: the cycles are equal")
    ] = True,
    roofline: Annotated[
        bool, typer.Option("--roofline", help="also print lower bounds, and what sets them")
    ] = False,
    prediction: Annotated[
        bool,
        typer.Option("--prediction", help="also print the cycles that the compiler predicted"),
    ] = False,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="also time it on variations of the machine")
    ] = False,
) -> None:
    """Run a program: outputs from inputs, cycles, bytes, energy, and a check of its tokens.

    Without any --input, only the time is counted and the tokens are checked.
    """
    if html is not None:
        load_plotly()
    loaded = load(program)
    pictured = trace is not None or html is not None
    if step is not None and not pictured:
        raise TilefoldError("--step is for --trace and --html")
    chosen = program_of(loaded, step) if pictured else None
    arrays = dict(map(_read_input, inputs or []))
    with progress_of("emulating") as update:
        result = emulate(
            loaded,
            arrays,
            values=values and bool(arrays),
            time=time,
            check=check,
            technology=technology,
            record=pictured,
            shortcut=shortcut,
            sensitivity=sensitivity,
            progress=lambda done, total: update("emulating", done, total),
            pulse=lambda what, events: update(f"{what}: {events:,} instructions", events, None),
        )
    record = json.dumps(result.report.to_json(), indent=1)
    files: dict[Path, bytes] = {}
    if chosen is not None:
        files = _pictures(chosen, _result_of(loaded, result, chosen), trace, html)
    if output_dir is not None:
        files |= _output_files(output_dir, result.outputs)
    if report is not None:
        files[report] = f"{record}\n".encode()
    write_files(files)
    if as_json:
        typer.echo(record)
    else:
        _show(result, roofline, prediction)


def _show(result: Result | PackageResult, roofline: bool, prediction: bool) -> None:
    """Print what was counted, step by step."""
    if isinstance(result.report, PackageReport):
        console().print(result.report.table())
    for each in reports_of(result):
        show_report(each)
        if roofline:
            console().print(each.roofline())
        if prediction:
            _show_prediction(each)
        if each.sensitivity is not None:
            console().print(sensitivity_table(each.sensitivity))


def reports_of(result: Result | PackageResult) -> tuple[Report, ...]:
    """The reports of the programs that ran."""
    return (result.report,) if isinstance(result, Result) else result.report.programs


def _result_of(
    loaded: Program | Package, result: Result | PackageResult, program: Program
) -> Result:
    """The result of `program`, which is `loaded` or one of its steps."""
    if isinstance(result, Result) or not isinstance(loaded, Package):
        return cast(Result, result)
    pairs = zip(loaded.programs, result.programs, strict=True)
    return next(each for step, each in pairs if step is program)


def show_report(report: Report) -> None:
    """Print a report's layers, and energy and area by component or why there are none."""
    console().print(report.table())
    console().print(report.energy_table(), markup=False, highlight=False)


def _show_prediction(report: Report) -> None:
    """Print predicted beside emulated cycles, or why there are none."""
    comparison = report.prediction
    if comparison is None:
        console().print("no prediction: the program has none, or was not timed")
        return
    console().print(comparison.table(f"{report.network} on {report.machine}, as predicted"))
    console().print(errors_table(comparison))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `tilefold-emu`."""
    run_app(app, arguments)


def _pictures(
    program: Program, result: Result, trace: Path | None, html: Path | None
) -> dict[Path, bytes]:
    """The trace and the HTML report, where asked for and recorded."""
    files: dict[Path, bytes] = {}
    if result.recording is not None:
        run = program, result.report, result.recording
        if trace is not None:
            files[trace] = chrome_trace(*run).encode()
        if html is not None:
            files[html] = html_report(*run).encode()
    return files


def _output_files(folder: Path, outputs: dict[str, Array]) -> dict[Path, bytes]:
    """Each output as a .npy file in `folder`; tells of names that had to change."""
    files: dict[Path, bytes] = {}
    for name, values in outputs.items():
        path = folder / f"{file_name(name)}.npy"
        if path in files:
            raise TilefoldError(f"two outputs would be written to {path}; rename output '{name}'")
        if path.name != f"{name}.npy":
            typer.echo(f"note: output '{name}' is written to {path}", err=True)
        files[path] = npy(values)
    return files


def _read_input(text: str) -> tuple[str, Array]:
    """Name and values of `NAME=FILE`."""
    name, equals, path = text.partition("=")
    if not equals or not name or not path:
        raise TilefoldError(f"--input {text}: give NAME=FILE.npy")
    return name, read_array(Path(path), name)
