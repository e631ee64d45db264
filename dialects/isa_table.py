"""The instruction table: the one definition of what instructions there are.

Assembler, disassembler, encoder, decoder, the `isa` dialect's operations, the rules that programs
obey and the reference page all come from `INSTRUCTIONS`. A new instruction is a row here, its
shape rule in `isa_rules.py`, and its meaning and cost in the emulator.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from textwrap import indent
from types import MappingProxyType
from typing import Final, Literal

from .isa_operands import I32, MAX_LOOPS, U8, U16, U32, ElementType

ISA_VERSION: Final = 1
"""Raised whenever an encoding or a meaning changes; programs of other versions are refused."""


class UnitKind(StrEnum):
    """The kinds of queues that an instruction may belong to."""

    DMA = "dma"
    ARRAY = "array"
    VECTOR = "vector"
    ANY = "any"


class Kind(StrEnum):
    """The kinds of operands: the numbers, and what is more than a number."""

    U8 = "u8"
    U16 = "u16"
    U32 = "u32"
    I32 = "i32"
    F32 = "f32"
    SEMAPHORE = "semaphore"
    UNIT = "unit"
    VIEW = "view"
    LEVELS = "levels"


BOUNDS: Final[Mapping[Kind, tuple[int, int]]] = MappingProxyType(
    {Kind.U8: U8, Kind.U16: U16, Kind.U32: U32, Kind.I32: I32, Kind.SEMAPHORE: U16}
)
"""Smallest and largest value of each kind of integer."""

_BYTES = (ElementType.U8, ElementType.I8)
_I32 = (ElementType.I32,)


@dataclass(frozen=True, slots=True)
class Field:
    """One operand of an instruction.

    `bounds` narrows the range of an integer. For a view, `access` says whether the instruction
    reads or writes it, `rank` and `types` what it must be (None: anything), and `scope` whether
    it must be a local or a global view (None: either).
    """

    name: str
    kind: Kind
    doc: str
    bounds: tuple[int, int] | None = None
    access: Literal["read", "write"] = "read"
    rank: int | None = None
    types: tuple[ElementType, ...] | None = None
    scope: Literal["local", "global"] | None = None

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest value of an integer field."""
        return self.bounds or BOUNDS[self.kind]


@dataclass(frozen=True)
class InstructionSpec:
    """A row of the table; `unit` is None for instructions that belong to every queue."""

    mnemonic: str
    opcode: int
    unit: UnitKind | None
    fields: tuple[Field, ...]
    summary: str
    doc: str

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """The fields by name."""
        return {field.name: field for field in self.fields}

    @property
    def views(self) -> tuple[Field, ...]:
        """The fields that are views."""
        return tuple(field for field in self.fields if field.kind is Kind.VIEW)


def _view(
    name: str,
    doc: str,
    *,
    access: Literal["read", "write"] = "read",
    rank: int | None = None,
    types: tuple[ElementType, ...] | None = None,
    scope: Literal["local", "global"] | None = None,
) -> Field:
    return Field(name, Kind.VIEW, doc, None, access, rank, types, scope)


def _unit(doc: str) -> Field:
    return Field("unit", Kind.UNIT, doc)


_SRC_ZERO = Field("src_zero", Kind.I32, "zero point of the source")
_DST_ZERO = Field("dst_zero", Kind.I32, "zero point of the result")
_CLAMP = (
    Field("lo", Kind.I32, "smallest value of the result, in its own codes"),
    Field("hi", Kind.I32, "largest value of the result"),
)
_WINDOW = (
    Field("stride_y", Kind.U8, "source rows from one output row to the next", (1, U8[1])),
    Field("stride_x", Kind.U8, "source columns from one output column to the next", (1, U8[1])),
    Field("dil_y", Kind.U8, "source rows from one kernel row to the next", (1, U8[1])),
    Field("dil_x", Kind.U8, "source columns from one kernel column to the next", (1, U8[1])),
)
_REDUCE = Field("reduce", Kind.LEVELS, "loop levels over which the accumulators accumulate")
_GROUP = (
    _unit("the group's lowest unit"),
    Field("units", Kind.U8, "array units in the group, from `unit` on", (1, U8[1])),
    Field("chain", Kind.U8, "units chained along input channels", (1, U8[1])),
    Field("cols", Kind.U8, "units side by side along output channels", (1, U8[1])),
    Field("pixels", Kind.U8, "units side by side along output pixels", (1, U8[1])),
    Field("groups", Kind.U8, "units side by side along channel groups", (1, U8[1])),
    Field("mode", Kind.U8, "index of the mode in the array's list"),
    Field("act_bits", Kind.U8, "width of activations in bits", (2, 8)),
    Field("wgt_bits", Kind.U8, "width of weights in bits", (2, 8)),
)
_PARAMETERS = _view(
    "par",
    "per output channel (k, 3): bias, bits of the float32 multiplier, zero point of the weights",
    rank=2,
    types=_I32,
)

