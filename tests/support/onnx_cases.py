"""ONNX's own tests of backends, run through Tilefold's."""

import re
import unittest
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test
import onnxruntime
from onnx import ModelProto, TensorProto, ValueInfoProto, numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner, _normalize_tensor
from tilefold.backend.package import Package
from tilefold.errors import TilefoldError
from tilefold.onnx_backend import TilefoldBackend, TilefoldRep

MACHINE = "tiny"
KINDS = {
    "node": "single nodes",
    "pytorch-operator": "operators as PyTorch exported them",
    "pytorch-converted": "layers as PyTorch exported them",
    "simple": "small models",
    "real": "networks",
}
"""ONNX's tests, and what they are of."""

LIGHT = Path(onnx.backend.test.__file__).parent / "data" / "light"

ON_MACHINE, ON_BOTH, ON_HOST = "machine", "machine and host", "host"
AS_ONNXRUNTIME = "onnxruntime itself gives another result than ONNX's reference"

Arrays = list[Any]


@dataclass(frozen=True)
class Outcome:
    """Where a test ran, or the reason why it was skipped."""

    where: str
    skipped: str = ""


@cache
def cases(kind: str = "node") -> dict[str, TestCase]:
    """ONNX's tests of a kind (one of `KINDS`) by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = load_model_tests(kind=kind)
    return {case.name: case for case in sorted(found, key=lambda case: case.name)}


def model_of(case: TestCase) -> ModelProto:
    """The model that is tested."""
    return case.model or onnx.load(_file(case))


def _file(case: TestCase) -> Path:
    """The file of a test that is no single node: those without weights are named by their URL."""
    if case.model_dir:
        return Path(case.model_dir) / "model.onnx"
    return LIGHT / Path(case.url).name


def data(case: TestCase) -> Iterator[tuple[Arrays, Arrays]]:
    """Inputs and the results that ONNX's reference gives."""
    if case.model:
        for inputs, results in case.data_sets or ():
            yield (
                [_normalize_tensor(each) for each in inputs],
                [_normalize_tensor(each) for each in results],
            )
        return
    graph, file = model_of(case).graph, _file(case)
    if not case.model_dir:
        constants = {tensor.name for tensor in graph.initializer}
        (taken,) = (value for value in graph.input if value.name not in constants)
        expected = _tensor(file.with_name(f"{file.stem}_output_0.pb"))
        yield [Runner.generate_dummy_data(taken)], [expected]
        return
    for folder in sorted(file.parent.glob("test_data_set_*")):
        yield _tensors(folder, "input", graph.input), _tensors(folder, "output", graph.output)


def _tensors(folder: Path, side: str, values: Sequence[ValueInfoProto]) -> Arrays:
    """The tensors in a folder's files; TilefoldError where a value is no tensor."""
    files = [folder / f"{side}_{place}.pb" for place in range(len(list(folder.glob(f"{side}_*"))))]
    for _, value in zip(files, values, strict=False):
        if not value.type.HasField("tensor_type"):
            raise TilefoldError(f"'{value.name}' is no tensor")
    return [_tensor(file) for file in files]


def _tensor(file: Path) -> Any:
    return numpy_helper.to_array(TensorProto.FromString(file.read_bytes()))


def run(case: TestCase) -> Outcome:
    """Run a test; AssertionError where a result is wrong.

    What Tilefold refuses is skipped with the reason that it gives, and so is what onnxruntime
    alone computes to the same bits, if ONNX's reference has something else.
    """
    where = ""
    model = model_of(case)
    try:
        prepared = TilefoldBackend.prepare(model, machine=MACHINE)
        for inputs, expected in data(case):
            outputs = prepared.run(inputs)
            where = _where(prepared, inputs)
            try:
                Runner.assert_similar_outputs(expected, outputs, rtol=case.rtol, atol=case.atol)
            except AssertionError:
                if where != ON_HOST or not _same(_alone(model, inputs), outputs):
                    raise
                return Outcome(where, AS_ONNXRUNTIME)
    except TilefoldError as error:
        return Outcome(where, str(error).splitlines()[0])
    return Outcome(where)


class Judged(TilefoldBackend):
    """The backend as ONNX's own runner wants it: what is refused is a skipped test."""

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> TilefoldRep:
        return _Judged(TilefoldBackend.prepare(model, device, machine=MACHINE, **kwargs))


class _Judged(TilefoldRep):
    def __init__(self, prepared: TilefoldRep) -> None:
        self._prepared = prepared

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        try:
            return self._prepared.run(inputs, **kwargs)
        except TilefoldError as error:
            raise unittest.SkipTest(str(error)) from error


def _where(prepared: TilefoldRep, inputs: Arrays) -> str:
    names = [value.name for value in prepared.inputs]
    program, _ = prepared.program(dict(zip(names, inputs, strict=True)))
    if not isinstance(program, Package):
        return ON_MACHINE
    return ON_BOTH if program.programs else ON_HOST


def _alone(model: ModelProto, inputs: Arrays) -> Arrays:
    """What onnxruntime makes of the model as it is."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, map(np.asarray, inputs), strict=True)))


def _same(results: Iterable[np.ndarray], others: Iterable[np.ndarray]) -> bool:
    return all(
        np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        for a, b in zip(results, others, strict=True)
    )


def reason(outcome: Outcome) -> str:
    """Why a test was skipped, in a form that tests share."""
    text = re.sub(r"^[^:]*: ", "", outcome.skipped)
    text = re.sub(r"^[^ :]*#\d+: ", "", text)
    for pattern, meaning in REASONS:
        if re.search(pattern, text):
            return meaning
    return text


REASONS = (
    (AS_ONNXRUNTIME, AS_ONNXRUNTIME),
    (r"is string|no tensor of numbers", "text"),
    (r"no tensor|is not known|is undefined", "sequences, optional values and maps"),
    (
        r"NOT_IMPLEMENTED|Could not find an implementation",
        "onnxruntime has no kernel for the operator and type",
    ),
    (
        r"only \*guarantees\* support|ValidateOpset|operator set",
        "an operator set that is too old, or newer than onnxruntime's",
    ),
    (r"onnxruntime", "onnxruntime refuses the operator, its form or its types"),
    (r"FLOAT8|One and only one|MeanVariance", "ONNX cannot infer its shapes"),
)

MEANINGS = frozenset(meaning for _, meaning in REASONS)
"""Why tests are skipped."""
