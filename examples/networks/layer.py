"""A convolution on its own, quantised, with random weights."""

from math import sqrt

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from .writer import IR_VERSION, OPSET

LAYER_SEED = 1
INPUT_SCALE, WEIGHT_SCALE = 0.02, 0.005
ZERO_POINT = 128
DEVIATIONS = 4
"""Standard deviations of the results that their type holds on either side of its zero point."""


def convolution(channels: int, filters: int, kernel: int, size: int) -> ModelProto:
    """A QLinearConv [1, channels, size, size] -> [1, filters, size, size], uint8 by int8.

    The kernel is square and odd, the stride 1, the padding kernel // 2. Weights are uniform in
    -127..127; the scale of the results is such that few of them saturate for uniform inputs.
    """
    random = np.random.default_rng(LAYER_SEED)
    weights = random.integers(-127, 128, (filters, channels, kernel, kernel)).astype(np.int8)
    deviation = sqrt(channels * kernel * kernel * _variance(255) * _variance(254))
    output_scale = DEVIATIONS * deviation * INPUT_SCALE * WEIGHT_SCALE / ZERO_POINT
    constants = {
        "x_scale": np.float32(INPUT_SCALE),
        "x_zero_point": np.uint8(ZERO_POINT),
        "w": weights,
        "w_scale": np.float32(WEIGHT_SCALE),
        "w_zero_point": np.int8(0),
        "y_scale": np.float32(output_scale),
        "y_zero_point": np.uint8(ZERO_POINT),
    }
    node = helper.make_node("QLinearConv", ["x", *constants], ["y"], "conv", pads=[kernel // 2] * 4)
    shapes = {"x": [1, channels, size, size], "y": [1, filters, size, size]}
    x, y = (helper.make_tensor_value_info(n, TensorProto.UINT8, s) for n, s in shapes.items())
    initialisers = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
    graph = helper.make_graph([node], "convolution", [x], [y], initialisers)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model


def _variance(width: int) -> float:
    """Of a uniform integer with `width` + 1 values."""
    return ((width + 1) ** 2 - 1) / 12
