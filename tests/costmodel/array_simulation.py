"""Compute arrays simulated register by register, cycle by cycle.

A grid of multipliers. One operand enters at the left edge and steps right; what meets it depends on
what stays. Weights or inputs that stay sit in planes of registers, which fill row by row, and sums
enter as zero at the top, step down and leave below. Sums that stay are added up in place, while a
second operand enters at the top and steps down; complete sums leave through their column.

`feed = "skew"` delays what enters row r (and column c) by r (and c) cycles, so that operands and
sums meet; the fill of row r of a tile is delayed alike. With `feed = "broadcast"` nothing is
delayed, and a column adds all its rows in one cycle. Units of a chain start `hop` cycles one after
the other; each adds what leaves the one before, `hop` registers away.

The simulation takes the interval at which passes start as given and raises `ConflictError` when two
tiles meet in a register, on a wire or in a fill. The time of a machine is that of the shortest
interval without conflict: no formula says how long a pass waits.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from tilefold.machines.model import Array, Mode
from tilefold.tests.costmodel.array_passes import IntArray, Pass


class ConflictError(Exception):
    """Two tiles are in each other's way."""


@dataclass(frozen=True)
class Outcome:
    """Cycles until the last operand has entered and the last sum has landed, and all sums."""

    entered: int
    landed: int
    sums: IntArray


def claim(condition: bool | np.bool_, what: str) -> None:
    """Raise ConflictError unless the condition holds."""
    if not condition:
        raise ConflictError(what)


