"""A weight-stationary array simulated register by register, cycle by cycle.

The array is a grid of rows x cols multipliers. Activations enter at the left edge, row r one cycle
after row r - 1, and step one column right a cycle; sums enter as zero at the top, step one row down
a cycle and leave into the accumulators below. Each multiplier holds one weight per plane. A plane
fills row by row, `rows_per_cycle` a cycle, and the weights travel through the grid as the
activations do, so that a weight arrives just before the first activation that needs it.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
Spot = tuple[int, int]
Tag = tuple[int, int]


@dataclass(frozen=True)
class Grid:
    """The array: its size, its weight planes and fill rate, the lines of its accumulators."""

    rows: int
    cols: int
    planes: int
    rows_per_cycle: int
    lines: int


@dataclass(frozen=True)
class Pass:
    """One tile: which pixels, output channels and window elements it covers (-1: padding)."""

    pixels: tuple[int, ...]
    outputs: tuple[int, ...]
    inputs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Outcome:
    """Cycles until the last pass has streamed, until the last sum has landed, and the sums."""

    streamed: int
    landed: int
    sums: IntArray


def equal_cuts(size: int, limit: int) -> list[tuple[int, ...]]:
    """0..size-1 in as few runs of at most `limit` as possible, all made as long as the longest."""
    count = -(-size // limit)
    length = -(-size // count)
    return [
        tuple(i if i < size else -1 for i in range(n * length, (n + 1) * length))
        for n in range(count)
    ]


def list_passes(grid: Grid, pixels: int, outputs: int, channels: int, window: int) -> list[Pass]:
    """The passes in order: output channels, chunks of pixels, then what is summed over."""
    return [
        Pass(chunk, columns, tuple((tap, c) for c in rows))
        for columns in equal_cuts(outputs, grid.cols)
        for chunk in equal_cuts(pixels, grid.lines)
        for tap in range(window)
        for rows in equal_cuts(channels, grid.rows)
    ]


class Simulation:
    """The registers of the grid, and the sequencer that fills and streams pass after pass.

    Activations x are [pixel, window element, channel], weights w [output, window element, channel].
    Each activation carries its tag, (pass, position among the pixels of the pass).
    """

    def __init__(self, grid: Grid, passes: list[Pass], x: IntArray, w: IntArray) -> None:
        self.grid, self.passes, self.x, self.w = grid, passes, x, w
        spots = [(r, c) for r in range(grid.rows) for c in range(grid.cols)]
        self.activations: dict[Spot, tuple[Tag, int]] = {}
        self.sums: dict[Spot, tuple[Tag, int]] = {}
        self.weights = {(spot, plane): (-1, 0) for spot in spots for plane in range(grid.planes)}
        self.entering: dict[tuple[int, int], tuple[Tag, int]] = {}
        self.arriving: dict[int, list[tuple[Spot, int, int]]] = defaultdict(list)
        self.results = np.zeros((x.shape[0], w.shape[0]), dtype=np.int64)
        self.landed = 0

    def run(self) -> Outcome:
        """Run until every pass has streamed and every sum has landed."""
        filling, filled, fill_left = 0, 0, 0
        streaming = position = streamed = cycle = 0
        while self.landed < len(self.passes):
            if fill_left == 0 and filling < len(self.passes) and self._is_free(filling, streaming):
                fill_left = self._fill(filling, cycle)
                filling += 1
            if streaming < filled:
                self._enter(streaming, position, cycle)
                position += 1
                if position == len(self.passes[streaming].pixels):
                    streaming, position, streamed = streaming + 1, 0, cycle + 1
            self._step(cycle)
            if fill_left:
                fill_left -= 1
                filled = filling if fill_left == 0 else filled
            cycle += 1
        return Outcome(streamed, cycle, self.results)

    def _is_free(self, number: int, streaming: int) -> bool:
        """Whether the plane for a pass is free: unused by streams, or, if alone, by anything."""
        return self.landed == number if self.grid.planes == 1 else streaming >= number - 1

    def _fill(self, number: int, cycle: int) -> int:
        tile = self.passes[number]
        for r in range(self.grid.rows):
            for c in range(self.grid.cols):
                tap, channel = tile.inputs[r] if r < len(tile.inputs) else (0, -1)
                output = tile.outputs[c] if c < len(tile.outputs) else -1
                real = channel >= 0 and output >= 0
                value = int(self.w[output, tap, channel]) if real else 0
                self.arriving[cycle + r + c].append(((r, c), number, value))
        return -(-len(tile.inputs) // self.grid.rows_per_cycle)

    def _enter(self, number: int, position: int, cycle: int) -> None:
        tile = self.passes[number]
        pixel = tile.pixels[position]
        for r in range(self.grid.rows):
            tap, channel = tile.inputs[r] if r < len(tile.inputs) else (0, -1)
            real = channel >= 0 and pixel >= 0
            value = int(self.x[pixel, tap, channel]) if real else 0
            self.entering[cycle + r, r] = ((number, position), value)

    def _step(self, cycle: int) -> None:
        """One clock: weights arrive, activations step right, sums step down or land."""
        for spot, number, value in self.arriving.pop(cycle, []):
            self.weights[spot, number % self.grid.planes] = (number, value)
        moved = {(r, c + 1): held for (r, c), held in self.activations.items()}
        for r in range(self.grid.rows):
            if held := self.entering.pop((cycle, r), None):
                moved[r, 0] = held
        self.activations = {spot: held for spot, held in moved.items() if spot[1] < self.grid.cols}
        sums: dict[Spot, tuple[Tag, int]] = {}
        for (r, c), (tag, value) in self.activations.items():
            owner, weight = self.weights[(r, c), tag[0] % self.grid.planes]
            above_tag, above = self.sums[r - 1, c] if r else (tag, 0)
            assert owner == tag[0], "a weight was overwritten or came late"
            assert above_tag == tag, "a sum met the activation of another"
            sums[r, c] = (tag, above + weight * value)
        self.sums = sums
        for c in range(self.grid.cols):
            if landing := sums.get((self.grid.rows - 1, c)):
                self._land(*landing, c)

    def _land(self, tag: Tag, value: int, c: int) -> None:
        tile = self.passes[tag[0]]
        pixel = tile.pixels[tag[1]]
        if pixel >= 0 and c < len(tile.outputs) and tile.outputs[c] >= 0:
            self.results[pixel, tile.outputs[c]] += value
        if c == self.grid.cols - 1 and tag[1] == len(tile.pixels) - 1:
            self.landed += 1
