"""The reference interpreter of `schedule`: programs in their sequential order, tile by tile.

Tokens, configurations and addresses have no meaning here: a buffer is the tile that was written
last, a tensor a flat array of elements (rows padded as in memory). The numbers are those of
`interpreters.kernels`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Block, SSAValue
from xdsl.utils.hints import isa

from ..dialects import schedule
from ..dialects.isa_operands import ElementType
from ..dialects.layout import row_elements, to_memory, unpack
from ..dialects.location import name_of
from ..dialects.quant import UniformType
from ..dialects.store import Store
from ..errors import TilefoldError
from . import kernels
from .nn import along

Array = npt.NDArray[Any]
Int32Array = npt.NDArray[np.int32]


def run(module: ModuleOp, inputs: Mapping[str, Array], store: Store) -> dict[str, Array]:
    """The outputs of the one `schedule.program` in `module`, by name.

    Inputs and outputs are as users see them: float32 at ports that the host converts, else stored
    integers, of logical shape. TilefoldError where an input is missing or a step overflows.
    """
    programs = schedule.programs_of(module)
    if len(programs) != 1:
        raise TilefoldError(f"the module has {len(programs)} schedule.program operations, not one")
    execution = _Execution(store)
    block = programs[0].body.block
    ports = [op for op in block.ops if isinstance(op, schedule.TensorOp)]
    for port in ports:
        execution.tensors[port.result] = execution.initial(port, inputs)
    execution.run(block)
    return {port.label.data: execution.output(port) for port in ports if port.kind.data == "output"}


def _logical(port: schedule.TensorOp) -> tuple[tuple[int, ...], UniformType]:
    kind = port.logical
    assert isa(kind, TensorType[UniformType])
    return kind.get_shape(), kind.element_type


def _elements(data: npt.NDArray[np.uint8], element: ElementType) -> Int32Array:
    """The elements in bytes, padding included."""
    count = data.size * 8 // element.bits
    return unpack(data, count, element.bits, element.signed).astype(np.int32).reshape(-1)


@dataclass
class _Execution:
    """The state of one run: every tensor, the current tile of every buffer and ring of sums."""

    store: Store
    tensors: dict[SSAValue, Int32Array] = field(default_factory=dict[SSAValue, Int32Array])
    tiles: dict[SSAValue, Int32Array] = field(default_factory=dict[SSAValue, Int32Array])
    sums: dict[SSAValue, Int32Array] = field(default_factory=dict[SSAValue, Int32Array])
    counters: dict[SSAValue, tuple[int, int]] = field(
        default_factory=dict[SSAValue, tuple[int, int]]
    )

    def initial(self, tensor: schedule.TensorOp, inputs: Mapping[str, Array]) -> Int32Array:
        """The elements of a tensor before the program starts."""
        element = tensor.box.element_type
        if tensor.data is not None:
            return _elements(tensor.bytes(self.store), element)
        if tensor.kind.data != "input":
            return np.zeros(tensor.box.byte_size * 8 // element.bits, np.int32)
        name = tensor.label.data
        if name not in inputs:
            raise TilefoldError(f"input {name} is missing; there are {', '.join(inputs) or 'none'}")
        value, (shape, quantised) = inputs[name], _logical(tensor)
        if value.shape != shape:
            raise TilefoldError(f"input {name} has shape {list(value.shape)}, not {list(shape)}")
        if tensor.host_float is not None:
            value = kernels.quantise(
                value, quantised.scale, quantised.zero_point, quantised.qmin, quantised.qmax
            )
        return _elements(to_memory(value.astype(quantised.numpy_dtype), element.bits), element)

    def output(self, tensor: schedule.TensorOp) -> Array:
        """The logical array in an output tensor, as users see it."""
        shape, quantised = _logical(tensor)
        *_, channels = tensor.box.sizes
        rows = self.tensors[tensor.result].reshape(*tensor.box.sizes[:2], -1)[..., :channels]
        if len(shape) == 4:
            rows = rows.transpose(2, 0, 1)
        value = rows.reshape(shape).astype(quantised.numpy_dtype)
        if tensor.host_float is None:
            return value
        scales, zeros = quantised.scales(self.store), quantised.zero_points(self.store)
        rank = value.ndim
        return kernels.dequantise(
            value, along(scales, quantised.axis, rank), along(zeros, quantised.axis, rank)
        )

    def run(self, block: Block) -> None:
        """Execute the steps of a block in order."""
        for op in block.ops:
            if isinstance(op, schedule.ForOp):
                for iteration in range(op.trips):
                    self.counters[op.counter] = iteration, op.trips
                    self.run(op.body.block)
            elif isinstance(op, schedule.PartOp):
                self.tensors[op.result] = self._part(op)
            elif isinstance(op, schedule.WindowOp):
                self.tiles[op.tile] = self._loaded(op, op.tensor, op.tile)
            elif isinstance(op, schedule.StepOp):
                try:
                    self.step(op)
                except OverflowError as error:
                    raise TilefoldError(f"layer {name_of(op)}: {error}") from None

    def _part(self, op: schedule.PartOp) -> Int32Array:
        """The elements of a part of a tensor; writing them writes the tensor's."""
        bits = schedule.box_of(op.result).bits
        start = op.offset.value.data * 8 // bits
        end = start + schedule.box_of(op.result).byte_size * 8 // bits
        return self.tensors[op.tensor][start:end]

    def step(self, op: schedule.StepOp) -> None:
        """Execute one step."""
        match op:
            case schedule.LoadOp():
                self.tiles[op.buffer] = self._loaded(op, op.tensor, op.buffer)
            case schedule.StoreOp():
                self._store(op, op.tensor, op.buffer)
            case schedule.ConvOp() | schedule.DepthwiseOp():
                self._convolve(op)
            case schedule.AddOp():
                ra, rb, fix = (np.float32(x.value.data) for x in (op.ra, op.rb, op.fix))
                lo, hi = op.lo.value.data, op.hi.value.data
                rhs, lhs = self.tiles[op.lhs], self.tiles[op.rhs]
                self.tiles[op.out] = kernels.add(lhs, rhs, rb, ra, fix, lo, hi)
            case schedule.MulOp():
                a_zero, b_zero, zero = (x.value.data for x in (op.a_zero, op.b_zero, op.dst_zero))
                numbers = a_zero, b_zero, np.float32(op.m.value.data), zero
                lo, hi = op.lo.value.data, op.hi.value.data
                lhs, rhs = self.tiles[op.lhs], self.tiles[op.rhs]
                self.tiles[op.out] = kernels.mul(lhs, rhs, *numbers, lo, hi)
            case schedule.LutOp():
                self._look_up(op)
            case schedule.RequantizeOp():
                words = self.tiles[op.params]
                centred = self.tiles[op.source] - op.src_zero.value.data
                self.tiles[op.out] = _requantised(op, centred + words[:, 0], words)
            case schedule.PoolOp():
                self._pool(op)
            case _:
                raise AssertionError(f"{op.name} has no meaning")
        if isinstance(op.target.owner, schedule.WindowOp) and op.target in self.tiles:
            self._store(op.target.owner, op.target.owner.tensor, op.target)

    def _loaded(self, view: schedule.ViewingOp, tensor: SSAValue, tile: SSAValue) -> Int32Array:
        """The elements of a tile of a tensor, padding outside."""
        places, real = self._places(view, tile)
        assert isinstance(view, schedule.LoadOp | schedule.WindowOp)
        loaded = self.tensors[tensor][np.where(real, places, 0)]
        return np.where(real, loaded, view.pad.value.data).reshape(schedule.box_of(tile).sizes)

    def _store(self, view: schedule.ViewingOp, tensor: SSAValue, tile: SSAValue) -> None:
        """Write what of a tile is inside a tensor."""
        places, real = self._places(view, tile)
        self.tensors[tensor][places[real]] = self.tiles[tile][real]

    def _origin(self, op: schedule.PlacingOp) -> Sequence[int]:
        return op.origin.data.eval([self.counters[index][0] for index in op.counters], [])

    def _places(
        self, step: schedule.ViewingOp, tile: SSAValue
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """Where the elements of a tile lie in the tensor, and which of them are inside it."""
        sizes = schedule.box_of(tile).sizes
        places, real = np.zeros(sizes, np.int64), np.ones(sizes, bool)
        for axis, (start, size, extent, stride) in enumerate(
            zip(
                self._origin(step),
                sizes,
                step.extents.get_values(),
                step.strides.get_values(),
                strict=True,
            )
        ):
            position = along(start + np.arange(size), axis, len(sizes))
            places += position * stride
            real &= (position >= 0) & (position < extent)
        return places, real

    def _weights(
        self, op: schedule.ConvOp | schedule.DepthwiseOp, k: int, c: int
    ) -> tuple[Int32Array, Int32Array]:
        """Parameters [k, 3] and weights [k, c or 1, rows, columns] of the current block."""
        data = self.tiles[op.weights].reshape(-1).astype(np.uint8)
        words = data[: k * schedule.PARAMETER_BYTES].view("<i4").reshape(k, 3)
        element, (ky, kx) = ElementType(op.weight_type.data), op.kernel.get_values()
        depthwise = isinstance(op, schedule.DepthwiseOp)
        row = kx if depthwise else c
        row_bytes = row_elements(row, element.bits) * element.bits // 8
        body = data[k * schedule.PARAMETER_BYTES :].reshape(-1, row_bytes)
        rows = unpack(body, row, element.bits, element.signed).astype(np.int32)
        if depthwise:
            return words, rows.reshape(k, 1, ky, kx)
        return words, rows.reshape(k, ky, kx, c).transpose(0, 3, 1, 2)

    def _convolve(self, op: schedule.ConvOp | schedule.DepthwiseOp) -> None:
        box = schedule.box_of(op.out)
        source = self.tiles[op.source]
        rows, columns, c = source.shape[0], source.shape[1], source.shape[-1]
        words, weights = self._weights(op, box.sizes[-1], c)
        acc = kernels.conv(
            source.reshape(rows, columns, c).transpose(2, 0, 1)[None],
            weights,
            None,
            x_zero=op.src_zero.value.data,
            w_zeros=words[:, 2],
            strides=op.strides.get_values(),
            pads=(0, 0, 0, 0),
            dilations=op.dilations.get_values(),
            groups=c if isinstance(op, schedule.DepthwiseOp) else 1,
        )
        tile = acc[0].transpose(1, 2, 0).reshape(box.sizes).astype(np.float64)
        loops = schedule.loops_around(op)
        reduction = [
            self.counters[loop.counter] for loop in loops[len(loops) - op.reduction_loops :]
        ]
        if any(counter for counter, _ in reduction):
            tile = tile + self.sums[op.out]
        self.sums[op.out] = kernels.accumulate(tile, 0)
        if all(counter == trips - 1 for counter, trips in reduction):
            total = kernels.accumulate(tile, words[:, 0])
            raw = box.element_type is ElementType.I32
            self.tiles[op.out] = total if raw else _requantised(op, total, words)

    def _look_up(self, op: schedule.LutOp) -> None:
        source, target = (schedule.box_of(value).element_type for value in (op.source, op.out))
        codes = self.tiles[op.source].astype(np.uint8) & np.uint8((1 << source.bits) - 1)
        data = self.tiles[op.table].astype(np.uint8)[codes]
        self.tiles[op.out] = data.view(np.int8 if target.signed else np.uint8).astype(np.int32)

    def _pool(self, op: schedule.PoolOp) -> None:
        place = schedule.placed_by(op.source)
        tile, pads = self.tiles[op.source], [[0, 0], [0, 0]]
        starts, extents = self._origin(place), place.extents.get_values()
        ends = zip(starts[:2], extents[:2], strict=True)
        for axis, (start, extent) in enumerate(ends):
            size = tile.shape[axis]
            low, high = min(max(-start, 0), size), min(max(extent - start, 0), size)
            pads[axis] = [low, size - high]
            tile = tile[low:high] if axis == 0 else tile[:, low:high]
        x = tile.transpose(2, 0, 1)[None]
        edges = [pads[0][0], pads[1][0], pads[0][1], pads[1][1]]
        self.tiles[op.out] = _pooled(op, x, edges)[0].transpose(1, 2, 0)


def _requantised(op: schedule.RequantisingOp, total: Int32Array, words: Int32Array) -> Int32Array:
    multipliers = np.ascontiguousarray(words[:, 1]).view(np.float32)
    lo, hi = op.lo.value.data, op.hi.value.data
    return kernels.requantise(total, multipliers, op.dst_zero.value.data, lo, hi)


def _pooled(op: schedule.PoolOp, x: Int32Array, pads: Sequence[int]) -> Array:
    kernel, strides = op.kernel.get_values(), op.strides.get_values()
    if op.kind.data == "max":
        return kernels.max_pool(x, kernel, strides, pads, op.dilations.get_values())
    numbers: dict[str, Any] = {
        "x_scale": np.float32(op.src_scale.value.data),
        "x_zero": op.src_zero.value.data,
        "y_scale": np.float32(op.dst_scale.value.data),
        "y_zero": op.dst_zero.value.data,
        "lo": op.lo.value.data,
        "hi": op.hi.value.data,
    }
    if op.kind.data == "global_average":
        return kernels.global_average_pool(x, **numbers)
    return kernels.average_pool(
        x, kernel, strides, pads, count_include_pad=bool(op.include_pad.value.data), **numbers
    )
