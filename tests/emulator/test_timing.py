"""Cycles of small programs, worked out by hand.

The machine `tiny`: DRAM moves 8 bytes a cycle in bursts of 8 with a latency of 4; each DMA class
has one port of 4 bytes a cycle; two arrays of 4 x 4 (skew 6, a row of weights a cycle); one vector
unit of 4 lanes; a configuration is 16 bytes and switching takes 2 cycles.
"""

from itertools import pairwise
from random import Random

import pytest
from tilefold.dialects.isa_operands import Ring
from tilefold.emulator.counters import Counters, LayerTime
from tilefold.emulator.footprint import Footprint, Plan
from tilefold.emulator.timing import time_program
from tilefold.emulator.tree import Step
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.machines.model import parse_machine
from tilefold.tests.costmodel.scalesim import COUNTS, Count
from tilefold.tests.emulator.harness import plan_of
from tilefold.tests.emulator.test_races import random_program
from tilefold.tests.support.programs import Builder, buffered, view

LATENCY = 4


def timed(builder: Builder) -> Counters:
    """Times the program; its code takes no bytes, so units start after one latency."""
    return time_program(plan_of(builder.code()), builder.machine, 0)


class Slices:
    """Listens to a run: what each unit did when."""

    def __init__(self) -> None:
        self.of: dict[str, list[tuple[int, int, str]]] = {}

    def spent(self, unit: str, start: int, end: int, what: str, step: Step | None) -> None:
        if what != "code":
            self.of.setdefault(unit, []).append((start - LATENCY, end - LATENCY, what))

    def signalled(self, step: Step, issued: int, fired: int) -> None:
        assert issued <= fired

    def waited(self, step: Step, received: int) -> None: ...

    def moved(self, start: int, end: int, size: int) -> None: ...

    def begins(self, step: Step, counters: tuple[int, ...]) -> None: ...

    def executed(self, footprint: Footprint, start: int, end: int) -> None:
        assert start <= end


def spent(builder: Builder, unit: str) -> list[tuple[int, int, str]]:
    """What a unit did, from the start of its queue on."""
    slices = Slices()
    time_program(plan_of(builder.code()), builder.machine, 0, slices)
    return slices.of.get(unit, [])


def load(builder: Builder, size: int, unit: str = "load", at: int = 0, to: int = 0) -> None:
    memory = "weights" if unit == "wload" else "data"
    builder.load(unit, view("dram", at, (size,)), view(memory, to, (size,)))


def test_a_load_takes_its_port_and_completes_a_latency_later() -> None:
    builder = Builder()
    load(builder, 64)
    counters = timed(builder)
    assert spent(builder, "load") == [(0, 16, "busy")]
    assert counters.cycles == LATENCY + 16 + LATENCY


def test_the_next_load_issues_before_the_latency_is_over() -> None:
    builder = Builder()
    for _ in range(3):
        load(builder, 64)
    assert timed(builder).cycles == LATENCY + 3 * 16 + LATENCY


def test_rows_pay_for_whole_bursts_and_beats() -> None:
    """Four runs of 5 bytes: two beats and one burst each; 8 port and 4 DRAM cycles."""
    builder = Builder()
    source = view("dram", 0, (4, 5), extents=(4, 16))
    builder.load("load", source, view("data", 0, (4, 5)))
    counters = timed(builder)
    assert spent(builder, "load") == [(0, 8, "busy")]
    assert sum(counters.bytes.values()) == 32 + 20


def test_clipped_elements_are_not_charged() -> None:
    builder = Builder()
    source = view("dram", 0, (64,), origins=(-40,), extents=(64,))
    builder.load("load", source, view("data", 0, (64,)))
    counters = timed(builder)
    assert spent(builder, "load") == [(0, 6, "busy")]
    assert {key.memory: size for key, size in counters.bytes.items()} == {"dram": 24, "data": 64}


