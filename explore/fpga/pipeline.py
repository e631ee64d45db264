"""A pipeline: a stage for every layer, each with multipliers and buffers of its own.

`accdnn` allocates as AccDNN (DNNBuilder) does. `balanced` searches: for every batch and every time
of the slowest stage that a stage can have, each stage gets the fewest DSPs that keep it within that
time, and every way to fetch weights is tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from ...costmodel.fpga import (
    CONTROLLER_DSP,
    ConvLayer,
    bram18,
    cache_bram,
    mac_cycles,
    mac_dsp,
    memory_cycles,
    ring_columns,
    stage_bytes,
    weight_bram,
)
from ...costmodel.integers import IntArray, ceil_div
from ...errors import TilefoldError
from ..boards import Board
from .design import SLACK, Bound, Design, Grid, LayerUse, smallest_near_best, total_macs

Fetch = Literal["column", "band", "frame", "any"]
"""When a stage fetches its weights: for every output column, for bands of columns, once a frame, or
whichever of these is best."""

MAX_FACTOR: Final = 64
"""The most CPF and KPF (AccDNN, `settings.py`)."""
MAX_BATCH: Final = 32
COLUMN: Final = 0
"""In place of a number of bands: a band is one column."""
BANDS: Final[dict[Fetch, tuple[int, ...]]] = {
    "column": (COLUMN,),
    "band": (2, 4, 8, 16, 32),
    "frame": (1,),
    "any": (COLUMN, 1, 2, 4, 8, 16, 32),
}
NEVER: Final = np.iinfo(np.int64).max
"""Cycles of what does not fit."""
STEP: Final = 1.01
"""Times of the slowest stage that are tried lie this factor apart."""


@dataclass(frozen=True)
class Stage:
    """One layer's stage: its factors, output columns for each fetch of its weights, or weights that
    are all on chip."""

    layer: ConvLayer
    cpf: int
    kpf: int
    band: int = 1
    resident: bool = False


def accdnn(
    layers: Sequence[ConvLayer],
    board: Board,
    *,
    bits: int = 16,
    share: float = 1.0,
    pools: bool = False,
    most: int = MAX_BATCH,
) -> Design:
    """The pipeline that AccDNN allocates (`parallelism_auto_optimization`).

    Parallelism in proportion to products, scaled to the bandwidth of fetching weights for every
    column, rounded to powers of two, the batch as large as `share` of DSPs and block RAM allows,
    `most` images; halved until that is at least 1. Unlike AccDNN's own report the throughput is
    then held to the bandwidth, which rounding up to powers of two may exceed. `pools` also
    charges the caches of stages for pooling. The first layer's three channels count as four, as
    AccDNN pads them, in its hardware, but not in the products that are reported.

    Raises TilefoldError where not even one product a cycle and stage fits.
    """
    padded = [layers[0]] if layers[0].c != 3 else [replace(layers[0], c=4)]
    padded += layers[1:]
    macs = np.array([layer.macs for layer in padded], dtype=float)
    bits_each = np.array([bits / layer.rows for layer in padded])
    target = macs / macs.min()
    supply = 8 * board.dram_bytes_per_second / board.hz
    target = np.ceil(target * supply / (target @ bits_each)).astype(np.int64)
    while True:
        stages = [
            Stage(layer, *_factors(int(pf), layer))
            for layer, pf in zip(padded, target, strict=True)
        ]
        batch = min(_accdnn_batch(stages, board, bits, share, pools), most)
        if batch:
            return _design("pipeline", stages, layers, board, bits, batch, pools)
        if (target == 1).all():
            raise TilefoldError(f"{board.name} has too little block RAM for {len(layers)} stages")
        target = np.maximum(target // 2, 1)


def _powers(number: int, most: int) -> list[int]:
    return [1 << e for e in range(13) if 1 << e <= min(most, number) and number % (1 << e) == 0]


def _factors(target: int, layer: ConvLayer) -> tuple[int, int]:
    """CPF and KPF nearest to a product of them: CPF first, then shifted to KPF until CPF / KPF is
    at most 2 (AccDNN, `util/optim.py`)."""
    product = min(MAX_FACTOR**2, 2 ** round(float(np.log2(target))))
    cpf = _powers(layer.c, min(product, MAX_FACTOR))[-1]
    kernels = _powers(layer.k, min(product, MAX_FACTOR))
    kpf = max(k for k in kernels if k <= product // cpf)
    while cpf // kpf > 2 and kpf != kernels[-1]:
        cpf, kpf = cpf // 2, kpf * 2
    return cpf, kpf


def _accdnn_batch(
    stages: Sequence[Stage], board: Board, bits: int, share: float, pools: bool
) -> int:
    dsp, each, shared = _resources(stages, bits, pools)
    controllers = CONTROLLER_DSP * len(stages)
    by_dsp = int((board.dsp * share - controllers) // dsp)
    by_bram = int((board.bram18 * share - shared) // each)
    return max(min(by_dsp, by_bram, MAX_BATCH), 0)


def _resources(stages: Sequence[Stage], bits: int, pools: bool) -> tuple[int, int, int]:
    """DSPs of an image, blocks of an image, and blocks that the batch shares."""
    dsp = each = shared = 0
    width = 1
    for stage in stages:
        layer = stage.layer
        dsp += int(mac_dsp(stage.cpf, stage.kpf, kernels=layer.k, act_bits=bits))
        each += int(cache_bram(layer, stage.cpf, width, stage.band, act_bits=bits))
        shared += int(
            weight_bram(layer, stage.cpf, stage.kpf, wgt_bits=bits, resident=stage.resident)
        )
        width = stage.kpf
        if pools and layer.pool > 1:
            each += pool_bram(layer, width, bits)
            width = min(MAX_FACTOR // 2, layer.k)
    return dsp, each, shared


def pool_bram(layer: ConvLayer, in_width: int, bits: int) -> int:
    """Blocks of a stage of its own for a layer's pool: 2 pool columns, MAX_KPF / 2 channels at a
    time (AccDNN, `layers/pooling.py`)."""
    width = max(in_width, min(MAX_FACTOR // 2, layer.k))
    return int(bram18(width * bits, ceil_div(layer.k * layer.rows * 2 * layer.pool, width)))


def _design(
    paradigm: str,
    stages: Sequence[Stage],
    layers: Sequence[ConvLayer],
    board: Board,
    bits: int,
    batch: int,
    pools: bool = False,
) -> Design:
    """What a pipeline of these stages comes to."""
    dsp, each, shared = _resources(stages, bits, pools)
    cycles = [int(mac_cycles(stage.layer, stage.cpf, stage.kpf)) for stage in stages]
    moved = batch * (layers[0].inputs + layers[-1].outputs) * bits // 8
    for stage in stages:
        if not stage.resident:
            moved += int(stage_bytes(stage.layer, stage.band, wgt_bits=bits))
    waits = int(memory_cycles(moved, board.hz, board.dram_bytes_per_second))
    period = max(*cycles, waits)

    def bound(own: int) -> Bound:
        return "memory" if waits > max(cycles) else "compute" if own == max(cycles) else "balance"

    uses = tuple(
        LayerUse(layer.name, _unit(stage), own, bound(own))
        for layer, stage, own in zip(layers, stages, cycles, strict=True)
    )
    return Design(
        paradigm=paradigm,
        board=board,
        bits=bits,
        batch=batch,
        period=period,
        latency=pipeline_latency(stages, cycles, period),
        dsp=dsp * batch + CONTROLLER_DSP * len(stages),
        bram18=each * batch + shared,
        dram_bytes=moved,
        macs=total_macs(layers),
        layers=uses,
        grids=stage_grids(stages, batch),
        data_bytes=stage_data_bytes(stages, batch, bits),
        weight_bytes=stage_weight_bytes(stages, bits),
    )


def stage_grids(stages: Sequence[Stage], batch: int) -> tuple[Grid, ...]:
    """An array for every stage and image, all of whose weights are read in a cycle."""
    return tuple(Grid(each.layer.name, batch, each.cpf, each.kpf, each.cpf) for each in stages)


def stage_data_bytes(stages: Sequence[Stage], batch: int, bits: int) -> int:
    """What the caches of columns hold."""
    columns = [int(ring_columns(stage.layer, stage.band)) for stage in stages]
    elements = [s.layer.c * s.layer.in_rows * n for s, n in zip(stages, columns, strict=True)]
    return batch * sum(elements) * bits // 8


def stage_weight_bytes(stages: Sequence[Stage], bits: int) -> int:
    """What the buffers of weights hold."""
    kernels = [each.layer.k if each.resident else 2 * each.kpf for each in stages]
    held = [n * each.layer.weights_per_kernel for n, each in zip(kernels, stages, strict=True)]
    return sum(held) * bits // 8


def _unit(stage: Stage) -> str:
    weights = "all weights on chip" if stage.resident else f"weights every {stage.band} columns"
    return f"{stage.cpf} x {stage.kpf}, {weights}"


def pipeline_latency(stages: Sequence[Stage], cycles: Sequence[int], period: int) -> int:
    """Cycles from the first input to the last output of an image in an empty pipeline.

    A stage computes bands of columns at an even pace, slowed down as DRAM slows the whole
    pipeline. It starts when the stage before it has made the columns of its first band and ends
    no sooner than a band after that one has ended. That the first stage waits for its first
    columns is left out.
    """
    slowest = max(cycles)
    start = end = 0
    before: tuple[Stage, int] | None = None
    for stage, own in zip(stages, cycles, strict=True):
        layer = stage.layer
        paced = int(ceil_div(own * period, slowest))
        bands = int(ceil_div(layer.cols, stage.band))
        each = int(ceil_div(paced, bands))
        if before:
            maker, pace = before
            needed = (stage.band - 1) * layer.stride + layer.kw - layer.kw // 2
            columns = min(needed * maker.layer.pool, maker.layer.cols)
            start += int(ceil_div(columns, maker.band)) * pace
        end = max(start + paced, end + each)
        before = stage, each
    return end


@dataclass(frozen=True)
class StageTable:
    """For each time of the slowest stage (rows) and each layer (columns): the factors with the
    fewest DSPs within that time, and those DSPs and cycles."""

    times: IntArray
    cpf: IntArray
    kpf: IntArray
    dsp: IntArray
    cycles: IntArray


def stage_table(
    layers: Sequence[ConvLayer], bits: int, *, powers: bool = False, most: int = MAX_FACTOR
) -> StageTable:
    """The cheapest stages for every time of the slowest one that is worth trying.

    CPF and KPF are any integers up to `most`, or powers of two. Of equally few DSPs the factors
    whose weights take less block RAM are taken. Times reach from the fastest pipeline to one
    product a cycle in the slowest stage; those in between lie a factor of `STEP` apart.
    """
    known: dict[ConvLayer, tuple[IntArray, ...]] = {}
    options: list[tuple[IntArray, ...]] = []
    for layer in layers:
        shape = replace(layer, name="", pool=1)
        if shape not in known:
            known[shape] = _stage_options(layer, bits, powers, most)
        options.append(known[shape])
    fastest = max(int(each[3].min()) for each in options)
    slowest = max(int(each[3].max()) for each in options)
    count = int(np.ceil(np.log(slowest / fastest) / np.log(STEP))) + 1
    times = np.unique(np.ceil(fastest * STEP ** np.arange(count)).astype(np.int64))
    # The first option within a time: cycles only fall along the list.
    picks = [np.searchsorted(-each[3], -times) for each in options]
    columns = [
        np.stack([each[field][pick] for each, pick in zip(options, picks, strict=True)], axis=1)
        for field in range(4)
    ]
    cpf, kpf, dsp, cycles = columns
    return StageTable(times, cpf, kpf, dsp, cycles)


def _stage_options(layer: ConvLayer, bits: int, powers: bool, most: int) -> tuple[IntArray, ...]:
    """CPF, KPF, DSPs and cycles of the stages that no cheaper one equals, the cheapest first."""
    values = np.arange(1, most + 1) if not powers else 1 << np.arange(most.bit_length())
    cpf, kpf = (each.ravel() for each in np.meshgrid(values, values, indexing="ij"))
    useful = (cpf <= layer.c) & (kpf <= layer.k)
    cpf, kpf = cpf[useful], kpf[useful]
    cycles = mac_cycles(layer, cpf, kpf)
    dsp = mac_dsp(cpf, kpf, kernels=layer.k, act_bits=bits)
    room = weight_bram(layer, cpf, kpf, wgt_bits=bits)
    order = np.lexsort((room, cycles, dsp))
    falls = np.minimum.accumulate(cycles[order])
    new = np.concatenate(([True], falls[1:] < falls[:-1]))
    chosen = order[new]
    return cpf[chosen], kpf[chosen], dsp[chosen], cycles[chosen]


@dataclass(frozen=True)
class Buffers:
    """Block RAM and DRAM bytes of the layers of a pipeline, by how weights are fetched.

    By time of the slowest stage (rows) and layer (columns): `streamed` and `resident` blocks of
    weights; before these axes one of bands: `cache`, blocks of an image; `moved`, by band and layer
    alone, bytes of weights.
    """

    cache: IntArray
    moved: IntArray
    streamed: IntArray
    resident: IntArray


def stage_buffers(
    layers: Sequence[ConvLayer], table: StageTable, bits: int, bands: tuple[int, ...]
) -> Buffers:
    """The buffers of all pipelines of a table."""
    ones = np.ones_like(table.kpf[:, :1])
    factors = list(zip(layers, table.cpf.T, table.kpf.T, strict=True))
    widths = np.concatenate((ones, table.kpf[:, :-1]), axis=1).T
    streamed, resident = (
        np.stack(
            [weight_bram(layer, c, k, wgt_bits=bits, resident=kept) for layer, c, k in factors],
            axis=1,
        )
        for kept in (False, True)
    )
    cache = np.stack(
        [
            np.stack(
                [
                    cache_bram(layer, c, width, band_of(layer, number), act_bits=bits)
                    for (layer, c, _), width in zip(factors, widths, strict=True)
                ],
                axis=1,
            )
            for number in bands
        ]
    )
    moved = [
        [int(stage_bytes(layer, band_of(layer, number), wgt_bits=bits)) for layer in layers]
        for number in bands
    ]
    return Buffers(cache, np.array(moved), streamed, resident)


def band_of(layer: ConvLayer, number: int) -> int:
    """Output columns of a band where a frame has so many bands, or of one column."""
    return 1 if number == COLUMN else -(-layer.cols // number)


def balanced(
    layers: Sequence[ConvLayer],
    board: Board,
    *,
    bits: int = 16,
    fetch: Fetch = "any",
    powers: bool = False,
    batches: Sequence[int] = tuple(range(1, MAX_BATCH + 1)),
    slack: float = SLACK,
) -> Design:
    """The best pipeline found over batches, times of the slowest stage and ways to fetch weights.

    Frames are cut into the same number of bands in every stage, so that a stage never waits for a
    band that is wider than its own. Unless weights are fetched for every column, the first
    stages, which have few weights and many columns, may have theirs on chip and work column by
    column; every number of such stages is tried. The times that are tried do not depend on the
    board, so a larger board never gets a worse design.

    Raises TilefoldError where nothing fits.
    """
    table = stage_table(layers, bits, powers=powers)
    every = (COLUMN, *(number for number in BANDS[fetch] if number != COLUMN))
    buffers = stage_buffers(layers, table, bits, every)
    chosen = [every.index(number) for number in BANDS[fetch]]
    most = 0 if fetch == "column" else len(layers)
    ends = (layers[0].inputs + layers[-1].outputs) * bits // 8
    found: list[Design] = []
    for batch in batches:
        room = board.dsp - CONTROLLER_DSP * len(layers)
        fits = (batch * table.dsp.sum(axis=1) <= room)[:, None]
        blocks, moved = by_resident(buffers, batch)
        waits = memory_cycles(moved + batch * ends, board.hz, board.dram_bytes_per_second)
        period = np.maximum(waits[:, None, :], table.cycles.max(axis=1)[:, None])
        period = np.where(fits & (blocks <= board.bram18), period, NEVER)[chosen, :, : most + 1]
        place = np.unravel_index(int(period.argmin()), period.shape)
        if period[place] < NEVER:
            number, row, first = every[chosen[int(place[0])]], int(place[1]), int(place[2])
            stages = [
                Stage(layer, int(c), int(k), 1 if i < first else band_of(layer, number), i < first)
                for i, (layer, c, k) in enumerate(
                    zip(layers, table.cpf[row], table.kpf[row], strict=True)
                )
            ]
            found.append(_design("pipeline", stages, layers, board, bits, batch))
    if not found:
        raise TilefoldError(f"{board.name} has too few resources for {len(layers)} stages")
    return smallest_near_best(found, slack)


def by_resident(buffers: Buffers, batch: int) -> tuple[IntArray, IntArray]:
    """Blocks by bands, times and how many of the first stages hold all their weights, and bytes of
    weights by bands and that number."""
    kept = upto(batch * buffers.cache[0] + buffers.resident)
    rest = batch * buffers.cache + buffers.streamed
    return kept + onward(rest), onward(buffers.moved)


def upto(values: IntArray) -> IntArray:
    """Sums of the first 0, 1, ... values along the last axis."""
    zero = np.zeros_like(values[..., :1])
    return np.concatenate((zero, np.cumsum(values, axis=-1)), axis=-1)


def onward(values: IntArray) -> IntArray:
    """Along the last axis the sums of all values from the first, second, ... on, and 0."""
    return values.sum(axis=-1, keepdims=True) - upto(values)
