"""Small quantised ONNX models for tests: a builder, one model per operator, random networks."""

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"


class Net:
    """Builds a model node by node; values are named by strings.

    `kind` (np.uint8 or np.int8) is the type of activations; `zero` shifts zero points to it.
    """

    def __init__(self, rng: np.random.Generator, kind: type = np.uint8, opset: int = 17) -> None:
        self.rng, self.kind, self.opset = rng, kind, opset
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.initializers: list[TensorProto] = []

    def zero(self, unsigned: int):
        """The zero point that is `unsigned` in uint8."""
        return np.uint8(unsigned) if self.kind is np.uint8 else np.int8(unsigned - 128)

    def input(self, shape: Sequence, name: str = "x", element: int = TensorProto.FLOAT) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, element, shape))
        return name

    def constant(self, array, name: str | None = None) -> str:
        name = name or f"constant{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def op(self, kind: str, *inputs: str, name: str | None = None, domain: str = "", **attributes):
        name = name or f"{kind.lower()}{len(self.nodes)}"
        node = helper.make_node(kind, inputs, [f"{name}:0"], name, domain=domain, **attributes)
        self.nodes.append(node)
        return f"{name}:0"

    def quantize(self, x: str, scale: float, zero_point, **attributes) -> str:
        scale_name = self.constant(np.float32(scale))
        return self.op("QuantizeLinear", x, scale_name, self.constant(zero_point), **attributes)

    def dequantize(self, x: str, scale, zero_point=None, **attributes) -> str:
        inputs = [x, self.constant(np.asarray(scale, np.float32))]
        if zero_point is not None:
            inputs.append(self.constant(zero_point))
        return self.op("DequantizeLinear", *inputs, **attributes)

    def qdq(self, x: str, scale: float, zero_point) -> str:
        return self.dequantize(self.quantize(x, scale, zero_point), scale, zero_point)

    def integers(self, shape: Sequence[int], kind: type = np.int8) -> np.ndarray:
        limits = np.iinfo(kind)
        return self.rng.integers(max(limits.min, -127), limits.max + 1, shape).astype(kind)

    def weight(self, shape: Sequence[int], axis: int | None, kind: type = np.int8):
        """A dequantised random weight and its scales ([n], or scalar where `axis` is None)."""
        channels = () if axis is None else (shape[axis],)
        scales = self.rng.uniform(0.002, 0.01, channels).astype(np.float32)
        zero = kind(0 if kind is np.int8 else 128)
        attributes = {} if axis is None else {"axis": axis}
        integers = self.constant(self.integers(shape, kind))
        return self.dequantize(
            integers, scales, np.full(channels, zero, kind), **attributes
        ), scales

    def bias(self, channels: int, scales, x_scale: float, reach: int = 3000) -> str:
        """A dequantised int32 bias at the scale of the sums."""
        integers = self.rng.integers(-reach, reach, channels).astype(np.int32)
        scales = np.float32(x_scale) * np.broadcast_to(scales, channels)
        return self.dequantize(
            self.constant(integers), scales, np.zeros(channels, np.int32), axis=0
        )

    def output(self, x: str, element: int = TensorProto.FLOAT, rank: int = 4) -> None:
        self.outputs.append(helper.make_tensor_value_info(x, element, [None] * rank))

    def model(self) -> ModelProto:
        graph = helper.make_graph(self.nodes, "net", self.inputs, self.outputs, self.initializers)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


X_SCALE, Y_SCALE = 0.0213, 0.0371


