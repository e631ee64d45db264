"""Small layers, machines and mappings for the hierarchy's cost model."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tilefold.costmodel.hierarchy.architecture import Architecture, Memory, Port, Way
from tilefold.costmodel.hierarchy.layer import Layer, Operand, Window
from tilefold.costmodel.hierarchy.mappings import Mappings
from tilefold.costmodel.hierarchy.unrolling import Unrolling

Loops = list[tuple[str, int]]


def port(name: str, operands: Sequence[str], ways: Sequence[Way], bits: int = 8) -> Port:
    """A port whose accesses are all as wide."""
    return Port(name, bits, bits, tuple((operand, way) for operand in operands for way in ways))


def memory(
    name: str, operands: Sequence[str], bits: int, serves: Sequence[str], **more: int
) -> Memory:
    """A memory with a port to read and a port to write."""
    wide = more.get("wide", 8)
    reads = port("r", operands, (Way.READ_FOR_BELOW, Way.READ_FOR_ABOVE), wide)
    writes = port("w", operands, (Way.WRITE_FROM_BELOW, Way.WRITE_FROM_ABOVE), wide)
    return Memory(name, bits, 1.0, 2.0, tuple(operands), (reads, writes), frozenset(serves))


def machine(axes: Mapping[str, int], *, sram: int = 1 << 20, wide: int = 8) -> Architecture:
    """Registers of weights at each multiplier, of sums along D2, a memory of I and O, and DRAM."""
    return Architecture(
        "small",
        axes,
        (
            memory("wreg", ["I2"], 1 << 10, []),
            memory("acc", ["O"], 1 << 10, ["D2"]),
            memory("sram", ["I1", "O"], sram, ["D1", "D2"], wide=wide),
            memory("dram", ["I1", "I2", "O"], 1 << 40, ["D1", "D2"], wide=wide),
        ),
        mac_pj=0.5,
        systolic=frozenset({"D1"}),
    )


def convolution(sizes: Mapping[str, int], *, step: int = 1, dilation: int = 1) -> Layer:
    """A grouped convolution without padding, along one axis of pixels."""
    rows = step * (sizes["OX"] - 1) + dilation * (sizes["FX"] - 1) + 1
    index = Window("OX", step, "FX", dilation, rows)
    return Layer(
        "conv",
        dict(sizes),
        (
            Operand("O", ("G", "K", "OX"), "O", 16, 8),
            Operand("W", ("G", "K", "C", "FX"), "I2", 8, 8),
            Operand("I", ("G", "C", index), "I1", 8, 8),
        ),
    )


@dataclass(frozen=True)
class Case:
    """A mapping of a layer, as loops and as a batch of one."""

    unrolling: Unrolling
    loops: Loops
    ends: dict[str, list[int]]

    @property
    def batch(self) -> Mappings:
        """The mapping for the cost model, checked."""
        order = self.unrolling.layer.order
        dims = np.array([[order.index(dim) for dim, _ in self.loops]], np.int64)
        sizes = np.array([[size for _, size in self.loops]], np.int64)
        ends = {name: np.array([held], np.int64) for name, held in self.ends.items()}
        return Mappings.checked(self.unrolling, dims.reshape(1, -1), sizes.reshape(1, -1), ends)


def random_case(seed: int) -> Case:
    """A layer of few steps, unrolled along channels, in some order, held anyhow."""
    rng = random.Random(seed)
    along = {"D1": rng.choice(["K", "G"]), "D2": rng.choice(["C", "G"])}
    axes = {"D1": rng.choice([1, 2]), "D2": rng.choice([1, 2, 3])}
    unrolled = {axis: {along[axis]: axes[axis]} for axis in axes}
    loops: Loops = []
    sizes = dict.fromkeys(("G", "K", "C", "OX", "FX"), 1)
    for _ in range(rng.randint(0, 6)):
        loops.append((rng.choice(list(sizes)), rng.choice([2, 2, 3])))
    if loops and rng.random() < 0.2:
        loops.append((loops[0][0], 2))
    for dim, size in loops:
        sizes[dim] *= size
    for part in unrolled.values():
        for dim, size in part.items():
            sizes[dim] *= size
    layer = convolution(sizes, step=rng.choice([1, 2, 3]), dilation=rng.choice([1, 1, 2]))
    unrolling = Unrolling(layer, machine(axes), unrolled)
    ends: dict[str, list[int]] = {}
    for operand in layer.operands:
        levels = len(unrolling.architecture.levels(operand.memory))
        inner = sorted(rng.randint(0, len(loops)) for _ in range(levels - 1))
        ends[operand.name] = [*inner, len(loops)]
    return Case(unrolling, loops, ends)
