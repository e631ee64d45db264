"""Sums of the report, its bounds, and its bytes against a count of its own."""

from collections import Counter
from functools import cache
from random import Random

import pytest
from tilefold.backend.encoding import encode
from tilefold.backend.program import Program
from tilefold.compiler import compile_levels
from tilefold.dialects.isa_operands import Affine, View
from tilefold.emulator import Report, emulate
from tilefold.emulator.bounds import bounds, distinct_bytes
from tilefold.emulator.footprint import Plan
from tilefold.emulator.timing import time_program
from tilefold.emulator.tree import walk
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine, names
from tilefold.machines.model import parse_machine
from tilefold.tests.emulator.naive import Elements
from tilefold.tests.emulator.naive_races import touched
from tilefold.tests.support.chunks import chunks
from tilefold.tests.support.compiled_networks import shipped_on
from tilefold.tests.support.programs import Builder, view
from tilefold.tests.support.random_networks import random_network
from tilefold.tests.support.report_checks import check_cycles_of_units, check_sums_of_layers

CHUNK = 20
QUICK, CASES = 20, 40


@cache
def report_on(name: str) -> Report:
    return emulate(shipped_on(name).program, {}, values=False, check=False).report


@pytest.mark.parametrize("name", names())
def test_every_unit_spends_every_cycle(name: str) -> None:
    check_cycles_of_units(report_on(name), load_machine(name))


@pytest.mark.parametrize("name", names())
def test_layers_add_up_to_the_total(name: str) -> None:
    check_sums_of_layers(report_on(name))


@pytest.mark.parametrize("name", names())
def test_nothing_beats_the_bound(name: str) -> None:
    report = report_on(name)
    assert report.total.distance >= 1
    assert report.total.bound.by in {"compute", "dram", *load_machine(name).units}
    for row in report.layers:
        busy = max((time.busy for time in row.units.values()), default=0)
        assert row.bound.resources.get("compute", 0) <= busy
    record = report.to_json()["total"]
    assert record["bound"]["cycles"] == max(record["bound"]["resources"].values())
    moved = sum(record["bytes"]["dram"].values())
    assert record["operations_per_byte"] == pytest.approx(2 * record["macs"] / moved, abs=1e-5)


def test_a_bound_by_hand() -> None:
    """Three overlapping tiles cover 12 of 16 rows, each loaded from a table of 8 columns.

    96 distinct bytes take 24 cycles of the port (4 bytes a cycle) and 12 of DRAM (8 bytes); loaded
    are 3 x 6 x 8 = 144 bytes, so the port is busy for 36. The second load of the same place and a
    tile of another layer are apart.
    """
    builder = Builder()
    builder.layer("first")
    tile = view("dram", 0, (6, 8), origins=(Affine.of(0, {0: 3}), 0), extents=(16, 8))
    with builder.loop(3):
        builder.load("load", tile, view("data", 0, (6, 8)))
    builder.load("load", view("dram", 8, (2, 8)), view("data", 0, (2, 8)))
    builder.layer("second")
    builder.store("store", view("data", 0, (2, 8)), view("dram", 512, (2, 8)))
    program = builder.program()
    plan = Plan.of(program)
    counters = time_program(plan, builder.machine, 0)
    found = bounds(distinct_bytes(plan, "dram"), builder.machine, counters)
    assert dict(found[0].resources) == {"load": 24, "dram": 12}
    assert (found[0].cycles, found[0].by) == (24, "load")
    assert dict(found[1].resources) == {"store": 4, "dram": 2}


def naive_bytes(program: Program) -> Counter[tuple[str, str]]:
    """Bytes by memory and direction, element by element: what is loaded and written."""
    counts: Counter[tuple[str, str]] = Counter()
    plan = Plan.of(program)
    memories = {name: bytearray() for name in program.code.header.memories}
    for step, counters in walk(plan.tree.body):
        if not step.instruction.spec.views:
            continue
        if step.mnemonic == "load":
            source, target = (
                Elements(step.instruction.view(name), counters, step.counts, memories)
                for name in ("src", "dst")
            )
            moved = sum(source.valid(j) for j in target.indices()) * (source.view.bits // 8)
            counts[source.view.memory, "read"] += moved
        counts.update((memory, "written") for memory, _ in touched(step, counters, memories)[1])
    return counts


@pytest.mark.parametrize("start", chunks(CHUNK, QUICK, CASES))
def test_bytes_are_those_of_an_independent_count(start: int) -> None:
    """On `tiny` with bursts of one byte, so that DRAM moves what is asked for."""
    tiny = load_machine("tiny")
    machine = parse_machine(tiny.text.replace("burst = 8", "burst = 1"), "tiny")
    checked = 0
    for seed in range(start, start + CHUNK):
        module, store, _ = random_network(Random(seed))
        try:
            program = compile_levels(module, machine, store=store).program
        except TilefoldError:
            continue
        views = [v for i in program.code.instructions for v in i.operands.values()]
        if any(isinstance(v, View) and v.bits < 8 for v in views):
            continue  # Rows may share a byte, which is moved for each.
        total = emulate(program, {}, values=False, check=False).report.total
        expected = naive_bytes(program)
        configured = sum(
            16 * i.integer("units") for i in program.code.instructions if i.mnemonic == "configure"
        )
        expected["dram", "read"] += len(encode(program.code)) + configured
        for (memory, direction), size in expected.items():
            assert total.bytes[memory][direction] == size, (seed, memory, direction)
        checked += 1
    assert checked > 0.35 * CHUNK
