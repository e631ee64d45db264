"""A generic unit: one engine that runs layer after layer, from DRAM to DRAM.

All engines of a space, CPF x KPF multipliers with buffers of inputs and of weights, are evaluated
at once; each layer then takes the better of its dataflows, and of direct and Winograd convolution
where the engine has both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ...costmodel.fpga import (
    CONTROLLER_DSP,
    OUTPUT_WORDS,
    WINOGRAD_KERNEL,
    ConvLayer,
    UnitTraffic,
    mac_cycles,
    mac_dsp,
    memory_cycles,
    unit_bram,
    unit_traffic,
    winograd_cycles,
)
from ...costmodel.integers import IntArray, ceil_div
from ...errors import TilefoldError
from ..boards import Board
from .design import BATCHES, SLACK, Design, Grid, LayerUse, smallest_near_best, total_macs

NEVER: Final = 1 << 50
"""Cycles of a layer that does not fit; a network of them can still be summed."""
SPLITS: Final = 32
"""CPF and KPF that are tried cut the most channels into at most so many parts, or are powers of
two."""
INPUT_WORDS: Final = tuple(512 << e for e in range(7))
WEIGHT_WORDS: Final = tuple(512 << e for e in range(4))
"""Depths of buffers that are tried; 512 words are a block of RAM at its widest."""
MULTIPLIERS: Final = 1 << 14
"""The most of an engine."""
WINOGRAD_TILES: Final = (4, 6)
"""PT of F(2 x 2, 3 x 3) and F(4 x 4, 3 x 3), HybridDNN's (as recalled, unsourced)."""


