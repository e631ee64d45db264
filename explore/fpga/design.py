"""A design for a board: what it uses, how fast it is, and what holds each layer back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ...costmodel.fpga import ConvLayer
from ..boards import Board

Bound = Literal["compute", "memory", "balance"]

BATCHES: Final = (1, 2, 4, 8, 16, 32)
"""Images at a time; 32 are AccDNN's most (its README)."""

SLACK: Final = 0.02
"""A larger batch is taken only where it is worth more than this share of the throughput."""


@dataclass(frozen=True)
class LayerUse:
    """How a layer runs: `unit` is the hardware it has, `cycles` those of a whole batch.

    `bound` is what holds it back: its multipliers ("compute"), DRAM ("memory"), or, in a pipeline,
    another stage ("balance").
    """

    name: str
    unit: str
    cycles: int
    bound: Bound


@dataclass(frozen=True)
class Grid:
    """`count` equal arrays of `rows` input channels by `cols` output channels, into which
    `load_rows` rows of weights go in a cycle; `folds` says whether they join into groups."""

    name: str
    count: int
    rows: int
    cols: int
    load_rows: int
    folds: bool = False


@dataclass(frozen=True)
class Design:
    """A machine of one `paradigm` for one network on one board.

    A batch of `batch` images is complete every `period` cycles; `latency` cycles pass from the
    first input of a batch to its last output (waiting for the images to gather is not included).
    `dram_bytes` are moved for each batch, `macs` are the products of an image. `data_bytes` and
    `weight_bytes` are what its buffers of inputs and outputs and those of weights hold.
    """

    paradigm: str
    board: Board
    bits: int
    batch: int
    period: int
    latency: int
    dsp: int
    bram18: int
    dram_bytes: int
    macs: int
    layers: tuple[LayerUse, ...]
    grids: tuple[Grid, ...]
    data_bytes: int
    weight_bytes: int

    @property
    def images_per_second(self) -> float:
        """Throughput."""
        return self.batch * self.board.hz / self.period

    @property
    def gops(self) -> float:
        """10^9 operations a second, two a product of the direct convolution."""
        return 2 * self.macs * self.images_per_second / 1e9

    @property
    def latency_ms(self) -> float:
        """Milliseconds from a batch's first input to its last output."""
        return 1e3 * self.latency / self.board.hz

    @property
    def dsp_efficiency(self) -> float:
        """Share of the products that the DSPs in use could make: 2 DSP f operations a second, twice
        that with 8 bits. More than 1 is possible with Winograd."""
        products = 2 if self.bits <= 8 else 1
        return self.gops * 1e9 / (2 * products * self.dsp * self.board.hz)

    @property
    def bandwidth(self) -> float:
        """Bytes a second that DRAM moves."""
        return self.dram_bytes * self.board.hz / self.period

    @property
    def bound(self) -> Bound:
        """What holds back the layers that take most of the cycles, or the pipeline's slowest."""
        shares: dict[Bound, int] = {"compute": 0, "memory": 0}
        for layer in self.layers:
            if layer.bound != "balance":
                shares[layer.bound] += layer.cycles
        return "memory" if shares["memory"] > shares["compute"] else "compute"


def total_macs(layers: Iterable[ConvLayer]) -> int:
    """Products of an image."""
    return sum(layer.macs for layer in layers)


def smallest_near_best(designs: Sequence[Design], slack: float = SLACK) -> Design:
    """Of designs for different batches the one with the smallest batch that is within `slack` of
    the best throughput."""
    best = max(design.gops for design in designs)
    near = [design for design in designs if design.gops >= best * (1 - slack)]
    return min(near, key=lambda design: (design.batch, -design.gops))
