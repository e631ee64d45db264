"""Operators on the machine: compiled for `tiny` and emulated they are as interpreted."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import ModelProto
from tilefold.compiler import compile_levels
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge
from tilefold.interpreters.nn import run
from tilefold.tests.frontend import models as m
from tilefold.tests.frontend.models import Net
from tilefold.tests.frontend.test_operators import AVERAGES, OTHERS, PRODUCTS
from tilefold.tests.frontend.test_real_operators import CHANNELWISE, LINEAR, TRANSPOSED

MODELS: dict[str, Callable[[Net], ModelProto]] = {
    **{f"{name}, transposed": build for name, build in TRANSPOSED.items()},
    **{f"{name}, resized": build for name, build in LINEAR.items()},
    **{name: build for name, build in PRODUCTS.items() if "rows" in name},
    **CHANNELWISE,
    **OTHERS,
    **AVERAGES,
}


@pytest.mark.parametrize("seed", range(6))
def test_networks_equal_onnxruntime(seed: int) -> None:
    kind = np.uint8 if seed % 3 else np.int8
    model = m.random_network(np.random.default_rng(100 + seed), layers=9, kind=kind)
    inputs = m.feeds(model, np.random.default_rng(seed))
    store = Store()
    program = compile_levels(import_model(model, store), "tiny", store=store).program
    expected = Judge(model).run(inputs)
    for output, value in emulate(program, inputs).outputs.items():
        np.testing.assert_array_equal(value, expected[output])


@pytest.mark.parametrize("name", MODELS)
def test_emulator_equals_interpreter(name: str) -> None:
    model = MODELS[name](Net(np.random.default_rng(0)))
    inputs = m.feeds(model, np.random.default_rng(1))
    store = Store()
    module = import_model(model, store)
    expected = run(module, inputs, store)
    actual = emulate(compile_levels(module, "tiny", store=store).program, inputs).outputs
    assert actual.keys() == expected.keys()
    for output, value in expected.items():
        np.testing.assert_array_equal(actual[output], value)
