"""Quantisation of networks of real numbers: its parts, and as a whole beside onnxruntime."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tilefold.backend.package import Package
from tilefold.compiler import Compilation, compile, compile_network
from tilefold.dialects import nn
from tilefold.dialects.nn_network import network_of
from tilefold.dialects.nn_types import shape_of
from tilefold.dialects.quant import storage_range
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge
from tilefold.frontend.quality import layer_quality, quality
from tilefold.frontend.reals import import_real
from tilefold.interpreters.nn import run as interpret
from tilefold.interpreters.onnx_model import onnx_model
from tilefold.interpreters.onnx_session import OnnxSession
from tilefold.interpreters.samples import Samples
from tilefold.passes.nn_calibrate import calibrate
from tilefold.passes.nn_equalize import equalize
from tilefold.passes.nn_fold_batch_norm import fold_batch_norm
from tilefold.passes.nn_quantize import NnQuantizePass
from tilefold.passes.nn_quantize_weights import NnQuantizeWeightsPass
from tilefold.passes.quantising.observed import Histogram
from tilefold.passes.quantising.products import Product
from tilefold.passes.quantising.ranges import Method, activation_type, weight_scales
from tilefold.passes.quantising.rounding import (
    COLUMNS,
    DAMPING,
    Moments,
    adapted,
    damped,
    rounded,
)
from tilefold.passes.quantising.walk import Walk
from tilefold.passes.quantising.widths import Widths, read_widths
from tilefold.quantizer import Quantisation, quantised, quantize
from xdsl.dialects.builtin import ModuleOp, f32
from xdsl.rewriter import InsertPoint, Rewriter

Floats = npt.NDArray[np.floating]


class Reals:
    """Builds a model of real numbers node by node."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, *shape: int, scale: float = 1.0, offset: float = 0.0) -> str:
        array = self.rng.normal(offset, scale, shape).astype(np.float32)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def model(self, shape: Sequence[int], output: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "reals",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [onnx.ValueInfoProto(name="y")],
            self.constants,
        )
        graph.node.append(helper.make_node("Identity", [output], ["y"], "out"))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return onnx.shape_inference.infer_shapes(model, data_prop=True)


def block(seed: int) -> onnx.ModelProto:
    """A small network with what makes quantisation hard: widths that differ, branches, a gate."""
    net = Reals(seed)
    spread = np.exp(net.rng.normal(0, 1.5, (8, 1, 1, 1))).astype(np.float32)
    w = net.constant(8, 3, 3, 3, scale=0.3)
    net.constants[-1].CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(net.constants[-1]) * spread, w)
    )
    a = net.op("Conv", "x", w, net.constant(8), pads=[1, 1, 1, 1])
    variance = net.constant(8, scale=0.1, offset=2.0)
    names = [net.constant(8, scale=0.2, offset=1.0), net.constant(8), net.constant(8), variance]
    a = net.op("BatchNormalization", a, *names)
    a = net.op("Relu", a)
    d = net.op(
        "Conv", a, net.constant(8, 1, 3, 3, scale=0.4), net.constant(8), group=8, pads=[1] * 4
    )
    d = net.op("Clip", d, *[net.constant(scale=0, offset=bound) for bound in (0.0, 6.0)])
    p = net.op("Conv", d, net.constant(8, 8, 1, 1, scale=0.3), net.constant(8))
    s = net.op("Add", p, a)
    m = net.op("MaxPool", s, kernel_shape=[2, 2], strides=[2, 2])
    g = net.op("GlobalAveragePool", m)
    f = net.op("Flatten", g)
    y = net.op("Gemm", f, net.constant(5, 8), net.constant(5), transB=1)
    return net.model([1, 3, 8, 8], y)


