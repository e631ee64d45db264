"""Operations that are a name and a table of fields: `dialect.op @name {field = value, ...}`.

An operation class declares its fields once. From that declaration come the parser, which reports
an unknown, missing, wrong-typed or impossible field at its place in the file; the verifier, which
repeats the checks on IR that came in generic form; the printer; and the field tables in the
documentation. Fields are attributes of the operation, one each; a field at its default is absent.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Self, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DictionaryAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.ir import Attribute, Region
from xdsl.irdl import IRDLOperation, opt_region_def, prop_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator, SymbolOpInterface
from xdsl.utils.exceptions import ParseError, VerifyException
from xdsl.utils.lexer import Span

Value = Any
"""What a field holds in Python: int, bool, str, a tuple of values or a dict of values."""


@dataclass(frozen=True)
class Kind:
    """The type of a field: what it is in words, and whether a value is one."""

    what: str
    accepts: Callable[[Value], bool]


@dataclass(frozen=True)
class Field:
    """One field: its name, kind, unit and meaning.

    `default` None means that it must be given; one that the kind does not accept stands for "none".
    """

    name: str
    kind: Kind
    doc: str
    unit: str = ""
    default: Value = None


@dataclass(frozen=True)
class Fault:
    """What is wrong with a field of an operation (`field` empty: with the operation)."""

    op: "FieldOp"
    field: str
    message: str


def _is_integer(value: Value, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def integer(low: int, high: int) -> Kind:
    """An integer between `low` and `high`, both included."""
    what = f"an integer from {low} to {high}" if low < high else str(low)
    return Kind(what, lambda v: _is_integer(v, low, high))


def boolean() -> Kind:
    """`true` or `false`."""
    return Kind("true or false", lambda v: isinstance(v, bool))


def text() -> Kind:
    """A string that is not empty."""
    return Kind("a string that is not empty", lambda v: _is_text(v) and bool(v.strip()))


def choice(*words: str) -> Kind:
    """One of some words."""
    return Kind(" or ".join(f'"{w}"' for w in words), lambda v: _is_text(v) and v in words)


def symbol() -> Kind:
    """The name of another operation, `@name`."""
    return Kind("a name such as @x", lambda v: isinstance(v, Symbol))


def list_of(kind: Kind, low: int = 1, high: int = 64, distinct: bool = True) -> Kind:
    """A list of `low` to `high` values of one kind, by default all different."""

    def accepts(value: Value) -> bool:
        if not isinstance(value, tuple):
            return False
        items = cast(tuple[Value, ...], value)
        repeated = distinct and len(set(items)) != len(items)
        return low <= len(items) <= high and not repeated and all(map(kind.accepts, items))

    size = str(low) if low == high else f"{low} to {high}"
    return Kind(f"a list of {size}{' different' * distinct} items, each {kind.what}", accepts)


def map_of(kind: Kind, high: int = 8) -> Kind:
    """A dictionary from names to 1 to `high` values of one kind."""

    def accepts(value: Value) -> bool:
        if not isinstance(value, dict):
            return False
        items = cast(dict[str, Value], value)
        return 1 <= len(items) <= high and all(map(kind.accepts, items.values()))

    return Kind(f"a dictionary of 1 to {high} entries, each {kind.what}", accepts)


class Symbol(str):
    """A reference to an operation by name: prints as `@name`."""

    __slots__ = ()


def _is_text(value: Value) -> bool:
    return isinstance(value, str) and not isinstance(value, Symbol)


def to_value(attribute: Attribute) -> Value:
    """The Python value of an attribute; ValueError if fields cannot hold such an attribute."""
    match attribute:
        case IntegerAttr(type=IntegerType(bitwidth=1)):
            return bool(attribute.value.data)
        case IntegerAttr():
            return attribute.value.data
        case StringAttr():
            return attribute.data
        case SymbolRefAttr() if not attribute.nested_references.data:
            return Symbol(attribute.root_reference.data)
        case ArrayAttr():
            return tuple(to_value(a) for a in attribute.data)
        case DictionaryAttr():
            return {name: to_value(a) for name, a in attribute.data.items()}
        case _:
            raise ValueError(f"{attribute} is no integer, string, name, list or dictionary of them")


def to_attribute(value: Value) -> Attribute:
    """The attribute that holds a Python value: the inverse of `to_value`."""
    match value:
        case bool():
            return BoolAttr.from_bool(value)
        case int():
            return IntegerAttr(value, 64)
        case Symbol():
            return SymbolRefAttr(str(value))
        case str():
            return StringAttr(value)
        case dict():
            entries = cast(dict[str, Value], value)
            return DictionaryAttr({name: to_attribute(v) for name, v in entries.items()})
        case _:
            return ArrayAttr([to_attribute(v) for v in cast(Sequence[Value], value)])


def format_value(value: Value) -> str:
    """A value as machine files spell it."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Symbol():
            return f"@{value}"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case dict():
            entries = cast(dict[str, Value], value)
            inner = ", ".join(f"{name} = {format_value(v)}" for name, v in entries.items())
            return "{" + inner + "}"
        case _:
            return "[" + ", ".join(map(format_value, cast(Sequence[Value], value))) + "]"


