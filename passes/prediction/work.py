"""What an instruction costs on each of its tiles, all at once.

Tiles at the edges of a tensor are clipped, so their costs differ; a view's origin is affine in the
loop counters, so its clipped sizes are arrays with an axis for each loop around the instruction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import cast

import numpy as np

from ...costmodel.array import conv_cost
from ...costmodel.banks import Inputs
from ...costmodel.dma import transfer_cost
from ...costmodel.integers import IntArray, Ints, as_array, ceil_div
from ...costmodel.vector import elementwise_cycles, pool_cycles
from ...dialects.isa_operands import Dim, Operand, View
from ...machines.model import Array, Dma, Fold, Machine, Vector

Operands = Mapping[str, Operand]


@dataclass(frozen=True)
class Work:
    """Cycles of an instruction, one element for each tile, one axis for each loop around it.

    `own` are those of its unit, `dram` and `lanes` those of the DRAM and of the vector lanes that
    drain an array, which it takes meanwhile; `latency` is from when the unit is free again until
    the results are there.
    """

    own: IntArray
    dram: IntArray
    lanes: IntArray
    latency: IntArray

    @staticmethod
    def of(counts: Sequence[int], own: Ints, dram: Ints, lanes: Ints, latency: Ints) -> "Work":
        """Costs spread over loops that run `counts` times."""
        return Work(*(np.broadcast_to(as_array(c), counts) for c in (own, dram, lanes, latency)))


def integer(operands: Operands, name: str) -> int:
    """The integer operand `name`."""
    return cast(int, operands[name])


def work_of(
    machine: Machine,
    mnemonic: str,
    operands: Operands,
    counts: Sequence[int],
    configuration: Operands,
) -> Work:
    """The work of an instruction in loops that run `counts` times.

    A `conv` or `dwconv` runs on a group in `configuration`, the operands of its `configure`.
    """
    unit = machine.unit(cast(str, operands["unit"]))
    if isinstance(unit, Dma):
        return _transfer(machine, unit, mnemonic, operands, counts)
    if isinstance(unit, Array):
        return _convolution(machine, unit, mnemonic, operands, counts, configuration)
    outputs = _product(_sizes(_view(operands, "dst"), counts))
    return Work.of(counts, _vector(unit, mnemonic, operands, outputs), 0, 0, 0)


def _view(operands: Operands, name: str) -> View:
    return cast(View, operands[name])


def _sizes(view: View, counts: Sequence[int]) -> list[IntArray]:
    """Elements in each dimension of a view that lie within the tensor, on each tile."""
    return [_clipped(dim, counts) for dim in view.dims]


def _clipped(dim: Dim, counts: Sequence[int]) -> IntArray:
    origin = as_array(dim.origin.const).reshape((1,) * len(counts))
    for level, coefficient in dim.origin.terms:
        shape = [1] * len(counts)
        shape[level] = counts[level]
        origin = origin + coefficient * np.arange(counts[level]).reshape(shape)
    end = np.minimum(dim.size, dim.extent - origin)
    return np.maximum(0, end - np.maximum(0, -origin))


def _product(sizes: Sequence[IntArray]) -> IntArray:
    return reduce(np.multiply, sizes)


def _transfer(
    machine: Machine, dma: Dma, mnemonic: str, operands: Operands, counts: Sequence[int]
) -> Work:
    view = _view(operands, "src" if mnemonic == "load" else "dst")
    rows, row_bytes = _runs(view, _sizes(view, counts))
    cost = transfer_cost(dma, machine.dram, rows=rows, row_bytes=row_bytes)
    dram = as_array(cost.dram_cycles)
    latency = np.where(dram > 0, machine.dram.latency_cycles, 0)
    return Work.of(counts, np.maximum(cost.port_cycles, dram), dram, 0, latency)


def _runs(view: View, sizes: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """Runs of contiguous bytes in a view clipped to `sizes`, and the bytes of each.

    Rows that touch are one run, also where they are padded to whole bytes; what a stride of 0
    repeats is as many runs more.
    """
    strides = [abs(dim.stride) for dim in view.dims]
    dense = [i for i, dim in enumerate(view.dims) if dim.stride == 1]
    longer = [i for i in dense if sizes[i].max() > 1]
    packed = (longer or dense or [len(sizes) - 1])[-1]
    if view.dims[packed].stride == 1:
        run, runs = sizes[packed] * view.bits, as_array(1)
    else:
        run, runs = as_array(view.bits), np.maximum(sizes[packed], 1)
    others = [
        (stride, size)
        for i, (stride, size) in enumerate(zip(strides, sizes, strict=True))
        if i != packed
    ]
    for stride, size in sorted(others, key=lambda other: (other[0] == 0, other[0])):
        step = stride * view.bits
        joins = (runs == 1) & ((size == 1) | (step == run) | (step == ceil_div(run, 8) * 8))
        run = np.where(joins, run + step * (size - 1), run)
        runs = np.where(joins, runs, runs * size)
    some = _product(sizes) > 0
    return np.where(some, runs, 0), np.where(some, ceil_div(run, 8), 0)


def _vector(unit: Vector, mnemonic: str, operands: Operands, outputs: IntArray) -> Ints:
    if mnemonic != "vpool":
        return elementwise_cycles(unit, mnemonic, outputs)
    window = integer(operands, "kernel_y") * integer(operands, "kernel_x")
    return pool_cycles(unit, outputs, window)


def _convolution(
    machine: Machine,
    array: Array,
    mnemonic: str,
    operands: Operands,
    counts: Sequence[int],
    configuration: Operands,
) -> Work:
    rows, cols, outputs = _sizes(_view(operands, "dst"), counts)
    channels = _sizes(_view(operands, "src"), counts)[2]
    _, kernel_rows, kernel_cols = _view(operands, "wgt").sizes[:3]
    shape: dict[str, Ints] = {"k": outputs, "c": channels, "groups": 1}
    if mnemonic == "dwconv":
        multiplier = integer(operands, "mult")
        groups = np.minimum(channels, ceil_div(outputs, multiplier))
        shape = {"k": multiplier, "c": 1, "groups": groups}
    starts, finishes = _ends(cast(frozenset[int], operands["reduce"]), counts)
    sizes = {"rows": rows, "cols": cols, **shape}
    cost = conv_cost(
        array,
        integer(configuration, "mode"),
        fold_in(configuration),
        inputs=_inputs(machine, operands),
        **sizes,
        kh=kernel_rows,
        kw=kernel_cols,
        act_bits=integer(configuration, "act_bits"),
        wgt_bits=integer(configuration, "wgt_bits"),
        hop_cycles=machine.folds_for(array.name).hop_cycles,
        drain_lanes=machine.drain_for(array).elements_per_cycle,
        starts=starts,
        finishes=finishes,
    )
    return Work.of(counts, cost.occupancy, 0, cost.drain, cost.latency)


def _inputs(machine: Machine, operands: Operands) -> Inputs:
    """How the inputs of a convolution lie in their memory."""
    source = _view(operands, "src")
    row, pixel, _ = (dim.stride * source.bits // 8 for dim in source.dims)
    strides = integer(operands, "stride_y"), integer(operands, "stride_x")
    return Inputs(machine.memory(source.memory), row, pixel, source.bits, strides)


def fold_in(configuration: Operands) -> Fold:
    """How the operands of a `configure` divide a layer."""
    names = ("chain", "cols", "pixels", "groups")
    return Fold(*(integer(configuration, name) for name in names))


def _ends(levels: frozenset[int], counts: Sequence[int]) -> tuple[IntArray, IntArray]:
    """Whether a tile is the first, and the last, of those that add into the same sums."""
    first = last = np.ones((1,) * len(counts), np.int64)
    for level in levels:
        shape = [1] * len(counts)
        shape[level] = counts[level]
        number = np.arange(counts[level]).reshape(shape)
        first, last = first * (number == 0), last * (number == counts[level] - 1)
    return first, last