def pair(seed: int) -> onnx.ModelProto:
    """Convolutions with a Relu, a pool and a residual branch between them."""
    net = Reals(seed)
    spread = np.exp(net.rng.normal(0, 1.5, (8, 1, 1, 1))).astype(np.float32)
    w = net.constant(8, 3, 3, 3)
    net.constants[-1].CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(net.constants[-1]) * spread, w)
    )
    a = net.op("Relu", net.op("Conv", "x", w, net.constant(8), pads=[1, 1, 1, 1]))
    d = net.op("Conv", a, net.constant(8, 1, 3, 3), net.constant(8), group=8, pads=[1, 1, 1, 1])
    s = net.op("Add", a, net.op("Conv", d, net.constant(8, 8, 1, 1), net.constant(8)))
    m = net.op("AveragePool", s, kernel_shape=[2, 2], strides=[2, 2])
    s = net.op("Sigmoid", net.op("Conv", m, net.constant(4, 8, 1, 1)))
    y = net.op("Conv", s, net.constant(2, 4, 1, 1))
    return net.model([1, 3, 8, 8], y)


def samples(count: int = 24, seed: int = 9) -> dict[str, npt.NDArray[np.float32]]:
    return {"x": np.random.default_rng(seed).normal(size=(count, 3, 8, 8)).astype(np.float32)}


def uneven(seed: int) -> onnx.ModelProto:
    """Two convolutions, the second of which evens out what channels differ by after the first."""
    net = Reals(seed)
    spread = np.exp(net.rng.normal(0, 2, 16)).astype(np.float32)
    names = [net.constant(16, 3, 3, 3), net.constant(4, 16, 1, 1)]
    for place, factor in enumerate((spread.reshape(-1, 1, 1, 1), 1 / spread.reshape(1, -1, 1, 1))):
        array = numpy_helper.to_array(net.constants[place]) * factor
        net.constants[place].CopyFrom(numpy_helper.from_array(array, names[place]))
    first = net.op("Relu", net.op("Conv", "x", names[0]))
    return net.model([1, 3, 8, 8], net.op("Conv", first, names[1]))


WINDOWS = [
    {"pads": [1, 0, 2, 1], "strides": [2, 1]},
    {"dilations": [2, 1], "group": 2},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [3, 2], "group": 4},
]


