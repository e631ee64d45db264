"""Values that are made in their places in others: nested concatenations, as in DenseNet."""

from itertools import pairwise

import numpy as np
import pytest
from tilefold.compiler import compile_levels, context_for
from tilefold.dialects import nn
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.interpreters.nn import run
from tilefold.passes.lowering.parts import part_of, place_in_concat
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

DEPTH = 24
GROWTH = 2
"""Channels that each layer of a dense block adds."""


def image(channels: int) -> str:
    """The type of an image of 6 x 6 pixels."""
    return f"tensor<1x{channels}x6x6x!quant.uniform<u8:f32, 0.5:3>>"


def dense_block(store: Store, depth: int) -> ModuleOp:
    """Layers of which each reads all before it: a chain of concatenations along the channels."""
    rng, lines = np.random.default_rng(1), list[str]()
    for layer in range(depth):
        channels = GROWTH * (layer + 1)
        read, made, joined = image(channels), image(GROWTH), image(channels + GROWTH)
        weights = rng.integers(-9, 10, (GROWTH, channels, 1, 1)).tolist()
        kernel = f"tensor<{GROWTH}x{channels}x1x1x"
        lines += [
            f"%w{layer} = nn.constant dense<{weights}> : {kernel}i8>"
            f" -> {kernel}!quant.uniform<i8:f32, 0.01>>",
            f"%y{layer} = nn.conv %x{layer}, %w{layer}"
            " {strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1], groups = 1}"
            f' : ({read}, {kernel}!quant.uniform<i8:f32, 0.01>>) -> {made} loc("conv{layer}")',
            f"%x{layer + 1} = nn.concat %x{layer}, %y{layer} {{axis = 1}}"
            f' : ({read}, {made}) -> {joined} loc("join{layer}")',
        ]
    result = image(GROWTH * (depth + 1))
    text = f"func.func @main(%x0: {image(GROWTH)}) -> {result} {{\n"
    text += "\n".join(lines) + f"\nfunc.return %x{depth} : {result}\n}}"
    return Parser(context_for(store), text).parse_module()


def test_the_whole_is_the_next_concatenation_and_strides_are_the_outermost_ones() -> None:
    module = dense_block(Store(), 3)
    joins = [op for op in module.walk() if isinstance(op, nn.ConcatOp)]
    convs = [op for op in module.walk() if isinstance(op, nn.ConvOp)]
    channels = GROWTH * 4
    for number, conv in enumerate(convs):
        part = part_of(conv.result)
        assert part is not None
        assert part.whole is joins[number].result
        assert part.offset == GROWTH * (number + 1)
        assert part.strides == [36 * channels, 1, 6 * channels, channels]
    for inner, outer in pairwise(joins):
        assert place_in_concat(inner.result) == (outer, 0)
    assert place_in_concat(joins[-1].result) is None


@pytest.mark.parametrize("machine", ["tiny", "dna_a600"])
def test_concatenations_nest_deeply(machine: str) -> None:
    store = Store()
    module = dense_block(store, DEPTH)
    x = np.random.default_rng(2).integers(0, 256, (1, GROWTH, 6, 6)).astype(np.uint8)
    program = compile_levels(module, machine, store=store).program
    expected = run(module, {"input0": x}, store)["output0"]
    assert np.array_equal(emulate(program, {"input0": x}).outputs["output0"], expected)


TWICE = """
!x = tensor<1x11x1x!quant.uniform<u8:f32, 0.5:3>>
!y = tensor<1x22x1x!quant.uniform<u8:f32, 0.5:3>>
func.func @main(%x: !x, %z: !x) -> !y {
  %a = nn.add %x, %z : (!x, !x) -> !x loc("sum")
  %b = nn.rearrange %a {split = [1, 11, 1], perm = [0, 2, 1], shape = [1, 11, 1]} : (!x) -> !x
      loc("named anew")
  %y = nn.concat %a, %b {axis = 1} : (!x, !x) -> !y loc("join")
  func.return %y : !y
}
"""


def test_what_is_made_in_one_place_under_two_names_is_copied_to_the_other() -> None:
    store = Store()
    module = Parser(context_for(store), TWICE).parse_module()
    rng = np.random.default_rng(0)
    inputs = {name: rng.integers(0, 256, (1, 11, 1), np.uint8) for name in ("input0", "input1")}
    expected = run(module, inputs, store)["output0"]
    outputs = emulate(compile_levels(module, "tiny", store=store).program, inputs).outputs
    assert np.array_equal(outputs["output0"], expected)
