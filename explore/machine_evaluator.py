"""Metrics of the machines of a family for some networks, by the analytical evaluator."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..costmodel.dataflow import Factors
from ..costmodel.integers import IntArray, as_array
from ..costmodel.reconfigure import reconfigure_cost
from ..costmodel.technology import load_technology
from ..machines.model import Fold, Machine
from ..passes.folding.space import Placement
from .analytical.energy import Meter, Tariff
from .analytical.folds import Columns, choose
from .analytical.network import Layer, Movement, Network, Product
from .analytical.tiles import Costs, Shortlist, costs_of, shortlist
from .analytical.time import Switch, Timeline, timeline
from .evaluator import Metric, digest_of
from .families import ARRAY, Family
from .space import Space

Values = Mapping[str, npt.NDArray[Any]]

SIZES = 6
"""Sizes of tiles in a dimension that shortlists are made of."""

SAMPLE = 32
"""Machines that shortlists are made on."""

BLOCK = 1024
"""Machines whose folds are chosen at once."""


@dataclass(frozen=True)
class Run:
    """A network on machines: when its layers ran, its energy in pJ, where it fits; [machines]."""

    timeline: Timeline
    energy: npt.NDArray[np.float64]
    valid: npt.NDArray[np.bool_]


class NetworkOnFamily:
    """One network on the machines of a family: what is worked out once for all of them."""

    def __init__(self, network: Network, family: Family) -> None:
        self.name, self._family = network.name, family
        space = family.space
        first = {name: column[0] for name, column in space.columns(np.zeros(1, np.int64)).items()}
        self._folds = Space(tuple(space.parameter(name) for name in family.fold_parameters))
        self._layers: dict[int, tuple[Layer, ...]] = {
            int(kib): network.layers(family.machine(first | {"data": kib}))
            for kib in space.parameter("data").values
        }
        self._columns = self._configurations()
        self._factors = np.array([astuple(fold) for fold in self._columns[1]], np.int64)
        self._chosen = self._choose()
        self._shortlists = self._make_shortlists()

    @property
    def products(self) -> list[Product]:
        """Its convolutions and matrix products; what of them stays on chip differs."""
        some = next(iter(self._layers.values()))
        return [layer.work for layer in some if isinstance(layer.work, Product)]

    def _configurations(self) -> tuple[IntArray, tuple[Fold, ...]]:
        """Every mode and fold that a machine of the family can have: mode [columns], folds."""
        family, space = self._family, self._family.space
        first = {name: column[0] for name, column in space.columns(np.zeros(1, np.int64)).items()}
        folds = dict.fromkeys(
            fold
            for units in space.parameter("units").values
            for fold in family.machine(first | {"units": units}).folds(ARRAY)
        )
        modes = range(len(family.example.array(ARRAY).modes))
        every = [(mode, fold) for mode in modes for fold in folds]
        return np.array([mode for mode, _ in every]), tuple(fold for _, fold in every)

    def _legal(self, units: IntArray) -> npt.NDArray[np.bool_]:
        """Which configurations machines of so many units have, [machines, columns]."""
        _, folds = self._columns
        chain = np.array([fold.chain for fold in folds])
        pixels = np.array([fold.pixels for fold in folds])
        count = units[:, None]
        return (count % chain == 0) & (count % pixels == 0) & (chain * pixels <= count)

    def columns_of(self, values: Values) -> Columns:
        """The configurations of some machines."""
        return Columns(ARRAY, *self._columns, self._legal(as_array(values["units"])))

    def _choose(self) -> IntArray:
        """The configuration of each product on every machine, as far as folds depend on it."""
        chosen: list[IntArray] = []
        example = self._family.space.columns(np.zeros(1, np.int64))
        for start in range(0, self._folds.size, BLOCK):
            points = np.arange(start, min(start + BLOCK, self._folds.size))
            values = {name: np.repeat(column, len(points)) for name, column in example.items()}
            values |= self._folds.columns(points)
            machine = self._family.batch(values)
            chosen.append(choose(machine, self.columns_of(values), self.products))
        return np.concatenate(chosen)

    def folds_of(self, values: Values) -> IntArray:
        """The configurations [machines, products] of some machines."""
        places = [
            np.searchsorted(np.sort(parameter.array), values[parameter.name])
            for parameter in self._folds.parameters
        ]
        places = [
            np.argsort(parameter.array, kind="stable")[place]
            for parameter, place in zip(self._folds.parameters, places, strict=True)
        ]
        return as_array(self._chosen[self._folds.points(np.stack(places, axis=1))])

    def _make_shortlists(self) -> dict[Product, Shortlist]:
        """For each product, the tilings that are best on one of a sample of machines."""
        space = self._family.space
        points = np.random.default_rng(0).integers(0, space.size, SAMPLE)
        ends = np.array([0, space.size - 1])
        sample = space.columns(np.concatenate([points, ends]))
        folds = self.folds_of(sample)
        result: dict[Product, Shortlist] = {}
        for layers in self._layers.values():
            products = [layer.work for layer in layers if isinstance(layer.work, Product)]
            for number, product in enumerate(products):
                if product not in result:
                    every = Shortlist.every(product, SIZES)
                    best = [
                        every.best(machine, place, product)[0]
                        for _, machine, place in self._placed(sample, folds[:, number], product)
                    ]
                    result[product] = shortlist(best, every)
        return result

    def _placed(
        self, values: Values, columns: IntArray, product: Product
    ) -> Sequence[tuple[IntArray, Machine, Placement]]:
        """Machines by the mode that a product runs in: which they are, as one, and where it runs.

        Their memory of inputs and outputs is what `product` may use.
        """
        modes, _ = self._columns
        result: list[tuple[IntArray, Machine, Placement]] = []
        for mode in np.unique(modes[columns]):
            which = np.flatnonzero(modes[columns] == mode)
            machine = self._family.batch({name: each[which] for name, each in values.items()})
            parts = tuple(
                replace(part, bytes=product.room) if part.name == "data" else part  # pyright: ignore
                for part in machine.parts
            )
            spread = Factors(*self._factors[columns[which]].T[:, :, None])
            place = Placement(ARRAY, int(mode), spread, *product.bits)
            result.append((which, replace(machine, parts=parts), place))
        return result

    def costs(self, values: Values, columns: IntArray, product: Product) -> tuple[Costs, IntArray]:
        """The costs of a product on machines, and the machines on which it does not fit."""
        listed, count = self._shortlists[product], len(columns)
        result, unfit = Costs.empty(count), np.zeros(count, bool)
        for which, machine, place in self._placed(values, columns, product):
            if not len(listed.rows):
                unfit[which] = True
                continue
            best, depths = listed.best(machine, place, product)
            unfit[which] = best < 0
            for depth in np.unique(depths):
                some = np.flatnonzero((depths == depth) & (best >= 0))
                if len(some):
                    here = which[some]
                    ((_, part, at),) = self._placed(
                        {name: each[here] for name, each in values.items()}, columns[here], product
                    )
                    chosen = listed.take(best[some]).upright
                    result.put(here, costs_of(chosen.on(part, at, product, int(depth))))
        return result, unfit

    def run(self, values: Values, tariff: Tariff) -> Run:
        """The network on some machines that have the same memory of inputs and outputs."""
        (data,) = {int(each) for each in values["data"]}
        layers, folds = self._layers[data], self.folds_of(values)
        machine, count = self._family.batch(values), len(folds)
        valid = np.ones(count, bool)
        works: list[Costs | Movement] = []
        switches: dict[int, Switch] = {}
        known: dict[tuple[Product, bytes], Costs] = {}
        product = 0
        for number, layer in enumerate(layers):
            if isinstance(layer.work, Movement):
                works.append(layer.work)
                continue
            column = folds[:, product]
            key = layer.work, column.tobytes()
            if key not in known:
                known[key], unfit = self.costs(values, column, layer.work)
                valid &= ~unfit
            works.append(known[key])
            before = folds[:, product - 1] if product else np.full(count, -1)
            switches[number] = self._switch(machine, before, column)
            product += 1
        line = timeline(machine, works, switches, count)
        meter = Meter(tariff, values, machine, ARRAY)
        energy, product, pairs = meter.leaked(line.cycles), 0, zip(layers, works, strict=True)
        for layer, work in pairs:
            if isinstance(work, Movement):
                energy = energy + meter.movement(work)
            elif isinstance(layer.work, Product):
                chain = self._factors[folds[:, product], 0]
                energy = energy + meter.product(layer.work, work, chain)
                product += 1
        return Run(line, energy, valid)

    def _switch(self, machine: Machine, before: IntArray, column: IntArray) -> Switch:
        mesh, changed = machine.folds_for(ARRAY), before != column
        units = self._factors.prod(axis=1)[column][:, None]
        cost = reconfigure_cost(mesh, machine.dram, units=units)
        fetch = np.broadcast_to(as_array(cost.fetch_cycles), (len(column), 1))[:, 0]
        change = np.broadcast_to(as_array(cost.switch_cycles), (len(column), 1))[:, 0]
        return Switch(
            np.where(changed, fetch + cost.fetch_latency, 0),
            np.where(changed, change, 0),
            np.broadcast_to(as_array(mesh.shadow), (len(column), 1))[:, 0],
        )


class MachineEvaluator:
    """An evaluator (`explore.evaluator`) of the machines of a family for some networks.

    Metrics are of one image through each of the networks, one network after the other: `latency`,
    `energy`, and `area` of the machine; and of each network its cycles and energy.
    """

    version = 1
    """Of the analytical evaluator: to be raised when its results change."""

    def __init__(self, networks: Sequence[Network], family: Family) -> None:
        self._family = family
        self._networks = [NetworkOnFamily(network, family) for network in networks]
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
        return (
            Metric("latency", "ms", "min"),
            Metric("energy", "mJ", "min"),
            Metric("area", "mm2", "min"),
            *(
                metric
                for network in self._networks
                for metric in (
                    Metric(f"{network.name}_cycles", "cycles", "none"),
                    Metric(f"{network.name}_energy", "mJ", "none"),
                )
            ),
        )

    def evaluate(self, points: IntArray) -> dict[str, npt.NDArray[Any]]:
        """The metrics of `points` [n]; a design is valid if all networks fit it."""
        values = self.space.columns(points)
        results = {metric.name: np.zeros(len(points)) for metric in self.metrics}
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
