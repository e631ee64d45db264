"""Metrics of the machines of a family for some networks, by the analytical evaluator."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..costmodel.integers import IntArray
from ..costmodel.technology import load_technology
from .analytical.energy import Tariff
from .analytical.network import Network
from .assumptions import Varied
from .edits import Edit
from .evaluator import Metric, Results, digest_of
from .families import Family
from .machine_assumptions import PRICED, machine_changes, price_changes
from .machine_terms import explanation
from .network_on_family import NetworkOnFamily, Run, Values
from .terms import Explanation

_Runs = list[tuple[IntArray, list[Run]]]


class MachineEvaluator:
    """An evaluator (`explore.evaluator`) of the machines of a family for some networks.

    Metrics are of one image through each of the networks, one network after the other: `latency`,
    `energy`, and `area` of the machine; and of each network its cycles and energy.
    """

    version = 3
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
            **({"edits": ", ".join(map(str, family.edits))} if family.edits else {}),
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
        return self._results(values, self._runs(values), self._tariff)

    def _runs(self, values: Values) -> _Runs:
        """The networks on machines of equal memories of inputs and outputs, and which these are."""
        runs: _Runs = []
        for kib in np.unique(values["data"]):
            which = np.flatnonzero(values["data"] == kib)
            some = {name: column[which] for name, column in values.items()}
            runs.append((which, [each.run(some, self._tariff) for each in self._networks]))
        return runs

    def _results(self, values: Values, runs: _Runs, tariff: Tariff) -> dict[str, npt.NDArray[Any]]:
        """The metrics of machines, charged by a tariff."""
        count = len(values["data"])
        results: dict[str, npt.NDArray[Any]] = {
            metric.name: np.zeros(count) for metric in self.metrics
        }
        results["valid"] = np.ones(count, bool)
        for which, several in runs:
            for network, run in zip(self._networks, several, strict=True):
                results[f"{network.name}_cycles"][which] = run.timeline.cycles
                results[f"{network.name}_energy"][which] = run.charged(tariff).energy / 1e9
                results["valid"][which] &= run.valid
        for network in self._networks:
            cycles = results[f"{network.name}_cycles"]
            results["latency"] += cycles / self._family.example.hz * 1e3
            results["energy"] += results[f"{network.name}_energy"]
        results["area"] = tariff.area(values)
        return results

    @property
    def network_names(self) -> tuple[str, ...]:
        """Of all networks, in order."""
        return tuple(each.name for each in self._networks)

    def machine_text(self, point: int) -> str:
        """The machine file of a design."""
        columns = self.space.columns(np.array([point]))
        return self._family.text({name: column[0] for name, column in columns.items()})

    def explained(self, points: IntArray) -> list[Explanation]:
        """Why each of few valid `points` [n] has its metrics; see `explore.terms.Explains`."""
        hz = self._family.example.hz
        return [
            explanation(self._networks, self._tariff, self.space.columns(points[[number]]), hz)
            for number in range(len(points))
        ]

    def varied(self, points: IntArray) -> Varied:
        """The metrics of `points` [n] under other assumptions; see `explore.assumptions.Assumes`.

        Folds and tiles are chosen anew, the latter among those that are tried anyway.
        """
        values = self.space.columns(points)
        runs = cache(lambda: self._runs(values))

        def charged(tariff: Tariff) -> Results:
            return self._results(values, runs(), tariff)

        for assumption, edit in machine_changes(self._family.example):
            other = self._edited(edit)
            if edit.field in PRICED:
                yield assumption, partial(charged, other._tariff)
            else:
                yield assumption, partial(other.evaluate, points)
        for assumption, technology in price_changes(self._family.example, self._tariff.technology):
            yield assumption, partial(charged, replace(self._tariff, technology=technology))

    def _edited(self, edit: Edit) -> "MachineEvaluator":
        """An evaluator of the same designs with another number."""
        family = replace(self._family, edits=(*self._family.edits, edit))
        result = copy(self)
        result._family = family
        result._networks = [each.on(family) for each in self._networks]
        result._tariff = Tariff(family.machine, family.depends, self._tariff.technology)
        return result
