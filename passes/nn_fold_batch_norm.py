"""nn-fold-batch-norm: scales and shifts of channels become part of the product before them.

Before:

```mlir
%y = nn.onnx "Conv"(%x, %w, %b) {...} : ...
%z = nn.onnx "BatchNormalization"(%y, %scale, %shift, %mean, %variance) {...} : ...
```

After, with factor = scale / sqrt(variance + epsilon):

```mlir
%w1 = nn.constant ...  // w * factor, output channel by output channel
%b1 = nn.constant ...  // (b - mean) * factor + shift
%z = nn.onnx "Conv"(%x, %w1, %b1) {...} : ...
```

The same is done with Mul, Add, Sub and Div by a constant for each channel or for all, and with a
BatchNormalization, Mul, Add, Sub or Div after another one. Nothing else may read what the product
makes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..dialects import nn
from ..dialects.location import fuse
from ..dialects.nn_network import network_of
from ..dialects.nn_onnx import is_operator
from ..dialects.nn_types import shape_of, tensor_of
from ..dialects.store import Store, store_of
from .quantising.constants import read_constant

Doubles = npt.NDArray[np.float64]

PRODUCTS = ("Conv", "ConvTranspose", "Gemm")


@dataclass(frozen=True)
class NnFoldBatchNormPass(ModulePass):
    """Fold scales and shifts into products."""

    name = "nn-fold-batch-norm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        fold_batch_norm(op, store_of(ctx))


def fold_batch_norm(module: ModuleOp, store: Store) -> None:
    """Fold scales and shifts into the products before them, in place."""
    for op in list(network_of(module).function.body.block.ops):
        if isinstance(op, nn.OnnxOp) and (product := _product_before(op)):
            change = _change(op, store)
            if change is not None:
                _fold(product, op, *change, store)


def _product_before(op: nn.OnnxOp) -> nn.OnnxOp | None:
    """The product whose result `op`, and nothing else, reads, if its weights are constant."""
    for value in op.inputs:
        owner = value.owner
        if isinstance(owner, nn.OnnxOp) and is_operator(owner, *PRODUCTS):
            constant = all(isinstance(each.owner, nn.ConstantOp) for each in owner.inputs[1:])
            # alpha and beta of Gemm would have to be part of what is folded.
            plain = owner.real("alpha", 1) == 1 and owner.real("beta", 1) == 1
            return owner if constant and plain and value.has_one_use() else None
    return None


def _change(op: nn.OnnxOp, store: Store) -> tuple[Doubles, Doubles] | None:
    """What `op` multiplies channels by and adds then, [channels] each; None if it does else."""
    if len(op.outputs) > 1 or shape_of(op.outputs[0]) != shape_of(_live(op)):
        return None
    channels = shape_of(_live(op))[1]
    if is_operator(op, "BatchNormalization"):
        if not all(isinstance(value.owner, nn.ConstantOp) for value in op.inputs[1:]):
            return None
        scale, shift, mean, variance = (
            read_constant(value, store).astype(np.float64) for value in op.inputs[1:]
        )
        factor = scale / np.sqrt(variance + op.real("epsilon", 1e-5))
        return factor, shift - mean * factor
    if not is_operator(op, "Mul", "Add", "Sub", "Div") or len(set(op.inputs)) < 2:
        return None
    (constant,) = (value for value in op.inputs if value is not _live(op))
    if not isinstance(constant.owner, nn.ConstantOp):
        return None
    rank = len(shape_of(_live(op)))
    numbers = _by_channel(read_constant(constant, store), rank, channels)
    if numbers is None or (constant is op.inputs[0] and is_operator(op, "Div")):
        return None
    ones, zeros = np.ones(channels), np.zeros(channels)
    if is_operator(op, "Mul", "Div"):
        if is_operator(op, "Div") and not numbers.all():
            return None
        return numbers if is_operator(op, "Mul") else 1 / numbers, zeros
    if is_operator(op, "Add"):
        return ones, numbers
    return (-ones, numbers) if constant is op.inputs[0] else (ones, -numbers)


def _live(op: nn.OnnxOp) -> SSAValue:
    """The operand that is no constant."""
    return next(value for value in op.inputs if not isinstance(value.owner, nn.ConstantOp))


def _by_channel(array: npt.NDArray[np.floating], rank: int, channels: int) -> Doubles | None:
    """The numbers of a constant by channel [channels]; None where they differ along other axes."""
    shape = (1,) * (rank - array.ndim) + array.shape
    others = [size for axis, size in enumerate(shape) if axis != 1]
    if len(shape) != rank or set(others) - {1} or shape[1] not in (1, channels):
        return None
    return np.broadcast_to(array.reshape(-1).astype(np.float64), channels)


def _fold(product: nn.OnnxOp, op: nn.OnnxOp, factor: Doubles, shift: Doubles, store: Store) -> None:
    """Replace `op` by `product` with other weights."""
    weight = read_constant(product.inputs[1], store).astype(np.float64)
    bias = np.zeros(len(factor))
    if len(product.inputs) > 2:
        bias = np.broadcast_to(
            read_constant(product.inputs[2], store).astype(np.float64).reshape(-1), len(factor)
        )
    constants: Iterable[Doubles] = (
        _scaled(product, weight, factor),
        bias * factor + shift,
    )
    element = tensor_of(product.inputs[1]).element_type
    made = [nn.ConstantOp(np.ascontiguousarray(c, np.float32), element, store) for c in constants]
    for constant, before in zip(made, (product.inputs[1], product.inputs[-1]), strict=True):
        assert isinstance(before.owner, nn.ConstantOp)
        constant.location = before.owner.location
    Rewriter.insert_op(made, InsertPoint.before(product))
    product.operands = [product.inputs[0], *(constant.result for constant in made)]
    product.location = fuse([product.location, op.location])
    result = product.outputs[0]
    assert isinstance(op.outputs[0].type, TensorType)
    op.outputs[0].replace_all_uses_with(result)
    op.detach()
    op.erase()


def _scaled(product: nn.OnnxOp, weight: Doubles, factor: Doubles) -> Doubles:
    """The weights of a product, each multiplied by the factor of its output channel."""
    if is_operator(product, "Conv"):
        return weight * factor.reshape(-1, *[1] * (weight.ndim - 1))
    if is_operator(product, "Gemm"):
        return weight * (factor[:, None] if product.integer("transB", 0) else factor)
    groups = product.integer("group", 1)
    by_group = weight.reshape(groups, len(weight) // groups, weight.shape[1], -1)
    return (by_group * factor.reshape(groups, 1, weight.shape[1], 1)).reshape(weight.shape)
