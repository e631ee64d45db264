"""Functions of one element: between DequantizeLinear and QuantizeLinear they become tables."""

from dataclasses import replace

import numpy as np
from onnx import NodeProto, TensorProto

from ..dialects.nn_types import element_of
from ..errors import TilefoldError
from .boundary import function_of, tabulate
from .expressions import ELEMENT, Expression
from .graph import Node
from .operators import MICROSOFT, Constraint, Convert, constant_inputs, operator
from .scope import Scope
from .values import Integers, Value, View

TABLE = "Becomes a table, together with the functions before and after it."

# fmt: off
UNARY = (
    "Abs", "Ceil", "Celu", "Cos", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish",
    "LeakyRelu", "Log", "Mish", "Neg", "Reciprocal", "Round", "Selu", "Sigmoid", "Sign", "Sin",
    "Softplus", "Softsign", "Sqrt", "Tanh", "ThresholdedRelu",
)
# fmt: on
"""ONNX's functions of one element, without inputs besides it."""

UNARY_MICROSOFT = ("Gelu", "QuickGelu")
"""Those among onnxruntime's own operators."""


def _function(scope: Scope, node: Node) -> Value:
    return function_of(scope, node)


for _name in UNARY:
    operator(_name, TABLE)(_function)
for _name in UNARY_MICROSOFT:
    operator(_name, TABLE, domain=MICROSOFT)(_function)


@operator(
    "Relu", "Bounds the stored result of the operator before it; after anything else it is a table."
)
def relu(scope: Scope, node: Node) -> Value:
    """The larger of the input and 0."""
    return function_of(scope, node)


@operator(
    "Clip",
    "As Relu. On quantised tensors it becomes a table.",
    constant_inputs("The bounds are constants.", 1, 2),
)
def clip(scope: Scope, node: Node) -> Value:
    """The input within its bounds."""
    low, high = scope.constant(node, 1), scope.constant(node, 2)
    if low is not None and high is not None and not low <= high:
        raise TilefoldError(f"{node}: the lower bound {low} exceeds the upper one {high}")
    value = scope.value(node, 0)
    if not isinstance(value, Integers):
        return function_of(scope, node, low, high)
    element = element_of(value.ssa)
    stored = np.arange(256, dtype=np.uint8).view(element.numpy_dtype)
    bounded = np.clip(stored, low, high).astype(element.numpy_dtype)
    return Integers(scope.table(node.name, value.ssa, bounded.view(np.uint8), element))


def _to_float(scope: Scope, node: Node) -> bool:
    return node.integer("to", TensorProto.FLOAT) == TensorProto.FLOAT


@operator("Cast", "Vanishes.", Constraint("It is from float32 to float32.", _to_float))
def cast(scope: Scope, node: Node) -> Value:
    """The input itself."""
    value = scope.value(node, 0)
    if isinstance(value, Integers):
        raise TilefoldError(f"{node}: quantised tensors become numbers by DequantizeLinear alone")
    return value


def _qlinear(kind: str) -> Convert:
    """The conversion of onnxruntime's operator on integers that computes ONNX's `kind`."""

    def convert(scope: Scope, node: Node) -> Value:
        view = View(scope.integers(node, 0, 1, 2))
        proto = NodeProto()
        proto.CopyFrom(node.proto)
        proto.op_type, proto.domain = kind, ""
        real = replace(node, op_type=kind, domain="", proto=proto)
        element = scope.activation_type(node, 3, 4, element_of(view.ssa).numpy_dtype)
        return Integers(
            tabulate(scope, node, replace(view, function=Expression(real, (ELEMENT,))), element)
        )

    return convert


for _name in ("LeakyRelu", "Sigmoid"):
    operator(f"QLinear{_name}", f"As {_name}, on integers.", domain=MICROSOFT)(_qlinear(_name))
