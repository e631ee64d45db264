"""The arithmetic of the instructions on whole tiles.

Tiles are (rows, columns, channels). Sums are computed by floating-point BLAS where that is exact:
with s = max over k of sum |w|, every product and partial sum of a convolution is an integer of
magnitude at most s * max |x - zero|, in whatever order they are added, so float32 is exact while
that stays below 2^24 and float64 below 2^53. Rounding follows onnxruntime: float32 after every
step, `rint` to the even neighbour.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Final

import numpy as np
import numpy.typing as npt

from ..dialects.isa_operands import ElementType
from .memory import StepError

IntArray = npt.NDArray[np.integer]
RealArray = npt.NDArray[np.floating]
F32Array = npt.NDArray[np.float32]

EXACT32: Final = 2**24
EXACT64: Final = 2**53
INT32: Final = 2**31
CHUNK: Final = 1 << 19
"""Elements of scratch that a convolution works on at a time: about what a cache holds."""


class AccumulatorOverflowError(StepError):
    """A sum left the range of an int32 accumulator."""


@dataclass(frozen=True, slots=True)
class Window:
    """Kernel size, stride and dilation by rows (y) and columns (x)."""

    kernel_y: int
    kernel_x: int
    stride_y: int
    stride_x: int
    dil_y: int
    dil_x: int

    def inputs(self, rows: int, columns: int) -> tuple[int, int]:
        """Input rows and columns under the windows of `rows` x `columns` outputs."""
        return (
            (rows - 1) * self.stride_y + (self.kernel_y - 1) * self.dil_y + 1,
            (columns - 1) * self.stride_x + (self.kernel_x - 1) * self.dil_x + 1,
        )

    def patches(self, source: npt.NDArray[np.generic], rows: int, columns: int) -> RealArray:
        """The source [R, C, c] as windows [rows, columns, kernel_y, kernel_x, c], not copied."""
        row, column, channel = source.strides
        return np.lib.stride_tricks.as_strided(  # pyright: ignore[reportReturnType]
            source,
            (rows, columns, self.kernel_y, self.kernel_x, source.shape[2]),
            (
                row * self.stride_y,
                column * self.stride_x,
                row * self.dil_y,
                column * self.dil_x,
                channel,
            ),
            writeable=False,
        )


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights less their zero points, as the kernels want them.

    `matrix` is [ky*kx*c, k] for a convolution and [ky, kx, k] for a depthwise one, float32 if that
    is exact. `bound` is the largest magnitude that a sum can reach.
    """

    matrix: RealArray
    bound: int


def prepare(weights: IntArray, zero: IntArray, largest: int) -> Weights:
    """Prepare weights [k, ky, kx, c] or [k, ky, kx] with zero points [k].

    `largest` is the largest |x - zero| of the source.
    """
    outputs = weights.shape[0]
    flat = weights.reshape(outputs, prod(weights.shape[1:])).astype(np.float32)
    flat -= zero.astype(np.float32)[:, None]
    bound = int(np.abs(flat).sum(axis=1, dtype=np.float64).max(initial=0)) * largest
    if bound >= EXACT64:
        raise AccumulatorOverflowError(f"sums of up to {bound} cannot fit in 32 bits")
    matrix = flat.astype(np.float32 if bound < EXACT32 else np.float64, copy=False).T
    if weights.ndim == 3:
        matrix = matrix.reshape(*weights.shape[1:], outputs)
    return Weights(np.ascontiguousarray(matrix), bound)


def centre(source: IntArray, zero: int, like: Weights) -> RealArray:
    """The source less its zero point, contiguous, in the floating type of the weights."""
    centred = source.astype(like.matrix.dtype, order="C")
    if zero:
        centred -= zero
    return centred


