"""Running a network operation by operation on samples, in real numbers and as it is stored.

The real half takes quantisations for nothing; the stored half rounds as they say. Values are kept
until the last operation that reads them has run.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from onnx import ModelProto
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue

from ...dialects import nn
from ...dialects.location import set_name
from ...dialects.nn_network import Network, module_of, network_of, opsets_of, set_opsets
from ...dialects.nn_types import element_of
from ...dialects.store import Store
from ...interpreters import kernels
from ...interpreters.onnx_model import onnx_model
from ...interpreters.onnx_session import OnnxSession
from ...interpreters.samples import Samples

Array = npt.NDArray[Any]
Progress = Callable[[int, int], None]
"""Called with how many operations have run, and how many there are."""


@dataclass
class Both:
    """A value on all samples, in real numbers and as it is stored; one list if they are equal."""

    real: list[Array]
    stored: list[Array]


class Walk:
    """The operations of a network in turn, each before it runs; see `steps`."""

    def __init__(
        self, module: ModuleOp, store: Store, samples: Samples, progress: Progress | None = None
    ) -> None:
        self._network: Network = network_of(module)
        self.opsets = opsets_of(module)
        self.store, self._progress = store, progress
        self._count = len(samples)
        self.values: dict[SSAValue, Both] = {}
        for name, value in zip(self._network.input_names, self._network.inputs, strict=True):
            rows = [sample[name] for sample in samples]
            self.values[value] = Both(rows, rows)

    def steps(self) -> Iterator[nn.OnnxOp]:
        """Each operator before it runs: its inputs are in `values`, and it may be changed."""
        operations = list(self._network.function.body.block.ops)
        last = self._last_uses(operations)
        for number, op in enumerate(operations):
            if isinstance(op, nn.OnnxOp):
                real = _Operator(op, self)
                operands = list(op.operands)
                yield op
                changed = list(op.operands) != operands
                self._run_operator(op, real, _Operator(op, self) if changed else real)
            else:
                self._run(op)
            for value in last.get(op, ()):
                self.values.pop(value, None)
            if self._progress:
                self._progress(number + 1, len(operations))

    def _last_uses(self, operations: Sequence[Operation]) -> dict[Operation, list[SSAValue]]:
        last: dict[SSAValue, Operation] = {}
        for op in operations:
            last.update(dict.fromkeys((*op.operands, *op.results), op))
        found: dict[Operation, list[SSAValue]] = {}
        for value, op in last.items():
            found.setdefault(op, []).append(value)
        return found

    def _run(self, op: Operation) -> None:
        match op:
            case nn.QuantizeOp():
                before, kind = self.values[op.input], element_of(op.result)
                options = (kind.scale, kind.zero_point, kind.qmin, kind.qmax)
                codes = [kernels.quantise(array, *options) for array in before.stored]
                self.values[op.result] = Both(before.real, codes)
            case nn.DequantizeOp() if op.input in self.values:
                before, kind = self.values[op.input], element_of(op.input)
                real = [
                    kernels.dequantise(codes, kind.scale, kind.zero_point)
                    for codes in before.stored
                ]
                self.values[op.result] = Both(before.real, real)
            case _:
                return

    def _run_operator(self, op: nn.OnnxOp, before: "_Operator", after: "_Operator") -> None:
        """Run an operator: in real numbers as it was `before`, else as it is."""
        both = [self.values[value] for value in before.live]
        same = before is after and all(each.real is each.stored for each in both)
        real = before.results([each.real for each in both], self._count)
        stored = real
        if not same:
            stored = after.results([each.stored for each in both], self._count)
        for value, *lists in zip(op.outputs, real, stored, strict=True):
            self.values[value] = Both(*lists)


class _Operator:
    """An operator of a walk, prepared by onnxruntime; `live` inputs are no constants."""

    def __init__(self, op: nn.OnnxOp, walk: Walk) -> None:
        self.live = [value for value in dict.fromkeys(op.inputs) if value in walk.values]
        self._names = [f"in{place}" for place in range(len(self.live))]
        self._session = OnnxSession(self._model(op, walk))

    def results(self, lists: Sequence[list[Array]], count: int) -> list[list[Array]]:
        """For each result the arrays of `count` samples, from those of each live input."""
        rows = zip(*lists, strict=True) if lists else [()] * count
        found = [
            list(self._session.run(dict(zip(self._names, row, strict=True))).values())
            for row in rows
        ]
        return [list(column) for column in zip(*found, strict=True)]

    def _model(self, op: nn.OnnxOp, walk: Walk) -> ModelProto:
        block = Block(arg_types=[value.type for value in self.live])
        mapped: dict[SSAValue, SSAValue] = dict(zip(self.live, block.args, strict=True))
        for value in dict.fromkeys(op.inputs):
            if value not in mapped:
                for made in _makers(value):
                    block.add_op(made.clone(mapped))
        copy = op.clone(mapped)
        set_name(copy, "operator")
        block.add_op(copy)
        outputs = [f"out{place}" for place in range(len(copy.results))]
        module = module_of(block, copy.results, "operator", self._names, outputs)
        set_opsets(module, walk.opsets)
        return onnx_model(module, walk.store)


def _makers(value: SSAValue) -> Iterator[Operation]:
    """The constant that a value is, and the dequantisation that makes numbers of it."""
    owner = value.owner
    assert isinstance(owner, nn.ConstantOp | nn.DequantizeOp), "all else has run"
    if isinstance(owner, nn.DequantizeOp):
        yield from _makers(owner.input)
    yield owner
