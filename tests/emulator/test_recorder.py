"""What recordings hold: slices, tokens, the turns at the DRAM and the occupancy of memories."""

from collections import Counter
from functools import cache

import numpy as np
import pytest
from tilefold.backend.encoding import encode
from tilefold.backend.program import Program
from tilefold.emulator import Recording, Report, emulate
from tilefold.emulator.condense import bandwidth, condense, crests
from tilefold.emulator.counters import BUSY
from tilefold.emulator.footprint import Plan
from tilefold.emulator.occupancy import Steps
from tilefold.emulator.recorder import Recorder
from tilefold.emulator.timing import time_program
from tilefold.emulator.tree import walk
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.tests.emulator.harness import plan_of
from tilefold.tests.support.compiled_networks import shipped_on
from tilefold.tests.support.programs import Builder, buffered, view

LATENCY = 4
MACHINES = ("tiny", "tpu_like", "dna_f100", "dna_a600")


@cache
def fashion_run(machine: str) -> tuple[Program, Report, Recording]:
    program = shipped_on(machine).program
    result = emulate(program, {}, values=False, record=True)
    assert result.recording
    return program, result.report, result.recording


def recorded(builder: Builder) -> Recording:
    """The recording of a program whose code takes no bytes: units start after one latency."""
    plan = plan_of(builder.code())
    recorder = Recorder(plan, builder.machine)
    return recorder.recording(time_program(plan, builder.machine, 0, recorder).cycles)


def test_tokens_pair_signals_with_waits_after_the_credits() -> None:
    recording = recorded(buffered(depth=2))
    tokens, load, act = recording.tokens, *map(recording.units.index, ("load", "act"))
    full = tokens.semaphore == 0
    assert (tokens.sender[full] == load).all() and (tokens.receiver[full] == act).all()
    assert (tokens.issued[full] - LATENCY).tolist() == [16, 32, 52, 68]
    assert (tokens.fired[full] - LATENCY).tolist() == [20, 36, 56, 72]
    assert (tokens.received[full] - LATENCY).tolist() == [20, 36, 56, 72]
    free = ~full
    assert (tokens.sender[free] == act).all() and (tokens.receiver[free] == load).all()
    assert (tokens.fired[free] - LATENCY).tolist() == [36, 52]
    assert (tokens.received[free] - LATENCY).tolist() == [36, 52]


def test_iterations_and_instructions_of_slices() -> None:
    recording = recorded(buffered(depth=2))
    slices = recording.slices
    busy = (slices.unit == recording.units.index("load")) & (slices.what == 0)
    assert slices.iteration[busy].tolist() == [0, 1, 2, 3]
    assert set(slices.instruction[busy].tolist()) == {4}
    stalled = slices.instruction == 3
    assert slices.iteration[stalled].tolist() == [-1]
    assert recording.whats[int(slices.what[stalled][0])] == "space"


def test_occupancy_of_a_ring_and_of_what_nobody_reads() -> None:
    """A tile lives from its load's start to its look-up's end; results die when complete."""
    data = recorded(buffered(depth=2)).occupancy["data"]
    steps = dict(zip((data.time - LATENCY).tolist(), data.value.tolist(), strict=True))
    tiles = {0: 64, 16: 128, 36: 64 + 64, 52: 64 + 64, 72: 64, 88: 0}
    results = {20: 64, 36: 64, 52: 0, 56: 64, 72: 64, 88: 0}
    times = sorted({*tiles, *results, -LATENCY})
    expected: dict[int, int] = {}
    for time in times:
        value = _at(tiles, time) + _at(results, time)
        if not expected or value != list(expected.values())[-1]:
            expected[time] = value
    assert steps == expected


def _at(function: dict[int, int], time: int) -> int:
    return next((v for t, v in sorted(function.items(), reverse=True) if t <= time), 0)


def test_turns_at_the_dram() -> None:
    turns = recorded(buffered(depth=2)).turns
    taken = turns.end > turns.start  # there is no code to fetch
    assert (turns.start[taken] - LATENCY).tolist() == [0, 16, 36, 52]
    assert (turns.end - turns.start)[taken].tolist() == [8] * 4
    assert turns.size.tolist() == [0] * (~taken).sum() + [64] * 4


