"""The rules that every program obeys, whatever form it is in.

One checker serves the IR's verifier, the assembler, the decoder and the emitter: feed it the
instructions in order. It looks at each instruction (operands against the table, shapes) and at
what connects them (loops, semaphores, configurations).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Final, cast

from .isa_operands import MAX_LOOPS, Operand, View, check_range, operand_text, to_f32
from .isa_table import BOUNDS, INSTRUCTIONS, Field, InstructionSpec, Kind, UnitKind

Operands = Mapping[str, Operand]

MAX_NAME: Final = 1024
"""Names in a program's header have at most this many characters."""

_PLAIN: Final = re.compile(r"[ !#-\[\]-~]*")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_]\w*(\.\w+)*", re.ASCII)


class RuleViolation(ValueError):  # noqa: N818
    """A rule is broken; `field` and `dim` name the operand and its dimension at fault, if any."""

    def __init__(self, message: str, field: str | None = None, dim: int | None = None):
        super().__init__(message)
        self.field = field
        self.dim = dim


def array_of(unit: str) -> tuple[str, int]:
    """The array and the index of an array unit: `conv.3` is unit 3 of `conv`."""
    array, _, index = unit.rpartition(".")
    if not array or not index.isdecimal():
        raise RuleViolation(f"array unit '{unit}' is not named ARRAY.INDEX")
    return array, int(index)


@dataclass(frozen=True, slots=True)
class Header:
    """What a program was made for: the machine by name and digest, its queues and memories.

    A unit's or a memory's index in binaries is its place in `units` or `memories`.
    """

    machine: str
    digest: str
    network: str
    dma: tuple[str, ...]
    arrays: tuple[str, ...]
    vectors: tuple[str, ...]
    memories: tuple[str, ...]

    @property
    def units(self) -> tuple[str, ...]:
        """All queues: DMA classes, array units, vector classes."""
        return self.dma + self.arrays + self.vectors

    @property
    def kinds(self) -> dict[str, UnitKind]:
        """The kind of every queue, in the order of `units`."""
        kinds = dict.fromkeys(self.dma, UnitKind.DMA)
        kinds |= dict.fromkeys(self.arrays, UnitKind.ARRAY)
        return kinds | dict.fromkeys(self.vectors, UnitKind.VECTOR)

    def check(self) -> None:
        """Raise `RuleViolation` unless names can be spelled, are distinct and fit the encoding."""
        for what in ("machine", "digest", "network"):
            text: str = getattr(self, what)
            if len(text) > MAX_NAME or not _PLAIN.fullmatch(text):
                raise RuleViolation(
                    f"the {what} {text!r} cannot be written: at most {MAX_NAME} printable ASCII "
                    "characters, without quotes and backslashes"
                )
        for what, names, limit in (("unit", self.units, 1 << 16), ("memory", self.memories, 256)):
            if len(names) > limit:
                raise RuleViolation(f"{len(names)} names where at most {limit} can be encoded")
            for name in names:
                if len(name) > MAX_NAME or not _IDENTIFIER.fullmatch(name):
                    raise RuleViolation(f"{what} name {name!r} is not an identifier")
                if names.count(name) > 1:
                    raise RuleViolation(f"{what} '{name}' is named twice")
        for unit in self.arrays:
            array_of(unit)