@pytest.mark.parametrize("attributes", WINDOWS)
def test_rows_times_columns_are_the_convolution(attributes: dict[str, object]) -> None:
    net = Reals(1)
    groups = int(attributes.get("group", 1))  # pyright: ignore[reportArgumentType]
    y = net.op("Conv", "x", net.constant(8, 4 // groups, 3, 2), **attributes)
    _check_columns(net.model([1, 4, 9, 7], y))


def test_rows_times_columns_are_the_signal_s_convolution() -> None:
    net = Reals(2)
    y = net.op("Conv", "x", net.constant(6, 2, 3), pads=[2, 1], strides=[2], group=2)
    _check_columns(net.model([1, 4, 11], y))


@pytest.mark.parametrize("transposed", [0, 1])
def test_rows_times_columns_are_the_matrix_product(transposed: int) -> None:
    net = Reals(3)
    y = net.op("Gemm", "x", net.constant(*((5, 7) if transposed else (7, 5))), transB=transposed)
    _check_columns(net.model([1, 7], y))
    net = Reals(3)
    _check_columns(net.model([1, 4, 7], net.op("MatMul", "x", net.constant(7, 5))))


def _check_columns(model: onnx.ModelProto) -> None:
    store = Store()
    module = import_real(model, store)
    op = next(op for op in module.walk() if isinstance(op, nn.OnnxOp))
    shape = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    (wanted,) = OnnxSession(onnx_model(module, store)).run({"x": x}).values()
    product = Product(op)
    assert isinstance(op.inputs[1].owner, nn.ConstantOp)
    weight = op.inputs[1].owner.array(store)
    columns = product.columns(x, np.random.default_rng(0), 1 << 20)
    sums = product.rows(weight) @ columns
    sums = sums.reshape(-1, sums.shape[-1])
    if op.op_type != "Conv":
        sums = sums.T
    np.testing.assert_allclose(sums.reshape(wanted.shape), wanted, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(product.weight(product.rows(weight)), weight)
    few = product.columns(x, np.random.default_rng(0), 3)
    assert few.shape[-1] == min(3, columns.shape[-1])


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_weights_rounded_together_change_sums_less(bits: int) -> None:
    rng = np.random.default_rng(bits)
    x = (rng.normal(size=(20, 20)) @ rng.normal(size=(20, 3000))).astype(np.float32)[None]
    moments = Moments.of([(x[:, :, :1000], x[:, :, :1000]), (x[:, :, 1000:], x[:, :, 1000:])])
    rows, most = rng.normal(size=(1, 12, 20)), storage_range(bits, True)[1]
    scales = np.abs(rows).max(axis=-1) / most
    codes, steps = rounded(rows, scales, most, moments)
    assert np.array_equal(codes, np.rint(codes))
    assert np.abs(codes).max() <= most
    nearest = np.clip(np.rint(rows / scales[:, :, None]), -most, most)

    def error(codes: Floats, scales: Floats) -> float:
        apart = (rows - codes * scales[:, :, None]) @ x
        return float((apart**2).sum())

    assert error(codes, steps) < 0.8 * error(nearest, scales)
    kept, same = rounded(rows, scales, most, moments, fit=False)
    assert np.array_equal(same, scales)
    assert error(kept, same) < error(nearest, scales)


def test_no_integer_alone_could_be_better() -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(9, 9)) @ rng.normal(size=(9, 500))).astype(np.float32)[None]
    moments = Moments.of([(x, x)])
    rows = rng.normal(size=(1, 4, 9))
    codes, scales = rounded(rows, np.abs(rows).max(axis=-1) / 3, 3, moments, fit=False)
    metric = damped(moments.covariances[1], DAMPING)

    def error(codes: Floats) -> Floats:
        apart = rows - codes * scales[:, :, None]
        return np.einsum("gki,gij,gkj->gk", apart, metric, apart)

    worse = 0
    for column in range(9):
        for step in (-1, 1):
            other = codes.copy()
            other[:, :, column] = np.clip(other[:, :, column] + step, -3, 3)
            worse += int((error(other) < error(codes) - 1e-9).sum())
    # The last round leaves at most a few that later columns have made better.
    assert worse <= 2


def test_adapted_rows_make_good_a_gain() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 6, 4000)).astype(np.float32)
    rows = rng.normal(size=(1, 3, 6))
    halves = [Moments.of([(half, 2 * half)]) for half in (x[:, :, ::2], x[:, :, 1::2])]
    found = adapted(rows, (halves[0], halves[1]))
    np.testing.assert_allclose(found, rows / 2, rtol=0.1, atol=0.02)


def test_rows_are_not_adapted_to_chance() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1, 3, 200))
    halves: list[Moments] = []
    for _ in range(2):
        x = rng.normal(size=(1, 200, 12)).astype(np.float32)
        halves.append(Moments.of([(x, x)]))
    apart = np.abs(adapted(rows, (halves[0], halves[1])) - rows).max()
    assert apart < 1e-9
    noise = rng.normal(size=(1, 200, 12)).astype(np.float32)
    noisy = Moments.of([(x, x + 1e-2 * noise)])
    assert np.abs(adapted(rows, (noisy, halves[0])) - rows).max() < 0.1


def test_equalising_takes_the_exponents_with_the_least_noise() -> None:
    """With coarse values their noise decides, with coarse weights that of weights."""
    ratios: dict[tuple[int, int], list[float]] = {}
    for widths in ((8, 4), (3, 8)):
        for equal in (False, True):
            options = Quantisation(*widths, input=8, rounding="nearest", equalize=equal)
            made = quantised(uneven(0), samples(), options)
            found = quality(made.original, made.model, made.samples_of(samples(seed=3)))
            ratios.setdefault(widths, []).append(found.signal_to_noise)
    assert ratios[8, 4][1] > ratios[8, 4][0] + 3
    assert ratios[3, 8][1] > ratios[3, 8][0] - 0.1


