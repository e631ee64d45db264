"""The analytical evaluator of pipelines: partitions, batches of machines, what is emulated."""

import json
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tilefold.compiler import compile_network
from tilefold.costmodel.integers import IntArray
from tilefold.costmodel.technology import load_technology
from tilefold.dialects import nn
from tilefold.dialects.fabric import FoldAttr
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.explore.analytical.energy import Tariff
from tilefold.explore.analytical.network import Network
from tilefold.explore.analytical.stages import partitions
from tilefold.explore.designs import evaluator_of
from tilefold.explore.evaluator import Options as DesignOptions
from tilefold.explore.network_on_pipeline import NetworkOnPipeline
from tilefold.explore.pipelines import PipelineFamily
from tilefold.machines.model import parse_machine
from tilefold.passes.choose_fold import ChooseFoldPass
from tilefold.passes.folding.stages import ILLEGAL, partition
from tilefold.passes.nn_frames import FrameOrder
from tilefold.tools.tilefold import main

MODEL = Path(__file__).parents[2] / "examples" / "fashion" / "int8.onnx"
FAMILY = PipelineFamily(frames=3)
TARIFF = Tariff(FAMILY.machine, FAMILY.depends, load_technology(FAMILY.technology))
POINTS = np.random.default_rng(1).integers(0, FAMILY.space.size, 6)

COSTS = arrays.arrays(
    np.int64,
    st.tuples(st.integers(1, 4), st.integers(1, 7), st.integers(1, 4)),
    elements=st.one_of(st.integers(1, 9), st.just(ILLEGAL)),
)


@pytest.fixture(scope="module")
def network() -> NetworkOnPipeline:
    return NetworkOnPipeline(Network("fashion", MODEL), FAMILY)


@given(COSTS)
def test_partitions_are_those_of_the_compiler(costs: IntArray) -> None:
    for bounds, own in zip(partitions(costs).tolist(), costs, strict=True):
        assert [*pairwise(bounds)] == partition(own)


def test_stages_begin_where_the_compiler_has_them(network: NetworkOnPipeline) -> None:
    values = FAMILY.space.columns(POINTS)
    assert network.network is not None
    for number, bounds in enumerate(network.bounds(values)):
        machine = FAMILY.machine({name: column[number] for name, column in values.items()})
        module = network.network.on(machine)
        ChooseFoldPass(stages=True).apply(network.network.context, module)
        folds = [
            op.attributes["fold"] for op in module.walk() if isinstance(op, nn.ConvOp | nn.MatmulOp)
        ]
        stages = [int(fold.array.data[-1]) for fold in folds if isinstance(fold, FoldAttr)]
        found = [np.searchsorted(stages, stage) for stage in range(len(bounds) - 1)]
        assert [*found, len(stages)] == list(bounds)


def test_machines_are_evaluated_together_as_each_alone(network: NetworkOnPipeline) -> None:
    together = network.run(FAMILY.space.columns(POINTS), TARIFF)
    fresh = NetworkOnPipeline(Network("fashion", MODEL), FAMILY)
    for number in reversed(range(len(POINTS))):
        alone = fresh.run(FAMILY.space.columns(POINTS[[number]]), TARIFF)
        assert np.array_equal(alone.ends[0], together.ends[number])
        assert alone.energy[0] == pytest.approx(together.energy[number], rel=1e-12)
        assert alone.valid[0] == together.valid[number]


def test_what_is_analytical_is_near_what_is_emulated(network: NetworkOnPipeline) -> None:
    points = POINTS[:3]
    found = network.run(FAMILY.space.columns(points), TARIFF)
    for number, point in enumerate(points):
        values = FAMILY.space.columns(np.array([point]))
        text = FAMILY.text({name: column[0] for name, column in values.items()})
        machine = parse_machine(text, "design.mlir")
        order, frames = FrameOrder.PIPELINE, FAMILY.frames
        program = compile_network(MODEL, machine, frames=frames, order=order).program
        report = emulate(program, {}, values=False).report
        assert found.cycles[number] == pytest.approx(report.total.cycles, rel=0.1)
        assert found.energy[number] == pytest.approx(report.total.picojoules, rel=0.2)


def test_more_frames_take_longer_but_less_than_as_many_images(network: NetworkOnPipeline) -> None:
    values = FAMILY.space.columns(POINTS)
    one = NetworkOnPipeline(Network("fashion", MODEL), PipelineFamily(frames=1))
    alone, several = one.run(values, TARIFF).cycles, network.run(values, TARIFF).cycles
    assert (alone < several).all()
    assert (several < FAMILY.frames * alone).all()
    assert alone.dtype == several.dtype == np.int64


def test_every_design_is_a_machine_whose_arrays_are_its_stages() -> None:
    for point in POINTS:
        values = {name: c[0] for name, c in FAMILY.space.columns(np.array([point])).items()}
        machine = FAMILY.machine(values)
        assert len(machine.arrays) == values["stages"]
        assert machine.arrays[0].axes[0][1] == values["first"]
        assert machine.arrays[-1].count == values["units"]


def test_pipelines_are_explored_by_one_process_as_by_two(tmp_path: Path) -> None:
    evaluator = evaluator_of([MODEL], DesignOptions(family="pipeline"))
    points = POINTS[:4]
    here = evaluator.evaluate(points)
    there = pickle.loads(pickle.dumps(evaluator)).evaluate(points)
    for name, column in here.items():
        assert np.array_equal(column, there[name]), name
    assert (here["interval"] <= here["latency"]).all()
    assert (here["interval"] * 4 >= here["latency"]).all()
    with pytest.raises(TilefoldError, match="--family ring: there are reconfigurable and pipeline"):
        evaluator_of([MODEL], DesignOptions(family="ring"))


def test_the_tool_explores_pipelines(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--family", "pipeline", "--objective", "interval,area", "--points", "2", "--json"]
    with pytest.raises(SystemExit) as stop:
        main(["explore", str(MODEL), *arguments, "--sampler", "random"])
    assert stop.value.code == 0
    record = json.loads(capsys.readouterr().out)
    assert record["front"]
    assert all(1e-3 < design["interval"] < 1 for design in record["front"])
