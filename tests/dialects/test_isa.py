"""Operands as values, and the operations made from the table."""

import pytest
from tilefold.dialects import isa
from tilefold.dialects.isa_operands import (
    Affine,
    Dim,
    ElementType,
    Ring,
    View,
    operand_text,
    to_f32,
)
from tilefold.dialects.isa_rules import Header, Rules, RuleViolation
from tilefold.dialects.isa_table import INSTRUCTIONS, Kind
from xdsl.utils.exceptions import VerifyException

HEADER = Header("m", "d", "n", ("load",), ("conv.0",), ("act",), ("dram", "data"))
ROW = View("dram", 0, None, ElementType.U8, False, (Dim.whole(8, 1),))
TILE = View("data", 0, None, ElementType.U8, True, (Dim.whole(8, 1),))


@pytest.mark.parametrize(
    ("affine", "text", "value"),
    [
        (Affine(), "0", 0),
        (Affine(-7), "-7", -7),
        (Affine(0, ((1, 1),)), "i1", 3),
        (Affine(5, ((0, -1), (1, 16))), "-i0+16*i1+5", 51),
        (Affine.of(-1, {2: 3, 0: -8, 1: 0}), "-8*i0+3*i2-1", -2),
    ],
)
def test_affine(affine: Affine, text: str, value: int):
    assert str(affine) == text
    assert affine.at((2, 3, 5)) == value


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        (((0, 0),), "the coefficient of i0 is 0"),
        (((1, 2), (0, 2)), "i0 after i1"),
        (((1, 2), (1, 2)), "i1 after i1"),
        (((6, 1),), "loop level 6 is out of range"),
        (((0, 2**31),), "coefficient 2147483648 is out of range"),
    ],
)
def test_affine_terms_are_canonical(terms: tuple[tuple[int, int], ...], message: str):
    with pytest.raises(ValueError, match=message):
        Affine(0, terms)


def test_ring_slots_follow_the_iteration_number():
    ring = Ring(depth=3, stride=100, level=2)
    slots = [ring.slot((i, j, k), (2, 4, 9)) for i in range(2) for j in range(4) for k in (0, 8)]
    assert slots == [slot for n in range(8) for slot in (n % 3, n % 3)]
    assert Ring(3, 100, 0).slot((1, 1), (2, 2)) == 0


def test_a_ring_stays_within_the_address_space():
    with pytest.raises(ValueError, match="last slot of the ring: address 4294967296"):
        View("data", 2**32 - 4, Ring(2, 4, 0), ElementType.U8, True, (Dim.whole(1, 1),))


def test_views_know_their_elements():
    assert ElementType.of(4, True) is ElementType.I4
    assert ElementType.I4.range == (-8, 7)
    assert ElementType.U2.range == (0, 3)
    view = View(
        "data", 0, Ring(2, 8, 3), ElementType.I4, True, (Dim(Affine(0, ((1, 1),)), 2, 9, 4),)
    )
    assert (view.bits, view.sizes, view.depth) == (4, (2,), 3)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (-0.0, "-0.0"), (1e-7, "1.0e-07"), (3.4028234663852886e38, "3.4028235e+38")],
)
def test_floats_are_shortest_decimals(value: float, text: str):
    assert operand_text(to_f32(value)) == text
    assert to_f32(float(text)) == to_f32(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3.4028236e38])
def test_floats_are_finite_float32(value: float):
    with pytest.raises(ValueError, match="out of range for a float32"):
        to_f32(value)


def test_every_instruction_has_its_operation():
    assert set(isa.OPERATIONS) == set(INSTRUCTIONS) - {"end"}
    for mnemonic, op in isa.OPERATIONS.items():
        assert op.name == f"isa.{mnemonic}"
        fields = {field.name for field in INSTRUCTIONS[mnemonic].fields}
        assert set(op.get_irdl_definition().properties) == fields
        assert op.__doc__


def test_operations_hold_their_operands():
    load = isa.LoadOp(unit="load", src=ROW, dst=TILE, pad=-1)
    assert load.values == {"unit": "load", "src": ROW, "dst": TILE, "pad": -1}
    assert load.clone().values == load.values
    program = isa.ProgramOp(HEADER, [isa.LoopOp.of(3, [load]), isa.HaltOp()])
    program.verify()
    assert program.header == HEADER
    assert [name for name, _, _ in program.instructions()] == ["loop", "load", "end", "halt"]


def test_properties_are_checked_against_the_table():
    missing = isa.LoadOp(unit="load", src=ROW, dst=TILE)
    with pytest.raises(VerifyException, match="pad"):
        isa.ProgramOp(HEADER, [missing, isa.HaltOp()]).verify()
    wrong = isa.LoadOp(unit="load", src=ROW, dst=3, pad=0)
    with pytest.raises(VerifyException, match=r"isa\.view"):
        isa.ProgramOp(HEADER, [wrong, isa.HaltOp()]).verify()


def test_a_broken_rule_blames_the_operation():
    load = isa.LoadOp(unit="act", src=ROW, dst=TILE, pad=0)
    with pytest.raises(VerifyException, match="load needs a unit of kind dma, 'act' is vector"):
        isa.ProgramOp(HEADER, [load, isa.HaltOp()]).verify()


def test_rules_name_the_operand():
    rules = Rules(HEADER)
    origin = Dim(Affine(0, ((0, 1),)), 8, 8, 1)
    moving = View("dram", 0, None, ElementType.U8, False, (origin,))
    with pytest.raises(RuleViolation) as error:
        rules.instruction("load", {"unit": "load", "src": moving, "dst": TILE, "pad": 0})
    assert (error.value.field, error.value.dim) == ("src", 0)
    with pytest.raises(RuleViolation, match="load has no operand 'speed'") as error:
        rules.instruction("load", {"unit": "load", "src": ROW, "dst": TILE, "pad": 0, "speed": 1})
    assert error.value.field == "speed"
    with pytest.raises(RuleViolation, match=r"ra 0\.1 is not a float32"):
        floats = {"ra": 0.1, "rb": 1.0, "fix": 0.0}
        views = {"a": TILE, "b": TILE, "dst": TILE}
        rules.instruction("vadd", {"unit": "act", **views, **floats, "lo": 0, "hi": 1})


def test_header_names_can_be_written_everywhere():
    for odd in ("näme", 'a"b', "a\\b", "a\nb", "x" * 1025):
        with pytest.raises(RuleViolation, match="cannot be written"):
            Header("m", "d", odd, (), (), (), ()).check()
    with pytest.raises(RuleViolation, match="unit name '0load' is not an identifier"):
        Header("m", "d", "n", ("0load",), (), (), ()).check()
    with pytest.raises(RuleViolation, match="257 names where at most 256"):
        Header("m", "d", "n", (), (), (), tuple(f"m{i}" for i in range(257))).check()


def test_numbers_have_bounds_and_views_have_access():
    for spec in INSTRUCTIONS.values():
        for field in spec.fields:
            if field.kind not in (Kind.UNIT, Kind.VIEW, Kind.LEVELS, Kind.F32):
                low, high = field.range
                assert low < high
        assert all(field.access in ("read", "write") for field in spec.views)
