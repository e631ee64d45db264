"""Energy: what a machine did, times what its technology charges for it.

`docs/energy.md` says what is charged and works an example by hand.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from ..machines.model import Array, Machine, Memory
from .area import (
    Component,
    accumulators,
    area,
    components,
    lane_table,
    leakage,
    multiplier,
    sram,
    widest,
)
from .technology.table import Technology

What = Literal[
    "product",
    "keep",
    "sum",
    "drain",
    "link",
    "requantise",
    "add",
    "multiply",
    "pool",
    "table",
    "read",
    "write",
]
"""What a machine does, and what is counted:

- in an array: `product` multiplications at their operands' widths, `keep` bits that enter the
  registers of the operand that stays, `sum` 32-bit sums that enter the accumulators and `drain`
  those that leave them, `link` bits over a link of the units' interconnect;
- in a vector class: elements that are requantised, added or multiplied (two operands), taken into
  a pool (every element of every window), or looked up in a table;
- in a memory: bytes that are read or written; in DRAM whole bursts.
"""


class Action(NamedTuple):
    """Something that costs energy: what, in which part of the machine, at which widths in bits."""

    what: What
    where: str
    act_bits: int = 0
    wgt_bits: int = 0


Actions = Counter[Action]
"""How often a machine did what."""


class Price(NamedTuple):
    """What one action costs, in pJ, and the component it is booked on."""

    component: str
    pj: float


@dataclass(frozen=True)
class Prices:
    """What actions cost on `machine` in `technology`; prices are kept once they are known."""

    machine: Machine
    technology: Technology
    _known: dict[Action, Price] = field(
        default_factory=dict[Action, Price], init=False, repr=False, compare=False
    )

    @cached_property
    def area(self) -> dict[str, float]:
        """See `area.area`."""
        return area(self.machine, self.technology)

    @cached_property
    def components(self) -> dict[str, Component]:
        """See `area.components`."""
        return components(self.machine, self.technology)

    @cached_property
    def _microwatts(self) -> float:
        return leakage(self.machine, self.technology)

    def of(self, action: Action) -> Price:
        """The price of an action.

        Raises TilefoldError for a part, precision or kind of DRAM that does not exist.
        """
        if action not in self._known:
            self._known[action] = self._price(action)
        return self._known[action]

    def _price(self, action: Action) -> Price:
        technology, where = self.technology, action.where
        match action.what:
            case "read" | "write":
                direction = "read" if action.what == "read" else "written"
                memory = self.machine.memory(where)
                return Price(f"{where} {direction}", _byte(technology, memory, action.what))
            case "requantise" | "add" | "multiply" | "pool" | "table":
                return Price(where, _lane(technology, action.what))
            case _:
                return _array(technology, self.machine.array(where), action)

    def energy(self, actions: Mapping[Action, int], cycles: int) -> dict[str, float]:
        """pJ by component for these actions in so many cycles; every part leaks all the time."""
        result: defaultdict[str, float] = defaultdict(float)
        for action in sorted(actions):
            if count := actions[action]:
                price = self.of(action)
                result[price.component] += price.pj * count
        if cycles:
            result["leakage"] = self._microwatts * 1e6 * cycles / self.machine.hz
        return dict(result)


def _byte(technology: Technology, memory: Memory, what: Literal["read", "write"]) -> float:
    """A byte of a memory: its share of a whole line, or its bits of DRAM."""
    if memory.kind == "dram":
        return 8 * technology.dram_kind(memory.standard).pj_per_bit
    macro = sram(technology, memory)
    return (macro.read_pj if what == "read" else macro.write_pj) / memory.line


def _lane(
    technology: Technology, what: Literal["requantise", "add", "multiply", "pool", "table"]
) -> float:
    """An element: the float32 steps of `interpreters/kernels.py`, an integer step, or a lookup.

    Requantising is one multiplication and, for conversion and rounding, one addition (assumed);
    adding two tensors is two fused multiply-adds; multiplying two takes two multiplications and one
    addition; a lookup reads a byte of a 32-bit word.
    """
    lane = technology.lane
    match what:
        case "requantise":
            return lane.multiply_pj + lane.add_pj
        case "add":
            return 2 * (lane.multiply_pj + lane.add_pj)
        case "multiply":
            return 2 * lane.multiply_pj + lane.add_pj
        case "pool":
            return technology.adder.pj
        case "table":
            return lane_table(technology).read_pj / 4


def _array(technology: Technology, array: Array, action: Action) -> Price:
    """An action in an array; see `What`."""
    name = array.name
    match action.what:
        case "product":
            act, wgt, products = precision(array, action.act_bits, action.wgt_bits)
            hardware, scalable = multiplier(technology, array)
            widths = widest(array) if scalable else (act, wgt)
            return Price(f"{name} {act}x{wgt}", hardware.energy(*widths) / products)
        case "keep":
            return Price(f"{name} registers", technology.register.pj_per_bit)
        case "sum" | "drain":
            # A sum is read, added to and written back; one that leaves is read once more.
            macro, columns = accumulators(technology, array)
            read, write = macro.read_pj / columns, macro.write_pj / columns
            energy = read + technology.adder.pj + write if action.what == "sum" else read
            return Price(f"{name} accumulators", energy)
        case _:
            return Price(f"{name} links", technology.interconnect.pj_per_bit_hop)


def sections(machine: Machine, technology: Technology, action: Action) -> tuple[str, ...]:
    """The sections of the technology's table that the price of an action is from."""
    match action.what:
        case "read" | "write":
            memory = machine.memory(action.where)
            return (
                f"dram.{memory.standard or 'unspecified'}" if memory.kind == "dram" else "sram",
            )
        case "requantise" | "add" | "multiply":
            return ("lane",)
        case "pool":
            return ("adder",)
        case "table" | "drain":
            return ("sram",)
        case "sum":
            return "sram", "adder"
        case "product":
            _, scalable = multiplier(technology, machine.array(action.where))
            return ("scalable" if scalable else "fixed",)
        case "keep":
            return ("register",)
        case "link":
            return ("interconnect",)


def precision(array: Array, act_bits: int, wgt_bits: int) -> tuple[int, int, int]:
    """The precision in which an array multiplies operands of these widths.

    The one with the most products a cycle of those that are wide enough, the narrowest of equals.
    Raises TilefoldError if none is wide enough.
    """
    products = array.products(act_bits, wgt_bits)
    enough = [
        (a * w, a, w)
        for a, w, n in array.precisions
        if a >= act_bits and w >= wgt_bits and n == products
    ]
    _, act, wgt = min(enough)
    return act, wgt, products