_CONV_LOOPS = """\
for each (oy, ox, k) valid in dst:
  if every counter in reduce is 0: acc[oy,ox,k] = 0
  for ky, kx{channels}:
    acc[oy,ox,k] += (src[oy*stride_y + ky*dil_y, ox*stride_x + kx*dil_x, {channel}] - src_zero)
                    * (wgt[{weight}] - par[k,2])
  if every counter in reduce is at its last:
    sum = acc[oy,ox,k] + par[k,0]                       # beyond int32: an error
    dst[oy,ox,k] = sum                                  # if dst is i32, else
    dst[oy,ox,k] = clip(rint(f32(sum) * f32bits(par[k,1])) + dst_zero, lo, hi)
"""

_ROWS = (
    InstructionSpec(
        "sem",
        0x01,
        None,
        (
            Field("id", Kind.U16, "the semaphore's number"),
            Field("credits", Kind.U16, "signals that count as given at the start"),
        ),
        "declare a semaphore",
        "Before every other instruction. Exactly one queue signals it and exactly one waits.",
    ),
    InstructionSpec(
        "loop",
        0x02,
        None,
        (Field("count", Kind.U32, "iterations", (1, U32[1])),),
        "repeat the instructions up to the matching end",
        f"Loops nest at most {MAX_LOOPS} deep. Every queue runs its own instructions of the body, "
        "`count` times.\n\n"
        "    for i<level> in 0 .. count-1: body",
    ),
    InstructionSpec("end", 0x03, None, (), "end the innermost loop", "Closes one `loop`."),
    InstructionSpec(
        "halt", 0x04, None, (), "end the program", "The last instruction, outside all loops."
    ),
    InstructionSpec(
        "wait",
        0x08,
        UnitKind.ANY,
        (
            _unit("the queue that waits"),
            Field("sem", Kind.SEMAPHORE, "the semaphore"),
        ),
        "block the queue until a signal",
        "The n-th wait pairs with the n-th signal; the credits count as the first signals.",
    ),
    InstructionSpec(
        "signal",
        0x09,
        UnitKind.ANY,
        (
            _unit("the queue that signals"),
            Field("sem", Kind.SEMAPHORE, "the semaphore"),
        ),
        "release one wait",
        "Fires when all earlier instructions of its queue are complete.",
    ),
    InstructionSpec(
        "prefetch",
        0x10,
        UnitKind.ARRAY,
        _GROUP,
        "load a configuration into the shadow registers",
        "The `configure` with the same operands that follows costs the switch alone.",
    ),
    InstructionSpec(
        "configure",
        0x11,
        UnitKind.ARRAY,
        _GROUP,
        "fold array units into a group",
        "Belongs to the queues of all units that it names: it waits for them and orders them. The "
        "group then runs in the queue of its lowest unit. `chain * cols * pixels * groups` is "
        "`units`; all are units of one array.",
    ),
    InstructionSpec(
        "load",
        0x20,
        UnitKind.DMA,
        (
            _unit("the DMA class"),
            _view("src", "elements of a tensor in DRAM", scope="global"),
            _view("dst", "a tile on chip", access="write", scope="local"),
            Field("pad", Kind.I32, "value of elements outside the source, cut to the element"),
        ),
        "copy a tile onto the chip, filling what lies outside the tensor",
        "Sizes and element widths of both views are equal.\n\n"
        "    for each j valid in dst: dst[j] = src[j] if j is valid in src else pad",
    ),
    InstructionSpec(
        "store",
        0x21,
        UnitKind.DMA,
        (
            _unit("the DMA class"),
            _view("src", "a tile on chip", scope="local"),
            _view("dst", "elements of a tensor in DRAM", access="write", scope="global"),
        ),
        "copy a tile off the chip, dropping what lies outside the tensor",
        "Sizes and element widths of both views are equal.\n\n"
        "    for each j valid in src and in dst: dst[j] = src[j]",
    ),
    InstructionSpec(
        "conv",
        0x30,
        UnitKind.ARRAY,
        (
            _unit("the group's lowest unit"),
            _view("src", "input (rows, columns, channels), halo included", rank=3),
            _view("wgt", "weights (k, kernel rows, kernel columns, channels)", rank=4),
            _PARAMETERS,
            _view("dst", "output (rows, columns, k)", access="write", rank=3),
            *_WINDOW,
            _SRC_ZERO,
            _DST_ZERO,
            *_CLAMP,
            _REDUCE,
        ),
        "convolve (or multiply matrices), accumulate, requantise",
        "Only what is valid in dst is computed, and only channels valid in src are read; a matrix "
        "product is a convolution with a 1x1 kernel over one row. Accumulators live in the array "
        "from the first to the last iteration of the `reduce` loops.\n\n"
        + indent(
            _CONV_LOOPS.format(channels=", c valid in src", channel="c", weight="k,ky,kx,c"),
            "    ",
        ),
    ),
    InstructionSpec(
        "dwconv",
        0x31,
        UnitKind.ARRAY,
        (
            _unit("the group's lowest unit"),
            _view("src", "input (rows, columns, channels), halo included", rank=3),
            _view("wgt", "weights (k, kernel rows, kernel columns)", rank=3),
            _PARAMETERS,
            _view("dst", "output (rows, columns, k)", access="write", rank=3),
            Field("mult", Kind.U16, "output channels per input channel", (1, U16[1])),
            *_WINDOW,
            _SRC_ZERO,
            _DST_ZERO,
            *_CLAMP,
            _REDUCE,
        ),
        "depthwise convolution",
        "Output channel k reads source channel k // mult.\n\n"
        + indent(_CONV_LOOPS.format(channels="", channel="k // mult", weight="k,ky,kx"), "    "),
    ),
    InstructionSpec(
        "vadd",
        0x40,
        UnitKind.VECTOR,
        (
            _unit("the vector class"),
            _view("a", "left operand"),
            _view("b", "right operand; a stride of 0 broadcasts it"),
            _view("dst", "result", access="write"),
            Field("ra", Kind.F32, "multiplier of a: its scale over the result's"),
            Field("rb", Kind.F32, "multiplier of b"),
            Field("fix", Kind.F32, "the result's zero point less those of a and b, rescaled"),
            *_CLAMP,
        ),
        "add two tensors",
        "    for each j valid in dst:\n"
        "      dst[j] = clip(rint(fma(b[j], rb, fma(a[j], ra, fix))), lo, hi)",
    ),
    InstructionSpec(
        "vmul",
        0x41,
        UnitKind.VECTOR,
        (
            _unit("the vector class"),
            _view("a", "left operand"),
            _view("b", "right operand; a stride of 0 broadcasts it"),
            _view("dst", "result", access="write"),
            Field("a_zero", Kind.I32, "zero point of a"),
            Field("b_zero", Kind.I32, "zero point of b"),
            Field("m", Kind.F32, "multiplier: the product of their scales over the result's"),
            _DST_ZERO,
            *_CLAMP,
        ),
        "multiply two tensors, element by element",
        "    for each j valid in dst:\n"
        "      product = (a[j] - a_zero) * (b[j] - b_zero)\n"
        "      dst[j] = clip(rint(f32(f32(product) * m) + dst_zero), lo, hi)",
    ),
    InstructionSpec(
        "vlut",
        0x42,
        UnitKind.VECTOR,
        (
            _unit("the vector class"),
            _view("src", "elements of at most 8 bits"),
            _view("table", "256 bytes", rank=1, types=_BYTES),
            _view("dst", "result", access="write"),
        ),
        "look every element up in a table",
        "The stored code, taken as an unsigned number, is the index.\n\n"
        "    for each j valid in dst: dst[j] = table[unsigned(src[j])]",
    ),
    InstructionSpec(
        "vquant",
        0x43,
        UnitKind.VECTOR,
        (
            _unit("the vector class"),
            _view("src", "accumulators, or elements to rescale"),
            _PARAMETERS,
            _view("dst", "result", access="write"),
            _SRC_ZERO,
            _DST_ZERO,
            *_CLAMP,
        ),
        "requantise, channel by channel",
        "    for each j valid in dst, k = j's last coordinate:\n"
        "      dst[j] = clip(rint(f32(src[j] - src_zero + par[k,0]) * f32bits(par[k,1]))\n"
        "                    + dst_zero, lo, hi)",
    ),
    InstructionSpec(
        "vpool",
        0x44,
        UnitKind.VECTOR,
        (
            _unit("the vector class"),
            _view("src", "input (rows, columns, channels), halo included", rank=3),
            _view("dst", "output (rows, columns, channels)", access="write", rank=3),
            Field("kind", Kind.U8, "0 maximum, 1 average, 2 global average", (0, 2)),
            Field("kernel_y", Kind.U16, "rows of the window", (1, U16[1])),
            Field("kernel_x", Kind.U16, "columns of the window", (1, U16[1])),
            *_WINDOW,
            _SRC_ZERO,
            _DST_ZERO,
            Field("src_scale", Kind.F32, "scale of the source"),
            Field("dst_scale", Kind.F32, "scale of the result"),
            *_CLAMP,
            Field("include_pad", Kind.U8, "1: an average counts padding as zeros", (0, 1)),
        ),
        "pool over windows",
        "Elements invalid in src are padding: ignored, or counted as zeros by an average with "
        "`include_pad`.\n\n"
        "    for each (oy, ox, c) valid in dst:\n"
        "      w = [src[oy*stride_y + ky*dil_y, ox*stride_x + kx*dil_x, c] for ky, kx if valid]\n"
        "      n = kernel_y * kernel_x if include_pad else len(w)\n"
        "      maximum:        dst = clip(max(w), lo, hi)\n"
        "      average:        m = f32(src_scale / f32(n * dst_scale))\n"
        "                      dst = clip(rint(sum(w - src_zero) * m + dst_zero), lo, hi)\n"
        "      global average: dst = clip(rint(sum(w - src_zero) * m) + dst_zero, lo, hi)",
    ),
)

INSTRUCTIONS: Final[Mapping[str, InstructionSpec]] = MappingProxyType(
    {row.mnemonic: row for row in _ROWS}
)
"""Every instruction by its mnemonic, in the order of the opcodes."""

BY_OPCODE: Final[Mapping[int, InstructionSpec]] = MappingProxyType(
    {row.opcode: row for row in _ROWS}
)
"""Every instruction by its opcode."""
