"""Preparing a model: names, batch, folding; and what the conversion makes of its parts."""

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper
from tilefold.dialects import nn
from tilefold.dialects.location import name_of
from tilefold.dialects.nn_network import network_of
from tilefold.dialects.nn_types import element_of
from tilefold.dialects.store import Store
from tilefold.frontend import import_model
from tilefold.frontend.loading import load
from tilefold.tests.frontend import models as m
from tilefold.tests.frontend.models import Net
from xdsl.dialects.builtin import ModuleOp


def net(**options) -> Net:
    return Net(np.random.default_rng(0), **options)


def operations(module: ModuleOp) -> list[str]:
    block = network_of(module).function.body.block
    return [op.name for op in block.ops if not isinstance(op, nn.ConstantOp)]


def converted(model: ModelProto) -> list[str]:
    return operations(import_model(model, Store()))


def test_unnamed_nodes_are_named_by_operator_and_index() -> None:
    model = m.qdq_conv(net())
    for node in model.graph.node:
        node.name = ""
    names = [node.name for node in load(model).nodes]
    assert "Conv_4" in names
    assert len(set(names)) == len(names)


def test_repeated_names_become_unique() -> None:
    model = m.qdq_conv(net())
    for node in model.graph.node:
        node.name = "same"
    names = [node.name for node in load(model).nodes]
    assert len(set(names)) == len(names)


def test_the_callers_model_stays_as_it_is() -> None:
    model = m.qdq_conv(net(), shape=("N", 6, 9, 11))
    before = model.SerializeToString()
    load(model)
    assert model.SerializeToString() == before


def test_symbolic_batch_is_one() -> None:
    model = m.qdq_conv(net(), shape=("N", 6, 9, 11))
    graph = load(model)
    assert graph.inputs[0].shape == (1, 6, 9, 11)
    assert graph.outputs[0].shape == (1, 8, 7, 9)


def test_exporter_debris_is_folded() -> None:
    """Pads computed from a shape, as PyTorch's exporter writes them."""

    def build(net: Net, x: str) -> str:
        zero = numpy_helper.from_array(np.zeros(1, np.int64))
        zeros = net.op("ConstantOfShape", net.constant(np.array([4])), value=zero)
        pads = net.op("Concat", net.constant(np.array([1, 2, 1, 2])), zeros, axis=0)
        rows = net.op("Reshape", pads, net.constant(np.array([-1, 2])))
        last = net.constant(np.array([-1]))
        start = net.constant(np.array([np.iinfo(np.int64).min]))
        rows = net.op("Slice", rows, last, start, net.constant(np.array([0])), last)
        flat = net.op("Reshape", net.op("Transpose", rows, perm=[1, 0]), last)
        return net.op("Pad", x, net.op("Cast", flat, to=TensorProto.INT64), name="pad")

    model = m.qdq_unary(net(), build, y=None)
    assert [node.op_type for node in load(model).nodes].count("Cast") == 0
    assert converted(model) == ["nn.quantize", "nn.pad", "nn.dequantize", "func.return"]


def test_shape_of_a_value_is_folded() -> None:
    def build(net: Net, x: str) -> str:
        batch = net.op("Gather", net.op("Shape", x), net.constant(np.array([0])), axis=0)
        shape = net.op("Concat", batch, net.constant(np.array([-1])), axis=0)
        return net.op("Reshape", x, shape)

    model = m.qdq_unary(net(), build, shape=("N", 6, 9, 11), y=None, rank=2)
    assert converted(model) == ["nn.quantize", "nn.reshape", "nn.dequantize", "func.return"]


def test_constants_are_computed_by_the_models_own_operator_set() -> None:
    """Before operator set 13 Unsqueeze has its axes as an attribute."""
    builder = net(opset=12)
    batch = builder.op("Unsqueeze", builder.constant(np.array(-1)), axes=[0])
    shape = builder.op("Concat", batch, builder.constant(np.array([12])), axis=0)
    builder.output(builder.op("Reshape", builder.input((1, 3, 2, 2)), shape), rank=2)
    graph = load(builder.model())
    assert [node.op_type for node in graph.nodes] == ["Reshape"]
    assert graph.types[graph.outputs[0].name].shape == (1, 12)


def test_shapes_that_follow_from_constants_are_constants() -> None:
    """The second shape is known only when the first one has been computed."""
    builder = net()
    x = builder.input(("n", 3, 2, 2))
    ends = [builder.constant(np.array([end])) for end in (0, 1)]
    batch = builder.op("Slice", builder.op("Shape", x), *ends)
    rows = builder.op("Concat", batch, builder.constant(np.array([-1])), axis=0)
    flat = builder.op("Reshape", x, rows)
    pairs = builder.op("Reshape", flat, builder.constant(np.array([-1, 6])))
    builder.output(builder.op("Reshape", pairs, builder.op("Shape", flat)), rank=2)
    graph = load(builder.model())
    assert [node.op_type for node in graph.nodes] == ["Reshape"] * 3


