"""A hybrid, DNNExplorer's paradigm: stages for the first SP layers, a generic unit for the rest.

Both work at the same time, on batches that follow one another. The search is exhaustive over
DNNExplorer's vector [SP, batch, DSPs, block RAM and bandwidth of the pipeline] (as recalled,
unsourced; there a particle swarm): every SP and batch, every time of the slowest stage, which says
how many DSPs and blocks the stages take, every sixteenth of the bandwidth, and every engine that
fits in what is left.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ...costmodel.fpga import CONTROLLER_DSP, ConvLayer, memory_cycles
from ...costmodel.integers import IntArray
from ...errors import TilefoldError
from ..boards import Board
from .design import BATCHES, SLACK, Bound, Design, LayerUse, smallest_near_best, total_macs
from .generic import (
    NEVER,
    Engines,
    Way,
    engines,
    layer_cycles,
    layer_uses,
    unit_data_bytes,
    unit_grid,
    unit_weight_bytes,
    ways,
)
from .pipeline import (
    COLUMN,
    Buffers,
    Stage,
    StageTable,
    pipeline_latency,
    stage_buffers,
    stage_data_bytes,
    stage_grids,
    stage_table,
    stage_weight_bytes,
    upto,
)

SHARES: Final = 16
"""Bandwidth is divided in parts of this size."""


@dataclass(frozen=True)
class _Choice:
    """A hybrid that was found: `row` of the stages' table, weights `resident` on chip or fetched
    for every column, sixteenths of the bandwidth (`share`) for the stages, and the engine."""

    period: int
    stages: int
    row: int
    resident: bool
    share: int
    engine: int


def hybrid(
    layers: Sequence[ConvLayer],
    board: Board,
    *,
    bits: int = 16,
    powers: bool = False,
    resident: bool = True,
    batches: Sequence[int] = BATCHES,
    slack: float = SLACK,
) -> Design:
    """The best hybrid with at least one stage and one layer on the generic unit.

    `powers`: all parallelism is in powers of two. `resident`: the stages' weights may be on chip,
    not only fetched for every column. What is tried does not depend on the board, so a larger board
    never gets a worse design.

    Raises TilefoldError where none fits.
    """
    table = stage_table(layers, bits, powers=powers)
    buffers = stage_buffers(layers, table, bits, (COLUMN,))
    space = engines(layers, bits, powers=powers).within(board)
    space = space.pick(np.argsort(space.dsp, kind="stable"))
    found: list[Design] = []
    for batch in batches if space.cpf.size else ():
        search = _Search(layers, board, bits, batch, table, buffers, space)
        if choice := search.best((False, True) if resident else (False,)):
            found.append(search.design(choice))
    if not found:
        raise TilefoldError(f"{board.name} has room for no hybrid of {len(layers)} layers")
    return smallest_near_best(found, slack)


class _Search:
    """Hybrids for one batch."""

    def __init__(
        self,
        layers: Sequence[ConvLayer],
        board: Board,
        bits: int,
        batch: int,
        table: StageTable,
        buffers: Buffers,
        space: Engines,
    ) -> None:
        self.layers, self.board, self.bits, self.batch = layers, board, bits, batch
        self.table, self.space = table, space
        self.ways: list[Way] = ways(layers, space, batch, bits)
        self.tails = np.stack([self._tails(SHARES - share) for share in range(1, SHARES)], axis=1)
        size = -(-bits // 8)
        self.ends = np.array([batch * size * (layers[0].inputs + each.outputs) for each in layers])
        # By number of stages, from one on; of each row of the table.
        self.slowest = np.maximum.accumulate(table.cycles, axis=1)
        controllers = CONTROLLER_DSP * np.arange(1, len(layers) + 1)
        self.dsp = batch * upto(table.dsp)[:, 1:] + controllers
        self.blocks = {
            kept: upto(batch * buffers.cache[0] + weights)[:, 1:]
            for kept, weights in ((False, buffers.streamed), (True, buffers.resident))
        }
        moved = upto(buffers.moved[0])[1:]
        self.moved = {False: moved + self.ends, True: self.ends}

    def _tails(self, shares: int) -> IntArray:
        """Cycles of the layers from each on, on every engine with so many shares of bandwidth."""
        cycles, _ = layer_cycles(
            self.ways, self.board.hz * SHARES, self.board.dram_bytes_per_second * shares
        )
        return np.cumsum(cycles[:, ::-1], axis=1)[:, ::-1]

    def best(self, kinds: Sequence[bool]) -> _Choice | None:
        """The hybrid with the shortest period."""
        found: _Choice | None = None
        for stages in range(1, len(self.layers)):
            for kept in kinds:
                found = self._best_rows(stages, kept, found)
        return found

    def _best_rows(self, stages: int, kept: bool, found: _Choice | None) -> _Choice | None:
        """The better of `found` and the best hybrid with so many stages."""
        slowest = self.slowest[:, stages - 1]
        dsp = self.board.dsp - self.dsp[:, stages - 1]
        blocks = self.board.bram18 - self.blocks[kept][:, stages - 1]
        waits = np.array(
            [
                int(memory_cycles(self.moved[kept][stages - 1], self.board.hz * SHARES, supply))
                for share in range(1, SHARES)
                if (supply := self.board.dram_bytes_per_second * share)
            ]
        )
        # No engine within the DSPs that are left is faster, however many blocks it takes.
        place = np.searchsorted(self.space.dsp, dsp, side="right") - 1
        fastest = np.minimum.accumulate(self.tails[:, :, stages], axis=0)
        least = np.maximum(fastest, waits).min(axis=1)[place]
        possible = (place >= 0) & (blocks > 0)
        bound = np.where(possible, np.maximum(slowest, least), NEVER)
        for row in np.argsort(bound, kind="stable"):
            if bound[row] >= (found.period if found else NEVER):
                break
            fits = np.flatnonzero(self.space.bram18[: place[row] + 1] <= blocks[row])
            if not fits.size:
                continue
            tails = self.tails[fits, :, stages]
            period = np.maximum(np.maximum(tails, waits), slowest[row])
            best = int(period.argmin())
            shortest = int(period.flat[best])
            if shortest < (found.period if found else NEVER):
                engine, share = divmod(best, SHARES - 1)
                found = _Choice(shortest, stages, int(row), kept, share + 1, int(fits[engine]))
        return found

    def design(self, choice: _Choice) -> Design:
        """What a choice comes to."""
        table, count, row = self.table, choice.stages, choice.row
        stages = [
            Stage(layer, int(cpf), int(kpf), 1, choice.resident)
            for layer, cpf, kpf in zip(
                self.layers[:count], table.cpf[row], table.kpf[row], strict=False
            )
        ]
        cycles = [int(own) for own in table.cycles[row, :count]]
        bandwidth = self.board.dram_bytes_per_second
        waits = int(
            memory_cycles(
                self.moved[choice.resident][count - 1],
                self.board.hz * SHARES,
                bandwidth * choice.share,
            )
        )
        uses, moved = layer_uses(
            self.layers,
            self.space,
            choice.engine,
            self.ways,
            self.board.hz * SHARES,
            bandwidth * (SHARES - choice.share),
            count,
        )
        tail = sum(use.cycles for use in uses)
        head = max(*cycles, waits)

        def bound(own: int) -> Bound:
            if waits == choice.period:
                return "memory"
            return "compute" if own == choice.period else "balance"

        staged = tuple(
            LayerUse(stage.layer.name, f"stage, {stage.cpf} x {stage.kpf}", own, bound(own))
            for stage, own in zip(stages, cycles, strict=True)
        )
        return Design(
            paradigm="hybrid",
            board=self.board,
            bits=self.bits,
            batch=self.batch,
            period=choice.period,
            latency=pipeline_latency(stages, cycles, head) + tail,
            dsp=int(self.dsp[row, count - 1] + self.space.dsp[choice.engine]),
            bram18=int(
                self.blocks[choice.resident][row, count - 1] + self.space.bram18[choice.engine]
            ),
            dram_bytes=int(self.moved[choice.resident][count - 1]) + moved,
            macs=total_macs(self.layers),
            layers=staged + uses,
            grids=(*stage_grids(stages, self.batch), unit_grid(self.space, choice.engine)),
            data_bytes=stage_data_bytes(stages, self.batch, self.bits)
            + unit_data_bytes(self.space, choice.engine, self.bits),
            weight_bytes=stage_weight_bytes(stages, self.bits)
            + unit_weight_bytes(self.space, choice.engine, self.bits),
        )
