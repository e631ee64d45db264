"""Evaluation in this process."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from ..evaluator import Evaluator
from ..space import IntArray
from .worker import Done, guarded


class Inline:
    """One chunk after the other, in this process."""

    def run(self, evaluator: Evaluator, chunks: Iterable[IntArray]) -> Iterator[Done]:
        """Each chunk with its results."""
        for points in chunks:
            yield points, guarded(evaluator, points)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass
