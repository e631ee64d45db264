"""nn-quantize: put quantisation behind the real values that machines are to store as integers.

Before:

```mlir
%y = nn.onnx "Conv"(%x, %w, %b) {...} {observed = [array<f32: -1.0, 3.0>]} : ...
```

After:

```mlir
%y = nn.onnx "Conv"(%xr, %w, %b) {...} : ...
%y8 = nn.quantize %y : (...) -> tensor<...x!quant.uniform<u8:f32, 0.0157:64>>
%yr = nn.dequantize %y8 : (...) -> tensor<...xf32>
```

This is the QDQ form: still real numbers, of which no more is kept than the integers between a
quantisation and a dequantisation. Ranges come from what `nn-calibrate` has observed.
`nn-quantize-weights` follows.
"""

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..dialects import nn
from ..dialects.location import name_of, set_name
from ..dialects.nn_network import Network, network_of
from ..dialects.quant import UniformType
from ..dialects.store import Store, store_of
from ..errors import TilefoldError
from ..interpreters.onnx_model import dequantised
from .quantising.constants import read_constant, replace_operand
from .quantising.observed import Histogram, clear_observed, observed
from .quantising.plan import Plan, constants_to_store, same_parameters
from .quantising.ranges import Method, activation_type, method_of
from .quantising.widths import Widths, check_layers, check_width, read_widths


@dataclass(frozen=True)
class NnQuantizePass(ModulePass):
    """Quantise the values that machines compute with.

    `bits` are from 2 to 8, those of the network's inputs `input`, if it is not 0. `layers` is a
    JSON file of exceptions (see `widths`). `method` says how ranges are found: "auto",
    "minmax", "percentile" or "mse". `symmetric` values are signed with zero point 0.
    """

    name = "nn-quantize"

    bits: int = 8
    input: int = 0
    layers: str = ""
    method: str = Method.MSE.value
    symmetric: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite `op` in place; TilefoldError where a range is not known."""
        self.quantize(op, store_of(ctx), read_widths(self.layers))

    def quantize(
        self,
        module: ModuleOp,
        store: Store,
        layers: Mapping[str, Widths],
        host: Container[str] = (),
    ) -> None:
        """Quantise the network in `module`, the values of `layers` to other widths.

        What only operators named in `host` read and make is left as it is.
        Raises TilefoldError where a range is not known, an option is none, or a layer is not there.
        """
        check_width(self.bits, self.input or self.bits)
        method_of(self.method)
        network = network_of(module)
        check_layers(network, layers)
        _Quantizer(self, network, store, layers, host).run()


@dataclass
class _Quantizer:
    """The quantisation of the values of one network."""

    options: NnQuantizePass
    network: Network
    store: Store
    layers: Mapping[str, Widths]
    host: Container[str]

    def run(self) -> None:
        """Quantise what is computed, and constants that are read beside it."""
        plan = Plan(self.network.function, self.host)
        types: dict[SSAValue, UniformType] = {}
        for value in plan.stored:
            types[value] = self._type_of(value, types)
        for op in plan.computed:
            for constant in constants_to_store(op):
                self._store_constant(op, constant)
        for value, element in types.items():
            self._store_value(plan, value, element)
        clear_observed(self.network.function)

    def _bits(self, value: SSAValue) -> int:
        """The width of a value."""
        if isinstance(value.owner, Block):
            return self.options.input or self.options.bits
        layer = self.layers.get(name_of(value.owner), Widths())
        return layer.activations or self.options.bits

    def _type_of(self, value: SSAValue, types: Mapping[SSAValue, UniformType]) -> UniformType:
        """The type in which a value is stored."""
        source = same_parameters(value)
        if source is not None and source in types:
            return types[source]
        histogram = observed(value, self.store)
        name = self._name(value)
        if histogram is None:
            raise TilefoldError(f"{name}: its range is not known; run nn-calibrate before")
        if not np.isfinite([histogram.low, histogram.high]).all():
            reach = f"{histogram.low} to {histogram.high}"
            raise TilefoldError(f"{name}: its values are not finite: {reach}")
        method = method_of(self.options.method)
        return activation_type(histogram, self._bits(value), method, self.options.symmetric)

    def _name(self, value: SSAValue) -> str:
        if isinstance(value.owner, Block):
            return self.network.input_names[self.network.inputs.index(value)]
        place = value.owner.results.index(value)
        return f"{name_of(value.owner)}:{place}" if place else name_of(value.owner)

    def _store_value(self, plan: Plan, value: SSAValue, element: UniformType) -> None:
        """Quantise a value and dequantise it for all that read it as it is stored."""
        quantize = nn.QuantizeOp(value, element)
        real = nn.DequantizeOp(quantize.result)
        name = self._name(value)
        set_name(quantize, f"{name}_QuantizeLinear")
        set_name(real, dequantised(name))
        value.replace_uses_with_if(
            real.result,
            lambda use: use.operation is not quantize and plan.reads_stored(value, use.operation),
        )
        owner = value.owner
        place = (
            InsertPoint.at_start(owner) if isinstance(owner, Block) else InsertPoint.after(owner)
        )
        Rewriter.insert_op([quantize, real], place)

    def _store_constant(self, op: nn.OnnxOp, value: SSAValue) -> None:
        """Let an operator read a constant as stored integers."""
        array = read_constant(value, self.store)
        histogram = Histogram(float(array.min()), float(array.max()), np.zeros(0))
        element = activation_type(histogram, self._bits(op.outputs[0]), Method.MINMAX)
        codes = np.rint(array.astype(np.float64) / element.scale) + element.zero_point
        codes = np.clip(codes, element.qmin, element.qmax).astype(element.numpy_dtype)
        constant = nn.ConstantOp(codes, element, self.store)
        assert isinstance(value.owner, nn.ConstantOp)
        replace_operand(op, op.inputs.index(value), constant, name_of(value.owner))
