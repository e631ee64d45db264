"""The numbers of the reference interpreter against onnxruntime, one operator at a time.

Scales are drawn so that results often lie on or next to a half: only there do the orders in which
float32 products may be rounded give different integers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tilefold.dialects import nn
from tilefold.dialects.nn_network import set_names
from tilefold.dialects.nn_types import accumulator_type
from tilefold.dialects.quant import UniformType
from tilefold.dialects.store import Store
from tilefold.interpreters import kernels
from tilefold.interpreters.nn import run
from xdsl.dialects.builtin import ModuleOp, TensorType, i32
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import SSAValue

Array = np.ndarray[Any, Any]
Build = Callable[..., SSAValue]

ONNX_TYPES = {
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.float32): TensorProto.FLOAT,
}


def judge(
    nodes: Sequence[Any], inputs: Mapping[str, Array], constants: Mapping[str, Any], dtype: Any
) -> Array:
    """What onnxruntime computes as `y` of the element type `dtype`."""
    graph = helper.make_graph(
        nodes,
        "one_operator",
        [
            helper.make_tensor_value_info(name, ONNX_TYPES[array.dtype], array.shape)
            for name, array in inputs.items()
        ],
        [helper.make_tensor_value_info("y", ONNX_TYPES[np.dtype(dtype)], None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = onnxruntime.SessionOptions()
    if dtype != np.int8:  # with it onnxruntime 1.31 finds no kernel for int8 convolutions
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    (result,) = session.run(None, dict(inputs))
    return result


def interpret(build: Build, inputs: Sequence[tuple[Array, UniformType]], store: Store) -> Array:
    """What the interpreter computes as the value that `build` makes of the arguments."""
    types = [TensorType(kind, array.shape) for array, kind in inputs]
    function = FuncOp("main", (types, []))
    block = function.body.block
    result = build(*block.args)
    operations = []
    pending = [result.owner]
    while pending:
        operation = pending.pop()
        if operation not in operations and operation is not block:
            operations.insert(0, operation)
            pending += [operand.owner for operand in operation.operands]
    block.add_ops([*operations, ReturnOp(result)])
    function.update_function_type()
    module = ModuleOp([function])
    set_names(module, "one operator", [f"x{i}" for i in range(len(inputs))], ["y"])
    module.verify()
    arrays = {f"x{index}": array for index, (array, _) in enumerate(inputs)}
    return run(module, arrays, store)["y"]


class Draw:
    """Random operands of one case."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.signed = bool(seed % 2)
        self.dtype = np.int8 if self.signed else np.uint8
        self.bounds = (-128, 127) if self.signed else (0, 255)

    def number(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def scale(self) -> np.float32:
        return np.float32(np.exp(self.rng.uniform(-6, 1)))

    def near(self, scale: np.float32) -> np.float32:
        """A scale whose ratio to `scale` is, or is next to, a simple fraction."""
        ratio = self.rng.choice([0.5, 0.25, 1.5, 0.75, 1.0, 2.5, 0.1, 0.3, 0.7, 0.9, 1 / 3])
        near = np.float32(scale * np.float32(ratio))
        if self.rng.random() < 0.5:
            near = np.nextafter(near, np.float32(self.rng.choice([0, np.inf])))
        return near

    def kind(self, scale: np.float32) -> UniformType:
        return UniformType.per_tensor(8, self.signed, float(scale), self.number(*self.bounds))

    def array(self, *shape: int, dtype: Any = None) -> Array:
        info = np.iinfo(dtype or self.dtype)
        return self.rng.integers(info.min, info.max + 1, shape).astype(dtype or self.dtype)


def named(prefix: str, kind: UniformType) -> dict[str, Any]:
    """Constants for the scale and zero point of a tensor."""
    return {f"{prefix}s": kind.scale, f"{prefix}z": kind.numpy_dtype.type(kind.zero_point)}


def weight_of(draw: Draw, shape: tuple[int, ...], axis: int, store: Store) -> Any:
    """A weight, its type and its onnx constants: per channel or tensor, i8 or u8, zero points.

    onnxruntime has no kernels for int8 activations with uint8 weights.
    """
    per_channel = draw.rng.random() < 0.6
    unsigned = not draw.signed and draw.rng.random() < 0.4
    dtype = np.uint8 if unsigned else np.int8
    count = shape[axis] if per_channel else 1
    scales = np.array([draw.scale() for _ in range(count)], np.float32)
    zeros = np.zeros(count, np.int32)
    if unsigned:
        zeros[:] = draw.number(0, 255)
    elif draw.rng.random() < 0.3:
        zeros[:] = draw.rng.integers(-128, 128, count) if axis == 0 else draw.number(-128, 127)
    if per_channel:
        kind = UniformType.per_axis(8, not unsigned, axis, scales, zeros, store)
    else:
        kind = UniformType.per_tensor(8, not unsigned, float(scales[0]), int(zeros[0]))
        scales, zeros = scales[0], zeros[0]
    array = draw.array(*shape, dtype=dtype)
    return array, kind, {"w": array, "ws": scales, "wz": zeros.astype(dtype)}


def result_of(draw: Draw, x: UniformType, w: UniformType, terms: int, store: Store) -> UniformType:
    """A result type that about fits sums of `terms` products."""
    spread = float(x.scale * w.scales(store).mean()) * 74 * 74 * np.sqrt(terms) / 40
    base = draw.near(np.float32(x.scale * w.scales(store)[0]))
    return draw.kind(np.float32(base * 2.0 ** np.round(np.log2(spread / base))))


@pytest.mark.parametrize("seed", range(80))
def test_convolution(seed: int) -> None:
    draw, store = Draw(seed), Store()
    groups = draw.number(1, 3)
    inner, outer = draw.number(1, 8), draw.number(1, 6)
    if seed % 4 == 0:
        groups, inner, outer = draw.number(2, 20), 1, draw.number(1, 2)
    kernel = [draw.number(1, 3), draw.number(1, 3)]
    strides, dilations = [[draw.number(1, 2), draw.number(1, 2)] for _ in range(2)]
    pads = [draw.number(0, 2) for _ in range(4)]
    x = draw.array(1, groups * inner, draw.number(5, 9), draw.number(5, 9))
    x_kind = draw.kind(draw.scale())
    w, w_kind, weight = weight_of(draw, (groups * outer, inner, *kernel), 0, store)
    bias = draw.rng.integers(-5000, 5000, groups * outer).astype(np.int32)
    y_kind = result_of(draw, x_kind, w_kind, inner * kernel[0] * kernel[1], store)
    options = {"strides": strides, "pads": pads, "dilations": dilations}
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"]
    node = helper.make_node(
        "QLinearConv", names, ["y"], group=groups, kernel_shape=kernel, **options
    )
    constants = named("x", x_kind) | weight | named("y", y_kind) | {"b": bias}
    expected = judge([node], {"x": x}, constants, draw.dtype)

    def build(value: SSAValue) -> SSAValue:
        weight_value = nn.ConstantOp(w, w_kind, store).result
        bias_value = nn.ConstantOp(bias, i32, store).result
        if seed % 3:
            op = nn.ConvOp(value, weight_value, bias_value, y_kind, groups=groups, **options)
            return op.result
        raw = accumulator_type(x_kind, w_kind, 1, store)
        op = nn.ConvOp(value, weight_value, bias_value, raw, groups=groups, **options)
        return nn.RequantizeOp(op.result, y_kind).result

    np.testing.assert_array_equal(interpret(build, [(x, x_kind)], store), expected)


@pytest.mark.parametrize("seed", range(60))
def test_matrix_product(seed: int) -> None:
    draw, store = Draw(seed), Store()
    rows, inner, columns = draw.number(1, 9), draw.number(1, 70), draw.number(1, 40)
    x = draw.array(rows, inner) if seed % 3 else draw.array(1, rows, inner)
    x_kind = draw.kind(draw.scale())
    w, w_kind, weight = weight_of(draw, (inner, columns), 1, store)
    y_kind = result_of(draw, x_kind, w_kind, inner, store)
    constants = named("x", x_kind) | weight | named("y", y_kind)
    bias = None
    if x.ndim == 2 and seed % 2 == 0:
        bias = draw.rng.integers(-5000, 5000, columns).astype(np.int32)
        names = ["x", "xs", "xz", "w", "ws", "wz", "b", "ys", "yz"]
        node = helper.make_node("QGemm", names, ["y"], domain="com.microsoft", alpha=1.0)
        constants["b"] = bias
    else:
        names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
        node = helper.make_node("QLinearMatMul", names, ["y"])
    expected = judge([node], {"x": x}, constants, draw.dtype)

    def build(value: SSAValue) -> SSAValue:
        weight_value = nn.ConstantOp(w, w_kind, store).result
        bias_value = None if bias is None else nn.ConstantOp(bias, i32, store).result
        return nn.MatmulOp(value, weight_value, bias_value, y_kind).result

    np.testing.assert_array_equal(interpret(build, [(x, x_kind)], store), expected)


@pytest.mark.parametrize("seed", range(80))
@pytest.mark.parametrize("name", ["QLinearAdd", "QLinearMul"])
def test_pairs(name: str, seed: int) -> None:
    draw = Draw(seed)
    scale = draw.scale()
    a_kind, b_kind, y_kind = (draw.kind(s) for s in (draw.near(scale), draw.near(scale), scale))
    if name == "QLinearMul":
        y_kind = draw.kind(draw.near(a_kind.scale * b_kind.scale * np.float32(64)))
    shape = (1, draw.number(2, 9), draw.number(2, 9), draw.number(2, 9))
    right = [shape, (1, shape[1], 1, 1), (shape[3],), (1,), (1, 1, *shape[2:])][seed % 5]
    a, b = draw.array(*shape), draw.array(*right)
    names = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]
    node = helper.make_node(name, names, ["y"], domain="com.microsoft")
    constants = named("a", a_kind) | named("b", b_kind) | named("y", y_kind)
    expected = judge([node], {"a": a, "b": b}, constants, draw.dtype)
    op = {"QLinearAdd": nn.AddOp, "QLinearMul": nn.MulOp}[name]
    actual = interpret(lambda x, y: op(x, y, y_kind).result, [(a, a_kind), (b, b_kind)], Store())
    np.testing.assert_array_equal(actual, expected)


