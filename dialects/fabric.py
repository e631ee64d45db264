"""The `fabric` dialect: machines as data, and how a network's layers occupy them.

A `fabric.machine` holds memories, DMA engines, compute arrays, vector units and the ways in which
arrays fold into groups. Nothing here executes: `tilefold.machines` reads a machine into plain
dataclasses, and the cost model, the passes and the emulator work on those.

    fabric.machine @example {hz = 800000000, src = "assumed"} {
      fabric.memory @dram {kind = "dram", bytes = 4294967296, bytes_per_cycle = 8, burst = 64, ...}
      fabric.array @conv {count = 6, axes = {y = 64, x = 64}, precisions = [[8, 8, 1]], ...} {
        fabric.mode @dense {spatial = {y = ["C"], x = ["K"]}, stays = "W", ...}
      }
    }

The attributes `#fabric.fold` and `#fabric.configuration` say which arrays a layer occupies.
"""

from collections.abc import Iterator
from math import prod
from typing import ClassVar, cast

from xdsl.dialects.builtin import ArrayAttr, IntAttr, StringAttr
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute
from xdsl.irdl import irdl_attr_definition, irdl_op_definition, param_def, traits_def
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import SymbolTable
from xdsl.utils.exceptions import VerifyException

from .fabric_array import OPERANDS, SRC, AccumulatorOp, ArrayOp, LocalOp, ModeOp
from .fields import Fault, Field, FieldOp, boolean, choice, integer, list_of, symbol, text
from .numbers import format_numbers, parse_numbers

_OPERAND_LIST = list_of(choice(*OPERANDS))
_FACTORS = list_of(integer(1, 255))


@irdl_op_definition
class MemoryOp(FieldOp):
    """A memory: the one DRAM behind all ports, or an SRAM on the chip."""

    name = "fabric.memory"
    PARENT: ClassVar = "fabric.machine"
    FIELDS: ClassVar = (
        Field("kind", choice("dram", "sram"), "off the chip or on it", default="sram"),
        Field("bytes", integer(1, 1 << 32), "capacity", "bytes"),
        Field("bytes_per_cycle", integer(1, 1 << 16), "DRAM: bandwidth of all ports", "B/cycle", 0),
        Field("burst", integer(1, 1 << 12), "DRAM: smallest transfer", "bytes", 1),
        Field("latency_cycles", integer(0, 1 << 16), "from request to first byte", "cycles", 0),
        Field("line", integer(1, 1 << 12), "SRAM: width of a bank", "bytes", 0),
        Field("banks", integer(1, 1 << 10), "SRAM: banks; a bank is line mod banks", "", 1),
        Field("ports", integer(1, 16), "SRAM: accesses a bank takes in a cycle", "", 1),
        Field("conflicts", boolean(), "SRAM: accesses beyond a bank's ports wait", default=False),
        Field("holds", _OPERAND_LIST, "SRAM: the operands kept here", default=()),
        Field("standard", text(), "DRAM: its kind in the technology, such as lpddr4", default=""),
        SRC,
    )

    def faults(self) -> Iterator[Fault]:
        """Fields that the kind of memory lacks or must not have."""
        yield from super().faults()
        dram = self.get("kind") == "dram"
        for name in ("bytes_per_cycle",) if dram else ("line", "holds"):
            if name not in self.attributes:
                yield Fault(self, "", f"{self._kind()} needs the field `{name}`")
        banked = ("line", "banks", "ports", "conflicts", "holds")
        foreign = banked if dram else ("bytes_per_cycle", "burst", "standard")
        for name in foreign:
            if name in self.attributes:
                yield Fault(self, name, f"{self._kind()} has no field `{name}`")
        if not dram and self.get("bytes") % (self.get("banks") * self.get("line")):
            yield Fault(self, "bytes", "`bytes` must be a multiple of banks x line")

    def _kind(self) -> str:
        return "DRAM" if self.get("kind") == "dram" else "SRAM"


@irdl_op_definition
class DmaOp(FieldOp):
    """A class of DMA engines: one queue, whose transfers are striped over its engines."""

    name = "fabric.dma"
    PARENT: ClassVar = "fabric.machine"
    FIELDS: ClassVar = (
        Field("path", list_of(symbol(), 2, 2), "from which memory to which"),
        Field("count", integer(1, 64), "engines", default=1),
        Field("bytes_per_cycle", integer(1, 1 << 12), "bandwidth of one engine", "B/cycle"),
        SRC,
    )


@irdl_op_definition
class VectorOp(FieldOp):
    """A class of vector units: one queue, whose elements are spread over all lanes."""

    name = "fabric.vector"
    PARENT: ClassVar = "fabric.machine"
    FIELDS: ClassVar = (
        Field("count", integer(1, 64), "units", default=1),
        Field("lanes", integer(1, 1 << 12), "elements a unit reads in a cycle", "1/cycle"),
        Field(
            "paths",
            list_of(list_of(symbol(), 2, 2, distinct=False)),
            "[from, to]: an accumulator or a memory, and a memory",
        ),
        SRC,
    )