def test_ranges_by_error_clip_what_is_rare() -> None:
    counts = np.zeros(2048)
    counts[:200], counts[-1] = 1000.0, 1.0
    histogram = Histogram(0.0, 100.0, counts)
    wide = activation_type(histogram, 4, Method.MINMAX)
    narrow = activation_type(histogram, 4, Method.MSE)
    rare = activation_type(histogram, 4, Method.PERCENTILE)
    assert wide.scale == pytest.approx(100 / 15)
    assert narrow.scale < wide.scale
    assert rare.scale < wide.scale
    signed = activation_type(Histogram(-3.0, 1.0, np.zeros(0)), 8, Method.MSE, symmetric=True)
    assert (signed.signed, signed.zero_point) == (True, 0)
    assert signed.scale == pytest.approx(3 / 127)


def test_scales_by_error_are_not_worse() -> None:
    weight = np.random.default_rng(0).standard_t(2, (6, 50)).astype(np.float32)
    errors = []
    for method in (Method.MINMAX, Method.MSE):
        scales = weight_scales(weight, 0, 4, method)[:, None]
        codes = np.clip(np.rint(weight / scales), -7, 7)
        errors.append(((codes * scales - weight) ** 2).sum(axis=1))
    assert (errors[1] <= errors[0] + 1e-6).all()
    assert errors[1].sum() < 0.95 * errors[0].sum()


@pytest.mark.parametrize("seed", range(3))
def test_folding_and_equalising_keep_what_is_computed(seed: int) -> None:
    store = Store()
    for model, groups in ((block(seed), 0), (pair(seed), 2)):
        module, inputs = import_real(model, store), samples()
        before = OnnxSession(onnx_model(module, store))
        fold_batch_norm(module, store)
        kinds = {op.op_type for op in module.walk() if isinstance(op, nn.OnnxOp)}
        assert "BatchNormalization" not in kinds
        assert equalize(module, store, Samples.of(inputs, network_of(module))) == groups
        after = OnnxSession(onnx_model(module, store))
        for sample in Samples(inputs).first(4):
            wanted, found = before.run(sample)["y"], after.run(sample)["y"]
            np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def test_equalising_helps() -> None:
    ratios = []
    for wanted in (False, True):
        options = Quantisation(8, 6, rounding="nearest", equalize=wanted)
        made = quantised(uneven(0), samples(), options)
        found = quality(made.original, made.model, made.samples_of(samples(seed=3)))
        ratios.append(found.signal_to_noise)
    assert ratios[1] > ratios[0] + 3


def test_a_walk_runs_both_halves() -> None:
    inputs, store = samples(3), Store()
    real, stored = import_real(block(0), store), import_real(block(0), store)
    calibrate(stored, store, Samples(inputs))
    NnQuantizePass(5).quantize(stored, store, {})
    NnQuantizeWeightsPass(4).quantize(stored, store, {})
    found: dict[str, list[npt.NDArray[np.float32]]] = {}
    walk = Walk(stored, store, Samples(inputs))
    for op in walk.steps():
        if op.op_type == "Identity":
            both = walk.values[op.inputs[0]]
            found = {"real": both.real, "stored": both.stored}
    # Weights that are stored already are the same in both halves; inputs are not.
    session = OnnxSession(onnx_model(stored, store), optimise=False)
    for sample, value in zip(Samples(inputs), found["stored"], strict=True):
        np.testing.assert_allclose(session.run(sample)["y"], value, rtol=1e-5, atol=1e-5)
    assert any(np.abs(a - b).max() > 0 for a, b in zip(found["real"], found["stored"], strict=True))
    walk = Walk(stored_values_only(real, store, inputs), store, Samples(inputs))
    for op in walk.steps():
        if op.op_type == "Conv":
            # What becomes of the weights is no matter of the real half.
            constant = nn.ConstantOp(np.zeros(shape_of(op.inputs[1]), np.float32), f32, store)
            Rewriter.insert_op(constant, InsertPoint.before(op))
            op.operands[1] = constant.result
        if op.op_type == "Identity":
            found["real"] = walk.values[op.inputs[0]].real
    session = OnnxSession(onnx_model(import_real(block(0), store), store))
    for sample, value in zip(Samples(inputs), found["real"], strict=True):
        np.testing.assert_allclose(session.run(sample)["y"], value, rtol=1e-3, atol=1e-3)


