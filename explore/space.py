"""Design spaces: parameters with finitely many values, and their points by number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..errors import TilefoldError
from .names import check_names, resolved

IntArray = npt.NDArray[np.int64]
Value = int | float | str

MOST_POINTS: Final = 2**62
"""Points that a space can have, so that their numbers are int64."""


@dataclass(frozen=True)
class Parameter:
    """A choice: its values, all numbers or all strings, all different, in an order that is kept.

    Raises ValueError for anything else.
    """

    name: str
    values: tuple[Value, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        strings = sum(isinstance(value, str) for value in self.values)
        if not self.values or strings not in (0, len(self.values)):
            raise ValueError(f"{self.name}: give values, all numbers or all strings")
        if len(set(self.values)) < len(self.values):
            raise ValueError(f"{self.name}: a value stands twice")

    @cached_property
    def array(self) -> npt.NDArray[Any]:
        """The values as an array of int64, float64 or strings."""
        return np.array(self.values)

    def place_of(self, value: Value) -> int:
        """Where `value`, perhaps a number written as text, is; raises TilefoldError if nowhere."""
        for place, known in enumerate(self.values):
            if known == value or (isinstance(value, str) and _same(known, value)):
                return place
        listed = ", ".join(map(str, self.values))
        raise TilefoldError(f"{self.name} cannot be {value}; it is one of {listed}")


@dataclass(frozen=True)
class Space:
    """All combinations of the parameters' values, numbered from 0, the last parameter fastest.

    Raises ValueError for names that are not different identifiers, TilefoldError for more than
    `MOST_POINTS` points.
    """

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        check_names(self.names)
        if self.size > MOST_POINTS:
            raise TilefoldError(f"{self.size:.3g} designs are too many; --fix some parameters")

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def radices(self) -> tuple[int, ...]:
        """The numbers of values."""
        return tuple(len(parameter.values) for parameter in self.parameters)

    @property
    def size(self) -> int:
        """How many points there are."""
        return prod(self.radices)

    def places(self, points: IntArray) -> IntArray:
        """Where each of `points` [n] is along each parameter, [n, parameters].

        Raises IndexError for numbers that are no points.
        """
        if points.size and not 0 <= points.min() <= points.max() < self.size:
            raise IndexError(f"points are from 0 to {self.size - 1}")
        rest, places = points, np.empty((len(points), len(self.radices)), np.int64)
        for column in reversed(range(len(self.radices))):
            rest, places[:, column] = np.divmod(rest, self.radices[column])
        return places

    def points(self, places: IntArray) -> IntArray:
        """The numbers [n] of the points at `places` [n, parameters]."""
        points = np.zeros(len(places), np.int64)
        for column, radix in enumerate(self.radices):
            points = points * radix + places[:, column]
        return points

    def points_in(self, whole: "Space", points: IntArray) -> IntArray:
        """The numbers that `points` [n] have in `whole`, of which this is a part."""
        places = self.places(points)
        pairs = zip(self.parameters, whole.parameters, strict=True)
        for column, (own, every) in enumerate(pairs):
            where = np.array([every.place_of(value) for value in own.values])
            places[:, column] = where[places[:, column]]
        return whole.points(places)

    def columns(self, points: IntArray) -> dict[str, npt.NDArray[Any]]:
        """The values of every parameter, by its name, at `points` [n]: arrays [n]."""
        places = self.places(points)
        return {
            parameter.name: parameter.array[places[:, column]]
            for column, parameter in enumerate(self.parameters)
        }

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name; raises TilefoldError, with what is near, if there is none."""
        return self.parameters[self.names.index(resolved(name, self.names, "parameter"))]

    def restricted(self, name: str, values: Sequence[Value]) -> "Space":
        """This space with some of one parameter's values, in the parameter's order.

        Numbers may be given as text. Raises TilefoldError for a parameter or value that is not
        there.
        """
        chosen = self.parameter(name)
        places = sorted({chosen.place_of(value) for value in values})
        if not places:
            raise TilefoldError(f"{chosen.name}: give at least one value")
        fewer = replace(chosen, values=tuple(chosen.values[place] for place in places))
        return Space(tuple(fewer if each is chosen else each for each in self.parameters))


def _same(value: Value, text: str) -> bool:
    try:
        return not isinstance(value, str) and value == float(text)
    except ValueError:
        return False
