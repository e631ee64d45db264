"""Lay rows of inputs further apart on chip, so that units which read at once find other banks.

Before:

```mlir
%t = schedule.buffer "data" {depth = 2} : !schedule.buffer<4x8x4xu8>
%x = schedule.tensor {memory = "data", ...} : !schedule.tensor<4x8x4xu8>
schedule.window %x [...] {strides = array<i64: 32, 4, 1>, ...}
```

After:

```mlir
%t = schedule.buffer "data" {depth = 2, pitch = 36} : !schedule.buffer<4x8x4xu8>
%x = schedule.tensor {memory = "data", ...} : !schedule.tensor<4x36xu8>
schedule.window %x [...] {strides = array<i64: 36, 4, 1>, ...}
```

Only memories that count conflicts of banks are looked at (`costmodel/banks.py`). Each buffer that
an array reads, and each tensor on chip, has as many lines between its rows as bring the fewest
cycles of the arrays that read it, and of these the fewest lines: nothing where that saves nothing.
As many lines as there are banks are like none.

A buffer is spread if its nest still fits the memory; tensors on chip get new addresses, and those
that save least for their bytes stay as they are if not all fit. A tensor can only be spread where
each of its views goes over whole rows or stays within one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ..costmodel.array import conv_cost
from ..costmodel.banks import Inputs
from ..costmodel.integers import IntArray, as_array
from ..dialects import schedule
from ..dialects.fabric import FoldAttr
from ..dialects.schedule import TensorType
from ..machines.model import Machine, Memory, fold_of
from .arena import Life, packed
from .attach_machine import machine_of
from .lowering.budget import ceil_to
from .lowering.nest import ints
from .schedule_allocate import Kept, buffers_by_nest, floor_of, lifetime, occupied, tensors_on_chip


@dataclass(frozen=True)
class ScheduleSpreadBanksPass(ModulePass):
    """Choose how far rows of buffers and tensors lie apart where conflicts of banks count."""

    name = "schedule-spread-banks"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        crowded = [memory for memory in machine.memories if memory.conflicts]
        for program in schedule.programs_of(op):
            for memory in crowded:
                _Spreading(program, machine, memory).apply()


@dataclass(frozen=True)
class _Choice:
    """So many bytes more between the rows of a tensor, which save `cycles` and take `bytes`."""

    tensor: schedule.TensorOp
    apart: int
    cycles: int
    bytes: int


class _Spreading:
    """The rows of one program in one memory."""

    def __init__(self, program: schedule.ProgramOp, machine: Machine, memory: Memory):
        self._program, self._machine, self._memory = program, machine, memory
        self._folds = _folds_of(program)
        self._apart = np.arange(memory.banks) * memory.line

    def apply(self) -> None:
        """Spread tensors, then buffers in the room that is left."""
        choices = list(self._choices())
        choices.sort(key=lambda each: each.cycles / each.bytes, reverse=True)
        while choices and not self._place({each.tensor: each for each in choices}):
            choices = choices[: len(choices) // 2]
        for choice in choices:
            _spread(choice.tensor, choice.apart)
        kept = tensors_on_chip(self._program)
        for buffers in buffers_by_nest(self._program):
            room = self._memory.bytes - floor_of(kept, buffers, self._memory)
            for buffer in buffers:
                if buffer.memory.data == self._memory.name:
                    self._spread_buffer(buffer, buffers, room)

    def _cycles(self, tile: SSAValue, strides: Sequence[int], row: int) -> IntArray | int:
        """Cycles of the arrays that read `tile`, with `strides`, by bytes more between the rows.

        Rows lie `row` elements apart.
        """
        cycles: IntArray | int = 0
        for use in tile.uses:
            step = use.operation
            if isinstance(step, schedule.ConvolvingOp) and step.sources[0] is tile:
                cycles = cycles + self._step_cycles(step, strides, row)
        return cycles

    def _step_cycles(
        self, step: schedule.ConvolvingOp, strides: Sequence[int], row: int
    ) -> IntArray:
        """The cycles of all its tiles by bytes more between the rows."""
        fold = self._folds[step]
        out, source, *_ = step.tiles
        array, bits = self._machine.array(fold.array.data), source.bits
        sizes, extents = out.sizes, step.extents.get_values()
        rows, row_count = _tiles(sizes[0], extents[0])
        cols, col_count = _tiles(sizes[1], extents[1])
        k = min(sizes[-1], extents[-1])
        ky, kx = step.kernel.get_values()
        c, groups = source.sizes[-1], 1
        if isinstance(step, schedule.DepthwiseOp):
            k, c, groups = step.multiplier.value.data, 1, c
        stride_y, stride_x = step.strides.get_values()
        down, across = (
            stride * bits // 8 + self._apart * (0 if stride % row else stride // row)
            for stride in strides[:2]
        )
        cost = conv_cost(
            array,
            fold.mode.data,
            fold_of(fold),
            rows=rows[:, None, None],
            cols=cols[:, None],
            k=k,
            c=c,
            kh=ky,
            kw=kx,
            groups=groups,
            act_bits=fold.act_bits.data,
            wgt_bits=fold.wgt_bits.data,
            hop_cycles=self._machine.folds_for(array.name).hop_cycles,
            drain_lanes=self._machine.drain_for(array).elements_per_cycle,
            inputs=Inputs(self._memory, down, across, bits, (stride_y, stride_x)),
        )
        count = row_count[:, None, None] * col_count[:, None]
        cycles = (as_array(cost.occupancy) * count).sum(axis=(0, 1))
        trips = prod(loop.trips for loop in schedule.loops_around(step))
        return cycles * (trips // int(count.sum()))

    def _spread_buffer(
        self, buffer: schedule.BufferOp, buffers: Sequence[schedule.BufferOp], room: int
    ) -> None:
        """Give a buffer the best distance of rows with which all `buffers` fit the `room`."""
        before, row = buffer.pitch, buffer.strides[0]
        cycles = self._cycles(buffer.result, buffer.strides, row)
        for best in np.argsort(cycles, kind="stable") if np.ndim(cycles) else ():
            apart = int(self._apart[best]) * 8 // buffer.box.bits
            buffer.pitch = IntegerAttr(row + apart, i64) if apart else before
            if not apart or occupied(buffers, self._memory) <= room:
                return

    def _choices(self) -> Iterator[_Choice]:
        """For each tensor that can be spread, and gains by it, the best distance."""
        for tensor in self._program.body.ops:
            if not isinstance(tensor, schedule.TensorOp) or not _can_spread(tensor):
                continue
            if tensor.memory is None or tensor.memory.data != self._memory.name:
                continue
            row, cycles = tensor.box.strides[0], np.zeros(len(self._apart), np.int64)
            for window, _ in _windows(tensor.result, 0):
                cycles = cycles + self._cycles(window.tile, window.strides.get_values(), row)
            best = int(cycles.argmin())
            if best:
                apart, saved = int(self._apart[best]), int(cycles[0] - cycles[best])
                yield _Choice(tensor, apart, saved, apart * tensor.box.sizes[0])

    def _place(self, chosen: Mapping[schedule.TensorOp, _Choice]) -> bool:
        """Give all tensors new addresses, and tell whether they and the buffers fit.

        Where they do not, the old ones stay.
        """
        tensors = [op for op in self._program.body.ops if isinstance(op, schedule.TensorOp)]
        tensors = [op for op in tensors if op.memory and op.memory.data == self._memory.name]
        lives: list[Life] = []
        for op in tensors:
            more = chosen[op].bytes if op in chosen else 0
            size = ceil_to(op.box.byte_size + more, self._memory.line)
            lives.append(Life(size, *lifetime(op.result)))
        addresses = packed(lives)
        kept = [
            Kept(self._memory.name, address + life.size, life)
            for life, address in zip(lives, addresses, strict=True)
        ]
        fits = all(
            floor_of(kept, buffers, self._memory) + occupied(buffers, self._memory)
            <= self._memory.bytes
            for buffers in buffers_by_nest(self._program)
        )
        fits &= max(each.end for each in kept) <= self._memory.bytes
        for op, address in zip(tensors, addresses, strict=True) if fits else ():
            op.address = IntegerAttr(address, i64)
        return fits


def _tiles(size: int, extent: int) -> tuple[IntArray, IntArray]:
    """The sizes of the tiles along a dimension, whole ones and the last, and how many there are."""
    count = -(-extent // size)
    return np.array([min(size, extent), extent - (count - 1) * size]), np.array([count - 1, 1])


def _folds_of(program: schedule.ProgramOp) -> Mapping[Operation, FoldAttr]:
    """The fold in which each step of an array runs."""
    current: dict[str, FoldAttr] = {}
    folds: dict[Operation, FoldAttr] = {}
    for op in program.walk():
        if isinstance(op, schedule.ConfigureOp):
            current[f"{op.fold.array.data}.{op.fold.first.data}"] = op.fold
        elif isinstance(op, schedule.ConvolvingOp):
            folds[op] = current[op.queue]
    return folds


def _windows(tensor: SSAValue, start: int) -> Iterator[tuple[schedule.WindowOp, int]]:
    """The windows of a tensor that begins at element `start`, and where what they view begins."""
    for use in tensor.uses:
        if isinstance(use.operation, schedule.PartOp):
            yield from _windows(use.operation.result, start + use.operation.offset.value.data)
        elif isinstance(use.operation, schedule.WindowOp):
            yield use.operation, start


def _can_spread(tensor: schedule.TensorOp) -> bool:
    """Whether each view of a tensor goes over whole rows, or stays within one."""
    if tensor.box.bits != 8 or len(tensor.box.sizes) < 2 or tensor.box.sizes[0] == 1:
        return False
    row = tensor.box.strides[0]
    for window, start in _windows(tensor.result, 0):
        sides = zip(window.extents.get_values(), window.strides.get_values(), strict=True)
        within = sum((extent - 1) * stride for extent, stride in sides if stride % row)
        if start % row + within >= row:
            return False
    return True


def _spread(tensor: schedule.TensorOp, apart: int) -> None:
    """Let rows of a tensor, its parts and windows lie so many elements further apart."""
    rows, row = tensor.box.sizes[0], tensor.box.strides[0]

    def moved(place: int) -> int:
        return place + place // row * apart

    def parts(value: SSAValue, start: int) -> None:
        for use in list(value.uses):
            op = use.operation
            if isinstance(op, schedule.PartOp):
                begin, size = start + op.offset.value.data, schedule.box_of(op.result).byte_size
                op.offset = IntegerAttr(moved(begin) - moved(start), i64)
                parts(op.result, begin)
                reach = moved(begin + size - 1) + 1 - moved(begin)
                _set_box(op.result, (reach,))
            elif isinstance(op, schedule.WindowOp):
                strides = op.strides.get_values()
                op.strides = ints([s if s % row else moved(s) for s in strides])

    parts(tensor.result, 0)
    _set_box(tensor.result, (rows, row + apart))


def _set_box(tensor: SSAValue, sizes: Sequence[int]) -> None:
    element = schedule.box_of(tensor).element.data
    Rewriter.replace_value_with_new_type(tensor, TensorType(sizes, element))
