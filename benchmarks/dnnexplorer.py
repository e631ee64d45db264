"""DNNExplorer's experiment: pipeline, generic unit, hybrid and reconfigurable group on FPGA boards.

`python benchmarks/dnnexplorer.py [--docs] [--json FILE]`; docs/dnnexplorer.md says how to read it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from convolutions import model_of
from pages import Cells, options_of, table, with_tables
from tilefold.compiler import compile_levels
from tilefold.costmodel.fpga import ConvLayer
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.explore.boards import Board, load_board
from tilefold.explore.fpga.design import BATCHES, Design
from tilefold.explore.fpga.fabric import fabric_text
from tilefold.explore.fpga.generic import generic
from tilefold.explore.fpga.hybrid import hybrid
from tilefold.explore.fpga.networks import DEPTHS, INPUTS, vgg
from tilefold.explore.fpga.pipeline import MAX_BATCH, Fetch, accdnn, balanced
from tilefold.explore.fpga.reconfigurable import reconfigurable
from tilefold.machines.model import parse_machine
from tilefold.tools.command import console, write_files

PAGE = Path(__file__).parent.parent / "docs" / "dnnexplorer.md"
BOARDS = ("ku115", "zc706")
CASES = [(depth, (224, 224)) for depth in DEPTHS] + [
    (13, size) for size in INPUTS if size != (224, 224)
]
SHOWN = (224, 224)
"""The input of the networks of DNNExplorer's comparison."""

FOLDED = ((32, 32), (64, 64), (128, 128), (224, 224))
"""Inputs at which folds are compared."""
EMULATED = ((64, 64), (224, 224))
"""Inputs of the designs that are compiled for and emulated."""

Layers = tuple[ConvLayer, ...]
Optimiser = Callable[[Layers, Board, Sequence[int]], Design]


def _accdnn(layers: Layers, board: Board, batches: Sequence[int]) -> Design:
    return accdnn(layers, board, most=MAX_BATCH if len(batches) > 1 else 1)


def _balanced(fetch: Fetch) -> Optimiser:
    def optimise(layers: Layers, board: Board, batches: Sequence[int]) -> Design:
        every = range(1, MAX_BATCH + 1) if len(batches) > 1 else (1,)
        return balanced(layers, board, fetch=fetch, batches=every)

    return optimise


PARADIGMS: dict[str, Optimiser] = {
    "pipeline, AccDNN's": _accdnn,
    "pipeline, weights every column": _balanced("column"),
    "pipeline, weights every band": _balanced("band"),
    "pipeline, weights once a frame": _balanced("frame"),
    "generic, powers of two": lambda net, board, n: generic(net, board, powers=True, batches=n),
    "generic": lambda net, board, n: generic(net, board, batches=n),
    "generic, Winograd": lambda net, board, n: generic(net, board, winograd=True, batches=n),
    "hybrid, DNNExplorer's": lambda net, board, n: hybrid(
        net, board, powers=True, resident=False, batches=n
    ),
    "hybrid": lambda net, board, n: hybrid(net, board, batches=n),
    "reconfigurable": lambda net, board, n: reconfigurable(net, board, batches=n),
}
"""DNNExplorer's three, ours, and variations of them."""


RIVALS = {"hybrid, DNNExplorer's": "generic, powers of two", "hybrid": "generic"}
"""Hybrids, and the generic units with the same factors to choose from."""


@dataclass(frozen=True)
class Row:
    """One network on one board: the best design of a paradigm, and its best for one image at a
    time; None where nothing fits."""

    board: str
    depth: int
    size: tuple[int, int]
    paradigm: str
    best: Design | None
    alone: Design | None

    @property
    def network(self) -> str:
        """Such as "13 layers, 224 x 224"."""
        return f"{self.depth} layers, {self.size[0]} x {self.size[1]}"


def designed(
    optimise: Optimiser, layers: Layers, board: Board, batches: Sequence[int]
) -> Design | None:
    """The design, or None where none fits."""
    try:
        return optimise(layers, board, batches)
    except TilefoldError:
        return None


