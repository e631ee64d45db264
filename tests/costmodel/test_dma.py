"""Cycles and bytes of transfers."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tilefold.costmodel.dma import TransferCost, transfer_cost
from tilefold.machines import load_machine

A600 = load_machine("dna_a600")
LOAD = A600.dma_for_operand("I", "load")


def test_by_hand() -> None:
    """Ten rows of 100 bytes: 4 beats of 32 and 2 bursts of 64 each, over 2 engines and 85 B."""
    cost = transfer_cost(LOAD, A600.dram, rows=10, row_bytes=100)
    assert cost == TransferCost(port_cycles=20, dram_cycles=16, dram_bytes=1280)


def test_rows_of_one_byte_pay_a_burst_each() -> None:
    cost = transfer_cost(LOAD, A600.dram, rows=64, row_bytes=1)
    assert cost == TransferCost(port_cycles=32, dram_cycles=49, dram_bytes=4096)


def test_nothing_costs_nothing() -> None:
    for rows, row_bytes in ((0, 64), (64, 0)):
        assert transfer_cost(LOAD, A600.dram, rows=rows, row_bytes=row_bytes) == TransferCost(
            0, 0, 0
        )


def test_arrays_of_candidates() -> None:
    rows, row_bytes = np.array([1, 10, 64]), np.array([4096, 100, 1])
    many = transfer_cost(LOAD, A600.dram, rows=rows, row_bytes=row_bytes)
    for i in range(3):
        one = transfer_cost(LOAD, A600.dram, rows=int(rows[i]), row_bytes=int(row_bytes[i]))
        assert {name: value[i] for name, value in vars(many).items()} == vars(one)


@given(
    rows=st.integers(0, 300),
    row_bytes=st.integers(0, 5000),
    width=st.integers(1, 64),
    count=st.integers(1, 4),
    bandwidth=st.integers(1, 200),
    burst=st.integers(1, 128),
)
def test_bounds(
    rows: int, row_bytes: int, width: int, count: int, bandwidth: int, burst: int
) -> None:
    dma = replace(LOAD, bytes_per_cycle=width, count=count)
    dram = replace(A600.dram, bytes_per_cycle=bandwidth, burst=burst)
    cost = transfer_cost(dma, dram, rows=rows, row_bytes=row_bytes)
    assert rows * row_bytes <= cost.dram_bytes < rows * (row_bytes + burst) + 1
    assert int(cost.dram_bytes) % burst == 0
    assert cost.dram_cycles * bandwidth >= cost.dram_bytes
    assert cost.port_cycles * width * count >= rows * row_bytes
    one_run = transfer_cost(dma, dram, rows=1, row_bytes=rows * row_bytes)
    assert one_run.dram_bytes <= cost.dram_bytes
    assert one_run.port_cycles <= cost.port_cycles
