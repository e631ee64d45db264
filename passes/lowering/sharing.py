"""Layers that load the same weights once, in one nest (`share-weights`)."""

from collections.abc import Sequence

from xdsl.ir import Operation

from ...dialects import nn

SHARED = "shared"
"""The attribute of layers that share their weights: equal numbers for those that do together."""

Convolution = nn.ConvOp | nn.MatmulOp


def members_of(layer: Operation) -> Sequence[Convolution]:
    """The layers that share their weights with `layer`, in program order; it alone if none do."""
    number, block = layer.attributes.get(SHARED), layer.parent_block()
    if number is None or block is None:
        return (layer,) if isinstance(layer, Convolution) else ()
    every = (op for op in block.ops if isinstance(op, Convolution))
    return tuple(op for op in every if op.attributes.get(SHARED) == number)


def sharers(layer: Operation) -> int:
    """How many layers run in the nest of `layer`."""
    return len(members_of(layer)) if SHARED in layer.attributes else 1