def test_slices_of_a_draining_vector_class_are_disjoint() -> None:
    """`act` drains the array from 8 to 24 while its own queue waits from 8 to 24."""
    builder = Builder()
    builder.group("configure", "conv.0")
    weights, par = view("weights", 0, (4, 1, 1, 4), "i8"), view("weights", 64, (4, 3), "i32")
    source, target = view("data", 0, (2, 8, 4)), view("data", 1024, (2, 8, 4))
    builder.conv("conv.0", source, weights, par, target)
    table = view("weights", 0, (256,))
    for _ in range(2):
        source, target = view("data", 0, (32,)), view("data", 2048, (32,))
        builder.add("vlut", unit="act", src=source, table=table, dst=target)
    recording = recorded(builder)
    slices = recording.slices
    mine = slices.unit == recording.units.index("act")
    rows = zip(
        slices.start[mine] - LATENCY, slices.end[mine] - LATENCY, slices.what[mine], strict=True
    )
    whats = [(int(s), int(e), recording.whats[w]) for s, e, w in rows]
    assert whats == [(-4, 0, "code"), (0, 8, BUSY), (8, 24, BUSY), (24, 32, BUSY)]


@pytest.mark.parametrize("machine", MACHINES)
def test_recordings_agree_with_reports(machine: str) -> None:
    program, report, recording = fashion_run(machine)
    slices = recording.slices
    assert report.total.cycles == recording.cycles
    same = slices.unit[1:] == slices.unit[:-1]
    assert (slices.end[:-1] <= slices.start[1:])[same].all()
    for number, unit in enumerate(recording.units):
        mine = slices.unit == number
        cycles = np.zeros(len(recording.whats), np.int64)
        np.add.at(cycles, slices.what[mine], (slices.end - slices.start)[mine])
        time = report.total.units[unit]
        expected = {BUSY: time.busy, **time.stalls}
        actual = dict(zip(recording.whats, cycles.tolist(), strict=True))
        assert {k: v for k, v in actual.items() if v} == {k: v for k, v in expected.items() if v}
    code, *transfers = recording.turns.size.tolist()
    burst = load_machine(machine).dram.burst
    assert len(encode(program.code)) <= code < len(encode(program.code)) + burst
    rows = report.layers[: len(program.layers)]
    assert sum(transfers) == sum(sum(row.bytes.get("dram", {}).values()) for row in rows)


@pytest.mark.parametrize("machine", MACHINES)
def test_recording_changes_nothing(machine: str) -> None:
    program, report, _ = fashion_run(machine)
    assert emulate(program, {}, values=False).report.to_json() == report.to_json()


@pytest.mark.parametrize("machine", MACHINES)
def test_occupancy_is_that_of_every_byte_alone(machine: str) -> None:
    """Against a count byte by byte, in program order, with the times of the instructions' ends."""
    program = shipped_on(machine).program
    plan = Plan.of(program)
    times = _Times(plan, program)
    for name, steps in times.recording.occupancy.items():
        assert steps.value.min() >= 0 and steps.value[-1] == 0
        assert np.array_equal(steps.value, times.naive(name, steps.time)), name


