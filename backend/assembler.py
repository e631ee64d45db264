"""The assembler: text to `Code`.

The grammar is `isa.lark`; what the words mean is in the instruction table; whether a program makes
sense is for the ISA's rules to say. Every error names file, line and column and shows the place.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, NoReturn

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from ..dialects.isa_operands import Affine, Dim, ElementType, Operand, Ring, View, to_f32
from ..dialects.isa_rules import Header, Rules, RuleViolation
from ..dialects.isa_table import INSTRUCTIONS, ISA_VERSION, Field, Kind
from ..errors import TilefoldError
from .code import Code, Instruction

_TERM: Final = re.compile(r"([+-]?)(?:(?:(\d+)\*)?i(\d+)|(\d+))")
_WORDING: Final[Mapping[str, str]] = MappingProxyType(
    {
        "NAME": "a name",
        "INT": "a number",
        "STRING": '"TEXT"',
        "UNIT": "@UNIT",
        "NUMBER": "NAME=NUMBER",
        "LEVELS": "NAME={LEVELS}",
        "FIELD": "NAME=VIEW",
        "LOCAL": "'local'",
        "PLACE": "MEMORY[ADDRESS] or MEMORY[ADDRESS ring DEPTH x STRIDE over LEVELS]",
        "DIM": "[ORIGIN:]SIZE [of EXTENT] by STRIDE",
        "_COMMA": "','",
        "LPAR": "'('",
        "RPAR": "')'",
        "_NL": "the end of the line",
        "$END": "the end of the file",
    }
)


def assemble(text: str, filename: str = "<text>") -> Code:
    """The program that `text` spells; raises `TilefoldError` naming file, line and column."""
    source = _Source(text, filename)
    header, lines = _parse(source)
    try:
        rules = Rules(header)
    except RuleViolation as error:
        source.fail(1, 1, str(error))
    loops: list[Token] = []
    instructions: list[Instruction] = []
    for line in lines:
        instructions.append(_instruction(source, line, rules))
        if line.mnemonic == "loop":
            loops.append(line.mnemonic)
        elif line.mnemonic == "end":
            loops.pop()
    try:
        rules.finish()
    except RuleViolation as error:
        blamed = loops or [line.mnemonic for line in lines[-1:]]
        source.fail(*(_place(blamed[-1]) if blamed else (1, 1)), str(error))
    return Code(header, tuple(instructions))


@dataclass(frozen=True, slots=True)
class _Source:
    """The text, to point into."""

    text: str
    filename: str

    def fail(self, line: int, column: int, message: str) -> NoReturn:
        """Raise the error at `line` and `column` (from 1), with the line and a caret below it."""
        lines = self.text.split("\n")
        shown = lines[line - 1].rstrip() if line <= len(lines) else ""
        blank = re.sub(r"[^\t]", " ", shown.ljust(column)[: column - 1])
        where = f"{self.filename}:{line}:{column}"
        raise TilefoldError(f"{where}: {message}\n{shown}\n{blank}^") from None


@dataclass(frozen=True, slots=True)
class _ViewText:
    """The tokens of an operand that is a view."""

    field: Token
    local: bool
    place: Token
    type: Token
    dims: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    """The tokens of an instruction."""

    mnemonic: Token
    operands: tuple[Token | _ViewText, ...]


class _Collect(Transformer[Token, Any]):
    """Collects the tokens of each line while lark parses."""

    def view(self, parts: list[Token]) -> _ViewText:
        local = parts[1].type == "LOCAL"
        place, element_type, *dims = parts[2:] if local else parts[1:]
        return _ViewText(parts[0], local, place, element_type, tuple(dims))

    def instruction(self, parts: list[Any]) -> _Line:
        return _Line(parts[0], tuple(parts[1:]))

    def names(self, parts: list[Token]) -> tuple[str, ...]:
        return tuple(map(str, parts))

    def header(self, parts: list[Any]) -> list[Any]:
        return parts

    def start(self, parts: list[Any]) -> list[Any]:
        return parts


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = files(__package__ or "").joinpath("isa.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False, transformer=_Collect())


def _parse(source: _Source) -> tuple[Header, list[_Line]]:
    """The header and the tokens of each instruction."""
    try:
        parts: Any = _parser().parse(source.text + "\n")
    except UnexpectedCharacters as error:
        message = f"unexpected {error.char!r}, {_expected(error.allowed or ())}"
        source.fail(error.line, error.column, message)
    except UnexpectedToken as error:
        token: Token = error.token  # pyright: ignore[reportUnknownMemberType]
        what = {"_NL": "end of line", "$END": "end of file"}.get(token.type, repr(str(token)))
        message = f"unexpected {what}, {_expected(error.expected)}"
        source.fail(error.line, error.column, message)
    version, machine, digest, network, *names = parts[0]
    if int(version) != ISA_VERSION:
        source.fail(*_place(version), f"this is version {ISA_VERSION} of the instruction set")
    texts = (text[1:-1] for text in (machine, digest, network))
    return Header(*texts, *names), parts[1:]


def _expected(terminals: Iterable[str]) -> str:
    """What may stand at the place of an error; the directives spell themselves."""
    words = (_WORDING.get(name) or _parser().get_terminal(name).pattern.value for name in terminals)
    return f"expected {' or '.join(sorted(words))}"


def _place(token: Token, offset: int = 0) -> tuple[int, int]:
    """Line and column of a token."""
    return token.line or 1, (token.column or 1) + offset


def _instruction(source: _Source, line: _Line, rules: Rules) -> Instruction:
    """The instruction on a line, checked."""
    spec = INSTRUCTIONS.get(line.mnemonic)
    if spec is None:
        source.fail(*_place(line.mnemonic), f"unknown instruction '{line.mnemonic}'")
    operands: dict[str, Operand] = {}
    places: dict[tuple[str, int | None], tuple[int, int]] = {}
    for part in line.operands:
        token, name, offset = _named(part)
        field = spec.by_name.get(name)
        if field is None:
            known = ", ".join(spec.by_name) or "none"
            message = f"{spec.mnemonic} has no operand '{name}'; it has {known}"
            source.fail(*_place(token), message)
        if name in operands:
            source.fail(*_place(token), f"operand '{name}' is there twice")
        places[name, None] = _place(token, offset)
        if isinstance(part, _ViewText):
            operands[name] = _view(source, part)
            places |= {(name, index): _place(dim) for index, dim in enumerate(part.dims)}
            continue
        try:
            operands[name] = _value(field, part.type, part[offset:])
        except ValueError as error:
            source.fail(*_place(token, offset), str(error))
    try:
        rules.instruction(spec.mnemonic, operands)
    except RuleViolation as error:
        place = places.get((error.field or "", error.dim), _place(line.mnemonic))
        source.fail(*place, str(error))
    return Instruction(spec.mnemonic, operands)


def _named(part: Token | _ViewText) -> tuple[Token, str, int]:
    """The operand's first token, its name, and where in the token its value starts."""
    if isinstance(part, _ViewText):
        return part.field, part.field[:-1], len(part.field)
    if part.type == "UNIT":
        return part, "unit", 1
    offset = part.index("=") + 1
    return part, part[: offset - 1], offset


