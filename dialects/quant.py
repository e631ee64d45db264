"""Quantised element types, in the syntax of MLIR's `quant` dialect.

A quantised tensor stores small integers q that stand for the numbers `scale * (q - zero_point)`:

```mlir
!quant.uniform<u8:f32, 0.02:128>                   // one scale and zero point per tensor
!quant.uniform<i4<-7:7>:f32, 0.5>                  // a narrowed storage range, zero point 0
!quant.uniform<i8:f32:0, {0.1, 0.2:3}>             // one per index of axis 0
!quant.uniform<i8:f32:0, stored "SCALES":"ZEROS">  // the same, arrays in the side store
```

Storage is 2 to 8 bits signed (`i`) or unsigned (`u`), or `i32` for accumulators. Scales are
float32; they print as the shortest decimal that reads back as the same float32.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import Data, Dialect, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from .layout import container_bits
from .store import Store

INLINE_CHANNELS = 16
"""Per-axis types of more channels keep their scales in the store: types are repeated often."""

WIDTHS = (*range(2, 9), 32)


def f32(value: float) -> float:
    """`value` rounded to float32 (to infinity beyond its range)."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def float_text(value: float) -> str:
    """The shortest decimal with a point that reads back as the float32 `value`."""
    text = str(np.float32(value))
    if f32(float(text)) != value:
        text = repr(value)
    mantissa, *exponent = text.split("e")
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return "e".join([mantissa, *exponent])


@dataclass(frozen=True)
class Uniform:
    """The parameters of a quantised type; a `str` is the digest of an array in the store."""

    bits: int
    signed: bool
    qmin: int
    qmax: int
    axis: int | None
    scales: tuple[float, ...] | str
    zero_points: tuple[int, ...] | str

    def check(self) -> None:
        """Raise VerifyException where the parameters make no sense."""
        if self.bits not in WIDTHS:
            raise VerifyException(f"storage of {self.bits} bits; 2 to 8 or 32 are possible")
        if self.bits == 32 and not self.signed:
            raise VerifyException("32-bit storage must be signed: i32")
        low, high = storage_range(self.bits, self.signed)
        if not low <= self.qmin < self.qmax <= high:
            raise VerifyException(
                f"storage range {self.qmin}:{self.qmax} is not within {low}:{high}"
            )
        if self.axis is not None and self.axis < 0:
            raise VerifyException(f"axis {self.axis} must not be negative")
        if isinstance(self.scales, str):
            self._check_stored()
        else:
            self._check_inline(self.scales)

    def _check_stored(self) -> None:
        if self.axis is None:
            raise VerifyException("stored scales need an axis")
        for digest in (self.scales, self.zero_points):
            if isinstance(digest, str) and not re.fullmatch("[0-9a-f]{32}", digest):
                raise VerifyException(f'"{digest}" is not a digest of 32 hex digits')

    def _check_inline(self, scales: tuple[float, ...]) -> None:
        if self.axis is None and len(scales) != 1:
            raise VerifyException(f"{len(scales)} scales need an axis")
        if not scales or isinstance(self.zero_points, str) or len(self.zero_points) != len(scales):
            raise VerifyException("there must be one scale and one zero point per channel")
        check_scales(scales)
        check_zero_points(self.zero_points, self)


def storage_range(bits: int, signed: bool) -> tuple[int, int]:
    """The smallest and largest integer of `bits` bits."""
    return (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)


def check_scales(scales: Sequence[float]) -> None:
    """Raise VerifyException unless all scales are positive, finite float32 numbers."""
    for scale in scales:
        if not (math.isfinite(scale) and scale > 0 and f32(scale) == scale):
            raise VerifyException(f"scale {scale} is not a positive, finite float32 number")


def check_zero_points(zero_points: Sequence[int], uniform: Uniform) -> None:
    """Raise VerifyException for zero points outside the storage range (for i32: other than 0)."""
    low, high = (0, 0) if uniform.bits == 32 else (uniform.qmin, uniform.qmax)
    for zero_point in zero_points:
        if not low <= zero_point <= high:
            raise VerifyException(f"zero point {zero_point} is not within {low}:{high}")


