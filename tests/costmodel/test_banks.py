"""Conflicts of banks: by hand, and against lines dealt out one by one."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from tilefold.costmodel.banks import access_cycles, input_cycles
from tilefold.machines import load_machine
from tilefold.machines.model import Fold, Memory, Mode

TINY = load_machine("tiny")
DATA = replace(TINY.memory("data"), conflicts=True)
"""Four banks of lines of 4 bytes."""


def naive(memory: Memory, offsets: list[int], width: int) -> int:
    lines = {(offset + byte) // memory.line for offset in offsets for byte in range(width)}
    most = max(Counter(line % memory.banks for line in lines).values())
    return -(-most // memory.ports)


@pytest.mark.parametrize(
    ("offsets", "width", "cycles"),
    [
        ([0], 4, 1),
        ([0, 4, 8, 12], 4, 1),  # four lines, a bank each
        ([0, 16], 4, 2),  # lines 0 and 4, both in bank 0
        ([0, 16, 32, 4], 4, 3),
        ([0, 2], 2, 1),  # one line for both
        ([0, 8], 8, 1),  # lines 0, 1 and 2, 3
        ([0, 8], 12, 2),  # lines 0 to 4, of which 2 is shared, and 0 and 4 are in bank 0
    ],
)
def test_by_hand(offsets: list[int], width: int, cycles: int) -> None:
    assert access_cycles(DATA, offsets, width) == cycles == naive(DATA, offsets, width)


def test_more_ports_serve_more_lines() -> None:
    assert access_cycles(replace(DATA, ports=2), [0, 16, 32], 4) == 2
    assert access_cycles(replace(DATA, ports=4), [0, 16, 32], 4) == 1


def test_nothing_waits_unless_the_machine_says_so() -> None:
    assert access_cycles(TINY.memory("data"), [0, 16, 32], 4) == 1


def test_random_accesses() -> None:
    rng = Random(0)
    for _ in range(500):
        memory = replace(
            DATA,
            line=rng.choice((1, 4, 64)),
            banks=rng.choice((1, 2, 3, 8, 32)),
            ports=rng.randint(1, 3),
        )
        offsets = [rng.randrange(4096) for _ in range(rng.randint(1, 12))]
        width = rng.randint(1, 130)
        assert access_cycles(memory, offsets, width) == naive(memory, offsets, width)


def inputs(fold: Fold, **changes: object) -> int:
    """Cycles a step of a dense convolution over 2 x 8 outputs of 4 channels."""
    array = TINY.array("conv")
    shape = {
        "rows": 2, "cols": 8, "channels": 4, "depthwise": False, "row_bytes": 32,
        "pixel_bytes": 4, "bits": 8,
    }  # fmt: skip
    mode = array.modes[1 if changes.get("depthwise") else 0]
    return input_cycles(DATA, array, mode, fold, **(shape | changes))  # type: ignore[arg-type]


def test_units_with_different_pixels() -> None:
    """The second unit starts in the second row, 32 bytes or 8 lines on: the same bank."""
    assert inputs(Fold()) == 1
    assert inputs(Fold(pixels=2)) == 2
    assert inputs(Fold(pixels=2), row_bytes=36) == 1
    assert inputs(Fold(pixels=2), rows=3) == 2  # pixel 12: row 1, column 4; line 12
    assert inputs(Fold(pixels=2), rows=1, cols=6, pixel_bytes=4) == 1  # pixel 3: line 3
    assert inputs(Fold(pixels=2), rows=1, cols=4, pixel_bytes=8) == 2  # stride 2: line 4


def test_pixels_side_by_side() -> None:
    """Four pixels of a step lie a pixel apart, as do those of every other unit."""
    array = TINY.array("conv")
    spatial = (("y", ("C",)), ("x", ("K", "OX")))
    wide = replace(array.modes[0], spatial=spatial)

    def cycles(fold: Fold, mode: Mode = wide, cols: int = 8, **sizes: int) -> int:
        shape = {"rows": 2, "channels": 4, "row_bytes": 32, "pixel_bytes": 4, "bits": 8} | sizes
        return input_cycles(DATA, array, mode, fold, cols=cols, depthwise=False, **shape)

    assert cycles(Fold()) == 1, "lines 0 to 3"
    assert cycles(Fold(), pixel_bytes=8) == 2, "lines 0, 2, 4 and 6, in two banks"
    assert cycles(Fold(), pixel_bytes=16) == 4
    assert cycles(Fold(), pixel_bytes=16, cols=3) == 3
    assert cycles(Fold(), replace(wide, limit=(("OX", 2),)), pixel_bytes=16) == 2
    assert cycles(Fold(), channels=1, pixel_bytes=1) == 1, "one line for all"
    assert cycles(Fold(pixels=2)) == 2, "lines 0 to 3 and 8 to 11"
    assert cycles(Fold(pixels=2), row_bytes=40) == 2, "lines 0 to 3 and 10 to 13"
    tall = replace(wide, spatial=(("y", ("C",)), ("x", ("OY", "OX"))))
    assert cycles(Fold(), tall, cols=2) == 2, "lines 0, 1 and 8, 9"
    assert cycles(Fold(), tall, cols=2, row_bytes=8) == 1, "lines 0 to 3"


def test_units_with_different_channels() -> None:
    """Chains and groups share the channels of one pixel, whose lines follow one another."""
    assert inputs(Fold(chain=2), channels=8) == 1
    assert inputs(Fold(chain=2), channels=32) == 2  # lines 0 and 4
    assert inputs(Fold(groups=2), channels=8, depthwise=True) == 1
    assert inputs(Fold(groups=2), channels=32, depthwise=True) == 2


def test_inputs_that_stay_do_not_stream() -> None:
    array = TINY.array("conv")
    mode = replace(array.modes[0], stays="I")
    assert (
        input_cycles(
            DATA, array, mode, Fold(pixels=2), rows=2, cols=8, channels=4, depthwise=False,
            row_bytes=32, pixel_bytes=4, bits=8,
        )
        == 1
    )  # fmt: skip
