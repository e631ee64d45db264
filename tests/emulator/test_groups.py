"""Groups of units that form, divide and meet again: the emulator beside docs/folds.md."""

import re
from functools import cache
from random import Random

import pytest
from tilefold.compiler import context_for
from tilefold.dialects import schedule
from tilefold.dialects.fabric import FoldAttr
from tilefold.dialects.store import Store
from tilefold.emulator.timing import time_program
from tilefold.machines import load_machine
from tilefold.machines.model import Machine, parse_machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.schedule_drop_configure import ScheduleDropConfigurePass
from tilefold.passes.schedule_prefetch_configure import SchedulePrefetchConfigurePass
from tilefold.passes.schedule_release_units import ScheduleReleaseUnitsPass
from tilefold.tests.emulator.harness import plan_of
from tilefold.tests.support.group_choices import Choice, makespan
from tilefold.tests.support.programs import Builder, view
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region

UNITS = 6
LATENCY = 40
"""Cycles of DRAM; a configuration takes one more, as many bytes as it may have."""
SWITCH = 7
CASES = 200


@cache
def machine(shadow: bool) -> Machine:
    """`tiny` with six units, many lanes, and a DRAM in which fetches hardly meet."""
    text = load_machine("tiny").text
    changes = {
        r"bytes_per_cycle = 8,": "bytes_per_cycle = 4096,",
        r"latency_cycles = 4,": f"latency_cycles = {LATENCY},",
        r"@conv {count = 2": f"@conv {{count = {UNITS}",
        r"@act {lanes = 4,": "@act {count = 64, lanes = 64,",
        r"switch_cycles = 2": f"switch_cycles = {SWITCH}",
        r"shadow = true": f"shadow = {str(shadow).lower()}",
    }
    for old, new in changes.items():
        text, count = re.subn(re.escape(old), new, text)
        assert count == 1, old
    return parse_machine(text, "six")


def fold(first: int, units: int) -> FoldAttr:
    return FoldAttr.get("conv", first=first, pixels=units)


def convolution(builder: Builder, unit: str, pixels: int) -> None:
    weights, par = view("weights", 0, (4, 1, 1, 4), "i8"), view("weights", 64, (4, 3), "i32")
    source, target = view("data", 0, (1, pixels, 4)), view("data", 4 * pixels, (1, pixels, 4))
    builder.conv(unit, source, weights, par, target)


def cycles_of(builder: Builder) -> int:
    """Cycles from when the units can start."""
    return time_program(plan_of(builder.code()), builder.machine, 0).cycles - LATENCY


@cache
def choice(shadow: bool, first: int, units: int, pixels: int) -> Choice:
    """A convolution on a group, and what it costs by itself in the emulator."""
    busy: list[int] = []
    for repeats in (1, 2):
        builder = Builder(machine(shadow))
        builder.group("configure", f"conv.{first}", units)
        for _ in range(repeats):
            convolution(builder, f"conv.{first}", pixels)
        busy.append(cycles_of(builder))
    cycles = busy[1] - busy[0]
    latency = busy[0] - cycles - LATENCY - 1 - SWITCH
    return Choice(fold(first, units), cycles, latency, LATENCY + 1, SWITCH, shadow)


def lowered(choices: list[Choice], pixels: list[int], shadow: bool) -> tuple[Builder, int]:
    """The program of layers in order, and how many groups are configured just to give up units."""
    block = Block()
    for each in choices:
        signal = schedule.SignalOp(f"conv.{each.leader[1]}")
        block.add_ops([schedule.ConfigureOp(each.fold), signal])
    module = ModuleOp([schedule.ProgramOp("main", "six", Region(block))])
    attach_machine(module, machine(shadow))
    context = context_for(Store())
    ScheduleDropConfigurePass().apply(context, module)
    needed = len(_configurations(block))
    ScheduleReleaseUnitsPass().apply(context, module)
    shrunk = len(_configurations(block)) - needed
    SchedulePrefetchConfigurePass().apply(context, module)
    builder, left = Builder(machine(shadow)), list(pixels)
    for op in block.ops:
        if isinstance(op, schedule.SignalOp):
            convolution(builder, op.unit.data, left.pop(0))
        else:
            assert isinstance(op, schedule.ConfigureOp | schedule.PrefetchOp)
            numbers = op.fold.numbers()
            unit = f"conv.{numbers.pop('first')}"
            builder.add(op.name.removeprefix("schedule."), unit=unit, **numbers)
    return builder, shrunk


def _configurations(block: Block) -> list[schedule.ConfigureOp]:
    return [op for op in block.ops if isinstance(op, schedule.ConfigureOp)]


def _loses_its_first(choices: list[Choice]) -> bool:
    """Whether a group gives its first unit, but not all, to another one."""
    groups: list[Choice] = []
    for each in choices:
        torn = [group for group in groups if group.units & each.units]
        if any(group.leader in each.units and not group.units <= each.units for group in torn):
            return True
        groups = [group for group in groups if group not in torn] + [each]
    return False


@pytest.mark.parametrize("shadow", [False, True])
def test_time_is_that_of_the_formula(shadow: bool) -> None:
    """Random layers on random groups: no layer waits for another one but through its units.

    Fetches at the same time wait for each other, a cycle each. The formula is a bound where it
    leaves something out: a group that is configured only to give up units, or one that loses its
    first unit, whose others are free no sooner than that is configured anew.
    """
    exact = 0
    for seed in range(CASES):
        rng = Random(seed)
        layers = rng.randint(2, 7)
        pixels = [rng.choice((4, 20, 60, 200)) for _ in range(layers)]
        sizes = [rng.choice((1, 2, 3, 3, 6)) for _ in range(layers)]
        firsts = [rng.choice(range(0, UNITS - size + 1, size)) for size in sizes]
        places = zip(firsts, sizes, pixels, strict=True)
        choices = [choice(shadow, *place) for place in places]
        builder, shrunk = lowered(choices, pixels, shadow)
        expected = makespan(choices, range(layers), [frozenset()] * layers)
        taken = cycles_of(builder)
        assert expected <= taken, f"seed {seed}"
        if not shrunk and not _loses_its_first(choices):
            exact += 1
            assert taken <= expected + layers, f"seed {seed}"
    assert CASES / 4 < exact < CASES
