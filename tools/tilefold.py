"""`tilefold`: the command line of the toolchain."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

import typer

from ..explore.designs import evaluator_of
from .bench import bench
from .command import TechnologyOption, console, run_app
from .compile import compile_model
from .demo import demo
from .emulate import run
from .explore import explore_command
from .machines import show_machines
from .ops import ops
from .quantize import quantize
from .subcommands import DEFAULT, DefaultGroup
from .verify import verify
from .zigzag import zigzag

OTHERS = (
    "Others: tilefold explore bench, what networks take on given machines; "
    "tilefold explore zigzag, the best mappings for ZigZag's files (--help)"
)
"""The end of the help of `tilefold explore`."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)
app.command("demo")(demo)
app.command("quantize")(quantize)
app.command("compile")(compile_model)
app.command("run")(run)
app.command("verify")(verify)
explorer = typer.Typer(
    cls=DefaultGroup, help="Search for machines, or look at given ones before that."
)
explorer.command(DEFAULT, hidden=True, epilog=OTHERS)(explore_command(evaluator_of))
explorer.command("bench")(bench)
explorer.command("zigzag")(zigzag)
app.add_typer(explorer, name="explore")


@app.command("machines")
def machines(
    name: Annotated[
        str | None, typer.Argument(help="a machine's name or file", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    technology: TechnologyOption = None,
) -> None:
    """List the machines, or show what one is made of and how large it is."""
    show_machines(name, as_json, console(), technology)


app.command("ops")(ops)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tilefold {version('tilefold')}")
        raise typer.Exit


@app.callback()
def tilefold(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Compile neural networks for reconfigurable accelerators, and run them on an emulator."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `tilefold`."""
    run_app(app, arguments)
