"""Compute arrays simulated register by register, cycle by cycle.

A grid of multipliers. Operands enter at the left edge, one a cycle and row, and step right; what
each multiplier keeps meets them. Weights or inputs that stay sit in one or two planes of registers,
filled a few rows a cycle from the first row on; sums enter as zero at the top, step down and leave
below. Sums that stay grow in place, where a second operand comes from the top, and leave downwards.

`feed = "skew"` delays what enters row r by r cycles and column c by c, and the fill of a register
likewise. With `feed = "broadcast"` an operand is everywhere at once, and a column adds all its rows
in one cycle. The units of a chain start `hop` cycles one after the other; each adds to its sums
those that left the unit before, `hop` cycles ago.

What steps through registers is the number of an operand, pass x stream + position; what a
multiplier makes of it is looked up. A register does one thing a cycle: one that is used is not
written, a sum starts only in one that was empty before; only a shift register takes a value as it
gives one on.
Nothing here says how long passes wait: they start at an interval that is given, `ConflictError`
is raised when two are in each other's way, and the machine's interval is the shortest without.
"""

from collections import deque
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import numpy.typing as npt
from tilefold.machines.model import Array, Mode
from tilefold.tests.costmodel.array_passes import IntArray, Pass

Mask = npt.NDArray[np.bool_]
NONE = -1
FEW = 4
"""Passes on which `shortest` tries an interval first."""


class ConflictError(Exception):
    """Two passes are in each other's way."""


def claim(condition: bool | np.bool_, what: str) -> None:
    """Raise ConflictError unless the condition holds."""
    if not condition:
        raise ConflictError(what)


@dataclass(frozen=True)
class Work:
    """The passes of a link of a chain, which all copies of the chain walk in step.

    `made` [passes, stream, rows, columns, copies], `target` [passes, lines, columns, copies].
    """

    made: IntArray
    target: IntArray

    @staticmethod
    def of(units: list[list[Pass]]) -> "Work":
        """The work of the units at one place of their chains."""
        made = np.stack([[each.made for each in unit] for unit in units], axis=-1)
        return Work(made, np.stack([[each.target for each in unit] for unit in units], axis=-1))

    def first(self, passes: int) -> "Work":
        """So many of the passes, over again if there are fewer."""
        number = np.arange(passes) % len(self.made)
        return Work(self.made[number], self.target[number])


@dataclass(frozen=True)
class Leaving:
    """Sums that leave a unit: each the one of `target[passes, lines, columns]`; `values` [sums,
    copies]."""

    passes: IntArray
    lines: IntArray
    columns: IntArray
    values: IntArray

    def plus(self, other: "Leaving") -> "Leaving":
        """These sums and those of the unit before in the chain."""
        for name in ("passes", "lines", "columns"):
            claim(np.array_equal(getattr(self, name), getattr(other, name)), "sums do not meet")
        return replace(self, values=self.values + other.values)


NOTHING = Leaving(*[np.zeros(0, np.int64)] * 3, np.zeros((0, 1), np.int64))


@dataclass(frozen=True)
class Outcome:
    """Cycles until the `first` operand enters, until the array is `free` for the next instruction,
    and until the last sum has `landed`; cycles from one pass to the next (`interval`); the `sums`
    that landed, [outputs], and how many were `written`."""

    first: int
    free: int
    landed: int
    interval: int
    sums: IntArray
    written: int


