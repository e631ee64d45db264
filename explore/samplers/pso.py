"""Particle swarms, by pymoo."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..names import library
from ..pareto import FloatArray
from ..space import IntArray, Space
from .swarms import Places, started, tell

PARTICLES: Final = 24
"""Particles of a swarm."""
_PARTITIONS: Final = {1: 1, 2: 6, 3: 3}
_FEWEST_PARTITIONS: Final = 2
_SUM: Final = 0.05
"""How much the sum of all costs counts beside the largest: no weight of 0 forgets a cost."""


class Pso:
    """Swarms of particles (pymoo's PSO) that move through places as if these were real numbers.

    A particle keeps its real position; evaluated is the design next to it. A swarm has one
    objective, so there is one swarm for each of some evenly spread weights of the objectives (I.
    Das and J. E. Dennis, SIAM J. Optimization 8(3), 1998), which makes the augmented weighted
    Chebyshev distance least (R. E. Steuer and E.-U. Choo, Mathematical Programming 26, 1983):
    max(w z) + 0.05 sum(z). z are costs over the range that they have in the first batch with
    designs that keep the constraints, and that range stays: particles remember distances. All
    swarms move in one batch.
    """

    adaptive = True

    def __init__(self, space: Space, objectives: int, points: int, seed: int) -> None:
        partitions = _PARTITIONS.get(objectives, _FEWEST_PARTITIONS)
        directions = library("pymoo.util.ref_dirs").get_reference_directions
        self._weights: FloatArray = directions(
            "das-dennis", max(objectives, 2), n_partitions=partitions
        )
        if objectives == 1:
            self._weights = np.ones((1, 1))
        pso = library("pymoo.algorithms.soo.nonconvex.pso").PSO
        self.total, self._seed, self._asked = points, seed, 0
        self._places = Places(space)
        # Half a place more on both sides, so that the outermost values are hit as often as others.
        problem = self._places.problem(1, margin=0.49)
        seeds = np.random.SeedSequence(seed).generate_state(len(self._weights))
        self._swarms = [started(pso(pop_size=PARTICLES), problem, int(each)) for each in seeds]
        self._particles: list[Any] = []
        self._low: FloatArray | None = None
        self._range: FloatArray = np.ones(objectives)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The seed, and how many particles and swarms there are."""
        swarms = len(self._swarms)
        return {"sampler": "pso", "seed": self._seed, "particles": PARTICLES, "swarms": swarms}

    def ask(self) -> IntArray:
        """Where all particles are next."""
        left = self.total - self._asked
        if left <= 0:
            return np.empty(0, np.int64)
        self._particles = [swarm.ask() for swarm in self._swarms]
        positions = np.concatenate([particles.get("X") for particles in self._particles])
        points = self._places.points(positions)[:left]
        self._asked += len(points)
        return points

    def tell(self, points: IntArray, costs: FloatArray, violation: FloatArray) -> None:
        """Let each swarm know how its particles did; a cut batch is the last one."""
        if self._asked >= self.total:
            return
        kept = costs[violation == 0]
        if self._low is None and len(kept):
            self._low = kept.min(axis=0)
            spread = kept.max(axis=0) - self._low
            self._range = np.where(spread > 0, spread, 1.0)
        scaled = (costs - (0.0 if self._low is None else self._low)) / self._range
        for number, (swarm, weights) in enumerate(zip(self._swarms, self._weights, strict=True)):
            own = slice(number * PARTICLES, (number + 1) * PARTICLES)
            distance = (weights * scaled[own]).max(axis=1) + _SUM * scaled[own].sum(axis=1)
            tell(swarm, self._particles[number], distance[:, None], violation[own])
