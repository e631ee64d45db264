"""The search for widths: bits of each layer's weights and values, as few as a budget allows.

How much noise a layer's rounding makes at the network's output is measured with that layer alone
at `PROBE` bits, the rest in real numbers. At other widths it is taken to be in proportion to the
layer's own squared error, and noise of several layers to add up. From the widest on, the step of
one bit is taken that saves the most work for the noise that it adds; work is bit operations, the
sum of multiplications times bits of weights times bits of values (Baskin et al., UNIQ,
arXiv:1804.10969). How far along these steps the budget reaches is found by halving: each time the
network is really quantised and judged. What is tried depends on the results alone: a search ends
where it did before.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from .dialects import nn
from .dialects.location import name_of
from .dialects.nn_network import network_of
from .dialects.nn_onnx import is_operator
from .dialects.nn_types import shape_of
from .dialects.quant import UniformType
from .errors import TilefoldError
from .frontend.quality import Quality, quality
from .interpreters.onnx_model import onnx_model, value_names
from .interpreters.onnx_session import OnnxSession
from .interpreters.samples import Samples
from .passes.nn_quantize_weights import POSITIONS, output_axis
from .passes.quantising.constants import read_constant, replace_real
from .passes.quantising.observed import observed
from .passes.quantising.plan import PRODUCTS, Plan, same_parameters
from .passes.quantising.products import Product, has_rows
from .passes.quantising.ranges import (
    Method,
    activation_type,
    codes_of,
    method_of,
    stored_error,
    weight_scales,
)
from .passes.quantising.widths import WIDTHS, Widths
from .quantizer import Calibrated, Progress, Quantisation, Quantised

PROBE = 4
"""Bits of the layer that is looked at."""

TINY = 1e-30
"""In place of a noise or signal of 0."""

PROBED = 16
"""The most samples that a layer is looked at on."""

TRIALS = 6
"""How often the network is quantised and judged at most, after the widest."""

WEIGHTS, ACTIVATIONS = "weights", "activations"

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Site:
    """What has a width of its own: a layer's weights, or the values that it makes."""

    layer: str
    kind: str


@dataclass(frozen=True)
class Work:
    """A product: its weights, the values that it reads (None: the network's inputs), and size."""

    weights: Site
    values: Site | None
    multiplications: int


Bits = Mapping[Site, int]


@dataclass(frozen=True)
class Allocation:
    """Widths that keep to a budget, what the network is with them, and what it is judged to lose.

    `lost` is in points; `bit_operations` are those of all products that are quantised, `widest`
    those at the widths that the search began with; `trials` are how many networks were judged.
    """

    layers: Mapping[str, Widths]
    made: Quantised
    quality: Quality
    lost: float
    bit_operations: int
    widest: int
    trials: int

    def as_json(self) -> Mapping[str, Mapping[str, int]]:
        """The widths as a file of layers has them."""
        return {
            name: {key: bits for key, bits in vars(widths).items() if bits}
            for name, widths in self.layers.items()
        }


def allocate(
    ready: Calibrated,
    budget: float,
    options: Quantisation,
    *,
    test: Samples | None = None,
    labels: Sequence[int] | npt.NDArray[Any] | None = None,
    progress: Progress | None = None,
) -> Allocation:
    """The fewest bits with which no more than `budget` points are lost on `test`.

    Points are hundredths of the samples: with `labels` those that are no longer right, without
    those whose largest output is another than the float network's. Without `test` the samples of
    the calibration are the judge. `options` has the widest widths.
    Raises TilefoldError where more is lost with these already.
    """
    if not budget >= 0:
        raise TilefoldError(f"a budget of {budget} points: it must not be negative")
    trials = _Trials(ready, options, test or ready.samples, labels, progress)
    widest = trials.judged({})
    if widest.lost > budget:
        raise TilefoldError(
            f"{widest.lost:.2f} points are lost with {options.weights} bits of weights and "
            f"{options.activations} of values: more than the budget of {budget:g}"
        )
    probes = _Probes(ready, options, progress)
    works, noise = probes.works, probes.noise()
    start = _start(noise, works, options)
    steps = list(_steps(noise, works, start, options))
    found, low, high = widest, 0, len(steps)
    while low < high and trials.count <= TRIALS:
        place = (low + high + 1) // 2
        made = trials.judged(_layers(steps[:place]))
        if made.lost <= budget:
            found, low = made, place
        else:
            high = place - 1
    operations = [
        bit_operations(works, bits, options) for bits in (start | dict(steps[:low]), start)
    ]
    return replace(found, bit_operations=operations[0], widest=operations[1], trials=trials.count)


def bit_operations(works: Sequence[Work], bits: Bits, options: Quantisation) -> int:
    """Multiplications times bits of weights times bits of values, summed over products."""
    given = options.input or options.activations
    return sum(
        work.multiplications * bits[work.weights] * (bits[work.values] if work.values else given)
        for work in works
    )


