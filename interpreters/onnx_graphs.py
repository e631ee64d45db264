"""Graphs inside the nodes of an ONNX model: branches of an If, bodies of a Loop."""

from collections.abc import Iterable, Iterator

from onnx import GraphProto, NodeProto


def graphs_of(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs among a node's attributes."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def nested(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Nodes, and those of the graphs in them."""
    for node in nodes:
        yield node
        for graph in graphs_of(node):
            yield from nested(graph.node)
