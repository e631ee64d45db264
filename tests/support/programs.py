"""Small programs written by hand: a builder that fills in what a test does not care about."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from tilefold.backend.code import Code, Header, Instruction
from tilefold.backend.program import Port, Program, Segment
from tilefold.dialects.isa_operands import Affine, Dim, ElementType, Operand, Ring, View
from tilefold.machines import load_machine
from tilefold.machines.model import Machine

CONV_DEFAULTS: Mapping[str, Operand] = {
    "stride_y": 1,
    "stride_x": 1,
    "dil_y": 1,
    "dil_x": 1,
    "src_zero": 0,
    "dst_zero": 0,
    "lo": -128,
    "hi": 127,
    "reduce": frozenset[int](),
}


def dense(sizes: Sequence[int]) -> list[int]:
    """Strides of a dense tensor, the last dimension innermost."""
    strides = [1]
    for size in reversed(sizes[1:]):
        strides.insert(0, strides[0] * size)
    return strides


def view(
    memory: str,
    base: int,
    sizes: Sequence[int],
    kind: str = "u8",
    *,
    local: bool | None = None,
    origins: Sequence[int | Affine] | None = None,
    extents: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    ring: Ring | None = None,
) -> View:
    """A view; global in DRAM and local elsewhere, dense and whole unless told otherwise."""
    local = memory != "dram" if local is None else local
    extents = extents or sizes
    origins = origins or [0] * len(sizes)
    strides = strides or dense(sizes if local else extents)
    affine = [o if isinstance(o, Affine) else Affine(o) for o in origins]
    dims = tuple(map(Dim, affine, sizes, extents, strides))
    return View(memory, base, ring, ElementType(kind), local, dims)


def parameters(bias: Sequence[int], multiplier: Sequence[float], zero: Sequence[int]) -> np.ndarray:
    """The bytes of conv parameters [k, 3]."""
    table = np.zeros((len(bias), 3), np.int32)
    table[:, 0] = bias
    table[:, 1] = np.array(multiplier, np.float32).view(np.int32)
    table[:, 2] = zero
    return table.view(np.uint8).reshape(-1)


def port(name: str, shape: Sequence[int], address: int, **changes: object) -> Port:
    """A port of u8 elements with scale 1."""
    fields: dict[str, object] = {
        "float_interface": False,
        "bits": 8,
        "signed": False,
        "scale": (1.0,),
        "zero_point": (0,),
        "axis": None,
    }
    return Port(name=name, shape=tuple(shape), address=address, **(fields | changes))  # type: ignore[arg-type]


@cache
def _machine(name: str) -> Machine:
    return load_machine(name)


@dataclass
class Builder:
    """Collects instructions; `layer` names the layer of those that follow."""

    machine: Machine = field(default_factory=lambda: _machine("tiny"), repr=False)
    instructions: list[Instruction] = field(default_factory=list[Instruction])
    layers: list[str] = field(default_factory=list[str])
    layer_of: list[int] = field(default_factory=list[int])
    segments: list[Segment] = field(default_factory=list[Segment])
    inputs: list[Port] = field(default_factory=list[Port])
    outputs: list[Port] = field(default_factory=list[Port])

    def layer(self, name: str) -> None:
        """Instructions that follow belong to the layer `name`."""
        if name not in self.layers:
            self.layers.append(name)

    def add(self, mnemonic: str, **operands: Operand) -> None:
        """Append an instruction."""
        self.instructions.append(Instruction(mnemonic, operands))
        self.layer_of.append(len(self.layers) - 1)

    @contextmanager
    def loop(self, count: int) -> Iterator[None]:
        """A hardware loop around what is added inside."""
        self.add("loop", count=count)
        yield
        self.add("end")

    def sem(self, number: int, credits: int = 0) -> None:
        """Declare a semaphore."""
        self.add("sem", id=number, credits=credits)

    def wait(self, unit: str, sem: int) -> None:
        """`unit` waits."""
        self.add("wait", unit=unit, sem=sem)

    def signal(self, unit: str, sem: int) -> None:
        """`unit` signals."""
        self.add("signal", unit=unit, sem=sem)

    def group(self, mnemonic: str, unit: str, units: int = 1, **changes: Operand) -> None:
        """A configure or prefetch; spread over output pixels unless told otherwise."""
        fold = {"chain": 1, "cols": 1, "pixels": units, "groups": 1}
        rest = {"mode": 0, "act_bits": 8, "wgt_bits": 8}
        self.add(mnemonic, unit=unit, units=units, **(fold | rest | changes))

    def load(self, unit: str, src: View, dst: View, pad: int = 0) -> None:
        """A load."""
        self.add("load", unit=unit, src=src, dst=dst, pad=pad)

    def store(self, unit: str, src: View, dst: View) -> None:
        """A store."""
        self.add("store", unit=unit, src=src, dst=dst)

    def conv(
        self, unit: str, src: View, wgt: View, par: View, dst: View, **changes: Operand
    ) -> None:
        """A convolution; depthwise if `mult` is given."""
        mnemonic = "dwconv" if "mult" in changes else "conv"
        views = {"src": src, "wgt": wgt, "par": par, "dst": dst}
        low, high = dst.type.range
        clamp = {"lo": low, "hi": high}
        self.add(mnemonic, unit=unit, **views, **(dict(CONV_DEFAULTS) | clamp | changes))

    def code(self) -> Code:
        """The code, halted and checked."""
        machine = self.machine
        header = Header(
            machine.name,
            machine.digest,
            "test",
            tuple(dma.name for dma in machine.dmas),
            tuple(f"{array.name}.{i}" for array in machine.arrays for i in range(array.count)),
            tuple(vector.name for vector in machine.vectors),
            tuple(memory.name for memory in machine.memories),
        )
        code = Code(header, (*self.instructions, Instruction("halt", {})))
        code.check()
        return code

    def program(self) -> Program:
        """The program, checked."""
        program = Program(
            self.code(),
            self.machine.text,
            tuple(self.segments),
            tuple(self.inputs),
            tuple(self.outputs),
            tuple(self.layers),
            (*self.layer_of, -1),
        )
        program.check()
        return program


def buffered(depth: int) -> Builder:
    """Four tiles of 64 bytes, loaded into a ring of `depth` slots and looked up in a table.

    Loads take 16 cycles (and 4 until they are there), look-ups 16: with two slots, loads run 0-16,
    16-32, 36-52, 52-68, look-ups 20-36, 36-52, ...
    """
    builder = Builder()
    builder.sem(0)
    builder.sem(1, credits=depth)
    table = view("weights", 0, (256,))
    tile = view("data", 0, (64,), ring=Ring(depth, 64, 1))
    with builder.loop(4):
        builder.wait("load", 1)
        builder.load("load", view("dram", 0, (64,)), tile)
        builder.signal("load", 0)
        builder.wait("act", 0)
        builder.add("vlut", unit="act", src=tile, table=table, dst=view("data", 256, (64,)))
        builder.signal("act", 1)
    return builder