def test_outputs_that_nothing_reads_are_left_out() -> None:
    """Old exporters write Dropout's mask; the parts of a Split are not optional."""
    builder = net()
    x = builder.input((1, 6, 2, 2))
    builder.output(builder.op("Dropout", builder.op("Split", x, axis=1, num_outputs=2)))
    model = builder.model()
    model.opset_import[0].version = 18
    model.graph.node[0].output.append("other")
    model.graph.node[1].output.append("mask")
    split, dropout = load(model).nodes
    assert split.outputs == ("split0:0", "other")
    assert dropout.outputs == ("dropout1:0",)


def test_external_data_is_read(tmp_path: Path) -> None:
    model = m.qdq_conv(net(), channels=64)
    whole, split = tmp_path / "whole.onnx", tmp_path / "split.onnx"
    onnx.save(model, whole)
    onnx.save(model, split, save_as_external_data=True, location="weights.bin", size_threshold=16)
    stores = Store(), Store()
    modules = [
        import_model(path, store) for path, store in zip((whole, split), stores, strict=True)
    ]
    assert stores[0].digests() == stores[1].digests()
    assert network_of(modules[0]).name == "whole"
    assert operations(modules[0]) == operations(modules[1])


def test_names_and_locations() -> None:
    module = import_model(m.qdq_conv(net(), activation=m.relu), Store())
    network = network_of(module)
    assert network.name == "net"
    assert network.input_names == ("x",)
    convolution = next(op for op in module.walk() if isinstance(op, nn.ConvOp))
    assert name_of(convolution) == "conv"
    assert all(name_of(op) for op in network.function.body.block.ops)


def test_functions_become_bounds_where_the_range_does_not_imply_them() -> None:
    bounds = {
        "none": (m.qdq_conv(net()), None),
        "implied": (m.qdq_conv(net(), activation=m.relu, y=(0.03, 0)), None),
        "relu": (m.qdq_conv(net(), activation=m.relu, y=(0.03, 100)), (100, 255)),
        "clip": (m.qdq_conv(net(), activation=m.clip(0, 1), y=(0.1, 100)), (100, 110)),
    }
    for model, expected in bounds.values():
        module = import_model(model, Store())
        convolution = next(op for op in module.walk() if isinstance(op, nn.ConvOp))
        clamp = convolution.clamp and tuple(convolution.clamp.get_values())
        assert clamp == expected


def test_equal_quantisation_in_a_row_vanishes() -> None:
    model = m.qdq_unary(net(), lambda _, x: x, y=None)
    assert converted(model) == ["nn.quantize", "nn.dequantize", "func.return"]


def test_one_input_functions_become_one_table() -> None:
    model = m.qdq_unary(net(), lambda n, x: m.clip(-1, 1)(n, m.relu(n, x)))
    assert converted(model) == ["nn.quantize", "nn.lut", "nn.dequantize", "func.return"]


def test_convolution_without_quantisation_gives_its_sums() -> None:
    module = import_model(m.qdq_conv(net(), quantised=False), Store())
    assert operations(module) == ["nn.quantize", "nn.conv", "nn.dequantize", "func.return"]
    convolution = next(op for op in module.walk() if isinstance(op, nn.ConvOp))
    assert element_of(convolution.result).is_accumulator


def test_bias_at_the_edge_of_int32_is_moved_where_it_changes_nothing() -> None:
    """A channel whose weights are almost zero, as onnxruntime's quantiser leaves it."""
    builder = net()
    x = builder.qdq(builder.input((1, 6, 9, 11)), 0.02, np.uint8(3))
    weight = builder.dequantize(builder.constant(np.full((2, 6, 1, 1), 100, np.int8)), 1e-9)
    bias = builder.constant(np.array([5, -(2**31)], np.int32))
    bias = builder.dequantize(bias, np.float32(0.02) * np.float32(1e-9))
    convolution = builder.op("Conv", x, weight, bias, name="conv")
    builder.output(builder.qdq(convolution, 0.001, np.uint8(0)))
    module = import_model(builder.model(), Store())
    (op,) = (op for op in module.walk() if isinstance(op, nn.ConvOp))
    assert op.bias is not None
    constant = op.bias.owner
    assert isinstance(constant, nn.ConstantOp)
    values = constant.array()
    assert values[0] == 5
    assert -(2**31) < values[1] <= -(2**31) + 1 + 600 * 252


def test_quantised_constant_operand() -> None:
    def build(net: Net, x: str) -> str:
        constant = net.constant(net.rng.integers(0, 256, (1, 6, 1, 1)).astype(np.uint8))
        return net.op("Add", x, net.dequantize(constant, 0.03, np.uint8(9)), name="add")

    module = import_model(m.qdq_unary(net(), build), Store())
    assert "nn.add" in operations(module)


def test_local_functions_are_inlined() -> None:
    model = m.qdq_unary(net(), m.simple("Identity"))
    body = [helper.make_node("Relu", ["a"], ["b"], "inner")]
    opsets = [helper.make_opsetid("", 17)]
    function = helper.make_function("local", "Half", ["a"], ["b"], body, opsets)
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("local", 1))
    node = next(node for node in model.graph.node if node.op_type == "Identity")
    node.op_type, node.domain = "Half", "local"
    assert "nn.lut" in converted(model)
