"""Machine files of designs: what `machines.model.parse_machine` reads and the compiler targets."""

from collections.abc import Iterator
from typing import Final

from .design import Design, Grid
from .reconfigurable import (
    HOP_CYCLES,
    LINES,
    MODES,
    SOURCE,
    SWITCH_CYCLES,
    fold_factors,
    unit_array,
)

DRAM_BYTES: Final = 1 << 32
BURST: Final = 64
LATENCY_NS: Final = 100
CONFIG_BYTES: Final = 256
"""Assumed, as in the machines of `machines/` that are folded."""
MAX_LINE: Final = 4096
MAX_UNITS: Final = 250
"""A machine numbers its units in a byte."""


def fabric_text(design: Design, name: str = "fpga") -> str:
    """The machine file of a design: an array class for every grid, one memory for inputs and
    outputs, one for weights.

    The fabric has one memory for an operand, so the buffers of all stages are one; who feeds
    whom, the batch's copies beyond `MAX_UNITS`, and Winograd are not in it. DRAM moves whole
    bytes a cycle, rounded down.
    """
    rate = max(design.board.dram_bytes_per_second // design.board.hz, 1)
    grids = _countable(design.grids)
    lanes = min(max(sum(grid.count * grid.cols for grid in grids), 1), MAX_LINE)
    lines = [
        f'fabric.machine @{name} {{hz = {design.board.hz}, src = "{SOURCE}"}} {{',
        *(f"  {line}" for line in _memories(design, rate)),
        *(f"  {line}" for grid in grids for line in _array(grid)),
        f"  fabric.vector @act {{lanes = {lanes}, paths = [{_paths(grids)}], "
        f'src = "{SOURCE}: a lane for every column"}}',
        *(f"  {_fold(grid)}" for grid in grids if grid.folds and grid.count > 1),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _countable(grids: tuple[Grid, ...]) -> list[Grid]:
    """The grids, of stages as many copies as a machine can number."""
    most = max(MAX_UNITS // len(grids), 1)
    return [
        Grid(each.name, min(each.count, most), each.rows, each.cols, each.load_rows, each.folds)
        for each in grids
    ]


def _memories(design: Design, rate: int) -> Iterator[str]:
    latency = LATENCY_NS * design.board.hz // 10**9
    supply = f"{design.board.name}: {design.board.sources[2] or 'assumed'}"
    yield (
        f'fabric.memory @dram {{kind = "dram", bytes = {DRAM_BYTES}, bytes_per_cycle = {rate}, '
        f'burst = {BURST}, latency_cycles = {latency}, src = "{supply}; '
        f'capacity, {BURST}-byte bursts and {LATENCY_NS} ns assumed"}}'
    )
    widths = (
        ("data", design.data_bytes, max(grid.rows for grid in design.grids), '["I", "O"]'),
        ("weights", design.weight_bytes, max(grid.cols for grid in design.grids), '["W"]'),
    )
    banks = max(grid.count for grid in design.grids)
    for memory, size, width, holds in widths:
        line = min(width * design.bits // 8, MAX_LINE)
        yield (
            f"fabric.memory @{memory} {{bytes = {size // (line * banks) * line * banks}, "
            f'line = {line}, banks = {banks}, holds = {holds}, src = "{SOURCE}"}}'
        )
    for dma, path in (
        ("load", "@dram, @data"),
        ("wload", "@dram, @weights"),
        ("store", "@data, @dram"),
    ):
        port = f'bytes_per_cycle = {rate}, src = "{SOURCE}: as fast as DRAM"'
        yield f"fabric.dma @{dma} {{path = [{path}], {port}}}"


def _array(grid: Grid) -> Iterator[str]:
    array = unit_array(grid)
    local, sums = array.locals[0], array.accumulator
    precision = ", ".join(map(str, array.precisions[0]))
    yield (
        f"fabric.array @{array.name} {{count = {array.count}, axes = {{y = {grid.rows}, "
        f'x = {grid.cols}}}, precisions = [[{precision}]], feed = "{array.feed}", '
        f'src = "{SOURCE}"}} {{'
    )
    yield (
        f'  fabric.local @{local.name} {{operand = "W", axis = "y", planes = {local.planes}, '
        f'rows_per_cycle = {local.rows_per_cycle}, src = "{SOURCE}"}}'
    )
    yield (
        f"  fabric.accumulator @{sums.name} {{lines = {LINES}, planes = {sums.planes}, "
        f'src = "{SOURCE}"}}'
    )
    for mode, rows in MODES:
        taken = ", ".join(f'"{dim}"' for dim in rows)
        spatial = f'{{y = [{taken}], x = ["K"]}}'
        yield f'  fabric.mode @{grid.name}_{mode} {{spatial = {spatial}, src = "{SOURCE}"}}'
    yield "}"


def _paths(grids: list[Grid]) -> str:
    return ", ".join([*(f"[@{grid.name}_o, @data]" for grid in grids), "[@data, @data]"])


def _fold(grid: Grid) -> str:
    channels, pixels = (", ".join(map(str, each)) for each in fold_factors(grid.count))
    return (
        f"fabric.folds @{grid.name}_folds {{of = @{grid.name}, c = [{channels}], k = [{channels}], "
        f"p = [{pixels}], hop_cycles = {HOP_CYCLES}, shadow = true, config_bytes = {CONFIG_BYTES}, "
        f'switch_cycles = {SWITCH_CYCLES}, src = "{SOURCE}; costs assumed, as dna_a600"}}'
    )
