"""Which layers must have ended before another one starts, and which take turns at loading."""

from collections.abc import Sequence

from xdsl.ir import Block, Operation, SSAValue

from ...dialects import nn
from ...machines.model import Machine
from ..fuse_epilogue import EPILOGUE, sums_of
from ..keep_on_chip import obstacle, renamed
from ..lowering.sharing import Convolution


def layers_read(layers: Sequence[Convolution]) -> list[frozenset[int]]:
    """For each of `layers`, all of a network's, those that it reads, by their numbers.

    Operations in between that no array does pass on what they read. Of two layers whose results are
    added in the nest of one of them, that one waits for the other which has more layers before it.
    """
    if not layers:
        return []
    block = layers[0].parent_block()
    assert block is not None
    reads, made = _data(layers, block)
    depth = _depths(reads)
    extra = [set(before) for before in reads]
    for op in block.ops:
        if isinstance(op, nn.BinaryOp) and EPILOGUE in op.attributes:
            numbers = [layers.index(each) for each in sums_of(op)]
            last = max(numbers, key=lambda number: (depth[number], number))
            others = (v for v in op.operands if v is not layers[last].result)
            extra[last] |= set[int]().union(*(made[value] for value in others))
    return [frozenset(before) for before in extra]


def layers_loading(machine: Machine, layers: Sequence[Convolution]) -> frozenset[int]:
    """The numbers of the layers that load what they read from DRAM.

    That is what the network is given, and what cannot be kept on chip whatever room there is; all
    of it where inputs and outputs have memories of their own.
    """
    together = machine.memory_for("I") == machine.memory_for("O")
    return frozenset(
        number
        for number, layer in enumerate(layers)
        if not (together and _can_be_kept(layer.input))
    )


def _can_be_kept(value: SSAValue) -> bool:
    maker = _maker(value)
    return isinstance(maker, nn.LayerOp) and obstacle(maker) is None


def _maker(value: SSAValue) -> Operation | Block:
    """What makes a value, or another one of which it is a new name or a part."""
    while isinstance(value.owner, Operation) and renamed(value.owner) is not None:
        value = value.owner.operands[0]
    return value.owner


def _data(
    layers: Sequence[Convolution], block: Block
) -> tuple[list[frozenset[int]], dict[SSAValue, frozenset[int]]]:
    """What each layer reads, and of which layers each value is made."""
    numbers: dict[Operation, int] = {layer: number for number, layer in enumerate(layers)}
    made: dict[SSAValue, frozenset[int]] = {argument: frozenset() for argument in block.args}
    reads: list[frozenset[int]] = []
    for op in block.ops:
        of = frozenset[int]().union(*(made[value] for value in op.operands))
        if op in numbers:
            reads.append(of)
            of = frozenset({numbers[op]})
        made |= dict.fromkeys(op.results, of)
    return reads, made


def _depths(reads: Sequence[frozenset[int]]) -> list[int]:
    depth: list[int] = []
    for before in reads:
        depth.append(1 + max((depth[number] for number in before), default=0))
    return depth
