"""Packages on the command line: which step is meant, and what runs where."""

import re
from collections import Counter
from typing import Annotated, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from ..backend.package import Package
from ..backend.program import Program
from ..compiler import Compilation, PackageCompilation
from ..errors import TilefoldError
from ..interpreters.placed_node import PlacedNode

T = TypeVar("T")

StepOption = Annotated[
    int | None,
    typer.Option(
        "--step",
        help="of a network that runs in steps: the machine's step that is meant, by its number",
        metavar="N",
        show_default=False,
    ),
]
ShapeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--shape",
        help="the shape of an input with dynamic dimensions; repeat for each input",
        metavar="NAME=1x3x224x224",
    ),
]


def shapes_of(texts: list[str] | None) -> dict[str, tuple[int, ...]]:
    """The shapes by name in texts `NAME=1x3x224x224`; raises `TilefoldError`."""
    shapes: dict[str, tuple[int, ...]] = {}
    for text in texts or []:
        name, _, sizes = text.rpartition("=")
        numbers = sizes.split("x")
        if not name or not all(re.fullmatch("[1-9][0-9]{0,8}", number) for number in numbers):
            raise TilefoldError(f"--shape {text}: give NAME=1x3x224x224")
        if name in shapes:
            raise TilefoldError(f"--shape {text}: '{name}' has been given a shape before")
        shapes[name] = tuple(map(int, numbers))
    return shapes


def program_of(found: Program | Package, step: int | None) -> Program:
    """The program that is meant; TilefoldError where that is not clear."""
    if isinstance(found, Program):
        return _only(found, step)
    programs = {n: each for n, each in enumerate(found.steps) if isinstance(each, Program)}
    return _chosen(programs, step)


def compilation_of(found: Compilation | PackageCompilation, step: int | None) -> Compilation:
    """The compilation that is meant; TilefoldError where that is not clear."""
    if isinstance(found, Compilation):
        return _only(found, step)
    return _chosen(found.machine_steps, step)


def _only(found: T, step: int | None) -> T:
    if step is not None:
        raise TilefoldError("the network runs on the machine alone: leave --step out")
    return found


def _chosen(steps: dict[int, T], step: int | None) -> T:
    if not steps:
        raise TilefoldError("nothing of the network runs on the machine: there is nothing to show")
    if step is None and len(steps) == 1:
        return next(iter(steps.values()))
    if step not in steps:
        listed = ", ".join(map(str, steps))
        raise TilefoldError(f"say which of the machine's steps is meant: --step, one of {listed}")
    return steps[step]


def summary(package: Package, machine: str) -> str:
    """A line about the steps of a package, and about the products on the machine."""
    programs = len(package.programs)
    share = package.machine_share
    line = (
        f"{package.network} for {machine} in {len(package.steps)} steps, {programs} on the machine"
    )
    if not programs:
        return f"{line}: --calibrate quantises a float model"
    return line if share is None else f"{line}: {share:.1%} of the MACs"


def placements(package: Package) -> Table:
    """A table of what runs where: operators by step, and on the host by reason."""
    table = Table()
    table.add_column("step", justify="right")
    table.add_column("on", no_wrap=True)
    table.add_column("operators", overflow="fold")
    table.add_column("MACs", justify="right")
    table.add_column("why not on the machine", overflow="fold")
    for number in range(len(package.steps)):
        here = [node for node in package.nodes if node.step == number]
        for reason in dict.fromkeys(node.reason for node in here):
            nodes = [node for node in here if node.reason == reason]
            where = "machine" if nodes[0].on_machine else "host"
            macs = sum(node.macs for node in nodes)
            cells = [where, escape(_listed(nodes)), f"{macs:,}" if macs else "", escape(reason)]
            table.add_row(str(number), *cells)
    return table


def _listed(nodes: list[PlacedNode]) -> str:
    counts = Counter(node.operator for node in nodes)
    return ", ".join(f"{count} {name}" for name, count in counts.items())
