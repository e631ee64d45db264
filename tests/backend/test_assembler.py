"""The assembler names the place of every error and what is wrong there."""

import re

import pytest
from tilefold.backend.assembler import assemble
from tilefold.backend.disassembler import disassemble
from tilefold.backend.isa_reference import EXAMPLE
from tilefold.errors import TilefoldError

HEADER = """\
.isa 1
.machine "tiny" "00ff"
.network "test"
.dma load store
.arrays conv.0 conv.1
.vectors act
.memories dram data
"""
LOAD = (
    "load @load, src=dram[0x10] u8 ({}, 4 by 1), "
    "dst=local data[{}] u8 (3 by 4, 4 by 1), pad=0\nhalt"
)
GROUP = (
    "configure @conv.{}, units={}, chain={}, cols=1, pixels=1, groups=1, "
    "mode=0, act_bits={}, wgt_bits=8"
)

# what is assembled: (line after the header, text at the caret, message)
ERRORS = {
    # out of range
    "sem id=65536, credits=0": (1, "65536", "id 65536 is out of range: 0 to 65535"),
    "sem id=0, credits=-1": (1, "-1", "credits -1 is out of range"),
    "loop count=0": (1, "0", "count 0 is out of range: 1 to 4294967295"),
    "loop count=1.5": (1, "1.5", "count must be an integer, not 1.5"),
    "loop count={0}": (1, "{0}", "count must be an integer, not {0}"),
    LOAD.format("3 of 0 by 4", "0"): (1, "3 of 0", "extent 0 is out of range"),
    LOAD.format("3 by 2147483648", "0"): (1, "3 by 2", "stride 2147483648 is out of range"),
    LOAD.format("3 by 4", "4294967296"): (1, "data[", "base 4294967296 is out of range"),
    LOAD.format("3 by 4", "0 ring 0 x 1 over 0"): (1, "data[", "ring depth 0 is out of range"),
    GROUP.format(0, 1, 1, 9): (1, "9", "act_bits 9 is out of range: 2 to 8"),
    # unknown, missing, twice
    "\twaiit @load, sem=0": (1, "waiit", "unknown instruction 'waiit'"),
    "wait @load, sm=0": (1, "sm=0", "wait has no operand 'sm'; it has unit, sem"),
    "halt @load": (1, "@load", "halt has no operand 'unit'; it has none"),
    "wait @load": (1, "wait", "wait: missing operand 'sem'"),
    "wait sem=0": (1, "wait", "wait: missing unit"),
    "sem id=0, credits=0, id=1": (1, "id=1", "operand 'id' is there twice"),
    "sem id=0, credits=0\nsem id=0, credits=1": (2, "0, c", "semaphore 0 is declared twice"),
    # undefined
    "wait @laod, sem=0": (1, "laod", "unknown unit 'laod'; the machine has load, store, conv.0"),
    "wait @load, sem=3": (1, "3", "semaphore 3 is not declared"),
    LOAD.format("3 by 4", "0").replace("data", "dta"): (1, "local dta", "unknown memory 'dta'"),
    LOAD.format("3 by 4", "0").replace("u8", "u7"): (1, "u7", "unknown type 'u7'; there are u2,"),
    LOAD.format("i0:3 of 9 by 4", "0"): (1, "i0:3", "i0 is undefined: 0 loops around"),
    "loop count=2\n" + LOAD.format("i3-1:3 of 9 by 4", "0"): (2, "i3-1:3", "i3 is undefined: 1 "),
    LOAD.format("3 by 4", "0 ring 2 x 12 over 1"): (1, "local", "ring over 1 loop, but 0 loops"),
    # structure
    "loop count=2\nloop count=3\nend": (1, "loop", "a loop is not closed by 'end'"),
    "loop count=2\nhalt": (2, "halt", "'halt' within a loop"),
    "end": (1, "end", "'end' without a loop"),
    "loop count=1\n" * 7: (7, "loop", "loops nest at most 6 deep"),
    "halt\nhalt": (2, "halt", "'halt' after halt"),
    "loop count=2\nend": (2, "end", "the program does not end with 'halt'"),
    "loop count=2\nend\nsem id=0, credits=0": (3, "sem", "'sem' after the first instruction"),
    "sem id=0, credits=0\nwait @load, sem=0\nhalt": (3, "halt", "semaphore 0 has no signal"),
    "sem id=0, credits=1\nwait @load, sem=0\nwait @act, sem=0": (
        3,
        "act",
        "semaphore 0: wait by 'act', but 'load' does that already",
    ),
    # kinds and shapes
    "load @act, src=dram[0] u8 (1 by 1), dst=local data[0] u8 (1 by 1), pad=0": (
        1,
        "act",
        "load needs a unit of kind dma, 'act' is vector",
    ),
    GROUP.format(1, 2, 2, 8): (1, "2", "2 units from 'conv.1': no 'conv.2'"),
    GROUP.format(0, 2, 1, 8): (1, "2", "chain * cols * pixels * groups is 1, but units is 2"),
    LOAD.format("2 by 4", "0"): (1, "local", "dst has 3 by 4 elements, src has 2 by 4"),
    LOAD.format("3 by 4", "0").replace("local ", ""): (1, "data", "dst must be a local view"),
    # syntax
    "halt $": (1, "$", "unexpected '$', expected "),
    "halt x": (1, "x", "unexpected 'x', expected "),
    "sem id=0 credits=0": (1, "credits", "unexpected 'credits=0', expected ',' or the end of"),
    "sem id=0,": (1, "", "unexpected end of line, expected "),
    LOAD.format("3 of 9", "0"): (1, "3 of 9", "expected [ORIGIN:]SIZE [of EXTENT] by STRIDE"),
    LOAD.format("3 by 4", "0 ring 2"): (1, "data", "expected MEMORY[ADDRESS]"),
}


