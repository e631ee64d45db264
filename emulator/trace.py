"""A recorded run as a trace in Chrome's Trace Event Format, which Perfetto opens.

One process; one thread a unit, named after it, with a slice for everything it did and every stall,
and a thread that shows which layer the program was finishing. Tokens are flows, the bandwidth of
DRAM and the occupancy of the memories are counters.

Timestamps are microseconds in whole nanoseconds; the exact cycles are among the arguments. Slices
are begun and ended by events of their own, since durations beside starts would be rounded twice.

Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ..backend.disassembler import instruction_text
from ..backend.program import Program
from ..dialects.frames import split_frame
from .condense import Pieces, bandwidth, condense, crests
from .counters import BUSY
from .recorder import Recording
from .report import Report

SLICE_LIMIT: Final = 100_000
"""The most slices of a trace; more are merged (see `condense`), without flows then."""
COUNTER_LIMIT: Final = 5_000
"""The most values of a counter."""
PROCESS: Final = 1
LAYERS: Final = 1
"""The thread of the layers; units follow."""

Event = dict[str, Any]
_Timed = tuple[int, int, Event]
"""Cycle, rank among the events of that cycle, event."""
_END, _BEGIN, _WITHIN = range(3)


def chrome_trace(
    program: Program, report: Report, recording: Recording, slice_limit: int = SLICE_LIMIT
) -> str:
    """The trace of a recorded run, as JSON text with an event a line."""
    pieces = condense(recording, slice_limit)
    timed = [*_slices(program, recording, pieces), *_layers(program, report, recording)]
    if len(pieces.unit) == len(recording.slices.unit):
        timed += _flows(recording)
    timed += _counters(recording, report.hz)
    timed.sort(key=lambda event: event[:2])
    events = [*_names(report, recording)]
    for cycle, _, event in timed:
        events.append(event | {"pid": PROCESS, "ts": _microseconds(cycle, report.hz)})
    head = json.dumps(
        {
            "network": report.network,
            "machine": report.machine,
            "hz": report.hz,
            "cycles": recording.cycles,
        }
    )
    lines = ",\n".join(json.dumps(event, separators=(",", ":")) for event in events)
    return f'{{"displayTimeUnit":"ns","otherData":{head},"traceEvents":[\n{lines}\n]}}\n'


def _microseconds(cycle: int, hz: int) -> float:
    return round(cycle * 10**9 / hz) / 1000


def _names(report: Report, recording: Recording) -> Iterator[Event]:
    """The metadata: names of the process and its threads, and their order."""
    title = f"{report.network} on {report.machine}"
    yield _metadata("process_name", 0, name=title)
    for thread, name in enumerate(("layer", *recording.units), LAYERS):
        yield _metadata("thread_name", thread, name=name)
        yield _metadata("thread_sort_index", thread, sort_index=thread)


def _metadata(what: str, thread: int, **args: object) -> Event:
    return {"ph": "M", "name": what, "pid": PROCESS, "tid": thread, "args": args}


def _slice(start: int, end: int, thread: int, event: Event) -> Iterator[_Timed]:
    yield start, _BEGIN, {"ph": "B", "tid": thread} | event
    # Perfetto needs no name to match the two, other viewers do.
    yield end, _END, {"ph": "E", "tid": thread, "name": event["name"]}


def _layers(program: Program, report: Report, recording: Recording) -> Iterator[_Timed]:
    """Each layer from when all before it were complete until it was, too."""
    rows = {row.name: row for row in report.layers}
    for layer, start, end in recording.spans():
        row = rows[split_frame(program.layers[layer], program.frames)[0]]
        macs = row.macs // program.frames
        args = {"start": start, "cycles": end - start, "macs": macs}
        event = {"name": program.layers[layer], "cat": "layer", "args": args}
        yield from _slice(start, end, LAYERS, event)


def _slices(program: Program, recording: Recording, pieces: Pieces) -> Iterator[_Timed]:
    """Pieces by the name of their layer; stalls by their cause, and layer."""
    loops = _loops(program)
    for number, unit in enumerate(pieces.unit.tolist()):
        layer, what = int(pieces.layer[number]), recording.whats[int(pieces.what[number])]
        start, end = int(pieces.start[number]), int(pieces.end[number])
        name = program.layers[layer] if layer >= 0 else "(program)"
        args: Event = {"start": start, "cycles": end - start}
        if (instruction := int(pieces.instruction[number])) >= 0:
            args["instruction"] = instruction
            args["text"] = instruction_text(program.code.instructions[instruction])
        if (iteration := int(pieces.iteration[number])) >= 0 and loops[instruction]:
            counters = np.unravel_index(iteration, loops[instruction])
            args["loops"] = [int(counter) for counter in counters]
        if (count := int(pieces.slices[number])) > 1:
            args["merged"] = count
            spent = pieces.cycles[number].tolist()
            args["of"] = {of: n for of, n in zip(recording.whats, spent, strict=True) if n}
        title = name if what == BUSY else f"{what}: {name}"
        event = {"name": title, "cat": what, "args": args}
        yield from _slice(start, end, LAYERS + 1 + unit, event)


def _loops(program: Program) -> list[tuple[int, ...]]:
    """The trip counts of the loops around each instruction, outermost first."""
    loops: list[tuple[int, ...]] = []
    stack: tuple[int, ...] = ()
    for instruction in program.code.instructions:
        if instruction.mnemonic == "end":
            stack = stack[:-1]
        loops.append(stack)
        if instruction.mnemonic == "loop":
            stack = (*stack, instruction.integer("count"))
    return loops


def _flows(recording: Recording) -> Iterator[_Timed]:
    """Tokens: from the end of what the sender did last, to what the receiver did next.

    A token whose receiver did nothing any more is left out.
    """
    slices, tokens = recording.slices, recording.tokens
    for sender in np.unique(tokens.sender).tolist():
        for receiver in np.unique(tokens.receiver[tokens.sender == sender]).tolist():
            chosen = (tokens.sender == sender) & (tokens.receiver == receiver)
            mine, others = slices.unit == sender, slices.unit == receiver
            starts, ends = slices.start[mine], slices.end[mine]
            source = np.searchsorted(starts, tokens.issued[chosen], "left") - 1
            sent = np.maximum(starts[source], np.minimum(ends[source], tokens.issued[chosen]) - 1)
            target = np.searchsorted(slices.end[others], tokens.received[chosen], "right")
            seen = (source >= 0) & (target < others.sum())
            begun = slices.start[others][np.minimum(target, others.sum() - 1)]
            taken = np.maximum(begun, tokens.received[chosen])
            numbers = np.flatnonzero(chosen)
            yield from _arrows(recording, sender, receiver, numbers[seen], sent[seen], taken[seen])


def _arrows(
    recording: Recording,
    sender: int,
    receiver: int,
    numbers: npt.NDArray[np.int64],
    sent: npt.NDArray[np.int64],
    taken: npt.NDArray[np.int64],
) -> Iterator[_Timed]:
    """The flows of the tokens `numbers` from one unit to another."""
    name = f"{recording.units[sender]} to {recording.units[receiver]}"
    semaphores, fired = recording.tokens.semaphore[numbers], recording.tokens.fired[numbers]
    columns = (numbers, sent, taken, semaphores, fired)
    for number, start, end, semaphore, when in zip(*(c.tolist() for c in columns), strict=True):
        common = {"name": name, "cat": "token", "id": number}
        args = {"semaphore": semaphore, "fired": when}
        yield start, _WITHIN, {"ph": "s", "tid": LAYERS + 1 + sender, **common, "args": args}
        yield end, _WITHIN, {"ph": "f", "bp": "e", "tid": LAYERS + 1 + receiver, **common}


def _counters(recording: Recording, hz: int) -> Iterator[_Timed]:
    """DRAM's bandwidth and the live bytes of each memory on the chip."""
    edges, rates = bandwidth(recording, COUNTER_LIMIT)
    yield from _counter("DRAM GB/s", edges.tolist(), [*(rates * hz / 1e9).tolist(), 0.0])
    for name, steps in recording.occupancy.items():
        times, values = crests(steps, recording.cycles, COUNTER_LIMIT)
        ends = [*times.tolist(), recording.cycles], [*values.tolist(), int(steps.value[-1])]
        yield from _counter(f"{name} bytes live", *ends)


def _counter(name: str, times: Iterable[int], values: Sequence[float]) -> Iterator[_Timed]:
    """A counter's values, where they change."""
    before = None
    for time, value in zip(times, values, strict=True):
        if value != before:
            args = {"value": round(value, 3)}
            yield time, _WITHIN, {"ph": "C", "tid": 0, "name": name, "args": args}
        before = value
