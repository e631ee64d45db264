"""Operands that fit neither their operator nor one another, which ONNX's checks let through.

What is refused here no runtime could compute, or only to nonsense; what machines alone cannot do is
none of it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import TilefoldError
from .graph import Array, Graph, Node
from .scope import channels_along

SCALES: Mapping[str, Sequence[int]] = {
    "QuantizeLinear": (1,),
    "DequantizeLinear": (1,),
    "QLinearConv": (1, 4, 6),
    "QLinearMatMul": (1, 4, 6),
    "QLinearAdd": (1, 4, 6),
    "QLinearMul": (1, 4, 6),
    "QGemm": (1, 4, 7),
    "QLinearAveragePool": (1, 3),
    "QLinearGlobalAveragePool": (1, 3),
    "QLinearLeakyRelu": (1, 3),
    "QLinearSigmoid": (1, 3),
    "QLinearSoftmax": (1, 3),
}
"""The inputs that are scales; the one behind each is the zero point."""

RAW = ("QGemm", 7)
"""The one scale that may be left out: then the result are the sums."""

CONVOLUTIONS: Mapping[str, tuple[int, int]] = {
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "ConvInteger": (1, -1),
    "QLinearConv": (3, 8),
}
"""The inputs that are weights and bias, -1 where there is none."""

PADDINGS = ("NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID")


def check_operands(graph: Graph) -> None:
    """Raise TilefoldError, naming the node, where scales, zero points or weights do not fit.

    Scales that are constants must be positive, finite numbers.
    """
    for node in graph.nodes:
        for place in _scales_of(node):
            _check_parameters(graph, node, place)
        if node.domain:
            continue
        if node.text("auto_pad", "NOTSET") not in PADDINGS:
            padding = node.text("auto_pad", "")
            raise TilefoldError(f"{node}: auto_pad is '{padding}', not of {', '.join(PADDINGS)}")
        if node.op_type in CONVOLUTIONS:
            _check_convolution(graph, node)
        if node.op_type == "Gemm":
            _check_gemm(graph, node)


def _scales_of(node: Node) -> Sequence[int]:
    if node.op_type == "QLinearConcat":
        return range(0, len(node.inputs), 3)
    return SCALES.get(node.op_type, ())


def _check_parameters(graph: Graph, node: Node, place: int) -> None:
    """Check the scale at input `place` and the zero point behind it, where they are constants."""
    if not node.input(place):
        if (node.op_type, place) == RAW:
            return
        raise TilefoldError(f"{node}: input {place}, the scale, is left out")
    scales = graph.constants.get(node.input(place))
    zeros = graph.constants.get(node.input(place + 1))
    linear = node.op_type in ("QuantizeLinear", "DequantizeLinear")
    if zeros is not None:
        _check_zero_points(graph, node, zeros)
    if scales is None:
        return
    if not scales.dtype.name.startswith(("float", "bfloat")):
        raise TilefoldError(f"{node}: the scale is {scales.dtype}; it must be a real number")
    values = scales.astype(np.float32)
    if not (scales.size and np.isfinite(values).all() and (values > 0).all()):
        raise TilefoldError(f"{node}: scales must be positive, finite numbers")
    if zeros is not None and scales.size != zeros.size and 1 not in (scales.size, zeros.size):
        raise TilefoldError(f"{node}: {scales.size} scales but {zeros.size} zero points")
    if linear and scales.ndim > 1 and not node.integer("block_size", 0):
        raise TilefoldError(f"{node}: scales of {scales.ndim} dimensions take a block_size")
    shape = _shape(graph, node.input(0))
    if linear and shape and scales.ndim == 1:
        channels_along(node, shape, scales.size, node.integer("axis", 1))


def _check_zero_points(graph: Graph, node: Node, zeros: Array) -> None:
    if not zeros.size:
        raise TilefoldError(f"{node}: the zero point is empty")
    if not zeros.dtype.name.startswith(("int", "uint", "float8", "float4")):
        raise TilefoldError(f"{node}: the zero point is {zeros.dtype}; it must be an integer")
    stored = graph.constants.get(node.input(0))
    if node.op_type == "DequantizeLinear" and stored is not None and stored.dtype != zeros.dtype:
        raise TilefoldError(
            f"{node}: the zero point is {zeros.dtype}, but what it is of is {stored.dtype}"
        )


def _check_convolution(graph: Graph, node: Node) -> None:
    """Check groups, and weights and bias as far as their shapes are known."""
    place, bias_place = CONVOLUTIONS[node.op_type]
    image, weights = _shape(graph, node.input(0)), _shape(graph, node.input(place))
    group = node.integer("group", 1)
    if group < 1:
        raise TilefoldError(f"{node}: group is {group}; it must be at least 1")
    if image is None or weights is None or len(image) != len(weights) or len(image) < 3:
        return
    transposed = node.op_type == "ConvTranspose"
    made, taken = weights[:2] if not transposed else weights[1::-1]
    made, taken = (made * group, taken) if transposed else (made, taken * group)
    if image[1] != taken:
        raise TilefoldError(
            f"{node}: its input has {image[1]} channels, its weights {list(weights)} in {group} "
            f"groups take {taken}"
        )
    if made % group or taken % group:
        raise TilefoldError(f"{node}: {group} groups do not divide {taken} and {made} channels")
    kernel = node.integers("kernel_shape", weights[2:])
    if kernel != weights[2:]:
        raise TilefoldError(
            f"{node}: kernel_shape is {list(kernel)}, but the weights are {list(weights)}"
        )
    bias = _shape(graph, node.input(bias_place)) if bias_place > 0 else None
    if bias is not None and bias != (made,):
        raise TilefoldError(f"{node}: the bias is {list(bias)} for {made} channels")


def _check_gemm(graph: Graph, node: Node) -> None:
    """Check that the bias spreads over the result, as far as their shapes are known."""
    bias, result = _shape(graph, node.input(2)), _shape(graph, node.outputs[0])
    if bias is None or result is None:
        return
    pairs = zip(bias[::-1], result[::-1], strict=False)
    if len(bias) > len(result) or any(size not in (1, whole) for size, whole in pairs):
        raise TilefoldError(f"{node}: the bias {list(bias)} does not spread over {list(result)}")


def _shape(graph: Graph, name: str) -> tuple[int, ...] | None:
    """The shape of a value; None where it is not fixed."""
    if name in graph.constants:
        return graph.constants[name].shape
    kind = graph.types.get(name)
    if kind is None or kind.shape is None or None in kind.shape:
        return None
    return tuple(size or 0 for size in kind.shape)
