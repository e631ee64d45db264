"""The `schedule` dialect: a network mapped on a machine, before it is instructions.

A `schedule.program` is a sequentially correct list of steps in tile loops that stay loops: it
configures the arrays, loads tiles of DRAM tensors into on-chip buffers, computes on buffers and
stores tiles back. Every step names the unit in whose queue it will run; *tokens* order the queues:

```mlir
%image = schedule.tensor {kind = "input", name = "image", ...} : !schedule.tensor<28x28x1xu8>
%out = schedule.tensor {kind = "temporary", ...} : !schedule.tensor<28x28x8xu8>
%tile = schedule.buffer "data" {depth = 2} : !schedule.buffer<6x30x1xu8>
schedule.for %y = 7 {
  schedule.load "load" %image to %tile [%y] {origin = affine_map<(d0) -> (d0 * 4 - 1, -1, 0)>,
      extents = [28, 28, 1], strides = [28, 1, 1], pad = 0}
  %full = schedule.signal "load"
  schedule.wait "conv.0", %full
  ...
}
```

- A *tensor* lies in DRAM in memory form (see `dialects.layout`), a *buffer* on chip. A buffer of
  depth d is a ring of d tiles: the iteration of the loops around its writer picks the tile.
- Every buffer has exactly one writer. The writer says where in its logical tensor the tile lies
  (`origin`, affine in the loop counters, and `extents`); elements outside are padding. Readers of
  the buffer see the same tile in the same iteration.
- A token is made by `signal` (all earlier steps of that unit are done) and used by at most one
  `wait`. Through loops tokens travel as iteration arguments; d of them rotating make the free
  list of a ring of depth d.
"""

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import (
    BoolAttr,
    IndexType,
    IntegerAttr,
    StringAttr,
    i64,
)
from xdsl.ir import (
    Attribute,
    Dialect,
    Operation,
    Region,
    SSAValue,
)
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, NoTerminator
from xdsl.utils.exceptions import VerifyException

from .fabric import FoldAttr
from .schedule_steps import (
    POOL_KINDS,
    AddOp,
    ComputeOp,
    ConvOp,
    DepthwiseOp,
    LoadOp,
    LutOp,
    PoolOp,
    RequantisingOp,
    RequantizeOp,
    StepOp,
    StoreOp,
    box_of,
)
from .schedule_types import BoxType, BufferType, TensorType, TilingAttr, TokenType, words_up

__all__ = [
    "POOL_KINDS",
    "AddOp",
    "BoxType",
    "BufferOp",
    "BufferType",
    "ComputeOp",
    "ConfigureOp",
    "ConvOp",
    "DepthwiseOp",
    "ForOp",
    "LoadOp",
    "LutOp",
    "PoolOp",
    "ProgramOp",
    "ReadyOp",
    "RequantisingOp",
    "RequantizeOp",
    "Schedule",
    "SignalOp",
    "StepOp",
    "StoreOp",
    "TensorOp",
    "TensorType",
    "TilingAttr",
    "TokenType",
    "WaitOp",
    "YieldOp",
    "box_of",
    "loops_around",
    "ring_loops",
    "steps_in",
    "words_up",
    "writer_of",
]

KINDS = ("input", "output", "constant", "temporary")


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """A network on a machine: a sequence of tensors, buffers and steps."""

    name = "schedule.program"
    sym_name = prop_def(StringAttr)
    machine = prop_def(StringAttr)
    body = region_def("single_block")
    traits = traits_def(NoTerminator())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "attr-dict-with-keyword $body"

    def __init__(self, name: str, machine: str, body: Region):
        super().__init__(
            properties={"sym_name": StringAttr(name), "machine": StringAttr(machine)},
            regions=[body],
        )


