"""The bound of layers one after the other: by hand, on chains, and below everything emulated."""

from fractions import Fraction
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tilefold.compiler import compile, compile_levels
from tilefold.dialects.isa_operands import Affine, View
from tilefold.emulator import emulate
from tilefold.emulator.footprint import Plan
from tilefold.emulator.layer_bound import (
    LayerWork,
    Supply,
    layer_bound,
    layers_of,
    supply_of,
    weights_from,
    works_of,
)
from tilefold.emulator.layer_order import needs_of
from tilefold.emulator.timing import time_program
from tilefold.errors import TilefoldError
from tilefold.examples.networks.quantise import quantise
from tilefold.examples.networks.writer import Writer
from tilefold.machines import load_machine, names
from tilefold.passes.pipelines import Schedule
from tilefold.tests.support.chunks import chunks
from tilefold.tests.support.compiled_networks import shipped_on
from tilefold.tests.support.programs import Builder, view
from tilefold.tests.support.random_machines import random_machine
from tilefold.tests.support.random_networks import random_network
from tilefold.tests.test_random_networks import TOO_SMALL

CHUNK = 20
QUICK, CASES = 20, 60
COMPILED = 33
"""Of two programs a seed of a chunk, those that fit their machines."""


def chain(*layers: tuple[int, int, int]) -> list[LayerWork]:
    """Layers (compute, vector, weights of this layer), each reading the one before it."""
    works: list[LayerWork] = []
    for number, (compute, vector, _) in enumerate(layers):
        left = sum(weights for _, _, weights in layers[number:])
        before = [number - 1] if number else []
        works.append(LayerWork(Fraction(compute), Fraction(vector), left, before, before))
    return works


def test_a_chain_by_hand() -> None:
    """Layers of 100, 40 and 10 cycles; weights of 80, 200 and 600 bytes, 4 bytes a cycle.

    With 400 bytes on chip: nothing done, 880 bytes take 220 cycles; after layer 0 there are 400
    bytes to come, after layer 1 200, and after all layers none:
    max(480 / 4, 100 + 400 / 4, 140 + 200 / 4, 150) = 200, and at least 220 from the start on.
    """
    works = chain((100, 30, 80), (10, 40, 200), (10, 0, 600))
    assert layer_bound(works, Supply(400, 4)) == 220
    assert layer_bound(works, Supply(400, 4, start=7, first=30, last=5)) == 7 + 30 + 200 + 5
    assert layer_bound(works, Supply(10_000, 40, start=7, first=30, last=5)) == 7 + 30 + 150 + 5
    assert layer_bound([], Supply(400, 4, start=7, first=30, last=5)) == 42


def test_branches_by_hand() -> None:
    """Two layers read the first one: 90 cycles of pooling beside 70 of products, after 10 + 20."""
    first = LayerWork(Fraction(10), Fraction(20))
    pool = LayerWork(vector=Fraction(90), start=[0], finish=[0])
    conv = LayerWork(Fraction(70), Fraction(5), start=[0], finish=[0])
    join = LayerWork(vector=Fraction(8), start=[1, 2], finish=[1, 2])
    assert layer_bound([first, pool, conv, join], Supply(0, 1)) == 20 + 90 + 8
    # A sum whose convolution starts early is complete only after what is added.
    fused = LayerWork(Fraction(3), Fraction(4), start=[2], finish=[1, 2])
    assert layer_bound([first, pool, conv, fused], Supply(0, 1)) == 20 + 90
    # Arrays take layers in their order, whatever these read.
    assert layer_bound([first, conv, LayerWork(Fraction(60))], Supply(0, 1)) == 20 + 70 + 60


