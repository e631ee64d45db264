"""Conflicts of banks: by hand, and against lines dealt out one by one."""

from collections import Counter
from dataclasses import replace
from itertools import product
from random import Random

import numpy as np
import pytest
from tilefold.costmodel.array import conv_cost
from tilefold.costmodel.banks import Inputs, access_cycles, input_cycles
from tilefold.costmodel.dataflow import Factors
from tilefold.costmodel.integers import as_array
from tilefold.machines import load_machine
from tilefold.machines.model import Array, Fold, Memory, Mode
from tilefold.tests.support.random_machines import random_machine

TINY = load_machine("tiny")
ARRAY = TINY.array("conv")
DATA = replace(TINY.memory("data"), conflicts=True)
"""Four banks of lines of 4 bytes."""


def cycles_of(memory: Memory, offsets: list[int], width: int) -> int:
    return int(access_cycles(memory, np.array(offsets), width))


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
    assert cycles_of(DATA, offsets, width) == cycles == naive(DATA, offsets, width)


def test_more_ports_serve_more_lines() -> None:
    assert cycles_of(replace(DATA, ports=2), [0, 16, 32], 4) == 2
    assert cycles_of(replace(DATA, ports=4), [0, 16, 32], 4) == 1


def test_nothing_waits_unless_the_machine_says_so() -> None:
    assert cycles_of(TINY.memory("data"), [0, 16, 32], 4) == 1


def test_random_accesses() -> None:
    rng = Random(0)
    for _ in range(500):
        memory = replace(
            DATA,
            line=rng.choice((1, 4, 64)),
            banks=rng.choice((1, 2, 3, 8, 32)),
            ports=rng.randint(1, 3),
        )
        accesses = rng.randint(1, 12)
        offsets = [[rng.randrange(4096) for _ in range(accesses)] for _ in range(4)]
        widths = [rng.randint(1, 130) for _ in offsets]
        cycles = access_cycles(memory, np.array(offsets), np.array(widths))
        assert cycles.tolist() == [
            naive(memory, *each) for each in zip(offsets, widths, strict=True)
        ]


Shape = dict[str, int]
"""Sizes of the loops by name, and the bytes between `row`s and `pixel`s of inputs."""


def step(fold: Fold, mode: Mode = ARRAY.modes[0], *, spread: bool = False, **changes: int) -> int:
    """Cycles of a step of a dense convolution over 2 x 8 outputs of 4 channels."""
    shape = {"OY": 2, "OX": 8, "C": 4, "row": 32, "pixel": 4} | changes
    return cycles_of_shapes([fold], ARRAY, mode, [shape], DATA, spread)[0]


def cycles_of_shapes(
    folds: list[Fold],
    array: Array,
    mode: Mode,
    shapes: list[Shape],
    memory: Memory,
    spread: bool = False,
) -> list[int]:
    """Cycles of a step, all at once."""
    sizes = {loop: as_array(np.array([s.get(loop, 1) for s in shapes])) for loop in LOOPS}
    row, pixel = (np.array([s[name] for s in shapes]) for name in ("row", "pixel"))
    inputs = Inputs(memory, row, pixel, 8, (1, 1), spread)
    cycles = input_cycles(inputs, array, mode, Factors.of(folds), sizes, 1)
    return np.broadcast_to(cycles, len(shapes)).tolist()


LOOPS = ("G", "K", "C", "OY", "OX", "FY", "FX")


def test_units_with_different_pixels() -> None:
    """The second unit starts in the second row, 32 bytes or 8 lines on: the same bank."""
    assert step(Fold()) == 1
    assert step(Fold(pixels=2)) == 2
    assert step(Fold(pixels=2), row=36) == 1
    assert step(Fold(pixels=2), OY=3) == 2  # pixel 12: row 1, column 4; line 12
    assert step(Fold(pixels=2), OY=1, OX=6, pixel=4) == 1  # pixel 3: line 3
    assert step(Fold(pixels=2), OY=1, OX=4, pixel=8) == 2  # stride 2: line 4


WIDE = replace(ARRAY.modes[0], spatial=(("y", ("C",)), ("x", ("K", "OX"))))


def test_pixels_side_by_side() -> None:
    """Four pixels of a step lie a pixel apart, as do those of every other unit."""
    assert step(Fold(), WIDE) == 1, "lines 0 to 3"
    assert step(Fold(), WIDE, pixel=8) == 2, "lines 0, 2, 4 and 6, in two banks"
    assert step(Fold(), WIDE, pixel=16) == 4
    assert step(Fold(), WIDE, pixel=16, OX=3) == 3
    assert step(Fold(), replace(WIDE, limit=(("OX", 2),)), pixel=16) == 2
    assert step(Fold(), WIDE, C=1, pixel=1) == 1, "one line for all"
    assert step(Fold(pixels=2), WIDE) == 2, "lines 0 to 3 and 8 to 11"
    assert step(Fold(pixels=2), WIDE, row=40) == 2, "lines 0 to 3 and 10 to 13"
    tall = replace(WIDE, spatial=(("y", ("C",)), ("x", ("OY", "OX"))))
    assert step(Fold(), tall, OX=2) == 2, "lines 0, 1 and 8, 9"
    assert step(Fold(), tall, OX=2, row=8) == 1, "lines 0 to 3"


