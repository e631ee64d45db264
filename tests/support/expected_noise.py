"""The error that quantisation is expected to make in a network's outputs, however it is done.

A quantiser of step s whose thresholds lie at a random phase,

    v' = s (rint(v / s + d) - d),   d uniform in [-1/2, 1/2),

makes an error that is uniform in [-s/2, s/2] whatever v is, of mean 0 and variance s^2 / 12
(Schuchman 1964, "Dither signals and their effect on quantization noise"). One phase for a whole
tensor leaves errors of equal values equal, as rounding does. The float network is run by
onnxruntime with such quantisers in the place of every stored value and weight, phases drawn anew
each time; the mean square difference of its outputs from the float network's own is the expected
noise. Steps are those of the plainest quantiser:

    values   s = (max - min) / (2^b - 1), over the samples, 0 among them;
             symmetric: s = max |v| / (2^(b - 1) - 1)
    weights  s = max |w| / (2^(b - 1) - 1), for each output channel

None of it is taken from the quantised model but which values and constants it stores, and, where
ranges are not those of all values (`Quantisation.method`), the ends at which values saturate.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from tilefold.dialects.quant import storage_range
from tilefold.interpreters.onnx_session import OnnxSession
from tilefold.passes.quantising.plan import MOVING, PRODUCTS
from tilefold.quantizer import Quantisation, Quantised

Array = npt.NDArray[Any]

DRAWS = 12
"""How often phases are drawn."""

STORING = "_QuantizeLinear"
"""What the name of a quantisation ends in, behind that of the value."""

CHANNEL_AXES = {"Conv": 0, "ConvTranspose": 1, "MatMul": 1}


def outputs_of(model: ModelProto, samples: Iterable[Mapping[str, Array]]) -> list[dict[str, Array]]:
    """What onnxruntime makes of each sample."""
    session = OnnxSession(model)
    return [session.run(sample) for sample in samples]


def expected_noise(made: Quantised, options: Quantisation, seed: int) -> Mapping[str, float]:
    """The expected mean square error of each output over the samples, by name.

    The float network is `made.original`; of `options` widths and symmetry count.
    """
    noisy = _Noisy(made, options)
    rng = np.random.default_rng(seed)
    exact = outputs_of(made.original, made.samples)
    session = OnnxSession(noisy.model)
    total = dict.fromkeys(exact[0], 0.0)
    for _ in range(DRAWS):
        drawn = noisy.draw(rng)
        for sample, wanted in zip(made.samples, exact, strict=True):
            found = session.run({**sample, **drawn})
            for name, value in wanted.items():
                total[name] += mean_square(found[name], value) / (DRAWS * len(exact))
    return total


def mean_square(a: Array, b: Array) -> float:
    """The mean square difference."""
    return float(((a.astype(np.float64) - b.astype(np.float64)) ** 2).mean())


class _Noisy:
    """The float network with quantisers of random phases in it, which are inputs."""

    def __init__(self, made: Quantised, options: Quantisation) -> None:
        self._bits = {"weights": options.weights, "activations": options.activations}
        self._symmetric = options.symmetric
        self._phases: list[str] = []
        self._weights: dict[str, tuple[Array, Array]] = {}
        self._constants: dict[str, Array] = {}
        self._nodes: list[NodeProto] = []
        self._known = {
            tensor.name: numpy_helper.to_array(tensor) for tensor in made.original.graph.initializer
        }
        stored = _stored_values(made)
        self._ranges = _ranges(made, stored)
        self._ends = _ends(made, options) if _saturates(options) else {}
        self._renamed: dict[str, str] = {}
        for port in made.original.graph.input:
            if port.name in stored:
                self._quantise(port.name, f"{port.name}:stored")
                self._renamed[port.name] = f"{port.name}:stored"
        constants = _stored_constants(made)
        for node in made.original.graph.node:
            self._take(node, constants.get(node.name, ()), stored)
        self.model = self._model(made.original)

    def _take(self, node: NodeProto, constants: Iterable[int], stored: set[str]) -> None:
        copy = NodeProto()
        copy.CopyFrom(node)
        for place, name in enumerate(node.input):
            copy.input[place] = self._renamed.get(name, name)
        for place in constants:
            copy.input[place] = self._quantise_constant(node, place)
        for place, name in enumerate(node.output):
            if name in stored:
                copy.output[place] = f"{name}:exact"
        self._nodes.append(copy)
        for name in node.output:
            if name in stored:
                self._quantise(f"{name}:exact", name)

    def _quantise(self, value: str, result: str) -> None:
        """Add a quantiser from `value` to `result`."""
        name = value.removesuffix(":exact")
        low, high = self._ranges[name]
        step = self._step(low, high)
        # Beyond the ends by half a step, but never to another sign: roots and logarithms follow.
        low, high = low - (low < 0) * step / 2, high + (high > 0) * step / 2
        least, most = self._ends.get(name, (low, high))
        numbers = {"step": step, "low": max(low, least), "high": min(high, most)}
        phase = f"{name}:phase"
        self._phases.append(phase)
        for key, number in numbers.items():
            self._constants[f"{name}:{key}"] = np.array(number, np.float32)
        chain = (
            ("Div", f"{name}:step"), ("Add", phase), ("Round",), ("Sub", phase),
            ("Mul", f"{name}:step"), ("Clip", f"{name}:low", f"{name}:high"),
        )  # fmt: skip
        for kind, *others in chain:
            made = result if kind == "Clip" else f"{name}:{kind}"
            self._nodes.append(helper.make_node(kind, [value, *others], [made]))
            value = made

    def _step(self, low: float, high: float) -> float:
        bits = self._bits["activations"]
        if self._symmetric:
            return max(-low, high, 1e-9) / (2 ** (bits - 1) - 1)
        return max(high - low, 1e-9) / (2**bits - 1)

    def _quantise_constant(self, node: NodeProto, place: int) -> str:
        """Let a constant be an input that is drawn: the weight of a product or another operand."""
        array = self._known[node.input[place]]
        name = f"{node.name}:constant{place}"
        if node.op_type in PRODUCTS and place == 1:
            turned = any(each.name == "transB" and each.i for each in node.attribute)
            axis = CHANNEL_AXES.get(node.op_type, 0 if turned else 1)
            others = tuple(each for each in range(array.ndim) if each != axis)
            steps = np.abs(array).max(axis=others, keepdims=True)
            steps = steps / (2 ** (self._bits["weights"] - 1) - 1)
        else:
            step = self._step(min(float(array.min()), 0), max(float(array.max()), 0))
            steps = np.full((1,) * array.ndim, step)
        self._weights[name] = array, np.maximum(steps, 1e-9)
        return name

    def draw(self, rng: np.random.Generator) -> dict[str, Array]:
        """Phases, and constants quantised at phases of their own, as inputs of the model."""
        drawn = {name: np.float32(rng.uniform(-0.5, 0.5)) for name in self._phases}
        found = {name: np.asarray(value, np.float32) for name, value in drawn.items()}
        for name, (array, steps) in self._weights.items():
            phases = rng.uniform(-0.5, 0.5, steps.shape)
            stored = (np.rint(array / steps + phases) - phases) * steps
            found[name] = stored.astype(np.float32)
        return found

    def _model(self, original: ModelProto) -> ModelProto:
        shapes = dict.fromkeys(self._phases, ())
        shapes |= {name: array.shape for name, (array, _) in self._weights.items()}
        drawn = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in shapes.items()
        ]
        constants = {**self._known, **self._constants}
        graph = helper.make_graph(
            self._nodes,
            "noisy",
            [*original.graph.input, *drawn],
            list(original.graph.output),
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
        return helper.make_model(
            graph, opset_imports=original.opset_import, ir_version=original.ir_version
        )


def _saturates(options: Quantisation) -> bool:
    """Whether ranges may leave values out: "auto" does below 8 bits."""
    return options.method != "minmax" and (options.method != "auto" or options.activations < 8)


def _ends(made: Quantised, options: Quantisation) -> Mapping[str, tuple[float, float]]:
    """The least and the largest number that each stored value can be."""
    constants = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in made.model.graph.initializer
    }
    names, found = _names(made), dict[str, tuple[float, float]]()
    for node in made.model.graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero = (constants[name] for name in node.input[1:])
            ends = storage_range(options.activations, zero.dtype == np.int8)
            low, high = (float(scale) * (end - int(zero)) for end in ends)
            found[names[node.name.removesuffix(STORING)]] = low, high
    return found


def _names(made: Quantised) -> Mapping[str, str]:
    """The values of the float network by the names that their quantisation goes by."""
    names = {port.name: port.name for port in made.original.graph.input}
    for node in made.original.graph.node:
        for place, name in enumerate(node.output):
            names[f"{node.name}:{place}" if place else node.name] = name
    return names


def _stored_values(made: Quantised) -> set[str]:
    """The values with a quantisation of their own: what only moves keeps that of its input."""
    makers = {name: node for node in made.original.graph.node for name in node.output}
    names = _names(made)
    quantisers = [node.name for node in made.model.graph.node if node.op_type == "QuantizeLinear"]
    found = {names[name.removesuffix(STORING)] for name in quantisers}

    def moved(name: str) -> bool:
        maker = makers.get(name)
        return maker is not None and maker.op_type in MOVING and maker.input[0] in found

    return {name for name in found if not moved(name)}


def _stored_constants(made: Quantised) -> Mapping[str, list[int]]:
    """The places of the inputs of nodes that are constants, quantised, but for biases."""
    known = {tensor.name for tensor in made.original.graph.initializer}
    makers = {name: node for node in made.model.graph.node for name in node.output}
    before = {node.name: node for node in made.original.graph.node}
    found: dict[str, list[int]] = {}
    for node in made.model.graph.node:
        if node.name not in before:
            continue
        for place, name in enumerate(node.input):
            maker = makers.get(name)
            if maker is None or maker.op_type != "DequantizeLinear":
                continue
            given = [*before[node.name].input, ""][place]  # a bias may have been added
            if given in known and not (node.op_type in PRODUCTS and place == 2):
                found.setdefault(node.name, []).append(place)
    return found


def _ranges(made: Quantised, names: Iterable[str]) -> Mapping[str, tuple[float, float]]:
    """The least and the largest of values, and 0, over the samples."""
    model = ModelProto()
    model.CopyFrom(made.original)
    outputs = {port.name for port in model.graph.output}
    model.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in outputs)
    found: dict[str, tuple[float, float]] = {}
    for values in outputs_of(model, made.samples):
        for name in names:
            low, high = found.get(name, (0.0, 0.0))
            found[name] = (
                min(low, float(values[name].min())),
                max(high, float(values[name].max())),
            )
    return found
