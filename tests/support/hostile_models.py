"""Broken and hostile ONNX models: a small good one, damaged in one way each.

A case is a function that changes the good model in place, or returns the bytes of a file. What its
message must have: the node, where there is one, and a part that says what is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper
from onnx import numpy_helper as arrays
from tilefold.tests.frontend.models import Net

Damage = Callable[[ModelProto], bytes | None]
SHAPE = (1, 4, 8, 8)
SCALE, ZERO = 0.02, np.uint8(120)


@dataclass(frozen=True)
class Case:
    """One damage, the good model that it is done to, and what is to be said about it.

    `by_samples` is what `quantize` says, whose samples make shapes known.
    """

    name: str
    damage: Damage
    node: str
    text: str
    floating: bool
    by_samples: str

    def content(self) -> bytes:
        """The file."""
        model = real() if self.floating else quantised()
        return self.damage(model) or model.SerializeToString()


CASES: dict[str, Case] = {}


def case(
    node: str, text: str, floating: bool = False, by_samples: str = ""
) -> Callable[[Damage], Damage]:
    def register(damage: Damage) -> Damage:
        name = damage.__name__
        assert name not in CASES
        CASES[name] = Case(name, damage, node, text, floating, by_samples or text)
        return damage

    return register


def quantised() -> ModelProto:
    """Q, DQ, conv, relu, Q, DQ, pool, Q, DQ, flatten, gemm, Q, DQ with the input x."""
    net = Net(np.random.default_rng(0))

    def stored(value: str, name: str) -> str:
        ends = [
            net.constant(np.float32(SCALE), f"{name}:scale"),
            net.constant(ZERO, f"{name}:zero"),
        ]
        integers = net.op("QuantizeLinear", value, *ends, name=f"{name}:q")
        return net.op("DequantizeLinear", integers, *ends, name=f"{name}:dq")

    def weights(shape: tuple[int, ...], name: str) -> str:
        integers = net.constant(net.integers(shape), f"{name}:w")
        scales = net.constant(np.full(shape[0], 0.01, np.float32), f"{name}:ws")
        zeros = net.constant(np.zeros(shape[0], np.int8), f"{name}:wz")
        return net.op("DequantizeLinear", integers, scales, zeros, name=f"{name}:wdq", axis=0)

    x = stored(net.input(SHAPE), "x")
    conv = net.op("Conv", x, weights((6, 4, 3, 3), "conv"), name="conv", pads=[1] * 4)
    relu = stored(net.op("Relu", conv, name="relu"), "relu")
    pool = net.op("MaxPool", relu, name="pool", kernel_shape=[2, 2], strides=[2, 2])
    flat = net.op("Flatten", stored(pool, "pool"), name="flat")
    gemm = net.op("Gemm", flat, weights((5, 96), "gemm"), name="gemm", transB=1)
    net.output(stored(gemm, "gemm"), rank=2)
    return net.model()


def real() -> ModelProto:
    """The same layers in float: conv, relu, pool, flat, gemm."""
    net = Net(np.random.default_rng(0))

    def weights(shape: tuple[int, ...], name: str) -> str:
        return net.constant(net.rng.normal(size=shape).astype(np.float32), name)

    x = net.input(SHAPE)
    conv = net.op("Conv", x, weights((6, 4, 3, 3), "conv:w"), name="conv", pads=[1] * 4)
    relu = net.op("Relu", conv, name="relu")
    pool = net.op("MaxPool", relu, name="pool", kernel_shape=[2, 2], strides=[2, 2])
    flat = net.op("Flatten", pool, name="flat")
    net.output(net.op("Gemm", flat, weights((5, 96), "gemm:w"), name="gemm", transB=1), rank=2)
    return net.model()


def node_of(model: ModelProto, name: str) -> NodeProto:
    return next(node for node in model.graph.node if node.name == name)


def tensor_of(model: ModelProto, name: str) -> TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def put(model: ModelProto, name: str, values: object) -> None:
    """Replace a constant."""
    tensor_of(model, name).CopyFrom(arrays.from_array(np.asarray(values), name))


def attribute(model: ModelProto, node: str, name: str, value: object) -> None:
    """Set an attribute of a node."""
    attributes = node_of(model, node).attribute
    kept = [each for each in attributes if each.name != name]
    del attributes[:]
    attributes.extend([*kept, helper.make_attribute(name, value)])


def dims(model: ModelProto, *sizes: int | str) -> None:
    """Give the input a shape."""
    shape = model.graph.input[0].type.tensor_type.shape
    del shape.dim[:]
    for size in sizes:
        shape.dim.add(**{"dim_param" if isinstance(size, str) else "dim_value": size})


def beside(model: ModelProto, kind: str, *inputs: str, rank: int, **attributes: object) -> None:
    """Add the node "bomb" with an output of the network's."""
    model.graph.node.append(helper.make_node(kind, inputs, ["bomb:0"], "bomb", **attributes))
    value = helper.make_tensor_value_info("bomb:0", TensorProto.FLOAT, [None] * rank)
    model.graph.output.append(value)


