"""Networks that machine and host share: emulator, interpreter and onnxruntime agree."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tilefold
from onnx import ModelProto
from tilefold.compiler import Compilation, PackageCompilation, compile_network
from tilefold.errors import TilefoldError
from tilefold.frontend.judge import Judge
from tilefold.tests.frontend import models as m
from tilefold.tests.support import mixed_networks as mixed

Arrays = dict[str, np.ndarray]


def feeds(model: ModelProto, seed: int = 1) -> Arrays:
    """Inputs of batch 1 for `model`; no axis beyond the tensors'."""
    rng = np.random.default_rng(seed)
    values: Arrays = {}
    for value in model.graph.input:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        kind = value.type.tensor_type.elem_type
        if kind == 1:
            values[value.name] = rng.normal(0, 1.5, shape).astype(np.float32)
        elif kind == 9:
            values[value.name] = rng.integers(0, 2, shape).astype(bool)
        elif kind == 2:
            values[value.name] = rng.integers(0, 256, shape).astype(np.uint8)
        else:
            values[value.name] = np.ones(shape, np.int64)
    return values


def package_of(model: ModelProto, machine: str = "tiny") -> PackageCompilation:
    compiled = compile_network(model, machine)
    assert isinstance(compiled, PackageCompilation)
    return compiled


def agree(compiled: PackageCompilation, model: ModelProto, inputs: Arrays) -> None:
    """Emulator, interpreter and onnxruntime on the whole model give the same elements and types."""
    emulated = tilefold.emulate(compiled.package, inputs).outputs
    interpreted = compiled.values(inputs)
    expected = Judge(model).run(inputs)
    assert set(emulated) == set(expected)
    for name, values in expected.items():
        assert emulated[name].dtype == interpreted[name].dtype == values.dtype
        np.testing.assert_array_equal(emulated[name], interpreted[name])
        np.testing.assert_array_equal(emulated[name], values)


@pytest.mark.parametrize("build", mixed.SHARED.values(), ids=mixed.SHARED)
def test_all_three_agree(build: Callable[[], ModelProto]) -> None:
    model = build()
    compiled = package_of(model)
    assert len(compiled.steps) > 1 and compiled.machine_steps
    agree(compiled, model, feeds(model))


@pytest.mark.parametrize("seed", range(6))
def test_random_networks_agree(seed: int) -> None:
    model = mixed.random_mixed(seed)
    agree(package_of(model), model, feeds(model))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6, 200))
def test_many_random_networks_agree(seed: int) -> None:
    model = mixed.random_mixed(seed)
    agree(package_of(model), model, feeds(model))


def test_a_batch_runs_input_after_input(tmp_path: Path) -> None:
    model = mixed.zigzag()
    package = package_of(model).package
    batch = np.random.default_rng(2).normal(size=(3, 6, 9, 11)).astype(np.float32)
    together = tilefold.emulate(package, {"x": batch}).outputs
    alone = [tilefold.emulate(package, {"x": batch[n : n + 1]}).outputs for n in range(3)]
    for name, values in together.items():
        assert np.array_equal(values, np.concatenate([each[name] for each in alone]))


def test_an_input_that_goes_straight_out_comes_in_batches_too() -> None:
    builder = mixed.net()
    builder.output(builder.op("Sin", builder.input((1, 3)), name="sin"), rank=2)
    builder.output(builder.input((1, 2), "through"), rank=2)
    package = tilefold.compile(builder.model(), "tiny")
    x, through = np.ones((3, 3), np.float32), np.arange(6, dtype=np.float32).reshape(3, 2)
    outputs = tilefold.emulate(package, {"x": x, "through": through}).outputs
    assert np.array_equal(outputs["through"], through)
    with pytest.raises(TilefoldError, match=r"'through' has shape \[2, 2\] for 3 inputs"):
        tilefold.emulate(package, {"x": x, "through": through[:2]})


def test_inputs_of_the_host_are_stacked_or_stand_behind_one_another() -> None:
    """What has no batch, as the state of a recurrent layer, may be stacked along one of its own."""
    builder = mixed.net()
    state = builder.input((2, 1, 4), "state")
    builder.output(builder.op("Mul", state, builder.input((), "gain"), name="scaled"), rank=3)
    package = tilefold.compile(builder.model(), "tiny")
    states, gain = np.arange(24, dtype=np.float32).reshape(3, 2, 1, 4), np.arange(3, dtype="f")
    expected = (states * gain[:, None, None, None]).reshape(6, 1, 4)
    for given in (states, states.reshape(6, 1, 4)):
        outputs = tilefold.emulate(package, {"state": given, "gain": gain}).outputs
        assert np.array_equal(outputs["scaled:0"], expected)
    one = {"state": states[1], "gain": gain[1]}
    assert np.array_equal(tilefold.emulate(package, one).outputs["scaled:0"], states[1])
    with pytest.raises(TilefoldError, match=r"or more of them stacked\)"):
        tilefold.emulate(package, {"state": states[:, 0], "gain": gain})


def test_sums_that_the_host_reads_are_the_machines() -> None:
    """Without QuantizeLinear onnxruntime convolves in float, and rounds as it goes."""
    builder = mixed.net()
    x = mixed.quantised(builder, builder.input((1, 6, 9, 11)))
    sums = mixed.conv(builder, x, (6, 8), "conv")
    builder.output(builder.op("Sin", sums, name="sin"))
    builder.output(builder.op("ArgMax", sums, axis=1, name="best"), 7)
    model = builder.model()
    compiled, inputs = package_of(model), feeds(model)
    emulated = tilefold.emulate(compiled.package, inputs).outputs
    interpreted, expected = compiled.values(inputs), Judge(model).run(inputs)
    assert all(np.array_equal(emulated[name], interpreted[name]) for name in emulated)
    np.testing.assert_allclose(emulated["sin:0"], expected["sin:0"], atol=1e-4)
    assert np.array_equal(emulated["best:0"], expected["best:0"])


