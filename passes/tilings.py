"""The tilings of a convolution or matrix product, priced all at once.

Candidates are all combinations of few sizes in each dimension and of two loop orders: output
channels outside (weights are loaded once) or pixels outside (inputs are). Those whose buffers fit
the memories, double buffered where they are in loops, take

    max(compute, vector work, each DMA class, DRAM, each ring) + the first loads
        + the last epilogue and store

cycles, where a ring of d slots takes the d-th part of all transfers with their latency and all the
work on them. The weights of a layer whose input is kept on chip are loaded while the layers before
it compute, so only what is loaded beyond the fewest bytes costs (weights again, parameters with
each block of input channels), and a part of the wait for a tile (the `lag`-th). Without overlap
only weights are double buffered, and a layer takes

    max(compute, loading weights) + the first weights + all inputs + all results

cycles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, reduce
from math import ceil

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import IntAttr, StringAttr

from ..costmodel.banks import Inputs
from ..costmodel.dma import transfer_cost
from ..costmodel.integers import IntArray, as_array, ceil_div
from ..costmodel.vector import elementwise_cycles
from ..dialects.isa_operands import ElementType
from ..dialects.schedule import PARAMETER_BYTES, TilingAttr
from ..machines.model import Direction, Machine, Operand
from .folding.space import Placement, layer_cost, whole_input
from .lowering.budget import ceil_to
from .lowering.shapes import ConvShape

ORDERS = ("k y x", "y x k")

MAX_SIZES = 14
"""Sizes tried in a dimension that is cut by like factors."""

LAG = 8
"""Work on a tile begins when all its weights are there: even where they come ahead, a layer is
charged one part in so many of the time to load a tile of them. Of 1, 2, 4, 8 and 16 this one gave
the fewest cycles for ResNet-18 and ResNet-50 on `dna_a600`; a search (`--effort`) tries others."""


@dataclass(frozen=True)
class Extras:
    """What a layer has on chip besides its own buffers, and which of these it does not need.

    `tiles` are the buffers of the size of an output tile of an `epilogue` (its instruction), by
    operand and elements; `table` is the bytes that stay in the memory of weights. A layer reads an
    input that is kept (`keeps_input`) and writes a result that is (`keeps_result`) in place. With
    `whole_sums` all input channels are in one tile.
    """

    tiles: Sequence[tuple[Operand, ElementType]] = ()
    table: int = 0
    epilogue: str = ""
    keeps_input: bool = False
    keeps_result: bool = False
    whole_sums: bool = False


@dataclass(frozen=True)
class Ranked:
    """A tiling, with rings of so many slots (`depth`), and why it is where it is.

    `parts` are what its layer takes `cycles` for, by the names of `Parts`; `moved` the bytes that
    DRAM moves for it. Where it does not fit the memories or the accumulators, `fits` is false.
    """

    tiling: TilingAttr
    depth: int
    tiles: int
    cycles: int
    parts: Mapping[str, int]
    moved: int
    fits: bool


@dataclass(frozen=True)
class Options:
    """How tilings are tried and judged.

    Without `overlap` tiles are loaded, computed and stored in turn. Weights that come ahead are
    charged the `lag`-th part of a tile's time. At most `sizes` sizes are tried in a dimension that
    is cut by like factors. Rows of inputs are taken to be `spread` over banks that may conflict.
    """

    overlap: bool = True
    lag: int = LAG
    sizes: int = MAX_SIZES
    spread: bool = True


def ranked_tilings(
    machine: Machine,
    shape: ConvShape,
    place: Placement,
    extras: Extras,
    options: Options,
    count: int,
    *,
    fitting: bool = True,
) -> list[Ranked]:
    """The `count` cheapest tilings of a layer, or the cheapest that do not fit.

    Of equal cycles the one of fewest tiles comes first. Rings have two slots, or one if nothing
    fits with two: then and there none that do not are listed.
    """
    sizes = tile_sizes(shape, options, extras.whole_sums)
    for depth in (2, 1):
        every = [
            Candidates(machine, shape, place, extras, depth, options, order, *sizes)
            for order in ORDERS
        ]
        fit = [candidates.fit() for candidates in every]
        if any(fits.any() for fits in fit):
            ranked: list[tuple[int, int, int, int]] = []
            for number, (candidates, fits) in enumerate(zip(every, fit, strict=True)):
                chosen = np.flatnonzero(fits == fitting)
                cycles, tiles = candidates.parts.cycles[chosen], candidates.tiles[chosen]
                for index in np.lexsort((tiles, cycles))[:count]:
                    key = int(cycles[index]), int(tiles[index]), number, int(chosen[index])
                    ranked.append(key)
            best = sorted(ranked)[:count]
            return [every[number].ranked(index, fitting) for _, _, number, index in best]
    return []


def _parts(size: int, step: int, most: int) -> list[int]:
    """At most so many tile sizes, from the whole dimension down to one step by like factors."""
    trips = np.geomspace(1, ceil(size / step), most)
    return sorted({min(size, ceil_to(ceil(size / n), step)) for n in map(round, trips)})


def _powers(size: int, step: int, _most: int) -> list[int]:
    """The whole dimension, a half and a third of it, and powers of two, as tile sizes."""
    sizes = (*(1 << n for n in range(size.bit_length())), *(ceil(size / n) for n in (1, 2, 3)))
    return sorted({min(size, ceil_to(n, step)) for n in sizes})


def tile_sizes(shape: ConvShape, options: Options, whole_sums: bool) -> list[IntArray]:
    """All combinations of rows, columns, k and c of a tile, one array each.

    Channels by powers of two fill arrays, whose sizes are such. Without overlap, what counts is
    that few tiles fit the memories well.
    """
    most = options.sizes
    channels = _powers if options.overlap else _parts
    k = channels(shape.k, shape.channel_step, most)
    c = (
        [shape.c]
        if shape.depthwise or whole_sums
        else channels(shape.c, shape.reduction_step, most)
    )
    axes = [_parts(shape.rows, 1, most), _parts(shape.columns, 1, most), k, c]
    return [as_array(axis.ravel()) for axis in np.meshgrid(*axes, indexing="ij")]


def _least(values: IntArray) -> IntArray:
    """The least over all tilings."""
    return values.min(axis=-1, keepdims=True)


def _packed_bytes(elements: IntArray, bits: int) -> IntArray:
    """Bytes of rows of `elements` padded to whole bytes."""
    return ceil_div(elements * bits, 8)


def _runs_of(
    rows: IntArray,
    columns: IntArray,
    channels: IntArray,
    whole_pixels: npt.NDArray[np.bool_],
    whole_rows: npt.NDArray[np.bool_],
) -> tuple[IntArray, IntArray]:
    """Contiguous runs of tiles in a tensor (H, W, C), and their bytes; `channels` is in bytes."""
    pieces = np.where(whole_pixels, rows, rows * columns)
    runs = np.where(whole_pixels & whole_rows, 1, pieces)
    return runs, rows * columns * channels // runs


@dataclass
class Transfer:
    """A transfer that each candidate makes `count` times; cycles of its port and of the DRAM."""

    operand: Operand
    dma: str
    count: IntArray
    port: IntArray
    dram: IntArray
    moved: IntArray

    def cycles(self, machine: Machine) -> IntArray:
        """From its start to its end, alone."""
        return np.maximum(self.port, self.dram) + machine.dram.latency_cycles


@dataclass(frozen=True)
class Parts:
    """Cycles of the layer that overlap: `compute` of the array, `vector` of the lanes, the longest
    `ring` and DMA class (`dma`), and `dram`; and those that come on top (`exposed`)."""

    compute: IntArray
    vector: IntArray
    ring: IntArray
    dma: IntArray
    dram: IntArray
    exposed: IntArray

    @property
    def cycles(self) -> IntArray:
        """The estimated cycles of the whole layer."""
        longest = np.maximum(np.maximum(self.compute, self.vector), self.ring)
        return np.maximum(np.maximum(longest, self.dma), self.dram) + self.exposed


@dataclass
class Candidates:
    """Tilings of one layer, one array element each, in one loop order or in one for each.

    Numbers of the machine and of the fold, and the slots of rings (`depth`), may be arrays
    [machines, 1]: then all tilings [tilings] are judged on all machines, and results are
    [machines, tilings].
    """

    machine: Machine
    shape: ConvShape
    place: Placement
    extras: Extras
    depth: int | IntArray
    options: Options
    order: str | npt.NDArray[np.str_]
    rows: IntArray
    columns: IntArray
    k: IntArray
    c: IntArray
    pixel_trips: IntArray = field(init=False)
    k_trips: IntArray = field(init=False)
    c_trips: IntArray = field(init=False)

    def __post_init__(self) -> None:
        shape = self.shape
        self.pixel_trips = ceil_div(shape.rows, self.rows) * ceil_div(shape.columns, self.columns)
        self.k_trips = ceil_div(shape.k, self.k)
        self.c_trips = ceil_div(shape.c, self.c)

    @property
    def tiles(self) -> IntArray:
        """Steps of the whole layer."""
        return self.shape.groups * self.pixel_trips * self.k_trips * self.c_trips

    def tiling(self, index: int) -> TilingAttr:
        """The attribute of one candidate."""
        axes = (self.rows, self.columns, self.k, self.c)
        rows, columns, k, c = (IntAttr(int(axis[index])) for axis in axes)
        order = np.broadcast_to(self.order, self.k.shape)[index]
        return TilingAttr(rows, columns, k, c, StringAttr(str(order)))

    def ranked(self, index: int, fits: bool) -> Ranked:
        """One candidate with all that is known of it."""

        def of(values: IntArray) -> int:
            return int(np.broadcast_to(values, self.k.shape)[index])

        parts = {each.name: of(getattr(self.parts, each.name)) for each in fields(Parts)}
        moved = sum(of(each.count * each.moved) for each in self.transfers())
        tiles, cycles = of(self.tiles), of(self.parts.cycles)
        depth = of(as_array(self.depth))
        return Ranked(self.tiling(index), depth, tiles, cycles, parts, moved, fits)

    def _window(self) -> tuple[IntArray, IntArray]:
        shape = self.shape
        return (
            (self.rows - 1) * shape.strides[0] + (shape.kernel[0] - 1) * shape.dilations[0] + 1,
            (self.columns - 1) * shape.strides[1] + (shape.kernel[1] - 1) * shape.dilations[1] + 1,
        )

    def _input_channels(self) -> IntArray:
        return self.k // self.shape.multiplier if self.shape.depthwise else self.c

    def _input_bytes(self) -> IntArray:
        rows, columns = self._window()
        return rows * columns * _packed_bytes(self._input_channels(), self.shape.input_type.bits)

    def weight_bytes(self) -> IntArray:
        shape, bits = self.shape, self.shape.weight_type.bits
        ky, kx = shape.kernel
        if shape.depthwise:
            weights = ky * _packed_bytes(as_array(kx), bits)
        else:
            weights = ky * kx * _packed_bytes(self.c, bits)
        return self.k * (weights + PARAMETER_BYTES)

    def _output_bytes(self, element: ElementType) -> IntArray:
        return self.rows * self.columns * _packed_bytes(self.k, element.bits)

    def loads(self) -> tuple[IntArray, IntArray]:
        """How often input and weight tiles are loaded: all loops out of the innermost they need."""
        pixels, k, c = self.pixel_trips, self.k_trips, self.c_trips
        every, outside = pixels * k * c, np.asarray(self.order) == ORDERS[0]
        if self.shape.depthwise:
            inputs = every
            weights = np.where(outside, k, np.where(k > 1, every, 1))
        else:
            across = np.where(c > 1, every, pixels)
            inputs = np.where(outside, np.where(pixels * c > 1, every, 1), across)
            along = np.where(c > 1, every, k)
            weights = np.where(outside, along, np.where(k * c > 1, every, 1))
        return inputs * self.shape.groups, weights * self.shape.groups

    def fit(self) -> npt.NDArray[np.bool_]:
        """Which candidates fit the memories, with rings of their depth, and the accumulators."""
        inputs, weights = self.loads()
        outputs = self.results
        used: dict[str, IntArray] = {}
        needs: list[tuple[Operand, IntArray, IntArray]] = [("W", self.weight_bytes(), weights)]
        if not self.extras.keeps_input:
            needs.append(("I", self._input_bytes(), inputs))
        if self.extras.epilogue or not self.extras.keeps_result:
            needs.append(("O", self._output_bytes(self.shape.output_type), outputs))
        needs.extend(
            (operand, self._output_bytes(element), outputs)
            for operand, element in self.extras.tiles
        )
        needs.append(("W", as_array(self.extras.table), as_array(1)))
        for operand, size, count in needs:
            memory = self.machine.memory_for(operand)
            depth = self.depth if self.options.overlap or operand == "W" else 1
            # Weights that come ahead share the memory with those of other layers.
            several = (count > 1) | (operand == "W" and self.ahead)
            taken = ceil_div(size, 4) * 4 * np.where(several, depth, 1)
            lines = ceil_div(taken, memory.line) * memory.line
            used[memory.name] = used.get(memory.name, as_array(0)) + lines
        fits = np.ones(self.k.shape, bool)
        for name, size in used.items():
            fits = fits & (size <= self.machine.memory(name).bytes)
        if (self.c_trips == 1).all():
            return fits
        partial = layer_cost(self.machine, self.place, self.shape, self._tile(), finishes=False)
        return fits & ((self.c_trips == 1) | (as_array(partial.spilled) == 0))

    @property
    def ahead(self) -> bool:
        """Whether weights are loaded while the layers before compute."""
        return self.options.overlap and self.extras.keeps_input

    def _tile(self) -> dict[str, IntArray]:
        return {"rows": self.rows, "cols": self.columns, "k": self.k, "c": self.c}

    def _read_from(self) -> Inputs | None:
        """How inputs lie where the array reads them: in a tensor in place, or in a loaded tile.

        None where conflicts do not count.
        """
        inputs = whole_input(self.machine, self.shape, self.options.spread)
        if inputs is None or self.extras.keeps_input:
            return inputs
        _, columns = self._window()
        pixel = _packed_bytes(self._input_channels(), self.shape.input_type.bits)
        return replace(inputs, row_bytes=columns * pixel, pixel_bytes=pixel)

    def _runs(self) -> tuple[IntArray, IntArray]:
        """Contiguous runs of an input tile in DRAM, and their bytes."""
        shape = self.shape
        rows, columns = self._window()
        rows, columns = np.minimum(rows, shape.rows_in), np.minimum(columns, shape.columns_in)
        channels = _packed_bytes(self._input_channels(), shape.input_type.bits)
        whole_pixels = (self._input_channels() == shape.c) & (shape.groups == 1)
        return _runs_of(rows, columns, channels, whole_pixels, columns == shape.columns_in)

    def _result_runs(self, element: ElementType) -> tuple[IntArray, IntArray]:
        """Contiguous runs of a tile like the layer's results in DRAM, and their bytes."""
        shape = self.shape
        whole_pixels = (self.k == shape.k) & (shape.groups == 1)
        channels = _packed_bytes(self.k, element.bits)
        whole_rows = self.columns == shape.columns
        return _runs_of(self.rows, self.columns, channels, whole_pixels, whole_rows)

    def transfers(self) -> list[Transfer]:
        """All transfers of the layer."""
        inputs, weights = self.loads()
        outputs = self.results
        runs, run_bytes = self._runs()
        results = [element for operand, element in self.extras.tiles if operand == "O"]
        added = [element for operand, element in self.extras.tiles if operand == "I"]
        result = self._result_runs(results[0] if results else self.shape.output_type)
        given: list[tuple[Operand, Direction, IntArray, IntArray, IntArray]] = [
            ("W", "load", weights, as_array(1), self.weight_bytes())
        ]
        if not self.extras.keeps_input:
            given.append(("I", "load", inputs, runs, run_bytes))
        if not self.extras.keeps_result:
            given.append(("O", "store", outputs, *result))
        given.extend(("I", "load", outputs, *self._result_runs(element)) for element in added)
        transfers: list[Transfer] = []
        for operand, direction, count, rows, row_bytes in given:
            dma = self.machine.dma_for_operand(operand, direction)
            price = transfer_cost(dma, self.machine.dram, rows=rows, row_bytes=row_bytes)
            port, dram = as_array(price.port_cycles), as_array(price.dram_cycles)
            moved = as_array(price.dram_bytes)
            transfers.append(Transfer(operand, dma.name, count, port, dram, moved))
        return transfers

    @cached_property
    def parts(self) -> Parts:
        """What the whole layer takes its cycles for."""
        cost = layer_cost(
            self.machine, self.place, self.shape, self._tile(), inputs=self._read_from()
        )
        compute = as_array(cost.occupancy) * self.tiles
        if self.options.overlap:
            drain = as_array(cost.drain) * self.results
            return self._overlapped(compute, as_array(cost.latency), drain)
        return self._serial(compute + as_array(cost.latency) * self.tiles)

    @property
    def results(self) -> IntArray:
        """Tiles of results."""
        return self.pixel_trips * self.k_trips * self.shape.groups

    def epilogue_cycles(self) -> IntArray:
        """Cycles of the epilogue on one tile."""
        if not self.extras.epilogue:
            return as_array(0)
        vector = self.machine.lanes_beside(self.machine.array(self.place.array))
        outputs = self.rows * self.columns * self.k
        return as_array(elementwise_cycles(vector, self.extras.epilogue, outputs))

    def _overlapped(self, compute: IntArray, latency: IntArray, drain: IntArray) -> Parts:
        epilogue, ring = self.epilogue_cycles(), as_array(0)
        if self.extras.epilogue:
            # A slot between array and epilogue is free again when both are done with it.
            turns = (compute + (latency + epilogue) * self.results) // self.depth
            ring = np.where(self.results > 1, turns, 0)
        exposed = latency + epilogue
        busy: dict[str, IntArray] = {}
        dram = as_array(0)
        for each in self.transfers():
            once = as_array(0)
            if each.operand == "W" and self.ahead:
                once = self.shape.groups * self.k_trips * self.c_trips
            taken = each.count * each.port - _least(once * each.port)
            busy[each.dma] = busy.get(each.dma, as_array(0)) + taken
            dram = dram + each.count * each.dram - _least(once * each.dram)
            transfer = each.cycles(self.machine)
            if each.operand == "W" and self.ahead:
                exposed = exposed + transfer // self.options.lag
                continue
            exposed = exposed + transfer
            # A slot is free again only after its transfer and the work on it, to its last result.
            turns = (each.count * (transfer + latency) + compute) // self.depth
            ring = np.maximum(ring, np.where(each.count > 1, turns, 0))
        vector = drain + epilogue * self.results
        dma = reduce(np.maximum, busy.values(), as_array(0))
        return Parts(compute, vector, ring, dma, dram, exposed)

    def _serial(self, compute: IntArray) -> Parts:
        weights, alone = as_array(0), as_array(0)
        for each in self.transfers():
            transfer = each.cycles(self.machine)
            if each.operand == "W":
                weights = np.maximum(weights, each.count * transfer)
                alone = alone + transfer
            else:
                alone = alone + each.count * transfer
        none = as_array(0)
        return Parts(compute, none, none, weights, none, alone)