class Rules:
    """Checks a program's instructions in order; raises `RuleViolation` at the first broken rule."""

    def __init__(self, header: Header):
        header.check()
        self._units = header.kinds
        self._memories = header.memories
        self._depth = 0
        self._started = False
        self._halted = False
        self._leaders: set[str] = set()
        self._queues: dict[int, dict[str, str]] = {}

    def instruction(self, mnemonic: str, operands: Operands) -> None:
        """Check the next instruction."""
        spec = INSTRUCTIONS.get(mnemonic)
        if spec is None:
            raise RuleViolation(f"unknown instruction '{mnemonic}'")
        if self._halted:
            raise RuleViolation(f"'{mnemonic}' after halt")
        self._check_fields(spec, operands)
        if mnemonic == "sem":
            self._declare(operands)
            return
        self._started = True
        match mnemonic:
            case "loop":
                if self._depth == MAX_LOOPS:
                    raise RuleViolation(f"loops nest at most {MAX_LOOPS} deep")
                self._depth += 1
            case "end":
                if not self._depth:
                    raise RuleViolation("'end' without a loop")
                self._depth -= 1
            case "halt":
                if self._depth:
                    raise RuleViolation("'halt' within a loop: an 'end' is missing")
                self._halted = True
            case "wait" | "signal":
                self._token(mnemonic, operands)
            case "prefetch" | "configure":
                self._group(mnemonic, operands)
            case "conv" | "dwconv":
                if operands["unit"] not in self._leaders:
                    raise RuleViolation(f"no configure before names '{operands['unit']}'", "unit")
            case _:
                pass
        if mnemonic in _SHAPES:
            _SHAPES[mnemonic](operands)

    def finish(self) -> None:
        """Check that the program is whole."""
        if self._depth:
            raise RuleViolation("a loop is not closed by 'end'")
        if not self._halted:
            raise RuleViolation("the program does not end with 'halt'")
        for semaphore, queues in self._queues.items():
            for role in ("signal", "wait"):
                if role not in queues:
                    raise RuleViolation(f"semaphore {semaphore} has no {role}")

    def _check_fields(self, spec: InstructionSpec, operands: Operands) -> None:
        for field in spec.fields:
            if field.name not in operands:
                what = "unit" if field.kind is Kind.UNIT else f"operand '{field.name}'"
                raise RuleViolation(f"{spec.mnemonic}: missing {what}")
            try:
                self._check_field(spec, field, operands[field.name])
            except RuleViolation:
                raise
            except ValueError as error:
                raise RuleViolation(str(error), field.name) from None
        if len(operands) > len(spec.fields):
            name = next(name for name in operands if name not in spec.by_name)
            raise RuleViolation(f"{spec.mnemonic} has no operand '{name}'", name)

    def _check_field(self, spec: InstructionSpec, field: Field, value: Operand) -> None:
        match field.kind, value:
            case Kind.UNIT, str():
                self._check_unit(spec, value)
            case Kind.VIEW, View():
                self._check_view(field, value)
            case Kind.LEVELS, frozenset():
                for level in value:
                    if not 0 <= level < self._depth:
                        raise ValueError(self._undefined(level + 1))
            case Kind.F32, float():
                if to_f32(value) != value:
                    raise ValueError(f"{field.name} {value} is not a float32")
            case kind, int() if kind in BOUNDS:
                check_range(field.name, value, field.range)
                if kind is Kind.SEMAPHORE and value not in self._queues:
                    raise ValueError(f"semaphore {value} is not declared")
            case _:
                raise ValueError(
                    f"{field.name} must be {_WANTED[field.kind]}, not {operand_text(value)}"
                )

    def _check_unit(self, spec: InstructionSpec, unit: str) -> None:
        kind = self._units.get(unit)
        if kind is None:
            known = ", ".join(self._units)
            raise ValueError(f"unknown unit '{unit}'; the machine has {known}")
        if spec.unit not in (kind, UnitKind.ANY):
            raise ValueError(
                f"{spec.mnemonic} needs a unit of kind {spec.unit}, '{unit}' is {kind}"
            )

    def _undefined(self, depth: int) -> str:
        return f"i{depth - 1} is undefined: {_loops(self._depth)} around the instruction"

    def _check_view(self, field: Field, view: View) -> None:
        if view.memory not in self._memories:
            known = ", ".join(self._memories)
            raise ValueError(f"unknown memory '{view.memory}'; the machine has {known}")
        for index, dim in enumerate(view.dims):
            if dim.origin.depth > self._depth:
                raise RuleViolation(self._undefined(dim.origin.depth), field.name, index)
        if view.ring and view.ring.level > self._depth:
            loops = f"{_loops(view.ring.level)}, but {_loops(self._depth)} around the instruction"
            raise ValueError(f"ring over {loops}")
        if field.rank not in (None, len(view.dims)):
            raise ValueError(f"{field.name} has {len(view.dims)} dimensions, not {field.rank}")
        if field.types and view.type not in field.types:
            wanted = " or ".join(field.types)
            raise ValueError(f"{field.name} has elements {view.type}, not {wanted}")
        if field.scope and view.local != (field.scope == "local"):
            raise ValueError(f"{field.name} must be a {field.scope} view")
        if field.access == "write":
            _check_written(field.name, view)

    def _declare(self, operands: Operands) -> None:
        semaphore = _integer(operands, "id")
        if self._started:
            raise RuleViolation("'sem' after the first instruction")
        if semaphore in self._queues:
            raise RuleViolation(f"semaphore {semaphore} is declared twice", "id")
        self._queues[semaphore] = {}

    def _token(self, role: str, operands: Operands) -> None:
        semaphore, unit = _integer(operands, "sem"), cast(str, operands["unit"])
        first = self._queues[semaphore].setdefault(role, unit)
        if first != unit:
            raise RuleViolation(
                f"semaphore {semaphore}: {role} by '{unit}', but '{first}' does that already",
                "unit",
            )

    def _group(self, mnemonic: str, operands: Operands) -> None:
        unit, units = cast(str, operands["unit"]), _integer(operands, "units")
        array, first = array_of(unit)
        for index in range(first, first + units):
            if f"{array}.{index}" not in self._units:
                raise RuleViolation(f"{units} units from '{unit}': no '{array}.{index}'", "units")
        folds = prod(_integer(operands, name) for name in ("chain", "cols", "pixels", "groups"))
        if folds != units:
            raise RuleViolation(
                f"chain * cols * pixels * groups is {folds}, but units is {units}", "units"
            )
        if mnemonic == "configure":
            self._leaders.add(unit)


_WANTED: Final[Mapping[Kind, str]] = MappingProxyType(
    dict.fromkeys(BOUNDS, "an integer")
    | {
        Kind.F32: "a float",
        Kind.UNIT: "a unit",
        Kind.VIEW: "a view",
        Kind.LEVELS: "a set of loop levels",
    }
)


