"""What is explored: something that gives metrics of the points of a space."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from .names import check_names
from .space import IntArray, Space

Results = Mapping[str, npt.NDArray[Any]]
"""An array [n] of each metric by its name, and "valid" bool [n]."""


@dataclass(frozen=True)
class Metric:
    """A quantity of a design, and whether less or more of it is better."""

    name: str
    unit: str
    goal: Literal["min", "max", "none"]

    @property
    def sign(self) -> int:
        """What makes it a cost: -1 where more is better."""
        return -1 if self.goal == "max" else 1

    @property
    def label(self) -> str:
        """The name, and the unit unless the name ends with it."""
        if not self.unit:
            return self.name
        suffix = self.unit.lower().translate(str.maketrans("µ²³", "u23"))
        return self.name if self.name.endswith(f"_{suffix}") else f"{self.name}, {self.unit}"


@dataclass(frozen=True)
class Options:
    """What an evaluator can be made with, besides networks: a technology's name or file, and the
    name of a family of designs."""

    technology: str | None = None
    family: str | None = None


class Evaluator(Protocol):
    """Metrics of designs. It is pickled, and pure: equal points always give equal results.

    A point's results depend on nothing else, not on the other points of the call either.
    """

    @property
    def space(self) -> Space:
        """The designs."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is known of a design."""
        ...

    @property
    def digest(self) -> str:
        """Of all that results depend on: networks, technology, version of the cost model."""
        ...

    @property
    def provenance(self) -> Mapping[str, str]:
        """The same for people to read."""
        ...

    def evaluate(self, points: IntArray) -> Results:
        """The metrics of `points` [n]; where "valid" is false, the others mean nothing."""
        ...


@dataclass(frozen=True)
class Restricted:
    """An evaluator on a part of its space, as `Space.restricted` makes them."""

    whole: Evaluator
    space: Space

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those of the whole."""
        return self.whole.metrics

    @property
    def digest(self) -> str:
        """The whole's: the same design gives the same results; the space is compared apart."""
        return self.whole.digest

    @property
    def provenance(self) -> Mapping[str, str]:
        """The whole's."""
        return self.whole.provenance

    def evaluate(self, points: IntArray) -> Results:
        """What the whole says of the same designs."""
        return self.whole.evaluate(self.whole_points(points))

    def whole_points(self, points: IntArray) -> IntArray:
        """The numbers that `points` [n] have in the whole space."""
        return self.space.points_in(self.whole.space, points)


def unrestricted(evaluator: Evaluator, points: IntArray) -> tuple[Evaluator, IntArray]:
    """The evaluator of the whole space, and the numbers that `points` [n] have there."""
    while isinstance(evaluator, Restricted):
        points, evaluator = evaluator.whole_points(points), evaluator.whole
    return evaluator, points


def evaluated(evaluator: Evaluator, points: IntArray) -> dict[str, npt.NDArray[Any]]:
    """The results of `points` [n]: every metric float64, NaN where the design is not valid.

    Raises ValueError for results that are not what an evaluator promises.
    """
    return normalised(evaluator, points, evaluator.evaluate(points))


def normalised(
    evaluator: Evaluator, points: IntArray, given: Results
) -> dict[str, npt.NDArray[Any]]:
    """What `given` says of `points`, as `evaluated`."""
    names = [metric.name for metric in evaluator.metrics]
    if set(given) != {*names, "valid"}:
        raise ValueError(f"results are {', '.join(given)}; expected {', '.join(names)}, valid")
    valid = np.asarray(given["valid"])
    if valid.dtype != bool or any(np.shape(array) != points.shape for array in given.values()):
        raise ValueError(f"results must be arrays of {points.shape}, `valid` of bool")
    results = {name: np.where(valid, np.asarray(given[name], np.float64), np.nan) for name in names}
    for name, array in results.items():
        if not np.isfinite(array[valid]).all():
            raise ValueError(f"{name} of a valid design is not finite")
    return {**results, "valid": valid}


def identity(evaluator: Evaluator) -> dict[str, Any]:
    """All that two evaluators must share for their results to be kept together, as JSON has it."""
    check_names([*evaluator.space.names, *(metric.name for metric in evaluator.metrics)])
    return {
        "digest": evaluator.digest,
        "space": [
            {"name": each.name, "unit": each.unit, "values": list(each.values)}
            for each in evaluator.space.parameters
        ],
        "metrics": [asdict(metric) for metric in evaluator.metrics],
        "provenance": dict(evaluator.provenance),
    }


def digest_of(record: Any) -> str:
    """The SHA-256 of a JSON value."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
