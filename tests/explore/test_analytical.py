"""The analytical evaluator against the compiler and the emulator."""

import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tilefold.compiler import compile_levels
from tilefold.costmodel.technology import load_technology
from tilefold.emulator import emulate
from tilefold.examples import fashion
from tilefold.explore.analytical.energy import Tariff
from tilefold.explore.analytical.network import Network, Product
from tilefold.explore.evaluator import evaluated
from tilefold.explore.families import ARRAY, Family
from tilefold.explore.machine_evaluator import MachineEvaluator
from tilefold.explore.network_on_family import NetworkOnFamily, Run
from tilefold.machines.model import Machine
from tilefold.passes.choose_fold import fold_space
from tilefold.passes.folding.choice import all_together, cost
from tilefold.passes.folding.space import Configuration

FAMILY = Family()
SPACE = FAMILY.space


@pytest.fixture(scope="module")
def source() -> Network:
    return Network("fashion", fashion.int8_model())


@pytest.fixture(scope="module")
def network(source: Network) -> NetworkOnFamily:
    return NetworkOnFamily(source, FAMILY, source.name)


def points(count: int, seed: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, SPACE.size, count)


def machine_of(point: int) -> Machine:
    columns = SPACE.columns(np.array([point]))
    return FAMILY.machine({name: column[0] for name, column in columns.items()})


def run_of(network: NetworkOnFamily, point: int) -> Run:
    tariff = Tariff(FAMILY.machine, FAMILY.depends, load_technology(FAMILY.technology))
    return network.run(SPACE.columns(np.array([point])), tariff)


def test_a_batch_has_the_numbers_of_each_machine() -> None:
    chosen = points(20, 1)
    batch = FAMILY.batch(SPACE.columns(chosen))
    for row, point in enumerate(chosen):
        for whole, part in zip(batch.parts, machine_of(point).parts, strict=True):
            for name, value in vars(part).items():
                found: Any = getattr(whole, name)
                if name == "axes":
                    assert [(axis, int(size[row, 0])) for axis, size in found] == list(value)
                elif name == "accumulator":
                    assert int(found.lines[row, 0]) == value.lines
                elif isinstance(found, np.ndarray):
                    assert int(found[row, 0]) == value, (part.name, name)
                elif name not in ("c", "p"):  # which `legal` has
                    assert found == value, (part.name, name)


def test_legal_folds_are_those_of_each_machine() -> None:
    chosen = points(20, 2)
    for point, legal in zip(chosen, FAMILY.legal(SPACE.columns(chosen)), strict=True):
        pairs = zip(FAMILY.every_fold, legal, strict=True)
        assert {fold for fold, yes in pairs if yes} == set(machine_of(point).folds(ARRAY))


def test_folds_cost_what_those_of_the_compiler_do(
    source: Network, network: NetworkOnFamily
) -> None:
    """Chains of configurations, switches included; of each layer's cheapest ones alone."""
    modes, folds = network.configurations
    ratios: list[float] = []
    for point in points(12, 3):
        module = source.on(machine_of(point))
        _, space = fold_space(module, source.store)
        columns = network.folds_of(SPACE.columns(np.array([point])))[0]
        mine = [
            space.columns.index(Configuration(ARRAY, int(modes[each]), folds[each]))
            for each in columns
        ]
        ratios.append(cost(space, np.array(mine)) / cost(space, all_together(space)))
    assert min(ratios) >= 1
    assert np.mean(ratios) < 1.02
    assert max(ratios) < 1.1


def test_cycles_and_energy_are_near_the_emulated_ones(network: NetworkOnFamily) -> None:
    """This network is the hardest: its layers are a few hundred cycles long."""
    errors: list[float] = []
    energies: list[float] = []
    for point in points(8, 4):
        run = run_of(network, point)
        program = compile_levels(fashion.int8_model(), machine_of(point)).program
        total = emulate(program, {}, values=False, check=False).report.total
        assert run.valid[0]
        assert total.picojoules
        errors.append(abs(int(run.timeline.cycles[0]) / total.cycles - 1))
        energies.append(abs(float(run.energy[0]) / total.picojoules - 1))
    assert np.mean(errors) < 0.1
    assert max(errors) < 0.3
    assert np.mean(energies) < 0.2


def test_cycles_are_integers_and_parts_sum_to_them(network: NetworkOnFamily) -> None:
    line = run_of(network, 12345).timeline
    assert line.cycles.dtype == np.int64
    assert sum(int(each[0]) for each in line.parts.values()) == int(line.cycles[0])
    assert all((each >= 0).all() for each in line.parts.values())


def test_all_weights_come_at_least_once(network: NetworkOnFamily) -> None:
    works = [layer.work for layer in network.layers_at(1024)]
    shapes = [work.shape for work in works if isinstance(work, Product)]
    fewest = sum(
        shape.groups * shape.k * (1 if shape.depthwise else shape.c) * int(np.prod(shape.kernel))
        for shape in shapes
    )
    for point in points(8, 5):
        assert int(run_of(network, point).timeline.total[0]) >= fewest


@pytest.mark.parametrize("name", ["dram", "port"])
def test_more_bandwidth_never_takes_more_cycles(network: NetworkOnFamily, name: str) -> None:
    """With the folds and tiles that it has; others are only taken where they are estimated less."""
    values = SPACE.parameter(name).values
    where = SPACE.names.index(name)
    for point in points(6, 7):
        places = np.repeat(SPACE.places(np.array([point])), len(values), axis=0)
        places[:, where] = np.arange(len(values))
        tariff = Tariff(FAMILY.machine, FAMILY.depends, load_technology(FAMILY.technology))
        cycles = network.run(SPACE.columns(SPACE.points(places)), tariff).timeline.cycles
        assert all(more <= 1.05 * less for less, more in pairwise(cycles.tolist())), point


def test_a_point_does_not_depend_on_the_others(source: Network) -> None:
    evaluator = MachineEvaluator([source], FAMILY)
    again: MachineEvaluator = pickle.loads(pickle.dumps(evaluator))
    assert evaluator.digest == again.digest
    places = SPACE.places(points(40, 6))
    places[:, SPACE.names.index("data")] %= 2  # layers are looked at anew for each value
    chosen = SPACE.points(places)
    whole = evaluated(evaluator, chosen)
    for number in (7, 0, 23):
        alone = evaluated(again, chosen[number : number + 1])
        for name, array in alone.items():
            assert array[0] == whole[name][number], name
