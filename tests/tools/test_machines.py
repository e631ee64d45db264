"""What `tilefold machines` prints, and the pages of documentation about machines."""

import json
import re
from io import StringIO
from pathlib import Path

import pytest
import tilefold
from rich.console import Console
from tilefold.costmodel.array import conv_cost
from tilefold.costmodel.dma import transfer_cost
from tilefold.costmodel.reconfigure import reconfigure_cost
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine, names
from tilefold.machines.model import Fold, parse_machine
from tilefold.tools.machines import show_machines, with_field_tables

DOCS = Path(next(iter(tilefold.__path__))) / "docs"


def shown(name: str | None, as_json: bool, technology: str | None = None) -> str:
    console = Console(file=StringIO(), width=200)
    show_machines(name, as_json, console, technology)
    file = console.file
    assert isinstance(file, StringIO)
    return file.getvalue()


def test_the_list() -> None:
    table = shown(None, as_json=False)
    rows = json.loads(shown(None, as_json=True))
    assert [row["name"] for row in rows] == list(names())
    assert all(row["name"] in table for row in rows)
    a600 = next(row for row in rows if row["name"] == "dna_a600")
    assert a600["multipliers"] == 24576
    assert a600["peak_gmacs_per_second"] == pytest.approx(24576 * 0.8)


@pytest.mark.parametrize("name", names())
def test_one_machine(name: str) -> None:
    machine = load_machine(name)
    table = shown(name, as_json=False)
    data = json.loads(shown(name, as_json=True))
    assert data["units"] == list(machine.units)
    assert data["digest"] == machine.digest
    assert len(data["parts"]) == len(machine.parts)
    assert all(part.name in table for part in machine.parts)


def test_the_area_of_a_machine() -> None:
    data = json.loads(shown("dna_a600", as_json=True))
    assert data["technology"] == "16nm"
    table = shown("dna_a600", as_json=False)
    assert "area at 16nm" in table
    assert f"{sum(data['area_mm2'].values()):.4f}" in table
    unnamed = json.loads(shown("dna_f100", as_json=True))
    assert unnamed["technology"] is unnamed["area_mm2"] is None
    assert "no area: the machine names no technology" in shown("dna_f100", as_json=False)
    chosen = json.loads(shown("dna_f100", as_json=True, technology="45nm"))
    assert chosen["area_mm2"]["data"] > 0
    with pytest.raises(TilefoldError, match="name the machine whose area to show"):
        shown(None, as_json=False, technology="45nm")


def test_an_unknown_machine() -> None:
    with pytest.raises(TilefoldError, match="no machine is named 'tinny'; did you mean tiny"):
        shown("tinny", as_json=False)


def test_the_field_tables_are_up_to_date() -> None:
    page = (DOCS / "machines.md").read_text()
    assert page.count("<!-- fields of ") == 9
    assert with_field_tables(page) == page, "run python -m tilefold.tools.machines docs/machines.md"


def test_the_machine_on_the_page_loads() -> None:
    page = (DOCS / "machines.md").read_text()
    example = re.search(r"```mlir\n(fabric\.machine.*?)```", page, re.DOTALL)
    assert example is not None
    assert parse_machine(example[1], "page").name == "mine"


def test_the_worked_example_is_right() -> None:
    page = (DOCS / "time.md").read_text()
    tiny, a600 = load_machine("tiny"), load_machine("dna_a600")
    shape = {"rows": 8, "cols": 8, "k": 6, "c": 5, "kh": 3, "kw": 3}
    conv = conv_cost(tiny.array("conv"), "dense", Fold(), **shape, drain_lanes=4)
    load = transfer_cost(a600.dma_for("dram", "data"), a600.dram, rows=10, row_bytes=100)
    change = reconfigure_cost(a600.folds_for("conv"), a600.dram, units=6)
    for phrase in (
        f"3 + 143 x 16 + 16 = {conv.occupancy} cycles",
        f"the last result is in memory 6 + 12 = {conv.latency} cycles later",
        f"{conv.macs:,} products",
        f"ceil(384 / 4) = {conv.drain} cycles",
        f"{load.port_cycles} port cycles",
        f"{load.dram_bytes} bytes, {load.dram_cycles} DRAM cycles",
        f"{change.total_cycles} cycles unprepared, {change.switch_cycles} prepared",
    ):
        assert phrase in " ".join(page.split()), phrase
