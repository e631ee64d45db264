"""The shipped network on the shipped machines and images: bit by bit what onnxruntime computes."""

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from tilefold.compiler import compile_levels
from tilefold.dialects import nn
from tilefold.dialects.location import name_of
from tilefold.emulator import emulate
from tilefold.examples import fashion
from tilefold.frontend.judge import Judge
from tilefold.interpreters.nn import run
from tilefold.machines import names
from tilefold.tests.support.compiled_networks import shipped_network, shipped_on
from tilefold.tests.support.layers import alone, layers

Array = npt.NDArray[np.generic]

INPUT, OUTPUT = "image", "logits"
LAYERS = (nn.ConvOp, nn.MatmulOp, nn.MaxPoolOp)
WHOLE = ("tpu_like", "dna_f100", "dna_f200", "dna_a600")
"""Machines that all images run on."""


@cache
def judge() -> Judge:
    judge = Judge(fashion.int8_model())
    assert not judge.in_float
    return judge


def images(first: int, count: int) -> Array:
    return fashion.images()[0][first : first + count]


def check_images(machine: str, first: int, count: int) -> None:
    """The emulator's outputs are onnxruntime's, in every element; so its top-1 is, too."""
    program = shipped_on(machine).program
    pixels = images(first, count)
    actual = emulate(program, {INPUT: pixels}, time=False).outputs[OUTPUT]
    expected = judge().run({INPUT: pixels})[OUTPUT]
    assert np.array_equal(actual, expected), np.count_nonzero(actual != expected)
    assert np.array_equal(actual.argmax(1), expected.argmax(1))


@pytest.mark.parametrize("first", range(0, 1000, 250))
def test_the_interpreter_computes_what_onnxruntime_does(first: int) -> None:
    module, store = shipped_network()
    pixels = images(first, 250)
    actual = np.concatenate([run(module, {INPUT: image[None]}, store)[OUTPUT] for image in pixels])
    assert np.array_equal(actual, judge().run({INPUT: pixels})[OUTPUT])


@pytest.mark.parametrize("first", range(0, 1000, 250))
@pytest.mark.parametrize("machine", WHOLE)
def test_the_emulator_computes_what_onnxruntime_does(machine: str, first: int) -> None:
    check_images(machine, first, 250)


@pytest.mark.parametrize("machine", [name for name in names() if name not in WHOLE])
def test_the_emulator_computes_what_onnxruntime_does_on_other_machines(machine: str) -> None:
    check_images(machine, 0, 20)


@pytest.mark.parametrize(
    ("machine", "count"),
    [("tiny", 1), ("tpu_like", 2), ("dna_f100", 5), ("dna_f200", 5), ("dna_a600", 5)],
)
def test_every_layer_alone_computes_what_onnxruntime_does(machine: str, count: int) -> None:
    module, store = shipped_network()
    values = judge().intermediates({INPUT: images(0, count)})
    checked = 0
    for op, source in layers(module, *LAYERS):
        program = compile_levels(alone(op), machine, store=store).program
        actual = emulate(program, {"x": values[source]}, time=False).outputs["y"]
        assert np.array_equal(actual, values[name_of(op)]), name_of(op)
        checked += 1
    assert checked == 15
