"""`tilefold-emu`: run a program file on the emulator.

`tilefold-emu net.tfp --input image=image.npy --output-dir out --report report.json`
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import Progress

from ..backend.program import Program
from ..emulator import emulate
from ..errors import TilefoldError
from .command import run_app

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def emulate_file(
    program: Annotated[Path, typer.Argument(help="a program file", metavar="PROGRAM.tfp")],
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", help="an input's values; repeat for each", metavar="NAME=FILE.npy"),
    ] = None,
    output_dir: Annotated[
        Path | None, typer.Option(help="where to write each output as NAME.npy", metavar="DIR")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="where to write the report as JSON", metavar="FILE.json")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
    time: Annotated[bool, typer.Option(help="count cycles and bytes")] = True,
    check: Annotated[bool, typer.Option(help="check for data races")] = True,
) -> None:
    """Run a program: outputs from inputs, cycles, bytes, and a check of its tokens.

    Without any --input, only the time is counted and the tokens are checked.
    """
    loaded = Program.load(program)
    arrays = dict(map(_read_input, inputs or []))
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("emulating", total=None)
        result = emulate(
            loaded,
            arrays,
            values=bool(arrays),
            time=time,
            check=check,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if output_dir is not None:
        output_dir.mkdir(parents=True, exist_ok=True)
        for name, values in result.outputs.items():
            np.save(output_dir / f"{_file_name(name)}.npy", values)
    record = result.report.to_json()
    if report is not None:
        report.write_text(json.dumps(record, indent=1) + "\n")
    if as_json:
        typer.echo(json.dumps(record, indent=1))
    else:
        Console().print(result.report.table())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `tilefold-emu`."""
    run_app(app, arguments)


def _file_name(name: str) -> str:
    """A tensor's name as a file name: whatever could lead elsewhere becomes `_`."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".") or "_"


def _read_input(text: str) -> tuple[str, npt.NDArray[Any]]:
    """Name and values of `NAME=FILE.npy`."""
    name, equals, path = text.partition("=")
    if not equals or not name or not path:
        raise TilefoldError(f"--input {text}: give NAME=FILE.npy")
    try:
        with Path(path).open("rb") as file:
            values = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise TilefoldError(f"{path}: not an array in a .npy file: {error}") from None
    return name, values
