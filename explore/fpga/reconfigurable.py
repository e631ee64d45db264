"""A group of equal units that joins anew for every layer.

The units are arrays that keep weights, as those of `machines/`; for each layer they chain over
input channels, spread over output channels and over pixels (a fold) and work in one of two modes.
Cycles are those of `costmodel.array`, what the emulator charges. Memories are shared by all
units: half of the data is for inputs and half for outputs, and a tensor that fits there need not
leave the chip.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from ...costmodel.array import conv_cost
from ...costmodel.dataflow import Factors
from ...costmodel.fpga import (
    CONTROLLER_DSP,
    ConvLayer,
    bram18,
    mac_dsp,
    memory_cycles,
    unit_traffic,
)
from ...costmodel.integers import IntArray, as_array
from ...errors import TilefoldError
from ...machines.model import Accumulator, Array, Local, Mode
from ..boards import Board
from .design import BATCHES, SLACK, Bound, Design, Grid, LayerUse, smallest_near_best, total_macs
from .generic import NEVER

SIDES: Final = (8, 16, 32, 64)
"""Rows and columns of a unit that are tried."""
UNITS: Final = (*range(1, 33), 40, 48, 56, 64, 80)
"""Numbers of units that are tried."""
MULTIPLIERS: Final = 1 << 14
"""The most of a group."""
WIDEST: Final = 8
"""Bits of a machine's numbers."""
DATA_WORDS: Final = tuple(512 << e for e in range(6))
WEIGHT_WORDS: Final = tuple(512 << e for e in range(6))
"""Depths of a unit's share of the memories that are tried."""
LINES: Final = 512
HOP_CYCLES: Final = 1
SWITCH_CYCLES: Final = 16
"""Lines of accumulators, cycles along a chain and of a change of configuration: as `dna_a600`, of
which the last two are assumed there."""
MODES: Final = (("dense", ("C",)), ("window", ("C", "FY", "FX")))
"""What the rows of a unit take; its columns take output channels."""


def unit_array(grid: Grid) -> Array:
    """The array class of a grid, as its machine file has it.

    Each place makes a product in a cycle. A machine's numbers have at most 8 bits, whatever the
    design's have.
    """
    modes = tuple(
        Mode(f"{grid.name}_{name}", (("y", rows), ("x", ("K",))), "W", False, "", SOURCE)
        for name, rows in MODES
    )
    return Array(
        name=grid.name,
        count=grid.count,
        axes=(("y", grid.rows), ("x", grid.cols)),
        precisions=((WIDEST, WIDEST, 1),),
        feed="broadcast",
        span="all",
        locals=(Local(f"{grid.name}_w", "W", "y", 2, grid.load_rows, "used", "tile", SOURCE),),
        accumulator=Accumulator(f"{grid.name}_o", LINES, 32, 2, SOURCE),
        modes=modes,
        src=SOURCE,
    )


SOURCE: Final = "a design of tilefold.explore.fpga"


