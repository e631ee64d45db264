"""Integer arithmetic on numbers and arrays of numbers alike."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.int64]

Ints: TypeAlias = int | IntArray
"""An integer, or an int64 array of them: one cost, or the costs of many candidates at once."""


def as_array(value: Ints | bool) -> IntArray:
    """The value as an int64 array (of rank 0 for one number)."""
    return np.asarray(value, dtype=np.int64)


def ceil_div(value: Ints, divisor: Ints) -> IntArray:
    """`value / divisor` rounded up; the divisor is at least 1."""
    return -(-as_array(value) // as_array(divisor))


def plain(value: Ints) -> Ints:
    """An array of rank 0 as an int; other arrays as they are."""
    return int(value) if np.ndim(value) == 0 else value
