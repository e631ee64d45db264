"""Classes and shifted regions against footprints resolved for every iteration."""

from random import Random

import numpy as np
import pytest
from tilefold.emulator.accesses import Accesses, Region, byte_region
from tilefold.emulator.footprint import Footprint, Plan
from tilefold.emulator.tree import Counters, Step, walk
from tilefold.tests.emulator.harness import plan_of
from tilefold.tests.emulator.test_races import random_program
from tilefold.tests.support.compiled_networks import compiled_network


def touched(region: Region) -> set[int]:
    """The bytes of a region."""
    if region.indices is not None:
        return set(region.indices.tolist())
    every = np.full((1,) * len(region.counts), region.first)
    for dim, (count, stride) in enumerate(zip(region.counts, region.strides, strict=True)):
        shape = [1] * len(region.counts)
        shape[dim] = count
        every = every + (np.arange(count) * stride).reshape(shape)
    return set(every.reshape(-1).tolist())


def shape(footprint: Footprint) -> object:
    """What costs depend on."""
    boxes = {name: (box.low, box.counts) for name, box in footprint.boxes.items()}
    return boxes, footprint.first, footprint.last


def check_plan(plan: Plan) -> int:
    """Every iteration has the shape of its class, and touches its regions; how many there were."""
    count = 0
    for step, counters in walk(plan.tree.body):
        if plan.views(step):
            check_iteration(plan, step, counters)
            count += 1
    return count


def check_iteration(plan: Plan, step: Step, counters: Counters) -> None:
    classes = plan.classes(step)
    footprint = plan.footprint(step, counters)
    example = plan.footprint(step, classes.examples[classes.at(counters)])
    assert shape(footprint) == shape(example)
    expected = [(box.memory, False, touched(byte_region(box))) for box in footprint.reads]
    expected += [(box.memory, True, touched(byte_region(box))) for box in footprint.writes]
    accesses = Accesses(plan, step).at(counters)
    actual = [(t.box.memory, t.write, touched(t.region(shift, 1))) for t, shift in accesses]
    assert actual == expected


@pytest.mark.parametrize("start", (0, 10, 20))
def test_compiled_programs(start: int) -> None:
    checked = 0
    for seed in range(start, start + 10):
        program = compiled_network(seed)
        if program and len(program.code.instructions) < 400:
            plan = Plan.of(program)
            checked += check_plan(plan)
    assert checked > 100


def test_random_views() -> None:
    """Elements of 4 bits, rings and tiles that are clipped on all sides."""
    assert sum(check_plan(plan_of(random_program(Random(s)).code())) for s in range(150)) > 500
