"""The best mappings of all layers of a workload, and what they cost, as tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...costmodel.hierarchy.architecture import Architecture, Way
from ...costmodel.hierarchy.evaluate import evaluate
from ...costmodel.hierarchy.unrolling import Unrolling
from ...errors import TilefoldError
from ..findings import Table
from ..mapping.allocation import in_order
from ..mapping.search import LIMIT, Found, Objective, best_mappings
from .fabric import Translation, as_machine
from .hardware import read_architecture
from .mapping import MappingEntry, entry_for, read_mapping, unroll
from .onnx_workload import read_model
from .workload import WorkloadLayer, read_workload

READS: Final = (Way.READ_FOR_BELOW, Way.READ_FOR_ABOVE)
WRITES: Final = (Way.WRITE_FROM_BELOW, Way.WRITE_FROM_ABOVE)

Tell = Callable[[int, int], None]
"""Called with the layers that are done, and all of them."""


@dataclass(frozen=True)
class Mapped:
    """A layer of a workload, what a mapping file says of it, and the best mapping."""

    layer: WorkloadLayer
    entry: MappingEntry
    found: Found

    @property
    def unrolling(self) -> Unrolling:
        """What the array unrolls of the layer."""
        return self.found.mapping.unrolling

    @property
    def macs(self) -> int:
        """Products."""
        return self.unrolling.layer.macs


@dataclass(frozen=True)
class MappedNetwork:
    """The layers of a workload on an architecture, in its order, best in `objective`."""

    architecture: Architecture
    objective: Objective
    layers: tuple[Mapped, ...]

    @property
    def energy_pj(self) -> float:
        """Of all layers."""
        return sum(float(each.found.costs.energy_pj[0]) for each in self.layers)

    @property
    def cycles(self) -> int:
        """Of all layers, one after the other."""
        return sum(int(each.found.costs.cycles[0]) for each in self.layers)

    def machine(self) -> Translation:
        """The architecture as a machine that unrolls what the layer of most products does.

        Raises TilefoldError where there is no such machine (`fabric.as_machine`).
        """
        largest = max(self.layers, key=lambda each: each.macs)
        return as_machine(self.architecture, largest.entry)


def mapped(
    accelerator: Path,
    mapping: Path,
    workload: Path,
    objective: Objective = "energy",
    *,
    limit: int = LIMIT,
    refine: bool = True,
    tell: Tell = lambda _, __: None,
) -> MappedNetwork:
    """Search for the best mapping of every layer of a workload, in YAML or ONNX.

    Layers whose entry in the mapping file has an order of loops have no other one. `limit` and
    `refine` are those of `best_mapping`. Raises TilefoldError for what is wrong with the files,
    and where a layer does not fit.
    """
    architecture, entries = read_architecture(accelerator), read_mapping(mapping)
    read = read_model(workload) if workload.suffix == ".onnx" else read_workload(workload)
    names = [layer.name for layer in read]
    if twice := [name for name in names if names.count(name) > 1]:
        raise TilefoldError(f"{workload}: two layers are called {twice[0]}")
    chosen = [entry_for(entries, layer.name, layer.operator) for layer in read]
    try:
        unrollings = [
            unroll(layer.layer(entry.links), architecture, entry)
            for layer, entry in zip(read, chosen, strict=True)
        ]
        free = [each for each, entry in zip(unrollings, chosen, strict=True) if not entry.ordering]
        best = iter(best_mappings(free, objective, limit=limit, refine=refine, tell=tell))
        found = [
            _given(each, entry) if entry.ordering else next(best)
            for each, entry in zip(unrollings, chosen, strict=True)
        ]
    except TilefoldError as error:
        raise TilefoldError(f"{workload} on {accelerator}, {mapping}:\n{error}") from None
    layers = tuple(Mapped(*each) for each in zip(read, chosen, found, strict=True))
    return MappedNetwork(architecture, objective, layers)


def _given(unrolling: Unrolling, entry: MappingEntry) -> Found:
    """The order of loops that a mapping file gives, memories holding what they have room for."""
    order = in_order(unrolling, entry.ordering)
    return Found(order, evaluate(order), 1)


def tables_of(network: MappedNetwork) -> dict[str, Table]:
    """The tables by name.

    `layers` has what the best mapping of each layer costs; `accesses` what it reads and writes, by
    operand and memory; `loops` its temporal loops from the outermost, and for each operand the
    memory that holds them; `memories` the accesses of all layers. Energies are in pJ.
    """
    accesses = [row for each in network.layers for row in _accesses(each)]
    return {
        "layers": [_layer(each) for each in network.layers],
        "accesses": accesses,
        "memories": _memories(accesses),
        "loops": [row for each in network.layers for row in _loops(each)],
    }


def to_json(network: MappedNetwork) -> dict[str, Any]:
    """All tables and the totals as a plain dictionary."""
    total = {
        "macs": sum(each.macs for each in network.layers),
        "energy_pj": network.energy_pj,
        "mac_pj": sum(float(each.found.costs.mac_pj) for each in network.layers),
        "cycles": network.cycles,
    }
    names = {"architecture": network.architecture.name, "objective": network.objective}
    return {**names, "total": total, **tables_of(network)}


def _layer(each: Mapped) -> dict[str, Any]:
    costs = each.found.costs
    cycles = int(costs.cycles[0])
    return {
        "layer": each.layer.name,
        "operator": each.layer.operator,
        "mapping": each.entry.name,
        "macs": each.macs,
        "energy_pj": float(costs.energy_pj[0]),
        "mac_pj": float(costs.mac_pj),
        "cycles": cycles,
        "ideal_cycles": int(costs.ideal),
        "steps": int(costs.steps[0]),
        "stalls": int(costs.stalls[0]),
        "loading": float(costs.loading[0]),
        "storing": float(costs.storing[0]),
        "drain": int(costs.drain),
        "utilisation": costs.ideal / cycles if cycles else 0.0,
        "evaluated": each.found.evaluated,
        "unrolled": _unrolled(each.unrolling),
        "nest": " ".join(f"{row['loop']}{row['iterations']}" for row in _loops(each)),
    }


def _unrolled(unrolling: Unrolling) -> str:
    """What the axes do side by side, where that is more than one."""
    loops = {
        axis: " ".join(f"{dim}{size}" for dim, size in dims.items() if size > 1)
        for axis, dims in unrolling.axes.items()
    }
    return ", ".join(f"{axis} {dims}" for axis, dims in loops.items() if dims)


def _accesses(each: Mapped) -> Iterator[dict[str, Any]]:
    costs = each.found.costs
    for operand in each.unrolling.layer.operands:
        memories = each.unrolling.architecture.hierarchy(operand.memory)
        for level, memory in enumerate(memories):
            count = costs.accesses[operand.name][0, level]
            yield {
                "layer": each.layer.name,
                "operand": operand.name,
                "memory": memory.name,
                "reads": sum(int(count[way]) for way in READS),
                "writes": sum(int(count[way]) for way in WRITES),
                "energy_pj": float(costs.energies[operand.name][0, level]),
            }


def _memories(accesses: Sequence[Mapping[str, Any]]) -> Table:
    """Sums over the layers."""
    sums: dict[tuple[str, str], dict[str, Any]] = {}
    for row in accesses:
        place = {"memory": row["memory"], "operand": row["operand"]}
        whole = sums.setdefault(
            (row["memory"], row["operand"]), {**place, "reads": 0, "writes": 0, "energy_pj": 0.0}
        )
        for column in ("reads", "writes", "energy_pj"):
            whole[column] += row[column]
    return list(sums.values())


def _loops(each: Mapped) -> Iterator[dict[str, Any]]:
    """From the outermost; neighbours of one dimension that are held alike are one loop."""
    mapping, unrolling = each.found.mapping, each.unrolling
    order = unrolling.layer.order
    dims, sizes = mapping.dims[0], mapping.sizes[0]
    row: dict[str, Any] = {}
    for place in reversed(range(len(dims))):
        size = int(sizes[place])
        if size == 1:
            continue
        holders: dict[str, str] = {}
        for operand in unrolling.layer.operands:
            level = int((mapping.ends[operand.name][0] <= place).sum())
            holders[operand.name] = unrolling.architecture.hierarchy(operand.memory)[level].name
        loop = {"layer": each.layer.name, "loop": order[int(dims[place])]}
        here = {**loop, "iterations": size, **holders}
        if row and row == {**here, "iterations": row["iterations"]}:
            row["iterations"] *= size
            continue
        if row:
            yield row
        row = here
    if row:
        yield row
