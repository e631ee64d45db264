"""`benchmarks/accuracy.py`: rows and pages for a network that is quickly quantised."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tilefold.examples import fashion
from tilefold.quantizer import Quantisation
from tilefold.tests.support.benchmarks import script

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def accuracy() -> Any:
    """The benchmark as a module."""
    pytest.importorskip("PIL.Image", reason="needs pillow to read images")
    return script("accuracy")


@pytest.fixture
def subject(accuracy: Any) -> Any:
    images, labels = fashion.images()
    return accuracy.Subject(
        "small",
        fashion.float_model(),
        {"image": images[:8]},
        {"image": images[8:48]},
        labels[8:48],
    )


def test_methods_add_up(accuracy: Any, subject: Any) -> None:
    rows = list(accuracy.ablation(subject, Quantisation(4, 5, input=8)))
    assert [row.by for row in rows] == list(accuracy.METHODS)
    assert rows[0].quality.signal_to_noise + 3 < rows[-1].quality.signal_to_noise
    assert {row.activations for row in rows} == {"5, 8 of the input"}


def test_what_is_the_same_is_measured_once(
    accuracy: Any, subject: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Quantisation] = []
    monkeypatch.setattr(accuracy, "measured", lambda _, options, by: tried.append(options) or by)
    names = list(accuracy.ablation(subject, Quantisation(8, 8)))
    # At 8 bits ranges are those of all values, with and without the second method.
    assert names == [name for name in accuracy.METHODS if "ranges" not in name]
    assert len(set(tried)) == len(tried) == 4


def test_tables_go_into_the_page(
    accuracy: Any, subject: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures.json"
    page.write_text("before\n<!-- small -->\nold\n<!-- end of small -->\nafter\n")
    monkeypatch.setattr(accuracy, "PAGE", page)
    monkeypatch.setattr(accuracy, "subjects", lambda: iter([subject]))
    monkeypatch.setattr(accuracy, "WIDTHS", (Quantisation(8, 8, first=7, rounding="nearest"),))
    monkeypatch.setattr(accuracy, "RUNTIME", ("MinMax",))
    monkeypatch.setattr(sys, "argv", ["accuracy.py", "--docs", "--json", str(figures)])
    accuracy.main()
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert [line.split(" | ")[:3] for line in lines[2:6]] == [
        ["| by", "weights", "activations"],
        ["| ---", "---", "---"],
        ["| tilefold", "8, 7 at the ends", "8"],
        ["| onnxruntime, MinMax", "8", "8"],
    ]
    rows = json.loads(figures.read_text())["small"]
    assert all(row["quality"]["samples"] == 40 for row in rows)
    assert all(row["quality"]["agreement"] > 0.9 for row in rows)
