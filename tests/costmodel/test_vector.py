"""Cycles of the vector units."""

import numpy as np
from tilefold.costmodel.vector import drain_cycles, elementwise_cycles, pool_cycles
from tilefold.machines import load_machine

A600 = load_machine("dna_a600").vectors[0]
TINY = load_machine("tiny").vectors[0]


def test_all_units_share_an_instruction() -> None:
    assert A600.elements_per_cycle == 192
    assert drain_cycles(A600, 193) == 2
    assert drain_cycles(TINY, 193) == 49


def test_an_operand_element_a_lane_and_cycle() -> None:
    assert elementwise_cycles(TINY, "vlut", 10) == 3
    assert elementwise_cycles(TINY, "vquant", 10) == 3
    assert elementwise_cycles(TINY, "vadd", 10) == 5
    assert elementwise_cycles(TINY, "vmul", 10) == 5


def test_pools_read_their_windows() -> None:
    assert pool_cycles(TINY, 10, 9) == 23
    assert pool_cycles(TINY, 10, 7 * 7) == 123


def test_arrays_of_candidates() -> None:
    assert np.array_equal(pool_cycles(TINY, np.array([0, 10]), np.array([4, 9])), [0, 23])