@pytest.mark.parametrize("body", ERRORS)
def test_errors_name_the_place(body: str):
    line, place, message = ERRORS[body]
    with pytest.raises(TilefoldError) as error:
        assemble(HEADER + body, "test.s")
    said, shown, caret = str(error.value).split("\n")
    column = caret.index("^")
    assert message in said
    assert said.startswith(f"test.s:{line + HEADER.count(chr(10))}:{column + 1}: ")
    assert shown == body.split("\n")[line - 1]
    assert shown[column:].startswith(place)
    assert caret.count("\t") == shown[:column].count("\t")


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        (".isa 1", ".isa 2", "1:6", "this is version 1 of the instruction set"),
        (".isa 1\n", "", "1:1", 'unexpected \'.machine "tiny" "00ff"\'|expected .isa'),
        (".dma load store\n", "", "4:1", "expected .dma"),
        ("conv.1", "conv_1", "1:1", "array unit 'conv_1' is not named ARRAY.INDEX"),
        ("act", "load", "1:1", "unit 'load' is named twice"),
        ('"test"', '"te\\st"', "3:10", "unexpected"),
    ],
)
def test_errors_in_the_header(old: str, new: str, place: str, message: str):
    with pytest.raises(TilefoldError) as error:
        assemble(HEADER.replace(old, new) + "halt\n", "test.s")
    assert str(error.value).startswith(f"test.s:{place}: ")
    assert re.search(message, str(error.value))


def test_spacing_comments_order_and_number_bases_are_free():
    text = f"""; a comment\n{HEADER}
       sem credits=0x2,id=0 ; two slots
    \t wait  sem=0,  @load\r
 signal @store , sem=0

halt"""
    plain = f"{HEADER}sem id=0, credits=2\nwait @load, sem=0\nsignal @store, sem=0\nhalt\n"
    assert disassemble(assemble(text)) == plain


def test_the_example_of_the_reference_page_assembles():
    code = assemble(EXAMPLE)
    assert assemble(disassemble(code)) == code


def test_a_long_program() -> None:
    load = LOAD.format("8*i0-1:3 of 30 by 4", "0x0 ring 2 x 12 over 1").removesuffix("\nhalt")
    body = f"loop count=4\nwait @load, sem=0\n{load}\nsignal @act, sem=0\nend\n" * 200
    code = assemble(f"{HEADER}sem id=0, credits=0\n{body}halt\n")
    assert len(code.instructions) == 2 + 200 * 5
    assert assemble(disassemble(code)) == code
