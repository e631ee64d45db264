"""Random networks of real numbers: ONNX models of what machines compute, and some of the host.

A network grows by one block at a time: an operator, or several that belong together (a gate of
squeeze and excitation, an attention, a residual branch). onnxruntime computes each node as it is
added, so that shapes are known and blocks whose values vanish or explode are drawn again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from tilefold.errors import TilefoldError
from tilefold.interpreters.onnx_session import OnnxSession

Array = npt.NDArray[Any]
Draw = Callable[["Network", str], str]

OPSETS = (9, 11, 13, 15, 17, 18, 20, 21)
IR_VERSION = 8
MAX_ELEMENTS, MAX_CHANNELS, MAX_PRODUCTS = 2500, 20, 400_000
RANGE = (1e-2, 60.0)
"""The largest magnitude of a value is within these."""


class UnfitError(Exception):
    """A block does not fit where it was drawn."""


@dataclass
class Network:
    """A network as it grows; `values` are those of one sample, `stored` what may be read next."""

    rng: np.random.Generator
    opset: int
    nodes: list[onnx.NodeProto] = field(default_factory=list[onnx.NodeProto])
    constants: dict[str, Array] = field(default_factory=dict[str, Array])
    inputs: dict[str, Array] = field(default_factory=dict[str, Array])
    values: dict[str, Array] = field(default_factory=dict[str, Array])
    readable: list[str] = field(default_factory=list[str])

    def shape(self, x: str) -> tuple[int, ...]:
        """The shape of a value."""
        return self.values[x].shape

    def draw(self, *choices: Any) -> Any:
        """One of the choices."""
        return choices[int(self.rng.integers(len(choices)))]

    def between(self, low: int, high: int) -> int:
        """An integer from `low` to `high`."""
        return int(self.rng.integers(low, high + 1))

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        """A constant."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array, dtype)
        return name

    def integers(self, *numbers: int) -> str:
        """A constant list of integers."""
        return self.constant(numbers, np.int64)

    def weight(self, shape: Sequence[int], fan_in: int) -> str:
        """Normal weights that keep magnitudes, at times of channels that differ."""
        weight = self.rng.normal(0, fan_in**-0.5, shape)
        if self.rng.random() < 0.3:
            spread = np.exp(self.rng.normal(0, 0.7, shape[0]))
            weight *= spread.reshape(-1, *(1 for _ in shape[1:]))
        return self.constant(weight)

    def numbers(self, shape: Sequence[int], low: float, high: float) -> str:
        """Uniform numbers."""
        return self.constant(self.rng.uniform(low, high, shape))

    def op(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """Add a node and compute it; the name of its first output, `name:n` being the others."""
        name = f"{kind.lower()}{len(self.nodes)}"
        names = [name, *(f"{name}:{number}" for number in range(1, outputs))]
        node = helper.make_node(kind, inputs, names, name, **attributes)
        known = {each: self.values[each] for each in inputs if each in self.values}
        constants = {each: self.constants[each] for each in inputs if each in self.constants}
        graph = helper.make_graph(
            [node],
            "node",
            [_port(each, value) for each, value in known.items()],
            [onnx.ValueInfoProto(name=each) for each in names],
            [numpy_helper.from_array(value, each) for each, value in constants.items()],
        )
        versions = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION)
        try:
            results = OnnxSession(model, optimise=False).run(known)
        except TilefoldError as error:
            raise UnfitError(str(error)) from error
        if any(value.size == 0 or value.size > MAX_ELEMENTS for value in results.values()):
            raise UnfitError("too large")
        self.nodes.append(node)
        self.values.update(results)
        return name

    def over(self, kind: str, x: str, axes: Sequence[int], since: int, **attributes: Any) -> str:
        """An operator whose axes are an input from the operator set `since` on."""
        if self.opset < since:
            return self.op(kind, x, axes=list(axes), **attributes)
        return self.op(kind, x, self.integers(*axes), **attributes)

    def clip(self, x: str, low: float, high: float) -> str:
        """`x` within bounds."""
        if self.opset < 11:
            return self.op("Clip", x, min=low, max=high)
        return self.op("Clip", x, self.constant(low), self.constant(high))

    def grow(self, blocks: Mapping[Draw, int]) -> None:
        """Add a block."""
        weights = np.array(list(blocks.values()), float)
        for _ in range(200):
            recent = self.rng.random() < 0.6
            x = self.readable[-1] if recent else self.draw(*self.readable)
            block = list(blocks)[int(self.rng.choice(len(blocks), p=weights / weights.sum()))]
            count = len(self.nodes)
            try:
                result = block(self, x)
                made = [self.values[each] for node in self.nodes[count:] for each in node.output]
                real = [value for value in made if value.dtype == np.float32]
                if not all(RANGE[0] <= np.abs(value).max() <= RANGE[1] for value in real):
                    raise UnfitError("out of range")
            except UnfitError:
                del self.nodes[count:]
                continue
            self.readable.append(result)
            return


