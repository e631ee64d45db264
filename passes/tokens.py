"""Putting tokens into a schedule."""

from collections.abc import Sequence
from typing import TypeVar

from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ..dialects import schedule

OperationT = TypeVar("OperationT", bound=Operation)


def insert(point: InsertPoint, operation: OperationT, like: Operation) -> OperationT:
    """Insert an operation that belongs to the same layer as `like`, and return it."""
    operation.location = like.location
    Rewriter.insert_op(operation, point)
    return operation


def child_in(block: Block, operation: Operation) -> Operation:
    """The operation of `block` that `operation` is or is inside of."""
    child = block.find_ancestor_op_in_block(operation)
    assert child is not None, "the operation is not in the block"
    return child


def carry(loops: Sequence[schedule.ForOp], slots: Sequence[SSAValue], freed: SSAValue) -> SSAValue:
    """Thread tokens through loops, outermost first; returns the oldest, in the innermost.

    At the end of each iteration the oldest is gone and `freed`, a token made in the innermost loop,
    is added. The loops are made anew, their blocks are not.
    """
    carried: list[schedule.ForOp] = []
    for loop in loops:
        carried.append(_with_tokens(loop, slots))
        slots = carried[-1].body.block.args[-len(slots) :]
    handed_on: list[SSAValue] = [*slots[1:], freed]
    for loop in reversed(carried):
        terminator = loop.body.block.last_op
        assert isinstance(terminator, schedule.YieldOp)
        terminator.operands = [*terminator.operands, *handed_on]
        handed_on = list(loop.results[-len(handed_on) :])
    return slots[0]


def _with_tokens(loop: schedule.ForOp, inits: Sequence[SSAValue]) -> schedule.ForOp:
    """The loop remade with more iteration arguments (operations cannot grow results)."""
    body = loop.detach_region(loop.body)
    wider = schedule.ForOp(loop.trips, [*loop.inits, *inits], body)
    wider.location = loop.location
    for _ in inits:
        body.block.insert_arg(schedule.TokenType(), len(body.block.args))
    Rewriter.replace_op(loop, wider, wider.results[: len(loop.results)])
    return wider