def test_channels_leave_room_for_pixels() -> None:
    """Columns that output channels take work on no other pixel."""
    assert step(Fold(), WIDE, pixel=16, K=2) == 2
    assert step(Fold(), WIDE, pixel=16, K=3) == 1
    assert step(Fold(), WIDE, pixel=16, K=5) == 1, "two tiles of 3 channels"
    assert step(Fold(cols=2), WIDE, pixel=16, K=4) == 2


def test_units_with_different_channels() -> None:
    """Chains and groups share the channels of one pixel, whose lines follow one another."""
    depthwise = ARRAY.modes[1]
    assert step(Fold(chain=2), C=8) == 1
    assert step(Fold(chain=2), C=32) == 2  # lines 0 and 4
    assert step(Fold(groups=2), depthwise, G=8, C=1, OX=1) == 1
    assert step(Fold(groups=2), depthwise, G=32, C=1, OX=1) == 2


def test_inputs_that_stay_do_not_stream() -> None:
    assert step(Fold(pixels=2), replace(ARRAY.modes[0], stays="I")) == 1


def test_rows_spread() -> None:
    """The fewest lines between rows that bring the fewest cycles."""
    assert step(Fold(pixels=2), spread=True) == 1, "rows 36 bytes apart"
    assert step(Fold(), WIDE, pixel=16, spread=True) == 4, "in one row"
    assert step(Fold(pixels=4), OY=4, spread=True) == 1
    assert step(Fold(pixels=4), WIDE, OY=4, K=2, spread=True) == 2, "8 lines in 4 banks"


def naive_step(
    fold: Fold, array: Array, mode: Mode, shape: Shape, memory: Memory, spread: bool
) -> int:
    """One step, access by access."""
    rows, cols, groups, channels = (shape[loop] for loop in ("OY", "OX", "G", "C"))
    size, limit, tiles = dict(array.axes), dict(mode.limit), dict.fromkeys(LOOPS, 1)
    left = {loop: shape[loop] for loop in LOOPS}
    for loop, factor in (("C", fold.chain), ("K", fold.cols), ("G", fold.groups)):
        left[loop] = -(-left[loop] // factor)
    whole = dict(left)
    for axis, loops in mode.spatial:
        free = size[axis]
        for loop in loops:
            most = min(left[loop], free, limit.get(loop, free))
            trips = -(-left[loop] // most)
            tiles[loop] *= -(-left[loop] // trips)
            free //= -(-left[loop] // trips)
            left[loop] = trips
    share = -(-left["OY"] * left["OX"] // fold.pixels)
    streamed = "G" if channels == 1 else "C"
    places = [size[axis] for axis, loops in mode.spatial if streamed in loops]
    width = min(whole[streamed], int(np.prod(places)))
    offsets: list[tuple[int, int]] = []
    for unit, dy, dx in product(range(fold.pixels), range(tiles["OY"]), range(tiles["OX"])):
        first = unit * share
        y = first // left["OX"] * tiles["OY"] + dy
        x = first % left["OX"] * tiles["OX"] + dx
        if first >= left["OY"] * left["OX"] or y >= rows or x >= cols:
            continue
        for group, link in product(range(fold.groups), range(fold.chain)):
            g, c = group * whole["G"], link * whole["C"]
            if g < groups and c < channels:
                offsets.append((y, x * shape["pixel"] + g * channels + c))
    return min(
        naive(memory, [y * (shape["row"] + lines * memory.line) + x for y, x in offsets], width)
        for lines in range(memory.banks if spread else 1)
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_steps(seed: int) -> None:
    """Many candidates at once cost what each costs by itself."""
    rng = Random(seed)
    machine = random_machine(rng)
    array = machine.arrays[0]
    mode = replace(rng.choice(array.modes), flat=False)
    line, banks = rng.choice((1, 4, 16)), rng.choice((2, 4, 8))
    memory = replace(DATA, line=line, banks=banks, ports=rng.randint(1, 2))
    folds = [Fold(*(rng.randint(1, 3) for _ in range(4))) for _ in range(20)]
    shapes: list[Shape] = []
    for _ in folds:
        wide = rng.random() < 0.5
        shape = {loop: rng.randint(1, 6) for loop in LOOPS}
        shape |= {"G": 1, "C": rng.randint(2, 40)} if wide else {"G": rng.randint(1, 40), "C": 1}
        shape["pixel"] = rng.choice((shape["C"] * shape["G"], 16))
        shape["row"] = rng.choice((shape["pixel"] * shape["OX"], 64))
        shapes.append(shape)
    spread = rng.random() < 0.5
    cycles = cycles_of_shapes(folds, array, mode, shapes, memory, spread)
    if mode.stays == "I":
        assert set(cycles) == {1}
        return
    each = zip(folds, shapes, strict=True)
    assert cycles == [naive_step(f, array, mode, s, memory, spread) for f, s in each]


def test_a_convolution_takes_longer() -> None:
    """16 pixels on two units: 4 cycles to fill, then 8 steps of two cycles or of one."""
    inputs = Inputs(DATA, np.array([32, 36]), 4, 8)
    cost = conv_cost(ARRAY, 0, Fold(pixels=2), rows=2, cols=8, k=4, c=4, kh=1, kw=1, inputs=inputs)
    assert as_array(cost.occupancy).tolist() == [4 + 8 * 2, 4 + 8]
