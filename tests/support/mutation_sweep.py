"""Compile mutated models, one line of JSON each: `... mutation_sweep FIRST COUNT FOLDER`.

A process of its own: what crashes or eats memory does so here.
"""

import json
import signal
import sys
import time
import traceback
from math import prod
from pathlib import Path

import numpy as np
from onnx import helper
from tilefold.compiler import Compilation, compile_network
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.frontend.graph import Graph
from tilefold.frontend.loading import load
from tilefold.frontend.macs import macs
from tilefold.interpreters.nn import run
from tilefold.quantizer import quantize
from tilefold.tests.support.memory import peak
from tilefold.tests.support.model_mutations import mutated

HANGS = 30
"""Seconds after which a model ends the process."""

LARGE = 1 << 20
"""Elements of a value, or thousandths of its products, from which a network is not run."""

Arrays = dict[str, np.ndarray]


def outcome(seed: int, file: Path) -> str:
    """What becomes of a mutated model; AssertionError where its values differ.

    Refusals are left to the caller, but for those of quantising what can be compiled.
    """
    file.write_bytes(mutated(seed))
    compiled = compile_network(file, "tiny")
    graph = load(file)
    inputs = feeds(graph)
    if seed % 3 == 0 and all(port.element_type == 1 for port in graph.inputs):
        try:
            quantize(file, {name: np.concatenate([values] * 2) for name, values in inputs.items()})
        except TilefoldError as error:
            assert not mistake_of(error)
    if is_large(graph):
        return "large"
    if isinstance(compiled, Compilation):
        expected = run(compiled.source, inputs, compiled.context.store)
        actual = emulate(compiled.program, inputs, time=False).outputs
    else:
        expected = compiled.values(inputs)
        actual = emulate(compiled.package, inputs, time=False).outputs
    for name, values in actual.items():
        assert values.dtype == expected[name].dtype, name
        assert np.array_equal(values, expected[name], equal_nan=values.dtype.kind == "f"), name
    return "equal" if isinstance(compiled, Compilation) else "equal, in steps"


def feeds(graph: Graph) -> Arrays:
    """Random inputs of any type."""
    rng = np.random.default_rng(0)
    values: Arrays = {}
    for port in graph.inputs:
        dtype = helper.tensor_dtype_to_np_dtype(port.element_type)
        shape = port.shape if prod(port.shape) <= LARGE else (1,) * len(port.shape)
        drawn = rng.normal(0, 1.5, shape)
        if dtype.kind == "b":
            values[port.name] = drawn > 0
        elif dtype.kind in "iu":
            low = max(np.iinfo(dtype).min, -128)
            values[port.name] = rng.integers(low, min(np.iinfo(dtype).max, 255), shape).astype(
                dtype
            )
        else:
            values[port.name] = drawn.astype(dtype)
    return values


def is_large(graph: Graph) -> bool:
    """Whether it would take long to run a network."""
    shapes = [kind.shape for kind in graph.types.values() if kind.shape]
    elements = max((prod(size or 1 for size in shape) for shape in shapes), default=0)
    return elements > LARGE or sum(macs(node, graph) for node in graph.nodes) > 1000 * LARGE


def mistake_of(error: TilefoldError) -> str:
    """What is wrong with a message, if anything."""
    lines = str(error).splitlines()
    sound = 1 <= len(lines) <= 2 and all(line.isprintable() for line in lines)
    return "" if sound else f"not a line or two: {lines}"


def checked(seed: int, file: Path) -> dict[str, object]:
    """The outcome of a seed, and what was wrong about it."""
    wrong = ""
    started = time.process_time()
    signal.alarm(HANGS)
    try:
        found = outcome(seed, file)
    except TilefoldError as error:
        found, wrong = "refused", mistake_of(error)
    except Exception:
        found, wrong = "broken", traceback.format_exc()
    signal.alarm(0)
    seconds = time.process_time() - started
    return {"outcome": found, "wrong": wrong, "seconds": seconds, "peak": peak()}


if __name__ == "__main__":
    first, count = int(sys.argv[1]), int(sys.argv[2])
    for number in range(first, first + count):
        print(json.dumps({"seed": number}), flush=True)
        print(json.dumps(checked(number, Path(sys.argv[3]) / "m.onnx")), flush=True)
