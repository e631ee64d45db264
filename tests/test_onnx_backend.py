"""ONNX's backend interface: its own tests, in part here and all of them with the long tests."""

import unittest
import warnings

import numpy as np
import pytest
import tilefold
from onnx import TensorProto, helper
from onnx.backend.base import BackendRep
from onnx.backend.test import BackendTest
from tilefold import onnx_backend
from tilefold.backend.package import Package
from tilefold.backend.program import Program
from tilefold.errors import TilefoldError
from tilefold.onnx_backend import TilefoldBackend
from tilefold.tests.frontend import models as m
from tilefold.tests.support import mixed_networks as mixed
from tilefold.tests.support import onnx_cases
from tilefold.tests.support.onnx_cases import ON_HOST, ON_MACHINE, Judged

QUANTISED = {
    "test_qlinearconv": ON_MACHINE,
    "test_convinteger_with_padding": ON_MACHINE,
    "test_convinteger_without_padding": ON_MACHINE,
    "test_maxpool_2d_uint8": ON_MACHINE,
    "test_matmulinteger": ON_HOST,
    "test_qlinearmatmul_2D_uint8_float32": ON_HOST,
    "test_qlinearmatmul_3D_int8_float32": ON_HOST,
    "test_dynamicquantizelinear": ON_HOST,
}
"""Matrices of several rows are batches, and stay on the host."""

OTHERS = (
    "test_add",
    "test_and2d",
    "test_argmax_default_axis_example",
    "test_averagepool_2d_same_upper",
    "test_batchnorm_example",
    "test_castlike_FLOAT_to_DOUBLE_expanded",
    "test_clip_default_int8_inbounds",
    "test_concat_2d_axis_1",
    "test_conv_with_strides_padding",
    "test_cumsum_1d",
    "test_flatten_axis1",
    "test_gather_elements_0",
    "test_gemm_all_attributes",
    "test_globalaveragepool",
    "test_identity",
    "test_if",
    "test_lstm_defaults",
    "test_matmul_3d",
    "test_nonmaxsuppression_two_classes",
    "test_nonzero_example",
    "test_or4d",
    "test_pow_types_int64_float32",
    "test_resize_upsample_scales_nearest",
    "test_reshape_zero_dim",
    "test_scatter_elements_with_axis",
    "test_slice",
    "test_split_equal_parts_1d_opset13",
    "test_squeeze",
    "test_top_k",
    "test_transpose_all_permutations_0",
    "test_where_example",
)


@pytest.mark.parametrize("name", QUANTISED)
def test_quantised_operators(name: str) -> None:
    outcome = onnx_cases.run(onnx_cases.cases()[name])
    assert (outcome.where, outcome.skipped) == (QUANTISED[name], "")


@pytest.mark.parametrize("name", OTHERS)
def test_other_operators_run_on_the_host(name: str) -> None:
    outcome = onnx_cases.run(onnx_cases.cases()[name])
    assert (outcome.where, outcome.skipped) == (ON_HOST, "")


PARTS = 20


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_all_of_onnxs_tests(part: int) -> None:
    """No result is wrong, and what does not run says why: less than half of any part."""
    cases = list(onnx_cases.cases().values())[part::PARTS]
    outcomes = [onnx_cases.run(case) for case in cases]
    skipped = [outcome for outcome in outcomes if outcome.skipped]
    assert len(skipped) < len(outcomes) / 2
    assert all(onnx_cases.reason(outcome) in onnx_cases.MEANINGS for outcome in skipped)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("simple", "test_single_relu_model"),
        ("simple", "test_sign_model"),
        ("pytorch-converted", "test_PixelShuffle"),
    ],
)
def test_models_run_on_the_host(kind: str, name: str) -> None:
    outcome = onnx_cases.run(onnx_cases.cases(kind)[name])
    assert (outcome.where, outcome.skipped) == (ON_HOST, "")