def measured() -> list[Row]:
    """All paradigms for all networks on both boards."""
    rows: list[Row] = []
    for name in BOARDS:
        board = load_board(name)
        for depth, size in CASES:
            layers = vgg(depth, *size)
            with console().status(f"{board.name}, {depth} layers, {size[0]} x {size[1]}"):
                rows += [
                    Row(
                        board.name,
                        depth,
                        size,
                        paradigm,
                        designed(optimise, layers, board, BATCHES),
                        designed(optimise, layers, board, (1,)),
                    )
                    for paradigm, optimise in PARADIGMS.items()
                ]
    return rows


def _figures(design: Design | None) -> list[str]:
    """Batch, latency, GOP/s, DSPs, blocks, GB/s, efficiency and bound of a design."""
    if design is None:
        return ["-"] * 8
    return [
        str(design.batch),
        f"{design.latency_ms:,.1f}",
        f"{design.gops:,.0f}",
        f"{design.dsp:,}",
        f"{design.bram18:,}",
        f"{design.bandwidth / 1e9:.1f}",
        f"{design.dsp_efficiency:.1%}",
        design.bound,
    ]


FIGURES = ["batch", "ms", "GOP/s", "DSPs", "BRAM18", "GB/s", "DSP efficiency", "bound"]


def board_table(rows: Sequence[Row], board: str) -> Cells:
    """Every row of a board; the last two columns are for one image at a time."""
    cells: Cells = [["network", "paradigm", *FIGURES, "GOP/s at batch 1", "ms at batch 1"]]
    for row in rows:
        if row.board == board:
            alone = _figures(row.alone)
            cells.append([row.network, row.paradigm, *_figures(row.best), alone[2], alone[1]])
    return cells


def found(rows: Sequence[Row], depth: int, paradigm: str, board: str = "KU115") -> Design:
    """The design of a row at 224 x 224."""
    for row in rows:
        if (row.board, row.depth, row.size, row.paradigm) == (board, depth, SHOWN, paradigm):
            assert row.best, f"no {paradigm} for {depth} layers on {board}"
            return row.best
    raise AssertionError(f"no row {board}, {depth}, {paradigm}")


def known_table(rows: Sequence[Row]) -> Cells:
    """Figures that are published, recalled or derived anew, and ours."""
    ku115, vu9p = load_board("ku115"), load_board("vu9p")
    published = replace(ku115, hz=235_000_000)
    faster = accdnn(vgg(), published)
    four = accdnn(vgg(), replace(published, dram_bytes_per_second=12_400_000_000), most=4)
    winograd = generic(vgg(), vu9p, winograd=True, batches=(1,))
    ratio = (
        found(rows, 38, "hybrid, DNNExplorer's").gops / found(rows, 38, "pipeline, AccDNN's").gops
    )
    gain, where = max(
        (row.best.dsp_efficiency / other.best.dsp_efficiency, f"{row.network}, {row.board}")
        for row in rows
        for other in rows
        if (row.board, row.depth, row.size) == (other.board, other.depth, other.size)
        and RIVALS.get(row.paradigm) == other.paradigm
        and row.best
        and other.best
    )
    lines: list[tuple[str, str, float, float]] = [
        ("pipeline, 13 layers, KU115 at 235 MHz, GOP/s", "DNNBuilder, recalled", 2011, faster.gops),
        ("the same, batch 4 and 12.4 GB/s", "DNNBuilder, recalled", 2011, four.gops),
        (
            "pipeline, 13 layers, KU115, GOP/s",
            "derived anew",
            2017,
            found(rows, 13, "pipeline, AccDNN's").gops,
        ),
        (
            "pipeline, 38 layers, KU115, GOP/s",
            "derived anew",
            378,
            found(rows, 38, "pipeline, AccDNN's").gops,
        ),
        (
            "generic, 38 layers, KU115, GOP/s",
            "one 64 x 64 unit, derived anew",
            1587,
            found(rows, 38, "generic, powers of two").gops,
        ),
        (
            "hybrid, 13 layers, KU115, GOP/s",
            "DNNExplorer, recalled",
            1702,
            found(rows, 13, "hybrid, DNNExplorer's").gops,
        ),
        ("hybrid : pipeline, 38 layers, KU115", "DNNExplorer", 4.2, ratio),
        (f"DSP efficiency, hybrid : generic, most ({where})", "DNNExplorer", 2.0, gain),
        (
            "pipeline, 13 layers, ZC706, GOP/s",
            "DNNBuilder, recalled, factors by hand",
            262,
            found(rows, 13, "pipeline, AccDNN's", "ZC706").gops,
        ),
        (
            "the same, searched, 680 DSPs",
            "DNNBuilder, recalled, factors by hand",
            262,
            balanced(vgg(), replace(load_board("zc706"), dsp=680), fetch="column").gops,
        ),
        ("Winograd, 13 layers, VU9P, GOP/s", "HybridDNN", 3375.7, winograd.gops),
    ]
    cells: Cells = [["what", "source", "known", "ours", "ours : known"]]
    for what, source, known, ours in lines:
        digits = ".2f" if known < 10 else ",.0f"
        cells.append([what, source, f"{known:,g}", f"{ours:{digits}}", f"{ours / known:.2f}"])
    return cells


