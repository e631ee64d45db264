"""A program as a flat list of instructions: what binaries and assembly text hold.

`loop` and `end` are instructions like the others; nothing is nested.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..dialects.isa_operands import Operand, View
from ..dialects.isa_rules import Header, Rules, RuleViolation
from ..dialects.isa_table import INSTRUCTIONS, InstructionSpec
from ..errors import TilefoldError

__all__ = ["Code", "Header", "Instruction"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction: operands by field name, as `INSTRUCTIONS[mnemonic]` lists them."""

    mnemonic: str
    operands: Mapping[str, Operand]

    @property
    def spec(self) -> InstructionSpec:
        """The instruction's row in the table."""
        return INSTRUCTIONS[self.mnemonic]

    @property
    def unit(self) -> str:
        """The queue that the instruction belongs to."""
        return self._get("unit", str)

    def integer(self, name: str) -> int:
        """The integer operand `name`."""
        return self._get(name, int)

    def real(self, name: str) -> float:
        """The float32 operand `name`."""
        return self._get(name, float)

    def view(self, name: str) -> View:
        """The view `name`."""
        return self._get(name, View)

    def levels(self, name: str) -> frozenset[int]:
        """The set of loop levels `name`."""
        value = self.operands[name]
        assert isinstance(value, frozenset), (self.mnemonic, name)
        return value

    def _get(self, name: str, kind: type[T]) -> T:
        value = self.operands[name]
        assert isinstance(value, kind), (self.mnemonic, name)
        return value


@dataclass(frozen=True, slots=True)
class Code:
    """A whole program: header and instructions in a sequentially correct order."""

    header: Header
    instructions: tuple[Instruction, ...]

    def check(self) -> None:
        """Raise `TilefoldError` naming the first instruction that breaks a rule of the ISA."""
        where = "program header"
        try:
            rules = Rules(self.header)
            for index, instruction in enumerate(self.instructions):
                where = f"instruction {index}"
                rules.instruction(instruction.mnemonic, instruction.operands)
            rules.finish()
        except RuleViolation as error:
            raise TilefoldError(f"{where}: {error}") from None
