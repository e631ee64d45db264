"""Tables of convolutions as quantised models with random weights."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from tilefold.costmodel.fpga import ConvLayer
from tilefold.examples.networks.writer import IR_VERSION, OPSET

SEED = 1
SCALE = np.float32(0.02)
ZERO_POINT = 128
WEIGHTS = 127
"""Weights are uniform between its negative and itself."""


def model_of(layers: Sequence[ConvLayer]) -> ModelProto:
    """The layers one after the other, uint8 by int8, pools after them; padding is half a window.

    Scales keep the deviation of each layer's results that of its inputs.
    """
    random = np.random.default_rng(SEED)
    constants: dict[str, np.ndarray] = {
        "scale": np.asarray(SCALE),
        "zero": np.asarray(ZERO_POINT, np.uint8),
        "weight_zero": np.asarray(0, np.int8),
    }
    nodes: list[onnx.NodeProto] = []
    tensor = "image"
    for layer in layers:
        shape = layer.k, layer.c, layer.kh, layer.kw
        weights, scale = f"{layer.name}_weights", f"{layer.name}_scale"
        constants[weights] = random.integers(-WEIGHTS, WEIGHTS + 1, shape).astype(np.int8)
        constants[scale] = np.float32(sqrt(3 / layer.weights_per_kernel) / WEIGHTS)
        operands = ["scale", "zero", weights, scale, "weight_zero", "scale", "zero"]
        pads = [layer.kh // 2, layer.kw // 2] * 2
        strides = [layer.stride] * 2
        node = helper.make_node(
            "QLinearConv", [tensor, *operands], [layer.name], layer.name, pads=pads, strides=strides
        )
        nodes.append(node)
        tensor = layer.name
        if layer.pool > 1:
            sides = [layer.pool] * 2
            tensor = f"{layer.name}_pool"
            nodes.append(
                helper.make_node(
                    "MaxPool", [layer.name], [tensor], tensor, kernel_shape=sides, strides=sides
                )
            )
    first, last = layers[0], layers[-1]
    shapes = {
        "image": [1, first.c, first.in_rows, first.in_cols],
        tensor: [1, last.k, last.rows // last.pool, last.cols // last.pool],
    }
    ends = [helper.make_tensor_value_info(n, TensorProto.UINT8, s) for n, s in shapes.items()]
    made = [numpy_helper.from_array(values, name) for name, values in constants.items()]
    graph = helper.make_graph(nodes, "convolutions", ends[:1], ends[1:], made)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model