class _Times(Recorder):
    """Notes when each dynamic instruction ran, to count live bytes naively."""

    def __init__(self, plan: Plan, program: Program) -> None:
        from tilefold.machines.model import parse_machine

        machine = parse_machine(program.machine_text, "machine")
        super().__init__(plan, machine)
        self.plan = plan
        self.ran: dict[tuple[int, tuple[int, ...]], tuple[int, int]] = {}
        self.sizes = {memory.name: memory.bytes for memory in machine.memories}
        counters = time_program(plan, machine, len(encode(program.code)), self)
        self.recording = self.recording(counters.cycles)  # type: ignore[method-assign, assignment]

    def executed(self, footprint, start, end):  # type: ignore[no-untyped-def]
        super().executed(footprint, start, end)
        step, counters = self._now
        self.ran[step.index, counters] = start, end

    def naive(self, memory: str, times: np.ndarray) -> np.ndarray:
        """Live bytes at `times`: births and deaths of each byte, kept in dictionaries."""
        lives: Counter[tuple[int, int]] = Counter()
        current: dict[int, tuple[int, int]] = {}
        for step, counters in walk(self.plan.tree.body):
            if (step.index, counters) not in self.ran:
                continue
            start, end = self.ran[step.index, counters]
            footprint = self.plan.footprint(step, counters)
            for box in footprint.reads:
                if box.memory == memory:
                    for byte in _bytes(box):
                        born, dead = current[byte]
                        current[byte] = born, max(dead, end)
            for box in footprint.writes:
                if box.memory == memory:
                    for byte in _bytes(box):
                        if byte in current:
                            born, dead = current[byte]
                            lives[born, min(dead, start)] += 1
                        current[byte] = start, end
        lives.update(current.values())
        return np.array(
            [sum(n for (born, dead), n in lives.items() if born <= t < dead) for t in times]
        )


def _bytes(box) -> list[int]:  # type: ignore[no-untyped-def]
    address = np.array(box.start)
    for count, stride in zip(box.counts, box.strides, strict=True):
        address = address[..., None] + np.arange(count) * stride * box.type.bits
    bits = address[..., None] + np.arange(box.type.bits)
    return np.unique(bits // 8).tolist()


@pytest.mark.parametrize("limit", [1, 30, 300, 10**6])
def test_condensing_keeps_cycles_and_order(limit: int) -> None:
    _, _, recording = fashion_run("tiny")
    pieces, slices = condense(recording, limit), recording.slices
    same = pieces.unit[1:] == pieces.unit[:-1]
    assert (pieces.end[:-1] <= pieces.start[1:])[same].all()
    assert pieces.slices.sum() == len(slices.unit)
    for number in range(len(recording.units)):
        cycles = pieces.cycles[pieces.unit == number].sum(axis=0)
        mine = slices.unit == number
        expected = np.bincount(
            slices.what[mine], (slices.end - slices.start)[mine], len(recording.whats)
        )
        assert np.array_equal(cycles, expected)
    assert (pieces.cycles.sum(axis=1) <= pieces.end - pieces.start).all()
    assert len(pieces.unit) <= max(limit, 2 * len(recording.units))
    busiest = pieces.cycles.max(axis=1)
    assert (pieces.cycles[np.arange(len(busiest)), pieces.what] == busiest).all()
    if limit > len(slices.unit):
        assert len(pieces.unit) == len(slices.unit)
        assert np.array_equal(pieces.instruction, slices.instruction)


@pytest.mark.parametrize("bins", [1, 7, 1000, 10**6])
def test_bandwidth_keeps_bytes(bins: int) -> None:
    _, _, recording = fashion_run("tiny")
    edges, rates = bandwidth(recording, bins)
    assert len(edges) - 1 == len(rates) == min(bins, recording.cycles)
    assert (rates * np.diff(edges)).sum() == pytest.approx(recording.turns.size.sum())
    assert rates.min() >= 0
    assert rates.max() <= 8 + 1e-9  # bytes a cycle of the DRAM of tiny


def test_crests_are_the_highest_values() -> None:
    steps = Steps(np.array([0, 3, 4, 10, 35, 36]), np.array([0, 5, 2, 1, 9, 0]))
    short = crests(steps, 40, 4)
    assert short.time.tolist() == [0, 10, 20, 30]
    assert short.value.tolist() == [5, 1, 1, 9]
    assert crests(steps, 40, 6) is steps


def test_recording_needs_time() -> None:
    with pytest.raises(TilefoldError, match="without time there is nothing to record"):
        emulate(shipped_on("tiny").program, {}, values=False, time=False, record=True)


def test_an_access_outside_a_memory_is_an_error() -> None:
    builder = Builder()
    builder.load("load", view("dram", 0, (64,)), view("data", 4090, (64,)))
    with pytest.raises(TilefoldError, match=r"instruction 0 .*data\[0xffa..0x1039\] is outside"):
        recorded(builder)
