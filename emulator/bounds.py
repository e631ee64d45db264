"""Lower bounds of cycles: the roofline of a layer, and of a whole program.

No run can be faster than its products at the arrays' peak, than the elements that vector lanes
must read, than the bytes that must move at the bandwidth of the DMA class that must move them, or
than all those bytes at the DRAM's: the roofline model (Williams, Waterman and Patterson, CACM
52(4), 2009) with a roof for every port. What must move are code, configurations and the bytes in
DRAM that a layer's loads and stores touch, each counted once: what a schedule loads again, padding
to bursts and the time to fill and drain are distance from the bound.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Final

import numpy as np

from ..costmodel.energy import What
from ..costmodel.vector import OPERANDS
from ..machines.model import Dma, Machine, Vector
from .buffers import extent_of
from .counters import Counters
from .footprint import Plan
from .memory import ViewPlan
from .regions import values_of

COMPUTE = "compute"

Place = tuple[int, int, int]
"""Where a view lies in a memory, the first byte and the one after the last, and how many of them
it touches over all its iterations, at least."""


@dataclass
class Bound:
    """Cycles that each resource needs at least: `compute`, vector and DMA classes, the DRAM.

    `amounts` are products, elements or bytes, by resource and how many of them it does in a cycle.
    """

    amounts: defaultdict[tuple[str, int], int] = field(
        default_factory=lambda: defaultdict[tuple[str, int], int](int)
    )

    @property
    def resources(self) -> dict[str, Fraction]:
        """Cycles by resource."""
        cycles: defaultdict[str, Fraction] = defaultdict(Fraction)
        for (name, rate), amount in self.amounts.items():
            cycles[name] += Fraction(amount, rate)
        return dict(cycles)

    @property
    def cycles(self) -> int:
        """No run takes fewer cycles."""
        return ceil(max(self.resources.values(), default=Fraction()))

    @property
    def by(self) -> str:
        """The resource that needs most, "" if there is nothing to do."""
        resources = self.resources
        return max(resources, key=lambda name: resources[name]) if any(resources.values()) else ""

    def add(self, other: "Bound") -> None:
        """What `other` needs is needed, too."""
        for key, amount in other.amounts.items():
            self.amounts[key] += amount


READ: Final[Mapping[What, int]] = {
    "requantise": OPERANDS["vquant"],
    "add": OPERANDS["vadd"],
    "multiply": OPERANDS["vmul"],
    "table": OPERANDS["vlut"],
    "pool": 1,
}
"""Elements that a lane reads for each of the counted actions of a vector class."""


def lane_reads(counters: Counters) -> dict[tuple[int, str], int]:
    """Elements that the lanes of a vector class read, by layer and class."""
    read: defaultdict[tuple[int, str], int] = defaultdict(int)
    for layer, actions in counters.actions.items():
        for action, times in actions.items():
            if action.what in READ:
                read[layer, action.where] += times * READ[action.what]
    return read


def bounds(
    distinct: Mapping[tuple[int, str], int], machine: Machine, counters: Counters
) -> dict[int, Bound]:
    """The bound of every layer that did something, given `distinct_bytes`; -1 is of no layer."""
    result: defaultdict[int, Bound] = defaultdict(Bound)
    dram = machine.dram
    for layer, macs in counters.macs.items():
        result[layer].amounts[COMPUTE, counters.peak[layer]] += macs
    for (layer, unit), elements in lane_reads(counters).items():
        vector = machine.unit(unit)
        assert isinstance(vector, Vector)
        result[layer].amounts[unit, vector.elements_per_cycle] += elements
    for (layer, unit), moved in counters.transferred.items():
        # Never more than moved: tensors that overlap may be counted twice.
        size = min(distinct.get((layer, unit), 0), moved)
        port = machine.unit(unit)
        assert isinstance(port, Dma)
        result[layer].amounts[unit, port.bytes_per_cycle * port.count] += size
        result[layer].amounts[dram.name, dram.bytes_per_cycle] += size
    for key, size in counters.bytes.items():
        if key.memory == dram.name and key.operand == "other":
            result[key.layer].amounts[dram.name, dram.bytes_per_cycle] += size
    return dict(result)


def distinct_bytes(plan: Plan, dram: str) -> dict[tuple[int, str], int]:
    """Bytes of `dram` that the transfers of each layer and DMA class touch, each counted once."""
    touched: defaultdict[tuple[int, str], list[Place]] = defaultdict(list)
    for step in plan.tree.steps:
        if step.mnemonic in ("load", "store"):
            view = plan.views(step)["src" if step.mnemonic == "load" else "dst"]
            if view.view.memory == dram:
                touched[step.layer, step.unit].append(place_of(view))
    return {key: sum_apart(places) for key, places in touched.items()}


def place_of(view: ViewPlan) -> Place:
    """Where a view lies, and how much of that it touches."""
    _, first, end = extent_of(view.view, view.counts)
    return first, end, _distinct(view)


def _distinct(view: ViewPlan) -> int:
    """Bytes that a view touches over all its iterations, at least.

    Dimensions that move with different loops touch the product of what each does; where several
    move with one loop, a single iteration is taken to bound the whole.
    """
    dims = [dim for dim in view.view.dims if dim.stride]
    levels = [level for dim in dims for level, _ in dim.origin.terms]
    independent = len(set(levels)) == len(levels)
    elements = 1
    for dim in dims:
        origins = values_of(dim.origin, view.counts)
        first = np.clip(origins, 0, dim.extent)
        end = np.clip(origins + dim.size, 0, dim.extent)
        if independent:
            # Origins ascend, so an interval adds what lies beyond the end of the one before.
            first[1:] = np.maximum(first[1:], end[:-1])
            elements *= int(np.maximum(end - first, 0).sum())
        else:
            elements *= int((end - first).min())
    return elements * view.view.bits // 8


def sum_apart(places: Sequence[Place]) -> int:
    """The sizes of places, of places that overlap only the largest."""
    total = largest = 0
    ordered = sorted(places)
    reached = -1
    for first, end, size in ordered:
        if first >= reached:
            total, largest = total + largest, 0
        largest, reached = max(largest, size), max(reached, end)
    return total + largest
