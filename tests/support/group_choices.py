"""What layers on groups of units side by side cost, stated once more, and the best by CP-SAT.

Nothing is taken from `passes/folding` but what a layer is, and its prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from random import Random
from typing import Any

from tilefold.dialects.fabric import FoldAttr
from tilefold.machines.model import Machine
from tilefold.passes.folding.space import Work
from tilefold.tests.support.fold_choices import (
    candidates,
    change_cycles,
    own_cycles,
    random_problem,
)

Reads = Sequence[frozenset[int]]
Unit = tuple[str, int]
EFFORT = 1.0
"""Seconds, about, after which CP-SAT is content with a bound."""


def random_graph(rng: Random, layers: int) -> Reads:
    """For each layer those that it reads; most often one or two of the last few."""
    reads: list[frozenset[int]] = []
    for layer in range(layers):
        count = min(layer, rng.choice((0, 1, 1, 1, 1, 2, 2)))
        near = range(max(0, layer - 4), layer)
        reads.append(frozenset(rng.sample(near, count)))
    return reads


def branching_problem(seed: int) -> tuple[Machine, list[Work], Reads, frozenset[int]]:
    """Four to eight layers that do not all follow each other, on two to six units; some load."""
    rng = Random(seed)
    while True:
        machine, works = random_problem(rng, 1, 8)
        (array,) = machine.arrays
        wide = replace(array, count=rng.randint(2, 6))
        parts = tuple(wide if part is array else part for part in machine.parts)
        reads = random_graph(rng, len(works))
        if len(works) >= 4 and any(len(before) != 1 for before in reads[1:]):
            loads = frozenset(number for number in range(len(works)) if rng.random() < 0.3)
            return replace(machine, parts=parts), works, reads, loads


@dataclass(frozen=True)
class Choice:
    """A configuration with its first unit, and what a layer costs on it."""

    fold: FoldAttr
    cycles: int
    latency: int
    fetch: int
    switch: int
    ahead: bool

    @property
    def units(self) -> frozenset[Unit]:
        """The units of the group."""
        first = self.fold.first.data
        count = self.fold.units.data
        return frozenset((self.fold.array.data, first + number) for number in range(count))

    @property
    def leader(self) -> Unit:
        """The first of them."""
        return self.fold.array.data, self.fold.first.data


def choices(machine: Machine, work: Work) -> list[Choice]:
    """All configurations for a layer, with all first units."""
    found: list[Choice] = []
    for fold in candidates(machine, work):
        cycles, latency = own_cycles(machine, work, fold)
        fetch, switch = change_cycles(machine, fold)
        name = fold.array.data
        for first in range(machine.array(name).count - fold.units.data + 1):
            numbers = {**fold.numbers(), "first": first}
            numbers.pop("units")
            found.append(Choice(
                FoldAttr.get(name, **numbers),
                cycles, latency, fetch, switch, machine.folds_for(name).shadow,
            ))  # fmt: skip
    return found


@dataclass(frozen=True)
class _Placed:
    choice: Choice
    layer: int
    switched: int
    free: int
    done: int


def makespan(
    chosen: Sequence[Choice],
    order: Sequence[int],
    reads: Reads,
    loads: frozenset[int] = frozenset(),
) -> int:
    """When the last layer ends, if units take layers in `order`, as early as they can."""
    last: dict[Unit, _Placed] = {}
    end: dict[int, int] = {}
    loading = 0
    for layer in order:
        choice = chosen[layer]
        before = {unit: last.get(unit) for unit in choice.units}
        placed = [each for each in before.values() if each]
        ready = max((end[other] for other in reads[layer]), default=0)
        ready = max(ready, loading) if layer in loads else ready
        done = max((each.done for each in placed), default=0)
        owner = before[choice.leader]
        if owner and owner.choice.fold == choice.fold and set(before.values()) == {owner}:
            switched, start = owner.switched, max(ready, owner.free)
        else:
            since = owner.switched if owner and _ahead(choice, owner, placed) else done
            switched = max(done, since + choice.fetch) + choice.switch
            start = max(ready, switched)
        free = start + choice.cycles
        loading = free if layer in loads else loading
        end[layer] = free + choice.latency
        now = _Placed(choice, layer, switched, free, max(done, end[layer]))
        last |= dict.fromkeys(choice.units, now)
    return max(end.values())


def _ahead(choice: Choice, owner: _Placed, placed: Sequence[_Placed]) -> bool:
    """Whether the shadow registers are free from when the first unit was configured on."""
    return choice.ahead and all(
        each.choice.units & owner.choice.units and each.switched <= owner.switched
        for each in placed
    )


@dataclass(frozen=True)
class Least:
    """The least cycles that are known, and those that no choice can be below."""

    cycles: int
    bound: int


def least_makespan(
    machine: Machine, works: Sequence[Work], reads: Reads, loads: frozenset[int], known: int
) -> Least:
    """The least cycles that CP-SAT (OR-tools) finds, or `known`, which some choice takes."""
    from ortools.sat.python import cp_model

    model: Any = cp_model.CpModel()
    layers = [_Layer(model, each, known) for each in _undominated(machine, works)]
    units = sorted(set().union(*(layer.uses for layer in layers)))
    arcs = {unit: _sequence(model, layers, unit) for unit in units}
    for layer, before in zip(layers, reads, strict=True):
        for other in before:
            model.add(layer.start >= layers[other].end)
    for one, other in permutations(range(len(layers)), 2):
        _follow(model, layers, one, other, arcs)
    for one, other in combinations(sorted(loads), 2):
        first = model.new_bool_var("")
        model.add(layers[other].start >= layers[one].free).only_enforce_if(first)
        model.add(layers[one].start >= layers[other].free).only_enforce_if(first.negated())
    for number, layer in enumerate(layers):
        _switch(model, layers, number, arcs)
        model.add(layer.kept == sum(layer.keeps.values()))
    total = model.new_int_var(0, known, "")
    model.add_max_equality(total, [layer.end for layer in layers])
    model.minimize(total)
    solver: Any = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_deterministic_time = EFFORT
    status = solver.solve(model)
    bound = round(solver.best_objective_bound)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Least(known, bound)
    order = sorted(range(len(works)), key=lambda number: solver.value(layers[number].start))
    chosen = [
        next(each for each in layer.choices if solver.value(layer.has[each.fold]))
        for layer in layers
    ]
    found = makespan(chosen, order, reads, loads)
    exact = status == cp_model.OPTIMAL
    assert found == solver.objective_value if exact else found <= solver.objective_value
    return Least(found, bound)


def _undominated(machine: Machine, works: Sequence[Work]) -> list[list[Choice]]:
    """The choices for each layer without those that others can replace in all layers."""
    by_layer = [choices(machine, work) for work in works]
    columns = list(zip(*by_layer, strict=True))

    def replaces(one: tuple[Choice, ...], other: tuple[Choice, ...]) -> bool:
        return one[0].leader == other[0].leader and all(
            a.units <= b.units and a.cycles <= b.cycles and a.latency <= b.latency
            for a, b in zip(one, other, strict=True)
        )

    kept: list[tuple[Choice, ...]] = []
    for column in columns:
        if not any(replaces(other, column) for other in kept):
            kept = [other for other in kept if not replaces(column, other)] + [column]
    return [list(layer) for layer in zip(*kept, strict=True)]


class _Layer:
    """A layer's variables, and linear expressions of its choice."""

    def __init__(self, model: Any, every: Sequence[Choice], horizon: int) -> None:
        self.choices = every
        self.has = {each.fold: model.new_bool_var("") for each in every}
        model.add_exactly_one(self.has.values())
        self.start, self.configured, self.loaded, self.switched, self.done = (
            model.new_int_var(0, horizon, "") for _ in range(5)
        )
        self.fetch = self.sum("fetch")
        self.free = self.start + self.sum("cycles")
        self.end = self.free + self.sum("latency")
        self.kept = model.new_bool_var("")
        self.keeps: dict[int, Any] = {}
        self.uses: dict[Unit, Any] = {}
        self.leads: dict[Unit, Any] = {}
        for unit in sorted(frozenset().union(*(each.units for each in every))):
            self.uses[unit], self.leads[unit] = (model.new_bool_var("") for _ in range(2))
            on = [self.has[each.fold] for each in every if unit in each.units]
            leading = [self.has[each.fold] for each in every if unit == each.leader]
            model.add(self.uses[unit] == sum(on))
            model.add(self.leads[unit] == sum(leading))

    def sum(self, what: str) -> Any:
        """A cost of the choice."""
        return sum(getattr(each, what) * self.has[each.fold] for each in self.choices)


