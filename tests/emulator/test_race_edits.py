"""Edited programs of the compiler: the race check against its oracle, and what it lets through.

Every edit ends as one of

- `refused`: a rule of the instruction set is broken,
- `deadlock`, `race`, `unwritten`: reported by the check, and the oracle agrees,
- `stopped`: reported when run (outside a memory, sums out of order, overflow, ...),
- `same`, `different`: nothing is reported. The outputs are those of the program run instruction by
  instruction in program order by the naive interpreter, in any order that tokens allow; and they
  are, or are not, those of the program before the edit.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random

import pytest
from tilefold.backend.code import Code
from tilefold.backend.program import Program
from tilefold.compiler import compile_levels
from tilefold.emulator.footprint import Plan
from tilefold.emulator.host import to_device
from tilefold.emulator.races import Extent, check
from tilefold.emulator.tree import length
from tilefold.errors import TilefoldError
from tilefold.machines.model import parse_machine
from tilefold.tests.emulator import naive_races
from tilefold.tests.emulator.code_edits import EDITS, edited
from tilefold.tests.emulator.harness import plan_of, run_emulator, run_naive
from tilefold.tests.emulator.interleavings import interleaved
from tilefold.tests.support.random_machines import random_machine
from tilefold.tests.support.random_networks import random_network

ORDERS = 20
EDITS_PER_KIND = 10
SUBJECTS = 5
MARGIN = 256
"""Bytes of DRAM behind the last tensor."""

Memories = dict[str, bytearray]


@dataclass
class Subject:
    """A compiled program, what the host writes before it runs, and what its memories then hold."""

    code: Code
    memories: Memories
    initial: list[Extent]
    expected: Mapping[str, bytes]
    outputs: list[Extent]
    cache: naive_races.Cache = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        return {name: len(data) for name, data in self.memories.items()}

    @property
    def written(self) -> set[tuple[str, int]]:
        return {(memory, first + i) for memory, first, size in self.initial for i in range(size)}

    def results(self, memories: Mapping[str, bytes]) -> list[bytes]:
        return [memories[name][first : first + size] for name, first, size in self.outputs]


def subject_of(program: Program, inputs: Mapping[str, object]) -> Subject:
    machine = parse_machine(program.machine_text, "machine")
    dram = machine.dram.name
    ports = [(dram, port.address, port.bytes) for port in program.outputs]
    host = [(segment.address, segment.data) for segment in program.segments]
    host += [(port.address, to_device(port, inputs[port.name])) for port in program.inputs]
    initial = [(dram, address, data.size) for address, data in host]
    reached = [first + size for _, first, size in (*initial, *ports)]
    for step in (plan := plan_of(program.code)).tree.steps:
        views = plan.views(step).values()
        reached += [view.reach() for view in views if view.view.memory == dram]
    memories = {memory.name: bytearray(memory.bytes) for memory in machine.memories}
    memories[dram] = bytearray(max(reached) + MARGIN)
    for address, data in host:
        memories[dram][address : address + data.size] = data.tobytes()
    expected = run_emulator(program.code, memories)
    return Subject(program.code, memories, initial, expected, ports)


@cache
def subjects(first: int) -> list[Subject]:
    """Small compiled programs with loops and tokens, on machines from seed `first` on."""
    found: list[Subject] = []
    seed = first
    while len(found) < SUBJECTS:
        seed += 1
        rng = Random(seed)
        module, store, inputs = random_network(rng)
        machine = random_machine(rng) if len(found) % 2 else "tiny"
        try:
            program = compile_levels(module, machine, store=store).program
        except TilefoldError:
            continue
        mnemonics = Counter(i.mnemonic for i in program.code.instructions)
        tree = plan_of(program.code).tree
        if not mnemonics["loop"] or not mnemonics["conv"] or length(tree.body) > 150:
            continue
        subject = subject_of(program, inputs)
        naive_races.events_of(plan_of(program.code), subject.memories, subject.cache)
        if sum(len(reads) for _, reads, _ in subject.cache.values()) < 20_000:
            found.append(subject)
    return found


def checked(subject: Subject, plan: Plan) -> str:
    """What the race check says; it and the oracle must agree."""
    said = ""
    try:
        check(plan, subject.initial, subject.sizes)
    except TilefoldError as error:
        said = str(error)
    if "never awaited" in said:
        return "refused"
    if "needs " in said or "outside" in said or "leads no group" in said:
        return "stopped"
    stuck = naive_races.deadlocks(plan, subject.memories, subject.cache)
    if stuck or "deadlock" in said:
        # Group leadership can block a configure in ways that the oracle does not model.
        assert "deadlock" in said and (stuck or "configure" in said), said
        return "deadlock"
    races, unwritten = naive_races.faults(plan, subject.memories, subject.written, subject.cache)
    indices = tuple(map(int, re.findall(r"instruction (\d+)", said)))
    if not said:
        assert not races and not unwritten, (races, unwritten)
        return ""
    if "race" in said:
        assert indices in races, said
        return "race"
    assert "nothing has written" in said and indices[0] in unwritten, said
    return "unwritten"


def outcome(subject: Subject, code: Code, rng: Random) -> str:
    """How an edited program ends; AssertionError where check and oracles disagree."""
    try:
        code.check()
    except TilefoldError:
        return "refused"
    plan = plan_of(code)
    if reported := checked(subject, plan):
        return reported
    try:
        actual = run_emulator(code, subject.memories)
    except TilefoldError:
        return "stopped"
    assert run_naive(code, subject.memories) == actual, "not what program order gives"
    for _ in range(ORDERS):
        order = rng.getrandbits(32)
        assert interleaved(plan, Random(order), subject.memories) == actual, f"order {order}"
    same = subject.results(actual) == subject.results(subject.expected)
    return "same" if same else "different"


@pytest.mark.parametrize("first", (0, 1000, 2000))
def test_programs_of_the_compiler_are_clean(first: int) -> None:
    for subject in subjects(first):
        assert outcome(subject, subject.code, Random(first)) == "same"


TOKENS = ("drop_tokens", "change_credit", "add_token", "move_token")
OTHERS = tuple(kind for kind in EDITS if kind not in TOKENS)


@pytest.mark.parametrize("first", (0, 1000, 2000))
@pytest.mark.parametrize(
    ("kinds", "wanted"),
    [
        (TOKENS, {"race": 8, "deadlock": 1, "same": 8}),
        (
            OTHERS,
            {"race": 5, "unwritten": 3, "stopped": 1, "refused": 1, "same": 3, "different": 3},
        ),
    ],
    ids=["tokens", "places"],
)
def test_edits_are_reported_or_harmless(
    first: int, kinds: tuple[str, ...], wanted: Mapping[str, int]
) -> None:
    seen: Counter[str] = Counter()
    by_kind: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    for kind in kinds:
        for number in range(EDITS_PER_KIND):
            rng = Random(f"{first} {kind} {number}")
            subject = subjects(first)[number % SUBJECTS]
            code = edited(subject.code, kind, rng)
            if code is None:
                continue
            try:
                result = outcome(subject, code, rng)
            except AssertionError as error:
                raise AssertionError(f"edit {first} {kind} {number}: {error}") from error
            seen[result] += 1
            by_kind[kind][result] += 1
    print(f"{sum(seen.values())} edits: {dict(seen)}")
    for kind, results in by_kind.items():
        print(f"  {kind}: {dict(results)}")
    assert sum(seen.values()) >= EDITS_PER_KIND * len(kinds) - 5
    assert all(seen[name] >= count for name, count in wanted.items()), seen
    if kinds is TOKENS:
        assert not seen["different"], "tokens alone cannot change values"
