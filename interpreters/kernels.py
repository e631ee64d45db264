"""Quantised arithmetic on numpy arrays: what every `nn` operation computes, bit by bit.

The rule, found by running onnxruntime and followed by the emulator too. Names: `q` stored integer,
`z` zero point, `s` scale; `x`, `w`, `y` (or `a`, `b`, `c` for an addition) input, weight, result.
All of it is float32: every step is rounded to float32, `fma` rounds once, `rint` rounds half to
even, and results saturate to `[lo, hi]`.

- quantise: `rint(x / s) + z`; dequantise: `(q - z) * s`.
- convolution, matrix product: the sum of `(qx - zx) * (qw - zw)` plus bias is exact in int32; then
  `m = (sx * sw) / sy` and `rint(sum * m) + zy`. The order of the scales matters.
- addition: `ra = sa / sc`, `rb = sb / sc`, `fix = zc - fma(za, ra, zb * rb)`, then
  `rint(fma(qa, ra, fma(qb, rb, fix)))`: the zero point is added *before* rounding.
- product of two tensors: `m = (sa * sb) / sc`, then `rint((qa - za) * (qb - zb) * m + zc)`: as an
  addition, but with two roundings where that has one.
- global average of n elements: the sum of `q - z` is exact; `m = sx / (n * sy)`,
  `rint(sum * m) + zy`.
- average of a window of n elements: the same sum and `m`, but `rint(sum * m + zy)`. onnxruntime
  sums the dequantised elements in float32, in row-major order, and rounds `(sum / n) / sy + zy`:
  results differ by at most one, in under 1 % of elements.
- concatenation, and any other one-input chain dequantise, f, quantise: a table of those steps.
- maximum: of the stored integers, padding ignored.

Arrays have logical shapes (NCHW) and the data types int8, uint8 or int32. OverflowError is raised
where an accumulator leaves int32.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dialects.quant import UniformType, all_codes

IntArray = npt.NDArray[np.integer[Any]]
Int32Array = npt.NDArray[np.int32]
FloatArray = npt.NDArray[np.float32]
Function = Callable[[FloatArray], FloatArray]

Table = npt.NDArray[np.uint8]

TABLE_SIZE = 256
INT32 = np.iinfo(np.int32)
F32 = np.float32


def saturate(values: FloatArray, lo: int, hi: int) -> Int32Array:
    """Whole numbers clamped to `[lo, hi]`."""
    return np.clip(values, F32(lo), F32(hi)).astype(np.int32)


def quantise(x: FloatArray, scale: np.float32, zero_point: int, lo: int, hi: int) -> Int32Array:
    """Stored integers of the real numbers `x`."""
    with np.errstate(over="ignore"):
        return saturate(np.rint(x / scale) + F32(zero_point), lo, hi)


def dequantise(
    q: IntArray, scale: FloatArray | np.float32, zero_point: IntArray | int
) -> FloatArray:
    """The real numbers that the stored integers `q` stand for; arguments broadcast."""
    return (q.astype(np.int32) - zero_point).astype(F32) * scale


def product_multiplier(
    x_scale: np.float32, w_scales: FloatArray, y_scale: np.float32
) -> FloatArray:
    """The multipliers [n] of the accumulators of a convolution or matrix product."""
    return (x_scale * w_scales) / y_scale


def multiplier(a_scale: np.float32, b_scale: np.float32, y_scale: np.float32) -> np.float32:
    """The multiplier of the products of two tensors' elements."""
    return F32(F32(a_scale * b_scale) / y_scale)


def average_multiplier(
    x_scale: np.float32, y_scale: np.float32, count: IntArray | int
) -> FloatArray:
    """The multipliers of sums over `count` elements in an average; shaped as `count`."""
    return x_scale / (np.asarray(count, F32) * y_scale)


def requantise(
    acc: IntArray, m: FloatArray | np.float32, zero_point: int, lo: int, hi: int
) -> Int32Array:
    """Accumulators to stored integers; `m` broadcasts against `acc`."""
    with np.errstate(over="ignore"):
        return saturate(np.rint(acc.astype(F32) * m) + F32(zero_point), lo, hi)


