"""`tilefold explore bench`: what networks take on given machines, and what limits them.

`tilefold explore bench net.onnx --machine dna_a600 --machine tpu_like --html out/bench.html`
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.markup import escape
from rich.table import Table

from ..errors import TilefoldError
from ..explore.bench.benchmark import LIMITS, Benchmark, Wanted, benchmark
from ..explore.bench.tables import tables_of, to_json
from ..explore.findings import Table as Rows
from ..machines import load_machine
from ..machines.model import Machine
from .command import (
    CsvOption,
    JsonOption,
    PageOption,
    ReportOption,
    console,
    csv_files,
    progress_of,
    write_files,
)
from .pictures.benchmarks import benchmarks_page
from .pictures.document import load_plotly

NetworksArgument = Annotated[
    list[Path], typer.Argument(help="quantised models", metavar="MODEL.onnx...")
]
MachineOption = Annotated[
    list[str] | None,
    typer.Option(
        help="a machine's name or the path of a machine file; repeat for others",
        metavar="NAME|FILE",
        show_default=False,
    ),
]
LayersOption = Annotated[
    int, typer.Option(min=0, help="layers of most cycles whose folds are listed")
]
FoldsOption = Annotated[int, typer.Option(min=1, help="folds that are listed of each")]
OthersOption = Annotated[
    bool,
    typer.Option(
        "--others/--no-others",
        help="compile for machines that have more of one thing, too; takes most of the time",
    ),
]


class Part(NamedTuple):
    """A table as it is shown: its name in the record, its title, and columns by their headings."""

    name: str
    title: str
    columns: Mapping[str, str]


WORK: Final = Part(
    "layers",
    "what the layers are",
    {
        "layer": "layer",
        "MACs": "macs",
        "weights, B": "weight_bytes",
        "inputs, B": "input_bytes",
        "outputs, B": "output_bytes",
        "ops/B": "ops_per_tensor_byte",
        "DRAM, B": "dram_bytes",
        "ops/DRAM B": "ops_per_dram_byte",
        "of balance": "of_balance",
        "attainable GOP/s": "attainable_gops",
    },
)
TIME: Final = Part(
    "layers",
    "what they take",
    {
        "layer": "layer",
        "GOP/s": "attained_gops",
        "roofline": "roofline_cycles",
        "by": "roofline_by",
        "cycles": "cycles",
        "emulated": "emulated_cycles",
        "utilisation": "utilisation",
        "limit": "limit",
        **{limit: limit for limit in LIMITS},
    },
)
SHARES: Final = Part(
    "limits",
    "what cycles go by with",
    {
        "limit": "limit",
        "cycles": "cycles",
        "share": "share",
        "layers limited": "layers",
        "their cycles": "cycles_of_these",
    },
)
OTHERS: Final = Part(
    "machines",
    "on other machines",
    {"the machine with": "what", "cycles": "cycles", "speedup": "speedup", "why not": "reason"},
)
FOLDS: Final = Part(
    "folds",
    "folds of the layers of most cycles",
    {
        "layer": "layer",
        "mode": "mode",
        **{factor: factor for factor in ("chain", "cols", "pixels", "groups")},
        "array": "array_cycles",
        "latency": "latency",
        "enter": "enter",
        "leave": "leave",
        "utilisation": "utilisation",
        "standing": "standing",
    },
)
NETWORKS: Final = Part(
    "networks",
    "networks on machines",
    {
        "network": "network",
        "machine": "machine",
        "MACs": "macs",
        "ops/B": "ops_per_tensor_byte",
        "ops/DRAM B": "ops_per_dram_byte",
        "balance": "balance",
        "roofline": "roofline_cycles",
        "by": "roofline_by",
        "cycles": "cycles",
        "emulated": "emulated_cycles",
        "ms": "milliseconds",
        "utilisation": "utilisation",
        "limit": "limit",
    },
)
SHARED: Final = ("utilisation", "share")
"""Columns that are shown in per cent."""


def bench(
    networks: NetworksArgument,
    machine: MachineOption = None,
    layers: LayersOption = 3,
    folds: FoldsOption = 4,
    others: OthersOption = True,
    html: PageOption = None,
    report: ReportOption = None,
    tables: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what networks take on given machines, layer by layer, and what limits them.

    Two operations are one product. Layers are beside the roofline, their other folds beside the
    chosen one, and machines that have more of one thing beside this one.
    """
    if html is not None:
        load_plotly()
    machines = _machines(machine or [])
    _check_names([path.stem for path in networks])
    wanted = Wanted(layers, folds, others)
    with progress_of("compiling") as update:
        found = [
            benchmark(
                path,
                each,
                wanted,
                lambda what, path=path, each=each: update(
                    f"{path.stem} on {each.name}: {what}", 0, None
                ),
            )
            for path in networks
            for each in machines
        ]
    record = json.dumps(to_json(found), indent=1)
    rows = tables_of(found)
    files = csv_files(tables, rows) if tables else {}
    if report is not None:
        files[report] = f"{record}\n".encode()
    if html is not None:
        files[html] = benchmarks_page(found, list(_pages(rows, found))).encode()
    write_files(files)
    if as_json:
        typer.echo(record)
    else:
        for part in _shown(rows, found):
            console().print(part, highlight=False)


