"""`tilefold explore` from its options to its files, on designs whose front is known."""

import csv
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from tilefold.errors import TilefoldError
from tilefold.explore.evaluator import Evaluator, Options
from tilefold.explore.findings import Findings, findings
from tilefold.explore.store import Store
from tilefold.explore.study import Question, Study, explore, objectives_of
from tilefold.explore.workers import Inline
from tilefold.tests.support import browser
from tilefold.tests.support.designs import SPACE, Designs, evaluations, processes
from tilefold.tests.support.exploring import sampler
from tilefold.tests.support.outline import Outline
from tilefold.tools.command import run_app
from tilefold.tools.explore import explore_command
from tilefold.tools.pictures.exploration import exploration_report, sections
from typer.testing import CliRunner, Result

SECTIONS = ["fronts", "values", "around"]


def made(networks: Sequence[Path], options: Options) -> Evaluator:
    """Designs that log to a file beside the first network."""
    if networks[0].suffix != ".onnx":
        raise TilefoldError(f"{networks[0]}: is not a model")
    provenance = {"networks": ", ".join(path.name for path in networks)}
    digest = f"designs at {options.technology}"
    return Designs(networks[0].with_name("log"), digest=digest, provenance=provenance)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(explore_command(made))


def run(folder: Path, *arguments: str) -> Result:
    network = str(folder / "net.onnx")
    words = [network, *(word.replace("DIR/", f"{folder}/") for word in arguments)]
    return CliRunner().invoke(app, words, catch_exceptions=False)


def failed(folder: Path, *arguments: str) -> str:
    with pytest.raises(TilefoldError) as error:
        run(folder, *arguments)
    return str(error.value)


def test_the_front_is_printed(tmp_path: Path) -> None:
    done = run(tmp_path, "--constraint", "area<=30")
    assert done.exit_code == 0
    line, *table = done.stdout.splitlines()
    assert line.startswith("tried 1,920 of 1,920 designs, evaluated 1,920 of them now (")
    assert "some of the 30 designs of the front" in table[0]
    assert "speed" in table[2] and "latency_ms" in table[2] and "area_mm2" in table[2]
    rows = [row.split("│")[1:-1] for row in table if row.startswith("│")]
    assert 20 <= len(rows) <= 21
    assert [row[3].strip() for row in rows] == ["good"] * len(rows)
    assert sum("*" in row[0] for row in rows) == 1
    assert "for more" not in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log"]


