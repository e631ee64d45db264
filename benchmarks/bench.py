"""How fast the compiler and the emulator are, beside onnxruntime in the same run.

`make bench`, or `python benchmarks/bench.py [--quick] [--machine NAME] [--json FILE] [NETWORK..]`.
One image, one thread on both sides, processor time. docs/benchmarks.md tells how to read it.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

# Before anything that imports numpy: it sets the number of threads.
from subjects import (  # isort: skip
    EFFICIENTNET,
    EFFICIENTNET_LITE0,
    Subject,
    available,
    environment,
    interleaved,
    onnxruntime_run,
    subject,
)

from rich.table import Table
from tilefold.backend.program import Program
from tilefold.compiler import compile
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.tools.command import console, write_files

ROUNDS, QUICK_ROUNDS = 7, 2
COMPILATIONS = 3

FLOAT, INT8 = "ort float32", "ort int8"
BOTH, CHECKED, VALUES, TIME = "emulate", "emulate checked", "values only", "time only"
TILES = "values tile by tile"
COMPILE = "compile"
FIRST, FIRST_CHECKED = "first emulate", "first emulate checked"


class Target(NamedTuple):
    """A ratio of `ratios` of a network that is to be at most `limit`."""

    network: str
    ratio: str
    limit: float


LARGE = ("resnet50", EFFICIENTNET_LITE0)
TARGETS = (
    Target("resnet50", f"{BOTH} / {FLOAT}", 2.5),
    Target(EFFICIENTNET_LITE0, f"{BOTH} / {FLOAT}", 4),
    *(Target(network, f"{CHECKED} / {BOTH}", 3) for network in LARGE),
    *(Target(network, f"{FIRST_CHECKED} / {FIRST}", 3) for network in LARGE),
    *(Target(network, f"{TIME} / {BOTH}", 1 / 5) for network in LARGE),
)
PUBLISHED = (
    ("Gemmini, functional simulator", "89 MMAC/s, 44 k instructions/s", "run on a 2-core machine"),
    ("VTA, functional simulator", "ResNet-18 in 1.0 s", "its authors' report"),
    ("VTA, cycle-accurate simulator", "ResNet-18 in 228 s", "its authors' report"),
)
"""Other simulators of accelerators: what, how fast, and who says so."""


def works(program: Program, of: Subject) -> dict[str, Callable[[], object]]:
    """What is timed in each round."""
    return {
        FLOAT: onnxruntime_run(of.floating, of.image),
        BOTH: lambda: emulate(program, of.image, check=False),
        INT8: onnxruntime_run(of.quantised, of.image),
        CHECKED: lambda: emulate(program, of.image),
        VALUES: lambda: emulate(program, of.image, time=False, check=False),
        TILES: lambda: emulate(program, of.image, time=False, check=False, fuse=False),
        TIME: lambda: emulate(program, {}, values=False, check=False),
    }


def measure(of: Subject, machine: str, rounds: int) -> dict[str, Any]:
    """All that is known of one network: seconds (medians), ratios within rounds, and counts."""
    program = compile(of.quantised, machine)
    tasks = works(program, of)
    interleaved(tasks, 1)  # warms caches on both sides
    once = {
        COMPILE: lambda: compile(of.quantised, machine),
        FIRST: lambda: emulate(replace(program), of.image, check=False),
        FIRST_CHECKED: lambda: emulate(replace(program), of.image),
    }
    rarely = interleaved(once, min(rounds, COMPILATIONS))
    samples = interleaved(tasks, rounds)
    total = emulate(program, {}, values=False, check=False).report.total
    seconds = {name: median(times) for name, times in (rarely | samples).items()}
    return {
        "network": of.name,
        "seconds": seconds,
        "ratios": ratios(samples) | ratio(rarely, FIRST_CHECKED, FIRST),
        "macs": total.macs,
        "macs_per_second": {name: total.macs / seconds[name] for name in (BOTH, VALUES)},
        "instructions": len(program.code.instructions),
        "cycles": total.cycles,
        "utilisation": total.utilisation,
    }


def ratio(samples: Mapping[str, Sequence[float]], upper: str, lower: str) -> dict[str, float]:
    """Median over rounds of one work's time over another's, by name."""
    rounds = zip(samples[upper], samples[lower], strict=True)
    return {f"{upper} / {lower}": median(a / b for a, b in rounds)}


def ratios(samples: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """What is compared in each round."""
    pairs = [(BOTH, FLOAT), (CHECKED, FLOAT), (VALUES, FLOAT), (TIME, FLOAT)]
    pairs += [(BOTH, INT8), (INT8, FLOAT), (CHECKED, BOTH), (TIME, BOTH), (TILES, VALUES)]
    found: dict[str, float] = {}
    for upper, lower in pairs:
        found |= ratio(samples, upper, lower)
    return found


def table_of(results: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> Table:
    """A column for each network."""
    title = "{machine}, 1 image, 1 thread, median of {rounds} rounds".format(**about)
    caption = "emulate: values + time; ort: onnxruntime {onnxruntime}; on {processor}"
    table = Table(title=title, caption=caption.format(**about))
    table.add_column("")
    for result in results:
        table.add_column(result["network"], justify="right")

    def rows(key: str, form: Callable[[float], str], suffix: str = "") -> None:
        for name in results[0][key]:
            table.add_row(name + suffix, *(form(result[key][name]) for result in results))
        table.add_section()

    rows("ratios", lambda value: f"{value:.2f}")
    rows("macs_per_second", lambda value: f"{value / 1e6:,.0f}", ", MMAC/s")
    rows("seconds", lambda value: f"{value:.4f}", ", seconds")
    counts = {"macs": "{:,}", "instructions": "{:,}", "cycles": "{:,}", "utilisation": "{:.1%}"}
    for name, form in counts.items():
        label = f"emulated {name}" if name in ("cycles", "utilisation") else name
        table.add_row(label, *(form.format(result[name]) for result in results))
    return table


def published(results: Sequence[Mapping[str, Any]]) -> Table:
    """Figures of others, not measured here, and beside them what was."""
    table = Table("others, not measured in this run", "speed", "source")
    for row in PUBLISHED:
        table.add_row(*row)
    table.add_section()
    for result in results:
        name, seconds = result["network"], result["seconds"][BOTH]
        speed = f"{result['macs_per_second'][BOTH] / 1e6:,.0f} MMAC/s, {name} in {seconds:.3f} s"
        table.add_row("Tilefold, values + time", speed, "this run")
    return table


def judged(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The targets of the networks measured, what was measured, and whether it met them."""
    measured = {result["network"]: result["ratios"] for result in results}
    return [
        target._asdict() | {"measured": value, "met": value <= target.limit}
        for target in TARGETS
        if target.network in measured
        for value in [measured[target.network][target.ratio]]
    ]


