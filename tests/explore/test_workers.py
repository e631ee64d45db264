"""Workers of every kind come to the same results, and nothing is lost when they are killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from distributed import Client
from tilefold.errors import TilefoldError
from tilefold.explore.samplers import Listed
from tilefold.explore.study import State
from tilefold.explore.workers import Inline, Processes, Workers, cluster, processes, workers_of
from tilefold.explore.workers.cluster import Cluster
from tilefold.tests.support.designs import Deadly, Designs, Refusing, evaluations
from tilefold.tests.support.designs import processes as processes_in
from tilefold.tests.support.exploring import check_equal, explored, sampler, stored

KINDS: dict[str, Callable[[], Workers]] = {
    "processes": lambda: workers_of(2, None),
    "dask": lambda: workers_of(2, "local"),
}


@pytest.fixture(scope="module")
def workers() -> Iterator[Callable[[str], Workers]]:
    """Workers by kind, started when they are first wanted."""
    started: dict[str, Workers] = {}
    with ExitStack() as stack:

        def of(kind: str) -> Workers:
            if kind not in started:
                started[kind] = stack.enter_context(KINDS[kind]())
            return started[kind]

        yield of


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]


@pytest.mark.parametrize("kind", KINDS)
def test_every_sampler_has_the_same_answer(
    tmp_path: Path, workers: Callable[[str], Workers], kind: str
) -> None:
    log = tmp_path / "log"
    designs = Designs(log)
    for name in ("exhaustive", "random", "nsga2", "pso", "tpe"):
        points = 32 if name == "tpe" else 500
        one = explored(Designs(), sampler(name, designs, points), tmp_path / f"{name} one")
        other = explored(
            designs, sampler(name, designs, points), tmp_path / f"{name} other", workers(kind)
        )
        check_equal(one, other)
        assert one.evaluated == other.evaluated
        rows = [stored(tmp_path / f"{name} {which}", designs) for which in ("one", "other")]
        assert rows[0] == rows[1]
    assert os.getpid() not in processes_in(log)
    assert len(set(processes_in(log))) == 2


@pytest.mark.parametrize(("kind", "name"), [("processes", "exhaustive"), ("dask", "nsga2")])
def test_killed_workers_change_nothing(
    tmp_path: Path, workers: Callable[[str], Workers], kind: str, name: str
) -> None:
    log, killed = tmp_path / "log", list[int]()
    designs = Designs(log, seconds=0.02)
    moments = [200, 350]

    def kill(state: State) -> None:
        """The one that was last to begin a chunk, so it is at work."""
        if moments and state.evaluated >= moments[0]:
            moments.pop(0)
            killed.append(processes_in(log)[-1])
            assert killed[-1] != os.getpid()
            os.kill(killed[-1], signal.SIGKILL)

    whole = explored(Designs(), sampler(name, designs, 640), tmp_path / "whole")
    study = explored(
        designs, sampler(name, designs, 640), tmp_path / "store", workers(kind), kill, chunk=16
    )
    assert len(set(killed)) == 2 and not moments
    check_equal(study, whole)
    assert study.evaluated == whole.evaluated
    assert stored(tmp_path / "store", designs) == stored(tmp_path / "whole", designs)
    assert set(evaluations(log)) == set(whole.points.tolist())
    assert len(set(processes_in(log))) >= 3
    # What was lost was evaluated again, and nothing else: two chunks that each worker had.
    again = sum(Counter(evaluations(log)).values()) - len(whole.points)
    assert 0 < again <= 2 * 2 * 32


@pytest.mark.parametrize(
    ("module", "one"), [(processes, lambda: Processes(1)), (cluster, lambda: Cluster.embedded(1))]
)
def test_a_chunk_that_kills_every_worker_is_named(
    tmp_path: Path,
    module: ModuleType,
    one: Callable[[], Workers],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TRIES", 2)
    listed = Listed(np.array([5, 6, 776, 777, 1000, 1001]), "test")
    with one() as worker, pytest.raises(TilefoldError) as error:
        explored(Deadly(), listed, tmp_path, worker, chunk=2)
    assert "2 workers died while they evaluated points 776 to 777" in str(error.value)
    assert {5, 6} <= set(stored(tmp_path, Designs())["point"]) <= {5, 6, 1000, 1001}


@pytest.mark.parametrize("kind", ["inline", *KINDS])
def test_errors_come_home_and_workers_stay(
    tmp_path: Path, workers: Callable[[str], Workers], kind: str
) -> None:
    several = Inline() if kind == "inline" else workers(kind)
    with pytest.raises(TilefoldError, match=r"^net\.onnx: node 'conv': no such machine$"):
        explored(Refusing(), sampler("exhaustive", Designs()), tmp_path / "a", several)
    # What was given out before the error is not taken for results of the next exploration.
    points = np.array([5, 1500])
    study = explored(Designs(), Listed(points, "test"), tmp_path / "b", several, chunk=1)
    assert study.points.tolist() == points.tolist()
    assert stored(tmp_path / "b", Designs())["point"] == points.tolist()


MAIN = """
import sys
from pathlib import Path
from types import ModuleType
from tilefold.explore.workers import workers_of
from tilefold.tests.support.designs import Designs
from tilefold.tests.support.exploring import explored, sampler

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    designs = Designs(folder / "log", seconds=0.05)
    with workers_of(2, None) as workers:
        explored(designs, sampler("random", designs, 1600), folder / "store", workers, chunk=16)
