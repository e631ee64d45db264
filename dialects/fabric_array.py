"""Compute arrays of the `fabric` dialect: the grid, its registers, its accumulators, its dataflows.

How their fields turn into cycles is in `docs/time.md`.
"""

from collections.abc import Iterator
from itertools import chain
from typing import ClassVar

from xdsl.irdl import irdl_op_definition

from .fields import Fault, Field, FieldOp, boolean, choice, integer, list_of, map_of, text

LOOP_DIMS: tuple[str, ...] = ("G", "K", "C", "OY", "OX", "FY", "FX")
"""The loops of a convolution: groups, output and input channels of a group, output rows and
columns, window rows and columns."""

SUMMED: tuple[str, ...] = ("C", "FY", "FX")
"""The loops that a sum runs over."""

PIXELS: tuple[str, ...] = ("OY", "OX")
"""The loops over output pixels."""

OPERANDS: tuple[str, ...] = ("I", "W", "O")
"""What memories hold and arrays keep: inputs, weights, outputs of a layer."""

SRC = Field("src", text(), 'where the numbers come from, or "assumed"')


@irdl_op_definition
class LocalOp(FieldOp):
    """The registers that keep an operand in an array: one element per multiplier and plane."""

    name = "fabric.local"
    PARENT: ClassVar = "fabric.array"
    FIELDS: ClassVar = (
        Field("operand", choice("W", "I", "O"), "the operand that stays in the array"),
        Field("axis", choice("y", "x", "z", "w"), "the axis along which rows are filled"),
        Field(
            "planes",
            integer(1, 2),
            "2: the next tile fills, or the last one's sums leave, while this one is used",
        ),
        Field(
            "rows_per_cycle", integer(1, 1 << 10), "rows filled, or of sums that leave", "1/cycle"
        ),
        Field(
            "rows", choice("used", "all"), "how many of them: those in use, or all", default="used"
        ),
        Field(
            "unload",
            choice("tile", "row"),
            "O: sums leave when their tile is complete, or each row when it is",
            default="tile",
        ),
        SRC,
    )

    def faults(self) -> Iterator[Fault]:
        """Ways to unload that contradict the other fields."""
        yield from super().faults()
        if self.get("unload") != "row":
            return
        if self.get("operand") != "O":
            yield Fault(self, "unload", f'only sums leave; "{self.get("operand")}" does not')
        if self.get("planes") != 1:
            yield Fault(
                self, "planes", 'sums that leave row by row (unload = "row") need one plane'
            )
        if self.get("rows") != "used":
            yield Fault(self, "rows", 'with unload = "row" only the rows in use leave')


@irdl_op_definition
class AccumulatorOp(FieldOp):
    """The accumulators at the end of each column: lines of one sum each."""

    name = "fabric.accumulator"
    PARENT: ClassVar = "fabric.array"
    FIELDS: ClassVar = (
        Field("lines", integer(1, 1 << 16), "sums per column and plane"),
        Field("bits", integer(32, 32), "width of a sum", "bits", 32),
        Field("planes", integer(1, 2), "2: one plane drains while the other accumulates"),
        SRC,
    )


@irdl_op_definition
class ModeOp(FieldOp):
    """A dataflow: which loops run in space along which axis, and the operand that stays."""

    name = "fabric.mode"
    PARENT: ClassVar = "fabric.array"
    FIELDS: ClassVar = (
        Field(
            "spatial",
            map_of(list_of(choice(*LOOP_DIMS), 1, len(LOOP_DIMS))),
            "for each axis the loops unrolled along it, the first one first",
        ),
        Field("stays", choice("W", "I", "O"), "the stationary operand", default="W"),
        Field(
            "flat",
            boolean(),
            "several loops along an axis are cut as one long loop, as in an im2col matrix",
            default=False,
        ),
        Field(
            "limit",
            map_of(integer(1, 1 << 12), len(LOOP_DIMS)),
            "the most positions that a loop takes along an axis",
            default={},
        ),
        Field(
            "drain",
            choice("each_pass", "on_dependence"),
            "the grid empties after each pass, or only who needs the sums waits; "
            'none: "each_pass" with one plane, "on_dependence" with two',
            default="",
        ),
        SRC,
    )

    def faults(self) -> Iterator[Fault]:
        """Loops that cannot run in space with this operand kept, or not as one."""
        yield from super().faults()
        loops: dict[str, tuple[str, ...]] = self.get("spatial")
        every = list(chain(*loops.values()))
        if self.get("stays") == "O" and (summed := set(every) & set(SUMMED)):
            yield Fault(
                self,
                "spatial",
                f'with stays = "O" a sum stays in one place; {min(summed)} is summed',
            )
        limit: dict[str, int] = self.get("limit")
        for dim in limit:
            if dim not in every:
                yield Fault(self, "limit", f"no axis has the loop {dim}")
        if not self.get("flat"):
            return
        for along in loops.values():
            if len(along) > 1 and (cut := set(along) & set(limit)):
                message = f"{min(cut)} is cut as one long loop with others, it has no limit"
                yield Fault(self, "limit", message)
        for axis, along in loops.items():
            if len(along) > 1 and not any(set(along) <= set(kind) for kind in (SUMMED, PIXELS)):
                yield Fault(
                    self,
                    "flat",
                    f"the loops along {axis} are not all of {', '.join(SUMMED)} "
                    f"or all of {', '.join(PIXELS)}",
                )
        if repeated := [dim for dim in every if every.count(dim) > 1]:
            yield Fault(self, "flat", f"{repeated[0]} runs along two axes")


