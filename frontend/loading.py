"""Reading a model, checking and preparing it: what comes out is a `Graph`."""

from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, defs, numpy_helper

from ..errors import TilefoldError
from ..interpreters.onnx_tensors import external_tensors
from .branches import with_branches
from .files import read_model
from .folding import fold
from .graph import Array, Graph, Node, Port, ValueType, captured, name_nodes
from .operands import check_operands
from .opsets import OLDEST_OPSET, modern
from .shapes import Shapes, checked, inferred_again, with_static_inputs
from .sizes import Room, check_values
from .structure import check_structure


def load(
    source: str | Path | ModelProto, shapes: Shapes | None = None, oldest: int = OLDEST_OPSET
) -> Graph:
    """Read, check and prepare a model.

    `shapes` gives those of inputs with dynamic dimensions, by name; a symbolic leading dimension
    is taken as batch 1 where it says nothing else. Nodes with constant inputs are computed,
    except QuantizeLinear and DequantizeLinear, which carry the scales. Operator sets from 7 to
    before `oldest`, which is at most 13, are converted to 13.

    Raises TilefoldError naming the file and the node when the model is damaged, has other
    dynamic dimensions, or an operator set that is older or cannot be converted.
    """
    if isinstance(source, ModelProto):
        file, stem = source.graph.name or "model", source.graph.name or "network"
        model = ModelProto()
        model.CopyFrom(source)
    else:
        path = Path(source)
        file, stem = str(path), path.stem
        model = read_model(path)
    try:
        return _prepare(model, file, stem, shapes or {}, oldest)
    except UnicodeDecodeError as error:
        raise TilefoldError(f"{file}: a name in it is not text in UTF-8") from error
    except TilefoldError as error:
        message = str(error)
        raise TilefoldError(
            message if message.startswith(file) else f"{file}: {message}"
        ) from error


def _prepare(model: ModelProto, file: str, name: str, shapes: Shapes, oldest: int) -> Graph:
    for tensor in external_tensors(model):
        raise TilefoldError(f"tensor '{tensor.name}' has external data; load the model by its path")
    name_nodes(model)
    check_structure(model)
    model = modern(model, _opsets(model)[""], oldest)
    name_nodes(model)
    opsets = _opsets(model)
    model = checked(checked(with_static_inputs(model, shapes), infer=False))
    check_values(model)
    constants = {tensor.name: _array(tensor) for tensor in model.graph.initializer}
    nodes, before = list(model.graph.node), [""]
    room = Room(constants, opsets[""])
    while before != (before := [node.name for node in nodes]):
        # Shapes that follow from constants are constants themselves.
        nodes = with_branches(fold(model, nodes, constants, room), constants)
        nodes = _needed(nodes, [output.name for output in model.graph.output])
        model = inferred_again(model, nodes, constants)
    check_values(model)
    used = {value for node in nodes for value in (*node.input, *captured(node))}
    used |= {output.name for output in model.graph.output}
    for node in nodes:
        _leave_out_unread(node, used, opsets)
    graph = Graph(
        name=name,
        file=file,
        opsets=opsets,
        inputs=tuple(_port(value) for value in model.graph.input),
        outputs=tuple(_port(value) for value in model.graph.output),
        nodes=tuple(_node(node) for node in nodes),
        constants={key: value for key, value in constants.items() if key in used},
        types=dict(_types(model)),
    )
    check_operands(graph)
    return graph


def _types(model: ModelProto) -> Iterator[tuple[str, ValueType]]:
    """The types of the values that are computed, as far as they are known."""
    graph = model.graph
    for value in (*graph.value_info, *graph.output, *graph.input):
        kind = value.type.tensor_type
        dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
        shape = tuple(dims) if kind.HasField("shape") else None
        yield value.name, ValueType(kind.elem_type, shape)


def _opsets(model: ModelProto) -> dict[str, int]:
    """The versions of operator sets by domain."""
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if domain in versions:
            raise TilefoldError(f"the operator set of domain '{domain}' is given twice")
        versions[domain] = entry.version
    if "" not in versions:
        raise TilefoldError("the model does not say which operator set it uses")
    if versions[""] > defs.onnx_opset_version():
        raise TilefoldError(
            f"operator set {versions['']} is newer than {defs.onnx_opset_version()}, "
            "the newest that is known; export the model with an older one"
        )
    return versions


def _needed(nodes: list[NodeProto], outputs: list[str]) -> list[NodeProto]:
    """The nodes that `outputs` depend on."""
    wanted = set(outputs)
    kept: list[NodeProto] = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update((*node.input, *captured(node)))
            kept.append(node)
    return kept[::-1]


def _leave_out_unread(node: NodeProto, used: Container[str], opsets: Mapping[str, int]) -> None:
    """Remove the last outputs of a node that nothing reads, as Dropout's mask, where it may be."""
    if node.domain not in ("", "ai.onnx") or node.output[-1] in used:
        return
    optional = {
        place
        for place, output in enumerate(defs.get_schema(node.op_type, opsets[""]).outputs)
        if output.option == defs.OpSchema.FormalParameterOption.Optional
    }
    while len(node.output) - 1 in optional and node.output[-1] not in used:
        del node.output[-1]


def _array(tensor: Any) -> Array:
    try:
        return numpy_helper.to_array(tensor)
    except (ValueError, TypeError, KeyError) as error:
        reason = f"element type {error}" if isinstance(error, KeyError) else str(error)
        raise TilefoldError(f"tensor '{tensor.name}' is damaged: {reason}") from error


def _port(value: Any) -> Port:
    kind = value.type.tensor_type
    return Port(value.name, tuple(dim.dim_value for dim in kind.shape.dim), kind.elem_type)


def _node(node: NodeProto) -> Node:
    domain = "" if node.domain == "ai.onnx" else node.domain
    attributes = {attribute.name: _attribute(attribute) for attribute in node.attribute}
    inputs, outputs = tuple(node.input), tuple(node.output)
    return Node(node.name, domain, node.op_type, inputs, outputs, attributes, node)


def _attribute(attribute: AttributeProto) -> Any:
    """The attribute's value as int, float, str, tuple of these, or array; else None."""
    match attribute.type:
        case AttributeProto.INT:
            return attribute.i
        case AttributeProto.FLOAT:
            return float(np.float32(attribute.f))
        case AttributeProto.STRING:
            return attribute.s.decode(errors="replace")
        case AttributeProto.INTS:
            return tuple(attribute.ints)
        case AttributeProto.FLOATS:
            return tuple(attribute.floats)
        case AttributeProto.TENSOR:
            return _array(attribute.t)
        case _:
            return None