Arcs = dict[tuple[int, int], Any]
"""Whether a unit takes a layer right after another one; -1 is its beginning."""


def _sequence(model: Any, layers: Sequence[_Layer], unit: Unit) -> Arcs:
    """The order in which a unit takes the layers that use it."""
    circuit, arcs = [], {}
    for number, layer in enumerate(layers):
        circuit.append((number + 1, number + 1, layer.uses[unit].negated()))
        arcs[-1, number] = model.new_bool_var("")
        circuit.append((0, number + 1, arcs[-1, number]))
        circuit.append((number + 1, 0, model.new_bool_var("")))
    for one, other in permutations(range(len(layers)), 2):
        arcs[one, other] = model.new_bool_var("")
        circuit.append((one + 1, other + 1, arcs[one, other]))
    circuit.append((0, 0, model.new_bool_var("")))
    model.add_circuit(circuit)
    return arcs


def _follow(
    model: Any, layers: Sequence[_Layer], one: int, other: int, arcs: dict[Unit, Arcs]
) -> None:
    """`other` right after `one` on a unit, or on all units of the same group."""
    before, after = layers[one], layers[other]
    for arc in arcs.values():
        follows = arc[one, other]
        model.add(after.start >= before.free).only_enforce_if(follows)
        model.add(after.configured >= before.done).only_enforce_if(follows, after.kept.negated())
    same = [fold for fold in before.has if fold in after.has]
    if not same:
        return
    keeps = after.keeps[one] = model.new_bool_var("")
    for fold, has in before.has.items():
        model.add(has == after.has.get(fold, 0)).only_enforce_if(keeps)
    for unit, arc in arcs.items():
        model.add(arc[one, other] == after.uses[unit]).only_enforce_if(keeps)
    model.add(after.switched >= before.switched).only_enforce_if(keeps)
    model.add(after.done >= before.done).only_enforce_if(keeps)


