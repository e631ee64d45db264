"""The binary form of programs.

All numbers are little endian. A file is

    magic "TFLD", ISA version u16
    machine, digest, network: strings (length u16, UTF-8)
    dma, arrays, vectors, memories: lists of strings (count u16)
    number of instructions u32
    instructions: opcode u8, then the operands in the order of the table

| operand | bytes |
|---|---|
| u8 u16 u32 i32 f32 | fixed width |
| semaphore, unit | u16 (a unit's index in the header) |
| levels | u8, one bit per loop level |
| view | tag u8 (type in bits 0-3, local in 4, ring in 5), memory u8, base u32, [ring: depth u16, \
stride u32, level u8], number of dims u8, dims |
| dim | tag u8 (bit 0: a constant, bit 1: an extent, bits 2-4: number of terms), [constant i32], \
terms (level u8, coefficient i32), size u32, [extent u32], stride i32 |

Constants of 0 and extents equal to the size are left out: every program has exactly one encoding,
and the decoder refuses any other.
"""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, cast

from ..dialects.isa_operands import Affine, Dim, ElementType, Operand, Ring, View
from ..dialects.isa_rules import Rules, RuleViolation
from ..dialects.isa_table import BY_OPCODE, INSTRUCTIONS, ISA_VERSION, Kind
from ..errors import TilefoldError
from .code import Code, Header, Instruction

MAGIC: Final = b"TFLD"

_NUMBERS: Final[Mapping[Kind, struct.Struct]] = MappingProxyType(
    {
        Kind.U8: struct.Struct("<B"),
        Kind.U16: struct.Struct("<H"),
        Kind.U32: struct.Struct("<I"),
        Kind.I32: struct.Struct("<i"),
        Kind.F32: struct.Struct("<f"),
        Kind.SEMAPHORE: struct.Struct("<H"),
    }
)
_TYPES: Final = tuple(ElementType)
_LOCAL, _RING = 1 << 4, 1 << 5
_CONST, _EXTENT, _TERMS = 1 << 0, 1 << 1, 2


def encode(code: Code) -> bytes:
    """The bytes of `code`; raises `TilefoldError` if it breaks a rule of the ISA."""
    code.check()
    writer = _Writer(code.header)
    writer.number(Kind.U32, len(code.instructions))
    for instruction in code.instructions:
        writer.instruction(instruction)
    return bytes(writer.data)


def decode(data: bytes) -> Code:
    """The program in `data`; raises `TilefoldError` naming the byte where it goes wrong."""
    reader = _Reader(data)
    try:
        return reader.code()
    except (RuleViolation, ValueError) as error:
        raise TilefoldError(f"program code: byte {reader.mark:#x}: {error}") from None


class _Writer:
    """Appends a checked program to `data`."""

    def __init__(self, header: Header):
        self.data = bytearray(MAGIC + struct.pack("<H", ISA_VERSION))
        self.units = {name: index for index, name in enumerate(header.units)}
        self.memories = {name: index for index, name in enumerate(header.memories)}
        for text in (header.machine, header.digest, header.network):
            self.string(text)
        for names in (header.dma, header.arrays, header.vectors, header.memories):
            self.number(Kind.U16, len(names))
            for name in names:
                self.string(name)

    def number(self, kind: Kind, value: float) -> None:
        self.data += _NUMBERS[kind].pack(value)

    def string(self, text: str) -> None:
        raw = text.encode()
        self.number(Kind.U16, len(raw))
        self.data += raw

    def instruction(self, instruction: Instruction) -> None:
        spec = INSTRUCTIONS[instruction.mnemonic]
        self.number(Kind.U8, spec.opcode)
        for field in spec.fields:
            self.operand(field.kind, instruction.operands[field.name])

    def operand(self, kind: Kind, value: Operand) -> None:
        match value:
            case View():
                self.view(value)
            case str():
                self.number(Kind.U16, self.units[value])
            case frozenset():
                self.number(Kind.U8, sum(1 << level for level in value))
            case _:
                self.number(kind, value)

    def view(self, view: View) -> None:
        tag = _TYPES.index(view.type) | (_LOCAL if view.local else 0) | (_RING if view.ring else 0)
        self.data += struct.pack("<BBI", tag, self.memories[view.memory], view.base)
        if view.ring:
            self.data += struct.pack("<HIB", view.ring.depth, view.ring.stride, view.ring.level)
        self.number(Kind.U8, len(view.dims))
        for dim in view.dims:
            self.dim(dim)

    def dim(self, dim: Dim) -> None:
        origin, clipped = dim.origin, dim.extent != dim.size
        tag = len(origin.terms) << _TERMS
        tag |= (_CONST if origin.const else 0) | (_EXTENT if clipped else 0)
        self.number(Kind.U8, tag)
        if origin.const:
            self.number(Kind.I32, origin.const)
        for level, coefficient in origin.terms:
            self.data += struct.pack("<Bi", level, coefficient)
        self.number(Kind.U32, dim.size)
        if clipped:
            self.number(Kind.U32, dim.extent)
        self.number(Kind.I32, dim.stride)


