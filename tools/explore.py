"""`tilefold explore`: which machine to build for some networks.

`tilefold explore net.onnx --objective latency,energy --constraint 'area<=20' --store out/study`
"""

import json
import os
import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from ..errors import TilefoldError
from ..explore.builds import builds
from ..explore.constraints import Constraint, parse_constraint
from ..explore.evaluator import Evaluator, Options, Restricted
from ..explore.findings import Findings, findings, to_json
from ..explore.findings import Table as Rows
from ..explore.samplers import SAMPLERS, Exhaustive, Listed, Sampler, sampler_of
from ..explore.store import Store
from ..explore.study import CHUNK, Question, State, Study, explore, objectives_of
from ..explore.workers import workers_of
from .chosen import Chosen, show, tell
from .command import (
    CsvOption,
    JsonOption,
    PageOption,
    ReportOption,
    TechnologyOption,
    Update,
    console,
    csv_files,
    progress_of,
    write_files,
)
from .pictures.document import load_plotly
from .pictures.exploration import exploration_report, text_of

STORED: Final = "stored"
"""The sampler of what a store has: nothing is evaluated."""

_SHOWN: Final = 20
"""Designs of the front that are printed."""

EvaluatorOf = Callable[[Sequence[Path], Options], Evaluator]
"""Makes the evaluator of some networks; raises TilefoldError."""

NetworksArgument = Annotated[
    list[Path], typer.Argument(help="models to run on the machine", metavar="MODEL.onnx...")
]
VaryOption = Annotated[
    list[str] | None,
    typer.Option(
        help="try only these values of a parameter; repeat for others",
        metavar="NAME=VALUE,...",
        show_default=False,
    ),
]
FixOption = Annotated[
    list[str] | None,
    typer.Option(
        help="keep a parameter at a value; repeat for others",
        metavar="NAME=VALUE",
        show_default=False,
    ),
]
ObjectiveOption = Annotated[
    str, typer.Option(help="what to make best, with or without units", metavar="NAME,...")
]
ConstraintOption = Annotated[
    list[str] | None,
    typer.Option(
        help="what a design must keep, such as 'area<=20'; repeat for others",
        metavar="NAME<=NUMBER",
        show_default=False,
    ),
]
SamplerOption = Annotated[
    str,
    typer.Option(
        help=f"how designs are chosen: {', '.join(SAMPLERS)}, or {STORED}: those in --store; auto "
        "tries all where --points allow, else it is nsga2",
        metavar="NAME",
    ),
]
PointsOption = Annotated[int, typer.Option(min=1, help="how many designs to try at most")]
SeedOption = Annotated[int, typer.Option(min=0, help="of the sampler; it decides everything")]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        help="where to keep every design that is tried; an exploration that was interrupted goes "
        "on with what is missing",
        metavar="DIR",
        show_default=False,
    ),
]
JobsOption = Annotated[int, typer.Option(min=0, help="processes; 0 for one on each core")]
FamilyOption = Annotated[
    str | None,
    typer.Option(
        help="which machines: reconfigurable, whose units fold (the default), or pipeline, which "
        "has an array for each stage of the layers",
        metavar="NAME",
        show_default=False,
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        help="a Dask scheduler whose workers evaluate, or local for one with --jobs workers",
        metavar="tcp://HOST:PORT|local",
        show_default=False,
    ),
]
CarryOption = Annotated[
    Path | None,
    typer.Option(
        help="carry the chosen design through compiler and emulator: where to put its machine "
        "file, programs, inputs and traces",
        metavar="DIR",
        show_default=False,
    ),
]
NoCarryOption = Annotated[
    bool,
    typer.Option(
        "--no-carry", help="with --html: do not compile and emulate the chosen design for it"
    ),
]
ChunkOption = Annotated[int, typer.Option(min=1, help="designs that are evaluated at a time")]


