"""`tilefold explore bench` from its options to its files."""

import csv
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
from tilefold.examples import fashion
from tilefold.explore.bench.benchmark import Benchmark, Varied, Wanted, benchmark
from tilefold.explore.bench.tables import tables_of
from tilefold.explore.bench.variations import variations
from tilefold.machines import load_machine
from tilefold.tests.support import browser
from tilefold.tests.support.mixed_networks import conv, net, quantised
from tilefold.tests.support.outline import Outline
from tilefold.tools.bench import NETWORKS, OTHERS, SHARES, TIME, WORK, Part, text_of
from tilefold.tools.pictures.benchmarks import benchmarks_page, sections
from tilefold.tools.tilefold import main

Run = Callable[..., tuple[int, str, str]]
TABLES = ("networks", "layers", "limits", "machines", "folds")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `tilefold explore` beside a small network: exit code, standard output and errors."""
    monkeypatch.chdir(tmp_path)
    builder = net()
    x = quantised(builder, builder.input((1, 4, 6, 6)))
    builder.output(quantised(builder, conv(builder, x, (4, 8), "only")))
    onnx.save(builder.model(), tmp_path / "net.onnx")

    def explore(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["explore", *arguments])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return explore


def printed(text: str, title: str) -> list[list[str]]:
    """The cells of the table of that title."""
    lines = text[text.index(title) :].splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith("└"))
    return [[c.strip() for c in line.split("│")[1:-1]] for line in lines[:end] if line[0] == "│"]


def shown(part: Part, rows: list[dict[str, Any]]) -> list[list[str]]:
    return [[text_of(column, row[column]) for column in part.columns.values()] for row in rows]


def test_tables_and_files_say_the_same(run: Run) -> None:
    words = ["bench", "net.onnx", "--machine", "tiny", "--machine", "dna_f100"]
    files = ["--report", "out/r.json", "--csv", "out/csv", "--layers", "1", "--folds", "2"]
    code, out, _ = run(*words, *files)
    assert code == 0
    record = json.loads(Path("out/r.json").read_text())
    assert set(record) == {"conventions", *TABLES}
    for name in TABLES:
        with Path(f"out/csv/{name}.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert [list(row.values()) for row in rows] == [
            ["" if value is None else str(value) for value in row.values()] for row in record[name]
        ]
        assert [list(row) for row in rows] == [list(row) for row in record[name]]
    for machine in ("tiny", "dna_f100"):
        some = {name: [row for row in record[name] if row["machine"] == machine] for name in TABLES}
        for part in (WORK, TIME, SHARES):
            rows = printed(out, f"net on {machine}: {part.title}")
            assert rows == shown(part, some[part.name])
        machines = printed(out, f"net on {machine}: {OTHERS.title}")
        assert machines == [row[:3] for row in shown(OTHERS, some["machines"])]
    assert printed(out, NETWORKS.title) == shown(NETWORKS, record["networks"])
    code, out, _ = run(*words, "--layers", "1", "--folds", "2", "--json")
    assert code == 0 and json.loads(out) == record


def test_machines_from_files_and_less_work(run: Run) -> None:
    text = load_machine("tiny").text.replace("@tiny", "@mine").replace("lanes = 4", "lanes = 1")
    Path("mine.mlir").write_text(text)
    code, out, _ = run("bench", "net.onnx", "--machine", "mine.mlir", "--no-others", "--json")
    record = json.loads(out)
    assert code == 0
    assert record["machines"] == []
    (network,) = record["networks"]
    assert (network["network"], network["machine"]) == ("net", "mine")
    assert network["macs"] == 36 * 4 * 8 * 9
    # 36 x 8 sums leave by one lane.
    assert network["roofline_cycles"] >= 288


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("net.onnx", "give --machine NAME|FILE, once for each; tilefold machines lists them"),
        ("net.onnx --machine tine", "no machine is named 'tine'; did you mean tiny?"),
        ("net.onnx --machine no.mlir", "no.mlir: cannot be read: No such file or directory"),
        ("net.onnx --machine tiny --machine tiny", "two machines are called tiny"),
        ("net.onnx a/net.onnx --machine tiny", "two models are called net"),
        ("none.onnx --machine tiny", "none.onnx"),
        ("bad.onnx --machine tiny", "bad.onnx"),
        ("net.onnx --machine bad.mlir", "bad.mlir:1:"),
        ("net.onnx --machine tiny --no-others --html file/x.html", "cannot be written"),
    ],
)
def test_what_is_wrong_is_said(run: Run, words: str, message: str) -> None:
    Path("bad.onnx").write_bytes(b"no model")
    Path("bad.mlir").write_text("fabric.machine @x {hz = -1}")
    Path("file").touch()
    if "--html" in words:
        pytest.importorskip("plotly")
    code, out, err = run("bench", *words.split(), "--report", "r.json")
    assert code == 1 and out == ""
    assert err.startswith("error: ") and message in err and err.count("\n") <= 2
    assert not Path("r.json").exists()


def test_the_search_is_what_runs_without_a_name(run: Run) -> None:
    """Its words, its errors and its help are as if there were no other command."""
    pytest.importorskip("duckdb")
    parts = [f"--fix={name}" for name in ("lines=512", "data=512", "weights=512", "port=64")]
    parts += ["--fix=switch=800", "--fix=shadow=yes", "--fix=lanes=64", "--vary=units=1,2"]
    named = run("search", "net.onnx", *parts, "--objective", "latency", "--json")
    code, out, _ = run("net.onnx", *parts, "--objective", "latency", "--json")
    assert code == named[0] == 0
    assert json.loads(out)["front"] == json.loads(named[1])["front"]
    options_first = run(*parts, "--objective", "latency", "--json", "net.onnx")
    assert json.loads(options_first[1])["front"] == json.loads(out)["front"]
    assert "none.onnx" in run("none.onnx")[2]
    code, _, err = run()
    assert code == 2 and "Missing argument" in err


def test_help_is_of_the_search_and_names_the_others(run: Run) -> None:
    code, out, _ = run("--help")
    text = " ".join(out.split())
    assert code == 0
    assert re.match(r"Usage: \S+ explore \[OPTIONS\] .*MODEL\.onnx", text)
    assert "Search a space of machines" in text and "--objective" in text
    assert "tilefold explore bench" in text
    code, out, _ = run("bench", "--help")
    text = " ".join(out.split())
    assert code == 0
    assert " explore bench [OPTIONS]" in text and "--machine" in text
    assert "--objective" not in text


def test_without_plotly_nothing_is_compiled(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    code, _, err = run("bench", "none.onnx", "--machine", "tiny", "--html", "x.html")
    assert code == 1 and "pip install 'tilefold[report]'" in err


@pytest.fixture(scope="module")
def shipped() -> Benchmark:
    wanted = Wanted(layers=1, folds=2, others=False)
    return benchmark(fashion.int8_model(), load_machine("tiny"), wanted, lambda _: None)


def test_the_page_stands_alone(shipped: Benchmark) -> None:
    pytest.importorskip("plotly")
    outline = Outline(benchmarks_page([shipped, shipped], [("<i>", [["a"], ["</script>"]])]))
    assert outline.ids == ["roofline0", "limits0", "roofline1", "limits1"]
    assert outline.links == ["data:,"] and len(outline.scripts) == 2
    assert "<i>" in outline.text and "</script>" in outline.text


def test_the_roofline_has_a_point_for_each_layer(shipped: Benchmark) -> None:
    """100 MHz: a peak of 2 x 32 products a cycle, 6.4 GOP/s, and 0.8 GB/s."""
    graph_objects = pytest.importorskip("plotly.graph_objects")
    every = sections([shipped])
    for section in every:
        json.dumps(section.figure, allow_nan=False)
        assert len(graph_objects.Figure(section.figure).data) > 0
    figure = every[0].figure
    assert figure is not None
    roof, *groups, total = figure["data"]
    assert roof["y"][1:] == pytest.approx([6.4, 6.4])
    assert roof["x"][1] == pytest.approx(8)
    assert roof["y"][0] == pytest.approx(roof["x"][0] * 0.8)
    assert figure["layout"]["xaxis"]["type"] == figure["layout"]["yaxis"]["type"] == "log"
    texts = [text for trace in groups for text in trace["hovertext"]]
    named = {re.findall("<b>(.*?)</b>", text)[0]: text for text in texts}
    table = {row["layer"]: row for row in tables_of([shipped])["layers"]}
    assert set(named) == {name for name, row in table.items() if row["macs"]}
    for trace in groups:
        for x, y, text in zip(trace["x"], trace["y"], trace["hovertext"], strict=True):
            row = table[re.findall("<b>(.*?)</b>", text)[0]]
            assert trace["name"] == f"limited by {row['limit']}"
            assert x == pytest.approx(row["ops_per_dram_byte"])
            assert y == pytest.approx(row["attained_gops"])
            assert text.endswith(f"{row['cycles']:,} cycles, limited by {row['limit']}")
    assert total["name"] == "whole network" and len(total["x"]) == 1


def test_bars_begin_at_the_machine_as_it_is(shipped: Benchmark) -> None:
    """Faster to the right, slower to the left, nothing where there is no such machine."""
    one, other, none = list(variations(shipped.machine))[:3]
    cycles = shipped.total.cycles
    varied = (
        Varied(one, cycles // 2, ""),
        Varied(other, 2 * cycles, ""),
        Varied(none, None, "<no>"),
    )
    (*_, section) = sections([replace(shipped, varied=varied)])
    assert section.name == "machines0" and section.figure is not None
    (bars,) = section.figure["data"]
    assert bars["base"] == 1 and bars["x"] == pytest.approx([1, -0.5, 0])
    assert bars["hovertext"] == [
        f"{one.text}: 2.000 times as fast", f"{other.text}: 0.500 times as fast", "&lt;no&gt;",
    ]  # fmt: skip


@pytest.mark.skipif(
    browser.CHROMIUM is None, reason="no Chromium is installed: HTML reports are not opened"
)
def test_a_browser_draws_the_page_without_a_word(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    code, _, _ = run("bench", "net.onnx", "--machine", "tiny", "--html", "page.html")
    assert code == 0
    page = browser.opened(tmp_path / "page.html", tmp_path / "profile")
    assert page.console == ()
    assert 'data-drawn="roofline0 limits0 machines0"' in page.dom