@pytest.mark.long
@pytest.mark.parametrize("kind", sorted({*onnx_cases.KINDS} - {"node"}))
def test_all_of_onnxs_models(kind: str) -> None:
    outcomes = [onnx_cases.run(case) for case in onnx_cases.cases(kind).values()]
    skipped = [outcome for outcome in outcomes if outcome.skipped]
    assert len(skipped) < len(outcomes)
    assert all(onnx_cases.reason(outcome) in onnx_cases.MEANINGS for outcome in skipped)


def test_onnxs_own_runner() -> None:
    """The runner finds what it wants of a backend; it too sees no wrong result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = BackendTest(Judged, __name__)
    names = [*QUANTISED, *OTHERS]
    tests.include(f"^({'|'.join(names)})_cpu$")
    suite = unittest.TestSuite(
        case(name)
        for case in tests.test_cases.values()
        for name in dir(case)
        if name.removesuffix("_cpu") in names
    )
    result = unittest.TestResult()
    suite.run(result)
    assert result.testsRun == len(names)
    assert not (result.failures or result.errors or result.skipped)


def prepared_zigzag() -> BackendRep:
    return onnx_backend.prepare(mixed.zigzag(), machine="tiny")


def test_inputs_by_name_and_in_order() -> None:
    """Results come in the model's order, and are those of `tilefold.emulate`."""
    model = mixed.zigzag()
    x = np.random.default_rng(0).normal(size=(1, 6, 9, 11)).astype(np.float32)
    prepared = onnx_backend.prepare(model, machine="tiny")
    package = tilefold.compile(model, "tiny")
    assert isinstance(package, Package)
    expected = tilefold.emulate(package, {"x": x}).outputs
    for results in (prepared.run([x]), prepared.run({"x": x}), prepared.run(x)):
        assert len(results) == 2
        assert np.array_equal(results[0], expected["erf:0"])
        assert np.array_equal(results[1], expected["best:0"])
    assert np.array_equal(onnx_backend.run_model(model, [x], machine="tiny")[1], results[1])


def test_a_program_is_compiled_once_for_its_shapes_and_constants() -> None:
    model = m.qdq_conv(mixed.net())
    prepared = onnx_backend.prepare(model, machine="tiny")
    feeds = m.feeds(model, np.random.default_rng(0))
    first, rest = prepared.program(feeds)
    assert isinstance(first, Program) and set(rest) == set(feeds)
    assert prepared.program(feeds)[0] is first


def test_constants_that_are_given_as_inputs_are_compiled_in() -> None:
    """Once for each value: with other weights the results are others."""
    node = helper.make_node("ConvInteger", ["x", "w", "zero"], ["y"], "conv")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (1, 3, 5, 5)).astype(np.uint8)
    zero = np.array(7, np.uint8)
    kinds = {"x": (1, 3, 5, 5), "w": (2, 3, 3, 3), "zero": ()}
    inputs = [helper.make_tensor_value_info(n, TensorProto.UINT8, s) for n, s in kinds.items()]
    output = helper.make_tensor_value_info("y", TensorProto.INT32, [1, 2, 3, 3])
    graph = helper.make_graph([node], "graph", inputs, [output])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    prepared = onnx_backend.prepare(model, machine="tiny")
    programs = set()
    for _ in range(2):
        w = rng.integers(0, 256, (2, 3, 3, 3)).astype(np.uint8)
        feeds = {"x": x, "w": w, "zero": zero}
        program, rest = prepared.program(feeds)
        assert isinstance(program, Program) and set(rest) == {"x"}
        assert prepared.program(feeds)[0] is program
        programs.add(id(program))
        windows = np.lib.stride_tricks.sliding_window_view(x[0].astype(int) - 7, (3, 3), (1, 2))
        expected = np.einsum("cyxij,kcij->kyx", windows, w.astype(int))
        assert np.array_equal(prepared.run(feeds)[0][0], expected)
    assert len(programs) == 2


