"""Who evaluates: this process, several, or a cluster.

A chunk of points goes to one worker and is a pure function of evaluator and points, so it can be
done anywhere, and again where a worker died.
"""

from ..names import library
from .inline import Inline
from .processes import Processes
from .worker import TRIES, Done, Workers

__all__ = ["TRIES", "Done", "Inline", "Processes", "Workers", "workers_of"]


def workers_of(jobs: int, scheduler: str | None) -> Workers:
    """`jobs` processes of this machine, or those of a Dask cluster.

    `scheduler` is an address such as `tcp://host:8786`, or `local` for a cluster of `jobs`
    processes that lives as long as this one. Raises TilefoldError where there is no such scheduler,
    or Dask is not installed.
    """
    if scheduler is None:
        return Inline() if jobs == 1 else Processes(jobs)
    library("distributed")
    from .cluster import Cluster

    return Cluster.embedded(jobs) if scheduler == "local" else Cluster.at(scheduler)
