"""Neither the shortcut through settled loops nor the compiled loop changes what is counted.

The loop in Python that follows every event is what both are held to.
"""

from functools import partial
from importlib.util import find_spec
from random import Random

import pytest
from tilefold.backend.program import Program
from tilefold.dialects.isa_operands import Affine, Ring
from tilefold.emulator.costs import Costs
from tilefold.emulator.counters import Counters
from tilefold.emulator.footprint import Plan
from tilefold.emulator.queues import PULSE
from tilefold.emulator.timing import time_program
from tilefold.errors import TilefoldError
from tilefold.machines import names
from tilefold.machines.model import Machine, parse_machine
from tilefold.tests.emulator.test_races import random_program
from tilefold.tests.support.chunks import chunks
from tilefold.tests.support.compiled_networks import compiled_network, shipped_on
from tilefold.tests.support.programs import Builder, view

CHUNK = 50
QUICK, CASES = 100, 350


def counted(program: Program, machine: Machine, shortcut: bool) -> tuple[Counters, int]:
    """The counters of a program, in Python, and how many times it took `PULSE` events."""
    plan = Plan.of(program)
    pulses: list[int] = []
    counters = time_program(
        plan, machine, 1000, shortcut=shortcut, compiled=False, pulse=pulses.append
    )
    return counters, len(pulses)


def compiled(program: Program, machine: Machine) -> Counters:
    """The counters of the compiled loop; a second run, with charges known, has the same ones.

    Where it falls back on the loop in Python, that has something to complain about.
    """
    if find_spec("numba") is None:
        pytest.skip("without numba there is no compiled loop")
    from tilefold.emulator.compiled_timing import CompiledTiming

    plan = Plan.of(program)
    timing = CompiledTiming(Costs(plan, machine), 1000)
    first, second = timing.run(), timing.run()
    assert first == second
    if first is None:
        time_program(plan, machine, 1000)
        raise AssertionError("the compiled loop gave up on a program that is right")
    return first


def check_same(program: Program) -> tuple[int, int]:
    """All ways give the same counters; returns how long Python took, in units of `PULSE` events."""
    machine = parse_machine(program.machine_text, "machine")
    (plain, slow), (short, fast) = (counted(program, machine, way) for way in (False, True))
    assert short == plain
    assert compiled(program, machine) == plain
    assert short.cycles > short.start > 0
    return slow, fast


def sweep(iterations: int, depth: int, edge: int = 0, inner: int = 1) -> Program:
    """Loads, look-ups and stores of 16-byte tiles through rings; the last `edge` rows are short."""
    builder = Builder()
    builder.layer("sweep")
    for number, credits in enumerate((0, depth, 0, depth)):
        builder.sem(number, credits)
    rows = iterations * inner
    table = view("weights", 0, (256,))
    origin = Affine.of(0, {0: 2 * inner, 1: 2})
    extents = (2 * rows - edge, 8)
    ring = Ring(depth, 16, 2)
    source = view("dram", 0, (2, 8), origins=(origin, 0), extents=extents)
    tile, result = view("data", 0, (2, 8), ring=ring), view("data", 1024, (2, 8), ring=ring)
    target = view("dram", 1 << 20, (2, 8), origins=(origin, 0), extents=extents)
    with builder.loop(iterations), builder.loop(inner):
        builder.wait("load", 1)
        builder.load("load", source, tile)
        builder.signal("load", 0)
        builder.wait("act", 0)
        builder.wait("act", 3)
        builder.add("vlut", unit="act", src=tile, table=table, dst=result)
        builder.signal("act", 1)
        builder.signal("act", 2)
        builder.wait("store", 2)
        builder.store("store", result, target)
        builder.signal("store", 3)
    return builder.program()


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("edge", [0, 1, 5])
@pytest.mark.parametrize("inner", [1, 7])
def test_a_settled_loop_is_not_followed_to_its_end(depth: int, edge: int, inner: int) -> None:
    slow, fast = check_same(sweep(6000 // inner, depth, edge, inner))
    assert slow >= 6000 // inner * inner * 11 // PULSE > 7
    assert fast == 0


def test_alternating_costs_settle_too() -> None:
    """Every third tile of a ring of three is short: the period is three iterations."""
    builder = Builder()
    builder.sem(0)
    builder.sem(1, 2)
    with builder.loop(1000), builder.loop(3):
        tile = view("dram", 0, (8, 8), origins=(Affine.of(0, {1: 3}), 0), extents=(9, 8))
        builder.wait("load", 1)
        builder.load("load", tile, view("data", 0, (8, 8), ring=Ring(2, 64, 2)))
        builder.signal("load", 0)
        builder.wait("store", 0)
        source = view("data", 0, (8, 8), ring=Ring(2, 64, 2))
        builder.store("store", source, view("dram", 1 << 16, (8, 8)))
        builder.signal("store", 1)
    slow, fast = check_same(builder.program())
    assert (slow, fast) == (18000 // PULSE, 0)


def test_configurations_within_a_loop_settle() -> None:
    """Two modes take turns, the second one fetched ahead."""
    builder = Builder()
    source, target = view("data", 0, (2, 8, 4)), view("data", 1024, (2, 8, 4))
    weights, par = view("weights", 0, (4, 1, 1, 4), "i8"), view("weights", 64, (4, 3), "i32")
    with builder.loop(3000):
        builder.group("configure", "conv.0", 2)
        builder.group("prefetch", "conv.0", 2, mode=1)
        builder.conv("conv.0", source, weights, par, target)
        builder.group("configure", "conv.0", 2, mode=1)
        builder.conv("conv.0", source, weights, par, target)
    slow, fast = check_same(builder.program())
    assert slow >= 2
    assert fast == 0


@pytest.mark.parametrize("name", names())
def test_the_shipped_network(name: str) -> None:
    check_same(shipped_on(name).program)


@pytest.mark.parametrize("start", chunks(CHUNK, QUICK, CASES))
def test_random_networks_on_random_machines(start: int) -> None:
    """Half of them on a machine whose memories are so small that loops are long."""
    cases = 0
    for seed in range(start, start + CHUNK):
        program = compiled_network(seed)
        if program is None:
            continue
        cases += 1
        try:
            check_same(program)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert cases > 0.8 * CHUNK


def test_random_tokens_and_configurations() -> None:
    """Many of them are stuck: they say so in the same words either way."""
    seen = {"runs": 0, "stops": 0}
    for seed in range(500):
        builder = random_program(Random(seed), longest=40)
        program = builder.program()
        results: list[object] = []
        for way in (partial(counted, shortcut=False), partial(counted, shortcut=True), compiled):
            try:
                result = way(program, builder.machine)
                results.append(result[0] if isinstance(result, tuple) else result)
            except TilefoldError as error:
                results.append(str(error))
        assert results[0] == results[1] == results[2], seed
        seen["stops" if isinstance(results[0], str) else "runs"] += 1
    assert min(seen.values()) > 50, seen


def test_time_runs_in_the_compiled_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it can; the queues in Python are not even made."""
    program = shipped_on("dna_a600").program
    machine = parse_machine(program.machine_text, "machine")
    expected = compiled(program, machine)
    monkeypatch.setattr("tilefold.emulator.timing.Queues", None)
    plan = Plan.of(program)
    assert time_program(plan, machine, 1000) == expected
