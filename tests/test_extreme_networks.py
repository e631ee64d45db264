"""Sound networks of unusual proportions: they compile, if not for the machine alone."""

import numpy as np
import pytest
from onnx import ModelProto
from tilefold.compiler import Compilation, compile_network
from tilefold.quantizer import quantised
from tilefold.tests.frontend.models import Net

SHAPE = (1, 4, 8, 8)
SCALE, ZERO = 0.02, np.uint8(120)


def net() -> Net:
    return Net(np.random.default_rng(0))


def stored(builder: Net, x: str) -> str:
    return builder.qdq(x, SCALE, ZERO)


def behind_a_chain(builder: Net, constant: str) -> ModelProto:
    """A product on the machine, one on the host's sum of the input and `constant`."""
    x = stored(builder, builder.input(SHAPE))
    y = builder.op("Softmax", builder.op("Add", x, constant))
    weight, _ = builder.weight((6, 4, 3, 3), 0)
    builder.output(stored(builder, builder.op("Conv", stored(builder, y), weight)))
    return builder.model()


@pytest.mark.parametrize("kind", ["Relu", "Sigmoid"])
def test_a_thousand_functions_in_a_row(kind: str) -> None:
    builder = net()
    x = stored(builder, builder.input(SHAPE))
    for _ in range(1000):
        x = builder.op(kind, x)
    builder.output(stored(builder, x))
    assert not isinstance(compile_network(builder.model(), "tiny"), Compilation)


def test_a_thousand_functions_of_a_constant() -> None:
    builder = net()
    constant = builder.constant(np.ones(SHAPE, np.float32))
    for _ in range(1000):
        constant = builder.op("Erf", constant)
    compiled = compile_network(behind_a_chain(builder, constant), "tiny")
    assert not isinstance(compiled, Compilation) and compiled.machine_steps


def test_each_constant_read_twice_by_the_next() -> None:
    """Two to the power of sixty ways lead back to the first of them."""
    builder = net()
    constant = builder.op("Erf", builder.constant(np.ones(SHAPE, np.float32)))
    for _ in range(60):
        constant = builder.op("Add", constant, constant)
    compiled = compile_network(behind_a_chain(builder, constant), "tiny")
    assert not isinstance(compiled, Compilation) and compiled.machine_steps


@pytest.mark.parametrize("name", ["strides", "dilations"])
def test_what_instructions_cannot_say_stays_on_the_host(name: str) -> None:
    builder = net()
    x = stored(builder, builder.input((1, 4, 8, 700)))
    weight, _ = builder.weight((6, 4, 1, 2), 0)
    conv = builder.op("Conv", x, weight, name="conv", **{name: [1, 300]})
    builder.output(stored(builder, conv))
    compiled = compile_network(builder.model(), "tiny")
    assert not isinstance(compiled, Compilation)
    reasons = {node.name: node.reason for node in compiled.nodes}
    assert "beyond 255" in reasons["conv"]


def test_a_product_of_two_values_is_left_as_it_is() -> None:
    builder = net()
    x = builder.input((1, 8))
    left = builder.op("Gemm", x, builder.constant(np.eye(8, dtype=np.float32)), name="left")
    right = builder.op("Reshape", left, builder.constant(np.array([8, 1])), name="right")
    builder.output(builder.op("Relu", left, name="relu"), rank=2)
    builder.output(builder.op("MatMul", left, right, name="product"), rank=2)
    samples = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    assert quantised(builder.model(), {"x": samples}).products == 1


def test_samples_that_are_all_the_same() -> None:
    builder = net()
    flat = builder.op("Flatten", builder.op("Abs", builder.input(SHAPE), name="abs"), name="flat")
    weight = builder.rng.normal(size=(256, 5)).astype(np.float32)
    builder.output(builder.op("Gemm", flat, builder.constant(weight), name="gemm"), rank=2)
    one = np.random.default_rng(0).normal(100, 1, size=SHAPE).astype(np.float32)
    made = quantised(builder.model(), {"x": np.repeat(one, 3, axis=0)})
    assert made.products == 1


def test_values_whose_squares_no_float_holds() -> None:
    builder = net()
    x = builder.op("Mul", builder.input((1, 8)), builder.constant(np.float32(1e19)), name="huge")
    weight = builder.rng.normal(size=(8, 5)).astype(np.float32)
    builder.output(builder.op("Gemm", x, builder.constant(weight), name="gemm"), rank=2)
    samples = np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32)
    assert quantised(builder.model(), {"x": samples}).products == 1
