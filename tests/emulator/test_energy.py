"""Energy in reports: what a program is charged, and what is said without a technology."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tilefold.backend.encoding import encode
from tilefold.costmodel.energy import Action, Actions, Prices
from tilefold.costmodel.technology import load_technology
from tilefold.emulator import Report, emulate
from tilefold.emulator.footprint import Plan
from tilefold.emulator.timing import time_program
from tilefold.machines import load_machine
from tilefold.machines.model import Machine, parse_machine
from tilefold.tests.emulator.harness import plan_of
from tilefold.tests.emulator.test_emulate_tool import run
from tilefold.tests.emulator.test_run import CHANNELS, COLUMNS, OUTPUTS, ROWS, TILES, pointwise
from tilefold.tests.support.programs import Builder, view

TINY = load_machine("tiny")


def report(technology: str | None = None, **options: bool) -> Report:
    return emulate(pointwise(), {}, values=False, technology=technology, **options).report


def test_what_a_program_does() -> None:
    """A 1x1 convolution of 4 by 4 channels: one pass a tile of 12 pixels on a 4 x 4 grid."""
    program = pointwise()
    plan = Plan.of(program)
    actions = time_program(plan, load_machine("tiny"), 100).actions
    pixels = ROWS * COLUMNS
    inputs, outputs, weights = pixels * CHANNELS, pixels * OUTPUTS, CHANNELS * OUTPUTS
    loaded = weights * TILES
    assert dict(actions[0]) == {
        Action("product", "conv", 8, 8): pixels * CHANNELS * OUTPUTS,
        Action("keep", "conv"): 8 * loaded,
        Action("sum", "conv"): outputs,
        Action("drain", "conv"): outputs,
        Action("requantise", "act"): outputs,
        Action("link", "conv"): 8 * (inputs + loaded) + 32 * outputs,
        Action("read", "data"): inputs + outputs,
        Action("write", "data"): inputs + outputs,
        Action("read", "weights"): loaded + TILES * 4 * 12,
        Action("write", "weights"): weights + 4 * 12,
        Action("read", "dram"): inputs + weights + 4 * 12 + 16,
        Action("write", "dram"): outputs,
    }
    assert actions[-1] == {Action("read", "dram"): 104}


def actions_of(builder: Builder) -> Actions:
    return time_program(plan_of(builder.code()), builder.machine, 0).actions[-1]


def test_a_pool_reads_every_window() -> None:
    builder = Builder()
    builder.add(
        "vpool", unit="act", src=view("data", 0, (4, 5, 3)), dst=view("data", 256, (2, 3, 3)),
        kind=0, kernel_y=3, kernel_x=3, stride_y=1, stride_x=1, dil_y=1, dil_x=1,
        src_zero=0, dst_zero=0, src_scale=1.0, dst_scale=1.0, lo=0, hi=255, include_pad=0,
    )  # fmt: skip
    outputs = 2 * 3 * 3
    assert +actions_of(builder) == {
        Action("pool", "act"): outputs * 9,
        Action("read", "data"): outputs * 9,
        Action("write", "data"): outputs,
    }


def convolution(
    chain: int = 1, wgt_bits: int = 8, outputs: int = 4, machine: Machine = TINY
) -> Actions:
    """A 1x1 convolution of 2 x 2 pixels from 8 channels: two tiles of weights on one unit."""
    builder = Builder(machine)
    weights = view("weights", 0, (outputs, 1, 1, 8), f"i{wgt_bits}")
    fold = {"chain": chain, "pixels": 1, "wgt_bits": wgt_bits}
    builder.group("configure", "conv.0", chain, **fold)
    source, target = view("data", 0, (2, 2, 8)), view("data", 256, (2, 2, outputs))
    builder.conv("conv.0", source, weights, view("weights", 64, (outputs, 3), "i32"), target)
    return actions_of(builder)


def test_sums_pass_the_links_of_a_chain() -> None:
    alone, chained = convolution(), convolution(chain=2)
    entered = 4 * 8 * 8 + 4 * 8 * 8 + 16 * 32
    assert alone[Action("sum", "conv")] == 2 * 16
    assert alone[Action("link", "conv")] == entered
    assert chained[Action("sum", "conv")] == 16
    assert chained[Action("link", "conv")] == entered + 16 * 32


def test_narrow_weights_are_counted_at_their_width() -> None:
    """Two products a cycle halve the passes, and containers of 4 bits the bytes."""
    narrow = convolution(wgt_bits=4)
    assert narrow[Action("product", "conv", 8, 4)] == 4 * 8 * 4
    assert narrow[Action("keep", "conv")] == 8 * 4 * 4
    assert narrow[Action("read", "weights")] == 8 * 4 // 2 + 4 * 12
    assert narrow[Action("sum", "conv")] == 16


def test_weights_of_pixels_side_by_side_fill_a_register_each() -> None:
    """Two output channels leave two of four columns to a second pixel."""
    wide = parse_machine(TINY.text.replace('x = ["K"]', 'x = ["K", "OX"]'), "wide")
    alone, beside = convolution(outputs=2), convolution(outputs=2, machine=wide)
    assert alone[Action("keep", "conv")] == 8 * 2 * 8
    assert beside[Action("keep", "conv")] == 2 * 8 * 2 * 8
    del alone[Action("keep", "conv")], beside[Action("keep", "conv")]
    assert alone == beside


def test_layers_and_components_add_up() -> None:
    counted = report("28nm")
    total = counted.total
    assert total.energy is not None
    assert total.picojoules == pytest.approx(sum(total.energy.values()))
    for component, energy in total.energy.items():
        layers = [(row.energy or {}).get(component, 0) for row in counted.layers]
        assert energy == pytest.approx(sum(layers))
    program = counted.layers[-1]
    assert program.name == "(program)"
    assert program.energy == {
        "dram read": pytest.approx(_code_bytes() * 8 * 15),
        "leakage": pytest.approx(total.energy["leakage"] * program.cycles / total.cycles),
    }
    assert counted.area is not None
    record = counted.to_json()
    assert record["technology"] == "28nm"
    for values in (record["area_mm2"], record["total"]["energy_pj"]):
        parts = sum(value for name, value in values.items() if name != "total")
        assert values["total"] == pytest.approx(parts, abs=1e-4)


def _code_bytes() -> int:
    """The code as `tiny` fetches it: in bursts of 8 bytes."""
    return -(-len(encode(pointwise().code)) // 8) * 8


def test_leakage_takes_all_cycles() -> None:
    counted = report("45nm")
    machine, table = load_machine("tiny"), load_technology("45nm")
    assert counted.total.energy is not None
    leaked = Prices(machine, table).energy({}, counted.total.cycles)
    assert counted.total.energy["leakage"] == pytest.approx(leaked["leakage"])


def test_without_a_technology_there_are_counts_and_no_energy() -> None:
    counted = report()
    assert counted.total.macs > 0
    assert counted.total.energy is None
    assert counted.total.picojoules is None
    assert counted.area is None
    record = counted.to_json()
    assert record["technology"] is record["area_mm2"] is record["total"]["energy_pj"] is None
    assert "no energy: machine tiny names no technology" in str(counted.energy_table())
    assert "energy nJ" not in [column.header for column in counted.table().columns]


def test_without_time_there_is_area_and_no_energy() -> None:
    counted = report("45nm", time=False)
    assert counted.total.energy is None
    assert counted.area is not None
    assert not isinstance(counted.energy_table(), str)


def test_the_machine_names_its_technology_and_an_option_overrides_it() -> None:
    program = pointwise()
    text = program.machine_text.replace("hz =", 'technology = "16nm", hz =', 1)
    machine = parse_machine(text, "tiny at 16 nm")
    assert machine.technology == "16nm"
    header = replace(program.code.header, digest=machine.digest)
    code = replace(program.code, header=header)
    named = replace(program, machine_text=machine.text, code=code)
    own = emulate(named, {}, values=False).report
    other = emulate(named, {}, values=False, technology="45nm").report
    assert (own.technology, other.technology) == ("16nm", "45nm")
    assert own.total.energy == report("16nm").total.energy
    assert other.total.energy == report("45nm").total.energy


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, mine = tmp_path / "net.tfp", tmp_path / "mine.toml"
    pointwise().save(program)
    mine.write_text(
        'name = "mine"\nnode_nm = 12\nvolts = 0.8\n'
        '[scaled]\nbase = "16nm"\nenergy = 0.5\narea = 0.5\nsource = "test"\n'
    )
    assert run(program) == 0
    assert "no energy: machine tiny names no technology" in capsys.readouterr().out
    assert run(program, "--technology", mine) == 0
    printed = capsys.readouterr().out
    assert "energy and area at mine" in printed
    assert "energy nJ" in printed
    assert run(program, "--technology", mine, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["technology"] == "mine"
    halved, whole = record["total"]["energy_pj"], report("16nm").total.energy
    assert whole is not None
    assert halved["conv 8x8"] == pytest.approx(whole["conv 8x8"] / 2, abs=1e-5)
    assert halved["dram read"] == pytest.approx(whole["dram read"])
    assert run(program, "--technology", "45mm") == 1
    assert capsys.readouterr().err.startswith("error: no technology is named '45mm'; did you mean")
