"""Configurations of layers: their prices, what is pruned, and the cheapest chain."""

from dataclasses import replace
from itertools import product
from random import Random
from statistics import mean

import numpy as np
import pytest
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.machines.model import Array
from tilefold.passes.folding.choice import (
    all_together,
    cost,
    each_alone,
    undominated,
    worth_it,
)
from tilefold.passes.folding.space import (
    Configuration,
    Placement,
    Space,
    layer_cost,
    space_of,
    whole_input,
)
from tilefold.tests.support.chunks import chunks
from tilefold.tests.support.fold_choices import (
    candidates,
    least_cycles,
    random_problem,
    total_cycles,
)

CASES = 200
"""Random problems of one array class, and as many of two."""
CHUNK = 50
"""Problems of two array classes in one test; the first ones are quick."""


def random_space(seed: int, arrays: int, most: int = 6) -> Space:
    return space_of(*random_problem(Random(seed), arrays, most))


def attributes(space: Space, choice: np.ndarray) -> list:
    pairs = zip(choice, space.works, strict=True)
    return [space.columns[column].attribute(work.bits) for column, work in pairs]


def single_configurations(space: Space) -> list[np.ndarray]:
    columns = np.flatnonzero(space.legal.all(axis=0))
    return [np.full(len(space.works), column) for column in columns]


@pytest.mark.parametrize("seed", range(30))
def test_space_has_every_candidate_at_its_price(seed: int) -> None:
    space = random_space(seed, 1 + seed % 2)
    assert space.legal.all()
    for row, work in enumerate(space.works):
        every = [column.attribute(work.bits) for column in space.columns]
        assert every == candidates(space.machine, work)
        inputs = whole_input(space.machine, work.shape, spread=True)
        costs = [
            layer_cost(space.machine, Placement.of(fold), work.shape, inputs=inputs)
            for fold in every
        ]
        groups = work.shape.groups
        assert space.cycles[row].tolist() == [int(c.occupancy) * groups for c in costs]
        assert space.latency[row].tolist() == [int(c.latency) for c in costs]


def test_arrays_without_the_precision_are_left_out() -> None:
    machine, (work, *_) = random_problem(Random(3), 2)
    first, second = machine.arrays
    narrow = replace(second, precisions=((2, 2, 1),))
    parts = tuple(narrow if part is second else part for part in machine.parts)
    space = space_of(replace(machine, parts=parts), [replace(work, bits=(8, 8))])
    legal = {space.columns[column].array for column in np.flatnonzero(space.legal[0])}
    assert legal == {first.name}
    assert space.columns[each_alone(space)[0]].array == first.name
    parts = tuple(
        replace(part, precisions=((2, 2, 1),)) if isinstance(part, Array) else part
        for part in machine.parts
    )
    with pytest.raises(TilefoldError, match="layer0: @array0 cannot multiply 8-bit"):
        space_of(replace(machine, parts=parts), [replace(work, bits=(8, 8))])


@pytest.mark.parametrize("seed", range(60))
def test_chain_equals_all_choices_tried(seed: int) -> None:
    """Cycles first, then units; pruning takes nothing away."""
    space = random_space(seed, 1 + seed % 2, most=3)
    few = np.sort(np.random.default_rng(seed).permutation(len(space.columns))[:8])
    space = space.take(few)
    tried = [np.array(choice) for choice in product(range(len(few)), repeat=len(space.works))]
    ranks = [(cost(space, choice), int(space.units[choice].sum())) for choice in tried]
    chosen = all_together(space)
    assert (cost(space, chosen), int(space.units[chosen].sum())) == min(ranks)
    legal = worth_it(space).legal
    kept = set(undominated(space).tolist())
    best = min(ranks)[0]
    ways = [c for c, rank in zip(tried, ranks, strict=True) if rank[0] == best]
    assert all(legal[row, column] for way in ways for row, column in enumerate(way)), "of all best"
    assert any(kept.issuperset(way.tolist()) for way in ways), "of some best"


def test_pruning_prunes() -> None:
    spaces = [random_space(seed, 1) for seed in range(50)]
    total = sum(space.legal.sum() for space in spaces)
    assert sum(worth_it(space).legal.sum() for space in spaces) < 0.7 * total
    columns = sum(len(space.columns) for space in spaces)
    assert sum(len(undominated(worth_it(space))) for space in spaces) < 0.5 * columns