def stored_values_only(
    module: ModuleOp, store: Store, inputs: dict[str, npt.NDArray[np.float32]]
) -> ModuleOp:
    calibrate(module, store, Samples(inputs))
    NnQuantizePass(5).quantize(module, store, {})
    return module


CASES = [
    (8, 8, "nearest", {}),
    (8, 8, "reconstructed", {"symmetric": True}),
    (6, 6, "corrected", {}),
    (5, 5, "reconstructed", {}),
    (4, 8, "reconstructed", {"first": 8, "last": 8}),
    (4, 4, "reconstructed", {"per_channel": False}),
    (3, 7, "nearest", {"equalize": False, "method": "percentile"}),
    (2, 2, "reconstructed", {"input": 8}),
]


@pytest.mark.parametrize(("weights", "activations", "rounding", "others"), CASES)
def test_quantised_networks_are_exact(
    weights: int, activations: int, rounding: str, others: dict[str, object]
) -> None:
    options = Quantisation(weights, activations, rounding=rounding, **others)  # pyright: ignore
    model = quantize(block(1), samples(), options)
    store, inputs = Store(), samples(3, seed=4)
    module = import_model(model, store)
    widths = {op.result.type for op in module.walk() if isinstance(op, nn.ConvOp)}
    assert all(f"{activations}:f32" in str(kind) for kind in widths)
    expected = Judge(model).run(inputs)
    emulated = emulate(compile(model, "tiny"), inputs).outputs
    for name, value in expected.items():
        np.testing.assert_array_equal(emulated[name], value)
        for row in range(3):
            one = {"x": inputs["x"][row : row + 1]}
            np.testing.assert_array_equal(interpret(module, one, store)[name], value[row : row + 1])


def test_reconstruction_is_nearer_than_rounding() -> None:
    ratios = []
    for rounding in ("nearest", "corrected", "reconstructed"):
        made = quantised(block(2), samples(64), Quantisation(4, 8, rounding=rounding))
        found = quality(made.original, made.model, made.samples_of(samples(64, seed=5)))
        ratios.append(found.signal_to_noise)
    assert ratios[0] < ratios[2]
    assert ratios[1] < ratios[2]


def test_quality_by_layer_and_by_label() -> None:
    made = quantised(block(2), samples(), Quantisation(8, 8))
    rows = layer_quality(made.original, made.model, made.samples)
    assert min(rows.values()) > 15
    (name,) = [out.name for out in made.original.graph.output]
    session = OnnxSession(made.original)
    labels = [int(session.run(sample)[name].argmax()) for sample in made.samples]
    found = quality(made.original, made.model, made.samples, labels)
    assert found.right_before == 1.0
    assert found.right == found.agreement > 0.9
    with pytest.raises(TilefoldError, match="2 labels for 24 samples"):
        quality(made.original, made.model, made.samples, [1, 2])