def fold_factors(units: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Lengths of chains and spreads over output channels, and spreads over pixels."""
    divisors = {n for n in range(1, units + 1) if units % n == 0}
    powers = {1 << e for e in range(units.bit_length())}
    return tuple(sorted(divisors | powers)), tuple(range(1, units + 1))[:64]


def _folds(units: int) -> Factors:
    channels, pixels = fold_factors(units)
    found = [
        (chain, cols, spread, 1)
        for chain in channels
        for cols in channels
        for spread in pixels
        if chain * cols * spread <= units
    ]
    return Factors(*np.array(found, np.int64).T)


@dataclass(frozen=True)
class _Group:
    """Units of one size and number: `cycles` of an image by layer and by fold and mode."""

    grid: Grid
    folds: Factors
    cycles: IntArray


def _group(layers: Sequence[ConvLayer], rows: int, cols: int, units: int) -> _Group:
    grid = Grid("unit", units, rows, cols, 1, folds=True)
    array, folds = unit_array(grid), _folds(units)
    known: dict[ConvLayer, IntArray] = {}
    table: list[IntArray] = []
    for layer in layers:
        shape = replace(layer, name="", pool=1)
        if shape not in known:
            costs = [
                conv_cost(
                    array,
                    mode,
                    folds,
                    rows=layer.rows,
                    cols=layer.cols,
                    k=layer.k,
                    c=layer.c,
                    kh=layer.kh,
                    kw=layer.kw,
                    act_bits=WIDEST,
                    wgt_bits=WIDEST,
                    hop_cycles=HOP_CYCLES,
                    drain_lanes=units * cols,
                )
                for mode in range(len(MODES))
            ]
            known[shape] = np.concatenate([as_array(c.occupancy) + c.latency for c in costs])
        table.append(known[shape])
    return _Group(grid, folds, np.stack(table))


@dataclass(frozen=True)
class _Memories:
    """Memories that are tried with a group: words of a unit's data and weights, and blocks."""

    data: IntArray
    weights: IntArray
    bram18: IntArray


def _memories(grid: Grid, bits: int) -> _Memories:
    data, weights = (each.ravel() for each in np.meshgrid(DATA_WORDS, WEIGHT_WORDS))
    each = bram18(grid.rows * bits, data) + bram18(grid.cols * bits, weights)
    sums = bram18(grid.cols * 32, 2 * LINES)
    return _Memories(data, weights, grid.count * (each + sums))


def _moved(
    layers: Sequence[ConvLayer], grid: Grid, memories: _Memories, batch: int, bits: int, keep: bool
) -> IntArray:
    """Bytes that each layer (columns) moves with each of the memories (rows); -1: impossible."""
    size = -(-bits // 8)
    half = grid.count * memories.data // 2
    columns: list[IntArray] = []
    kept = np.zeros_like(half, dtype=bool)
    known: dict[ConvLayer, IntArray] = {}
    for layer in layers:
        shape = replace(layer, name="")
        if shape not in known:
            known[shape] = unit_traffic(
                shape,
                cpf=grid.rows,
                kpf=grid.cols,
                input_words=half,
                weight_words=grid.count * memories.weights // grid.rows,
                batch=batch,
                bits=bits,
            ).least
        traffic = known[shape]
        outputs = batch * layer.outputs * size
        stays = keep & (batch * layer.outputs <= half * grid.rows) & (layer is not layers[-1])
        # The input is on the chip already: weights pass by once.
        passing = np.where(traffic < 0, -1, layer.weights * size + outputs)
        moved = np.where(kept, passing, traffic)
        columns.append(np.where(stays & (moved >= 0), moved - outputs, moved))
        kept = stays
    return np.stack(columns, axis=1)


def reconfigurable(
    layers: Sequence[ConvLayer],
    board: Board,
    *,
    bits: int = 16,
    folding: bool = True,
    keep: bool = True,
    batches: Sequence[int] = BATCHES,
    slack: float = SLACK,
) -> Design:
    """The best group of units over sizes, numbers, memories and batches.

    Every layer takes its best fold and mode and is charged a switch of configuration; with
    `folding` false all layers share the best single one. `keep`: tensors that fit stay on the chip
    between layers. The accumulators' results leave through as many lanes as there are columns,
    which, like the other designs' rounding and clamping, take no DSPs.

    Raises TilefoldError where none fits.
    """
    found: dict[int, tuple[int, Design]] = {}
    for rows, cols, units in _sizes(layers, board, bits):
        group = _group(layers, rows, cols, units)
        memories = _memories(group.grid, bits)
        room = np.flatnonzero(memories.bram18 <= board.bram18)
        if not room.size:
            continue
        for batch in batches:
            moved = _moved(layers, group.grid, memories, batch, bits, keep)[room]
            waits = memory_cycles(moved, board.hz, board.dram_bytes_per_second)
            waits = np.where(moved >= 0, waits, NEVER)
            compute, folds = _compute(group, waits, batch, folding)
            total = np.maximum(compute, waits).sum(axis=1)
            best = int(np.lexsort((memories.bram18[room], total))[0])
            period = int(total[best])
            if period < NEVER and (batch not in found or period < found[batch][0]):
                place = int(room[best])
                run = _Run(group, memories, place, batch, bits, compute[best], folds[best])
                found[batch] = period, run.design(layers, board, moved[best], waits[best])
    if not found:
        raise TilefoldError(f"{board.name} has room for no group of units")
    return smallest_near_best([design for _, design in found.values()], slack)


def _sizes(layers: Sequence[ConvLayer], board: Board, bits: int) -> list[tuple[int, int, int]]:
    """Rows and columns of units, and their number, that the board has DSPs for."""
    return [
        (rows, cols, units)
        for rows in SIDES
        for cols in SIDES
        for units in UNITS
        if rows * cols * units <= MULTIPLIERS and _dsp(layers, rows, cols, units, bits) <= board.dsp
    ]


def _dsp(layers: Sequence[ConvLayer], rows: int, cols: int, units: int, bits: int) -> int:
    even = 2 - any(layer.k % 2 for layer in layers)
    return units * (int(mac_dsp(rows, cols, kernels=even, act_bits=bits)) + CONTROLLER_DSP)


def _compute(
    group: _Group, waits: IntArray, batch: int, folding: bool
) -> tuple[IntArray, IntArray]:
    """Cycles of every layer (columns) with each of the memories (rows), and its fold and mode."""
    if folding:
        folds = group.cycles.argmin(axis=1)
        least = batch * group.cycles.min(axis=1) + SWITCH_CYCLES
        return np.broadcast_to(least, waits.shape), np.broadcast_to(folds, waits.shape)
    times = [np.maximum(batch * group.cycles.T, each).sum(axis=1).argmin() for each in waits]
    folds = np.array(times)
    return batch * group.cycles.T[folds], np.broadcast_to(folds[:, None], waits.shape)


@dataclass(frozen=True)
class _Run:
    """A group with memories, and how the layers of a batch run on it."""

    group: _Group
    memories: _Memories
    place: int
    batch: int
    bits: int
    compute: IntArray
    folds: IntArray

    def design(
        self, layers: Sequence[ConvLayer], board: Board, moved: IntArray, waits: IntArray
    ) -> Design:
        """What it comes to."""
        grid, memories = self.group.grid, self.memories
        uses = tuple(
            self._use(layer, int(fold), int(compute), int(wait))
            for layer, fold, compute, wait in zip(
                layers, self.folds, self.compute, waits, strict=True
            )
        )
        period = sum(use.cycles for use in uses)
        return Design(
            paradigm="reconfigurable",
            board=board,
            bits=self.bits,
            batch=self.batch,
            period=period,
            latency=period,
            dsp=_dsp(layers, grid.rows, grid.cols, grid.count, self.bits),
            bram18=int(memories.bram18[self.place]),
            dram_bytes=int(moved.sum()),
            macs=total_macs(layers),
            layers=uses,
            grids=(grid,),
            data_bytes=grid.count * grid.rows * int(memories.data[self.place]) * self.bits // 8,
            weight_bytes=grid.count
            * grid.cols
            * int(memories.weights[self.place])
            * self.bits
            // 8,
        )

    def _use(self, layer: ConvLayer, fold: int, compute: int, wait: int) -> LayerUse:
        factors = self.group.folds
        mode, place = divmod(fold, len(as_array(factors.chain)))
        chain, cols, pixels = (
            int(as_array(each)[place]) for each in (factors.chain, factors.cols, factors.pixels)
        )
        grid = self.group.grid
        name = (
            f"{grid.count} of {grid.rows} x {grid.cols}, chain {chain}, cols {cols}, "
            f"pixels {pixels}, {MODES[mode][0]}"
        )
        bound: Bound = "memory" if wait > compute else "compute"
        return LayerUse(layer.name, name, max(compute, wait), bound)
