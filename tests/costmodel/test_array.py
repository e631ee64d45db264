"""The array's cycles by hand and as properties."""

from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.costmodel.array import ConvCost, conv_cost, find_mode
from tilefold.costmodel.dataflow import Factors
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.machines.model import Fold, Mode
from tilefold.tests.support.random_machines import random_machine

TINY = load_machine("tiny").array("conv")
A600 = load_machine("dna_a600").array("conv")
SHAPE = {"rows": 8, "cols": 8, "k": 6, "c": 5, "kh": 3, "kw": 3}


def test_worked_example() -> None:
    """The example of docs/time.md."""
    cost = conv_cost(TINY, "dense", Fold(), **SHAPE, drain_lanes=4)
    assert cost == ConvCost(
        preload=3,
        occupancy=3 + 144 * 16,
        latency=6 + 12,
        drain=96,
        macs=64 * 6 * 5 * 9,
        passes=144,
        input_reads=64 * 5 * 9 * 2,
        weight_loads=6 * 5 * 9 * 4,
        accumulator_writes=64 * 6 * 18,
        register_writes=6 * 5 * 9 * 4,
        spilled=0,
    )


def test_folds_divide_what_they_name() -> None:
    whole = conv_cost(TINY, 0, Fold(), **SHAPE)
    pixels = conv_cost(TINY, 0, Fold(pixels=2), **SHAPE)
    assert (pixels.passes, pixels.occupancy) == (72, 3 + 72 * 16)
    assert pixels.weight_loads == whole.weight_loads, "two copies, half the chunks"
    cols = conv_cost(TINY, 0, Fold(cols=2), **SHAPE)
    assert (cols.passes, cols.occupancy) == (72, 3 + 72 * 16)
    chain = conv_cost(TINY, 0, Fold(chain=2), **SHAPE, hop_cycles=5)
    assert (chain.passes, chain.latency) == (72, 6 + 5)
    grouped = conv_cost(TINY, 0, Fold(groups=2), **SHAPE, groups=4)
    assert grouped.passes == 2 * whole.passes


def test_depthwise_mode_and_its_fallback() -> None:
    shape = {"rows": 4, "cols": 4, "k": 1, "c": 1, "kh": 3, "kw": 3, "groups": 8}
    special = conv_cost(TINY, "depthwise", Fold(), **shape)
    assert special.passes == 2 * 3, "four groups a pass, three of the nine window elements"
    assert special.occupancy == 3 + 6 * 16
    dense = conv_cost(TINY, "dense", Fold(), **shape)
    assert (dense.passes, dense.preload) == (8 * 9, 1)
    twice = conv_cost(TINY, "depthwise", Fold(), **(shape | {"k": 2}))
    assert twice.passes == 2 * 2 * 3


def test_narrow_operands_sum_inside_the_multiplier() -> None:
    shape = {"rows": 4, "cols": 4, "k": 4, "c": 32, "kh": 1, "kw": 1}
    passes = {
        bits: conv_cost(TINY, 0, Fold(), **shape, act_bits=bits[0], wgt_bits=bits[1]).passes
        for bits in ((8, 8), (8, 4), (5, 4), (4, 4), (2, 2))
    }
    assert passes == {(8, 8): 8, (8, 4): 4, (5, 4): 4, (4, 4): 2, (2, 2): 1}
    with pytest.raises(TilefoldError, match=r"cannot multiply 9-bit .* precisions are 8 x 8"):
        conv_cost(TINY, 0, Fold(), **shape, act_bits=9)


def test_draining_stalls_the_array() -> None:
    shape = {"rows": 8, "cols": 8, "k": 8, "c": 4, "kh": 1, "kw": 1}
    free = conv_cost(TINY, 0, Fold(), **shape)
    assert free.occupancy == 4 + 8 * 16
    slow = conv_cost(TINY, 0, Fold(), **shape, drain_lanes=1)
    assert (slow.drain, slow.latency) == (512, 6 + 64)
    assert slow.occupancy == 4 + 16 + 7 * 64
    single = replace(TINY, accumulator=replace(TINY.accumulator, planes=1))
    assert conv_cost(single, 0, Fold(), **shape, drain_lanes=1).occupancy == 4 + 8 * (16 + 64)


