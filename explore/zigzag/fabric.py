"""ZigZag's architectures as machines that programs are compiled for, and what that loses."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from ...costmodel.hierarchy.architecture import Architecture, Memory, Way
from ...errors import TilefoldError
from .mapping import MappingEntry

REDUCED = ("C", "FX", "FY")
"""Loops whose products are added up."""
INDEXED = {"W": {"G", "K", *REDUCED}, "I": {"G", "OX", "OY", *REDUCED}, "O": {"G", "K", "OX", "OY"}}
"""The loops of a convolution that an operand depends on."""
LOOPS = {"G", "K", "OY", "OX", *REDUCED}
HZ = 500_000_000
"""ZigZag counts cycles only."""
DRAM_SECONDS = 100e-9
LINES = 512
SUM_BITS = 32
BYTES, LINE = 4294967296, 4096
"""The most that a memory has in `fabric`, and that its line has."""


@dataclass(frozen=True)
class Translation:
    """The text of a machine, which `parse_machine` takes, and what it lacks of the architecture."""

    text: str
    lost: tuple[str, ...]


@dataclass(frozen=True)
class _Chosen:
    """What of an architecture becomes parts of a machine."""

    architecture: Architecture
    links: Mapping[str, str]
    axes: dict[str, tuple[str, int, tuple[str, ...]]]
    """By name of the machine's axis: the architecture's, its positions, the loops along it."""
    top: Memory
    holders: dict[str, Memory]

    def columns(self, operand: str, without: str = "") -> int:
        """Positions, but for an axis, that have different elements of an operand."""
        return prod(
            size
            for axis, (_, size, loops) in self.axes.items()
            if axis != without and set(loops) & INDEXED[operand]
        )

    def hierarchy(self, operand: str) -> tuple[Memory, ...]:
        """The memories of a layer's operand."""
        return self.architecture.hierarchy(self.links[operand])

    def at_array(self, memory: Memory) -> bool:
        """Whether there are several of a memory along the array."""
        return any(axis not in memory.serves for axis, _, _ in self.axes.values())


