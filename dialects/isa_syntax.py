"""Parsing of instruction operands in the IR, in the spelling that they have in assembly."""

from xdsl.parser import AttrParser

from .isa_operands import (
    MAX_LOOPS,
    Affine,
    Dim,
    ElementType,
    Operand,
    Ring,
    View,
    check_range,
    operand_text,
    to_f32,
)
from .isa_table import Field, Kind


def parse_operand(parser: AttrParser, field: Field) -> Operand:
    """The value of `field`; raises a parse error with its place."""
    start = parser.pos
    try:
        match field.kind:
            case Kind.VIEW:
                return _view(parser)
            case Kind.LEVELS:
                return _levels(parser)
            case Kind.UNIT:
                return parser.parse_symbol_name().data
            case Kind.F32:
                return to_f32(float(parser.parse_number()))
            case _:
                value = parser.parse_integer(allow_boolean=False)
                check_range(field.name, value, field.range)
                return value
    except ValueError as error:
        parser.raise_error(str(error), start, parser.pos)


def operand_syntax(field: Field, value: Operand) -> str:
    """The text that `parse_operand` turns into `value`."""
    return f"@{value}" if field.kind is Kind.UNIT else operand_text(value)


def parse_view(parser: AttrParser) -> View:
    """A view; raises a parse error with its place."""
    start = parser.pos
    try:
        return _view(parser)
    except ValueError as error:
        parser.raise_error(str(error), start, parser.pos)


def _levels(parser: AttrParser) -> frozenset[int]:
    levels = parser.parse_comma_separated_list(parser.Delimiter.BRACES, parser.parse_integer)
    return frozenset(levels)


def _view(parser: AttrParser) -> View:
    """`[local] memory[base [ring depth x stride over level]] type (dim, ...)`."""
    word = parser.parse_identifier("memory")
    name = parser.parse_optional_identifier() if word == "local" else None
    with parser.in_square_brackets():
        base = parser.parse_integer(allow_negative=False)
        ring = _ring(parser) if parser.parse_optional_keyword("ring") else None
    element_type = ElementType(parser.parse_identifier("type of elements"))
    dims = parser.parse_comma_separated_list(parser.Delimiter.PAREN, lambda: _dim(parser))
    return View(name or word, base, ring, element_type, name is not None, tuple(dims))


def _ring(parser: AttrParser) -> Ring:
    depth = parser.parse_integer()
    parser.parse_keyword("x")
    stride = parser.parse_integer()
    parser.parse_keyword("over")
    return Ring(depth, stride, parser.parse_integer())


def _dim(parser: AttrParser) -> Dim:
    """`[origin:]size [of extent] by stride`: what comes first is known at the colon."""
    start = parser.pos
    const, terms = _sum(parser)
    origin = Affine()
    if parser.parse_optional_punctuation(":"):
        origin = Affine(const, terms)
        size = parser.parse_integer(allow_negative=False)
    elif terms:
        parser.raise_error("expected ':' after an origin", start, parser.pos)
    else:
        size = const
    extent = parser.parse_integer() if parser.parse_optional_keyword("of") else size
    parser.parse_keyword("by")
    return Dim(origin, size, extent, parser.parse_integer())


def _sum(parser: AttrParser) -> tuple[int, tuple[tuple[int, int], ...]]:
    """A sum of `[coefficient*]i<level>` and constants: the constant, and levels with factors."""
    const = 0
    terms: list[tuple[int, int]] = []
    sign = -1 if parser.parse_optional_punctuation("-") else 1
    while True:
        number = parser.parse_optional_integer(allow_boolean=False, allow_negative=False)
        if number is None or parser.parse_optional_punctuation("*"):
            factor = 1 if number is None else number
            terms.append((_counter(parser), sign * factor))
        else:
            const += sign * number
        if parser.parse_optional_punctuation("+"):
            sign = 1
        elif parser.parse_optional_punctuation("-"):
            sign = -1
        else:
            return const, tuple(terms)


def _counter(parser: AttrParser) -> int:
    names = [f"i{level}" for level in range(MAX_LOOPS)]
    return names.index(parser.parse_keyword_in(names, "a loop counter"))