def test_the_tables_as_files(tmp_path: Path) -> None:
    files = ("--csv", "DIR/csv", "--report", "DIR/report.json", "--export", "DIR/all.csv", "--json")
    done = run(tmp_path, "--objective", "latency,energy", "--technology", "7nm", *files)
    record = json.loads((tmp_path / "report.json").read_text())
    assert json.loads(done.stdout) == record
    assert record["digest"] == "designs at 7nm"
    assert record["provenance"] == {"networks": "net.onnx"}
    assert [row["speed"] for row in record["front"]] == list(range(32, 0, -1))
    assert [row["equal"] for row in record["front"]] == [5] * 32
    for name in ("front", "best", "by_value", "around"):
        with (tmp_path / "csv" / f"{name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [list(row) for row in rows] == [list(row) for row in record[name]]
        for row, other in zip(rows, record[name], strict=True):
            assert list(row.values()) == ["" if v is None else str(v) for v in other.values()]
    with (tmp_path / "all.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 1920


def test_parts_of_the_space(tmp_path: Path) -> None:
    parts = ("--vary", "speed=4,8,16", "--vary", "style=poor,fair", "--fix", "spare=2")
    run(tmp_path, *parts, "--objective", "rate,energy", "--report", "DIR/r.json")
    record = json.loads((tmp_path / "r.json").read_text())
    assert [each["values"] for each in record["space"]] == [
        [4, 8, 16], [0.0, 0.5, 1.0, 2.0], ["fair", "poor"], [2],
    ]  # fmt: skip
    assert record["counts"]["designs"] == 24
    assert [(row["speed"], row["style"]) for row in record["front"]] == [
        (16, "fair"), (8, "fair"), (4, "fair"),
    ]  # fmt: skip


def test_a_store_goes_on_and_answers_other_questions(tmp_path: Path) -> None:
    log = tmp_path / "log"
    search = ("--sampler", "nsga2", "--seed", "3", "--store", "DIR/store", "--chunk", "50")
    first = run(tmp_path, *search, "--points", "300")
    (command,) = re.findall(r"^for more: (tilefold explore .*)$", first.stdout, re.MULTILINE)
    words = shlex.split(command)
    assert words[:2] == ["tilefold", "explore"] and "600" in words
    before = len(evaluations(log))
    again = run(tmp_path, *search, "--points", "300")
    assert "evaluated 0 of them now" in again.stdout
    assert (
        re.sub(r"evaluated.*now", "", first.stdout.splitlines()[0]).split(";")[1:]
        == (again.stdout.splitlines()[0].split(";")[1:])
    )
    assert len(evaluations(log)) == before
    more = CliRunner().invoke(app, words[2:], catch_exceptions=False)
    assert more.exit_code == 0
    assert len(evaluations(log)) == len(set(evaluations(log))) > before
    other = run(
        tmp_path, "--sampler", "stored", "--objective", "rate", "--store", "DIR/store", "--json"
    )
    record = json.loads(other.stdout)
    assert record["counts"]["evaluated"] == 0
    assert record["counts"]["designs"] >= len(set(evaluations(log))) - 100
    assert "another study" in failed(tmp_path, "--technology", "7nm", "--store", "DIR/store")


def test_the_seed_decides_with_any_workers(tmp_path: Path) -> None:
    """Also whatever the number of cores is, with --jobs 0."""
    records: list[dict[str, object]] = []
    for jobs in ("1", "0"):
        words = ("--sampler", "pso", "--points", "200", "--seed", "5", "--jobs", jobs, "--json")
        record = json.loads(run(tmp_path, *words).stdout)
        records.append({name: record[name] for name in ("front", "best", "by_value", "around")})
    assert records[0] == records[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--vary speed", "--vary speed: give NAME=VALUE,..."),
        ("--vary speed=1,,2", "--vary speed=1,,2: give NAME=VALUE,..."),
        ("--fix speed=", "--fix speed=: give NAME=VALUE"),
        ("--fix spede=1", "no parameter is named 'spede'; did you mean speed?"),
        ("--fix speed=1000", "speed cannot be 1000; it is one of 1, 2, 3"),
        ("--objective latencie", "no objective is named 'latencie'; did you mean latency_ms?"),
        ("--objective latency,,area", "no objective is named ''"),
        ("--constraint aera<=2", "no metric is named 'aera'; did you mean area_mm2?"),
        ("--constraint style<=2", "no metric is named 'style'; did you mean waste?"),
        ("--constraint area=2", "write NAME<=NUMBER"),
        ("--sampler nsga3", "no sampler is named 'nsga3'; did you mean nsga2?"),
        ("--sampler stored", "no points are stored"),
        ("--scheduler nonsense", "--scheduler nonsense: no scheduler answers"),
        ("--carry DIR/chosen", "--carry: these designs are no machines"),
        ("--export DIR/all.txt", "points are written to .csv, .json, .parquet files"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, words: str, message: str) -> None:
    error = failed(tmp_path, *words.split())
    assert message in error and error.count("\n") <= 1


def test_nothing_is_written_where_something_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = failed(tmp_path, "--report", "DIR/r.json", "--html", "DIR/file/x.html")
    assert "cannot be written" in error
    assert not (tmp_path / "r.json").exists()


def test_an_interrupted_exploration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluate, calls = Designs.evaluate, list[int]()

    def interrupted(self: Designs, points: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return evaluate(self, points)

    monkeypatch.setattr(Designs, "evaluate", interrupted)
    error = failed(tmp_path, "--chunk", "200", "--store", "DIR/store")
    assert error == "interrupted: what was tried is kept, and the same command goes on"
    done = run(tmp_path, "--chunk", "200", "--store", "DIR/store")
    assert "tried 1,920 of 1,920 designs, evaluated 1,520 of them now" in done.stdout
    calls.clear()
    assert failed(tmp_path, "--chunk", "200") == "interrupted: nothing is kept without --store"


MAIN = """
import signal
import typer
from pathlib import Path
from tilefold.tests.support.designs import Designs
from tilefold.tools.command import run_app
from tilefold.tools.explore import explore_command

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
app.command()(explore_command(lambda paths, _: Designs(Path(paths[0]).parent / "log", seconds=0.2)))

if __name__ == "__main__":
    # Whatever runs the tests in the background may have it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_app(app)
"""


@pytest.mark.parametrize("kind", ["", pytest.param("--scheduler=local", marks=pytest.mark.long)])
def test_workers_leave_an_interrupt_to_the_program(tmp_path: Path, kind: str) -> None:
    """It reaches all processes of a terminal, and only one has something to say."""
    (tmp_path / "main.py").write_text(MAIN)
    words = [sys.executable, "main.py", "net.onnx", "--jobs", "2", "--chunk", "10"]
    words += [kind] if kind else []
    with subprocess.Popen(
        words, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while len(processes(tmp_path / "log")) < 6:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (
        1, "error: interrupted: nothing is kept without --store\n",
    )  # fmt: skip


def test_errors_are_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run_app(app, [str(tmp_path / "net.txt")])
    assert stop.value.code == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'net.txt'}: is not a model\n"


def test_without_a_library_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "duckdb", None)
        assert "pip install 'tilefold[explore]'" in failed(tmp_path)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    assert "pip install 'tilefold[report]'" in failed(tmp_path, "--html", "DIR/r.html")


def study_of(folder: Path, *goals: str) -> tuple[Study, Findings, str]:
    """A search, its findings and its page."""
    designs = Designs(provenance={"network": "</script><script>alert('$title')</script>"})
    question = Question(objectives_of(designs, goals))
    with Store(folder, designs) as store:
        study = explore(designs, sampler("random", designs, 300), store, Inline(), question)
        found = findings(study, Inline())
        return study, found, exploration_report(study, found, "tilefold explore 'a b.onnx'")


@pytest.mark.parametrize(
    "goals", [("rate",), ("latency", "energy"), ("latency", "energy", "area", "rate")]
)
def test_the_page(tmp_path: Path, goals: tuple[str, ...]) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    study, found, page = study_of(tmp_path, *goals)
    outline = Outline(page)
    assert outline.ids == SECTIONS and outline.links == ["data:,"]
    assert len(outline.scripts) == 2
    assert "</script><script>alert('$title')</script>" in outline.text
    assert "tilefold explore 'a b.onnx'" in outline.text
    for section in sections(SPACE.names, study.question, found):
        figure = graph_objects.Figure(section.figure)
        assert len(figure.data) == len(section.figure["data"]) > 0
        json.dumps(section.figure, allow_nan=False)
    fronts = sections(SPACE.names, study.question, found)[0].figure
    assert fronts is not None
    pairs = max(1, len(goals) * (len(goals) - 1) // 2)
    drawn = [trace for trace in fronts["data"] if trace["name"] == "front"]
    assert len(drawn) == pairs
    for trace in drawn:
        assert len(trace["x"]) == len(found.front)
        for text, row in zip(trace["hovertext"], found.front, strict=True):
            assert f"design {row['point']}<" in text
            assert f"speed {row['speed']}<" in text and f"style {row['style']}<" in text


@pytest.mark.skipif(
    browser.CHROMIUM is None, reason="no Chromium is installed: HTML reports are not opened"
)
def test_a_browser_draws_the_page_without_a_word(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    _, _, page = study_of(tmp_path / "store", "latency", "energy", "area")
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    shown = browser.opened(tmp_path / "report.html", tmp_path / "profile")
    assert shown.console == ()
    assert f'data-drawn="{" ".join(SECTIONS)}"' in shown.dom