def causes_table() -> Cells:
    """What the ratio of hybrid to pipeline at 38 layers comes of: one constraint off at a time."""
    board, layers = load_board("ku115"), vgg(38)
    base = accdnn(layers, board)
    plenty = 1 << 40
    bandwidth = replace(board, dram_bytes_per_second=plenty)
    ram = replace(board, bram18=plenty)
    second = 2 * base.bram18 - _shared_blocks(layers, board)
    variations = {
        "AccDNN's pipeline": base,
        "unlimited DSPs": accdnn(layers, replace(board, dsp=plenty)),
        "unlimited bandwidth": accdnn(layers, bandwidth),
        f"block RAM for two images ({second:,} blocks)": accdnn(
            layers, replace(board, bram18=second)
        ),
        "unlimited block RAM": accdnn(layers, ram),
        "unlimited block RAM, batch 1": accdnn(layers, ram, most=1),
        "unlimited block RAM and bandwidth": accdnn(
            layers, replace(ram, dram_bytes_per_second=plenty)
        ),
        "searched, powers of two": balanced(layers, board, fetch="column", powers=True),
        "searched, any factors": balanced(layers, board, fetch="column"),
        "searched, any factors, batch 1": balanced(layers, board, fetch="column", batches=(1,)),
        "and unlimited bandwidth, batch 1": balanced(
            layers, bandwidth, fetch="column", batches=(1,)
        ),
        "and weights every band, batch 1": balanced(layers, board, fetch="band", batches=(1,)),
        "and unlimited block RAM, batch 1": balanced(layers, ram, fetch="band", batches=(1,)),
        "one 64 x 64 generic unit": generic(layers, board, powers=True, batches=(1,)),
        "hybrid, DNNExplorer's": hybrid(layers, board, powers=True, resident=False, batches=(1,)),
        "hybrid, any factors, weights on chip": hybrid(layers, board, batches=(1,)),
        "reconfigurable": reconfigurable(layers, board, batches=(1,)),
        "reconfigurable, one fold for all layers": reconfigurable(
            layers, board, folding=False, batches=(1,)
        ),
        "reconfigurable, every tensor through DRAM": reconfigurable(
            layers, board, keep=False, batches=(1,)
        ),
    }
    cells: Cells = [["38 layers on KU115", *FIGURES, "times the first"]]
    cells += [
        [name, *_figures(design), f"{design.gops / base.gops:.2f}"]
        for name, design in variations.items()
    ]
    return cells


def _shared_blocks(layers: Layers, board: Board) -> int:
    """Blocks of AccDNN's pipeline that a second image does not need again."""
    roomy = replace(board, bram18=1 << 40)
    one, two = (accdnn(layers, roomy, most=most) for most in (1, 2))
    return 2 * one.bram18 - two.bram18