@dataclass(frozen=True)
class Engines:
    """Engines, one an entry of every array; `tile` is Winograd's PT, 0 without."""

    cpf: IntArray
    kpf: IntArray
    tile: IntArray
    input_words: IntArray
    weight_words: IntArray
    dsp: IntArray
    bram18: IntArray

    def pick(self, chosen: IntArray) -> "Engines":
        """The engines at these places."""
        return Engines(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def within(self, board: Board) -> "Engines":
        """Those that a board has room for."""
        return self.pick(np.flatnonzero((self.dsp <= board.dsp) & (self.bram18 <= board.bram18)))


def factors(most: int, *, powers: bool = False) -> IntArray:
    """Numbers of channels a cycle that are worth trying for layers of up to `most` channels."""
    found = {1 << e for e in range(most.bit_length())}
    if not powers:
        found |= {-(-most // parts) for parts in range(1, SPLITS + 1)}
    return np.array(sorted(found), dtype=np.int64)


def engines(
    layers: Sequence[ConvLayer], bits: int, *, powers: bool = False, winograd: bool = False
) -> Engines:
    """The engines that are tried for a network; they do not depend on the board.

    One that has Winograd's transforms uses PI PT x PO PT multipliers for direct convolutions, as
    HybridDNN's does (as recalled, unsourced). Its transforms need adders alone.
    """
    channels = factors(max(layer.c for layer in layers), powers=powers)
    kernels = factors(max(layer.k for layer in layers), powers=powers)
    grids = [
        np.meshgrid(
            channels * max(tile, 1), kernels * max(tile, 1), tile, INPUT_WORDS, WEIGHT_WORDS
        )
        for tile in (WINOGRAD_TILES if winograd else (0,))
    ]
    cpf, kpf, tile, inputs, weights = (
        np.concatenate([grid[axis].ravel() for grid in grids]).astype(np.int64) for axis in range(5)
    )
    even = 2 - any(layer.k % 2 for layer in layers)
    dsp = mac_dsp(cpf, kpf, kernels=even, act_bits=bits) + CONTROLLER_DSP
    every = Engines(
        cpf, kpf, tile, inputs, weights, dsp, unit_bram(cpf, kpf, inputs, weights, bits=bits)
    )
    return every.pick(np.flatnonzero(cpf * kpf <= MULTIPLIERS))


@dataclass(frozen=True)
class Way:
    """A way to run each layer (columns) on each engine (rows): cycles of the multipliers for a
    batch, and bytes; `NEVER` and 0 where it is impossible. `inputs_stay` says which dataflow it
    is."""

    name: str
    compute: IntArray
    moved: IntArray
    inputs_stay: IntArray


def ways(layers: Sequence[ConvLayer], space: Engines, batch: int, bits: int) -> list[Way]:
    """Every way to run the layers: direct convolution, and Winograd where an engine has it."""
    found = [_way("direct", layers, space, batch, bits)]
    if (space.tile > 0).any():
        found.append(_way("Winograd", layers, space, batch, bits))
    return found


def _way(name: str, layers: Sequence[ConvLayer], space: Engines, batch: int, bits: int) -> Way:
    known: dict[ConvLayer, tuple[IntArray, IntArray, IntArray]] = {}
    columns: list[tuple[IntArray, IntArray, IntArray]] = []
    for layer in layers:
        shape = replace(layer, name="")
        if shape not in known:
            evaluate = _direct if name == "direct" else _winograd
            cycles, traffic = evaluate(shape, space, batch, bits)
            least = traffic.least
            fits = (least >= 0) & (cycles < NEVER)
            known[shape] = (
                np.where(fits, batch * cycles, NEVER),
                np.where(fits, least, 0),
                traffic.inputs_stay == least,
            )
        columns.append(known[shape])
    return Way(name, *(np.stack([column[i] for column in columns], axis=1) for i in range(3)))


def _direct(
    layer: ConvLayer, space: Engines, batch: int, bits: int
) -> tuple[IntArray, UnitTraffic]:
    traffic = unit_traffic(
        layer,
        cpf=space.cpf,
        kpf=space.kpf,
        input_words=space.input_words,
        weight_words=space.weight_words,
        batch=batch,
        bits=bits,
    )
    return mac_cycles(layer, space.cpf, space.kpf), traffic


def _winograd(
    layer: ConvLayer, space: Engines, batch: int, bits: int
) -> tuple[IntArray, UnitTraffic]:
    """F(m x m, 3 x 3) of the parts of a window, each padded to 3 x 3."""
    cycles = np.full_like(space.cpf, NEVER)
    stay = np.full((2, *space.cpf.shape), -1, dtype=np.int64)
    parts = -(-layer.kh // WINOGRAD_KERNEL) * -(-layer.kw // WINOGRAD_KERNEL)
    for tile in WINOGRAD_TILES if layer.stride == 1 else ():
        chosen = np.flatnonzero(space.tile == tile)
        those = space.pick(chosen)
        pi, po = those.cpf // tile, those.kpf // tile
        cycles[chosen] = winograd_cycles(layer, pi, po, tile)
        traffic = unit_traffic(
            layer,
            cpf=those.cpf,
            kpf=po,
            input_words=those.input_words,
            weight_words=those.weight_words,
            batch=batch,
            bits=bits,
            kernel_words=ceil_div(layer.c, pi) * parts,
            weight_scale=parts * tile**2 / (layer.kh * layer.kw),
        )
        stay[:, chosen] = traffic.weights_stay, traffic.inputs_stay
    return cycles, UnitTraffic(stay[0, :], stay[1, :])


def layer_cycles(found: Sequence[Way], hz: int, bytes_per_second: int) -> tuple[IntArray, IntArray]:
    """Cycles of every layer on every engine the best way, and which way that is.

    Multipliers and DRAM work at the same time: the longer one counts. The first tile's load is left
    out.
    """
    times = [
        np.maximum(way.compute, memory_cycles(way.moved, hz, bytes_per_second)) for way in found
    ]
    return np.minimum.reduce(times), np.argmin(np.stack(times), axis=0)


def generic(
    layers: Sequence[ConvLayer],
    board: Board,
    *,
    bits: int = 16,
    powers: bool = False,
    winograd: bool = False,
    batches: Sequence[int] = BATCHES,
    slack: float = SLACK,
) -> Design:
    """The best generic unit over engines and batches; `powers`: CPF and KPF are powers of two.

    Raises TilefoldError where no engine fits.
    """
    space = engines(layers, bits, powers=powers, winograd=winograd).within(board)
    found: list[Design] = []
    for batch in batches if space.cpf.size else ():
        all_ways = ways(layers, space, batch, bits)
        cycles, _ = layer_cycles(all_ways, board.hz, board.dram_bytes_per_second)
        # Of equally fast engines the one with the fewest DSPs, then blocks.
        best = int(np.lexsort((space.bram18, space.dsp, cycles.sum(axis=1)))[0])
        if int(cycles[best].max()) < NEVER:
            found.append(generic_design(layers, board, space, best, all_ways, batch, bits))
    if not found:
        raise TilefoldError(f"{board.name} has room for no generic unit that runs every layer")
    return smallest_near_best(found, slack)


def generic_design(
    layers: Sequence[ConvLayer],
    board: Board,
    space: Engines,
    engine: int,
    found: Sequence[Way],
    batch: int,
    bits: int,
) -> Design:
    """What one engine comes to."""
    uses, moved = layer_uses(layers, space, engine, found, board.hz, board.dram_bytes_per_second)
    period = sum(use.cycles for use in uses)
    return Design(
        paradigm="generic",
        board=board,
        bits=bits,
        batch=batch,
        period=period,
        latency=period,
        dsp=int(space.dsp[engine]),
        bram18=int(space.bram18[engine]),
        dram_bytes=moved,
        macs=total_macs(layers),
        layers=uses,
        grids=(unit_grid(space, engine),),
        data_bytes=unit_data_bytes(space, engine, bits),
        weight_bytes=unit_weight_bytes(space, engine, bits),
    )


def unit_grid(space: Engines, engine: int) -> Grid:
    """One array, all of whose weights are read in a cycle."""
    cpf, kpf = int(space.cpf[engine]), int(space.kpf[engine])
    return Grid("unit", 1, cpf, kpf, cpf)


def unit_data_bytes(space: Engines, engine: int, bits: int) -> int:
    """What an engine's buffers of inputs and outputs hold."""
    words = int(space.cpf[engine] * space.input_words[engine] + space.kpf[engine] * OUTPUT_WORDS)
    return words * bits // 8


def unit_weight_bytes(space: Engines, engine: int, bits: int) -> int:
    """What an engine's buffer of weights holds."""
    return int(space.cpf[engine] * space.kpf[engine] * space.weight_words[engine]) * bits // 8


def layer_uses(
    layers: Sequence[ConvLayer],
    space: Engines,
    engine: int,
    found: Sequence[Way],
    hz: int,
    bytes_per_second: int,
    first: int = 0,
) -> tuple[tuple[LayerUse, ...], int]:
    """How the layers from the `first` on run on one engine, and the bytes that they move."""
    cycles, which = layer_cycles(found, hz, bytes_per_second)
    cpf, kpf = int(space.cpf[engine]), int(space.kpf[engine])
    uses: list[LayerUse] = []
    moved = 0
    for place in range(first, len(layers)):
        way = found[int(which[engine, place])]
        stays = "inputs" if way.inputs_stay[engine, place] else "weights"
        own = int(cycles[engine, place])
        bound = "memory" if own > int(way.compute[engine, place]) else "compute"
        name = f"{cpf} x {kpf}, {way.name}, {stays} stay"
        uses.append(LayerUse(layers[place].name, name, own, bound))
        moved += int(way.moved[engine, place])
    return tuple(uses), moved