def test_shapes_are_those_of_the_inputs() -> None:
    """A dynamic height, and a size of nothing."""
    model = mixed.zigzag()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    prepared = onnx_backend.prepare(model, machine="tiny")
    for height in (5, 9):
        x = np.zeros((1, 6, height, 11), np.float32)
        assert prepared.run([x])[0].shape == (1, height, 11, 8)
    graph = helper.make_graph(
        [helper.make_node("Abs", ["x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
    )
    opsets = [helper.make_opsetid("", 13)]
    empty = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    assert onnx_backend.run_model(empty, [np.zeros((0, 2), np.float32)])[0].shape == (0, 2)


def test_nodes_run_alone() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    (relu,) = onnx_backend.run_node(helper.make_node("Relu", ["x"], ["y"]), [x])
    assert np.array_equal(relu, np.maximum(x, 0))
    shape = np.array([3, -1], np.int64)
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    assert onnx_backend.run_node(node, [x, shape])[0].shape == (3, 2)
    clip = helper.make_node("Clip", ["x", "", "high"], ["y"])
    high = np.array(0.5, np.float32)
    assert onnx_backend.run_node(clip, [x, high])[0].max() <= 0.5
    top = helper.make_node("TopK", ["x", "k"], ["values", "places"])
    values, places = onnx_backend.run_node(top, [x, np.array([1], np.int64)])
    assert np.array_equal(places[:, 0], x.argmax(1)) and places.dtype == np.int64
    assert np.array_equal(values[:, 0], x.max(1))
    info = [(np.dtype(np.float32), (2, 3))]
    old = onnx_backend.run_node(
        helper.make_node("Clip", ["x"], ["y"], max=0.5), [x], outputs_info=info, opset_version=10
    )
    assert np.array_equal(old[0], np.minimum(x, 0.5))


def test_devices() -> None:
    assert onnx_backend.supports_device("CPU") and onnx_backend.supports_device("CPU:0")
    assert not onnx_backend.supports_device("CUDA")
    assert TilefoldBackend.is_compatible(mixed.zigzag())
    assert not TilefoldBackend.is_compatible(mixed.zigzag(), "CUDA")


def test_what_is_wrong_is_said_in_a_line() -> None:
    x = np.zeros((1, 6, 9, 11), np.float32)
    broken = mixed.zigzag()
    broken.graph.node[0].op_type = "Nothing"
    elsewhere = mixed.zigzag()
    elsewhere.graph.initializer[0].data_location = TensorProto.EXTERNAL
    relu = helper.make_node("Relu", ["x"], ["y"])
    for call, message in (
        (lambda: onnx_backend.prepare(mixed.zigzag(), "CUDA"), "device CUDA is not supported"),
        (lambda: onnx_backend.prepare(mixed.zigzag(), speed=3), "unknown option speed"),
        (lambda: onnx_backend.prepare(broken), "not a valid model: No Op registered for Nothing"),
        (lambda: onnx_backend.prepare(elsewhere), "has external data; load it first"),
        (lambda: prepared_zigzag().run([x, x]), "2 inputs, but the model takes 1"),
        (lambda: prepared_zigzag().run({"y": x}), "no input 'y'; the model takes x"),
        (lambda: prepared_zigzag().run({}), "input 'x' is missing"),
        (lambda: prepared_zigzag().run([[x]]), "input 'x' is no tensor"),
        (lambda: prepared_zigzag().run([x], speed=3), "unknown option speed"),
        (lambda: onnx_backend.run_node(relu, [x, x]), "2 inputs, but the node takes 1"),
        (
            lambda: onnx_backend.run_node(helper.make_node("Nothing", ["x"], ["y"]), [x]),
            r"node '' \(Nothing\): No schema registered for 'Nothing'",
        ),
    ):
        with pytest.raises(TilefoldError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
