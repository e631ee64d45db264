"""Running a model both ways."""

import numpy as np
from onnx import ModelProto
from tilefold.dialects.store import Store
from tilefold.frontend import import_model
from tilefold.interpreters.nn import run


def interpret(model: ModelProto, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of the converted model as the reference interpreter computes them."""
    store = Store()
    return run(import_model(model, store), inputs, store)