@irdl_op_definition
class TensorOp(IRDLOperation):
    """A tensor in DRAM: the network's `input` or `output`, a `constant` or a `temporary`.

    `logical` is the network's type of a port, for the host's conversion; a port with `host_float`
    is seen by users in float32. `data` is the digest of a constant's bytes in the side store.
    """

    name = "schedule.tensor"
    kind = prop_def(StringAttr)
    label = prop_def(StringAttr)
    logical = opt_prop_def(Attribute)
    host_float = opt_prop_def(BoolAttr)
    data = opt_prop_def(StringAttr)
    address = opt_prop_def(IntegerAttr)
    result = result_def(TensorType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "attr-dict `:` type($result)"

    def __init__(
        self,
        kind: str,
        label: str,
        type: TensorType,
        *,
        logical: Attribute | None = None,
        host_float: bool = False,
        data: str | None = None,
    ):
        super().__init__(
            properties={
                "kind": StringAttr(kind),
                "label": StringAttr(label),
                "logical": logical,
                "host_float": BoolAttr.from_bool(True) if host_float else None,
                "data": StringAttr(data) if data else None,
            },
            result_types=[type],
        )

    def verify_(self) -> None:
        if self.kind.data not in KINDS:
            raise VerifyException(f"tensor kind {self.kind.data!r} is none of {', '.join(KINDS)}")
        if (self.kind.data == "constant") != (self.data is not None):
            raise VerifyException("exactly the constant tensors have data")
        if (self.kind.data in ("input", "output")) != (self.logical is not None):
            raise VerifyException("exactly the inputs and outputs have a logical type")

    @property
    def box(self) -> TensorType:
        """The tensor's type."""
        assert isinstance(self.result.type, TensorType)
        return self.result.type


@irdl_op_definition
class BufferOp(IRDLOperation):
    """A ring of `depth` tiles in an on-chip memory."""

    name = "schedule.buffer"
    memory = prop_def(StringAttr)
    depth = prop_def(IntegerAttr)
    address = opt_prop_def(IntegerAttr)
    result = result_def(BufferType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$memory attr-dict `:` type($result)"

    def __init__(self, memory: str, type: BufferType, depth: int = 1):
        super().__init__(
            properties={"memory": StringAttr(memory), "depth": IntegerAttr(depth, i64)},
            result_types=[type],
        )

    def verify_(self) -> None:
        if self.depth.value.data < 1:
            raise VerifyException("a buffer's depth must be at least 1")

    @property
    def box(self) -> BufferType:
        """The type of one tile."""
        assert isinstance(self.result.type, BufferType)
        return self.result.type

    @property
    def slot_bytes(self) -> int:
        """Bytes from one slot to the next: whole words."""
        return words_up(self.box.byte_size)

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole ring."""
        return self.slot_bytes * self.depth.value.data


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
        terminator = self.body.block.last_op
        if not isinstance(terminator, YieldOp):
            raise VerifyException("a loop body ends in schedule.yield")
        if not len(arguments) - 1 == len(self.inits) == len(terminator.tokens):
            raise VerifyException(
                f"a loop with {len(self.inits)} initial tokens has {len(arguments) - 1} token "
                f"arguments and yields {len(terminator.tokens)}"
            )

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


@irdl_op_definition
class SignalOp(IRDLOperation):
    """The event that all earlier steps of `unit` are done."""

    name = "schedule.signal"
    unit = prop_def(StringAttr)
    token = result_def(TokenType)
    assembly_format = "$unit attr-dict"

    def __init__(self, unit: str):
        super().__init__(properties={"unit": StringAttr(unit)}, result_types=[TokenType()])


@irdl_op_definition
class WaitOp(IRDLOperation):
    """`unit` goes on only when the token is there."""

    name = "schedule.wait"
    unit = prop_def(StringAttr)
    token = operand_def(TokenType)
    assembly_format = "$unit `,` $token attr-dict"

    def __init__(self, unit: str, token: SSAValue):
        super().__init__(operands=[token], properties={"unit": StringAttr(unit)})

    def verify_(self) -> None:
        if len(list(self.token.uses)) != 1:
            raise VerifyException("a token is awaited, or handed on, at most once")


@irdl_op_definition
class ConfigureOp(IRDLOperation):
    """Folds units of an array into a group; waits for, and orders, all their queues."""

    name = "schedule.configure"
    fold = prop_def(FoldAttr)
    assembly_format = "$fold attr-dict"

    def __init__(self, fold: FoldAttr):
        super().__init__(properties={"fold": fold})


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


Schedule = Dialect(
    "schedule",
    [
        ProgramOp,
        TensorOp,
        BufferOp,
        ForOp,
        YieldOp,
        ReadyOp,
        SignalOp,
        WaitOp,
        ConfigureOp,
        LoadOp,
        StoreOp,
        ConvOp,
        DepthwiseOp,
        AddOp,
        LutOp,
        RequantizeOp,
        PoolOp,
    ],
    [TokenType, TensorType, BufferType, TilingAttr],
)
