"""Layers in stages on several array classes: the partition, the schedule, whole programs."""

from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tilefold import emulate
from tilefold.compiler import compile_network, context_for
from tilefold.costmodel.integers import IntArray
from tilefold.dialects import nn
from tilefold.dialects.fabric import FoldAttr
from tilefold.dialects.location import name_of
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from tilefold.explore.pipelines import PipelineFamily
from tilefold.frontend import import_model
from tilefold.interpreters.nn import run as interpret
from tilefold.machines.model import Machine, parse_machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.choose_fold import ChooseFoldPass
from tilefold.passes.folding.stages import ILLEGAL, partition
from tilefold.passes.fuse_epilogue import FuseEpiloguePass
from tilefold.passes.nn_frames import FrameOrder, NnFramesPass
from tilefold.passes.order_layers import OrderLayersPass
from tilefold.passes.pipelines import nn_passes, run_passes

MODEL = Path(__file__).parents[2] / "examples" / "fashion" / "int8.onnx"
DESIGN = {
    "stages": 3, "first": 32, "middle": 32, "last": 64, "units": 1, "lines": 512, "lanes": 64,
    "data": 2048, "weights": 2048, "dram": 64, "port": 64,
}  # fmt: skip


def pipeline(**values: int) -> Machine:
    return PipelineFamily().machine(DESIGN | values)


COSTS = arrays.arrays(
    np.int64,
    st.tuples(st.integers(1, 7), st.integers(1, 4)),
    elements=st.one_of(st.integers(1, 9), st.just(ILLEGAL)),
)


@given(COSTS)
def test_no_partition_has_a_shorter_longest_stage(costs: IntArray) -> None:
    layers, count = costs.shape

    def lengths(bounds: list[int]) -> list[int]:
        ends = [0, *bounds, layers]
        return [int(costs[ends[n] : ends[n + 1], n].sum()) for n in range(count)]

    cuts = combinations_with_replacement(range(layers + 1), count - 1)
    best = min((max(sizes), sum(sizes)) for cut in cuts for sizes in [lengths(list(cut))])
    stages = partition(costs)
    assert [start for start, _ in stages] + [layers] == [0] + [end for _, end in stages]
    found = lengths([end for _, end in stages[:-1]])
    # Among equally long ones the sum is least, as far as each stage is chosen by those before it.
    assert max(found) == best[0]
    assert sum(found) >= best[1]


@pytest.mark.parametrize("design", [{}, {"units": 4, "last": 32}, {"stages": 2}, {"stages": 4}])
def test_a_pipeline_computes_what_the_network_does(design: dict[str, int]) -> None:
    compiled = compile_network(MODEL, pipeline(**design), frames=3, order=FrameOrder.PIPELINE)
    images = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    name = compiled.program.inputs_of(0)[0].name
    values = emulate(compiled.program, {name: images}).outputs
    for number in range(3):
        sample = {name: images[number : number + 1]}
        expected = interpret(compiled.source, sample, compiled.context.store)
        for output, array in expected.items():
            assert np.array_equal(values[output][number : number + 1], array)


def places(machine: Machine, frames: int) -> list[tuple[str, str]]:
    """The layers of a pipeline in program order, each with its array."""
    store = Store()
    context, module = context_for(store), import_model(MODEL, store)
    attach_machine(module, machine)
    chosen = (NnFramesPass(frames, "pipeline"), ChooseFoldPass(stages=True), OrderLayersPass())
    run_passes((*nn_passes(), FuseEpiloguePass(), *chosen), context, module)
    return [
        (name_of(op), fold.array.data)
        for op in module.walk()
        if isinstance(op, nn.ConvOp | nn.MatmulOp)
        and isinstance(fold := op.attributes["fold"], FoldAttr)
    ]


def test_each_array_has_consecutive_layers_of_every_frame() -> None:
    frames = 3
    found = places(pipeline(), frames)
    one = [array for name, array in found if "@" not in name]
    assert one == sorted(one)
    assert set(one) == {"stage0", "stage1", "stage2"}
    for frame in range(1, frames):
        of_frame = [array for name, array in found if name.endswith(f"@{frame}")]
        assert of_frame == one
    # A frame begins before the one before it has ended.
    names = [name for name, _ in found]
    last_of_first = max(n for n, name in enumerate(names) if "@" not in name)
    assert any(name.endswith("@1") for name in names[:last_of_first])


def test_a_pipeline_has_more_throughput_than_images_one_after_the_other() -> None:
    frames, cycles = 6, dict[FrameOrder, int]()
    for order in (FrameOrder.FRAME, FrameOrder.PIPELINE):
        program = compile_network(MODEL, pipeline(), frames=frames, order=order).program
        cycles[order] = emulate(program, {}, values=False).report.total.cycles
    assert cycles[FrameOrder.PIPELINE] < 0.7 * cycles[FrameOrder.FRAME]


def test_lanes_beside_an_array_do_its_epilogues() -> None:
    machine = pipeline()
    for array in machine.arrays:
        assert machine.lanes_beside(array).name == array.name.replace("stage", "act")
    text = PipelineFamily().text(DESIGN)
    alone = text.replace("paths = [[@acc1, @data], [@data, @data]]", "paths = [[@acc1, @data]]")
    machine = parse_machine(alone, "alone.mlir")
    assert machine.lanes_beside(machine.array("stage1")).name == "act0"


def test_a_layer_that_no_stage_can_have_is_named() -> None:
    text = PipelineFamily().text(DESIGN)
    narrow = text.replace("[[8, 8, 1]]", "[[4, 4, 1]]").replace("[[4, 4, 1]]", "[[8, 8, 1]]", 1)
    assert len(places(parse_machine(narrow, "first.mlir"), 1)) > 1  # all on the first array
    two = text.replace("[[8, 8, 1]]", "[[4, 4, 1]]")
    with pytest.raises(TilefoldError, match="8"):
        places(parse_machine(two, "none.mlir"), 1)
