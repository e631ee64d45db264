"""A chosen design carried through: what is counted, what is compared, what is written."""

import csv
import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from tilefold.backend.program import Port, Program
from tilefold.compiler import compile_levels
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.examples import fashion
from tilefold.explore.designs import evaluator_of
from tilefold.explore.families import Family
from tilefold.interpreters import nn
from tilefold.tests.tools.test_explore import SECTIONS, Outline
from tilefold.tools import carry as module
from tilefold.tools.carry import MACHINE, Carried, carry, sample, table
from tilefold.tools.command import console, write_files
from tilefold.tools.explore import explore_command
from tilefold.tools.tilefold import main
from typer.testing import CliRunner, Result

FAMILY = Family()
TEXT = FAMILY.text(FAMILY.first)
METRICS = {"net_cycles": 20_000.0, "net_energy": 0.005}


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are not wrapped, whatever the terminal."""
    monkeypatch.setenv("COLUMNS", "160")


def quiet(_: str, __: int, ___: int | None) -> None:
    """No bar."""


def carried(folder: Path, text: str = TEXT) -> Carried:
    return carry(text, {"net": fashion.int8_model()}, METRICS, folder, quiet)


def test_what_is_counted_is_what_compiler_and_emulator_say(tmp_path: Path) -> None:
    found = carried(tmp_path)
    program = compile_levels(fashion.int8_model(), FAMILY.machine(FAMILY.first)).program
    report = emulate(program, {}, values=False).report
    (row,) = found.rows
    assert program.prediction and report.total.picojoules
    assert row["emulated"] == report.total.cycles
    assert row["predicted"] == program.prediction.cycles
    assert row["emulated pJ"] == report.total.picojoules
    assert row["error"] == pytest.approx(20_000 / report.total.cycles - 1)
    assert row["energy error"] == pytest.approx(5e6 / report.total.picojoules - 1)
    assert (row["exact"], row["note"], found.exact) == (True, "", True)
    assert not list(tmp_path.iterdir()), "files are the caller's to write"
    names = [MACHINE, "net.tfp", "net.trace.json", "net.image.npy"]
    assert [path.name for path in found.files] == names == row["files"].split(", ")


def test_the_commands_make_the_same_files(tmp_path: Path) -> None:
    found = carried(tmp_path)
    write_files(found.files)
    (row,) = found.rows
    assert Program.load(tmp_path / "net.tfp").machine_text
    for name in ("net.tfp", "net.trace.json"):
        (tmp_path / name).unlink()
    for word in ("compile", "run"):
        words = shlex.split(row[word])
        assert words[:2] == ["tilefold", word]
        with pytest.raises(SystemExit) as stop:
            main(words[1:])
        assert stop.value.code == 0
    for path, data in found.files.items():
        assert path.read_bytes() == data, path.name


def test_a_wrong_output_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit of one element."""

    def wrong(*arguments: Any) -> dict[str, np.ndarray]:
        outputs = nn.run(*arguments)
        for values in outputs.values():
            values.view(np.uint8).flat[3] ^= 1
        return outputs

    monkeypatch.setattr(module, "interpret", wrong)
    found = carried(tmp_path)
    assert found.rows[0]["exact"] is False and not found.exact
    screen = console()
    with screen.capture() as text:
        screen.print(table(found))
    assert "NO" in text.get() and "every bit" not in text.get()


def test_a_network_that_cannot_be_compiled(tmp_path: Path) -> None:
    narrow = TEXT.replace("[[8, 8, 1]]", "[[4, 4, 1]]")
    found = carried(tmp_path, text=narrow)
    (row,) = found.rows
    assert "@conv cannot multiply 8-bit activations" in row["note"]
    assert row["emulated"] is row["error"] is row["exact"] is None
    assert found.exact, "nothing is known to differ"
    assert [path.name for path in found.files] == [MACHINE]


