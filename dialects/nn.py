"""The `nn` dialect: a network, one operation a layer, with value semantics.

A network is a module with one function `@main`; batch is 1, shapes are logical (NCHW), operators
mean what ONNX defines, and numbers are those of `interpreters.kernels`:

```mlir
builtin.module attributes {nn.network = "example"} {
  func.func @main(%image: tensor<1x1x28x28xf32> {nn.name = "image"})
      -> (tensor<1x8x14x14xf32> {nn.name = "features"}) {
    %q = nn.quantize %image : (tensor<1x1x28x28xf32>) -> tensor<1x1x28x28x!quant.uniform<...>>
    %w = nn.constant #nn.stored<"0123456789abcdef0123456789abcdef"> -> tensor<8x1x3x3x!quant...>
    %y = nn.conv %q, %w {strides = [2, 2], pads = [1, 1, 1, 1], dilations = [1, 1], groups = 1}
        : (...) -> tensor<1x8x14x14x!quant.uniform<u8:f32, 0.04:7>>
    %f = nn.dequantize %y : (...) -> tensor<1x8x14x14xf32>
    func.return %f : tensor<1x8x14x14xf32>
  }
}
```

Every operation carries the name of its ONNX node as location (`dialects.location`). Activations
have one scale per tensor, weights one per tensor or per output channel. A convolution or matrix
product whose result is `i32` gives the raw accumulator with bias; else it is requantised to the
result's type. `clamp = [lo, hi]` bounds the result's stored integers.
"""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import (
    BytesAttr,
    DenseIntOrFPElementsAttr,
    StringAttr,
    TensorType,
    f32,
)
from xdsl.interfaces import HasCanonicalizationPatternsInterface
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    base,
    irdl_attr_definition,
    irdl_op_definition,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.pattern_rewriter import RewritePattern
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from ..errors import TilefoldError
from .location import name_of
from .nn_movement import (
    ConcatOp,
    PadOp,
    RearrangeOp,
    RepeatOp,
    ReshapeOp,
    SliceOp,
    TransposeOp,
)
from .nn_onnx import OnnxOp
from .nn_pools import AvgPoolOp, GlobalAvgPoolOp, MaxPoolOp
from .nn_products import (
    AddOp,
    BinaryOp,
    ClampedOp,
    ConvOp,
    MatmulOp,
    MulOp,
    ProductOp,
    RequantizeOp,
)
from .nn_syntax import Ints, LayerOp, UnaryOp, ints
from .nn_types import (
    activation,
    check_codes,
    element_of,
    is_real,
    numpy_type,
    plain_type,
    require_channels,
    require_shape,
    shape_of,
    tensor_of,
)
from .quant import UniformType, all_codes
from .store import Store

__all__ = [
    "AddOp",
    "AvgPoolOp",
    "BinaryOp",
    "ClampedOp",
    "ConcatOp",
    "ConstantOp",
    "ConvOp",
    "DequantizeOp",
    "GlobalAvgPoolOp",
    "LayerOp",
    "LutOp",
    "MatmulOp",
    "MaxPoolOp",
    "MulOp",
    "Nn",
    "OnnxOp",
    "PadOp",
    "ProductOp",
    "QuantizeOp",
    "RearrangeOp",
    "RepeatOp",
    "RequantizeOp",
    "ReshapeOp",
    "SliceOp",
    "StoredAttr",
    "TransposeOp",
    "UnaryOp",
]

SMALL_BYTES = 256
"""Constants of at most so many bytes stand in the IR's text, larger ones in the store."""

BYTES = 256
"""The number of different bytes."""


@irdl_attr_definition
class StoredAttr(ParametrizedAttribute):
    """The digest of an array in the side store."""

    name = "nn.stored"

    digest: StringAttr

    def verify(self) -> None:
        """Refuse what is not a digest."""
        if not re.fullmatch("[0-9a-f]{32}", self.digest.data):
            raise VerifyException(f'"{self.digest.data}" is not a digest of 32 hex digits')


