"""What is assumed of the machines of a family: numbers without a source, and those of others.

They are those of a machine that its family does not vary, each halved and doubled where it can be,
and the sections of the technology, of which every number is from another node or another chip.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..costmodel.area import components
from ..costmodel.energy import Action, sections
from ..costmodel.technology import Technology
from ..costmodel.technology.varying import Quantity, times
from ..machines.model import Array, Dma, Folds, Machine, Memory, Part
from .assumptions import Assumption
from .edits import Edit

PRICED: Final = frozenset({"banks"})
"""Fields of machines that prices and areas depend on, but no cycles, as conflicts do not count."""

_FACTORS: Final = (0.5, 2.0)

_WORDS: Final[Mapping[str, str]] = {
    "fixed": "multipliers",
    "scalable": "scalable multipliers",
    "register": "registers",
    "adder": "adders",
    "lane": "vector lanes",
    "interconnect": "links",
    "logic": "logic",
    "sram": "SRAM",
    "dram": "DRAM",
}
"""What the sections of a technology are about."""


@dataclass(frozen=True)
class _Number:
    """A number of a machine: what it is, its unit and source, and where it stands.

    It is no less than `least`, and no more than `most`.
    """

    name: str
    unit: str
    source: str
    edit: Edit
    least: int = 1
    most: int = 1 << 62

    def changes(self) -> Iterator[tuple[Assumption, Edit]]:
        """Half and twice of it."""
        value: int = self.edit.value
        for other in dict.fromkeys((value // 2, 2 * value)):
            if self.least <= other <= self.most and other != value:
                assumption = Assumption(
                    self.name, self._text(value), self._text(other), self.source
                )
                yield assumption, replace(self.edit, value=other)

    def _text(self, value: int) -> str:
        if self.unit == "Hz":
            return f"{value / 1e6:g} MHz"
        return f"{value:,} {self.unit}".rstrip()


def machine_changes(machine: Machine) -> Iterator[tuple[Assumption, Edit]]:
    """What may be otherwise in `machine`, and the edit that makes it so."""
    yield from _Number("clock", "Hz", machine.src, Edit("", "hz", machine.hz)).changes()
    for part in machine.parts:
        for number in _numbers_of(part):
            yield from number.changes()
    for array in machine.arrays:
        other = "broadcast" if array.feed == "skew" else "skew"
        assumption = Assumption(f"@{array.name}: feed", array.feed, other, array.src)
        yield assumption, Edit(array.name, "feed", other)


def _numbers_of(part: Part) -> Iterator[_Number]:
    def of(what: str, unit: str, field: str, value: int, source: str = part.src,
           least: int = 1, most: int = 1 << 62) -> _Number:  # fmt: skip
        edit = Edit(part.name, field, value)
        return _Number(f"@{part.name}: {what}", unit, source, edit, least, most)

    match part:
        case Memory(kind="dram"):
            yield of("latency", "cycles", "latency_cycles", part.latency_cycles, least=0)
            yield of("burst", "B", "burst", part.burst)
        case Memory():
            yield of("banks", "", "banks", part.banks)
            yield of("line", "B", "line", part.line)
        case Dma():
            yield of("engines", "", "count", part.count)
        case Array():
            for local in part.locals:
                name, source = local.name, local.src
                yield of(f"{name} planes", "", f"{name}.planes", local.planes, source, most=2)
                rows = local.rows_per_cycle
                yield of(f"{name} rows a cycle", "", f"{name}.rows_per_cycle", rows, source)
            sums = part.accumulator
            yield of(f"{sums.name} planes", "", f"{sums.name}.planes", sums.planes, sums.src,
                     most=2)  # fmt: skip
            limits = {limit: mode.src for mode in part.modes for limit in mode.limit}
            for (loop, most), source in limits.items():
                yield of(f"most positions of {loop}", "", f"limit.{loop}", most, source)
        case Folds():
            yield of("a hop", "cycles", "hop_cycles", part.hop_cycles, least=0)
            yield of("configuration of a unit", "B", "config_bytes", part.config_bytes, least=0)
        case _:
            pass


def price_changes(
    machine: Machine, technology: Technology
) -> Iterator[tuple[Assumption, Technology]]:
    """What may be otherwise in the technology of machines like `machine`, and the technology."""
    for section, quantity in _prices(machine, technology):
        for factor in _FACTORS:
            assumption = Assumption(
                f"{quantity} of {_WORDS[section.partition('.')[0]]}",
                technology.name,
                f"x {factor:g}",
                technology.source_of(section),
            )
            yield assumption, times(technology, section, quantity, factor)


def _prices(machine: Machine, technology: Technology) -> Sequence[tuple[str, Quantity]]:
    """The sections that matter to a machine, and what of them."""
    arrays = [array.name for array in machine.arrays]
    lanes = [vector.name for vector in machine.vectors]
    actions = [
        *(Action(what, array, 8, 8) for array in arrays
          for what in ("product", "keep", "sum", "link")),
        *(Action("requantise", lane) for lane in lanes),
        *(Action("read", memory.name) for memory in machine.memories),
    ]  # fmt: skip
    charged = [name for each in actions for name in sections(machine, technology, each)]
    built = [each.section for each in components(machine, technology).values()]
    every: list[tuple[str, Quantity]] = [(name, "energy") for name in dict.fromkeys(charged)]
    return [*every, *((name, "area") for name in dict.fromkeys(built)), ("logic", "leakage")]
