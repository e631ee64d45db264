"""Text, binary and IR of a program are the same program."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.backend.assembler import assemble
from tilefold.backend.code import Code
from tilefold.backend.disassembler import disassemble
from tilefold.backend.emit import Provenance, emit, raise_to_isa
from tilefold.backend.encoding import decode, encode
from tilefold.dialects.isa import Isa
from tilefold.dialects.isa_table import INSTRUCTIONS
from tilefold.errors import TilefoldError
from tilefold.tests.support.isa_code import codes
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.parser import Parser
from xdsl.printer import Printer

QUICK = settings(max_examples=20, deadline=None)


def printed(module: ModuleOp, generic: bool) -> str:
    stream = io.StringIO()
    printer = Printer(stream, print_generic_format=generic, print_debuginfo=True)
    printer.print_op(module)
    return stream.getvalue()


def parsed(text: str) -> ModuleOp:
    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(Isa)
    return Parser(context, text).parse_module()


@pytest.mark.parametrize("mnemonic", INSTRUCTIONS)
def test_text_and_binary_round_trip(mnemonic: str):
    @QUICK
    @given(codes(mnemonic))
    def check(code: Code):
        text, binary = disassemble(code), encode(code)
        assert assemble(text) == code
        assert decode(binary) == code
        assert disassemble(decode(binary)) == text
        assert encode(assemble(text)) == binary

    check()


@pytest.mark.parametrize("mnemonic", INSTRUCTIONS)
def test_ir_round_trip(mnemonic: str):
    @settings(QUICK, max_examples=5)
    @given(codes(mnemonic))
    def check(code: Code):
        provenance = Provenance(("a", "b"), (0,) + (1,) * (len(code.instructions) - 1))
        module = raise_to_isa(code, provenance)
        module.verify()
        for generic in (False, True):
            again = parsed(printed(module, generic))
            again.verify()
            assert emit(again) == (code, provenance)

    check()


@QUICK
@given(codes("conv"), st.data())
def test_damaged_binary_is_refused_or_another_program(code: Code, data: st.DataObject):
    binary = bytearray(encode(code))
    place = data.draw(st.integers(0, len(binary) - 1))
    binary[place] ^= data.draw(st.integers(1, 255))
    try:
        other = decode(bytes(binary))
    except TilefoldError as error:
        assert re.match(r"program code: byte 0x[0-9a-f]+: ", str(error))
    else:
        assert encode(other) == binary


@QUICK
@given(codes("vpool"), st.data())
def test_truncated_binary_is_refused(code: Code, data: st.DataObject):
    binary = encode(code)
    with pytest.raises(TilefoldError, match=r"byte 0x"):
        decode(binary[: data.draw(st.integers(0, len(binary) - 1))])
    with pytest.raises(TilefoldError, match="1 bytes after the end"):
        decode(binary + b"\0")
