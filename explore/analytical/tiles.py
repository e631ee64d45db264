"""What the tiles of a product cost on many machines at once: `passes.tilings`, vectorised.

The compiler tries thousands of tilings for each layer. Here a layer has a *shortlist*: those that
are the cheapest on one or another of some machines of the space.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import reduce

import numpy as np
import numpy.typing as npt

from ...costmodel.array import ConvCost
from ...costmodel.integers import IntArray, as_array
from ...machines.model import Machine
from ...passes.folding.space import Placement, layer_cost
from ...passes.tilings import ORDERS, Candidates, Options, tile_sizes
from .network import Product

Bools = npt.NDArray[np.bool_]

SHORTLIST = 8
"""Tilings of a layer that are tried on every machine."""

_TILES = 1 << 20
"""Cycles are multiplied by this and tiles added, so that tiles decide between equal cycles."""

_COUNTS = ("macs", "input_reads", "weight_loads", "accumulator_writes", "register_writes")
"""Of `ConvCost`, what energy is charged for."""


@dataclass(frozen=True)
class Shortlist:
    """Tilings of a product: rows, columns, output and input channels, and loop order [tilings]."""

    rows: IntArray
    columns: IntArray
    k: IntArray
    c: IntArray
    order: npt.NDArray[np.str_]

    @staticmethod
    def every(product: Product, sizes: int) -> "Shortlist":
        """All that the compiler would try with so many sizes in a dimension, in both orders."""
        options = Options(sizes=sizes)
        axes = tile_sizes(product.shape, options, product.extras.whole_sums)
        rows, columns, k, c = (np.concatenate([axis, axis]) for axis in axes)
        return Shortlist(rows, columns, k, c, np.repeat(np.array(ORDERS), len(axes[0])))

    @property
    def upright(self) -> "Shortlist":
        """The same, [tilings, 1]: one for each of as many machines."""
        return Shortlist(**{each.name: getattr(self, each.name)[:, None] for each in fields(self)})

    def take(self, which: IntArray) -> "Shortlist":
        """Some of them."""
        return Shortlist(**{each.name: getattr(self, each.name)[which] for each in fields(self)})

    def on(
        self, machine: Machine, place: Placement, product: Product, depth: int | IntArray
    ) -> Candidates:
        """Their costs on a machine, with rings of so many slots, for all or [machines, 1]."""
        return Candidates(
            machine, product.shape, place, product.extras, depth, Options(), self.order,
            self.rows, self.columns, self.k, self.c,
        )  # fmt: skip

    def best(
        self, machine: Machine, place: Placement, product: Product
    ) -> tuple[IntArray, IntArray]:
        """The cheapest tiling [machines], -1 where none fits, and the slots of its rings: two, or
        one where nothing fits with two."""
        deep = self._cheapest(machine, place, product, 2)
        if (deep >= 0).all():
            return deep, np.full(len(deep), 2)
        flat = self._cheapest(machine, place, product, 1)
        return np.where(deep >= 0, deep, flat), np.where(deep >= 0, 2, 1)

    def _cheapest(
        self, machine: Machine, place: Placement, product: Product, depth: int
    ) -> IntArray:
        """The cheapest tiling [machines] with rings of so many slots, -1 where none fits."""
        candidates = self.on(machine, place, product, depth)
        fits = candidates.fit()
        cost = candidates.parts.cycles * _TILES + np.minimum(candidates.tiles, _TILES - 1)
        cost = np.where(fits, cost, np.iinfo(np.int64).max)
        cost = np.broadcast_to(cost, np.broadcast_shapes(cost.shape, (1, len(self.k))))
        return np.where(fits.any(axis=-1), cost.argmin(axis=-1), -1)


def shortlist(best: Sequence[IntArray], every: Shortlist) -> Shortlist:
    """Of all tilings those that were `best` most often, in the order of the compiler."""
    counts = Counter(int(each) for found in best for each in found if each >= 0)
    chosen = [tiling for tiling, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]
    return every.take(np.array(sorted(chosen[:SHORTLIST]), np.int64))


@dataclass(frozen=True)
class Costs:
    """What a product costs on many machines, each with a tiling of its own; arrays [machines].

    In cycles: `compute` of the array, `vector` of the lanes, `ring` the longest ring of tiles that
    are loaded or stored, `port` the longest of their DMA classes, `dram` of their transfers and of
    weights that come again, `exposed` before the first tile and after the last. The class that has
    most makes so many `transfers`. `weights` bytes come once, in `tiles`, each of which takes
    `tile` cycles. In bytes, DRAM is `read` and `written`, and the memories of inputs and outputs
    `loaded` and `stored` from there. The others are `ConvCost`'s counts, of all tiles.
    """

    compute: IntArray
    vector: IntArray
    ring: IntArray
    port: IntArray
    dram: IntArray
    exposed: IntArray
    transfers: IntArray
    weights: IntArray
    tiles: IntArray
    tile: IntArray
    read: IntArray
    written: IntArray
    loaded: IntArray
    stored: IntArray
    macs: IntArray
    input_reads: IntArray
    weight_loads: IntArray
    accumulator_writes: IntArray
    register_writes: IntArray

    @staticmethod
    def empty(count: int) -> "Costs":
        """Zeros for so many machines."""
        return Costs(**{each.name: np.zeros(count, np.int64) for each in fields(Costs)})

    def put(self, where: IntArray, other: "Costs") -> None:
        """Take the costs of some machines from `other`."""
        for each in fields(self):
            getattr(self, each.name)[where] = getattr(other, each.name)


def costs_of(candidates: Candidates) -> Costs:
    """The costs of one tiling [machines, 1] on each machine."""
    shape, extras, machine = candidates.shape, candidates.extras, candidates.machine
    cost: ConvCost = layer_cost(
        machine, candidates.place, shape,
        {"rows": candidates.rows, "cols": candidates.columns, "k": candidates.k, "c": candidates.c},
    )  # fmt: skip
    epilogue, results, tiles = candidates.epilogue_cycles(), candidates.results, candidates.tiles
    compute, latency = as_array(cost.occupancy) * tiles, as_array(cost.latency)
    vector = (as_array(cost.drain) + epilogue) * results
    ring = as_array(0)
    if extras.epilogue:
        turns = (compute + (latency + epilogue) * results) // candidates.depth
        ring = np.where(results > 1, turns, 0)
    exposed = latency + epilogue
    ports: dict[str, IntArray] = {}
    counts: dict[str, IntArray] = {}
    dram = read = written = loaded = stored = as_array(0)
    weights, *others = candidates.transfers()
    for each in others:
        cycles = each.cycles(machine)
        turns = (each.count * (cycles + latency) + compute) // candidates.depth
        ring = np.maximum(ring, np.where(each.count > 1, turns, 0))
        ports[each.dma] = ports.get(each.dma, as_array(0)) + each.count * each.port
        counts[each.dma] = counts.get(each.dma, as_array(0)) + each.count
        dram = dram + each.count * each.dram
        exposed = exposed + cycles
        moved = each.count * each.moved
        if each.operand == "O":
            written, stored = written + moved, stored + moved
        else:
            read, loaded = read + moved, loaded + moved
    once = shape.groups * candidates.k_trips * candidates.c_trips
    tile = np.maximum(weights.port, weights.dram)
    port = reduce(np.maximum, ports.values(), as_array(0))
    transfers = reduce(np.maximum, counts.values(), as_array(0))
    found = {
        "compute": compute,
        "vector": vector,
        "ring": ring,
        "port": port,
        "dram": dram + (weights.count - once) * tile,
        "exposed": exposed,
        "transfers": transfers,
        "weights": once * candidates.weight_bytes(),
        "tiles": once,
        "tile": tile,
        "read": read + weights.count * weights.moved,
        "written": written,
        "loaded": loaded,
        "stored": stored,
        **{name: as_array(getattr(cost, name)) * tiles for name in _COUNTS},
    }
    flat = np.broadcast_shapes(candidates.k.shape, tile.shape, compute.shape)
    return Costs(**{name: np.broadcast_to(each, flat)[:, 0] for name, each in found.items()})
