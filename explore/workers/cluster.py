"""Evaluation by a Dask cluster."""

import logging
import pickle
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from itertools import islice
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

import dask.config
from distributed import Client, LocalCluster, WorkerPlugin, as_completed
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from ...errors import TilefoldError
from ..evaluator import Evaluator, Results
from ..space import IntArray
from .worker import AHEAD, TRIES, Done, check_jobs, guarded, lost

_WAIT: Final = 20
"""Seconds to wait for a scheduler."""

_here: dict[str, Evaluator] = {}
"""The evaluators of this process, if it is a worker, by the names of their plugins."""


class Cluster:
    """The workers of a Dask scheduler; new ones are used as they come.

    The scheduler gives the chunk of a worker that died to another one. It also hands the evaluator
    to every worker that there is or will be (a plugin does that; data that is scattered is lost
    when all that hold it die).
    """

    def __init__(self, client: Any, cluster: Any = None) -> None:
        self._client, self._cluster = client, cluster
        self._evaluator: Evaluator | None = None
        self._plugin = ""

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        return self._client.scheduler.address

    @staticmethod
    def at(address: str) -> "Cluster":
        """The cluster of the scheduler at `address`.

        Raises TilefoldError if none answers, or if it has no workers and none comes.
        """
        # Its log has tracebacks of what is raised here as well.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            client = Client(address, timeout=_WAIT, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise TilefoldError(f"--scheduler {address}: no scheduler answers: {reason}") from None
        try:
            client.wait_for_workers(1, timeout=_WAIT)
        except TimeoutError:
            client.close()
            raise TilefoldError(f"--scheduler {address}: it has no workers") from None
        return Cluster(client)

    @staticmethod
    def embedded(jobs: int) -> "Cluster":
        """A cluster of `jobs` processes of this machine that ends with this object."""
        check_jobs(jobs)
        with dask.config.set({"distributed.scheduler.allowed-failures": TRIES - 1}):
            settings: dict[str, Any] = {"dashboard_address": "127.0.0.1:0", "memory_limit": 0}
            cluster = LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                processes=True,
                silence_logs=logging.CRITICAL,
                **settings,
            )
        client = Client(cluster, set_as_default=False)
        client.register_plugin(Deaf(), "tilefold-deaf")
        return Cluster(client, cluster)

    def run(self, evaluator: Evaluator, chunks: Iterable[IntArray]) -> Iterator[Done]:
        """Each chunk with its results; see `Workers.run`."""
        waiting: dict[Any, IntArray] = {}
        try:
            self._send(evaluator)
            yield from self._run(iter(chunks), waiting)
        except (CommClosedError, CancelledError) as error:
            waiting.clear()
            self._plugin = ""
            raise TilefoldError(
                f"the Dask scheduler went away ({type(error).__name__}); the same command goes on"
            ) from None
        finally:
            if waiting:
                self._client.cancel(list(waiting))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._plugin:
            self._client.unregister_worker_plugin(self._plugin)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()

    def _run(self, source: Iterator[IntArray], waiting: dict[Any, IntArray]) -> Iterator[Done]:
        """As `run`; `waiting` has what is given out, by its future.

        The scheduler suspects every chunk that a worker had when it died. So those that it gives up
        are tried again at the end, each alone.
        """
        done: Any = as_completed(loop=self._client.loop)
        suspects: list[IntArray] = []
        alone = False

        def submit(points: IntArray) -> None:
            future = self._client.submit(_evaluate, self._plugin, points, pure=False)
            waiting[future] = points
            done.add(future)

        while True:
            wanted = AHEAD * max(1, sum(self._client.nthreads().values()))
            for points in islice(source, max(0, wanted - len(waiting))):
                submit(points)
            if not waiting:
                if not suspects:
                    return
                alone = True
                submit(suspects.pop())
            future = next(done)
            points = waiting.pop(future)
            try:
                results = future.result()
            except KilledWorker as error:
                if alone:
                    raise lost(points, error.allowed_failures + 1) from None
                suspects.append(points)
                continue
            yield points, results

    def _send(self, evaluator: Evaluator) -> None:
        """Hand the evaluator to all workers, of now and later, unless they have it."""
        if evaluator is self._evaluator:
            return
        if self._plugin:
            self._client.unregister_worker_plugin(self._plugin)
        self._evaluator, self._plugin = evaluator, f"tilefold-{uuid4().hex}"
        self._client.register_plugin(Holder(self._plugin, pickle.dumps(evaluator)), self._plugin)


class Deaf(WorkerPlugin):
    """Lets an interrupt from the keyboard end a worker's parent alone, which ends the worker."""

    def setup(self, worker: Any) -> None:
        """From now on."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class Holder(WorkerPlugin):
    """Keeps an evaluator in each worker."""

    def __init__(self, name: str, pickled: bytes) -> None:
        self._name, self._pickled = name, pickled

    def setup(self, worker: Any) -> None:
        """Unpack it, once a worker."""
        _here[self._name] = pickle.loads(self._pickled)

    def teardown(self, worker: Any) -> None:
        """Forget it."""
        _here.pop(self._name, None)


def _evaluate(name: str, points: IntArray) -> Results:
    return guarded(_here[name], points)