def test_sums_beyond_the_accumulators_are_spilled() -> None:
    fits = {"rows": 4, "cols": 8, "k": 4, "c": 4, "kh": 1, "kw": 1}
    kept = conv_cost(TINY, 0, Fold(), **fits, drain_lanes=4, finishes=False)
    assert (kept.spilled, kept.drain) == (0, 0)
    out = conv_cost(TINY, 0, Fold(), **(fits | {"k": 5}), drain_lanes=4, finishes=False)
    assert (out.spilled, out.drain) == (160, 40)
    between = conv_cost(
        TINY, 0, Fold(), **(fits | {"k": 5}), drain_lanes=4, starts=False, finishes=False
    )
    assert (between.spilled, between.drain) == (320, 80)


def test_a_shape_without_work_costs_nothing() -> None:
    cost = conv_cost(TINY, 0, Fold(), **(SHAPE | {"rows": 0}), drain_lanes=4)
    assert set(vars(cost).values()) == {0}


def test_arrays_of_candidates_equal_single_calls() -> None:
    shapes = np.random.default_rng(0).integers(1, 20, (6, 50))
    names = ("rows", "cols", "k", "c", "kh", "kw")
    for fold in load_machine("dna_a600").folds("conv"):
        many = conv_cost(A600, 0, fold, **dict(zip(names, shapes, strict=True)), drain_lanes=192)
        for i in range(50):
            shape = dict(zip(names, map(int, shapes[:, i]), strict=True))
            one = conv_cost(A600, 0, fold, **shape, drain_lanes=192)
            assert {n: v[i] for n, v in vars(many).items()} == vars(one)


def brute_force(compute: list[int], drain: int, planes: int) -> int:
    """When the array is free, block after block, if `planes` blocks may be undrained."""
    free, drained = 0, [0] * planes
    for cycles in compute:
        free = max(free, drained[-planes]) + cycles
        drained.append(max(drained[-1], free) + drain)
    return max(free, drained[-planes])


def test_pixels_side_by_side_by_hand() -> None:
    """`edge_tpu_like`: 8 x 8 channels, 4 x 4 pixels; 16 x 16 pixels are 16 steps after one fill."""
    array = load_machine("edge_tpu_like").array("conv")
    shape = {"rows": 16, "cols": 16, "k": 8, "c": 8, "kh": 1, "kw": 1}
    cost = conv_cost(array, 0, Fold(), **shape)
    assert (cost.passes, cost.occupancy, cost.latency) == (1, 1 + 16, 0)
    assert (cost.weight_loads, cost.register_writes) == (64, 64 * 16)
    assert (cost.input_reads, cost.accumulator_writes) == (16 * 16 * 8, 16 * 16 * 8)
    ragged = conv_cost(array, 0, Fold(), **(shape | {"rows": 7, "cols": 7}))
    assert ragged.occupancy == 1 + 2 * 2, "7 of 8 rows, 7 of 8 columns"
    assert conv_cost(array, 0, Fold(), **(shape | {"k": 9})).occupancy == 2 * 17


def test_a_limit_keeps_positions_free() -> None:
    """Four columns, one channel: four pixels at once, or two; the skew is that of the grid."""
    mode = replace(TINY.modes[0], spatial=(("y", ("C",)), ("x", ("K", "OX"))))
    shape = {"rows": 2, "cols": 8, "k": 1, "c": 4, "kh": 1, "kw": 1}
    four = conv_cost(TINY, mode, Fold(), **shape)
    assert (four.occupancy, four.latency, four.register_writes) == (4 + 4, 6, 16)
    two = conv_cost(TINY, replace(mode, limit=(("OX", 2),)), Fold(), **shape)
    assert (two.occupancy, two.latency, two.register_writes) == (4 + 8, 6, 8)


