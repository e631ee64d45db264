"""`tilefold explore zigzag`: the best mappings of a workload, from ZigZag's files.

`tilefold explore zigzag --accelerator tpu_like.yaml --mapping tpu_like.yaml --workload net.onnx`
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from ..errors import TilefoldError
from ..explore.findings import Table as Rows
from ..explore.mapping.search import LIMIT, Objective
from .command import (
    CsvOption,
    JsonOption,
    ReportOption,
    console,
    csv_files,
    progress_of,
    write_files,
)

AcceleratorOption = Annotated[
    Path, typer.Option(help="ZigZag's file of the hardware", metavar="FILE.yaml")
]
MappingOption = Annotated[
    Path, typer.Option(help="ZigZag's file of what the array unrolls", metavar="FILE.yaml")
]
WorkloadOption = Annotated[
    Path,
    typer.Option(help="ZigZag's file of the layers, or a model", metavar="FILE.yaml|MODEL.onnx"),
]
ObjectiveOption = Annotated[Objective, typer.Option(help="what the mappings make least")]
LimitOption = Annotated[
    int, typer.Option(min=1, help="loops whose orders are all tried, as ZigZag's lpf_limit")
]
RefineOption = Annotated[
    bool, typer.Option(help="improve on the best order, loops being prime factors again")
]
LoopsOption = Annotated[
    list[str] | None,
    typer.Option(
        help="print the loops of a layer and the memories that hold them; repeat for others",
        metavar="LAYER",
        show_default=False,
    ),
]
MachineOutOption = Annotated[
    Path | None,
    typer.Option(
        help="write the hardware as a machine that programs can be compiled for",
        metavar="FILE.mlir",
        show_default=False,
    ),
]

LAYERS: Final = {
    "layer": "layer",
    "operator": "operator",
    "MACs": "macs",
    "energy, nJ": "energy_pj",
    "cycles": "cycles",
    "utilisation": "utilisation",
    "stalls": "stalls",
    "tried": "evaluated",
    "unrolled": "unrolled",
    "loops, outermost first": "nest",
}
MEMORIES: Final = {
    "memory": "memory",
    "operand": "operand",
    "reads": "reads",
    "writes": "writes",
    "energy, nJ": "energy_pj",
}
"""Columns of what is printed, by their headings."""


def zigzag(
    accelerator: AcceleratorOption,
    mapping: MappingOption,
    workload: WorkloadOption,
    objective: ObjectiveOption = "energy",
    limit: LimitOption = LIMIT,
    refine: RefineOption = True,
    loops: LoopsOption = None,
    machine_out: MachineOutOption = None,
    report: ReportOption = None,
    tables: CsvOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search for the best mapping of each layer on a hierarchy of memories, from ZigZag's files.

    Prints each layer's energy and cycles by ZigZag's cost model, and the accesses of all memories.
    """
    networks = _networks()
    with progress_of("mapping") as update:
        network = networks.mapped(
            accelerator,
            mapping,
            workload,
            objective,
            limit=limit,
            refine=refine,
            tell=partial(update, "mapping"),
        )
    record = networks.to_json(network)
    rows = {name: record[name] for name in networks.tables_of(network)}
    _check_layers(loops or [], rows["layers"], workload)
    text = json.dumps(record, indent=1)
    files = csv_files(tables, rows) if tables else {}
    if report is not None:
        files[report] = f"{text}\n".encode()
    machine = network.machine() if machine_out is not None else None
    if machine is not None and machine_out is not None:
        files[machine_out] = machine.text.encode()
    write_files(files)
    if as_json:
        typer.echo(text)
    else:
        _show(record, loops or [], f"{workload.stem} on {network.architecture.name}")
    for lost in machine.lost if machine else ():
        typer.echo(f"not in {machine_out}: {lost}", err=True)


def _networks() -> Any:
    """`explore.zigzag.networks`; raises TilefoldError where PyYAML is not installed."""
    try:
        from ..explore.zigzag import networks
    except ImportError as error:
        if error.name != "yaml":
            raise
        raise TilefoldError(
            "ZigZag's files need PyYAML, which is not installed: pip install 'tilefold[explore]'"
        ) from None
    return networks


def _check_layers(names: Sequence[str], layers: Rows, workload: Path) -> None:
    known = [row["layer"] for row in layers]
    if unknown := [name for name in names if name not in known]:
        listed = ", ".join(known[:5]) + (", ..." if len(known) > 5 else "")
        raise TilefoldError(f"{workload}: no layer is called '{unknown[0]}'; there are {listed}")


def _show(record: Mapping[str, Any], names: Sequence[str], title: str) -> None:
    """Print the layers and their sum, what the memories do, and loops that are asked for."""
    total = record["total"]
    table = _table(f"{title}: mappings of least {record['objective']}", LAYERS, record["layers"])
    table.add_section()
    sums = {column: total.get(column, "") for column in LAYERS.values()} | {"layer": "total"}
    table.add_row(*(_text(column, sums[column]) for column in LAYERS.values()), style="bold")
    memories = _table("accesses of all layers", MEMORIES, record["memories"])
    shown = [table, memories]
    for name in names:
        some = [row for row in record["loops"] if row["layer"] == name]
        columns = {heading: heading for heading in some[0] if heading != "layer"} if some else {}
        shown.append(_table(f"loops of {name}", columns, some))
    for each in shown:
        console().print(each, highlight=False)


def _table(title: str, columns: Mapping[str, str], rows: Rows) -> Table:
    table = Table(title=escape(title))
    for heading, column in columns.items():
        text = any(isinstance(row[column], str) for row in rows)
        table.add_column(heading, justify="left" if text else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_text(column, row[column]) for column in columns.values()))
    return table


def _text(column: str, value: Any) -> str:
    """A value of a column for people, safe in markup."""
    if isinstance(value, float):
        return f"{value:.1%}" if column == "utilisation" else f"{value / 1e3:,.1f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))
