"""Each operator in both quantised forms: converted and interpreted it equals onnxruntime."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import ModelProto
from tilefold.tests.frontend import models as m
from tilefold.tests.frontend.models import Net
from tilefold.tests.frontend.support import both_ways

Build = Callable[[Net], ModelProto]

PRODUCTS: dict[str, Build] = {
    "conv": m.qdq_conv,
    "conv padded": lambda n: m.qdq_conv(n, pads=[1, 1, 1, 1]),
    "conv asymmetric": lambda n: m.qdq_conv(n, pads=[0, 1, 2, 1], strides=[2, 1]),
    "conv dilated": lambda n: m.qdq_conv(n, dilations=[2, 3], pads=[2, 3, 2, 3]),
    "conv same upper": lambda n: m.qdq_conv(n, auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv same lower": lambda n: m.qdq_conv(n, auto_pad="SAME_LOWER", strides=[2, 2]),
    "conv valid": lambda n: m.qdq_conv(n, auto_pad="VALID", strides=[2, 3]),
    "conv groups": lambda n: m.qdq_conv(n, group=2),
    "conv depthwise": lambda n: m.qdq_conv(n, group=6, channels=6, pads=[1, 1, 1, 1]),
    "conv multiplier": lambda n: m.qdq_conv(n, group=6, channels=12),
    "conv many channels": lambda n: m.qdq_conv(n, channels=40, kernel=(1, 1)),
    "conv per tensor": lambda n: m.qdq_conv(n, per_channel=False),
    "conv no bias": lambda n: m.qdq_conv(n, bias=""),
    "conv float bias": lambda n: m.qdq_conv(n, bias="float"),
    "conv relu at 0": lambda n: m.qdq_conv(n, activation=m.relu, y=(0.03, 0)),
    "conv clip implied": lambda n: m.qdq_conv(n, activation=m.clip(0, 6), y=(6 / 255, 0)),
    "conv of rows": m.qdq_conv_of_rows,
    "conv of rows padded": lambda n: m.qdq_conv_of_rows(n, pads=[3, 1], strides=[2]),
    "conv of rows dilated": lambda n: m.qdq_conv_of_rows(n, dilations=[3], pads=[6, 5]),
    "conv of rows depthwise": lambda n: m.qdq_conv_of_rows(n, group=6, pads=[2, 2]),
    "gemm": m.qdq_gemm,
    "gemm transposed": lambda n: m.qdq_gemm(n, transB=1),
    "gemm per tensor": lambda n: m.qdq_gemm(n, per_channel=False),
    "gemm float bias": lambda n: m.qdq_gemm(n, bias="float"),
    "gemm no bias": lambda n: m.qdq_gemm(n, bias=""),
    "gemm relu": lambda n: m.qdq_gemm(n, activation=m.relu, y=(0.1, 0)),
    "matmul": m.qdq_matmul,
    "matmul of a sequence": lambda n: m.qdq_matmul(n, shape=(1, 7, 40)),
    "matmul with bias": lambda n: m.qdq_matmul(n, bias=True),
    "qlinear conv": m.qlinear_conv,
    "qlinear conv no bias": lambda n: m.qlinear_conv(n, bias=False),
    "qlinear depthwise": lambda n: m.qlinear_conv(n, group=6, strides=[2, 2]),
    "qlinear matmul": m.qlinear_matmul,
}


def by_channel(kind: str) -> Callable[[Net, str], str]:
    """`kind` of an image and a quantised constant of one number a channel."""

    def build(net: Net, x: str) -> str:
        integers = net.constant(net.integers((6, 1, 1), net.kind))
        return net.op(kind, x, net.dequantize(integers, 0.013, net.zero(100)))

    return build


def pad(mode: str) -> Callable[[Net, str], str]:
    return m.with_constant("Pad", np.array([0, 0, 2, 3, 0, 0, 1, 2]), mode=mode)


def focus(net: Net, x: str) -> str:
    """The four phases of pixels as channels."""
    phases = [(0, 0), (1, 0), (0, 1), (1, 1)]
    parts = []
    for row, column in phases:
        numbers = ([row, column], [99, 99], [2, 3], [2, 2])
        parts.append(net.op("Slice", x, *(net.constant(np.array(each)) for each in numbers)))
    return net.op("Concat", *parts, axis=1)


def channel_shuffle(net: Net, x: str) -> str:
    """The channels of two groups in turns."""
    groups = net.op("Reshape", x, net.constant(np.array([1, 2, 3, 9, 11])))
    turned = net.op("Transpose", groups, perm=[0, 2, 1, 3, 4])
    return net.op("Reshape", turned, net.constant(np.array([1, 6, 9, 11])))


def of_operator_set(net: Net, opset: int) -> Net:
    net.opset = opset
    return net


def equal_parts(net: Net, x: str) -> str:
    """The second of two parts of the columns, of which it is the smaller one."""
    net.op("Split", x, name="parts", axis=3, num_outputs=2)
    net.nodes[-1].output.append("parts:1")
    return "parts:1"


def of_two(*shapes: tuple[int, ...], perm: tuple[int, ...] = (), relu: bool = False) -> Build:
    """MatMul of two tensors, the right one transposed before."""

    def product(net: Net, x: str, z: str) -> str:
        z = net.op("Transpose", z, perm=perm) if perm else z
        y = net.op("MatMul", x, z, name="layer")
        return m.relu(net, y) if relu else y

    return lambda net: m.qdq_binary(net, product, shapes, (0.05, 0 if relu else 100))


OTHERS: dict[str, Build] = {
    "matmul of two": of_two((1, 5, 7), (1, 7, 9)),
    "matmul of two, relu": of_two((1, 20, 33), (1, 33, 17), relu=True),
    "matmul of two, turned": of_two((1, 5, 7), (1, 9, 7), perm=(0, 2, 1)),
    "matmul of heads": of_two((1, 3, 5, 7), (1, 3, 7, 4)),
    "matmul of heads, turned": of_two((1, 3, 5, 7), (1, 3, 4, 7), perm=(0, 1, 3, 2)),
    "matmul of heads by one": of_two((1, 3, 5, 7), (1, 1, 7, 4)),
    "matmul of one head": of_two((1, 1, 5, 7), (1, 1, 7, 4)),
    "qlinear matmul of two": m.qlinear_matmul_of_two,
    "add": lambda n: m.qdq_binary(n, m.simple("Add")),
    "add relu": lambda n: m.qdq_binary(
        n, lambda net, x, z: m.relu(net, net.op("Add", x, z)), y=(0.03, 0)
    ),
    "add broadcast": lambda n: m.qdq_binary(n, m.simple("Add"), ((1, 6, 9, 11), (1, 6, 1, 1))),
    "add broadcast left": lambda n: m.qdq_binary(n, m.simple("Add"), ((1, 6, 1, 1), (1, 6, 9, 11))),
    "add row": lambda n: m.qdq_binary(n, m.simple("Add"), ((1, 6, 9, 11), (1, 1, 1, 11))),
    "concat": lambda n: m.qdq_binary(n, m.simple("Concat", axis=1)),
    "concat of rows": lambda n: m.qdq_binary(n, m.simple("Concat", axis=-2)),
    "max pool": lambda n: m.qdq_unary(n, m.simple("MaxPool", kernel_shape=[2, 2], strides=[2, 2])),
    "max pool padded": lambda n: m.qdq_unary(
        n, m.simple("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]), y=None
    ),
    "max pool ceil": lambda n: m.qdq_unary(
        n, m.simple("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1), y=None
    ),
    "max pool ceil, last window outside": lambda n: m.qdq_unary(
        n,
        m.simple("MaxPool", kernel_shape=[2, 2], strides=[3, 3], pads=[0, 0, 1, 1], ceil_mode=1),
        y=None,
    ),
    "max pool dilated": lambda n: m.qdq_unary(
        n, m.simple("MaxPool", kernel_shape=[2, 3], dilations=[3, 2]), y=None
    ),
    "max pool same": lambda n: m.qdq_unary(
        n, m.simple("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_LOWER"), y=None
    ),
    "global average pool": lambda n: m.qdq_unary(n, m.simple("GlobalAveragePool")),
    "global average pool of rows": lambda n: m.qdq_unary(
        n, m.simple("GlobalAveragePool"), shape=(1, 6, 23), rank=3
    ),
    "global max pool": lambda n: m.qdq_unary(n, m.simple("GlobalMaxPool"), y=None),
    "max pool of rows": lambda n: m.qdq_unary(
        n, m.simple("MaxPool", kernel_shape=[3], strides=[2], pads=[1, 0]), shape=(1, 6, 23), rank=3
    ),
    "max of rows and columns": lambda n: m.qdq_unary(
        n, m.simple("ReduceMax", axes=[2, 3], keepdims=0), rank=2
    ),
    "max along constant axes": lambda n: m.qdq_unary(
        of_operator_set(n, 18), m.with_constant("ReduceMax", np.array([-1, 1]))
    ),
    "split into equal parts": lambda n: m.qdq_unary(of_operator_set(n, 18), equal_parts),
    "max of channels": lambda n: m.qdq_unary(n, m.simple("ReduceMax", axes=[1])),
    "max of a relu's columns": lambda n: m.qdq_unary(
        n, lambda net, x: net.op("ReduceMax", m.relu(net, x), axes=[-1], keepdims=0), rank=3
    ),
    "relu": lambda n: m.qdq_unary(n, m.relu),
    "relu then pool": lambda n: m.qdq_unary(
        n, lambda net, x: net.op("MaxPool", m.relu(net, x), kernel_shape=[2, 2])
    ),
    "clip": lambda n: m.qdq_unary(n, m.clip(-0.7, 1.1)),
    "leaky relu": lambda n: m.qdq_unary(n, m.simple("LeakyRelu", alpha=0.2)),
    "clip of relu": lambda n: m.qdq_unary(n, lambda net, x: m.clip(-1, 0.5)(net, m.relu(net, x))),
    "requantise": lambda n: m.qdq_unary(n, lambda net, x: x),
    "identity": lambda n: m.qdq_unary(n, m.simple("Identity")),
    "dropout": lambda n: m.qdq_unary(n, m.simple("Dropout")),
    "reshape": lambda n: m.qdq_unary(n, m.with_constant("Reshape", np.array([0, 3, -1])), rank=3),
    "flatten": lambda n: m.qdq_unary(n, m.simple("Flatten"), y=None, rank=2),
    "transpose": lambda n: m.qdq_unary(n, m.simple("Transpose", perm=[0, 2, 3, 1]), y=None),
    "unsqueeze": lambda n: m.qdq_unary(n, m.with_constant("Unsqueeze", np.array([1])), rank=5),
    "squeeze": lambda n: m.qdq_unary(
        n, m.with_constant("Squeeze", np.array([-1])), shape=(1, 6, 9, 1), rank=3
    ),
    "pad": lambda n: m.qdq_unary(
        n, m.with_constant("Pad", np.array([0, 1, 2, 0, 0, 0, 1, 3])), y=None
    ),
    "mul": lambda n: m.qdq_binary(n, m.simple("Mul")),
    "mul of a channel": lambda n: m.qdq_binary(n, m.simple("Mul"), ((1, 6, 9, 11), (1, 6, 1, 1))),
    "mul by a channel": lambda n: m.qdq_binary(n, m.simple("Mul"), ((1, 6, 1, 1), (1, 6, 9, 11))),
    "mul by a constant": lambda n: m.qdq_unary(n, by_channel("Mul")),
    "add of a constant": lambda n: m.qdq_unary(n, by_channel("Add")),
    "mul by itself": lambda n: m.qdq_unary(n, lambda net, x: net.op("Mul", x, x)),
    "add to itself": lambda n: m.qdq_unary(n, lambda net, x: net.op("Add", x, x)),
    "mul by a quantised number": lambda n: m.qdq_unary(
        n, lambda net, x: net.op("Mul", x, net.dequantize(net.constant(np.uint8(90)), 0.01))
    ),
    "squeeze and excitation": lambda n: m.qdq_unary(n, m.squeeze_and_excitation),
    "split": lambda n: m.qdq_unary(n, m.split(1, 3, 2), y=None),
    "split of rows": lambda n: m.qdq_unary(n, m.split(4, 5, axis=-2)),
    "slice": lambda n: m.qdq_unary(n, m.sliced([1, -6], [-2, 99], [1, 3], [1, 1]), y=None),
    "slice with steps": lambda n: m.qdq_unary(n, m.sliced([1, 0], [9, 11], [2, 3], [3, 2])),
    "slice backwards": lambda n: m.qdq_unary(n, m.sliced([-1], [-99], [3], [-1])),
    "slice of channels with steps": lambda n: m.qdq_unary(n, m.sliced([0], [6], [1], [2])),
    "focus": lambda n: m.qdq_unary(n, focus, shape=(1, 3, 8, 6)),
    "gather": lambda n: m.qdq_unary(
        n, m.with_constant("Gather", np.array([3, 4, 0, -1]), axis=1), y=None
    ),
    "gather of one": lambda n: m.qdq_unary(
        n, m.with_constant("Gather", np.array(2), axis=2), rank=3
    ),
    "expand": lambda n: m.qdq_unary(
        n, m.with_constant("Expand", np.array([1, 6, 5, 11])), shape=(1, 6, 1, 11)
    ),
    "expand to itself": lambda n: m.qdq_unary(n, m.with_constant("Expand", np.array([1, 1, 9, 1]))),
    "tile": lambda n: m.qdq_unary(n, m.with_constant("Tile", np.array([1, 1, 2, 3])), y=None),
    "depth to space": lambda n: m.qdq_unary(
        n, m.simple("DepthToSpace", blocksize=2), shape=(1, 12, 3, 5)
    ),
    "depth to space by columns": lambda n: m.qdq_unary(
        n, m.simple("DepthToSpace", blocksize=2, mode="CRD"), shape=(1, 12, 3, 5), y=None
    ),
    "space to depth": lambda n: m.qdq_unary(
        n, m.simple("SpaceToDepth", blocksize=3), shape=(1, 2, 9, 6)
    ),
    "channel shuffle": lambda n: m.qdq_unary(n, channel_shuffle),
    "resize nearest": lambda n: m.qdq_unary(n, m.resized(scales=[1, 1, 2, 3]), y=None),
    "resize nearest, asymmetric": lambda n: m.qdq_unary(
        n,
        m.resized(
            scales=[1, 1, 2, 2], coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        ),
    ),
    "resize nearest to less": lambda n: m.qdq_unary(
        n,
        m.resized(
            scales=[1, 1, 0.5, 1 / 3],
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
    ),
    "resize nearest to sizes": lambda n: m.qdq_unary(n, m.resized(sizes=[1, 6, 13, 7])),
    "resize nearest with corners": lambda n: m.qdq_unary(
        n, m.resized(sizes=[1, 6, 17, 11], coordinate_transformation_mode="align_corners")
    ),
    "pad reflect": lambda n: m.qdq_unary(n, pad("reflect"), y=None),
    "pad edge": lambda n: m.qdq_unary(n, pad("edge")),
    "qlinear add": lambda n: m.qlinear_binary(n, "QLinearAdd"),
    "qlinear mul": lambda n: m.qlinear_binary(n, "QLinearMul"),
    "qlinear global average pool": lambda n: m.qlinear_pool(n, "QLinearGlobalAveragePool"),
    "qlinear concat": m.qlinear_concat,
}

AVERAGES: dict[str, Build] = {
    "average pool": lambda n: m.qdq_unary(
        n, m.simple("AveragePool", kernel_shape=[3, 3], strides=[2, 2])
    ),
    "average pool padded": lambda n: m.qdq_unary(
        n, m.simple("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    ),
    "average pool counting pads": lambda n: m.qdq_unary(
        n, m.simple("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    ),
    "average pool ceil": lambda n: m.qdq_unary(
        n, m.simple("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    ),
    "average pool ceil, counting pads": lambda n: m.qdq_unary(
        n,
        m.simple(
            "AveragePool", kernel_shape=[3, 2], strides=[2, 3], ceil_mode=1, count_include_pad=1
        ),
        shape=(1, 24, 13, 11),
    ),
    "average pool of rows": lambda n: m.qdq_unary(
        n, m.simple("AveragePool", kernel_shape=[3], pads=[1, 1]), shape=(1, 6, 23), rank=3
    ),
    "mean of rows and columns": lambda n: m.qdq_unary(
        n, m.simple("ReduceMean", axes=[2, 3], keepdims=1)
    ),
    "mean of rows and columns, flat": lambda n: m.qdq_unary(
        n, m.simple("ReduceMean", axes=[-1, -2], keepdims=0), rank=2
    ),
    "mean along constant axes": lambda n: m.qdq_unary(
        of_operator_set(n, 18), m.with_constant("ReduceMean", np.array([2, 3]), keepdims=0), rank=2
    ),
    "mean of the last axis": lambda n: m.qdq_unary(
        n, m.simple("ReduceMean", axes=[-1]), shape=(1, 7, 23), rank=3
    ),
    "mean of channels": lambda n: m.qdq_unary(n, m.simple("ReduceMean", axes=[1])),
    "mean of rows": lambda n: m.qdq_unary(n, m.simple("ReduceMean", axes=[2], keepdims=0), rank=3),
    "qlinear average pool": lambda n: m.qlinear_pool(
        n, "QLinearAveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]
    ),
}


FLOAT: dict[str, Build] = {
    "conv relu": lambda n: m.qdq_conv(n, activation=m.relu),
    "conv clip": lambda n: m.qdq_conv(n, activation=m.clip(-0.5, 0.8)),
    "conv output": lambda n: m.qdq_conv(n, quantised=False),
    "add of a clip": lambda n: m.qdq_binary(
        n, lambda net, x, z: m.clip(-1, 1)(net, net.op("Add", x, z))
    ),
}


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("name", [*PRODUCTS, *OTHERS])
def test_equals_onnxruntime(name: str, kind: type) -> None:
    for seed in range(3):
        model = (PRODUCTS | OTHERS)[name](Net(np.random.default_rng(seed), kind))
        judge, ours, theirs = both_ways(model, seed)
        assert judge.in_float == ()
        for mine, expected in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("name", AVERAGES)
def test_average_pools_within_one(name: str, kind: type) -> None:
    """onnxruntime sums the window in float32, so that ties may go the other way."""
    for seed in range(3):
        model = AVERAGES[name](Net(np.random.default_rng(seed), kind))
        _, ours, theirs = both_ways(model, seed)
        for mine, expected in zip(ours, theirs, strict=True):
            units = 1 if mine.dtype != np.float32 else m.Y_SCALE
            apart = np.rint(np.abs(mine.astype(float) - expected.astype(float)) / units)
            assert apart.max() <= 1
            assert np.count_nonzero(apart) <= 0.01 * apart.size


@pytest.mark.parametrize("name", FLOAT)
def test_within_one_of_what_onnxruntime_leaves_in_float(name: str) -> None:
    """Functions not implied by the result's range, and raw sums, are float in onnxruntime."""
    for seed in range(3):
        model = FLOAT[name](Net(np.random.default_rng(seed)))
        judge, ours, theirs = both_ways(model, seed)
        assert judge.in_float
        unit = 1e-4 if "output" in name else m.Y_SCALE
        for mine, expected in zip(ours, theirs, strict=True):
            apart = np.abs(mine - expected) / unit
            assert apart.max() < 1.01
            assert np.count_nonzero(apart > 0.01) <= 0.005 * apart.size or "output" in name


