"""Conflicts of banks in the compiler: what folds and tilings are charged, and rows that spread."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from tilefold.backend.build import build_program
from tilefold.backend.program import Program
from tilefold.compiler import compile_levels, context_for
from tilefold.dialects import schedule
from tilefold.dialects.fabric import FoldAttr
from tilefold.dialects.isa_operands import ElementType
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.emulator.costs import Costs
from tilefold.emulator.footprint import Plan
from tilefold.emulator.timing import time_program
from tilefold.emulator.tree import Step, walk
from tilefold.examples import fashion
from tilefold.interpreters.nn import run as interpret
from tilefold.interpreters.schedule import run
from tilefold.machines import load_machine
from tilefold.machines.model import Fold, Machine, parse_machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.folding.space import Configuration, Placement, Space, Work, space_of
from tilefold.passes.lower_to_isa import LowerToIsaPass
from tilefold.passes.lowering.shapes import ConvShape
from tilefold.passes.pipelines import Schedule, nn_passes, run_passes, schedule_passes
from tilefold.passes.prediction.work import work_of
from tilefold.passes.schedule_spread_banks import ScheduleSpreadBanksPass
from tilefold.passes.tilings import Extras, Options, Ranked, ranked_tilings
from tilefold.tests.support.random_machines import crowded_machine
from tilefold.tests.support.random_networks import random_network
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

NETWORKS = 24
"""Random networks that are compiled for crowded machines."""

SHAPE = ConvShape(
    rows_in=2,
    columns_in=8,
    rows=2,
    columns=8,
    groups=1,
    k=4,
    c=4,
    kernel=(1, 1),
    strides=(1, 1),
    dilations=(1, 1),
    pads=(0, 0),
    multiplier=0,
    input_type=ElementType.U8,
    weight_type=ElementType.I8,
    output_type=ElementType.U8,
    stored_type=ElementType.U8,
    input_strides=(32, 4),
)
"""On `tiny` two units that share its pixels start in the same bank; see docs/time.md."""


def counting(name: str = "tiny") -> Machine:
    """A shipped machine whose memory of inputs counts conflicts."""
    text = load_machine(name).text
    return parse_machine(text.replace('holds = ["I"', 'conflicts = true, holds = ["I"'), name)


def cycles_on(space: Space, fold: Fold) -> int:
    return int(space.cycles[0, space.columns.index(Configuration("conv", 0, fold))])


def test_folds_by_hand() -> None:
    """4 cycles to fill, then 16 steps of one unit, or 8 of two that take one cycle or two."""
    work = Work("y", SHAPE, (8, 8))
    made, spread = (space_of(counting(), [work], spread=each) for each in (False, True))
    assert cycles_on(made, Fold()) == cycles_on(spread, Fold()) == 4 + 16
    assert cycles_on(made, Fold(pixels=2)) == 4 + 8 * 2
    assert cycles_on(spread, Fold(pixels=2)) == 4 + 8


def tiled(rows: int, columns: int, extras: Extras, *, spread: bool) -> Ranked:
    """The tiling of all channels and so many pixels, on two units that share them."""
    options = Options(spread=spread)
    fold = Placement.of(FoldAttr.get("conv", pixels=2))
    every = ranked_tilings(counting(), SHAPE, fold, extras, options, 1000)
    wanted = (rows, columns, 4, 4, "k y x")
    return next(
        each
        for each in every
        for t in [each.tiling]
        if (t.rows.data, t.columns.data, t.k.data, t.c.data, t.order.data) == wanted
    )


def test_tilings_by_hand() -> None:
    """A tile that is loaded has rows of its own; one in place those of the tensor."""
    loaded, kept = Extras(), Extras(keeps_input=True)
    assert tiled(2, 8, loaded, spread=False).parts["compute"] == 4 + 8 * 2
    assert tiled(2, 8, loaded, spread=True).parts["compute"] == 4 + 8
    # Tiles of 2 x 4: rows of 16 bytes are 4 lines apart, those of 32 bytes 8; of 2 x 2: 2, or 8.
    assert tiled(2, 4, loaded, spread=False).parts["compute"] == 2 * (4 + 4 * 2)
    assert tiled(2, 2, loaded, spread=False).parts["compute"] == 4 * (4 + 2)
    assert tiled(2, 2, kept, spread=False).parts["compute"] == 4 * (4 + 2 * 2)
    assert tiled(2, 2, kept, spread=True).parts["compute"] == 4 * (4 + 2)


def test_nothing_changes_where_conflicts_do_not_count() -> None:
    machine, work = load_machine("tiny"), Work("y", SHAPE, (8, 8))
    made, spread = (space_of(machine, [work], spread=each) for each in (False, True))
    assert np.array_equal(made.cycles, spread.cycles)
    assert cycles_on(made, Fold(pixels=2)) == 4 + 8
    given = (machine, SHAPE, Placement.of(FoldAttr.get("conv", pixels=2)), Extras())
    tilings = [ranked_tilings(*given, Options(spread=each), 1000) for each in (False, True)]
    assert tilings[0] == tilings[1]


def spread_in(
    network: ModuleOp, store: Store, inputs: dict[str, np.ndarray], machine: Machine
) -> Counter[str]:
    """What is spread in a network, by kind, whose outputs must stay as they are."""
    every = [*schedule_passes(), LowerToIsaPass()]
    place, context = every.index(ScheduleSpreadBanksPass()), context_for(store)
    expected = interpret(network, inputs, store)
    module = network.clone()
    attach_machine(module, machine)
    run_passes(nn_passes(), context, module)
    module = module.clone()
    run_passes(every[:place], context, module)
    tensors = [op for op in module.walk() if isinstance(op, schedule.TensorOp)]
    boxes = [tensor.box for tensor in tensors]
    run_passes(every[place : place + 1], context, module)
    spread: Counter[str] = Counter()
    buffers = (op for op in module.walk() if isinstance(op, schedule.BufferOp))
    spread["buffers"] = sum(buffer.pitch is not None for buffer in buffers)
    for tensor, box in zip(tensors, boxes, strict=True):
        users = [use.operation for use in tensor.result.uses]
        parts = any(isinstance(user, schedule.PartOp) for user in users)
        spread["parts" if parts else "tensors"] += tensor.box != box
    as_schedule = run(module, inputs, store)
    run_passes(every[place + 1 :], context, module)
    actual = emulate(build_program(module, machine, store), inputs).outputs
    for name, value in expected.items():
        assert np.array_equal(as_schedule[name], value), name
        assert np.array_equal(actual[name], value), name
    return spread


def test_random_networks() -> None:
    spread: Counter[str] = Counter()
    for seed in range(NETWORKS):
        rng = Random(seed)
        network, store, inputs = random_network(rng, branches=True)
        spread += spread_in(network, store, dict(inputs), crowded_machine(rng))
    assert spread["tensors"], spread
    assert spread["buffers"], spread


PARTS = """
!x = tensor<1x4x6x8x!quant.uniform<u8:f32, 0.5:3>>
!both = tensor<1x8x6x8x!quant.uniform<u8:f32, 0.5:3>>
!rows = tensor<1x8x4x8x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x4x4x8x!quant.uniform<u8:f32, 0.5:3>>
!w = tensor<4x4x1x1x!quant.uniform<i8:f32, 0.03>>
!v = tensor<4x8x1x1x!quant.uniform<i8:f32, 0.02>>
func.func @main(%x: !x) -> (!x, !y) {
  %w = nn.constant dense<[[[[3]], [[-7]], [[9]], [[11]]], [[[8]], [[5]], [[-2]], [[4]]],
      [[[6]], [[1]], [[12]], [[-5]]], [[[2]], [[10]], [[-3]], [[7]]]]> : tensor<4x4x1x1xi8> -> !w
  %v = nn.constant dense<5> : tensor<4x8x1x1xi8> -> !v
  %a = nn.conv %x, %w {OPTIONS} : (!x, !w) -> !x
  %b = nn.conv %a, %w {OPTIONS} : (!x, !w) -> !x
  %c = nn.conv %a, %w {OPTIONS} : (!x, !w) -> !x
  %both = nn.concat %b, %c {axis = 1} : (!x, !x) -> !both
  %z = nn.conv %both, %v {OPTIONS} : (!both, !v) -> !x
  %rows = nn.slice %both {starts = [0, 0, 1, 0], sizes = [1, 8, 4, 8]} : (!both) -> !rows
  %y = nn.conv %rows, %v {OPTIONS} : (!rows, !v) -> !y
  func.return %z, %y : !x, !y
}
"""
"""Two tensors are made as channels of a third, which a layer reads, and another a slice of it."""


def test_parts() -> None:
    store = Store()
    options = "strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1"
    network = Parser(context_for(store), PARTS.replace("OPTIONS", options)).parse_module()
    image = np.random.default_rng(0).integers(0, 256, (1, 4, 6, 8)).astype(np.uint8)
    text = counting().text.replace("c = [1, 2], k = [1, 2], p = [1, 2], g = [1, 2]", "p = [2]")
    spread = spread_in(network, store, {"input0": image}, parse_machine(text, "two"))
    assert spread["parts"] == 1, spread
    assert spread["tensors"] == 1, spread


def charged(program: Program, machine: Machine) -> list[tuple[list[int], list[int]]]:
    """By convolution: what the emulator charges its tiles, and what is predicted of them."""
    plan = Plan.of(program)
    costs, configured = Costs(plan, machine), dict[str, Step]()
    charges: dict[Step, list[int]] = {}
    for step, counters in walk(plan.tree.body):
        if step.mnemonic == "configure":
            configured[step.unit] = step
        if step.mnemonic in ("conv", "dwconv"):
            charge = costs.charge(step, counters, configured[step.unit])
            charges.setdefault(step, []).append(charge.busy if charge else 0)
    found: list[tuple[list[int], list[int]]] = []
    for step in plan.tree.steps:
        if step.mnemonic == "configure":
            configured[step.unit] = step
        if step in charges:
            operands = configured[step.unit].instruction.operands
            given = (step.mnemonic, step.instruction.operands, step.counts, operands)
            found.append((charges[step], work_of(machine, *given).own.ravel().tolist()))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_the_prediction_charges_what_the_emulator_does(seed: int) -> None:
    rng = Random(seed)
    module, store, _ = random_network(rng)
    machine = crowded_machine(rng)
    program = compile_levels(module, machine, store=store).program
    for emulated, predicted in charged(program, machine):
        assert emulated == predicted


@pytest.mark.parametrize("order", list(Schedule))
def test_conflicts_cost_less_if_they_are_known(order: Schedule) -> None:
    """Of the shipped network on a machine of two units that share pixels in two banks."""
    machine = counting("dna_f200")
    unknowing = compile_levels(fashion.int8_model(), "dna_f200", schedule=order).program
    knowing = compile_levels(fashion.int8_model(), machine, schedule=order).program
    before = time_program(Plan.of(unknowing), machine, unknowing.code_bytes).cycles
    after = emulate(knowing, {}, values=False).report.total.cycles
    assert after < before
