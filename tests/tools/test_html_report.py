"""The HTML report: what its figures show, that it is one sound file, and that browsers draw it."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tilefold.emulator import Recording, Report
from tilefold.machines import load_machine
from tilefold.machines.model import Machine
from tilefold.tests.emulator.test_recorder import MACHINES, fashion_run
from tilefold.tests.support import browser
from tilefold.tests.support.compiled_networks import shipped_on
from tilefold.tests.support.outline import Outline
from tilefold.tools.emulate import main
from tilefold.tools.pictures import timeline as timeline_module
from tilefold.tools.pictures.layers import energy, layers
from tilefold.tools.pictures.memory import memory
from tilefold.tools.pictures.page import html_report, sections
from tilefold.tools.pictures.roofline import roofline
from tilefold.tools.pictures.style import STALLS, WORK, Time, kind_of, shortened
from tilefold.tools.pictures.timeline import THICK, timeline

Figure = dict[str, Any]
FIGURES = ["roofline", "timeline", "layers", "memory", "energy"]


def run_on(name: str) -> tuple[Report, Recording, Machine]:
    _, report, recording = fashion_run(name)
    return report, recording, load_machine(name)


def priced(report: Report) -> Report:
    """The report with 2 pJ for each product, and 10 nJ for each layer's DRAM."""
    layers = [replace(row, energy={"array": 2.0 * row.macs, "dram": 1e4}) for row in report.layers]
    energy = {"array": 2.0 * report.total.macs, "dram": 1e4 * len(layers)}
    return replace(report, layers=layers, total=replace(report.total, energy=energy))


def unpriced(report: Report) -> Report:
    """The report as without a technology."""
    layers = [replace(row, energy=None) for row in report.layers]
    return replace(report, layers=layers, total=replace(report.total, energy=None))


def named(figure: Figure, name: str) -> Figure:
    (trace,) = (trace for trace in figure["data"] if trace.get("name") == name)
    return trace


@pytest.mark.parametrize("name", MACHINES)
def test_plotly_knows_every_property(name: str) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    program, report, recording = fashion_run(name)
    every = sections(program, priced(report), recording, load_machine(name))
    assert [section.name for section in every] == FIGURES
    for section in every:
        figure = graph_objects.Figure(section.figure)
        assert len(figure.data) == len(section.figure["data"]) > 0
        # As every axis of a number, those that are not of names have a title with a unit.
        for key, axis in section.figure["layout"].items():
            if re.fullmatch("[xy]axis.*", key) and "ticktext" not in axis:
                assert axis["title"]["text"], (section.name, key)


@pytest.mark.parametrize("name", MACHINES)
def test_the_roofline(name: str) -> None:
    report, _, machine = run_on(name)
    figure = roofline(report, machine)
    roof, *groups = figure["data"]
    peak = 2e-9 * report.hz * sum(array.count * array.multipliers for array in machine.arrays)
    rate = 1e-9 * report.hz * machine.dram.bytes_per_cycle
    assert roof["y"] == pytest.approx([roof["x"][0] * rate, peak, peak])
    assert roof["x"][1] * rate == pytest.approx(peak)
    shown = {
        text[len("<b>") : text.index("</b>")]: (x, y)
        for group in groups
        for text, x, y in zip(group["hovertext"], group["x"], group["y"], strict=True)
    }
    assert len(shown) == sum(len(group["x"]) for group in groups)
    every = (*report.layers, report.total)
    expected = {row.name: row for row in every if row.macs and row.operations_per_byte}
    assert shown.keys() == expected.keys()
    for layer, row in expected.items():
        x, y = shown[layer]
        assert x * sum(row.bytes["dram"].values()) == pytest.approx(2 * row.macs)
        assert y * 1e9 * row.working / report.hz == pytest.approx(2 * row.macs)
        assert y <= peak