@irdl_op_definition
class ArrayOp(FieldOp):
    """A class of compute arrays: `count` equal units, each a grid of multipliers."""

    name = "fabric.array"
    PARENT: ClassVar = "fabric.machine"
    CHILDREN: ClassVar = ("fabric.local", "fabric.accumulator", "fabric.mode")
    FIELDS: ClassVar = (
        Field("count", integer(1, 255), "units", default=1),
        Field("axes", map_of(integer(1, 1 << 12), 4), "size of the grid along each axis"),
        Field(
            "precisions",
            list_of(list_of(integer(1, 64), 3, 3, distinct=False)),
            "[activation bits, weight bits, products per multiplier and cycle], "
            "summed inside the multiplier",
        ),
        Field(
            "feed",
            choice("skew", "broadcast"),
            "operands step through the grid a position a cycle, or reach all of it at once",
        ),
        Field(
            "span",
            choice("all", "used"),
            "skew: what they step through, the whole grid or the positions in use",
            default="all",
        ),
        SRC,
    )

    def faults(self) -> Iterator[Fault]:
        """Precisions out of range, missing or repeated parts, modes on axes that do not exist."""
        yield from super().faults()
        yield from self._precision_faults()
        if self.get("feed") == "broadcast" and self.get("span") == "used":
            yield Fault(self, "span", 'with feed = "broadcast" nothing steps through the grid')
        if len(found := self._of(AccumulatorOp)) != 1:
            yield Fault(self, "", f"needs exactly one fabric.accumulator, it has {len(found)}")
        for kind in (LocalOp, ModeOp):
            if not self._of(kind):
                yield Fault(self, "", f"needs at least one {kind.name}")
        for op in self.children():
            yield from op.faults()
        yield from self._axis_faults()
        yield from self._operand_faults()

    def _of(self, kind: type[FieldOp]) -> list[FieldOp]:
        return [op for op in self.children() if isinstance(op, kind)]

    def _precision_faults(self) -> Iterator[Fault]:
        precisions: list[tuple[int, int]] = [(a, w) for a, w, _ in self.get("precisions")]
        for pair in precisions:
            if not all(2 <= bits <= 8 for bits in pair):
                yield Fault(self, "precisions", f"{list(pair)} bits: widths are from 2 to 8")
            if precisions.count(pair) > 1:
                yield Fault(self, "precisions", f"{list(pair)} bits are given twice")

    def _axis_faults(self) -> Iterator[Fault]:
        named = [(op, "axis", (op.get("axis"),)) for op in self._of(LocalOp)]
        named += [(op, "spatial", tuple(op.get("spatial"))) for op in self._of(ModeOp)]
        for op, field, axes in named:
            for axis in axes:
                if axis not in self.get("axes"):
                    exist = ", ".join(self.get("axes"))
                    message = f"@{self.sym_name.data} has no axis {axis}, only {exist}"
                    yield Fault(op, field, message)

    def _operand_faults(self) -> Iterator[Fault]:
        """Registers without a mode, modes without registers, and sums without room."""
        kept = [op.get("operand") for op in self._of(LocalOp)]
        for mode in self._of(ModeOp):
            if (operand := mode.get("stays")) not in kept:
                yield Fault(mode, "stays", f'no fabric.local keeps the operand "{operand}"')
        stays = [mode.get("stays") for mode in self._of(ModeOp)]
        lines = self._of(AccumulatorOp)[0]
        for local, operand in zip(self._of(LocalOp), kept, strict=True):
            if kept.count(operand) > 1:
                yield Fault(local, "operand", f'operand "{operand}" is kept twice')
            if operand not in stays:
                yield Fault(local, "operand", f'no mode has stays = "{operand}"')
            if local.get("unload") == "row" and self.get("feed") == "broadcast":
                message = 'with feed = "broadcast" all sums of a tile are complete at once'
                yield Fault(local, "unload", message)
            rows = self.get("axes")[local.get("axis")]
            if operand == "O" and lines.get("lines") < rows:
                yield Fault(lines, "lines", f"a tile has up to {rows} sums a column")
