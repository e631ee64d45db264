"""The machines built to match SCALE-Sim count as it does, and as the closed forms do."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.costmodel.array import ConvCost, conv_cost
from tilefold.costmodel.integers import ceil_div
from tilefold.machines import load_machine
from tilefold.machines.model import Fold
from tilefold.tests.costmodel.scalesim import CONVOLUTIONS, COUNTS, Count

ARRAYS = {
    dataflow: replace(array, accumulator=replace(array.accumulator, lines=10**5))
    for dataflow in ("ws", "os")
    for array in [load_machine(f"scalesim_{dataflow}32").array("conv")]
}
"""The arrays built to match, with room for any layer."""

FILE = Path("/work/shared/data/systolic_crosscheck.csv")


def cost_of(count: Count) -> ConvCost:
    """The cost of the matrix product."""
    array = load_machine(count.machine).array("conv")
    return conv_cost(array, 0, Fold(), rows=1, cols=count.m, k=count.n, c=count.k, kh=1, kw=1)


@pytest.mark.parametrize("count", COUNTS, ids=lambda count: f"{count.dataflow}-{count.layer}")
def test_cycles_and_accesses_are_those_of_scalesim(count: Count) -> None:
    cost = cost_of(count)
    assert cost.occupancy + cost.latency - 1 == count.cycles, "it numbers cycles from 0"
    assert cost.input_reads == count.ifmap_reads
    assert cost.weight_loads == count.filter_reads
    surplus = 64 * cost.passes if count.dataflow == "os" else 0
    assert cost.accumulator_writes + surplus == count.ofmap_writes


@pytest.mark.parametrize("layer", CONVOLUTIONS)
def test_a_convolution_costs_what_its_im2col_product_does(layer: str) -> None:
    for count in (count for count in COUNTS if count.layer == layer):
        array = load_machine(count.machine).array("conv")
        assert conv_cost(array, 0, Fold(), **CONVOLUTIONS[layer]) == cost_of(count)


def test_the_counts_are_those_of_the_file() -> None:
    if not FILE.exists():
        pytest.skip(f"{FILE} is not here; the numbers in scalesim.py were taken from it")
    columns = ("dataflow", "layer", "M", "N", "K", "scalesim_total_cycles")
    columns += ("sram_ifmap_rd", "sram_filter_rd", "sram_ofmap_wr")
    with FILE.open(encoding="utf-8") as file:
        rows = [tuple(row[name] for name in columns) for row in csv.DictReader(file)]
    assert rows == [tuple(map(str, count)) for count in COUNTS]


@given(
    rows=st.integers(1, 64),
    columns=st.integers(1, 64),
    m=st.integers(1, 10**5),
    n=st.integers(1, 5000),
    k=st.integers(1, 5000),
)
@settings(max_examples=500, deadline=None)
def test_closed_forms(rows: int, columns: int, m: int, n: int, k: int) -> None:
    """Cycles less one of M x K by K x N on R x C, as SCALE-Sim 3.0.0's analysis has them.

    Weights stay: ceil(K/R) ceil(N/C) (M + 2R + C - 2); outputs: ceil(M/R) ceil(N/C) (K + R + C - 2)
    """
    for dataflow, tiles, cycles in (
        ("ws", ceil_div(k, rows) * ceil_div(n, columns), m + 2 * rows + columns - 2),
        ("os", ceil_div(m, rows) * ceil_div(n, columns), k + rows + columns - 2),
    ):
        array = replace(ARRAYS[dataflow], axes=(("y", rows), ("x", columns)))
        cost = conv_cost(array, 0, Fold(), rows=1, cols=m, k=n, c=k, kh=1, kw=1)
        assert cost.occupancy + cost.latency == tiles * cycles