def conv(source: RealArray, weights: Weights, window: Window, rows: int, columns: int) -> RealArray:
    """Sums [rows, columns, k] over the windows of a centred source [R, C, c]."""
    matrix = weights.matrix
    result = np.empty((rows * columns, matrix.shape[1]), matrix.dtype)
    patches = window.patches(source, rows, columns)
    step = max(1, CHUNK // (columns * max(1, matrix.shape[0])))
    for row in range(0, rows, step):
        end = min(rows, row + step)
        block = patches[row:end].reshape((end - row) * columns, matrix.shape[0])
        np.matmul(block, matrix, out=result[row * columns : end * columns])
    return result.reshape(rows, columns, matrix.shape[1])


def dwconv(
    source: RealArray, weights: Weights, window: Window, rows: int, columns: int
) -> RealArray:
    """Sums [rows, columns, k] of a centred source [R, C, k], channel by channel."""
    matrix = weights.matrix
    outputs = matrix.shape[2]
    result = np.empty((rows, columns, outputs), matrix.dtype)
    patches = window.patches(source, rows, columns)
    taps = [(y, x) for y in range(window.kernel_y) for x in range(window.kernel_x)]
    step = max(1, CHUNK // 8 // (columns * outputs))
    product = np.empty((step, columns, outputs), matrix.dtype)
    for row in range(0, rows, step):
        total = result[row : row + step]
        scratch = product[: len(total)]
        np.multiply(patches[row : row + step, :, 0, 0], matrix[0, 0], out=total)
        for y, x in taps[1:]:
            np.multiply(patches[row : row + step, :, y, x], matrix[y, x], out=scratch)
            np.add(total, scratch, out=total)
    return result


def add_bias(sums: npt.NDArray[np.generic], bias: IntArray, bound: int) -> npt.NDArray[np.generic]:
    """Sums [.., k] plus bias [k], exact; `bound` is the largest magnitude of the sums.

    The result is float32 if that is exact, else int64. Beyond int32: AccumulatorOverflowError.
    """
    bound += int(np.abs(bias.astype(np.int64)).max(initial=0))
    if bound < EXACT32:
        return sums.astype(np.float32, copy=False) + bias.astype(np.float32)
    total = sums.astype(np.int64) + bias
    check_int32(total, bound)
    return total


def check_int32(sums: npt.NDArray[np.generic], bound: int) -> None:
    """Raise AccumulatorOverflowError if a sum is beyond int32; looks only if `bound` allows it."""
    if bound < INT32 or not sums.size:
        return
    low, high = sums.min(), sums.max()
    if low < -INT32 or high >= INT32:
        raise AccumulatorOverflowError(f"sums from {int(low)} to {int(high)} exceed int32")


def requantise(
    sums: npt.NDArray[np.generic], multiplier: F32Array, zero: int, clamp: tuple[int, int]
) -> RealArray:
    """clip(rint(f32(sums) * multiplier) + zero) as float32; sums are exact integers."""
    with np.errstate(over="ignore"):
        scaled = sums.astype(np.float32, copy=False) * multiplier
        np.rint(scaled, out=scaled)
        if zero:
            scaled += np.float32(zero)
    return np.clip(scaled, *clamp, out=scaled)


@lru_cache(maxsize=256)
def _add_table(
    left: ElementType,
    right: ElementType,
    factors: tuple[float, float, float],
    clamp: tuple[int, int],
) -> IntArray:
    """The sum for every pair of codes: index unsigned(a) * 256 + unsigned(b)."""
    factor_left, factor_right, fix = (np.float32(factor) for factor in factors)
    codes = np.arange(256, dtype=np.uint8)
    a = codes.view(np.int8) if left.signed else codes
    b = codes.view(np.int8) if right.signed else codes
    inner = fused(a.astype(np.float64), factor_left, fix)
    total = fused(b.astype(np.float64)[None, :], factor_right, inner[:, None])
    table = np.clip(np.rint(total), *clamp).astype(np.int16)
    return table.reshape(-1)


def fused(
    x: npt.NDArray[np.float64], y: np.float32, z: npt.NDArray[np.float32] | np.float32
) -> F32Array:
    """fma(x, y, z) in float32, for integers x of at most 29 bits.

    The product is exact in float64. The sum is rounded to odd there: its error (Knuth's two-sum)
    tells where an even last bit must move, and rounding that to float32 is then correct
    (Boldo and Melquiond, 2008: 53 >= 24 + 2 bits).
    """
    product = x * np.float64(y)
    addend = np.asarray(z, np.float64)
    total = np.asarray(product + addend)
    back = total - product
    error = (product - (total - back)) + (addend - back)
    even = (total.view(np.int64) & 1) == 0
    odd = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    with np.errstate(over="ignore"):
        return np.where((error != 0) & even, odd, total).astype(np.float32)


def add(
    left: IntArray,
    right: IntArray,
    types: tuple[ElementType, ElementType],
    factors: tuple[float, float, float],
    clamp: tuple[int, int],
) -> IntArray:
    """clip(rint(fma(b, rb, fma(a, ra, fix)))) of elements of up to 8 bits; factors ra, rb, fix."""
    table = _add_table(*types, factors, clamp)
    index = left.astype(np.uint8).astype(np.uint16)
    index <<= 8
    index |= right.astype(np.uint8)
    return table.take(index)


def lookup(source: IntArray, bits: int, table: IntArray) -> IntArray:
    """table[code] for every element, its stored code of `bits` taken as unsigned."""
    codes = source.astype(np.uint8)
    if bits < 8:
        codes &= np.uint8((1 << bits) - 1)
    return table.take(codes)


def max_pool(
    source: IntArray, window: Window, rows: int, columns: int, clamp: tuple[int, int]
) -> IntArray:
    """The largest element of each window of [R, C, c]; padding holds the type's least value."""
    patches = window.patches(source, rows, columns)
    result = np.array(patches[:, :, 0, 0])
    for y in range(window.kernel_y):
        for x in range(window.kernel_x):
            np.maximum(result, patches[:, :, y, x], out=result)
    return np.clip(result.astype(np.int16, copy=False), *clamp)  # pyright: ignore[reportReturnType]


def average_pool(
    sums: RealArray,
    count: npt.NDArray[np.integer] | int,
    scales: tuple[float, float],
    zero: int,
    clamp: tuple[int, int],
    round_first: bool,
) -> RealArray:
    """Averages from exact sums [.., c] of x - zero over `count` elements (broadcastable).

    `scales` are the source's and the result's. The zero point is added after rounding if
    `round_first` (a global average), else before.
    """
    number = np.asarray(count, np.float32)
    multiplier = np.float32(scales[0]) / (number * np.float32(scales[1]))
    scaled = sums.astype(np.float32) * multiplier
    scaled = (
        np.rint(scaled) + np.float32(zero) if round_first else np.rint(scaled + np.float32(zero))
    )
    return np.clip(scaled, *clamp)


def window_sums(source: IntArray, zero: int, window: Window, rows: int, columns: int) -> RealArray:
    """Sums of x - zero over each window of [R, C, c]; padding holds `zero`."""
    patches = window.patches(source.astype(np.float64), rows, columns)
    total = np.zeros((rows, columns, source.shape[2]))
    if rows * columns < window.kernel_y * window.kernel_x:
        for y in range(rows):
            for x in range(columns):
                patches[y, x].sum(axis=(0, 1), out=total[y, x])
    else:
        for y in range(window.kernel_y):
            for x in range(window.kernel_x):
                total += patches[:, :, y, x]
    return total - zero * window.kernel_y * window.kernel_x