@pytest.mark.parametrize("seed", range(50))
def test_each_alone_is_the_best_of_each_row(seed: int) -> None:
    space = random_space(seed, 1 + seed % 2)
    for row, column in enumerate(each_alone(space)):
        ranks = list(zip(space.cycles[row] + space.latency[row], space.units, strict=True))
        assert ranks.index(min(ranks)) == column


def test_free_switches_leave_nothing_to_choose_together() -> None:
    """Without drains and configurations the cheapest chain is that of each layer's best."""
    for seed in range(30):
        space = random_space(seed, 1)
        folds = {f.name: replace(f, config_bytes=0, switch_cycles=0) for f in _folds(space)}
        parts = tuple(folds.get(part.name, part) for part in space.machine.parts)
        free = replace(
            space, machine=replace(space.machine, parts=parts), latency=0 * space.latency
        )
        together, alone = all_together(free), each_alone(free)
        rows = np.arange(len(together))
        assert (free.cycles[rows, together] == free.cycles[rows, alone]).all()
        assert (free.units[together] == free.units[alone]).all()


def _folds(space: Space) -> list:
    found = [space.machine.folds_for(array.name) for array in space.machine.arrays]
    return [folds for folds in found if folds.of]


def test_a_given_configuration_stays_and_counts_for_its_neighbours() -> None:
    machine, works = random_problem(Random(11), 1)
    works = [replace(works[0], bits=(8, 8))] * 3
    free = space_of(machine, works)
    for column in free.columns[::5]:
        given = Configuration(column.array, column.mode, column.fold, first=0)
        space = space_of(machine, [works[0], replace(works[1], given=given), works[2]])
        chosen = all_together(space)
        assert space.columns[chosen[1]] == given
        ends = product(range(0, len(space.columns), 2), repeat=2)
        others = (np.array([first, chosen[1], last]) for first, last in ends)
        assert cost(space, chosen) <= min(cost(space, other) for other in others)


def test_units_that_are_not_shared_are_configured_meanwhile() -> None:
    """On `dna_a600` six units are 24 bursts, 19 + 80 cycles, and 16 to switch."""
    machine = load_machine("dna_a600")
    _, (work, *_) = random_problem(Random(0), 1)
    fold = machine.folds("conv")[0]
    alone = Configuration("conv", 0, fold)
    apart = Configuration("conv", 0, fold, first=3)
    work = replace(work, bits=(8, 8))
    space = space_of(machine, [replace(work, given=alone), replace(work, given=apart)])
    cycles, latency = (int(table[0, 0]) for table in (space.cycles, space.latency))
    change = 4 * 64 // 85 + 1 + 80 + 16
    expected = change + 2 * cycles + max(0, change - cycles) + latency
    assert cost(space, all_together(space)) == expected


@pytest.mark.parametrize("seed", range(CASES))
def test_one_array_is_a_chain_and_the_choice_optimal(seed: int) -> None:
    pytest.importorskip("ortools")
    space = random_space(seed, 1)
    chosen = all_together(space)
    taken = total_cycles(space.machine, space.works, attributes(space, chosen))
    assert taken == cost(space, chosen)
    assert taken == least_cycles(space.machine, space.works)
    assert taken <= min(cost(space, single) for single in single_configurations(space))


@pytest.mark.parametrize("start", chunks(CHUNK, CHUNK, CASES))
def test_several_arrays_are_nearly_optimal(start: int) -> None:
    """An array may keep its configuration while another works, which the chain does not know."""
    pytest.importorskip("ortools")
    ratios: list[float] = []
    for seed in range(start, start + CHUNK):
        space = random_space(seed, 2)
        chosen = attributes(space, all_together(space))
        taken = total_cycles(space.machine, space.works, chosen)
        assert taken <= cost(space, all_together(space)), f"seed {seed}: a promise not kept"
        for single in single_configurations(space):
            assert taken <= cost(space, single), f"seed {seed}: worse than one configuration"
        least = least_cycles(space.machine, space.works)
        assert taken >= least
        ratios.append(taken / least)
    print(
        f"{sum(r > 1 for r in ratios)} of {CHUNK} not optimal, mean {mean(ratios):.5f}, "
        f"worst {max(ratios):.3f}"
    )
    assert mean(ratios) <= 1.03
