"""From an ONNX model of real numbers to a module of `nn.onnx` operations, one a node."""

from pathlib import Path

import numpy as np
from onnx import AttributeProto, ModelProto, TensorProto, helper
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    DenseArrayBase,
    FloatAttr,
    ModuleOp,
    StringAttr,
    TensorType,
    f32,
)
from xdsl.ir import Attribute, Block, SSAValue
from xdsl.utils.exceptions import VerifyException

from ..dialects import nn
from ..dialects.location import set_name
from ..dialects.nn_network import set_opsets
from ..dialects.nn_syntax import integer, ints
from ..dialects.nn_types import plain_type
from ..dialects.store import Store
from ..errors import TilefoldError
from .graph import Graph, Node, ValueType, captured, check_batch
from .loading import load
from .network import module_from
from .opsets import CONVERTED_OPSET
from .shapes import Shapes

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operators whose constants are weights, hence numbers; masks, say, may well be infinite."""


def import_real(
    model: str | Path | ModelProto, store: Store, shapes: Shapes | None = None
) -> ModuleOp:
    """The network in `model`, whatever its operators, as a module of `nn.onnx` operations.

    Large constants go to `store`; `shapes` gives those of inputs with dynamic dimensions. Operator
    sets before 13 are converted to it: older ones have no DequantizeLinear with scales by channel.
    Raises TilefoldError naming the file and the ONNX node where the model is damaged, or has values
    that are no tensors of numbers.
    """
    graph = load(model, shapes, CONVERTED_OPSET)
    try:
        for node in graph.nodes:
            _check_weights(graph, node)
        return _module(graph, store)
    except (TilefoldError, VerifyException) as error:
        raise TilefoldError(f"{graph.file}: {error}") from error


def _check_weights(graph: Graph, node: Node) -> None:
    """Refuse products by constants that are no numbers: nothing can be quantised behind them."""
    if node.domain or node.op_type not in PRODUCTS:
        return
    for name in node.inputs:
        constant = graph.constants.get(name)
        if constant is not None and constant.dtype.kind == "f" and not np.isfinite(constant).all():
            raise TilefoldError(f"{node}: constant '{name}' holds NaN or infinity; must be finite")


def _module(graph: Graph, store: Store) -> ModuleOp:
    if len({port.shape[:1] for port in graph.inputs}) == 1:  # else it is no batch
        check_batch(graph.inputs[0])
    block = Block(arg_types=[_type(graph, port.name) for port in graph.inputs])
    values: dict[str, SSAValue] = dict(
        zip((port.name for port in graph.inputs), block.args, strict=True)
    )
    for name, array in graph.constants.items():
        constant = nn.ConstantOp(array, plain_type(array.dtype), store)
        set_name(constant, name)
        block.add_op(constant)
        values[name] = constant.result
    for node in graph.nodes:
        op = nn.OnnxOp(
            f"{node.domain}.{node.op_type}" if node.domain else node.op_type,
            [_value(values, node, name) for name in node.inputs],
            [_type(graph, name) for name in node.outputs if name],
            {attribute.name: _attribute(attribute, store) for attribute in node.proto.attribute},
            {name: values[name] for name in captured(node.proto) if name in values},
        )
        set_name(op, node.name)
        block.add_op(op)
        values.update(zip((name for name in node.outputs if name), op.outputs, strict=True))
    module = module_from(graph, block, [values[port.name] for port in graph.outputs])
    set_opsets(module, graph.opsets)
    return module


def _value(values: dict[str, SSAValue], node: Node, name: str) -> SSAValue | None:
    if name and name not in values:
        raise TilefoldError(f"{node}: input '{name}' is not computed by any node before it")
    return values[name] if name else None


def _type(graph: Graph, name: str) -> TensorType[Attribute]:
    kind = graph.types.get(name)
    if kind is None or kind.shape is None:
        raise TilefoldError(f"the type of '{name}' is not known; export the model with its shapes")
    shape = [DYNAMIC_INDEX if size is None else size for size in kind.shape]
    return TensorType(element_type(kind), shape)


def element_type(kind: ValueType) -> Attribute:
    """The element type of an ONNX value; VerifyException where it is no number."""
    known = kind.element_type in TensorProto.DataType.values()
    if not known or kind.element_type in (TensorProto.UNDEFINED, TensorProto.STRING):
        raise VerifyException("values must be numbers")
    return plain_type(np.dtype(helper.tensor_dtype_to_np_dtype(kind.element_type)))


def _attribute(attribute: AttributeProto, store: Store) -> Attribute:
    match attribute.type:
        case AttributeProto.INT:
            return integer(attribute.i)
        case AttributeProto.FLOAT:
            return FloatAttr(attribute.f, f32)
        case AttributeProto.STRING:
            return StringAttr(attribute.s.decode(errors="replace"))
        case AttributeProto.INTS:
            return ints(attribute.ints)
        case AttributeProto.FLOATS:
            return DenseArrayBase.from_list(f32, list(attribute.floats))
        case _:
            data = np.frombuffer(attribute.SerializeToString(), np.uint8)
            return nn.StoredAttr(StringAttr(store.put(data)))
