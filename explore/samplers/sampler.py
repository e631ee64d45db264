"""The interface of samplers: what decides which points are evaluated."""

from collections.abc import Mapping
from typing import Any, Protocol

from ..pareto import FloatArray
from ..space import IntArray


class Sampler(Protocol):
    """Asks for batches of points and is told what came of them.

    The points of a batch depend on the sampler's settings and on what it was told of earlier
    batches, on nothing else: not on how many workers there are, nor on the order in which they
    finish. A sampler that is not adaptive asks for no point twice.
    """

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that its points depend on besides results, its name among them, as JSON has it."""
        ...

    @property
    def total(self) -> int:
        """How many points it will ask for at most; some of them may be equal."""
        ...

    @property
    def adaptive(self) -> bool:
        """Whether it must be told of a batch before it can ask for the next one."""
        ...

    def ask(self) -> IntArray:
        """The points [n] of the next batch; none at the end."""
        ...

    def tell(self, points: IntArray, costs: FloatArray, violation: FloatArray) -> None:
        """What came of the `points` [n] asked for last.

        `costs` [n, objectives] are to be minimised. `violation` [n] is 0 where the constraints are
        kept, larger the less they are, and infinite where a design is not valid: its costs are NaN.
        """
        ...
