"""How the emulator's cost grows with the size of the input and with the batch.

`python benchmarks/scaling.py [--quick] [--docs] [--json FILE]` measures MobileNetV2 on one thread,
in processor time, everything prepared beforehand. `--docs` puts table and figure into
docs/benchmarks.md (the extra `bench`).
"""

import argparse
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

# Before anything that imports numpy: it sets the number of threads.
from subjects import CACHE, ROOT, environment, interleaved  # isort: skip

import numpy as np
from pages import Cells, with_measured
from pages import markdown as markdown_table
from rich.table import Table
from tilefold.compiler import compile
from tilefold.emulator import emulate
from tilefold.examples.networks import quantised, random_images
from tilefold.tools.command import console, write_files

NETWORK = "mobilenetv2"
SIZES = (64, 96, 128, 160, 192, 224, 288)
BATCHES = (1, 2, 4, 8, 16, 32)
BATCH_SIZE = 224
"""Rows and columns of the images of a batch."""
ROUNDS, QUICK_ROUNDS = 7, 2

BOTH, VALUES, TIME = "values + time", "values only", "time only"
PAGE, FIGURE = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "scaling.svg"


@dataclass(frozen=True)
class Series:
    """Processor seconds by what is emulated, at every amount of work `x` in `unit`."""

    title: str
    axis: str
    unit: str
    names: Sequence[str]
    x: Sequence[float]
    seconds: dict[str, list[float]]

    @property
    def exponents(self) -> dict[str, float]:
        """By what is emulated the b of seconds = a x^b, by least squares in logarithms."""
        return {
            what: float(np.polyfit(np.log(self.x), np.log(times), 1)[0])
            for what, times in self.seconds.items()
        }


Works = dict[tuple[str, int], Callable[[], object]]
"""What is timed, by what is emulated and the number of the place in its series."""


def over_sizes(machine: str, rounds: int) -> Series:
    """One image of every size of `SIZES`."""
    works: Works = {}
    macs: list[float] = []
    for place, size in enumerate(SIZES):
        program = compile(quantised(NETWORK, CACHE, size), machine)
        image = {"image": random_images(1, size, seed=1)}
        works |= {
            (BOTH, place): lambda p=program, i=image: emulate(p, i, check=False),
            (VALUES, place): lambda p=program, i=image: emulate(p, i, time=False, check=False),
            (TIME, place): lambda p=program: emulate(p, {}, values=False, check=False),
        }
        macs.append(emulate(program, {}, values=False, check=False).report.total.macs / 1e6)
    names = [f"{size} x {size}, {work:.0f} MMAC" for size, work in zip(SIZES, macs, strict=True)]
    return Series(
        "image", "products of one image, MMAC", "MMAC", names, macs, _measured(works, rounds)
    )


def over_batches(machine: str, rounds: int) -> Series:
    """Batches of `BATCHES` images; time is emulated once a batch, as it does not depend on data."""
    program = compile(quantised(NETWORK, CACHE, BATCH_SIZE), machine)
    images = random_images(max(BATCHES), BATCH_SIZE, seed=1)
    works: Works = {}
    for place, batch in enumerate(BATCHES):
        given = {"image": images[:batch]}
        works |= {
            (BOTH, place): lambda i=given: emulate(program, i, check=False),
            (VALUES, place): lambda i=given: emulate(program, i, time=False, check=False),
        }
    title = f"batch of images {BATCH_SIZE} x {BATCH_SIZE}"
    names = [*map(str, BATCHES)]
    return Series(title, title, "image", names, BATCHES, _measured(works, rounds))


def _measured(works: Works, rounds: int) -> dict[str, list[float]]:
    """Medians over rounds of all works in turn, after one that prepares and is not counted."""
    interleaved(works, 1)
    seconds: dict[str, list[float]] = {}
    for (what, _), samples in interleaved(works, rounds).items():
        seconds.setdefault(what, []).append(median(samples))
    return seconds