@pytest.mark.parametrize(
    ("bits", "signed", "real", "low", "high"),
    [(8, False, True, 0, 255), (8, True, False, -128, 127), (4, False, False, 0, 15)],
)
def test_inputs_take_their_whole_type(
    bits: int, signed: bool, real: bool, low: int, high: int
) -> None:
    port = Port("x", (1, 3, 40, 40), real, bits, signed, (0.5,), (3,), None, 0)
    values = sample([port], 0)["x"]
    codes = values / 0.5 + 3 if real else values
    assert values.dtype == (np.float32 if real else np.int8 if signed else np.uint8)
    assert (codes.min(), codes.max(), len(np.unique(codes))) == (low, high, 1 << bits)
    assert (sample([port], 0)["x"] == values).all()
    assert (sample([port], 1)["x"] != values).any()


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(explore_command(evaluator_of))
FIXED = {
    "folding": "mesh",
    "units": 2,
    "side": 16,
    "lines": 512,
    "data": 512,
    "weights": 512,
    "port": 64,
    "switch": 800,
    "shadow": "yes",
}
FEW = [word for name, value in FIXED.items() for word in ("--fix", f"{name}={value}")]


def run(folder: Path, *words: str) -> Result:
    arguments = [word.replace("DIR/", f"{folder}/") for word in words]
    model = str(fashion.int8_model())
    return CliRunner().invoke(app, [model, *FEW, *arguments], catch_exceptions=False)


def read(path: Path) -> list[Mapping[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_an_exploration_tells_all_of_the_chosen_design(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    files = ("--html", "DIR/r.html", "--report", "DIR/r.json", "--csv", "DIR/csv")
    done = run(tmp_path, *files, "--carry", "DIR/chosen")
    assert done.exit_code == 0
    assert "what the chosen design rests on most" in done.stdout
    assert "every bit" in done.stdout
    record = json.loads((tmp_path / "r.json").read_text())
    chosen = record["chosen"]
    for name in ("layers", "terms", "assumptions", "carried"):
        rows = read(tmp_path / "csv" / f"{name}.csv")
        assert len(rows) == len(record[name]) > 0
        assert list(rows[0]) == list(record[name][0])
    tops = {row["metric"]: row["value"] for row in record["terms"] if row["depth"] == 0}
    assert tops == {name: pytest.approx(chosen[name]) for name in ("latency", "energy", "area")}
    cycles = sum(row["cycles"] for row in record["layers"])
    assert cycles == chosen["int8_cycles"] == record["carried"][0]["analytical"]
    outline = Outline((tmp_path / "r.html").read_text())
    assert outline.ids == [*SECTIONS, "bottlenecks", "assumptions"]
    assert outline.links == ["data:,"] and len(outline.scripts) == 2
    for row in record["layers"]:
        assert row["layer"] in outline.text
    for row in record["terms"]:
        assert row["text"] in outline.text and row["formula"] in outline.text
    assert (tmp_path / "chosen" / MACHINE).read_text() in outline.text
    assert record["carried"][0]["run"] in outline.text
    program = Program.load(tmp_path / "chosen" / "int8.tfp")
    assert program.machine_text.startswith("fabric.machine @design")


def test_a_page_can_do_without(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    done = run(tmp_path, "--html", "DIR/r.html", "--no-carry", "--report", "DIR/r.json")
    assert done.exit_code == 0 and "every bit" not in done.stdout
    assert "carried" not in json.loads((tmp_path / "r.json").read_text())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.html", "r.json"]


def test_a_page_alone_is_carried_without_files(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    done = run(tmp_path, "--html", "DIR/r.html")
    assert "every bit" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    commands = re.findall("tilefold compile .*", Outline((tmp_path / "r.html").read_text()).text)
    assert len(commands) == 1 and f"--machine DIR/{MACHINE}" in commands[0]


def test_all_files_or_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TilefoldError, match="cannot be written"):
        run(tmp_path, "--carry", "DIR/chosen", "--report", "DIR/file/r.json")
    assert not list((tmp_path / "chosen").glob("*"))


def test_differences_end_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Carried, "exact", False)
    with pytest.raises(TilefoldError, match="the emulator and the interpreter differ"):
        run(tmp_path, "--carry", "DIR/chosen")
    assert (tmp_path / "chosen" / MACHINE).exists(), "to look at"


def test_one_or_the_other(tmp_path: Path) -> None:
    with pytest.raises(TilefoldError, match="give one of them"):
        run(tmp_path, "--carry", "DIR/chosen", "--no-carry")
