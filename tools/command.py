"""What all command lines share: errors are one or two lines on stderr, never a traceback."""

import csv
import io
import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.progress import Progress

from ..errors import TilefoldError

MAX_INPUT: Final = 256 << 20
"""Largest input file that is read whole."""


WIDTH: Final = 160
"""Columns of what is printed where there is no terminal to tell."""

Array = npt.NDArray[Any]

TechnologyOption = Annotated[
    str | None,
    typer.Option(
        help="a technology's name or the path of a table, instead of the machine's own; "
        "one table for all machines makes them comparable",
        metavar="NAME|FILE.toml",
        show_default=False,
    ),
]
CsvOption = Annotated[
    Path | None,
    typer.Option("--csv", help="where to write the tables", metavar="DIR", show_default=False),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(help="the tables as JSON", metavar="FILE.json", show_default=False),
]
PageOption = Annotated[
    Path | None,
    typer.Option(help="a report with figures", metavar="FILE.html", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="print the tables as JSON")]
Update = Callable[[str, int, int | None], None]
"""Sets a progress bar's text, what is done, and the total (None where that is not known)."""


def run_app(app: typer.Typer, arguments: Sequence[str] | None = None) -> None:
    """Run a command line (`sys.argv` by default); what the user got wrong exits with code 1."""
    try:
        app(args=arguments)
    except TilefoldError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def read_bytes(path: Path) -> bytes:
    """The bytes of a file of bounded size; raises `TilefoldError`, or `OSError`."""
    with path.open("rb") as file:
        data = file.read(MAX_INPUT + 1)
    if len(data) > MAX_INPUT:
        raise TilefoldError(f"{path}: more than {MAX_INPUT >> 20} MiB")
    return data


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 of bounded size; raises `TilefoldError`, or `OSError`."""
    try:
        return read_bytes(path).decode()
    except UnicodeDecodeError as error:
        raise TilefoldError(f"{path}: not text: byte {error.start} is not UTF-8") from None


def console() -> Console:
    """The standard output, as wide as the terminal or `WIDTH`."""
    standard = Console()
    return standard if standard.is_terminal or "COLUMNS" in os.environ else Console(width=WIDTH)


@contextmanager
def progress_of(title: str) -> Generator[Update, None, None]:
    """A bar on stderr while the block runs, where stderr is a terminal; yields what moves it."""
    errors = Console(stderr=True)
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(title, total=None)

        def update(text: str, done: int, total: int | None) -> None:
            progress.update(task, description=text, completed=done, total=total)

        yield update


def npy(values: Array) -> bytes:
    """The content of a .npy file with `values`."""
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write all of `files` with their folders, or, where one cannot be written, none of them."""
    written: dict[Path, Path] = {}
    try:
        for path, data in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            written[path] = temporary
            temporary.write_bytes(data)
        for path in files:
            written.pop(path).replace(path)
    except OSError as error:
        raise TilefoldError(f"{error.filename}: cannot be written: {error.strerror}") from None
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)


def csv_files(folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[Path, bytes]:
    """A file of comma-separated values in `folder` for each table: rows, by the columns' names."""
    return {folder / f"{name}.csv": _csv(table) for name, table in tables.items()}


def _csv(table: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    if table:
        writer = csv.DictWriter(text, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    return text.getvalue().encode()


def file_name(name: str) -> str:
    """A tensor's name as a file name: whatever could lead elsewhere becomes `_`."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".") or "_"


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)
