"""The race check's oracle: unrolled program, explicit graph of happens-before, explicit bytes."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from tilefold.backend.code import Instruction
from tilefold.emulator.footprint import Plan
from tilefold.emulator.streams import group_units
from tilefold.emulator.tree import Counters, Step, walk
from tilefold.tests.emulator.naive import Elements, Index

Memories = dict[str, bytearray]


@dataclass
class Event:
    """A dynamic instruction, its direct predecessors, and the bytes that it touches.

    `signals` are the predecessors whose tokens it waits for.
    """

    step: Step
    counters: Counters
    before: list[int] = field(default_factory=list[int])
    signals: list[int] = field(default_factory=list[int])
    reads: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    writes: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])


Cells = set[tuple[str, int]]
Cache = dict[tuple[int, Counters, tuple[int, ...]], tuple[Instruction, Cells, Cells]]
"""What instructions touched: for programs that share most instructions with earlier ones."""


def touched(step: Step, counters: Counters, memories: Memories) -> tuple[Cells, Cells]:
    """Bytes read and written by an instruction, straight from the pseudo-code of the table."""
    views = {
        field.name: Elements(step.instruction.view(field.name), counters, step.counts, memories)
        for field in step.instruction.spec.views
    }
    if not views:
        return set(), set()
    target = list(views["dst"].indices())
    if step.mnemonic == "store":
        target = [j for j in target if views["src"].valid(j)]
    if not target:
        return set(), set()
    read = indices_read(step, views, target)
    written = {"dst": target if finishes(step, counters) else []}
    return bytes_of(views, read), bytes_of(views, written)


def bytes_of(views: Mapping[str, Elements], indices: Mapping[str, Iterable[Index]]) -> Cells:
    """The bytes of elements of views."""
    return {
        (views[name].view.memory, views[name].bit(j) // 8 + byte)
        for name, some in indices.items()
        for j in some
        for byte in range(max(1, views[name].view.bits // 8))
    }


def finishes(step: Step, counters: Counters) -> bool:
    """Whether a convolution writes its results in this iteration; all others always do."""
    levels = step.instruction.levels("reduce") if "conv" in step.mnemonic else ()
    return all(counters[level] == step.counts[level] - 1 for level in levels)


def indices_read(
    step: Step, views: Mapping[str, Elements], target: Sequence[Index]
) -> Mapping[str, Iterable[Index]]:
    """The elements of each view that the elements `target` of the result are made of."""
    last = {j[-1] for j in target}
    match step.mnemonic:
        case "conv" | "dwconv" | "vpool":
            return windows(step, views, target)
        case "vadd" | "vmul":
            return {"a": target, "b": target}
        case "vlut":
            return {"src": target, "table": views["table"].indices()}
        case "vquant":
            return {"src": target, "par": product(last, range(3))}
        case _:
            return {"src": [j for j in target if views["src"].valid(j)]}


def windows(
    step: Step, views: Mapping[str, Elements], target: Sequence[Index]
) -> Mapping[str, Iterable[Index]]:
    """What a convolution or a pool reads."""
    get, src, last = step.instruction.integer, views["src"], {j[2] for j in target}
    if step.mnemonic == "vpool":
        kernel, channels = [get("kernel_y"), get("kernel_x")], last
    else:
        kernel = [dim.size for dim in views["wgt"].view.dims[1:3]]
        channels = set(range(src.view.dims[2].size))
        if step.mnemonic == "dwconv":
            channels = {k // get("mult") for k in last}
    taps = list(product(*map(range, kernel)))
    pixels = {
        (y * get("stride_y") + ky * get("dil_y"), x * get("stride_x") + kx * get("dil_x"))
        for y, x in {j[:2] for j in target}
        for ky, kx in taps
    }
    read = [(y, x, c) for y, x in pixels for c in channels if src.valid((y, x, c))]
    if step.mnemonic == "vpool":
        return {"src": read}
    weights: Iterable[Index] = ((k, *tap) for k in last for tap in taps)
    if step.mnemonic == "conv":
        present = {j[2] for j in read}
        weights = ((k, *tap, c) for k in last for tap in taps for c in present)
    return {"src": read, "wgt": weights, "par": product(last, range(3))}


def events_of(plan: Plan, memories: Memories, cache: Cache | None = None) -> list[Event]:
    """All dynamic instructions in program order, with the edges that order them."""
    cache = {} if cache is None else cache
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
            key = (id(step.instruction), counters, step.counts)
            if key not in cache:
                cache[key] = (step.instruction, *touched(step, counters, memories))
            _, event.reads, event.writes = cache[key]
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
                events[wait].signals.append(signals[semaphore][number])
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


def completion(events: Sequence[Event], reach: Sequence[int]) -> list[int]:
    """For each event, what is sure to be complete before it, as bits of an int.

    Tokens and configurations say so, of all that happened before them; the order of a queue does
    not by itself.
    """
    complete: list[int] = []
    last: dict[str, int] = {}
    for number, event in enumerate(events):
        configures = event.step.mnemonic == "configure"
        units = group_units(event.step) if configures else [event.step.unit]
        known = reach[number] if configures else 0
        for unit in units:
            known |= complete[last[unit]] if unit in last else 0
            last[unit] = number
        for signal in event.signals:
            known |= reach[signal]
        complete.append(known)
    return complete


def legal_order(events: Sequence[Event], reach: Sequence[int]) -> bool:
    """Whether no event happens before itself and every wait has a signal."""
    return not any(before >> number & 1 for number, before in enumerate(reach))


class Numbers(dict[tuple[str, int], int]):
    """Numbers bytes as they come, to hold sets of them as bits of an int."""

    def bits(self, cells: Iterable[tuple[str, int]]) -> int:
        numbers = [self.setdefault(cell, len(self)) for cell in cells]
        bits = bytearray(max(numbers, default=0) // 8 + 1)
        for number in numbers:
            bits[number // 8] |= 1 << number % 8
        return int.from_bytes(bits, "little")


def faults(
    plan: Plan, memories: Memories, written: Cells, cache: Cache | None = None
) -> tuple[set[tuple[int, int]], set[int]]:
    """Racing pairs of instructions' flat indices, and instructions that read unwritten bytes."""
    events = events_of(plan, memories, cache)
    reach = closure(events)
    complete = completion(events, reach)
    races: set[tuple[int, int]] = set()
    unwritten: set[int] = set()
    numbers = Numbers()
    reads = [numbers.bits(event.reads) for event in events]
    writes = [numbers.bits(event.writes) for event in events]
    present = numbers.bits(written)
    for number, event in enumerate(events):
        if reads[number] & ~present:
            unwritten.add(event.step.index)
        present |= writes[number]
        for other in range(number):
            earlier = events[other]
            if earlier.step.unit == event.step.unit:
                drains = reads[number] & writes[other] and not complete[number] >> other & 1
                if drains and event.step.unit in plan.code.header.arrays:
                    races.add((earlier.step.index, event.step.index))
                continue
            if reach[number] >> other & 1:
                continue
            if writes[number] & (writes[other] | reads[other]) or reads[number] & writes[other]:
                races.add((earlier.step.index, event.step.index))
    return races, unwritten


def deadlocks(plan: Plan, memories: Memories, cache: Cache | None = None) -> bool:
    """Whether some wait can never pass."""
    events = events_of(plan, memories, cache)
    for semaphore, credits in plan.tree.credits.items():
        count = {"wait": 0, "signal": 0}
        for event in events:
            mnemonic = event.step.mnemonic
            if mnemonic in count and event.step.instruction.integer("sem") == semaphore:
                count[mnemonic] += 1
        if count["wait"] > count["signal"] + credits:
            return True
    return not legal_order(events, closure(events))