@irdl_op_definition
class FoldsOp(FieldOp):
    """How units of an array join into groups, and what a change of configuration costs."""

    name = "fabric.folds"
    PARENT: ClassVar = "fabric.machine"
    FIELDS: ClassVar = (
        Field("of", symbol(), "the array"),
        Field("c", _FACTORS, "lengths of chains that sum over input channels", default=(1,)),
        Field("k", _FACTORS, "ways to spread over output channels", default=(1,)),
        Field("p", _FACTORS, "ways to spread over output pixels", default=(1,)),
        Field("g", _FACTORS, "ways to spread over channel groups", default=(1,)),
        Field("hop_cycles", integer(0, 1 << 10), "from one unit of a chain to the next", "cycles"),
        Field("shadow", boolean(), "a configuration can be fetched ahead of its use"),
        Field("config_bytes", integer(0, 1 << 20), "configuration of one unit", "bytes"),
        Field("switch_cycles", integer(0, 1 << 20), "to make a configuration current", "cycles"),
        SRC,
    )


@irdl_op_definition
class MachineOp(FieldOp):
    """A machine: one clock, memories, DMA engines, arrays, vector units and folds."""

    name = "fabric.machine"
    CHILDREN: ClassVar = (
        "fabric.memory",
        "fabric.dma",
        "fabric.array",
        "fabric.vector",
        "fabric.folds",
    )
    FIELDS: ClassVar = (
        Field("hz", integer(1, 10**11), "clock of every part", "1/s"),
        Field("technology", text(), "what energy and area are from, such as 28nm", default=""),
        SRC,
    )

    traits = traits_def(SymbolTable())

    def faults(self) -> Iterator[Fault]:
        """Everything about one operation, then what concerns several."""
        yield from super().faults()
        for op in self.children():
            yield from op.faults()
        yield from self._name_faults()
        yield from self._memory_faults()
        yield from self._path_faults()
        yield from self._unit_faults()
        yield from self._fold_faults()

    def _name_faults(self) -> Iterator[Fault]:
        seen = set[str]()
        for op in self.children():
            for named in (op, *op.children()):
                name = named.sym_name.data
                if not name.isidentifier():
                    yield Fault(named, "", "names are made of letters, digits and underscores")
                if name in seen:
                    yield Fault(named, "", f"the name @{name} is taken")
                seen.add(name)

    def _of(self, kind: type[FieldOp]) -> list[FieldOp]:
        return [op for op in self.children() if isinstance(op, kind)]

    def _memory_faults(self) -> Iterator[Fault]:
        drams = [op for op in self._of(MemoryOp) if op.get("kind") == "dram"]
        if len(drams) != 1:
            yield Fault(self, "", f'needs exactly one memory of kind = "dram", has {len(drams)}')
        for operand in OPERANDS:
            holders = [op for op in self._of(MemoryOp) if operand in op.get("holds")]
            if not holders:
                yield Fault(self, "", f'no memory holds operand "{operand}"')
            for other in holders[1:]:
                first = holders[0].sym_name.data
                yield Fault(other, "holds", f'operand "{operand}" is held by @{first} already')

    def _path_faults(self) -> Iterator[Fault]:
        memories = [op.sym_name.data for op in self._of(MemoryOp)]
        accumulators = [
            op.sym_name.data
            for array in self._of(ArrayOp)
            for op in array.children()
            if isinstance(op, AccumulatorOp)
        ]
        for dma in self._of(DmaOp):
            for end in dma.get("path"):
                if end not in memories:
                    yield Fault(dma, "path", f"no memory is named @{end}")
        for vector in self._of(VectorOp):
            for source, target in vector.get("paths"):
                if source not in memories + accumulators:
                    yield Fault(vector, "paths", f"no memory or accumulator is named @{source}")
                if target not in memories:
                    yield Fault(vector, "paths", f"no memory is named @{target}")
        yield from self._route_faults(accumulators)

    def _route_faults(self, accumulators: list[str]) -> Iterator[Fault]:
        """Routes without which no layer can run."""
        dram = next(op.sym_name.data for op in self._of(MemoryOp) if op.get("kind") == "dram")
        home = {o: op.sym_name.data for op in self._of(MemoryOp) for o in op.get("holds")}
        paths = {tuple(dma.get("path")) for dma in self._of(DmaOp)}
        for source, target in ((dram, home["I"]), (dram, home["W"]), (home["O"], dram)):
            if (source, target) not in paths:
                yield Fault(self, "", f"no fabric.dma has the path [@{source}, @{target}]")
        drains = {tuple(path) for op in self._of(VectorOp) for path in op.get("paths")}
        for accumulator in accumulators:
            if (accumulator, home["O"]) not in drains:
                path = f"[@{accumulator}, @{home['O']}]"
                yield Fault(self, "", f"no fabric.vector has the path {path} for results")

    def _unit_faults(self) -> Iterator[Fault]:
        if not self._of(ArrayOp):
            yield Fault(self, "", "needs at least one fabric.array")
        units = sum(op.get("count") for op in self._of(ArrayOp))
        if units + len(self._of(DmaOp)) + len(self._of(VectorOp)) > 255:
            yield Fault(self, "", "has more than 255 units; an instruction names one in a byte")

    def _fold_faults(self) -> Iterator[Fault]:
        counts = {op.sym_name.data: op.get("count") for op in self._of(ArrayOp)}
        folded = set[str]()
        for folds in self._of(FoldsOp):
            array = folds.get("of")
            if array not in counts:
                yield Fault(folds, "of", f"no array is named @{array}")
            if array in folded:
                yield Fault(folds, "of", f"@{array} has its folds already")
            folded.add(array)
            least = prod(min(folds.get(axis)) for axis in "ckpg")
            for axis in "ckpg":
                for factor in folds.get(axis):
                    units = least // min(folds.get(axis)) * factor
                    if units > counts[array]:
                        message = f"{axis} = {factor} takes {units} units, @{array} has "
                        yield Fault(folds, axis, f"{message}{counts[array]}")