def targets(verdicts: Sequence[Mapping[str, Any]]) -> Table:
    """The targets, and whether they are met."""
    table = Table("target", "network")
    for column in ("measured", "at most", ""):
        table.add_column(column, justify="right")
    for each in verdicts:
        values = (f"{each['measured']:.2f}", f"{each['limit']:.2f}")
        table.add_row(each["ratio"], each["network"], *values, "met" if each["met"] else "missed")
    return table


def main() -> None:
    """Measure, print, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="Measures the compiler and the emulator.")
    parser.add_argument("networks", nargs="*", help=f"some of: {', '.join(available())}")
    parser.add_argument("--machine", default="dna_a600", help="a machine's name or file")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    if unknown := set(options.networks) - set(available()):
        parser.error(f"no network '{min(unknown)}'; there are {', '.join(available())}")
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    screen = console()
    results: list[dict[str, Any]] = []
    for name in options.networks or available():
        with screen.status(f"measuring {name}"):
            try:
                results.append(measure(subject(name), options.machine, rounds))
            except TilefoldError as error:
                parser.exit(1, f"error: {name}: {error}\n")
    about = environment(options.machine, rounds)
    verdicts = judged(results)
    screen.print(table_of(results, about), published(results))
    if verdicts:
        screen.print(targets(verdicts))
    if not EFFICIENTNET.exists():
        screen.print(f"{EFFICIENTNET_LITE0} was skipped: there is no {EFFICIENTNET}")
    if options.json:
        record: dict[str, Any] = {"environment": about, "networks": results}
        record |= {"targets": verdicts, "published": PUBLISHED}
        write_files({options.json: (json.dumps(record, indent=1) + "\n").encode()})


if __name__ == "__main__":
    main()
