"""Traces: the format, strictly, and that they tell what was recorded."""

import json
from functools import cache

import pytest
from tilefold.emulator.trace import chrome_trace
from tilefold.tests.emulator.test_recorder import MACHINES, fashion_run
from tilefold.tests.support.trace_format import Slice, Trace


@cache
def trace(machine: str, limit: int = 10**9) -> Trace:
    program, report, recording = fashion_run(machine)
    return Trace(chrome_trace(program, report, recording, limit))


def nanoseconds(cycle: int, hz: int) -> int:
    return round(cycle * 10**9 / hz)


def check_times(piece: Slice, hz: int) -> None:
    """A slice's times are its exact cycles, in whole nanoseconds."""
    start, cycles = piece.event["args"]["start"], piece.event["args"]["cycles"]
    assert piece.end is not None
    assert round(piece.start * 1000) == nanoseconds(start, hz)
    assert round(piece.end * 1000) == nanoseconds(start + cycles, hz)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_slice_of_the_recording_is_there(machine: str) -> None:
    program, report, recording = fashion_run(machine)
    for number, unit in enumerate(recording.units):
        pieces = trace(machine).track(unit)
        mine = recording.slices.unit == number
        assert len(pieces) == mine.sum()
        columns = (recording.slices.start, recording.slices.what, recording.slices.layer)
        rows = zip(*(column[mine].tolist() for column in columns), strict=True)
        for piece, (start, what, layer) in zip(pieces, rows, strict=True):
            check_times(piece, report.hz)
            assert piece.event["args"]["start"] == start
            name = program.layers[layer] if layer >= 0 else "(program)"
            cause = recording.whats[what]
            assert piece.event["name"] == (name if what == 0 else f"{cause}: {name}")
            assert piece.event["cat"] == cause


@pytest.mark.parametrize("machine", MACHINES)
def test_slices_name_the_instruction_of_their_unit(machine: str) -> None:
    program, _, recording = fashion_run(machine)
    for unit in recording.units:
        for piece in trace(machine).track(unit):
            args = piece.event["args"]
            if piece.event["cat"] == "code":
                assert "instruction" not in args
                continue
            instruction = program.code.instructions[args["instruction"]]
            assert args["text"].startswith(instruction.mnemonic)
            if piece.event["cat"] == "busy" and instruction.mnemonic in ("load", "store"):
                assert instruction.unit == unit


@pytest.mark.parametrize("machine", MACHINES)
def test_layers_follow_one_another(machine: str) -> None:
    program, report, _ = fashion_run(machine)
    pieces = trace(machine).track("layer")
    rows = [row for row in report.layers[: len(program.layers)] if row.cycles]
    assert [piece.event["name"] for piece in pieces] == [row.name for row in rows]
    cycles = [piece.event["args"]["cycles"] for piece in pieces]
    assert cycles[1:] == [row.cycles for row in rows[1:]]  # the first one waited for the code
    ends = [0.0, *(piece.end for piece in pieces if piece.end is not None)]
    assert [piece.start for piece in pieces] == ends[:-1]
    assert round(ends[-1] * 1000) == nanoseconds(report.total.cycles, report.hz)


@pytest.mark.parametrize("machine", MACHINES)
def test_flows_lead_from_sender_to_receiver(machine: str) -> None:
    _, _, recording = fashion_run(machine)
    tokens = recording.tokens
    made, flows = len(tokens.sender), trace(machine).flows
    assert made - len(recording.units) ** 2 <= len(flows) <= made
    for number, ((start, source), (end, target)) in flows.items():
        sender = recording.units[tokens.sender[number]]
        receiver = recording.units[tokens.receiver[number]]
        names = trace(machine).names
        assert names[start["pid"], start["tid"]] == sender
        assert names[end["pid"], end["tid"]] == receiver
        began = source.event["args"]["start"]
        assert began < tokens.issued[number] <= tokens.fired[number] <= tokens.received[number]
        done = target.event["args"]["start"] + target.event["args"]["cycles"]
        assert done > tokens.received[number]
        assert start["args"]["fired"] == tokens.fired[number]


@pytest.mark.parametrize("machine", MACHINES)
def test_counters(machine: str) -> None:
    _, report, recording = fashion_run(machine)
    counters = trace(machine).counters
    memories = [f"{name} bytes live" for name in recording.occupancy]
    assert counters.keys() == {"DRAM GB/s", *memories}
    for name, steps in recording.occupancy.items():
        values = [value for _, value in counters[f"{name} bytes live"]]
        assert max(values) == steps.value.max()
        assert values[-1] == 0
    rates = counters["DRAM GB/s"]
    seconds = [*(time * 1e-6 for time, _ in rates), report.total.cycles / report.hz]
    lasting = zip(rates, seconds[:-1], seconds[1:], strict=True)
    moved = sum(rate * 1e9 * (end - start) for (_, rate), start, end in lasting)
    assert moved == pytest.approx(recording.turns.size.sum(), rel=0.01)


def test_a_long_run_is_merged() -> None:
    _, report, recording = fashion_run("tiny")
    short = trace("tiny", 200)
    units = [piece for unit in recording.units for piece in short.track(unit)]
    assert len(recording.units) * 2 < len(units) <= 200 < len(recording.slices.unit)
    assert not short.flows
    for piece in units:
        check_times(piece, report.hz)
        args = piece.event["args"]
        if "merged" in args:
            assert args["merged"] > 1
            assert 0 < sum(args["of"].values()) <= args["cycles"]
            assert max(args["of"], key=args["of"].get) == piece.event["cat"]
        else:
            assert piece.event["cat"] == "code" or "text" in args


@pytest.mark.parametrize(
    ("phase", "change"),
    [
        ("B", lambda event: event.pop("name")),
        ("B", lambda event: event.update(ts=-1.0)),
        ("B", lambda event: event.update(tid=99)),
        ("E", lambda event: event.update(ts=0.0)),
        ("E", lambda event: event.update(name="other")),
        ("E", lambda event: event.update(ph="B", name="x", cat="x", args={})),
        ("s", lambda event: event.update(id=-1)),
        ("s", lambda event: event.update(ts=event["ts"] + 1e9)),
        ("f", lambda event: event.pop("bp")),
        ("f", lambda event: event.update(name="other")),
        ("C", lambda event: event["args"].update(value="1")),
        ("C", lambda event: event["args"].update(value=True)),
        ("M", lambda event: event["args"].update(name=3)),
        ("B", lambda event: event.update(extra=1)),
    ],
)
def test_the_checker_refuses(phase: str, change) -> None:  # type: ignore[no-untyped-def]
    """A sound trace with one event changed, the last of its phase, is refused."""
    program, report, recording = fashion_run("dna_a600")
    text = chrome_trace(program, report, recording)
    loaded = json.loads(text)
    chosen = [event for event in loaded["traceEvents"] if event["ph"] == phase]
    change(chosen[0 if phase == "M" else -1])
    with pytest.raises(AssertionError):
        Trace(json.dumps(loaded))
