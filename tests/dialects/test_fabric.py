"""The `fabric` dialect: the forms of machines and of folds, and what their verifiers refuse."""

from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tilefold import machines
from tilefold.dialects.fabric import ConfigurationAttr, Fabric, FoldAttr, MachineOp, MemoryOp
from tilefold.dialects.fields import (
    FieldOp,
    Symbol,
    format_value,
    to_attribute,
    to_value,
)
from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, Builtin, IntAttr, StringAttr
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, VerifyException

FILES = sorted(Path(machines.__file__).parent.glob("*.mlir"))


def context() -> Context:
    made = Context()
    made.load_dialect(Builtin)
    made.load_dialect(Fabric)
    return made


def parse(text: str) -> Operation:
    op = Parser(context(), text, "input").parse_op()
    op.verify()
    return op


def text_of(op: Operation, generic: bool = False) -> str:
    stream = StringIO()
    Printer(stream=stream, print_generic_format=generic).print_op(op)
    return stream.getvalue()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_both_forms_round_trip(path: Path) -> None:
    op = parse(path.read_text())
    custom = text_of(op)
    assert text_of(parse(custom)) == custom
    generic = text_of(op, generic=True)
    assert text_of(parse(generic), generic=True) == generic
    assert text_of(parse(generic)) == custom


def test_defaults_are_not_printed() -> None:
    op = parse((FILES[0].parent / "tiny.mlir").read_text())
    data = next(o for o in op.walk() if isinstance(o, MemoryOp) and o.sym_name.data == "data")
    assert "ports" not in text_of(data)
    assert data.get("ports") == 1
    assert data.values()["kind"] == "sram"


FIELD_OPS = [op for op in Fabric.operations if issubclass(op, FieldOp)]


@pytest.mark.parametrize("op", FIELD_OPS, ids=lambda op: op.name)
def test_defaults_are_of_their_kind_or_unset(op: type[FieldOp]) -> None:
    for field in op.FIELDS:
        assert field.doc
        if field.default not in (None, 0, (), "", {}):
            assert field.kind.accepts(field.default)


values = st.recursive(
    st.integers(-(1 << 40), 1 << 40)
    | st.booleans()
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
    | st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True).map(Symbol),
    lambda inner: (
        st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(values)
def test_values_survive_attributes_and_text(value: object) -> None:
    attribute = to_attribute(value)
    assert to_value(attribute) == value
    read = Parser(context(), format_value(value)).parse_attribute()
    assert to_value(read) == value
    assert type(to_value(read)) is type(value)


def test_folds_read_as_they_print() -> None:
    fold = FoldAttr.get("conv", chain=2, pixels=3, mode=1, wgt_bits=4)
    text = (
        "#fabric.fold<@conv, first = 0, units = 6, chain = 2, cols = 1, pixels = 3, groups = 1, "
        "mode = 1, act_bits = 8, wgt_bits = 4>"
    )
    assert str(fold) == text
    assert Parser(context(), text).parse_attribute() == fold
    both = ConfigurationAttr(ArrayAttr([fold, FoldAttr.get("conv", first=6)]))
    assert Parser(context(), str(both)).parse_attribute() == both


def test_folds_that_cannot_be() -> None:
    with pytest.raises(VerifyException, match="= 6 units, not 5"):
        numbers = (0, 5, 2, 1, 3, 1, 0, 8, 8)
        FoldAttr(StringAttr("conv"), *map(IntAttr, numbers))
    with pytest.raises(VerifyException, match="act_bits = 9 is not from 2 to 8"):
        FoldAttr.get("conv", act_bits=9)
    with pytest.raises(VerifyException, match="first = -1 is not from 0 to 255"):
        FoldAttr.get("conv", first=-1)
    with pytest.raises(VerifyException, match="units = 0 is not from 1 to 255"):
        FoldAttr.get("conv", chain=0)
    with pytest.raises(VerifyException, match="two folds take unit 1 of @conv"):
        ConfigurationAttr(
            ArrayAttr([FoldAttr.get("conv", chain=2), FoldAttr.get("conv", first=1, cols=2)])
        )


def test_a_memory_stands_in_a_machine() -> None:
    text = 'fabric.memory @m {bytes = 4, line = 4, holds = ["I"], src = "assumed"}'
    with pytest.raises(VerifyException, match=r"@m: must stand in a fabric\.machine"):
        parse(text)


def test_a_machine_needs_a_body() -> None:
    with pytest.raises(ParseError, match=r"[Ee]xpected"):
        parse('fabric.machine @m {hz = 1, src = "assumed"}')
    with pytest.raises(VerifyException, match="must have exactly one region"):
        parse('"fabric.machine"() <{sym_name = "m"}> {hz = 1 : i64, src = "x"} : () -> ()')
    with pytest.raises(ParseError, match=r"cannot hold fabric\.local; its body is made of"):
        parse(
            'fabric.machine @m {hz = 1, src = "x"} { fabric.local @w {operand = "W", axis = "y", '
            'planes = 1, rows_per_cycle = 1, src = "x"} }'
        )


def test_the_verifier_repeats_the_parsers_checks() -> None:
    """IR made in a pass, or read in generic form, is checked like a file."""
    machine = parse((FILES[0].parent / "tiny.mlir").read_text())
    assert isinstance(machine, MachineOp)
    data = next(o for o in machine.walk() if isinstance(o, MemoryOp) and o.get("holds"))
    for name, value, message in (
        ("bytes", 0, "field `bytes` must be an integer from 1"),
        ("bites", 4, "has no field `bites`; did you mean `bytes`"),
        ("burst", 8, "SRAM has no field `burst`"),
        ("holds", ("I",), 'no memory holds operand "O"'),
    ):
        changed = machine.clone()
        target = next(o for o in changed.walk() if isinstance(o, MemoryOp) and o.get("holds"))
        target.attributes[name] = to_attribute(value)
        with pytest.raises(VerifyException, match=message):
            changed.verify()
    data.attributes.pop("line")
    with pytest.raises(VerifyException, match="SRAM needs the field `line`"):
        machine.verify()
