"""Cycles of changing the configuration of a group of arrays."""

from dataclasses import dataclass

from ..machines.model import Folds, Memory
from .integers import Ints, as_array, ceil_div, plain


@dataclass(frozen=True)
class ReconfigureCost:
    """`fetch_cycles` at the DRAM and `fetch_latency` before its first byte to bring a configuration
    in, `switch_cycles` to make it current, and the bytes that the DRAM moves, whole bursts."""

    fetch_cycles: Ints
    fetch_latency: int
    switch_cycles: int
    dram_bytes: Ints

    @property
    def total_cycles(self) -> Ints:
        """Cycles of a `configure` that nothing prepared: fetch, then switch.

        After a `prefetch`, which takes fetch and latency, only `switch_cycles` remain.
        """
        return self.fetch_cycles + self.fetch_latency + self.switch_cycles


def reconfigure_cost(folds: Folds, dram: Memory, *, units: Ints) -> ReconfigureCost:
    """The cost of a new configuration for a group of `units`.

    The configuration, `config_bytes` a unit, lies in DRAM in one run. A machine with shadow
    registers (`folds.shadow`) may fetch it ahead with `prefetch`; on others the group stands still
    meanwhile. An array without folds changes nothing and pays nothing.
    """
    moved = ceil_div(as_array(units) * folds.config_bytes, dram.burst) * dram.burst
    return ReconfigureCost(
        fetch_cycles=plain(ceil_div(moved, dram.bytes_per_cycle)),
        fetch_latency=dram.latency_cycles if folds.config_bytes else 0,
        switch_cycles=folds.switch_cycles,
        dram_bytes=plain(moved),
    )