def constant(model: ModelProto, values: object, name: str = "extra") -> str:
    """Add a constant; its name."""
    model.graph.initializer.append(arrays.from_array(np.asarray(values), name))
    return name


# ---- files that are no models


@case("", "holds no graph")
def empty_file(model: ModelProto) -> bytes:
    return b"\x08\x08"


@case("", "not an ONNX model")
def zeros(model: ModelProto) -> bytes:
    return bytes(4096)


@case("", "not an ONNX model")
def text(model: ModelProto) -> bytes:
    return b"import os; os.abort()\n" * 20


@case("", "not an ONNX model")
def cut_in_half(model: ModelProto) -> bytes:
    data = model.SerializeToString()
    return data[: len(data) // 2]


@case("", "not an ONNX model")
def cut_by_a_byte(model: ModelProto) -> bytes:
    return model.SerializeToString()[:-1]


@case("", "not an ONNX model")
def endless_number(model: ModelProto) -> bytes:
    return b"\x08" + b"\xff" * 40


@case("", "not an ONNX model")
def pickle(model: ModelProto) -> bytes:
    return b"\x80\x04cos\nsystem\n(S'false'\ntR."


@case("", "not an ONNX model")
def graphs_in_graphs(model: ModelProto) -> bytes:
    """Protobuf itself bounds how deep messages nest."""
    graph = GraphProto(name="innermost")
    for depth in range(60):
        outer = GraphProto(name=f"level {depth}")
        outer.node.add(op_type="If", name="if").attribute.add(name="then_branch").g.CopyFrom(graph)
        graph = outer
    model.graph.node.add(op_type="If", name="if").attribute.add(name="then_branch").g.CopyFrom(
        graph
    )
    return model.SerializeToString()


@case("", "graph")
def no_graph(model: ModelProto) -> None:
    model.ClearField("graph")


@case("", "no output")
def empty_graph(model: ModelProto) -> None:
    model.graph.Clear()
    model.graph.name = "nothing"


# ---- names and edges


@case("conv", "cycle")
def cycle(model: ModelProto) -> None:
    node_of(model, "conv").input[0] = "relu:0"


@case("relu", "cycle")
def loop_of_one(model: ModelProto) -> None:
    node_of(model, "relu").input[0] = "relu:0"


@case("gemm:dq", "topological order")
def order_upside_down(model: ModelProto) -> None:
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


@case("conv", "'nowhere'")
def edge_from_nowhere(model: ModelProto) -> None:
    node_of(model, "conv").input[0] = "nowhere"


@case("conv:wdq", "'conv:w'")
def missing_initializer(model: ModelProto) -> None:
    model.graph.initializer.remove(tensor_of(model, "conv:w"))


@case("", "initializer 'conv:w' is there twice")
def initializer_twice(model: ModelProto) -> None:
    model.graph.initializer.append(tensor_of(model, "conv:w"))


@case("", "has no name")
def initializer_without_a_name(model: ModelProto) -> None:
    model.graph.initializer.add(data_type=TensorProto.FLOAT, dims=[0])


@case("pool", "'relu:0'")
def value_made_twice(model: ModelProto) -> None:
    node_of(model, "pool").output[0] = "relu:0"


@case("relu", "'x'")
def input_made_again(model: ModelProto) -> None:
    node_of(model, "relu").output[0] = "x"


@case("relu", "'conv:w'")
def constant_made_again(model: ModelProto) -> None:
    node_of(model, "relu").output[0] = "conv:w"


@case("", "'x'")
def input_twice(model: ModelProto) -> None:
    model.graph.input.append(model.graph.input[0])


@case("", "input 0 has no name")
def input_without_a_name(model: ModelProto) -> None:
    model.graph.input[0].name = ""


@case("", "'elsewhere'")
def output_from_nowhere(model: ModelProto) -> None:
    model.graph.output[0].name = "elsewhere"


@case("", "no output")
def no_outputs(model: ModelProto) -> None:
    del model.graph.output[:]


@case("", "twice")
def output_twice(model: ModelProto) -> None:
    model.graph.output.append(model.graph.output[0])


@case("", "missing")
def node_without_operator(model: ModelProto) -> None:
    node_of(model, "relu").op_type = ""


@case("relu:q", "'relu:0' is made by no node")
def node_without_outputs(model: ModelProto) -> None:
    del node_of(model, "relu").output[:]


@case("conv", "input size 0")
def node_without_inputs(model: ModelProto) -> None:
    del node_of(model, "conv").input[:]


@case("relu", "input size 3")
def node_with_too_many_inputs(model: ModelProto) -> None:
    node_of(model, "relu").input.extend(["x", "x"])


@case("", "printable")
def line_breaks_in_a_name(model: ModelProto) -> None:
    node = node_of(model, "relu")
    node.name, node.op_type = "relu\nerror: all is well\n\x1b[2J", "Conv"


@case("", "UTF-8")
def name_that_is_no_text(model: ModelProto) -> bytes:
    return model.SerializeToString().replace(b"relu:0", b"rel\xff:0")


@case("", "characters")
def endless_name(model: ModelProto) -> None:
    node_of(model, "relu").name = "relu" * 100_000


@case("relu", "Blur")
def operator_that_is_none(model: ModelProto) -> None:
    node_of(model, "relu").op_type = "Blur"


@case("relu", "org.example")
def domain_without_version(model: ModelProto) -> None:
    node_of(model, "relu").domain = "org.example"


# ---- versions


@case("", "operator set")
def no_operator_set(model: ModelProto) -> None:
    del model.opset_import[0]


@case("", "operator set 9999 is newer")
def operator_set_of_the_future(model: ModelProto) -> None:
    model.opset_import[0].version = 9999


@case("", "operator set -3")
def negative_operator_set(model: ModelProto) -> None:
    model.opset_import[0].version = -3


@case("", "operator set 2 is too old")
def ancient_operator_set(model: ModelProto) -> None:
    model.opset_import[0].version = 2


@case("", "twice")
def two_operator_sets(model: ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("ai.onnx", 11))


@case("", "ir_version")
def no_ir_version(model: ModelProto) -> None:
    model.ClearField("ir_version")


@case("", "ir_version 1000000 is higher")
def ir_version_of_the_future(model: ModelProto) -> None:
    model.ir_version = 1_000_000


# ---- functions and subgraphs


def function(model: ModelProto, calls: str) -> None:
    """Let relu be a function of the model's own, which calls another operator of its domain."""
    body = [helper.make_node(calls, ["a"], ["b"], "inner", domain="own")]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model.functions.append(helper.make_function("own", "Own", ["a"], ["b"], body, opsets))
    model.opset_import.append(helper.make_opsetid("own", 1))
    node_of(model, "relu").op_type, node_of(model, "relu").domain = "Own", "own"


@case("", "function 'Own'")
def function_that_calls_itself(model: ModelProto) -> None:
    function(model, "Own")


@case("", "function 'Own'")
def functions_that_call_each_other(model: ModelProto) -> None:
    function(model, "Other")
    body = [helper.make_node("Own", ["a"], ["b"], "inner", domain="own")]
    opsets = [helper.make_opsetid("own", 1)]
    model.functions.append(helper.make_function("own", "Other", ["a"], ["b"], body, opsets))


@case("", "more than")
def functions_that_double(model: ModelProto) -> None:
    """Twenty-nine functions, each calling the next one twice."""
    function(model, "Own0")
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    for level in range(28):
        last = level == 27
        kind, domain = ("Relu", "") if last else (f"Own{level + 1}", "own")
        body = [
            helper.make_node(kind, ["a"], ["m"], domain=domain),
            helper.make_node(kind, ["m"], ["b"], domain=domain),
        ]
        made = helper.make_function("own", f"Own{level}", ["a"], ["b"], body, opsets)
        model.functions.append(made)


@case("inner", "'missing'")
def branch_that_reads_nothing(model: ModelProto) -> None:
    node = node_of(model, "relu")
    branch = helper.make_graph(
        [helper.make_node("Neg", ["missing"], ["out"], "inner")],
        "branch",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
    )
    node.op_type = "If"
    node.input[0] = constant(model, np.array(True))
    for name in ("then_branch", "else_branch"):
        node.attribute.append(helper.make_attribute(name, branch))


# ---- attributes


@case("pool", "strides")
def strides_of_zero(model: ModelProto) -> None:
    attribute(model, "pool", "strides", [0, 0])


@case("conv", "strides")
def negative_strides(model: ModelProto) -> None:
    attribute(model, "conv", "strides", [-1, -1])


@case("conv", "strides")
def three_strides(model: ModelProto) -> None:
    attribute(model, "conv", "strides", [1, 1, 1])


@case("conv", "dilations")
def dilations_of_zero(model: ModelProto) -> None:
    attribute(model, "conv", "dilations", [0, 0])


@case("conv", "overflow")
def enormous_dilations(model: ModelProto) -> None:
    attribute(model, "conv", "dilations", [2**62, 2**62])


@case("pool", "kernel_shape")
def kernel_of_zero(model: ModelProto) -> None:
    attribute(model, "pool", "kernel_shape", [0, 0])


@case("flat", "overflow")
def enormous_kernel(model: ModelProto) -> None:
    attribute(model, "pool", "kernel_shape", [2**40, 2**40])


@case("gemm", "96 and 54")
def kernel_of_another_size(model: ModelProto) -> None:
    attribute(model, "conv", "kernel_shape", [5, 5])


@case("conv", "pads")
def two_pads(model: ModelProto) -> None:
    attribute(model, "conv", "pads", [1, 1])


@case("conv", "pads")
def negative_pads(model: ModelProto) -> None:
    attribute(model, "conv", "pads", [-9, -9, -9, -9])


@case("flat", "overflow")
def enormous_pads(model: ModelProto) -> None:
    attribute(model, "conv", "pads", [2**31] * 4)


@case("conv", "group")
def group_of_zero(model: ModelProto) -> None:
    attribute(model, "conv", "group", 0)


@case("conv", "group")
def negative_group(model: ModelProto) -> None:
    attribute(model, "conv", "group", -2)


@case("conv", "group")
def three_groups_of_four_channels(model: ModelProto) -> None:
    attribute(model, "conv", "group", 3)


@case("conv", "strides")
def strides_of_reals(model: ModelProto) -> None:
    attribute(model, "conv", "strides", [1.0, 1.0])


@case("conv", "auto_pad")
def padding_that_is_none(model: ModelProto) -> None:
    attribute(model, "conv", "auto_pad", "SOMEHOW")


@case("pool", "kernel_shape")
def missing_attribute(model: ModelProto) -> None:
    del node_of(model, "pool").attribute[:]


@case("relu", "colour")
def unknown_attribute(model: ModelProto) -> None:
    attribute(model, "relu", "colour", "red")


@case("conv", "pads")
def attribute_twice(model: ModelProto) -> None:
    node_of(model, "conv").attribute.append(helper.make_attribute("pads", [0] * 4))


@case("conv", "'type' of 'attr'")
def attribute_of_an_unknown_type(model: ModelProto) -> bytes:
    node_of(model, "conv").attribute[0].ClearField("type")
    return model.SerializeToString()


@case("flat", "axis")
def axis_beyond_the_tensor(model: ModelProto) -> None:
    attribute(model, "flat", "axis", 9)


@case("conv:wdq", "axis")
def scales_along_no_axis(model: ModelProto) -> None:
    attribute(model, "conv:wdq", "axis", 7)


@case("bomb", "perm")
def axis_moved_twice(model: ModelProto) -> None:
    beside(model, "Transpose", "conv:0", rank=4, perm=[0, 0, 1, 2])


@case("flat", "axis")
def attribute_of_no_function(model: ModelProto) -> None:
    made = AttributeProto(name="axis", ref_attr_name="axis", type=AttributeProto.INT)
    node_of(model, "flat").attribute.append(made)


@case("", "not printable")
def line_break_in_an_attribute(model: ModelProto) -> None:
    attribute(model, "relu", "al\npha", 1)


@case("bomb", "the scale, is left out")
def operator_of_onnxruntime_without_a_scale(model: ModelProto) -> None:
    """onnxruntime itself would crash."""
    ends = ("x:scale", "x:zero", "x:q:0", "", "x:zero")
    beside(model, "QLinearConcat", *ends, rank=4, domain="com.microsoft", axis=1)


# ---- types and ranks


@case("conv:wdq", "scale")
def scale_of_no_number(model: ModelProto) -> None:
    put(model, "conv:ws", np.full(6, np.nan, np.float32))


@case("x:q", "scale")
def infinite_scale(model: ModelProto) -> None:
    put(model, "x:scale", np.float32(np.inf))


@case("x:q", "scale")
def scale_of_zero(model: ModelProto) -> None:
    put(model, "x:scale", np.float32(0))


@case("gemm:wdq", "scale")
def negative_scale(model: ModelProto) -> None:
    put(model, "gemm:ws", np.full(5, -0.1, np.float32))


@case("conv:wdq", "scale")
def one_scale_of_zero(model: ModelProto) -> None:
    put(model, "conv:ws", np.array([1, 1, 1, 0, 1, 1], np.float32))


@case("conv:wdq", "scale")
def integer_scales(model: ModelProto) -> None:
    put(model, "conv:ws", np.ones(6, np.int64))


@case("conv:wdq", "5 scales")
def scales_of_another_number(model: ModelProto) -> None:
    put(model, "conv:ws", np.full(5, 0.1, np.float32))
    put(model, "conv:wz", np.zeros(5, np.int8))


@case("conv:wdq", "zero point")
def zero_points_of_another_number(model: ModelProto) -> None:
    put(model, "conv:wz", np.zeros(3, np.int8))


@case("conv:wdq", "x_zero_point has inconsistent type")
def zero_points_of_another_type(model: ModelProto) -> None:
    put(model, "conv:wz", np.zeros(6, np.uint8))


@case("x:q", "zero")
def zero_point_of_reals(model: ModelProto) -> None:
    put(model, "x:zero", np.float32(3))


@case("x:q", "scale")
def scales_in_three_dimensions(model: ModelProto) -> None:
    put(model, "x:scale", np.full((1, 1, 2), 0.1, np.float32))


@case("conv", "spatial dimensions")
def weights_of_three_dimensions(model: ModelProto) -> None:
    put(model, "conv:w", np.ones((6, 4, 9), np.int8))


@case("conv", "channels")
def weights_of_other_channels(model: ModelProto) -> None:
    put(model, "conv:w", np.ones((6, 5, 3, 3), np.int8))


@case("gemm", "95 and 96")
def matrix_of_other_rows(model: ModelProto) -> None:
    put(model, "gemm:w", np.ones((5, 95), np.int8))


@case("conv", "int8")
def weights_that_are_integers(model: ModelProto) -> None:
    node_of(model, "conv").input[1] = "conv:w"


@case("conv:wdq", "string")
def weights_of_text(model: ModelProto) -> None:
    tensor_of(model, "conv:w").CopyFrom(
        helper.make_tensor("conv:w", TensorProto.STRING, [6, 4, 3, 3], [b"w"] * 216)
    )


@case("x:q", "the zero point is empty")
def no_zero_point(model: ModelProto) -> None:
    put(model, "x:zero", np.zeros(0, np.uint8))


@case("x:q", "scales must be positive")
def no_scale(model: ModelProto) -> None:
    put(model, "x:scale", np.zeros(0, np.float32))


@case("gemm", "does not spread over [1, 5]")
def bias_of_four_dimensions(model: ModelProto) -> None:
    node_of(model, "gemm").input.append("conv:wdq:0")


@case("conv", "bias")
def bias_of_another_length(model: ModelProto) -> None:
    node_of(model, "conv").input.append(constant(model, np.zeros(9, np.float32)))


@case("", "'x' is no tensor")
def input_of_a_sequence(model: ModelProto) -> None:
    kind = model.graph.input[0].type
    kind.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT


@case("", "'x' is string")
def input_of_text(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


@case("", "'x'")
def input_of_no_type(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UNDEFINED


@case("", "'x'")
def input_of_an_unknown_type(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = 99


@case("", "--shape x=")
def input_without_a_shape(model: ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


@case("", "--shape x=1x4xHEIGHTxWIDTH", by_samples="it is quantised already")
def dynamic_dimensions(model: ModelProto) -> None:
    dims(model, "batch", 4, "height", "width")


@case("", "--shape x=1x4xNx8", by_samples="it is quantised already")
def negative_dimension(model: ModelProto) -> None:
    dims(model, 1, 4, -8, 8)


@case("", "--shape x=1x4xNx8", by_samples="it is quantised already")
def dimension_of_zero(model: ModelProto) -> None:
    dims(model, 1, 4, 0, 8)


@case("", "'x'")
def enormous_input(model: ModelProto) -> None:
    dims(model, 1, 4, 2**31, 2**31)


@case("", "'x'")
def dimensions_that_overflow(model: ModelProto) -> None:
    dims(model, 1, 2**62, 2**62, 2**62)


@case("", "'x'")
def thousand_dimensions(model: ModelProto) -> None:
    dims(model, *[1] * 1000)


@case("conv", "at least 3 dimensions")
def input_of_two_dimensions(model: ModelProto) -> None:
    dims(model, 1, 4)


@case("gemm:dq", "shape")
def output_of_another_shape(model: ModelProto) -> None:
    kind = model.graph.output[0].type.tensor_type
    for dim, size in zip(kind.shape.dim, (1, 7), strict=True):
        dim.dim_value = size


@case("gemm:dq", "type")
def output_of_another_type(model: ModelProto) -> None:
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64


# ---- constants


@case("", "(tensor name: conv:w)")
def constant_cut_short(model: ModelProto) -> None:
    tensor_of(model, "conv:w").raw_data = b"\0" * 7


@case("", "'conv:w'")
def constant_too_long(model: ModelProto) -> None:
    tensor_of(model, "conv:w").raw_data += b"\0" * 7


@case("", "(tensor name: conv:w)")
def constant_of_negative_size(model: ModelProto) -> None:
    tensor_of(model, "conv:w").dims[0] = -6


@case("", "(tensor name: conv:w)")
def constant_of_enormous_size(model: ModelProto) -> None:
    tensor_of(model, "conv:w").dims[0] = 2**40


@case("", "(tensor name: conv:w)")
def constant_whose_size_overflows(model: ModelProto) -> None:
    tensor = tensor_of(model, "conv:w")
    tensor.dims[:] = [2**32, 2**32, 2**32, 216]


@case("", "(tensor name: conv:w)")
def constant_of_no_type(model: ModelProto) -> None:
    tensor_of(model, "conv:w").data_type = TensorProto.UNDEFINED


@case("", "'conv:w'")
def constant_of_an_unknown_type(model: ModelProto) -> None:
    tensor_of(model, "conv:w").data_type = 99


@case("", "(tensor name: conv:w)")
def constant_in_two_fields(model: ModelProto) -> None:
    tensor_of(model, "conv:w").int32_data.extend([1] * 216)


@case("", "should be stored in field 'int32_data'")
def constant_in_another_field(model: ModelProto) -> None:
    tensor = tensor_of(model, "conv:w")
    tensor.ClearField("raw_data")
    tensor.float_data.extend([1.0] * 216)


@case("", "(tensor name: conv:w)")
def constant_of_nibbles_cut_short(model: ModelProto) -> None:
    model.opset_import[0].version = 21
    tensor = tensor_of(model, "conv:w")
    tensor.data_type, tensor.raw_data = TensorProto.INT4, b"\0" * 3


@case("", "sparse")
def sparse_constant(model: ModelProto) -> None:
    values, places = arrays.from_array(np.ones(1, np.float32), "sparse"), np.zeros(1, np.int64)
    model.graph.sparse_initializer.append(
        helper.make_sparse_tensor(values, arrays.from_array(places), [4])
    )


@case("bomb", "too small")
def damaged_constant_in_a_node(model: ModelProto) -> None:
    node = helper.make_node("Constant", [], ["bomb:0"], "bomb")
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[4], raw_data=b"\0" * 3)
    node.attribute.append(helper.make_attribute("value", tensor))
    node_of(model, "conv").input.append("bomb:0")
    model.graph.node.insert(0, node)


@case("conv", "finite", floating=True)
def weights_of_no_number(model: ModelProto) -> None:
    weights = np.ones((6, 4, 3, 3), np.float32)
    weights[3, 1, 0, 0] = np.nan
    put(model, "conv:w", weights)


@case("gemm", "finite", floating=True)
def infinite_weights(model: ModelProto) -> None:
    put(model, "gemm:w", np.full((5, 96), np.inf, np.float32))


# ---- small files that ask for much


@case("bomb", "elements")
def constant_of_shape_bomb(model: ModelProto) -> None:
    shape = constant(model, np.array([1, 6, 2**20, 2**20]))
    beside(model, "ConstantOfShape", shape, rank=4)


@case("bomb", "elements")
def expand_bomb(model: ModelProto) -> None:
    beside(model, "Expand", "conv:0", constant(model, np.array([2**40, 1, 1, 1])), rank=4)


@case("bomb", "elements")
def tile_bomb(model: ModelProto) -> None:
    beside(model, "Tile", "conv:0", constant(model, np.array([1, 1, 2**20, 2**20])), rank=4)


@case("bomb", "elements")
def range_bomb(model: ModelProto) -> None:
    ends = [constant(model, np.float32(n), f"n{n}") for n in (0, 2**40, 1)]
    beside(model, "Range", *ends, rank=1)


@case("bomb", "elements")
def resize_bomb(model: ModelProto) -> None:
    sizes = constant(model, np.array([1, 6, 2**20, 2**20]))
    beside(model, "Resize", "conv:0", "", "", sizes, rank=4)


@case("bomb", "elements")
def pad_bomb(model: ModelProto) -> None:
    pads = constant(model, np.array([0, 0, 2**29, 2**29, 0, 0, 0, 0]))
    beside(model, "Pad", "conv:0", pads, rank=4)


@case("bomb", "elements")
def one_hot_bomb(model: ModelProto) -> None:
    places = constant(model, np.zeros((64, 64), np.int64), "places")
    depth, values = constant(model, np.int64(2**40)), constant(model, np.zeros(2, np.float32), "v")
    beside(model, "OneHot", places, depth, values, rank=3)


@case("bomb", "elements")
def random_bomb(model: ModelProto) -> None:
    beside(model, "RandomNormal", rank=2, shape=[2**20, 2**20])


@case("double", "elements")
def doubling_bomb(model: ModelProto) -> None:
    name = "x"
    for step in range(40):
        node = helper.make_node("Concat", [name, name], [f"d{step}"], f"double{step}", axis=3)
        model.graph.node.append(node)
        name = f"d{step}"
    beside(model, "Relu", name, rank=4)


@case("bomb", "elements")
def folded_bomb(model: ModelProto) -> None:
    """Constants alone: what the compiler itself would compute."""
    one, shape = constant(model, np.ones(1, np.float32), "one"), np.array([2**13, 2**13])
    beside(model, "Expand", one, constant(model, shape), rank=2)


@case("bomb", "elements")
def bomb_of_one_number(model: ModelProto) -> None:
    """As structures have their weights, but more than networks have."""
    shape = constant(model, np.array([2**14, 2**14]))
    beside(model, "ConstantOfShape", shape, rank=2)


@case("tile", "elements")
def bomb_in_parts(model: ModelProto) -> None:
    """Many constants, each small enough, of the host's."""
    one, repeats = (
        constant(model, np.ones(1, np.float32), "one"),
        constant(model, np.array([2**20])),
    )
    names = [f"tile{number}" for number in range(100)]
    for name in names:
        model.graph.node.append(helper.make_node("Tile", [one, repeats], [name], name))
    beside(model, "Sum", *names, rank=1)