def _value(field: Field, kind: str, text: str) -> Operand:
    """The value that `text` spells, a token's part; of the field's kind where it can be."""
    if kind == "UNIT":
        return text
    if kind == "LEVELS":
        return frozenset(map(int, re.findall(r"\d+", text)))
    try:
        number = int(text, 16 if "x" in text else 10)
    except ValueError:
        number = float(text)
    return to_f32(float(number)) if field.kind is Kind.F32 else number


def _view(source: _Source, part: _ViewText) -> View:
    """The view that the tokens spell."""
    token = part.place
    try:
        memory, _, rest = part.place[:-1].partition("[")
        base, *ring = rest.split()
        numbers = [int(number) for number in ring[1::2]]
        place = memory, int(base, 0), Ring(*numbers) if ring else None
        token = part.type
        element_type = ElementType(part.type)
        dims: list[Dim] = []
        for token in part.dims:
            dims.append(_dim(token))
        token = part.place
        return View(*place, element_type, part.local, tuple(dims))
    except ValueError as error:
        source.fail(*_place(token), str(error))


def _dim(text: str) -> Dim:
    """The dimension `[origin:]size [of extent] by stride`."""
    origin, _, rest = text.rpartition(":")
    size, *clip, _, stride = rest.split()
    extent = clip[1] if clip else size
    return Dim(_affine(origin), int(size), int(extent), int(stride))


def _affine(text: str) -> Affine:
    """The function `[coefficient*]i<level> ... constant`; nothing is 0."""
    if not text:
        return Affine()
    const = 0
    terms: list[tuple[int, int]] = []
    for sign, coefficient, level, number in _TERM.findall(text):
        factor = -1 if sign == "-" else 1
        if level:
            terms.append((int(level), factor * int(coefficient or 1)))
        else:
            const += factor * int(number)
    return Affine(const, tuple(terms))
