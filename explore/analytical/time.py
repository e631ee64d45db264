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
from dataclasses import dataclass

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


@dataclass
class Timeline:
    """What passed so far, arrays [machines]: cycles by what layers waited for, weights that came.

    `parts` sum to `cycles`. All weights are `total` bytes, `capacity` of them at once on chip;
    `consumed` were those of layers that are complete, `arrived` came.
    """

    parts: dict[str, IntArray]
    arrived: IntArray
    consumed: IntArray
    total: IntArray
    capacity: IntArray
    rate: IntArray
    before: IntArray

    @staticmethod
    def of(machine: Machine, costs: Sequence[Costs | Movement], count: int) -> "Timeline":
        """Before the first layer of a `batched` machine."""
        wload = machine.dma_for_operand("W", "load")
        rate = np.minimum(machine.dram.bytes_per_cycle, wload.bytes_per_cycle * wload.count)
        total = np.zeros(count, np.int64)
        for each in costs:
            if isinstance(each, Costs):
                total = total + each.weights
        zero = np.zeros(count, np.int64)
        start = zero + START * machine.dram.latency_cycles
        return Timeline(
            dict.fromkeys(PARTS, zero) | {"stalls": start}, zero, zero, total,
            flat(machine.memory_for("W").bytes, count), flat(rate, count), zero,
        )  # fmt: skip

    @property
    def cycles(self) -> IntArray:
        """All cycles so far."""
        return np.add.reduce(list(self.parts.values()))

    def product(self, cost: Costs, switch: Switch, next_tile: IntArray, latency: int) -> None:
        """A convolution or matrix product; `next_tile` is the cycles of the next layer's tiles."""
        hidden = np.where(switch.ahead, self.before, 0)
        switched = switch.change + np.maximum(switch.fetch - hidden, 0)
        own = np.maximum.reduce([cost.compute, cost.vector, cost.ring, cost.port, cost.dram])
        needed = self.consumed + cost.weights
        due = np.maximum(self._allowed(needed) - self.arrived, 0)
        waiting = np.minimum(cost.transfers * next_tile, ceil_div(due, self.rate))
        shared = np.maximum(own, cost.dram + waiting)
        missing = ceil_div(np.maximum(needed - self.arrived, 0), self.rate)
        late = missing + latency + own // np.maximum(cost.tiles, 1)
        body = np.maximum(switched + shared, np.where(missing > 0, late, 0))
        self._pass(needed, body + cost.exposed, cost.dram)
        work = np.minimum(body, np.maximum(cost.compute, cost.vector))
        name = np.where(cost.vector > cost.compute, 1, 0)
        left = body - work
        switching = np.minimum(left, switched)
        self._add("compute", np.where(name == 0, work, 0))
        self._add("vector", np.where(name == 1, work, 0))
        self._add("reconfiguration", switching)
        self._add("memory", left - switching)
        self._add("stalls", cost.exposed)

    def movement(self, machine: Machine, work: Movement) -> None:
        """A layer of the vector lanes, or a copy."""
        memory, count = machine.memory_for("O").name, len(self.total)
        vector = machine.vector_for(memory, memory)
        lanes = flat(elementwise_cycles(vector, "vlut", work.reads), count)
        load, store = machine.dma_for_operand("I", "load"), machine.dma_for_operand("O", "store")
        dram = flat(ceil_div(work.loads + work.stores, machine.dram.bytes_per_cycle), count)
        port = np.maximum(
            ceil_div(work.loads, load.bytes_per_cycle * load.count),
            ceil_div(work.stores, store.bytes_per_cycle * store.count),
        )
        body = np.maximum(np.maximum(lanes, dram), flat(port, count))
        ends = (work.loads > 0) + (work.stores > 0)
        exposed = np.zeros(count, np.int64) + ends * machine.dram.latency_cycles
        self._pass(self.consumed, body + exposed, dram)
        self._add("vector", np.minimum(body, lanes))
        self._add("memory", body - np.minimum(body, lanes))
        self._add("stalls", exposed)

    def _allowed(self, needed: IntArray) -> IntArray:
        """Bytes of weights that may have come while a layer that needs so many computes."""
        return np.maximum(np.minimum(self.total, self.consumed + self.capacity), needed)

    def _pass(self, needed: IntArray, cycles: IntArray, dram: IntArray) -> None:
        """Let `cycles` pass in which a layer has the DRAM for so many of them."""
        came = self.arrived + np.maximum(cycles - dram, 0) * self.rate
        self.arrived = np.maximum(np.minimum(came, self._allowed(needed)), needed)
        self.consumed, self.before = needed, cycles

    def _add(self, part: str, cycles: IntArray) -> None:
        self.parts[part] = self.parts[part] + cycles


PARTS = ("compute", "memory", "vector", "reconfiguration", "stalls")
"""What cycles go to, as the compiler's own predictions say it (docs/prediction.md)."""


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
