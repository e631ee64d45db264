"""What was observed of real values: a histogram each, as an attribute of what makes the value.

`observed` of an operation has an entry for each result, of a function's argument one: an array of
two numbers (the least and the greatest), a stored array of these and counts in as many equal bins
as follow, or a unit where nothing is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import (
    ArrayAttr,
    DenseArrayBase,
    DictionaryAttr,
    Float32Type,
    StringAttr,
    UnitAttr,
    f32,
)
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.utils.hints import isa

from ...dialects import nn
from ...dialects.store import Store

OBSERVED = "observed"
ARGUMENT = "nn.observed"
BINS = 2048

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """How often values occurred: `counts` [bins] between `low` and `high`, bins of one width.

    Without counts only the range is known.
    """

    low: float
    high: float
    counts: Doubles

    @property
    def centres(self) -> Doubles:
        """The middles of the bins [bins]."""
        width = (self.high - self.low) / max(len(self.counts), 1)
        return np.asarray(self.low + (np.arange(len(self.counts)) + 0.5) * width, np.float64)

    def attribute(self, store: Store) -> Attribute:
        """The histogram as an attribute; counts go to `store`."""
        if not len(self.counts):
            return DenseArrayBase.from_list(f32, [self.low, self.high])
        return nn.StoredAttr(
            StringAttr(store.put(np.concatenate([[self.low, self.high], self.counts])))
        )

    @staticmethod
    def of(attribute: Attribute | None, store: Store) -> "Histogram | None":
        """The histogram in an attribute; None where there is none."""
        if isinstance(attribute, nn.StoredAttr):
            low, high, *_ = numbers = store.get(attribute.digest.data)
            return Histogram(float(low), float(high), numbers[2:])
        if isa(attribute, DenseArrayBase[Float32Type]) and len(attribute) == 2:
            low, high = map(float, attribute.get_values())
            return Histogram(low, high, np.zeros(0))
        return None


def observed(value: SSAValue, store: Store) -> Histogram | None:
    """What was observed of a value, if it was."""
    return Histogram.of(_attribute_of(value), store)


def _attribute_of(value: SSAValue) -> Attribute | None:
    owner = value.owner
    if isinstance(owner, Block):
        function = owner.parent_op()
        entries = function.arg_attrs if isinstance(function, FuncOp) else None
        place = owner.args.index(value)
        return entries.data[place].data.get(ARGUMENT) if entries else None
    entries = owner.attributes.get(OBSERVED)
    if not isinstance(entries, ArrayAttr):
        return None
    return cast(ArrayAttr[Attribute], entries).data[owner.results.index(value)]


def set_observed(function: FuncOp, histograms: Mapping[SSAValue, Histogram], store: Store) -> None:
    """Note what was observed of the values of a network's function, in place of earlier notes."""
    attributes = {value: each.attribute(store) for value, each in histograms.items()}
    block = function.body.block
    known = function.arg_attrs or ArrayAttr([DictionaryAttr({}) for _ in block.args])
    function.arg_attrs = ArrayAttr(
        DictionaryAttr({**entry.data, ARGUMENT: attributes[argument]})
        if argument in attributes
        else entry
        for entry, argument in zip(known, block.args, strict=True)
    )
    for op in block.ops:
        if any(value in attributes for value in op.results):
            op.attributes[OBSERVED] = ArrayAttr(
                attributes.get(value) or _attribute_of(value) or UnitAttr() for value in op.results
            )


def clear_observed(function: FuncOp) -> None:
    """Remove all notes from a network's function."""
    if function.arg_attrs:
        function.arg_attrs = ArrayAttr(
            DictionaryAttr({key: note for key, note in entry.data.items() if key != ARGUMENT})
            for entry in function.arg_attrs
        )
    for op in function.body.block.ops:
        op.attributes.pop(OBSERVED, None)
