"""The disassembler: `Code` to its canonical text, which assembles to equal code."""

from collections.abc import Iterator

from ..dialects.isa_operands import operand_text
from ..dialects.isa_table import ISA_VERSION
from .code import Code, Header, Instruction


def disassemble(code: Code) -> str:
    """The assembly text of `code`."""
    return "".join(f"{line}\n" for line in (*header_lines(code.header), *instruction_lines(code)))


def header_lines(header: Header) -> Iterator[str]:
    """The directives before the first instruction."""
    yield f".isa {ISA_VERSION}"
    yield f'.machine "{header.machine}" "{header.digest}"'
    yield f'.network "{header.network}"'
    for directive, names in (
        (".dma", header.dma),
        (".arrays", header.arrays),
        (".vectors", header.vectors),
        (".memories", header.memories),
    ):
        yield " ".join((directive, *names))


def instruction_lines(code: Code) -> Iterator[str]:
    """One line an instruction, indented by the loops around it."""
    depth = 0
    for instruction in code.instructions:
        depth -= instruction.mnemonic == "end"
        yield "  " * depth + instruction_text(instruction)
        depth += instruction.mnemonic == "loop"


def instruction_text(instruction: Instruction) -> str:
    """One instruction, its operands in the order of the table."""
    operands: list[str] = []
    for field in instruction.spec.fields:
        text = operand_text(instruction.operands[field.name])
        operands.append(f"@{text}" if field.name == "unit" else f"{field.name}={text}")
    return f"{instruction.mnemonic} {', '.join(operands)}".rstrip()