class FieldOp(IRDLOperation):
    """Base of the operations that are a name and a table of fields, some with a body."""

    FIELDS: ClassVar[tuple[Field, ...]] = ()
    CHILDREN: ClassVar[tuple[str, ...]] = ()
    """Names of the operations that the body may hold; no body if there are none."""
    PARENT: ClassVar[str] = ""
    """Name of the operation that this one must stand in, if any."""

    traits = traits_def(NoTerminator(), SymbolOpInterface())

    sym_name = prop_def(StringAttr)
    body = opt_region_def()

    @property
    def spans(self) -> dict[str, Span]:
        """Where each field stands in its file; empty unless the operation was just parsed."""
        return vars(self).setdefault("_spans", {})

    @property
    def label(self) -> str:
        """The operation as messages name it."""
        return f"{self.name} @{self.sym_name.data}"

    def get(self, name: str) -> Value:
        """The value of a field that has passed the checks, its default if it is absent."""
        attribute = self.attributes.get(name)
        if attribute is not None:
            return to_value(attribute)
        return next(f.default for f in self.FIELDS if f.name == name)

    def values(self) -> dict[str, Value]:
        """The name and the value of every field, defaults included."""
        return {"name": self.sym_name.data} | {f.name: self.get(f.name) for f in self.FIELDS}

    def children(self) -> Iterator["FieldOp"]:
        """The operations in the body."""
        if self.body is not None:
            for block in self.body.blocks:
                yield from (op for op in block.ops if isinstance(op, FieldOp))

    def faults(self) -> Iterator[Fault]:
        """What is wrong, in an order such that each check may rely on those before it.

        Subclasses add what concerns several fields or operations; only the first is reported.
        """
        known = {field.name: field for field in self.FIELDS}
        for name, attribute in self.attributes.items():
            if message := _field_fault(self.name, known, name, attribute):
                yield Fault(self, name, message)
        for field in self.FIELDS:
            if field.default is None and field.name not in self.attributes:
                yield Fault(self, "", f"field `{field.name}` is missing: {field.doc}")
        yield from self._body_faults()

    def _body_faults(self) -> Iterator[Fault]:
        blocks = () if self.body is None else tuple(self.body.blocks)
        if self.CHILDREN and (len(blocks) != 1 or blocks[0].args):
            yield Fault(self, "", "must have a body `{ ... }` of one block without arguments")
        if not self.CHILDREN and self.body is not None:
            yield Fault(self, "", "takes no body")
        for op in (op for block in blocks for op in block.ops):
            if op.name not in self.CHILDREN:
                holds = ", ".join(self.CHILDREN)
                yield Fault(self, "", f"cannot hold {op.name}; its body is made of {holds}")

    def verify_(self) -> None:
        """Refuse the first fault."""
        for fault in self.faults():
            raise VerifyException(f"{fault.op.label}: {fault.message}")
        parent = self.parent_op()
        if self.PARENT and (parent is None or parent.name != self.PARENT):
            raise VerifyException(f"{self.label}: must stand in a {self.PARENT}")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Parse `@name {field = value, ...}` and the body, reporting a fault at its place."""
        start = parser.pos
        name = parser.parse_symbol_name()
        label = Span(start, start + len(name.data) + 1, parser.lexer.input)
        attributes, spans = _parse_fields(cls, parser)
        regions: list[Region | None] = [parser.parse_region()] if cls.CHILDREN else [None]
        op = cls.build(properties={"sym_name": name}, attributes=attributes, regions=regions)
        op.spans.update(spans)
        op.spans[""] = label
        for fault in op.faults():
            span = fault.op.spans.get(fault.field) or fault.op.spans.get("") or label
            raise ParseError(span, f"{fault.op.label}: {fault.message}")
        return op

    def print(self, printer: Printer) -> None:
        """Print what `parse` reads, in the order of declaration, without fields at default."""
        printer.print_string(f" @{self.sym_name.data} ")
        given = {
            field.name: self.get(field.name)
            for field in self.FIELDS
            if field.name in self.attributes and self.get(field.name) != field.default
        }
        printer.print_string(format_value(given))
        if self.body is not None:
            printer.print_string(" ")
            printer.print_region(self.body, print_empty_block=False)


def field_table(op: type[FieldOp]) -> str:
    """A Markdown table of an operation's fields."""
    rows = ["| field | value | unit | default | meaning |", "|---|---|---|---|---|"]
    for field in op.FIELDS:
        default = "required" if field.default is None else "none"
        if field.kind.accepts(field.default):
            default = f"`{format_value(field.default)}`"
        unit = field.unit or " "
        rows.append(f"| `{field.name}` | {field.kind.what} | {unit} | {default} | {field.doc} |")
    return "\n".join(rows)


def _field_fault(
    op_name: str, known: Mapping[str, Field], name: str, attribute: Attribute
) -> str | None:
    """What is wrong with one field given, if anything."""
    field = known.get(name)
    if field is None:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean `{near[0]}`?" if near else "it has " + ", ".join(known)
        return f"{op_name} has no field `{name}`; {hint}"
    try:
        value = to_value(attribute)
    except ValueError as error:
        return f"field `{name}`: {error}"
    if not field.kind.accepts(value):
        return f"field `{name}` must be {field.kind.what}, not {format_value(value)}"
    return None


def _parse_fields(
    cls: type[FieldOp], parser: Parser
) -> tuple[dict[str, Attribute], dict[str, Span]]:
    """Parse `{field = value, ...}`: the fields that differ from their defaults, and all places."""
    known = {field.name: field for field in cls.FIELDS}
    attributes: dict[str, Attribute] = {}
    spans: dict[str, Span] = {}

    def parse_field() -> None:
        start = parser.pos
        name = parser.parse_identifier(" for a field")
        span = Span(start, start + len(name), parser.lexer.input)
        if name in spans:
            raise ParseError(span, f"field `{name}` is given twice")
        spans[name] = span
        parser.parse_punctuation("=", f" after field `{name}`")
        attribute = parser.parse_attribute()
        if message := _field_fault(cls.name, known, name, attribute):
            raise ParseError(span, message)
        if to_value(attribute) != known[name].default:
            attributes[name] = attribute

    parser.parse_comma_separated_list(parser.Delimiter.BRACES, parse_field)
    return attributes, spans
