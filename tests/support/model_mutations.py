"""Mutated models: bytes flipped, or fields of a model's messages changed.

A model is its seed. What comes out may be sound, unsupported, or broken in ways that nobody listed.
"""

from collections.abc import Callable
from random import Random

import numpy as np
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, checker, helper
from onnx import numpy_helper as arrays
from tilefold.tests.frontend import models as m
from tilefold.tests.support import hostile_models as hostile
from tilefold.tests.support import mixed_networks as mixed

NUMBERS = (0, 1, -1, 2, 3, 4, 7, 8, 255, 1024, -8, 2**31, 2**32 + 1, 2**62, -(2**63))
REALS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e-20, 1e30, float("nan"), float("inf"), -float("inf"))
OPERATORS = (
    "Relu", "Conv", "Gemm", "MatMul", "Add", "Mul", "Concat", "Reshape", "Transpose", "Softmax",
    "MaxPool", "GlobalAveragePool", "Flatten", "QuantizeLinear", "DequantizeLinear", "Clip",
    "Pad", "Slice", "Resize", "Split", "Expand", "Tile", "Range", "NonZero", "Loop", "If", "Cast",
    "ConvTranspose", "Gather", "Squeeze", "Unsqueeze", "ReduceMean", "LSTM", "TopK", "Blur",
)  # fmt: skip
FUNCTIONS = ("Relu", "Neg", "Abs", "Sigmoid", "Identity", "Log", "Exp", "Sqrt", "Reciprocal", "Erf")


def base(rng: Random) -> ModelProto:
    """A sound model, quantised, partly quantised, or float."""
    draws: list[Callable[[], ModelProto]] = [
        hostile.quantised,
        hostile.real,
        lambda: m.random_network(np.random.default_rng(rng.randrange(50)), 3),
        lambda: mixed.random_mixed(rng.randrange(50)),
        *mixed.SHARED.values(),
        lambda: m.qdq_gemm(m.Net(np.random.default_rng(0))),
        lambda: m.qdq_conv_transpose(m.Net(np.random.default_rng(0))),
        lambda: m.qlinear_binary(m.Net(np.random.default_rng(0)), "QLinearAdd"),
        lambda: m.qlinear_concat(m.Net(np.random.default_rng(0))),
        lambda: m.qdq_unary(m.Net(np.random.default_rng(0)), m.squeeze_and_excitation),
        lambda: m.qdq_unary(m.Net(np.random.default_rng(0)), m.resized([1, 1, 2, 2])),
        lambda: m.qdq_unary(m.Net(np.random.default_rng(0)), m.split(2, 4)),
    ]
    return rng.choice(draws)()


def mutated(seed: int) -> bytes:
    """The file of a mutated model."""
    rng = Random(seed)
    model = base(rng)
    if rng.random() < 0.2:
        return flipped(rng, model.SerializeToString())
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if model.graph.node and model.graph.input:
            rng.choice(MUTATIONS)(rng, model)
    return model.SerializeToString()


def flipped(rng: Random, data: bytes) -> bytes:
    """Bytes changed, left out or doubled."""
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(damaged))
        match rng.randrange(4):
            case 0:
                damaged[place] ^= 1 << rng.randrange(8)
            case 1:
                damaged[place] = rng.randrange(256)
            case 2:
                del damaged[place : place + rng.randint(1, 40)]
            case _:
                end = place + rng.randint(1, 40)
                damaged[place:place] = damaged[place:end]
    return bytes(damaged)


def attribute(rng: Random, model: ModelProto) -> None:
    """Another value of an attribute."""
    found = [each for node in model.graph.node for each in node.attribute]
    if not found:
        return
    chosen = rng.choice(found)
    if chosen.ints and rng.random() < 0.8:
        chosen.ints[rng.randrange(len(chosen.ints))] = rng.choice(NUMBERS)
    elif chosen.ints:
        chosen.ints.append(rng.choice(NUMBERS))
    elif chosen.HasField("i"):
        chosen.i = rng.choice(NUMBERS)
    elif chosen.HasField("f"):
        chosen.f = rng.choice(REALS)
    elif chosen.HasField("s"):
        chosen.s = rng.choice((b"", b"\xff", b"SAME_UPPER", b"linear", b"nearest"))
    else:
        chosen.name = rng.choice(("axis", "perm", "value", "body"))


