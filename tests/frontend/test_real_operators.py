"""Operators that onnxruntime computes in float: alone they differ by one at most, and rarely."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import ModelProto
from tilefold.tests.frontend import models as m
from tilefold.tests.frontend.models import Net
from tilefold.tests.frontend.support import both_ways

Build = Callable[[Net], ModelProto]


def batch_normalization(net: Net, x: str) -> str:
    channels = 6
    numbers = [net.rng.normal(size=channels) for _ in range(3)]
    numbers.append(net.rng.uniform(0.5, 2, channels))
    constants = [net.constant(each.astype(np.float32)) for each in numbers]
    return net.op("BatchNormalization", x, *constants, name="layer")


def scaled(*kinds: str, left: bool = False) -> Callable[[Net, str], str]:
    """`kinds` of the input and float constants of one number a channel."""

    def build(net: Net, x: str) -> str:
        for kind in kinds:
            numbers = net.rng.uniform(0.5, 2, (6, 1, 1)) * net.rng.choice([-1, 1], (6, 1, 1))
            constant = net.constant(numbers.astype(np.float32))
            x = net.op(kind, *((constant, x) if left else (x, constant)))
        return x

    return build


def prelu(net: Net, x: str) -> str:
    """With slopes of any sign, of which one is 0."""
    slopes = net.rng.uniform(-0.5, 1.5, (6, 1, 1)).astype(np.float32)
    slopes[2] = 0
    return net.op("PRelu", x, net.constant(slopes), name="layer")


CHANNELWISE: dict[str, Build] = {
    "batch normalization": lambda n: m.qdq_unary(n, batch_normalization),
    "batch normalization of a row": lambda n: m.qdq_unary(
        n, batch_normalization, shape=(1, 6), rank=2
    ),
    "batch normalization, relu": lambda n: m.qdq_unary(
        n, lambda net, x: m.relu(net, batch_normalization(net, x)), y=(0.03, 0)
    ),
    "times": lambda n: m.qdq_unary(n, scaled("Mul")),
    "times, left": lambda n: m.qdq_unary(n, scaled("Mul", left=True)),
    "times and plus": lambda n: m.qdq_unary(n, scaled("Mul", "Add")),
    "plus": lambda n: m.qdq_unary(n, scaled("Add")),
    "minus": lambda n: m.qdq_unary(n, scaled("Sub")),
    "minus, left": lambda n: m.qdq_unary(n, scaled("Sub", left=True)),
    "by": lambda n: m.qdq_unary(n, scaled("Div")),
    "slopes": lambda n: m.qdq_unary(n, prelu),
    "slopes, bounded": lambda n: m.qdq_unary(
        n, lambda net, x: m.clip(-0.2, 0.9)(net, prelu(net, x))
    ),
    "slopes, quantised": lambda n: m.qdq_unary(
        n,
        lambda net, x: net.op(
            "PRelu", x, net.dequantize(net.constant(net.integers((6, 1, 1))), 0.005), name="layer"
        ),
    ),
    "slopes of a row": lambda n: m.qdq_unary(
        n,
        lambda net, x: net.op(
            "PRelu", x, net.constant(net.rng.uniform(0, 1, 6).astype(np.float32))
        ),
        shape=(1, 6),
        rank=2,
    ),
    "minus an image": lambda n: m.qdq_binary(n, m.simple("Sub")),
    "minus a channel": lambda n: m.qdq_binary(n, m.simple("Sub"), ((1, 6, 9, 11), (1, 6, 1, 1))),
    "a channel minus": lambda n: m.qdq_binary(n, m.simple("Sub"), ((1, 6, 1, 1), (1, 6, 9, 11))),
}

LINEAR: dict[str, Build] = {
    "twice": lambda n: m.qdq_unary(n, m.resized(scales=[1, 1, 2, 2], mode="linear")),
    "twice, same scale": lambda n: m.qdq_unary(
        n, m.resized(scales=[1, 1, 2, 2], mode="linear"), y=None
    ),
    "rows three times, columns four": lambda n: m.qdq_unary(
        n, m.resized(sizes=[1, 6, 27, 44], mode="linear")
    ),
    "asymmetric": lambda n: m.qdq_unary(
        n,
        m.resized(scales=[1, 1, 2, 3], mode="linear", coordinate_transformation_mode="asymmetric"),
    ),
    "pytorch": lambda n: m.qdq_unary(
        n,
        m.resized(
            scales=[1, 1, 1, 8], mode="linear", coordinate_transformation_mode="pytorch_half_pixel"
        ),
    ),
}

TRANSPOSED: dict[str, Build] = {
    "stride 1": m.qdq_conv_transpose,
    "stride 2": lambda n: m.qdq_conv_transpose(n, strides=[2, 2]),
    "one phase a tap": lambda n: m.qdq_conv_transpose(n, kernel=(2, 2), strides=[2, 2]),
    "phases without taps": lambda n: m.qdq_conv_transpose(n, kernel=(2, 1), strides=[3, 2]),
    "padded": lambda n: m.qdq_conv_transpose(n, kernel=(4, 4), strides=[2, 2], pads=[1, 1, 1, 1]),
    "padded unevenly": lambda n: m.qdq_conv_transpose(
        n, kernel=(5, 4), strides=[2, 3], pads=[3, 0, 1, 2], output_padding=[1, 2]
    ),
    "same": lambda n: m.qdq_conv_transpose(n, strides=[2, 2], auto_pad="SAME_UPPER"),
    "of an output shape": lambda n: m.qdq_conv_transpose(n, strides=[2, 2], output_shape=[10, 14]),
    "groups": lambda n: m.qdq_conv_transpose(n, group=2, strides=[2, 1]),
    "depthwise": lambda n: m.qdq_conv_transpose(
        n, channels=6, group=6, kernel=(4, 4), strides=[2, 2], pads=[1, 1, 1, 1]
    ),
    "depthwise, scales by channel": lambda n: m.qdq_conv_transpose(
        n, channels=6, group=6, strides=[2, 2], axis=0
    ),
    "per tensor": lambda n: m.qdq_conv_transpose(n, axis=None, strides=[2, 2]),
    "relu": lambda n: m.qdq_conv_transpose(n, strides=[2, 2], relu=True),
    "rows": lambda n: m.qdq_conv_transpose(
        n, shape=(1, 6, 11), kernel=(4,), strides=[2], pads=[1, 1]
    ),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolutions(name: str) -> None:
    """onnxruntime computes them in float, so that ties may go the other way."""
    for seed in range(3):
        kind = np.int8 if seed == 2 else np.uint8
        model = TRANSPOSED[name](Net(np.random.default_rng(seed), kind))
        _, ours, theirs = both_ways(model, seed)
        for mine, expected in zip(ours, theirs, strict=True):
            apart = np.rint(np.abs(mine - expected) / m.Y_SCALE)
            assert apart.max() <= 1
            assert np.count_nonzero(apart) <= 0.002 * apart.size


@pytest.mark.parametrize("name", CHANNELWISE)
def test_numbers_of_channels(name: str) -> None:
    """onnxruntime computes them in float: sums are rounded at other places, and so are biases."""
    elements = differing = 0
    for seed in range(3):
        kind = np.int8 if seed == 2 else np.uint8
        model = CHANNELWISE[name](Net(np.random.default_rng(seed), kind))
        _, ours, theirs = both_ways(model, seed)
        for mine, expected in zip(ours, theirs, strict=True):
            apart = np.rint(np.abs(mine - expected) / m.Y_SCALE)
            assert apart.max() <= 1
            elements += apart.size
            differing += np.count_nonzero(apart)
    assert differing <= 0.005 * elements


@pytest.mark.parametrize("name", LINEAR)
def test_linear_resizing(name: str) -> None:
    """onnxruntime computes it in float: where scales are equal, many means are ties."""
    for seed in range(3):
        kind = np.int8 if seed == 2 else np.uint8
        model = LINEAR[name](Net(np.random.default_rng(seed), kind))
        _, ours, theirs = both_ways(model, seed)
        for mine, expected in zip(ours, theirs, strict=True):
            same = "same" in name
            apart = np.rint(np.abs(mine - expected) / (m.X_SCALE if same else m.Y_SCALE))
            assert apart.max() <= 1
            assert np.count_nonzero(apart) <= (0.1 if same else 0.002) * apart.size
