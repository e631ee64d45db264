"""The search for mappings: all orders once, never beaten by what it was given, always the same."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations_with_replacement, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.costmodel.hierarchy.evaluate import evaluate
from tilefold.costmodel.hierarchy.mappings import Mappings
from tilefold.costmodel.hierarchy.unrolling import Unrolling
from tilefold.errors import TilefoldError
from tilefold.explore.mapping.allocation import allocate, fitting, in_order
from tilefold.explore.mapping.orders import all_orders, count_orders, factors_of
from tilefold.explore.mapping.search import Objective, best_mapping, best_mappings
from tilefold.tests.costmodel.hierarchy_cases import Case, convolution, machine, random_case
from tilefold.tests.explore.zigzag_fixture import Told, told

OBJECTIVES: tuple[Objective, ...] = ("energy", "latency")


def value(unrolling: Unrolling, objective: Objective, supplied: Mappings | None = None) -> float:
    costs = best_mapping(unrolling, objective, supplied=supplied).costs
    return float((costs.energy_pj if objective == "energy" else costs.latency)[0])


def small(sizes: dict[str, int], **more: int) -> Unrolling:
    return Unrolling(convolution(sizes), machine({"D1": 1, "D2": 1}, **more), {})


def every_mapping(unrolling: Unrolling) -> Iterator[Case]:
    """All orders of all prime factors, and all ends of each operand."""
    factors = factors_of(unrolling.temporal)
    levels = {
        operand.name: len(unrolling.architecture.levels(operand.memory))
        for operand in unrolling.layer.operands
    }
    inner = {
        name: list(combinations_with_replacement(range(len(factors) + 1), count - 1))
        for name, count in levels.items()
    }
    for order in sorted(set(permutations(factors))):
        for held_o in inner["O"]:
            for held_w in inner["W"]:
                for held_i in inner["I"]:
                    held = {"O": held_o, "W": held_w, "I": held_i}
                    ends = {name: [*each, len(factors)] for name, each in held.items()}
                    yield Case(unrolling, list(order), ends)


def test_factors_by_hand() -> None:
    """56 x 6 x 3: the longest dimension has its two smallest merged, again and again."""
    sizes = {"OX": 56, "C": 6, "FX": 3, "K": 1}
    assert [size for _, size in factors_of(sizes)] == [2, 2, 2, 7, 2, 3, 3]
    assert factors_of(sizes, 5) == (("OX", 7), ("OX", 8), ("C", 2), ("C", 3), ("FX", 3))
    assert factors_of(sizes, 1) == (("OX", 56), ("C", 6), ("FX", 3))


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["K", "C", "OX"]), st.integers(1, 24), min_size=1))
def test_all_orders_once(sizes: dict[str, int]) -> None:
    factors = factors_of(sizes, 6)
    names = list(sizes)
    dims, counts = all_orders(factors, names)
    listed = {
        tuple((names[dim], size) for dim, size in zip(row, sizes_, strict=True))
        for row, sizes_ in zip(dims.tolist(), counts.tolist(), strict=True)
    }
    assert listed == set(permutations(factors))
    assert len(dims) == count_orders(factors) == len(listed)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("sram", [64, 96, 1 << 20])
def test_as_good_as_all_mappings(objective: Objective, sram: int) -> None:
    """Of a small layer, no mapping at all is better, whatever the memory holds."""
    unrolling = small({"G": 1, "K": 2, "C": 2, "OX": 3, "FX": 1}, sram=sram)
    batches = [case.batch for case in every_mapping(unrolling)]
    every = Mappings(
        unrolling,
        np.concatenate([batch.dims for batch in batches]),
        np.concatenate([batch.sizes for batch in batches]),
        {name: np.concatenate([b.ends[name] for b in batches]) for name in batches[0].ends},
    )
    costs = evaluate(every.take(fitting(every)))
    least = (costs.energy_pj if objective == "energy" else costs.latency).min()
    assert value(unrolling, objective) == least


@settings(deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(OBJECTIVES))
def test_never_loses_to_a_supplied_mapping(seed: int, objective: Objective) -> None:
    case = random_case(seed)
    costs = evaluate(case.batch)
    given_value = (costs.energy_pj if objective == "energy" else costs.latency)[0]
    if fitting(case.batch).all():
        assert value(case.unrolling, objective, case.batch) <= given_value


@pytest.mark.parametrize("case", told(), ids=lambda case: case.name)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_never_worse_than_mappings_of_zigzag(case: Told, objective: Objective) -> None:
    """Without being told of them."""
    least = min(each[objective] for each in case.mappings)
    assert value(case.unrolling, objective) <= least * (1 + 1e-12)


@pytest.mark.parametrize("case", told()[::3], ids=lambda case: case.name)
def test_more_memory_or_bits_never_take_more_energy(case: Told) -> None:
    """Machines whose memories and ports grow two by two."""

    def grown(times: int, bits: int) -> Unrolling:
        memories = tuple(
            replace(
                memory,
                bits=memory.bits * times,
                ports=tuple(replace(port, max_bits=port.max_bits * bits) for port in memory.ports),
            )
            for memory in case.unrolling.architecture.memories
        )
        larger = replace(case.unrolling.architecture, memories=memories)
        return replace(case.unrolling, architecture=larger)

    for steps in ([(1, 1), (2, 1), (4, 1), (8, 1)], [(1, 1), (1, 2), (1, 4)]):
        energies = [value(grown(*step), "energy") for step in steps]
        assert energies == sorted(energies, reverse=True)


def test_the_same_every_time() -> None:
    case = told()[0]
    first, again = (best_mapping(case.unrolling, "energy") for _ in range(2))
    assert first.evaluated == again.evaluated
    assert np.array_equal(first.mapping.dims, again.mapping.dims)
    assert all(np.array_equal(e, again.mapping.ends[n]) for n, e in first.mapping.ends.items())


def test_equal_layers_are_one_search() -> None:
    """Layers that differ in name have the same mapping; another size is searched by itself."""
    first = small({"G": 1, "K": 2, "C": 4, "OX": 3, "FX": 1})
    named = replace(first, layer=replace(first.layer, name="again"))
    other = small({"G": 1, "K": 4, "C": 4, "OX": 3, "FX": 1})
    one, two, three = best_mappings([first, named, other])
    assert one.costs is two.costs
    assert two.mapping.unrolling.layer.name == "again"
    assert three.costs.steps[0] == 2 * one.costs.steps[0]


def test_everything_unrolled_needs_no_loop() -> None:
    found = best_mapping(small({"G": 1, "K": 1, "C": 1, "OX": 1, "FX": 1}))
    assert (found.mapping.dims.shape, found.costs.steps[0]) == ((1, 0), 1)


def test_allocation_by_hand() -> None:
    """Of a memory for 64 bits, 4 inputs and the sums of 2 outputs leave the fewest reads above."""
    unrolling = small({"G": 1, "K": 2, "C": 4, "OX": 1, "FX": 1}, sram=48)
    dims, sizes = np.array([[2, 1]]), np.array([[4, 2]])
    mappings, which = allocate(unrolling, dims, sizes)
    assert which.tolist() == [0]
    assert mappings.ends["I"].tolist() == [[2, 2]]
    assert fitting(mappings).all()


@pytest.mark.parametrize(
    ("bits", "doubled", "fits"),
    [(48, False, True), (47, False, False), (64, True, True), (63, True, False)],
)
def test_double_buffers_take_twice_the_space(bits: int, doubled: bool, fits: bool) -> None:
    """Two of four inputs take 16 bits, or 32 where the next two have space; two sums 32."""
    unrolling = small({"G": 1, "K": 2, "C": 4, "OX": 1, "FX": 1}, sram=bits)
    first, second, sram, dram = unrolling.architecture.memories
    memories = (first, second, replace(sram, double_buffered=doubled), dram)
    changed = replace(unrolling, architecture=replace(unrolling.architecture, memories=memories))
    ends = {"W": [0, 3], "O": [0, 3, 3], "I": [1, 3]}
    mapping = Case(changed, [("C", 2), ("C", 2), ("K", 2)], ends).batch
    assert fitting(mapping).tolist() == [fits]


def test_what_cannot_be_is_said() -> None:
    sizes = {"G": 1, "K": 2, "C": 4, "OX": 1, "FX": 1}
    with pytest.raises(TilefoldError, match="does not fit into the memories of small"):
        best_mapping(small(sizes, sram=4))
    with pytest.raises(TilefoldError, match="needs more than the memories of small hold"):
        in_order(small(sizes, sram=4), [("C", 4), ("K", 2)])
    with pytest.raises(TilefoldError, match="has 4 steps of loop C, not 1"):
        in_order(small(sizes), [("K", 2)])
    with pytest.raises(TilefoldError, match="search with a lower limit"):
        many = small({"G": 30, "K": 64, "C": 30, "OX": 30, "FX": 30})
        best_mapping(many, limit=30)
    case = Case(
        small(sizes, sram=24), [("C", 4), ("K", 2)], {"W": [0, 2], "O": [0, 0, 2], "I": [2, 2]}
    )
    with pytest.raises(TilefoldError, match="a supplied mapping exceeds a memory"):
        best_mapping(small(sizes, sram=24), supplied=case.batch)
