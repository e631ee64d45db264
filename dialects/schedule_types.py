"""The types of `schedule`: boxes of elements in memory, tokens, tilings."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import (
    ArrayAttr,
    IntAttr,
    StringAttr,
)
from xdsl.ir import (
    Attribute,
    ParametrizedAttribute,
    TypeAttribute,
)
from xdsl.irdl import (
    irdl_attr_definition,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .isa_operands import ElementType
from .layout import row_elements
from .numbers import format_numbers, parse_numbers

PARAMETER_BYTES = 12
"""Of each output channel: bias, multiplier as float32 bits and weight zero point, 32 bits each."""


def words_up(size: int) -> int:
    """A number of bytes rounded up to whole 32-bit words, where the slots of rings start."""
    return -(-size // 4) * 4


@irdl_attr_definition
class TokenType(ParametrizedAttribute, TypeAttribute):
    """The event that all steps of a unit before a point are done."""

    name = "schedule.token"


@dataclass(frozen=True, init=False)
class BoxType(ParametrizedAttribute, TypeAttribute):
    """A dense box of elements in memory, rows of the last dimension padded to bytes."""

    shape: ArrayAttr[IntAttr]
    element: StringAttr

    def __init__(self, shape: Sequence[int], element: str):
        super().__init__(ArrayAttr(IntAttr(size) for size in shape), StringAttr(element))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the box, outermost first."""
        return tuple(size.data for size in self.shape)

    @property
    def bits(self) -> int:
        """Bits of an element's container."""
        return self.element_type.bits

    @property
    def element_type(self) -> ElementType:
        """The element's container."""
        return ElementType(self.element.data)

    @property
    def strides(self) -> tuple[int, ...]:
        """Distances in elements between neighbours along each dimension."""
        sizes = (*self.sizes[:-1], row_elements(self.sizes[-1], self.bits))
        return tuple(prod(sizes[axis + 1 :]) for axis in range(len(sizes)))

    @property
    def byte_size(self) -> int:
        """Bytes of the box."""
        rows = prod(self.sizes[:-1])
        return rows * row_elements(self.sizes[-1], self.bits) * self.bits // 8

    def verify(self) -> None:
        if self.element.data not in set(ElementType):
            raise VerifyException(
                f"element type {self.element.data} is none of {', '.join(ElementType)}"
            )
        if not self.sizes or any(size <= 0 for size in self.sizes):
            raise VerifyException(f"sizes {self.sizes} must be positive")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        sizes: list[int] = []
        element = None
        with parser.in_angle_brackets():
            while element is None:
                sizes.append(parser.parse_shape_dimension(allow_dynamic=False))
                parser.parse_shape_delimiter()
                element = parser.parse_optional_identifier()
        return [ArrayAttr(IntAttr(size) for size in sizes), StringAttr(element)]

    def print_parameters(self, printer: Printer) -> None:
        sizes = "".join(f"{size}x" for size in self.sizes)
        printer.print_string(f"<{sizes}{self.element.data}>")


@irdl_attr_definition
class TensorType(BoxType):
    """A tensor in DRAM, in memory form: `!schedule.tensor<28x28x16xu8>`."""

    name = "schedule.tensor"

    def __init__(self, shape: Sequence[int], element: str):
        super().__init__(shape, element)


@irdl_attr_definition
class BufferType(BoxType):
    """One tile of an on-chip ring: `!schedule.buffer<6x30x16xu8>`."""

    name = "schedule.buffer"

    def __init__(self, shape: Sequence[int], element: str):
        super().__init__(shape, element)


@irdl_attr_definition
class TilingAttr(ParametrizedAttribute):
    """How a layer is cut: output rows, columns and channels, input channels of a tile, and the
    order of the loops from the outermost in (`c`, the reduction, is always innermost).

    `#schedule.tiling<rows = 8, columns = 56, k = 64, c = 64, order = "k y x">`
    """

    name = "schedule.tiling"
    rows: IntAttr
    columns: IntAttr
    k: IntAttr
    c: IntAttr
    order: StringAttr

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            sizes = parse_numbers(parser, ("rows", "columns", "k", "c"))
            parser.parse_punctuation(",")
            parser.parse_keyword("order")
            parser.parse_punctuation("=")
            return [*sizes, StringAttr(parser.parse_str_literal())]

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of a tile by name."""
        sizes = {"rows": self.rows, "columns": self.columns, "k": self.k, "c": self.c}
        return {name: size.data for name, size in sizes.items()}

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(f'<{format_numbers(self.sizes)}, order = "{self.order.data}">')

    def verify(self) -> None:
        if min(self.sizes.values()) <= 0:
            raise VerifyException("tile sizes must be positive")
        if sorted(self.order.data.split()) != ["k", "x", "y"]:
            raise VerifyException(f'order "{self.order.data}" must arrange k, y and x')
