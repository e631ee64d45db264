"""Writing a network node by node, with random weights as after folding batch normalisation.

Weights are drawn as integers and scaled last, so that they are the same bits on every platform.
"""

from math import prod, sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

OPSET: Final = 17
IR_VERSION: Final = 9
SEED: Final = 2024
CLASSES: Final = 1000
INPUT, OUTPUT = "image", "logits"
BITS: Final = 24
"""Bits of a random weight before it is scaled: what a float32 holds exactly."""


class Writer:
    """A network in the making: values are known by name, their channels by `channels`."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self.channels: dict[str, int] = {INPUT: 3}
        self._bits = np.random.PCG64(SEED)

    def node(
        self, kind: str, name: str, inputs: list[str], channels: int = 0, **attributes: Any
    ) -> str:
        """Add a node and return its output, which has its name and, unless told, its channels."""
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        self.channels[name] = channels or self.channels[inputs[0]]
        return name

    def conv(
        self,
        name: str,
        x: str,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        gain: float = 2.0,
    ) -> str:
        """A convolution that keeps the size but for its stride.

        `gain` is what the second moment of the input is multiplied by: 2 before a Relu, which
        halves it again (He et al., 2015).
        """
        shape = (channels, self.channels[x] // groups, kernel, kernel)
        inputs = [x, self._filters(f"{name}/weight", shape, gain), self._bias(name, channels)]
        return self.node(
            "Conv",
            name,
            inputs,
            channels,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[kernel // 2] * 4,
            group=groups,
        )

    def relu(self, x: str) -> str:
        """Relu after `x`, named after it."""
        return self.node("Relu", f"{x}/relu", [x])

    def relu6(self, x: str) -> str:
        """Clip to 0..6 after `x`, named after it."""
        bounds = [self.constant(f"{x}/{n}", np.float32(v)) for n, v in (("low", 0), ("high", 6))]
        return self.node("Clip", f"{x}/relu6", [x, *bounds])

    def add(self, name: str, x: str, y: str) -> str:
        """The sum of a block's input and its branch."""
        return self.node("Add", name, [x, y])

    def classifier(self, x: str) -> None:
        """The mean over the image and the scores of the classes: the end of every network."""
        x = self.node("GlobalAveragePool", "head/pool", [x])
        x = self.node("Flatten", "head/flatten", [x], axis=1)
        weight = self._filters("head/classifier/weight", (CLASSES, self.channels[x]), gain=2.0)
        bias = self._bias("head/classifier", CLASSES)
        self.nodes.append(
            helper.make_node("Gemm", [x, weight, bias], [OUTPUT], "head/classifier", transB=1)
        )

    def constant(self, name: str, values: npt.NDArray[np.float32] | np.float32) -> str:
        """Add an initialiser."""
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def finish(self, name: str, size: int) -> ModelProto:
        """The checked model, with all shapes, for one image [1, 3, size, size]."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [1, 3, size, size])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [1, CLASSES])],
            self.weights,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="tilefold.examples.networks",
        )
        model = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _filters(self, name: str, shape: tuple[int, ...], gain: float) -> str:
        """Filters [outputs, ...] uniform around 0, of variance gain / fan-in.

        Those over several channels sum to 0: the mean of what comes out of a Relu would otherwise
        grow with depth until every image gives the same scores.
        """
        fan_in = prod(shape[1:])
        drawn = self._draw(prod(shape)).reshape(shape[0], fan_in)
        if shape[1] > 1:
            drawn -= drawn.sum(axis=1, keepdims=True) // fan_in
        scale = sqrt(12 * gain / fan_in) / 2**BITS
        return self.constant(name, (drawn * scale).astype(np.float32).reshape(shape))

    def _bias(self, name: str, channels: int) -> str:
        """A small bias [channels] within 0.25 of 0."""
        drawn = self._draw(channels) / 2 ** (BITS + 1)
        return self.constant(f"{name}/bias", drawn.astype(np.float32))

    def _draw(self, count: int) -> npt.NDArray[np.int64]:
        """Integers [count], uniform in -2**(BITS-1) .. 2**(BITS-1)-1."""
        raw = np.asarray(self._bits.random_raw(count), np.uint64) >> np.uint64(64 - BITS)
        return raw.astype(np.int64) - (1 << (BITS - 1))


def macs(model: ModelProto) -> int:
    """Products of one inference: those of Conv and Gemm nodes, from the shapes in the model."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for value in (*model.graph.value_info, *model.graph.output):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    return sum(
        prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm")
    )
