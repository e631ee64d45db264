"""What must hold of a model before anything else looks at it: names, edges, functions.

ONNX's own checker says less of what is wrong, and says it of fewer nodes.
"""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto

from ..errors import TilefoldError
from ..interpreters.onnx_graphs import graphs_of, nested

LONGEST_NAME = 4096
"""Characters of a name."""

MOST_NODES = 1 << 17
"""Nodes of a graph once its functions are unfolded."""

DEEPEST = 100
"""Functions that call one another in a row: protobuf's bound for messages in messages."""


def check_structure(model: ModelProto) -> None:
    """Raise TilefoldError, naming the node, unless names are text, and edges and functions sound.

    Nodes of the graph must have names. Every value has one maker, that comes before its readers;
    functions do not call themselves.
    """
    _check_names(model)
    _check_graph(model.graph, frozenset())
    _check_functions(model)


def label(node: NodeProto) -> str:
    """How messages name a node."""
    return f"node '{node.name}' ({node.op_type})"


def _check_names(model: ModelProto) -> None:
    graph = model.graph
    for value in (*graph.input, *graph.output, *graph.value_info):
        _check_name(value.name, "an input, output or value")
        for dim in value.type.tensor_type.shape.dim:
            _check_name(dim.dim_param, f"a dimension of '{value.name}'")
    for tensor in graph.initializer:
        _check_name(tensor.name, "an initializer")
        if tensor.data_type not in TensorProto.DataType.values():
            raise TilefoldError(
                f"initializer '{tensor.name}' is of the unknown type {tensor.data_type}"
            )
    for number, node in enumerate(nested(graph.node)):
        what = f"node {number}"
        _check_name(node.name, what)
        attributes = [attribute.name for attribute in node.attribute]
        for name in (node.op_type, node.domain, *node.input, *node.output, *attributes):
            _check_name(name, f"{what}, '{node.name}', or something of it,")
        if not node.op_type:
            raise TilefoldError(f"{what}, '{node.name}', is of no operator: its type is missing")
    for function in model.functions:
        _check_name(function.name, "a function")


def _check_name(name: str | bytes, what: str) -> None:
    if isinstance(name, bytes):  # protobuf's way with what is not UTF-8
        raise TilefoldError(f"{what} has a name that is not UTF-8, {name[:40]!r}")
    if len(name) > LONGEST_NAME:
        raise TilefoldError(f"{what} has a name of {len(name)} characters; rename it")
    if not name.isprintable():
        raise TilefoldError(f"{what} has a name that is not printable, {name[:40]!a}")


def _check_graph(graph: GraphProto, around: frozenset[str]) -> None:
    """Check the edges of a graph, to which the values `around` it are known."""
    known = set(around) | _given(graph)
    makers: dict[str, NodeProto] = {}
    for node in graph.node:
        for name in filter(None, node.output):
            if name in makers or name in known:
                maker = label(makers[name]) if name in makers else "an input or initializer"
                raise TilefoldError(f"{label(node)}: its output '{name}' is that of {maker}, too")
            makers[name] = node
    for node in graph.node:
        for name in node.input:
            if name and name not in known:
                raise TilefoldError(_unknown(graph, node, name, makers.get(name)))
        for attribute in node.attribute:
            if attribute.ref_attr_name:
                raise TilefoldError(
                    f"{label(node)}: attribute {attribute.name} stands for one of a function, "
                    "but the node is in none"
                )
        for inner in graphs_of(node):
            _check_graph(inner, frozenset(known))
        known.update(node.output)
    names = [value.name for value in graph.output]
    if not names and not around:
        raise TilefoldError("the model has no output; mark one, or export it again")
    _check_once(names, "output")
    for name in names:
        if name not in known:
            raise TilefoldError(f"output '{name}' is made by no node")


def _given(graph: GraphProto) -> set[str]:
    """The values that a graph is given; TilefoldError where one is there twice or has no name."""
    inputs = [value.name for value in graph.input]
    constants = [tensor.name for tensor in graph.initializer]
    _check_once(inputs, "input")
    _check_once(constants, "initializer")
    return {*inputs, *constants, *(tensor.values.name for tensor in graph.sparse_initializer)}


def _check_once(names: Sequence[str], what: str) -> None:
    seen = set[str]()
    for place, name in enumerate(names):
        if not name:
            raise TilefoldError(f"{what} {place} has no name")
        if name in seen:
            raise TilefoldError(f"{what} '{name}' is there twice")
        seen.add(name)


def _unknown(graph: GraphProto, node: NodeProto, name: str, maker: NodeProto | None) -> str:
    """What is wrong with the edge `name`, which nothing before `node` makes."""
    if maker is None:
        return (
            f"{label(node)}: input '{name}' is made by no node, and is no input or initializer "
            "of the graph"
        )
    if _depends(graph, maker, node):
        return f"{label(node)}: it is in a cycle: its input '{name}' depends on its own result"
    return (
        f"{label(node)}: input '{name}' is made by {label(maker)} after it; "
        "nodes must be in topological order"
    )


def _depends(graph: GraphProto, late: NodeProto, early: NodeProto) -> bool:
    """Whether `late` reads, directly or through others, what `early` makes."""
    readers: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    values, seen = list(early.output), set[str]()
    while values:
        name = values.pop()
        if name in late.output:
            return True
        if name and name not in seen:
            seen.add(name)
            values += [output for node in readers.get(name, ()) for output in node.output]
    return False


def _check_functions(model: ModelProto) -> None:
    """Check that functions unfold, and to a bounded number of nodes."""
    functions = {_key(function): function for function in model.functions}
    if len(functions) < len(model.functions):
        raise TilefoldError("two of the model's functions have the same name")
    calls = {key: [_callee(node) for node in nested(f.node)] for key, f in functions.items()}
    try:
        order = list(TopologicalSorter(calls).static_order())
    except CycleError as error:
        name = error.args[1][0][1]
        raise TilefoldError(f"function '{name}' of the model calls itself") from None
    size: dict[tuple[str, str], int] = {}
    depth: dict[tuple[str, str], int] = {}
    for key in order:
        called = calls.get(key, ())
        size[key] = sum(size[each] for each in called) if key in functions else 1
        depth[key] = 1 + max((depth[each] for each in called), default=0)
        if depth[key] > DEEPEST:
            raise TilefoldError(f"function '{key[1]}' calls others more than {DEEPEST} deep")
    if functions and sum(size.get(_callee(node), 1) for node in nested(model.graph.node)) > (
        MOST_NODES
    ):
        raise TilefoldError(f"the model's functions unfold to more than {MOST_NODES} nodes")


def _key(function: FunctionProto) -> tuple[str, str]:
    return function.domain, function.name


def _callee(node: NodeProto) -> tuple[str, str]:
    return node.domain, node.op_type
