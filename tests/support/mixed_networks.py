"""Networks that machine and host share: quantised ones with operators that only the host has."""

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper
from tilefold.tests.frontend import models
from tilefold.tests.frontend.models import Net

HOST_OPERATORS = ("Softmax", "LogSoftmax", "Hardmax", "LpNormalization")
SCALE, ZERO = 0.02, 128


def net(seed: int = 0) -> Net:
    return Net(np.random.default_rng(seed))


def quantised(net: Net, value: str, scale: float = SCALE, zero: int = ZERO) -> str:
    return net.qdq(value, scale, np.uint8(zero))


def conv(net: Net, x: str, channels: tuple[int, int], name: str) -> str:
    """A quantised 3 x 3 convolution of a tensor of scale `SCALE`, its float result."""
    weight, scales = net.weight((channels[1], channels[0], 3, 3), 0)
    bias = net.bias(channels[1], scales, SCALE)
    return net.op("Conv", x, weight, bias, name=name, pads=[1, 1, 1, 1])


def zigzag(seed: int = 0) -> ModelProto:
    """Convolution, host, convolution, host: outputs of float and int64, a view that crosses."""
    builder = net(seed)
    x = quantised(builder, builder.input((1, 6, 9, 11)))
    first = quantised(builder, conv(builder, x, (6, 8), "first"))
    turned = builder.op("Transpose", first, perm=[0, 2, 3, 1], name="turned")
    erf = builder.op("LogSoftmax", turned, name="erf")
    builder.output(erf)
    back = builder.op("Transpose", turned, perm=[0, 3, 1, 2], name="back")
    host = quantised(builder, builder.op("Transpose", erf, perm=[0, 3, 1, 2], name="host"))
    total = quantised(builder, builder.op("Add", back, host, name="add"))
    second = quantised(builder, conv(builder, total, (8, 4), "second"))
    builder.output(builder.op("ArgMax", second, axis=1, name="best"), TensorProto.INT64)
    return builder.model()


def too_wide() -> ModelProto:
    """Two convolutions of small windows, and one whose window no small memory holds."""
    builder = net()
    x = quantised(builder, builder.input((1, 4, 66, 66)))
    first = quantised(builder, conv(builder, x, (4, 4), "first"))
    weight, scales = builder.weight((4, 4, 2, 2), 0)
    bias = builder.bias(4, scales, SCALE)
    wide = builder.op("Conv", first, weight, bias, name="wide", dilations=[64, 64])
    last = conv(builder, quantised(builder, wide), (4, 4), "last")
    builder.output(quantised(builder, last))
    return builder.model()


def with_host_operators(model: ModelProto, rng: np.random.Generator, count: int) -> ModelProto:
    """A QDQ model with `count` operators of the host, quantised, put before some reader each."""
    mixed = ModelProto()
    mixed.CopyFrom(model)
    constants = {tensor.name for tensor in mixed.graph.initializer}
    views = [
        (place, node.output[0], list(node.input[1:]))
        for place, node in enumerate(mixed.graph.node)
        if node.op_type == "DequantizeLinear" and node.input[0] not in constants
        if any(node.output[0] in other.input for other in mixed.graph.node)
    ]
    chosen = rng.choice(len(views), min(count, len(views)), replace=False)
    for number in sorted(chosen, reverse=True):
        place, name, parameters = views[number]
        readers = [node for node in mixed.graph.node if name in node.input]
        reader = readers[int(rng.integers(len(readers)))]
        stem = f"host{number}"
        kind = str(rng.choice(HOST_OPERATORS))
        made = [
            helper.make_node(kind, [name], [f"{stem}:0"], stem),
            helper.make_node("QuantizeLinear", [f"{stem}:0", *parameters], [f"{stem}:1"]),
            helper.make_node("DequantizeLinear", [f"{stem}:1", *parameters], [f"{stem}:2"]),
        ]
        reader.input[list(reader.input).index(name)] = f"{stem}:2"
        for offset, node in enumerate(made):
            mixed.graph.node.insert(place + 1 + offset, node)
    onnx.checker.check_model(mixed)
    return mixed