def _loops(count: int) -> str:
    return f"{count} loop{'' if count == 1 else 's'}"


def _check_written(name: str, view: View) -> None:
    """Rows of sub-byte elements must start at whole bytes: stores write whole bytes."""
    per_byte = 8 // view.bits
    if per_byte <= 1:
        return
    *outer, last = view.dims
    if last.stride != 1 or any(dim.stride % per_byte for dim in outer):
        raise ValueError(f"{name}: rows of {view.type} must be dense and start at whole bytes")
    origin = last.origin
    if not view.local and any(v % per_byte for v in (origin.const, *(c for _, c in origin.terms))):
        raise ValueError(f"{name}: rows of {view.type} must start at whole bytes, not at {origin}")


def _integer(operands: Operands, name: str) -> int:
    return cast(int, operands[name])


def _view(operands: Operands, name: str) -> View:
    return cast(View, operands[name])


def _same(operands: Operands, first: str, second: str) -> None:
    left, right = _view(operands, first).sizes, _view(operands, second).sizes
    if left != right:
        left, right = (" by ".join(map(str, sizes)) for sizes in (left, right))
        raise RuleViolation(f"{second} has {right} elements, {first} has {left}", second)


def _equal(name: str, what: str, value: int, wanted: int) -> None:
    if value != wanted:
        raise RuleViolation(f"{name} has {value} {what}, not {wanted}", name)


def _window(operands: Operands, kernel: tuple[int, int]) -> None:
    """The source must hold every row and column that the windows of the result reach."""
    src, dst = _view(operands, "src").sizes, _view(operands, "dst").sizes
    for axis, what, size in (("y", "rows", 0), ("x", "columns", 1)):
        stride, dilation = _integer(operands, f"stride_{axis}"), _integer(operands, f"dil_{axis}")
        reach = (dst[size] - 1) * stride + (kernel[size] - 1) * dilation + 1
        if src[size] < reach:
            raise RuleViolation(
                f"src has {src[size]} {what}, but the windows reach over {reach}", "src"
            )


def _clamp(operands: Operands) -> None:
    low, high = _integer(operands, "lo"), _integer(operands, "hi")
    if low > high:
        raise RuleViolation(f"lo {low} is above hi {high}", "lo")
    dst = _view(operands, "dst").type
    if dst.bits < 32 and (low < dst.range[0] or high > dst.range[1]):
        raise RuleViolation(f"lo..hi {low}..{high} does not fit dst's {dst}", "hi")


def _parameters(operands: Operands) -> None:
    channels, columns = _view(operands, "par").sizes
    _equal("par", "rows", channels, _view(operands, "dst").sizes[-1])
    _equal("par", "columns", columns, 3)


def _copy(operands: Operands) -> None:
    _same(operands, "src", "dst")
    src, dst = _view(operands, "src"), _view(operands, "dst")
    if src.bits != dst.bits:
        raise RuleViolation(f"dst has elements {dst.type}, src has {src.type}", "dst")


def _conv(operands: Operands) -> None:
    k, *kernel, channels = _view(operands, "wgt").sizes
    _equal("dst", "output channels", _view(operands, "dst").sizes[2], k)
    _equal("src", "channels", _view(operands, "src").sizes[2], channels)
    _window(operands, (kernel[0], kernel[1]))
    _parameters(operands)
    _clamp(operands)


def _dwconv(operands: Operands) -> None:
    k, *kernel = _view(operands, "wgt").sizes
    channels = _view(operands, "src").sizes[2]
    _equal("wgt", "output channels", k, channels * _integer(operands, "mult"))
    _equal("dst", "output channels", _view(operands, "dst").sizes[2], k)
    _window(operands, (kernel[0], kernel[1]))
    _parameters(operands)
    _clamp(operands)


def _binary(operands: Operands) -> None:
    _same(operands, "a", "b")
    _same(operands, "a", "dst")
    _clamp(operands)


def _vlut(operands: Operands) -> None:
    _same(operands, "src", "dst")
    _equal("table", "elements", _view(operands, "table").sizes[0], 256)
    if _view(operands, "src").bits > 8:
        raise RuleViolation("src has elements of more than 8 bits", "src")


def _vquant(operands: Operands) -> None:
    _same(operands, "src", "dst")
    _parameters(operands)
    _clamp(operands)


def _vpool(operands: Operands) -> None:
    channels = _view(operands, "src").sizes[2]
    _equal("dst", "channels", _view(operands, "dst").sizes[2], channels)
    _window(operands, (_integer(operands, "kernel_y"), _integer(operands, "kernel_x")))
    _clamp(operands)


_SHAPES: Final[Mapping[str, Callable[[Operands], None]]] = MappingProxyType(
    {
        "load": _copy,
        "store": _copy,
        "conv": _conv,
        "dwconv": _dwconv,
        "vadd": _binary,
        "vmul": _binary,
        "vlut": _vlut,
        "vquant": _vquant,
        "vpool": _vpool,
    }
)
