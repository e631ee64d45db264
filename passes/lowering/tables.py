"""Look-ups in tables; among them the change of containers, which sub-byte results may need."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation, SSAValue

from ...dialects import schedule
from ...dialects.frames import in_frame, split_frame
from ...dialects.isa_operands import ElementType
from ...dialects.layout import memory_form, unpack
from ...dialects.location import name_of
from ...dialects.nn_types import shape_of
from .elementwise import Side, axes_side, map_nest
from .nest import HERE, Access, Place, ints
from .parts import container_of
from .shapes import TABLE_BYTES
from .state import Lowering


def table_buffer(state: Lowering, op: Operation, table: npt.NDArray[np.uint8]) -> SSAValue:
    """Load a table [256] once; its buffer.

    The index is an element's container as an unsigned number. Tables of `nn` repeat after the
    patterns of their elements' bits, so how wide the container is and how it was extended is all
    one.
    """
    name, frame = split_frame(name_of(op), state.frames)
    tensor = state.constant(in_frame(f"{name}.table", frame), table)
    buffer = state.buffer("W", (TABLE_BYTES,), ElementType.U8)
    whole = Access([HERE], (TABLE_BYTES,), (1,))
    state.load(Place(state.builder, {}), "W", tensor, buffer, whole)
    return buffer


def look_up_step(
    state: Lowering,
    op: Operation,
    at: Place,
    out: SSAValue,
    source: SSAValue,
    table: SSAValue,
    access: Access,
) -> None:
    """Build the step that looks a tile up in a table."""
    origin, indices = at.origin(access.positions)
    at.builder.insert(
        schedule.LutOp(
            operands=[out, source, table, indices],
            properties={
                "unit": StringAttr(state.vector_unit(op)),
                "origin": origin,
                "extents": ints(access.extents),
            },
        )
    )


def looked_up(
    state: Lowering,
    op: Operation,
    box: Sequence[int],
    source: Side,
    target: Side,
    table: npt.NDArray[np.uint8],
) -> None:
    """Build a look-up of `source` in a table [256] over `box`."""
    buffer = table_buffer(state, op, table)

    def compute(at: Place, out: SSAValue, ins: Sequence[SSAValue], access: Access) -> None:
        look_up_step(state, op, at, out, ins[0], buffer, access)

    map_nest(state, name_of(op), box, [source], target, compute, held=TABLE_BYTES)


def moved(state: Lowering, op: Operation, box: Sequence[int], source: Side, target: Side) -> None:
    """Build a copy over `box`; where the sides have unlike containers, through a table."""
    if source.element == target.element:
        map_nest(state, name_of(op), box, [source], target)
    else:
        narrow = min(source.element, target.element, key=lambda element: element.bits)
        looked_up(state, op, box, source, target, _same_integers(narrow))


def _same_integers(element: ElementType) -> npt.NDArray[np.uint8]:
    """The table [256] that brings integers of `element` from and to wider containers."""
    patterns = np.arange(TABLE_BYTES, dtype=np.uint8)[:, None]
    return unpack(patterns, 1, element.bits, element.signed).astype(np.uint8).reshape(-1)


@contextmanager
def stored(state: Lowering, op: Operation, element: ElementType) -> Generator[SSAValue]:
    """The tensor to store the result of `op` in, with elements of the type `element`.

    Where these are wider than the result's own, the tensor is a temporary one, which is packed
    into that of the result when the context ends.
    """
    (value,) = op.results
    result, own = state.result(value), container_of(value)
    if element == own:
        yield result
        return
    form = memory_form(shape_of(value))
    wide = state.temporary(schedule.TensorType(form, element))
    yield wide
    axes = range(len(form))
    moved(state, op, form, axes_side(wide, element, form, axes), axes_side(result, own, form, axes))
