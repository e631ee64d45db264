"""What instructions compute: one dynamic instruction at a time, on byte memories.

Tokens play no part: `execute_all` goes in program order, and a test may call `execute` in any
order that tokens allow.
"""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from . import kernels
from .convolution import convolve, place_of
from .footprint import Footprint, Plan
from .kernels import Window
from .memory import NUMPY_TYPES, Box, StepError
from .state import State, Target, apart, clamp_of, loops, parameters, window_of
from .tree import Counters, Step, walk


def execute_all(plan: Plan, state: State) -> None:
    """Execute the whole program in program order."""
    for step, counters in walk(plan.tree.body):
        execute(plan, state, step, counters)


def execute(plan: Plan, state: State, step: Step, counters: Counters) -> None:
    """Execute one dynamic instruction; instructions without values do nothing.

    Raises TilefoldError naming the instruction when it leaves a memory, overflows an accumulator
    or continues sums that were never started.
    """
    if step.mnemonic not in _KERNELS:
        return
    footprint = plan.footprint(step, counters)
    if footprint.empty:
        return
    try:
        compute(step, footprint, state)
    except StepError as error:
        raise plan.error(step, counters, error) from None


def compute(step: Step, footprint: Footprint, state: State) -> None:
    """Compute the values of an instruction on a `footprint`; raises StepError."""
    _KERNELS[step.mnemonic](step, footprint, state)


def _copy(step: Step, footprint: Footprint, state: State) -> None:
    source, target = footprint.boxes["src"], footprint.boxes["dst"]
    pad = step.instruction.integer("pad") if step.mnemonic == "load" else 0
    fill = int(np.array(pad).astype(NUMPY_TYPES[source.type]))
    state.write(target, state.filled(source, target.low, target.counts, fill))


def _vquant(step: Step, footprint: Footprint, state: State) -> None:
    source, par = footprint.boxes["src"], footprint.boxes["par"]
    bias, multiplier, _ = parameters(par, state.read(par))
    zero = step.instruction.integer("src_zero")
    total = state.read(source).astype(np.float64) - zero + bias
    largest = max(abs(bound - zero) for bound in source.type.range)
    kernels.check_int32(total, largest + np.abs(bias.astype(np.int64)))
    target_zero = step.instruction.integer("dst_zero")
    sums = total.astype(np.float32)
    result = kernels.requantise(sums, multiplier, target_zero, clamp_of(step))
    state.write(footprint.boxes["dst"], result)


def _binary(step: Step, footprint: Footprint, state: State) -> None:
    left, right, target = (footprint.boxes[name] for name in ("a", "b", "dst"))
    if max(left.type.bits, right.type.bits) > 8:
        raise StepError(f"{step.mnemonic} takes elements of at most 8 bits")
    wide = target.type.bits == 32
    if step.mnemonic == "vmul":
        a_zero, b_zero, zero = map(step.instruction.integer, ("a_zero", "b_zero", "dst_zero"))
        numbers = (a_zero, b_zero, step.instruction.real("m"), zero)
        table = kernels.mul_table(left.type, right.type, numbers, clamp_of(step), wide)
    else:
        ra, rb, fix = map(step.instruction.real, ("ra", "rb", "fix"))
        table = kernels.add_table(left.type, right.type, (ra, rb, fix), clamp_of(step), wide)
    a, b = (
        np.ascontiguousarray(state.read(box)).reshape(-1).view(np.uint8) for box in (left, right)
    )
    memory = state.memories[target.memory]
    place = memory.read(target).view(np.uint8) if target.type.bits == 8 else None
    if place is not None and place.flags.c_contiguous and apart(target, (left, right)):
        loops().add(a, b, table, place.reshape(-1))
        memory.touch(*target.span)
        return
    out = np.empty(a.size, table.dtype)
    loops().add(a, b, table, out)
    state.write(target, out.reshape(target.counts))


def _vlut(step: Step, footprint: Footprint, state: State) -> None:
    del step
    source = footprint.boxes["src"]
    table = state.read(footprint.boxes["table"])
    result = kernels.lookup(state.read(source), source.type.bits, table)
    state.write(footprint.boxes["dst"], result)


def _vpool(step: Step, footprint: Footprint, state: State) -> None:
    source, target = footprint.boxes["src"], footprint.boxes["dst"]
    names = ("kernel_y", "kernel_x")
    window = window_of(step, *map(step.instruction.integer, names))
    if step.instruction.integer("kind") == 0:
        _max_pool(step, source, target, window, state)
        return
    zero = step.instruction.integer("src_zero")
    rows, columns, channels = target.counts
    low = (target.low[0] * window.stride_y, target.low[1] * window.stride_x, target.low[2])
    tile = state.filled(source, low, (*window.inputs(rows, columns), channels), zero)
    sums = kernels.window_sums(tile, zero, window, rows, columns)
    count = window.kernel_y * window.kernel_x
    if not step.instruction.integer("include_pad"):
        by_row = _valid(source, target, 0, window.kernel_y, window.stride_y, window.dil_y)
        by_column = _valid(source, target, 1, window.kernel_x, window.stride_x, window.dil_x)
        count = np.maximum(1, by_row[:, None, None] * by_column[:, None])
    state.write(target, _average(step, sums, count))


def _max_pool(step: Step, source: Box, target: Box, window: Window, state: State) -> None:
    least = source.type.range[0]
    rows, columns, channels = target.counts
    bytes_only = max(source.type.bits, target.type.bits) <= 8
    if not bytes_only or (source.low[2], source.counts[2]) != (target.low[2], channels):
        low = (target.low[0] * window.stride_y, target.low[1] * window.stride_x, target.low[2])
        tile = state.filled(source, low, (*window.inputs(rows, columns), channels), least)
        largest = kernels.largest(window.patches(tile, rows, columns)).astype(np.int64)
        state.write(target, np.clip(largest, *clamp_of(step)))
        return
    data, place = place_of(state, source, target, window)
    result = Target(state, target, (source,))
    geometry, outputs = window.geometry, (rows, columns)
    clamp = clamp_of(step)
    loops().max_pool(data, place, geometry, outputs, least, clamp, result.data, result.place)
    result.done()


def _valid(
    source: Box, target: Box, dim: int, kernel: int, stride: int, dilation: int
) -> npt.NDArray[np.int64]:
    """How many elements of each output's window along `dim` are valid in the source."""
    first = np.arange(target.low[dim], target.high[dim]) * stride
    taken = first[:, None] + np.arange(kernel) * dilation
    return ((taken >= source.low[dim]) & (taken < source.high[dim])).sum(axis=1)


def _average(
    step: Step, sums: npt.NDArray[np.floating], count: npt.NDArray[np.integer] | int
) -> npt.NDArray[np.floating]:
    scales = step.instruction.real("src_scale"), step.instruction.real("dst_scale")
    zero = step.instruction.integer("dst_zero")
    round_first = step.instruction.integer("kind") == 2
    return kernels.average_pool(sums, count, scales, zero, clamp_of(step), round_first)


_KERNELS: Final[Mapping[str, Callable[[Step, Footprint, State], None]]] = {
    "load": _copy,
    "store": _copy,
    "conv": convolve,
    "dwconv": convolve,
    "vadd": _binary,
    "vmul": _binary,
    "vlut": _vlut,
    "vquant": _vquant,
    "vpool": _vpool,
}