_FOLD_NUMBERS = (
    "first",
    "units",
    "chain",
    "cols",
    "pixels",
    "groups",
    "mode",
    "act_bits",
    "wgt_bits",
)


@irdl_attr_definition
class FoldAttr(ParametrizedAttribute):
    """Units of an array joined into one group, in one mode and precision.

    `units` units of `array` from number `first` on: chains of `chain` over input channels, spread
    `cols` ways over output channels, `pixels` ways over output pixels and `groups` ways over
    channel groups; the product of the four is `units`. `mode` is an index into the array's modes.
    """

    name = "fabric.fold"
    array: StringAttr = param_def()
    first: IntAttr[int] = param_def()
    units: IntAttr[int] = param_def()
    chain: IntAttr[int] = param_def()
    cols: IntAttr[int] = param_def()
    pixels: IntAttr[int] = param_def()
    groups: IntAttr[int] = param_def()
    mode: IntAttr[int] = param_def()
    act_bits: IntAttr[int] = param_def()
    wgt_bits: IntAttr[int] = param_def()

    @staticmethod
    def get(
        array: str,
        *,
        first: int = 0,
        chain: int = 1,
        cols: int = 1,
        pixels: int = 1,
        groups: int = 1,
        mode: int = 0,
        act_bits: int = 8,
        wgt_bits: int = 8,
    ) -> "FoldAttr":
        """The fold with these numbers; `units` is their product."""
        units = chain * cols * pixels * groups
        numbers = (first, units, chain, cols, pixels, groups, mode, act_bits, wgt_bits)
        return FoldAttr(StringAttr(array), *map(IntAttr, numbers))

    def numbers(self) -> dict[str, int]:
        """All the numbers by name, in the order of the `configure` instruction."""
        return {name: cast(IntAttr[int], getattr(self, name)).data for name in _FOLD_NUMBERS}

    def verify(self) -> None:
        """Refuse numbers that no machine can have."""
        numbers = self.numbers()
        for name, value in numbers.items():
            low = 0 if name in ("first", "mode") else 2 if name.endswith("bits") else 1
            high = 8 if name.endswith("bits") else 255
            if not low <= value <= high:
                raise VerifyException(f"fold: {name} = {value} is not from {low} to {high}")
        product = prod(numbers[name] for name in ("chain", "cols", "pixels", "groups"))
        if product != numbers["units"]:
            raise VerifyException(
                f"fold: chain x cols x pixels x groups = {product} units, not {numbers['units']}"
            )

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> list[Attribute]:
        """Parse `<@array, first = 0, units = 6, ...>`."""
        with parser.in_angle_brackets():
            array = parser.parse_symbol_name()
            parser.parse_punctuation(",")
            return [array, *parse_numbers(parser, _FOLD_NUMBERS)]

    def print_parameters(self, printer: Printer) -> None:
        """Print what `parse_parameters` reads."""
        printer.print_string(f"<@{self.array.data}, {format_numbers(self.numbers())}>")


@irdl_attr_definition
class ConfigurationAttr(ParametrizedAttribute):
    """A partition of the machine's arrays into groups: folds of which no two share a unit."""

    name = "fabric.configuration"
    folds: ArrayAttr[FoldAttr] = param_def()

    def verify(self) -> None:
        """Refuse folds that share a unit."""
        taken = set[tuple[str, int]]()
        for fold in self.folds:
            first = fold.first.data
            units = {(fold.array.data, first + i) for i in range(fold.units.data)}
            if shared := taken & units:
                array, unit = min(shared)
                raise VerifyException(f"configuration: two folds take unit {unit} of @{array}")
            taken |= units


Fabric = Dialect(
    "fabric",
    [
        MachineOp,
        MemoryOp,
        DmaOp,
        ArrayOp,
        LocalOp,
        AccumulatorOp,
        ModeOp,
        VectorOp,
        FoldsOp,
    ],
    [FoldAttr, ConfigurationAttr],
)
"""The dialect, for a context."""
