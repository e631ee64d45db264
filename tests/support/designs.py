"""Made-up evaluators of designs whose front is known, that count, and that wait."""

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tilefold.errors import TilefoldError
from tilefold.explore.evaluator import Metric, Options
from tilefold.explore.space import IntArray, Parameter, Space

SPEEDS = tuple(range(1, 33))
SPACE = Space(
    (
        Parameter("speed", SPEEDS, "MHz"),
        Parameter("waste", (0.0, 0.5, 1.0, 2.0)),
        Parameter("style", ("good", "fair", "poor")),
        Parameter("spare", (0, 1, 2, 3, 4)),
    )
)
"""1,920 designs."""

WIDE = Space(
    (
        Parameter("speed", tuple(range(1, 257)), "MHz"),
        Parameter("waste", tuple(n / 8 for n in range(40))),
        Parameter("style", ("good", "fair", "poor")),
        Parameter("spare", tuple(range(16))),
    )
)
"""491,520 designs."""


@dataclass(frozen=True)
class Designs:
    """Faster is costlier, waste and a poor style cost both, and spare parts only take area.

    So the front of latency and energy has the 32 speeds without waste, in good style, with any
    number of spare parts; that of the area too only those without spare parts. The slowest designs
    of much waste are not valid. Each call is written to `log` (the process, then its points), waits
    for `seconds`, and computes for nothing in so many `rounds`.
    """

    log: Path | None = None
    seconds: float = 0.0
    rounds: int = 0
    digest: str = "designs"
    space: Space = SPACE
    provenance: Mapping[str, str] = field(default_factory=lambda: {"network": "made up"})
    metrics: tuple[Metric, ...] = (
        Metric("latency_ms", "ms", "min"),
        Metric("energy_uj", "µJ", "min"),
        Metric("rate", "1/s", "max"),
        Metric("area_mm2", "mm²", "min"),
        Metric("bound", "", "none"),
    )

    def evaluate(self, points: IntArray) -> dict[str, npt.NDArray[Any]]:
        if self.log is not None:
            line = f"{os.getpid()} {' '.join(map(str, points.tolist()))}\n"
            with self.log.open("ab", buffering=0) as file:
                file.write(line.encode())
        time.sleep(self.seconds)
        for _ in range(self.rounds):
            np.sin(points)
        columns = self.space.columns(points)
        style = np.select([columns["style"] == "good", columns["style"] == "fair"], [0.0, 0.25], 1)
        loss = 1 + columns["waste"] + style
        speed = columns["speed"].astype(float)
        latency = 100 / speed * loss
        return {
            "latency_ms": latency,
            "energy_uj": (10 + speed**1.5) * loss,
            "rate": 1000 / latency,
            "area_mm2": speed + columns["spare"],
            "bound": np.floor(speed / 8),
            "valid": ~((speed <= 4) & (columns["waste"] == 2.0)),
        }


def busy(networks: Sequence[Path], options: Options) -> Designs:
    """Designs in a wide space that take about as long as those of a machine."""
    return Designs(space=WIDE, rounds=2000)


@dataclass(frozen=True)
class Deadly(Designs):
    """One design kills whoever evaluates it."""

    victim: int = 777

    def evaluate(self, points: IntArray) -> dict[str, npt.NDArray[Any]]:
        if self.victim in points:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().evaluate(points)


@dataclass(frozen=True)
class Refusing(Designs):
    """Something is wrong with what the user gave, as one design shows."""

    def evaluate(self, points: IntArray) -> dict[str, npt.NDArray[Any]]:
        if 777 in points:
            raise TilefoldError("net.onnx: node 'conv': no such machine")
        return super().evaluate(points)


def evaluations(log: Path) -> list[int]:
    """All points that were evaluated, in the order in which their chunks were begun."""
    return [int(point) for line in log.read_text().splitlines() for point in line.split()[1:]]


def processes(log: Path) -> list[int]:
    """The processes that have begun a chunk, in this order."""
    if not log.exists():
        return []
    return [int(line.split()[0]) for line in log.read_text().splitlines() if line]
