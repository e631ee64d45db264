"""Cases of property tests by seed: the first ones are run by `make test`, the others take long."""

from collections.abc import Sequence

import pytest
from _pytest.mark.structures import ParameterSet


def chunks(size: int, quick: int, every: int) -> Sequence[ParameterSet]:
    """The first seed of every `size` seeds up to `every`; `long` from seed `quick` on."""
    return [
        pytest.param(start, marks=pytest.mark.long if start >= quick else ())
        for start in range(0, every, size)
    ]
