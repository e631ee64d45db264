"""The cycles of MERA's simulator and those emulated here, side by side.

`python benchmarks/mera.py [--csv FILE] [--json FILE] [--markdown]`. Only time is emulated; see
docs/mera.md for what the schedules and the columns are.
"""

import argparse
import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from subjects import CACHE, ROOT  # isort: skip

import numpy as np
import numpy.typing as npt
from onnx import ModelProto
from pages import Cells, markdown, table
from tilefold.backend.program import Program
from tilefold.compiler import compile
from tilefold.emulator import Recording, emulate
from tilefold.errors import TilefoldError
from tilefold.examples.networks import NETWORKS, convolution, quantised
from tilefold.passes.pipelines import Schedule
from tilefold.tools.command import console

CYCLES = ROOT.parent / "shared" / "data" / "mera_cycles.csv"
"""Not part of the repository: machine,network_or_layer,mode,cycles by MERA 1.6's simulator."""
MACHINES = {"DNAF100L0003": "dna_f100", "DNAF200L0003": "dna_f200", "SAKURA_1": "dna_a600"}
LAYER = re.compile(r"conv(\d+)x\1 (\d+)->(\d+) (\d+)x\4")
BROKEN_DOWN = "dna_f100"
"""The machine whose layer-serial cycles are broken down: the one with a single array."""

PARTS = {
    "convolution": "conv",
    "pooling": "vpool",
    "addition": "vadd",
    "input": "load",
    "output": "store",
    "weights": "wload",
}
"""What a cycle is spent on, the first that is busy: an instruction, or a class of transfers."""


@dataclass(frozen=True)
class Row:
    """One row of the file and what is emulated for it; cycles, and a utilisation of 0..1."""

    machine: str
    subject: str
    mode: str
    vendor: int
    serial: int
    overlapped: int
    utilisation: float


def model_of(subject: str) -> Path | ModelProto:
    """The network of that name, or the layer "conv3x3 64->32 56x56"; int8 either way."""
    if subject in NETWORKS:
        return quantised(subject, CACHE)
    if not (match := LAYER.fullmatch(subject)):
        raise TilefoldError(f"'{subject}' is neither one of {', '.join(NETWORKS)} nor a layer")
    kernel, channels, filters, size = map(int, match.groups())
    return convolution(channels, filters, kernel, size)


@cache
def program_of(subject: str, machine: str, schedule: Schedule) -> Program:
    """The subject compiled."""
    return compile(model_of(subject), machine, schedule=schedule)


@cache
def timed(subject: str, machine: str, schedule: Schedule) -> tuple[int, float]:
    """Cycles and utilisation of the subject."""
    total = emulate(program_of(subject, machine, schedule), {}, values=False).report.total
    return total.cycles, total.utilisation


def rows_of(file: Path) -> list[Row]:
    """The rows of MERA's figures with those emulated here."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            given = list(csv.DictReader(lines))
        known = [
            (MACHINES[row["machine"]], row["network_or_layer"], row["mode"], int(row["cycles"]))
            for row in given
        ]
    except (OSError, ValueError, KeyError) as error:
        raise TilefoldError(f"{file}: cannot be read as figures of MERA: {error}") from None
    rows: list[Row] = []
    for machine, subject, mode, vendor in known:
        serial, _ = timed(subject, machine, Schedule.LAYER_SERIAL)
        overlapped, utilisation = timed(subject, machine, Schedule.OVERLAPPED)
        rows.append(Row(machine, subject, mode, vendor, serial, overlapped, utilisation))
    return rows


def breakdown(program: Program) -> dict[str, int]:
    """Cycles of a layer-serial run by part; they sum to all cycles.

    A cycle counts for the first part in which a unit is busy; in "hidden input" loads that ran
    while another part did are counted once more, outside the sum.
    """
    recording = emulate(program, {}, values=False, record=True).recording
    assert recording is not None
    slices = recording.slices
    cuts = np.unique(np.concatenate([slices.start, slices.end, [0, recording.cycles]]))
    lengths, left = np.diff(cuts), np.ones(len(cuts) - 1, bool)
    labels, cycles, hidden = _labels(program, recording), dict[str, int](), 0
    for part, label in PARTS.items():
        chosen = labels == label
        change = np.zeros(len(cuts), np.int64)
        np.add.at(change, np.searchsorted(cuts, slices.start[chosen]), 1)
        np.add.at(change, np.searchsorted(cuts, slices.end[chosen]), -1)
        busy = change.cumsum()[:-1] > 0
        cycles[part] = int(lengths[left & busy].sum())
        if part == "input":
            hidden = int(lengths[busy & ~left].sum())
        left &= ~busy
    return {**cycles, "nothing": int(lengths[left].sum()), "hidden input": hidden}


def _labels(program: Program, recording: Recording) -> npt.NDArray[np.str_]:
    """For each slice the DMA class or else the instruction that was busy, "" if none was."""
    slices, units = recording.slices, np.array(recording.units)
    mnemonics = np.array([*(i.mnemonic for i in program.code.instructions), ""])
    transfers = np.isin(units, ("load", "store", "wload"))[slices.unit]
    labels = np.where(transfers, units[slices.unit], mnemonics[slices.instruction])
    return np.where(slices.what == 0, labels, "")


def breakdowns(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Where the layer-serial cycles of `BROKEN_DOWN` go, by subject."""
    subjects = dict.fromkeys(row.subject for row in rows if row.machine == BROKEN_DOWN)
    return {
        subject: breakdown(program_of(subject, BROKEN_DOWN, Schedule.LAYER_SERIAL))
        for subject in subjects
    }


def row_cells(rows: Sequence[Row]) -> Cells:
    """A line for each row of the file."""
    header = ["machine", "subject", "mode", "MERA", "layer-serial", "/ MERA"]
    cells = [[*header, "overlapped", "/ MERA", "utilisation"]]
    for row in rows:
        cells.append([row.machine, row.subject, row.mode, f"{row.vendor:,}"])
        cells[-1] += [f"{row.serial:,}", f"{row.serial / row.vendor:.3f}"]
        cells[-1] += [f"{row.overlapped:,}", f"{row.overlapped / row.vendor:.3f}"]
        cells[-1].append(f"{row.utilisation:.1%}")
    return cells


def part_cells(parts: Mapping[str, Mapping[str, int]]) -> Cells:
    """A line for each part, a column for each subject."""
    names = dict.fromkeys(chain.from_iterable(parts.values()))
    body = [[name, *(f"{cycles[name]:,}" for cycles in parts.values())] for name in names]
    return [["cycles", *parts], *body]


def main() -> None:
    """Emulate, print, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="Compares cycles with those of MERA.")
    parser.add_argument("--csv", type=Path, default=CYCLES, help=f"MERA's figures ({CYCLES})")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--markdown", action="store_true", help="print as docs/mera.md has it")
    options = parser.parse_args()
    screen = console()
    try:
        with screen.status("emulating"):
            rows = rows_of(options.csv)
            parts = breakdowns(rows)
    except TilefoldError as error:
        parser.exit(1, f"error: {error}\n")
    if options.json:
        record: dict[str, Any] = {"rows": [asdict(row) for row in rows], "breakdown": parts}
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    if options.markdown:
        print(markdown(row_cells(rows)), markdown(part_cells(parts)), sep="\n\n")
    else:
        screen.print(table("cycles by MERA 1.6 and emulated", row_cells(rows)))
        screen.print(table(f"layer-serial on {BROKEN_DOWN}", part_cells(parts)))


if __name__ == "__main__":
    main()