@pytest.mark.parametrize("name", ["gemm", "matmul", "qgemm"])
def test_raw_products_are_dequantised(name: str) -> None:
    """onnxruntime adds a float bias after scaling the sums: equal up to rounding."""
    build: dict[str, Build] = {
        "gemm": lambda n: m.qdq_gemm(n, quantised=False),
        "matmul": lambda n: m.qdq_matmul(n, quantised=False),
        "qgemm": lambda n: m.qgemm(n, quantised=False),
    }
    _, ours, theirs = both_ways(build[name](Net(np.random.default_rng(5))), 5)
    for mine, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["ConvInteger", "MatMulInteger"])
def test_integer_products(kind: str) -> None:
    model = m.integer_product(Net(np.random.default_rng(1)), kind)
    _, ours, theirs = both_ways(model, 1)
    for mine, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("name", ["qgemm", "reshape", "transpose", "max pool", "clip", "pad"])
def test_movement_of_integers(name: str) -> None:
    """Operators applied to integers rather than to their dequantised view."""

    def chain(net: Net) -> ModelProto:
        x = m.integer_input(net, (1, 6, 9, 11))
        match name:
            case "reshape":
                moved, rank = net.op("Reshape", x, net.constant(np.array([1, 54, 11]))), 3
            case "transpose":
                moved, rank = net.op("Transpose", x, perm=[0, 3, 1, 2]), 4
            case "max pool":
                moved, rank = net.op("MaxPool", x, kernel_shape=[2, 2]), 4
            case "clip":
                bounds = [net.constant(np.uint8(bound)) for bound in (20, 200)]
                moved, rank = net.op("Clip", x, *bounds), 4
            case _:
                pads = net.constant(np.array([0, 0, 1, 2, 0, 0, 0, 1]))
                moved, rank = net.op("Pad", x, pads, net.constant(np.uint8(120))), 4
        inputs = [moved, *m.parameters(net, m.X_SCALE, np.uint8(120))]
        net.output(net.op("DequantizeLinear", *inputs), rank=rank)
        return net.model()

    build = m.qgemm if name == "qgemm" else chain
    _, ours, theirs = both_ways(build(Net(np.random.default_rng(2))), 2)
    for mine, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, expected)


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed: int) -> None:
    kind = np.uint8 if seed % 3 else np.int8
    model = m.random_network(np.random.default_rng(seed), kind=kind)
    judge, ours, theirs = both_ways(model, seed)
    assert judge.in_float == ()
    for mine, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, expected)