def test_three_ports_share_the_dram() -> None:
    """Each transfer needs 16 cycles of its port and 8 of DRAM, which serves them in turn."""
    builder = Builder()
    load(builder, 64)
    load(builder, 64, "wload")
    builder.store("store", view("data", 128, (64,)), view("dram", 512, (64,)))
    counters = timed(builder)
    assert spent(builder, "load") == [(0, 16, "busy")]
    assert spent(builder, "wload") == [(0, 16, "busy")]
    assert spent(builder, "store") == [(0, 16, "busy"), (16, 24, "port")]
    assert counters.cycles == LATENCY + 24 + LATENCY


def test_a_token_overlaps_two_queues() -> None:
    """The second tile loads while the first is looked up."""
    builder = Builder()
    builder.sem(0)
    table = view("weights", 0, (256,))
    ring = Ring(2, 64, 1)
    with builder.loop(2):
        builder.load("load", view("dram", 0, (64,)), view("data", 0, (64,), ring=ring))
        builder.signal("load", 0)
        builder.wait("act", 0)
        source, target = view("data", 0, (64,), ring=ring), view("data", 256, (64,))
        builder.add("vlut", unit="act", src=source, table=table, dst=target)
    counters = timed(builder)
    assert spent(builder, "load") == [(0, 16, "busy"), (16, 32, "busy")]
    assert spent(builder, "act") == [(0, 20, "data"), (20, 36, "busy"), (36, 52, "busy")]
    assert counters.cycles == LATENCY + 52


@pytest.mark.parametrize(("depth", "cycles"), [(1, 4 * (20 + 16)), (2, 88)])
def test_double_buffering(depth: int, cycles: int) -> None:
    """With one buffer, load (16 + 4) and look-up (16) take turns; with two they overlap.

    Then loads run 0-16, 16-32, 36-52 (a buffer is free at 36), 52-68, and look-ups 20-36, 36-52,
    56-72, 72-88.
    """
    builder = buffered(depth)
    counters = timed(builder)
    assert counters.cycles == LATENCY + cycles
    if depth == 1:
        assert spent(builder, "load")[1] == (16, 36, "space")


def convolution(builder: Builder, unit: str, rows: int = 2) -> None:
    """A 1x1 convolution of 4 into 4 channels over rows x 8 pixels, and its array's cycles."""
    source, target = view("data", 0, (rows, 8, 4)), view("data", 1024, (rows, 8, 4))
    weights, par = view("weights", 0, (4, 1, 1, 4), "i8"), view("weights", 64, (4, 3), "i32")
    builder.conv(unit, source, weights, par, target)


def test_a_convolution_fills_streams_and_drains() -> None:
    """Fetch 2 + 4, switch 2; fill 4, stream 16 pixels, skew 6, drain 16 through the lanes."""
    builder = Builder()
    builder.group("configure", "conv.0")
    convolution(builder, "conv.0")
    counters = timed(builder)
    assert spent(builder, "conv.0") == [(0, 8, "reconfiguration"), (8, 28, "busy")]
    assert spent(builder, "act") == [(8, 24, "busy")]
    assert counters.cycles == LATENCY + 8 + 4 + 16 + 6 + 16
    assert counters.macs == {-1: 16 * 4 * 4}
    assert spent(builder, "conv.1") == []


def fits_on_chip(count: Count) -> bool:
    """Whether inputs and outputs fit the memory of data, and weights and parameters theirs."""
    data, weights = (load_machine(count.machine).memory(name).bytes for name in ("data", "weights"))
    return count.m * (count.k + count.n) <= data and count.n * (count.k + 16) <= weights


FITTING = [count for count in COUNTS if fits_on_chip(count)]


