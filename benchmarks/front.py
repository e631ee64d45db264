"""The picture of the exploration in the README's tour.

`python benchmarks/front.py` evaluates the designs of the tour's command and draws all of them, by
latency and area, with the front, into docs/exploration.svg.
"""

import io
import shlex
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

# Before anything that imports numpy: it sets the number of threads.
from subjects import ROOT  # isort: skip

import numpy as np
import numpy.typing as npt
from tilefold.examples import fashion
from tilefold.explore.designs import evaluator_of
from tilefold.explore.evaluator import Options
from tilefold.explore.space import Space
from tilefold.tools.command import write_files

README, FIGURE = ROOT / "README.md", ROOT / "docs" / "exploration.svg"
COMMAND = "tilefold explore "


def toured(space: Space) -> Space:
    """The part of a space that the README's command leaves."""
    (line,) = (each for each in README.read_text("utf-8").splitlines() if COMMAND in each)
    words = shlex.split(line)
    for word, following in pairwise(words):
        if word in ("--vary", "--fix"):
            name, _, values = following.partition("=")
            space = space.restricted(name, values.split(","))
    return space


def drawn(values: Mapping[str, npt.NDArray[Any]], results: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """Latency and area of every design as SVG, a colour for each folding, and the front."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # A fixed salt and no date: the same numbers make the same file.
    with mpl.rc_context({"svg.hashsalt": "front", "svg.fonttype": "none", "font.size": 10}):
        drawing = Figure(figsize=(7.5, 4.6), layout="constrained")
        axes = drawing.subplots()
        latency, area = 1e3 * results["latency"], results["area"]
        for folding in dict.fromkeys(values["folding"].tolist()):
            some = values["folding"] == folding
            axes.scatter(latency[some], area[some], s=8, label=folding, alpha=0.6, linewidths=0)
        order = np.lexsort((area, latency))
        best = np.minimum.accumulate(area[order])
        front = order[np.concatenate(([True], best[1:] < best[:-1]))]
        axes.step(latency[front], area[front], where="post", color="black", label="front")
        axes.set(xscale="log", yscale="log", xlabel="latency, us", ylabel="area, mm2")
        axes.legend(title="units join by")
        file = io.BytesIO()
        drawing.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def main() -> None:
    """Evaluate, and draw."""
    evaluator = evaluator_of([fashion.int8_model()], Options())
    part = toured(evaluator.space)
    points = part.points_in(evaluator.space, np.arange(part.size))
    results = evaluator.evaluate(points)
    write_files({FIGURE: drawn(evaluator.space.columns(points), results)})


if __name__ == "__main__":
    main()
