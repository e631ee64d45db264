"""The state of a conversion, and the vocabulary in which operators are converted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ParamSpec

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from ..dialects import nn
from ..dialects.location import set_name
from ..dialects.nn_types import element_of, shape_of
from ..dialects.quant import UniformType, f32, storage_range
from ..dialects.store import Store
from ..errors import TilefoldError
from .graph import Graph, Node
from .values import Array, Clamp, ConstantView, Integers, Pending, Real, Value, View

P = ParamSpec("P")

DType = np.dtype[Any]

STORAGE = {
    "int8": (8, True),
    "uint8": (8, False),
    "int4": (4, True),
    "uint4": (4, False),
    "int2": (2, True),
    "uint2": (2, False),
    "int32": (32, True),
}
"""Width and signedness of the element types that integers are stored in."""

SCALES = (1e-18, 1e18)
"""The smallest and largest scale of weights and activations."""


@dataclass
class Scope:
    """The values of `graph` so far, and the block that operations are added to."""

    graph: Graph
    store: Store
    block: Block
    values: dict[str, Value] = field(default_factory=dict[str, Value])

    def value(self, node: Node, index: int) -> Value:
        """The value of input `index` of `node`."""
        name = node.input(index)
        if name in self.values:
            return self.values[name]
        if name in self.graph.constants:
            return self.graph.constants[name]
        raise TilefoldError(f"{node}: input {index} is missing")

    def constant(self, node: Node, index: int) -> Array | None:
        """The constant at input `index` of `node`; None where it is left out or computed."""
        value = self.values.get(node.input(index), self.graph.constants.get(node.input(index)))
        return value if isinstance(value, np.ndarray) else None

    def needed_constant(self, node: Node, index: int, what: str) -> Array:
        """The constant `what` at input `index` of `node`."""
        constant = self.constant(node, index)
        if constant is None:
            raise TilefoldError(f"{node}: {what} must be a constant")
        return constant

    def shape(self, node: Node, index: int) -> tuple[int, ...] | None:
        """The shape of input `index` of `node`; None where it is not quantised, hence unknown."""
        value = self.values.get(node.input(index), self.graph.constants.get(node.input(index)))
        match value:
            case Integers() | View():
                return shape_of(value.ssa)
            case ConstantView():
                return value.integers.shape
            case np.ndarray():
                return value.shape
            case _:
                return None

    def view(self, node: Node, index: int) -> View | ConstantView:
        """The float input `index` of `node` as the view of a quantised tensor."""
        value = self.value(node, index)
        if isinstance(value, View | ConstantView):
            return value
        name = node.input(index)
        if isinstance(value, Pending):
            last = value.function.node.name if value.function else value.node.name
            reason = f"'{name}' comes from node '{last}' without being quantised in between"
        elif isinstance(value, Integers):
            reason = f"'{name}' is an integer tensor; DequantizeLinear is missing before it"
        elif isinstance(value, Real):
            ports = {port.name for port in self.graph.inputs}
            what = "is a float input of the network" if name in ports else "is computed in float"
            reason = f"'{name}' {what}; quantise it first"
        else:
            reason = f"the constant '{name}' is float; quantise it as well"
        raise TilefoldError(f"{node}: {reason} (onnxruntime.quantization makes QDQ models)")

    def plain_view(self, node: Node, index: int) -> SSAValue:
        """The quantised tensor whose dequantised view is input `index` of `node`."""
        view = self.view(node, index)
        if isinstance(view, ConstantView):
            return self.constant_tensor(node, view)
        if view.function:
            raise TilefoldError(
                f"{node}: input '{node.input(index)}' comes from node '{view.function.node.name}' "
                "without being quantised in between"
            )
        return view.ssa

    def integers(self, node: Node, index: int, scale: int = -1, zero_point: int = -1) -> SSAValue:
        """The quantised input `index` of `node`, checked against the parameters it is given with.

        `scale` and `zero_point` are the indices of these inputs; without them the tensor keeps the
        parameters that it was made with.
        """
        value = self.value(node, index)
        if isinstance(value, np.ndarray) and scale >= 0:
            return self.constant_tensor(node, self.constant_view(node, value, scale, zero_point))
        if not isinstance(value, Integers):
            raise TilefoldError(f"{node}: input '{node.input(index)}' is not a quantised tensor")
        if scale < 0:
            return value.ssa
        made = element_of(value.ssa)
        wanted = self.activation_type(node, scale, zero_point, made.numpy_dtype)
        return self._read_as(node, value.ssa, wanted)

    def shifted_integers(self, node: Node, index: int, zero_point: int) -> SSAValue:
        """The quantised input `index`, of an operator that takes a zero point but no scale."""
        ssa = self.integers(node, index)
        made = element_of(ssa)
        given = self.constant(node, zero_point)
        zeros = np.zeros(1, np.int32) if given is None else given.astype(np.int32).reshape(-1)
        wanted = quantised(node, made.bits, made.signed, [float(made.scale)], zeros)
        return self._read_as(node, ssa, wanted)

    def _read_as(self, node: Node, ssa: SSAValue, wanted: UniformType) -> SSAValue:
        """The same stored integers, standing for other numbers."""
        made = element_of(ssa)
        if wanted.bits == 8 and made.bits < 8 and wanted.signed == made.signed:
            scales, zeros = np.array([wanted.scale]), np.array([wanted.zero_point])
            wanted = quantised(node, made.bits, made.signed, scales, zeros)
        if made == wanted:
            return ssa
        if (made.bits, made.signed) != (wanted.bits, wanted.signed):
            raise TilefoldError(f"{node}: the zero point's type differs from the tensor's")
        return self.table(node.name, ssa, np.arange(256, dtype=np.uint8), wanted)

    def stored_type(self, node: Node, scale: int, zero_point: int) -> UniformType:
        """The element type in which the QuantizeLinear `node` stores.

        ONNX has no types of 3, 5, 6 or 7 bits: integers of 8 bits with a Clip behind them to the
        range of a narrower type are of that type.
        """
        element = self.activation_type(node, scale, zero_point)
        readers = self.graph.readers.get(node.outputs[0], [])
        if len(readers) != 1 or readers[0].op_type != "Clip" or element.bits != 8:
            return element
        bounds = [self.graph.constants.get(readers[0].input(place)) for place in (1, 2)]
        for bits in range(2, 8):
            low, high = storage_range(bits, element.signed)
            fits = all(
                bound is not None and bound.size == 1 and int(bound.reshape(-1)[0]) == end
                for bound, end in zip(bounds, (low, high), strict=True)
            )
            if fits and low <= element.zero_point <= high:
                scales = np.array([element.scale])
                zeros = np.array([element.zero_point])
                return quantised(node, bits, element.signed, scales, zeros)
        return element

    def activation_type(
        self, node: Node, scale: int, zero_point: int, default: DType | None = None
    ) -> UniformType:
        """The element type that the scale and zero point at these inputs of `node` say.

        `default` is the type of stored integers where the zero point is left out.
        """
        scales, zeros, dtype = self.parameters(node, scale, zero_point, default)
        if scales.size != 1:
            raise TilefoldError(f"{node}: activations need one scale per tensor, not {scales.size}")
        bits, signed = storage_of(node, dtype)
        return quantised(node, bits, signed, scales, zeros)

    def constant_view(
        self, node: Node, integers: Array, scale: int, zero_point: int, axis: int = 0
    ) -> ConstantView:
        """The view of constant `integers` by the scale and zero point at these inputs."""
        scales, zeros, _ = self.parameters(node, scale, zero_point, integers.dtype)
        return view_of(node, integers, scales, zeros, axis)

    def parameters(
        self, node: Node, scale: int, zero_point: int, default: DType | None = None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], DType]:
        """Scales [n], zero points [n] and type of the stored integers, from inputs of `node`."""
        scales = self.needed_constant(node, scale, "the scale")
        if scales.dtype != np.float32:
            raise TilefoldError(f"{node}: the scale is {scales.dtype}; float32 is supported")
        if scales.ndim > 1 or not (np.isfinite(scales).all() and (scales > 0).all()):
            raise TilefoldError(f"{node}: scales must be positive, finite numbers")
        if node.input(zero_point):
            zeros = self.needed_constant(node, zero_point, "the zero point")
            dtype = zeros.dtype
        else:
            kind = node.integer("output_dtype", 0) or TensorProto.UINT8
            dtype = default or np.dtype(helper.tensor_dtype_to_np_dtype(kind))
            zeros = np.zeros(1, np.int32)
        if scales.size != zeros.size and 1 not in (scales.size, zeros.size):
            raise TilefoldError(f"{node}: {scales.size} scales but {zeros.size} zero points")
        length = max(scales.size, zeros.size)
        return (
            np.broadcast_to(scales.reshape(-1), length),
            np.broadcast_to(zeros.astype(np.int32).reshape(-1), length),
            dtype,
        )

    def constant_tensor(self, node: Node, view: ConstantView) -> SSAValue:
        """`view` as an SSA value."""
        element = quantised(
            node, view.bits, view.signed, view.scales, view.zero_points, view.axis, self.store
        )
        return self.emit(node.name, nn.ConstantOp, view.integers, element, self.store)

    def table(
        self, name: str, ssa: SSAValue, table: npt.NDArray[np.uint8], element: UniformType
    ) -> SSAValue:
        """`ssa` looked up in the 256 bytes of `table`."""
        return self.emit(name, nn.LutOp, ssa, element, table)

    def clamped(self, name: str, ssa: SSAValue, clamp: Clamp) -> SSAValue:
        """`ssa` with its stored integers bounded, for operators without bounds of their own."""
        if clamp is None:
            return ssa
        element = element_of(ssa)
        stored = np.arange(256, dtype=np.uint8).view(element.numpy_dtype)
        bounded = np.clip(stored, *clamp).astype(element.numpy_dtype)
        return self.table(name, ssa, bounded.view(np.uint8), element)

    def emit(
        self, name: str, op_class: Callable[P, Operation], *args: P.args, **kwargs: P.kwargs
    ) -> SSAValue:
        """Add `op_class(...)` under the layer name `name`; its result."""
        try:
            op = op_class(*args, **kwargs)
            set_name(op, name)
            op.verify()
        except VerifyException as error:
            reason = str(error).splitlines()[-1].strip()
            raise TilefoldError(f"node '{name}': {reason}") from error
        self.block.add_op(op)
        return op.results[0]


def storage_of(node: Node, dtype: DType) -> tuple[int, bool]:
    """Width and signedness of the numpy data type `dtype`."""
    if dtype.name not in STORAGE:
        raise TilefoldError(
            f"{node}: integers of type {dtype.name}; int8, uint8, int4 and uint4 are supported"
        )
    return STORAGE[dtype.name]


def view_of(
    node: Node, integers: Array, scales: Array, zero_points: Array, axis: int
) -> ConstantView:
    """Constant `integers` seen by one scale and zero point, or by those along `axis`.

    ONNX has no types of 3, 5, 6 or 7 bits: integers about 0 have as many bits as they need.
    """
    bits, signed = storage_of(node, integers.dtype)
    if signed and bits == 8 and integers.size and not zero_points.any():
        bits = max(2, int(np.abs(integers.astype(np.int32)).max()).bit_length() + 1)
        bits = min(bits, 8)
    container = np.int32 if bits == 32 else np.int8 if signed else np.uint8
    channel_axis = channels_along(node, integers.shape, scales.size, axis)
    return ConstantView(
        integers.astype(container), bits, signed, scales, zero_points.astype(np.int32), channel_axis
    )


def channels_along(node: Node, shape: Sequence[int], channels: int, axis: int) -> int | None:
    """The axis of `shape` that `channels` scales run along; None for a single scale."""
    if channels == 1:
        return None
    place = axis + len(shape) if axis < 0 else axis
    if not (0 <= place < len(shape) and shape[place] == channels):
        raise TilefoldError(f"{node}: {channels} scales do not fit axis {axis} of {list(shape)}")
    return place


def quantised(
    node: Node,
    bits: int,
    signed: bool,
    scales: Sequence[float] | Array,
    zero_points: Array,
    axis: int | None = None,
    store: Store | None = None,
) -> UniformType:
    """A quantised type, per tensor where `axis` is None; TilefoldError where it is impossible.

    Scales are kept from where ratios and products of them leave the range of float32.
    """
    if not SCALES[0] <= np.min(scales) <= np.max(scales) <= SCALES[1]:
        raise TilefoldError(f"{node}: scales must be between {SCALES[0]} and {SCALES[1]}")
    try:
        if axis is None:
            element: Any = UniformType.per_tensor(
                bits, signed, f32(float(scales[0])), int(zero_points[0])
            )
        else:
            element = UniformType.per_axis(bits, signed, axis, scales, zero_points, store)
    except VerifyException as error:
        raise TilefoldError(f"{node}: {error}") from error
    return element
