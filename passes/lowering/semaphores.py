"""Tokens as counting semaphores."""

from collections.abc import Iterator, Sequence

from xdsl.ir import Block, SSAValue

from ...dialects import schedule
from ...dialects.location import name_of
from ...errors import TilefoldError


class Semaphores:
    """The semaphores of a program: `number` of each token, `credits` of each semaphore.

    Raises TilefoldError where tokens are not handed on in the order in which they were made, or
    where one semaphore would have two signalling or two waiting units.
    """

    def __init__(self, program: schedule.ProgramOp):
        self._parent: dict[SSAValue, SSAValue] = {}
        for op in program.walk():
            if isinstance(op, schedule.ForOp):
                self._join_loop(op)
        self._numbers: dict[SSAValue, int] = {}
        self.credits: list[int] = []
        self._number(program)

    def number(self, token: SSAValue) -> int:
        """The semaphore that a token belongs to."""
        return self._numbers[self._root(token)]

    def _root(self, token: SSAValue) -> SSAValue:
        while (parent := self._parent.get(token, token)) is not token:
            token = parent
        return token

    def _join_loop(self, loop: schedule.ForOp) -> None:
        arguments = loop.body.block.args[1:]
        terminator = loop.body.block.last_op
        assert isinstance(terminator, schedule.YieldOp)
        for init, argument, handed_on, out in zip(
            loop.inits, arguments, terminator.tokens, loop.outs, strict=True
        ):
            for token in (init, handed_on, out):
                self._parent[self._root(token)] = self._root(argument)

    def _number(self, program: schedule.ProgramOp) -> None:
        roles: dict[tuple[SSAValue, type], set[str]] = {}
        credits: dict[SSAValue, int] = {}
        for op in program.walk():
            if isinstance(op, schedule.ReadyOp):
                root = self._root(op.token)
                credits[root] = credits.get(root, 0) + 1
            elif isinstance(op, schedule.SignalOp | schedule.WaitOp):
                root = self._root(op.token)
                units = roles.setdefault((root, type(op)), set())
                units.add(op.unit.data)
                if len(units) > 1:
                    raise TilefoldError(
                        f"{name_of(op)}: units {' and '.join(sorted(units))} share one token chain"
                    )
            elif isinstance(op, schedule.ForOp):
                for ring in self._rings(op.body.block.args[1:]):
                    _check_order(op, ring)
        for root, kind in roles:
            if kind is schedule.WaitOp and (root, schedule.SignalOp) in roles:
                self._numbers[root] = len(self.credits)
                self.credits.append(credits.get(root, 0))

    def used(self, token: SSAValue) -> bool:
        """Whether the token's semaphore is both signalled and awaited."""
        return self._root(token) in self._numbers

    def _rings(self, arguments: Sequence[SSAValue]) -> Iterator[list[int]]:
        """The positions of the arguments that belong to one semaphore, for each of them."""
        rings: dict[SSAValue, list[int]] = {}
        for position, argument in enumerate(arguments):
            rings.setdefault(self._root(argument), []).append(position)
        yield from rings.values()


def _check_order(loop: schedule.ForOp, ring: Sequence[int]) -> None:
    """A ring is shifted by one (its oldest token used here) or handed whole to an inner loop."""
    block: Block = loop.body.block
    arguments = [block.args[1 + position] for position in ring]
    terminator = block.last_op
    assert isinstance(terminator, schedule.YieldOp)
    handed_on = [terminator.tokens[position] for position in ring]
    shifted = handed_on[:-1] == arguments[1:]
    inner = handed_on[0].owner
    through = (
        isinstance(inner, schedule.ForOp)
        and [inner.outs[position] for position in _positions(inner, arguments)] == handed_on
    )
    if not (shifted or through):
        raise TilefoldError(f"{name_of(loop)}: tokens are not handed on oldest first")


def _positions(loop: schedule.ForOp, inits: Sequence[SSAValue]) -> list[int]:
    return [position for position, init in enumerate(loop.inits) if init in inits]