def _start(sites: Iterable[Site], works: Sequence[Work], options: Quantisation) -> dict[Site, int]:
    """The widest widths."""
    bits = {
        site: options.weights if site.kind == WEIGHTS else options.activations for site in sites
    }
    ends = ((works[-1], options.last), (works[0], options.first)) if works else ()
    for work, own in ends:
        bits[work.weights] = own or bits[work.weights]
    return bits


def _layers(steps: Sequence[tuple[Site, int]]) -> dict[str, Widths]:
    """The widths of layers after some steps."""
    found: dict[str, dict[str, int]] = {}
    for site, bits in steps:
        found.setdefault(site.layer, {})[site.kind] = bits
    return {layer: Widths(**widths) for layer, widths in found.items()}


def _steps(
    noise: Mapping[Site, Mapping[int, float]],
    works: Sequence[Work],
    start: Bits,
    options: Quantisation,
) -> Iterator[tuple[Site, int]]:
    """Sites and the bits that they get, one bit less at a time, the best bargain first."""
    bits = dict(start)
    concerned = {
        site: [work for work in works if site in (work.weights, work.values)] for site in bits
    }

    def bargain(site: Site) -> float:
        """Bit operations saved by one bit less, over the noise that it adds."""
        less = {**bits, site: bits[site] - 1}
        saved = bit_operations(concerned[site], bits, options)
        saved -= bit_operations(concerned[site], less, options)
        return saved / max(noise[site][less[site]] - noise[site][bits[site]], TINY)

    while wide := [site for site in bits if concerned[site] and bits[site] > WIDTHS[0]]:
        best = max(wide, key=bargain)
        bits[best] -= 1
        yield best, bits[best]


class _Trials:
    """Networks that are quantised and judged."""

    def __init__(
        self,
        ready: Calibrated,
        options: Quantisation,
        test: Samples,
        labels: Sequence[int] | npt.NDArray[Any] | None,
        progress: Progress | None,
    ) -> None:
        self._ready, self._options, self._test = ready, options, test
        self._labels, self._progress = labels, progress
        self.count = 0

    def judged(self, layers: Mapping[str, Widths]) -> Allocation:
        """What is lost with these widths of layers."""
        self.count += 1
        made = self._ready.quantised(self._options, layers, self._told)
        found = quality(made.original, made.model, self._test, self._labels)
        lost = 1 - found.agreement
        if found.right is not None and found.right_before is not None:
            lost = found.right_before - found.right
        return Allocation(layers, made, found, 100 * lost, 0, 0, self.count)

    def _told(self, text: str, done: int, total: int | None) -> None:
        if self._progress:
            self._progress(f"trial {self.count}: {text}", done, total)


