"""The `isa` dialect: a program of the machine, one operation per instruction.

Operations take no SSA operands: what they touch is in their properties, which are the fields of
`isa_table.INSTRUCTIONS`. Hardware loops stay loops, as regions:

    isa.program "net" on "tiny" digest "5f1c" dma ["load"] arrays [] vectors []
        memories ["dram", "data"] {
      isa.loop count=4 {
        isa.load @load, src=dram[0x0] u8 (8*i0:8 of 30 by 16, 16 by 1),
            dst=local data[0x0 ring 2 x 128 over 1] u8 (8 by 16, 16 by 1), pad=0
      }
      isa.halt
    }

An operation's location names the layer that it is for. The program's verifier applies the rules of
the ISA (`isa_rules.py`) and blames the operation that breaks one.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final, TypeVar

from xdsl.dialects.builtin import (
    ArrayAttr,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    Signedness,
    StringAttr,
    f32,
)
from xdsl.ir import Attribute, Block, Data, Dialect, Operation, Region
from xdsl.irdl import (
    AttrConstraint,
    BaseAttr,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.parser import AttrParser, Parser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from .isa_operands import Operand, View, operand_text
from .isa_prediction import PredictionAttr
from .isa_rules import Header, Rules, RuleViolation
from .isa_syntax import operand_syntax, parse_operand, parse_view
from .isa_table import INSTRUCTIONS, Field, InstructionSpec, Kind

OpT = TypeVar("OpT", bound="InstructionOp")


@irdl_attr_definition
class ViewAttr(Data[View]):
    """A view: `#isa.view<dram[0x0] u8 (16 by 1)>`."""

    name = "isa.view"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> View:
        """Parse the view between angle brackets."""
        with parser.in_angle_brackets():
            return parse_view(parser)

    def print_parameter(self, printer: Printer) -> None:
        """Print the view between angle brackets."""
        with printer.in_angle_brackets():
            printer.print_string(str(self.data))


@irdl_attr_definition
class LevelsAttr(Data[frozenset[int]]):
    """A set of loop levels: `#isa.levels<0, 2>`."""

    name = "isa.levels"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> frozenset[int]:
        """Parse the levels between angle brackets."""
        delimiter = parser.Delimiter.ANGLE
        return frozenset(parser.parse_comma_separated_list(delimiter, parser.parse_integer))

    def print_parameter(self, printer: Printer) -> None:
        """Print the levels between angle brackets."""
        with printer.in_angle_brackets():
            printer.print_string(operand_text(self.data)[1:-1])


def _unsigned(bits: int) -> IntegerType:
    return IntegerType(bits, Signedness.UNSIGNED)


_INTEGERS: Final[Mapping[Kind, IntegerType]] = MappingProxyType(
    {
        Kind.U8: _unsigned(8),
        Kind.U16: _unsigned(16),
        Kind.U32: _unsigned(32),
        Kind.I32: IntegerType(32, Signedness.SIGNED),
        Kind.SEMAPHORE: _unsigned(16),
    }
)


def _constraint(kind: Kind) -> AttrConstraint:
    """What a property of this kind must be."""
    if kind in _INTEGERS:
        return IntegerAttr.constr(type=_INTEGERS[kind])
    if kind is Kind.F32:
        return FloatAttr.constr(f32)
    others = {Kind.UNIT: StringAttr, Kind.VIEW: ViewAttr, Kind.LEVELS: LevelsAttr}
    return BaseAttr(others[kind])


def _attribute(field: Field, value: Operand) -> Attribute:
    """The property that holds `value`; raises `VerifyException` if `field` cannot."""
    match value:
        case View():
            return ViewAttr(value)
        case frozenset():
            return LevelsAttr(value)
        case str():
            return StringAttr(value)
        case float():
            return FloatAttr(value, f32)
        case _:
            return IntegerAttr(value, _INTEGERS.get(field.kind, _INTEGERS[Kind.U32]))


def _value(attribute: Attribute) -> Operand:
    """The value that a property holds."""
    if isinstance(attribute, ViewAttr | LevelsAttr | StringAttr):
        return attribute.data
    assert isinstance(attribute, IntegerAttr | FloatAttr), "the constraints of the properties"
    return attribute.value.data


class InstructionOp(IRDLOperation):
    """An instruction; its properties are the fields of `SPEC`, its row in the table."""

    SPEC: ClassVar[InstructionSpec]

    def __init__(self, regions: Iterable[Region] = (), /, **operands: Operand):
        fields = self.SPEC.by_name
        super().__init__(
            properties={name: _attribute(fields[name], value) for name, value in operands.items()},
            regions=[*regions],
        )

    @property
    def values(self) -> dict[str, Operand]:
        """The operands by field name."""
        return {name: _value(attribute) for name, attribute in self.properties.items()}

    @classmethod
    def parse(cls, parser: Parser) -> "InstructionOp":
        """Parse `name=value, ... {attributes}`, the unit spelled `@unit`, in the table's order."""
        op = cls(**cls.parse_fields(parser))
        op.attributes |= parser.parse_optional_attr_dict()
        return op

    @classmethod
    def parse_fields(cls, parser: Parser) -> dict[str, Operand]:
        """Parse the operands."""
        operands: dict[str, Operand] = {}
        for index, field in enumerate(cls.SPEC.fields):
            if index:
                parser.parse_punctuation(",")
            if field.kind is not Kind.UNIT:
                parser.parse_keyword(field.name)
                parser.parse_punctuation("=")
            operands[field.name] = parse_operand(parser, field)
        return operands

    def print(self, printer: Printer) -> None:
        """Print what `parse` parses."""
        self.print_fields(printer)
        printer.print_op_attributes(self.attributes)

    def print_fields(self, printer: Printer) -> None:
        """Print the operands."""
        values = self.values
        parts: list[str] = []
        for field in self.SPEC.fields:
            name = "" if field.kind is Kind.UNIT else f"{field.name}="
            parts.append(name + operand_syntax(field, values[field.name]))
        printer.print_string(f" {', '.join(parts)}" if parts else "")

    def verify_(self) -> None:
        """Check that the instruction stands in a program."""
        if not isinstance(self.parent_op(), ProgramOp | LoopOp):
            raise VerifyException(f"{self.name} must be in an isa.program or an isa.loop")