def new_attribute(rng: Random, model: ModelProto) -> None:
    """An attribute more."""
    name = rng.choice(("axis", "axes", "group", "strides", "pads", "dilations", "auto_pad", "mode"))
    name = rng.choice((name, "kernel_shape", "perm", "to", "keepdims", "transA", "block_size"))
    numbers = [rng.choice(NUMBERS) for _ in range(rng.randint(1, 5))]
    value = rng.choice((numbers, numbers[0], "SAME_LOWER", rng.choice(REALS)))
    rng.choice(model.graph.node).attribute.append(helper.make_attribute(name, value))


def shape(rng: Random, model: ModelProto) -> None:
    """Another dimension of an input or output, one more, or one less."""
    kind = rng.choice([*model.graph.input, *model.graph.output]).type.tensor_type
    dims = kind.shape.dim
    match rng.randrange(4):
        case 0 if dims:
            rng.choice(dims).dim_value = rng.choice(NUMBERS)
        case 1 if dims:
            rng.choice(dims).dim_param = rng.choice(("n", "", "width"))
        case 2 if dims:
            del dims[rng.randrange(len(dims))]
        case _:
            dims.add(dim_value=rng.choice(NUMBERS))


def kind(rng: Random, model: ModelProto) -> None:
    """Another element type of an input, output or constant."""
    number = rng.choice((*TensorProto.DataType.values(), 77))
    if rng.random() < 0.5:
        value = rng.choice([*model.graph.input, *model.graph.output])
        value.type.tensor_type.elem_type = number
    elif model.graph.initializer:
        rng.choice(model.graph.initializer).data_type = number


def sound_tensor(rng: Random, model: ModelProto) -> TensorProto | None:
    """A constant that no mutation has broken, if there is one."""
    tensor = rng.choice(model.graph.initializer) if model.graph.initializer else None
    try:
        checker.check_tensor(tensor)
        arrays.to_array(tensor)
    except Exception:
        return None
    return tensor


def constant(rng: Random, model: ModelProto) -> None:
    """Other values, dimensions or type of a constant, the file being sound otherwise."""
    if (tensor := sound_tensor(rng, model)) is None:
        return
    values = np.array(arrays.to_array(tensor))
    match rng.randrange(5):
        case 0 if values.size:
            drawn = rng.choice(REALS if values.dtype.kind == "f" else NUMBERS)
            place = rng.randrange(values.size)
            with np.errstate(over="ignore"):
                values.reshape(-1)[place] = np.array(drawn).astype(values.dtype)
        case 1:
            values = values.reshape(rng.choice(((-1,), (1, -1), (-1, 1))))
        case 2:
            values = values[None]
        case 3 if values.ndim:
            values = np.delete(values, 0, rng.randrange(values.ndim))
        case _:
            with np.errstate(all="ignore"):
                values = values.astype(
                    rng.choice((np.int8, np.uint8, np.int32, np.int64, np.float32))
                )
    tensor.CopyFrom(arrays.from_array(values, tensor.name))


def tensor_field(rng: Random, model: ModelProto) -> None:
    """The message of a constant itself damaged."""
    if not model.graph.initializer:
        return
    tensor = rng.choice(model.graph.initializer)
    match rng.randrange(4):
        case 0:
            tensor.raw_data = tensor.raw_data[: rng.randrange(len(tensor.raw_data) + 1)]
        case 1:
            tensor.dims.append(rng.choice(NUMBERS))
        case 2 if rng.random() < 0.2:
            tensor.data_location = TensorProto.EXTERNAL
        case _:
            tensor.float_data.append(rng.choice(REALS))


def edge(rng: Random, model: ModelProto) -> None:
    """A node reads or makes another value."""
    node = rng.choice(model.graph.node)
    names = [name for each in model.graph.node for name in (*each.input, *each.output)]
    if node.input and rng.random() < 0.7:
        node.input[rng.randrange(len(node.input))] = rng.choice((*names, "", "nowhere"))
    elif node.output and rng.random() < 0.5:
        node.output[rng.randrange(len(node.output))] = rng.choice((*names, "", "nowhere"))
    else:
        node.input.append(rng.choice((*names, "")))


