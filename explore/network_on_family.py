"""One network on the machines of a family: folds, tiles, time and energy of many at once."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..costmodel.dataflow import Factors
from ..costmodel.integers import IntArray, as_array
from ..costmodel.reconfigure import reconfigure_cost
from ..machines.model import Fold, Machine, Memory
from ..passes.folding.space import Placement
from ..passes.tilings import Candidates
from .analytical.energy import Meter, Spending, Tariff
from .analytical.folds import Columns, choose
from .analytical.network import Layer, Movement, Network, Product
from .analytical.tiles import Costs, Shortlist, costs_of, shortlist
from .analytical.time import Switch, Timeline, timeline
from .families import ARRAY, Family
from .space import Space

Values = Mapping[str, npt.NDArray[Any]]
Bools = npt.NDArray[np.bool_]

SIZES = 6
"""Sizes of tiles in a dimension that shortlists are made of."""

SAMPLE = 32
"""Machines that shortlists are made on."""

BLOCK = 1024
"""Machines whose folds are chosen at once."""


@dataclass(frozen=True)
class Run:
    """A network on machines: when its `layers` ran, its energy in pJ, where it fits; [machines].

    `meter` has the prices of what each layer was `spending`; the others are by layer as well. What
    all parts leaked meanwhile is `leaked` pJ. `folds` [machines, products] are configurations.
    """

    layers: tuple[Layer, ...]
    timeline: Timeline
    meter: Meter
    spending: tuple[Spending, ...]
    folds: IntArray
    valid: Bools

    def charged(self, tariff: Tariff) -> "Run":
        """The same, charged by another tariff."""
        return replace(self, meter=replace(self.meter, tariff=tariff))

    @cached_property
    def leaked(self) -> npt.NDArray[np.float64]:
        """pJ [machines]."""
        return self.meter.leaked(self.timeline.cycles)

    @cached_property
    def energy(self) -> npt.NDArray[np.float64]:
        """pJ [machines]."""
        return sum((self.meter.energy(each) for each in self.spending), self.leaked)


@dataclass
class NetworkOnFamily:
    """A network, and what was worked out of it for machines so far.

    What that is depends on the family alone, never on which machines were asked for.
    """

    network: Network | None
    family: Family
    name: str
    _layers: dict[int, tuple[Layer, ...]] = field(default_factory=dict[int, tuple[Layer, ...]])
    _shortlists: dict[Product, Shortlist] = field(default_factory=dict[Product, Shortlist])
    _chosen: npt.NDArray[np.int16] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Layers in place of the network, which is IR; without folds, which can be chosen again."""
        for data in self.family.space.parameter("data").values:
            self.layers_at(int(data))
        return self.__dict__ | {"network": None, "_chosen": None}

    def on(self, family: Family) -> "NetworkOnFamily":
        """The network on a family whose machines have other numbers, but equal memories.

        The tilings that are tried stay the same.
        """
        return replace(self, family=family, _chosen=None)

    def run(self, values: Values, tariff: Tariff) -> Run:
        """The network on some machines that have the same memory of inputs and outputs."""
        (data,) = {int(each) for each in values["data"]}
        layers, folds = self.layers_at(data), self.folds_of(values)
        machine, count = self.family.batch(values), len(folds)
        meter, valid = Meter(tariff, values, machine, ARRAY), np.ones(count, bool)
        works: list[Costs | Movement] = []
        switches: dict[int, Switch] = {}
        known: dict[tuple[Product, bytes], tuple[Costs, Bools]] = {}
        before, columns = np.full(count, -1), iter(folds.T)
        spending: list[Spending] = []
        for layer in layers:
            if isinstance(layer.work, Movement):
                works.append(layer.work)
                spending.append(meter.movement(layer.work))
                continue
            column = next(columns)
            key = layer.work, column.tobytes()
            if key not in known:
                known[key] = self._costs(values, column, layer.work)
            cost, unfit = known[key]
            valid &= ~unfit
            switches[len(works)] = self._switch(machine, before, column)
            works.append(cost)
            spending.append(meter.product(layer.work, cost, self._factors[column, 0]))
            before = column
        line = timeline(machine, works, switches, count)
        return Run(layers, line, meter, tuple(spending), folds, valid)

    def layers_at(self, data: int) -> tuple[Layer, ...]:
        """The layers with so many KiB for inputs and outputs."""
        if data not in self._layers:
            assert self.network is not None, "layers are kept where the network is not"
            machine = self.family.machine(self.family.first | {"data": data})
            self._layers[data] = self.network.layers(machine)
        return self._layers[data]

    @cached_property
    def configurations(self) -> tuple[IntArray, tuple[Fold, ...]]:
        """Every mode [columns] and fold that a machine of the family can have."""
        array = self.family.example.array(ARRAY)
        folds = self.family.every_fold
        every = [(mode, fold) for mode in range(len(array.modes)) for fold in folds]
        return np.array([mode for mode, _ in every]), tuple(fold for _, fold in every)

    @cached_property
    def _factors(self) -> IntArray:
        """The factors [columns, 4] of these folds."""
        return np.array([astuple(fold) for fold in self.configurations[1]], np.int64)

    @cached_property
    def _fold_space(self) -> Space:
        """What the choice of folds depends on."""
        space = self.family.space
        return Space(tuple(space.parameter(name) for name in self.family.fold_parameters))

    def folds_of(self, values: Values) -> IntArray:
        """The configurations [machines, products] of some machines."""
        places = [
            np.array([each.place_of(value) for value in distinct.tolist()])[where]
            for each in self._fold_space.parameters
            for distinct, where in (np.unique(values[each.name], return_inverse=True),)
        ]
        points = self._fold_space.points(np.stack(places, axis=1))
        data = int(self.family.first["data"])
        products = [each.work for each in self.layers_at(data) if isinstance(each.work, Product)]
        chosen = self._chosen
        if chosen is None:
            shape = self._fold_space.size, len(products)
            chosen = self._chosen = np.full(shape, -1, np.int16)
        missing = np.unique(points[chosen[points, 0] < 0])
        for start in range(0, len(missing), BLOCK):
            block = missing[start : start + BLOCK]
            some = {name: np.repeat(value, len(block)) for name, value in self.family.first.items()}
            some |= self._fold_space.columns(block)
            columns = Columns(ARRAY, *self.configurations, self._legal(some))
            chosen[block] = choose(self.family.batch(some), columns, products)
        return chosen[points].astype(np.int64)

    def _legal(self, values: Values) -> Bools:
        """Which configurations some machines have, [machines, columns]."""
        modes = len(self.configurations[0]) // len(self.family.every_fold)
        return np.tile(self.family.legal(values), modes)

    def _shortlist(self, product: Product) -> Shortlist:
        """The tilings of a product that are best on one or another of a sample of machines."""
        if product not in self._shortlists:
            space = self.family.space
            points = np.random.default_rng(0).integers(0, space.size, SAMPLE)
            ends = np.array([0, space.size - 1])
            sample = space.columns(np.concatenate([points, ends]))
            layers = next(each for each in self._layers.values() if product in _works(each))
            products = [work for work in _works(layers) if isinstance(work, Product)]
            columns = self.folds_of(sample)[:, products.index(product)]
            every = Shortlist.every(product, SIZES)
            best = [
                every.best(machine, place, product)[0]
                for _, machine, place in self._placed(sample, columns, product)
            ]
            self._shortlists[product] = shortlist(best, every)
        return self._shortlists[product]

    def _placed(
        self, values: Values, columns: IntArray, product: Product
    ) -> Iterator[tuple[IntArray, Machine, Placement]]:
        """Machines by the mode that a product runs in: which they are, as one, and where it runs.

        Their memory of inputs and outputs is what `product` may use.
        """
        modes = self.configurations[0][columns]
        for mode in np.unique(modes):
            which = np.flatnonzero(modes == mode)
            machine = self.family.batch({name: each[which] for name, each in values.items()})
            name = machine.memory_for("O").name
            parts = tuple(
                replace(part, bytes=product.room)
                if isinstance(part, Memory) and part.name == name
                else part
                for part in machine.parts
            )
            factors = Factors(*self._factors[columns[which]].T[:, :, None])
            place = Placement(ARRAY, int(mode), factors, *product.bits)
            yield which, replace(machine, parts=parts), place

    def _costs(self, values: Values, columns: IntArray, product: Product) -> tuple[Costs, Bools]:
        """The costs of a product on machines, and where it does not fit."""
        result, unfit = Costs.empty(len(columns)), np.ones(len(columns), bool)
        for which, candidates, fits in self.tiled(values, columns, product):
            result.put(which, costs_of(candidates))
            unfit[which] = ~fits
        return result, unfit

    def tiled(
        self, values: Values, columns: IntArray, product: Product
    ) -> Iterator[tuple[IntArray, Candidates, Bools]]:
        """Machines by the mode that a product runs in: which they are, the tiling [machines, 1]
        that each takes, and whether it fits."""
        listed = self._shortlist(product)
        if not len(listed.rows):
            return
        for which, machine, place in self._placed(values, columns, product):
            best, depths = listed.best(machine, place, product)
            chosen = listed.take(best).upright
            yield which, chosen.on(machine, place, product, depths[:, None]), best >= 0

    def _switch(self, machine: Machine, before: IntArray, column: IntArray) -> Switch:
        mesh, changed = machine.folds_for(ARRAY), before != column
        units = self._factors[column].prod(axis=1)[:, None]
        cost = reconfigure_cost(mesh, machine.dram, units=units)
        shape = len(column), 1
        fetch = np.broadcast_to(as_array(cost.fetch_cycles), shape)[:, 0] + cost.fetch_latency
        change = np.broadcast_to(as_array(cost.switch_cycles), shape)[:, 0]
        ahead = np.broadcast_to(as_array(mesh.shadow), shape)[:, 0]
        return Switch(np.where(changed, fetch, 0), np.where(changed, change, 0), ahead)


def _works(layers: tuple[Layer, ...]) -> list[Product | Movement]:
    return [layer.work for layer in layers]
