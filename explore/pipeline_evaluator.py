"""Metrics of pipelines and hybrids for some networks, by the analytical evaluator."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..costmodel.integers import IntArray
from ..costmodel.technology import load_technology
from .analytical.energy import Tariff
from .analytical.network import Network
from .evaluator import Metric, digest_of
from .network_on_pipeline import NetworkOnPipeline
from .pipelines import PipelineFamily


class PipelineEvaluator:
    """An evaluator (`explore.evaluator`) of machines of stages for some networks.

    A program takes the family's frames, and the networks run one after the other. `interval` is the
    time of all programs over their frames, `latency` that of the first image of each network,
    `energy` is of one image; and of each network there are the cycles and the energy of a frame.
    """

    version = 1
    """To be raised when results change."""

    def __init__(self, networks: Sequence[Network], family: PipelineFamily) -> None:
        self._family = family
        self._networks = [NetworkOnPipeline(each, family) for each in networks]
        technology = load_technology(family.technology)
        self._tariff = Tariff(family.machine, family.depends, technology)
        self.space = family.space
        self.provenance: Mapping[str, str] = {
            "family": family.name,
            "technology": family.technology,
            "frames": str(family.frames),
            **{f"network {network.name}": network.digest for network in networks},
            "analytical evaluator of pipelines": str(self.version),
        }
        self.digest = digest_of(dict(self.provenance))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What is known of a design."""
        each = (
            metric
            for network in self._networks
            for metric in (
                Metric(f"{network.name}_cycles", "cycles", "none"),
                Metric(f"{network.name}_energy", "mJ", "none"),
            )
        )
        return (
            Metric("interval", "ms", "min"),
            Metric("latency", "ms", "min"),
            Metric("energy", "mJ", "min"),
            Metric("area", "mm2", "min"),
            *each,
        )

    def evaluate(self, points: IntArray) -> dict[str, npt.NDArray[Any]]:
        """The metrics of `points` [n]; a design is valid if all networks fit it."""
        values = self.space.columns(points)
        results: dict[str, npt.NDArray[Any]] = {
            metric.name: np.zeros(len(points)) for metric in self.metrics
        }
        results["valid"] = np.ones(len(points), bool)
        frames, milliseconds = self._family.frames, 1e3 / self._family.example(2).hz
        for network in self._networks:
            run = network.run(values, self._tariff)
            cycles, energy = run.cycles / frames, run.energy / frames / 1e9
            results[f"{network.name}_cycles"] = cycles
            results[f"{network.name}_energy"] = energy
            results["interval"] += cycles * milliseconds
            results["latency"] += run.ends[:, 0] * milliseconds
            results["energy"] += energy
            results["valid"] &= run.valid
        results["area"] = self._tariff.area(values)
        return results
