"""Bayesian search: the tree-structured Parzen estimator, by optuna."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..names import library
from ..pareto import FloatArray
from ..space import IntArray, Space

BATCH: Final = 16
"""Designs that are asked for before any of them is known."""
_INVALID: Final = 1e30
"""Violation of a design that is not valid: optuna takes finite numbers only."""


class Tpe:
    """TPE for one or several objectives (Y. Ozaki et al., J. Artificial Intelligence Research 73,
    2022), by optuna.

    Numbers are integers to it, their places in the parameter's order; strings are categories. It
    thinks long about each design: for evaluators that take long, and thousands of points at most.
    """

    adaptive = True

    def __init__(self, space: Space, objectives: int, points: int, seed: int) -> None:
        optuna = library("optuna")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            directions=["minimize"] * objectives,
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=2 * BATCH),
        )
        kinds = optuna.distributions
        self._kinds = {
            parameter.name: kinds.CategoricalDistribution(range(len(parameter.values)))
            if isinstance(parameter.values[0], str)
            else kinds.IntDistribution(0, len(parameter.values) - 1)
            for parameter in space.parameters
        }
        self.total, self._seed, self._asked = points, seed, 0
        self._space = space
        self._trials: list[Any] = []

    @property
    def settings(self) -> Mapping[str, Any]:
        """The seed and the size of a batch."""
        return {"sampler": "tpe", "seed": self._seed, "batch": BATCH}

    def ask(self) -> IntArray:
        """The next designs."""
        count = min(BATCH, self.total - self._asked)
        self._asked += count
        self._trials = [self._study.ask(self._kinds) for _ in range(count)]
        places = [[trial.params[name] for name in self._space.names] for trial in self._trials]
        shape = count, len(self._space.names)
        return self._space.points(np.array(places, np.int64).reshape(shape))

    def tell(self, points: IntArray, costs: FloatArray, violation: FloatArray) -> None:
        """Let the estimator know."""
        finite = np.where(np.isnan(costs), 0.0, costs)
        outside = np.minimum(violation, _INVALID)
        for trial, values, far in zip(self._trials, finite.tolist(), outside.tolist(), strict=True):
            trial.set_constraint("violation", far)
            self._study.tell(trial, values)
