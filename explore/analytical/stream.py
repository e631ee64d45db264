"""Frames that follow each other through stages: cycles of many machines at once.

All machines have the same program order. Each array takes its layers in that order, weights come
through one queue in that order, and every layer of a frame waits for the one before it:

    start = max(end of the layer before, end of the last layer on its array, its first weights,
                readers of what lay where its result will) + switch
    end = max(start + max(compute, vector, ring, port, dram), all its weights + its last tile)
          + exposed,

where an array goes on before its last sums have left, unless it takes another configuration.
Weights have come when those before them have, and the layers that must make room for them are
complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...costmodel.integers import IntArray, ceil_div
from ...costmodel.vector import elementwise_cycles
from ...machines.model import Machine
from .network import Movement
from .tiles import Costs
from .time import START, Switch, flat


@dataclass(frozen=True)
class Item:
    """A layer of a frame on the array of a stage, what it costs there, and to come to; and the
    items `after` which, by their numbers, its place on chip is free."""

    frame: int
    stage: int
    work: Costs | Movement
    after: tuple[int, ...] = ()
    switch: Switch | None = None


def streamed(machine: Machine, items: Sequence[Item], count: int) -> IntArray:
    """The end [machines, frames] of each frame, of items in program order."""
    frames = 1 + max(item.frame for item in items)
    stages = 1 + max(item.stage for item in items)
    ends = np.zeros((count, frames), np.int64) + START * machine.dram.latency_cycles
    free = np.zeros((count, stages), np.int64)
    done, before = np.zeros_like(free), np.zeros_like(free)
    weights = _Weights.of(machine, items, count)
    each = np.zeros((count, len(items)), np.int64)
    for number, item in enumerate(items):
        ready = np.maximum(ends[:, item.frame], free[:, item.stage])
        if item.after:
            ready = np.maximum(ready, each[:, list(item.after)].max(axis=1))
        if item.switch:
            hidden = np.where(item.switch.ahead, before[:, item.stage], 0)
            stall = np.maximum(item.switch.fetch - hidden, 0)
            switched = done[:, item.stage] + stall + item.switch.change
            ready = np.maximum(ready, np.where(item.switch.fetch > 0, switched, 0))
        if isinstance(item.work, Movement):
            body, exposed = moved(machine, item.work, item.stage, count)
            end = free[:, item.stage] = ready + body
            weights.share(_dram(machine, item.work, count))
        else:
            work, (first, last) = item.work, weights.next(number)
            body = np.maximum.reduce([work.compute, work.vector, work.ring, work.port, work.dram])
            tile = machine.dram.latency_cycles + body // np.maximum(work.tiles, 1)
            ready = np.maximum(ready, first)
            end = free[:, item.stage] = np.maximum(ready + body, last + tile)
            exposed = work.exposed
            done[:, item.stage], before[:, item.stage] = end + exposed, body
            weights.share(work.dram)
        ends[:, item.frame] = each[:, number] = end + exposed
        weights.complete(number, ends[:, item.frame])
    return ends


@dataclass
class _Weights:
    """The queue of weights: when those of each item come, [machines].

    Of items [machines, items] in program order: the bytes up to each (`cumulative`), those of a
    `tile`, and when all up to each are complete (`complete_at`). The `clock` is when the weights
    so far are there; all before `oldest` need not be on chip any more.
    """

    cumulative: IntArray
    complete_at: IntArray
    capacity: IntArray
    rate: IntArray
    tile: IntArray
    clock: IntArray
    oldest: IntArray

    @staticmethod
    def of(machine: Machine, items: Sequence[Item], count: int) -> "_Weights":
        sizes = [
            item.work.weights if isinstance(item.work, Costs) else np.zeros(count, np.int64)
            for item in items
        ]
        tiles = [
            item.work.weights // np.maximum(item.work.tiles, 1)
            if isinstance(item.work, Costs)
            else np.zeros(count, np.int64)
            for item in items
        ]
        wload = machine.dma_for_operand("W", "load")
        rate = np.minimum(machine.dram.bytes_per_cycle, wload.bytes_per_cycle * wload.count)
        return _Weights(
            np.stack(sizes, axis=1).cumsum(axis=1), np.zeros((count, len(items)), np.int64),
            flat(machine.memory_for("W").bytes, count), flat(rate, count),
            np.stack(tiles, axis=1),
            np.zeros(count, np.int64) + START * machine.dram.latency_cycles,
            np.zeros(count, np.int64),
        )  # fmt: skip

    def next(self, number: int) -> tuple[IntArray, IntArray]:
        """When the first tile of an item's weights is there, and when all are."""
        rows = np.arange(len(self.clock))
        whole = self.cumulative[:, number]
        before = self.cumulative[:, number - 1] if number else np.zeros_like(whole)
        first = self._room(rows, before + self.tile[:, number], number)
        first = np.maximum(self.clock, first) + ceil_div(self.tile[:, number], self.rate)
        room = self._room(rows, whole, number)
        least = self.clock + ceil_div(whole - before, self.rate)
        self.clock = np.maximum(least, np.where(whole > before, room, 0))
        return np.where(whole > before, first, 0), np.where(whole > before, self.clock, 0)

    def _room(self, rows: IntArray, bytes: IntArray, number: int) -> IntArray:
        """When so many of all bytes may have come: items before this one are complete by then."""
        needed = bytes - self.capacity
        kept = self.oldest
        while True:
            go = (kept < number) & (self.cumulative[rows, np.minimum(kept, number)] <= needed)
            if not go.any():
                break
            kept = kept + go
        # What is complete when the item that ends there is, in program order.
        kept = np.where(needed > 0, np.minimum(kept, number - 1), -1)
        self.oldest = np.maximum(self.oldest, np.maximum(kept, 0))
        return np.where(kept >= 0, self.complete_at[rows, np.maximum(kept, 0)], 0)

    def share(self, dram: IntArray) -> None:
        """Transfers of a layer have the DRAM for so long."""
        self.clock = self.clock + dram

    def complete(self, number: int, end: IntArray) -> None:
        """An item is complete."""
        before = self.complete_at[:, number - 1] if number else np.zeros_like(end)
        self.complete_at[:, number] = np.maximum(before, end)


def _dram(machine: Machine, work: Movement, count: int) -> IntArray:
    return flat(ceil_div(work.loads + work.stores, machine.dram.bytes_per_cycle), count)


def moved(machine: Machine, work: Movement, stage: int, count: int) -> tuple[IntArray, IntArray]:
    """Cycles of a layer of a stage's vector lanes, or of a copy, and its latencies."""
    vector = machine.lanes_beside(machine.arrays[stage])
    lanes = flat(elementwise_cycles(vector, "vlut", work.reads), count)
    load, store = machine.dma_for_operand("I", "load"), machine.dma_for_operand("O", "store")
    port = np.maximum(
        ceil_div(work.loads, load.bytes_per_cycle * load.count),
        ceil_div(work.stores, store.bytes_per_cycle * store.count),
    )
    body = np.maximum(np.maximum(lanes, _dram(machine, work, count)), flat(port, count))
    ends = (work.loads > 0) + (work.stores > 0)
    return body, np.zeros(count, np.int64) + ends * machine.dram.latency_cycles
