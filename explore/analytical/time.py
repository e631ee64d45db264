"""How the layers of a network follow each other: cycles of many machines at once.

Layers run one after the other. Weights come ahead of them, in their order, as far as their memory
has room, while layers compute; they share the DRAM with what layers load and store, and transfers
take turns there. A layer of cost c begins when the one before it is complete and takes

    T = switch + max(compute, vector, ring, port, dram + waiting) + exposed,

where `waiting` is that each of its transfers, of the class that has most, waits for one of a tile
of weights as long as such are due, and no less than its own missing weights need to come and its
last tile to be computed. What a layer leaves of the DRAM's time brings weights of later ones.
`docs/exploration.md` says how near that is to what is emulated.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ...costmodel.integers import IntArray, as_array, ceil_div
from ...costmodel.vector import elementwise_cycles
from ...machines.model import Machine
from .network import Movement
from .tiles import Costs

START = 2
"""Latencies of the DRAM before the first layer: of the program's code, of the input."""


@dataclass(frozen=True)
class Switch:
    """Cycles [machines] to fetch and to take over a layer's configuration, both 0 where it has it
    already; `ahead` [machines] whether it is fetched while the layer before computes."""

    fetch: IntArray
    change: IntArray
    ahead: IntArray


PARTS = ("compute", "memory", "vector", "reconfiguration", "stalls")
"""What cycles go to, as the compiler's own predictions say it (docs/prediction.md)."""


@dataclass(frozen=True)
class ProductTime:
    """The cycles of a convolution or matrix product, term by term; arrays [machines].

    The layer's `cost` and `switch`; `hidden` of the switch's fetch are the cycles of the layer
    before. A tile of the next layer's weights takes `next_tile` cycles. `due` bytes of weights may
    come meanwhile, `missing` of them the layer itself needs, at `rate` bytes a cycle and after a
    `latency` of the DRAM.
    """

    cost: Costs
    switch: Switch
    hidden: IntArray
    next_tile: IntArray
    due: IntArray
    missing: IntArray
    rate: IntArray
    latency: int

    @cached_property
    def switched(self) -> IntArray:
        """Until the configuration is there."""
        return self.switch.change + np.maximum(self.switch.fetch - self.hidden, 0)

    @cached_property
    def alone(self) -> IntArray:
        """The longest of what goes on side by side, as if no weights came."""
        cost = self.cost
        return np.maximum.reduce([cost.compute, cost.vector, cost.ring, cost.port, cost.dram])

    @cached_property
    def turns(self) -> IntArray:
        """The layer's transfers, if each waits for a tile of the next layer's weights."""
        return self.cost.transfers * self.next_tile

    @cached_property
    def due_cycles(self) -> IntArray:
        """What all weights that may come take."""
        return ceil_div(self.due, self.rate)

    @cached_property
    def waiting(self) -> IntArray:
        """For weights of other layers at the DRAM."""
        return np.minimum(self.turns, self.due_cycles)

    @cached_property
    def work(self) -> IntArray:
        """The longest of what goes on side by side."""
        return np.maximum(self.alone, self.cost.dram + self.waiting)

    @cached_property
    def missing_cycles(self) -> IntArray:
        """Until the layer's last weights are there, without the latency."""
        return ceil_div(self.missing, self.rate)

    @cached_property
    def last_tile(self) -> IntArray:
        """What a tile takes."""
        return self.alone // np.maximum(self.cost.tiles, 1)

    @cached_property
    def late(self) -> IntArray:
        """Until the tile of the last weights is computed; 0 where none are missing."""
        late = self.missing_cycles + self.latency + self.last_tile
        return np.where(self.missing_cycles > 0, late, 0)

    @cached_property
    def body(self) -> IntArray:
        """All but what is exposed."""
        return np.maximum(self.switched + self.work, self.late)

    @cached_property
    def cycles(self) -> IntArray:
        """From when the layer before is complete until this one is."""
        return self.body + self.cost.exposed

    @property
    def dram(self) -> IntArray:
        """For which the layer has the DRAM."""
        return self.cost.dram

    @cached_property
    def parts(self) -> dict[str, IntArray]:
        """The cycles by what the layer waited for."""
        cost = self.cost
        work = np.minimum(self.body, np.maximum(cost.compute, cost.vector))
        on_lanes = cost.vector > cost.compute
        switching = np.minimum(self.body - work, self.switched)
        return {
            "compute": np.where(on_lanes, 0, work),
            "memory": self.body - work - switching,
            "vector": np.where(on_lanes, work, 0),
            "reconfiguration": switching,
            "stalls": cost.exposed,
        }


@dataclass(frozen=True)
class MovementTime:
    """The cycles of a layer of the vector lanes, or of a copy, term by term; arrays [machines].

    `lanes`, `port` and `dram` go on side by side, `exposed` are latencies before and after.
    """

    lanes: IntArray
    port: IntArray
    dram: IntArray
    exposed: IntArray

    @cached_property
    def body(self) -> IntArray:
        """All but what is exposed."""
        return np.maximum.reduce([self.lanes, self.port, self.dram])

    @cached_property
    def cycles(self) -> IntArray:
        """From when the layer before is complete until this one is."""
        return self.body + self.exposed

    @cached_property
    def parts(self) -> dict[str, IntArray]:
        """The cycles by what the layer waited for."""
        nothing = np.zeros_like(self.body)
        return {
            "compute": nothing,
            "memory": self.body - self.lanes,
            "vector": self.lanes,
            "reconfiguration": nothing,
            "stalls": self.exposed,
        }