def cells(series: Series) -> Cells:
    """A table: its heading, a row for each place, and the exponents."""
    heading = [series.title]
    for what in series.seconds:
        heading += [f"{what}, ms", f"µs per {series.unit}"]
    rows = [heading]
    for place, (name, x) in enumerate(zip(series.names, series.x, strict=True)):
        row = [name]
        for times in series.seconds.values():
            row += [f"{times[place] * 1e3:.1f}", f"{times[place] / x * 1e6:,.0f}"]
        rows.append(row)
    exponents = [cell for value in series.exponents.values() for cell in (f"{value:.2f}", "")]
    return [*rows, ["exponent", *exponents]]


def table_of(series: Series) -> Table:
    """The table for the terminal."""
    (first, *heading), *rows = cells(series)
    table = Table(first)
    for column in heading:
        table.add_column(column, justify="right")
    for row in rows[:-1]:
        table.add_row(*row)
    table.add_section()
    table.add_row(*rows[-1])
    return table


def markdown(every: Sequence[Series], about: dict[str, Any]) -> str:
    """What stands between the markers of the page."""
    text = (
        "Measured on {processor}, Python {python}, numpy {numpy}, for `{machine}`; "
        "one thread,\nprocessor time, medians of {rounds} rounds:\n\n"
        "![Seconds over MACs and over images, both axes logarithmic](scaling.svg)\n"
    ).format(**about)
    for series in every:
        text += "\n" + markdown_table(cells(series), left=1) + "\n"
    return text.removesuffix("\n")


def figure(every: Sequence[Series]) -> bytes:
    """The series side by side as SVG: seconds over work, with a line of slope 1 each."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    # A fixed salt and no date: the same numbers make the same file.
    with mpl.rc_context({"svg.hashsalt": "scaling", "svg.fonttype": "none", "font.size": 10}):
        drawing = Figure(figsize=(10, 4.6), layout="constrained")
        panels = drawing.subplots(1, len(every), sharey=True)
        for axes, series in zip(panels, every, strict=True):
            x = np.array(series.x)
            for marker, (what, times) in zip("os^", series.seconds.items(), strict=False):
                slope = series.exponents[what]
                axes.loglog(x, times, marker=marker, label=f"{what}: exponent {slope:.2f}")
            line = series.seconds[BOTH][-1] * x / x[-1]
            axes.loglog(x, line, "k--", linewidth=1, label="exponent 1")
            axes.set_xlabel(series.axis)
            axes.set_xticks(x, [f"{value:.0f}" for value in x], fontsize=9)
            axes.xaxis.set_minor_locator(NullLocator())
            axes.grid(True, alpha=0.4)
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=9)
        panels[0].set_ylabel("processor time, s")
        panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panels[0].yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panels[0].yaxis.set_minor_locator(NullLocator())
        file = io.BytesIO()
        drawing.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def main() -> None:
    """Measure, print, and write what is asked for."""
    parser = argparse.ArgumentParser(description="Measures how the emulator's cost grows.")
    parser.add_argument("--machine", default="dna_a600", help="a machine's name or file")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds")
    parser.add_argument("--docs", action="store_true", help="update docs/benchmarks.md")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    screen = console()
    with screen.status(f"measuring {NETWORK}"):
        every = [over(options.machine, rounds) for over in (over_sizes, over_batches)]
    about = environment(options.machine, rounds)
    screen.print(*map(table_of, every))
    files: dict[Path, bytes] = {}
    if options.docs:
        page = with_measured(PAGE.read_text(encoding="utf-8"), "scaling", markdown(every, about))
        files |= {FIGURE: figure(every), PAGE: page.encode()}
    if options.json:
        series = [asdict(series) | {"exponents": series.exponents} for series in every]
        record = {"environment": about, "network": NETWORK, "series": series}
        files[options.json] = (json.dumps(record, indent=1) + "\n").encode()
    write_files(files)


if __name__ == "__main__":
    main()
