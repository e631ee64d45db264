"""Models that cannot be converted: one or two lines that name the file and the node."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from tilefold.frontend import import_model
from tilefold.tests.frontend import models as m
from tilefold.tests.frontend.models import Net

Build = Callable[[Net], ModelProto]
CASES: dict[str, tuple[Build, str, str]] = {}
"""By what is wrong: the model, the node that the message names ("" for none), and a part of it."""


def case(node: str, text: str) -> Callable[[Build], Build]:
    def register(build: Build) -> Build:
        CASES[build.__name__] = (build, node, text)
        return build

    return register


def refusal(model: ModelProto | Path) -> str:
    with pytest.raises(TilefoldError) as caught:
        import_model(model, Store())
    message = str(caught.value)
    assert len(message.splitlines()) <= 2
    assert max(map(len, message.splitlines())) < 500
    return message


@pytest.mark.parametrize("name", CASES)
def test_models(name: str) -> None:
    build, node, text = CASES[name]
    message = refusal(build(Net(np.random.default_rng(0))))
    assert message.startswith("net: ")
    assert f"node '{node}'" in message or not node
    assert text in message


@case("", "operator set 9 is too old")
def old_operator_set(net: Net) -> ModelProto:
    net.opset = 9
    return m.qdq_conv(net)


@case("", "which operator set")
def no_operator_set(net: Net) -> ModelProto:
    model = m.qdq_conv(net)
    del model.opset_import[0]
    return model


@case("", "'height'")
def dynamic_height(net: Net) -> ModelProto:
    model = m.qdq_conv(net)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    return model


@case("", "batch 4")
def fixed_batch(net: Net) -> ModelProto:
    return m.qdq_conv(net, shape=(4, 6, 9, 11))


@case("quantizelinear0", "unsupported type: tensor(int64)")
def input_of_int64(net: Net) -> ModelProto:
    model = m.qdq_conv(net)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    return model


@case("layer", "is not an ONNX operator")
def unknown_operator(net: Net) -> ModelProto:
    return m.qdq_unary(net, m.simple("Blur"))


@case("layer", "operator Softmax is not supported")
def unsupported_operator(net: Net) -> ModelProto:
    return m.qdq_unary(net, m.simple("Softmax"))


@case("layer", "operator org.example.Relu is not supported")
def foreign_domain(net: Net) -> ModelProto:
    model = m.qdq_unary(net, lambda n, x: n.op("Relu", x, name="layer", domain="org.example"))
    model.opset_import.append(helper.make_opsetid("org.example", 1))
    return model


@case("branch", "operator If is not supported")
def control_flow(net: Net) -> ModelProto:
    x = net.input((1, 2))
    body = helper.make_graph(
        [helper.make_node("Identity", [x], ["inner"])],
        "body",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [1, 2])],
    )
    condition = net.input((), "condition", TensorProto.BOOL)
    branches = {"then_branch": body, "else_branch": body}
    net.output(net.op("If", condition, name="branch", **branches), rank=2)
    return net.model()


@case("layer", "'nowhere' is made by no node")
def undefined_value(net: Net) -> ModelProto:
    return m.qdq_unary(net, lambda n, x: n.op("Add", x, "nowhere", name="layer"))


@case("conv", "Inferred shape")
def wrong_output_shape(net: Net) -> ModelProto:
    model = m.qdq_conv(net, quantised=False)
    for dim in model.graph.output[0].type.tensor_type.shape.dim:
        dim.dim_value = 3
    return model


@case("conv", "float input of the network")
def float_model(net: Net) -> ModelProto:
    x = net.input((1, 3, 8, 8))
    weight = net.constant(np.ones((4, 3, 3, 3), np.float32))
    net.output(net.op("Conv", x, weight, name="conv"))
    return net.model()


@case("second", "without being quantised")
def missing_quantisation(net: Net) -> ModelProto:
    def build(net: Net, x: str) -> str:
        first = net.op("Conv", x, net.weight((6, 6, 1, 1), 0)[0], name="first")
        return net.op("Conv", first, net.weight((6, 6, 1, 1), 0)[0], name="second")

    return m.qdq_unary(net, build)


@case("layer", "weights are constants")
def computed_weights(net: Net) -> ModelProto:
    return m.qdq_binary(net, m.simple("Conv"), ((1, 6, 9, 9), (1, 6, 1, 1)))


@case("layer", "quantise it as well")
def float_weights(net: Net) -> ModelProto:
    weight = np.ones((4, 6, 1, 1), np.float32)
    return m.qdq_unary(net, m.with_constant("Conv", weight))


@case("conv", "the bias must be int32")
def bias_at_another_scale(net: Net) -> ModelProto:
    model = m.qdq_conv(net)
    scales = next(each for each in model.graph.initializer if each.name == "constant8")
    values = onnx.numpy_helper.to_array(scales) * 2
    scales.CopyFrom(onnx.numpy_helper.from_array(values, "constant8"))
    return model


@case("quantizelinear0", "one scale per tensor")
def activation_per_channel(net: Net) -> ModelProto:
    x = net.input((1, 3, 8, 8))
    scale, zero = np.full(3, 0.1, np.float32), np.zeros(3, np.uint8)
    quantised = net.op("QuantizeLinear", x, net.constant(scale), net.constant(zero), axis=1)
    net.output(net.dequantize(quantised, scale, zero, axis=1))
    return net.model()


@case("quantizelinear0", "positive, finite")
def zero_scale(net: Net) -> ModelProto:
    net.output(net.qdq(net.input((1, 3, 8, 8)), 0.0, np.uint8(3)))
    return net.model()


@case("quantizelinear0", "positive, finite")
def scale_not_a_number(net: Net) -> ModelProto:
    net.output(net.qdq(net.input((1, 3, 8, 8)), np.nan, np.uint8(3)))
    return net.model()


@case("quantizelinear0", "between 1e-18 and 1e+18")
def enormous_scale(net: Net) -> ModelProto:
    net.output(net.qdq(net.input((1, 3, 8, 8)), 1e30, np.uint8(3)))
    return net.model()


@case("gemm", "too small for its sums")
def vanishing_result_scale(net: Net) -> ModelProto:
    x = net.qdq(net.input((1, 8)), 1e17, np.uint8(3))
    weight = net.dequantize(net.constant(net.integers((8, 4))), 1e17)
    net.output(net.qdq(net.op("Gemm", x, weight, name="gemm"), 1e-17, np.uint8(3)), rank=2)
    return net.model()


@case("quantizelinear0", "int8, uint8, int4 and uint4")
def sixteen_bits(net: Net) -> ModelProto:
    net.opset = 21
    net.output(net.qdq(net.input((1, 3, 8, 8)), 0.1, np.int16(3)))
    return net.model()


@case("dequantizelinear2", "per block")
def blocked_scales(net: Net) -> ModelProto:
    net.opset = 21

    def build(net: Net, x: str) -> str:
        scale = np.full((4, 3, 1, 1), 0.1, np.float32)
        weight = net.constant(net.integers((4, 6, 1, 1)))
        return net.op("Conv", x, net.dequantize(weight, scale, axis=1, block_size=2), name="conv")

    return m.qdq_unary(net, build)


@case("dequantizelinear2", "5 scales do not fit axis 0")
def scales_of_another_number(net: Net) -> ModelProto:
    def build(net: Net, x: str) -> str:
        weight = net.constant(net.integers((4, 6, 1, 1)))
        scales = np.full(5, 0.1, np.float32)
        return net.op("Conv", x, net.dequantize(weight, scales, axis=0), name="conv")

    return m.qdq_unary(net, build)


@case("conv", "along output channels")
def scales_along_input_channels(net: Net) -> ModelProto:
    def build(net: Net, x: str) -> str:
        return net.op("Conv", x, net.weight((4, 6, 1, 1), 1)[0], name="conv")

    return m.qdq_unary(net, build)


@case("conv", "int32 accumulator")
def overflowing_sums(net: Net) -> ModelProto:
    def build(net: Net, x: str) -> str:
        weight = net.constant(np.full((1, 200_000, 1, 1), 127, np.int8))
        return net.op("Conv", x, net.dequantize(weight, 0.1), name="conv")

    return m.qdq_unary(net, build, shape=(1, 200_000, 1, 1))


@case("conv", "channel 2 can sum up to 21")
def overflowing_bias(net: Net) -> ModelProto:
    x = net.qdq(net.input((1, 6, 9, 11)), 0.02, np.uint8(3))
    weight = net.dequantize(net.constant(np.full((4, 6, 1, 1), 100, np.int8)), 0.001)
    bias = net.constant(np.array([0, 0, 2**31 - 1, 0], np.int32))
    scale = np.float32(0.02) * np.float32(0.001)
    net.output(net.op("Conv", x, weight, net.dequantize(bias, scale), name="conv"))
    return net.model()


@case("layer", "an image [1, C, H, W] or a row [1, C, W]")
def three_dimensional_convolution(net: Net) -> ModelProto:
    def build(net: Net, x: str) -> str:
        return net.op("Conv", x, net.weight((4, 6, 3, 3, 3), 0)[0], name="layer")

    return m.qdq_unary(net, build, shape=(1, 6, 9, 9, 9), rank=5)


@case("gemm", "transA is 0")
def transposed_input(net: Net) -> ModelProto:
    x = net.qdq(net.input((1, 1)), 0.1, np.uint8(3))
    gemm = net.op("Gemm", x, net.weight((1, 8), 1)[0], name="gemm", transA=1)
    net.output(net.qdq(gemm, 0.1, np.uint8(3)), rank=2)
    return net.model()


@case("gemm", "alpha is 1")
def scaled_product(net: Net) -> ModelProto:
    return m.qdq_gemm(net, alpha=0.5)


@case("layer", "a constant matrix")
def product_of_activations(net: Net) -> ModelProto:
    return m.qdq_binary(net, m.simple("MatMul"), ((1, 1, 9, 11), (1, 6, 11, 9)))


@case("layer", "the number 0")
def padding_with_one(net: Net) -> ModelProto:
    def build(net: Net, x: str) -> str:
        pads = net.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1]))
        return net.op("Pad", x, pads, net.constant(np.float32(1)), name="layer")

    return m.qdq_unary(net, build)


@case("layer", "pads of 9 elements must be fewer than these")
def reflected_padding(net: Net) -> ModelProto:
    return m.qdq_unary(
        net, m.with_constant("Pad", np.array([0, 0, 9, 1, 0, 0, 1, 1]), mode="reflect")
    )


@case("layer", "must not be negative")
def cropping(net: Net) -> ModelProto:
    return m.qdq_unary(net, m.with_constant("Pad", np.array([0, 0, -1, 0, 0, 0, 0, 0])))


@case("relu2", "is not quantised")
def function_at_the_end(net: Net) -> ModelProto:
    net.output(m.relu(net, net.qdq(net.input((1, 3, 8, 8)), 0.1, np.uint8(3))))
    return net.model()


@case("layer", "the batch must stay 1")
def reshape_of_the_batch(net: Net) -> ModelProto:
    return m.qdq_unary(net, m.with_constant("Reshape", np.array([6, -1])), rank=2)


@case("layer", "the batch stays in front")
def transpose_of_the_batch(net: Net) -> ModelProto:
    return m.qdq_unary(net, m.simple("Transpose", perm=[1, 0, 2, 3]))


@case("layer", "not that of the batch")
def batches_joined(net: Net) -> ModelProto:
    return m.qdq_binary(net, m.simple("Concat", axis=0))


@case("layer", "of its outputs 1 are supported")
def pool_with_indices(net: Net) -> ModelProto:
    def build(net: Net, x: str) -> str:
        pooled = net.op("MaxPool", x, name="layer", kernel_shape=[2, 2])
        net.nodes[-1].output.append("indices")
        net.output("indices", TensorProto.INT64)
        return pooled

    return m.qdq_unary(net, build)


@case("", "not computed from the inputs")
def input_passed_through(net: Net) -> ModelProto:
    net.output(net.op("Identity", net.input((1, 3, 8, 8))))
    return net.model()


@case("bomb", "elements; up to 268435456")
def enormous_constant(net: Net) -> ModelProto:
    def build(net: Net, x: str) -> str:
        shape = net.constant(np.array([1, 2**20, 2**15, 1]))
        return net.op("Add", x, net.op("ConstantOfShape", shape, name="bomb"))

    return m.qdq_unary(net, build, shape=(1, 1, 1, 1))


@case("layer", "exceeds the upper one")
def bounds_crossed(net: Net) -> ModelProto:
    return m.qdq_unary(
        net,
        lambda n, x: n.op(
            "Clip", x, n.constant(np.float32(2)), n.constant(np.float32(1)), name="layer"
        ),
    )


@case("layer", "the bounds are constants")
def computed_bounds(net: Net) -> ModelProto:
    return m.qdq_unary(net, lambda n, x: n.op("Clip", x, n.input((), "low"), name="layer"))


@case("pool", "channels come before")
def channels_last(net: Net) -> ModelProto:
    return m.qlinear_pool(net, "QLinearGlobalAveragePool", channels_last=1)


@case("", "tensor name: constant0")
def short_tensor(net: Net) -> ModelProto:
    model = m.qdq_conv(net)
    model.graph.initializer[0].raw_data = b"\0"
    return model


@case("", "external data")
def external_data_without_a_folder(net: Net) -> ModelProto:
    model = m.qdq_conv(net)
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    return model


@case("layer", "does not broadcast")
def shapes_apart(net: Net) -> ModelProto:
    model = m.qlinear_binary(net, "QLinearAdd")
    model.graph.input[1].type.tensor_type.shape.dim[3].dim_value = 10
    return model


@case("concat", "differ off the axis")
def parts_apart(net: Net) -> ModelProto:
    model = m.qlinear_concat(net)
    model.graph.input[1].type.tensor_type.shape.dim[3].dim_value = 10
    return model


def saved(path: Path, model: ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def test_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.onnx") == f"{tmp_path / 'none.onnx'}: no such file"


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b"not a model", bytes(range(256))])
def test_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path}: not an ONNX model")


def test_cut_short(tmp_path: Path) -> None:
    whole = m.qdq_conv(Net(np.random.default_rng(0))).SerializeToString()
    path = tmp_path / "cut.onnx"
    for length in range(10, len(whole), len(whole) // 20):
        path.write_bytes(whole[:length])
        assert refusal(path).startswith(str(path))


def test_random_damage(tmp_path: Path) -> None:
    """Whatever is flipped in a file, the outcome is a network or a short message."""
    whole = bytearray(m.qdq_gemm(Net(np.random.default_rng(0))).SerializeToString())
    rng = np.random.default_rng(1)
    path = tmp_path / "damaged.onnx"
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[int(rng.integers(len(whole)))] = int(rng.integers(256))
        path.write_bytes(damaged)
        try:
            import_model(path, Store())
        except TilefoldError as error:
            assert str(error).startswith(str(path))
            assert len(str(error).splitlines()) <= 2


def test_too_large(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as stream:
        stream.truncate(2 * 1024**3 + 1)
    assert "2 GiB" in refusal(path)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("../weights.bin", "outside the model's folder"),
        ("/etc/passwd", "outside the model's folder"),
        ("", "outside the model's folder"),
        ("weights.bin", "no such file"),
        ("short.bin", "beyond the end"),
    ],
)
def test_external_data(tmp_path: Path, location: str, text: str) -> None:
    model = m.qdq_conv(Net(np.random.default_rng(0)))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    (tmp_path / "short.bin").write_bytes(b"\0\0")
    assert text in refusal(saved(tmp_path / "model.onnx", model))


def test_external_data_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\0" * 8)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.bin").symlink_to(tmp_path / "secret")
    model = m.qdq_conv(Net(np.random.default_rng(0)))
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    assert "outside the model's folder" in refusal(saved(folder / "model.onnx", model))
