"""The cost model equals what ZigZag told of its own mappings."""

import numpy as np
import pytest
from tilefold.costmodel.hierarchy.evaluate import evaluate
from tilefold.explore.mapping.allocation import fitting, in_order
from tilefold.tests.explore.zigzag_fixture import FILE, Told, told

CASES = told()


@pytest.fixture(params=CASES, ids=[case.name for case in CASES])
def case(request: pytest.FixtureRequest) -> Told:
    return request.param


def test_unrolled_loops(case: Told) -> None:
    assert {a: dict(loops) for a, loops in case.unrolling.axes.items()} == case.unrolled


def test_accesses(case: Told) -> None:
    """Of every memory, operand and direction, the same."""
    costs = evaluate(case.batch)
    for name, accesses in costs.accesses.items():
        assert accesses.tolist() == [each["accesses"][name] for each in case.mappings]


def test_energy(case: Told) -> None:
    expected = [each["energy"] for each in case.mappings]
    np.testing.assert_allclose(evaluate(case.batch).energy_pj, expected, rtol=1e-12)


def test_cycles(case: Told) -> None:
    """The same stalls, loads and stores, and together the same cycles."""
    costs = evaluate(case.batch)
    parts = {"stalls": costs.stalls, "loading": costs.loading, "storing": costs.storing}
    for name, cycles in {**parts, "latency": costs.latency}.items():
        assert cycles.tolist() == [each[name] for each in case.mappings], name


def test_allocation(case: Told) -> None:
    """Its orders of loops are allocated as it allocates them, and fit."""
    assert fitting(case.batch).all()
    for each in case.mappings:
        mapping = in_order(case.unrolling, [(dim, size) for dim, size in each["loops"]])
        assert {name: ends[0].tolist() for name, ends in mapping.ends.items()} == each["ends"]


def test_the_file_holds_several_machines_and_kinds_of_layers() -> None:
    assert len({case.unrolling.architecture.name for case in CASES}) == 2
    assert any(case.unrolling.layer.dims.get("G", 1) > 1 for case in CASES)
    assert sum(len(case.mappings) for case in CASES) >= 48
    assert FILE.stat().st_size < 200_000
