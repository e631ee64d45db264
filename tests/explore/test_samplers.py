"""Samplers: their points depend on the seed and on results, and they find what is good."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tilefold.errors import TilefoldError
from tilefold.explore.evaluator import evaluated
from tilefold.explore.samplers import SAMPLERS, Exhaustive, Listed, sampler_of
from tilefold.explore.samplers.enumeration import BATCH, Permutation
from tilefold.explore.space import IntArray, Parameter, Space
from tilefold.explore.study import Question, objectives_of
from tilefold.tests.support.designs import SPACE, WIDE, Designs

QUESTION = Question(objectives_of(Designs(), ("latency", "energy", "area")))
ADAPTIVE = ("nsga2", "pso", "tpe")


def batches(name: str, points: int, seed: int, wrong: bool = False) -> Iterator[IntArray]:
    """The batches of a sampler that is told what comes of them, or else."""
    sampler = sampler_of(name, SPACE, 3, points, seed)
    while len(asked := sampler.ask()):
        yield asked
        judged = QUESTION.judge(Designs(), asked, evaluated(Designs(), asked))
        sampler.tell(asked, judged.costs * (-1 if wrong else 1), judged.violation)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name not in ("exhaustive", "tpe")])
def test_the_seed_decides(name: str) -> None:
    np.random.seed(1)
    first = list(batches(name, 600, 7))
    np.random.seed(2)
    again = list(batches(name, 600, 7))
    other = list(batches(name, 600, 8))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in other]
    assert sum(map(len, first)) == 600


def test_the_seed_decides_what_tpe_asks() -> None:
    first, again, other = (list(batches("tpe", 64, seed)) for seed in (7, 7, 8))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in again]
    assert [batch.tolist() for batch in first] != [batch.tolist() for batch in other]
    assert [len(batch) for batch in first] == [16] * 4


@pytest.mark.parametrize(("name", "points"), [("nsga2", 500), ("pso", 500), ("tpe", 64)])
def test_results_decide(name: str, points: int) -> None:
    right, wrong = list(batches(name, points, 7)), list(batches(name, points, 7, wrong=True))
    assert right[0].tolist() == wrong[0].tolist()
    assert right[-1].tolist() != wrong[-1].tolist()


@pytest.mark.parametrize(("name", "points"), [("nsga2", 2500), ("pso", 5000), ("tpe", 192)])
def test_far_more_of_the_front_is_found_than_by_chance(name: str, points: int) -> None:
    designs = Designs(space=WIDE)
    sampler = sampler_of(name, WIDE, 3, points, 3)
    found: set[int] = set()
    while len(asked := sampler.ask()):
        judged = QUESTION.judge(designs, asked, evaluated(designs, asked))
        sampler.tell(asked, judged.costs, judged.violation)
        columns = WIDE.columns(asked)
        best = (columns["waste"] == 0) & (columns["style"] == "good") & (columns["spare"] == 0)
        found |= set(asked[best].tolist())
    by_chance = 256 * points / WIDE.size
    assert len(found) > 15 * by_chance


@pytest.mark.parametrize("name", ["nsga2", "pso"])
def test_designs_that_break_constraints_are_left(name: str) -> None:
    """The upper half of the speeds is forbidden, and the best are just below it."""
    sampler = sampler_of(name, WIDE, 1, 2000, 1)
    speeds: list[IntArray] = []
    while len(points := sampler.ask()):
        speed = WIDE.columns(points)["speed"]
        costs = np.where(speed > 128, np.nan, -speed.astype(float))
        sampler.tell(points, costs[:, None], np.where(speed > 128, np.inf, 0.0))
        speeds.append(speed)
    late = np.concatenate(speeds)[1000:]
    assert np.mean(late > 128) < 0.3
    assert np.mean(np.abs(late - 128) < 10) > 0.5


@given(st.integers(1, 3000), st.integers(0, 2**32))
def test_a_permutation_has_every_number_once(size: int, seed: int) -> None:
    permuted = Permutation(size, seed)(np.arange(size))
    assert sorted(permuted.tolist()) == list(range(size))
    assert Permutation(size, seed)(np.array([size - 1]))[0] == permuted[-1]


def test_permutations_look_random() -> None:
    """Neighbours and their images are as uncorrelated as chance has it, in huge ranges too."""
    for size in (10**4, 10**15):
        numbers = np.arange(5000)
        permuted = Permutation(size, 5)(numbers) / size
        assert abs(np.mean(permuted) - 0.5) < 4 * np.sqrt(1 / 12 / 5000)
        for other in (numbers / 5000, np.roll(permuted, 1)):
            assert abs(np.corrcoef(permuted, other)[0, 1]) < 4 / np.sqrt(5000)


def test_a_random_part_has_no_point_twice_and_grows() -> None:
    wide = Space(tuple(Parameter(f"p{n}", tuple(range(1000))) for n in range(5)))
    few, many = (sampler_of("random", wide, 2, points, 1) for points in (BATCH + 5, 3 * BATCH))
    first, rest = few.ask(), few.ask()
    assert (len(first), len(rest), len(few.ask())) == (BATCH, 5, 0)
    longer = np.concatenate([many.ask(), many.ask()])
    assert (np.concatenate([first, rest]) == longer[: BATCH + 5]).all()
    assert len(np.unique(longer)) == len(longer)


def test_a_space_that_is_small_enough_is_exhausted() -> None:
    for name in SAMPLERS:
        sampler = sampler_of(name, SPACE, 2, SPACE.size, 1)
        assert isinstance(sampler, Exhaustive)
        assert sampler.ask().tolist() == list(range(SPACE.size))
    assert isinstance(sampler_of("exhaustive", SPACE, 2, 1, 1), Exhaustive)


def test_a_list_has_each_point_once() -> None:
    sampler = Listed(np.array([5, 3, 5]), "here")
    assert sampler.total == 2
    assert sampler.ask().tolist() == [3, 5]
    assert not len(sampler.ask())


def test_parameters_of_one_value() -> None:
    space = Space((*SPACE.parameters, Parameter("fixed", (3,))))
    for name in ADAPTIVE:
        points = sampler_of(name, space, 2, 100, 1).ask()
        assert set(space.columns(points)["fixed"].tolist()) == {3}


def test_an_unknown_sampler() -> None:
    with pytest.raises(TilefoldError, match="no sampler is named 'nsga'; did you mean nsga2"):
        sampler_of("nsga", SPACE, 2, 10, 1)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(TilefoldError, match=r"needs optuna.*pip install 'tilefold\[explore\]'"):
        sampler_of("tpe", SPACE, 2, 10, 1)
