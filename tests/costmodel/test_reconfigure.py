"""Cycles of changing the configuration."""

import numpy as np
from tilefold.costmodel.reconfigure import ReconfigureCost, reconfigure_cost
from tilefold.machines import load_machine


def test_by_hand() -> None:
    """Six units of 256 bytes: 24 bursts of 64 at 85 bytes a cycle."""
    machine = load_machine("dna_a600")
    cost = reconfigure_cost(machine.folds_for("conv"), machine.dram, units=6)
    assert cost == ReconfigureCost(
        fetch_cycles=19, fetch_latency=80, switch_cycles=16, dram_bytes=1536
    )
    assert cost.total_cycles == 115


def test_a_fixed_array_pays_nothing() -> None:
    machine = load_machine("tpu_like")
    cost = reconfigure_cost(machine.folds_for("conv"), machine.dram, units=1)
    assert cost == ReconfigureCost(0, 0, 0, 0)
    assert cost.total_cycles == 0


def test_arrays_of_candidates() -> None:
    machine = load_machine("tiny")
    cost = reconfigure_cost(machine.folds_for("conv"), machine.dram, units=np.array([1, 2]))
    assert np.array_equal(cost.fetch_cycles, [2, 4])
    assert np.array_equal(cost.total_cycles, [2 + 4 + 2, 4 + 4 + 2])
