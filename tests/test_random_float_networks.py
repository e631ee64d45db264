"""Random networks of real numbers, quantised at random widths: what comes of them on machines.

A case is its seed. To run one again:

    python -c "from tilefold.tests.test_random_float_networks import run_case; run_case(SEED)"
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from onnx import ModelProto, numpy_helper
from tilefold.compiler import Compilation, PackageCompilation, compile_network
from tilefold.dialects.nn_network import network_of
from tilefold.dialects.nn_types import tensor_of
from tilefold.dialects.quant import UniformType
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.frontend.judge import Comparison, Judge
from tilefold.interpreters.nn import run as interpret
from tilefold.quantizer import Quantisation, Quantised, quantised
from tilefold.tests.support.chunks import chunks, outcomes_of
from tilefold.tests.support.expected_noise import expected_noise, mean_square, outputs_of
from tilefold.tests.support.random_float_networks import random_float_network, samples_for
from tilefold.tests.support.random_machines import machine_of_case
from tilefold.tools.layers import cut, results_of
from xdsl.ir import SSAValue

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
Compiled = Compilation | PackageCompilation

CHUNK = 15
QUICK, CASES = 45, 900
RUN = 12
"""Cases of a chunk that must compile and agree; memories are too small in few others."""

SAMPLES = 4

FACTOR = 3.0
"""The largest error, over the root of the expected mean square.

An error is at most half a step, sqrt(3) of the expected one, where thresholds lie as badly as they
can; and ranges that leave rare values out err more at these for less in all.
"""

TOO_SMALL = ("smallest tile fits", "choose smaller tiles")
"""What the compiler says where the machine's memories are too small."""

NOTHING = "nothing in the network can be quantised"

# fmt: off
IN_FLOAT = frozenset((
    "AveragePool", "BatchNormalization", "ConvTranspose", "Div", "PRelu", "ReduceMean", "Resize",
    "Sub",
))
# fmt: on
"""What onnxruntime computes in float: ties may go the other way."""

TIES = 0.1
"""The part of a layer's elements that may differ from onnxruntime's, by one, where it is in float.

Means of few elements whose scale stays are ties as often as that.
"""


@dataclass(frozen=True)
class Case:
    """A network and how it is quantised, and what a machine makes of it."""

    model: ModelProto
    options: Quantisation
    made: Quantised
    seed: int

    @property
    def samples(self) -> dict[str, Array]:
        """The samples that it was quantised by."""
        return dict(self.made.samples.arrays)

    @cached_property
    def bounds(self) -> dict[str, float]:
        """How far each output may be from the float network's, as the root of the mean square."""
        noise = expected_noise(self.made, self.options, self.seed)
        reals = self.reals
        # Folding scales into weights rounds to float32 in another order.
        folded = {name: 1e-5 * float(np.abs(value).max()) for name, value in reals.items()}
        return {name: FACTOR * noise[name] ** 0.5 + folded[name] for name in reals}

    @cached_property
    def reals(self) -> dict[str, Array]:
        """The outputs of the float network [samples, ...], as onnxruntime computes them."""
        return stacked(outputs_of(self.model, self.made.samples))

    def interpreted(self, compiled: Compiled) -> dict[str, Array]:
        """The outputs [samples, ...] by the reference interpreter."""
        names = [port.name for port in self.model.graph.output]
        runs = [values_of(compiled, sample) for sample in self.made.samples]
        return stacked([{name: values[name] for name in names} for values in runs])

    def beyond(self, outputs: Arrays) -> Iterator[str]:
        """The outputs that are further from the float network's than quantisation explains."""
        bounds, reals = self.bounds, self.reals
        for name, value in outputs.items():
            error = mean_square(value, reals[name]) ** 0.5
            if not error <= bounds[name]:
                yield f"{name}: error {error:.3g} beyond {bounds[name]:.3g}"


def case_of(seed: int, options: Quantisation | None = None) -> tuple[Case, Random]:
    """The case of a seed, and the generator for what else it needs."""
    rng = Random(seed)
    model = random_float_network(seed)
    options = options or Quantisation(
        rng.randint(2, 8),
        rng.randint(2, 8),
        method=rng.choice(("minmax", "auto")),
        rounding=rng.choice(("reconstructed", "corrected", "nearest")),
        symmetric=rng.random() < 0.2,
        per_channel=rng.random() < 0.8,
        equalize=rng.random() < 0.8,
    )
    made = quantised(model, samples_for(model, SAMPLES, seed), options)
    return Case(model, options, made, seed), rng


def values_of(compiled: Compiled, sample: Arrays) -> dict[str, Array]:
    """What the reference interpreter computes of one sample."""
    if isinstance(compiled, PackageCompilation):
        return compiled.values(sample)
    return interpret(compiled.source, sample, compiled.context.store)


def stacked(runs: Sequence[Arrays]) -> dict[str, Array]:
    """Results of several samples, one after the other along the first axis."""
    return {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}


