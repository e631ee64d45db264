"""Branches that constants choose become part of the graph around them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy.typing as npt
from onnx import GraphProto, NodeProto, helper, numpy_helper

from ..interpreters.onnx_graphs import graphs_of

Array = npt.NDArray[Any]


def with_branches(nodes: Iterable[NodeProto], constants: dict[str, Array]) -> list[NodeProto]:
    """`nodes` with the branch that is taken in place of each If on a constant.

    What a branch makes is named anew, behind the name of its If; its initializers go to
    `constants`.
    """
    found: list[NodeProto] = []
    for node in nodes:
        branch = _taken(node, constants)
        found += [node] if branch is None else _inlined(node, branch, constants)
    return found


def _taken(node: NodeProto, constants: Mapping[str, Array]) -> GraphProto | None:
    """The branch that an If takes; None where that is not known."""
    if node.op_type != "If" or node.domain not in ("", "ai.onnx"):
        return None
    condition = constants.get(node.input[0])
    if condition is None or condition.size != 1:
        return None
    wanted = "then_branch" if condition.reshape(-1)[0] else "else_branch"
    branch = next(attribute.g for attribute in node.attribute if attribute.name == wanted)
    return None if branch.sparse_initializer else branch


def _inlined(
    node: NodeProto, branch: GraphProto, constants: dict[str, Array]
) -> Iterator[NodeProto]:
    """The nodes of `branch` and what gives its results the names that those of `node` have."""
    made = [name for inner in branch.node for name in inner.output if name]
    made += [tensor.name for tensor in branch.initializer]
    names = {name: f"{node.name}/{name}" for name in made}
    for tensor in branch.initializer:
        constants[names[tensor.name]] = numpy_helper.to_array(tensor)
    for place, inner in enumerate(branch.node):
        copy = NodeProto()
        copy.CopyFrom(inner)
        copy.name = f"{node.name}/{inner.name or f'{inner.op_type}_{place}'}"
        _rename(copy, names)
        yield copy
    for value, result in zip(branch.output, node.output, strict=True):
        source = names.get(value.name, value.name)
        yield helper.make_node("Identity", [source], [result], f"{node.name}/{result}")


def _rename(node: NodeProto, names: Mapping[str, str]) -> None:
    """Let a node, and the graphs in it, use other names; ONNX lets none of them be made again."""
    for values in (node.input, node.output):
        for place, name in enumerate(values):
            values[place] = names.get(name, name)
    for graph in graphs_of(node):
        for inner in graph.node:
            _rename(inner, names)
        for value in graph.output:
            value.name = names.get(value.name, value.name)
