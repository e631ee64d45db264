"""The state that instructions compute on: memories, unfinished sums, prepared weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from . import kernels
from .kernels import (
    Bytes,
    F32Array,
    F64Array,
    Geometry,
    Int64Array,
    Limits,
    Place,
    RealArray,
    SourcePlace,
    Weights,
    Window,
)
from .memory import NUMPY_TYPES, Box, IntArray, Memory, StepError, check_bounds, fill_box
from .tree import Step


class Loops(Protocol):
    """The kernels that there are twice: in numpy (`kernels`) and compiled (`compiled`)."""

    def patches(
        self, data: Bytes, place: SourcePlace, window: Geometry, first: int, columns: int,
        centre: int, fill: int, out: F32Array, /,
    ) -> None:  # fmt: skip
        """See `kernels.patches`."""
        ...

    def finish(
        self, sums: RealArray, constant: RealArray, multiplier: F32Array, limits: Limits,
        target: npt.NDArray[np.uint8], place: Place, columns: int, /,
    ) -> None:  # fmt: skip
        """See `kernels.finish`."""
        ...

    def dwconv(
        self, data: Bytes, place: SourcePlace, window: Geometry, outputs: tuple[int, int],
        centre: int, weights: RealArray, constant: RealArray, multiplier: F32Array, limits: Limits,
        target: npt.NDArray[np.uint8], result: Place, /,
    ) -> None:  # fmt: skip
        """See `kernels.dwconv`."""
        ...

    def max_pool(
        self, data: Bytes, place: SourcePlace, window: Geometry, outputs: tuple[int, int],
        least: int, clamp: tuple[int, int], target: npt.NDArray[np.uint8], result: Place, /,
    ) -> None:  # fmt: skip
        """See `kernels.max_pool`."""
        ...

    def add(
        self, left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8],
        table: IntArray, out: IntArray, /,
    ) -> None:  # fmt: skip
        """See `kernels.add`."""
        ...


@cache
def loops() -> Loops:
    """The compiled kernels where numba is installed, else those in numpy."""
    try:
        from . import compiled
    except ImportError:
        return kernels
    return compiled


@dataclass
class Accumulator:
    """Sums of an unfinished convolution: outputs `low..low+counts` of instruction `index`."""

    index: int
    low: tuple[int, ...]
    counts: tuple[int, ...]
    sums: F64Array
    bound: Int64Array


@dataclass(frozen=True)
class Filters:
    """Weights, and parameters [k], of a convolution as read from memory.

    `constant` is bias and shift together, in float32 if that is exact, else in float64; None where
    sums could leave int32.
    """

    weights: Weights
    bias: IntArray
    multiplier: F32Array
    constant: RealArray | None


class Source(NamedTuple):
    """Elements of a box as bytes: a flat array, the first one, bytes from one to the next."""

    data: Bytes
    start: int
    row: int
    column: int


@dataclass
class State:
    """The memories, and the accumulators of each group by its lowest unit."""

    memories: Mapping[str, Memory]
    accumulators: dict[str, Accumulator] = field(default_factory=dict[str, Accumulator])
    filters: dict[tuple[object, ...], tuple[object, Filters]] = field(
        default_factory=dict[tuple[object, ...], tuple[object, Filters]]
    )

    scratch: dict[str, F32Array] = field(default_factory=dict[str, F32Array])

    def buffer(self, name: str, rows: int, columns: int) -> F32Array:
        """Scratch [rows, columns] of any content, the same memory again for the same name.

        Fresh memory costs a page fault every 4 KiB, several times what filling it does.
        """
        flat = self.scratch.get(name)
        if flat is None or flat.size < rows * columns:
            flat = self.scratch[name] = np.empty(rows * columns, np.float32)
        return flat[: rows * columns].reshape(rows, columns)

    def read(self, box: Box) -> IntArray:
        """The elements of `box`."""
        return self.memories[box.memory].read(box)

    def write(self, box: Box, values: npt.NDArray[np.generic]) -> None:
        """Write the elements of `box`."""
        self.memories[box.memory].write(box, values)

    def filled(self, box: Box, low: Sequence[int], counts: Sequence[int], fill: int) -> IntArray:
        """Elements `low..low+counts` of the view of `box`, `fill` where `box` has none."""
        return fill_box(self.memories[box.memory], box, low, counts, fill)

    def source(self, box: Box) -> Source:
        """The bytes of a box (rows, columns, channels) with the channels of a pixel side by side.

        Where they lie, or unpacked copies of narrower elements.
        """
        memory = self.memories[box.memory]
        if box.bits == 8 and (box.strides[2] == 1 or box.counts[2] == 1):
            if box.elements:
                check_bounds(box, memory.data.size)
            data = memory.signed if box.type.signed else memory.data
            return Source(data, box.start // 8, box.strides[0], box.strides[1])
        values = np.ascontiguousarray(memory.read(box))
        _, columns, channels = box.counts
        return Source(values.reshape(-1), 0, columns * channels, channels)


def apart(box: Box, others: Sequence[Box]) -> bool:
    """Whether a box, which is not empty, lies apart from all others, as far as spans tell."""
    first, end = box.span
    return all(
        not other.elements
        or other.memory != box.memory
        or other.span[1] <= first
        or end <= other.span[0]
        for other in others
    )


class Target:
    """Where a kernel puts the bytes of a box (rows, columns, channels); `done` writes them.

    They go to memory at once unless they are packed there, or overlap what the kernel reads.
    """

    def __init__(self, state: State, box: Box, reads: Sequence[Box]) -> None:
        self._memory, self._box = state.memories[box.memory], box
        dense = box.bits == 8 and (box.strides[2] == 1 or box.counts[2] == 1)
        self._direct = dense and apart(box, reads)
        if self._direct:
            check_bounds(box, self._memory.data.size)
            self.data = self._memory.data
            self.place: Place = (box.start // 8, box.strides[0], box.strides[1])
        else:
            self.data = np.empty(box.elements, np.uint8)
            self.place = (0, box.counts[1] * box.counts[2], box.counts[2])

    def done(self) -> None:
        """The kernel has written all."""
        if self._direct:
            self._memory.touch(*self._box.span)
            return
        kind = np.int8 if self._box.type.signed else np.uint8
        self._memory.write(self._box, self.data.view(kind).reshape(self._box.counts))


def window_of(step: Step, kernel_y: int, kernel_x: int) -> Window:
    """The window of a convolution or pool."""
    names = ("stride_y", "stride_x", "dil_y", "dil_x")
    return Window(kernel_y, kernel_x, *map(step.instruction.integer, names))


def clamp_of(step: Step) -> tuple[int, int]:
    """The smallest and largest result."""
    return step.instruction.integer("lo"), step.instruction.integer("hi")


def limits_of(step: Step) -> Limits:
    """Zero point, smallest and largest result."""
    zero, low, high = map(step.instruction.integer, ("dst_zero", "lo", "hi"))
    return np.float32(zero), np.float32(low), np.float32(high)


def parameters(par: Box, values: IntArray) -> tuple[IntArray, F32Array, IntArray]:
    """Bias, multiplier and weight zero point, each [k], of the `values` read from `par`."""
    columns = np.ascontiguousarray(values.T)
    multiplier = columns[1].view(np.float32)
    if not np.isfinite(multiplier).all():
        raise StepError(f"a multiplier at {par.memory}[{par.start // 8:#x}] is not finite")
    return columns[0], multiplier, columns[2]


def numpy_type(box: Box) -> np.dtype[np.integer]:
    """The numpy type of the elements of a box."""
    return NUMPY_TYPES[box.type]
