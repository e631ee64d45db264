"""Networks of several frames: what they compute, and in which order."""

import numpy as np
import pytest
from tilefold.compiler import compile_levels, context_for
from tilefold.dialects import nn
from tilefold.dialects.location import name_of
from tilefold.dialects.nn_network import network_of
from tilefold.dialects.schedule import ConvOp
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.examples import fashion
from tilefold.frontend import import_model
from tilefold.interpreters.nn import run
from tilefold.machines import load_machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.fuse_epilogue import FuseEpiloguePass
from tilefold.passes.keep_on_chip import KeepOnChipPass, first_to_fit
from tilefold.passes.nn_frames import FrameOrder, NnFramesPass
from tilefold.passes.pipelines import nn_passes, run_passes
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

FRAMES = 3

# Weights of 16 KiB, of which the tiny machine holds 2: sums are made of tiles of input channels.
DEEP = """
!x = tensor<1x512x3x3x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x8x3x3x!quant.uniform<u8:f32, 9.0:3>>
!w = tensor<8x512x2x2x!quant.uniform<i8:f32, 0.01>>
func.func @main(%x: !x) -> !y {
  %w = nn.constant #nn.stored<"DIGEST"> -> !w
  %y = nn.conv %x, %w {strides = [1, 1], pads = [0, 0, 1, 1], dilations = [1, 1], groups = 1}
      : (!x, !w) -> !y loc("deep")
  func.return %y : !y
}
"""


def framed(order: str, machine: str | None = None) -> tuple[ModuleOp, ModuleOp, Store]:
    """The shipped network, and the same for several frames."""
    store = Store()
    context, module = context_for(store), import_model(fashion.int8_model(), store)
    if machine:
        attach_machine(module, load_machine(machine))
    run_passes((*nn_passes(), FuseEpiloguePass()) if machine else nn_passes(), context, module)
    several = module.clone()
    run_passes((NnFramesPass(FRAMES, order),), context, several)
    return module, several, store


@pytest.mark.parametrize("order", ["frame", "layer"])
def test_every_frame_computes_what_the_network_does(order: str) -> None:
    module, several, store = framed(order)
    images = np.asarray(fashion.images()[0][:FRAMES], np.float32)
    inputs = {"image": images[:1], "image@1": images[1:2], "image@2": images[2:]}
    outputs = run(several, inputs, store)
    for frame, name in enumerate(["logits", "logits@1", "logits@2"]):
        expected = run(module, {"image": images[frame : frame + 1]}, store)["logits"]
        assert np.array_equal(outputs[name], expected)


def names(module: ModuleOp) -> list[str]:
    """The names of what is no constant, in program order."""
    ops = network_of(module).function.body.ops
    return [name_of(op) for op in ops if op.results and not isinstance(op, nn.ConstantOp)]


def test_orders() -> None:
    module, by_frame, _ = framed("frame")
    layers = names(module)
    suffixes = ["", "@1", "@2"]
    assert names(by_frame) == [layer + suffix for suffix in suffixes for layer in layers]
    _, by_layer, _ = framed("layer")
    assert names(by_layer) == [layer + suffix for layer in layers for suffix in suffixes]


def test_layers_follow_each_other_where_the_tensors_of_all_frames_fit() -> None:
    module, several, _ = framed("layer", "tiny")
    memory = load_machine("tiny").memory_for("O")
    *layers, _ = network_of(module).function.body.ops
    first = first_to_fit(load_machine("tiny"), layers, FRAMES)
    assert 0 < first < len(layers)
    alone = [name_of(op) for op in layers[:first] if not isinstance(op, nn.ConstantOp)]
    together = [name_of(op) for op in layers[first:] if not isinstance(op, nn.ConstantOp)]
    suffixes = ["", "@1", "@2"]
    assert names(several) == [
        *(layer + suffix for suffix in suffixes for layer in alone),
        *(layer + suffix for layer in together for suffix in suffixes),
    ]
    # Of three frames nothing that the later layers need leaves the chip.
    machine = load_machine("tiny")
    limit = memory.bytes - memory.bytes // KeepOnChipPass.reserve
    assert first_to_fit(machine, layers, 1) <= first <= first_to_fit(machine, layers, limit)


def test_layers_that_sum_over_tiles_do_not_share_weights() -> None:
    store = Store()
    weights = np.random.default_rng(2).integers(-9, 10, (8, 512, 2, 2)).astype(np.int8)
    text = DEEP.replace("DIGEST", store.put(weights))
    module = Parser(context_for(store), text).parse_module()
    levels = compile_levels(module, "tiny", frames=2, order=FrameOrder.LAYER, store=store)
    convs = [op for op in levels.schedule.walk() if isinstance(op, ConvOp)]
    assert all(conv.reduction.value.data for conv in convs)
    assert len({op.weights for op in convs}) == 2
    images = np.random.default_rng(1).integers(0, 256, (2, 512, 3, 3)).astype(np.uint8)
    actual = emulate(levels.program, {"input0": images}).outputs["output0"]
    expected = [run(module, {"input0": image[None]}, store)["output0"] for image in images]
    assert np.array_equal(actual, np.concatenate(expected))
