"""Designs for FPGA boards: figures that are known, and what holds for every board."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.costmodel.fpga import ConvLayer, mac_cycles
from tilefold.errors import TilefoldError
from tilefold.explore.boards import Board, load_board, names, parse_board
from tilefold.explore.fpga.design import Design
from tilefold.explore.fpga.generic import generic
from tilefold.explore.fpga.hybrid import hybrid
from tilefold.explore.fpga.networks import DEPTHS, INPUTS, vgg
from tilefold.explore.fpga.pipeline import Stage, accdnn, balanced, pipeline_latency

KU115 = load_board("ku115")
SMALL = (
    ConvLayer("a", 16, 3, 24, 24, pool=2),
    ConvLayer("b", 32, 16, 12, 12),
    ConvLayer("c", 24, 32, 12, 12, pool=2),
    ConvLayer("d", 40, 24, 6, 6),
)


def within(share: float, found: float, known: float) -> bool:
    return abs(found / known - 1) <= share


def check(design: Design, layers: tuple[ConvLayer, ...], board: Board) -> None:
    """What holds for every design."""
    assert 0 < design.dsp <= board.dsp
    assert 0 < design.bram18 <= board.bram18
    assert design.bandwidth <= board.dram_bytes_per_second
    ends = layers[0].inputs + layers[-1].outputs
    assert design.dram_bytes >= design.bits // 8 * design.batch * ends
    assert design.macs == sum(layer.macs for layer in layers)
    assert all(type(number) is int for number in (design.period, design.latency))
    assert all(type(layer.cycles) is int for layer in design.layers)
    assert [layer.name for layer in design.layers] == [layer.name for layer in layers]
    assert design.latency >= design.period
    assert 0 < design.dsp_efficiency <= 1


def test_the_networks_have_as_many_convolutions_as_their_names() -> None:
    assert [len(vgg(depth)) for depth in DEPTHS] == list(DEPTHS)
    # VGG16: 15.35 G products in its convolutions at 224 x 224.
    assert sum(layer.macs for layer in vgg()) == 15_346_630_656
    assert sum(layer.weights for layer in vgg()) == 14_710_464
    for rows, cols in INPUTS:
        assert vgg(13, rows, cols)[-1].rows == rows // 16
        assert vgg(13, rows, cols)[-1].cols == cols // 16
    with pytest.raises(TilefoldError, match="14 convolutions"):
        vgg(14)
    with pytest.raises(TilefoldError, match="31 x 64"):
        vgg(13, 31, 64)


def test_accdnn_at_13_layers_is_what_dnnbuilder_publishes() -> None:
    # 2011 GOP/s at 235 MHz published, 2,017 derived anew at 200 MHz, with a batch of 5.
    design = accdnn(vgg(), KU115)
    check(design, vgg(), KU115)
    assert design.batch == 5
    assert within(0.01, design.gops, 2017)
    faster = accdnn(vgg(), replace(KU115, hz=235_000_000))
    assert within(0.01, faster.gops, 2011)


def test_accdnn_gives_the_factors_of_its_own_configuration_for_vgg16() -> None:
    # AccDNN's example/vgg16/optim_vgg16.conf; its first layer has 1 x 8, as many products.
    wide, narrow, last = "16 x 8", "8 x 8", "8 x 4"
    known = [wide, narrow, wide, narrow, wide, wide, narrow, wide, wide, last, last, last]
    design = accdnn(vgg(), KU115)
    assert [layer.unit.split(",")[0] for layer in design.layers] == ["4 x 2", *known]


def test_accdnn_at_38_layers_is_what_is_derived_anew() -> None:
    design = accdnn(vgg(38), KU115)
    check(design, vgg(38), KU115)
    assert design.batch == 1
    assert within(0.01, design.gops, 378)


def test_weights_for_bands_let_one_image_keep_the_pipeline_busy() -> None:
    column = balanced(vgg(), KU115, fetch="column", batches=(1,))
    bands = balanced(vgg(), KU115, fetch="band", batches=(1,))
    check(column, vgg(), KU115)
    check(bands, vgg(), KU115)
    assert column.bound == "memory"
    assert bands.bound == "compute"
    assert bands.gops > 4 * column.gops


@pytest.mark.parametrize(("depth", "known"), [(13, 1470), (38, 1587)])
def test_one_unit_of_64_by_64_is_what_is_derived_anew(depth: int, known: float) -> None:
    # 1,587 GOP/s at 38 layers is the figure derived anew; at 13, a cycle for each 64 x 64 products
    # of every layer: 2 x 15.347 G products / 4,177,152 cycles.
    design = generic(vgg(depth), KU115, powers=True, batches=(1,))
    check(design, vgg(depth), KU115)
    assert design.layers[1].unit.startswith("64 x 64")
    assert within(0.001, design.gops, known)


def test_a_generic_layer_worked_by_hand() -> None:
    # One multiplier: 24 x 24 x 9 products of 3 x 16 channels, which DRAM outruns. Half of 512 words
    # hold 9 of 16 kernels of 27 weights, so the input is read twice.
    layer = SMALL[0]
    board = Board("one", 7, 20, 10**10, 200_000_000)
    design = generic((layer,), board)
    assert design.layers[0].unit.startswith("1 x 1")
    assert design.period == layer.macs == 3 * 16 * 9 * 24 * 24
    assert design.dram_bytes == 2 * (layer.weights + 2 * layer.inputs + layer.outputs)
    slow = generic((layer,), replace(board, dram_bytes_per_second=10**6))
    assert slow.period == slow.dram_bytes * 200
    assert slow.bound == "memory"


def test_winograd_saves_products() -> None:
    plain = generic(vgg(), KU115, batches=(1,))
    fast = generic(vgg(), KU115, winograd=True, batches=(1,))
    assert fast.gops > 1.5 * plain.gops
    assert fast.dsp <= KU115.dsp
    assert fast.bram18 <= KU115.bram18


def test_a_hybrid_is_faster_than_both_of_its_parts() -> None:
    both = hybrid(vgg(38), KU115, batches=(1,))
    check(both, vgg(38), KU115)
    stages = [layer for layer in both.layers if layer.unit.startswith("stage")]
    assert 0 < len(stages) < 38
    head = max(layer.cycles for layer in stages)
    tail = sum(layer.cycles for layer in both.layers[len(stages) :])
    assert both.period == max(head, tail)
    assert both.latency >= head + tail
    assert both.gops > generic(vgg(38), KU115, batches=(1,)).gops
    assert both.gops > 4.2 * accdnn(vgg(38), KU115).gops


def test_eight_bits_pack_two_products_in_a_dsp() -> None:
    for optimise in (balanced, generic, hybrid):
        wide = optimise(SMALL, KU115, batches=(1,))
        narrow = optimise(SMALL, KU115, bits=8, batches=(1,))
        check(narrow, SMALL, KU115)
        assert narrow.gops >= wide.gops


def test_latency_of_two_stages_worked_by_hand() -> None:
    # A column takes 8 x 9 x 4 and 8 x 9 x 8 x 4 / 2 cycles; the second stage starts after two.
    first, second = ConvLayer("1", 4, 1, 8, 8), ConvLayer("2", 8, 4, 8, 8)
    stages = [Stage(first, 1, 1), Stage(second, 1, 2)]
    cycles = [int(mac_cycles(s.layer, s.cpf, s.kpf)) for s in stages]
    assert cycles == [8 * 288, 8 * 1152]
    assert pipeline_latency(stages, cycles, 8 * 1152) == 2 * 288 + 8 * 1152
    # In bands of four columns it starts after eight: the four, one beyond, and thus two bands.
    banded = [Stage(first, 1, 1, 4), Stage(second, 1, 2, 4)]
    assert pipeline_latency(banded, cycles, 8 * 1152) == 8 * 288 + 8 * 1152


@pytest.mark.parametrize("name", names())
def test_boards_say_where_their_numbers_come_from(name: str) -> None:
    board = load_board(name)
    assert board.name.lower() == name
    assert all(board.sources)


BOARD = """
name = "mine"
dsp = {number = 900, src = "assumed"}
bram18 = {number = 1090, src = "assumed"}
dram_bytes_per_second = {number = 12_500_000_000, src = "assumed"}
hz = {number = 200_000_000, src = "assumed"}
"""


def test_a_board_is_read() -> None:
    assert parse_board(BOARD, "b").bram18 == 1090


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dsp =", "dsps =", r"b\.toml: unknown key `dsps`; known are name, dsp"),
        ('name = "mine"\n', "", "key `name` is missing"),
        ("number = 900", "number = 0", r"dsp\.number must be an integer from 1"),
        ("number = 900", "number = 9.5", r"dsp\.number must be an integer from 1"),
        ("number = 900", "number = true", r"dsp\.number must be an integer from 1"),
        ('{number = 900, src = "assumed"}', "900", "dsp must be a table"),
        ("{number = 900, src", "{number = 900, source", r"unknown key `dsp\.source`"),
        ('{number = 900, src = "assumed"}', "{number = 900}", r"key `dsp\.src` is missing"),
        ('src = "assumed"', 'src = " "', r"dsp\.src must be a string that is not empty"),
        ("name =", "name", r"b\.toml: "),
    ],
)
def test_a_wrong_board_is_refused(old: str, new: str, message: str) -> None:
    assert old in BOARD
    with pytest.raises(TilefoldError, match=message):
        parse_board(BOARD.replace(old, new, 1), "b.toml")
    with pytest.raises(TilefoldError, match="ku115"):
        load_board("ku116")


boards = st.builds(
    Board,
    st.just("any"),
    dsp=st.integers(40, 2000),
    bram18=st.integers(60, 2000),
    dram_bytes_per_second=st.integers(10**7, 10**10),
    hz=st.just(200_000_000),
)


@pytest.mark.parametrize("optimise", [balanced, generic, hybrid])
@given(boards, st.integers(0, 500), st.integers(0, 500), st.integers(0, 10**9))
@settings(max_examples=20, deadline=None)
def test_a_larger_board_never_gets_a_worse_design(
    optimise: Callable[..., Design], board: Board, dsp: int, bram: int, bandwidth: int
) -> None:
    larger = replace(
        board,
        dsp=board.dsp + dsp,
        bram18=board.bram18 + bram,
        dram_bytes_per_second=board.dram_bytes_per_second + bandwidth,
    )
    try:
        small = optimise(SMALL, board, batches=(1, 2, 4), slack=0)
    except TilefoldError:
        return
    large = optimise(SMALL, larger, batches=(1, 2, 4), slack=0)
    check(small, SMALL, board)
    check(large, SMALL, larger)
    assert large.gops >= small.gops
