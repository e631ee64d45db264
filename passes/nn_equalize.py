"""nn-equalize: scale channels between products so that quantisation adds the least noise.

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
(additions, Relu, pools, padding by 0).

The factor of channel c is a_c^alpha / v_c^beta, with a_c the largest magnitude of its values on
samples and v_c that of the weights that meet it (alpha = beta = 1/2: Nagel et al.,
arXiv:1906.04721, section 4.1, with the range of values in place of that of weights: Xiao et al.,
arXiv:2211.10438). The exponents are those of `EXPONENTS` by which the predicted noise is least:

    sum over readers  (N_values + N_weights) / variance of the reader's results

    N_values  = sum over stored values u  step_u^2 / 12  sum_c (s_c |v_c|)^2
    N_weights = sum over rows k  step_k^2 / 12  sum_c var(x_c) / s_c^2

where s_c is the factor, step_u the range of u / s over 2^bits - 1, step_k the largest magnitude of
row k times s over 2^(bits - 1) - 1, and each rounding makes white noise of step^2 / 12.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from ..dialects import nn
from ..dialects.nn_network import network_of
from ..dialects.nn_types import shape_of
from ..dialects.quant import storage_range
from ..dialects.store import Store, store_of
from ..interpreters.onnx_model import onnx_model, value_names
from ..interpreters.onnx_session import OnnxSession
from ..interpreters.samples import Samples, read_samples
from .quantising.constants import read_constant, replace_real
from .quantising.plan import Plan
from .quantising.ties import CHANNELS, Tied, tied_groups
from .quantising.widths import check_width

EXPONENTS = tuple(product((0.0, 0.25, 0.5, 0.75, 1.0), (0.0, 0.25, 0.5, 1.0)))
"""Pairs (alpha, beta) that are tried."""

REACH = (1 / 64, 64.0)
"""The least and the largest factor."""

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NnEqualizePass(ModulePass):
    """Equalise channels on `samples`, an .npz file, of which `most` are used (all with 0).

    `weights` and `activations` are the bits that the network will have, from 2 to 8.
    """

    name = "nn-equalize"

    samples: str
    most: int = 0
    weights: int = 8
    activations: int = 8

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        samples = read_samples(Path(self.samples), network_of(op)).first(self.most)
        equalize(op, store_of(ctx), samples, self.weights, self.activations)


def equalize(
    module: ModuleOp, store: Store, samples: Samples, weights: int = 8, activations: int = 8
) -> int:
    """Equalise the channels of a network for these bits; how many groups of values that were.

    Raises TilefoldError where the bits are none or onnxruntime cannot run the network.
    """
    check_width(weights, activations)
    function = network_of(module).function
    groups = list(tied_groups(list(function.body.block.ops)))
    if not groups:
        return 0
    stored = set(Plan(function).with_ranges)
    seen = _channels(module, store, samples, _looked_at(groups))
    for group in groups:
        noise = _Noise(group, stored, seen, store, (weights, activations))
        _scale(group, noise.best(), store)
    return len(groups)


def _looked_at(groups: Sequence[Tied]) -> Sequence[SSAValue]:
    """The values whose channels decide on factors."""
    values = (
        value
        for group in groups
        for value in (*group.values, *(reader.outputs[0] for reader in group.readers))
    )
    return list(dict.fromkeys(values))


@dataclass
class _Channels:
    """What the channels of a value are on samples [channels]: ends, sums, sums of squares."""

    low: Doubles
    high: Doubles
    total: Doubles
    squares: Doubles
    count: int = 0

    @property
    def variance(self) -> Doubles:
        """The variances [channels]."""
        return np.maximum(self.squares / self.count - (self.total / self.count) ** 2, 0)

    def add(self, array: npt.NDArray[np.float32]) -> None:
        """Take in one sample [1, channels, height, width]."""
        flat = array.reshape(array.shape[CHANNELS], -1)
        np.minimum(self.low, flat.min(axis=1), out=self.low)
        np.maximum(self.high, flat.max(axis=1), out=self.high)
        self.total += flat.sum(axis=1, dtype=np.float64)
        self.squares += np.einsum("cp,cp->c", flat, flat)
        self.count += flat.shape[1]


def _channels(
    module: ModuleOp, store: Store, samples: Samples, values: Sequence[SSAValue]
) -> Mapping[SSAValue, _Channels]:
    """The channels of values on samples."""
    names = value_names(module)
    session = OnnxSession(onnx_model(module, store, values))
    seen: dict[SSAValue, _Channels] = {}
    for value in values:
        zeros = np.zeros(shape_of(value)[CHANNELS])
        seen[value] = _Channels(zeros + np.inf, zeros - np.inf, zeros.copy(), zeros.copy())
    for sample in samples:
        found = session.run(sample)
        for value, channels in seen.items():
            channels.add(found[names[value]])
    return seen


class _Noise:
    """The noise that quantisation adds to what reads a group of values."""

    def __init__(
        self,
        group: Tied,
        stored: set[SSAValue],
        seen: Mapping[SSAValue, _Channels],
        store: Store,
        widths: tuple[int, int],
    ) -> None:
        self._group, self._seen = group, seen
        self._stored = [value for value in group.values if value in stored]
        self._weight_most = storage_range(widths[0], True)[1]
        self._levels = (1 << widths[1]) - 1
        self._weights = [_by_column(op, read_constant(op.inputs[1], store)) for op in group.readers]
        self._upstream = self._stored_before()

    def _stored_before(self) -> Mapping[SSAValue, frozenset[SSAValue]]:
        """For each value of the group the stored ones whose noise is in it."""
        found: dict[SSAValue, frozenset[SSAValue]] = {}
        for value in self._group.values:
            owner = value.owner
            before = owner.operands if isinstance(owner, nn.OnnxOp) else ()
            own = [value] if value in self._stored else []
            found[value] = frozenset(own).union(*(found.get(each, ()) for each in before))
        return found

    def best(self) -> Doubles:
        """The factors [channels] with the least noise."""
        reach = np.max([self._reach(value) for value in self._stored or self._made], axis=0)
        met = np.max([np.abs(each).max(axis=(1, 3)).reshape(-1) for each in self._weights], axis=0)
        live = (reach > 0) & (met > 0)
        found, least = np.ones_like(reach), np.inf
        for alpha, beta in EXPONENTS if live.any() else ():
            factors = np.ones_like(reach)
            factors[live] = reach[live] ** alpha / met[live] ** beta
            factors[live] /= np.exp(np.log(factors[live]).mean())
            factors = np.clip(factors, *REACH)
            noise = self._noise(factors)
            if noise < least:
                found, least = factors, noise
        return found

    @property
    def _made(self) -> Sequence[SSAValue]:
        return [maker.outputs[0] for maker in self._group.makers]

    def _reach(self, value: SSAValue) -> Doubles:
        return np.maximum(-self._seen[value].low, self._seen[value].high)

    def _noise(self, factors: Doubles) -> float:
        """The noise over the signal of what reads the group, summed, with these factors."""
        total = 0.0
        steps = {value: self._step(value, factors) for value in self._stored}
        for op, weight in zip(self._group.readers, self._weights, strict=True):
            groups, _, columns, taps = weight.shape
            scaled = weight * factors.reshape(groups, 1, columns, 1)
            spread = self._seen[op.inputs[0]].variance / factors**2
            rows = (np.abs(scaled).max(axis=(2, 3)) / self._weight_most) ** 2
            noise = sum(steps[value] ** 2 for value in self._upstream[op.inputs[0]])
            noise *= float((scaled**2).sum())
            noise += float(rows.sum(axis=1) @ spread.reshape(groups, columns).sum(axis=1)) * taps
            signal = float(self._seen[op.outputs[0]].variance.sum())
            total += noise / 12 / signal if signal > 0 else 0.0
        return total

    def _step(self, value: SSAValue, factors: Doubles) -> float:
        """The step between neighbours of a stored value."""
        low, high = self._seen[value].low / factors, self._seen[value].high / factors
        return (max(float(high.max()), 0.0) - min(float(low.min()), 0.0)) / self._levels


def _by_column(op: nn.OnnxOp, weight: npt.NDArray[np.float32]) -> Doubles:
    """The weights of a convolution [groups, rows, columns, taps]."""
    groups = op.integer("group", 1)
    shape = (groups, len(weight) // groups, weight.shape[1], -1)
    return weight.reshape(shape).astype(np.float64)


def _scale(group: Tied, factors: Doubles, store: Store) -> None:
    """Divide what makes the group's channels by factors, multiply the weights that meet them."""
    for op in group.makers:
        for place in range(1, len(op.inputs)):
            array = read_constant(op.inputs[place], store)
            shape = (-1, *[1] * (array.ndim - 1))
            replace_real(op, place, array / factors.reshape(shape), store)
    for op in group.readers:
        weight = read_constant(op.inputs[1], store)
        by_column = _by_column(op, weight)
        groups, _, columns, _ = by_column.shape
        scaled = by_column * factors.reshape(groups, 1, columns, 1)
        replace_real(op, 1, scaled.reshape(weight.shape), store)
