"""How many products ONNX nodes multiply and add: of whatever element types."""

from math import prod

from .graph import Graph, Node

# By operator: the places of the left and the right operand.
CONVOLUTIONS = {"Conv": (0, 1), "ConvInteger": (0, 1), "QLinearConv": (0, 3)}
PRODUCTS = {
    "MatMul": (0, 1),
    "Gemm": (0, 1),
    "MatMulInteger": (0, 1),
    "QLinearMatMul": (0, 3),
    "QGemm": (0, 3),
}
RECURRENT = ("LSTM", "GRU", "RNN")


def macs(node: Node, graph: Graph) -> int:
    """Multiplications (and as many additions) of a convolution, matrix product or recurrent layer.

    0 for other operators, and where the shapes are not known. A convolution has
    outputs * (C / groups) * kernel, the transposed one inputs * (K / groups) * kernel, a matrix
    product outputs * inner dimension, a recurrent layer steps * batch * weights of both matrices.
    """
    if node.op_type in CONVOLUTIONS:
        _, right = CONVOLUTIONS[node.op_type]
        weight = _shape(graph, node.input(right))
        return _size(graph, node.outputs[0]) * prod(weight[1:] if weight else (0,))
    if node.op_type == "ConvTranspose":
        weight = _shape(graph, node.input(1))
        return _size(graph, node.input(0)) * prod(weight[1:] if weight else (0,))
    if node.op_type in PRODUCTS:
        left, _ = PRODUCTS[node.op_type]
        operand = _shape(graph, node.input(left))
        if not operand:
            return 0
        turned = node.integer("transA", 0) and len(operand) == 2
        return _size(graph, node.outputs[0]) * operand[0 if turned else -1]
    if node.op_type in RECURRENT:
        steps = _shape(graph, node.input(0)) or (0,)
        return prod(steps[:2]) * (_size(graph, node.input(1)) + _size(graph, node.input(2)))
    return 0


def _size(graph: Graph, name: str) -> int:
    shape = _shape(graph, name)
    return 0 if shape is None else prod(shape)


def _shape(graph: Graph, name: str) -> tuple[int, ...] | None:
    """The shape of a value or constant, None where it is not known."""
    if name in graph.constants:
        return graph.constants[name].shape
    kind = graph.types.get(name)
    if kind is None or kind.shape is None or None in kind.shape:
        return None
    return tuple(size or 0 for size in kind.shape)
