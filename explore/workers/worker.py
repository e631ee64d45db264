"""What all kinds of workers are."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Final, Protocol, Self

from ...errors import TilefoldError
from ..evaluator import Evaluator, Results, evaluated
from ..space import IntArray

Done = tuple[IntArray, Results]
"""The points of a chunk [n] and what `evaluated` says of them."""

TRIES: Final = 5
"""How many workers may die of one chunk."""

AHEAD: Final = 2
"""Chunks that are given out for each worker, so that none waits for this process."""


class Workers(Protocol):
    """Evaluates chunks; a context that ends them."""

    def run(self, evaluator: Evaluator, chunks: Iterable[IntArray]) -> Iterator[Done]:
        """Each chunk with its results, in the order in which they are done.

        Chunks are taken one by one, as workers become free. Raises what the evaluator raises, and
        TilefoldError where a chunk ends `TRIES` workers.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def guarded(evaluator: Evaluator, points: IntArray) -> Results:
    """`evaluated`, with errors that can be sent to another process."""
    try:
        return evaluated(evaluator, points)
    except TilefoldError as error:
        raise TilefoldError(str(error)) from None


def lost(points: IntArray, deaths: int) -> TilefoldError:
    """The error where so many workers died of a chunk."""
    return TilefoldError(
        f"{deaths} workers died while they evaluated points {points.min()} to {points.max()}, "
        "perhaps for want of memory; evaluate fewer at a time with --chunk"
    )


def check_jobs(jobs: int) -> None:
    """Raise TilefoldError unless there are workers."""
    if jobs < 1:
        raise TilefoldError(f"--jobs {jobs}: give 1 or more")