def accumulate(sums: npt.NDArray[np.float64], bias: IntArray | int) -> Int32Array:
    """Whole `sums` plus `bias` in int32; OverflowError where they do not fit."""
    totals = sums + bias
    if totals.size and (totals.min() < INT32.min or totals.max() > INT32.max):
        raise OverflowError("an accumulator leaves the range of int32")
    return totals.astype(np.int32)


def conv(
    x: IntArray,
    w: IntArray,
    bias: IntArray | None,
    *,
    x_zero: int,
    w_zeros: IntArray,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    groups: int,
) -> Int32Array:
    """Accumulators [1, K, OY, OX] of `x` [1, C, Y, X] convolved by `w` [K, C/groups, FY, FX].

    `bias` is [K], `w_zeros` [K] or [1]. Sums are made in float64, exact below 2**53.
    """
    top, left, bottom, right = pads
    channels, inner, *kernel = w.shape
    centred = np.pad(x[0].astype(np.float64) - x_zero, ((0, 0), (top, bottom), (left, right)))
    weight = w.astype(np.float64) - w_zeros.reshape(-1, 1, 1, 1)
    weight = weight.reshape(groups, channels // groups, inner, *kernel)
    rows, columns = strided_tap(centred, (0, 0), kernel, strides, dilations).shape[-2:]
    sums = np.zeros((groups, channels // groups, rows * columns))
    for tap in np.ndindex(*kernel):
        seen = strided_tap(centred, tap, kernel, strides, dilations)
        sums += weight[..., *tap] @ seen.reshape(groups, inner, rows * columns)
    sums = sums.reshape(1, channels, rows, columns)
    return accumulate(sums, 0 if bias is None else bias.reshape(-1, 1, 1))


def strided_tap(
    x: npt.NDArray[Any],
    tap: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int] = (1, 1),
) -> npt.NDArray[Any]:
    """What the window's element `tap` sees of the padded `x` [.., Y, X]: [.., OY, OX]."""
    rows, columns = (
        slice(index * dilation, size - dilation * (taps - 1 - index), stride)
        for index, size, taps, stride, dilation in zip(
            tap, x.shape[-2:], kernel, strides, dilations, strict=True
        )
    )
    return x[..., rows, columns]


def matmul(
    x: IntArray, w: IntArray, bias: IntArray | None, *, x_zero: int, w_zeros: IntArray
) -> Int32Array:
    """Accumulators [.., M, N] of `x` [.., M, K] times `w` [K, N]; `bias`, `w_zeros` [N] or [1]."""
    sums = (x.astype(np.float64) - x_zero) @ (w.astype(np.float64) - w_zeros)
    return accumulate(sums, 0 if bias is None else bias)


def fma(a: FloatArray, b: FloatArray | np.float32, c: FloatArray | np.float32) -> FloatArray:
    """`a * b + c` rounded once to float32.

    The product is exact in float64. The sum is rounded there to odd (Boldo and Melquiond 2008), so
    that rounding it again to float32 gives what one rounding would.
    """
    product = a.astype(np.float64) * np.float64(b)
    addend = np.asarray(c, np.float64)
    total = product + addend
    shifted = total - product
    error = (product - (total - shifted)) + (addend - shifted)
    even = total.view(np.int64) & 1 == 0
    neighbour = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    return np.where((error != 0) & even, neighbour, total).astype(F32)


def add_parameters(
    a_scale: np.float32, a_zero: int, b_scale: np.float32, b_zero: int, scale: np.float32, zero: int
) -> tuple[np.float32, np.float32, np.float32]:
    """`ra`, `rb` and `fix` of an addition."""
    ra, rb = F32(a_scale / scale), F32(b_scale / scale)
    offset = fma(np.array([a_zero], F32), ra, F32(F32(b_zero) * rb))
    return ra, rb, F32(F32(zero) - offset[0])


def add(
    a: IntArray,
    b: IntArray,
    ra: np.float32,
    rb: np.float32,
    fix: np.float32,
    lo: int,
    hi: int,
) -> Int32Array:
    """The sum of the stored integers `a` and `b`, which broadcast, as stored integers."""
    inner = fma(b.astype(F32), rb, fix)
    return saturate(np.rint(fma(a.astype(F32), ra, inner)), lo, hi)


def mul(
    a: IntArray,
    b: IntArray,
    a_zero: int,
    b_zero: int,
    m: np.float32,
    zero_point: int,
    lo: int,
    hi: int,
) -> Int32Array:
    """The product of the stored integers `a` and `b`, which broadcast, as stored integers.

    `m` is their `multiplier`.
    """
    product = (a.astype(np.int32) - a_zero) * (b.astype(np.int32) - b_zero)
    return saturate(np.rint(product.astype(F32) * m + F32(zero_point)), lo, hi)


def max_pool(
    x: IntArray,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
) -> IntArray:
    """The largest stored integers [1, C, OY, OX] of the windows of `x` [1, C, Y, X]."""
    padded = _pad_window(x, pads, int(np.iinfo(x.dtype).min))
    taps = [strided_tap(padded, tap, kernel, strides, dilations) for tap in np.ndindex(*kernel)]
    return np.maximum.reduce(taps)


def average_pool(
    x: IntArray,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    *,
    count_include_pad: bool,
    x_scale: np.float32,
    x_zero: int,
    y_scale: np.float32,
    y_zero: int,
    lo: int,
    hi: int,
) -> Int32Array:
    """The means [1, C, OY, OX] of the windows of `x` [1, C, Y, X] as stored integers."""
    centred = _pad_window(x.astype(np.int32) - x_zero, pads, 0)
    counted = _pad_window(np.ones(x.shape[-2:], np.int32), pads, 1 if count_include_pad else 0)
    taps = list(np.ndindex(*kernel))
    sums = sum(strided_tap(centred, tap, kernel, strides) for tap in taps)
    counts = sum(strided_tap(counted, tap, kernel, strides) for tap in taps)
    m = average_multiplier(x_scale, y_scale, np.asarray(counts))
    return saturate(np.rint(np.asarray(sums).astype(F32) * m + F32(y_zero)), lo, hi)


def _pad_window(x: npt.NDArray[Any], pads: Sequence[int], value: int) -> npt.NDArray[Any]:
    top, left, bottom, right = pads
    widths = [(0, 0)] * (x.ndim - 2) + [(top, bottom), (left, right)]
    return np.pad(x, widths, constant_values=value)


def global_average_pool(
    x: IntArray,
    *,
    x_scale: np.float32,
    x_zero: int,
    y_scale: np.float32,
    y_zero: int,
    lo: int,
    hi: int,
) -> Int32Array:
    """The means [1, C, 1, 1] of the channels of `x` [1, C, Y, X] as stored integers."""
    centred = x.astype(np.int64) - x_zero
    sums = accumulate(centred.sum(axis=(2, 3), keepdims=True).astype(np.float64), 0)
    m = average_multiplier(x_scale, y_scale, x.shape[2] * x.shape[3])
    return requantise(sums, m, y_zero, lo, hi)


def lut_from_chain(x: UniformType, functions: Sequence[Function], y: UniformType) -> Table:
    """The table of dequantise, then each of the float32 `functions`, then quantise.

    Only the low `x.bits` bits of the index count. ValueError where a function is undefined (NaN).
    """
    values = dequantise(_table_inputs(x), x.scale, x.zero_point)
    for function in functions:
        values = function(values).astype(F32)
    if np.isnan(values).any():
        raise ValueError("the function is undefined for some inputs of the table")
    results = quantise(values, y.scale, y.zero_point, y.qmin, y.qmax)
    return results.astype(y.numpy_dtype).view(np.uint8)


def _table_inputs(x: UniformType) -> IntArray:
    """The integer of type `x` that each index of a table stands for."""
    return np.clip(np.tile(all_codes(x), TABLE_SIZE >> x.bits), x.qmin, x.qmax)


def rescale_table(x: UniformType, y: UniformType) -> Table:
    """The table that brings stored integers of type `x` to type `y`."""
    return lut_from_chain(x, (), y)


def requantise_table(x: UniformType, y: UniformType, lo: int, hi: int) -> Table:
    """The table that requantises stored integers of type `x` to type `y` within `[lo, hi]`."""
    centred = _table_inputs(x).astype(np.int32) - x.zero_point
    return requantise(centred, x.scale / y.scale, y.zero_point, lo, hi).astype(np.uint8)


def look_up(x: IntArray, table: Table, dtype: np.dtype[Any]) -> IntArray:
    """The entries of `table` for the bytes of `x`, as integers of `dtype` (int8 or uint8)."""
    return table[x.view(np.uint8)].view(dtype)
