"""Fronts equal those found by comparing each point with each, in whatever order they come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tilefold.explore.pareto import Best, Front, non_dominated

Costs = np.ndarray


def by_brute_force(costs: Costs) -> Costs:
    no_worse = (costs[:, None] <= costs).all(axis=2)
    better = (costs[:, None] < costs).any(axis=2)
    return ~(no_worse & better).any(axis=0)


@st.composite
def many_costs(draw: st.DrawFn) -> Costs:
    """Few different costs, so that many tie; a part of them infinite."""
    count, objectives = draw(st.integers(0, 400)), draw(st.integers(1, 5))
    different, seed = draw(st.sampled_from([2, 5, 30, 10**6])), draw(st.integers(0, 2**32 - 1))
    costs = np.random.default_rng(seed).integers(0, different, (count, objectives)).astype(float)
    costs[costs == different - 1] = draw(st.sampled_from([np.inf, 1.5, -np.inf]))
    return costs


@given(many_costs())
def test_equals_brute_force(costs: Costs) -> None:
    assert (non_dominated(costs) == by_brute_force(costs)).all()


@given(many_costs(), st.integers(1, 7))
def test_parts_in_any_order_have_the_front_of_all(costs: Costs, parts: int) -> None:
    numbers = np.random.default_rng(len(costs)).permutation(10 * len(costs))[: len(costs)]
    pieces = list(zip(np.array_split(numbers, parts), np.array_split(costs, parts), strict=True))
    front = Front(costs.shape[1])
    for points, part in (*pieces[::-1], pieces[0]):
        front.add(points, part)
    kept = by_brute_force(costs)
    order = np.argsort(numbers[kept])
    assert front.points.tolist() == numbers[kept][order].tolist()
    assert (front.costs == costs[kept][order]).all()


def test_a_front_of_every_point() -> None:
    """Thousands of points, none of which dominates another: all halves meet at their full size."""
    steps = np.arange(3000.0)
    line = np.stack([steps, -steps], axis=1)
    assert non_dominated(line).all()
    plane = np.random.default_rng(1).dirichlet(np.ones(3), 3000)
    assert non_dominated(plane).all() == by_brute_force(plane).all()
    space = np.random.default_rng(1).random((3000, 4))
    assert (non_dominated(space) == by_brute_force(space)).all()


def test_no_number_is_no_cost() -> None:
    with pytest.raises(ValueError, match="not numbers"):
        non_dominated(np.array([[1.0, np.nan]]))


@given(st.lists(st.integers(0, 9), max_size=60), st.integers(1, 5))
def test_the_best(costs: list[int], parts: int) -> None:
    array = np.array(costs, float)
    best = Best(4)
    for points in np.array_split(np.arange(len(costs)), parts)[::-1]:
        best.add(points, array[points])
    assert best.points.tolist() == sorted(range(len(costs)), key=lambda n: (costs[n], n))[:4]
