"""Multi-objective evolution: NSGA-II, by pymoo."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..names import library
from ..pareto import FloatArray
from ..space import IntArray, Space
from .swarms import Places, started, tell

POPULATION: Final = 128
"""Designs of a generation."""


class Nsga2:
    """NSGA-II (K. Deb et al., IEEE Trans. Evolutionary Computation 6(2), 2002) on places.

    Crossover and mutation of real numbers are rounded to places, so values of a parameter that lie
    side by side are tried after one another. A design that keeps the constraints is before one that
    does not, and that before one that keeps them less. A generation has no design twice; it ends
    early where there is no other one to be found.
    """

    adaptive = True

    def __init__(self, space: Space, objectives: int, points: int, seed: int) -> None:
        repair = library("pymoo.operators.repair.rounding").RoundingRepair()
        rounded = {"eta": 3, "vtype": float, "repair": repair}
        algorithm = library("pymoo.algorithms.moo.nsga2").NSGA2(
            pop_size=POPULATION,
            sampling=library("pymoo.operators.sampling.rnd").IntegerRandomSampling(),
            crossover=library("pymoo.operators.crossover.sbx").SBX(**rounded),
            mutation=library("pymoo.operators.mutation.pm").PM(**rounded),
        )
        self.total, self._seed, self._asked = points, seed, 0
        self._places = Places(space)
        self._algorithm = started(algorithm, self._places.problem(objectives), seed)
        self._population: Any = None

    @property
    def settings(self) -> Mapping[str, Any]:
        """The seed and the size of a generation."""
        return {"sampler": "nsga2", "seed": self._seed, "population": POPULATION}

    def ask(self) -> IntArray:
        """The next generation."""
        left = self.total - self._asked
        if left <= 0:
            return np.empty(0, np.int64)
        self._population = self._algorithm.ask()
        if self._population is None:
            return np.empty(0, np.int64)
        points = self._places.points(self._population.get("X"))[:left]
        self._asked += len(points)
        return points

    def tell(self, points: IntArray, costs: FloatArray, violation: FloatArray) -> None:
        """Let the generation compete; a cut one is the last, and has nothing to compete for."""
        if self._asked < self.total:
            tell(self._algorithm, self._population, costs, violation)
