"""Accesses equal those of a simulation that follows every element, on random small layers."""

from math import prod

import numpy as np
import pytest
from tilefold.costmodel.hierarchy.evaluate import evaluate
from tilefold.tests.costmodel.hierarchy_cases import random_case
from tilefold.tests.costmodel.hierarchy_simulation import simulated

QUICK, LONG = range(120), range(120, 3000)


def check(seed: int) -> None:
    """The case of a seed moves what the simulation moves, and takes as many steps."""
    case = random_case(seed)
    costs = evaluate(case.batch)
    expected = simulated(case.unrolling, case.loops, case.ends)
    for name, levels in expected.items():
        accesses = costs.accesses[name][0]
        assert np.array_equal(accesses * 8, np.array(levels)), f"seed {seed}, {name}"
    assert costs.steps[0] == prod(size for _, size in case.loops)


def test_random_mappings() -> None:
    for seed in QUICK:
        check(seed)


@pytest.mark.long
def test_many_random_mappings() -> None:
    for seed in LONG:
        check(seed)


def test_cases_are_of_every_kind() -> None:
    """Partial sums, several groups, strides, dilation, free loops and unrolled sums all occur."""
    cases = [random_case(seed) for seed in QUICK]
    windows = [case.unrolling.layer.operands[2].indices[2] for case in cases]
    assert any(getattr(window, "step", 1) > 1 for window in windows)
    assert any(getattr(window, "dilation", 1) > 1 for window in windows)
    assert any(case.unrolling.layer.dims["G"] > 1 for case in cases)
    assert any(case.unrolling.axes["D2"].get("C", 1) > 1 for case in cases)
    assert any(evaluate(case.batch).accesses["O"][0, 1, 3] > 0 for case in cases)