class Unit:
    """What all dataflows share: the operands that step right through the grid."""

    def __init__(self, array: Array, mode: Mode, work: Work, interval: int) -> None:
        self.mode, self.local, self.work = mode, array.local_for(mode), work
        self.empties, self.interval = array.empties_each_pass(mode), interval
        self.passes, self.stream, *self.used, self.copies = work.made.shape
        axes = tuple(size for _, size in array.axes)
        self.size = axes if array.span == "all" else tuple(self.used)
        self.row, self.column = np.indices(self.size)
        self.in_use = (self.row < self.used[0]) & (self.column < self.used[1])
        self.skewed = array.feed == "skew"
        self.operand = np.full(self.size, NONE)
        moved = axes[0] if self.local.rows == "all" else self.used[0]
        self.depth, self.steps = moved, -(-moved // self.local.rows_per_cycle)
        self.first = 0
        claim(interval >= self.stream, "two operands enter a row at once")

    def start(self, number: int) -> int:
        """The cycle in which the first operand of a pass enters."""
        return self.first + number * self.interval

    def entering(self, cycle: IntArray) -> IntArray:
        """The operand that enters the grid in each of these cycles."""
        number, position = np.divmod(cycle - self.first, self.interval)
        here = (number >= 0) & (number < self.passes) & (position < self.stream)
        return np.where(here, number * self.stream + position, NONE)

    def step_operands(self, cycle: int) -> None:
        """Move every operand on, and enter the next."""
        if self.skewed:
            self.operand[:, 1:] = self.operand[:, :-1]
            self.operand[:, 0] = self.entering(cycle - self.row[:, 0])
        else:
            self.operand[:] = self.entering(np.asarray(cycle))

    def busy(self) -> bool:
        """Whether an operand is in the grid."""
        return bool(np.any(self.operand != NONE))

    def made(self) -> IntArray:
        """What the multipliers make in this cycle, [rows, columns, copies]."""
        values = np.zeros((*self.size, self.copies), np.int64)
        active = (self.operand != NONE) & self.in_use
        number, position = np.divmod(self.operand[active], self.stream)
        values[active] = self.work.made[number, position, self.row[active], self.column[active]]
        return values


class Stationary(Unit):
    """Weights or inputs stay."""

    def __init__(self, array: Array, mode: Mode, work: Work, interval: int) -> None:
        super().__init__(array, mode, work, interval)
        self.first = self.steps
        claim(interval >= self.steps, "two tiles fill at once")
        delay = (self.row + self.column) * self.skewed
        self.filled_in = self.row // self.local.rows_per_cycle + delay
        self.owner = np.full((self.local.planes, *self.size), NONE)
        self.sums = np.zeros((*self.size, self.copies), np.int64)
        self.sum_of = np.full(self.size, NONE)

    def clock(self, cycle: int) -> Leaving:
        """One cycle: the sums that leave in it."""
        self.step_operands(cycle)
        self._wait_until_empty(cycle)
        self._step_sums()
        self._fill(cycle)
        here = np.flatnonzero(self.sum_of[-1] != NONE)
        number, position = np.divmod(self.sum_of[-1, here], self.stream)
        return Leaving(number, position, here, self.sums[-1, here])

    def _wait_until_empty(self, cycle: int) -> None:
        """With `drain = "each_pass"`: nothing of the pass before may be left."""
        fills = self.steps if self.local.planes == 1 else 0
        number, position = divmod(cycle - self.first + fills, self.interval)
        if self.empties and position == 0:
            before = (self.operand != NONE) & (self.operand < number * self.stream)
            claim(not before.any(), "the pass before has not left the grid")

    def _step_sums(self) -> None:
        active, number = self.operand != NONE, self.operand // self.stream
        plane = number % self.local.planes
        owner = np.take_along_axis(self.owner, plane[None], axis=0)[0]
        used = active & self.in_use
        claim(np.all(owner[used] == number[used]), "an operand meets another pass's tile")
        if self.skewed:
            above = np.roll(self.sum_of, 1, axis=0)[1:]
            claim(np.all(above == self.operand[1:]), "a sum meets another operand")
            self.sums[1:] = self.sums[:-1]
            self.sums[0] = 0
            self.sums += self.made()
        else:
            self.sums[-1] = self.made().sum(axis=0)
        self.sum_of = self.operand.copy()

    def _fill(self, cycle: int) -> None:
        """Registers whose turn it is take their element of a tile, for use from the next cycle."""
        number, rest = np.divmod(cycle - self.filled_in, self.interval)
        for plane in range(self.local.planes):
            turn = (rest == 0) & (number >= 0) & (number < self.passes) & self.in_use
            turn &= number % self.local.planes == plane
            reading = self.operand // self.stream % self.local.planes == plane
            claim(not np.any(turn & reading & (self.operand != NONE)), "written while it is used")
            self.owner[plane][turn] = number[turn]


class SumsStay(Unit):
    """Sums stay: plane 0 is where they grow; in plane 1, if there is one, they leave."""

    def __init__(self, array: Array, mode: Mode, work: Work, interval: int) -> None:
        super().__init__(array, mode, work, interval)
        self.second = np.full(self.size, NONE)
        rows, columns = max(self.depth, self.size[0]), self.size[1]
        self.holds = np.full((self.local.planes, rows, columns), NONE)
        self.line = np.zeros(self.holds.shape, np.int64)
        self.sums = np.zeros((*self.holds.shape, self.copies), np.int64)
        self.leaving = np.full(columns, NONE)
        self.steps_left = np.zeros(columns, np.int64)

    def clock(self, cycle: int) -> Leaving:
        """One cycle: the sums that leave in it."""
        self.step_operands(cycle)
        self._step_second_operands(cycle)
        self._wait_until_empty(cycle)
        done = self._add()
        if self.local.unload == "row":
            return self._leave_by_row(done)
        gone = self._shift()
        self._complete(done)
        return gone

    def busy(self) -> bool:
        """Whether an operand or a sum is in the grid."""
        return super().busy() or bool(np.any(self.holds != NONE))

    def _step_second_operands(self, cycle: int) -> None:
        if self.skewed:
            self.second[1:] = self.second[:-1]
            self.second[0] = self.entering(cycle - self.column[0])
        else:
            self.second[:] = self.entering(np.asarray(cycle))
        claim(np.array_equal(self.operand, self.second), "an operand meets another one's partner")

    def _wait_until_empty(self, cycle: int) -> None:
        """With `drain = "each_pass"`: nothing of the tile before may be left where sums grow."""
        number, position = divmod(cycle, self.interval)
        if self.empties and position == 0:
            before = (self.operand != NONE) & (self.operand < number * self.stream)
            grown = (self.holds[0] != NONE) & (self.holds[0] < number)
            claim(not before.any() and not grown.any(), "the tile before has not left the grid")

    def _add(self) -> Mask:
        """Every sum takes a product; where one has its last."""
        rows = self.size[0]
        number, position = np.divmod(self.operand, self.stream)
        active = (self.operand != NONE) & (self.row < self.used[0])
        holds, starts = self.holds[0, :rows], active & (position == 0)
        claim(np.all(holds[starts] == NONE), "a sum starts where another one is")
        holds[starts], self.sums[0, :rows][starts] = number[starts], 0
        self.line[0, :rows][starts] = self.row[starts]
        claim(np.all(holds[active] == number[active]), "a product meets another tile's sum")
        self.sums[0, :rows] += self.made()
        return (self.operand != NONE) & (position == self.stream - 1)

    def _leave_by_row(self, done: Mask) -> Leaving:
        done = done & (self.row < self.used[0])
        claim(np.all(done.sum(axis=0) <= self.local.rows_per_cycle), "too many sums on one wire")
        rows, columns = np.nonzero(done)
        return self._take(0, rows, columns)

    def _shift(self) -> Leaving:
        """The columns whose tile was complete before this cycle move it down."""
        plane, pace, depth = self.local.planes - 1, self.local.rows_per_cycle, self.depth
        moving = (self.holds[plane] == self.leaving) & (self.leaving != NONE)
        top = max(depth - pace, 0)
        rows, columns = np.nonzero(moving[top:depth])
        gone = self._take(plane, rows + top, columns)
        for row in range(top - 1, -1, -1):
            at = np.flatnonzero(moving[row])
            claim(np.all(self.holds[plane, row + pace, at] == NONE), "a sum steps onto another one")
            for kept in (self.holds, self.line, self.sums):
                kept[plane, row + pace, at] = kept[plane, row, at]
            self.holds[plane, row, at] = NONE
        self.steps_left -= self.leaving != NONE
        self.leaving[self.steps_left == 0] = NONE
        return gone

    def _complete(self, done: Mask) -> None:
        """Complete sums move to the second plane; with its last row a column begins to leave."""
        if self.local.planes == 2:
            rows, columns = np.nonzero(done & (self.row < self.used[0]))
            claim(np.all(self.holds[1, rows, columns] == NONE), "two sums in one shift register")
            for kept in (self.holds, self.line, self.sums):
                kept[1, rows, columns] = kept[0, rows, columns]
            self.holds[0, rows, columns] = NONE
        last = np.flatnonzero(done[-1])
        claim(np.all(self.leaving[last] == NONE), "a tile is complete while another one leaves")
        self.leaving[last] = self.operand[-1, last] // self.stream
        self.steps_left[last] = self.steps

    def _take(self, plane: int, rows: IntArray, columns: IntArray) -> Leaving:
        at = plane, rows, columns
        gone = Leaving(self.holds[at], self.line[at], columns, self.sums[at])
        self.holds[at] = NONE
        return gone


def simulate(
    array: Array, mode: Mode, chain: list[Work], interval: int, hop: int, outputs: int
) -> Outcome:
    """Run a chain of units, all copies of it in step; raises ConflictError."""
    kind = SumsStay if mode.stays == "O" else Stationary
    units = [kind(array, mode, work, interval) for work in chain]
    hops = [deque([NOTHING] * hop) for _ in units[1:]]
    head, target = units[0], chain[-1].target
    sums = np.zeros(outputs, np.int64)
    free = landed = written = 0
    for cycle in count():
        gone = head.clock(cycle)
        if head.operand[0, 0] != NONE or (head.empties and head.busy()):
            free = cycle + 1
        for place, (unit, line) in enumerate(zip(units[1:], hops, strict=True), 1):
            line.append(gone)
            gone = unit.clock(cycle - place * hop).plus(line.popleft())
        if units[-1].busy() or len(gone.passes):
            landed = cycle + 1
        elif cycle > head.start(head.passes) + hop * len(units):
            break
        written += add(sums, target, gone)
    if mode.stays == "O":
        free = head.start(head.passes)
    return Outcome(head.first, free, landed, interval, sums, written)


def add(sums: IntArray, target: IntArray, gone: Leaving) -> int:
    """Add what leaves the grid to the sums in the accumulators; how many are not padding."""
    real = gone.columns < target.shape[2]
    where = target[gone.passes[real], gone.lines[real], gone.columns[real]]
    values = gone.values[real]
    np.add.at(sums, where[where >= 0], values[where >= 0])
    return np.count_nonzero(where >= 0)


def shortest(array: Array, mode: Mode, chain: list[Work], hop: int, outputs: int) -> Outcome:
    """The outcome with the shortest interval that has no conflict.

    A few passes decide it, for no more are in the grid at once; all of them confirm it.
    """
    few = [work.first(FEW) for work in chain]
    for interval in count(1):
        try:
            simulate(array, mode, few, interval, hop, outputs)
            return simulate(array, mode, chain, interval, hop, outputs)
        except ConflictError:
            continue
    raise AssertionError("there is always a longer interval")