def windows(draw: Draw) -> dict[str, list[int]]:
    """Options of a pool."""
    kernel = [draw.number(1, 4), draw.number(1, 4)]
    pads = [draw.number(0, size - 1) for size in (*kernel, *kernel)]
    return {"kernel": kernel, "strides": [draw.number(1, 3), draw.number(1, 3)], "pads": pads}


@pytest.mark.parametrize("seed", range(30))
def test_max_pool(seed: int) -> None:
    draw = Draw(seed)
    x = draw.array(1, draw.number(1, 40), draw.number(5, 9), draw.number(5, 9))
    kind, options = draw.kind(draw.scale()), windows(draw)
    onnx_options = {
        {"kernel": "kernel_shape"}.get(name, name): value for name, value in options.items()
    }
    node = helper.make_node("MaxPool", ["x"], ["y"], **onnx_options)
    expected = judge([node], {"x": x}, {}, draw.dtype)
    actual = interpret(lambda value: nn.MaxPoolOp(value, **options).result, [(x, kind)], Store())
    np.testing.assert_array_equal(actual, expected)


def test_average_pool_differs_by_one_at_most_and_rarely() -> None:
    differing = total = 0
    for seed in range(60):
        draw = Draw(seed)
        x = draw.array(1, draw.number(1, 40), draw.number(5, 9), draw.number(5, 9))
        x_kind = draw.kind(draw.scale())
        y_kind = draw.kind(draw.near(x_kind.scale))
        options, include = windows(draw), bool(seed % 3)
        node = helper.make_node(
            "QLinearAveragePool",
            ["x", "xs", "xz", "ys", "yz"],
            ["y"],
            domain="com.microsoft",
            kernel_shape=options["kernel"],
            strides=options["strides"],
            pads=options["pads"],
            count_include_pad=int(include),
        )
        constants = named("x", x_kind) | named("y", y_kind)
        expected = judge([node], {"x": x}, constants, draw.dtype)

        def build(
            value: SSAValue, y: Any = y_kind, options: Any = options, include: bool = include
        ) -> SSAValue:
            return nn.AvgPoolOp(value, y, **options, count_include_pad=include).result

        distance = np.abs(interpret(build, [(x, x_kind)], Store()) - expected.astype(np.int32))
        assert distance.max() <= 1
        differing += np.count_nonzero(distance)
        total += distance.size
    assert differing < 0.01 * total