def test_a_program_by_hand() -> None:
    """A convolution by 4 x 4 weights, and a table applied to its result by another layer.

    16 pixels of 4 channels by 4: 256 products, 32 a cycle: 8 cycles. 64 results, 4 lanes: 16 cycles
    to drain them and 16 for the table. Weights are 16 + 48 bytes and 256 of the table, at 4 bytes a
    cycle 80 cycles, and 2,048 fit. A byte takes a cycle and a latency of 4, both ways.
    """
    builder = Builder()
    for number in range(5):
        builder.sem(number)
    builder.layer("conv")
    builder.load("load", view("dram", 4096, (4, 4, 4)), view("data", 0, (4, 4, 4)))
    builder.load(
        "wload", view("dram", 0, (4, 1, 1, 4), "i8"), view("weights", 0, (4, 1, 1, 4), "i8")
    )
    builder.load("wload", view("dram", 16, (48,)), view("weights", 16, (48,)))
    builder.signal("load", 0)
    builder.signal("wload", 1)
    builder.group("configure", "conv.0")
    builder.wait("conv.0", 0)
    builder.wait("conv.0", 1)
    builder.conv(
        "conv.0",
        view("data", 0, (4, 4, 4)),
        view("weights", 0, (4, 1, 1, 4), "i8"),
        view("weights", 16, (4, 3), "i32"),
        view("data", 64, (4, 4, 4)),
    )
    builder.signal("conv.0", 2)
    builder.layer("table")
    with builder.loop(4):
        # Loaded four times, needed once.
        builder.load("wload", view("dram", 64, (256,)), view("weights", 64, (256,)))
    builder.signal("wload", 3)
    builder.wait("act", 2)
    builder.wait("act", 3)

    def row(base: int) -> View:
        """A row of an image on chip, another one in each iteration."""
        origins = (Affine.of(0, {0: 1}), 0, 0)
        return view("data", base, (1, 4, 4), local=False, origins=origins, extents=(4, 4, 4))

    with builder.loop(4):
        builder.add(
            "vlut",
            unit="act",
            src=row(64),
            table=view("weights", 64, (256,)),
            dst=row(128),
        )
    builder.signal("act", 4)
    builder.wait("store", 4)
    builder.store("store", view("data", 128, (4, 4, 4)), view("dram", 4160, (4, 4, 4)))
    program = builder.program()
    plan = Plan.of(program)
    counters = time_program(plan, builder.machine, program.code_bytes)
    assert weights_from(plan, builder.machine, [0, 1]) == [320, 256]
    works = works_of(layers_of(plan, builder.machine), builder.machine, counters)
    assert works == [
        LayerWork(Fraction(8), Fraction(16), 320),
        LayerWork(Fraction(), Fraction(16), 256, (0,), (0,)),
    ]
    supply = supply_of(builder.machine, counters.start)
    assert supply == Supply(2048, 4, counters.start, 5, 5)
    assert layer_bound(works, supply) == counters.start + 80 + 5 <= counters.cycles
    # Of a hundredfold bandwidth computing is left.
    assert layer_bound(works, Supply(2048, 400, 0, 5, 5)) == 5 + 16 + 16 + 5
    report = emulate(program, {}, values=False, check=False).report
    assert report.total.layer_by_layer == counters.start + 80 + 5


layers_of_a_chain = st.lists(st.tuples(*[st.integers(0, 1000)] * 3), min_size=1, max_size=8)
supplies = st.builds(Supply, *[st.integers(0, 2000), st.integers(1, 64)], *[st.integers(0, 99)] * 3)


@given(layers_of_a_chain, supplies)
def test_chains_are_the_formula(layers: list[tuple[int, int, int]], supply: Supply) -> None:
    done, ways = 0, [Fraction(sum(w for _, _, w in layers), supply.bandwidth) - supply.first]
    for number in range(len(layers) + 1):
        missing = max(0, sum(w for _, _, w in layers[number:]) - supply.memory)
        ways.append(done + Fraction(missing, supply.bandwidth))
        done += max(layers[number][:2]) if number < len(layers) else 0
    found = layer_bound(chain(*layers), supply)
    assert found - 1 < supply.start + supply.first + max(ways) + supply.last <= found
    computing = sum(compute for compute, _, _ in layers)
    assert found >= supply.start + supply.first + computing + supply.last


@given(layers_of_a_chain, supplies, st.integers(0, 500), st.integers(0, 32))
def test_more_memory_and_bandwidth_never_raise_it(
    layers: list[tuple[int, int, int]], supply: Supply, memory: int, bandwidth: int
) -> None:
    ends = supply.start, supply.first, supply.last
    larger = Supply(supply.memory + memory, supply.bandwidth + bandwidth, *ends)
    assert layer_bound(chain(*layers), larger) <= layer_bound(chain(*layers), supply)


