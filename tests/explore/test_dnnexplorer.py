"""The page of designs for FPGA boards says what the benchmark computes."""

from pathlib import Path
from typing import Any

import pytest
from tilefold.explore.boards import load_board
from tilefold.explore.fpga.networks import DEPTHS, INPUTS
from tilefold.tests.support.benchmarks import script

PAGE = Path(__file__).resolve().parents[2] / "docs" / "dnnexplorer.md"


@pytest.fixture(scope="module")
def benchmark() -> Any:
    return script("dnnexplorer")


def rows_of(name: str) -> list[list[str]]:
    text = PAGE.read_text(encoding="utf-8")
    text = text[text.index(f"<!-- {name} -->") : text.index(f"<!-- end of {name} -->")]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_readings_of_the_budget_are_current(benchmark: Any) -> None:
    header, _, *body = rows_of("readings")
    assert [header, *body] == benchmark.variations_table()


def test_the_page_has_every_network_and_paradigm(benchmark: Any) -> None:
    for name in benchmark.BOARDS:
        body = rows_of(name)[2:]
        assert len(body) == (len(DEPTHS) + len(INPUTS) - 1) * len(benchmark.PARADIGMS)
        assert len({tuple(row[:2]) for row in body}) == len(body)


@pytest.mark.parametrize("board", ["ku115", "zc706"])
@pytest.mark.parametrize(
    "paradigm",
    ["pipeline, AccDNN's", "pipeline, weights every band", "generic", "hybrid, DNNExplorer's"],
)
@pytest.mark.parametrize("depth", [13, 38])
def test_rows_of_the_page_are_current(
    benchmark: Any, board: str, paradigm: str, depth: int
) -> None:
    layers = benchmark.vgg(depth)
    budget, optimise = load_board(board), benchmark.PARADIGMS[paradigm]
    row = benchmark.Row(
        budget.name,
        depth,
        (224, 224),
        paradigm,
        benchmark.designed(optimise, layers, budget, benchmark.BATCHES),
        benchmark.designed(optimise, layers, budget, (1,)),
    )
    expected = benchmark.board_table([row], budget.name)[1]
    assert expected in rows_of(board)


def test_anchors_are_met(benchmark: Any) -> None:
    known = {row[0]: float(row[4]) for row in rows_of("known")[2:]}
    met = [
        "pipeline, 13 layers, KU115 at 235 MHz, GOP/s",
        "pipeline, 13 layers, KU115, GOP/s",
        "pipeline, 38 layers, KU115, GOP/s",
        "generic, 38 layers, KU115, GOP/s",
        "hybrid, 13 layers, KU115, GOP/s",
    ]
    assert all(abs(known[name] - 1) <= 0.15 for name in met)
