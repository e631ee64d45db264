"""A machine as plain data, read from the `fabric` dialect.

Every dataclass mirrors one operation of `tilefold.dialects.fabric`, field by field (their meaning
and units are in `docs/machines.md`); what is added here is what follows from the fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from itertools import product
from math import prod
from typing import Any, Literal, TypeAlias, TypeVar

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, UnregisteredConstructException, VerifyException

from ..dialects import fabric
from ..dialects.fields import FieldOp
from ..errors import TilefoldError

Operand: TypeAlias = Literal["I", "W", "O"]
Direction: TypeAlias = Literal["load", "store"]


@dataclass(frozen=True)
class Memory:
    """The DRAM or an SRAM."""

    name: str
    kind: str
    bytes: int
    bytes_per_cycle: int
    burst: int
    latency_cycles: int
    line: int
    banks: int
    ports: int
    conflicts: bool
    holds: tuple[str, ...]
    standard: str
    src: str

    @property
    def bandwidth(self) -> int:
        """Bytes a cycle when every bank is busy."""
        return self.bytes_per_cycle or self.line * self.banks * self.ports


@dataclass(frozen=True)
class Dma:
    """A class of DMA engines: one queue."""

    name: str
    path: tuple[str, str]
    count: int
    bytes_per_cycle: int
    src: str


@dataclass(frozen=True)
class Local:
    """The registers that keep an operand in an array."""

    name: str
    operand: str
    axis: str
    planes: int
    rows_per_cycle: int
    rows: str
    unload: str
    src: str


@dataclass(frozen=True)
class Accumulator:
    """The accumulators at the end of each column."""

    name: str
    lines: int
    bits: int
    planes: int
    src: str


@dataclass(frozen=True)
class Mode:
    """A dataflow: for each axis (name, loops unrolled along it), and (loop, most positions)."""

    name: str
    spatial: tuple[tuple[str, tuple[str, ...]], ...]
    stays: str
    flat: bool
    drain: str
    src: str
    limit: tuple[tuple[str, int], ...] = ()

    def unrolls(self, dim: str) -> bool:
        """Whether the mode runs the loop `dim` in space."""
        return any(dim in dims for _, dims in self.spatial)


@dataclass(frozen=True)
class Array:
    """A class of `count` equal compute arrays; `axes` are (name, size)."""

    name: str
    count: int
    axes: tuple[tuple[str, int], ...]
    precisions: tuple[tuple[int, int, int], ...]
    feed: str
    span: str
    locals: tuple[Local, ...]
    accumulator: Accumulator
    modes: tuple[Mode, ...]
    src: str

    @property
    def multipliers(self) -> int:
        """Multipliers in one unit."""
        return prod(size for _, size in self.axes)

    def local_for(self, mode: Mode) -> Local:
        """The registers of the operand that stays in a mode."""
        return next(local for local in self.locals if local.operand == mode.stays)

    def empties_each_pass(self, mode: Mode) -> bool:
        """Whether a pass starts only when the sums of the one before have crossed the grid."""
        return mode.drain == "each_pass" or (not mode.drain and self.local_for(mode).planes == 1)

    def products(self, act_bits: int, wgt_bits: int) -> int:
        """Products per multiplier and cycle, in the best precision at least that wide.

        Raises TilefoldError if none is.
        """
        wide = [n for a, w, n in self.precisions if a >= act_bits and w >= wgt_bits]
        if not wide:
            have = ", ".join(f"{a} x {w}" for a, w, _ in self.precisions)
            raise TilefoldError(
                f"@{self.name} cannot multiply {act_bits}-bit activations by {wgt_bits}-bit "
                f"weights; its precisions are {have}"
            )
        return max(wide)


@dataclass(frozen=True)
class Vector:
    """A class of vector units: one queue."""

    name: str
    count: int
    lanes: int
    paths: tuple[tuple[str, str], ...]
    src: str

    @property
    def elements_per_cycle(self) -> int:
        """Elements that all its units read in a cycle."""
        return self.count * self.lanes


@dataclass(frozen=True)
class Fold:
    """How a group divides a layer: channel chains, output channels, output pixels, groups."""

    chain: int = 1
    cols: int = 1
    pixels: int = 1
    groups: int = 1

    @property
    def units(self) -> int:
        """Units in the group."""
        return self.chain * self.cols * self.pixels * self.groups


@dataclass(frozen=True)
class Folds:
    """The legal folds of the array `of`, and what a change of configuration costs."""

    name: str
    of: str
    c: tuple[int, ...]
    k: tuple[int, ...]
    p: tuple[int, ...]
    g: tuple[int, ...]
    hop_cycles: int
    shadow: bool
    config_bytes: int
    switch_cycles: int
    src: str


FIXED = Folds("fixed", "", (1,), (1,), (1,), (1,), 0, False, 0, 0, "no fabric.folds")
"""The folds of an array that declares none: its units work alone and changing mode is free."""

Part: TypeAlias = Memory | Dma | Array | Vector | Folds
_PartT = TypeVar("_PartT", Memory, Dma, Array, Vector, Folds)


@dataclass(frozen=True)
class Machine:
    """A machine; `parts` are in the order of its file and `text` is its canonical form.

    `technology` is a table of `costmodel.technology`; without one ("") a machine has no energy.
    """

    name: str
    hz: int
    technology: str
    src: str
    parts: tuple[Part, ...]
    text: str

    def _parts(self, kind: type[_PartT]) -> tuple[_PartT, ...]:
        return tuple(part for part in self.parts if isinstance(part, kind))

    @cached_property
    def memories(self) -> tuple[Memory, ...]:
        """The memories in file order."""
        return self._parts(Memory)

    @cached_property
    def dmas(self) -> tuple[Dma, ...]:
        """The DMA classes in file order."""
        return self._parts(Dma)

    @cached_property
    def arrays(self) -> tuple[Array, ...]:
        """The array classes in file order."""
        return self._parts(Array)

    @cached_property
    def vectors(self) -> tuple[Vector, ...]:
        """The vector classes in file order."""
        return self._parts(Vector)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def _units(self) -> dict[str, Dma | Array | Vector]:
        units: dict[str, Dma | Array | Vector] = {}
        for part in self.parts:
            match part:
                case Array():
                    units |= {f"{part.name}.{i}": part for i in range(part.count)}
                case Dma() | Vector():
                    units[part.name] = part
                case _:
                    pass
        return units

    @cached_property
    def units(self) -> tuple[str, ...]:
        """The units, one queue each: DMA and vector classes `NAME`, array units `NAME.i`."""
        return tuple(self._units)

    def unit(self, name: str) -> Dma | Array | Vector:
        """The class that a unit belongs to; TilefoldError if there is no such unit."""
        if name not in self._units:
            raise TilefoldError(
                f"machine {self.name} has no unit @{name}; it has {', '.join(self.units)}"
            )
        return self._units[name]

    def unit_kind(self, name: str) -> Literal["dma", "array", "vector"]:
        """What kind of unit `name` is."""
        part = self.unit(name)
        return "dma" if isinstance(part, Dma) else "array" if isinstance(part, Array) else "vector"

    def memory(self, name: str) -> Memory:
        """The memory of that name; TilefoldError if there is none."""
        return self._named(self.memories, name, "memory")

    def array(self, name: str) -> Array:
        """The array class of that name; TilefoldError if there is none."""
        return self._named(self.arrays, name, "array")

    def _named(self, parts: tuple[_PartT, ...], name: str, what: str) -> _PartT:
        for part in parts:
            if part.name == name:
                return part
        have = ", ".join(f"@{part.name}" for part in parts)
        raise TilefoldError(f"machine {self.name} has no {what} @{name}; it has {have}")

    @cached_property
    def dram(self) -> Memory:
        """The one DRAM."""
        return next(memory for memory in self.memories if memory.kind == "dram")

    def memory_for(self, operand: Operand) -> Memory:
        """The memory on the chip that holds inputs "I", weights "W" or outputs "O"."""
        return next(memory for memory in self.memories if operand in memory.holds)

    def dma_for(self, source: str, target: str) -> Dma:
        """The first DMA class with that path; TilefoldError if there is none."""
        for dma in self.dmas:
            if dma.path == (source, target):
                return dma
        raise TilefoldError(f"machine {self.name} has no DMA from @{source} to @{target}")

    def dma_for_operand(self, operand: Operand, direction: Direction) -> Dma:
        """The DMA class that loads an operand from DRAM, or stores it there."""
        ends = (self.dram.name, self.memory_for(operand).name)
        return self.dma_for(*(ends if direction == "load" else ends[::-1]))

    def vector_for(self, source: str, target: str) -> Vector:
        """The first vector class with that path; TilefoldError if there is none."""
        for vector in self.vectors:
            if (source, target) in vector.paths:
                return vector
        raise TilefoldError(f"machine {self.name} has no vector unit from @{source} to @{target}")

    def drain_for(self, array: Array) -> Vector:
        """The vector class through which an array's results reach the memory of outputs."""
        return self.vector_for(array.accumulator.name, self.memory_for("O").name)

    def lanes_beside(self, array: Array) -> Vector:
        """The vector class that goes on with an array's results: that which they drain through.

        Where it does not reach the memory of outputs from there, the first class that does.
        """
        memory, drain = self.memory_for("O").name, self.drain_for(array)
        return drain if (memory, memory) in drain.paths else self.vector_for(memory, memory)

    def folds_for(self, array: str) -> Folds:
        """The folds that an array class declares, `FIXED` if none."""
        return next((part for part in self._parts(Folds) if part.of == array), FIXED)

    def folds(self, array: str) -> tuple[Fold, ...]:
        """Every legal fold of an array class, the smallest group first."""
        count, legal = self.array(array).count, self.folds_for(array)
        every = (Fold(*factors) for factors in product(legal.c, legal.k, legal.p, legal.g))
        return tuple(sorted((f for f in every if f.units <= count), key=lambda f: f.units))


