"""What instructions compute: one dynamic instruction at a time, on byte memories.

Tokens play no part: `execute_all` goes in program order, and a test may call `execute` in any
order that tokens allow.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from ..dialects.isa_operands import ElementType
from . import kernels
from .footprint import Footprint, Plan
from .kernels import Weights, Window
from .memory import NUMPY_TYPES, Box, IntArray, Memory, StepError, fill_box
from .tree import Counters, Step, walk

CACHED_WEIGHTS: Final = 64
"""Weight tiles kept prepared."""


@dataclass
class Accumulator:
    """Sums of an unfinished convolution: outputs `low..low+counts` of instruction `index`."""

    index: int
    low: tuple[int, ...]
    counts: tuple[int, ...]
    sums: npt.NDArray[np.floating]
    bound: int


@dataclass(frozen=True)
class Filters:
    """Weights and parameters [k] of a convolution as read from memory."""

    stamps: tuple[int, int]
    weights: Weights
    bias: IntArray
    multiplier: npt.NDArray[np.float32]


@dataclass
class State:
    """The memories, and the accumulators of each group by its lowest unit."""

    memories: Mapping[str, Memory]
    accumulators: dict[str, Accumulator] = field(default_factory=dict[str, Accumulator])
    filters: dict[tuple[object, ...], Filters] = field(
        default_factory=dict[tuple[object, ...], Filters]
    )

    def read(self, box: Box) -> IntArray:
        """The elements of `box`."""
        return self.memories[box.memory].read(box)

    def write(self, box: Box, values: npt.NDArray[np.generic]) -> None:
        """Write the elements of `box`."""
        self.memories[box.memory].write(box, values)

    def filled(
        self, box: Box, low: tuple[int, ...], counts: tuple[int, ...], fill: int
    ) -> IntArray:
        """Elements `low..low+counts` of the view of `box`, `fill` where `box` has none."""
        return fill_box(self.memories[box.memory], box, low, counts, fill)


def execute_all(plan: Plan, state: State) -> None:
    """Execute the whole program in program order."""
    for step, counters in walk(plan.tree.body):
        execute(plan, state, step, counters)


def execute(plan: Plan, state: State, step: Step, counters: Counters) -> None:
    """Execute one dynamic instruction; instructions without values do nothing.

    Raises TilefoldError naming the instruction when it leaves a memory, overflows an accumulator
    or continues sums that were never started.
    """
    kernel = _KERNELS.get(step.mnemonic)
    if kernel is None:
        return
    footprint = plan.footprint(step, counters)
    if footprint.empty:
        return
    try:
        kernel(step, footprint, state)
    except StepError as error:
        raise plan.error(step, counters, error) from None


def _copy(step: Step, footprint: Footprint, state: State) -> None:
    source, target = footprint.boxes["src"], footprint.boxes["dst"]
    pad = step.instruction.integer("pad") if step.mnemonic == "load" else 0
    fill = int(np.array(pad).astype(NUMPY_TYPES[source.type]))
    state.write(target, state.filled(source, target.low, target.counts, fill))


def _window(step: Step, kernel_y: int, kernel_x: int) -> Window:
    names = ("stride_y", "stride_x", "dil_y", "dil_x")
    return Window(kernel_y, kernel_x, *map(step.instruction.integer, names))


def _tile(
    step: Step, footprint: Footprint, state: State, window: Window, channels: tuple[int, int]
) -> Callable[[int], IntArray]:
    """The source under the outputs' windows, as a function of what to fill padding with."""
    source, target = footprint.boxes["src"], footprint.boxes["dst"]
    first, end = channels
    low = (target.low[0] * window.stride_y, target.low[1] * window.stride_x, first)
    counts = (*window.inputs(*target.counts[:2]), end - first)
    return lambda fill: state.filled(source, low, counts, fill)


def _clamp(step: Step) -> tuple[int, int]:
    return step.instruction.integer("lo"), step.instruction.integer("hi")


def _largest(element: ElementType, zero: int) -> int:
    """The largest |x - zero| of elements of a type."""
    return max(abs(bound - zero) for bound in element.range)


def _parameters(par: Box, state: State) -> tuple[IntArray, npt.NDArray[np.float32], IntArray]:
    """Bias, multiplier and weight zero point, each [k]."""
    values = np.ascontiguousarray(state.read(par).T)
    multiplier = values[1].view(np.float32)
    if not np.isfinite(multiplier).all():
        raise StepError(f"a multiplier at {par.memory}[{par.start // 8:#x}] is not finite")
    return values[0], multiplier, values[2]


def _filters(step: Step, footprint: Footprint, state: State) -> Filters:
    """The filters of a convolution, prepared anew only after writes near them."""
    wgt, par, source = (footprint.boxes[name] for name in ("wgt", "par", "src"))
    stamps = tuple(
        state.memories[box.memory].stamp(box) if box.elements else 0 for box in (wgt, par)
    )
    key = (step.index, wgt.start, wgt.counts, par.start)
    filters = state.filters.get(key)
    if filters is not None and filters.stamps == stamps:
        return filters
    bias, multiplier, zero = _parameters(par, state)
    largest = _largest(source.type, step.instruction.integer("src_zero"))
    weights = kernels.prepare(state.read(wgt), zero, largest)
    filters = Filters((stamps[0], stamps[1]), weights, bias, multiplier)
    if len(state.filters) >= CACHED_WEIGHTS:
        state.filters.clear()
    state.filters[key] = filters
    return filters