def _dense(array: npt.NDArray[Any]) -> DenseIntOrFPElementsAttr:
    kind = TensorType(plain_type(array.dtype), array.shape)
    return DenseIntOrFPElementsAttr(kind, BytesAttr(array.tobytes()))


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """A constant tensor: stored integers, or plain numbers."""

    name = "nn.constant"

    value = prop_def(base(DenseIntOrFPElementsAttr) | base(StoredAttr))
    result = result_def(TensorType)

    traits = traits_def(Pure())
    assembly_format = "$value attr-dict `->` type($result)"

    def __init__(
        self, array: npt.NDArray[Any], element: Attribute, store: Store | None = None
    ) -> None:
        """The numbers `array` as `element`s; ValueError if it is large and `store` None.

        Truth values are always stored: text has no bytes for them.
        """
        if array.nbytes <= SMALL_BYTES and array.dtype != np.bool_:
            value = _dense(array)
        elif store is None:
            raise ValueError(f"a constant of {array.nbytes} bytes needs a store")
        else:
            value = StoredAttr(StringAttr(store.put(array)))
        super().__init__(
            properties={"value": value}, result_types=[TensorType(element, array.shape)]
        )

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The data type of the array."""
        return numpy_type(tensor_of(self.result).element_type)

    def array(self, store: Store | None = None) -> npt.NDArray[Any]:
        """The numbers; TilefoldError where the store lacks them."""
        if isinstance(self.value, StoredAttr):
            if store is None:
                raise TilefoldError("the network's constants are in a store, which was not given")
            array = store.get(self.value.digest.data)
        else:
            array = np.frombuffer(self.value.data.data, self.numpy_dtype)
            array = array.reshape(self.value.get_shape())
        if array.shape != shape_of(self.result) or array.dtype != self.numpy_dtype:
            raise TilefoldError(
                f"constant {name_of(self)}: the stored array is {array.dtype}{list(array.shape)}, "
                f"not {self.numpy_dtype}{list(shape_of(self.result))}"
            )
        return array

    def verify_(self) -> None:
        """Check the literal against the type."""
        element = tensor_of(self.result).element_type
        dtype = self.numpy_dtype
        if isinstance(self.value, StoredAttr):
            return
        if self.value.get_shape() != shape_of(self.result):
            raise VerifyException("the literal and the result differ in shape")
        literal = self.value.get_element_type()
        if literal != plain_type(dtype):
            raise VerifyException(f"a literal of {literal} cannot hold {element}")
        if len(self.value.data.data) > SMALL_BYTES:
            raise VerifyException(
                f"a literal of more than {SMALL_BYTES} bytes belongs in the store"
            )
        if isinstance(element, UniformType):
            require_channels(element, shape_of(self.result), element.axis or 0, "constant")
            check_codes(self.array().reshape(-1).tolist(), element, "constant")


@irdl_op_definition
class QuantizeOp(UnaryOp):
    """Real numbers to stored integers: the host does it at the network's boundary."""

    name = "nn.quantize"

    def __init__(self, input: SSAValue, element: UniformType) -> None:
        super().__init__(operands=[input], result_types=[TensorType(element, shape_of(input))])

    def verify_(self) -> None:
        """Check f32 to quantised."""
        if not is_real(self.input):
            raise VerifyException("the input must be f32")
        activation(self.result, "result")
        require_shape(self.result, shape_of(self.input))


@irdl_op_definition
class DequantizeOp(UnaryOp):
    """Stored integers (or accumulators) to real numbers: the host does it at the boundary."""

    name = "nn.dequantize"

    def __init__(self, input: SSAValue) -> None:
        super().__init__(operands=[input], result_types=[TensorType(f32, shape_of(input))])

    def verify_(self) -> None:
        """Check quantised to f32."""
        if not is_real(self.result):
            raise VerifyException("the result must be f32")
        element = element_of(self.input)
        if element.axis is not None:
            require_channels(element, shape_of(self.input), element.axis, "input")
        require_shape(self.result, shape_of(self.input))


@irdl_op_definition
class LutOp(UnaryOp, HasCanonicalizationPatternsInterface):
    """A table look-up: any function of one stored integer.

    Of the 2**bits entries a stored integer of `bits` bits selects the one with the number of its
    bits (two's complement where it is signed); the entry is the byte of the result.
    """

    name = "nn.lut"

    table = prop_def(Ints)

    def __init__(self, input: SSAValue, element: UniformType, table: npt.NDArray[np.uint8]) -> None:
        """`table` [256] holds the results' bytes by the bytes of inputs."""
        codes = all_codes(element_of(input)).view(np.uint8)
        super().__init__(
            operands=[input],
            result_types=[TensorType(element, shape_of(input))],
            properties={"table": ints(table[codes].tolist())},
        )

    @property
    def entries(self) -> npt.NDArray[np.uint8]:
        """The table [256] of the results' bytes by the bytes of inputs."""
        entries = np.frombuffer(self.table.data.data, np.int64).astype(np.uint8)
        return np.tile(entries, BYTES // entries.size)

    def codes(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """All integers that the input's type can store, ascending, and what they become."""
        source, target = element_of(self.input), element_of(self.result)
        inputs = np.arange(source.qmin, source.qmax + 1).astype(source.numpy_dtype)
        return inputs, self.entries[inputs.view(np.uint8)].view(target.numpy_dtype)

    def verify_(self) -> None:
        """Check shapes, types and table."""
        element = activation(self.input, "input")
        result = activation(self.result, "result")
        require_shape(self.result, shape_of(self.input))
        table = self.table.get_values()
        if len(table) != 1 << element.bits:
            raise VerifyException(
                f"a table for {element.bits} bits has {1 << element.bits} entries, not {len(table)}"
            )
        if not 0 <= min(table) <= max(table) < BYTES:
            raise VerifyException("table entries must be bytes")
        check_codes(self.codes()[1].tolist(), result, "table")

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        """A table that changes nothing."""
        from .nn_canonicalization import IdentityLut

        return (IdentityLut(),)


Nn = Dialect(
    "nn",
    [
        ConstantOp,
        QuantizeOp,
        DequantizeOp,
        ConvOp,
        MatmulOp,
        RequantizeOp,
        AddOp,
        MulOp,
        MaxPoolOp,
        AvgPoolOp,
        GlobalAvgPoolOp,
        ConcatOp,
        LutOp,
        ReshapeOp,
        TransposeOp,
        RearrangeOp,
        RepeatOp,
        PadOp,
        SliceOp,
        OnnxOp,
    ],
    [StoredAttr],
)
