"""The arithmetic of the instructions on whole tiles, in numpy.

Tiles are (rows, columns, channels). Sums are made by floating-point BLAS, where every product and
every partial sum is an integer, in whatever order they are added (`exact_cuts` proves it). Rounding
follows onnxruntime: float32 after every step, `rint` to the even neighbour.

`patches`, `finish`, `dwconv`, `max_pool` and `add` work on bytes of memory where they lie:
`data` is a flat uint8 or int8 array and a `Place` tells where the tile is in it. `compiled.py` has
the same five for numba; both write the same bytes.
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
Int64Array = npt.NDArray[np.int64]
F64Array = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.integer]
"""uint8 or int8."""

EXACT32: Final = 2**24
"""Integers up to this magnitude are exact in float32."""
EXACT64: Final = 2**53
"""The same for float64."""
INT32: Final = 2**31
CHUNK: Final = 1 << 19
"""Elements of a convolution's patches at a time: 2 MiB, about what a cache holds."""

SourcePlace = tuple[int, int, int, int, int, int, int, int]
"""Byte of the first valid element, bytes from row to row and from column to column, row and column
of the first valid element counted from the first window's, valid rows, valid columns, channels."""
Place = tuple[int, int, int]
"""Byte of the first element, bytes from row to row and from column to column."""
Geometry = tuple[int, int, int, int, int, int]
"""The fields of a `Window`, in order."""
Number = np.float32 | int
Limits = tuple[np.float32, np.float32, np.float32]
"""Zero point, smallest and largest value of a result."""


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

    @property
    def geometry(self) -> Geometry:
        """The fields in order."""
        return (
            self.kernel_y,
            self.kernel_x,
            self.stride_y,
            self.stride_x,
            self.dil_y,
            self.dil_x,
        )

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

    `matrix` is [ky*kx*c, k] for a convolution and [ky, kx, k] for a depthwise one. Activations are
    to be centred at `centre`, and then `shift` [k] added to the sums. The rows of `matrix` between
    two `cuts` make exact sums in its type, which is float64 only where float32 has not even the
    products. `bound` [k] are the largest magnitudes that sums of (x - src_zero) * weight can reach.
    """

    matrix: RealArray
    cuts: tuple[int, ...]
    centre: int
    shift: Int64Array
    bound: Int64Array


def exact_cuts(magnitudes: RealArray, largest: int) -> tuple[int, ...] | None:
    """Where to cut sums of products so that float32 makes every part exactly.

    `magnitudes` [n, k] are those of the weights, `largest` is the largest magnitude of an
    activation. A part is exact if sum(magnitudes) * largest <= 2^24 for each k: every product and
    every partial sum is then an integer of at most 2^24, in any order of additions, and float32 has
    all of those. Returns the boundaries of parts of about equal length, as few as that takes; None
    if a product alone may be inexact.
    """
    count = len(magnitudes)
    if not magnitudes.size:
        return (0, count)
    if float(magnitudes.max()) * largest > EXACT32:
        return None
    cuts = [0, count]
    sums = magnitudes.sum(axis=0, dtype=np.float64) * largest
    parts = int(-(-sums.max() // EXACT32))
    while sums.max() > EXACT32:
        cuts = [count * part // parts for part in range(parts + 1)]
        sums = np.add.reduceat(magnitudes, cuts[:-1], axis=0, dtype=np.float64) * largest
        parts = min(parts + 1, count)
    return tuple(cuts)


def prepare(weights: IntArray, zero: IntArray, source: ElementType, source_zero: int) -> Weights:
    """Prepare weights [k, ky, kx, c] or, depthwise, [k, ky, kx] with zero points [k].

    `source` is the type of the activations and `source_zero` their zero point. Raises
    AccumulatorOverflowError if sums may be so large that not even float64 is exact.
    """
    low, high = source.range
    outputs = weights.shape[0]
    flat = weights.reshape(outputs, prod(weights.shape[1:]))
    reach = sum(int(np.abs(values.astype(np.int64)).max(initial=0)) for values in (weights, zero))
    flat = flat.astype(np.float32 if reach <= EXACT32 else np.float64)
    flat -= zero[:, None].astype(flat.dtype)
    magnitudes = np.abs(flat.T)
    largest = max(abs(low - source_zero), abs(high - source_zero))
    bound = magnitudes.sum(axis=0, dtype=np.float64) * largest
    if bound.max(initial=0) >= EXACT64:
        raise AccumulatorOverflowError(f"sums of up to {bound.max():.0f} cannot fit in 32 bits")
    # Depthwise kernels skip padding, so that it must be centred at 0.
    centre = source_zero if weights.ndim == 3 else (low + high + 1) // 2
    cuts = exact_cuts(magnitudes, max(abs(low - centre), abs(high - centre)))
    kind = np.float32
    if cuts is None:
        kind, cuts, centre = np.float64, (0, flat.shape[1]), source_zero
    matrix = np.ascontiguousarray(flat.T, dtype=kind)
    if weights.ndim == 3:
        matrix = matrix.reshape(*weights.shape[1:], outputs)
    shift = (centre - source_zero) * flat.sum(axis=1, dtype=np.float64).astype(np.int64)
    return Weights(matrix, cuts, centre, shift, bound.astype(np.int64))


def check_int32(sums: npt.NDArray[np.generic], bound: Int64Array) -> None:
    """Raise AccumulatorOverflowError if a sum [.., k] leaves int32.

    It looks at the sums only if their `bound` [k] allows that.
    """
    if bound.max(initial=0) < INT32 or not sums.size:
        return
    low, high = sums.min(), sums.max()
    if low < -INT32 or high >= INT32:
        raise AccumulatorOverflowError(f"sums from {int(low)} to {int(high)} exceed int32")


def valid(data: Bytes, place: SourcePlace) -> IntArray:
    """The valid elements [rows, columns, channels] at `place`, not copied."""
    start, row, column, _, _, rows, columns, channels = place
    return np.ndarray((rows, columns, channels), data.dtype, data, start, (row, column, 1))


def _spread(
    data: Bytes,
    place: SourcePlace,
    window: Geometry,
    outputs: tuple[int, int, int],
    centre: int,
    fill: int,
) -> RealArray:
    """Windows [rows, columns, kernel_y, kernel_x, c] of outputs `first, rows, columns`, centred.

    `fill` is what padding holds once centred.
    """
    first, rows, columns = outputs
    geometry = Window(*window)
    low_y, low_x = place[3] - first * geometry.stride_y, place[4]
    centred = np.full((*geometry.inputs(rows, columns), place[7]), fill, np.float32)
    cuts = [
        (max(0, low), max(0, min(size, low + count)), max(0, -low))
        for low, count, size in zip((low_y, low_x), place[5:7], centred.shape, strict=False)
    ]
    (top, bottom, skip_y), (left, right, skip_x) = cuts
    if bottom > top and right > left:
        source = valid(data, place)
        part = source[skip_y : skip_y + bottom - top, skip_x : skip_x + right - left]
        np.subtract(part, np.float32(centre), out=centred[top:bottom, left:right], dtype=np.float32)
    return geometry.patches(centred, rows, columns)


def patches(
    data: Bytes,
    place: SourcePlace,
    window: Geometry,
    first: int,
    columns: int,
    centre: int,
    fill: int,
    out: F32Array,
) -> None:
    """Fill `out` [rows * columns, ky * kx * c] with the windows of output rows from `first` on.

    Activations are centred; `fill` is what padding holds once centred.
    """
    rows = len(out) // columns
    spread = _spread(data, place, window, (first, rows, columns), centre, fill)
    out.reshape(spread.shape)[...] = spread


def finish(
    sums: RealArray,
    constant: RealArray,
    multiplier: F32Array,
    limits: Limits,
    target: npt.NDArray[np.uint8],
    place: Place,
    columns: int,
) -> None:
    """clip(rint((sum + constant) * multiplier) + zero) for exact `sums` [rows * columns, k].

    `constant` and `multiplier` are [k]. Sum and constant are integers, each exact in float32 or in
    float64: so adding them rounds once, as converting their integer sum to float32 would.
    """
    zero, low, high = limits
    scaled = requantise(
        (sums + constant).astype(np.float32, copy=False), multiplier, zero, (low, high)
    )
    shape = (len(sums) // columns, columns, sums.shape[1])
    bytes_ = np.ndarray(shape, np.uint8, target, place[0], (*place[1:], 1))
    bytes_[...] = scaled.reshape(shape).astype(np.int32)


def requantise(
    sums: F32Array, multiplier: F32Array, zero: np.float32 | int, clamp: tuple[Number, Number]
) -> F32Array:
    """clip(rint(sums * multiplier) + zero)."""
    with np.errstate(over="ignore"):
        scaled = sums * multiplier
        np.rint(scaled, out=scaled)
        scaled += np.float32(zero)
    return np.clip(scaled, *clamp, out=scaled)


def dwconv(
    data: Bytes,
    place: SourcePlace,
    window: Geometry,
    outputs: tuple[int, int],
    centre: int,
    weights: RealArray,
    constant: RealArray,
    multiplier: F32Array,
    limits: Limits,
    target: npt.NDArray[np.uint8],
    result: Place,
) -> None:
    """A depthwise convolution to `outputs` (rows, columns), requantised as `finish` does.

    `weights` are [ky, kx, k]; padding is skipped.
    """
    rows, columns = outputs
    channels = weights.shape[2]
    taps = [(y, x) for y in range(window[0]) for x in range(window[1])]
    step = max(1, CHUNK // 8 // (columns * channels))
    for row in range(0, rows, step):
        count = min(step, rows - row)
        spread = _spread(data, place, window, (row, count, columns), centre, 0)
        total = np.zeros((count, columns, channels), np.float32)
        for y, x in taps:
            total += spread[:, :, y, x] * weights[y, x]
        start = (result[0] + row * result[1], *result[1:])
        sums = total.reshape(-1, channels)
        finish(sums, constant, multiplier, limits, target, start, columns)


def max_pool(
    data: Bytes,
    place: SourcePlace,
    window: Geometry,
    outputs: tuple[int, int],
    least: int,
    clamp: tuple[int, int],
    target: npt.NDArray[np.uint8],
    result: Place,
) -> None:
    """The largest element of each window, padding ignored (`least` if there is nothing else)."""
    rows, columns = outputs
    spread = _spread(data, place, window, (0, rows, columns), 0, least)
    shape = (rows, columns, place[7])
    bytes_ = np.ndarray(shape, np.uint8, target, result[0], (*result[1:], 1))
    bytes_[...] = np.clip(largest(spread), *clamp).astype(np.int32)


def largest(spread: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """The largest element of each window of [rows, columns, ky, kx, c]."""
    result = np.array(spread[:, :, 0, 0])
    for y in range(spread.shape[2]):
        for x in range(spread.shape[3]):
            np.maximum(result, spread[:, :, y, x], out=result)
    return result


@lru_cache(maxsize=256)
def add_table(
    left: ElementType,
    right: ElementType,
    factors: tuple[float, float, float],
    clamp: tuple[int, int],
    wide: bool = False,
) -> IntArray:
    """The sum for every pair of codes: index unsigned(a) * 256 + unsigned(b).

    65536 bytes as stored in at most 8 bits, or int32 if `wide`.
    """
    factor_left, factor_right, fix = (np.float32(factor) for factor in factors)
    codes = np.arange(256, dtype=np.uint8)
    a = codes.view(np.int8) if left.signed else codes
    b = codes.view(np.int8) if right.signed else codes
    inner = fused(a.astype(np.float64), factor_left, fix)
    total = fused(b.astype(np.float64)[None, :], factor_right, inner[:, None])
    sums = np.clip(np.rint(total), *clamp).astype(np.int64).astype(np.int32).reshape(-1)
    return sums if wide else sums.astype(np.uint8)


@lru_cache(maxsize=256)
def mul_table(
    left: ElementType,
    right: ElementType,
    numbers: tuple[int, int, float, int],
    clamp: tuple[int, int],
    wide: bool = False,
) -> IntArray:
    """The product for every pair of codes, as `add_table`.

    `numbers` are the zero points of both operands, the multiplier and the result's zero point.
    """
    left_zero, right_zero, multiplier, zero = numbers
    codes = np.arange(256, dtype=np.uint8)
    a = (codes.view(np.int8) if left.signed else codes).astype(np.int64) - left_zero
    b = (codes.view(np.int8) if right.signed else codes).astype(np.int64) - right_zero
    scaled = (a[:, None] * b).astype(np.float32) * np.float32(multiplier)
    products = np.clip(np.rint(scaled + np.float32(zero)), *clamp)
    products = products.astype(np.int64).astype(np.int32).reshape(-1)
    return products if wide else products.astype(np.uint8)


def fused(x: F64Array, y: np.float32, z: F32Array | np.float32) -> F32Array:
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
    left: npt.NDArray[np.uint8],
    right: npt.NDArray[np.uint8],
    table: IntArray,
    out: IntArray,
) -> None:
    """out = table[a * 256 + b] for the stored bytes a, b of flat arrays."""
    index = left.astype(np.uint16)
    index <<= 8
    index |= right
    table.take(index, out=out, mode="clip")  # no index is out of range; "raise" would copy


def lookup(source: IntArray, bits: int, table: IntArray) -> IntArray:
    """table[code] for every element, its stored code of `bits` taken as unsigned."""
    codes = source.astype(np.uint8)
    if bits < 8:
        codes &= np.uint8((1 << bits) - 1)
    return table.take(codes)


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
