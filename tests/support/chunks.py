"""Cases of property tests by seed: the first ones are run by `make test`, the others take long."""

from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from _pytest.mark.structures import ParameterSet


def chunks(size: int, quick: int, every: int) -> Sequence[ParameterSet]:
    """The first seed of every `size` seeds up to `every`; `long` from seed `quick` on."""
    return [
        pytest.param(start, marks=pytest.mark.long if start >= quick else ())
        for start in range(0, every, size)
    ]


def outcomes_of(case: Callable[[int], str], start: int, size: int) -> Counter[str]:
    """How often `case` has each outcome on `size` seeds from `start` on; failures name the seed."""
    outcomes: Counter[str] = Counter()
    for seed in range(start, start + size):
        try:
            outcomes[case(seed)] += 1
        except Exception as error:
            raise AssertionError(f"{case.__name__}({seed}): {error}") from error
    print(f"seeds {start}..{start + size - 1}: {dict(outcomes)}")
    return outcomes
