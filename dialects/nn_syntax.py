"""The assembly form that the operations of `nn` share.

```mlir
%y = nn.conv %x, %w {strides = [2, 2], groups = 1, my.note = "kept"} : (type, type) -> type
```

Options stand in braces: lists of integers, integers and booleans without their types.
"""

import abc
from collections.abc import Iterable, Sequence

from xdsl.dialects.builtin import (
    BoolAttr,
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute
from xdsl.irdl import IRDLOperation, operand_def, result_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.hints import isa

Ints = DenseArrayBase[IntegerType]
Int = IntegerAttr[IntegerType]


def ints(values: Iterable[int]) -> Ints:
    """A list of integers as an attribute."""
    return DenseArrayBase.from_list(i64, [int(value) for value in values])


def integer(value: int) -> Int:
    """An integer as an attribute."""
    return IntegerAttr(int(value), i64)


def boolean(value: bool) -> BoolAttr:
    """A truth value as an attribute."""
    return BoolAttr.from_bool(value)


class LayerOp(IRDLOperation):
    """An operation that prints as `%operands {options} : (types) -> types`."""

    @classmethod
    def parse(cls, parser: Parser) -> "LayerOp":
        """Parse operands, options and the function type."""
        start = parser.pos
        operands = parser.parse_comma_separated_list(
            parser.Delimiter.NONE, parser.parse_unresolved_operand
        )
        options = cls.get_irdl_definition().properties
        properties: dict[str, Attribute] = {}
        attributes: dict[str, Attribute] = {}
        entries = parser.parse_optional_comma_separated_list(
            parser.Delimiter.BRACES, lambda: _parse_entry(parser, options)
        )
        for name, value in entries or ():
            known = properties if name in options else attributes
            if name in known:
                parser.raise_error(f"option {name} is given twice")
            known[name] = value
        parser.parse_punctuation(":")
        types = parser.parse_function_type()
        return cls.create(
            operands=parser.resolve_operands(operands, types.inputs.data, start),
            result_types=types.outputs.data,
            properties=properties,
            attributes=attributes,
        )

    def print(self, printer: Printer) -> None:
        """Print operands, options and the function type."""
        printer.print_string(" ")
        printer.print_list(self.operands, printer.print_ssa_value)
        order = list(self.get_irdl_definition().properties)
        options = sorted(self.properties.items(), key=lambda item: order.index(item[0]))
        entries = [*options, *self.attributes.items()]
        if entries:
            printer.print_string(" ")
            with printer.in_braces():
                printer.print_list(entries, lambda entry: _print_entry(printer, order, *entry))
        printer.print_string(" : ")
        printer.print_function_type(self.operand_types, self.result_types)


class UnaryOp(LayerOp, abc.ABC):
    """An operation of one input and one result."""

    input = operand_def(TensorType)
    result = result_def(TensorType)
    traits = traits_def(Pure())


def _parse_entry(parser: Parser, options: Iterable[str]) -> tuple[str, Attribute]:
    name = parser.parse_identifier_or_str_literal()
    if name in options:
        parser.parse_punctuation("=")
        return name, _parse_option(parser)
    given = parser.parse_optional_punctuation("=")
    return name, parser.parse_attribute() if given else UnitAttr()


def _parse_option(parser: Parser) -> Attribute:
    values = parser.parse_optional_comma_separated_list(
        parser.Delimiter.SQUARE, lambda: parser.parse_integer(allow_boolean=False)
    )
    if values is not None:
        return ints(values)
    truth = parser.parse_optional_boolean()
    if truth is not None:
        return boolean(truth)
    return integer(parser.parse_integer(allow_boolean=False))


def _print_entry(printer: Printer, options: Sequence[str], name: str, value: Attribute) -> None:
    printer.print_identifier_or_string_literal(name)
    if isinstance(value, UnitAttr):
        return
    printer.print_string(" = ")
    if name in options and isa(value, DenseArrayBase[IntegerType]):
        with printer.in_square_brackets():
            printer.print_list(value.get_values(), printer.print_int)
    elif name in options and isa(value, IntegerAttr[IntegerType]):
        printer.print_int(value.value.data, value.type)
    else:
        printer.print_attribute(value)
