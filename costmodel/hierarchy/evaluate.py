"""Accesses, energy and cycles of a batch of mappings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from . import latency
from .architecture import Way
from .layer import Floats, Ints
from .mappings import Mappings, levels_of
from .traffic import accesses, transfers


@dataclass(frozen=True)
class Costs:
    """What B mappings of a layer cost.

    `accesses[name]` [B, levels, ways] are of all instances of each memory of the operand, whole
    accesses of the port's `max_bits`; `energies[name]` [B, levels] in pJ. The layer takes
    `cycles`: `steps` of the array, `stalls` while it waits, `loading` of the first inputs before,
    `storing` of the last results after, and `drain` of the array. Loads and stores can end within a
    cycle where a part of them is moved during the computation.
    """

    accesses: Mapping[str, Ints]
    energies: Mapping[str, Floats]
    mac_pj: float
    ideal: int
    """Cycles if all multipliers were always busy."""
    steps: Ints
    stalls: Ints
    loading: Floats
    storing: Floats
    drain: int

    @property
    def energy_pj(self) -> Floats:
        """[B]: all energy, pJ."""
        total = np.zeros(len(self.steps))
        for energy in self.energies.values():
            for level in energy.T:
                total = total + level
        return total + self.mac_pj

    @property
    def latency(self) -> Floats:
        """[B]: all cycles, with the fraction that loads and stores end with."""
        return self.steps + self.stalls + self.loading + self.storing + self.drain

    @property
    def cycles(self) -> Ints:
        """[B]: whole cycles."""
        return np.ceil(self.latency).astype(np.int64)

    def take(self, place: int) -> "Costs":
        """The costs of one mapping, as a batch of one."""
        only = slice(place, place + 1)
        return replace(
            self,
            accesses={name: count[only] for name, count in self.accesses.items()},
            energies={name: energy[only] for name, energy in self.energies.items()},
            steps=self.steps[only],
            stalls=self.stalls[only],
            loading=self.loading[only],
            storing=self.storing[only],
        )


def evaluate(mappings: Mappings) -> Costs:
    """The costs of a batch of mappings (docs/zigzag.md says how each is counted)."""
    unrolling = mappings.unrolling
    layer, architecture = unrolling.layer, unrolling.architecture
    counted: dict[str, Ints] = {}
    energies: dict[str, Floats] = {}
    sides: list[latency.Side] = []
    for operand in layer.operands:
        levels = levels_of(mappings, operand)
        mean = unrolling.placement(operand, whole=False)
        moved = transfers(mappings, levels, mean)
        counted[operand.name] = accesses(mappings, mean, moved)
        memories = architecture.hierarchy(operand.memory)
        reads = np.array([memory.read_pj for memory in memories], np.float64)
        writes = np.array([memory.write_pj for memory in memories], np.float64)
        count = counted[operand.name].astype(np.float64)
        energies[operand.name] = (
            count[..., Way.READ_FOR_ABOVE] * reads + count[..., Way.READ_FOR_BELOW] * reads
        ) + (count[..., Way.WRITE_FROM_ABOVE] * writes + count[..., Way.WRITE_FROM_BELOW] * writes)
        whole = unrolling.placement(operand, whole=True)
        space = latency.space_needed(moved.tile_bits, levels)
        if whole != mean:
            moved = transfers(mappings, levels, whole)
        at_level = {level: own for own, level in enumerate(architecture.levels(operand.memory))}
        sides.append(latency.Side(operand, moved, space, at_level))

    total = mappings.iterations[:, -1]
    flags = latency.buffered(architecture, sides)
    allowed = [
        latency.allowed_cycles(side.moved, flag) for side, flag in zip(sides, flags, strict=True)
    ]
    needed = [latency.transfer_cycles(architecture, side) for side in sides]
    stalls = latency.stall_cycles(architecture, sides, needed, allowed, total)
    edges = latency.edge_cycles(architecture, sides, needed, total + stalls)
    return Costs(
        accesses=counted,
        energies=energies,
        mac_pj=architecture.mac_pj * layer.macs,
        ideal=latency.ideal_cycles(architecture, layer),
        steps=total,
        stalls=stalls,
        loading=latency.loading_cycles(architecture, sides, edges),
        storing=latency.storing_cycles(sides, edges),
        drain=unrolling.drain,
    )
