"""The cycles predicted at compile time, beside those worked out by hand and emulated."""

from dataclasses import replace
from pathlib import Path

import pytest
from tilefold.backend.emit import raise_to_isa
from tilefold.backend.prediction import LayerPrediction, Prediction
from tilefold.backend.program import Program
from tilefold.compiler import compile_levels
from tilefold.dialects import isa
from tilefold.dialects.isa_operands import Ring
from tilefold.emulator import emulate
from tilefold.emulator.prediction import Compared, Comparison, Errors
from tilefold.emulator.timing import time_program
from tilefold.examples import fashion
from tilefold.passes.pipelines import Schedule
from tilefold.passes.prediction.composition import Composition
from tilefold.passes.prediction.turns import Transfers, take_turns
from tilefold.tests.emulator.harness import plan_of
from tilefold.tests.support.compiled_networks import compiled_network, shipped_on
from tilefold.tests.support.programs import Builder, buffered, view

LATENCY = 4


def predicted(builder: Builder) -> float:
    """Cycles from the start of the units on."""
    (program,) = raise_to_isa(builder.code()).ops
    assert isinstance(program, isa.ProgramOp)
    return max(mark.time for mark in Composition(builder.machine, program).finished().values())


def emulated(builder: Builder) -> int:
    """The same, counted; code takes no bytes, so units start after one latency."""
    return time_program(plan_of(builder.code()), builder.machine, 0).cycles - LATENCY


@pytest.mark.parametrize(("depth", "cycles"), [(1, 144), (2, 88), (3, 84), (4, 84)])
def test_a_ring_by_hand(depth: int, cycles: int) -> None:
    assert predicted(buffered(depth)) == emulated(buffered(depth)) == cycles


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("size", [4, 64, 256])
def test_a_ring_of_any_depth(depth: int, size: int) -> None:
    """Where loads are short against look-ups, as long, and where latency is most of all."""
    builder = Builder()
    builder.sem(0)
    builder.sem(1, credits=depth)
    tile = view("data", 0, (size,), ring=Ring(depth, size, 1))
    with builder.loop(7):
        builder.wait("load", 1)
        builder.load("load", view("dram", 0, (size,)), tile)
        builder.signal("load", 0)
        builder.wait("act", 0)
        table, target = view("weights", 0, (256,)), view("data", 1024, (size,))
        builder.add("vlut", unit="act", src=tile, table=table, dst=target)
        builder.signal("act", 1)
    assert predicted(builder) == emulated(builder)


def test_transfers_take_turns() -> None:
    """By hand: a asks at 0 and every 10 cycles, b wants all it can get from 5 on."""
    a = Transfers("a", 0, 40, size=4, alone=10, count=4)
    b = Transfers("b", 5, 45, size=20, alone=20, count=2)
    take_turns([a, b])
    # a: 0-4, is ready at 10; b: 5-25; a: 25-29, 19 after it asked and 9 more than it takes alone,
    # ready at 29; b: 29-49, 4 late; a: 49-53, 14 late; a: 53-57.
    assert b.waited == 4
    assert a.waited == 9 + 14


def compared(program: Program) -> Comparison:
    comparison = emulate(program, {}, values=False, check=False).report.prediction
    assert comparison is not None
    return comparison


def test_the_mean_error_is_small() -> None:
    """Of the shipped network on the shipped machines."""
    layers: list[Compared] = []
    for machine in ("dna_a600", "dna_f200", "dna_f100", "tpu_like", "tiny"):
        comparison = compared(shipped_on(machine).program)
        assert abs(comparison.error) < 0.05, machine
        layers += comparison.layers
    errors = Errors.of(layers)
    assert errors.layers > 50
    assert errors.mean < 0.05
    assert errors.weighted < 0.02


def test_random_networks() -> None:
    """Their layers are short, so some errors are large in relation to them, but most are none."""
    found = filter(None, map(compiled_network, range(60)))
    layers = [layer for program in found for layer in compared(program).layers]
    assert len(layers) > 150
    assert Errors.of(layers).weighted < 0.05
    assert Errors.of(layers).mean < 0.1
    assert sum(layer.error < 0.01 for layer in layers) > len(layers) / 2


@pytest.mark.parametrize("machine", ["dna_a600", "tiny"])
def test_layers_that_take_turns(machine: str) -> None:
    levels = shipped_on(machine, Schedule.LAYER_SERIAL)
    assert Errors.of(compared(levels.program).layers).mean < 0.05


def test_the_prediction_is_fixed_in_the_file(tmp_path: Path) -> None:
    first = shipped_on("tiny").program
    second = compile_levels(fashion.int8_model(), "tiny").program
    assert first.prediction is not None
    assert first.prediction == second.prediction
    path = tmp_path / "net.tfp"
    first.save(path)
    loaded = Program.load(path)
    emulate(loaded, {}, values=False)
    assert loaded.prediction == first.prediction
    assert loaded.prediction is not None
    assert loaded.prediction.start == emulate(loaded, {}, values=False).report.layers[-1].cycles


def test_every_layer_is_predicted() -> None:
    levels = shipped_on("tiny")
    prediction = levels.program.prediction
    assert prediction is not None
    assert list(prediction.layers) == list(range(len(levels.program.layers)))
    for layer in prediction.layers.values():
        assert layer.cycles == sum(layer.by_kind.values())
        assert min(layer.parts) >= 0
    assert prediction.cycles == prediction.start + sum(
        layer.cycles for layer in prediction.layers.values()
    )
    assert any(isinstance(op, isa.ProgramOp) for op in levels.isa.ops)


def test_what_binds_a_layer() -> None:
    assert LayerPrediction((3, 5, 0, 1, 90)).bound_by == "memory"
    assert LayerPrediction((0, 0, 0, 0, 9)).bound_by == ""


def test_errors_by_hand() -> None:
    layers = [
        Compared("a", LayerPrediction((90, 0, 0, 0, 0)), 100),
        Compared("b", LayerPrediction((0, 0, 0, 0, 30)), 20),
        Compared("hidden", LayerPrediction((2, 0, 0, 0, 0)), 0),
    ]
    errors = Errors.of(layers)
    assert errors.mean == pytest.approx((0.1 + 0.5 + 2) / 3)
    assert (errors.layers, errors.worst) == (3, 2)
    assert errors.weighted == pytest.approx(22 / 120)
    assert Errors.of([]) == Errors(0, 0, 0, 0, 0)


def test_a_program_without_a_prediction() -> None:
    program = replace(shipped_on("tiny").program, prediction=None)
    report = emulate(program, {}, values=False).report
    assert report.prediction is None
    assert "prediction" not in report.to_json()


def test_totals() -> None:
    prediction = Prediction(10, {0: LayerPrediction((90, 0, 0, 0, 0))})
    comparison = Comparison.of(prediction, ["a"], {0: 115, -1: 10})
    assert (comparison.predicted, comparison.emulated) == (100, 125)
    assert comparison.error == pytest.approx(-0.2)