@pytest.mark.parametrize("seed", range(40))
def test_global_average_pool(seed: int) -> None:
    draw = Draw(seed)
    x = draw.array(1, draw.number(1, 40), draw.number(1, 9), draw.number(1, 9))
    x_kind = draw.kind(draw.scale())
    y_kind = draw.kind(draw.near(x_kind.scale))
    last = seed // 2 % 2
    node = helper.make_node(
        "QLinearGlobalAveragePool",
        ["x", "xs", "xz", "ys", "yz"],
        ["y"],
        domain="com.microsoft",
        channels_last=last,
    )
    constants = named("x", x_kind) | named("y", y_kind)
    given = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if last else x
    expected = judge([node], {"x": given}, constants, draw.dtype).reshape(1, -1, 1, 1)
    actual = interpret(lambda v: nn.GlobalAvgPoolOp(v, y_kind).result, [(x, x_kind)], Store())
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("seed", range(40))
def test_concatenation(seed: int) -> None:
    draw = Draw(seed)
    y_kind = draw.kind(draw.scale())
    kinds = [draw.kind(draw.near(y_kind.scale)) for _ in range(2)]
    arrays = [draw.array(1, draw.number(1, 9), 5, 6) for _ in range(2)]
    node = helper.make_node(
        "QLinearConcat",
        ["ys", "yz", "a", "as", "az", "b", "bs", "bz"],
        ["y"],
        domain="com.microsoft",
        axis=1,
    )
    constants = named("a", kinds[0]) | named("b", kinds[1]) | named("y", y_kind)
    inputs = dict(zip("ab", arrays, strict=True))
    expected = judge([node], inputs, constants, draw.dtype)
    actual = interpret(
        lambda *values: nn.ConcatOp(values, y_kind, 1).result,
        list(zip(arrays, kinds, strict=True)),
        Store(),
    )
    np.testing.assert_array_equal(actual, expected)


