"""Convolutions on whole tiles: patches, an exact matrix product, requantisation, in chunks."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from . import kernels
from .footprint import Footprint
from .kernels import (
    CHUNK,
    INT32,
    F32Array,
    F64Array,
    Int64Array,
    RealArray,
    SourcePlace,
    Weights,
    Window,
)
from .memory import Box, IntArray, StepError
from .state import (
    Accumulator,
    Filters,
    State,
    Target,
    clamp_of,
    limits_of,
    loops,
    parameters,
    window_of,
)
from .tree import Step

CACHED_WEIGHTS: Final = 64
"""Weight tiles kept prepared."""


def convolve(step: Step, footprint: Footprint, state: State) -> None:
    """Compute a `conv` or `dwconv`; raises StepError."""
    convolve_with(step, footprint, state, _filters(step, footprint, state))


def convolve_with(step: Step, footprint: Footprint, state: State, filters: Filters) -> None:
    """Compute a `conv` or `dwconv` with prepared filters; raises StepError."""
    window = window_of(step, *footprint.boxes["wgt"].counts[1:3])
    target = footprint.boxes["dst"]
    whole = footprint.first and footprint.last
    if whole and target.type.bits <= 8 and filters.constant is not None:
        if step.mnemonic == "conv":
            _conv(step, footprint, state, filters, window)
            return
        if len(filters.weights.cuts) == 2 and _plain(step, footprint):
            _dwconv(step, footprint, state, filters, window)
            return
    depthwise = step.mnemonic == "dwconv"
    make = _depthwise_sums if depthwise else _sums
    sums = make(step, footprint, state, filters, window) + filters.weights.shift
    sums, bound = _accumulate(step, footprint, state, sums, filters.weights.bound)
    if footprint.last:
        total = sums + filters.bias
        kernels.check_int32(total, bound + np.abs(filters.bias.astype(np.int64)))
        _write(step, state, target, total, filters.multiplier)


def make_filters(step: Step, source: Box, par: Box, weights: IntArray, words: IntArray) -> Filters:
    """Prepare the weights [k, ..] and parameters [k, 3] of a convolution; raises StepError."""
    bias, multiplier, zero = parameters(par, words)
    source_zero = step.instruction.integer("src_zero")
    prepared = kernels.prepare(weights, zero, source.type, source_zero)
    total = bias.astype(np.int64) + prepared.shift
    rounded = total.astype(np.float32)
    exact = np.array_equal(rounded.astype(np.int64), total)
    largest = int((prepared.bound + np.abs(bias.astype(np.int64))).max(initial=0))
    safe = largest < INT32 and prepared.matrix.dtype == np.float32
    constant = (rounded if exact else total.astype(np.float64)) if safe else None
    return Filters(prepared, bias, multiplier, constant)


def _filters(step: Step, footprint: Footprint, state: State) -> Filters:
    """The filters of a convolution, prepared anew only after writes near them."""
    wgt, par, source = (footprint.boxes[name] for name in ("wgt", "par", "src"))
    stamps = tuple(
        state.memories[box.memory].stamp(box) if box.elements else 0 for box in (wgt, par)
    )
    key = (step.index, wgt.start, wgt.counts, par.start)
    found = state.filters.get(key)
    if found is not None and found[0] == stamps:
        return found[1]
    filters = make_filters(step, source, par, state.read(wgt), state.read(par))
    if len(state.filters) >= CACHED_WEIGHTS:
        state.filters.clear()
    state.filters[key] = stamps, filters
    return filters


def place_of(
    state: State, source: Box, target: Box, window: Window
) -> tuple[kernels.Bytes, SourcePlace]:
    """The bytes of the source, placed against the window of the first output."""
    data, start, row, column = state.source(source)
    low_y = source.low[0] - target.low[0] * window.stride_y
    low_x = source.low[1] - target.low[1] * window.stride_x
    rows, columns, channels = source.counts
    return data, (start, row, column, low_y, low_x, rows, columns, channels)


def _conv(step: Step, footprint: Footprint, state: State, filters: Filters, window: Window) -> None:
    """Patches, product and requantisation of a few rows after the other."""
    box = footprint.boxes["dst"]
    target = Target(state, box, (footprint.boxes["src"],))
    assert filters.constant is not None
    limits, columns = limits_of(step), box.counts[1]
    start, row_bytes, column_bytes = target.place
    for row, sums in _chunks(step, footprint, state, filters.weights, window):
        place = (start + row * row_bytes, row_bytes, column_bytes)
        loops().finish(
            sums, filters.constant, filters.multiplier, limits, target.data, place, columns
        )
    target.done()


def _chunks(
    step: Step, footprint: Footprint, state: State, weights: Weights, window: Window
) -> Iterator[tuple[int, RealArray]]:
    """Exact sums [rows * columns, k] over centred activations, and the first of these rows.

    They are in float32 where that is exact. Each is overwritten by the next.
    """
    box = footprint.boxes["dst"]
    data, place = place_of(state, footprint.boxes["src"], box, window)
    fill = step.instruction.integer("src_zero") - weights.centre
    rows, columns, outputs = box.counts
    depth = len(weights.matrix)
    pieces = -(-rows * columns * max(depth, outputs) // CHUNK)
    step_rows = -(-rows // min(rows, max(1, pieces)))
    patches = state.buffer("patches", step_rows * columns, depth)
    sums = state.buffer("sums", step_rows * columns, outputs)
    geometry, patch = window.geometry, loops().patches
    for row in range(0, rows, step_rows):
        count = min(step_rows, rows - row) * columns
        taken, made = patches[:count], sums[:count]
        patch(data, place, geometry, row, columns, weights.centre, fill, taken)
        if len(weights.cuts) == 2:
            yield row, np.matmul(taken, weights.matrix, out=made)
            continue
        total = np.zeros(made.shape)
        for first, end in pairwise(weights.cuts):
            total += np.matmul(taken[:, first:end], weights.matrix[first:end], out=made)
        yield row, total


def _sums(
    step: Step, footprint: Footprint, state: State, filters: Filters, window: Window
) -> F64Array:
    """Sums [rows, columns, k] over centred activations."""
    source, box = footprint.boxes["src"], footprint.boxes["dst"]
    weights = filters.weights
    total = np.empty((box.counts[0] * box.counts[1], box.counts[2]))
    if weights.matrix.dtype == np.float64:
        spread = _spread(step, footprint, state, window, (source.low[2], source.high[2]))
        np.matmul(spread.reshape(total.shape[0], -1), weights.matrix, out=total)
    else:
        for row, sums in _chunks(step, footprint, state, weights, window):
            first = row * box.counts[1]
            total[first : first + len(sums)] = sums
    return total.reshape(box.counts)


def _spread(
    step: Step, footprint: Footprint, state: State, window: Window, channels: tuple[int, int]
) -> RealArray:
    """Windows [rows, columns, ky, kx, c] of activations less their zero point, in float64."""
    source, box = footprint.boxes["src"], footprint.boxes["dst"]
    first, end = channels
    rows, columns, _ = box.counts
    low = (box.low[0] * window.stride_y, box.low[1] * window.stride_x, first)
    counts = (*window.inputs(rows, columns), end - first)
    zero = step.instruction.integer("src_zero")
    centred = state.filled(source, low, counts, zero).astype(np.float64) - zero
    return window.patches(centred, rows, columns)


def _plain(step: Step, footprint: Footprint) -> bool:
    """Whether a depthwise convolution has one output for each channel of its source."""
    source, target = footprint.boxes["src"], footprint.boxes["dst"]
    same = (source.low[2], source.counts[2]) == (target.low[2], target.counts[2])
    return step.instruction.integer("mult") == 1 and same and source.type.bits <= 8


def _dwconv(
    step: Step, footprint: Footprint, state: State, filters: Filters, window: Window
) -> None:
    """A depthwise convolution in one pass."""
    source, box = footprint.boxes["src"], footprint.boxes["dst"]
    data, place = place_of(state, source, box, window)
    target = Target(state, box, (source,))
    weights = filters.weights
    assert filters.constant is not None
    loops().dwconv(
        data,
        place,
        window.geometry,
        (box.counts[0], box.counts[1]),
        weights.centre,
        weights.matrix,
        filters.constant,
        filters.multiplier,
        limits_of(step),
        target.data,
        target.place,
    )
    target.done()


def _depthwise_sums(
    step: Step, footprint: Footprint, state: State, filters: Filters, window: Window
) -> F64Array:
    """Sums [rows, columns, k], channel by channel, of any depthwise convolution."""
    target = footprint.boxes["dst"]
    mult = step.instruction.integer("mult")
    first, end = target.low[2], target.high[2]
    channels = first // mult, (end - 1) // mult + 1
    spread = _spread(step, footprint, state, window, channels)
    of = np.arange(first, end) // mult - channels[0]
    matrix = filters.weights.matrix
    total = np.zeros(target.counts)
    for y in range(window.kernel_y):
        for x in range(window.kernel_x):
            total += spread[:, :, y, x][..., of] * matrix[y, x]
    return total


def _accumulate(
    step: Step, footprint: Footprint, state: State, sums: F64Array, bound: Int64Array
) -> tuple[F64Array, Int64Array]:
    """Add `sums` to the group's accumulators; returns all sums so far and their bound."""
    if footprint.first and footprint.last:
        return sums, bound
    target = footprint.boxes["dst"]
    if not footprint.first:
        before = state.accumulators.pop(step.unit, None)
        place = (step.index, target.low, target.counts)
        if before is None or (before.index, before.low, before.counts) != place:
            raise StepError("continues sums that it did not start; put the reduce loops innermost")
        bound = bound + before.bound
        sums = before.sums + sums
        kernels.check_int32(sums, bound)
    if not footprint.last:
        if step.unit in state.accumulators:
            other = state.accumulators[step.unit].index
            raise StepError(
                f"starts sums while those of instruction {other} are unfinished; "
                "put the reduce loops innermost"
            )
        state.accumulators[step.unit] = Accumulator(
            step.index, target.low, target.counts, sums, bound
        )
    return sums, bound


def _write(step: Step, state: State, target: Box, total: F64Array, multiplier: F32Array) -> None:
    """Write sums raw to 32-bit elements, else requantised."""
    if target.type.bits == 32:
        state.write(target, total)
        return
    zero = step.instruction.integer("dst_zero")
    requantised = kernels.requantise(total.astype(np.float32), multiplier, zero, clamp_of(step))
    state.write(target, requantised)
