"""The structures of the `onnx` package's `light_*` models, with seeded weights, in int8.

These models have the graphs of well-known networks, and weights that are made when they run. Here
each weight becomes an initialiser of random values, batch normalisations and the like are merged
into the convolutions (onnxruntime's basic optimisations), and the softmax at the end, which keeps
the order of the scores, is left out. What remains is quantised like the other networks.
"""

import tempfile
from collections.abc import Iterator
from math import prod, sqrt
from pathlib import Path
from typing import Any

from subjects import CACHE  # isort: skip

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import GraphProto, ModelProto, NodeProto, numpy_helper, version_converter
from tilefold.examples.networks import quantised_file

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
OPSET = 17
SEED = 5

_runtime: Any = onnxruntime  # without type stubs


def names() -> list[str]:
    """The structures that the package has."""
    return sorted(file.stem for file in FOLDER.glob("light_*.onnx"))


def light(name: str) -> Path:
    """The file of a structure with seeded weights in int8; made if it is not there."""
    return quantised_file(_optimised(floating(name)), name, CACHE)


def floating(name: str) -> ModelProto:
    """A structure with seeded weights, in float."""
    return _with_weights(onnx.load(FOLDER / f"{name}.onnx"))


def _with_weights(model: ModelProto) -> ModelProto:
    """The model with initialisers in place of the nodes that make constants."""
    graph, random = model.graph, np.random.default_rng(SEED)
    shapes = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    near_one = set(_factors(graph))
    nodes: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            (made,), shape = node.output, tuple(map(int, shapes[node.input[0]]))
            values = _drawn(random, shape) + (made in near_one)
            graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), made))
        elif node.op_type == "Softmax" and node.output[0] == graph.output[0].name:
            graph.output[0].name = node.input[0]
            graph.output[0].type.tensor_type.ClearField("shape")
        else:
            node.op_type = "Add" if node.op_type == "Sum" else node.op_type
            nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    constants = [each for each in graph.initializer if each.name in used]
    images = [each for each in graph.input if each.name in used - {c.name for c in constants}]
    del graph.initializer[:], graph.input[:]
    graph.initializer.extend(constants)
    graph.input.extend(images)
    model.ir_version = 8
    return version_converter.convert_version(model, OPSET)


def _factors(graph: GraphProto) -> Iterator[str]:
    """The constants that multiply or divide channels one by one."""
    spread = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Unsqueeze"}
    for node in graph.node:
        if node.op_type == "BatchNormalization":
            yield from (node.input[1], node.input[4])
        elif node.op_type == "Mul":
            yield from (spread[name] for name in node.input if name in spread)


def _drawn(random: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Weights of variance 2 / fan-in; vectors within 0.1 of 0."""
    bound = sqrt(6 / prod(shape[1:])) if len(shape) > 1 else 0.1
    return random.uniform(-bound, bound, shape)


def _optimised(model: ModelProto) -> ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        options = _runtime.SessionOptions()
        options.log_severity_level = 3  # only errors
        options.graph_optimization_level = _runtime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
        whole = model.SerializeToString()
        _runtime.InferenceSession(whole, options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)