def chain(draw: Draw, *names: str, **constants: Any) -> tuple[list[Any], dict[str, Any]]:
    """The nodes of DequantizeLinear, the operators `names`, QuantizeLinear."""
    values = ["real", *(f"real{index}" for index in range(len(names)))]
    middle = [
        helper.make_node(name, [values[index], *constants], [values[index + 1]])
        for index, name in enumerate(names)
    ]
    first = helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["real"])
    last = helper.make_node("QuantizeLinear", [values[-1], "ys", "yz"], ["y"])
    return [first, *middle, last], constants


@pytest.mark.parametrize("name", ["", "Relu", "Clip", "Abs", "Neg"])
@pytest.mark.parametrize("seed", range(4))
def test_tables(name: str, seed: int) -> None:
    """Exact functions: every stored integer, through the chain as onnxruntime optimises it."""
    draw = Draw(seed)
    x = np.arange(256).astype(np.uint8).view(draw.dtype).reshape(1, 1, 16, 16)
    x_kind = draw.kind(draw.scale())
    y_kind = draw.kind(draw.near(x_kind.scale))
    low, high = np.float32(-3 * y_kind.scale), np.float32(20.5 * y_kind.scale)
    functions = {
        "Relu": lambda v: np.maximum(v, np.float32(0)),
        "Clip": lambda v: np.clip(v, low, high),
        "Abs": np.abs,
        "Neg": np.negative,
    }
    extra = {"low": low, "high": high} if name == "Clip" else {}
    nodes, constants = chain(draw, *([name] if name else []), **extra)
    constants |= named("x", x_kind) | named("y", y_kind)
    expected = judge(nodes, {"x": x}, constants, draw.dtype)
    table = kernels.lut_from_chain(x_kind, [functions[name]] if name else [], y_kind)
    actual = interpret(lambda v: nn.LutOp(v, y_kind, table).result, [(x, x_kind)], Store())
    np.testing.assert_array_equal(actual, expected)


def qdq(name: str, operands: Sequence[str], **options: Any) -> list[Any]:
    """The operator `name` on floats, between DequantizeLinear and QuantizeLinear."""
    before = [
        helper.make_node(
            "DequantizeLinear",
            [operand, f"{operand}s", f"{operand}z"],
            [f"{operand}_real"],
            axis=0 if operand == "w" and name == "Conv" else 1 if operand == "w" else 0,
        )
        for operand in operands
    ]
    middle = helper.make_node(
        name, [f"{operand}_real" for operand in operands], ["y_real"], **options
    )
    return [*before, middle, helper.make_node("QuantizeLinear", ["y_real", "ys", "yz"], ["y"])]


