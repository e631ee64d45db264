"""The order of a `schedule`: loops, tokens between units, configurations."""

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import IndexType, IntegerAttr, StringAttr, i64
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator
from xdsl.utils.exceptions import VerifyException

from .fabric import FoldAttr
from .schedule_steps import PlacingOp, StepOp, WindowOp
from .schedule_types import TokenType


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Hands tokens to the next iteration."""

    name = "schedule.yield"
    tokens = var_operand_def(TokenType)
    traits = traits_def(IsTerminator())
    assembly_format = "attr-dict ($tokens^ `:` type($tokens))?"

    def __init__(self, tokens: Sequence[SSAValue] = ()):
        super().__init__(operands=[tokens])


@irdl_op_definition
class ForOp(IRDLOperation):
    """A tile loop: `schedule.for %i = 4 iter(%a = %b, ...) { ... }`."""

    name = "schedule.for"
    count = prop_def(IntegerAttr)
    inits = var_operand_def(TokenType)
    outs = var_result_def(TokenType)
    body = region_def("single_block")

    def __init__(self, count: int, inits: Sequence[SSAValue], body: Region):
        super().__init__(
            operands=[inits],
            properties={"count": IntegerAttr(count, i64)},
            result_types=[[TokenType()] * len(inits)],
            regions=[body],
        )

    @property
    def counter(self) -> SSAValue:
        """The loop counter, of type index."""
        return self.body.block.args[0]

    @property
    def trips(self) -> int:
        """How often the body runs."""
        return self.count.value.data

    def verify_(self) -> None:
        arguments = self.body.block.args
        if self.trips < 1:
            raise VerifyException("a loop runs at least once")
        if not arguments or not isinstance(arguments[0].type, IndexType):
            raise VerifyException("the first argument of a loop body is its counter")
        if not all(isinstance(argument.type, TokenType) for argument in arguments[1:]):
            raise VerifyException("the other arguments of a loop body are tokens")
        terminator = self.body.block.last_op
        if not isinstance(terminator, YieldOp):
            raise VerifyException("a loop body ends in schedule.yield")
        if not len(arguments) - 1 == len(self.inits) == len(terminator.tokens):
            raise VerifyException(
                f"a loop with {len(self.inits)} initial tokens has {len(arguments) - 1} token "
                f"arguments and yields {len(terminator.tokens)}"
            )
        for token in (*arguments[1:], *self.outs):
            _check_token(token)

    @classmethod
    def parse(cls, parser: Parser) -> "ForOp":
        counter = parser.parse_argument(expect_type=False)
        parser.parse_punctuation("=")
        count = parser.parse_integer(allow_boolean=False)
        inits: list[SSAValue] = []
        arguments = [counter.resolve(IndexType())]
        if parser.parse_optional_keyword("iter"):

            def pair() -> None:
                arguments.append(parser.parse_argument(expect_type=False).resolve(TokenType()))
                parser.parse_punctuation("=")
                operand = parser.parse_unresolved_operand()
                inits.append(parser.resolve_operand(operand, TokenType()))

            parser.parse_comma_separated_list(parser.Delimiter.PAREN, pair)
        body = parser.parse_region(arguments)
        attributes = parser.parse_optional_attr_dict()
        if not isinstance(body.block.last_op, YieldOp):
            body.block.add_op(YieldOp())
        loop = cls(count, inits, body)
        loop.attributes |= attributes
        return loop

    def print(self, printer: Printer) -> None:
        counter, *tokens = self.body.block.args
        printer.print_string(" ")
        printer.print_ssa_value(counter)
        printer.print_string(f" = {self.trips}")
        if tokens:
            printer.print_string(" iter(")
            for position, (token, init) in enumerate(zip(tokens, self.inits, strict=True)):
                printer.print_string(", " if position else "")
                printer.print_ssa_value(token)
                printer.print_string(" = ")
                printer.print_ssa_value(init)
            printer.print_string(")")
        printer.print_string(" ")
        printer.print_region(
            self.body, print_entry_block_args=False, print_block_terminators=bool(tokens)
        )
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class ReadyOp(IRDLOperation):
    """A token that is there from the start: a free slot of a ring."""

    name = "schedule.ready"
    token = result_def(TokenType)
    assembly_format = "attr-dict"

    def __init__(self):
        super().__init__(result_types=[TokenType()])

    def verify_(self) -> None:
        _check_token(self.token)


@irdl_op_definition
class SignalOp(IRDLOperation):
    """The event that all earlier steps of `unit` are done."""

    name = "schedule.signal"
    unit = prop_def(StringAttr)
    token = result_def(TokenType)
    assembly_format = "$unit attr-dict"

    def __init__(self, unit: str):
        super().__init__(properties={"unit": StringAttr(unit)}, result_types=[TokenType()])

    def verify_(self) -> None:
        _check_token(self.token)


@irdl_op_definition
class WaitOp(IRDLOperation):
    """`unit` goes on only when the token is there."""

    name = "schedule.wait"
    unit = prop_def(StringAttr)
    token = operand_def(TokenType)
    assembly_format = "$unit `,` $token attr-dict"

    def __init__(self, unit: str, token: SSAValue):
        super().__init__(operands=[token], properties={"unit": StringAttr(unit)})


@irdl_op_definition
class ConfigureOp(IRDLOperation):
    """Folds units of an array into a group; waits for, and orders, all their queues."""

    name = "schedule.configure"
    fold = prop_def(FoldAttr)
    assembly_format = "$fold attr-dict"

    def __init__(self, fold: FoldAttr):
        super().__init__(properties={"fold": fold})


@irdl_op_definition
class PrefetchOp(IRDLOperation):
    """Loads the shadow registers of a group that goes on; the next `configure` to it is a switch.

    It runs in the queue of the lowest unit of the fold.
    """

    name = "schedule.prefetch"
    fold = prop_def(FoldAttr)
    assembly_format = "$fold attr-dict"

    def __init__(self, fold: FoldAttr):
        super().__init__(properties={"fold": fold})


def _check_token(token: SSAValue) -> None:
    """Refuse a token that is used twice, also by the iterations of a loop inside."""
    uses = list(token.uses)
    if len(uses) > 1:
        raise VerifyException("a token is awaited, or handed on, at most once")
    block = token.owner if isinstance(token.owner, Block) else token.owner.parent_block()
    if any(use.operation.parent_block() is not block for use in uses):
        raise VerifyException("a token goes into a loop as an iteration argument only")


def placed_by(tile: SSAValue) -> PlacingOp:
    """What says where a tile lies in its logical tensor: its window, or the writer of its buffer.

    Raises VerifyException for a buffer without a writer or with several.
    """
    return tile.owner if isinstance(tile.owner, WindowOp) else writer_of(tile)


def writer_of(buffer: SSAValue) -> StepOp:
    """The one step that writes a buffer.

    Raises VerifyException when there is none or several.
    """
    writers = [use.operation for use in buffer.uses if _writes(use.operation, buffer)]
    if len(writers) != 1:
        raise VerifyException(f"a buffer has one writer, this one has {len(writers)}")
    (writer,) = writers
    assert isinstance(writer, StepOp)
    return writer


def _writes(operation: Operation, value: SSAValue) -> bool:
    return isinstance(operation, StepOp) and operation.target is value


def loops_around(operation: Operation) -> tuple[ForOp, ...]:
    """The loops that enclose an operation, outermost first."""
    loops: list[ForOp] = []
    parent = operation.parent_op()
    while isinstance(parent, ForOp):
        loops.append(parent)
        parent = parent.parent_op()
    return tuple(reversed(loops))


def ring_loops(writer: StepOp) -> tuple[ForOp, ...]:
    """The loops whose iterations take new slots of the ring that `writer` writes."""
    loops = loops_around(writer)
    return loops[: len(loops) - writer.reduction_loops]


def steps_in(operation: Operation) -> Iterator[StepOp]:
    """The steps in an operation, in program order."""
    return (step for step in operation.walk() if isinstance(step, StepOp))
