"""Constraints on metrics and parameters: `area_mm2<=20`."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import TilefoldError
from .names import resolved
from .pareto import FloatArray

_FORM: Final = re.compile(
    r"\s*([A-Za-z_]\w*)\s*(<=|>=|==|<|>)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*"
)
_COMPARE: Final[Mapping[str, Callable[[Any, float], Any]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}


@dataclass(frozen=True)
class Constraint:
    """`name` compared by `relation` (one of <=, >=, <, >, ==) with `bound`."""

    name: str
    relation: str
    bound: float

    def __str__(self) -> str:
        return f"{self.name}{self.relation}{self.bound:g}"

    def violation(self, columns: Mapping[str, npt.NDArray[Any]]) -> FloatArray:
        """How far each point is outside, [n], over the bound where that is not 0; 0 inside."""
        values = columns[self.name]
        outside = np.abs(values - self.bound) / (abs(self.bound) or 1.0)
        # A strict relation excludes the bound itself, which is no distance outside.
        positive = np.maximum(outside, np.finfo(float).tiny)
        return np.where(_COMPARE[self.relation](values, self.bound), 0.0, positive)


def parse_constraint(text: str, numbers: Sequence[str]) -> Constraint:
    """The constraint that `text` writes, on one of `numbers`, columns that hold numbers.

    Raises TilefoldError for text of another form, and for a name that is not there.
    """
    match = _FORM.fullmatch(text)
    if not match:
        raise TilefoldError(f"constraint {text!r}: write NAME<=NUMBER, or with >=, <, > or ==")
    return Constraint(resolved(match[1], numbers, "metric"), match[2], float(match[3]))


def violation(
    constraints: Sequence[Constraint], columns: Mapping[str, npt.NDArray[Any]]
) -> FloatArray:
    """The sum of all violations [n]: 0 where all are kept, infinite where "valid" is false."""
    result = np.where(columns["valid"], 0.0, np.inf)
    for constraint in constraints:
        result += constraint.violation(columns)
    return np.where(columns["valid"], result, np.inf)
