"""One network on machines whose arrays are stages: partitions, tiles, time and energy of many."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..costmodel.dataflow import Factors
from ..costmodel.integers import IntArray, as_array
from ..costmodel.reconfigure import reconfigure_cost
from ..machines.model import Fold, Machine, Memory
from ..passes.folding.choice import NEVER
from ..passes.folding.space import Placement, layer_cost
from ..passes.folding.stages import ILLEGAL
from .analytical.energy import Meter, Tariff
from .analytical.network import Layer, Movement, Network, Product, Staged
from .analytical.stages import partitions
from .analytical.stream import Item, streamed
from .analytical.tiles import Costs, Shortlist, costs_of, shortlist
from .analytical.time import Switch, flat
from .pipelines import PipelineFamily

Values = Mapping[str, npt.NDArray[Any]]
Bools = npt.NDArray[np.bool_]

Program = tuple[Staged, ...]
"""Layers in program order."""

SIZES = 6
"""Sizes of tiles in a dimension that shortlists are made of."""

SAMPLE = 16
"""Machines that shortlists are made on."""

COSTING = ("stages", "first", "middle", "last", "units", "lines", "lanes")
"""What the stages of a network depend on."""


@dataclass(frozen=True)
class Streamed:
    """A network on machines: when each frame is complete [machines, frames], the energy of all in
    pJ, and where it fits [machines]."""

    ends: IntArray
    energy: npt.NDArray[np.float64]
    valid: Bools

    @property
    def cycles(self) -> IntArray:
        """Of the whole program."""
        return self.ends.max(axis=1)


@dataclass
class NetworkOnPipeline:
    """A network on the machines of `PipelineFamily`.

    Machines whose stages begin at the same layers, with the same memory of inputs and outputs, run
    the same program; the compiler's own passes say what of it stays on chip.
    """

    network: Network
    family: PipelineFamily
    _programs: dict[tuple[int, ...], Program] = field(
        default_factory=dict[tuple[int, ...], Program]
    )
    _shortlists: dict[Product, Shortlist] = field(default_factory=dict[Product, Shortlist])

    @property
    def name(self) -> str:
        """The network's name."""
        return self.network.name

    @cached_property
    def products(self) -> tuple[Product, ...]:
        """The products of a frame; where their tensors lie is not known yet."""
        layers = self.network.layers(self.family.example(2))
        return tuple(each.work for each in layers if isinstance(each.work, Product))

    def run(self, values: Values, tariff: Tariff) -> Streamed:
        """The network on some machines."""
        count = len(values["stages"])
        result = Streamed(
            np.zeros((count, self.family.frames), np.int64), np.zeros(count), np.zeros(count, bool)
        )
        bounds = self.bounds(values)
        groups: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        for number, (data, ends) in enumerate(zip(values["data"].tolist(), bounds, strict=True)):
            groups[int(data), *ends].append(number)
        for (data, *ends), members in groups.items():
            which = np.array(members)
            own = {name: column[which] for name, column in values.items()}
            found = self._group(own, data, ends, tariff)
            result.ends[which], result.energy[which] = found.ends, found.energy
            result.valid[which] = found.valid
        return result

    def bounds(self, values: Values) -> list[tuple[int, ...]]:
        """The first layer of each stage, and the number of layers, for each machine."""
        keys = np.stack([values[name] for name in COSTING], axis=1)
        distinct, first, where = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        found: list[tuple[int, ...]] = [()] * len(distinct)
        for stages in np.unique(values["stages"]).tolist():
            which = np.flatnonzero(distinct[:, 0] == stages)
            some = {name: column[first[which]] for name, column in values.items()}
            costs = np.stack([self._cheapest(some, stage)[0] for stage in range(stages)], axis=2)
            for number, ends in zip(which.tolist(), partitions(costs).tolist(), strict=True):
                found[number] = tuple(ends)
        return [found[number] for number in where.ravel().tolist()]

    def _cheapest(self, values: Values, stage: int) -> tuple[IntArray, IntArray]:
        """The cost of each product on an array, and its cheapest column [machines, products]."""
        machine = self.family.batch(values)
        array, legal = machine.arrays[stage], self._legal(values, stage)
        modes, folds = self._columns(stage, int(values["stages"][0]))
        shape = len(values["stages"]), len(self.products)
        cost, column = np.full(shape, ILLEGAL), np.zeros(shape, np.int64)
        known: dict[object, int] = {}
        for number, product in enumerate(self.products):
            same = known.setdefault((product.shape, product.bits), number)
            if same == number:
                every = np.full((shape[0], len(modes)), NEVER, np.int64)
                for mode in np.unique(modes).tolist():
                    places = np.flatnonzero(modes == mode)
                    factors = Factors.of([folds[place] for place in places])
                    at = Placement(array.name, mode, factors, *product.bits)
                    price = layer_cost(machine, at, product.shape)
                    cycles = as_array(price.occupancy) * product.shape.groups
                    every[:, places] = cycles + as_array(price.latency)
                every = np.where(legal, every, NEVER)
                cost[:, number] = np.minimum(every.min(axis=1), ILLEGAL)
                column[:, number] = every.argmin(axis=1)
            cost[:, number], column[:, number] = cost[:, same], column[:, same]
        return cost, column

    def _columns(self, stage: int, stages: int) -> tuple[IntArray, tuple[Fold, ...]]:
        """Every mode [columns] and fold of an array; the last one has all units that it can."""
        example = self.family.example(stages)
        array = example.arrays[stage]
        folds = example.folds(array.name)
        every = [(mode, fold) for mode in range(len(array.modes)) for fold in folds]
        return np.array([mode for mode, _ in every]), tuple(fold for _, fold in every)

    def _legal(self, values: Values, stage: int) -> Bools:
        """Which columns of an array some machines have, [machines, columns]."""
        stages = int(values["stages"][0])
        modes, folds = self._columns(stage, stages)
        legal = np.ones((len(values["stages"]), len(modes)), bool)
        if stage == stages - 1:
            for units in np.unique(values["units"]).tolist():
                own = self.family.example(stages, units).folds(f"stage{stage}")
                legal[values["units"] == units] = [fold in own for fold in folds]
        return legal

    def _group(self, values: Values, data: int, ends: Sequence[int], tariff: Tariff) -> Streamed:
        """Machines that run the same program."""
        count, machine = len(values["stages"]), self.family.batch(values)
        layers = self.program(data, tuple(ends))
        stage_of: list[int] = np.searchsorted(
            ends[1:], np.arange(len(self.products)), side="right"
        ).tolist()
        used: list[int] = sorted(set(stage_of))
        columns = {stage: self._cheapest(values, stage)[1] for stage in used}
        meters = {
            stage: Meter(tariff, values, machine, machine.arrays[stage].name) for stage in used
        }
        items: list[Item] = []
        energy, valid = np.zeros(count), np.ones(count, bool)
        known: dict[tuple[Product, int], tuple[Costs, Bools]] = {}
        seen = defaultdict[int, int](int)
        stages = dict.fromkeys(range(self.family.frames), used[0])
        before: dict[int, IntArray] = {}
        for each in layers:
            layer, frame = each.layer, each.frame
            if isinstance(layer.work, Movement):
                stage = stages[frame]
                items.append(Item(frame, stage, layer.work, each.after))
                meter = meters[stage]
                energy += meter.energy(meter.movement(layer.work))
                continue
            number = seen[frame]
            seen[frame] += 1
            stage = stages[frame] = stage_of[number]
            column = columns[stage][:, number]
            key = layer.work, number
            if key not in known:
                known[key] = self._costs(values, stage, column, layer.work)
            cost, unfit = known[key]
            valid &= ~unfit
            factors = self._factors(stage, len(ends) - 1)
            units = factors[column].prod(axis=1)
            array = machine.arrays[stage].name
            switch = switch_to(machine, array, before.get(stage), column, units)
            before[stage] = column
            items.append(Item(frame, stage, cost, each.after, switch))
            meter = meters[stage]
            energy += meter.energy(meter.product(layer.work, cost, factors[column, 0]))
        finished = streamed(machine, items, count)
        leaked = meters[used[0]].leaked(finished.max(axis=1))
        return Streamed(finished, energy + leaked, valid)

    def _factors(self, stage: int, stages: int) -> IntArray:
        return np.array([astuple(fold) for fold in self._columns(stage, stages)[1]], np.int64)

    @cached_property
    def _lengths(self) -> list[int]:
        """How long each product takes on the first array of the family's first machine."""
        first = self.family.space.columns(np.zeros(1, np.int64))
        return self._cheapest(first, 0)[0][0].tolist()

    def program(self, data: int, ends: tuple[int, ...]) -> Program:
        """Layers in program order, each with its frame, of stages that begin at some layers."""
        key = data, *ends
        if key not in self._programs:
            machine = self.family.example(len(ends) - 1, data=data)
            layers = self.network.staged(machine, ends, self._lengths, self.family.frames)
            self._programs[key] = tuple(
                replace(each, layer=_rounded(each.layer)) for each in layers
            )
        return self._programs[key]

    def _shortlist(self, product: Product) -> Shortlist:
        """The tilings of a product that are best on one or another of a sample of machines."""
        if product not in self._shortlists:
            space = self.family.space.restricted("stages", (2,))
            points = np.random.default_rng(0).integers(0, space.size, SAMPLE)
            sample = space.columns(np.concatenate([points, [0, space.size - 1]]))
            alike = [each.shape == product.shape for each in self.products]
            column = self._cheapest(sample, 1)[1][:, alike.index(True)]
            every = Shortlist.every(product, SIZES)
            best = [
                every.best(machine, at, product)[0]
                for _, machine, at in self._placed(sample, 1, column, product)
            ]
            self._shortlists[product] = shortlist(best, every)
        return self._shortlists[product]

    def _costs(
        self, values: Values, stage: int, columns: IntArray, product: Product
    ) -> tuple[Costs, Bools]:
        """The costs of a product on an array of machines, and where it does not fit."""
        count = len(columns)
        result, unfit = Costs.empty(count), np.ones(count, bool)
        listed = self._shortlist(product)
        if not len(listed.rows):
            return result, unfit
        for which, machine, at in self._placed(values, stage, columns, product):
            best, depths = listed.best(machine, at, product)
            chosen = listed.take(best).upright
            result.put(which, costs_of(chosen.on(machine, at, product, depths[:, None])))
            unfit[which] = best < 0
        return result, unfit

    def _placed(
        self, values: Values, stage: int, columns: IntArray, product: Product
    ) -> Iterator[tuple[IntArray, Machine, Placement]]:
        """Machines by the mode that a product runs in, with the room that it may use."""
        stages = int(values["stages"][0])
        modes, factors = self._columns(stage, stages)[0][columns], self._factors(stage, stages)
        for mode in np.unique(modes).tolist():
            which = np.flatnonzero(modes == mode)
            machine = self.family.batch({name: each[which] for name, each in values.items()})
            name = machine.memory_for("O").name
            parts = tuple(
                replace(part, bytes=product.room)
                if isinstance(part, Memory) and part.name == name
                else part
                for part in machine.parts
            )
            fold = Factors(*factors[columns[which]].T[:, :, None])
            at = Placement(machine.arrays[stage].name, mode, fold, *product.bits)
            yield which, replace(machine, parts=parts), at


def _rounded(layer: Layer) -> Layer:
    """A layer with a power of two of bytes for its tiles, so that more products are equal."""
    if not isinstance(layer.work, Product) or not layer.work.room:
        return layer
    return replace(layer, work=replace(layer.work, room=1 << layer.work.room.bit_length() - 1))


def switch_to(
    machine: Machine, array: str, before: IntArray | None, column: IntArray, units: IntArray
) -> Switch:
    """What it costs machines to come from one column of an array to another one [machines]."""
    folds, count = machine.folds_for(array), len(column)
    changed = np.ones(count, bool) if before is None else before != column
    cost = reconfigure_cost(folds, machine.dram, units=units[:, None])
    fetch = flat(as_array(cost.fetch_cycles), count) + cost.fetch_latency
    change, ahead = flat(cost.switch_cycles, count), flat(as_array(folds.shadow), count)
    return Switch(np.where(changed, fetch, 0), np.where(changed, change, 0), ahead)