@pytest.mark.parametrize("count", FITTING, ids=lambda count: f"{count.dataflow}-{count.layer}")
def test_an_array_is_taken_as_long_as_scalesim_says(count: Count) -> None:
    """One instruction for the whole layer; SCALE-Sim numbers cycles from 0."""
    builder = Builder(load_machine(count.machine))
    source = view("data", 0, (1, count.m, count.k))
    target = view("data", count.m * count.k, (1, count.m, count.n))
    weights = view("weights", 0, (count.n, 1, 1, count.k), "i8")
    par = view("weights", -(-count.n * count.k // 4) * 4, (count.n, 3), "i32")
    builder.group("configure", "conv.0")
    builder.conv("conv.0", source, weights, par, target)
    busy = sum(end - start for start, end, what in spent(builder, "conv.0") if what == "busy")
    assert busy == count.cycles + 1


def test_a_group_spends_its_leaders_time() -> None:
    builder = Builder()
    builder.group("configure", "conv.0", 2)
    convolution(builder, "conv.0")
    assert spent(builder, "conv.0") == spent(builder, "conv.1")
    assert spent(builder, "conv.0")[1] == (10, 10 + 4 + 8, "busy")


def test_banks_hold_a_group_up() -> None:
    """Two units read the same bank: 8 pixels each take 16 cycles, after 4 to fill."""
    machine = parse_machine(
        load_machine("tiny").text.replace('holds = ["I"', 'conflicts = true, holds = ["I"'), "tiny"
    )
    builder = Builder(machine)
    builder.group("configure", "conv.0", 2)
    convolution(builder, "conv.0")
    assert spent(builder, "conv.0")[1] == (10, 10 + 4 + 16, "busy")


def test_two_arrays_share_the_lanes() -> None:
    """DRAM fetches one configuration after the other; the lanes take 16 cycles for each array."""
    builder = Builder()
    for unit in ("conv.0", "conv.1"):
        builder.group("configure", unit)
    for unit in ("conv.0", "conv.1"):
        convolution(builder, unit)
    counters = timed(builder)
    assert spent(builder, "conv.1")[0] == (0, 10, "reconfiguration")
    assert spent(builder, "act") == [(8, 24, "busy"), (24, 40, "busy")]
    assert counters.cycles == LATENCY + 10 + 4 + 16 + 6 + 16


def test_a_vector_instruction_waits_for_the_lanes() -> None:
    """The array takes the lanes from 8 to 24; then the second look-up gets them."""
    builder = Builder()
    builder.group("configure", "conv.0")
    convolution(builder, "conv.0")
    table = view("weights", 0, (256,))
    for _ in range(2):
        source, target = view("data", 0, (32,)), view("data", 2048, (32,))
        builder.add("vlut", unit="act", src=source, table=table, dst=target)
    counters = timed(builder)
    busy = [piece for piece in spent(builder, "act") if piece[2] == "busy"]
    assert busy == [(0, 8, "busy"), (8, 24, "busy"), (24, 32, "busy")]
    assert counters.times[LayerTime("act", -1, "busy")] == 32
    assert {key.what for key in counters.times if key.unit == "act"} == {"code", "busy"}


def test_prefetch_leaves_the_switch_alone() -> None:
    """Fetch of the second configuration (6 cycles) overlaps the first convolution."""
    plain, ahead = Builder(), Builder()
    for builder in (plain, ahead):
        builder.group("configure", "conv.0", mode=1)
        if builder is ahead:
            builder.group("prefetch", "conv.0")
        convolution(builder, "conv.0")
        builder.group("configure", "conv.0")
    slow, fast = timed(plain), timed(ahead)
    assert slow.cycles - fast.cycles == 6
    assert fast.reconfiguration_cycles == {-1: 8 + 2}
    assert slow.reconfigurations == fast.reconfigurations == {-1: 2}


def test_configure_waits_for_the_whole_group() -> None:
    builder = Builder()
    builder.group("configure", "conv.0")
    builder.group("configure", "conv.1")
    convolution(builder, "conv.1")
    builder.group("configure", "conv.0", 2)
    counters = timed(builder)
    done = 10 + 4 + 16 + 6 + 16
    assert spent(builder, "conv.0")[1:] == [
        (8, done, "configuration"),
        (done, done + 4 + 4 + 2, "reconfiguration"),
    ]
    assert counters.cycles == LATENCY + done + 10


def test_units_released_by_a_smaller_group_can_be_configured() -> None:
    builder = Builder()
    builder.group("configure", "conv.0", 2)
    convolution(builder, "conv.0")
    builder.group("configure", "conv.0")
    builder.group("configure", "conv.1")
    convolution(builder, "conv.1")
    assert timed(builder).reconfigurations == {-1: 3}


def test_a_member_does_not_compute() -> None:
    builder = Builder()
    builder.group("configure", "conv.1")
    builder.group("configure", "conv.0", 2)
    convolution(builder, "conv.1")
    with pytest.raises(TilefoldError, match=r"conv.1 leads no group here; configure it first"):
        timed(builder)


def test_deadlock_names_queues_and_semaphores() -> None:
    builder = Builder()
    for number in range(2):
        builder.sem(number)
    builder.layer("conv1")
    builder.wait("load", 1)
    builder.signal("load", 0)
    builder.wait("act", 0)
    builder.signal("act", 1)
    with pytest.raises(TilefoldError) as error:
        timed(builder)
    assert str(error.value) == (
        "deadlock: load at instruction 2 (wait on load) waits for semaphore 1; "
        "act at instruction 4 (wait on act) waits for semaphore 0"
    )


def test_deadlock_of_a_configure_names_the_units() -> None:
    builder = Builder()
    builder.group("configure", "conv.0", 2)
    builder.group("configure", "conv.1")
    with pytest.raises(
        TilefoldError, match=r"conv.1 at .* \(configure on conv.1\) waits for conv.0"
    ):
        timed(builder)


def test_signals_beyond_the_credits_must_be_awaited() -> None:
    builder = Builder()
    builder.sem(0, credits=1)
    builder.wait("act", 0)
    for _ in range(3):
        builder.signal("load", 0)
    with pytest.raises(TilefoldError, match="semaphore 0: 2 signals are never awaited"):
        timed(builder)


def test_layers_sum_to_the_total() -> None:
    builder = Builder()
    builder.group("configure", "conv.0")
    for name in ("a", "b", "c"):
        builder.layer(name)
        load(builder, 64)
        convolution(builder, "conv.0")
    program = builder.program()
    counters = time_program(Plan.of(program), builder.machine, 100)
    assert sum(counters.layer_cycles().values()) == counters.cycles


def test_every_cycle_of_every_unit_is_accounted_for() -> None:
    """Random programs: a unit does one thing at a time, and layers sum to the total."""
    checked = 0
    for seed in range(200):
        builder = random_program(Random(seed))
        slices = Slices()
        try:
            counters = time_program(plan_of(builder.code()), builder.machine, 0, slices)
        except TilefoldError:
            continue
        checked += 1
        for unit, pieces in slices.of.items():
            busy = [piece for piece in sorted(pieces) if piece[2] == "busy"]
            ordered = busy if unit == "act" else sorted(pieces)
            assert all(a[1] <= b[0] for a, b in pairwise(ordered)), (seed, unit)
            times = {key.what: c for key, c in counters.times.items() if key.unit == unit}
            assert 0 < sum(times.values()) <= counters.cycles
            assert times.get("busy", 0) == sum(end - start for start, end, _ in busy)
            assert sum(times.values()) - LATENCY == covered(pieces)
        assert sum(counters.layer_cycles().values()) == counters.cycles
        assert timed(builder) == counters
    assert checked > 100


def covered(pieces: list[tuple[int, int, str]]) -> int:
    """Cycles that at least one of the pieces covers."""
    return len({cycle for start, end, _ in pieces for cycle in range(start, end)})
