"""The operands of instructions: affine origins, rings of buffers and views of tensors.

A *view* says which elements of a tensor an instruction touches and where they lie. Its origin is
affine in the counters of the enclosing loops, so one instruction in a loop walks a whole tensor,
and its extent clips, so ragged edges and halos need no peeled iterations.

All classes are immutable values, checked when they are made (`ValueError`); `str()` of each is its
spelling in assembly and in the IR.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite
from struct import Struct
from typing import Final

import numpy as np

MAX_LOOPS: Final = 6
"""Loops nest at most this deep."""
MAX_DIMS: Final = 6
"""A view has at most this many dimensions."""

U8: Final = (0, 2**8 - 1)
U16: Final = (0, 2**16 - 1)
U32: Final = (0, 2**32 - 1)
I32: Final = (-(2**31), 2**31 - 1)
_F32: Final = Struct("<f")


def check_range(what: str, value: int, bounds: tuple[int, int]) -> None:
    """Raise `ValueError` unless `value` lies within `bounds` (both included)."""
    low, high = bounds
    if not low <= value <= high:
        raise ValueError(f"{what} {value} is out of range: {low} to {high}")


class ElementType(StrEnum):
    """The type of a view's elements as stored: sign and container width in bits."""

    U2 = "u2"
    I2 = "i2"
    U4 = "u4"
    I4 = "i4"
    U8 = "u8"
    I8 = "i8"
    I32 = "i32"

    @classmethod
    def _missing_(cls, value: object) -> "ElementType":
        raise ValueError(f"unknown type '{value}'; there are {', '.join(cls)}")

    @property
    def bits(self) -> int:
        """Bits of the container."""
        return int(self.value[1:])

    @property
    def signed(self) -> bool:
        """Whether the container holds two's complement."""
        return self.value[0] == "i"

    @property
    def range(self) -> tuple[int, int]:
        """The smallest and the largest value that the container holds."""
        if self.signed:
            return -(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1
        return 0, (1 << self.bits) - 1

    @staticmethod
    def of(bits: int, signed: bool) -> "ElementType":
        """The type with a container of `bits` (2, 4, 8 or 32) and this sign."""
        return ElementType(f"{'i' if signed else 'u'}{bits}")


@dataclass(frozen=True, slots=True)
class Affine:
    """`const + sum(coefficient * i<level>)` over the counters of enclosing loops.

    `terms` are pairs (level, coefficient): level 0 is the outermost loop; levels ascend and no
    coefficient is 0, so that equal functions are equal values.
    """

    const: int = 0
    terms: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        check_range("constant", self.const, I32)
        last = -1
        for level, coefficient in self.terms:
            check_range("loop level", level, (0, MAX_LOOPS - 1))
            check_range("coefficient", coefficient, I32)
            if coefficient == 0:
                raise ValueError(f"the coefficient of i{level} is 0")
            if level <= last:
                raise ValueError(f"i{level} after i{last}: the terms' levels must ascend")
            last = level

    @staticmethod
    def of(const: int, coefficients: Mapping[int, int]) -> "Affine":
        """The function with these coefficients by level, in any order, zeros dropped."""
        return Affine(const, tuple((lv, c) for lv, c in sorted(coefficients.items()) if c))

    @property
    def depth(self) -> int:
        """How many loops must enclose the instruction: the deepest level named, plus one."""
        return self.terms[-1][0] + 1 if self.terms else 0

    def at(self, counters: Sequence[int]) -> int:
        """The value at the loop `counters`, outermost first."""
        return self.const + sum(c * counters[level] for level, c in self.terms)

    def __str__(self) -> str:
        text = ""
        for level, coefficient in self.terms:
            sign = "-" if coefficient < 0 else "+" if text else ""
            factor = "" if abs(coefficient) == 1 else f"{abs(coefficient)}*"
            text += f"{sign}{factor}i{level}"
        if not text:
            return str(self.const)
        return f"{text}{self.const:+d}" if self.const else text


@dataclass(frozen=True, slots=True)
class Ring:
    """A buffer of `depth` slots, `stride` bytes apart, taken in turn.

    The slot is the linear number of the iteration over the `level` outermost loops, modulo `depth`:
    depth 2 is double buffering.
    """

    depth: int
    stride: int
    level: int

    def __post_init__(self) -> None:
        check_range("ring depth", self.depth, (1, U16[1]))
        check_range("ring stride", self.stride, U32)
        check_range("ring level", self.level, (0, MAX_LOOPS))

    def slot(self, counters: Sequence[int], counts: Sequence[int]) -> int:
        """The slot at the loop `counters` of loops that run `counts` times, outermost first."""
        linear = 0
        for counter, count in zip(counters[: self.level], counts[: self.level], strict=True):
            linear = linear * count + counter
        return linear % self.depth

    def __str__(self) -> str:
        return f"ring {self.depth} x {self.stride} over {self.level}"


@dataclass(frozen=True, slots=True)
class Dim:
    """One dimension of a view: elements j = 0..size-1 at position origin + j, `stride` apart.

    A position is valid within 0..extent-1. Stride counts elements.
    """

    origin: Affine
    size: int
    extent: int
    stride: int

    def __post_init__(self) -> None:
        check_range("size", self.size, (1, U32[1]))
        check_range("extent", self.extent, (1, U32[1]))
        check_range("stride", self.stride, I32)

    @staticmethod
    def whole(size: int, stride: int) -> "Dim":
        """A dimension taken whole: origin 0, nothing clipped."""
        return Dim(Affine(), size, size, stride)

    def __str__(self) -> str:
        origin = "" if self.origin == Affine() else f"{self.origin}:"
        extent = "" if self.extent == self.size else f" of {self.extent}"
        return f"{origin}{self.size}{extent} by {self.stride}"


@dataclass(frozen=True, slots=True)
class View:
    """Elements of a tensor in a memory; innermost dimension last.

    Element j is *valid* iff 0 <= origin + j < extent in every dimension. It lies at bit
    `8 * (base + slot * ring.stride) + bits * sum(p * stride)` of `memory`, with p = origin + j in
    a global view (the base is the tensor's first element) and p = j in a `local` one (the base is
    the first element of a tile in a buffer; origin and extent only clip).
    """

    memory: str
    base: int
    ring: Ring | None
    type: ElementType
    local: bool
    dims: tuple[Dim, ...]

    def __post_init__(self) -> None:
        check_range("base", self.base, U32)
        check_range("number of dimensions", len(self.dims), (1, MAX_DIMS))
        if self.ring is not None:
            last = self.base + (self.ring.depth - 1) * self.ring.stride
            check_range("last slot of the ring: address", last, U32)

    @property
    def bits(self) -> int:
        """Bits of an element's container."""
        return self.type.bits

    @property
    def sizes(self) -> tuple[int, ...]:
        """Elements in each dimension, before clipping."""
        return tuple(dim.size for dim in self.dims)

    @property
    def depth(self) -> int:
        """How many loops must enclose an instruction with this view."""
        ring = self.ring.level if self.ring else 0
        return max(ring, *(dim.origin.depth for dim in self.dims))

    def __str__(self) -> str:
        local = "local " if self.local else ""
        ring = f" {self.ring}" if self.ring else ""
        dims = ", ".join(map(str, self.dims))
        return f"{local}{self.memory}[{self.base:#x}{ring}] {self.type} ({dims})"


Operand = int | float | str | View | frozenset[int]
"""An operand's value: a number, a unit's name, a view, or a set of loop levels."""


def to_f32(value: float) -> float:
    """The float32 nearest to `value`; raises `ValueError` if that is not finite."""
    try:
        rounded: float = _F32.unpack(_F32.pack(value))[0]
    except OverflowError:
        rounded = inf
    if not isfinite(rounded):
        raise ValueError(f"{value} is out of range for a float32")
    return rounded


def operand_text(operand: Operand) -> str:
    """The spelling of an operand's value; floats as the shortest decimal of the same float32."""
    match operand:
        case float():
            mantissa, exponent, power = str(np.float32(operand)).partition("e")
            point = "" if "." in mantissa else ".0"
            return mantissa + point + exponent + power
        case frozenset():
            return "{" + ", ".join(map(str, sorted(operand))) + "}"
        case _:
            return str(operand)