def test_layers_have_widths_of_their_own(tmp_path: "object") -> None:
    layers = {"gemm10": Widths(weights=8), "add6": Widths(activations=8)}
    model = quantize(block(0), samples(), Quantisation(4, 4, rounding="nearest"), layers=layers)
    module = import_model(model, Store())
    kinds = {op.name: str(op.results[0].type) for op in module.walk() if op.results}
    assert "u8:f32" in kinds["nn.add"]
    assert "u4:f32" in kinds["nn.conv"]
    with pytest.raises(TilefoldError, match='the network has no layer "no"'):
        quantize(block(0), samples(), layers={"no": Widths()})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing", "not readable as JSON"),
        ("[1]", "must be an object"),
        ('{"a": {"weights": 9}}', '"a" may have weights and activations, of 2 to 8 bits'),
        ('{"a": {"widths": 8}}', '"a" may have weights'),
    ],
)
def test_files_of_widths_are_checked(tmp_path, text: str, message: str) -> None:
    file = tmp_path / "widths.json"
    file.write_text(text)
    with pytest.raises(TilefoldError, match=message):
        read_widths(str(file))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"z": np.zeros((2, 3, 8, 8), np.float32), "y": np.zeros(1)}, "input 'x' is missing"),
        ({"x": np.zeros((2, 3, 8, 9), np.float32)}, r"float32\['n', 3, 8, 8\]"),
        ({"x": np.zeros((2, 3, 8, 8), np.int64)}, "is int64"),
        ({"x": np.full((1, 3, 8, 8), np.nan, np.float32)}, "NaN or infinity"),
        ({"x": np.zeros((0, 3, 8, 8), np.float32)}, r"\[0, 3, 8, 8\]"),
    ],
)
def test_samples_are_checked(arrays: dict[str, npt.NDArray], message: str) -> None:
    with pytest.raises(TilefoldError, match=message):
        quantize(block(0), arrays)


def on_host(model: onnx.ModelProto) -> set[str]:
    """The kinds of nodes of a quantised model that stay on the host."""
    compiled = compile_network(model, "tiny")
    if isinstance(compiled, Compilation):
        return set()
    return {node.operator for node in compiled.nodes if not node.on_machine}


def emulated_as_judged(made: onnx.ModelProto) -> None:
    """The emulator gives the judge's elements for a quantised model."""
    expected = Judge(made).run(samples(2))
    emulated = emulate(compile(made, "tiny"), samples(2)).outputs
    for name, value in expected.items():
        np.testing.assert_array_equal(emulated[name], value)


def test_a_function_goes_on_from_what_it_is_a_function_of() -> None:
    """An output inside a function is stored for those who read it, and not for the function."""
    net = Reals(0)
    a = net.op("Conv", "x", net.constant(4, 3, 3, 3))
    inside = net.op("Sigmoid", a)
    y = net.op("Conv", net.op("Mul", a, inside), net.constant(2, 4, 1, 1))
    model = net.model([1, 3, 8, 8], y)
    model.graph.output.append(next(each for each in model.graph.value_info if each.name == inside))
    model = quantize(model, samples())
    assert not on_host(model)
    (gated,) = (node for node in model.graph.node if node.op_type == "Mul")
    stored = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    assert gated.input[0] in stored
    assert gated.input[1] not in stored


def test_a_value_and_itself_are_added_as_integers() -> None:
    net = Reals(0)
    a = net.op("Tanh", net.op("Add", "x", "x"))
    net.constants.append(numpy_helper.from_array(np.array([1, 1, 1, 2]), "repeats"))
    a = net.op("Tile", net.op("Mul", a, a), "repeats")
    model = net.model([1, 3, 8, 8], net.op("Conv", a, net.constant(4, 3, 3, 3)))
    made = quantize(model, samples())
    assert not on_host(made)
    emulated_as_judged(made)


def test_attention_is_the_machines_but_for_softmax() -> None:
    net = Reals(0)
    q, k, v = (net.op("MatMul", "x", net.constant(8, 4, scale=0.4)) for _ in range(3))
    scores = net.op("MatMul", q, net.op("Transpose", k, perm=[0, 1, 3, 2]))
    weights = net.op("Softmax", scores, axis=3)
    model = net.model([1, 3, 8, 8], net.op("MatMul", weights, v))
    made = quantize(model, samples())
    assert on_host(made) <= {"Softmax", "QuantizeLinear"}
    emulated_as_judged(made)