@pytest.mark.parametrize("name", ["Conv", "Gemm", "MatMul"])
@pytest.mark.parametrize("seed", range(8))
def test_products_of_a_float_graph(name: str, seed: int) -> None:
    """The form that quantisers write, as onnxruntime optimises it."""
    draw, store = Draw(seed), Store()
    x_kind = draw.kind(draw.scale())
    conv = name == "Conv"
    x = draw.array(1, 6, 7, 7) if conv else draw.array(1, 37)
    scales = np.array([draw.scale() for _ in range(9)], np.float32)
    w = draw.array(9, 6, 3, 3, dtype=np.int8) if conv else draw.array(37, 9, dtype=np.int8)
    w_kind = UniformType.per_axis(8, True, 0 if conv else 1, scales)
    bias = draw.rng.integers(-5000, 5000, 9).astype(np.int32)
    y_kind = result_of(draw, x_kind, w_kind, w.size // 9, store)
    constants = named("x", x_kind) | named("y", y_kind)
    constants |= {"w": w, "ws": scales, "wz": np.zeros(9, np.int8)}
    constants |= {"b": bias, "bs": scales * x_kind.scale, "bz": np.zeros(9, np.int32)}
    operands = ["x", "w"] if name == "MatMul" else ["x", "w", "b"]
    expected = judge(qdq(name, operands), {"x": x}, constants, draw.dtype)

    def build(value: SSAValue) -> SSAValue:
        weight_value = nn.ConstantOp(w, w_kind, store).result
        bias_value = nn.ConstantOp(bias, i32).result if "b" in operands else None
        kind = nn.ConvOp if conv else nn.MatmulOp
        return kind(value, weight_value, bias_value, y_kind).result

    np.testing.assert_array_equal(interpret(build, [(x, x_kind)], store), expected)


@pytest.mark.parametrize("name", ["Add", "Concat", "MaxPool", "GlobalAveragePool"])
@pytest.mark.parametrize("seed", range(6))
def test_others_of_a_float_graph(name: str, seed: int) -> None:
    draw = Draw(seed)
    y_kind = draw.kind(draw.scale())
    if name == "MaxPool":
        a_kind = b_kind = y_kind
    else:
        a_kind, b_kind = (draw.kind(draw.near(y_kind.scale)) for _ in range(2))
    a, b = draw.array(1, 5, 6, 7), draw.array(1, 5, 6, 7)
    binary = name in ("Add", "Concat")
    options = {"Concat": {"axis": 1}, "MaxPool": {"kernel_shape": [2, 2]}}.get(name, {})
    constants = named("a", a_kind) | named("y", y_kind) | (named("b", b_kind) if binary else {})
    inputs = {"a": a, "b": b} if binary else {"a": a}
    expected = judge(qdq(name, list(inputs), **options), inputs, constants, draw.dtype)
    builds = {
        "Add": lambda x, y: nn.AddOp(x, y, y_kind),
        "Concat": lambda x, y: nn.ConcatOp([x, y], y_kind, 1),
        "MaxPool": lambda x: nn.MaxPoolOp(x, [2, 2]),
        "GlobalAveragePool": lambda x: nn.GlobalAvgPoolOp(x, y_kind),
    }
    arguments = [(a, a_kind), (b, b_kind)] if binary else [(a, a_kind)]
    actual = interpret(lambda *values: builds[name](*values).result, arguments, Store())
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("seed", range(10))
def test_boundary(seed: int) -> None:
    draw = Draw(seed)
    kind = draw.kind(draw.scale())
    halves = np.arange(-300, 300, dtype=np.float32) / 2 * kind.scale
    x = np.concatenate([halves, np.nextafter(halves, np.float32(np.inf))]).reshape(1, -1)
    constants = named("y", kind)
    quantise = helper.make_node("QuantizeLinear", ["x", "ys", "yz"], ["y"])
    codes = judge([quantise], {"x": x}, constants, draw.dtype)
    actual = kernels.quantise(x, kind.scale, kind.zero_point, kind.qmin, kind.qmax)
    np.testing.assert_array_equal(actual, codes)
    dequantise = helper.make_node("DequantizeLinear", ["x", "ys", "yz"], ["y"])
    reals = judge([dequantise], {"x": codes}, constants, np.float32)
    np.testing.assert_array_equal(kernels.dequantise(codes, kind.scale, kind.zero_point), reals)