ExportOption = Annotated[
    Path | None,
    typer.Option(
        help="every design that is stored",
        metavar="FILE.csv|FILE.json|FILE.parquet",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class _Request:
    """What the command line asks to be explored."""

    networks: Sequence[Path]
    vary: Mapping[str, Sequence[str]]
    objectives: Sequence[str]
    constraints: Sequence[str]
    sampler: str
    points: int
    seed: int
    store: Path | None
    technology: str | None
    family: str | None

    def command(self) -> str:
        """The command for twice as many designs."""
        words = ["tilefold", "explore", *map(str, self.networks)]
        for name, values in self.vary.items():
            words += ["--vary", f"{name}={','.join(values)}"]
        words += ["--objective", ",".join(self.objectives)]
        for text in self.constraints:
            words += ["--constraint", text]
        if self.technology:
            words += ["--technology", self.technology]
        if self.family:
            words += ["--family", self.family]
        words += ["--sampler", self.sampler, "--points", str(2 * self.points)]
        words += ["--seed", str(self.seed), "--store", str(self.store or "DIR")]
        return shlex.join(words)


def explore_command(evaluator_of: EvaluatorOf) -> Callable[..., None]:
    """The command that explores what `evaluator_of` makes of networks."""

    def explore_designs(
        networks: NetworksArgument,
        vary: VaryOption = None,
        fix: FixOption = None,
        objective: ObjectiveOption = "latency,energy,area",
        constraint: ConstraintOption = None,
        sampler: SamplerOption = "auto",
        points: PointsOption = 100_000,
        seed: SeedOption = 0,
        store: StoreOption = None,
        jobs: JobsOption = 1,
        scheduler: SchedulerOption = None,
        chunk: ChunkOption = CHUNK,
        technology: TechnologyOption = None,
        family: FamilyOption = None,
        html: PageOption = None,
        report: ReportOption = None,
        tables: CsvOption = None,
        export: ExportOption = None,
        carry: CarryOption = None,
        no_carry: NoCarryOption = False,
        as_json: JsonOption = False,
    ) -> None:
        """Search a space of machines for those that run some networks best.

        Prints the designs that no other one beats in all objectives at once.
        """
        if html is not None:
            load_plotly()
        if carry and no_carry:
            raise TilefoldError("--carry and --no-carry: give one of them")
        chosen = {**dict(map(_values, vary or [])), **dict(map(_value, fix or []))}
        names, limits = objective.split(","), constraint or []
        request = _Request(
            networks, chosen, names, limits, sampler, points, seed, store, technology, family
        )
        evaluator = _restricted(evaluator_of(networks, Options(technology, family)), chosen)
        if carry and not builds(evaluator):
            raise TilefoldError("--carry: these designs are no machines that can be compiled for")
        question = _question(evaluator, request)
        with (
            _opened(store, evaluator) as opened,
            workers_of(jobs or os.cpu_count() or 1, scheduler) as workers,
            progress_of("exploring") as update,
        ):
            which = _sampler(request, evaluator, question, opened)
            try:
                told = _progress(update)
                study = explore(evaluator, which, opened, workers, question, told, chunk)
                found = findings(study, workers)
                carry_to = carry or (Path("DIR") if html and not no_carry else None)
                about = tell(study, found, networks, carry_to, update)
            except KeyboardInterrupt:
                kept = "what was tried is kept, and the same command goes on"
                lost = "nothing is kept without --store"
                raise TilefoldError(f"interrupted: {kept if store else lost}") from None
            record = json.dumps({**to_json(study, found), **about.tables}, indent=1)
            exhausted = isinstance(which, Exhaustive | Listed)
            command = None if exhausted else request.command()
            files = csv_files(tables, {**found.tables, **about.tables}) if tables else {}
            if carry and about.carried:
                files |= about.carried.files
            if report is not None:
                files[report] = f"{record}\n".encode()
            if html is not None:
                files[html] = exploration_report(study, found, command, about).encode()
            write_files(files)
            if export is not None:
                opened.export(export)
        if as_json:
            typer.echo(record)
        else:
            _show(study, found, about, command)
        if about.carried and not about.carried.exact:
            raise TilefoldError("the emulator and the interpreter differ; please report this")

    return explore_designs


def _values(text: str) -> tuple[str, list[str]]:
    name, equals, values = text.partition("=")
    if not equals or not name or not all(values.split(",")):
        raise TilefoldError(f"--vary {text}: give NAME=VALUE,...")
    return name, values.split(",")


def _value(text: str) -> tuple[str, list[str]]:
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise TilefoldError(f"--fix {text}: give NAME=VALUE")
    return name, [value]


def _restricted(evaluator: Evaluator, chosen: Mapping[str, Sequence[str]]) -> Evaluator:
    """The evaluator on the part of its space that is asked for."""
    space = evaluator.space
    for name, values in chosen.items():
        space = space.restricted(name, values)
    return evaluator if space == evaluator.space else Restricted(evaluator, space)


def _question(evaluator: Evaluator, request: _Request) -> Question:
    """Objectives and constraints; those can be on parameters that are numbers, too."""
    numbers = [metric.name for metric in evaluator.metrics]
    numbers += [each.name for each in evaluator.space.parameters if each.array.dtype.kind in "if"]
    constraints: tuple[Constraint, ...] = tuple(
        parse_constraint(text, numbers) for text in request.constraints
    )
    return Question(objectives_of(evaluator, request.objectives), constraints)


def _sampler(request: _Request, evaluator: Evaluator, question: Question, store: Store) -> Sampler:
    if request.sampler == STORED:
        return Listed(store.query("SELECT point FROM points")["point"], STORED)
    goals = len(question.objectives)
    return sampler_of(request.sampler, evaluator.space, goals, request.points, request.seed)


@contextmanager
def _opened(folder: Path | None, evaluator: Evaluator) -> Generator[Store]:
    """The store in `folder`, or one that is gone afterwards."""
    if folder is not None:
        with Store(folder, evaluator) as store:
            yield store
        return
    with TemporaryDirectory() as temporary, Store(Path(temporary), evaluator) as store:
        yield store


def _progress(update: Update) -> Callable[[State], None]:
    def show(state: State) -> None:
        rate = state.evaluated / state.seconds if state.seconds else 0.0
        best = ", ".join(f"{name} {text_of(value)}" for name, value in state.best.items())
        text = f"{rate:,.0f} designs/s, best {best}" if best else f"{rate:,.0f} designs/s"
        update(text, state.done, state.total)

    return show


def _show(study: Study, found: Findings, about: Chosen, command: str | None) -> None:
    """Print what was tried, the front, what is known of the chosen design, and how to go on."""
    screen = console()
    rate = study.evaluated / study.seconds if study.seconds else 0.0
    screen.print(
        f"tried {len(study.points):,} of {study.evaluator.space.size:,} designs, evaluated "
        f"{study.evaluated:,} of them now ({rate:,.0f}/s); {study.valid:,} are valid, "
        f"{study.kept:,} keep the constraints, {len(found.front):,} are on the front",
        highlight=False,
        soft_wrap=True,
    )
    if found.front:
        screen.print(_front_table(study, found))
    show(screen, study.question.objectives, about)
    if command is not None:
        screen.print(f"for more: {command}", markup=False, highlight=False, soft_wrap=True)


def _some(found: Findings) -> Rows:
    """Designs from one end of the front to the other, and the chosen one."""
    last = len(found.front) - 1
    places = {round(step * last / (_SHOWN - 1)) for step in range(_SHOWN)}
    rows = enumerate(found.front)
    return [row for place, row in rows if place in places or row is found.chosen]


def _front_table(study: Study, found: Findings) -> Table:
    """Designs of the front; a star marks the chosen one."""
    goals = study.question.objectives
    free = [each.name for each in study.evaluator.space.parameters if len(each.values) > 1]
    shown = f"some of the {len(found.front):,} designs" if len(found.front) > _SHOWN else "designs"
    table = Table(title=f"{shown} of the front; * is next to the best of all objectives")
    for name in ("design", *free):
        table.add_column(name)
    for goal in goals:
        table.add_column(goal.label, justify="right")
    for row in _some(found):
        star = " *" if row is found.chosen else ""
        names = [*free, *(goal.name for goal in goals)]
        table.add_row(f"{row['point']}{star}", *(escape(text_of(row[name])) for name in names))
    return table
