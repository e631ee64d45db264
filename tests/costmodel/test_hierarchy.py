"""The hierarchy's cost model by hand, its parts against enumeration, and what it refuses."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.costmodel.hierarchy.architecture import Way
from tilefold.costmodel.hierarchy.evaluate import evaluate
from tilefold.costmodel.hierarchy.latency import union_of_windows
from tilefold.costmodel.hierarchy.layer import Layer, Operand, Window
from tilefold.costmodel.hierarchy.mappings import Mappings, joined
from tilefold.costmodel.hierarchy.unrolling import Unrolling
from tilefold.errors import TilefoldError
from tilefold.tests.costmodel.hierarchy_cases import Case, convolution, machine, random_case

SIZES = {"G": 1, "K": 2, "C": 4, "OX": 1, "FX": 1}
BY_HAND = Case(
    Unrolling(convolution(SIZES), machine({"D1": 1, "D2": 1}), {}),
    [("C", 4), ("K", 2)],
    {"W": [0, 2], "O": [1, 2, 2], "I": [1, 2]},
)
"""A product of a 2 x 4 matrix and a vector, sum by sum, on one multiplier."""


def test_accesses_by_hand() -> None:
    """Eight weights pass once, four inputs stay for both sums, and sums of two words come twice.

    The loop over K is free for inputs: the memory holds them for both of its iterations.
    """
    counts = evaluate(BY_HAND.batch).accesses
    assert counts["W"][0].tolist() == [[8, 0, 0, 8], [8, 0, 0, 0]]
    assert counts["I"][0].tolist() == [[8, 0, 0, 4], [4, 0, 0, 0]]
    assert counts["O"][0].tolist() == [[16, 16, 2, 0], [0, 2, 2, 0], [0, 2, 0, 0]]


def test_energy_by_hand() -> None:
    """48 reads of 1 pJ, 32 writes of 2 pJ and 8 multiplications of 0.5 pJ."""
    costs = evaluate(BY_HAND.batch)
    reads = sum(
        int(each[..., [Way.READ_FOR_BELOW, Way.READ_FOR_ABOVE]].sum())
        for each in costs.accesses.values()
    )
    writes = sum(int(each.sum()) for each in costs.accesses.values()) - reads
    assert (reads, writes) == (48, 32)
    assert costs.energy_pj[0] == 48 * 1 + 32 * 2 + 8 * 0.5


def test_cycles_by_hand() -> None:
    """Eight steps; sums of 16 bits take two cycles at a port of 8, in all periods but the first.

    Before that, four inputs are loaded while the first weight is; after it a sum goes up, and both
    leave the memory in two cycles, since its port has no bits to spare.
    """
    costs = evaluate(BY_HAND.batch)
    assert (costs.steps[0], costs.stalls[0], costs.drain) == (8, 7, 0)
    assert (costs.loading[0], costs.storing[0]) == (4, 3)
    assert (costs.latency[0], costs.cycles[0], costs.ideal) == (22, 22, 8)


def test_depthwise_by_hand() -> None:
    """Three groups of one channel: every operand has as many elements, none is used again."""
    sizes = {"G": 3, "K": 1, "C": 1, "OX": 1, "FX": 1}
    unrolling = Unrolling(convolution(sizes), machine({"D1": 1, "D2": 1}), {})
    case = Case(unrolling, [("G", 3)], {"W": [0, 1], "O": [0, 1, 1], "I": [0, 1]})
    counts = evaluate(case.batch).accesses
    assert {name: int(each[0, -1].sum()) for name, each in counts.items()} == {
        "W": 3,
        "O": 3,
        "I": 3,
    }


def test_padding_is_not_moved() -> None:
    """Three pixels with a window of three and padding on both sides: three inputs, not five."""
    sizes = {"G": 1, "K": 1, "C": 1, "OX": 3, "FX": 3}
    layer = convolution(sizes)
    inputs = replace(layer.operands[2], indices=("G", "C", Window("OX", 1, "FX", 1, limit=3)))
    layer = replace(layer, operands=(*layer.operands[:2], inputs))
    unrolling = Unrolling(layer, machine({"D1": 1, "D2": 1}), {})
    case = Case(unrolling, [("FX", 3), ("OX", 3)], {"W": [2, 2], "O": [2, 2, 2], "I": [2, 2]})
    assert evaluate(case.batch).accesses["I"][0].tolist() == [[9, 0, 0, 3], [3, 0, 0, 0]]


def test_a_ragged_axis_is_filled_with_fractions() -> None:
    """Five channels on two rows take three steps of 5/3; ports see whole ones, of one channel."""
    layer = convolution({"G": 1, "K": 1, "C": 5, "OX": 1, "FX": 1})
    unrolling = Unrolling(layer, machine({"D1": 1, "D2": 2}), {"D2": {"C": 2}})
    assert unrolling.temporal == {"C": 3}
    assert unrolling.fractions == {"D2": {"C": 5 / 3}}
    assert unrolling.placement(layer.operands[2], whole=True).loops[0] == {"C": 1.0}


@settings(deadline=None)
@given(
    step=st.integers(1, 4),
    dilation=st.integers(1, 4),
    outer=st.integers(1, 6),
    inner=st.integers(1, 6),
)
def test_extent_of_windows(step: int, dilation: int, outer: int, inner: int) -> None:
    """As many values as enumeration finds."""
    window = Window("OX", step, "FX", dilation, limit=1000)
    values = {step * a + dilation * b for a, b in product(range(outer), range(inner))}
    assert window.extent(np.array([float(outer)]), np.array([float(inner)])) == [len(values)]


@settings(deadline=None)
@given(st.data())
def test_union_of_windows(data: st.DataObject) -> None:
    """As many cycles as enumeration finds, for periods of which each divides the next."""
    steps = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    periods = np.cumprod(steps).tolist()
    windows = [data.draw(st.integers(0, period)) for period in periods]
    total = periods[-1] * data.draw(st.integers(1, 3))
    order = data.draw(st.permutations(range(len(steps))))
    union = union_of_windows(
        np.array([[periods[k]] for k in order]),
        np.array([[windows[k]] for k in order]),
        np.array([total]),
    )
    assert union == [
        sum(any(x % p < w for p, w in zip(periods, windows, strict=True)) for x in range(total))
    ]


@settings(deadline=None)
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=5))
def test_a_batch_costs_what_its_mappings_cost(seeds: list[int]) -> None:
    """Mappings of a batch do not touch each other, and cycles are whole and hold all steps."""
    cases = [random_case(seed) for seed in seeds]
    for case in cases:
        alone = evaluate(case.batch)
        twice = evaluate(joined([case.batch, case.batch]))
        for name, accesses in alone.accesses.items():
            assert np.array_equal(twice.accesses[name], np.concatenate([accesses, accesses]))
        assert twice.latency.tolist() == alone.latency.tolist() * 2
        assert alone.cycles.dtype == np.int64
        assert alone.cycles[0] >= alone.latency[0] >= alone.steps[0] >= alone.ideal


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_traffic_is_at_least_the_tensors(seed: int) -> None:
    """DRAM reads every weight and input and is written every result."""
    case = random_case(seed)
    costs, layer = evaluate(case.batch), case.unrolling.layer
    for operand in layer.operands:
        way = Way.WRITE_FROM_BELOW if operand.is_output else Way.READ_FOR_BELOW
        assert costs.accesses[operand.name][0, -1, way] >= layer.elements(operand)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_wider_ports_never_cost_more(seed: int) -> None:
    """Accesses of twice the bits are no more of them, and no more stalls."""
    case = random_case(seed)
    wider = machine(case.unrolling.architecture.axes, wide=16)
    wide = replace(case.unrolling, architecture=wider)
    mapping = case.batch
    costs = evaluate(mapping)
    other = evaluate(Mappings(wide, mapping.dims, mapping.sizes, mapping.ends))
    assert other.energy_pj[0] <= costs.energy_pj[0]
    assert other.stalls[0] <= costs.stalls[0]


def test_wrong_mappings_are_refused() -> None:
    good = BY_HAND
    wrong = (
        (replace(good, loops=[("C", 4), ("K", 3)]), "has 2 steps of loop K, not 3"),
        (replace(good, loops=[("C", 4)], ends={}), "has 2 steps of loop K, not 1"),
        (replace(good, ends={**good.ends, "O": [1, 2]}), "operand O has 3 levels of memory"),
        (replace(good, ends={**good.ends, "I": [2, 1]}), "levels of I do not hold all loops"),
        (replace(good, ends={**good.ends, "W": [3, 2]}), "levels of W do not hold all loops"),
    )
    for case, message in wrong:
        with pytest.raises(TilefoldError, match=message):
            _ = case.batch


def test_wrong_layers_and_machines_are_refused() -> None:
    layer, small = BY_HAND.unrolling.layer, machine({"D1": 2, "D2": 1})
    with pytest.raises(TilefoldError, match="O is indexed by OY, which is no loop"):
        Layer("l", {"K": 1}, (Operand("O", ("OY",), "O", 8, 8),))
    with pytest.raises(TilefoldError, match="one operand has to be the result"):
        replace(layer, operands=layer.operands[1:])
    with pytest.raises(TilefoldError, match="loop K has a size below 1"):
        replace(layer, dims={**layer.dims, "K": 0})
    with pytest.raises(TilefoldError, match="has no axis D3, only D1, D2"):
        Unrolling(layer, small, {"D3": {"K": 1}})
    with pytest.raises(TilefoldError, match="axis D1 unrolls more than its positions"):
        Unrolling(layer, small, {"D1": {"K": 4}})
    memories = (replace(small.memories[0], ports=()), *small.memories[1:])
    with pytest.raises(TilefoldError, match="memory 'wreg' has no port for I2, read for below"):
        replace(small, memories=memories)
