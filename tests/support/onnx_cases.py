"""ONNX's own tests of backends, run through Tilefold's."""

import re
import unittest
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner, _normalize_tensor
from tilefold.backend.package import Package
from tilefold.errors import TilefoldError
from tilefold.onnx_backend import TilefoldBackend, TilefoldRep

MACHINE = "tiny"
ON_MACHINE, ON_BOTH, ON_HOST = "machine", "machine and host", "host"
AS_ONNXRUNTIME = "onnxruntime itself gives another result than ONNX's reference"

Arrays = list[Any]


@dataclass(frozen=True)
class Outcome:
    """Where a test ran, or the reason why it was skipped."""

    where: str
    skipped: str = ""


@cache
def cases() -> dict[str, TestCase]:
    """ONNX's tests of single nodes by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = load_model_tests(kind="node")
    return {case.name: case for case in found}


def data(case: TestCase) -> Iterator[tuple[Arrays, Arrays]]:
    """Inputs and the results that ONNX's reference gives."""
    for inputs, results in case.data_sets or ():
        yield (
            [_normalize_tensor(each) for each in inputs],
            [_normalize_tensor(each) for each in results],
        )


def run(case: TestCase) -> Outcome:
    """Run a test; AssertionError where a result is wrong.

    What Tilefold refuses is skipped with the reason that it gives, and so is what onnxruntime
    alone computes to the same bits, if ONNX's reference has something else.
    """
    where = ""
    try:
        prepared = TilefoldBackend.prepare(case.model, machine=MACHINE)
        for inputs, expected in data(case):
            outputs = prepared.run(inputs)
            where = _where(prepared, inputs)
            try:
                Runner.assert_similar_outputs(expected, outputs, rtol=case.rtol, atol=case.atol)
            except AssertionError:
                if where != ON_HOST or not _same(_alone(case.model, inputs), outputs):
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
    (r"no tensor|is not known", "sequences, optional values and maps"),
    (r"NOT_IMPLEMENTED", "onnxruntime has no kernel for the operator and type"),
    (r"ValidateOpset|operator set", "an operator set that is too old, or newer than onnxruntime's"),
    (r"onnxruntime", "onnxruntime refuses the operator, its form or its types"),
    (r"^node '[^']*' \(|FLOAT8|One and only one", "ONNX cannot infer its shapes"),
)

MEANINGS = frozenset(meaning for _, meaning in REASONS)
"""Why tests are skipped."""
