"""Functions of one element become tables: all 256 codes at many scales equal onnxruntime's."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import ModelProto, TensorProto
from tilefold.dialects import nn
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge
from tilefold.interpreters.nn import run
from tilefold.tests.frontend import models as m
from tilefold.tests.frontend.models import Net

Build = Callable[[Net, str], str]

DRAWS = 12


def number(kind: str, value: float, left: bool = False, shape: tuple[int, ...] = ()) -> Build:
    """`kind` of the input and a float constant, on its `left` or right."""

    def build(net: Net, x: str) -> str:
        constant = net.constant(np.full(shape, value, np.float32))
        return net.op(kind, *((constant, x) if left else (x, constant)))

    return build


def gated(kind: str, **attributes) -> Build:
    """The input times a function of it."""
    return lambda net, x: net.op("Mul", x, net.op(kind, x, **attributes))


def gelu(net: Net, x: str) -> str:
    """GELU as PyTorch exports it."""
    root = net.op("Div", x, net.constant(np.float32(np.sqrt(2))))
    one = net.op("Add", net.op("Erf", root), net.constant(np.float32(1)))
    return net.op("Mul", net.op("Mul", x, one), net.constant(np.float32(0.5)))


def hard_swish(net: Net, x: str) -> str:
    """HardSwish as TensorFlow exports it."""
    sum_ = net.op("Add", x, net.constant(np.full((1, 1), 3, np.float32)))
    return net.op("Div", net.op("Mul", x, m.clip(0, 6)(net, sum_)), net.constant(np.float32(6)))


def mish(net: Net, x: str) -> str:
    """Mish of its parts."""
    return net.op("Mul", x, net.op("Tanh", net.op("Softplus", x)))


def quick_gelu(net: Net, x: str) -> str:
    scaled = net.op("Mul", x, net.constant(np.float32(1.702)))
    return net.op("Mul", net.op("Sigmoid", scaled), x)


def positive(kind: str) -> Build:
    """`kind` of the absolute value."""
    return lambda net, x: net.op(kind, net.op("Abs", x))


def microsoft(kind: str, **attributes) -> Build:
    return lambda net, x: net.op(kind, x, domain=m.MICROSOFT, **attributes)


FUNCTIONS: dict[str, Build] = {
    **{
        name: m.simple(name)
        for name in (
            "Abs", "Ceil", "Celu", "Cos", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "HardSwish",
            "LeakyRelu", "Mish", "Neg", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin",
            "Softplus", "Softsign", "Tanh", "ThresholdedRelu",
        )
    },
    "Gelu": m.simple("Gelu"),
    "Gelu of tanh": m.simple("Gelu", approximate="tanh"),
    "Celu 0.7": m.simple("Celu", alpha=0.7),
    "Elu 1.3": m.simple("Elu", alpha=1.3),
    "HardSigmoid 1/6": m.simple("HardSigmoid", alpha=1 / 6),
    "Selu 2": m.simple("Selu", alpha=2.0, gamma=0.5),
    "ThresholdedRelu 0.3": m.simple("ThresholdedRelu", alpha=0.3),
    "Log": positive("Log"),
    "Sqrt": positive("Sqrt"),
    "Reciprocal": m.simple("Reciprocal"),
    "Clip": m.clip(-0.7, 0.9),
    "Clip below": lambda net, x: net.op("Clip", x, net.constant(np.float32(-0.2))),
    "SiLU": gated("Sigmoid"),
    "HardSwish of HardSigmoid": gated("HardSigmoid", alpha=1 / 6),
    "GELU of Erf": gelu,
    "HardSwish of Clip": hard_swish,
    "Mish of its parts": mish,
    "QuickGelu of its parts": quick_gelu,
    "com.microsoft.Gelu": microsoft("Gelu"),
    "com.microsoft.QuickGelu": microsoft("QuickGelu", alpha=1.5),
    "PRelu": number("PRelu", 0.13, shape=(1, 1)),
    "Pow 2": number("Pow", 2),
    "Pow 3": number("Pow", 3),
    "Pow of a number": number("Pow", 1.7, left=True),
    "Mul": number("Mul", 0.37),
    "Mul of equal numbers": number("Mul", 0.37, shape=(1, 256)),
    "Mul left": number("Mul", -1.1, left=True),
    "Add": number("Add", 0.51),
    "Add left": number("Add", 0.3, left=True),
    "Sub": number("Sub", 0.51),
    "Sub left": number("Sub", 0.3, left=True),
    "Div": number("Div", 3),
    "Div left": number("Div", 0.3, left=True),
    "Min": number("Min", 0.4),
    "Max": number("Max", -0.4, left=True),
    "Max of three": lambda net, x: net.op(
        "Max", x, net.op("Neg", x), net.constant(np.float32(0.2))
    ),
    "Sub of two functions": lambda net, x: net.op("Sub", net.op("Exp", x), net.op("Tanh", x)),
    "Div of two functions": lambda net, x: net.op("Div", x, net.op("Softplus", x)),
    "Cast": lambda net, x: net.op("Tanh", net.op("Cast", x, to=TensorProto.FLOAT)),
    "Dropout and Identity": lambda net, x: net.op("Dropout", net.op("Identity", m.relu(net, x))),
    "quantised number": lambda net, x: net.op(
        "Div", x, net.dequantize(net.constant(np.int8(7)), 0.3)
    ),
}  # fmt: skip


def all_codes_model(build: Build, seed: int) -> tuple[ModelProto, np.ndarray]:
    """All codes, dequantised, `build`, quantised; scales and zero points are drawn."""
    rng = np.random.default_rng(seed)
    net = Net(rng, np.int8 if seed % 3 == 2 else np.uint8, opset=21)
    x = m.integer_input(net, (1, 256))
    real = net.dequantize(x, np.exp(rng.uniform(-5, -2)), net.zero(int(rng.integers(256))))
    scale = float(np.exp(rng.uniform(-6, -3)))
    code = net.quantize(build(net, real), scale, net.zero(int(rng.integers(256))))
    codes = np.arange(256, dtype=np.uint8).view(net.kind).reshape(1, 256)
    return m.integer_output(net, code, 2), codes


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_code_equals_onnxruntime(name: str) -> None:
    for seed in range(DRAWS):
        model, codes = all_codes_model(FUNCTIONS[name], seed)
        store = Store()
        module = import_model(model, store)
        expected = Judge(model).run({"x": codes})
        assert sum(isinstance(op, nn.LutOp) for op in module.walk()) == 1
        for output, value in run(module, {"x": codes}, store).items():
            np.testing.assert_array_equal(value, expected[output])


@pytest.mark.parametrize("kind", ["QLinearLeakyRelu", "QLinearSigmoid"])
def test_functions_of_integers(kind: str) -> None:
    for seed in range(DRAWS):
        net = Net(np.random.default_rng(seed), np.uint8 if seed % 2 else np.int8)
        x = m.integer_input(net, (1, 256))
        inputs = [x, *m.parameters(net, 0.031, net.zero(int(net.rng.integers(256))))]
        inputs += m.parameters(net, float(net.rng.uniform(0.002, 0.02)), net.zero(50))
        model = m.integer_output(net, net.op(kind, *inputs, domain=m.MICROSOFT), 2)
        codes = np.arange(256, dtype=np.uint8).view(net.kind).reshape(1, 256)
        store = Store()
        (value,) = run(import_model(model, store), {"x": codes}, store).values()
        np.testing.assert_array_equal(value, *Judge(model).run({"x": codes}).values())


def test_undefined_results_are_refused() -> None:
    model, _ = all_codes_model(m.simple("Log"), 0)
    with pytest.raises(TilefoldError, match=r"node 'layer' \(Log\): the result is undefined"):
        import_model(model, Store())


def test_real_functions_of_two_tensors_are_refused() -> None:
    model = m.qdq_binary(Net(np.random.default_rng(0)), m.simple("Div"))
    with pytest.raises(TilefoldError, match="not of two tensors"):
        import_model(model, Store())
