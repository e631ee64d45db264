"""Running a model both ways."""

import numpy as np
from onnx import ModelProto
from tilefold.dialects.store import Store
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge
from tilefold.interpreters.nn import run
from tilefold.tests.frontend import models as m


def interpret(model: ModelProto, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of the converted model as the reference interpreter computes them."""
    store = Store()
    return run(import_model(model, store), inputs, store)


def both_ways(model: ModelProto, seed: int) -> tuple[Judge, list[np.ndarray], list[np.ndarray]]:
    """The judge of `model`, and the outputs of three runs, ours and the judge's."""
    judge = Judge(model)
    ours: list[np.ndarray] = []
    theirs: list[np.ndarray] = []
    for repeat in range(3):
        inputs = m.feeds(model, np.random.default_rng([seed, repeat]))
        expected = judge.run(inputs)
        results = interpret(model, inputs)
        assert results.keys() == expected.keys()
        for name, value in results.items():
            assert value.shape == expected[name].shape
            assert value.dtype == expected[name].dtype
            ours.append(value)
            theirs.append(expected[name])
    return judge, ours, theirs