def variations_table() -> Cells:
    """AccDNN's allocation for 13 and 38 layers under other readings of its budget."""
    board = load_board("ku115")
    smaller = replace(board, dsp=4600, bram18=3500)
    readings = {
        "the whole chip, stages with weights alone": (board, 1.0, False),
        "stages for pooling, too": (board, 1.0, True),
        "nine tenths of the chip, stages for pooling": (board, 0.9, True),
        "nine tenths of 4,600 DSPs and 3,500 blocks, stages for pooling": (smaller, 0.9, True),
    }
    cells: Cells = [
        ["reading", *(f"{n} layers: {f}" for n in (13, 38) for f in ("batch", "GOP/s"))]
    ]
    for name, (budget, share, pools) in readings.items():
        line = [name]
        for depth in (13, 38):
            design = accdnn(vgg(depth), budget, share=share, pools=pools)
            line += [str(design.batch), f"{design.gops:,.0f}"]
        cells.append(line)
    return cells


def folding_table() -> Cells:
    """Reconfigurable groups on KU115 with a fold for each layer, and with one fold for all."""
    board = load_board("ku115")
    cells: Cells = [["network", "batch", "a fold for each layer, GOP/s", "one fold", "ratio"]]
    for size in FOLDED:
        layers = vgg(13, *size)
        for batch in (1, MAX_BATCH):
            each, one = (
                reconfigurable(layers, board, folding=folding, batches=(batch,)).gops
                for folding in (True, False)
            )
            name = f"13 layers, {size[0]} x {size[1]}"
            cells.append([name, str(batch), f"{each:,.0f}", f"{one:,.0f}", f"{each / one:.2f}"])
    return cells


def emulated_table() -> Cells:
    """Designs for 8 bits: their cycles for an image, and those of the compiled network."""
    cells: Cells = [
        ["board", "network", "design", "DSPs", "cycles", "emulated", "emulated : cycles"]
    ]
    for name in BOARDS:
        for size in EMULATED:
            layers = vgg(13, *size)
            for optimise in (generic, reconfigurable):
                design = optimise(layers, load_board(name), bits=8, batches=(1,))
                machine = parse_machine(fabric_text(design), f"a {design.paradigm} design")
                program = compile_levels(model_of(layers), machine).program
                cycles = emulate(program, {}, values=False).report.total.cycles
                cells.append(
                    [
                        design.board.name,
                        f"13 layers, {size[0]} x {size[1]}",
                        f"{design.paradigm}, {_grid(design)}",
                        f"{design.dsp:,}",
                        f"{design.period:,}",
                        f"{cycles:,}",
                        f"{cycles / design.period:.2f}",
                    ]
                )
    return cells


def _grid(design: Design) -> str:
    (grid,) = design.grids
    return f"{grid.count} of {grid.rows} x {grid.cols}"


def record(row: Row) -> dict[str, object]:
    """A row as plain data."""

    def plain(design: Design | None) -> dict[str, object] | None:
        return design and {
            "batch": design.batch,
            "latency_ms": design.latency_ms,
            "gops": design.gops,
            "dsp": design.dsp,
            "bram18": design.bram18,
            "bytes_per_second": design.bandwidth,
            "dsp_efficiency": design.dsp_efficiency,
            "bound": design.bound,
            "layers": [vars(layer) for layer in design.layers],
        }

    return {
        "board": row.board,
        "network": row.network,
        "paradigm": row.paradigm,
        "best": plain(row.best),
        "batch_1": plain(row.alone),
    }


def main() -> None:
    """Design everything, print the tables, and write what is asked for."""
    options = options_of(__doc__ or "", PAGE)
    rows = measured()
    tables = {
        "known": known_table(rows),
        "causes": causes_table(),
        "readings": variations_table(),
        "folding": folding_table(),
        "emulated": emulated_table(),
        **{name: board_table(rows, load_board(name).name) for name in BOARDS},
    }
    left = {
        "known": 2,
        "causes": 1,
        "readings": 1,
        "folding": 1,
        "emulated": 3,
        "ku115": 2,
        "zc706": 2,
    }
    for name, cells in tables.items():
        console().print(table(name, cells, left[name]))
    files: dict[Path, bytes] = {}
    if options.docs:
        files[PAGE] = with_tables(PAGE, tables, left).encode()
    if options.json:
        files[options.json] = json.dumps([record(row) for row in rows], indent=1).encode() + b"\n"
    write_files(files)


if __name__ == "__main__":
    main()
