"""nn-quantize-weights: store the weights and biases of products as integers.

Before:

```mlir
%y = nn.onnx "Conv"(%xr, %w, %b) {...} : ...
```

After:

```mlir
%w8 = nn.constant #nn.stored<...> -> tensor<8x3x3x3x!quant.uniform<i8:f32:0, {...}>>
%wr = nn.dequantize %w8 : (...) -> tensor<8x3x3x3xf32>
%b32 = nn.constant dense<...> -> tensor<8x!quant.uniform<i32:f32:0, {...}>>
%br = nn.dequantize %b32 : (...) -> tensor<8xf32>
%y = nn.onnx "Conv"(%xr, %wr, %br) {...} : ...
```

Weights have symmetric types, one scale for each output channel; a bias has the scale of the sums.
`nn-quantize` must have stored the inputs of the products. Rounding to the nearest integer takes
nothing but the weights. With samples, layers are taken in their order, each with the inputs that
the layers before it really give: the bias makes good what rounding has moved the mean of a channel
by (Nagel et al., arXiv:1906.04721, section 4.2), and weights are rounded together, so that sums
change least (`quantising/rounding.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..dialects import nn
from ..dialects.location import name_of
from ..dialects.nn_network import network_of
from ..dialects.nn_onnx import is_operator
from ..dialects.nn_types import accumulator_type, element_of, shape_of
from ..dialects.quant import UniformType, storage_range
from ..dialects.store import Store, store_of
from ..errors import TilefoldError
from ..interpreters.samples import Samples, read_samples
from .quantising.constants import read_constant, replace_operand
from .quantising.plan import PRODUCTS
from .quantising.products import Product, has_rows
from .quantising.ranges import Method, codes_of, method_of, weight_scales
from .quantising.rounding import COLUMNS, Moments, adapted, rounded
from .quantising.walk import Progress, Walk
from .quantising.widths import Widths, check_layers, check_width, read_widths

BIAS_ROOM = 2.0**30
"""A bias takes no more units of its scale: half of what int32 holds is left to the sums."""

POSITIONS = 256
"""Output positions of a sample that are looked at."""

Weights = npt.NDArray[np.float32]


class Rounding(StrEnum):
    """To the nearest integer; so that means stay, too; or so that sums change least."""

    NEAREST = "nearest"
    CORRECTED = "corrected"
    RECONSTRUCTED = "reconstructed"


@dataclass(frozen=True)
class NnQuantizeWeightsPass(ModulePass):
    """Quantise weights and biases.

    `bits` are from 2 to 8, those of the first and last product `first` and `last`, if they are not
    0. `layers` is a JSON file of exceptions (see `widths`). `method`, "minmax" or "mse", says how
    scales are found; without `per_channel` a weight has one. `rounding` is "nearest", "corrected"
    or "reconstructed": the latter two take `samples`, an .npz file, of which `most` are used (all
    with 0).
    """

    name = "nn-quantize-weights"

    bits: int = 8
    first: int = 0
    last: int = 0
    layers: str = ""
    method: str = Method.MSE.value
    per_channel: bool = True
    rounding: str = Rounding.NEAREST.value
    samples: str = ""
    most: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite `op` in place."""
        samples = None
        if self.samples:
            samples = read_samples(Path(self.samples), network_of(op)).first(self.most)
        self.quantize(op, store_of(ctx), read_widths(self.layers), samples)

    def quantize(
        self,
        module: ModuleOp,
        store: Store,
        layers: Mapping[str, Widths],
        samples: Samples | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Quantise the products in `module`, `layers` to other widths.

        Raises TilefoldError where an option is none, samples are missing, or a layer is not there.
        """
        check_width(self.bits, self.first or self.bits, self.last or self.bits)
        method_of(self.method)
        check_layers(network_of(module), layers)
        if self.rounding not in list(Rounding):
            raise TilefoldError(
                f'{self.name}: rounding "{self.rounding}" is none of {", ".join(Rounding)}'
            )
        function = network_of(module).function
        products = [op for op in function.body.block.ops if _is_stored(op)]
        quantizer = _Quantizer(self, store, products, layers)
        if self.rounding == Rounding.NEAREST:
            for op in products:
                quantizer.round_nearest(op)
            return
        if samples is None:
            raise TilefoldError(f'{self.name}: rounding "{self.rounding}" takes samples')
        walk = Walk(module, store, samples, progress)
        for op in walk.steps():
            if op in products:
                quantizer.round_on_samples(op, walk)


def _is_stored(op: Operation) -> bool:
    """Whether an operation is a product of a stored input and constants."""
    if not is_operator(op, *PRODUCTS):
        return False
    first, *others = (value.owner for value in op.operands)
    constant = all(isinstance(owner, nn.ConstantOp) for owner in others)
    return isinstance(first, nn.DequantizeOp) and constant


@dataclass
class _Quantizer:
    """The quantisation of the products of one network."""

    options: NnQuantizeWeightsPass
    store: Store
    products: Sequence[Operation]
    layers: Mapping[str, Widths]
    generator: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def round_nearest(self, op: Operation) -> None:
        """Store the weights of a product, each rounded by itself."""
        assert isinstance(op, nn.OnnxOp)
        weight = read_constant(op.inputs[1], self.store)
        element, scales, axis = self._type_of(op, weight)
        self._store(op, element, codes_of(weight, scales, axis, element.bits), self._bias(op))

    def round_on_samples(self, op: nn.OnnxOp, walk: Walk) -> None:
        """Store the weights of a product so that its results on samples change little."""
        if not has_rows(op):
            self.round_nearest(op)
            return
        product, halves = Product(op), self._moments(op, walk)
        moments = halves[0] + halves[1]
        if not moments.finite:
            self.round_nearest(op)
            return
        given = product.rows(read_constant(op.inputs[1], self.store)).astype(np.float64)
        rows, together = given, self._rounds_together(given)
        if together:
            rows = adapted(given, halves)
        adjusted = np.ascontiguousarray(product.weight(rows), np.float32)
        element, scales, axis = self._type_of(op, adjusted)
        steps = np.broadcast_to(scales.astype(np.float64), rows.shape[0] * rows.shape[1])
        steps = steps.reshape(rows.shape[:2])
        if together:
            most = storage_range(element.bits, True)[1]
            codes, steps = rounded(rows, steps, most, moments, fit=axis is not None)
            if axis is not None:
                element = self._element(element.bits, steps.reshape(-1), axis)
        else:
            codes = product.rows(codes_of(adjusted, scales, axis, element.bits)).astype(np.float64)
        stored = codes * steps[:, :, None]
        mean = (given @ moments.x[:, :, None] - stored @ moments.y[:, :, None]) / moments.count
        bias = self._bias(op)
        if bias is not None or not is_operator(op, "MatMul"):
            bias = (0 if bias is None else bias) + mean.reshape(-1)
        whole = np.ascontiguousarray(product.weight(codes)).astype(np.int8)
        self._store(op, element, whole, bias)

    def _rounds_together(self, rows: npt.NDArray[np.float64]) -> bool:
        """Whether the weights of a row are rounded together: they must not be too many."""
        return self.options.rounding == Rounding.RECONSTRUCTED and rows.shape[-1] <= COLUMNS

    def _moments(self, op: nn.OnnxOp, walk: Walk) -> tuple[Moments, Moments]:
        """The moments of a product's input on either half of the samples of `walk`."""
        product, both = Product(op), walk.values[op.inputs[0]]
        seeds = self.generator.integers(1 << 32, size=len(both.real))

        def columns(array: Weights, seed: int) -> Weights:
            return product.columns(array, np.random.default_rng(seed), POSITIONS)

        pairs = list(zip(both.real, both.stored, seeds, strict=True))
        halves = (
            Moments.of((columns(real, seed), columns(stored, seed)) for real, stored, seed in half)
            for half in (pairs[::2], pairs[1::2] or pairs)
        )
        return next(halves), next(halves)

    def _bias(self, op: nn.OnnxOp) -> npt.NDArray[np.float64] | None:
        """The bias of a product [channels] or [1]; None where it has none."""
        if len(op.inputs) < 3:
            return None
        return read_constant(op.inputs[2], self.store).reshape(-1).astype(np.float64)

    def _bits(self, op: nn.OnnxOp) -> int:
        """The width of a product's weights."""
        ends = ((self.products[0], self.options.first), (self.products[-1], self.options.last))
        bits = next((bits for end, bits in ends if bits and end is op), self.options.bits)
        return self.layers.get(name_of(op), Widths()).weights or bits

    def _type_of(
        self, op: nn.OnnxOp, weight: Weights
    ) -> tuple[UniformType, npt.NDArray[np.float32], int | None]:
        """The type of a product's weights, its scales and the axis that these run along."""
        axis = output_axis(op) if self.options.per_channel else None
        bits = self._bits(op)
        scales = weight_scales(weight, axis, bits, Method(self.options.method))
        bias = self._bias(op)
        if bias is not None:
            room = np.abs(bias) / (BIAS_ROOM * float(_input_type(op).scale))
            scales = np.maximum(scales, room.max() if axis is None else room).astype(np.float32)
        if axis is None:
            return UniformType.per_tensor(bits, True, float(scales[0])), scales, None
        return self._element(bits, scales, axis), scales, axis

    def _element(self, bits: int, scales: npt.NDArray[np.floating], axis: int) -> UniformType:
        return UniformType.per_axis(bits, True, axis, scales, 0, self.store)

    def _store(
        self,
        op: nn.OnnxOp,
        element: UniformType,
        codes: npt.NDArray[np.int8],
        bias: npt.NDArray[np.float64] | None,
    ) -> None:
        """Let a product read stored weights and, where it has one, a stored bias."""
        name = name_of(op)
        replace_operand(op, 1, nn.ConstantOp(codes, element, self.store), f"{name}_weight")
        if bias is None:
            return
        sums = accumulator_type(_input_type(op), element, 0, self.store)
        scales = sums.scales(self.store).astype(np.float64)
        units = np.clip(np.rint(bias / scales), -BIAS_ROOM, BIAS_ROOM).astype(np.int32)
        if len(op.inputs) < 3:
            op.operands = [*op.operands, op.operands[1]]
        replace_operand(op, 2, nn.ConstantOp(units, sums, self.store), f"{name}_bias")


def _input_type(op: nn.OnnxOp) -> UniformType:
    source = op.inputs[0].owner
    assert isinstance(source, nn.DequantizeOp)
    return element_of(source.input)


def output_axis(op: nn.OnnxOp) -> int | None:
    """The axis of a product's weights that output channels run along; None if not one does."""
    if is_operator(op, "Conv"):
        return 0
    if is_operator(op, "Gemm"):
        return 0 if op.integer("transB", 0) else 1
    if is_operator(op, "MatMul"):
        return len(shape_of(op.inputs[1])) - 1
    return 1 if op.integer("group", 1) == 1 else None
