"""Types of 4 bits: judged as the same integers in 8-bit containers."""

import ml_dtypes
import numpy as np
import pytest
from onnx import ModelProto
from tilefold.compiler import compile_levels
from tilefold.dialects import nn
from tilefold.dialects.nn_types import element_of
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge
from tilefold.interpreters.nn import run
from tilefold.tests.frontend import models as m
from tilefold.tests.frontend.models import Net
from tilefold.tests.frontend.support import interpret


def narrow_conv(seed: int, activations: bool) -> ModelProto:
    """A convolution with int4 weights and uint4 or uint8 results."""
    net = Net(np.random.default_rng(seed), opset=21)
    x = net.qdq(net.input((1, 6, 9, 11)), 0.02, np.uint8(120))
    integers = net.rng.integers(-8, 8, (8, 6, 3, 3)).astype(ml_dtypes.int4)
    scales = net.rng.uniform(0.02, 0.1, 8).astype(np.float32)
    zeros = np.zeros(8, ml_dtypes.int4)
    weight = net.dequantize(net.constant(integers), scales, zeros, axis=0)
    result = net.op("Conv", x, weight, net.bias(8, scales, 0.02, reach=300), name="conv")
    zero = ml_dtypes.uint4(5) if activations else np.uint8(100)
    net.output(net.qdq(result, 0.5 if activations else 0.05, np.array(zero)))
    return net.model()


def narrow_chain(seed: int) -> ModelProto:
    """Tables, a gate, and movement of 4-bit tensors."""
    net = Net(np.random.default_rng(seed), opset=21)

    def stored(x: str, scale: float, zero: int) -> str:
        return net.qdq(x, scale, np.array(ml_dtypes.uint4(zero)))

    x = stored(net.input((1, 8, 4, 6)), 0.3, 7)
    gate = stored(net.op("HardSigmoid", x, name="gate"), 1 / 15, 0)
    gated = stored(net.op("Mul", x, gate, name="gated"), 0.27, 3)
    larger = m.resized(scales=[1, 1, 2, 2])(net, gated)
    image = net.op("DepthToSpace", stored(larger, 0.27, 3), name="image", blocksize=2)
    image = stored(image, 0.27, 3)
    parts = m.split(1, 1, axis=1)(net, image)
    net.output(stored(net.op("Tanh", stored(parts, 0.27, 3), name="last"), 0.13, 8))
    return net.model()


@pytest.mark.parametrize("seed", range(4))
def test_tables_gates_and_movement(seed: int) -> None:
    model = narrow_chain(seed)
    inputs = m.feeds(model, np.random.default_rng(seed))
    store = Store()
    module = import_model(model, store)
    ((name, value),) = run(module, inputs, store).items()
    np.testing.assert_array_equal(value, Judge(model).run(inputs)[name])
    assert {element_of(op.result).bits for op in module.walk() if isinstance(op, nn.LutOp)} == {4}
    program = compile_levels(module, "tiny", store=store).program
    np.testing.assert_array_equal(emulate(program, inputs).outputs[name], value)


@pytest.mark.parametrize("activations", [False, True])
def test_equals_the_judge(activations: bool) -> None:
    for seed in range(3):
        model = narrow_conv(seed, activations)
        judge = Judge(model)
        assert judge.in_float == ()
        inputs = m.feeds(model, np.random.default_rng(seed))
        expected = judge.run(inputs)
        for name, value in interpret(model, inputs).items():
            np.testing.assert_array_equal(value, expected[name])


def test_widths_are_kept() -> None:
    module = import_model(narrow_conv(0, activations=True), Store())
    (convolution,) = (op for op in module.walk() if isinstance(op, nn.ConvOp))
    assert element_of(convolution.weight).bits == 4
    assert element_of(convolution.result).bits == 4
    assert not element_of(convolution.result).signed