@irdl_attr_definition
class UniformType(Data[Uniform], TypeAttribute):
    """A quantised element type: integers with a scale and a zero point."""

    name = "quant.uniform"

    @classmethod
    def per_tensor(
        cls, bits: int, signed: bool, scale: float, zero_point: int = 0
    ) -> "UniformType":
        """The type with one `scale` (rounded to float32) and `zero_point`."""
        low, high = storage_range(bits, signed)
        return cls(Uniform(bits, signed, low, high, None, (f32(scale),), (int(zero_point),)))

    @classmethod
    def per_axis(
        cls,
        bits: int,
        signed: bool,
        axis: int,
        scales: npt.ArrayLike,
        zero_points: npt.ArrayLike = 0,
        store: Store | None = None,
    ) -> "UniformType":
        """The type with `scales` [n] and `zero_points` ([n], or one for all) along `axis`.

        More than 16 channels go to `store` (ValueError without one); VerifyException where a scale
        or a zero point is impossible.
        """
        low, high = storage_range(bits, signed)
        scale_array = np.atleast_1d(np.asarray(scales, np.float32))
        zeros = np.broadcast_to(np.asarray(zero_points, np.int32), scale_array.shape)
        inline = Uniform(
            bits, signed, low, high, axis, tuple(scale_array.tolist()), tuple(zeros.tolist())
        )
        if scale_array.size <= INLINE_CHANNELS:
            return cls(inline)
        inline.check()
        if store is None:
            raise ValueError(f"{scale_array.size} scales need a store")
        stored_zeros = store.put(zeros) if zeros.any() else ""
        return cls(replace(inline, scales=store.put(scale_array), zero_points=stored_zeros or ()))

    @property
    def bits(self) -> int:
        """Width of the stored integers."""
        return self.data.bits

    @property
    def signed(self) -> bool:
        """Whether the stored integers are signed."""
        return self.data.signed

    @property
    def qmin(self) -> int:
        """The smallest integer that may be stored."""
        return self.data.qmin

    @property
    def qmax(self) -> int:
        """The largest integer that may be stored."""
        return self.data.qmax

    @property
    def axis(self) -> int | None:
        """The axis that the scales run along; None for one scale per tensor."""
        return self.data.axis

    @property
    def is_accumulator(self) -> bool:
        """Whether the storage is i32."""
        return self.data.bits == 32

    @property
    def container_bits(self) -> int:
        """The bits that an element takes in memory."""
        return container_bits(self.data.bits)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The data type of arrays of the stored integers: int8, uint8 or int32."""
        if self.is_accumulator:
            return np.dtype(np.int32)
        return np.dtype(np.int8 if self.signed else np.uint8)

    @property
    def scale(self) -> np.float32:
        """The one scale of a per-tensor type; ValueError for a per-axis type."""
        if self.axis is not None or isinstance(self.data.scales, str):
            raise ValueError(f"{self} has a scale per channel")
        return np.float32(self.data.scales[0])

    @property
    def zero_point(self) -> int:
        """The one zero point of a per-tensor type; ValueError for a per-axis type."""
        if self.axis is not None or isinstance(self.data.zero_points, str):
            raise ValueError(f"{self} has a zero point per channel")
        return self.data.zero_points[0]

    @property
    def channels(self) -> int | None:
        """The number of scales; None where they are in the store."""
        return None if isinstance(self.data.scales, str) else len(self.data.scales)

    def scales(self, store: Store | None = None) -> npt.NDArray[np.float32]:
        """The scales [n], n = 1 per tensor; `store` is needed where they are stored."""
        if not isinstance(self.data.scales, str):
            return np.array(self.data.scales, np.float32)
        scales = _stored(store, self.data.scales)
        check_scales(scales.tolist())
        return scales

    def zero_points(self, store: Store | None = None) -> npt.NDArray[np.int32]:
        """The zero points [n], n = 1 per tensor; `store` is needed where they are stored."""
        if isinstance(self.data.zero_points, str):
            zero_points = _stored(store, self.data.zero_points)
            check_zero_points(zero_points.tolist(), self.data)
            return zero_points
        if isinstance(self.data.scales, str):
            return np.zeros(self.scales(store).shape, np.int32)
        return np.array(self.data.zero_points, np.int32)

    def with_axis(self, axis: int) -> "UniformType":
        """The same per-axis type along another axis."""
        return UniformType(replace(self.data, axis=axis))

    def verify(self) -> None:
        """Refuse impossible widths, ranges, scales and zero points."""
        self.data.check()

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Uniform:
        """Parse `<storage:f32[:axis], parameters>`."""
        start = parser.pos
        with parser.in_angle_brackets():
            uniform = _parse_uniform(parser)
        try:
            uniform.check()
        except VerifyException as error:
            parser.raise_error(str(error), start, parser.pos)
        return uniform

    def print_parameter(self, printer: Printer) -> None:
        """Print `<storage:f32[:axis], parameters>`."""
        printer.print_string(f"<{_text(self.data)}>")


def all_codes(kind: UniformType) -> npt.NDArray[Any]:
    """The integers [2**bits] that all patterns of `kind.bits` bits stand for, by pattern.

    They go beyond a narrowed storage range.
    """
    spare = 8 - kind.bits
    patterns = np.arange(1 << kind.bits, dtype=np.uint8) << np.uint8(spare)
    return patterns.view(kind.numpy_dtype) >> kind.numpy_dtype.type(spare)


def _stored(store: Store | None, digest: str) -> npt.NDArray[Any]:
    if store is None:
        raise ValueError("the scales are in the store, which was not given")
    return store.get(digest)


def _text(uniform: Uniform) -> str:
    storage = f"{'i' if uniform.signed else 'u'}{uniform.bits}"
    if (uniform.qmin, uniform.qmax) != storage_range(uniform.bits, uniform.signed):
        storage += f"<{uniform.qmin}:{uniform.qmax}>"
    axis = "" if uniform.axis is None else f":{uniform.axis}"
    if isinstance(uniform.scales, str):
        zeros = f':"{uniform.zero_points}"' if isinstance(uniform.zero_points, str) else ""
        return f'{storage}:f32{axis}, stored "{uniform.scales}"{zeros}'
    channels = ", ".join(
        float_text(scale) + (f":{zero}" if zero else "")
        for scale, zero in zip(uniform.scales, uniform.zero_points, strict=True)
    )
    return f"{storage}:f32{axis}, " + (channels if uniform.axis is None else f"{{{channels}}}")


def _parse_uniform(parser: AttrParser) -> Uniform:
    storage = parser.parse_identifier(" of the storage: i8, u8, ...")
    match = re.fullmatch(r"([iu])([1-9]\d?)", storage)
    if not match:
        parser.raise_error(f"storage '{storage}' is none of i2 to i8, u2 to u8, i32")
    bits, signed = int(match[2]), match[1] == "i"
    low, high = storage_range(bits, signed)
    if parser.parse_optional_punctuation("<"):
        low = parser.parse_integer(allow_boolean=False)
        parser.parse_punctuation(":")
        high = parser.parse_integer(allow_boolean=False)
        parser.parse_punctuation(">")
    parser.parse_punctuation(":")
    parser.parse_keyword("f32")
    axis = None
    if parser.parse_optional_punctuation(":"):
        axis = parser.parse_integer(allow_boolean=False)
    parser.parse_punctuation(",")
    if parser.parse_optional_keyword("stored"):
        scales = parser.parse_str_literal()
        zeros = parser.parse_str_literal() if parser.parse_optional_punctuation(":") else ()
        return Uniform(bits, signed, low, high, axis, scales, zeros)
    if axis is None:
        channels = [_parse_channel(parser)]
    else:
        channels = parser.parse_comma_separated_list(
            parser.Delimiter.BRACES, lambda: _parse_channel(parser)
        )
    values, zero_points = zip(*channels, strict=True) if channels else ((), ())
    return Uniform(bits, signed, low, high, axis, tuple(values), tuple(zero_points))


def _parse_channel(parser: AttrParser) -> tuple[float, int]:
    scale = f32(float(parser.parse_number()))
    if parser.parse_optional_punctuation(":"):
        return scale, parser.parse_integer(allow_boolean=False)
    return scale, 0


Quant = Dialect("quant", [], [UniformType])
