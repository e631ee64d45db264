"""The decoder refuses what the encoder does not write, naming the byte."""

import pytest
from tilefold.backend.assembler import assemble
from tilefold.backend.code import Code, Instruction
from tilefold.backend.encoding import decode, encode
from tilefold.errors import TilefoldError

CODE = assemble(
    """\
.isa 1
.machine "m" ""
.network ""
.dma load
.arrays
.vectors
.memories dram
loop count=2
load @load, src=dram[0] u8 (i0+1:3 of 9 by 4), dst=local dram[9] u8 (3 by 4), pad=0
end
halt
"""
)
BINARY = encode(CODE)
LOOP = BINARY.index(b"\x02\x02\0\0\0")
LOAD = LOOP + 5
SRC = LOAD + 3
DIM = SRC + 7
STARTS = (0, LOOP, LOAD, len(BINARY) - 2, len(BINARY) - 1)


def changed(place: int, data: bytes) -> bytes:
    return BINARY[:place] + data + BINARY[place + len(data) :]


def test_layout():
    assert BINARY[:6] == b"TFLD\1\0"
    assert BINARY[6:9] == b"\1\0m"
    assert BINARY[LOAD] == 0x20
    assert BINARY[SRC:DIM] == b"\x04\0" + bytes(4) + b"\1"
    assert BINARY[DIM : DIM + 10] == b"\x07" + b"\1\0\0\0" + b"\0" + b"\1\0\0\0"
    assert BINARY[-2:] == b"\x03\x04"


@pytest.mark.parametrize(
    ("place", "data", "message"),
    [
        (0, b"ELF", "not a Tilefold program"),
        (4, b"\2", "ISA version 2, but this is version 1"),
        (8, b"\xff", "can't decode byte 0xff"),
        (LOOP, b"\x7f", "unknown opcode 0x7f"),
        (LOOP + 1, bytes(4), "count 0 is out of range"),
        (LOAD + 1, b"\1", "unit index 1, but there are 1"),
        (SRC, b"\x07", "view tag 0x07"),
        (SRC, b"\x44", "view tag 0x44"),
        (SRC + 1, b"\1", "memory index 1, but there are 1"),
        (SRC + 6, b"\0", "number of dimensions 0 is out of range"),
        (DIM, b"\x27", "not in its one canonical form"),
        (DIM + 1, bytes(4), "not in its one canonical form"),
        (DIM + 5, b"\1", "i1 is undefined: 1 loop around"),
        (DIM + 6, bytes(4), "the coefficient of i0 is 0"),
        (DIM + 10, b"\x09", "not in its one canonical form"),
        (len(BINARY) - 2, b"\x04", "'halt' within a loop"),
    ],
)
def test_what_is_wrong_and_where(place: int, data: bytes, message: str):
    with pytest.raises(TilefoldError) as error:
        decode(changed(place, data))
    said = str(error.value)
    assert message in said
    at = int(said.removeprefix("program code: byte ").split(":")[0], 16)
    assert max(start for start in STARTS if start <= place) <= at <= place + 2


def test_broken_programs_are_not_encoded():
    with pytest.raises(TilefoldError, match="instruction 4: 'halt' after halt"):
        encode(Code(CODE.header, (*CODE.instructions, Instruction("halt", {}))))
    with pytest.raises(TilefoldError, match="instruction 0: unknown instruction 'nop'"):
        encode(Code(CODE.header, (Instruction("nop", {}),)))
