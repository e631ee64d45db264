"""Pieces of the lowering that IR shows badly: budgets of tiles, packed weights, positions."""

from collections.abc import Sequence
from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.dialects.layout import unpack
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.passes.lowering.budget import Needs, ceil_to, cut, fits
from tilefold.passes.lowering.nest import HERE, Place, Position
from tilefold.passes.lowering.weights import pack_blocks, parameters
from xdsl.builder import Builder
from xdsl.dialects.builtin import IndexType
from xdsl.ir import Block
from xdsl.rewriter import InsertPoint

TINY = load_machine("tiny")
"""4096 bytes of data in lines of 4, DRAM latency 4 cycles, a load engine of 4 bytes a cycle."""


def copies(tile: Sequence[int]) -> Needs:
    """A tile of bytes that comes in and goes out."""
    return [("I", prod(tile)), ("O", prod(tile))]


@st.composite
def boxes(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Sizes of a box of bytes and the steps of its dimensions; its smallest tile fits."""
    sizes = draw(st.lists(st.integers(1, 60), min_size=1, max_size=4))
    steps = [1] * (len(sizes) - 1) + [draw(st.sampled_from((1, 2, 4)))]
    return sizes, steps


@settings(deadline=None)
@given(boxes())
def test_tiles_are_cut_from_the_outermost_dimension_in(box: tuple[list[int], list[int]]) -> None:
    sizes, steps = box
    tile = cut(TINY, sizes, steps, copies, "layer", True)
    least = [min(size, step) for size, step in zip(sizes, steps, strict=True)]
    for size, step, part in zip(sizes, steps, tile, strict=True):
        assert part == size or (part < size and part % step == 0)
    # Only where the outer dimensions are down to one step is an inner one cut.
    inner = max((axis for axis in range(len(tile)) if tile[axis] < sizes[axis]), default=0)
    assert tile[:inner] == least[:inner]
    assert fits(TINY, copies(tile), 1)
    assert fits(TINY, copies(tile), 2) or not fits(TINY, copies(least), 2)


def test_a_layer_is_cut_into_tiles_that_overlap() -> None:
    # All of it would fit twice, but then no load could run beside a store.
    tile = cut(TINY, [64, 16], [1, 1], copies, "layer", True)
    assert fits(TINY, copies([64, 16]), 2)
    assert tile == [8, 16]
    # A tile does not move in less than a few latencies: 4 * 4 cycles * 4 bytes.
    assert cut(TINY, [64, 16], [1, 1], copies, "layer", False) == [64, 16]
    small = cut(TINY, [16, 4], [1, 1], copies, "layer", True)
    assert sum(size for _, size in copies(small)) == 64


def test_double_buffers_are_given_up_last() -> None:
    assert cut(TINY, [1, 2000], [1, 2000], copies, "layer", True) == [1, 2000]
    with pytest.raises(TilefoldError, match="layer: not even its smallest tile fits the memories"):
        cut(TINY, [1, 2052], [1, 2052], copies, "layer", True)


def test_operands_share_a_memory_line_by_line() -> None:
    assert fits(TINY, [("I", 2045), ("O", 2048)], 1)
    assert not fits(TINY, [("I", 2049), ("O", 2045)], 1)
    assert fits(TINY, [("I", 4096), ("W", 2048)], 1)
    assert not fits(TINY, [("W", 1025)], 2)


@settings(deadline=None)
@given(
    st.tuples(*[st.integers(1, n) for n in (2, 9, 3, 3, 9)]),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from((2, 4, 8)),
    st.integers(0, 2**32 - 1),
)
def test_blocks_hold_every_weight_once(
    shape: tuple[int, int, int, int, int], k_tile: int, c_tile: int, bits: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    groups, k, rows, columns, c = shape
    weights = rng.integers(-(1 << bits - 1), 1 << bits - 1, shape).astype(np.int8)
    channels = groups * k
    bias, zeros = rng.integers(-(2**31), 2**31, channels), rng.integers(-8, 8, channels)
    multiplier = rng.uniform(0, 1, channels).astype(np.float32)
    words = parameters(bias, multiplier, zeros)
    blocks = pack_blocks(weights, words, k_tile, c_tile, bits)

    k_tiles, c_tiles = ceil(k / k_tile), ceil(c / c_tile)
    row_bytes = ceil_to(c_tile * bits, 8) // 8
    size = k_tile * (12 + rows * columns * row_bytes)
    assert blocks.shape == (groups * k_tiles, c_tiles, size)
    head = np.ascontiguousarray(blocks[..., : 12 * k_tile]).view("<i4")
    head = head.reshape(groups, k_tiles, c_tiles, k_tile, 3)
    body = blocks[..., 12 * k_tile :].reshape(-1, row_bytes)
    body = unpack(body, c_tile, bits, True)
    body = body.reshape(groups, k_tiles, c_tiles, k_tile, rows, columns, c_tile)
    for group, channel, tap in np.ndindex(groups, k, c):
        place = (group, channel // k_tile, tap // c_tile, channel % k_tile)
        word, kernel = head[place], body[(*place, ..., tap % c_tile)]
        assert word.tolist() == words[group * k + channel].tolist()
        np.testing.assert_array_equal(kernel, weights[group, channel, :, :, tap])
    assert np.count_nonzero(body) == np.count_nonzero(weights)


def test_positions_are_affine_in_the_counters_that_they_take() -> None:
    block = Block(arg_types=[IndexType()] * 3)
    place = Place(Builder(InsertPoint.at_end(block)), dict(zip("kyx", block.args, strict=True)))
    positions: list[Position] = [(-1, {"y": 4}), HERE, (2, {"k": 3, "c": 5, "y": 1})]
    origin, counters = place.origin(positions)
    assert counters == list(block.args[:2])
    assert origin.data.eval([7, 2], []) == (7, 0, 25)
