"""`tilefold-as`: assembly text to the binary form of programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from ..backend.assembler import assemble
from ..backend.encoding import encode
from .command import read_text, run_app, write_files

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def assemble_file(
    source: Annotated[Path, typer.Argument(help="assembly text", metavar="IN.s")],
    output: Annotated[Path, typer.Option("-o", "--output", help="binary", metavar="OUT.bin")],
) -> None:
    """Assemble a program."""
    write_files({output: encode(assemble(read_text(source), str(source)))})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `tilefold-as`."""
    run_app(app, arguments)
