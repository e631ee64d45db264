"""Types of 4 bits: judged as the same integers in 8-bit containers."""

import ml_dtypes
import numpy as np
import pytest
from onnx import ModelProto
from tilefold.dialects import nn
from tilefold.dialects.nn_types import element_of
from tilefold.dialects.store import Store
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge
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