"""


def test_a_killed_exploration_goes_on(tmp_path: Path) -> None:
    """The whole program is killed; its workers end by themselves; what it stored stays."""
    script, log = tmp_path / "main.py", tmp_path / "log"
    script.write_text(MAIN)
    run = subprocess.Popen([sys.executable, script, tmp_path])
    deadline = time.monotonic() + 60
    while len(processes_in(log)) < 20:
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    run.kill()
    run.wait()
    orphans = set(processes_in(log))
    while any(map(alive, orphans)):
        assert time.monotonic() < deadline, "workers outlive the program"
        time.sleep(0.02)
    before = stored(tmp_path / "store", Designs())["point"]
    assert 100 < len(before) < 1600
    log.unlink()
    designs = Designs(log)
    study = explored(designs, sampler("random", designs, 1600), tmp_path / "store", chunk=16)
    assert sorted(evaluations(log)) == sorted(set(study.points.tolist()) - set(before))
    check_equal(study, explored(Designs(), sampler("random", designs, 1600), tmp_path / "whole"))


def test_another_cluster_may_be_anywhere(tmp_path: Path, workers: Callable[[str], Workers]) -> None:
    local = workers("dask")
    assert isinstance(local, Cluster)
    with workers_of(1, local.address) as remote:
        study = explored(Designs(), sampler("random", Designs()), tmp_path / "a", remote)
    check_equal(study, explored(Designs(), sampler("random", Designs()), tmp_path / "b"))


@pytest.fixture
def scheduler() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address and the process of a scheduler without workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", *words]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"tcp://127.0.0.1:{port}", process
        finally:
            process.kill()


def test_a_scheduler_that_goes_away(
    tmp_path: Path,
    scheduler: tuple[str, subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, process = scheduler
    with Cluster(Client(address, timeout=60, set_as_default=False)) as alone:
        with monkeypatch.context() as patch:
            patch.setattr(cluster, "_WAIT", 1)
            with pytest.raises(TilefoldError, match=f"--scheduler {address}: it has no workers"):
                workers_of(1, address)
        timer = threading.Timer(0.5, process.kill)
        timer.start()
        with pytest.raises(
            TilefoldError, match=r"scheduler went away .*; the same command goes on"
        ):
            explored(Designs(), sampler("random", Designs()), tmp_path, alone)
        timer.join()


def test_what_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for jobs, scheduler in ((0, None), (0, "local")):
        with pytest.raises(TilefoldError, match="--jobs 0: give 1 or more"):
            workers_of(jobs, scheduler)
    monkeypatch.setattr(cluster, "_WAIT", 0.5)
    with pytest.raises(
        TilefoldError, match=r"--scheduler tcp://127\.0\.0\.1:1: no scheduler answers"
    ):
        workers_of(1, "tcp://127.0.0.1:1")
    with pytest.raises(TilefoldError, match="--scheduler nonsense://x: no scheduler answers"):
        workers_of(1, "nonsense://x")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(TilefoldError, match=r"needs distributed.*'tilefold\[explore\]'"):
        workers_of(1, "local")


def test_one_process_needs_no_other() -> None:
    assert isinstance(workers_of(1, None), Inline)
    assert isinstance(workers_of(3, None), Processes)
