"""Metrics of the machines of a family for some networks, by the analytical evaluator."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..costmodel.integers import IntArray
from ..costmodel.technology import load_technology
from .analytical.energy import Tariff
from .analytical.network import Network
from .evaluator import Metric, digest_of
from .families import Family
from .machine_terms import explanation
from .network_on_family import NetworkOnFamily
from .terms import Explanation


class MachineEvaluator:
    """An evaluator (`explore.evaluator`) of the machines of a family for some networks.

    Metrics are of one image through each of the networks, one network after the other: `latency`,
    `energy`, and `area` of the machine; and of each network its cycles and energy.
    """

    version = 2
    """Of the analytical evaluator: to be raised when its results change."""

    def __init__(self, networks: Sequence[Network], family: Family) -> None:
        self._family = family
        self._networks = [NetworkOnFamily(each, family, each.name) for each in networks]
        technology = load_technology(family.technology)
        self._tariff = Tariff(family.machine, family.depends, technology)
        self.space = family.space
        self.provenance: Mapping[str, str] = {
            "family": family.name,
            "technology": family.technology,
            **{f"network {network.name}": network.digest for network in networks},
            "analytical evaluator": str(self.version),
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
        for kib in np.unique(values["data"]):
            which = np.flatnonzero(values["data"] == kib)
            some = {name: column[which] for name, column in values.items()}
            for network in self._networks:
                run = network.run(some, self._tariff)
                results[f"{network.name}_cycles"][which] = run.timeline.cycles
                results[f"{network.name}_energy"][which] = run.energy / 1e9
                results["valid"][which] &= run.valid
        for network in self._networks:
            cycles = results[f"{network.name}_cycles"]
            results["latency"] += cycles / self._family.example.hz * 1e3
            results["energy"] += results[f"{network.name}_energy"]
        results["area"] = self._tariff.area(values)
        return results

    def explained(self, points: IntArray) -> list[Explanation]:
        """Why each of few valid `points` [n] has its metrics; see `explore.terms.Explains`."""
        hz = self._family.example.hz
        return [
            explanation(self._networks, self._tariff, self.space.columns(points[[number]]), hz)
            for number in range(len(points))
        ]