class _Reader:
    """Reads a program from the front of `data`; `mark` is where the thing being read starts."""

    def __init__(self, data: bytes):
        self.data = data
        self.position = 0
        self.mark = 0
        self.units: tuple[str, ...] = ()
        self.memories: tuple[str, ...] = ()

    def code(self) -> Code:
        if self.take(len(MAGIC)) != MAGIC:
            raise ValueError("not a Tilefold program")
        version = self.integer(Kind.U16)
        if version != ISA_VERSION:
            raise ValueError(f"ISA version {version}, but this is version {ISA_VERSION}")
        header = self.header()
        rules = Rules(header)
        count = self.integer(Kind.U32)
        instructions: list[Instruction] = []
        for _ in range(count):
            start = self.position
            instruction = self.instruction()
            self.mark = start
            rules.instruction(instruction.mnemonic, instruction.operands)
            instructions.append(instruction)
        self.mark = self.position
        rules.finish()
        if self.position != len(self.data):
            raise ValueError(f"{len(self.data) - self.position} bytes after the end")
        return Code(header, tuple(instructions))

    def header(self) -> Header:
        machine, digest, network = self.string(), self.string(), self.string()
        dma, arrays, vectors, memories = (self.strings() for _ in range(4))
        header = Header(machine, digest, network, dma, arrays, vectors, memories)
        self.units, self.memories = header.units, memories
        return header

    def take(self, size: int) -> bytes:
        self.mark = self.position
        taken = self.data[self.position : self.position + size]
        if len(taken) < size:
            raise ValueError("the program is cut off")
        self.position += size
        return taken

    def number(self, kind: Kind) -> int | float:
        form = _NUMBERS[kind]
        return form.unpack(self.take(form.size))[0]

    def integer(self, kind: Kind) -> int:
        return cast(int, self.number(kind))

    def string(self) -> str:
        return self.take(self.integer(Kind.U16)).decode()

    def strings(self) -> tuple[str, ...]:
        return tuple(self.string() for _ in range(self.integer(Kind.U16)))

    def instruction(self) -> Instruction:
        opcode = self.integer(Kind.U8)
        spec = BY_OPCODE.get(opcode)
        if spec is None:
            raise ValueError(f"unknown opcode {opcode:#04x}")
        read = {Kind.UNIT: self.unit, Kind.VIEW: self.view, Kind.LEVELS: self.levels}
        operands: dict[str, Operand] = {}
        for field in spec.fields:
            operands[field.name] = (
                read[field.kind]() if field.kind in read else self.number(field.kind)
            )
        return Instruction(spec.mnemonic, operands)

    def unit(self) -> str:
        return self.name(self.integer(Kind.U16), self.units, "unit")

    def name(self, index: int, names: tuple[str, ...], what: str) -> str:
        if index >= len(names):
            raise ValueError(f"{what} index {index}, but there are {len(names)}")
        return names[index]

    def levels(self) -> frozenset[int]:
        bits = self.integer(Kind.U8)
        return frozenset(level for level in range(8) if bits >> level & 1)

    def view(self) -> View:
        tag = self.integer(Kind.U8)
        if tag >> 6 or (tag & 15) >= len(_TYPES):
            raise ValueError(f"view tag {tag:#04x}")
        memory = self.name(self.integer(Kind.U8), self.memories, "memory")
        base = self.integer(Kind.U32)
        ring = None
        if tag & _RING:
            depth, stride, level = (self.integer(k) for k in (Kind.U16, Kind.U32, Kind.U8))
            ring = Ring(depth, stride, level)
        dims = tuple(self.dim() for _ in range(self.integer(Kind.U8)))
        return View(memory, base, ring, _TYPES[tag & 15], bool(tag & _LOCAL), dims)

    def dim(self) -> Dim:
        start = self.position
        tag = self.integer(Kind.U8)
        const = self.integer(Kind.I32) if tag & _CONST else 0
        terms = tuple(
            (self.integer(Kind.U8), self.integer(Kind.I32)) for _ in range(tag >> _TERMS & 7)
        )
        size = self.integer(Kind.U32)
        extent = self.integer(Kind.U32) if tag & _EXTENT else size
        stride = self.integer(Kind.I32)
        self.mark = start
        if tag >> 5 or (tag & _CONST and not const) or (tag & _EXTENT and extent == size):
            raise ValueError("a dimension that is not in its one canonical form")
        return Dim(Affine(const, terms), size, extent, stride)
