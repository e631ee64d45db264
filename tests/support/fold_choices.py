"""What a choice of configurations costs, stated once more, and the best one by CP-SAT.

Nothing is taken from `passes/folding` but what a layer is. Unlike there, an array keeps its
configuration while layers run on other arrays.
"""

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

from tilefold.costmodel.reconfigure import reconfigure_cost
from tilefold.dialects.fabric import FoldAttr
from tilefold.dialects.isa_operands import ElementType
from tilefold.machines.model import Array, Folds, Machine
from tilefold.passes.folding.space import Placement, Work, layer_cost, whole_input
from tilefold.passes.lowering.shapes import ConvShape
from tilefold.tests.support.random_machines import random_machine

BITS = ((8, 8), (8, 8), (8, 4), (4, 4))


def random_problem(rng: Random, arrays: int, most: int = 6) -> tuple[Machine, list[Work]]:
    """A machine with so many array classes, and up to `most` layers."""
    machine = random_machine(rng)
    parts = [part for part in machine.parts if not isinstance(part, Array | Folds)]
    folded = machine
    for number in range(arrays):
        (array,) = folded.arrays
        parts.append(_named(array, f"array{number}"))
        parts += [_costly(rng, part, number) for part in folded.parts if isinstance(part, Folds)]
        folded = random_machine(rng)
    works = [_work(rng, number) for number in range(rng.randint(1, most))]
    return Machine(**{**_fields(machine), "parts": tuple(parts)}), works


def _fields(machine: Machine) -> dict[str, Any]:
    return {name: getattr(machine, name) for name in ("name", "hz", "technology", "src", "text")}


def _named(array: Array, name: str) -> Array:
    return Array(**{**vars(array), "name": name})


def _costly(rng: Random, folds: Folds, number: int) -> Folds:
    cost = {"config_bytes": rng.choice((0, 16, 100, 400)), "switch_cycles": rng.choice((0, 8, 99))}
    return Folds(**{**vars(folds), **cost, "name": f"folds{number}", "of": f"array{number}"})


def _work(rng: Random, number: int) -> Work:
    depthwise = rng.random() < 0.3
    rows, columns = rng.randint(1, 12), rng.randint(1, 12)
    groups, c = 1 if depthwise else rng.choice((1, 1, 1, 2)), rng.randint(1, 24)
    shape = ConvShape(
        rows,
        columns,
        rows,
        columns,
        groups=groups,
        k=rng.randint(1, 24),
        c=c,
        kernel=(rng.choice((1, 1, 3)), rng.choice((1, 1, 3))),
        strides=(1, 1),
        dilations=(1, 1),
        pads=(0, 0),
        multiplier=int(depthwise),
        input_type=ElementType.U8,
        weight_type=ElementType.I8,
        output_type=ElementType.U8,
        stored_type=ElementType.U8,
        input_strides=(columns * groups * c, groups * c),
    )
    return Work(f"layer{number}", shape, rng.choice(BITS))


def candidates(machine: Machine, work: Work) -> list[FoldAttr]:
    """Every configuration for a layer."""
    return [
        FoldAttr.get(
            array.name,
            chain=fold.chain,
            cols=fold.cols,
            pixels=fold.pixels,
            groups=fold.groups,
            mode=mode,
            act_bits=work.bits[0],
            wgt_bits=work.bits[1],
        )
        for array in machine.arrays
        for mode in range(len(array.modes))
        for fold in machine.folds(array.name)
    ]


def own_cycles(machine: Machine, work: Work, fold: FoldAttr) -> tuple[int, int]:
    """Cycles of a layer, and from then until its last result."""
    inputs = whole_input(machine, work.shape, spread=True)
    cost = layer_cost(machine, Placement.of(fold), work.shape, inputs=inputs)
    return int(cost.occupancy) * work.shape.groups, int(cost.latency)


def change_cycles(machine: Machine, fold: FoldAttr) -> tuple[int, int]:
    """Cycles to fetch a configuration, and to switch to it."""
    folds = machine.folds_for(fold.array.data)
    cost = reconfigure_cost(folds, machine.dram, units=fold.units.data)
    return int(cost.fetch_cycles) + cost.fetch_latency, cost.switch_cycles


