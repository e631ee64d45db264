"""Resources and cycles of convolution engines on an FPGA, for arrays of candidates at once.

Two kinds: a *stage* of a pipeline, which belongs to one layer and gets its input column by column
from the stage before it, and a *generic unit*, which runs layer after layer between DRAM and its
buffers. Both multiply CPF input channels by KPF output channels in a cycle.

Stages follow the source of AccDNN (https://github.com/IBM/AccDNN at 9325795:
`layers/convolution.py`, `model.py`, `util/resource.py`), which is DNNBuilder's. The equations of
the generic unit are HybridDNN's as recalled, unsourced; what is added to them is said where it
is. LUTs and registers are not modelled: no equation with a source was found.

Sizes are in elements unless a name says bits or bytes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from .integers import IntArray, Ints, as_array, ceil_div

BLOCK_RAM: Final = ((1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024), (36, 512))
"""Widths in bits and depths of a block of 18 Kb with one port to write and one to read: half of
AMD's 36 Kb block (docs.amd.com, Conversion Methodology Guide, "Internal Memory")."""
PORT_BITS: Final = 512
"""Width of the DRAM's port into a buffer of weights (AccDNN, `settings.py`, DDR_DATA_WIDTH)."""
CONTROLLER_DSP: Final = 6
"""DSPs of the addresses of a layer with weights (AccDNN, `model.py`)."""


