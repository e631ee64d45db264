"""The interpreter of `schedule` on tensors that lie on chip."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from tilefold.dialects.registry import DIALECTS
from tilefold.dialects.store import Store
from tilefold.interpreters.schedule import run
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.parser import Parser

IMAGE = np.arange(1, 17, dtype=np.uint8).reshape(4, 4)
LOGICAL = "tensor<1x1x{}x{}x!quant.uniform<u8:f32, 0.5>>"


@dataclass
class Text:
    """The text of a program on tensors of bytes [rows, columns, 1] in a memory "data".

    Tiles have the columns of their tensor, but for `border` more on every side, and start at `row`.
    """

    lines: list[str] = field(default_factory=list[str])
    types: dict[str, str] = field(default_factory=dict[str, str])
    counter: str = ""

    def tensor(self, name: str, rows: int, columns: int, kind: str = "temporary") -> None:
        """A port in DRAM, or a temporary tensor on chip."""
        more = f"logical = {LOGICAL.format(rows, columns)}"
        more = 'memory = "data"' if kind == "temporary" else more
        self.types[name] = f"!schedule.tensor<{rows}x{columns}x1xu8>"
        self.lines.append(
            f'%{name} = schedule.tensor {{kind = "{kind}", label = "{name}", {more}}} '
            f": {self.types[name]}"
        )

    def buffer(self, name: str, rows: int, columns: int) -> None:
        """A buffer of one tile."""
        self.types[name] = f"!schedule.buffer<{rows}x{columns}x1xu8>"
        self.lines.append(f'%{name} = schedule.buffer "data" {{depth = 1}} : {self.types[name]}')

    def _where(self, extents: tuple[int, int], row: str, border: int = 0) -> str:
        dims = "(d0)" if self.counter else "()"
        return (
            f"origin = affine_map<{dims} -> ({row} - {border}, -{border}, 0)>, "
            f"extents = array<i64: {extents[0]}, {extents[1]}, 1>"
        )

    def _view(self, extents: tuple[int, int], row: str, border: int = 0) -> str:
        return f"{self._where(extents, row, border)}, strides = array<i64: {extents[1]}, 1, 1>"

    def load(
        self, name: str, tensor: str, extents: tuple[int, int], row: str = "0", pad: int = 0
    ) -> None:
        """A load into the buffer `name`."""
        self.lines.append(
            f'schedule.load "load" %{tensor} to %{name}[{self.counter}] '
            f"{{{self._view(extents, row)}, pad = {pad}}} "
            f": {self.types[tensor]} to {self.types[name]}"
        )

    def window(
        self, name: str, tensor: str, sizes: tuple[int, int], extents: tuple[int, int],
        row: str = "0", border: int = 0, pad: int = 0,
    ) -> None:  # fmt: skip
        """A window `name` of `sizes`."""
        self.types[name] = f"!schedule.buffer<{sizes[0]}x{sizes[1]}x1xu8>"
        self.lines.append(
            f"%{name} = schedule.window %{tensor}[{self.counter}] "
            f"{{{self._view(extents, row, border)}, pad = {pad}}} "
            f": {self.types[tensor]} to {self.types[name]}"
        )

    def add(
        self, out: str, a: str, b: str, extents: tuple[int, int], row: str = "0",
        ra: float = 1.0, rb: float = 0.0,
    ) -> None:  # fmt: skip
        """`ra` times `a` plus `rb` times `b`."""
        self.lines.append(
            f'schedule.add "act" %{out} = %{a}, %{b}[{self.counter}] '
            f"{{{self._where(extents, row)}, ra = {ra} : f32, rb = {rb} : f32, fix = 0.0 : f32, "
            f"lo = 0, hi = 255}} : {self.types[out]} = {self.types[a]}, {self.types[b]}"
        )

    def store(self, name: str, tensor: str, extents: tuple[int, int]) -> None:
        """A store of the buffer `name`."""
        self.lines.append(
            f'schedule.store "store" %{name} to %{tensor}[] {{{self._view(extents, "0")}}} '
            f": {self.types[name]} to {self.types[tensor]}"
        )

    def output(self) -> npt.NDArray[np.uint8]:
        """What the program makes of `IMAGE`, which is its input `x`, in its output `y`."""
        context = Context()
        for dialect in (Builtin, *DIALECTS):
            context.load_dialect(dialect)
        body = "\n".join(self.lines)
        text = f'schedule.program attributes {{sym_name = "main", machine = "m"}} {{\n{body}\n}}'
        module = Parser(context, f"builtin.module {{\n{text}\n}}").parse_module()
        module.verify()
        return run(module, {"x": IMAGE[None, None]}, Store())["y"][0, 0]


def test_writes_outside_a_window_are_dropped_and_reads_there_are_padding() -> None:
    """Two tiles of three rows are written where only four rows of the tensor of six are seen."""
    text = Text()
    text.tensor("x", 4, 4, "input")
    text.tensor("y", 8, 6, "output")
    text.tensor("k", 6, 4)
    text.buffer("t", 3, 4)
    text.buffer("u", 8, 6)
    text.lines.append("schedule.for %i = 2 {")
    text.counter = "%i"
    text.load("t", "x", (4, 4), row="d0 * 3", pad=9)
    text.window("w", "k", (3, 4), (4, 4), row="d0 * 3")
    text.add("w", "t", "t", (4, 4), row="d0 * 3")
    text.lines.append("}")
    text.counter = ""
    text.window("v", "k", (8, 6), (6, 4), border=1, pad=7)
    text.add("u", "v", "v", (8, 6))
    text.store("u", "y", (8, 6))
    seen = np.vstack([IMAGE, np.zeros((2, 4), np.uint8)])
    np.testing.assert_array_equal(text.output(), np.pad(seen, 1, constant_values=7))


def test_a_window_shows_what_was_written_before_it() -> None:
    """One tensor is written, read and overwritten by one step, and read again."""
    text, sizes = Text(), (4, 4)
    text.tensor("x", 4, 4, "input")
    text.tensor("y", 4, 4, "output")
    text.tensor("k", 4, 4)
    text.buffer("t", 4, 4)
    text.buffer("u", 4, 4)
    text.load("t", "x", sizes)
    text.window("a", "k", sizes, sizes)
    text.add("a", "t", "t", sizes)
    text.window("b", "k", sizes, sizes)
    text.window("c", "k", sizes, sizes)
    text.add("c", "b", "t", sizes, ra=2.0, rb=3.0)
    text.window("d", "k", sizes, sizes)
    text.add("u", "d", "t", sizes)
    text.store("u", "y", sizes)
    np.testing.assert_array_equal(text.output(), IMAGE * 5)