def _instruction(mnemonic: str) -> Callable[[type[OpT]], type[OpT]]:
    """Give an operation the name, the row and the properties of a row of the table."""

    def define(cls: type[OpT]) -> type[OpT]:
        spec = INSTRUCTIONS[mnemonic]
        cls.name = f"isa.{mnemonic}"
        for field in spec.fields:
            setattr(cls, field.name, prop_def(_constraint(field.kind)))
        irdl_op_definition(cls).SPEC = spec
        return cls

    return define


@_instruction("sem")
class SemOp(InstructionOp):
    """Declare a semaphore."""


@_instruction("loop")
class LoopOp(InstructionOp):
    """Repeat the instructions of the body; its counter is `i<level>`, level 0 the outermost."""

    body = region_def("single_block")

    traits = traits_def(NoTerminator())

    @staticmethod
    def of(count: int, body: Sequence[Operation]) -> "LoopOp":
        """A loop of `count` iterations over `body`."""
        return LoopOp([Region(Block(body))], count=count)

    @classmethod
    def parse(cls, parser: Parser) -> "LoopOp":
        """Parse `count=N [attributes {...}] {body}`."""
        operands = cls.parse_fields(parser)
        attributes = parser.parse_optional_attr_dict_with_keyword()
        body = parser.parse_region()
        if not body.blocks:
            body.add_block(Block())
        op = cls([body], **operands)
        op.attributes |= attributes.data if attributes else {}
        return op

    def print(self, printer: Printer) -> None:
        """Print what `parse` parses."""
        self.print_fields(printer)
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_empty_block=False)


@_instruction("halt")
class HaltOp(InstructionOp):
    """End the program."""


@_instruction("wait")
class WaitOp(InstructionOp):
    """Block the queue until a signal."""


@_instruction("signal")
class SignalOp(InstructionOp):
    """Release one wait."""


@_instruction("prefetch")
class PrefetchOp(InstructionOp):
    """Load a configuration into the shadow registers."""


@_instruction("configure")
class ConfigureOp(InstructionOp):
    """Fold array units into a group."""


@_instruction("load")
class LoadOp(InstructionOp):
    """Copy a tile onto the chip, filling what lies outside the tensor."""


