"""Reconfigurable groups, and machine files of designs: they are read, compiled for and emulated."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.compiler import compile_levels
from tilefold.costmodel.array import conv_cost
from tilefold.costmodel.fpga import ConvLayer
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.examples import fashion
from tilefold.explore.boards import Board, load_board
from tilefold.explore.fpga.design import Design
from tilefold.explore.fpga.fabric import fabric_text
from tilefold.explore.fpga.generic import generic
from tilefold.explore.fpga.hybrid import hybrid
from tilefold.explore.fpga.networks import vgg
from tilefold.explore.fpga.pipeline import accdnn, balanced
from tilefold.explore.fpga.reconfigurable import SWITCH_CYCLES, reconfigurable, unit_array
from tilefold.interpreters.nn import run
from tilefold.machines.model import Fold, parse_machine
from tilefold.tests.support.compiled_networks import shipped_network

BOARD = Board("mine", 300, 400, 2 * 10**9, 200_000_000, ("assumed",) * 4)
SMALL = (
    ConvLayer("a", 16, 3, 24, 24, pool=2),
    ConvLayer("b", 32, 16, 12, 12),
    ConvLayer("c", 24, 32, 12, 12, pool=2),
)


def test_cycles_are_those_of_the_cost_model() -> None:
    design = reconfigurable(SMALL, BOARD, batches=(1,))
    (grid,) = design.grids
    array = unit_array(grid)
    for layer, use in zip(SMALL, design.layers, strict=True):
        words = use.unit.replace(",", "").split()
        chain, cols, pixels = (int(words[words.index(w) + 1]) for w in ("chain", "cols", "pixels"))
        assert chain * cols * pixels <= grid.count
        cost = conv_cost(
            array,
            f"unit_{words[-1]}",
            Fold(chain, cols, pixels),
            rows=layer.rows,
            cols=layer.cols,
            k=layer.k,
            c=layer.c,
            kh=3,
            kw=3,
            hop_cycles=1,
            drain_lanes=grid.count * grid.cols,
        )
        assert use.bound == "memory" or use.cycles == cost.occupancy + cost.latency + SWITCH_CYCLES
    assert design.period == design.latency == sum(use.cycles for use in design.layers)


def test_what_stays_on_the_chip_is_not_moved() -> None:
    stays = reconfigurable(SMALL, BOARD, batches=(1,))
    moves = reconfigurable(SMALL, BOARD, batches=(1,), keep=False)
    # Everything fits half of the data: only the ends of the network and all weights are moved.
    ends = SMALL[0].inputs + SMALL[-1].outputs
    assert stays.dram_bytes == 2 * (ends + sum(layer.weights for layer in SMALL))
    between = sum(layer.outputs for layer in SMALL[:-1])
    assert moves.dram_bytes >= stays.dram_bytes + 2 * 2 * between
    assert stays.gops >= moves.gops


def test_one_fold_for_all_layers_is_no_faster_but_for_the_switches() -> None:
    each = reconfigurable(SMALL, BOARD, batches=(1,))
    one = reconfigurable(SMALL, BOARD, batches=(1,), folding=False)
    assert each.period <= one.period + SWITCH_CYCLES * len(SMALL)


def test_two_products_of_eight_bits_share_a_dsp() -> None:
    narrow = reconfigurable(SMALL, BOARD, bits=8, batches=(1,))
    assert narrow.gops >= reconfigurable(SMALL, BOARD, batches=(1,)).gops
    assert narrow.dsp <= BOARD.dsp
    assert 0 < narrow.dsp_efficiency <= 1


def test_a_reconfigurable_group_for_vgg() -> None:
    board = load_board("zc706")
    design = reconfigurable(vgg(), board, batches=(1,))
    assert design.dsp <= board.dsp
    assert design.bram18 <= board.bram18
    assert design.bandwidth <= board.dram_bytes_per_second
    # Three in four of the board's products, at one image.
    assert design.gops > 0.75 * 2 * board.dsp * board.hz / 1e9
    with pytest.raises(TilefoldError, match="no group"):
        reconfigurable(vgg(), replace(board, dsp=69))


@given(st.integers(70, 1500), st.integers(60, 1500), st.integers(10**7, 10**10), st.data())
@settings(max_examples=10, deadline=None)
def test_a_larger_board_never_gets_a_worse_group(
    dsp: int, bram: int, bandwidth: int, data: st.DataObject
) -> None:
    more = [data.draw(st.integers(0, most)) for most in (300, 300, 10**9)]
    board = Board("small", dsp, bram, bandwidth, 200_000_000)
    larger = Board("large", dsp + more[0], bram + more[1], bandwidth + more[2], 200_000_000)
    try:
        small = reconfigurable(SMALL, board, batches=(1, 4), slack=0)
    except TilefoldError:
        return
    assert small.dsp <= dsp
    assert small.bram18 <= bram
    assert small.bandwidth <= bandwidth
    assert reconfigurable(SMALL, larger, batches=(1, 4), slack=0).gops >= small.gops


def designs() -> list[Design]:
    return [
        accdnn(SMALL, BOARD),
        balanced(SMALL, BOARD),
        generic(SMALL, BOARD),
        hybrid(SMALL, BOARD),
        reconfigurable(SMALL, BOARD),
        accdnn(vgg(38), load_board("ku115")),
        hybrid(vgg(), load_board("zc706"), batches=(1,)),
    ]


@pytest.mark.parametrize("design", designs(), ids=lambda design: design.paradigm)
def test_the_machine_file_of_a_design_is_read(design: Design) -> None:
    machine = parse_machine(fabric_text(design), "design")
    assert machine.hz == design.board.hz
    assert [array.name for array in machine.arrays] == [grid.name for grid in design.grids]
    for grid in design.grids:
        assert machine.array(grid.name) == unit_array(grid)
    assert machine.memory("data").bytes <= design.data_bytes
    assert machine.memory("weights").bytes <= design.weight_bytes


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("optimise", [generic, reconfigurable])
def test_a_network_runs_on_a_design(optimise: object, bits: int) -> None:
    """The emulator's outputs are the interpreter's, every element."""
    assert callable(optimise)
    design = optimise(SMALL, BOARD, bits=bits, batches=(1,))
    machine = parse_machine(fabric_text(design), "design")
    module, store = shipped_network()
    program = compile_levels(module, machine, store=store).program
    pixels = fashion.images()[0][:2]
    found = emulate(program, {"image": pixels})
    assert found.report.total.cycles > 0
    for number in range(2):
        expected = run(module, {"image": pixels[number : number + 1]}, store)["logits"]
        assert np.array_equal(found.outputs["logits"][number : number + 1], expected)
