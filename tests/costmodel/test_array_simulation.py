"""The array's cost equals the simulation, register by register, on thousands of random cases."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tilefold.machines.model import Mode
from tilefold.tests.costmodel.array_cases import KINDS, TINY, count_kinds, random_case
from tilefold.tests.costmodel.array_simulation import ConflictError, Work, shortest, simulate

PAGE = Path(__file__).parents[2] / "docs" / "time.md"
QUICK, LONG = range(500), range(500, 5500)


def check(seed: int) -> None:
    """The case of a seed costs what the simulation takes."""
    case = random_case(seed)
    expected, chain = case.layer.sums().ravel(), [Work.of(link) for link in case.units]
    outcome = shortest(case.array, case.mode, chain, case.hop, expected.size)
    assert np.array_equal(outcome.sums, expected), f"seed {seed}"
    cost = case.cost()
    assert vars(cost) == {
        "preload": outcome.first,
        "occupancy": outcome.free,
        "latency": outcome.landed - outcome.free,
        "drain": 0,
        "macs": sum(each.products for each in case.passes),
        "passes": len(case.units[0][0]),
        "input_reads": sum(each.inputs for each in case.passes),
        "weight_loads": sum(each.weights for each in case.passes),
        "accumulator_writes": outcome.written,
        "register_writes": outcome.written
        if case.mode.stays == "O"
        else sum(each.kept for each in case.passes),
        "spilled": 0,
    }, f"seed {seed}"


@pytest.mark.parametrize("seed", QUICK[::25])
def test_equals_the_simulation(seed: int) -> None:
    for each in range(seed, seed + 25):
        check(each)


@pytest.mark.long
@pytest.mark.parametrize("seed", LONG[::50])
def test_equals_the_simulation_on_many_more(seed: int) -> None:
    for each in range(seed, seed + 50):
        check(each)


def documented(column: int) -> dict[str, int]:
    """A column of the page's table of kinds."""
    rows = re.findall(r"^ *\| (.+) \| ([\d,]+) \| ([\d,]+) \|$", PAGE.read_text("utf-8"), re.M)
    return {row[0]: int(row[column].replace(",", "")) for row in rows if row[0] in KINDS}


@pytest.mark.parametrize(
    ("seeds", "column"), [(QUICK, 1), pytest.param(LONG, 2, marks=pytest.mark.long)]
)
def test_every_kind_of_case_occurs(seeds: range, column: int) -> None:
    counts = count_kinds(seeds)
    assert all(counts[kind] >= len(seeds) // 25 for kind in KINDS), counts
    assert documented(column) == counts, "docs/time.md"


@pytest.mark.parametrize("seed", QUICK[:30])
def test_longer_intervals_only_delay(seed: int) -> None:
    case = random_case(seed)
    chain = [Work.of(link) for link in case.units]
    outputs = case.layer.sums().size
    outcome = shortest(case.array, case.mode, chain, case.hop, outputs)
    for more in (1, 2, 7):
        interval = outcome.interval + more
        late = simulate(case.array, case.mode, chain, interval, case.hop, outputs)
        assert late.landed == outcome.landed + more * (len(case.units[0][0]) - 1)
        assert np.array_equal(late.sums, outcome.sums)


@pytest.mark.parametrize(
    ("stays", "unload", "landed", "interval"),
    [("W", "tile", 2 + 3 + 2, 2 + 3), ("O", "tile", 3 + 2 + 2, 3 + 2), ("O", "row", 3 + 2, 3)],
)
def test_one_pass_by_hand(stays: str, unload: str, landed: int, interval: int) -> None:
    """2 x 2 multipliers, one plane, three operands a row: fill, stream, skew; stream, skew, unload.

    Every product is 1, so the sum of an operand is 2, one for each row, and one that stays is 3.
    """
    mode = Mode("hand", (("y", ("C",)), ("x", ("K",))), stays, False, "on_dependence", "by hand")
    local = replace(TINY.locals[0], operand=stays, planes=1, unload=unload)
    array = replace(TINY, axes=(("y", 2), ("x", 2)), locals=(local,), modes=(mode,))
    lines = 2 if stays == "O" else 3
    target = np.arange(lines * 2).reshape(1, lines, 2, 1)
    work = Work(np.ones((1, 3, 2, 2, 1), np.int64), target)
    outcome = shortest(array, mode, [work], 0, lines * 2)
    assert (outcome.landed, outcome.interval) == (landed, interval)
    assert set(outcome.sums) == {3 if stays == "O" else 2}
    with pytest.raises(ConflictError):
        simulate(array, mode, [work.first(2)], interval - 1, 0, lines * 2)
