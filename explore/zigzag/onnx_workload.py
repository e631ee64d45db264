"""The layers of an ONNX model as ZigZag sees them: convolutions and matrix products."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from onnx import TensorProto, helper

from ...costmodel.hierarchy.layer import Window
from ...errors import TilefoldError
from ...frontend.files import read_model as read_file
from ...frontend.graph import Graph, Node
from ...frontend.loading import load
from .workload import WorkloadLayer

WEIGHTS: Final = {
    "Conv": 1,
    "ConvInteger": 1,
    "QLinearConv": 3,
    "Gemm": 1,
    "MatMul": 1,
    "MatMulInteger": 1,
    "QLinearMatMul": 3,
}
"""The operators that are layers, and which of their inputs are the weights."""

BITS: Final = {"W": 8, "I": 8, "O": 16, "O_final": 8}
"""What ZigZag takes where a model does not say it: weights and activations of 8 bits."""

Indices = tuple[str | Window, ...]


def read_model(path: Path) -> tuple[WorkloadLayer, ...]:
    """The convolutions and matrix products of an ONNX model, float or quantised, in its order.

    Loops and equations are those of ZigZag 3.9.1's parsers; but that it gives windows, strides and
    padding of rows to columns, which only those that are not square show. All other nodes are left
    out. Weights in other files are not read: the models that ZigZag ships lack theirs.
    Raises TilefoldError where the model is damaged, has no such node or one of other shapes.
    """
    graph, weights = _graph(path)
    layers = tuple(_layers(graph, weights))
    if not layers:
        raise TilefoldError(f"{path}: has no convolution and no matrix product")
    return layers


def _graph(path: Path) -> tuple[Graph, set[str]]:
    """The model, weights in other files being inputs, and the names of these."""
    model = read_file(path, external=False)
    model.graph.name = str(path)
    tensors = list(model.graph.initializer)
    outside = [each for each in tensors if each.data_location == TensorProto.EXTERNAL]
    listed = {value.name for value in model.graph.input}
    for tensor in outside:
        model.graph.initializer.remove(tensor)
        if tensor.name not in listed:
            value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            model.graph.input.append(value)
    return load(model), {tensor.name for tensor in outside}


def _layers(graph: Graph, weights_outside: set[str]) -> Iterator[WorkloadLayer]:
    constant = {*graph.constants, *weights_outside}
    for node in graph.nodes:
        if all(name in constant for name in node.inputs if name):
            constant.update(node.outputs)
        elif node.op_type in WEIGHTS and not node.domain:
            weights = node.input(WEIGHTS[node.op_type])
            if "Conv" in node.op_type:
                yield _convolution(graph, node, weights)
            else:
                yield _product(graph, node, weights, fixed=weights in constant)


def _convolution(graph: Graph, node: Node, weights: str) -> WorkloadLayer:
    """O[b][g][k][oy][ox] += W[g][k][c][fy][fx] * I[b][g][c][iy][ix]."""
    shapes = [_shape(graph, node, name) for name in (node.input(0), weights, node.outputs[0])]
    source, kernel, result = shapes
    if len(source) != 4:
        raise TilefoldError(f"{graph.file}: {node}: only convolutions of images are layers here")
    groups = node.integer("group", 1)
    dims = {
        "B": result[0],
        "K": kernel[0] // groups,
        "G": groups,
        "OX": result[3],
        "OY": result[2],
        "C": kernel[1],
        "FX": kernel[3],
        "FY": kernel[2],
    }
    steps, dilations = node.integers("strides", (1, 1)), node.integers("dilations", (1, 1))
    rows = Window("OY", steps[0], "FY", dilations[0], source[2])
    columns = Window("OX", steps[1], "FX", dilations[1], source[3])
    operands: tuple[tuple[str, Indices], ...] = (
        ("O", ("B", "G", "K", "OY", "OX")),
        ("W", ("G", "K", "C", "FY", "FX")),
        ("I", ("B", "G", "C", rows, columns)),
    )
    return WorkloadLayer(node.name, node.op_type, dims, operands, dict(BITS))


def _product(graph: Graph, node: Node, weights: str, *, fixed: bool) -> WorkloadLayer:
    """O[b][h][d][k] += I[b][h][d][c] * W[c][k]; weights that are no constants have b and h, too."""
    source, result = (_shape(graph, node, name) for name in (node.input(0), node.outputs[0]))
    if node.integer("transA", 0):
        source = source[::-1]
    if not 2 <= len(source) <= 4 or len(result) != len(source):
        raise TilefoldError(f"{graph.file}: {node}: a product of two to four dimensions is needed")
    outer = dict(zip(("B", "H"), source[:-2], strict=False))
    dims = {"C": source[-1], "D": source[-2], "K": result[-1], **outer}
    batches = tuple(outer)
    rank = len(_shape(graph, node, weights))
    own = () if fixed or rank < len(source) else batches
    operands: tuple[tuple[str, Indices], ...] = (
        ("O", (*batches, "D", "K")),
        ("I", (*batches, "D", "C")),
        ("W", (*own, "C", "K")),
    )
    bits = {**BITS, "W": BITS["W"] if fixed else BITS["I"]}
    return WorkloadLayer(node.name, node.op_type, dims, operands, bits)


def _shape(graph: Graph, node: Node, name: str) -> tuple[int, ...]:
    """The shape of a value, all of which must be known."""
    if name in graph.constants:
        return graph.constants[name].shape
    known = graph.types.get(name)
    shape = None if known is None else known.shape
    if shape is None or any(size is None for size in shape):
        raise TilefoldError(f"{graph.file}: {node}: the shape of '{name}' is not known")
    return tuple(size for size in shape if size is not None)