def total_cycles(machine: Machine, works: Sequence[Work], choice: Sequence[FoldAttr]) -> int:
    """The cycles of a choice, one layer after the other."""
    total, cycles, latency = 0, 0, 0
    current: dict[str, FoldAttr] = {}
    before = ""
    for work, fold in zip(works, choice, strict=True):
        name = fold.array.data
        if current.get(name) != fold:
            fetch, switch = change_cycles(machine, fold)
            if before == name:
                hidden = cycles if machine.folds_for(name).shadow else 0
                total += latency + max(0, fetch - hidden) + switch
            else:
                total += max(0, fetch + switch - cycles)
        current[name], before = fold, name
        cycles, latency = own_cycles(machine, work, fold)
        total += cycles
    return total + latency


def least_cycles(machine: Machine, works: Sequence[Work]) -> int:
    """The cycles of the best choice, proven by CP-SAT (OR-tools)."""
    from ortools.sat.python import cp_model

    model: Any = cp_model.CpModel()
    layers = [_Layer(model, machine, work) for work in works]
    total = sum(layer.cycles for layer in layers) + layers[-1].latency
    kept: dict[FoldAttr, Any] = {}
    first = layers[0]
    total += first.fetch + first.switch
    for before, layer in pairwise(layers):
        kept = _kept_after(model, kept, before)
        total += _switch(model, machine, kept, before, layer)
    model.minimize(total)
    solver: Any = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    assert solver.solve(model) == cp_model.OPTIMAL
    return round(solver.objective_value)


class _Layer:
    """Which configuration a layer has, as booleans, and linear expressions of what follows."""

    def __init__(self, model: Any, machine: Machine, work: Work) -> None:
        folds = candidates(machine, work)
        self.has = {fold: model.new_bool_var("") for fold in folds}
        model.add_exactly_one(self.has.values())
        own = {fold: own_cycles(machine, work, fold) for fold in folds}
        change = {fold: change_cycles(machine, fold) for fold in folds}
        self.cycles, self.latency = (
            sum(own[fold][part] * has for fold, has in self.has.items()) for part in (0, 1)
        )
        self.fetch, self.switch = (
            sum(change[fold][part] * has for fold, has in self.has.items()) for part in (0, 1)
        )
        self.most = max(map(sum, own.values())) + max(map(sum, change.values()))
        self.on: dict[str, Any] = {}
        for array in machine.arrays:
            self.on[array.name] = model.new_bool_var("")
            there = [has for fold, has in self.has.items() if fold.array.data == array.name]
            model.add(sum(there) == self.on[array.name])


def _kept_after(model: Any, kept: dict[FoldAttr, Any], layer: _Layer) -> dict[FoldAttr, Any]:
    """Which configurations the arrays have after a layer; `kept` are those before it."""
    after: dict[FoldAttr, Any] = {}
    for fold in {**kept, **layer.has}:
        after[fold] = model.new_bool_var("")
        has, had = layer.has.get(fold, 0), kept.get(fold, 0)
        model.add(after[fold] <= has + had)
        model.add(after[fold] <= 1 - layer.on[fold.array.data] + has)
    return after


def _switch(
    model: Any, machine: Machine, kept: dict[FoldAttr, Any], before: _Layer, layer: _Layer
) -> Any:
    """The cycles of what changes between two layers, at least 0 and at least what is needed."""
    stays = []
    for fold, has in layer.has.items():
        if fold in kept:
            stays.append(model.new_bool_var(""))
            model.add(stays[-1] <= has)
            model.add(stays[-1] <= kept[fold])
    changes = model.new_bool_var("")
    model.add(changes == 1 - sum(stays))
    cycles, late = (model.new_int_var(0, before.most + layer.most, "") for _ in range(2))
    for here in machine.arrays:
        hidden = before.cycles if machine.folds_for(here.name).shadow else 0
        after_itself = [changes, layer.on[here.name], before.on[here.name]]
        model.add(late >= layer.fetch - hidden).only_enforce_if(after_itself)
        model.add(cycles >= before.latency + late + layer.switch).only_enforce_if(after_itself)
        after_another = [changes, layer.on[here.name], before.on[here.name].negated()]
        needed = layer.fetch + layer.switch - before.cycles
        model.add(cycles >= needed).only_enforce_if(after_another)
    return cycles