def _port(name: str, value: Array) -> onnx.ValueInfoProto:
    element = helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_value_info(name, element, value.shape)


def require(holds: bool) -> None:
    """Give the block up unless this holds."""
    if not holds:
        raise UnfitError("does not fit here")


def _spatial(net: Network, x: str) -> tuple[int, ...]:
    """The shape of an image or a row."""
    shape = net.shape(x)
    require(len(shape) in (3, 4))
    return shape


def _image(net: Network, x: str) -> tuple[int, ...]:
    shape = net.shape(x)
    require(len(shape) == 4)
    return shape


def _window(net: Network, shape: Sequence[int], largest: int, dilation: int = 1) -> dict[str, Any]:
    """The attributes of a window over the last dimensions of `shape`."""
    sizes = [net.between(1, min(largest, size)) for size in shape[2:]]
    attributes: dict[str, Any] = {"kernel_shape": sizes}
    attributes["strides"] = [net.draw(1, 1, 2, 3) for _ in sizes]
    style = net.rng.random()
    if style < 0.2:
        attributes["auto_pad"] = net.draw("SAME_UPPER", "SAME_LOWER", "VALID")
    elif style < 0.7:
        attributes["pads"] = [net.between(0, size // 2) for _ in range(2) for size in sizes]
    if dilation > 1 and "auto_pad" not in attributes:
        attributes["dilations"] = [net.between(1, dilation) for _ in sizes]
    return attributes


def _bias(net: Network, channels: int) -> list[str]:
    return [net.constant(net.rng.normal(0, 0.3, channels))] if net.rng.random() < 0.7 else []


def _conv(net: Network, x: str, outputs: int = 0) -> str:
    """Dense, grouped or depthwise; normalised at times."""
    shape = _spatial(net, x)
    channels = shape[1]
    window = _window(net, shape, 5, 2)
    groups = 1 if outputs else net.draw(1, 1, *(d for d in (2, 3, channels) if channels % d == 0))
    outputs = outputs or groups * net.between(1, max(1, MAX_CHANNELS // groups))
    weight = (outputs, channels // groups, *window["kernel_shape"])
    require(prod(weight) * prod(shape[2:]) <= MAX_PRODUCTS)
    w = net.weight(weight, prod(weight[1:]))
    y = net.op("Conv", x, w, *_bias(net, outputs), group=groups, **window)
    return _batch_norm(net, y) if net.rng.random() < 0.3 else y


def _conv_transpose(net: Network, x: str) -> str:
    shape = _spatial(net, x)
    window = _window(net, shape, 4)
    window.pop("auto_pad", None)
    channels = shape[1]
    groups = net.draw(1, 1, channels)
    inner = 1 if groups > 1 else net.between(1, 8)
    weight = (channels, inner, *window["kernel_shape"])
    require(prod(weight) * prod(shape[2:]) <= MAX_PRODUCTS)
    w = net.weight(weight, prod(weight[2:]) * channels // groups)
    return net.op("ConvTranspose", x, w, *_bias(net, inner * groups), group=groups, **window)


def _batch_norm(net: Network, x: str) -> str:
    channels = _spatial(net, x)[1]
    bounds = ((0.5, 1.5), (-0.5, 0.5), (-0.5, 0.5), (0.5, 2))
    return net.op("BatchNormalization", x, *(net.numbers((channels,), *each) for each in bounds))


def _gemm(net: Network, x: str) -> str:
    if len(net.shape(x)) != 2:
        x = net.op("Flatten", x)
    inner, outputs, turned = net.shape(x)[1], net.between(1, 16), net.between(0, 1)
    shape = (outputs, inner) if turned else (inner, outputs)
    bias = _bias(net, outputs)
    if net.opset < 11 and not bias:
        bias = [net.constant(np.zeros(outputs))]
    return net.op("Gemm", x, net.weight(shape, inner), *bias, transB=turned)


def _matmul(net: Network, x: str) -> str:
    shape = net.shape(x)
    require(len(shape) in (2, 3, 4))
    outputs = net.between(1, 12)
    y = net.op("MatMul", x, net.weight((shape[-1], outputs), shape[-1]))
    return net.op("Add", y, *_bias(net, outputs)) if net.rng.random() < 0.4 else y


# fmt: off
FUNCTIONS: Mapping[str, Callable[[Network, str], str]] = {
    "relu": lambda n, x: n.op("Relu", x),
    "relu6": lambda n, x: n.clip(x, 0, 6),
    "clip": lambda n, x: n.clip(x, -0.7, 0.9),
    "leaky relu": lambda n, x: n.op("LeakyRelu", x, alpha=0.2),
    "prelu": lambda n, x: n.op("PRelu", x, n.numbers((1,), 0.1, 0.6)),
    "elu": lambda n, x: n.op("Elu", x),
    "selu": lambda n, x: n.op("Selu", x),
    "sigmoid": lambda n, x: n.op("Sigmoid", x),
    "tanh": lambda n, x: n.op("Tanh", x),
    "softplus": lambda n, x: n.op("Softplus", x),
    "hard sigmoid": lambda n, x: n.op("HardSigmoid", x, alpha=1 / 6, beta=0.5),
    "silu": lambda n, x: n.op("Mul", x, n.op("Sigmoid", x)),
    "mish": lambda n, x: n.op("Mul", x, n.op("Tanh", n.op("Softplus", x))),
    "hard swish": lambda n, x: (
        n.op("HardSwish", x) if n.opset >= 14
        else n.op("Mul", x, n.op("HardSigmoid", x, alpha=1 / 6, beta=0.5))
    ),
    "hard swish in parts": lambda n, x: n.op(
        "Div", n.op("Mul", x, n.clip(n.op("Add", x, n.constant(3)), 0, 6)), n.constant(6)
    ),
    "gelu": lambda n, x: n.op("Gelu", x) if n.opset >= 20 else FUNCTIONS["gelu in parts"](n, x),
    "gelu in parts": lambda n, x: n.op("Mul", n.op("Mul", x, n.constant(0.5)), n.op(
        "Add", n.op("Erf", n.op("Div", x, n.constant(2**0.5))), n.constant(1)
    )),
    "abs": lambda n, x: n.op("Abs", x),
    "square": lambda n, x: n.op("Pow", x, n.constant(2)),
    "root": lambda n, x: n.op("Sqrt", n.op("Add", n.op("Abs", x), n.constant(0.1))),
    "scaled": lambda n, x: n.op("Div", n.op("Sub", x, n.constant(0.3)), n.constant(0.7)),
}
# fmt: on
"""Functions of one value, some as exporters write them."""


def _function(net: Network, x: str) -> str:
    return FUNCTIONS[net.draw(*FUNCTIONS)](net, x)


def _activated(net: Network, x: str) -> str:
    """A convolution and its activation."""
    return _function(net, _conv(net, x))


def _prelu(net: Network, x: str) -> str:
    """A slope for each channel."""
    shape = net.shape(x)
    require(len(shape) >= 2)
    return net.op("PRelu", x, net.numbers((shape[1], *(1 for _ in shape[2:])), -0.2, 0.6))


def _binary(net: Network, x: str) -> str:
    """With another value of the shape, a broadcast one or a constant."""
    shape = net.shape(x)
    kind = net.draw("Add", "Add", "Mul", "Sub")
    small = [1 if net.rng.random() < 0.5 else size for size in shape]
    fitting = [y for y in net.readable if net.shape(y) in (shape, tuple(small))]
    fitting += [
        y for y in net.readable if net.shape(y)[:2] == shape[:2] and prod(net.shape(y)[2:]) == 1
        and len(net.shape(y)) == len(shape)
    ]  # fmt: skip
    other = net.draw(*fitting)
    choice = net.rng.random()
    if choice < 0.2:
        other = net.numbers(small, 0.2, 1.5)
    elif choice < 0.4 and len(shape) > 1:
        other = net.numbers((shape[1], *(1 for _ in shape[2:])), -1, 1)
    if kind == "Sub" and net.rng.random() < 0.3:
        x, other = other, x
    return net.op(kind, x, other)


def _by_constant(net: Network, x: str) -> str:
    shape = net.shape(x)
    sizes = net.draw((1,), (shape[1], *(1 for _ in shape[2:])) if len(shape) > 1 else (1,))
    return net.op("Div", x, net.numbers(sizes, 0.5, 2))


def _residual(net: Network, x: str) -> str:
    channels = _spatial(net, x)[1]
    size = net.draw(1, 3)
    window = {"kernel_shape": [size] * (len(net.shape(x)) - 2), "auto_pad": "SAME_UPPER"}
    w = net.weight((channels, channels, *window["kernel_shape"]), channels * size**2)
    branch = _function(net, net.op("Conv", x, w, *_bias(net, channels), **window))
    return net.op("Relu", net.op("Add", x, branch)) if net.between(0, 1) else net.op(
        "Add", branch, x
    )  # fmt: skip


def _gate(net: Network, x: str) -> str:
    """Squeeze and excitation."""
    channels = _image(net, x)[1]
    narrow = max(1, channels // 2)
    mean = net.op("GlobalAveragePool", x) if net.between(0, 1) else _mean(net, x, [2, 3], 1)
    y = net.op("Conv", mean, net.weight((narrow, channels, 1, 1), channels), *_bias(net, narrow))
    y = net.op("Conv", net.op("Relu", y), net.weight((channels, narrow, 1, 1), narrow))
    return net.op("Mul", x, FUNCTIONS[net.draw("sigmoid", "hard sigmoid")](net, y))


def _attention(net: Network, x: str) -> str:
    """Scaled products of queries and keys, weights of the host, products with values."""
    shape = net.shape(x)
    require(len(shape) == 3)
    depth, width = shape[2], net.between(2, 8)
    q, k, v = (net.op("MatMul", x, net.weight((depth, width), depth)) for _ in range(3))
    if net.between(0, 1):
        scores = net.op("MatMul", q, net.op("Transpose", k, perm=[0, 2, 1]))
    else:
        scores = net.op("MatMul", net.op("Transpose", q, perm=[0, 2, 1]), v)
        v = net.op("Transpose", k, perm=[0, 2, 1])
    scores = net.op("Mul", scores, net.constant(width**-0.5))
    if net.between(0, 1):
        scores = net.op("Softmax", scores, axis=2)
    return net.op("MatMul", scores, v)


def _mean(net: Network, x: str, axes: Sequence[int], keep: int) -> str:
    return net.over("ReduceMean", x, axes, 18, keepdims=keep)


def _reduce(net: Network, x: str) -> str:
    shape = net.shape(x)
    require(len(shape) > 1)
    count = net.between(1, len(shape) - 1)
    axes = sorted(int(axis) for axis in net.rng.choice(np.arange(1, len(shape)), count, False))
    keep = net.between(0, 1)
    if net.between(0, 1):
        return _mean(net, x, axes, keep)
    return net.over("ReduceMax", x, axes, 18, keepdims=keep)


def _pool(net: Network, x: str) -> str:
    shape = _spatial(net, x)
    window = _window(net, shape, 3)
    if net.between(0, 1):
        return net.op("MaxPool", x, **window)
    return net.op("AveragePool", x, count_include_pad=net.between(0, 1), **window)


def _global_pool(net: Network, x: str) -> str:
    _spatial(net, x)
    return net.op(net.draw("GlobalAveragePool", "GlobalMaxPool"), x)


def _resize(net: Network, x: str) -> str:
    _image(net, x)
    require(net.opset >= 11)
    scales = net.constant([1, 1, net.between(1, 3), net.between(1, 3)])
    empty = net.constant([]) if net.opset < 13 else ""
    if net.between(0, 1):
        return net.op("Resize", x, empty, scales, mode="linear")
    nearest = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return net.op(
        "Resize", x, empty, scales, mode="nearest", **(nearest if net.between(0, 1) else {})
    )


def _concat(net: Network, x: str) -> str:
    shape = net.shape(x)
    require(len(shape) > 1)
    axis = net.between(1, len(shape) - 1)

    def rest(value: str) -> tuple[int, ...]:
        return (*net.shape(value)[:axis], -1, *net.shape(value)[axis + 1 :])

    fitting = [y for y in net.readable if len(net.shape(y)) == len(shape) and rest(y) == rest(x)]
    parts = [x, *(net.draw(*fitting) for _ in range(net.between(1, 2)))]
    return net.op("Concat", *(parts[at] for at in net.rng.permutation(len(parts))), axis=axis)


def _split(net: Network, x: str) -> str:
    """Two parts, one of which becomes more before they meet again."""
    shape = net.shape(x)
    axes = [axis for axis in range(1, len(shape)) if shape[axis] > 1]
    require(bool(axes))
    axis = net.draw(*axes)
    first = net.between(1, shape[axis] - 1)
    sizes = [first, shape[axis] - first]
    if net.opset < 13:
        left = net.op("Split", x, outputs=2, axis=axis, split=sizes)
    else:
        left = net.op("Split", x, net.integers(*sizes), outputs=2, axis=axis)
    return net.op("Concat", _function(net, left), f"{left}:1", axis=axis)


def _slice(net: Network, x: str) -> str:
    shape = net.shape(x)
    axes = [axis for axis in range(1, len(shape)) if shape[axis] > 1]
    require(bool(axes) and net.opset >= 10)
    axis = net.draw(*axes)
    start = net.between(0, shape[axis] - 1)
    end = net.between(start + 1, shape[axis])
    step = net.draw(1, 1, 2) if len(shape) == 4 and axis > 1 else 1
    names = [net.integers(number) for number in (start, end, axis, step)]
    return net.op("Slice", x, *names)


def _reshape(net: Network, x: str) -> str:
    """To two, three or four dimensions."""
    rest, sizes = prod(net.shape(x)), list[int]()
    for _ in range(net.between(0, 2)):
        sizes.append(net.draw(*(d for d in range(1, rest + 1) if rest % d == 0)))
        rest //= sizes[-1]
    return net.op("Reshape", x, net.integers(1, *sizes, rest))


def _squeeze(net: Network, x: str) -> str:
    shape = net.shape(x)
    ones = [axis for axis in range(1, len(shape)) if shape[axis] == 1]
    if ones and net.between(0, 1):
        return net.over("Squeeze", x, [net.draw(*ones)], 13)
    require(len(shape) < 4)
    return net.over("Unsqueeze", x, [net.between(1, len(shape))], 13)


def _transpose(net: Network, x: str) -> str:
    axes = net.rng.permutation(np.arange(1, len(net.shape(x))))
    return net.op("Transpose", x, perm=[0, *(int(axis) for axis in axes)])


def _pad(net: Network, x: str) -> str:
    shape = net.shape(x)
    mode = net.draw("constant", "reflect", "edge")
    low, high = (
        [0, *(net.draw(0, 0, min(1, size - 1), min(2, size - 1)) for size in shape[1:])]
        for _ in range(2)
    )
    if net.opset < 11:
        return net.op("Pad", x, pads=low + high, mode=mode)
    return net.op("Pad", x, net.integers(*low, *high), mode=mode)


def _depth(net: Network, x: str) -> str:
    """Channels to blocks, or blocks to channels."""
    shape = _image(net, x)
    if shape[1] % 4 == 0 and net.between(0, 1):
        modes = {} if net.opset < 11 else {"mode": net.draw("DCR", "CRD")}
        return net.op("DepthToSpace", x, blocksize=2, **modes)
    require(shape[2] % 2 == 0 and shape[3] % 2 == 0)
    return net.op("SpaceToDepth", x, blocksize=2)


def _gather(net: Network, x: str) -> str:
    shape = net.shape(x)
    require(len(shape) > 1)
    axis = net.between(1, len(shape) - 1)
    indices = [net.between(0, shape[axis] - 1) for _ in range(net.between(1, 4))]
    return net.op("Gather", x, net.integers(*indices), axis=axis)


def _tile(net: Network, x: str) -> str:
    shape = net.shape(x)
    return net.op("Tile", x, net.integers(1, *(net.draw(1, 1, 2) for _ in shape[1:])))


def _normalised(net: Network, x: str) -> str:
    """Operators of the host."""
    shape = net.shape(x)
    choice = net.draw("LRN", "LayerNormalization", "Softmax", "InstanceNormalization")
    if choice == "Softmax":
        return net.op("Softmax", x, axis=len(shape) - 1)
    if choice == "LayerNormalization":
        require(net.opset >= 17 and shape[-1] > 2)
        return net.op("LayerNormalization", x, *(net.numbers(shape[-1:], 0.5, 1.5),) * 2)
    if choice == "InstanceNormalization":
        require(len(shape) > 2 and prod(shape[2:]) > 2)
        return net.op("InstanceNormalization", x, *(net.numbers(shape[1:2], 0.5, 1.5),) * 2)
    _image(net, x)
    return net.op("LRN", x, size=3, alpha=0.3)


BLOCKS: Mapping[Draw, int] = {
    _conv: 10,
    _activated: 8,
    _conv_transpose: 3,
    _batch_norm: 2,
    _gemm: 3,
    _matmul: 3,
    _function: 8,
    _prelu: 3,
    _binary: 8,
    _by_constant: 2,
    _residual: 5,
    _gate: 3,
    _attention: 6,
    _reduce: 3,
    _pool: 5,
    _global_pool: 2,
    _resize: 3,
    _concat: 4,
    _split: 3,
    _slice: 3,
    _reshape: 2,
    _squeeze: 2,
    _transpose: 3,
    _pad: 3,
    _depth: 2,
    _gather: 2,
    _tile: 1,
    _normalised: 2,
}
"""What is drawn how often."""


def _input(net: Network) -> str:
    choice = net.rng.random()
    shape: tuple[int, ...] = (1, net.draw(1, 2, 3, 4, 6, 8), net.between(2, 10), net.between(2, 10))
    if choice < 0.1:
        shape = (1, net.between(2, 30))
    elif choice < 0.3:
        shape = (1, net.between(1, 10), net.between(2, 16))
    name = f"x{len(net.inputs)}"
    net.inputs[name] = net.values[name] = net.rng.normal(0, 1, shape).astype(np.float32)
    return name


def random_float_network(seed: int) -> ModelProto:
    """The network of a seed: one or two inputs, 2 to 8 blocks, all that is not read its outputs.

    Of other values each is an output at times, so that they can be looked at as well.
    """
    rng = np.random.default_rng(seed)
    net = Network(rng, int(rng.choice(OPSETS)))
    for _ in range(net.draw(1, 1, 1, 2)):
        net.readable.append(_input(net))
    for _ in range(net.between(2, 8)):
        net.grow(BLOCKS)
    for name in net.inputs:
        if not any(name in node.input for node in net.nodes):
            net.op("Sigmoid", name)
    read = {name for node in net.nodes for name in node.input}
    made = [name for node in net.nodes for name in node.output]
    outputs = [name for name in made if name not in read or rng.random() < 0.15]
    used = {name: value for name, value in net.constants.items() if name in read}
    graph = helper.make_graph(
        net.nodes,
        f"seed{seed}",
        [_port(name, value) for name, value in net.inputs.items()],
        [_port(name, net.values[name]) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in used.items()],
    )
    versions = [helper.make_opsetid("", net.opset)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return model


def samples_for(model: ModelProto, count: int, seed: int) -> dict[str, Array]:
    """Normal inputs [count, ...] of a model by name."""
    rng = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for port in model.graph.input:
        assert port.type.tensor_type.elem_type == TensorProto.FLOAT
        shape = [dim.dim_value for dim in port.type.tensor_type.shape.dim]
        found[port.name] = rng.normal(0, 1, (count, *shape[1:])).astype(np.float32)
    return found
