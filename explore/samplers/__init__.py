"""Samplers: which points of a space to evaluate, one after another."""

from typing import Final

from ..names import resolved
from ..space import Space
from .enumeration import Exhaustive, Listed, Random
from .nsga2 import Nsga2
from .pso import Pso
from .sampler import Sampler
from .tpe import Tpe

__all__ = ["SAMPLERS", "Exhaustive", "Listed", "Nsga2", "Pso", "Random", "Sampler", "Tpe"]

SAMPLERS: Final = ("auto", "exhaustive", "random", "nsga2", "pso", "tpe")
"""Names for `sampler_of`."""


def sampler_of(name: str, space: Space, objectives: int, points: int, seed: int) -> Sampler:
    """The sampler of that name: `points` at most, unless it is `exhaustive`.

    `auto` is `nsga2`. Where a space has no more than `points` designs, every sampler gives way to
    the exhaustive one. Raises TilefoldError for an unknown name, or where its library is missing.
    """
    name = resolved(name, SAMPLERS, "sampler")
    if name == "exhaustive" or space.size <= points:
        return Exhaustive(space)
    if name == "random":
        return Random(space, points, seed)
    kinds = {"auto": Nsga2, "nsga2": Nsga2, "pso": Pso, "tpe": Tpe}
    return kinds[name](space, objectives, points, seed)