@given(layers_of_a_chain, supplies, st.randoms(use_true_random=False))
def test_fewer_needs_never_raise_it(
    layers: list[tuple[int, int, int]], supply: Supply, rng: Random
) -> None:
    works = chain(*layers)
    looser = [
        LayerWork(w.compute, w.vector, w.weights, *(w.start, w.finish) * rng.randint(0, 1))
        for w in works
    ]
    assert layer_bound(looser, supply) <= layer_bound(works, supply)


@cache
def branching() -> bytes:
    """A pool and a convolution of the same tensor, concatenated."""
    write = Writer()
    x = write.relu(write.conv("stem", "image", 64, kernel=3, stride=2))
    pooled = write.node("MaxPool", "pool", [x], kernel_shape=[5, 5], strides=[1, 1], pads=[2] * 4)
    convolved = write.relu(write.conv("conv", x, 128, kernel=3))
    joined = write.node("Concat", "join", [pooled, convolved], 192, axis=1)
    write.classifier(write.conv("last", joined, 64))
    return quantise(write.finish("branching", 80)).SerializeToString()


@pytest.mark.parametrize("name", ["dna_f100", "scalesim_ws32", "tpu_like"])
def test_layers_side_by_side_are_not_added_up(name: str) -> None:
    """On `scalesim_ws32` the pool runs under the convolution: a sum over layers is not a bound."""
    import onnx

    program = compile(onnx.load_from_string(branching()), name)
    plan = Plan.of(program)
    named = {
        program.layers[layer]: {program.layers[other] for other in need.finish}
        for layer, need in needs_of(plan).items()
    }
    assert named["conv"] == named["pool"] == {"stem"}
    # What is joined is made by the layers, or by tables that rescale it: on the tiles of the
    # convolution, where the machine can.
    assert named["last"] in ({"join"}, {"conv", "pool"}, {"conv", "join"})
    counters = time_program(plan, load_machine(name), program.code_bytes)
    machine = load_machine(name)
    works = works_of(layers_of(plan, machine), machine, counters)
    bound = layer_bound(works, supply_of(machine, counters.start))
    assert bound <= counters.cycles
    if name == "scalesim_ws32":
        assert sum(max(work.compute, work.vector) for work in works) > counters.cycles


@pytest.mark.parametrize("schedule", Schedule)
@pytest.mark.parametrize("name", names())
def test_no_shipped_machine_beats_it(name: str, schedule: Schedule) -> None:
    program = shipped_on(name, schedule).program
    report = emulate(program, {}, values=False, check=False).report
    bound = report.total.layer_by_layer
    assert bound is not None
    assert report.total.bound.resources["compute"] < bound <= report.total.cycles
    record = report.to_json()
    assert record["total"]["bound"]["layer_by_layer"] == bound
    assert all("layer_by_layer" not in row["bound"] for row in record["layers"])
    rows = report.roofline().columns
    assert [list(rows[place].cells)[-1] for place in (0, 4)] == ["layer by layer", f"{bound:,}"]


@pytest.mark.parametrize("start", chunks(CHUNK, QUICK, CASES))
def test_no_random_network_beats_it(start: int) -> None:
    compiled, ratios = 0, list[float]()
    for seed in range(start, start + CHUNK):
        rng = Random(seed)
        module, store, _ = random_network(rng)
        shipped = names()[seed % len(names())]
        for machine in (random_machine(rng), load_machine(shipped)):
            try:
                program = compile_levels(module, machine, store=store).program
            except TilefoldError as error:
                assert any(words in str(error) for words in TOO_SMALL)
                continue
            total = emulate(program, {}, values=False, check=False).report.total
            assert total.layer_by_layer is not None
            assert total.layer_by_layer <= total.cycles, (seed, machine.name)
            ratios.append(total.layer_by_layer / total.cycles)
            compiled += 1
    assert compiled > COMPILED
    assert max(ratios) > 0.9, "the bound is far from everything"
