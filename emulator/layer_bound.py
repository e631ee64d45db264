"""A lower bound of cycles for schedules that run layers one after the other.

The roofline of `bounds` lets everything that a network does overlap. A layer that reads what
another one makes starts when that one is complete, though, and the memory of weights holds only so
many bytes of the layers to come. Where each layer reads the one before it, layer j takes c_j cycles
of products at the arrays' peak and v_j of vector work, and layers from i on read W_i bytes of
weights, parameters and tables,

    T >= first load + max over i of [ sum over j < i of max(c_j, v_j)
                                      + max(0, W_i - memory) / bandwidth ] + last store,

because at most `memory` bytes of W_i are on chip when layer i starts. `docs/schedules.md` derives
it, extends it to layers that branch, and says what it assumes. Nothing in it depends on tiles and
folds, or on which activations go through DRAM.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import cast

from ..costmodel.dma import transfer_cost
from ..machines.model import Dma, Machine
from .bounds import Place, lane_reads, place_of, sum_apart
from .counters import Counters
from .footprint import Plan
from .layer_order import Needs, needs_of
from .roles import Roles


@dataclass(frozen=True)
class LayerWork:
    """What a layer needs whatever its tiles.

    `compute` are cycles of all arrays at their peak, `vector` those of the vector lanes. It starts
    when the layers of `start` are complete, and is complete after those of `finish`: numbers of
    layers before it. `weights` are the distinct bytes of weights, parameters and tables that it
    and all layers after it read; those of the layer alone are not the difference to the next one
    where layers share them.
    """

    compute: Fraction = Fraction()
    vector: Fraction = Fraction()
    weights: int = 0
    start: Collection[int] = ()
    finish: Collection[int] = ()


@dataclass(frozen=True)
class Supply:
    """What brings weights: bytes on chip at most, bytes a cycle, and the cycles at both ends.

    Nothing runs in the first `start` cycles, nothing computes in the `first` after them, and the
    run goes on for `last` cycles after the last layer has computed and the last weight has come.
    """

    memory: int
    bandwidth: int
    start: int = 0
    first: int = 0
    last: int = 0


def layer_bound(works: Sequence[LayerWork], supply: Supply) -> int:
    """The fewest cycles of `works` in their order."""
    starts, end = _serial(works)
    waits = [Fraction()]
    if works:
        # Nothing is on chip at the start.
        waits.append(Fraction(works[0].weights, supply.bandwidth) - supply.first)
    for number, work in enumerate(works):
        missing = max(0, work.weights - supply.memory)
        waits.append(min(starts[number:]) + Fraction(missing, supply.bandwidth))
    return ceil(supply.start + supply.first + max(end, *waits) + supply.last)


def _serial(works: Sequence[LayerWork]) -> tuple[list[Fraction], Fraction]:
    """When each layer can start after the first load, and when all have computed."""
    array = Fraction()
    starts: list[Fraction] = []
    complete: list[Fraction] = []
    for work in works:
        ready = max((complete[layer] for layer in work.start), default=Fraction())
        starts.append(max(ready, array) if work.compute else ready)
        if work.compute:
            array = starts[-1] + work.compute
        ends = [complete[layer] for layer in work.finish]
        complete.append(max(starts[-1] + max(work.compute, work.vector), *ends, Fraction()))
    return starts, max((array, *complete))


@dataclass(frozen=True)
class Layers:
    """What is known of a program's layers before it runs.

    `needs` are in the order in which layers run, `weights` the bytes from each of them on.
    """

    needs: Mapping[int, Needs]
    weights: Sequence[int]


def layers_of(plan: Plan, machine: Machine) -> Layers:
    """The layers of a program."""
    needs = needs_of(plan)
    return Layers(needs, weights_from(plan, machine, list(needs)))


def works_of(layers: Layers, machine: Machine, counters: Counters) -> list[LayerWork]:
    """The work of each layer of a program in their order, from what a run counted."""
    vector = lane_reads(counters)
    order = {layer: place for place, layer in enumerate(layers.needs)}
    works: list[LayerWork] = []
    for (layer, need), size in zip(layers.needs.items(), layers.weights, strict=True):
        lanes = [
            Fraction(vector.get((layer, unit.name), 0), unit.elements_per_cycle)
            for unit in machine.vectors
        ]
        macs = counters.macs.get(layer, 0)
        start = need.finish if need.start is None else need.start
        works.append(
            LayerWork(
                Fraction(macs, counters.peak[layer]) if macs else Fraction(),
                max(lanes, default=Fraction()),
                size,
                tuple(sorted(order[other] for other in start)),
                tuple(sorted(order[other] for other in need.finish)),
            )
        )
    return works


def weights_from(plan: Plan, machine: Machine, order: Sequence[int]) -> list[int]:
    """For each layer in `order` the distinct bytes of weights that it and those after it load."""
    dram, memory = machine.dram.name, machine.memory_for("W").name
    roles = Roles(plan)
    places: defaultdict[int, list[Place]] = defaultdict(list)
    for step in plan.tree.steps:
        if step.mnemonic == "load" and roles.load(step) == "W":
            views = plan.views(step)
            if (views["src"].view.memory, views["dst"].view.memory) == (dram, memory):
                places[step.layer].append(place_of(views["src"]))
    later: list[Place] = []
    sizes: list[int] = []
    for layer in reversed(order):
        later += places[layer]
        sizes.append(sum_apart(later))
    return sizes[::-1]


def supply_of(machine: Machine, start: int) -> Supply:
    """How weights come on `machine`, whose units start at cycle `start`.

    The first load and the last store move a byte at least, and wait for the DRAM. A memory that
    weights share with inputs and outputs holds at most as many weights as it has bytes.
    """
    port = machine.dma_for_operand("W", "load")
    return Supply(
        machine.memory_for("W").bytes,
        min(port.count * port.bytes_per_cycle, machine.dram.bytes_per_cycle),
        start,
        _shortest(machine, machine.dma_for_operand("I", "load")),
        _shortest(machine, machine.dma_for_operand("O", "store")),
    )


def _shortest(machine: Machine, dma: Dma) -> int:
    """Cycles of a transfer of one byte."""
    cost = transfer_cost(dma, machine.dram, rows=1, row_bytes=1)
    return (
        max(cast(int, cost.port_cycles), cast(int, cost.dram_cycles)) + machine.dram.latency_cycles
    )
