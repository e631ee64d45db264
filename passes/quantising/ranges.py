"""Ranges of real values that are worth their quantisation: scale and zero point from data."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from ...dialects.quant import UniformType, storage_range
from ...errors import TilefoldError
from .observed import Doubles, Histogram

Floats = npt.NDArray[np.floating]

STEPS = 48
"""How many ends of a range are tried."""
LEAST = 0.2
"""The shortest range that is tried, over the observed one."""
PERCENTILE = 0.9999
"""The part of values that a range by percentile holds."""
SMALLEST = 1e-9
"""The least scale: that of values which are all 0."""


class Method(StrEnum):
    """How a range is found: all values, all but the rarest, or the least squared error.

    "auto" stands for all values at 8 bits, which cut nothing off, and the least error below.
    """

    AUTO = "auto"
    MINMAX = "minmax"
    PERCENTILE = "percentile"
    MSE = "mse"


def method_of(name: str) -> Method:
    """The method called `name`; TilefoldError where there is none."""
    if name not in list(Method):
        raise TilefoldError(f'no method "{name}" to find ranges by; there are {", ".join(Method)}')
    return Method(name)


def activation_type(
    histogram: Histogram, bits: int, method: Method, symmetric: bool = False
) -> UniformType:
    """The type of `bits` in which values with this histogram are stored; 0 is exact in it.

    Symmetric types are signed with zero point 0, others unsigned.
    """
    low, high = _range(histogram, bits, method, symmetric)
    scale, zero = parameters(low, high, bits, symmetric)
    return UniformType.per_tensor(bits, symmetric, float(scale), int(zero))


def parameters(
    low: Floats | float, high: Floats | float, bits: int, symmetric: bool
) -> tuple[Doubles, Doubles]:
    """Scales and zero points for ranges from `low` to `high` (arrays of one shape, or numbers).

    scale = (high - low) / (2^bits - 1), zero = rint(-low / scale), with 0 in the range; symmetric:
    scale = max(-low, high) / (2^(bits - 1) - 1), zero = 0 (Jacob et al., arXiv:1712.05877, 2.1).
    """
    low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    if symmetric:
        most = np.maximum(-low, high)
        scale = np.maximum(most / storage_range(bits, True)[1], SMALLEST).astype(np.float32)
        return scale.astype(np.float64), np.zeros_like(scale, np.float64)
    scale = np.maximum((high - low) / ((1 << bits) - 1), SMALLEST).astype(np.float32)
    wide = scale.astype(np.float64)
    return wide, np.rint(-low / wide)


def _range(histogram: Histogram, bits: int, method: Method, symmetric: bool) -> tuple[float, float]:
    counts = histogram.counts
    if method is Method.AUTO:
        method = Method.MINMAX if bits == 8 else Method.MSE
    if not counts.any() or method is Method.MINMAX:
        return histogram.low, histogram.high
    if method is Method.PERCENTILE:
        return _percentile(histogram)
    lows, highs = _candidates(histogram.low, histogram.high, symmetric)
    errors = squared_errors(histogram, lows, highs, bits, symmetric)
    best = int(errors.argmin())
    return float(lows[best]), float(highs[best])


def _percentile(histogram: Histogram) -> tuple[float, float]:
    """The ends that leave out as much on each side as `PERCENTILE` allows in all."""
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    rest = (1 - PERCENTILE) / 2
    first = int(np.searchsorted(share, rest))
    last = int(np.searchsorted(share, 1 - rest))
    edges = np.linspace(histogram.low, histogram.high, len(histogram.counts) + 1)
    return float(edges[first]), float(edges[min(last + 1, len(histogram.counts))])


def _candidates(low: float, high: float, symmetric: bool) -> tuple[Doubles, Doubles]:
    """Ends of ranges [candidates]: shares of the observed ones, each side by itself."""
    shares = np.linspace(1, LEAST, STEPS)
    if symmetric or low >= 0 or high <= 0:
        return low * shares, high * shares
    pairs = np.meshgrid(low * shares, high * shares, indexing="ij")
    return pairs[0].ravel(), pairs[1].ravel()


def squared_errors(
    histogram: Histogram, lows: Floats, highs: Floats, bits: int, symmetric: bool
) -> Doubles:
    """The summed squared errors [candidates] of storing the values in each of the ranges."""
    used = np.flatnonzero(histogram.counts)
    values, counts = histogram.centres[used], histogram.counts[used]
    least, most = (-storage_range(bits, True)[1], storage_range(bits, True)[1])
    if not symmetric:
        least, most = 0, (1 << bits) - 1
    errors: list[Doubles] = []
    for some in np.array_split(np.arange(len(lows)), max(len(lows) // 64, 1)):
        scales, zeros = parameters(lows[some], highs[some], bits, symmetric)
        codes = np.rint(values / scales[:, None]) + zeros[:, None]
        stored = (np.clip(codes, least, most) - zeros[:, None]) * scales[:, None]
        errors.append((stored - values) ** 2 @ counts)
    return np.concatenate(errors)


def stored_error(histogram: Histogram, element: UniformType) -> float:
    """The summed squared error of storing values with this histogram in a type."""
    values, scale = histogram.centres, float(element.scale)
    codes = np.clip(np.rint(values / scale) + element.zero_point, element.qmin, element.qmax)
    stored = (codes - element.zero_point) * scale
    return float((stored - values) ** 2 @ histogram.counts)


def weight_scales(
    weight: npt.NDArray[np.float32], axis: int | None, bits: int, method: Method
) -> npt.NDArray[np.float32]:
    """Scales [channels along `axis`] (or [1]) of symmetric types for a weight.

    With "mse" or "auto" each is the one among shares of the largest magnitude with the least error.
    """
    flat = rows_along(weight, axis).astype(np.float64)
    largest = np.maximum(np.abs(flat).max(axis=1), SMALLEST)
    most = storage_range(bits, True)[1]
    if method not in (Method.MSE, Method.AUTO):
        return (largest / most).astype(np.float32)
    best: Doubles = largest / most
    least: Doubles = np.full(len(flat), np.inf)
    for share in np.linspace(1, LEAST, STEPS):
        scales = (largest * share / most).astype(np.float32).astype(np.float64)
        codes = np.clip(np.rint(flat / scales[:, None]), -most, most)
        errors = ((codes * scales[:, None] - flat) ** 2).sum(axis=1)
        best = np.where(errors < least, scales, best)
        least = np.minimum(errors, least)
    return best.astype(np.float32)


def rows_along(weight: npt.NDArray[np.float32], axis: int | None) -> npt.NDArray[np.float32]:
    """A weight as [channels along `axis`, the others]; as one row without an axis."""
    if axis is None:
        return weight.reshape(1, -1)
    return np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)


def codes_of(
    weight: npt.NDArray[np.float32], scales: Sequence[float] | Floats, axis: int | None, bits: int
) -> npt.NDArray[np.int8]:
    """The integers of a weight by `scales` along `axis`, to the nearest, symmetric."""
    most = storage_range(bits, True)[1]
    shape = [1] * weight.ndim
    if axis is not None:
        shape[axis] = -1
    steps = np.asarray(scales, np.float64).reshape(shape)
    return np.clip(np.rint(weight / steps), -most, most).astype(np.int8)
