"""Kernels of `kernels.py` compiled by numba (the extra `fast`): the same names, the same bytes.

Inner loops run over slices of flat arrays, which LLVM turns into vector instructions; views of
three dimensions it does not. No flag lets the compiler change the rounding.
"""
# Decorated functions have no types that a checker could know.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportMissingParameterType=false, reportMissingTypeArgument=false

import numpy as np
from numba import njit

from .kernels import Bytes, F32Array, Geometry, Limits, Place, RealArray, SourcePlace

Target = np.ndarray


@njit(cache=True, nogil=True)
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
    """See `kernels.patches`."""
    start, row_bytes, column_bytes, low_y, low_x, height, width, channels = place
    kernel_y, kernel_x, stride_y, stride_x, dil_y, dil_x = window
    middle, pad = np.float32(centre), np.float32(fill)
    dense = dil_x == 1 and column_bytes == channels
    for number in range(out.shape[0]):
        row, column = first + number // columns, number % columns
        left = column * stride_x - low_x
        line = out[number]
        for ky in range(kernel_y):
            y = row * stride_y + ky * dil_y - low_y
            here = line[ky * kernel_x * channels : (ky + 1) * kernel_x * channels]
            if y < 0 or y >= height:
                here[:] = pad
            elif dense:
                begin, end = max(0, -left), min(kernel_x, width - left)
                end = max(begin, end)
                here[: begin * channels] = pad
                here[end * channels :] = pad
                part = here[begin * channels : end * channels]
                at = start + y * row_bytes + (left + begin) * column_bytes
                source = data[at : at + len(part)]
                for c in range(len(part)):
                    part[c] = np.float32(source[c]) - middle
            else:
                for kx in range(kernel_x):
                    x = left + kx * dil_x
                    part = here[kx * channels : (kx + 1) * channels]
                    if x < 0 or x >= width:
                        part[:] = pad
                        continue
                    at = start + y * row_bytes + x * column_bytes
                    source = data[at : at + channels]
                    for c in range(channels):
                        part[c] = np.float32(source[c]) - middle


@njit(cache=True, nogil=True)
def _requantise(sums, constant, multiplier, limits, result):
    """One pixel's sums [k] to `result` [k]."""
    zero, low, high = limits
    for k in range(len(result)):
        value = np.rint(np.float32(sums[k] + constant[k]) * multiplier[k]) + zero
        value = low if value < low else value
        value = high if value > high else value
        result[k] = np.uint8(np.int32(value))


@njit(cache=True, nogil=True)
def finish(
    sums: RealArray,
    constant: RealArray,
    multiplier: F32Array,
    limits: Limits,
    target: Target,
    place: Place,
    columns: int,
) -> None:
    """See `kernels.finish`."""
    start, row_bytes, column_bytes = place
    outputs = sums.shape[1]
    for number in range(sums.shape[0]):
        at = start + number // columns * row_bytes + number % columns * column_bytes
        _requantise(sums[number], constant, multiplier, limits, target[at : at + outputs])


@njit(cache=True, nogil=True)
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
    target: Target,
    result: Place,
) -> None:
    """See `kernels.dwconv`."""
    start, row_bytes, column_bytes, low_y, low_x, height, width, channels = place
    kernel_y, kernel_x, stride_y, stride_x, dil_y, dil_x = window
    middle = np.float32(centre)
    sums = np.empty(channels, np.float32)
    for row in range(outputs[0]):
        for column in range(outputs[1]):
            sums[:] = np.float32(0)
            for ky in range(kernel_y):
                y = row * stride_y + ky * dil_y - low_y
                if y < 0 or y >= height:
                    continue
                for kx in range(kernel_x):
                    x = column * stride_x + kx * dil_x - low_x
                    if x < 0 or x >= width:
                        continue
                    at = start + y * row_bytes + x * column_bytes
                    source = data[at : at + channels]
                    weight = weights[ky, kx]
                    for c in range(channels):
                        sums[c] += (np.float32(source[c]) - middle) * weight[c]
            at = result[0] + row * result[1] + column * result[2]
            _requantise(sums, constant, multiplier, limits, target[at : at + channels])


@njit(cache=True, nogil=True)
def max_pool(
    data: Bytes,
    place: SourcePlace,
    window: Geometry,
    outputs: tuple[int, int],
    least: int,
    clamp: tuple[int, int],
    target: Target,
    result: Place,
) -> None:
    """See `kernels.max_pool`."""
    start, row_bytes, column_bytes, low_y, low_x, height, width, channels = place
    kernel_y, kernel_x, stride_y, stride_x, dil_y, dil_x = window
    low, high = clamp
    largest = np.empty(channels, data.dtype)
    for row in range(outputs[0]):
        for column in range(outputs[1]):
            largest[:] = least
            for ky in range(kernel_y):
                y = row * stride_y + ky * dil_y - low_y
                if y < 0 or y >= height:
                    continue
                for kx in range(kernel_x):
                    x = column * stride_x + kx * dil_x - low_x
                    if x < 0 or x >= width:
                        continue
                    at = start + y * row_bytes + x * column_bytes
                    source = data[at : at + channels]
                    for c in range(channels):
                        largest[c] = max(largest[c], source[c])
            at = result[0] + row * result[1] + column * result[2]
            out = target[at : at + channels]
            for c in range(channels):
                out[c] = np.uint8(np.int32(min(max(np.int32(largest[c]), low), high)))


@njit(cache=True, nogil=True)
def add(left: Target, right: Target, table: Target, out: Target) -> None:
    """See `kernels.add`."""
    for number in range(len(out)):
        out[number] = table[np.int64(left[number]) << 8 | np.int64(right[number])]