def test_axes_and_parameters_are_no_values_to_store() -> None:
    net = Reals(0)
    a = net.op("Relu", "x")
    names = [net.constant(3, scale=0.2, offset=offset) for offset in (1, 0, 0, 2)]
    a = net.op("BatchNormalization", a, *names)
    a = net.op("Div", a, net.constant(3, 1, 1, scale=0.1, offset=2))
    net.constants.append(numpy_helper.from_array(np.array([2, 3]), "axes"))
    a = net.op("ReduceMean", a, "axes", keepdims=0)
    model = net.model([1, 3, 8, 8], net.op("Gemm", a, net.constant(3, 2)))
    model.opset_import[0].version = 18
    assert not on_host(quantize(onnx.shape_inference.infer_shapes(model), samples()))


def test_products_of_two_activations_are_quantised() -> None:
    net = Reals(0)
    q, k = (net.op("MatMul", "x", net.constant(8, 4)) for _ in range(2))
    scores = net.op("MatMul", q, net.op("Transpose", k, perm=[0, 1, 3, 2]))
    model = net.model([1, 3, 8, 8], net.op("MatMul", scores, net.constant(8, 3)))
    for rounding in ("nearest", "reconstructed"):
        made = quantised(model, samples(), Quantisation(rounding=rounding))
        assert made.products == 3
        assert not on_host(made.model)


@pytest.mark.parametrize("opset", [9, 11, 12])
def test_models_of_old_operator_sets_get_scales_by_channel(opset: int) -> None:
    net = Reals(0)
    model = net.model([1, 3, 8, 8], net.op("Conv", "x", net.constant(4, 3, 3, 3)))
    model.opset_import[0].version = opset
    made = quantize(model, samples(), Quantisation(per_channel=True))
    emulated_as_judged(made)


def test_resizing_of_operator_set_11_keeps_its_meaning() -> None:
    net = Reals(0)
    net.constants += [
        numpy_helper.from_array(np.float32([]), "none"),
        numpy_helper.from_array(np.float32([1, 1, 2, 2]), "twice"),
    ]
    model = net.model([1, 3, 8, 8], net.op("Resize", "x", "none", "twice", mode="linear"))
    model.opset_import[0].version = 11
    made = quantised(model, samples())
    (given,) = OnnxSession(model).run(samples(1)).values()
    (kept,) = OnnxSession(made.original).run(samples(1)).values()
    np.testing.assert_array_equal(given, kept)


def test_values_that_hardly_vary_can_be_rounded_for() -> None:
    """Their variance is less than what sums in float32 are exact to."""
    columns = np.random.default_rng(1).normal(0, 1e-6, (1, 6, 5000)).astype(np.float32) + 3
    moments = Moments.of([(columns, columns)])
    codes, _ = rounded(np.random.default_rng(0).normal(size=(1, 4, 6)), np.ones((1, 4)), 7, moments)
    assert np.isfinite(codes).all()


def test_values_must_be_finite() -> None:
    net = Reals(0)
    model = net.model([1, 4], net.op("Exp", "x"))
    with pytest.raises(TilefoldError, match=r"exp0: its values are not finite: .* to inf"):
        quantize(model, {"x": np.full((2, 4), 200, np.float32)})


@pytest.mark.parametrize("opset", [9, 10, 11, 12, 13, 18])
def test_models_of_all_operator_sets_are_quantised(opset: int) -> None:
    """Scales by channel are there from operator set 13 on: older models are converted."""
    net = Reals(0)
    w = net.constant(4, 3, 3, 3)
    model = net.model([1, 3, 8, 8], net.op("Relu", net.op("Conv", "x", w, net.constant(4))))
    model.opset_import[0].version = opset
    samples = {"x": net.rng.normal(size=(4, 3, 8, 8)).astype(np.float32)}
    program = compile(model, "tiny", samples=samples, host=False)
    expected = OnnxSession(model).run({"x": samples["x"][:1]})["y"]
    actual = emulate(program, {"x": samples["x"][:1]}).outputs["y"]
    assert np.abs(actual - expected).max() < 0.02 * np.abs(expected).max()