class Unit:
    """The registers of one unit. Tags are numbers of passes, -1 for nothing.

    `clock(cycle)` is one cycle: it takes in what the program has entering now, moves every register
    and returns the sums that leave, as (column, target in the result, value).
    """

    def __init__(
        self, array: Array, mode: Mode, passes: list[Pass], starts: list[int], fill: int
    ) -> None:
        self.passes, self.starts, self.fill = passes, starts, fill
        self.mode, self.local, self.skewed = mode, array.local_for(mode), array.feed == "skew"
        self.used = passes[0].across.shape[:2]
        self.stream, self.products = passes[0].across.shape[2:]
        grid = tuple(size for _, size in array.axes)
        self.size = grid if array.span == "all" else self.used
        self.bottom = (grid[0] if self.local.rows == "all" else self.used[0]) - 1
        self.empties = array.empties_each_pass(mode)
        rows, columns = self.size
        self.rows, self.columns = np.indices(self.size)
        self.delay = (self.rows + self.columns) * self.skewed
        self.across = np.zeros((rows, columns, columns, self.products), np.int64)
        self.down = np.zeros((rows, columns, self.products), np.int64)
        self.tag = np.full((2, rows, columns), -1)  # pass, position in its stream
        planes = (self.local.planes, rows, columns)
        self.kept = np.zeros((*planes, self.products), np.int64)
        self.owner = np.full(planes, -1)
        depth = (self.local.planes, max(rows, self.bottom + 1), columns)
        self.sums = np.zeros(depth, np.int64)
        self.sum_tag = np.full(depth, -1)
        self.complete = np.zeros(depth, bool)
        self.unloading = np.full(columns, -1)
        self.pending: list[deque[int]] = [deque() for _ in range(columns)]

    def clock(self, cycle: int) -> list[tuple[int, int, int]]:
        """One cycle; raises ConflictError."""
        self._step_operands(cycle)
        if self.mode.stays == "O":
            leaving = self._unload() if self.local.unload == "tile" else []
            return leaving + self._add_in_place()
        self._write_planes(cycle)
        return self._step_sums()

    def busy_with(self, before: int) -> bool:
        """Whether anything of passes before this number is still in the grid."""
        if self.mode.stays != "O":
            return bool(np.any((self.tag[0] >= 0) & (self.tag[0] < before)))
        held = self.sum_tag[0]  # a sum in the second plane is out of the way
        here = np.any((held >= 0) & (held < before))
        return bool(here or np.any((self.tag[0] >= 0) & (self.tag[0] < before)))

    def _entering(self, cycle: int) -> tuple[int, int]:
        """The pass and position that enter row 0 and column 0 now."""
        for number, start in enumerate(self.starts):
            if start <= cycle < start + self.stream:
                return number, cycle - start
        return -1, -1

    def _step_operands(self, cycle: int) -> None:
        rows, columns = self.size
        if self.skewed:
            self.across = np.roll(self.across, 1, 1)
            self.down = np.roll(self.down, 1, 0)
            self.tag = np.roll(self.tag, 1, 2)
        for row in range(rows):
            for column in range(1 if self.skewed else columns):
                number, position = self._entering(cycle - row * self.skewed)
                self.tag[:, row, column] = number, position
                self.across[row, column] = 0
                if number >= 0 and row < self.used[0]:
                    values = self.passes[number].across[row, :, position]
                    self.across[row, column, : self.used[1]] = values
        if self.mode.stays != "O":
            return
        for column in range(columns):
            for row in range(1 if self.skewed else rows):
                number, position = self._entering(cycle - column * self.skewed)
                self.down[row, column] = 0
                if number >= 0 and column < self.used[1]:
                    self.down[row, column] = self.passes[number].down[column, position]

    def _write_planes(self, cycle: int) -> None:
        """Registers of the rows whose turn it was `delay` cycles ago take their element."""
        for number, start in enumerate(self.starts):
            slot = cycle - self.delay - (start - self.fill)
            now = slot == self.rows // self.local.rows_per_cycle
            if not now.any():
                continue
            tile = np.zeros((*self.size, self.products), np.int64)
            tile[: self.used[0], : self.used[1]] = self.passes[number].kept
            plane = number % self.local.planes
            self.kept[plane][now] = tile[now]
            self.owner[plane][now] = number

    def _step_sums(self) -> list[tuple[int, int, int]]:
        number, position = self.tag
        plane = number % self.local.planes
        active = number >= 0
        owner = np.take_along_axis(self.owner, plane[None], 0)[0]
        claim(np.all((owner == number) | ~active), "an element that stays was overwritten or late")
        kept = np.take_along_axis(self.kept, plane[None, ..., None], 0)[0]
        across = self.across[self.rows, self.columns, self.columns]
        made = np.sum(kept * across, axis=-1) * active
        if self.skewed:
            above = np.zeros_like(made)
            above[1:] = self.sums[0, : self.size[0] - 1]
            self.sums[0, : self.size[0]] = made + above
            out = self.sums[0, self.size[0] - 1]
        else:
            out = made.sum(axis=0)
        leaving = []
        for column in np.flatnonzero(active[-1]):
            at = number[-1, column], position[-1, column]
            target = self.passes[at[0]].target[column, at[1]] if column < self.used[1] else -1
            leaving.append((int(column), int(target), int(out[column])))
        return leaving

    def _add_in_place(self) -> list[tuple[int, int, int]]:
        rows = self.size[0]
        number, position = self.tag
        active, first, last = number >= 0, position == 0, position == self.stream - 1
        held, tags, done = self.sums[0, :rows], self.sum_tag[0, :rows], self.complete[0, :rows]
        claim(np.all(tags[first] == -1), "a sum starts where another one is")
        tags[first], held[first], done[first] = number[first], 0, False
        claim(np.all(tags[active] == number[active]), "a sum met the operand of another")
        across = self.across[self.rows, self.columns, self.columns]
        held += np.sum(across * self.down, axis=-1) * active
        if self.local.unload == "row":
            return self._leave_by_wire(last & active)
        done[last & active] = True
        for row, column in np.argwhere(last & active):
            if self.local.planes == 2:
                claim(self.sum_tag[1, row, column] == -1, "two sums in one shift register")
                self.sum_tag[1, row, column] = tags[row, column]
                self.sums[1, row, column] = held[row, column]
                self.complete[1, row, column] = True
                tags[row, column] = -1
            if row == rows - 1:
                self.pending[column].append(number[row, column])
        return []

    def _leave_by_wire(self, ready: npt.NDArray[np.bool_]) -> list[tuple[int, int, int]]:
        ready = ready & (self.rows < self.used[0])
        claim(np.all(ready.sum(axis=0) <= self.local.rows_per_cycle), "two sums on one wire")
        leaving = []
        finished = (self.tag[0] >= 0) & (self.tag[1] == self.stream - 1)
        for row, column in np.argwhere(ready):
            leaving.append(self._sum(0, row, column))
        self.sum_tag[0, : self.size[0]][finished] = -1
        return leaving

    def _unload(self) -> list[tuple[int, int, int]]:
        """Complete sums of a column step down together, as many rows as leave a cycle."""
        leaving: list[tuple[int, int, int]] = []
        plane, pace = self.local.planes - 1, self.local.rows_per_cycle
        for column in range(self.size[1]):
            tags = self.sum_tag[plane, :, column]
            if self.pending[column] and self.unloading[column] == -1:
                self.unloading[column] = self.pending[column].popleft()
                tags[self.bottom + 1 :][tags[self.bottom + 1 :] == self.unloading[column]] = -1
                self.steps_left = getattr(self, "steps_left", {})
                self.steps_left[column] = -(-(self.bottom + 1) // pace)
            claim(not self.pending[column], "a tile is complete while another one leaves")
            number = self.unloading[column]
            if number == -1:
                continue
            for row in range(self.bottom, -1, -1):
                if tags[row] != number:
                    continue
                value = self.sums[plane, row, column]
                if row + pace > self.bottom:
                    leaving.append(self._sum(plane, row, column))
                else:
                    claim(tags[row + pace] == -1, "a sum steps where another one is")
                    tags[row + pace] = number
                    self.sums[plane, row + pace, column] = value
                tags[row] = -1
            self.steps_left[column] -= 1
            if self.steps_left[column] == 0:
                self.unloading[column] = -1
        return leaving
