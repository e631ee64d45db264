"""Constants of networks of real numbers, and stored integers in their place."""

from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from ...dialects import nn
from ...dialects.location import name_of, set_name
from ...dialects.nn_types import tensor_of
from ...dialects.store import Store
from ...errors import TilefoldError
from ...interpreters.onnx_model import dequantised


def read_constant(value: SSAValue, store: Store) -> npt.NDArray[Any]:
    """The numbers of a constant; TilefoldError where they are not finite."""
    assert isinstance(value.owner, nn.ConstantOp)
    array = value.owner.array(store)
    if not np.isfinite(array).all():
        raise TilefoldError(f"{name_of(value.owner)}: a constant that is not finite")
    return array


def replace_operand(op: nn.OnnxOp, place: int, constant: nn.ConstantOp, name: str) -> None:
    """Let an operator read the integers of `constant`, called `name`, at one of its operands."""
    real = nn.DequantizeOp(constant.result)
    set_name(constant, name)
    set_name(real, dequantised(name))
    Rewriter.insert_op([constant, real], InsertPoint.before(op))
    op.operands[place] = real.result


def replace_real(op: nn.OnnxOp, place: int, array: npt.NDArray[np.floating], store: Store) -> None:
    """Let an operator read other real numbers in place of a constant."""
    before = op.inputs[place]
    assert isinstance(before.owner, nn.ConstantOp)
    element = tensor_of(before).element_type
    constant = nn.ConstantOp(np.ascontiguousarray(array, np.float32), element, store)
    constant.location = before.owner.location
    Rewriter.insert_op(constant, InsertPoint.before(op))
    op.operands[place] = constant.result
