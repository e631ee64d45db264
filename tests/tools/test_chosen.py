"""The chosen design in the report: what the figures show, and that all names are only text."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tilefold.explore.evaluator import Metric
from tilefold.explore.findings import Table
from tilefold.explore.terms import Explanation, Term
from tilefold.tests.support import browser
from tilefold.tests.tools.test_explore import SECTIONS, Outline, study_of
from tilefold.tools.carry import Carried
from tilefold.tools.chosen import Chosen, show, strongest
from tilefold.tools.command import console
from tilefold.tools.pictures.chosen import PARTS, chosen_sections
from tilefold.tools.pictures.exploration import exploration_report

GOALS = (Metric("latency_ms", "ms", "min"), Metric("energy_uj", "µJ", "min"))
STRANGE = '</script><script>alert("$title")</script>'


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are not wrapped, whatever the terminal."""
    monkeypatch.setenv("COLUMNS", "160")


def layer(name: str, **cycles: int) -> dict[str, Any]:
    parts = dict.fromkeys(PARTS, 0) | cycles
    whole: dict[str, Any] = {"network": "net", "layer": name, "cycles": sum(parts.values())}
    return whole | parts | {"bound": "compute", "pJ": 1234.5, "mode": "", "fold": "", "tiles": ""}


def assumption(
    name: str, latency: float | None, front: bool, before: bool | None
) -> dict[str, Any]:
    return {
        "assumption": name, "assumed": "1", "instead": "2",
        "latency_ms": latency and 4 * latency, "latency_ms ratio": latency,
        "energy_uj": 3.0, "energy_uj ratio": 1.0,
        "kept": latency is not None, "designs": 7, "on front": front, "chosen then": 5,
        "before runner-up": before, "source": "assumed",
    }  # fmt: skip


LAYERS = [layer("(start)", stalls=160), layer(STRANGE, compute=30, memory=12, stalls=5),
          layer("last", vector=8, reconfiguration=16)]  # fmt: skip
ASSUMPTIONS: Table = [
    assumption("weak", 1.1, front=True, before=True),
    assumption("strong", 0.25, front=True, before=None),
    assumption(STRANGE, 1.0, front=False, before=False),
    assumption("second", 1.01, front=True, before=False),
    assumption("unknown", None, front=False, before=None),
]
CARRIED: dict[str, Any] = {
    "network": "net", "analytical": 100, "predicted": 98, "emulated": 99, "error": 0.0101,
    "analytical pJ": 1e6, "emulated pJ": 1.1e6, "energy error": -0.09, "exact": True, "note": "",
    "files": "design.mlir", "compile": "tilefold compile net.onnx", "run": "tilefold run 'a b.tfp'",
}  # fmt: skip
TERM = Term(
    STRANGE, 7, "cycles", STRANGE, "sum",
    (Term("inner", 6, "cycles", "", "product", (Term("a", 2, ""), Term("b", 3, ""))),
     Term("leaf", 1, "cycles", "from a file")),
)  # fmt: skip


@pytest.fixture
def chosen() -> Chosen:
    explanation = Explanation({"latency_ms": TERM}, LAYERS)
    return Chosen(explanation, ASSUMPTIONS, f"// {STRANGE}", Carried([CARRIED]), 42)


def figures(chosen: Chosen) -> dict[str, Any]:
    return {each.name: each.figure for each in chosen_sections(GOALS, chosen) if each.figure}


def test_bars_of_layers_are_their_cycles(chosen: Chosen) -> None:
    figure = figures(chosen)["bottlenecks"]
    assert [trace["name"] for trace in figure["data"]] == list(PARTS)
    for number, row in enumerate(LAYERS):
        bars = {
            trace["name"]: value
            for trace in figure["data"]
            for place, value in zip(trace["y"], trace["x"], strict=True)
            if place == number
        }
        assert bars == {part: row[part] for part in PARTS if row[part]}
        assert sum(bars.values()) == row["cycles"]


