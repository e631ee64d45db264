"""nn-rows: products of several rows at once become products of one image of rows.

Machines take a batch of 1. The first dimension of what a constant matrix multiplies may be many
rows all the same, as those of a sequence behind a recurrent layer.

Before:

```mlir
%y = nn.onnx "Gemm"(%x, %w, %b) {} : (tensor<20x64xf32>, ...) -> tensor<20x10xf32>
```

After:

```mlir
%r = nn.onnx "Reshape"(%x, %shape) {} : (...) -> tensor<1x20x64xf32>
%p = nn.onnx "MatMul"(%r, %w) {} : (...) -> tensor<1x20x10xf32>
%s = nn.onnx "Add"(%p, %b) {} : (...) -> tensor<1x20x10xf32>
%y = nn.onnx "Reshape"(%s, %back) {} : (...) -> tensor<20x10xf32>
```
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import DYNAMIC_INDEX, Float32Type, ModuleOp, TensorType, f32
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..dialects import nn
from ..dialects.location import name_of, set_name
from ..dialects.nn_network import network_of
from ..dialects.nn_onnx import is_operator
from ..dialects.nn_types import plain_type, shape_of, tensor_of
from ..dialects.store import Store, store_of
from .quantising.constants import read_constant


@dataclass(frozen=True)
class NnRowsPass(ModulePass):
    """Give products of several rows a batch of 1."""

    name = "nn-rows"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        products_as_rows(op, store_of(ctx))


def products_as_rows(module: ModuleOp, store: Store) -> None:
    """Give products of several rows a batch of 1, in place."""
    for op in list(network_of(module).function.body.block.ops):
        if isinstance(op, nn.OnnxOp) and _has_rows(op):
            _replace(op, store)


def _has_rows(op: nn.OnnxOp) -> bool:
    """Whether `op` is a plain product by a constant matrix of something whose batch is not 1."""
    if not is_operator(op, "Gemm", "MatMul") or len(op.inputs) != len(op.arguments):
        return False
    left, right = op.inputs[:2]
    shape, others = shape_of(left), op.inputs[1:]
    return (
        isinstance(tensor_of(left).element_type, Float32Type)
        and all(isinstance(value.owner, nn.ConstantOp) for value in others)
        and not isinstance(left.owner, nn.ConstantOp)
        and len(shape) > 1
        and shape[0] != 1
        and DYNAMIC_INDEX not in shape
        and len(shape_of(right)) == 2
        and all(prod(shape_of(value)) == shape_of(value)[-1] for value in others[1:])
        and not op.integer("transA", 0)
        and op.real("alpha", 1) == op.real("beta", 1) == 1
    )


def _replace(op: nn.OnnxOp, store: Store) -> None:
    """Put the product of rows in the place of `op`."""
    name, shape = name_of(op), shape_of(op.outputs[0])
    rows = prod(shape[:-1])
    right = op.inputs[1]
    made: list[Operation] = []

    def add(what: str, operation: Operation) -> SSAValue:
        set_name(operation, f"{name}{what}")
        made.append(operation)
        return operation.results[0]

    def reshape(what: str, value: SSAValue, wanted: Sequence[int]) -> SSAValue:
        array = np.array(wanted, np.int64)
        sizes = add(f"{what}:shape", nn.ConstantOp(array, plain_type(array.dtype), store))
        return add(what, nn.OnnxOp("Reshape", [value, sizes], [TensorType(f32, wanted)]))

    if op.integer("transB", 0):
        matrix = np.ascontiguousarray(read_constant(right, store).T)
        right = add(":matrix", nn.ConstantOp(matrix, f32, store))
    image = reshape(":rows", op.inputs[0], (1, rows, shape_of(op.inputs[0])[-1]))
    kind = TensorType(f32, (1, rows, shape[-1]))
    result = add("", nn.OnnxOp("MatMul", [image, right], [kind]))
    for bias in op.inputs[2:]:
        result = add(":bias", nn.OnnxOp("Add", [result, bias], [kind]))
    back = reshape(":back", result, shape)
    Rewriter.insert_op(made, InsertPoint.before(op))
    op.outputs[0].replace_all_uses_with(back)
    op.detach()
    op.erase()
