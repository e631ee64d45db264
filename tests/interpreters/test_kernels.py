"""The kernels against slow and obvious computations."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.dialects.quant import UniformType
from tilefold.interpreters import kernels

FLOATS = st.floats(width=32, min_value=-(2.0**60), max_value=2.0**60)


def nearest(value: Fraction) -> np.float32:
    """The float32 nearest to `value`, ties to even: picked among neighbours of an estimate."""
    estimate = np.float32(float(value))
    around = [np.nextafter(estimate, np.float32(sign * np.inf)) for sign in (-1, 1)]
    candidates = [estimate, *around]
    distance = min(abs(Fraction(float(candidate)) - value) for candidate in candidates)
    best = [c for c in candidates if abs(Fraction(float(c)) - value) == distance]
    return min(best, key=lambda candidate: int(candidate.view(np.int32)) & 1)


@settings(deadline=None)
@given(st.integers(-(2**24), 2**24), FLOATS, FLOATS)
def test_fma_rounds_once(a: int, b: float, c: float) -> None:
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    actual = kernels.fma(np.array([a], np.float32), np.float32(b), np.float32(c))
    assert actual[0] == nearest(exact)


@pytest.mark.parametrize("tiny", [2.0**-40, -(2.0**-40)])
def test_fma_where_rounding_twice_goes_wrong(tiny: float) -> None:
    """The product lies midway between two floats; float64 cannot hold the sum with `tiny`."""
    a, b = np.array([2**12 + 1], np.float32), np.float32(2**12 + 1)
    middle = 2**24 + 2**13 + 1
    actual = kernels.fma(a, b, np.float32(tiny))
    assert actual[0] == middle + np.sign(tiny)
    assert np.float32(np.float64(a[0]) * np.float64(b) + tiny) == middle - 1


def naive_conv(
    x: np.ndarray, w: np.ndarray, strides: list[int], dilations: list[int], groups: int
) -> np.ndarray:
    channels, inner, rows, columns = w.shape
    height = (x.shape[2] - dilations[0] * (rows - 1) - 1) // strides[0] + 1
    width = (x.shape[3] - dilations[1] * (columns - 1) - 1) // strides[1] + 1
    y = np.zeros((1, channels, height, width), np.int64)
    for k, oy, ox in np.ndindex(*y.shape[1:]):
        for c, ky, kx in np.ndindex(inner, rows, columns):
            source = k // (channels // groups) * inner + c
            row, column = oy * strides[0] + ky * dilations[0], ox * strides[1] + kx * dilations[1]
            y[0, k, oy, ox] += int(x[0, source, row, column]) * int(w[k, c, ky, kx])
    return y


@pytest.mark.parametrize("seed", range(12))
def test_convolution(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups, inner, outer = (int(n) for n in rng.integers(1, 4, 3))
    x = rng.integers(0, 256, (1, groups * inner, 7, 8)).astype(np.uint8)
    w = rng.integers(-128, 128, (groups * outer, inner, *rng.integers(1, 4, 2))).astype(np.int8)
    bias = rng.integers(-1000, 1000, groups * outer).astype(np.int32)
    zeros = rng.integers(-128, 128, groups * outer).astype(np.int32)
    strides, dilations = rng.integers(1, 3, 2).tolist(), rng.integers(1, 3, 2).tolist()
    top, left, bottom, right = pads = rng.integers(0, 3, 4).tolist()
    padded = np.pad(x.astype(np.int64) - 7, ((0, 0), (0, 0), (top, bottom), (left, right)))
    centred = w.astype(np.int64) - zeros.reshape(-1, 1, 1, 1)
    expected = naive_conv(padded, centred, strides, dilations, groups) + bias.reshape(-1, 1, 1)
    actual = kernels.conv(
        x,
        w,
        bias,
        x_zero=7,
        w_zeros=zeros,
        strides=strides,
        pads=pads,
        dilations=dilations,
        groups=groups,
    )
    np.testing.assert_array_equal(actual, expected)


def test_accumulators_beyond_int32_are_refused() -> None:
    x = np.full((1, 40000), 255, np.uint8)
    w = np.full((40000, 1), 127, np.int8)
    zeros = np.zeros(1, np.int32)
    assert kernels.matmul(x, w, None, x_zero=0, w_zeros=zeros)[0, 0] == 255 * 127 * 40000
    limit = np.array([2**31 - 1 - 255 * 127 * 40000], np.int32)
    assert kernels.matmul(x, w, limit, x_zero=0, w_zeros=zeros)[0, 0] == 2**31 - 1
    with pytest.raises(OverflowError, match="int32"):
        kernels.matmul(x, w, limit + 1, x_zero=0, w_zeros=zeros)


def test_rounding_is_to_even_and_saturates() -> None:
    acc = np.array([1, 3, 5, -1, -3, 2**31 - 1, -(2**31)], np.int32)
    result = kernels.requantise(acc, np.float32(0.5), 10, 0, 255)
    assert result.tolist() == [10, 12, 12, 10, 8, 255, 0]
    assert kernels.requantise(acc, np.float32(3e38), 10, 3, 200)[5] == 200


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("signed", [False, True])
def test_tables_depend_on_the_low_bits_only(bits: int, signed: bool) -> None:
    x = UniformType.per_tensor(bits, signed, 0.3, 1)
    y = UniformType.per_tensor(8, True, 0.1, -3)
    table = kernels.lut_from_chain(x, [np.negative], y)
    assert np.array_equal(table, np.tile(table[: 1 << bits], 256 >> bits))
    codes = np.arange(x.qmin, x.qmax + 1).astype(x.numpy_dtype)
    expected = np.clip(np.rint(-(codes.astype(np.float64) - 1) * 3) - 3, -128, 127)
    np.testing.assert_array_equal(kernels.look_up(codes, table, y.numpy_dtype), expected)


def test_tables_of_undefined_functions_are_refused() -> None:
    kind = UniformType.per_tensor(8, True, 1.0)
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="undefined"):
        kernels.lut_from_chain(kind, [np.sqrt], kind)
