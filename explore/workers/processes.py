"""Evaluation in several processes of this machine."""

import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context, parent_process
from types import TracebackType
from typing import Any, Self

from ..evaluator import Evaluator, Results
from ..space import IntArray
from .worker import AHEAD, TRIES, Done, check_jobs, guarded, lost

_here: list[bytes] = []
"""The evaluator of this process, pickled, if it is a worker."""


class Processes:
    """`jobs` processes, each a pool of its own: when one dies, it is known which chunk it had.

    The others go on; the chunk, and what else waited for that process, are given to the next that
    has room. Processes are spawned, for a fork copies locks that other threads hold.
    """

    def __init__(self, jobs: int) -> None:
        check_jobs(jobs)
        self._jobs = jobs
        self._pools: list[_Pool] = []
        self._evaluator: Evaluator | None = None

    def run(self, evaluator: Evaluator, chunks: Iterable[IntArray]) -> Iterator[Done]:
        """Each chunk with its results; see `Workers.run`."""
        if evaluator is not self._evaluator:
            self._evaluator, pickled = evaluator, pickle.dumps(evaluator)
            if not self._pools:
                self._pools = [_Pool(pickled) for _ in range(self._jobs)]
            for pool in self._pools:
                pool.send(pickled)
        source, again = iter(chunks), deque[_Chunk]()
        try:
            while True:
                self._give_out(source, again)
                running = [future for pool in self._pools for future in pool.futures]
                if not running:
                    return
                wait(running, return_when=FIRST_COMPLETED)
                for pool in self._pools:
                    yield from pool.collect(again)
        finally:
            for pool in self._pools:
                pool.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pool in self._pools:
            pool.close()
        self._pools = []

    def _give_out(self, source: Iterator[IntArray], again: "deque[_Chunk]") -> None:
        """Fill up the pools, the emptiest first."""
        for level in range(AHEAD):
            for pool in self._pools:
                if len(pool.futures) <= level:
                    if not again:
                        again.extend(_Chunk(points) for points in islice(source, 1))
                    if not again:
                        return
                    pool.submit(again.popleft())


class _Chunk:
    """Points, and how many processes have died of them."""

    def __init__(self, points: IntArray) -> None:
        self.points, self.deaths = points, 0


class _Pool:
    """One process and the chunks that it was given, the oldest first."""

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled
        self._chunks: deque[tuple[Future[Results], _Chunk]] = deque()
        self._executor = self._started()

    @property
    def futures(self) -> list[Future[Results]]:
        return [future for future, _ in self._chunks]

    def send(self, pickled: bytes) -> None:
        """Let the process have another evaluator from the next chunk on."""
        if pickled != self._pickled:
            self._pickled = pickled
            with suppress(BrokenProcessPool):
                self._executor.submit(_hold, pickled)

    def submit(self, chunk: _Chunk) -> None:
        try:
            future = self._executor.submit(_evaluate, chunk.points)
        except BrokenProcessPool as error:
            # It died idle; `collect` starts it anew.
            future = Future[Results]()
            future.set_exception(error)
        self._chunks.append((future, chunk))

    def collect(self, again: "deque[_Chunk]") -> Iterator[Done]:
        """What is done; chunks go to `again` where the process died, which is started anew."""
        while self._chunks and self._chunks[0][0].done():
            future, chunk = self._chunks[0]
            try:
                results = future.result()
            except BrokenProcessPool:
                chunk.deaths += 1
                if chunk.deaths >= TRIES:
                    raise lost(chunk.points, chunk.deaths) from None
                again.extend(each for _, each in self._chunks)
                self._chunks.clear()
                self.close()
                self._executor = self._started()
                return
            self._chunks.popleft()
            yield chunk.points, results

    def forget(self) -> None:
        """Give up what is not done."""
        for future, _ in self._chunks:
            future.cancel()
        self._chunks.clear()

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_start, initargs=(self._pickled,)
        )


def _start(pickled: bytes) -> None:
    """Make this process a worker: ended by its parent alone, and with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(parent_process(),), daemon=True).start()
    _hold(pickled)


def _hold(pickled: bytes) -> None:
    _here[:] = [pickled]


def _follow(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _evaluate(points: IntArray) -> Results:
    (pickled,) = _here
    return guarded(_unpickled(pickled), points)


@lru_cache(1)
def _unpickled(pickled: bytes) -> Evaluator:
    """Once, and where an error comes home."""
    return pickle.loads(pickled)
