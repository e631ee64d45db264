"""Numbers with names, as attributes hold them: `rows = 8, columns = 56`."""

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import IntAttr
from xdsl.ir import Attribute
from xdsl.parser import AttrParser


def parse_numbers(parser: AttrParser, names: Sequence[str]) -> list[Attribute]:
    """Parse numbers that have these names in this order, with commas between them."""
    numbers: list[Attribute] = []
    for name in names:
        if numbers:
            parser.parse_punctuation(",")
        parser.parse_keyword(name)
        parser.parse_punctuation("=")
        numbers.append(IntAttr(parser.parse_integer(allow_boolean=False)))
    return numbers


def format_numbers(numbers: Mapping[str, int]) -> str:
    """What `parse_numbers` parses."""
    return ", ".join(f"{name} = {number}" for name, number in numbers.items())