def test_assumptions_that_change_the_choice_come_first(chosen: Chosen) -> None:
    ranked = [row["assumption"] for row in strongest(GOALS, ASSUMPTIONS)]
    assert ranked == ["unknown", STRANGE, "second", "strong", "weak"]
    figure = figures(chosen)["assumptions"]
    latency, energy = figure["data"]
    assert (latency["name"], energy["name"]) == ("latency_ms", "energy_uj")
    assert latency["y"] == [1, 2, 3, 4]
    assert latency["x"] == pytest.approx([0, 1, -75, 10])
    assert energy["x"] == [0] * 5


def test_plotly_knows_every_property(chosen: Chosen) -> None:
    graph_objects = pytest.importorskip("plotly.graph_objects")
    for figure in figures(chosen).values():
        assert len(graph_objects.Figure(figure).data) == len(figure["data"]) > 0
        json.dumps(figure, allow_nan=False)


def test_what_the_section_says_is_counted(chosen: Chosen) -> None:
    (section,) = (each for each in chosen_sections(GOALS, chosen) if each.name == "assumptions")
    assert "among 7 designs of the front" in section.text
    assert "still before the second one, design 42." in section.text
    assert (
        "Of 5 changes 2 take it off the front, and 2 put the second one before it" in section.text
    )


class Trees(HTMLParser):
    """The texts of nested details, by how deep they are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.lines, self._depth, self._open = list[tuple[int, str]](), 0, list[bool]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("details", "div"):
            term = ("class", "term") in attrs
            self._open.append(term)
            self._depth += term
            if term:
                self.lines.append((self._depth, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("details", "div"):
            self._depth -= self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._depth:
            depth, text = self.lines[-1]
            self.lines[-1] = depth, text + data


def page(folder: Path, chosen: Chosen) -> str:
    pytest.importorskip("plotly")
    study, found, _ = study_of(folder, "latency", "energy")
    return exploration_report(study, found, None, chosen)


def test_terms_are_nested(tmp_path: Path, chosen: Chosen) -> None:
    lines = Trees(page(tmp_path, chosen)).lines
    shown = [(depth, " ".join(text.split())) for depth, text in lines]
    assert shown == [
        (1, f"{STRANGE} 7 cycles = inner + leaf {STRANGE}"),
        (2, "inner 6 cycles = a × b"),
        (3, "a 2"),
        (3, "b 3"),
        (2, "leaf 1 cycles from a file"),
    ]


def test_names_are_only_text(tmp_path: Path, chosen: Chosen) -> None:
    outline = Outline(page(tmp_path, chosen))
    assert len(outline.scripts) == 2 and outline.links == ["data:,"]
    assert outline.ids == [*SECTIONS, "bottlenecks", "assumptions"]
    assert f"// {STRANGE}" in outline.text
    assert "tilefold compile net.onnx\ntilefold run 'a b.tfp'" in outline.text


def test_what_is_printed(chosen: Chosen) -> None:
    screen = console()
    with screen.capture() as text:
        show(screen, GOALS, chosen)
    lines = text.get().splitlines()
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    named = {row[0]: row[1:] for row in rows}
    assert named["strong"] == ["1", "2", "-75.0%", "+0.0%", "yes", "5"]
    assert named["unknown"][2:5] == ["-", "+0.0%", "no"]
    assert named["net"] == ["100", "98", "99", "+1.0%", "1", "1.1", "-9.0%", "every bit"]


@pytest.mark.skipif(
    browser.CHROMIUM is None, reason="no Chromium is installed: HTML reports are not opened"
)
def test_a_browser_draws_it_without_a_word(tmp_path: Path, chosen: Chosen) -> None:
    (tmp_path / "report.html").write_text(page(tmp_path / "store", chosen), encoding="utf-8")
    shown = browser.opened(tmp_path / "report.html", tmp_path / "profile")
    assert shown.console == ()
    assert f'data-drawn="{" ".join([*SECTIONS, "bottlenecks", "assumptions"])}"' in shown.dom