def operator(rng: Random, model: ModelProto) -> None:
    """Another operator, or of another domain."""
    node = rng.choice(model.graph.node)
    node.op_type = rng.choice(OPERATORS)
    if rng.random() < 0.1:
        node.domain = rng.choice(("com.microsoft", "org.example", "ai.onnx.ml"))


def removal(rng: Random, model: ModelProto) -> None:
    """A node, constant, input, output or attribute less."""
    node = rng.choice(model.graph.node)
    graph = model.graph
    field = rng.choice(
        (graph.node, graph.initializer, graph.input, graph.output, node.attribute, node.input)
    )
    if field:
        del field[rng.randrange(len(field))]


def copy(rng: Random, model: ModelProto) -> None:
    """A node, constant, input or output twice, or nodes in another order."""
    graph = model.graph
    field = rng.choice((graph.node, graph.node, graph.initializer, graph.input, graph.output))
    if field:
        chosen = type(field[0]).FromString(rng.choice(field).SerializeToString())
        if rng.random() < 0.5:
            chosen.name = "copy"
        if field is graph.node and rng.random() < 0.7:
            chosen.output[:] = [f"{name}:copy" for name in chosen.output]
        field.insert(rng.randrange(len(field) + 1), chosen)


def insertion(rng: Random, model: ModelProto) -> None:
    """An operator between two nodes, with constants as its other inputs."""
    place = rng.randrange(len(model.graph.node))
    reader = model.graph.node[place]
    if not reader.input:
        return
    extra = [
        hostile.constant(
            model, np.array(rng.sample(NUMBERS[:9], rng.randint(0, 4)), np.int64), name
        )
        for name in ("extra0", "extra1")[: rng.randrange(3)]
    ]
    node = helper.make_node(
        rng.choice(OPERATORS), [reader.input[0], *extra], ["inserted:0"], "inserted"
    )
    reader.input[0] = "inserted:0"
    model.graph.node.insert(place, node)


def version(rng: Random, model: ModelProto) -> None:
    """Another operator set or version of the format."""
    if rng.random() < 0.7 and model.opset_import:
        rng.choice(model.opset_import).version = rng.randint(-1, 30)
    else:
        model.ir_version = rng.randint(0, 15)


def gentle(rng: Random, model: ModelProto) -> None:
    """What leaves most models sound: other numbers, sizes, or functions."""
    match rng.randrange(4):
        case 0 if tensor := sound_tensor(rng, model):
            values = np.array(arrays.to_array(tensor))
            with np.errstate(all="ignore"):
                factor = rng.choice((0.0, 0.5, 2.0, 1e-6, 1e4, -1.0))
                tensor.CopyFrom(
                    arrays.from_array((values * factor).astype(values.dtype), tensor.name)
                )
        case 1:
            found = [each for node in model.graph.node for each in node.attribute if each.ints]
            if found:
                numbers = rng.choice(found).ints
                numbers[rng.randrange(len(numbers))] += rng.choice((-1, 1, 2))
        case 2:
            dims = rng.choice(model.graph.input).type.tensor_type.shape.dim
            if len(dims) > 2:
                dims[rng.randrange(2, len(dims))].dim_value += rng.choice((-3, -1, 1, 2, 9))
        case _:
            place = rng.randrange(len(model.graph.node))
            reader = model.graph.node[place]
            node = helper.make_node(rng.choice(FUNCTIONS), reader.input[:1], ["gentle:0"], "gentle")
            reader.input[:1] = ["gentle:0"]
            model.graph.node.insert(place, node)


MUTATIONS = (
    gentle, gentle, gentle, gentle, gentle, gentle,
    attribute, attribute, new_attribute, shape, kind, constant, constant, tensor_field, edge, edge,
    operator, removal, copy, insertion, version,
)  # fmt: skip


def parsed(data: bytes) -> ModelProto | None:
    """The model in a file, if there is one."""
    try:
        return ModelProto.FromString(data)
    except DecodeError:
        return None