@_instruction("store")
class StoreOp(InstructionOp):
    """Copy a tile off the chip, dropping what lies outside the tensor."""


@_instruction("conv")
class ConvOp(InstructionOp):
    """Convolve (or multiply matrices), accumulate, requantise."""


@_instruction("dwconv")
class DwconvOp(InstructionOp):
    """Depthwise convolution."""


@_instruction("vadd")
class VaddOp(InstructionOp):
    """Add two tensors."""


@_instruction("vmul")
class VmulOp(InstructionOp):
    """Multiply two tensors, element by element."""


@_instruction("vlut")
class VlutOp(InstructionOp):
    """Look every element up in a table."""


@_instruction("vquant")
class VquantOp(InstructionOp):
    """Requantise, channel by channel."""


@_instruction("vpool")
class VpoolOp(InstructionOp):
    """Pool over windows."""


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """A whole program, for the machine that its properties describe."""

    name = "isa.program"

    network = prop_def(StringAttr)
    machine = prop_def(StringAttr)
    digest = prop_def(StringAttr)
    dma = prop_def(ArrayAttr[StringAttr])
    arrays = prop_def(ArrayAttr[StringAttr])
    vectors = prop_def(ArrayAttr[StringAttr])
    memories = prop_def(ArrayAttr[StringAttr])
    body = region_def("single_block")

    traits = traits_def(NoTerminator())

    assembly_format = (
        "$network `on` $machine `digest` $digest `dma` $dma `arrays` $arrays "
        "`vectors` $vectors `memories` $memories attr-dict-with-keyword $body"
    )

    def __init__(self, header: Header, body: Sequence[Operation]):
        texts = {name: StringAttr(getattr(header, name)) for name in _TEXTS}
        lists = {name: ArrayAttr(map(StringAttr, getattr(header, name))) for name in _LISTS}
        super().__init__(properties=texts | lists, regions=[Region(Block(body))])

    @property
    def header(self) -> Header:
        """What the program was made for."""
        dma, arrays, vectors, memories = (
            tuple(name.data for name in names)
            for names in (self.dma, self.arrays, self.vectors, self.memories)
        )
        texts = (self.machine.data, self.digest.data, self.network.data)
        return Header(*texts, dma, arrays, vectors, memories)

    def instructions(self) -> Iterator[tuple[str, dict[str, Operand], InstructionOp]]:
        """All instructions in program order: mnemonic, operands and operation.

        The `end` of a loop has no operation of its own; it comes with the loop's. Raises
        `VerifyException` if something else than an instruction is among them.
        """
        return _flatten(self.body.block)

    def verify_(self) -> None:
        """Apply the rules of the ISA."""
        blamed: Operation = self
        try:
            rules = Rules(self.header)
            for mnemonic, operands, op in self.instructions():
                blamed = op
                rules.instruction(mnemonic, operands)
            blamed = self
            rules.finish()
        except RuleViolation as error:
            blamed.emit_error(str(error), VerifyException(str(error)))


_TEXTS: Final = ("network", "machine", "digest")
_LISTS: Final = ("dma", "arrays", "vectors", "memories")


def _flatten(block: Block) -> Iterator[tuple[str, dict[str, Operand], InstructionOp]]:
    for op in block.ops:
        if not isinstance(op, InstructionOp):
            raise VerifyException(f"{op.name} is no instruction")
        yield op.SPEC.mnemonic, op.values, op
        if isinstance(op, LoopOp):
            yield from _flatten(op.body.block)
            yield "end", {}, op


OPERATIONS: Final[Mapping[str, type[InstructionOp]]] = MappingProxyType(
    {
        op.SPEC.mnemonic: op
        for op in (
            SemOp,
            LoopOp,
            HaltOp,
            WaitOp,
            SignalOp,
            PrefetchOp,
            ConfigureOp,
            LoadOp,
            StoreOp,
            ConvOp,
            DwconvOp,
            VaddOp,
            VmulOp,
            VlutOp,
            VquantOp,
            VpoolOp,
        )
    }
)
"""The operation of every instruction by mnemonic; `end` is the end of a loop's body."""

Isa = Dialect("isa", [ProgramOp, *OPERATIONS.values()], [ViewAttr, LevelsAttr, PredictionAttr])
"""The dialect."""
