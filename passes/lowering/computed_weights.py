"""Weights that the network computes: the right operand of a product of two activations.

They are brought into the blocks of `pack_blocks` in DRAM before the product's nest: empty blocks,
which are constants with the parameters of output channels, are copied there, and then the elements
to their places. Elements of less than a byte are stored in bytes.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from ...dialects import nn, schedule
from ...dialects.isa_operands import ElementType
from ...dialects.location import name_of
from ...dialects.nn_types import shape_of
from .elementwise import Side, flat_side, map_nest
from .parts import container_of, strides_of
from .shapes import Tile
from .state import Lowering
from .tables import moved

PARAMETERS = 12
"""Bytes of the parameters of an output channel."""


def is_computed(weight: SSAValue) -> bool:
    """Whether weights are no constants."""
    return not isinstance(weight.owner, nn.ConstantOp)


def packed_on_machine(
    state: Lowering,
    op: nn.MatmulOp,
    blocks: npt.NDArray[np.uint8],
    tile: Tile,
    element: ElementType,
) -> SSAValue:
    """The blocks of a product in DRAM, filled with its computed weights [K, N].

    `blocks` [k tiles, c tiles, bytes] are the empty ones for a `tile`, weights of type `element`.
    """
    name = name_of(op)
    target = state.temporary(schedule.TensorType(blocks.shape, ElementType.U8))
    whole = flat_side(target, ElementType.U8)
    empty = flat_side(state.constant(name, blocks), ElementType.U8)
    map_nest(state, name, whole.extents, [empty], whole)
    inside = state.part(target, 0, schedule.TensorType(blocks.shape, element))
    source, own = state.tensor(op.weight), container_of(op.weight)
    c_stride, k_stride = strides_of(op.weight)
    source_strides = tile.k * k_stride, tile.c * c_stride, k_stride, c_stride
    (c_size, k_size), size = shape_of(op.weight), blocks.shape[2]
    target_strides = blocks.shape[1] * size, size, tile.c, 1
    for first_k, k_tiles, k in _runs(k_size, tile.k):
        for first_c, c_tiles, c in _runs(c_size, tile.c):
            box, starts = (k_tiles, c_tiles, k, c), (first_k, first_c, 0, 0)
            ends = [start + count for start, count in zip(starts, box, strict=True)]
            given = Side(source, own, starts, ends, source_strides)
            places = (first_k, first_c, 0, PARAMETERS * tile.k)
            moved(state, op, box, given, Side(inside, element, places, box, target_strides))
    return target


def _runs(size: int, tile: int) -> Iterator[tuple[int, int, int]]:
    """(first, how many, of what size): the whole tiles, and then the rest of one."""
    whole, rest = divmod(size, tile)
    if whole:
        yield 0, whole, tile
    if rest:
        yield whole, 1, rest