def test_what_stays_on_the_host_stays_real() -> None:
    """Behind the product all is the host's, also what machines could compute between its parts."""
    net = Reals(0)
    a = net.op("Conv", "x", net.constant(4, 3, 1, 1), net.constant(4))
    b = net.op("Softmax", net.op("Relu", a), axis=1)
    c = net.op("Transpose", b, perm=[0, 1, 3, 2])
    model = net.model([1, 3, 4, 5], net.op("Softmax", net.op("MaxPool", c, kernel_shape=[1, 1])))
    made = quantize(model, {"x": net.rng.normal(size=(4, 3, 4, 5)).astype(np.float32)})
    kinds = [node.op_type for node in made.graph.node]
    assert kinds[kinds.index("Softmax") :] == [
        "Softmax",
        "Transpose",
        "MaxPool",
        "Softmax",
        "Identity",
    ]
    assert kinds.count("QuantizeLinear") == 2
    package = compile(made, "tiny")
    assert isinstance(package, Package)
    assert [node.operator for node in package.nodes if node.on_machine] == [
        "Conv",
        "Relu",
        "QuantizeLinear",
    ]


def test_wide_products_take_no_memory_for_their_moments() -> None:
    """Those of a row of 25,088 weights would be 5 GB each."""
    x = np.ones((1, COLUMNS + 1, 3), np.float32)
    wide = Moments.of([(x, 2 * x)])
    assert (wide.count, wide.x[0, 0], wide.y[0, -1]) == (3, 3, 6)
    assert wide.xy.size == wide.yy.size == 0
    assert Moments.of([(x[:, :9], x[:, :9])]).yy.shape == (1, 9, 9)


@pytest.mark.parametrize("kind", ["Gemm", "MatMul"])
def test_products_of_many_rows_are_computed(kind: str) -> None:
    """Steps of a sequence lie in the place of the batch behind a recurrent layer."""
    net = Reals(0)
    units, gates = 6, 24
    steps = net.op("Transpose", "x", perm=[1, 0, 2])
    matrices = [net.constant(1, gates, size, scale=0.5) for size in (4, units)]
    state = net.op("LSTM", steps, *matrices, hidden_size=units)
    rows = net.op("Squeeze", state)
    bias = [net.constant(5)] if kind == "Gemm" else []
    product = net.op(kind, rows, net.constant(units, 5), *bias)
    model = net.model([1, 7, 4], product)
    samples = {"x": net.rng.normal(size=(8, 7, 4)).astype(np.float32)}
    package = compile(model, "tiny", samples=samples)
    assert isinstance(package, Package)
    macs = {node.operator: node.macs for node in package.nodes if node.on_machine and node.macs}
    assert macs == {"MatMul": 7 * units * 5}
    expected = OnnxSession(model).run({"x": samples["x"][:1]})["y"]
    actual = emulate(package, {"x": samples["x"][:1]}).outputs["y"]
    assert np.abs(actual - expected).max() < 0.03 * np.abs(expected).max()


def test_products_of_two_values_have_no_weights() -> None:
    net = Reals(0)
    model = net.model([1, 3, 8, 8], net.op("MatMul", net.op("Relu", "x"), "x"))
    made = quantised(model, samples(4), Quantisation(4, 8))
    assert made.products == 0
    found = quality(made.original, made.model, made.samples)
    assert found.signal_to_noise > 30


def test_inputs_have_as_many_samples() -> None:
    net = Reals(0)
    model = net.model([1, 4], net.op("Relu", "x"))
    model.graph.input.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4]))
    arrays = {"x": np.ones((2, 4), np.float32), "z": np.ones((3, 4), np.float32)}
    with pytest.raises(TilefoldError, match="samples: inputs have different numbers of samples"):
        quantize(model, arrays)


def test_options_are_checked() -> None:
    for options, message in (
        (Quantisation(weights=9), "9 bits: widths are from 2 to 8"),
        (Quantisation(method="best"), 'no method "best"'),
        (Quantisation(rounding="up"), 'rounding "up" is none of'),
    ):
        with pytest.raises(TilefoldError, match=message):
            quantize(block(0), samples(2), options)