def test_results_of_different_sizes_are_for_one_input_at_a_time() -> None:
    package = package_of(mixed.detections()).package
    batch = np.random.default_rng(2).normal(size=(2, 6, 5, 5)).astype(np.float32)
    with pytest.raises(TilefoldError, match="another shape for each input: run one at a time"):
        tilefold.emulate(package, {"x": batch})


def test_cycles_are_the_machines_and_do_not_depend_on_values() -> None:
    compiled = package_of(mixed.zigzag())
    timed = tilefold.emulate(compiled.package, {}, values=False)
    alone = [
        tilefold.emulate(step.program, {}, values=False) for step in compiled.machine_steps.values()
    ]
    assert timed.report.cycles == sum(each.report.total.cycles for each in alone) > 0
    assert timed.report.milliseconds is None and not timed.outputs
    run = tilefold.emulate(compiled.package, feeds(mixed.zigzag()))
    assert run.report.cycles == timed.report.cycles
    assert run.report.milliseconds is not None and run.report.milliseconds > 0


def test_bytes_that_cross_are_counted_in_memory_form() -> None:
    """9 x 11 pixels: 8 channels turned and 8 straight one way; 8 and 8 straight the other."""
    report = tilefold.emulate(package_of(mixed.zigzag()).package, {}, values=False).report
    first, last = report.host
    pixels = 9 * 11
    assert (first.bytes_read, first.bytes_written) == (2 * 8 * pixels, 2 * 8 * pixels)
    assert (last.bytes_read, last.bytes_written) == (4 * pixels, 0)
    assert (first.nodes, last.nodes) == (3, 1)
    total = report.to_json()["total"]
    assert total["bytes_read_by_host"] == 20 * pixels
    assert total["cycles"] == report.cycles
    assert total["macs"] == pixels * 9 * (8 * 6 + 4 * 8)


def test_what_the_machine_can_run_is_the_same_program_as_ever() -> None:
    model = m.qdq_conv(m.Net(np.random.default_rng(0)))
    compiled = compile_network(model, "tiny")
    assert isinstance(compiled, Compilation)
    assert tilefold.compile(model, "tiny", host=False) == tilefold.compile(model, "tiny")


def test_without_a_host_it_is_an_error() -> None:
    with pytest.raises(
        TilefoldError, match=r"net: node 'erf' \(LogSoftmax\): operator LogSoftmax is not"
    ):
        tilefold.compile(mixed.zigzag(), "tiny", host=False)


def test_what_does_not_fit_the_machine_is_the_hosts() -> None:
    model = mixed.too_wide()
    compiled = package_of(model)
    where = {node.name: node for node in compiled.nodes if node.operator == "Conv"}
    assert {name: node.on_machine for name, node in where.items()} == {
        "first": True,
        "wide": False,
        "last": True,
    }
    assert "not even its smallest tile fits" in where["wide"].reason
    agree(compiled, model, feeds(model))
    with pytest.raises(TilefoldError, match="wide: not even its smallest tile fits"):
        tilefold.compile(model, "tiny", host=False)


def test_a_package_without_weights_can_be_timed() -> None:
    package = package_of(mixed.zigzag()).package
    bare = package.without_weights()
    assert package.weights and not bare.weights
    timed = tilefold.emulate(bare, {}, values=False).report
    assert timed.cycles == tilefold.emulate(package, {}, values=False).report.cycles
    with pytest.raises(TilefoldError, match="weights were left out"):
        tilefold.emulate(bare, feeds(mixed.zigzag()))


def test_an_operator_that_neither_can_run_is_named() -> None:
    builder = mixed.net()
    x = builder.input((1, 4, 4))
    builder.output(builder.op("Affine", x, name="odd", domain="org.example"))
    model = builder.model()
    model.opset_import.add(domain="org.example", version=1)
    with pytest.raises(
        TilefoldError, match=r"net: .*onnxruntime refuses the model: .*Affine"
    ) as caught:
        tilefold.compile(model, "tiny")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, "input 'x' is missing"),
        ({"y": np.zeros(1)}, "no input 'y'; the network has axis, mask, x"),
        ({"mask": np.zeros((1, 4))}, "input 'mask' has elements float64; give bool"),
        ({"mask": np.zeros((1, 3), bool)}, r"input 'mask' has shape \[1, 3\], not \[1, 4\]"),
        ({"mask": np.zeros((2, 4), bool)}, "inputs have different batch sizes"),
        ({"x": np.full((1, 6, 5, 5), np.nan, np.float32)}, "input 'x' holds NaN"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    model = mixed.with_mask()
    inputs = {**feeds(model), **change}
    given = {name: values for name, values in inputs.items() if values is not None}
    with pytest.raises(TilefoldError, match=message):
        tilefold.emulate(package_of(model).package, given)  # type: ignore[arg-type]


def test_an_int8_network_on_another_machine() -> None:
    """Signed activations, and a machine whose arrays are fixed."""
    rng = np.random.default_rng(3)
    model = mixed.with_host_operators(m.random_network(rng, 5, np.int8), rng, 2)
    agree(package_of(model, "eyeriss_like"), model, feeds(model))