def _machines(names: Sequence[str]) -> list[Machine]:
    """The machines; no two may be called alike, for nobody could tell their rows apart."""
    if not names:
        raise TilefoldError("give --machine NAME|FILE, once for each; tilefold machines lists them")
    machines = [load_machine(name) for name in names]
    called = [each.name for each in machines]
    if twice := [name for name in called if called.count(name) > 1]:
        raise TilefoldError(f"two machines are called {twice[0]}: rename one of them")
    return machines


def _check_names(names: Sequence[str]) -> None:
    if twice := [name for name in names if names.count(name) > 1]:
        raise TilefoldError(f"two models are called {twice[0]}: rename one of the files")


def _parts(
    rows: Mapping[str, Rows], found: Iterable[Benchmark]
) -> Iterator[tuple[str, Part, Rows]]:
    """The tables in the order in which they are shown: title, columns, rows."""
    for each in found:
        name = f"{each.network} on {each.machine.name}"
        for part in (WORK, TIME, SHARES, OTHERS, FOLDS):
            some = [
                row
                for row in rows[part.name]
                if (row["network"], row["machine"]) == (each.network, each.machine.name)
            ]
            if some:
                yield f"{name}: {part.title}", part, some
    yield NETWORKS.title, NETWORKS, rows[NETWORKS.name]


def _shown(rows: Mapping[str, Rows], found: Sequence[Benchmark]) -> Iterator[Table]:
    for title, part, some in _parts(rows, found):
        table = Table(title=escape(title))
        columns = {
            heading: column
            for heading, column in part.columns.items()
            if any(row[column] != "" for row in some)
        }
        for heading, column in columns.items():
            text = any(isinstance(row[column], str) for row in some)
            table.add_column(heading, justify="left" if text else "right", overflow="fold")
        for row in some:
            table.add_row(*(escape(text_of(column, row[column])) for column in columns.values()))
        yield table


def _pages(
    rows: Mapping[str, Rows], found: Sequence[Benchmark]
) -> Iterator[tuple[str, list[list[str]]]]:
    for title, part, some in _parts(rows, found):
        columns = part.columns
        cells = [[text_of(column, row[column]) for column in columns.values()] for row in some]
        yield title, [list(columns), *cells]


def text_of(column: str, value: Any) -> str:
    """A value of a column for people."""
    match value:
        case None:
            return "-"
        case float() if column in SHARED:
            return f"{value:.1%}"
        case float() if column == "speedup":
            return f"{value:.3f}"
        case float():
            return f"{value:,.0f}" if value >= 1000 else f"{value:,.4g}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