def with_mask() -> ModelProto:
    """Inputs of float, bool and int64; what is counted, and a mean of chosen channels, go out."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    mask = builder.input((1, 4), "mask", TensorProto.BOOL)
    axis = builder.input((1,), "axis", TensorProto.INT64)
    features = quantised(builder, conv(builder, x, (6, 4), "conv"))
    mean = builder.op("ReduceMean", features, name="mean", axes=[2, 3], keepdims=0)
    builder.output(builder.op("Where", mask, mean, builder.constant(np.float32(0))), rank=2)
    builder.output(builder.op("CumSum", mean, builder.op("Squeeze", axis)), rank=2)
    builder.output(builder.op("Not", mask), TensorProto.BOOL, 2)
    return builder.model()


def detections() -> ModelProto:
    """A result whose size is known only when the network runs: the places of large values."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    features = quantised(builder, conv(builder, x, (6, 4), "conv"))
    large = builder.op("Greater", features, builder.constant(np.float32(1)), name="large")
    builder.output(builder.op("NonZero", large, name="places"), TensorProto.INT64, 2)
    return builder.model()


def constant_result() -> ModelProto:
    """A network with a constant among its outputs, and one that is its input."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    builder.output(quantised(builder, conv(builder, x, (6, 4), "conv")))
    builder.output(builder.constant(np.arange(6, dtype=np.float32), "numbers"), rank=1)
    builder.output("x")
    return builder.model()


def parts() -> ModelProto:
    """A node of two outputs between convolutions, one of which reads a table of the other."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 9, 11)))
    first = quantised(builder, conv(builder, x, (6, 8), "first"))
    softmax = builder.op("Softmax", first, name="softmax", axis=1)
    split = helper.make_node("Split", [softmax], ["left", "right"], "split", axis=1)
    builder.nodes.append(split)
    ends = []
    for name, value in (("l", "left"), ("r", builder.op("Relu", "right", name="relu"))):
        ends.append(quantised(builder, conv(builder, quantised(builder, value), (4, 4), name)))
    builder.output(quantised(builder, builder.op("Concat", *ends, axis=1, name="concat")))
    return builder.model()


def branching() -> ModelProto:
    """An If on the host whose graphs read what the machine computes."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 5, 5)))
    yes = builder.input((1,), "yes", TensorProto.BOOL)
    features = quantised(builder, conv(builder, x, (6, 4), "conv"))

    def branch(kind: str) -> onnx.GraphProto:
        node = helper.make_node(kind, [features], [kind])
        result = helper.make_tensor_value_info(kind, TensorProto.FLOAT, [1, 4, 5, 5])
        return helper.make_graph([node], kind, [], [result])

    branches = {"then_branch": branch("Neg"), "else_branch": branch("Sqrt")}
    builder.output(builder.op("If", builder.op("Squeeze", yes), name="if", **branches))
    return builder.model()


def shared_input() -> ModelProto:
    """A quantised input that machine and host both read: neither needs the other."""
    builder = net()
    x = quantised(builder, builder.input((1, 6, 9, 11)))
    builder.output(quantised(builder, conv(builder, x, (6, 8), "conv")))
    builder.output(builder.op("Softmax", x, name="sin"))
    return builder.model()


def random_mixed(seed: int) -> ModelProto:
    """A random quantised network with one to four operators of the host in it."""
    rng = np.random.default_rng(seed)
    model = models.random_network(rng, int(rng.integers(3, 8)))
    return with_host_operators(model, rng, int(rng.integers(1, 5)))


def integer_form() -> ModelProto:
    """Convolutions of integers around an operator that ONNX does not know, nor its shapes."""
    builder = net()

    def conv_of(x: str, name: str) -> str:
        inputs = [x, *models.parameters(builder, SCALE, np.uint8(ZERO))]
        inputs.append(builder.constant(builder.integers((6, 6, 3, 3))))
        inputs += models.parameters(builder, 0.004, np.int8(0))
        inputs += models.parameters(builder, SCALE, np.uint8(ZERO))
        return builder.op("QLinearConv", *inputs, name=name, pads=[1, 1, 1, 1])

    first = conv_of(models.integer_input(builder, (1, 6, 5, 5)), "first")
    ends = [*models.parameters(builder, SCALE, np.uint8(ZERO))] * 2
    softmax = builder.op(
        "QLinearSoftmax", first, *ends, name="softmax", domain=models.MICROSOFT, axis=1, opset=13
    )
    return models.integer_output(builder, conv_of(softmax, "second"))


SHARED = {
    build.__name__: build
    for build in (
        zigzag,
        with_mask,
        detections,
        constant_result,
        parts,
        branching,
        shared_input,
        integer_form,
    )
}
