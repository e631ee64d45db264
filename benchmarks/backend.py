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
from tilefold.tests.support.onnx_cases import MACHINE, Outcome, cases, reason, run
from tilefold.tools.command import console, write_files

PAGE = Path(__file__).parent.parent / "docs" / "backend.md"


def where(outcomes: Mapping[str, Outcome]) -> Cells:
    """A line for each place and each reason to skip."""
    ran = Counter(outcome.where for outcome in outcomes.values() if not outcome.skipped)
    skipped = Counter(reason(outcome) for outcome in outcomes.values() if outcome.skipped)
    lines = [[f"ran on the {place}", f"{count:,}"] for place, count in sorted(ran.items())]
    lines += [[f"skipped: {why}", f"{count:,}"] for why, count in skipped.most_common()]
    return [["tests of single nodes", "number"], *lines, ["all", f"{len(outcomes):,}"]]


def sentence(outcomes: Mapping[str, Outcome]) -> str:
    """What ran on the machine, and of which versions this is true."""
    names = [
        f"`{name.removeprefix('test_')}`"
        for name, outcome in outcomes.items()
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
        outcomes = {name: run(case) for name, case in cases().items()}
    screen.print(table("ONNX's tests", where(outcomes), left=1))
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        page = with_measured(page, "tests", markdown(where(outcomes), 1))
        write_files({PAGE: with_measured(page, "versions", sentence(outcomes)).encode()})


if __name__ == "__main__":
    main()