@given(
    pixels=st.integers(1, 200),
    k=st.integers(1, 40),
    c=st.integers(1, 40),
    lanes=st.integers(1, 9),
    planes=st.integers(1, 2),
)
@settings(max_examples=200, deadline=None)
def test_draining_equals_its_recurrence(
    pixels: int, k: int, c: int, lanes: int, planes: int
) -> None:
    array = replace(TINY, accumulator=replace(TINY.accumulator, planes=planes))
    shape = {"rows": 1, "cols": pixels, "k": k, "c": c, "kh": 1, "kw": 1}
    cost = conv_cost(array, 0, Fold(), **shape, drain_lanes=lanes)
    chunks = -(-pixels // 16)
    blocks = chunks * -(-k // 4)
    stream = -(-pixels // chunks)
    step = max(stream, int(cost.preload))
    block = int(cost.passes) // blocks * step
    compute = [block] * (blocks - 1) + [block - step + stream]
    drain = -(-pixels * k // (blocks * lanes))
    assert cost.occupancy == cost.preload + brute_force(compute, drain, planes)


@given(
    pixels=st.integers(1, 100),
    k=st.integers(1, 40),
    c=st.integers(1, 40),
    lanes=st.integers(1, 9),
    planes=st.integers(1, 2),
    stays=st.sampled_from("IO"),
)
@settings(max_examples=200, deadline=None)
def test_draining_does_not_depend_on_what_stays(
    pixels: int, k: int, c: int, lanes: int, planes: int, stays: str
) -> None:
    """With one plane of registers all blocks take equally long."""
    local = replace(TINY.locals[0], operand=stays, planes=1)
    loops = ("OX", "K") if stays == "O" else ("C", "OX")
    mode = Mode("m", tuple(zip("yx", ((dim,) for dim in loops), strict=True)), stays, False, "", "")
    array = replace(
        TINY, locals=(local,), accumulator=replace(TINY.accumulator, planes=planes), modes=(mode,)
    )
    shape = {"rows": 1, "cols": pixels, "k": k, "c": c, "kh": 1, "kw": 1}
    free = conv_cost(array, mode, Fold(), **shape)
    cost = conv_cost(array, mode, Fold(), **shape, drain_lanes=lanes)
    tiles = -(-pixels // 4)
    blocks = tiles * -(-k // 4) if stays == "O" else tiles * -(-k // 16)
    drain = -(-pixels * k // (blocks * lanes))
    compute = [int(free.occupancy) // blocks] * blocks
    assert cost.occupancy == brute_force(compute, drain, planes)
    assert cost.latency == free.latency + (drain if planes == 2 else 0)


SIZES = {"rows": 40, "cols": 40, "k": 200, "c": 200, "kh": 7, "kw": 7, "groups": 9}
shapes = st.fixed_dictionaries({name: st.integers(1, high) for name, high in SIZES.items()})


@given(shape=shapes, dim=st.sampled_from(list(SIZES)), more=st.integers(1, 70))
@settings(max_examples=300, deadline=None)
def test_more_work_never_takes_less_time(shape: dict[str, int], dim: str, more: int) -> None:
    larger = shape | {dim: shape[dim] + more}
    for array in (TINY, A600):
        small, large = (conv_cost(array, 0, Fold(), **each) for each in (shape, larger))
        assert small.occupancy <= large.occupancy


@given(seed=st.integers(0, 10**6), shape=shapes)
@settings(max_examples=150, deadline=None)
def test_never_faster_than_the_peak(seed: int, shape: dict[str, int]) -> None:
    machine = random_machine(Random(seed))
    array = machine.array("conv")
    for fold in machine.folds("conv"):
        for mode in array.modes:
            for act_bits, wgt_bits, products in array.precisions:
                cost = conv_cost(array, mode, fold, **shape, act_bits=act_bits, wgt_bits=wgt_bits)
                peak = fold.units * array.multipliers * products
                assert cost.occupancy * peak >= cost.macs


@given(shape=shapes)
@settings(max_examples=100, deadline=None)
def test_more_units_never_take_longer(shape: dict[str, int]) -> None:
    for axis in ("chain", "cols", "pixels", "groups"):
        costs = [conv_cost(A600, 0, Fold(**{axis: units}), **shape) for units in (1, 2, 3, 6)]
        assert all(a.occupancy >= b.occupancy for a, b in pairwise(costs))


def test_modes_are_found_by_index_and_name() -> None:
    assert find_mode(TINY, "depthwise") is find_mode(TINY, 1) is TINY.modes[1]


@pytest.mark.parametrize("seed", range(40))
def test_many_folds_at_once_cost_what_each_does(seed: int) -> None:
    rng = Random(seed)
    machine = random_machine(rng)
    (array,) = machine.arrays
    sizes = {name: rng.randint(1, 12) for name in ("rows", "cols", "k", "c")}
    sizes |= {"kh": rng.randint(1, 3), "kw": rng.randint(1, 3), "groups": rng.randint(1, 4)}
    others = {"hop_cycles": rng.randint(0, 3), "drain_lanes": rng.choice((0, 2, 8))}
    others["finishes"] = rng.random() < 0.7
    folds = machine.folds(array.name)
    for mode in array.modes:
        together = conv_cost(array, mode, Factors.of(folds), **sizes, **others)
        for place, fold in enumerate(folds):
            alone = vars(conv_cost(array, mode, fold, **sizes, **others))
            assert {name: field[place] for name, field in vars(together).items()} == alone
