"""Compiled kernels against numpy, and the bounds within which float32 is exact."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.dialects.isa_operands import ElementType
from tilefold.emulator import kernels
from tilefold.emulator.kernels import EXACT32

U8, I8 = ElementType.U8, ElementType.I8
Draw = st.DrawFn


def columns_of(weights: Sequence[Sequence[int]]) -> np.ndarray:
    """Magnitudes [n, k] from lists by output channel."""
    return np.abs(np.array(weights, np.float64).T)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_edge_of_exactness(over: int) -> None:
    """2^24 is the last magnitude at which one float32 sum is trusted, channel by channel."""
    filled = [128] * 1024
    small = [1] * 1024
    assert sum(filled) * 128 == EXACT32
    largest = [*filled[:-1], 128 + over]
    cuts = kernels.exact_cuts(columns_of([small, largest]), 128)
    assert cuts == ((0, 1024) if over <= 0 else (0, 512, 1024))


def test_sums_are_exact_at_the_edge_and_not_beyond() -> None:
    """Why the edge is where it is: one more product and float32 rounds."""
    product = np.full(1024, -(2**14), np.float32)
    assert np.matmul(product, np.ones(1024, np.float32)) == -EXACT32
    assert np.float32(-EXACT32) + np.float32(-1) == -EXACT32


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**17), min_size=1, max_size=60), st.integers(1, 128))
def test_every_part_is_exact_and_parts_cover_all(weights: list[int], largest: int) -> None:
    cuts = kernels.exact_cuts(columns_of([weights]), largest)
    if max(weights) * largest > EXACT32:
        assert cuts is None
        return
    assert cuts is not None and cuts[0] == 0 and cuts[-1] == len(weights)
    assert list(cuts) == sorted(set(cuts))
    for first, end in itertools.pairwise(cuts):
        assert sum(weights[first:end]) * largest <= EXACT32


@pytest.mark.parametrize("count", [1024, 1025, 2100, 20000])
@pytest.mark.parametrize(("source", "zero"), [(U8, 0), (U8, 255), (U8, 128), (I8, 0), (I8, -128)])
def test_centred_parts_give_the_sums_of_integers(
    count: int, source: ElementType, zero: int
) -> None:
    random = np.random.default_rng(count)
    weights = random.choice([-128, 127], (3, 1, 1, count))
    x = random.choice(source.range, (5, count))
    prepared = kernels.prepare(weights, np.array([0, 1, -1]), source, zero)
    assert (len(prepared.cuts) > 2) == (count >= 2000)
    centred = (x - prepared.centre).astype(np.float32)
    total = np.zeros((5, 3), np.int64)
    for first, end in zip(prepared.cuts, prepared.cuts[1:], strict=False):
        total += (centred[:, first:end] @ prepared.matrix[first:end]).astype(np.int64)
    flat = weights.reshape(3, count) - np.array([[0], [1], [-1]])
    expected = (x - zero) @ flat.T
    np.testing.assert_array_equal(total + prepared.shift, expected)
    assert (np.abs(expected) <= prepared.bound).all()


def test_weights_of_32_bits_are_multiplied_in_float64() -> None:
    weights = np.array([2**31 - 1, -(2**31)]).reshape(1, 1, 1, 2)
    prepared = kernels.prepare(weights, np.array([0]), U8, 3)
    assert prepared.matrix.dtype == np.float64
    assert prepared.centre == 3


@pytest.mark.parametrize("sums", [0, 1, -1, 2**24, -(2**24), 12345677])
@pytest.mark.parametrize("constant", [0, 1, 2**24 - 1, 2**24 + 1, 2**30 + 33, -(2**31) + 2**24])
def test_adding_the_constant_rounds_once(sums: int, constant: int) -> None:
    """As the conversion of the int32 total to float32 does."""
    total = np.float32(sums + constant)
    exact = int(np.float32(constant)) == constant
    added = np.array([constant], np.float32 if exact else np.float64)
    out = np.zeros(1, np.uint8)
    multiplier = np.array([2.0**-24], np.float32)
    limits = (np.float32(0), np.float32(-128), np.float32(127))
    kernels.finish(np.array([[sums]], np.float32), added, multiplier, limits, out, (0, 1, 1), 1)
    expected = np.clip(np.rint(total * multiplier[0]), -128, 127)
    assert out.view(np.int8)[0] == expected


@st.composite
def windows(draw: Draw) -> dict[str, Any]:
    """A source in a memory, a window and outputs whose windows may reach outside it."""
    channels, rows, columns = (draw(st.integers(1, n)) for n in (40, 5, 5))
    height, width = draw(st.integers(0, 6)), draw(st.integers(0, 6))
    column = channels + draw(st.integers(0, 2))
    row = column * max(1, width) + draw(st.integers(0, 3))
    kind = draw(st.sampled_from((np.uint8, np.int8)))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    info = np.iinfo(kind)
    return {
        "data": random.integers(info.min, info.max + 1, 20 + row * max(1, height), kind),
        "place": (
            draw(st.integers(0, 20)), row, column, draw(st.integers(-2, 3)),
            draw(st.integers(-2, 3)), height, width, channels,
        ),
        "window": tuple(draw(st.integers(1, 3)) for _ in range(6)),
        "outputs": (rows, columns),
        "random": random,
    }  # fmt: skip


def both() -> tuple[Any, Any]:
    """The kernels in numpy and compiled."""
    return kernels, pytest.importorskip("tilefold.emulator.compiled", reason="needs numba")


def channel_parameters(random: np.random.Generator, channels: int) -> tuple[Any, ...]:
    """A constant, float32 or float64, multipliers and limits."""
    kind = random.choice([np.float32, np.float64])
    constant = random.integers(-(2**24), 2**24, channels).astype(kind)
    multiplier = (random.random(channels) * random.choice([1e-5, 1e-2, 3e38])).astype(np.float32)
    limits = random.choice([(3, 0, 255), (0, -128, 127), (-5, -100, 90), (7, 7, 7)])
    return constant, multiplier, tuple(np.float32(value) for value in limits)


@settings(deadline=None, max_examples=150)
@given(windows(), st.integers(0, 3))
def test_compiled_patches(case: dict[str, Any], first: int) -> None:
    rows, columns = case["outputs"]
    depth = case["window"][0] * case["window"][1] * case["place"][7]
    results = []
    for module in both():
        out = np.full((rows * columns, depth), 77, np.float32)
        module.patches(case["data"], case["place"], case["window"], first, columns, 128, -9, out)
        results.append(out)
    np.testing.assert_array_equal(*results)


@settings(deadline=None, max_examples=150)
@given(windows())
def test_compiled_depthwise_convolution(case: dict[str, Any]) -> None:
    rows, columns = case["outputs"]
    random, channels = case["random"], case["place"][7]
    weights = random.integers(-255, 256, (*case["window"][:2], channels)).astype(np.float32)
    parameters = channel_parameters(random, channels)
    results = []
    for module in both():
        target = np.full(5 + rows * columns * (channels + 1), 99, np.uint8)
        place = (5, columns * (channels + 1), channels + 1)
        module.dwconv(
            case["data"], case["place"], case["window"], case["outputs"], 7, weights,
            *parameters, target, place,
        )  # fmt: skip
        results.append(target)
    np.testing.assert_array_equal(*results)


@settings(deadline=None, max_examples=150)
@given(windows())
def test_compiled_maximum(case: dict[str, Any]) -> None:
    rows, columns = case["outputs"]
    channels = case["place"][7]
    least = int(np.iinfo(case["data"].dtype).min)
    results = []
    for module in both():
        target = np.full(5 + rows * columns * (channels + 1), 99, np.uint8)
        place = (5, columns * (channels + 1), channels + 1)
        module.max_pool(
            case["data"], case["place"], case["window"], case["outputs"], least, (-9, 100),
            target, place,
        )  # fmt: skip
        results.append(target)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("seed", range(30))
def test_compiled_requantisation(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, columns, channels = random.integers(1, 9, 3)
    kind = random.choice([np.float32, np.float64])
    sums = random.integers(-(2**24), 2**24, (rows * columns, channels)).astype(kind)
    parameters = channel_parameters(random, channels)
    place = (3, int(columns * (channels + 2)), int(channels + 2))
    results = []
    for module in both():
        target = np.full(3 + rows * place[1], 99, np.uint8)
        module.finish(sums, *parameters, target, place, int(columns))
        results.append(target)
    np.testing.assert_array_equal(*results)


def test_compiled_addition() -> None:
    random = np.random.default_rng(0)
    left, right = random.integers(0, 256, (2, 10000), np.uint8)
    table = kernels.add_table(U8, I8, (0.5, -0.7, 3.25), (0, 200))
    results = []
    for module in both():
        out = np.zeros(len(left), np.uint8)
        module.add(left, right, table, out)
        results.append(out)
    np.testing.assert_array_equal(*results)
