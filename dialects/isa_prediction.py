"""What a compiler predicts of a layer: an attribute of `isa.program`.

`#isa.prediction<"stem/conv", compute = 1080, memory = 1250, vector = 0, reconfiguration = 0,
stalls = 2260>`
"""

from collections.abc import Sequence
from typing import Final

from xdsl.dialects.builtin import IntAttr, StringAttr
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .numbers import format_numbers, parse_numbers

COMPUTE: Final = "compute"
MEMORY: Final = "memory"
VECTOR: Final = "vector"
RECONFIGURATION: Final = "reconfiguration"
STALLS: Final = "stalls"
KINDS: Final[tuple[str, ...]] = (COMPUTE, MEMORY, VECTOR, RECONFIGURATION, STALLS)
"""What time goes by with: arrays, DRAM and DMA, vector lanes, changes of configuration; and the
latency of them all, for which everything stands still."""

PREDICTION: Final = "prediction"
"""The attribute of a program that lists the predictions of its layers."""


@irdl_attr_definition
class PredictionAttr(ParametrizedAttribute):
    """Cycles that a layer is predicted to add to the time of those before it, by kind."""

    name = "isa.prediction"
    layer: StringAttr
    compute: IntAttr
    memory: IntAttr
    vector: IntAttr
    reconfiguration: IntAttr
    stalls: IntAttr

    @property
    def cycles(self) -> dict[str, int]:
        """Cycles by kind, in the order of `KINDS`."""
        every = (self.compute, self.memory, self.vector, self.reconfiguration, self.stalls)
        return {kind: cycles.data for kind, cycles in zip(KINDS, every, strict=True)}

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            layer = StringAttr(parser.parse_str_literal())
            parser.parse_punctuation(",")
            return [layer, *parse_numbers(parser, KINDS)]

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(self.layer.data)
            printer.print_string(f", {format_numbers(self.cycles)}")

    def verify(self) -> None:
        if min(self.cycles.values()) < 0:
            raise VerifyException("a layer is predicted to take a negative number of cycles")