def as_machine(architecture: Architecture, entry: MappingEntry, *, hz: int = HZ) -> Translation:
    """A machine of the array, the outermost memories on the chip, and what a mapping unrolls.

    Raises TilefoldError where loops are unrolled that a convolution does not have, where no memory
    outside holds everything or none inside an operand, or where nothing stays in the array.
    """
    lost = ["energies of accesses: a machine's energy comes from a technology's tables"]
    chosen = _choose(architecture, entry, lost)
    name = "".join(letter if letter.isalnum() else "_" for letter in architecture.name) or "machine"
    source = f"ZigZag's {architecture.name}".replace('"', "'").replace("\\", "/")
    memories = {memory.name: memory for memory in chosen.holders.values()}
    names = {memory: f"sram{number}" for number, memory in enumerate(memories)}
    at = {operand: names[memory.name] for operand, memory in chosen.holders.items()}
    wide = _bytes(chosen.top, lost)
    latency = min(65536, round(DRAM_SECONDS * hz))
    lines = [
        f'fabric.machine @{name} {{hz = {hz}, src = "assumed; {source} counts cycles only"}} {{',
        f'  fabric.memory @dram {{kind = "dram", bytes = {min(BYTES, chosen.top.bits // 8)}, '
        f"bytes_per_cycle = {wide}, burst = 64, latency_cycles = {latency}, "
        f'src = "{source}; burst and latency assumed"}}',
    ]
    for memory in memories.values():
        holds = ", ".join(f'"{operand}"' for operand in "IWO" if at[operand] == names[memory.name])
        line = _bytes(memory, lost)
        size = min(BYTES, memory.bits // 8) // line * line
        if size * 8 < memory.bits:
            lost.append(f"{memory.bits // 8 - size} bytes of {memory.name}: whole lines are taken")
        lines.append(
            f"  fabric.memory @{names[memory.name]} {{bytes = {size}, "
            f'line = {line}, holds = [{holds}], src = "{source}"}}'
        )
    inward = dict.fromkeys((at["I"], at["W"]))
    ways = [(f"load{n}" if n else "load", "dram", memory) for n, memory in enumerate(inward)]
    for dma, start, end in (*ways, ("store", at["O"], "dram")):
        lines.append(
            f"  fabric.dma @{dma} {{path = [@{start}, @{end}], bytes_per_cycle = "
            f'{min(LINE, wide)}, src = "as wide as the DRAM; assumed"}}'
        )
    lines += _array(chosen, source, lost)
    lanes = max(1, min(4096, _bytes(chosen.holders["O"], []) * 8 // SUM_BITS))
    lines.append(
        f"  fabric.vector @act {{lanes = {lanes}, paths = [[@acc, @{at['O']}], "
        f'[@{at["O"]}, @{at["O"]}]], src = "assumed: as many sums as the port of outputs is wide"}}'
    )
    return Translation("\n".join([*lines, "}"]) + "\n", tuple(lost))


def _choose(architecture: Architecture, entry: MappingEntry, lost: list[str]) -> _Chosen:
    """Axes and memories; adds what is left out to `lost`."""
    used: list[tuple[str, int, tuple[str, ...]]] = []
    for axis, positions in architecture.axes.items():
        loops = {dim: size for dim, size in entry.axes.get(axis, {}).items() if size > 1}
        if unknown := loops.keys() - LOOPS:
            raise TilefoldError(
                f"mapping '{entry.name}' unrolls {min(unknown)}, which convolutions do not have"
            )
        size = min(positions, prod(loops.values()))
        if size < positions:
            lost.append(
                f"{positions - size} of {positions} positions of {axis}, which are not used"
            )
        if loops:
            used.append((axis, size, tuple(loops)))
    if not 1 <= len(used) <= 4:
        raise TilefoldError(f"mapping '{entry.name}' unrolls {len(used)} axes, not one to four")
    used.sort(key=lambda axis: (not set(axis[2]) & {*REDUCED}, "K" not in axis[2]))
    reduces = bool(set(used[0][2]) & {*REDUCED})
    names = ("y", "x", "z", "w") if reduces or len(used) == 4 else ("y", "z", "w")
    top = architecture.memories[-1]
    chosen = _Chosen(architecture, entry.links, dict(zip(names, used, strict=False)), top, {})
    if any(chosen.hierarchy(operand)[-1] != top for operand in "IWO"):
        raise TilefoldError(f"{architecture.name}: no outermost memory holds inputs and outputs")
    for operand in "IOW":
        inner = [m for m in chosen.hierarchy(operand)[:-1] if not chosen.at_array(m)]
        if inner:
            chosen.holders[operand] = inner[-1]
            # The innermost memory of sums becomes the accumulators.
            lost += [
                f"{memory.name}, {memory.bits // 8} bytes of {operand} between "
                f"{inner[-1].name} and the array"
                for memory in inner[operand == "O" : -1]
            ]
        elif operand == "W" and "I" in chosen.holders:
            chosen.holders[operand] = chosen.holders["I"]
            lost.append(f"the way of W from {top.name} past {chosen.holders['I'].name}")
        else:
            raise TilefoldError(
                f"{architecture.name}: {operand} has no memory between the array and {top.name}"
            )
    return chosen


def _array(chosen: _Chosen, source: str, lost: list[str]) -> list[str]:
    """The array: what stays in it, where sums are kept, its dataflow."""
    architecture = chosen.architecture
    loops = {dim for _, _, dims in chosen.axes.values() for dim in dims}
    stays = next(
        (
            operand
            for operand in "OWI"
            if chosen.at_array(chosen.hierarchy(operand)[0])
            and not (operand == "O" and loops & {*REDUCED})
        ),
        None,
    )
    if stays is None:
        raise TilefoldError(f"{architecture.name}: no operand has registers in the array")
    registers, above = chosen.hierarchy(stays)[:2]
    width = SUM_BITS if stays == "O" else 8
    planes = 2 if stays != "O" and registers.bits >= 2 * width else 1
    kept = registers.bits // width
    if kept > planes:
        lost.append(
            f"registers of {kept} elements of {stays}: a machine has {planes} at a multiplier"
        )
    axis = next(iter(chosen.axes))
    row = chosen.columns(stays, axis)
    rows = max(1, min(chosen.axes[axis][1], _bytes(above, []) * 8 // width // row))
    buffers = [memory for memory in chosen.hierarchy("O")[:-1] if not chosen.at_array(memory)][:-1]
    kept_sums = buffers[0].bits // SUM_BITS // chosen.columns("O") // 2 if buffers else LINES
    where = f"{source}, two planes assumed" if buffers else "assumed"
    if not buffers:
        lost.append(
            f"partial sums in {chosen.holders['O'].name}: {LINES} lines are assumed for them"
        )
    feed = "skew" if architecture.systolic else "broadcast"
    sizes = ", ".join(f"{name} = {size}" for name, (_, size, _) in chosen.axes.items())
    quoted = {name: [f'"{dim}"' for dim in dims] for name, (_, _, dims) in chosen.axes.items()}
    spatial = ", ".join(f"{name} = [{', '.join(dims)}]" for name, dims in quoted.items())
    return [
        f"  fabric.array @conv {{axes = {{{sizes}}}, precisions = [[8, 8, 1]], "
        f'feed = "{feed}", src = "{source}"}} {{',
        f'    fabric.local @kept {{operand = "{stays}", axis = "{axis}", planes = {planes}, '
        f'rows_per_cycle = {rows}, src = "{source}"}}',
        f"    fabric.accumulator @acc {{lines = {max(1, min(65536, kept_sums))}, planes = 2, "
        f'src = "{where}"}}',
        f'    fabric.mode @dense {{spatial = {{{spatial}}}, stays = "{stays}", '
        f'src = "mapping of {source}"}}',
        "  }",
    ]


def _bytes(memory: Memory, lost: list[str]) -> int:
    """Bytes that a memory's port reads in a cycle."""
    reads = (Way.READ_FOR_BELOW, Way.READ_FOR_ABOVE)
    most = max(
        port.max_bits for port in memory.ports if any(way in reads for _, way in port.serves)
    )
    if most % 8 or most // 8 > LINE:
        lost.append(f"the width of {memory.name}, {most} bits: whole bytes up to {LINE} are taken")
    return max(1, min(LINE, most // 8))
