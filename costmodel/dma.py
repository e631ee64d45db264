"""Cycles and bytes of a transfer between DRAM and a memory on the chip."""

from dataclasses import dataclass

from ..machines.model import Dma, Memory
from .integers import Ints, as_array, ceil_div, plain


@dataclass(frozen=True)
class TransferCost:
    """`port_cycles` at the engines, `dram_cycles` at the DRAM shared by all ports, and the bytes
    that the DRAM moves, whole bursts. Latency comes on top (`Memory.latency_cycles`)."""

    port_cycles: Ints
    dram_cycles: Ints
    dram_bytes: Ints


def transfer_cost(dma: Dma, dram: Memory, *, rows: Ints, row_bytes: Ints) -> TransferCost:
    """The cost of moving `rows` separate runs of `row_bytes` contiguous bytes in DRAM.

    Every run is cut into beats of an engine's width, ceil(row bytes / width) of them, and the beats
    are dealt over the engines. At the DRAM every run rounds up to whole bursts; where it starts
    within a burst is ignored, which is right for aligned runs and one burst too little for others.
    Runs that follow one another in DRAM are one run: merging them is the caller's part.
    """
    rows, row_bytes = as_array(rows), as_array(row_bytes)
    beats = rows * ceil_div(row_bytes, dma.bytes_per_cycle)
    moved = rows * ceil_div(row_bytes, dram.burst) * dram.burst
    return TransferCost(
        port_cycles=plain(ceil_div(beats, dma.count)),
        dram_cycles=plain(ceil_div(moved, dram.bytes_per_cycle)),
        dram_bytes=plain(moved),
    )


def fetch_cost(dram: Memory, size: int) -> tuple[int, int]:
    """DRAM cycles to fetch `size` bytes, such as a program's code, in one run, and the bytes of all
    its bursts. Latency comes on top."""
    moved = -(-size // dram.burst) * dram.burst
    return -(-moved // dram.bytes_per_cycle), moved
