"""Cycles on variations of a machine: those of a machine file that says so."""

import pytest
from tilefold.backend.encoding import encode
from tilefold.emulator import emulate
from tilefold.emulator.footprint import Plan
from tilefold.emulator.sensitivity import Variation, sensitivity
from tilefold.emulator.timing import time_program
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.machines.model import parse_machine
from tilefold.tests.emulator.test_run import pointwise
from tilefold.tests.support.programs import Builder, view

EDITS = {
    ("weight rows a cycle", "1"): ("rows_per_cycle = 1", "rows_per_cycle = 1"),
    ("weight rows a cycle", "2"): ("rows_per_cycle = 1", "rows_per_cycle = 2"),
    ("weight rows a cycle", "unlimited"): ("rows_per_cycle = 1", "rows_per_cycle = 4"),
    ("DRAM bandwidth", "halved"): ("bytes_per_cycle = 8,", "bytes_per_cycle = 4,"),
    ("DRAM bandwidth", "doubled"): ("bytes_per_cycle = 8,", "bytes_per_cycle = 16,"),
    ("vector lanes", "halved"): ("lanes = 4", "lanes = 2"),
    ("bank conflicts", "counted"): ('holds = ["I"', 'conflicts = true, holds = ["I"'),
    ("switch cycles", "0"): ("switch_cycles = 2", "switch_cycles = 0"),
    ("switch cycles", "64"): ("switch_cycles = 2", "switch_cycles = 64"),
    ("switch cycles", "800"): ("switch_cycles = 2", "switch_cycles = 800"),
}
"""What each variation does to the text of `tiny`."""


def test_variations_are_those_of_edited_machine_files() -> None:
    program = pointwise()
    plan = Plan.of(program)
    size = len(encode(program.code))
    report = emulate(program, {}, values=False, sensitivity=True).report
    assert report.sensitivity is not None
    assert [(row.parameter, row.value) for row in report.sensitivity] == list(EDITS)
    text = program.machine_text
    for row in report.sensitivity:
        old, new = EDITS[row.parameter, row.value]
        assert old in text
        edited = parse_machine(text.replace(old, new), "tiny")
        assert row.cycles == time_program(plan, edited, size).cycles, row
        assert row.ratio == row.cycles / report.total.cycles
    assert len({row.cycles for row in report.sensitivity}) > 5


def test_switching_by_hand() -> None:
    """One configuration of 16 bytes: 2 cycles of DRAM, 4 of latency, then the switch."""
    builder = Builder()
    builder.group("configure", "conv.0")
    program = builder.program()
    plan = Plan.of(program)
    rows = sensitivity(plan, builder.machine, 0, 4 + 6 + 2)
    switched = {row.value: row.cycles for row in rows if row.parameter == "switch cycles"}
    assert switched == {"0": 10, "64": 74, "800": 810}
    assert next(row.ratio for row in rows if row.value == "64") == 74 / 12


def test_what_a_machine_lacks_does_not_apply() -> None:
    machine = load_machine("tpu_like")
    text = machine.text.replace("lanes = 32", "lanes = 1").replace(
        "bytes_per_cycle = 8, burst", "bytes_per_cycle = 1, burst"
    )
    builder = Builder(parse_machine(text, "narrow"))
    builder.load("load", view("dram", 0, (64,)), view("sram", 0, (64,)))
    program = builder.program()
    plan = Plan.of(program)
    rows = {(row.parameter, row.value): row for row in sensitivity(plan, builder.machine, 0, 1)}
    absent = [("DRAM bandwidth", "halved"), ("vector lanes", "halved")]
    absent += [("switch cycles", cycles) for cycles in ("0", "64", "800")]
    for key in absent:
        assert rows[key] == Variation(*key, None, None)
    assert all(row.cycles for key, row in rows.items() if key not in absent)
    assert rows[absent[0]].to_json()["ratio"] is None


def test_it_needs_time() -> None:
    with pytest.raises(TilefoldError, match="leave time on"):
        emulate(pointwise(), {}, values=False, time=False, sensitivity=True)
