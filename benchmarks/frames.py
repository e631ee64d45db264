"""Several frames in a program, and layers as a pipeline: latency and throughput of each.

`python benchmarks/frames.py [--docs] [--json FILE] [NETWORK..]` fills in a part of
docs/schedules.md.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

from subjects import ROOT, available, subject  # isort: skip

from pages import Cells, options_of, table, with_tables
from tilefold.backend.build import build_program
from tilefold.compiler import context_for
from tilefold.dialects import nn
from tilefold.dialects.location import name_of
from tilefold.dialects.store import Store, StoreContext
from tilefold.emulator import Report, emulate
from tilefold.errors import TilefoldError
from tilefold.frontend import import_model
from tilefold.machines import load_machine
from tilefold.machines.model import Machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.nn_cascade import NnCascadePass, network_layers, whole_because
from tilefold.passes.nn_frames import FrameOrder
from tilefold.passes.pipelines import Choices, isa_passes, nn_passes, run_passes, schedule_passes
from tilefold.tools.command import console, write_files
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

PAGE = ROOT / "docs" / "schedules.md"
MACHINES = ("dna_a600", "dna_f200")
FRAMES = (2, 4)
STRIPES = 2
"""Stripes in which pairs of layers are tried as a pipeline."""
PAIRS = 4
"""How many pairs are tried: the first ones, where images are largest."""
WAYS = {
    "image after image": Choices(order=FrameOrder.FRAME),
    "layer after layer": Choices(order=FrameOrder.LAYER),
    "groups": Choices(groups=True),
}


@dataclass(frozen=True)
class Row:
    """A network on a machine in one way, in cycles: `first` is the latency of the first frame.

    `cycles` are those of the whole program, of so many `frames`.
    """

    network: str
    machine: str
    way: str
    frames: int
    first: int
    slowest: int
    cycles: int
    frames_per_second: float

    @staticmethod
    def of(network: str, machine: str, way: str, report: Report) -> "Row":
        """What a run reports."""
        latencies = [frame.latency for frame in report.frames]
        total = report.total.cycles
        rate = report.frames_per_second
        count = len(latencies)
        return Row(network, machine, way, count, latencies[0], max(latencies), total, rate)


@dataclass(frozen=True)
class Compiled:
    """A network as `nn_passes` leave it for a machine."""

    name: str
    machine: Machine
    context: StoreContext
    module: ModuleOp

    @staticmethod
    def load(name: str, machine: Machine) -> "Compiled":
        """One of the benchmarks' networks."""
        store = Store()
        context, module = context_for(store), import_model(subject(name).quantised, store)
        attach_machine(module, machine)
        run_passes(nn_passes(), context, module)
        return Compiled(name, machine, context, module)

    def run(self, choices: Choices) -> Report:
        """Compile with some choices; time and traffic."""
        module = self.module.clone()
        passes = (*schedule_passes(choices=choices), *isa_passes())
        run_passes(passes, self.context, module)
        program = build_program(module, self.machine, self.context.store)
        return emulate(program.without_weights(), {}, values=False).report

    def row(self, way: str, choices: Choices) -> Row:
        """What comes of some choices."""
        return Row.of(self.name, self.machine.name, way, self.run(choices))


def measure(network: Compiled) -> Iterator[Row]:
    """All ways of one network on one machine."""
    yield network.row("one image", Choices())
    for frames in FRAMES:
        for way, choices in WAYS.items():
            yield network.row(way, replace(choices, frames=frames))
    yield network.row("groups", Choices(groups=True))
    yield best_stripes(network)


def best_stripes(network: Compiled) -> Row:
    """One image, two layers after each other as a pipeline of stripes: the best of some pairs."""
    best: Row | None = None
    tried = 0
    for first, last in islice(pairs(network.module), PAIRS):
        cascade = NnCascadePass(first, last, STRIPES)
        try:
            row = network.row("", Choices(groups=True, cascades=(cascade,)))
        except TilefoldError:
            continue  # the stripes do not fit
        tried += 1
        if best is None or row.cycles < best.cycles:
            best = replace(row, way=f"{first} to {last} in stripes, best of")
    assert best is not None, "some layers follow each other"
    return replace(best, way=f"{best.way} {tried}")


def pairs(module: ModuleOp) -> Iterator[tuple[str, str]]:
    """The shortest runs of two convolutions that can be in stripes, one after the other."""
    run: list[Operation] = []
    for op in network_layers(module):
        if isinstance(op, nn.QuantizeOp):
            continue
        run.append(op)
        if sum(isinstance(each, nn.ConvOp) for each in run) < 2:
            continue
        if not whole_because(run):
            yield name_of(run[0]), name_of(run[-1])
            run = []
        elif sum(isinstance(each, nn.ConvOp) for each in run) > 3:
            run = run[1:]


def cells(rows: Sequence[Row]) -> Cells:
    """A heading, and a line for each row."""
    heading = ["network", "machine", "way", "frames", "latency of the first", "of the slowest"]
    lines = [[*heading, "cycles a frame", "frames/s", "gain"]]
    single = {(row.network, row.machine): row for row in rows if row.way == "one image"}
    for row in rows:
        gain = row.frames_per_second / single[row.network, row.machine].frames_per_second
        latencies = [f"{row.first:,}", f"{row.slowest:,}"]
        rates = [f"{row.cycles / row.frames:,.0f}", f"{row.frames_per_second:,.0f}", f"{gain:.3f}"]
        names = [row.network, row.machine, row.way, str(row.frames)]
        lines.append([*names, *latencies, *rates])
    return lines


def main() -> None:
    """Measure, print, and write what is asked for."""
    options = options_of("Measures what several frames are worth.", PAGE, available())
    logging.disable(logging.WARNING)  # the quantiser's, of operators that it leaves alone
    screen = console()
    rows: list[Row] = []
    for name in options.networks:
        for machine in MACHINES:
            with screen.status(f"measuring {name} on {machine}"):
                rows += measure(Compiled.load(name, load_machine(machine)))
    screen.print(table("frames", cells(rows), left=3))
    files: dict[Path, bytes] = {}
    if options.docs:
        files[PAGE] = with_tables(PAGE, {"frames": cells(rows)}, {"frames": 3}).encode()
    if options.json:
        record = [asdict(row) for row in rows]
        files[options.json] = (json.dumps(record, indent=1) + "\n").encode()
    write_files(files)


if __name__ == "__main__":
    main()
