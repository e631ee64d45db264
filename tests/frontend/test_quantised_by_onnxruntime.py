"""A network of many operators as onnxruntime's own quantiser leaves it: exact to the machine."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from tilefold.compiler import compile_levels
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge, compare
from tilefold.tests.frontend.models import Net

SHAPE = (1, 3, 16, 16)


class Images(CalibrationDataReader):
    """Eight random images."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        images = rng.normal(size=(8, *SHAPE)).astype(np.float32)
        self._feeds = iter([{"x": image} for image in images])

    def get_next(self):
        return next(self._feeds, None)


def convolved(net: Net, x: str, shape: Sequence[int], kind: str = "Conv", **attributes) -> str:
    """A convolution with float weights and bias."""
    weights = net.rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))
    channels = shape[1] if kind == "ConvTranspose" else shape[0]
    bias = net.rng.normal(0, 0.1, channels)
    constants = [net.constant(each.astype(np.float32)) for each in (weights, bias)]
    return net.op(kind, x, *constants, **attributes)


def real_network(seed: int) -> ModelProto:
    """Gates, functions, parts, two ways to larger images, blocks of depth, a product."""
    net = Net(np.random.default_rng(seed))
    x = net.op("HardSwish", convolved(net, net.input(SHAPE), (16, 3, 3, 3), strides=[2, 2]))
    gate = net.op("Relu", convolved(net, net.op("GlobalAveragePool", x), (8, 16, 1, 1)))
    gate = net.op("HardSigmoid", convolved(net, gate, (16, 8, 1, 1)), alpha=1 / 6)
    x = convolved(net, net.op("Mul", x, gate), (16, 16, 3, 3), pads=[1] * 4)
    x = net.op("Mul", x, net.op("Sigmoid", x))
    first = net.op("Split", x, net.constant(np.array([8, 8])), name="parts", axis=1)
    net.nodes[-1].output.append("parts:1")
    second = net.op("Tanh", convolved(net, "parts:1", (8, 8, 1, 1)))
    x = net.op("Concat", first, net.op("Add", first, second), axis=1)
    learned = convolved(net, x, (16, 8, 2, 2), "ConvTranspose", strides=[2, 2])
    scales = net.constant(np.array([1, 1, 2, 2], np.float32))
    x = net.op("Concat", learned, net.op("Resize", x, "", scales), axis=1)
    x = net.op("LeakyRelu", convolved(net, x, (12, 24, 3, 3)), alpha=0.1)
    x = convolved(net, net.op("DepthToSpace", x, blocksize=2), (6, 3, 3, 3))
    x = net.op("Flatten", net.op("GlobalMaxPool", x))
    weight = net.constant(net.rng.normal(size=(6, 10)).astype(np.float32))
    result = net.op("Gemm", x, weight)
    net.outputs.append(helper.make_tensor_value_info(result, TensorProto.FLOAT, [1, 10]))
    model = net.model()
    model.ir_version = 9
    return onnx.shape_inference.infer_shapes(model)


@pytest.mark.parametrize("seed", [0, 1])
def test_every_layer_is_exact(seed: int, tmp_path: Path) -> None:
    real, quantised = tmp_path / "real.onnx", tmp_path / "quantised.onnx"
    onnx.save(real_network(seed), str(real))
    quantize_static(
        str(real),
        str(quantised),
        Images(seed),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    store = Store()
    module = import_model(quantised, store)
    inputs = {"x": np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)}
    rows = compare(module, store, Judge(quantised), inputs)
    assert len(rows) > 20
    assert {row.name: row.mismatches for row in rows if row.mismatches} == {}
    expected = Judge(quantised).run(inputs)
    program = compile_levels(module, "dna_a600", store=store).program
    for output, value in emulate(program, inputs).outputs.items():
        np.testing.assert_array_equal(value, expected[output])
