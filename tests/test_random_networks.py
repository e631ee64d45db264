"""Random networks on random machines: compiled, emulated and checked against the interpreter.

A case is its seed. To run one again:

    python -c "from tilefold.tests.test_random_networks import run_case; print(run_case(SEED))"
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from tilefold.compiler import compile_levels, context_for
from tilefold.dialects.nn_types import shape_of
from tilefold.dialects.schedule import ConfigureOp
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.interpreters.nn import run
from tilefold.passes.nn_cascade import cascade, network_layers, whole_because
from tilefold.passes.nn_frames import FrameOrder
from tilefold.passes.pipelines import Schedule
from tilefold.tests.support.chunks import chunks, outcomes_of
from tilefold.tests.support.random_machines import machine_of_case, random_machine
from tilefold.tests.support.random_networks import random_network
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

Arrays = Mapping[str, npt.NDArray[np.generic]]

NO_STAGES = "cannot take the layers in the order of the machine's file"
"""What is refused where an early layer has a precision that only a late array has."""
CHUNK = 50
QUICK, CASES = 100, 6200
EQUAL = 45
"""Cases of a chunk that must compile, run and agree; memories are too small in few others."""

QUICK_GROUPS, GROUPS = 50, 950
BESIDE = 10
"""Cases of a chunk in which layers must have been given more than one group of units."""

TOO_SMALL = ("smallest tile fits", "choose smaller tiles")
"""What the compiler says where the machine's memories are too small."""


def run_case(seed: int, schedule: Schedule = Schedule.OVERLAPPED, groups: bool = False) -> str:
    """Check one case: "equal", or "too small" where a random machine cannot hold the network.

    A quarter of the programs takes several frames, which a batch fills or does not.
    With `groups` networks branch, machines have several units, and layers may run side by side:
    "side by side" where they do. AssertionError where outputs differ; any other refusal of the
    compiler or the emulator (races, reads of unwritten bytes, ...) is left to fail the test.
    """
    rng = Random(seed)
    module, store, inputs = random_network(rng, branches=groups)
    machine = machine_of_case(seed, rng, crowded=not groups)
    while groups and machine.arrays[0].count == 1:
        machine = random_machine(rng)
    network = module.clone()
    draw_cascade(rng, module)
    frames, order = draw_frames(rng, groups)
    images = [inputs, *(shuffled(inputs, number) for number in range(frames - rng.randint(0, 1)))]
    expected = joined([run(network, image, store) for image in images])
    try:
        searched = seed % 50 == 7 and schedule is Schedule.OVERLAPPED
        effort = (1 if seed < QUICK else 2) if searched else 0
        levels = compile_levels(
            module,
            machine,
            schedule=schedule,
            groups=groups,
            frames=frames,
            order=order,
            effort=effort,
            store=store,
        )
    except TilefoldError as error:
        if any(words in str(error) for words in TOO_SMALL) and seed % 4:
            return "too small"
        if order is FrameOrder.PIPELINE and NO_STAGES in str(error):
            return "no stages"
        raise
    actual = emulate(levels.program, joined(images), time=False).outputs
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert (actual[name].dtype, actual[name].shape) == (value.dtype, value.shape), name
        assert np.array_equal(actual[name], value), (
            f"{name}: {np.count_nonzero(actual[name] != value)} of {value.size} elements differ"
        )
    queues = {op.fold.first.data for op in levels.schedule.walk() if isinstance(op, ConfigureOp)}
    return "side by side" if groups and len(queues) > 1 else "equal"


def run_groups(start: int) -> None:
    """Check `CHUNK` cases of groups in either schedule; failures name the seed."""
    outcomes: Counter[str] = Counter()
    for seed in range(start, start + CHUNK):
        schedule = list(Schedule)[seed // 2 % 2]
        try:
            outcomes[run_case(seed, schedule, groups=True)] += 1
        except Exception as error:
            raise AssertionError(f"run_case({seed}, {schedule}, True): {error}") from error
    print(f"groups, seeds {start}..{start + CHUNK - 1}: {dict(outcomes)}")
    assert outcomes["equal"] + outcomes["side by side"] >= EQUAL, outcomes
    assert outcomes["side by side"] >= BESIDE, outcomes


def draw_cascade(rng: Random, module: ModuleOp) -> None:
    """Let some layers of a network, drawn from all that can, run in two or three stripes."""
    layers = network_layers(module)
    segments = [layers[low:high] for low, high in combinations(range(len(layers) + 1), 2)]
    fitting = [s for s in segments if not whole_because(s) and shape_of(s[-1].results[0])[2] > 1]
    if fitting and rng.random() < 0.5:
        segment = rng.choice(fitting)
        cascade(segment, min(rng.randint(2, 3), shape_of(segment[-1].results[0])[2]))


def draw_frames(rng: Random, groups: bool) -> tuple[int, FrameOrder]:
    """How many frames a program takes, most often one, and in which order; groups are no stages."""
    frames = rng.randint(2, 3) if rng.random() < 0.25 else 1
    orders = [order for order in FrameOrder if not (groups and order is FrameOrder.PIPELINE)]
    return frames, rng.choice(orders)


def shuffled(inputs: Arrays, seed: int) -> Arrays:
    """Another image, of the same elements."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.permutation(values.reshape(-1)).reshape(values.shape)
        for name, values in inputs.items()
    }


def joined(images: Sequence[Arrays]) -> Arrays:
    """A batch."""
    return {name: np.concatenate([image[name] for image in images]) for name in images[0]}


def run_chunk(start: int) -> None:
    """Check `CHUNK` cases; failures name the seed."""
    outcomes = outcomes_of(run_case, start, CHUNK)
    assert outcomes["equal"] >= EQUAL, outcomes


@pytest.mark.parametrize("start", chunks(CHUNK, QUICK, CASES))
def test_emulator_equals_interpreter(start: int) -> None:
    run_chunk(start)


FOUR_TO_FIVE = """
!x = tensor<1x2x3x2x4x!quant.uniform<u8:f32, 0.5:3>>
!c = tensor<2x1x2x4x!quant.uniform<u8:f32, 0.25:9>>
func.func @main(%x: !x) -> !x {
  %c = nn.constant dense<[[[[1, 2, 3, 4], [5, 6, 7, 8]]], [[[9, 8, 7, 6], [5, 4, 3, 2]]]]>
      : tensor<2x1x2x4xui8> -> !c
  %y = nn.add %x, %c : (!x, !c) -> !x
  func.return %y : !x
}
"""


def test_a_constant_of_four_dimensions_broadcast_to_five() -> None:
    store = Store()
    module = Parser(context_for(store), FOUR_TO_FIVE).parse_module()
    x = np.random.default_rng(0).integers(0, 256, (1, 2, 3, 2, 4)).astype(np.uint8)
    program = compile_levels(module, "tiny", store=store).program
    expected = run(module, {"input0": x}, store)["output0"]
    assert np.array_equal(emulate(program, {"input0": x}).outputs["output0"], expected)


@pytest.mark.parametrize("start", chunks(CHUNK, QUICK_GROUPS, GROUPS))
def test_groups_side_by_side(start: int) -> None:
    run_groups(start)