def fold_of(attribute: fabric.FoldAttr) -> Fold:
    """The four factors of a `#fabric.fold`."""
    numbers = attribute.numbers()
    return Fold(numbers["chain"], numbers["cols"], numbers["pixels"], numbers["groups"])


def check_fold(machine: Machine, attribute: fabric.FoldAttr) -> None:
    """Refuse, with a TilefoldError, a `#fabric.fold` that the machine cannot take."""
    array = machine.array(attribute.array.data)
    numbers, fold, legal = attribute.numbers(), fold_of(attribute), machine.folds_for(array.name)
    if numbers["first"] + fold.units > array.count:
        raise TilefoldError(
            f"a fold of {fold.units} units from @{array.name}.{numbers['first']} on does not fit "
            f"machine {machine.name}, whose @{array.name} has {array.count} units"
        )
    for factor, allowed, axis in (
        (fold.chain, legal.c, "chain"),
        (fold.cols, legal.k, "cols"),
        (fold.pixels, legal.p, "pixels"),
        (fold.groups, legal.g, "groups"),
    ):
        if factor not in allowed:
            listed = ", ".join(map(str, allowed))
            raise TilefoldError(
                f"@{array.name} of machine {machine.name} cannot fold with {axis} = {factor}; "
                f"it allows {listed}"
            )
    if numbers["mode"] >= len(array.modes):
        raise TilefoldError(
            f"@{array.name} has {len(array.modes)} modes, there is no mode {numbers['mode']}"
        )
    array.products(numbers["act_bits"], numbers["wgt_bits"])