def feeds(model: ModelProto, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random inputs for `model`, batch 1, that reach and leave the quantised range."""
    result: dict[str, np.ndarray] = {}
    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = [dim.dim_value or 1 for dim in kind.shape.dim]
        if kind.elem_type == TensorProto.FLOAT:
            result[value.name] = rng.normal(0, 1.5, shape).astype(np.float32)
        else:
            dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
            limits = np.iinfo(dtype)
            result[value.name] = rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
    return result


def qdq_conv(
    net: Net,
    shape: Sequence[int] = (1, 6, 9, 11),
    channels: int = 8,
    kernel: Sequence[int] = (3, 3),
    per_channel: bool = True,
    bias: str = "quantised",
    activation: Callable[[Net, str], str] | None = None,
    y: tuple[float, int] = (Y_SCALE, 100),
    weight_kind: type = np.int8,
    quantised: bool = True,
    **attributes,
) -> ModelProto:
    """Q, DQ, Conv [, activation], Q, DQ; `bias` is "quantised", "float" or ""."""
    x = net.qdq(net.input(shape), X_SCALE, net.zero(120))
    group = attributes.get("group", 1)
    weight_shape = (channels, shape[1] // group, *kernel)
    weight, scales = net.weight(weight_shape, 0 if per_channel else None, weight_kind)
    inputs = [x, weight]
    if bias == "quantised":
        inputs.append(net.bias(channels, scales, X_SCALE))
    elif bias == "float":
        inputs.append(net.constant(net.rng.normal(0, 0.5, channels).astype(np.float32)))
    result = net.op("Conv", *inputs, name="conv", **attributes)
    if activation:
        result = activation(net, result)
    net.output(net.qdq(result, y[0], net.zero(y[1])) if quantised else result)
    return net.model()


def qdq_conv_of_rows(net: Net, group: int = 1, **attributes) -> ModelProto:
    """Q, DQ, Conv of [1, 6, 23] by [8, 6, 5] or, in groups, [6, 6/group, 5], Q, DQ."""
    x = net.qdq(net.input((1, 6, 23)), X_SCALE, net.zero(120))
    channels = 8 if group == 1 else 6
    weight, scales = net.weight((channels, 6 // group, 5), 0)
    bias = net.bias(channels, scales, X_SCALE)
    result = net.op("Conv", x, weight, bias, name="conv", group=group, **attributes)
    net.output(net.qdq(result, Y_SCALE, net.zero(100)), rank=3)
    return net.model()


def qdq_conv_transpose(
    net: Net,
    shape: Sequence[int] = (1, 6, 5, 7),
    channels: int = 8,
    kernel: Sequence[int] = (3, 3),
    axis: int | None = 1,
    relu: bool = False,
    **attributes,
) -> ModelProto:
    """Q, DQ, ConvTranspose [, Relu], Q, DQ; `axis` is that of the weights' scales."""
    x = net.qdq(net.input(shape), X_SCALE, net.zero(120))
    group = attributes.get("group", 1)
    weight, scales = net.weight((shape[1], channels // group, *kernel), axis)
    if axis == 1:
        scales = np.tile(scales, group)
    bias = net.bias(channels, scales, X_SCALE)
    result = net.op("ConvTranspose", x, weight, bias, name="conv", **attributes)
    if relu:
        result = net.op("Relu", result)
    net.output(net.qdq(result, Y_SCALE, net.zero(0 if relu else 100)), rank=len(shape))
    return net.model()


def qdq_unary(
    net: Net,
    build: Callable[[Net, str], str],
    shape: Sequence[int] = (1, 6, 9, 11),
    y: tuple[float, int] | None = (Y_SCALE, 100),
    rank: int = 4,
) -> ModelProto:
    """Q, DQ, `build`, Q, DQ; without `y` the result has the input's parameters."""
    x = net.qdq(net.input(shape), X_SCALE, net.zero(120))
    scale, zero = y or (X_SCALE, 120)
    net.output(net.qdq(build(net, x), scale, net.zero(zero)), rank=rank)
    return net.model()


def qdq_binary(
    net: Net,
    build: Callable[[Net, str, str], str],
    shapes: Sequence[Sequence[int]] = ((1, 6, 9, 11), (1, 6, 9, 11)),
    y: tuple[float, int] = (Y_SCALE, 100),
) -> ModelProto:
    """`build` of two dequantised inputs with parameters of their own."""
    x = net.qdq(net.input(shapes[0], "x"), X_SCALE, net.zero(120))
    z = net.qdq(net.input(shapes[1], "z"), 0.013, net.zero(77))
    result = net.qdq(build(net, x, z), y[0], net.zero(y[1]))
    net.output(result, rank=max(map(len, shapes)))
    return net.model()


def qdq_gemm(
    net: Net,
    per_channel: bool = True,
    bias: str = "quantised",
    activation: Callable[[Net, str], str] | None = None,
    quantised: bool = True,
    y: tuple[float, int] = (0.1, 100),
    **attributes,
) -> ModelProto:
    """Gemm from 40 to 10 features; `bias` as in `qdq_conv`."""
    x = net.qdq(net.input((1, 40)), X_SCALE, net.zero(120))
    transposed = attributes.get("transB", 0)
    shape, axis = ((10, 40), 0) if transposed else ((40, 10), 1)
    weight, scales = net.weight(shape, axis if per_channel else None)
    inputs = [x, weight]
    if bias == "quantised":
        inputs.append(net.bias(10, scales, X_SCALE))
    elif bias == "float":
        inputs.append(net.constant(net.rng.normal(0, 0.5, 10).astype(np.float32)))
    result = net.op("Gemm", *inputs, name="gemm", **attributes)
    if activation:
        result = activation(net, result)
    net.output(net.qdq(result, y[0], net.zero(y[1])) if quantised else result, rank=2)
    return net.model()


def qdq_matmul(
    net: Net, shape: Sequence[int] = (1, 40), bias: bool = False, quantised: bool = True
) -> ModelProto:
    """MatMul by a matrix [40, 10], then perhaps Add of a float bias."""
    x = net.qdq(net.input(shape), X_SCALE, net.zero(120))
    weight, _ = net.weight((40, 10), 1)
    result = net.op("MatMul", x, weight, name="matmul")
    if bias:
        vector = net.constant(net.rng.normal(0, 0.5, 10).astype(np.float32))
        result = net.op("Add", result, vector, name="bias")
    net.output(net.qdq(result, 0.1, net.zero(100)) if quantised else result, rank=len(shape))
    return net.model()


def parameters(net: Net, scale: float, zero_point) -> tuple[str, str]:
    """Constants for a scale and a zero point, as operators on integers take them."""
    return net.constant(np.float32(scale)), net.constant(zero_point)


def integer_input(net: Net, shape: Sequence[int], name: str = "x") -> str:
    element = TensorProto.UINT8 if net.kind is np.uint8 else TensorProto.INT8
    return net.input(shape, name, element)


def integer_output(net: Net, value: str, rank: int = 4) -> ModelProto:
    net.output(value, TensorProto.UINT8 if net.kind is np.uint8 else TensorProto.INT8, rank)
    return net.model()


def qlinear_conv(net: Net, bias: bool = True, **attributes) -> ModelProto:
    """QLinearConv of integers, per channel."""
    x = integer_input(net, (1, 6, 9, 11))
    group = attributes.get("group", 1)
    inputs = [x, *parameters(net, X_SCALE, net.zero(120))]
    inputs.append(net.constant(net.integers((8 if group == 1 else 6, 6 // group, 3, 3))))
    channels = 8 if group == 1 else 6
    scales = net.rng.uniform(0.002, 0.01, channels).astype(np.float32)
    inputs += [net.constant(scales), net.constant(np.zeros(channels, np.int8))]
    inputs += parameters(net, Y_SCALE, net.zero(100))
    if bias:
        inputs.append(net.constant(net.rng.integers(-3000, 3000, channels).astype(np.int32)))
    return integer_output(net, net.op("QLinearConv", *inputs, name="conv", **attributes))


def qlinear_matmul(net: Net) -> ModelProto:
    """QLinearMatMul of integers."""
    inputs = [integer_input(net, (1, 40)), *parameters(net, X_SCALE, net.zero(120))]
    inputs += [net.constant(net.integers((40, 10))), *parameters(net, 0.005, np.int8(0))]
    inputs += parameters(net, 0.1, net.zero(100))
    return integer_output(net, net.op("QLinearMatMul", *inputs, name="matmul"), 2)


def qlinear_matmul_of_two(net: Net) -> ModelProto:
    """QLinearMatMul of two inputs."""
    a = integer_input(net, (1, 5, 12))
    b = integer_input(net, (1, 12, 9), "z")
    both = [*parameters(net, X_SCALE, net.zero(120)), b, *parameters(net, 0.03, net.zero(90))]
    ends = parameters(net, 0.1, net.zero(100))
    return integer_output(net, net.op("QLinearMatMul", a, *both, *ends, name="matmul"), 3)


def qgemm(net: Net, quantised: bool = True) -> ModelProto:
    """QGemm of integers; its result is float where not `quantised`."""
    inputs = [integer_input(net, (1, 40)), *parameters(net, X_SCALE, net.zero(120))]
    scales = net.rng.uniform(0.002, 0.01, 10).astype(np.float32)
    inputs += [net.constant(net.integers((10, 40))), net.constant(scales)]
    inputs += [net.constant(np.zeros(10, np.int8))]
    inputs += [net.constant(net.rng.integers(-3000, 3000, 10).astype(np.int32))]
    if quantised:
        inputs += parameters(net, 0.1, net.zero(100))
    result = net.op("QGemm", *inputs, name="gemm", domain=MICROSOFT, transB=1)
    if quantised:
        return integer_output(net, result, 2)
    net.output(result, rank=2)
    return net.model()


def qlinear_binary(net: Net, kind: str) -> ModelProto:
    """QLinearAdd or QLinearMul of integers."""
    inputs = [integer_input(net, (1, 6, 9, 11)), *parameters(net, X_SCALE, net.zero(120))]
    inputs += [integer_input(net, (1, 6, 9, 11), "z"), *parameters(net, 0.013, net.zero(77))]
    inputs += parameters(net, Y_SCALE, net.zero(100))
    return integer_output(net, net.op(kind, *inputs, name="layer", domain=MICROSOFT))


def qlinear_pool(net: Net, kind: str, **attributes) -> ModelProto:
    """QLinearAveragePool or QLinearGlobalAveragePool of integers."""
    inputs = [integer_input(net, (1, 6, 9, 11)), *parameters(net, X_SCALE, net.zero(120))]
    inputs += parameters(net, 0.015, net.zero(110))
    return integer_output(net, net.op(kind, *inputs, name="pool", domain=MICROSOFT, **attributes))


def qlinear_concat(net: Net) -> ModelProto:
    """QLinearConcat of integers along the channels."""
    inputs = list(parameters(net, Y_SCALE, net.zero(100)))
    inputs += [integer_input(net, (1, 6, 9, 11)), *parameters(net, X_SCALE, net.zero(120))]
    inputs += [integer_input(net, (1, 3, 9, 11), "z"), *parameters(net, 0.013, net.zero(77))]
    result = net.op("QLinearConcat", *inputs, name="concat", domain=MICROSOFT, axis=1)
    return integer_output(net, result)


def integer_product(net: Net, kind: str) -> ModelProto:
    """ConvInteger or MatMulInteger; the sums are the output."""
    shape, weights = ((1, 6, 9, 11), (8, 6, 3, 3)) if kind == "ConvInteger" else ((1, 40), (40, 10))
    x = integer_input(net, shape)
    weight = net.constant(net.integers(weights, np.int8 if net.kind is np.int8 else np.uint8))
    zeros = [net.constant(net.zero(120)), net.constant(net.zero(128))]
    net.output(net.op(kind, x, weight, *zeros, name="product"), TensorProto.INT32, len(shape))
    return net.model()


def relu(net: Net, x: str) -> str:
    return net.op("Relu", x)


def clip(low: float, high: float) -> Callable[[Net, str], str]:
    def build(net: Net, x: str) -> str:
        return net.op("Clip", x, net.constant(np.float32(low)), net.constant(np.float32(high)))

    return build


def simple(kind: str, **attributes) -> Callable[..., str]:
    """`kind` with its inputs as they are."""

    def build(net: Net, *inputs: str) -> str:
        return net.op(kind, *inputs, name="layer", **attributes)

    return build


def with_constant(kind: str, array, **attributes) -> Callable[[Net, str], str]:
    """`kind` of the input and the constant `array`."""

    def build(net: Net, x: str) -> str:
        return net.op(kind, x, net.constant(array), name="layer", **attributes)

    return build


def split(*sizes: int, axis: int = 1) -> Callable[[Net, str], str]:
    """Split into parts of these sizes, put together the other way round."""

    def build(net: Net, x: str) -> str:
        node = net.op("Split", x, net.constant(np.array(sizes)), name="parts", axis=axis)
        parts = [node, *(f"parts:{place}" for place in range(1, len(sizes)))]
        net.nodes[-1].output[:] = parts
        return net.op("Concat", *parts[::-1], axis=axis)

    return build


def sliced(starts: Sequence[int], ends: Sequence[int], axes: Sequence[int], steps: Sequence[int]):
    """Slice."""

    def build(net: Net, x: str) -> str:
        numbers = [net.constant(np.array(each)) for each in (starts, ends, axes, steps)]
        return net.op("Slice", x, *numbers, name="layer")

    return build


def resized(scales=None, sizes=None, **attributes) -> Callable[[Net, str], str]:
    """Resize by scales or to sizes."""

    def build(net: Net, x: str) -> str:
        inputs = [x, "", net.constant(np.array(scales, np.float32)) if scales else ""]
        if sizes:
            inputs.append(net.constant(np.array(sizes)))
        return net.op("Resize", *inputs, name="layer", **attributes)

    return build


def squeeze_and_excitation(net: Net, x: str) -> str:
    """The channels of [1, 6, H, W] weighted by what two products make of their means."""
    mean = net.qdq(net.op("GlobalAveragePool", x), 0.015, net.zero(120))
    narrow = net.op("Conv", mean, net.weight((3, 6, 1, 1), 0)[0])
    narrow = net.qdq(net.op("Relu", narrow), 0.003, net.zero(0))
    wide = net.qdq(net.op("Conv", narrow, net.weight((6, 3, 1, 1), 0)[0]), 0.01, net.zero(128))
    return net.op("Mul", x, net.qdq(net.op("HardSigmoid", wide), 1 / 255, net.zero(0)))


def random_network(rng: np.random.Generator, layers: int = 6, kind: type = np.uint8) -> ModelProto:
    """A QDQ network of random layers of most kinds; float in and out."""
    net = Net(rng, kind)
    shape = (1, int(rng.integers(1, 9)), int(rng.integers(7, 15)), int(rng.integers(7, 15)))
    x = net.qdq(net.input(shape), X_SCALE, net.zero(120))
    scale = X_SCALE
    channels, rows, columns = shape[1:]
    for layer in range(layers):
        choice = rng.choice(
            [
                "conv",
                "depthwise",
                "relu",
                "maxpool",
                "residual",
                "concat",
                "function",
                "gate",
                "move",
            ]
        )
        y_scale, y_zero = float(rng.uniform(0.02, 0.06)), net.zero(int(rng.integers(90, 150)))
        if choice in ("conv", "depthwise", "residual"):
            group = channels if choice == "depthwise" else 1
            out = int(rng.integers(1, 17)) if choice == "conv" else channels
            stride = int(rng.integers(1, 3)) if choice == "conv" and min(rows, columns) > 4 else 1
            size = int(rng.choice([1, 3]))
            weight, scales = net.weight((out, channels // group, size, size), 0)
            result = net.op(
                "Conv",
                x,
                weight,
                net.bias(out, scales, scale),
                name=f"conv{layer}",
                group=group,
                strides=[stride, stride],
                pads=[size // 2] * 4,
            )
            result = net.qdq(result, y_scale, y_zero)
            if choice == "residual":
                result = net.op("Add", x, result, name=f"add{layer}")
                y_scale *= 1.3
                result = net.qdq(result, y_scale, y_zero)
            channels, rows, columns = out, -(-rows // stride), -(-columns // stride)
        elif choice == "relu":
            result = net.qdq(net.op("Relu", x, name=f"relu{layer}"), y_scale, net.zero(0))
        elif choice == "function":
            function = rng.choice(["Sigmoid", "HardSwish", "Tanh", "Elu", "Softplus"])
            result = net.op(str(function), x, name=f"function{layer}")
            if rng.random() < 0.5:
                result = net.op("Mul", x, result, name=f"gated{layer}")
            result = net.qdq(result, y_scale, y_zero)
        elif choice == "gate":
            mean = net.qdq(
                net.op("GlobalAveragePool", x, name=f"mean{layer}"), scale, net.zero(128)
            )
            gate = net.qdq(net.op("Sigmoid", mean, name=f"gate{layer}"), 1 / 255, net.zero(0))
            result = net.qdq(net.op("Mul", x, gate, name=f"gated{layer}"), y_scale, y_zero)
        elif choice == "move" and max(rows, columns) < 20:
            scales = net.constant(np.array([1, 1, 1, 2], np.float32))
            result = net.op("Resize", x, "", scales, name=f"larger{layer}")
            result = net.qdq(result, y_scale, y_zero)
            columns *= 2
        elif choice == "maxpool" and min(rows, columns) > 3:
            result = net.op("MaxPool", x, name=f"pool{layer}", kernel_shape=[2, 2], strides=[2, 2])
            result = net.qdq(result, y_scale, y_zero)
            rows, columns = rows // 2, columns // 2
        elif channels < 33:
            result = net.op("Concat", x, x, name=f"concat{layer}", axis=1)
            result = net.qdq(result, y_scale, y_zero)
            channels *= 2
        else:
            continue
        x, scale = result, y_scale
    mean = net.qdq(net.op("GlobalAveragePool", x, name="mean"), 0.02, net.zero(128))
    net.output(net.qdq(net.op("Flatten", mean, name="flat"), 0.02, net.zero(128)), rank=2)
    return net.model()
