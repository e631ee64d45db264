"""Stages and generic units: resources, cycles and bytes worked by hand, and what always holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tilefold.costmodel.fpga import (
    ConvLayer,
    bram18,
    cache_bram,
    mac_cycles,
    mac_dsp,
    memory_cycles,
    ring_columns,
    stage_bytes,
    unit_bram,
    unit_traffic,
    weight_bram,
    winograd_cycles,
)

CONV5 = ConvLayer("conv5", 512, 512, 14, 14)


@st.composite
def layers(draw: st.DrawFn) -> ConvLayer:
    def size(low: int, high: int) -> int:
        return draw(st.integers(low, high))

    window = draw(st.sampled_from((1, 3, 5)))
    stride = draw(st.sampled_from((1, 2)))
    channels = size(1, 40), size(1, 40)
    return ConvLayer("any", *channels, size(1, 40), size(1, 40), window, window, stride)


@pytest.mark.parametrize(
    ("width", "depth", "blocks"),
    [
        (36, 512, 1),  # the widest shape
        (16, 1024, 1),  # 18 x 1024
        (16, 8064, 8),  # eight of 18 x 1024, or of 2 x 8192
        (1, 16384, 1),
        (512, 49, 15),  # 14 of 36 bits and one for 8 bits
        (256, 3312, 50),  # seven of 36 bits, seven deep, and one of 4 bits
        (65536, 512, 1821),
    ],
)
def test_block_ram(width: int, depth: int, blocks: int) -> None:
    assert bram18(width, depth) == blocks


def test_a_stage_worked_by_hand() -> None:
    # 8 x 4 products a cycle: 64 x 128 x 9 x 14 x 14 cycles; 32 DSPs, half of them with 8 bits.
    assert mac_cycles(CONV5, 8, 4) == 64 * 128 * 9 * 14 * 14 == CONV5.macs // 32
    assert mac_dsp(8, 4, kernels=512, act_bits=16) == 32
    assert mac_dsp(8, 4, kernels=512, act_bits=8) == 16
    assert mac_dsp(8, 4, kernels=511, act_bits=8) == 32
    assert mac_dsp(8, 4, kernels=512, act_bits=16, batch_norm=True) == 36
    # Four columns of 14 x 512 elements of 16 bits, 8 at a time: 3584 words of 128 bits,
    # three blocks of 36 x 512 and one more for the 20 bits left, seven deep.
    assert ring_columns(CONV5, 1) == 4
    assert cache_bram(CONV5, 8, 4, 1, act_bits=16) == bram18(128, 3584) == 28
    # Two groups of four kernels of 4608 weights: 1152 words of 512 bits; biases 128 of 64 bits.
    assert weight_bram(CONV5, 8, 4, wgt_bits=16) == bram18(512, 1152) + 2 == 43 + 2
    # 14 columns a frame, each with all weights: CPF KPF WW / Hout bits a cycle.
    assert stage_bytes(CONV5, 1, wgt_bits=16) == 14 * 512 * 512 * 9 * 2
    per_cycle = 8 * stage_bytes(CONV5, 1, wgt_bits=16) / mac_cycles(CONV5, 8, 4)
    assert per_cycle == 8 * 4 * 16 / 14
    assert stage_bytes(CONV5, 7, wgt_bits=16) == 2 * 512 * 512 * 9 * 2


def test_bands_are_no_wider_than_two_inputs() -> None:
    assert ring_columns(CONV5, 2) == 3 + 3
    assert ring_columns(CONV5, 14) == 28
    assert ring_columns(ConvLayer("s2", 8, 8, 7, 7, stride=2), 2) == 3 + 3 * 2


def test_a_generic_layer_worked_by_hand() -> None:
    # 64 x 64, half of 512 words of weights: 3 groups of 72 words fit, 8 / 3 rounded up passes
    # of the input. The whole input, 14 x 14 x 8 words, fits half of 4096 words: each input once.
    found = unit_traffic(
        CONV5, cpf=64, kpf=64, input_words=4096, weight_words=512, batch=1, bits=16
    )
    weights, image = 2 * 512 * 512 * 9, 2 * 512 * 14 * 14
    assert found.weights_stay == weights + 3 * image + image
    assert found.inputs_stay == weights + image + image == found.least
    # Of four images the weights are fetched once or four times.
    four = unit_traffic(CONV5, cpf=64, kpf=64, input_words=4096, weight_words=512, batch=4, bits=16)
    assert four.weights_stay == weights + 4 * (3 * image + image) == four.least
    assert four.inputs_stay == 4 * (weights + 2 * image)
    # Half of 1024 words hold 4 rows of 14 x 8, so 2 rows of outputs and 7 bands; but 7 rows of
    # 9 x 8, so 5 rows of outputs of half the columns, 3 bands of each half.
    bands = unit_traffic(
        CONV5, cpf=64, kpf=64, input_words=1024, weight_words=512, batch=1, bits=16
    )
    assert bands.inputs_stay == 2 * 3 * weights + 2 * 512 * (2 * 9) * (3 * 7) + image
    none = unit_traffic(CONV5, cpf=64, kpf=64, input_words=4096, weight_words=71, batch=1, bits=16)
    assert none.least == -1


def test_blocks_of_a_generic_unit() -> None:
    assert unit_bram(64, 64, 1024, 512, bits=16) == 57 + 1821 + 29


def test_winograd_quarters_the_products() -> None:
    layer = ConvLayer("even", 64, 64, 56, 56)
    # F(4 x 4, 3 x 3): 36 multipliers make 16 outputs of a channel a cycle instead of 4.
    assert winograd_cycles(layer, 4, 4, 6) == 16 * 16 * 14 * 14
    assert mac_cycles(layer, 4 * 6, 4 * 6) == 3 * 3 * 9 * 56 * 56
    assert (
        winograd_cycles(ConvLayer("five", 64, 64, 56, 56, 5, 5), 4, 4, 6) == 4 * 16 * 16 * 14 * 14
    )


def test_memory_cycles_are_rounded_up() -> None:
    assert memory_cycles(51, 200_000_000, 10_000_000_000) == 2
    assert memory_cycles(50, 200_000_000, 10_000_000_000) == 1
    assert memory_cycles(10**14, 200_000_000, 10_000_000_000) == 2 * 10**12


sizes = st.integers(1, 5000)


@given(sizes, sizes)
def test_block_ram_holds_the_bits_and_grows(width: int, depth: int) -> None:
    blocks = bram18(width, depth)
    assert blocks * 18432 >= width * depth
    assert bram18(width + 1, depth) >= blocks
    assert bram18(width, depth + 1) >= blocks


@given(layers(), st.integers(1, 64), st.integers(1, 64), st.integers(1, 64))
def test_cycles_and_bytes_are_never_below_their_bounds(
    layer: ConvLayer, cpf: int, kpf: int, band: int
) -> None:
    cycles = mac_cycles(layer, cpf, kpf)
    assert cycles.dtype == np.int64
    assert cycles * cpf * kpf >= layer.macs
    assert 8 * stage_bytes(layer, band, wgt_bits=16) >= 16 * layer.weights


@given(
    layers(), st.integers(1, 64), st.integers(1, 64), st.integers(1, 4096), st.integers(1, 4096),
    st.integers(1, 8),
)  # fmt: skip
def test_traffic_is_no_less_than_the_tensors(
    layer: ConvLayer, cpf: int, kpf: int, inputs: int, weights: int, batch: int
) -> None:
    found = unit_traffic(
        layer, cpf=cpf, kpf=kpf, input_words=inputs, weight_words=weights, batch=batch, bits=16
    )
    tensors = 2 * (layer.weights + batch * (layer.inputs + layer.outputs))
    assert found.least == -1 or found.least >= tensors
