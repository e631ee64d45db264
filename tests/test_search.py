"""The search: what it tries, what it keeps, and that what it finds computes the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tilefold.compiler import Compilation, compile_levels, context_for
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.interpreters.nn import run
from tilefold.machines import load_machine
from tilefold.machines.model import Machine, parse_machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.cascades import cascade_candidates
from tilefold.passes.nn_frames import FrameOrder
from tilefold.passes.pipelines import Choices, Schedule
from tilefold.search import TRIALS, Objective, differences
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

Array = npt.NDArray[Any]

# Three layers on images of 4096 bytes, of which the tiny machine can keep none.
NETWORK = """
!x = tensor<1x4x32x32x!quant.uniform<u8:f32, 0.5:3>>
!v = tensor<4x4x3x3x!quant.uniform<i8:f32, 0.01>>
func.func @main(%x: !x) -> !x {
  %v = nn.constant dense<WEIGHTS> : tensor<4x4x3x3xi8> -> !v
  %a = nn.conv %x, %v {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1}
      : (!x, !v) -> !x loc("a")
  %b = nn.conv %a, %v {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1}
      : (!x, !v) -> !x loc("b")
  %c = nn.add %a, %b : (!x, !x) -> !x loc("c")
  %d = nn.conv %c, %v {strides = [1, 1], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1}
      : (!x, !v) -> !x loc("d")
  func.return %d : !x
}
"""


def network(store: Store) -> ModuleOp:
    """The network above with seeded weights."""
    weights = np.random.default_rng(1).integers(-9, 10, (4, 4, 3, 3))
    text = NETWORK.replace("WEIGHTS", str(weights.tolist()))
    return Parser(context_for(store), text).parse_module()


def compiled(effort: int, machine: str | Machine = "tiny", **options: Any) -> Compilation:
    """The network above, compiled."""
    store = Store()
    return compile_levels(network(store), machine, store=store, effort=effort, **options)


def outputs(compilation: Compilation, inputs: Mapping[str, Array]) -> Array:
    """What the emulator makes of it, all checks on."""
    return emulate(compilation.program, inputs).outputs["output0"]


@pytest.mark.parametrize("effort", [1, 2, pytest.param(3, marks=pytest.mark.long)])
def test_the_best_of_all_trials_is_kept_and_computes_the_same(effort: int) -> None:
    compilation = compiled(effort)
    cycles = [trial.cycles for trial in compilation.trials if trial.cycles is not None]
    assert 1 < len(compilation.trials) <= TRIALS[effort]
    assert emulate(compilation.program, {}, values=False).report.total.cycles == min(cycles)
    x = np.random.default_rng(2).integers(0, 256, (1, 4, 32, 32)).astype(np.uint8)
    store = Store()
    expected = run(network(store), {"input0": x}, store)["output0"]
    assert np.array_equal(outputs(compilation, {"input0": x}), expected)


def test_a_search_begins_with_what_the_passes_make() -> None:
    alone = emulate(compiled(0).program, {}, values=False).report.total.cycles
    compilation = compiled(1)
    assert compilation.trials[0].choices == Choices()
    assert compilation.trials[0].cycles == alone


def test_searching_twice_is_the_same_search() -> None:
    first, second = compiled(1), compiled(1)
    assert first.trials == second.trials
    assert first.program.code == second.program.code


def test_both_orders_of_frames_are_tried() -> None:
    compilation = compiled(1, "dna_f200", frames=2)
    assert {trial.choices.frames for trial in compilation.trials} == {2}
    orders = {trial.choices.order: trial.cycles for trial in reversed(compilation.trials)}
    assert orders[FrameOrder.LAYER] != orders[FrameOrder.FRAME]
    images = np.random.default_rng(2).integers(0, 256, (3, 4, 32, 32)).astype(np.uint8)
    one = compiled(0, "dna_f200")
    expected = outputs(one, {"input0": images})
    assert np.array_equal(outputs(compilation, {"input0": images}), expected)


def test_stripes_are_taken_where_dram_is_slow() -> None:
    text = load_machine("tiny").text.replace("bytes_per_cycle = 8", "bytes_per_cycle = 1")
    slow = parse_machine(text, "tiny")
    compilation = compiled(2, slow)
    best = compilation.best
    assert best is not None
    assert best.choices.cascades
    assert any("stripes" in difference for difference in differences(best.choices))
    before, after = (
        emulate(each.program, {}, values=False).report.total
        for each in (compiled(0, slow), compilation)
    )
    assert after.cycles < before.cycles
    assert sum(after.bytes["dram"].values()) < sum(before.bytes["dram"].values())


SHORT_LAYERS = """
!x = tensor<1x2x8x8x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x8x8x8x!quant.uniform<u8:f32, 0.5:3>>
!v = tensor<8x2x1x1x!quant.uniform<i8:f32, 0.01>>
!w = tensor<2x8x1x1x!quant.uniform<i8:f32, 0.01>>
func.func @main(%x: !x) -> !x {
  %v = nn.constant dense<[[[[3]], [[-5]]], [[[7]], [[1]]], [[[-9]], [[4]]], [[[6]], [[8]]],
                          [[[2]], [[9]]], [[[-4]], [[5]]], [[[1]], [[-7]]], [[[9]], [[2]]]]>
      : tensor<8x2x1x1xi8> -> !v
  %w = nn.constant dense<[[[[5]], [[-3]], [[8]], [[1]], [[7]], [[-6]], [[4]], [[9]]],
                          [[[-2]], [[9]], [[6]], [[-8]], [[3]], [[7]], [[5]], [[-1]]]]>
      : tensor<2x8x1x1xi8> -> !w
  %a = nn.conv %x, %v {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1}
      : (!x, !v) -> !y loc("a")
  %b = nn.conv %a, %w {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1}
      : (!y, !w) -> !x loc("b")
  func.return %b : !x
}
"""


def test_one_configuration_is_taken_where_estimates_are_off() -> None:
    """Transfers bind these layers: what the cost of arrays has as second best is faster."""
    text = load_machine("tiny").text.replace("bytes_per_cycle = 8", "bytes_per_cycle = 1")
    slow, store = parse_machine(text, "tiny"), Store()
    module = Parser(context_for(store), SHORT_LAYERS).parse_module()
    found = compile_levels(module, slow, store=store, effort=2)
    best = found.best
    assert best is not None
    assert best.choices.single > 0
    assert any("one configuration" in difference for difference in differences(best.choices))
    by_layer = [trial.cycles for trial in found.trials if trial.cycles and not trial.choices.single]
    assert best.cycles is not None
    assert best.cycles < min(by_layer)
    x = np.random.default_rng(2).integers(0, 256, (1, 2, 8, 8)).astype(np.uint8)
    expected = run(module, {"input0": x}, store)["output0"]
    assert np.array_equal(outputs(found, {"input0": x}), expected)


def test_candidates_lie_around_tensors_in_dram() -> None:
    store = Store()
    module = network(store)
    attach_machine(module, load_machine("tiny"))
    found = cascade_candidates(context_for(store), module)
    # Nothing ends between a and the addition but these: a cascade has both. The shortest ones are
    # around each tensor, the longest one around all, each in 2, 4 and 8 stripes at least.
    assert {(each.first, each.last) for each in found} == {("a", "c"), ("a", "d"), ("b", "d")}
    assert found[0].first == "a"
    assert found[0].last == "d"


def test_energy_is_an_objective_where_it_is_known() -> None:
    machine = parse_machine(
        load_machine("tiny").text.replace("hz = 100000000", 'hz = 100000000, technology = "28nm"'),
        "tiny",
    )
    for objective in (Objective.ENERGY, Objective.ENERGY_DELAY):
        compilation = compiled(1, machine, objective=objective)
        best = compilation.best
        assert best is not None
        assert best.energy is not None
        assert best.cycles is not None
        delay = best.cycles if objective is Objective.ENERGY_DELAY else 1
        assert best.score == pytest.approx(best.energy * delay)
    with pytest.raises(TilefoldError, match="energy cannot be judged: machine tiny names no"):
        compiled(1, objective=Objective.ENERGY)


def test_progress_tells_trials_and_the_best_so_far() -> None:
    told: list[tuple[str, int, int | None]] = []
    compilation = compiled(1, progress=lambda *now: told.append(now))
    trials = [(text, done) for text, done, total in told if total == TRIALS[1]]
    assert [done for _, done in trials] == list(range(len(compilation.trials)))
    assert all("cycles at best" in text for text, _ in trials[1:])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"effort": 4}, "effort 4 is not from 0 to 3"),
        ({"effort": 0, "objective": Objective.ENERGY}, "the objective energy takes a search"),
        ({"effort": 1, "schedule": Schedule.LAYER_SERIAL}, "layer-serial schedule is not searched"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(TilefoldError, match=message):
        compiled(**options)
