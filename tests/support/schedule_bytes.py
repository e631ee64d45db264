"""The bytes that a `schedule.program` moves, counted from its loops, tiles and origins alone.

This is written from docs/time.md ("Bytes"), knows nothing of instructions or of the emulator, and
works on all iterations of a step at once: `Ranges` hold, for every dimension of a tile (first axis)
and every iteration of the loops around the step (second axis), which elements of the tile count.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt
from tilefold.dialects import schedule
from tilefold.dialects.isa_operands import ElementType
from tilefold.dialects.location import name_of
from tilefold.machines.model import Machine
from xdsl.ir import Operation, SSAValue

IntArray = npt.NDArray[np.int64]
Moved = tuple[str, str, IntArray | int]
"""Memory, "read" or "written", and the bytes of every iteration."""
Counts = Counter[tuple[str, str, str]]
"""Bytes by layer ("" for none), memory and direction."""

TABLE_BYTES = 256


@dataclass(frozen=True)
class Ranges:
    """Elements `low <= i < high` of a tile, [dimensions, iterations]; none where high <= low."""

    low: IntArray
    high: IntArray

    @property
    def counts(self) -> IntArray:
        """Elements along every dimension."""
        return np.maximum(self.high - self.low, 0)

    def without_group(self) -> "Ranges":
        """Rows, columns and channels; a fourth dimension between them is a group, one a tile."""
        kept = [0, 1, -1]
        return Ranges(self.low[kept], self.high[kept])

    def bytes(self, bits: int) -> IntArray:
        """Bytes of every iteration; rows of the last dimension take whole bytes."""
        *rows, row = self.counts
        return np.multiply.reduce([*rows, -(-row * bits // 8)])


class Iterations:
    """All iterations of the loops around an operation."""

    def __init__(self, op: Operation) -> None:
        loops = schedule.loops_around(op)
        self.trips = tuple(loop.trips for loop in loops)
        self.number = prod(self.trips)
        numbers = np.unravel_index(np.arange(self.number), self.trips) if loops else ()
        self.counters: Mapping[SSAValue, IntArray] = {
            loop.counter: counter for loop, counter in zip(loops, numbers, strict=True)
        }

    def tile(self, writer: schedule.PlacingOp, sizes: Sequence[int]) -> Ranges:
        """The elements of a tile of `sizes` that lie within the tensor of its `writer`."""
        at = [self.counters[counter] for counter in writer.counters]
        starts = writer.origin.data.eval(at, [])  # pyright: ignore[reportArgumentType]
        start = np.stack([np.broadcast_to(np.asarray(each), self.number) for each in starts])
        extents, whole = (np.array(each)[:, None] for each in (writer.extents.get_values(), sizes))
        return Ranges(np.maximum(0, -start), np.minimum(whole, extents - start))

    def whole(self, sizes: Sequence[int]) -> Ranges:
        """All elements of a tile."""
        high = np.broadcast_to(np.array(sizes)[:, None], (len(sizes), self.number))
        return Ranges(np.zeros_like(high), high)

    def complete(self, innermost: int) -> IntArray:
        """1 in iterations that are the last of each of so many innermost loops, else 0."""
        loops = list(zip(self.counters.values(), self.trips, strict=True))
        done = np.ones(self.number, np.int64)
        for counter, trips in loops[len(loops) - innermost :]:
            done *= counter == trips - 1
        return done


def schedule_bytes(program: schedule.ProgramOp, machine: Machine) -> Counts:
    """The bytes that `program`, lowered for `machine`, moves, without the fetch of its code."""
    counts: Counts = Counter()
    for op in program.walk():
        iterations = Iterations(op)
        for memory, direction, size in _moved(op, iterations, machine):
            total = int(np.broadcast_to(size, iterations.number).sum())
            counts[name_of(op), memory, direction] += total
    return counts


def _moved(op: Operation, at: Iterations, machine: Machine) -> Iterator[Moved]:
    match op:
        case schedule.ConfigureOp() | schedule.PrefetchOp():
            if not _prefetched(op):
                folds = machine.folds_for(op.fold.array.data)
                size = op.fold.units.data * folds.config_bytes
                burst = machine.dram.burst
                yield machine.dram.name, "read", -(-size // burst) * burst
        case schedule.LoadOp() | schedule.StoreOp():
            yield from _transferred(op, at, machine)
        case schedule.ConvOp() | schedule.DepthwiseOp():
            yield from _convolved(op, at)
        case schedule.PoolOp():
            yield from _pooled(op, at)
        case schedule.BinaryOp() | schedule.LutOp() | schedule.RequantizeOp():
            yield from _element_by_element(op, at)
        case _:
            assert not isinstance(op, schedule.StepOp), op.name


def _prefetched(op: Operation) -> bool:
    """Whether a configuration is in the shadow registers: the last prefetch was for it."""
    before = op.prev_op
    while isinstance(op, schedule.ConfigureOp) and before is not None:
        if isinstance(before, schedule.PrefetchOp):
            return before.fold == op.fold
        before = before.prev_op
    return False


def _memory(buffer: SSAValue) -> str:
    place = buffer.owner
    if isinstance(place, schedule.WindowOp):
        place, _ = schedule.place_of(place.tensor)
    else:
        assert isinstance(place, schedule.BufferOp)
    assert place.memory is not None
    return place.memory.data


def _transferred(
    op: schedule.LoadOp | schedule.StoreOp, at: Iterations, machine: Machine
) -> Iterator[Moved]:
    """Whole bursts of DRAM; a load fills the whole tile, a store reads what it stores."""
    box, dram = schedule.box_of(op.buffer), machine.dram
    tile = at.tile(op, box.sizes)
    bursts = _bursts(tile.counts, op.strides.get_values(), box.bits, dram.burst)
    if isinstance(op, schedule.LoadOp):
        yield dram.name, "read", bursts
        yield _memory(op.buffer), "written", at.whole(box.sizes).bytes(box.bits)
    else:
        yield dram.name, "written", bursts
        yield _memory(op.buffer), "read", tile.bytes(box.bits)


def _bursts(counts: IntArray, strides: Sequence[int], bits: int, burst: int) -> IntArray:
    """Bytes of whole bursts of every iteration, from the addresses of all elements of a tile."""
    shapes, which = np.unique(counts, axis=1, return_inverse=True)
    sizes = [_bursts_of(shape, strides, bits, burst) for shape in shapes.T.tolist()]
    return np.array(sizes)[which.reshape(-1)]


def _bursts_of(shape: Sequence[int], strides: Sequence[int], bits: int, burst: int) -> int:
    """Bytes of the bursts of one tile; what a stride of 0 repeats is moved as often."""
    if 0 in shape:
        return 0
    step = max(1, bits // 8)
    places, repeated = np.zeros(1, np.int64), 1
    for count, stride in zip(shape, strides, strict=True):
        if stride:
            places = (places[:, None] + np.arange(count) * stride).reshape(-1)
        else:
            repeated *= count
    places = np.unique(places * bits // 8)
    breaks = np.flatnonzero(np.diff(places) != step) + 1
    runs = np.diff(np.concatenate(([0], breaks, [places.size]))) * step
    return int((-(-runs // burst) * burst).sum()) * repeated


def _windows(
    op: schedule.ConvOp | schedule.DepthwiseOp | schedule.PoolOp, outputs: Ranges
) -> list[tuple[IntArray, IntArray]]:
    """Rows and columns of the source from the first to the last window of `outputs`."""
    kernel, strides, dilations = (
        each.get_values() for each in (op.kernel, op.strides, op.dilations)
    )
    return [
        (
            outputs.low[axis] * strides[axis],
            (outputs.high[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1,
        )
        for axis in (0, 1)
    ]


def _convolved(op: schedule.ConvOp | schedule.DepthwiseOp, at: Iterations) -> Iterator[Moved]:
    """Inputs under the windows, and weights and parameters of valid channels.

    Padding counts where it was loaded, not where inputs are read in place.
    Sums that are not complete stay in the accumulators: no schedule is made otherwise.
    """
    out, source = schedule.box_of(op.out), schedule.box_of(op.source)
    outputs = at.tile(op, out.sizes).without_group()
    worked = outputs.counts.min(axis=0) > 0
    inside = at.tile(schedule.placed_by(op.source), source.sizes).without_group()
    first, end = inside.low[2], inside.high[2]
    if isinstance(op, schedule.DepthwiseOp):
        multiplier = op.multiplier.value.data
        first, end = outputs.low[2] // multiplier, (outputs.high[2] - 1) // multiplier + 1
    (top, bottom), (left, right) = _windows(op, outputs)
    if isinstance(op.source.owner, schedule.WindowOp):
        top, left = np.maximum(top, inside.low[0]), np.maximum(left, inside.low[1])
        bottom, right = np.minimum(bottom, inside.high[0]), np.minimum(right, inside.high[1])
    inputs = Ranges(np.stack([top, left, first]), np.stack([bottom, right, end]))
    yield _memory(op.source), "read", inputs.bytes(source.bits) * worked
    yield from _weights(op, outputs.counts[2], inputs.counts[2], worked)
    done = at.complete(op.reduction_loops)
    yield _memory(op.out), "written", outputs.bytes(out.bits) * done


def _weights(
    op: schedule.ConvOp | schedule.DepthwiseOp,
    k: IntArray,
    c: IntArray,
    worked: npt.NDArray[np.bool_],
) -> Iterator[Moved]:
    """Weights and parameters of `k` output channels, from `c` input channels."""
    rows, columns = op.kernel.get_values()
    bits = ElementType(op.weight_type.data).bits
    if isinstance(op, schedule.DepthwiseOp):
        size = k * rows * -(-columns * bits // 8)
    else:
        size = k * rows * columns * -(-c * bits // 8)
    yield _memory(op.weights), "read", (size + k * schedule.PARAMETER_BYTES) * worked


def _pooled(op: schedule.PoolOp, at: Iterations) -> Iterator[Moved]:
    """What lies under the windows and within the source."""
    out, source = schedule.box_of(op.out), schedule.box_of(op.source)
    outputs = at.tile(op, out.sizes)
    inside = at.tile(schedule.placed_by(op.source), source.sizes)
    worked = outputs.counts.min(axis=0) > 0
    lows, highs = zip(*_windows(op, outputs), (outputs.low[2], outputs.high[2]), strict=True)
    read = Ranges(np.maximum(np.stack(lows), inside.low), np.minimum(np.stack(highs), inside.high))
    yield _memory(op.source), "read", read.bytes(source.bits) * worked
    yield _memory(op.out), "written", outputs.bytes(out.bits)


def _element_by_element(
    op: schedule.BinaryOp | schedule.LutOp | schedule.RequantizeOp, at: Iterations
) -> Iterator[Moved]:
    """Operands where the result is valid; the whole table, the parameters of valid channels."""
    out = schedule.box_of(op.out)
    outputs = at.tile(op, out.sizes)
    worked = outputs.counts.min(axis=0) > 0
    for value in (op.lhs, op.rhs) if isinstance(op, schedule.BinaryOp) else (op.source,):
        yield _memory(value), "read", outputs.bytes(schedule.box_of(value).bits)
    if isinstance(op, schedule.LutOp):
        yield _memory(op.table), "read", TABLE_BYTES * worked
    if isinstance(op, schedule.RequantizeOp):
        channels = outputs.counts[-1] * worked
        yield _memory(op.params), "read", channels * schedule.PARAMETER_BYTES
    yield _memory(op.out), "written", outputs.bytes(out.bits)