class _Probes:
    """What the rounding of each site alone does to the network's output."""

    def __init__(self, ready: Calibrated, options: Quantisation, progress: Progress | None) -> None:
        self._ready, self._options, self._progress = ready, options, progress
        self._samples = ready.samples.first(PROBED)
        self._noise: dict[Site, dict[int, float]] = {}
        plan = Plan(network_of(ready.module).function, ready.host)
        self._values, self._products = plan.with_ranges, _products(plan)
        self._wanted = self._outputs(ready.module)
        self._means = self._input_means()

    @property
    def works(self) -> Sequence[Work]:
        """The products of the network."""
        return [
            Work(Site(name_of(op), WEIGHTS), _site_of(op.inputs[0]), _multiplications(op))
            for op in self._products
        ]

    def noise(self) -> Mapping[Site, Mapping[int, float]]:
        """For each site the noise at the output over the signal, by bits."""
        if self._noise:
            return self._noise
        total = len(self._values) + len(self._products)
        for place, value in enumerate(self._values):
            if isinstance(value.owner, Block):
                continue
            local = self._errors_of_value(value)
            site = Site(name_of(value.owner), ACTIVATIONS)
            self._note(site, local, self._with_value(place), place, total)
        for place, op in enumerate(self._products):
            local = self._errors_of_weight(op)
            module = self._with_weight(place)
            site = Site(name_of(op), WEIGHTS)
            self._note(site, local, module, len(self._values) + place, total)
        return self._noise

    def _note(
        self, site: Site, local: Mapping[int, float], module: ModuleOp, place: int, total: int
    ) -> None:
        """Note the noise of a site, from a module that has it at `PROBE` bits."""
        signal = noise = 0.0
        for wanted, found in zip(self._wanted, self._outputs(module), strict=True):
            signal += float((wanted**2).sum())
            noise += float(((found - wanted) ** 2).sum())
        gain = noise / max(signal, TINY) / max(local[PROBE], TINY)
        known = self._noise.setdefault(site, dict.fromkeys(WIDTHS, 0.0))
        for bits in WIDTHS:
            known[bits] += gain * local[bits]
        if self._progress:
            self._progress("measuring layers", place + 1, total)

    def _outputs(self, module: ModuleOp) -> Sequence[Doubles]:
        """The first output of the network in `module` on all samples."""
        session = OnnxSession(onnx_model(module, self._ready.store))
        name = session.outputs[0]
        return [session.run(sample)[name].astype(np.float64) for sample in self._samples]

    def _errors_of_value(self, value: SSAValue) -> Mapping[int, float]:
        histogram = observed(value, self._ready.store)
        assert histogram is not None, "the network is calibrated"
        return {bits: stored_error(histogram, self._element(value, bits)) for bits in WIDTHS}

    def _element(self, value: SSAValue, bits: int) -> UniformType:
        histogram = observed(value, self._ready.store)
        assert histogram is not None, "the network is calibrated"
        return activation_type(
            histogram, bits, method_of(self._options.method), self._options.symmetric
        )

    def _errors_of_weight(self, op: nn.OnnxOp) -> Mapping[int, float]:
        weight = read_constant(op.inputs[1], self._ready.store).astype(np.float64)
        return {bits: float(((weight - self._rounded(op, bits)) ** 2).sum()) for bits in WIDTHS}

    def _rounded(self, op: nn.OnnxOp, bits: int) -> npt.NDArray[np.float32]:
        """The weights of a product in real numbers, each rounded to its nearest integer."""
        weight = read_constant(op.inputs[1], self._ready.store)
        axis = output_axis(op) if self._options.per_channel else None
        scales = weight_scales(weight, axis, bits, Method.MSE)
        shape = [1] * weight.ndim
        if axis is not None:
            shape[axis] = -1
        return codes_of(weight, scales, axis, bits) * scales.reshape(shape)

    def _with_value(self, place: int) -> ModuleOp:
        """The network with one value at `PROBE` bits."""
        module = self._ready.module.clone()
        value = Plan(network_of(module).function, self._ready.host).with_ranges[place]
        quantize = nn.QuantizeOp(value, self._element(value, PROBE))
        real = nn.DequantizeOp(quantize.result)
        value.replace_uses_with_if(real.result, lambda use: use.operation is not quantize)
        assert not isinstance(value.owner, Block)
        Rewriter.insert_op([quantize, real], InsertPoint.after(value.owner))
        return module

    def _with_weight(self, place: int) -> ModuleOp:
        """The network with one product's weights at `PROBE` bits, and its means kept."""
        module, store = self._ready.module.clone(), self._ready.store
        op = _products(Plan(network_of(module).function, self._ready.host))[place]
        weight = read_constant(op.inputs[1], store)
        rounded = self._rounded(op, PROBE)
        means = self._means.get(place)
        if means is not None and len(op.inputs) > 2:
            rows = Product(op).rows(weight - rounded).astype(np.float64)
            bias = read_constant(op.inputs[2], store)
            shift = (rows @ means[:, :, None]).reshape(-1)
            replace_real(op, 2, (bias.reshape(-1) + shift).reshape(bias.shape), store)
        replace_real(op, 1, rounded, store)
        return module

    def _input_means(self) -> Mapping[int, Doubles]:
        """The means of what the rows of products meet [groups, columns], by their places."""
        rows = {place: op for place, op in enumerate(self._products) if has_rows(op)}
        names = value_names(self._ready.module)
        shown = list(dict.fromkeys(op.inputs[0] for op in rows.values()))
        session = OnnxSession(onnx_model(self._ready.module, self._ready.store, shown))
        found: dict[int, list[Doubles]] = {place: [] for place in rows}
        generator = np.random.default_rng(0)
        for sample in self._samples:
            arrays = session.run(sample) | sample
            for place, op in rows.items():
                columns = Product(op).columns(arrays[names[op.inputs[0]]], generator, POSITIONS)
                found[place].append(columns.mean(axis=-1, dtype=np.float64))
        return {place: np.mean(means, axis=0) for place, means in found.items()}


def _products(plan: Plan) -> Sequence[nn.OnnxOp]:
    """The products whose weights will be quantised."""
    stored = set(plan.stored)
    return [
        op
        for op in plan.computed
        if is_operator(op, *PRODUCTS)
        and op.inputs[0] in stored
        and isinstance(op.inputs[1].owner, nn.ConstantOp)
    ]


def _site_of(value: SSAValue) -> Site | None:
    """By whose width a value is stored; None for the network's inputs."""
    while (source := same_parameters(value)) is not None:
        value = source
    return None if isinstance(value.owner, Block) else Site(name_of(value.owner), ACTIVATIONS)


def _multiplications(op: nn.OnnxOp) -> int:
    """How many numbers a product multiplies."""
    weight = shape_of(op.inputs[1])
    if is_operator(op, "ConvTranspose"):
        return math.prod(shape_of(op.inputs[0])) * math.prod(weight[1:])
    axis = output_axis(op)
    assert axis is not None
    return (
        math.prod(shape_of(op.outputs[0]))
        * math.prod(weight[-2:] if is_operator(op, "MatMul") else weight)
        // weight[axis]
    )
