"""Values of a network whose channels can only be scaled together, and what makes and reads them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from xdsl.ir import Operation, SSAValue

from ...dialects import nn
from ...dialects.nn_onnx import is_operator
from ...dialects.nn_types import shape_of

CHANNELS = 1
"""The axis of channels in an image."""

ALIKE = ("Add", "Sum", "Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Pad")
"""Operators whose results, channel by channel, are proportional to their inputs."""


@dataclass
class Tied:
    """Values whose channels are scaled together, in order; the convolutions at their ends."""

    values: list[SSAValue] = field(default_factory=list[SSAValue])
    makers: list[nn.OnnxOp] = field(default_factory=list[nn.OnnxOp])
    readers: list[nn.OnnxOp] = field(default_factory=list[nn.OnnxOp])


def tied_groups(operations: Sequence[Operation]) -> Iterator[Tied]:
    """The groups of values of a network that can be scaled, in its order."""
    ties = _Ties()
    for op in operations:
        if not isinstance(op, nn.OnnxOp):
            for value in op.operands:
                ties.spoil(value)
        elif _is_proportional(op):
            for value in op.inputs[: None if is_operator(op, "Add", "Sum") else 1]:
                ties.tie(value, op.outputs[0])
        else:
            ends = (op.inputs[0], op.outputs[0]) if is_convolution(op) else ()
            for value in (*op.inputs, *op.outputs):
                if not any(value is end for end in ends):
                    ties.spoil(value)
    for values in ties.groups(operations):
        group = _group(values)
        if group.makers and group.readers:
            yield group


def _group(values: list[SSAValue]) -> Tied:
    """A group of values; without makers where something else makes one of them."""
    group = Tied(values)
    for value in values:
        owner = value.owner
        if isinstance(owner, nn.OnnxOp) and is_convolution(owner):
            group.makers.append(owner)
        elif not (isinstance(owner, nn.OnnxOp) and _is_proportional(owner)):
            return Tied(values)
        for user in dict.fromkeys(use.operation for use in value.uses):
            if isinstance(user, nn.OnnxOp) and is_convolution(user):
                group.readers.append(user)
    return group


class _Ties:
    """Values that must be scaled together; spoilt ones cannot be."""

    def __init__(self) -> None:
        self._above: dict[SSAValue, SSAValue] = {}
        self._spoilt: set[SSAValue] = set()

    def _top(self, value: SSAValue) -> SSAValue:
        while (above := self._above.get(value, value)) is not value:
            value = above
        return value

    def tie(self, one: SSAValue, other: SSAValue) -> None:
        """Scale both or neither."""
        self._above[self._top(one)] = self._top(other)

    def spoil(self, value: SSAValue) -> None:
        """Never scale a value."""
        self._spoilt.add(value)

    def groups(self, operations: Sequence[Operation]) -> Iterator[list[SSAValue]]:
        """The sets of values that can be scaled, in the order of the network."""
        found: dict[SSAValue, list[SSAValue]] = {}
        seen = dict.fromkeys(value for op in operations for value in (*op.operands, *op.results))
        for value in seen:
            found.setdefault(self._top(value), []).append(value)
        for values in found.values():
            if not self._spoilt.intersection(values):
                yield values


def is_convolution(op: nn.OnnxOp) -> bool:
    """Whether an operation is a convolution of images with constant weights and bias."""
    constants = all(isinstance(value.owner, nn.ConstantOp) for value in op.inputs[1:])
    return is_operator(op, "Conv") and constants and len(shape_of(op.outputs[0])) == 4


def _is_proportional(op: nn.OnnxOp) -> bool:
    """Whether an operator scales with its inputs: on images, of one shape, padded with zeros."""
    if not is_operator(op, *ALIKE):
        return False
    images = op.inputs if is_operator(op, "Add", "Sum") else op.inputs[:1]
    shapes = {shape_of(value) for value in (*images, *op.outputs)}
    if is_operator(op, "Add", "Sum") and len(shapes) > 1:
        return False
    if is_operator(op, "Pad") and (
        len(op.arguments) > 2 or op.text("mode", "constant") != "constant"
    ):
        return False
    return (
        len(op.outputs) == 1
        and all(len(shape) == 4 for shape in shapes)
        and all(shape[CHANNELS] > 0 for shape in shapes)
    )