def _conv(step: Step, footprint: Footprint, state: State) -> None:
    source, target = footprint.boxes["src"], footprint.boxes["dst"]
    filters = _filters(step, footprint, state)
    window = _window(step, *footprint.boxes["wgt"].counts[1:3])
    zero = step.instruction.integer("src_zero")
    if step.mnemonic == "dwconv":
        mult = step.instruction.integer("mult")
        first, end = target.low[2], target.high[2]
        channels = first // mult, (end - 1) // mult + 1
        tile = _tile(step, footprint, state, window, channels)(zero)
        centred = kernels.centre(tile, zero, filters.weights)
        if mult > 1:
            centred = centred.repeat(mult, axis=2)[:, :, first - channels[0] * mult :]
            centred = centred[:, :, : end - first]
        sums = kernels.dwconv(centred, filters.weights, window, *target.counts[:2])
    else:
        tile = _tile(step, footprint, state, window, (source.low[2], source.high[2]))(zero)
        centred = kernels.centre(tile, zero, filters.weights)
        sums = kernels.conv(centred, filters.weights, window, *target.counts[:2])
    sums, bound = _accumulate(step, footprint, state, sums, filters.weights.bound)
    if footprint.last:
        total = kernels.add_bias(sums, filters.bias, bound)
        _finish(step, state, target, total, filters.multiplier)


def _accumulate(
    step: Step, footprint: Footprint, state: State, sums: npt.NDArray[np.floating], bound: int
) -> tuple[npt.NDArray[np.floating], int]:
    """Add `sums` to the group's accumulators; returns all sums so far and their bound."""
    if footprint.first and footprint.last:
        return sums, bound
    target = footprint.boxes["dst"]
    if not footprint.first:
        before = state.accumulators.pop(step.unit, None)
        place = (step.index, target.low, target.counts)
        if before is None or (before.index, before.low, before.counts) != place:
            raise StepError("continues sums that it did not start; put the reduce loops innermost")
        bound += before.bound
        if bound >= kernels.EXACT32:
            before.sums = before.sums.astype(np.float64, copy=False)
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


def _finish(
    step: Step,
    state: State,
    target: Box,
    total: npt.NDArray[np.generic],
    multiplier: npt.NDArray[np.float32],
) -> None:
    """Write sums raw to 32-bit elements, else requantised."""
    if target.type is ElementType.I32 and step.mnemonic != "vquant":
        state.write(target, total)
        return
    zero = step.instruction.integer("dst_zero")
    state.write(target, kernels.requantise(total, multiplier, zero, _clamp(step)))


def _vquant(step: Step, footprint: Footprint, state: State) -> None:
    source = footprint.boxes["src"]
    bias, multiplier, _ = _parameters(footprint.boxes["par"], state)
    zero = step.instruction.integer("src_zero")
    centred = state.read(source).astype(np.int64) - zero
    total = kernels.add_bias(centred, bias, _largest(source.type, zero))
    _finish(step, state, footprint.boxes["dst"], total, multiplier)


def _vadd(step: Step, footprint: Footprint, state: State) -> None:
    left, right = footprint.boxes["a"], footprint.boxes["b"]
    if max(left.type.bits, right.type.bits) > 8:
        raise StepError("adds elements of at most 8 bits")
    factors = tuple(map(step.instruction.real, ("ra", "rb", "fix")))
    result = kernels.add(
        state.read(left),
        state.read(right),
        (left.type, right.type),
        (factors[0], factors[1], factors[2]),
        _clamp(step),
    )
    state.write(footprint.boxes["dst"], result)


def _vlut(step: Step, footprint: Footprint, state: State) -> None:
    del step
    source = footprint.boxes["src"]
    table = state.read(footprint.boxes["table"])
    result = kernels.lookup(state.read(source), source.type.bits, table)
    state.write(footprint.boxes["dst"], result)


def _vpool(step: Step, footprint: Footprint, state: State) -> None:
    source, target = footprint.boxes["src"], footprint.boxes["dst"]
    kind = step.instruction.integer("kind")
    zero = step.instruction.integer("src_zero")
    window = _window(
        step, step.instruction.integer("kernel_y"), step.instruction.integer("kernel_x")
    )
    rows, columns, _ = target.counts
    tile = _tile(step, footprint, state, window, (target.low[2], target.high[2]))
    if kind == 0:
        values = tile(source.type.range[0])
        state.write(target, kernels.max_pool(values, window, rows, columns, _clamp(step)))
        return
    sums = kernels.window_sums(tile(zero), zero, window, rows, columns)
    count = window.kernel_y * window.kernel_x
    if not step.instruction.integer("include_pad"):
        by_row = _valid(source, target, 0, window.kernel_y, window.stride_y, window.dil_y)
        by_column = _valid(source, target, 1, window.kernel_x, window.stride_x, window.dil_x)
        count = np.maximum(1, by_row[:, None, None] * by_column[:, None])
    state.write(target, _average(step, sums, count))


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
    return kernels.average_pool(sums, count, scales, zero, _clamp(step), round_first)


_KERNELS: Final[Mapping[str, Callable[[Step, Footprint, State], None]]] = {
    "load": _copy,
    "store": _copy,
    "conv": _conv,
    "dwconv": _conv,
    "vadd": _vadd,
    "vlut": _vlut,
    "vquant": _vquant,
    "vpool": _vpool,
}
