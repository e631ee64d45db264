"""What the tiles of a product cost on many machines at once: `passes.tilings`, vectorised.

The compiler tries thousands of tilings for each layer. Here a layer has a *shortlist*: those that
are the cheapest on one or another of some machines of the space.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import reduce

import numpy as np
import numpy.typing as npt

from ...costmodel.array import ConvCost
from ...costmodel.integers import IntArray, as_array
from ...machines.model import Machine
from ...passes.folding.space import Placement, layer_cost
from ...passes.tilings import ORDERS, Candidates, Options, Transfer, tile_sizes
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


@dataclass(frozen=True)
class Pieces:
    """What the tiles of a product cost, one tiling [machines, 1] on each machine.

    There are `tiles`, `results` of them with results, in rings of `depth` slots. Cycles of a tile:
    `occupancy` of the array; `latency` until its last sums are out; of its results, `drain` through
    the lanes and `epilogue` there. Tiles of `weights` are transferred, `once` of these ahead, and
    those of `moves`; a transfer takes at least the `first` cycles, the DRAM's latency.
    """

    tiles: IntArray
    results: IntArray
    depth: IntArray
    occupancy: IntArray
    latency: IntArray
    drain: IntArray
    epilogue: IntArray
    fused: bool
    weights: Transfer
    once: IntArray
    moves: tuple[Transfer, ...]
    first: int

    @property
    def compute(self) -> IntArray:
        """Cycles of the array."""
        return self.occupancy * self.tiles

    @property
    def lanes(self) -> IntArray:
        """Cycles of the lanes."""
        return (self.drain + self.epilogue) * self.results

    @property
    def last(self) -> IntArray:
        """Those of them for what leaves last: they are exposed."""
        return self.epilogue + np.minimum(self.drain, self.latency)

    @property
    def vector(self) -> IntArray:
        """Cycles of the lanes beside the array's."""
        return self.lanes - self.last

    def lasts(self, move: Transfer) -> IntArray:
        """Cycles of a transfer from its start to its end, alone."""
        return np.maximum(move.port, move.dram) + self.first

    @property
    def rings(self) -> list[tuple[str, IntArray, IntArray, IntArray]]:
        """Of each ring of tiles: its name, the tiles that go through, the cycles that each takes
        besides the array's work on it, and those of the ring."""
        every = [(_moved(move), move.count, self.lasts(move) + self.latency) for move in self.moves]
        if self.fused:
            every.insert(0, ("results of the array", self.results, self.latency + self.epilogue))
        return [
            (name, count, each, np.where(count > 1, (self.compute + each * count) // self.depth, 0))
            for name, count, each in every
        ]

    def by_port(self, of: Callable[[Transfer], IntArray]) -> dict[str, IntArray]:
        """Sums over the transfers of each DMA class but that of weights."""
        sums: dict[str, IntArray] = {}
        for move in self.moves:
            sums[move.dma] = sums.get(move.dma, as_array(0)) + of(move)
        return sums

    @property
    def weight_tile(self) -> IntArray:
        """Cycles of a transfer of weights that follows another one."""
        return np.maximum(self.weights.port, self.weights.dram)

    @property
    def dram(self) -> IntArray:
        """Cycles of the DRAM, those for weights that come ahead left aside."""
        again = (self.weights.count - self.once) * self.weight_tile
        return sum((move.count * move.dram for move in self.moves), again)

    @property
    def exposed(self) -> IntArray:
        """Cycles before the first tile and after the last one."""
        return sum(map(self.lasts, self.moves), self.latency + self.epilogue)


def _moved(move: Transfer) -> str:
    return f"{move.operand} by {move.dma}"


def pieces_of(candidates: Candidates) -> tuple[Pieces, ConvCost]:
    """The tiles of one tiling [machines, 1] on each machine, and what the array does for one."""
    shape, machine = candidates.shape, candidates.machine
    cost: ConvCost = layer_cost(
        machine, candidates.place, shape,
        {"rows": candidates.rows, "cols": candidates.columns, "k": candidates.k, "c": candidates.c},
    )  # fmt: skip
    weights, *moves = candidates.transfers()
    pieces = Pieces(
        candidates.tiles,
        candidates.results,
        as_array(candidates.depth),
        as_array(cost.occupancy),
        as_array(cost.latency),
        as_array(cost.drain),
        candidates.epilogue_cycles(),
        bool(candidates.extras.epilogue),
        weights,
        shape.groups * candidates.k_trips * candidates.c_trips,
        tuple(moves),
        machine.dram.latency_cycles,
    )
    return pieces, cost


def costs_of(candidates: Candidates) -> Costs:
    """The costs of one tiling [machines, 1] on each machine."""
    pieces, cost = pieces_of(candidates)
    weights, zero = pieces.weights, as_array(0)

    def most(values: Iterable[IntArray]) -> IntArray:
        return reduce(np.maximum, values, zero)

    def bytes_of(stored: bool) -> IntArray:
        moves = (move for move in pieces.moves if (move.operand == "O") == stored)
        return sum((move.count * move.moved for move in moves), zero)

    found = {
        "compute": pieces.compute,
        "vector": pieces.vector,
        "ring": most(cycles for *_, cycles in pieces.rings),
        "port": most(pieces.by_port(lambda move: move.count * move.port).values()),
        "dram": pieces.dram,
        "exposed": pieces.exposed,
        "transfers": most(pieces.by_port(lambda move: move.count).values()),
        "weights": pieces.once * candidates.weight_bytes(),
        "tiles": pieces.once,
        "tile": pieces.weight_tile,
        "read": bytes_of(stored=False) + weights.count * weights.moved,
        "written": bytes_of(stored=True),
        "loaded": bytes_of(stored=False),
        "stored": bytes_of(stored=True),
        **{name: as_array(getattr(cost, name)) * pieces.tiles for name in _COUNTS},
    }
    flat = np.broadcast_shapes(*(each.shape for each in found.values()))
    return Costs(**{name: np.broadcast_to(each, flat)[:, 0] for name, each in found.items()})
