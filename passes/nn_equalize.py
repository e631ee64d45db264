"""nn-equalize: scale channels between products so that they need one range together.

Before, the channels of `%y` reach 1 and 100:

```mlir
%y = nn.onnx "Conv"(%x, %w, %b) {...} : ...
%z = nn.onnx "Conv"(%y, %v) {...} : ...
```

After, they reach alike: rows of `%w` and `%b` are divided by what columns of `%v` are multiplied
by.

```mlir
%y = nn.onnx "Conv"(%x, %w1, %b1) {...} : ...
%z = nn.onnx "Conv"(%y, %v1) {...} : ...
```

The network computes what it did: between the products there is nothing but what keeps proportions
(additions, Relu, pools, padding by 0). The factor of channel c is sqrt(a_c / v_c), with a_c the
largest magnitude of its values on samples and v_c that of the weights that meet it, so that neither
side pays for the other (Nagel et al., arXiv:1906.04721, section 4.1; with the range of values in
place of that of weights: Xiao et al., arXiv:2211.10438).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..dialects import nn
from ..dialects.nn_network import network_of
from ..dialects.nn_onnx import is_operator
from ..dialects.nn_types import shape_of, tensor_of
from ..dialects.store import Store, store_of
from ..interpreters.onnx_model import onnx_model, value_names
from ..interpreters.onnx_session import OnnxSession
from ..interpreters.samples import Samples, read_samples
from .quantising.constants import read_constant

CHANNELS = 1
"""The axis of channels in an image."""

ALIKE = ("Add", "Sum", "Relu", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Pad")
"""Operators whose results, channel by channel, are proportional to their inputs."""

REACH = (1 / 64, 64.0)
"""The least and the largest factor."""

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NnEqualizePass(ModulePass):
    """Equalise channels on `samples`, an .npz file, of which `most` are used (all with 0)."""

    name = "nn-equalize"

    samples: str
    most: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        samples = read_samples(Path(self.samples), network_of(op)).first(self.most)
        equalize(op, store_of(ctx), samples)


@dataclass
class Tied:
    """Values whose channels are scaled together, what makes and what reads them."""

    values: list[SSAValue] = field(default_factory=list[SSAValue])
    makers: list[nn.OnnxOp] = field(default_factory=list[nn.OnnxOp])
    readers: list[nn.OnnxOp] = field(default_factory=list[nn.OnnxOp])


def equalize(module: ModuleOp, store: Store, samples: Samples) -> int:
    """Equalise the channels of a network; how many groups of values that were."""
    groups = list(_groups(list(network_of(module).function.body.block.ops)))
    if not groups:
        return 0
    shown = [maker.outputs[0] for group in groups for maker in group.makers]
    names = value_names(module)
    session = OnnxSession(onnx_model(module, store, shown))
    most = {value: np.zeros(shape_of(value)[CHANNELS]) for value in shown}
    for sample in samples:
        found = session.run(sample)
        for value, known in most.items():
            np.maximum(known, np.abs(found[names[value]]).max(axis=(0, 2, 3)), out=known)
    for group in groups:
        reach = np.max([most[maker.outputs[0]] for maker in group.makers], axis=0)
        _scale(group, _factors(group, reach, store), store)
    return len(groups)


def _groups(operations: Sequence[Operation]) -> Iterator[Tied]:
    """The groups of values that can be scaled."""
    ties = _Ties()
    for op in operations:
        if not isinstance(op, nn.OnnxOp):
            for value in op.operands:
                ties.spoil(value)
        elif is_operator(op, *ALIKE) and _is_proportional(op):
            for value in op.inputs[: None if is_operator(op, "Add", "Sum") else 1]:
                ties.tie(value, op.outputs[0])
        else:
            reads = op.inputs[0] if _is_convolution(op) else None
            for value in (*op.inputs, *op.outputs):
                if value is not reads and not (value is op.outputs[0] and _is_convolution(op)):
                    ties.spoil(value)
    for values in ties.groups(operations):
        group = Tied(values)
        for value in values:
            if isinstance(value.owner, nn.OnnxOp) and _is_convolution(value.owner):
                group.makers.append(value.owner)
            for user in dict.fromkeys(use.operation for use in value.uses):
                if isinstance(user, nn.OnnxOp) and _is_convolution(user):
                    group.readers.append(user)
        made = all(
            isinstance(value.owner, nn.OnnxOp)
            and (_is_convolution(value.owner) or is_operator(value.owner, *ALIKE))
            for value in values
        )
        if made and group.makers and group.readers:
            yield group


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


def _is_convolution(op: nn.OnnxOp) -> bool:
    """Whether an operation is a convolution of images with constant weights and bias."""
    constants = all(isinstance(value.owner, nn.ConstantOp) for value in op.inputs[1:])
    return is_operator(op, "Conv") and constants and len(shape_of(op.outputs[0])) == 4


def _is_proportional(op: nn.OnnxOp) -> bool:
    """Whether an operator of `ALIKE` works on images, one shape with all, and pads with zeros."""
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


def _columns(reader: nn.OnnxOp, weight: npt.NDArray[np.float32]) -> Doubles:
    """The largest magnitude of a reader's weights that meet each channel [channels]."""
    groups = reader.integer("group", 1)
    by_group = np.abs(weight).reshape(groups, len(weight) // groups, weight.shape[1], -1)
    return by_group.max(axis=(1, 3)).reshape(-1).astype(np.float64)


def _factors(group: Tied, reach: Doubles, store: Store) -> Doubles:
    """What the group's channels are divided by [channels], their geometric mean 1."""
    weights = [read_constant(op.inputs[1], store) for op in group.readers]
    met = np.max([_columns(*each) for each in zip(group.readers, weights, strict=True)], axis=0)
    live = (reach > 0) & (met > 0)
    if not live.any():
        return np.ones_like(reach)
    factors = np.ones_like(reach)
    factors[live] = np.sqrt(reach[live] / met[live])
    factors[live] /= np.exp(np.log(factors[live]).mean())
    return np.clip(factors, *REACH)


def _scale(group: Tied, factors: Doubles, store: Store) -> None:
    """Divide what makes the group's channels by factors, multiply the weights that meet them."""
    for op in group.makers:
        for place in range(1, len(op.inputs)):
            array = read_constant(op.inputs[place], store)
            shape = (-1, *[1] * (array.ndim - 1))
            _set_constant(op, place, array / factors.reshape(shape), store)
    for op in group.readers:
        weight, groups = read_constant(op.inputs[1], store), op.integer("group", 1)
        by_group = weight.reshape(groups, len(weight) // groups, weight.shape[1], -1)
        scaled = by_group * factors.reshape(groups, 1, weight.shape[1], 1)
        _set_constant(op, 1, scaled.reshape(weight.shape), store)


def _set_constant(op: nn.OnnxOp, place: int, array: npt.NDArray[np.floating], store: Store) -> None:
    """Let an operator read another constant."""
    before = op.inputs[place]
    assert isinstance(before.owner, nn.ConstantOp)
    element = tensor_of(before).element_type
    constant = nn.ConstantOp(np.ascontiguousarray(array, np.float32), element, store)
    constant.location = before.owner.location
    Rewriter.insert_op(constant, InsertPoint.before(op))
    op.operands[place] = constant.result
