"""Runs ONNX's own backend tests through Tilefold's backend, and says where each ran.

`python benchmarks/backend.py --write` brings the tables of docs/backend.md up to date.
"""

import argparse
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import onnx
import onnxruntime
from pages import Cells, markdown, table, with_measured
from tilefold.tests.support.onnx_cases import KINDS, MACHINE, Outcome, cases, reason, run
from tilefold.tools.command import console, write_files

PAGE = Path(__file__).parent.parent / "docs" / "backend.md"


Outcomes = Mapping[str, Mapping[str, Outcome]]
"""By kind of test and name."""


def where(outcomes: Outcomes) -> Cells:
    """A line for each place and each reason to skip, with a column for each kind of test."""
    found = {
        kind: Counter(
            f"skipped: {reason(each)}" if each.skipped else f"ran on the {each.where}"
            for each in named.values()
        )
        for kind, named in outcomes.items()
    }
    total = sum(found.values(), Counter[str]())
    ran = sorted(line for line in total if line.startswith("ran"))
    skipped = [line for line, _ in total.most_common() if line not in ran]
    cells = [["tests of", *(KINDS[kind] for kind in outcomes)]]
    for line in (*ran, *skipped):
        cells.append([line, *(f"{found[kind][line]:,}" for kind in outcomes)])
    return [*cells, ["all", *(f"{len(named):,}" for named in outcomes.values())]]


def sentence(outcomes: Outcomes) -> str:
    """What ran on the machine, and of which versions this is true."""
    names = [
        f"`{name.removeprefix('test_')}`"
        for named in outcomes.values()
        for name, outcome in named.items()
        if "machine" in outcome.where and not outcome.skipped
    ]
    return (
        f"With ONNX {onnx.__version__}, onnxruntime {onnxruntime.__version__} and the machine\n"
        f"`{MACHINE}`. On the machine ran {', '.join(names)}."
    )


def main() -> None:
    """Run the tests, print the tables, and write the page if asked to."""
    parser = argparse.ArgumentParser(description="Runs ONNX's tests of backends.")
    parser.add_argument("--write", action="store_true", help=f"bring {PAGE.name} up to date")
    options = parser.parse_args()
    screen = console()
    warnings.simplefilter("ignore")  # of ONNX's cases, which overflow on purpose
    with screen.status("running"):
        outcomes = {kind: {name: run(case) for name, case in cases(kind).items()} for kind in KINDS}
    screen.print(table("ONNX's tests", where(outcomes), left=1))
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        page = with_measured(page, "tests", markdown(where(outcomes), 1))
        write_files({PAGE: with_measured(page, "versions", sentence(outcomes)).encode()})


if __name__ == "__main__":
    main()
