"""The race check's oracle: unrolled program, explicit graph of happens-before, explicit bytes."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tilefold.emulator.footprint import Plan
from tilefold.emulator.queues import group_units
from tilefold.emulator.tree import Counters, Step, walk
from tilefold.tests.emulator.naive import Elements

Memories = dict[str, bytearray]


@dataclass
class Event:
    """A dynamic instruction, its direct predecessors, and the bytes that it touches."""

    step: Step
    counters: Counters
    before: list[int] = field(default_factory=list[int])
    reads: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    writes: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])


def touched(step: Step, counters: Counters, memories: Memories) -> tuple[set, set]:
    """Bytes read and written by a load, store or elementwise instruction."""
    views = {
        field.name: Elements(step.instruction.view(field.name), counters, step.counts, memories)
        for field in step.instruction.spec.views
    }

    def of(name: str, indices: object) -> set[tuple[str, int]]:
        view = views[name]
        size = max(1, view.view.bits // 8)
        return {
            (view.view.memory, view.bit(j) // 8 + byte)
            for j in indices  # type: ignore[attr-defined]
            for byte in range(size)
        }

    if not views:
        return set(), set()
    target = list(views["dst"].indices())
    if step.mnemonic == "store":
        target = [j for j in target if views["src"].valid(j)]
    if step.mnemonic == "vlut":
        table = of("table", views["table"].indices() if target else [])
        return of("src", target) | table, of("dst", target)
    source = [j for j in target if views["src"].valid(j)]
    return of("src", source), of("dst", target)


def events_of(plan: Plan, memories: Memories) -> list[Event]:
    """All dynamic instructions in program order, with the edges that order them."""
    events: list[Event] = []
    last: dict[str, int] = {}
    tokens = {number: deque([-1] * credits) for number, credits in plan.tree.credits.items()}
    waits: dict[int, list[int]] = {number: [] for number in tokens}
    signals: dict[int, list[int]] = {number: [] for number in tokens}
    for number, (step, counters) in enumerate(walk(plan.tree.body)):
        event = Event(step, counters)
        units: Sequence[str] = [step.unit]
        if step.mnemonic == "configure":
            units = group_units(step)
        elif step.mnemonic == "wait":
            waits[step.instruction.integer("sem")].append(number)
        elif step.mnemonic == "signal":
            signals[step.instruction.integer("sem")].append(number)
        else:
            event.reads, event.writes = touched(step, counters, memories)
        for unit in units:
            if unit in last:
                event.before.append(last[unit])
            last[unit] = number
        events.append(event)
    for semaphore, waiting in waits.items():
        credits = plan.tree.credits[semaphore]
        for number, wait in enumerate(waiting[credits:]):
            if number < len(signals[semaphore]):
                events[wait].before.append(signals[semaphore][number])
    return events


def closure(events: Sequence[Event]) -> list[int]:
    """For each event, the set of events that happen before it, as bits of an int.

    Edges may point against program order (a wait listed before its signal), so iterate.
    """
    reach = [0] * len(events)
    changed = True
    while changed:
        changed = False
        for number, event in enumerate(events):
            new = reach[number]
            for before in event.before:
                new |= reach[before] | 1 << before
            changed |= new != reach[number]
            reach[number] = new
    return reach


def legal_order(events: Sequence[Event], reach: Sequence[int]) -> bool:
    """Whether no event happens before itself and every wait has a signal."""
    return not any(before >> number & 1 for number, before in enumerate(reach))


def faults(
    plan: Plan, memories: Memories, written: set[tuple[str, int]]
) -> tuple[set[tuple[int, int]], set[int]]:
    """Racing pairs of instructions' flat indices, and instructions that read unwritten bytes."""
    events = events_of(plan, memories)
    reach = closure(events)
    races: set[tuple[int, int]] = set()
    unwritten: set[int] = set()
    written = set(written)
    for number, event in enumerate(events):
        if event.reads - written:
            unwritten.add(event.step.index)
        written |= event.writes
        for other in range(number):
            earlier = events[other]
            conflict = (
                event.writes & (earlier.writes | earlier.reads) or event.reads & earlier.writes
            )
            if conflict and earlier.step.unit != event.step.unit and not reach[number] >> other & 1:
                races.add((earlier.step.index, event.step.index))
    return races, unwritten


def deadlocks(plan: Plan, memories: Memories) -> bool:
    """Whether some wait can never pass."""
    events = events_of(plan, memories)
    for semaphore, credits in plan.tree.credits.items():
        count = {"wait": 0, "signal": 0}
        for event in events:
            mnemonic = event.step.mnemonic
            if mnemonic in count and event.step.instruction.integer("sem") == semaphore:
                count[mnemonic] += 1
        if count["wait"] > count["signal"] + credits:
            return True
    return not legal_order(events, closure(events))
