"""What the samplers of pymoo share: places as variables, results as objectives and a constraint."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..names import library
from ..pareto import FloatArray
from ..space import IntArray, Space

_INVALID: Final = 1e30
"""Violation of a design that is not valid: finite, so that sums and means stay so."""


class Places:
    """The parameters of a space that can vary, as variables of pymoo: places in their values."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._free = [n for n, radix in enumerate(space.radices) if radix > 1]
        self.most = np.array([space.radices[n] - 1 for n in self._free])

    def problem(self, objectives: int, margin: float = 0.0) -> Any:
        """A problem of pymoo over the places, and `margin` on both sides, with one constraint."""
        return library("pymoo.core.problem").Problem(
            n_var=len(self._free),
            n_obj=objectives,
            n_ieq_constr=1,
            xl=0 - margin,
            xu=self.most + margin,
        )

    def points(self, variables: npt.NDArray[Any]) -> IntArray:
        """The points [n] next to `variables` [n, free parameters]."""
        nearest = np.clip(np.rint(variables.astype(np.float64)), 0, self.most)
        places = np.zeros((len(variables), len(self._space.radices)), np.int64)
        places[:, self._free] = nearest
        return self._space.points(places)


def started(algorithm: Any, problem: Any, seed: int) -> Any:
    """`algorithm` of pymoo, ready to be asked, without an end of its own."""
    endless = library("pymoo.core.termination").NoTermination()
    return algorithm.setup(problem, termination=endless, seed=seed)


def tell(algorithm: Any, population: Any, costs: FloatArray, violation: FloatArray) -> None:
    """Tell `algorithm` what came of the `population` that it gave."""
    static = library("pymoo.problems.static").StaticProblem(
        algorithm.problem,
        F=np.where(np.isnan(costs), 0.0, costs),
        G=np.minimum(violation, _INVALID)[:, None],
    )
    library("pymoo.core.evaluator").Evaluator().eval(static, population)
    algorithm.tell(infills=population)