def parse_machine(text: str, filename: str) -> Machine:
    """Read a machine from MLIR text with exactly one `fabric.machine`.

    Raises TilefoldError naming file, line and column of the offending field.
    """
    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(fabric.Fabric)
    try:
        module = Parser(context, text, filename).parse_module()
    except ParseError as error:
        raise TilefoldError(f"{error.span.get_location()}: {error.msg}") from None
    except (VerifyException, UnregisteredConstructException) as error:
        raise TilefoldError(f"{filename}: {error}") from None
    return _machine_of(module, filename)


def _machine_of(module: ModuleOp, filename: str) -> Machine:
    ops = list(module.ops)
    if len(ops) != 1 or not isinstance(ops[0], fabric.MachineOp):
        raise TilefoldError(f"{filename}: a machine file holds exactly one fabric.machine")
    machine = ops[0]
    for fault in machine.faults():
        raise TilefoldError(f"{filename}: {fault.op.label}: {fault.message}")
    stream = StringIO()
    Printer(stream=stream).print_op(machine)
    parts = tuple(map(_part, machine.children()))
    return Machine(**machine.values(), parts=parts, text=stream.getvalue() + "\n")


def _part(op: FieldOp) -> Part:
    values = op.values()
    match op:
        case fabric.MemoryOp():
            return Memory(**values)
        case fabric.DmaOp():
            return Dma(**values)
        case fabric.ArrayOp():
            values["axes"] = tuple(values["axes"].items())
            return Array(**values, **_array_parts(op))
        case fabric.VectorOp():
            return Vector(**values)
        case _:
            return Folds(**values)


def _array_parts(array: FieldOp) -> dict[str, Any]:
    def of(kind: type[FieldOp]) -> Iterator[dict[str, Any]]:
        return (op.values() for op in array.children() if isinstance(op, kind))

    modes = list(of(fabric.ModeOp))
    for mode in modes:
        for field in ("spatial", "limit"):
            mode[field] = tuple(mode[field].items())
    return {
        "locals": tuple(Local(**local) for local in of(fabric.LocalOp)),
        "accumulator": Accumulator(**next(of(fabric.AccumulatorOp))),
        "modes": tuple(Mode(**mode) for mode in modes),
    }
