"""The numbers that docs/time.md shows are those of the cost model."""

from pathlib import Path

from tilefold.tests.costmodel.scalesim import COUNTS
from tilefold.tests.costmodel.test_scalesim import cost_of

PAGE = (Path(__file__).parents[2] / "docs" / "time.md").read_text("utf-8")


def crosscheck() -> str:
    """The table of the counts of SCALE-Sim beside those of the cost model."""
    lines = [
        "| machine | layer | M | N | K | cycles | SCALE-Sim "
        "| inputs | weights | sums | SCALE-Sim |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for count in COUNTS:
        cost = cost_of(count)
        numbers = [
            *(count.m, count.n, count.k),
            *(int(cost.occupancy) + int(cost.latency), count.cycles),
            *(cost.input_reads, cost.weight_loads, cost.accumulator_writes, count.ofmap_writes),
        ]
        cells = " | ".join(f"{number:,}" for number in numbers)
        lines.append(f"| `{count.machine}` | `{count.layer}` | {cells} |")
    return "\n".join(lines) + "\n"


def test_the_crosscheck_is_current() -> None:
    assert crosscheck() in PAGE, f"the table should be\n{crosscheck()}"