@dataclass
class Timeline:
    """What passed so far: a `step` for each layer, and weights that came; arrays [machines].

    All weights are `total` bytes, `capacity` of them at once on chip, and come at `rate` bytes a
    cycle; `consumed` were those of layers that are complete, `arrived` came. The first layer begins
    after `start` cycles.
    """

    start: IntArray
    total: IntArray
    capacity: IntArray
    rate: IntArray
    arrived: IntArray
    consumed: IntArray
    steps: list[ProductTime | MovementTime] = field(
        default_factory=list[ProductTime | MovementTime]
    )

    @staticmethod
    def of(machine: Machine, costs: Sequence[Costs | Movement], count: int) -> "Timeline":
        """Before the first layer of a `batched` machine."""
        wload = machine.dma_for_operand("W", "load")
        rate = np.minimum(machine.dram.bytes_per_cycle, wload.bytes_per_cycle * wload.count)
        zero = np.zeros(count, np.int64)
        total = sum((each.weights for each in costs if isinstance(each, Costs)), zero)
        start = zero + START * machine.dram.latency_cycles
        capacity = flat(machine.memory_for("W").bytes, count)
        return Timeline(start, total, capacity, flat(rate, count), zero, zero)

    @property
    def cycles(self) -> IntArray:
        """All cycles so far."""
        return sum((step.cycles for step in self.steps), self.start)

    @property
    def parts(self) -> dict[str, IntArray]:
        """The cycles by what layers waited for; they sum to `cycles`."""
        sums = dict.fromkeys(PARTS, np.zeros_like(self.start)) | {"stalls": self.start}
        for step in self.steps:
            sums = {name: cycles + step.parts[name] for name, cycles in sums.items()}
        return sums

    def product(self, cost: Costs, switch: Switch, next_tile: IntArray, latency: int) -> None:
        """A convolution or matrix product; `next_tile` is the cycles of the next layer's tiles."""
        before = self.steps[-1].cycles if self.steps else np.zeros_like(self.start)
        needed = self.consumed + cost.weights
        step = ProductTime(
            cost,
            switch,
            np.where(switch.ahead, before, 0),
            next_tile,
            np.maximum(self._allowed(needed) - self.arrived, 0),
            np.maximum(needed - self.arrived, 0),
            self.rate,
            latency,
        )
        self._pass(step, needed)

    def movement(self, machine: Machine, work: Movement) -> None:
        """A layer of the vector lanes, or a copy."""
        memory, count = machine.memory_for("O").name, len(self.total)
        vector = machine.vector_for(memory, memory)
        load, store = machine.dma_for_operand("I", "load"), machine.dma_for_operand("O", "store")
        port = np.maximum(
            ceil_div(work.loads, load.bytes_per_cycle * load.count),
            ceil_div(work.stores, store.bytes_per_cycle * store.count),
        )
        dram = ceil_div(work.loads + work.stores, machine.dram.bytes_per_cycle)
        ends = (work.loads > 0) + (work.stores > 0)
        step = MovementTime(
            flat(elementwise_cycles(vector, "vlut", work.reads), count),
            flat(port, count),
            flat(dram, count),
            np.zeros(count, np.int64) + ends * machine.dram.latency_cycles,
        )
        self._pass(step, self.consumed)

    def _allowed(self, needed: IntArray) -> IntArray:
        """Bytes of weights that may have come while a layer that needs so many computes."""
        return np.maximum(np.minimum(self.total, self.consumed + self.capacity), needed)

    def _pass(self, step: ProductTime | MovementTime, needed: IntArray) -> None:
        """Let a layer pass; what it leaves of the DRAM's time brings weights."""
        came = self.arrived + np.maximum(step.cycles - step.dram, 0) * self.rate
        self.arrived = np.maximum(np.minimum(came, self._allowed(needed)), needed)
        self.consumed = needed
        self.steps.append(step)


def timeline(
    machine: Machine,
    works: Sequence[Costs | Movement],
    switches: Mapping[int, Switch],
    count: int,
) -> Timeline:
    """The whole network on a `batched` machine of so many; switches by the layers' numbers."""
    result = Timeline.of(machine, works, count)
    tiles = [each.tile if isinstance(each, Costs) else None for each in works]
    for number, work in enumerate(works):
        if isinstance(work, Movement):
            result.movement(machine, work)
            continue
        following = next((tile for tile in tiles[number + 1 :] if tile is not None), work.tile)
        result.product(work, switches[number], following, machine.dram.latency_cycles)
    return result


def flat(values: int | IntArray, count: int) -> IntArray:
    """Numbers of a batched machine, [machines, 1] or one for all, as [machines]."""
    return np.broadcast_to(as_array(values).ravel(), (count,))
