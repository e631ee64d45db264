"""Transposed convolutions, as convolutions whose output channels are the phases of the strides.

With stride s, output o of a transposed convolution takes the inputs i with i s + t - pad = o for a
tap t. For o + pad = s u + phase the taps are phase + s j and the inputs u - j: each phase is a
convolution of stride 1, and all phases together are one, whose results `nn.rearrange` puts in their
places. Taps that a phase lacks are zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.nn_types import shape_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError
from .graph import Node
from .operators import Constraint, operator
from .products import Product, constant_weight, weight_view
from .scope import Scope
from .values import Array, Clamp, ConstantView, Value
from .windows import IMAGE_OR_ROW, WINDOW, as_image, ranked_as


@dataclass(frozen=True)
class Phases:
    """What the phases along one axis take of `size` inputs for `outputs` outputs.

    Each is a convolution of `taps` taps from `low` zeros before the inputs on, with `high` after
    them; of all phases' results, `first` are cut off.
    """

    stride: int
    taps: int
    low: int
    high: int
    first: int
    outputs: int

    @staticmethod
    def of(
        node: Node, size: int, kernel: int, stride: int, pads: tuple[int, int], extra: int
    ) -> "Phases":
        """Those of a kernel, its `pads` before and behind, and `extra` outputs behind."""
        taps = -(-kernel // stride)
        outputs = stride * (size - 1) + kernel + extra - sum(pads)
        start, last = pads[0] // stride, (outputs - 1 + pads[0]) // stride
        if outputs < 1 or start > taps - 1:
            raise TilefoldError(f"{node}: pads {list(pads)} cut off more than the kernel adds")
        high = max(0, last + 1 - size)
        return Phases(stride, taps, taps - 1 - start, high, pads[0] % stride, outputs)


def _undilated(scope: Scope, node: Node) -> bool:
    return set(node.integers("dilations", ())) <= {1}


@operator(
    "ConvTranspose",
    "A convolution that makes all phases of the strides, then `nn.rearrange`; any stride, padding, "
    "output_padding and group count. Weights and bias as in Conv.",
    IMAGE_OR_ROW,
    WINDOW,
    constant_weight(
        1, 0, "Weights are constants [C, K/groups, FY, FX], of a row [C, K/groups, FX]."
    ),
    Constraint("It has no dilation.", _undilated),
)
def conv_transpose(scope: Scope, node: Node) -> Value:
    """The transposed convolution, waiting for its QuantizeLinear."""
    row = scope.plain_view(node, 0)
    x, weight = as_image(scope, node, row), weight_view(scope, node, 1)
    rows, columns = _phases(node, shape_of(row)[2:], weight.integers.shape[2:])
    if weight.integers.ndim == 3:
        weight = replace(weight, integers=weight.integers[:, :, None])
    groups = node.integer("group", 1)
    inputs, outputs = weight.integers.shape[:2]
    if inputs != shape_of(x)[1] or groups < 1 or inputs % groups:
        raise TilefoldError(
            f"{node}: {groups} groups and {inputs} weights for the input's channels"
        )
    order = _order(groups, rows.stride * columns.stride, outputs)

    def emit(
        x: SSAValue, w: SSAValue, bias: SSAValue | None, element: UniformType, clamp: Clamp
    ) -> SSAValue:
        pads = (rows.low, columns.low, rows.high, columns.high)
        phases = scope.emit(
            node.name, nn.ConvOp, x, w, bias, element, pads=pads, groups=groups, clamp=clamp
        )
        image = _in_place(scope, node, phases, (groups, rows, columns, outputs))
        return ranked_as(scope, node, image, row)

    filters = _filters(node, weight, groups, (rows, columns))
    product = Product(scope, node, x, filters, 0, 1, emit)
    if node.input(2):
        product = product.with_bias(_taken(scope.value(node, 2), order))
    return replace(product.pending(), accumulator=None)


def _phases(node: Node, size: Sequence[int], kernel: Sequence[int]) -> tuple[Phases, Phases]:
    """The phases of rows and columns; of rows without strides where `size` is of columns alone."""
    dims = len(size)
    strides = node.integers("strides", (1,) * dims)
    extra = node.integers("output_padding", (0,) * dims)
    pads = node.integers("pads", (0,) * 2 * dims)
    wanted = node.integers("output_shape", ())[-dims:]
    auto_pad = node.text("auto_pad", "NOTSET")
    if auto_pad.startswith("SAME") and not wanted:
        wanted = tuple(length * stride for length, stride in zip(size, strides, strict=True))
    found: list[Phases] = []
    for axis, (length, taps, stride) in enumerate(zip(size, kernel, strides, strict=True)):
        ends = pads[axis], pads[axis + dims]
        if wanted:
            total = max(0, stride * (length - 1) + taps + extra[axis] - wanted[axis])
            less, more = total // 2, total - total // 2
            ends = (less, more) if auto_pad == "SAME_UPPER" else (more, less)
        found.append(Phases.of(node, length, taps, stride, ends, extra[axis]))
    return (found[0], found[1]) if dims == 2 else (Phases(1, 1, 0, 0, 0, 1), found[0])


def _order(groups: int, phases: int, outputs: int) -> npt.NDArray[np.int64]:
    """The output channel of each channel of all phases: (group, phase, channel of the group)."""
    channels = np.arange(groups * outputs).reshape(groups, 1, outputs)
    return np.repeat(channels, phases, 1).reshape(-1)


def _filters(
    node: Node, weight: ConstantView, groups: int, phases: tuple[Phases, Phases]
) -> ConstantView:
    """The filters [groups phases K/groups, C/groups, TY, TX] of all phases."""
    rows, columns = phases
    inputs, outputs, ky, kx = weight.integers.shape
    if weight.axis not in (None, 1) and not (weight.axis == 0 and groups == inputs):
        raise TilefoldError(f"{node}: weight scales must run along output channels")
    zeros = weight.zero_points.reshape([-1 if axis == weight.axis else 1 for axis in range(4)])
    sizes = (inputs, outputs, rows.taps * rows.stride, columns.taps * columns.stride)
    taps = np.broadcast_to(zeros, sizes).astype(weight.integers.dtype)
    taps[:, :, :ky, :kx] = weight.integers
    parts = taps.reshape(
        groups, inputs // groups, outputs, rows.taps, rows.stride, columns.taps, columns.stride
    )[:, :, :, ::-1, :, ::-1]
    parts = parts.transpose(0, 4, 6, 2, 1, 3, 5)
    filters = parts.reshape(-1, inputs // groups, rows.taps, columns.taps)
    if weight.axis is None:
        return replace(weight, integers=np.ascontiguousarray(filters))
    channel = _order(groups, rows.stride * columns.stride, outputs)
    if weight.axis == 1:
        channel %= outputs
    return ConstantView(
        np.ascontiguousarray(filters),
        weight.bits,
        weight.signed,
        weight.scales[channel],
        weight.zero_points[channel],
        0,
    )


def _taken(bias: Value, order: Array) -> Value:
    """The bias of all phases' channels."""
    if isinstance(bias, np.ndarray):
        return bias.reshape(-1)[order]
    if not isinstance(bias, ConstantView):
        return bias
    scales = bias.scales if bias.axis is None else bias.scales[order]
    zeros = bias.zero_points if bias.axis is None else bias.zero_points[order]
    integers = bias.integers.reshape(-1)[order]
    return replace(bias, integers=integers, scales=scales, zero_points=zeros)


def _in_place(
    scope: Scope, node: Node, phases: SSAValue, parts: tuple[int, Phases, Phases, int]
) -> SSAValue:
    """The phases' channels as rows and columns, cut to the output."""
    groups, rows, columns, outputs = parts
    _, _, height, width = shape_of(phases)
    sy, sx = rows.stride, columns.stride
    split = (1, groups, sy, sx, outputs, height, width)
    shape = (1, groups * outputs, height * sy, width * sx)
    image = phases
    if sy * sx > 1:
        perm = (0, 1, 4, 5, 2, 6, 3)
        image = scope.emit(node.name, nn.RearrangeOp, phases, split, perm, shape)
    starts = (0, 0, rows.first, columns.first)
    sizes = (1, groups * outputs, rows.outputs, columns.outputs)
    if sizes == shape:
        return image
    return scope.emit(node.name, nn.SliceOp, image, starts, sizes)