def run_case(seed: int) -> str:
    """Check one case: "exact", "ties", or why it is none ("too small", "nothing").

    Emulator and interpreter must agree in every bit, also on other inputs than the samples, which
    leave the ranges; onnxruntime, on the quantised model, must agree with them, and where it
    computes in float, each layer alone up to ties; and the float network's outputs must be as near
    as quantisation explains. AssertionError where something does not hold.
    """
    try:
        case, rng = case_of(seed)
    except TilefoldError as error:
        if NOTHING in str(error):
            return "nothing"
        raise
    try:
        compiled = compile_network(case.made.model, machine_of_case(seed, rng))
        program = compiled.program if isinstance(compiled, Compilation) else compiled.package
    except TilefoldError as error:
        if any(words in str(error) for words in TOO_SMALL) and seed % 4:
            return "too small"
        raise
    ours = case.interpreted(compiled)
    check_equal(emulate(program, case.samples, time=False).outputs, ours)
    far = {name: 3 * value[:1] for name, value in case.samples.items()}
    wide = values_of(compiled, far)
    check_equal(emulate(program, far, time=False).outputs, {name: wide[name] for name in ours})
    beyond = list(case.beyond(ours))
    assert not beyond, "; ".join(beyond)
    return check_against_onnxruntime(case, compiled, ours)


def check_equal(actual: Arrays, expected: Arrays) -> None:
    """AssertionError unless names, types, shapes and elements are equal."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert (actual[name].dtype, actual[name].shape) == (value.dtype, value.shape), name
        differing = np.count_nonzero(actual[name] != value)
        assert not differing, f"{name}: {differing} of {value.size} elements differ"


def check_against_onnxruntime(case: Case, compiled: Compiled, ours: Arrays) -> str:
    """Whether onnxruntime gives the same outputs, "exact", or the same layers up to "ties"."""
    judge = Judge(case.made.model)
    expected = judge.run(case.samples)
    if all(np.array_equal(ours[name], expected[name].reshape(ours[name].shape)) for name in ours):
        return "exact"
    kinds = {node.op_type for node in case.made.model.graph.node}
    assert judge.in_float or kinds & IN_FLOAT, f"{sorted(kinds)}: outputs differ from onnxruntime's"
    for sample in case.made.samples:
        layers = judge.intermediates(sample)
        values = values_of(compiled, sample)
        steps = [compiled] if isinstance(compiled, Compilation) else compiled.machine_steps.values()
        for step in steps:
            for found in layers_alone(step, values | sample, layers):
                assert found.largest <= 1, found
                assert found.mismatches <= max(1, TIES * found.elements), found
    return "ties"


def layers_alone(step: Compilation, values: Arrays, layers: Arrays) -> Iterator[Comparison]:
    """Each layer of a step interpreted alone, on onnxruntime's values, beside its result there."""
    store = step.context.store
    results = results_of(step.source, layers.keys())
    names = {value: name for name, value in results.items()}
    network = network_of(step.source)
    ports = dict(zip(network.inputs, network.input_names, strict=True))
    for layer in cut(step.source, results):
        feeds = {
            f"input{place}": fitting(layers[names[source]], source)
            if source in names
            else values[ports[source]]
            for place, source in enumerate(layer.sources)
        }
        (actual,) = interpret(layer.module, feeds, store).values()
        expected = fitting(layers[layer.name], results[layer.name])
        yield Comparison.of(layer.name, actual, expected.reshape(actual.shape))


def fitting(values: Array, value: SSAValue) -> Array:
    """Integers within the range of a type: onnxruntime's are in 8 bits until the Clip behind."""
    element = tensor_of(value).element_type
    if not isinstance(element, UniformType) or element.is_accumulator:
        return values
    return np.clip(values, element.qmin, element.qmax).astype(values.dtype)


def run_chunk(start: int) -> None:
    """Check `CHUNK` cases; failures name the seed."""
    outcomes = outcomes_of(run_case, start, CHUNK)
    assert outcomes["exact"] + outcomes["ties"] >= RUN, outcomes


@pytest.mark.parametrize("start", chunks(CHUNK, QUICK, CASES))
def test_quantised_networks(start: int) -> None:
    run_chunk(start)


def faults(model: ModelProto, bits: int) -> Iterator[ModelProto]:
    """Models in which one dequantisation does not fit the quantisation before it.

    Its scale is that of another one, or its zero point is a quarter of the range away.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    places = [
        place
        for place, node in enumerate(model.graph.node)
        if node.op_type == "DequantizeLinear" and node.input[0] not in constants
    ]
    scales = [constants[model.graph.node[place].input[1]] for place in places]
    for place in places:
        _, scale, zero = (constants.get(name) for name in model.graph.node[place].input)
        apart = [other for other in scales if abs(np.log2(other / scale)) > 1]
        changes = [(2, zero ^ zero.dtype.type(1 << (bits - 2))), *((1, each) for each in apart[:1])]
        for index, array in changes:
            faulty = ModelProto()
            faulty.CopyFrom(model)
            faulty.graph.node[place].input[index] = "fault"
            faulty.graph.initializer.append(numpy_helper.from_array(array, "fault"))
            yield faulty


FAULTY = range(20, 30)
FOUND = {8: 1.0, 6: 0.95, 4: 0.75}
"""The part of faults that must be beyond the bounds, by width: others are lost in its noise."""


@pytest.mark.parametrize("bits", FOUND)
def test_what_does_not_fit_is_beyond_the_bounds(bits: int) -> None:
    found: Counter[bool] = Counter()
    for seed in FAULTY:
        case, _ = case_of(seed, Quantisation(bits, bits, method="minmax"))
        assert not list(case.beyond(stacked(outputs_of(case.made.model, case.made.samples))))
        for faulty in faults(case.made.model, bits):
            outputs = stacked(outputs_of(faulty, case.made.samples))
            found[bool(list(case.beyond(outputs)))] += 1
    print(f"{bits} bits: {dict(found)}")
    assert found.total() >= 100
    assert found[True] >= FOUND[bits] * found.total(), found