def _switch(model: Any, layers: Sequence[_Layer], number: int, arcs: dict[Unit, Arcs]) -> None:
    """When a layer's configuration, unless it is there already, is fetched and switched to."""
    layer = layers[number]
    change = layer.sum("switch")
    anew = layer.kept.negated()
    loaded = layer.loaded
    ahead = {
        other: _ahead_of(model, layers, other, number, arcs)
        for other in range(len(layers))
        if other != number and layer.choices[0].ahead
    }
    model.add(sum(ahead.values()) <= 1)
    for other, since in ahead.items():
        model.add(loaded >= layers[other].switched + layer.fetch).only_enforce_if(since)
    late = model.new_bool_var("")
    model.add(late == 1 - sum(ahead.values()))
    model.add(loaded >= layer.configured + layer.fetch).only_enforce_if(late, anew)
    for ready in (layer.configured, loaded):
        model.add(layer.switched >= ready + change).only_enforce_if(anew)
    model.add(layer.start >= layer.switched)
    model.add(layer.done >= layer.end)


def _ahead_of(
    model: Any, layers: Sequence[_Layer], one: int, other: int, arcs: dict[Unit, Arcs]
) -> Any:
    """Whether the configuration of `other` may be fetched when `one` has been switched to."""
    before, after = layers[one], layers[other]
    ahead = model.new_bool_var("")
    for unit, arc in arcs.items():
        model.add_implication(ahead, arc[one, other]).only_enforce_if(after.leads[unit])
        for third in range(len(layers)):
            if third not in (one, other):
                shares = _shares(model, before, layers[third])
                model.add_bool_or(shares, arc[third, other].negated()).only_enforce_if(ahead)
                both = [ahead, arc[third, other]]
                model.add(layers[third].switched <= before.switched).only_enforce_if(both)
    return ahead


def _shares(model: Any, one: _Layer, other: _Layer) -> Any:
    """A boolean that is true only if two layers have a unit in common."""
    shares, common = model.new_bool_var(""), []
    for unit in one.uses:
        both = model.new_bool_var("")
        model.add_implication(both, one.uses[unit])
        model.add_implication(both, other.uses[unit])
        common.append(both)
    model.add_bool_or(common).only_enforce_if(shares)
    return shares