@dataclass(frozen=True)
class ConvLayer:
    """A convolution with `k` output and `c` input channels, `rows` x `cols` outputs, a window of
    `kh` x `kw`, and a max pool of `pool` x `pool` after it (1: none), which is fused with it.

    Padding is never stored nor fetched.
    """

    name: str
    k: int
    c: int
    rows: int
    cols: int
    kh: int = 3
    kw: int = 3
    stride: int = 1
    pool: int = 1

    @property
    def macs(self) -> int:
        """Products."""
        return self.k * self.weights_per_kernel * self.rows * self.cols

    @property
    def weights_per_kernel(self) -> int:
        """Weights of one output channel."""
        return self.c * self.kh * self.kw

    @property
    def weights(self) -> int:
        """Weights, without biases."""
        return self.k * self.weights_per_kernel

    @property
    def in_rows(self) -> int:
        """Rows of the input."""
        return self.rows * self.stride

    @property
    def in_cols(self) -> int:
        """Columns of the input."""
        return self.cols * self.stride

    @property
    def inputs(self) -> int:
        """Elements of the input."""
        return self.c * self.in_rows * self.in_cols

    @property
    def outputs(self) -> int:
        """Elements of the output, pooled."""
        return self.k * (self.rows // self.pool) * (self.cols // self.pool)


def bram18(width: Ints, depth: Ints) -> IntArray:
    """Blocks of 18 Kb for a memory of `depth` words of `width` bits.

    Blocks of 36 bits side by side, and for the bits that are left the narrowest shape that holds
    them (AccDNN, `get_brams`, which counts a block more where none are left). A tool that mixes
    shapes may need fewer for deep memories.
    """
    width, depth = as_array(width), as_array(depth)
    widest, shortest = BLOCK_RAM[-1]
    left = width % widest
    rest = ceil_div(depth, shortest)
    for narrow, lines in reversed(BLOCK_RAM):
        rest = np.where(left <= narrow, ceil_div(depth, lines), rest)
    return width // widest * ceil_div(depth, shortest) + np.where(left > 0, rest, 0)


def mac_cycles(layer: ConvLayer, cpf: Ints, kpf: Ints) -> IntArray:
    """Cycles of an image at CPF x KPF products a cycle.

    K C R S Ho Wo / (CPF KPF) (AccDNN, `profile`), with channels that do not divide rounded up.
    """
    window = layer.kh * layer.kw * layer.rows * layer.cols
    return ceil_div(layer.k, kpf) * ceil_div(layer.c, cpf) * window


def mac_dsp(
    cpf: Ints, kpf: Ints, *, kernels: int, act_bits: int, batch_norm: bool = False
) -> IntArray:
    """DSPs of CPF x KPF multipliers for one image, without the controller.

    One DSP a product; one a kernel for batch normalisation; two 8-bit products share one where the
    number of kernels is even (AccDNN, `profile`, `dsp_split`).
    """
    cpf, kpf = as_array(cpf), as_array(kpf)
    slices = cpf * kpf + (kpf if batch_norm else 0)
    return ceil_div(slices, 2) if act_bits <= 8 and kernels % 2 == 0 else slices


def ring_columns(layer: ConvLayer, band: Ints) -> IntArray:
    """Input columns that a stage stores which computes `band` output columns with each weight.

    S + (band - 1) stride columns are read while the next band stride are written. With one column
    that is AccDNN's S + stride (`rm_ring_length`). Two whole inputs are enough for any band.
    """
    band = as_array(band)
    columns = layer.kw + (2 * band - 1) * layer.stride
    return np.where(band > 1, np.minimum(columns, 2 * layer.in_cols), columns)


def cache_bram(
    layer: ConvLayer, cpf: Ints, in_width: Ints, band: Ints, *, act_bits: int
) -> IntArray:
    """Blocks of a stage's cache of columns, for one image; `in_width` channels arrive at once.

    C Hin ring elements, as wide as the wider port (AccDNN, `rm_wr_width` and `rm_rd_width`).
    """
    width = np.maximum(as_array(cpf), as_array(in_width))
    words = ceil_div(layer.c * layer.in_rows * ring_columns(layer, band), width)
    return bram18(width * act_bits, words)


def weight_bram(
    layer: ConvLayer, cpf: Ints, kpf: Ints, *, wgt_bits: int, resident: bool = False
) -> IntArray:
    """Blocks of a stage's weights and biases, which all images of a batch share.

    Streamed weights have room for two groups of KPF kernels, 2 KPF C R S, and the DRAM's port;
    those that are resident are all there, and no port is (AccDNN, `wm_hier_enable` and not).
    """
    cpf, kpf = as_array(cpf), as_array(kpf)
    channels = ceil_div(layer.c, cpf) * cpf * layer.kh * layer.kw
    if resident:
        width = cpf * kpf * wgt_bits
        words = channels * ceil_div(layer.k, kpf) // cpf
    else:
        width = np.maximum(cpf * kpf * wgt_bits, PORT_BITS)
        words = 2 * ceil_div(kpf * channels * wgt_bits, width)
    biases = np.maximum(ceil_div(layer.k, kpf), 2)
    return bram18(width, words) + bram18(kpf * wgt_bits, biases)


def stage_bytes(layer: ConvLayer, band: Ints, *, wgt_bits: int) -> IntArray:
    """Bytes of weights that a stage fetches for an image, or for all images of a batch.

    All of them for every band of output columns; with one column a band this is AccDNN's
    CPF KPF WW / Hout bits a cycle (`ddr_bandwidth`).
    """
    return ceil_div(layer.cols, band) * ceil_div(layer.weights * wgt_bits, 8)


@dataclass(frozen=True)
class UnitTraffic:
    """Bytes that a layer moves on a generic unit for a batch; -1 where its buffers cannot hold it.

    `weights_stay`: every weight is fetched once, the input once for each group of weights;
    `inputs_stay`: every input is fetched once and the rows between bands again, the weights once
    for each band of each image.
    """

    weights_stay: IntArray
    inputs_stay: IntArray

    @property
    def least(self) -> IntArray:
        """The better one, -1 where neither fits."""
        low = np.minimum(self.weights_stay, self.inputs_stay)
        return np.where(low < 0, np.maximum(self.weights_stay, self.inputs_stay), low)


OUTPUT_WORDS: Final = 512
"""Words of a generic unit's buffer of outputs: a block of RAM at its widest."""
TILES: Final = (1, 2, 4, 8, 16)
"""Into how many tiles of columns an input is cut that is too wide for the buffer."""


def unit_traffic(
    layer: ConvLayer,
    *,
    cpf: Ints,
    kpf: Ints,
    input_words: Ints,
    weight_words: Ints,
    batch: int,
    bits: int,
    kernel_words: Ints | None = None,
    weight_scale: float = 1.0,
) -> UnitTraffic:
    """The traffic of one layer between DRAM and the buffers of a generic unit.

    `input_words` of CPF elements and `weight_words` of CPF x KPF. Groups of weights and bands of
    rows have half of their buffer, the other half is being filled; where inputs stream past
    weights that stay, their buffer is a ring of R + stride rows. HybridDNN's G_w and G_fm (as
    recalled, unsourced) are the numbers of groups and bands; that rows between bands and columns
    between tiles are fetched again, and that all traffic shares one DRAM, is added.
    `kernel_words` are the words that KPF kernels take (by default ceil(C / CPF) R S) and
    `weight_scale` the growth of weights in DRAM, for Winograd.
    """
    cpf, kpf = as_array(cpf), as_array(kpf)
    input_words, weight_words = as_array(input_words), as_array(weight_words)
    deep = ceil_div(layer.c, cpf)
    window = deep * layer.kh * layer.kw if kernel_words is None else as_array(kernel_words)
    at_once = weight_words // (2 * window)
    groups = ceil_div(ceil_div(layer.k, kpf), np.maximum(at_once, 1))
    size = ceil_div(bits, 8)
    weights = round(layer.weights * weight_scale) * size
    outputs = batch * layer.outputs * size
    best = [np.full(np.broadcast_shapes(deep.shape, at_once.shape), -1, np.int64) for _ in "WI"]
    for tiles in TILES:
        columns = _columns(layer, tiles)
        width = -(-columns // tiles)
        rows = input_words // (2 * deep * width)
        high = np.minimum((rows - layer.kh) // layer.stride + 1, layer.rows)
        bands = ceil_div(layer.rows, np.maximum(high, 1))
        even = ceil_div(layer.rows, bands)
        read = np.where(bands > 1, (even - 1) * layer.stride + layer.kh, 0) * bands
        inputs = layer.c * columns * np.maximum(read, layer.in_rows) * size
        found = (
            weights + batch * groups * layer.c * columns * layer.in_rows * size + outputs,
            batch * (tiles * bands * weights + inputs) + outputs,
        )
        fits = (input_words >= deep * width * (layer.kh + layer.stride), high >= 1)
        for number, (moved, room) in enumerate(zip(found, fits, strict=True)):
            better = room & (at_once >= 1) & ((best[number] < 0) | (moved < best[number]))
            best[number] = np.where(better, moved, best[number])
    return UnitTraffic(*best)


def _columns(layer: ConvLayer, tiles: int) -> int:
    """Input columns of all tiles together, those between tiles several times."""
    if tiles == 1:
        return layer.in_cols
    width = (-(-layer.cols // tiles) - 1) * layer.stride + layer.kw
    return max(tiles * min(width, layer.in_cols), layer.in_cols)


def unit_bram(
    cpf: Ints, kpf: Ints, input_words: Ints, weight_words: Ints, *, bits: int
) -> IntArray:
    """Blocks of a generic unit: inputs and weights, each as wide as a cycle reads, and outputs.

    Sums stay in registers: the products of an output follow one another.
    """
    cpf, kpf = as_array(cpf), as_array(kpf)
    weights = bram18(cpf * kpf * bits, weight_words)
    return bram18(cpf * bits, input_words) + weights + bram18(kpf * bits, OUTPUT_WORDS)


WINOGRAD_KERNEL: Final = 3


def winograd_cycles(layer: ConvLayer, pi: Ints, po: Ints, pt: int) -> IntArray:
    """Cycles of an image with F(m x m, 3 x 3), m = PT - 2, on PI PO PT^2 multipliers.

    K C ceil(R/3) ceil(S/3) H W / (m^2 PI PO): HybridDNN as recalled, unsourced; everything that
    does not divide is rounded up. Stride 1 only.
    """
    m = pt - WINOGRAD_KERNEL + 1
    tiles = -(-layer.rows // m) * -(-layer.cols // m)
    parts = -(-layer.kh // WINOGRAD_KERNEL) * -(-layer.kw // WINOGRAD_KERNEL)
    return ceil_div(layer.k, po) * ceil_div(layer.c, pi) * parts * tiles


def memory_cycles(moved: Ints, hz: int, bytes_per_second: int) -> IntArray:
    """Cycles in which a DRAM moves so many bytes, rounded up."""
    common = int(np.gcd(hz, bytes_per_second))
    return ceil_div(as_array(moved) * (hz // common), bytes_per_second // common)