@pytest.mark.parametrize("pieces", [10**6, 100])
@pytest.mark.parametrize("name", MACHINES)
def test_the_timeline(name: str, pieces: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit's bars cover as much as the unit was busy, and lie in its row within the run."""
    monkeypatch.setattr(timeline_module, "PIECES", pieces)
    program, report, recording = fashion_run(name)
    machine = load_machine(name)
    figure = timeline(program, recording, machine, report.hz)
    time = Time.of(recording.cycles, report.hz)
    by_name = {trace["name"]: trace for trace in figure["data"] if "name" in trace}
    assert by_name.keys() <= {label for label, _ in (*WORK.values(), *STALLS.values())}
    assert figure["layout"]["yaxis"]["ticktext"] == ["layer", *recording.units]
    bars = 0
    for number, unit in enumerate(recording.units):
        label, colour = WORK[kind_of(machine, unit)]
        busy = report.total.units[unit].busy
        rows = _row(by_name[label], -1 - number) if label in by_name else []
        assert label not in by_name or by_name[label]["marker"]["color"] == colour
        area = sum(length * height / THICK for _, length, height in rows)
        assert area == pytest.approx(time(busy), rel=0.02, abs=1e-6)
        for trace in by_name.values():
            for base, length, height in _row(trace, -1 - number):
                assert base >= 0 and base + length <= time(recording.cycles) * 1.00001
                assert 0 <= height <= THICK
                bars += 1
    assert pieces > 1000 or bars <= 2 * pieces
    layer = figure["data"][0]
    names = [row.name for row in report.layers[: len(program.layers)] if row.cycles]
    assert [text[3 : text.index("</b>")] for text in layer["hovertext"]] == names
    assert sum(layer["x"]) == pytest.approx(time(recording.cycles))


def _row(trace: Figure, y: int) -> list[tuple[float, float, float]]:
    columns = zip(trace["y"], trace["base"], trace["x"], trace["width"], strict=True)
    return [bar for row, *bar in columns if row == y]  # type: ignore[misc]


@pytest.mark.parametrize("name", MACHINES)
def test_the_layers(name: str) -> None:
    report, _, machine = run_on(name)
    figure = layers(report, machine)
    (menu,) = figure["layout"]["updatemenus"]
    kinds = [kind_of(machine, unit) for unit in machine.units]
    for button in menu["buttons"]:
        kind = next(k for k, (label, _) in WORK.items() if button["label"] == f"units {label}")
        visible = button["args"][0]["visible"]
        assert len(visible) == len(figure["data"])
        chosen = [
            trace
            for trace, shown in zip(figure["data"], visible, strict=True)
            if shown and "visible" in trace
        ]
        assert len({trace["name"] for trace in chosen}) == len(chosen)
        units = [u for u, k in zip(machine.units, kinds, strict=True) if k == kind]
        for trace in chosen:
            assert trace["name"] == WORK[kind][0] or trace["name"] in dict(STALLS.values())
            for number, value in zip(trace["y"], trace["x"], strict=True):
                spent = [report.layers[number].units.get(unit) for unit in units]
                causes = [c for c, (label, _) in STALLS.items() if label == trace["name"]]
                total = sum(
                    time.stalls.get(causes[0], 0) if causes else time.busy for time in spent if time
                )
                assert value == pytest.approx(total / len(units)) and value > 0
    added = named(figure, "added to the run")
    assert sum(added["x"]) == report.total.cycles
    for direction in ("read", "written"):
        trace = named(figure, f"DRAM {direction}")
        assert sum(trace["x"]) * 1e3 == pytest.approx(report.total.bytes["dram"][direction])


@pytest.mark.parametrize("name", MACHINES)
def test_the_memories(name: str) -> None:
    report, recording, machine = run_on(name)
    dram, *chips = memory(recording, machine, report.hz)["data"]
    seconds = [x / Time.of(recording.cycles, report.hz).per_second for x in dram["x"]]
    spans = zip(dram["y"], seconds[:-1], seconds[1:], strict=False)
    moved = sum(rate * 1e9 * (end - start) for rate, start, end in spans)
    assert moved == pytest.approx(recording.turns.size.sum(), rel=1e-3)
    assert len(chips) == len(recording.occupancy)
    for chip, (memory_name, steps) in zip(chips, recording.occupancy.items(), strict=True):
        assert chip["name"] == f"{memory_name}, KiB"
        assert max(chip["y"]) * 1024 == pytest.approx(steps.value.max(), abs=0.1)
        assert chip["y"][-1] == 0


def test_the_energies() -> None:
    report, _, _ = run_on("tiny")
    figure = energy(priced(report))
    assert sum(named(figure, "array")["x"]) == pytest.approx(2 * report.total.macs / 1e3)
    assert named(figure, "dram")["x"] == [10.0] * len(report.layers)


def test_the_page_tells_the_energy_of_the_report() -> None:
    program, report, recording = fashion_run("tiny")
    text = Outline(html_report(program, priced(report), recording)).text
    microjoules = (2 * report.total.macs + 1e4 * len(report.layers)) / 1e6
    assert f"{microjoules:,.4g} µJ" in text


@pytest.mark.parametrize(
    ("cycles", "unit"), [(100, "µs"), (8_000_000, "ms"), (7_999_999, "µs"), (8 * 10**9, "s")]
)
def test_units_of_time(cycles: int, unit: str) -> None:
    time = Time.of(cycles, 800_000_000)
    assert time.unit == unit
    assert time(cycles) / time.per_second == pytest.approx(cycles / 8e8)


def test_long_names_are_shortened_in_the_middle() -> None:
    assert shortened("x" * 34) == "x" * 34
    assert (
        shortened("/features/3/conv/2/depthwise/Conv_quant") == "/features/3/conv…hwise/Conv_quant"
    )
    assert shortened("<b>") == "&lt;b&gt;"


def page(name: str, with_energy: bool = False) -> str:
    pytest.importorskip("plotly")
    program, report, recording = fashion_run(name)
    return html_report(program, (priced if with_energy else unpriced)(report), recording)


@pytest.mark.parametrize("with_energy", [False, True])
def test_the_page_stands_alone(with_energy: bool) -> None:
    outline = Outline(page("dna_a600", with_energy))
    assert outline.ids == FIGURES[: None if with_energy else -1]
    assert ("No technology given" in outline.text) is not with_energy
    assert outline.links == ["data:,"]
    assert len(outline.scripts) == 2
    _, report, _ = fashion_run("dna_a600")
    assert f"{report.total.cycles:,}" in outline.text
    for row in report.layers:
        assert row.name in outline.text


def strange() -> str:
    """A page about a network whose layers have names that are not innocent."""
    program, report, recording = fashion_run("dna_a600")
    names = [
        '</script><script>console.error("broken out")</script>',
        "<b>bold</b> & $title",
        "ö\n'",
    ]
    changed = tuple(names[n % 3] + str(n) for n in range(len(program.layers)))
    for row, name in zip(report.layers, changed, strict=False):
        row.name = name
    return html_report(replace(program, layers=changed), report, recording)


def test_names_of_layers_are_only_text() -> None:
    pytest.importorskip("plotly")
    fashion_run.cache_clear()
    try:
        outline = Outline(strange())
    finally:
        fashion_run.cache_clear()
    assert len(outline.scripts) == 2
    assert '</script><script>console.error("broken out")</script>0' in outline.text
    assert "<b>bold</b> & $title1" in outline.text


in_browser = pytest.mark.skipif(
    browser.CHROMIUM is None, reason="no Chromium is installed: HTML reports are not opened"
)


def drawn(page: browser.Page) -> dict[str, int]:
    """How many elements were drawn in each figure of a page that ran to its end."""
    match = re.search(r'<body[^>]* data-drawn="([^"]*)"', page.dom)
    assert match, "the page's script did not reach its end"
    parts = re.split(r'<div id="(\w+)"', page.dom)
    after = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {name: len(re.findall("<(?:path|text)[ >]", after[name])) for name in match[1].split()}


@in_browser
@pytest.mark.parametrize("name", ["tiny", "dna_a600"])
def test_a_browser_draws_it_without_a_word(name: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(page(name, with_energy=True), encoding="utf-8")
    shown = browser.opened(tmp_path / "report.html", tmp_path / "profile")
    assert shown.console == ()
    counts = drawn(shown)
    assert list(counts) == FIGURES
    assert min(counts.values()) > 20
    _, report, _ = fashion_run(name)
    for row in report.layers:
        assert f">{row.name}</text>" in shown.dom


@in_browser
def test_a_browser_draws_strange_names(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    fashion_run.cache_clear()
    try:
        (tmp_path / "report.html").write_text(strange(), encoding="utf-8")
    finally:
        fashion_run.cache_clear()
    shown = browser.opened(tmp_path / "report.html", tmp_path / "profile")
    assert shown.console == ()
    assert list(drawn(shown)) == FIGURES


@in_browser
@pytest.mark.parametrize(
    "script",
    [
        "console.error('bad')",
        "throw new Error('bad')",
        "Promise.reject(new Error('bad'))",
        "document.body.append(Object.assign(new Image(), {src: 'http://bad.example/x.png'}))",
        "fetch('http://bad.example')",
    ],
)
def test_an_error_would_be_noticed(script: str, tmp_path: Path) -> None:
    head = re.search("<meta http-equiv=.*>", page("tiny"))
    assert head
    text = f"<!DOCTYPE html><head>{head[0]}</head><body><script>{script}</script>"
    (tmp_path / "page.html").write_text(text)
    assert browser.opened(tmp_path / "page.html", tmp_path / "profile").console


def test_the_option(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    shipped_on("tiny").program.save(tmp_path / "net.tfp")
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "net.tfp"), "--html", str(tmp_path / "report.html"), "--json"])
    assert stop.value.code == 0
    assert Outline((tmp_path / "report.html").read_text("utf-8")).ids == FIGURES[:-1]


def test_without_plotly_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    shipped_on("tiny").program.save(tmp_path / "net.tfp")
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path / "net.tfp"), "--html", str(tmp_path / "report.html")])
    assert stop.value.code == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "pip install 'tilefold[report]'" in error
    assert not (tmp_path / "report.html").exists()


def test_figures_are_json() -> None:
    program, report, recording = fashion_run("tiny")
    every = sections(program, priced(report), recording, load_machine("tiny"))
    for section in every:
        json.dumps(section.figure, allow_nan=False)
