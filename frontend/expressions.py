"""Float32 functions of one element, kept as the ONNX operators that compute them.

onnxruntime itself computes their values: its exponentials, logarithms and error functions are not
those of numpy to the last bit, and it merges some operators (as those of GELU) into one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ..errors import TilefoldError
from .graph import Node

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

BOUNDING: Final = ("Relu", "Clip")
"""Operators that only bound: they commute with rounding and with the maximum."""


DEEPEST: Final = 100
"""Functions of functions of an element."""


class Element(Enum):
    """The element that a function is of."""

    ELEMENT = "x"


ELEMENT: Final = Element.ELEMENT


@dataclass(frozen=True, eq=False)
class Expression:
    """The elementwise ONNX operator of `node` on its `operands`.

    These are functions of the same element, the element itself, constants of one number, and None
    for optional inputs that are left out. Functions of functions are at most `DEEPEST` deep:
    TilefoldError beyond.
    """

    node: Node
    operands: tuple["Operand | None", ...]
    depth: int = field(init=False)

    def __post_init__(self) -> None:
        inner = (each.depth for each in self.operands if isinstance(each, Expression))
        depth = 1 + max(inner, default=0)
        if depth > DEEPEST:
            raise TilefoldError(f"{self.node}: more than {DEEPEST} functions of one another")
        object.__setattr__(self, "depth", depth)

    @property
    def bounds(self) -> bool:
        """Whether the function does nothing but bound."""
        first = self.operands[0]
        inner = first is ELEMENT or (isinstance(first, Expression) and first.bounds)
        return inner and not self.node.domain and self.node.op_type in BOUNDING

    def values(self, elements: Floats, opsets: Mapping[str, int]) -> Floats:
        """The function's values at `elements` [n], as onnxruntime computes them.

        `opsets` are the versions of operator sets by domain. TilefoldError naming the node where
        onnxruntime cannot compute it.
        """
        return self.result(elements, opsets).reshape(elements.shape)

    def result(self, elements: Floats, opsets: Mapping[str, int]) -> Floats:
        """What onnxruntime makes of a tensor in the place of the element, as `values`."""
        model = _Model()
        result = model.value(self)
        graph = helper.make_graph(
            model.nodes,
            "function",
            [
                helper.make_tensor_value_info(
                    ELEMENT.value, TensorProto.FLOAT, [None] * elements.ndim
                )
            ],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, None)],
            model.constants,
        )
        domains = {"", *(node.domain for node in model.nodes)} & opsets.keys()
        versions = [helper.make_opsetid(domain, opsets[domain]) for domain in sorted(domains)]
        proto = helper.make_model(graph, opset_imports=versions, ir_version=10)
        try:
            session = _session(proto.SerializeToString(deterministic=True))
            (values,) = session.run(None, {ELEMENT.value: np.ascontiguousarray(elements)})
        except Exception as error:  # onnxruntime's exceptions have no common base
            reason = " ".join(str(error).split())[:200]
            raise TilefoldError(f"{self.node}: onnxruntime cannot compute it: {reason}") from error
        return np.asarray(values, np.float32)


Operand = Expression | Element | Array


class _Model:
    """The nodes and constants of an expression; values are named in the order of their making."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._names: dict[int, str] = {}

    def value(self, operand: Operand | None) -> str:
        """The name of the value of `operand`."""
        if operand is None:
            return ""
        if isinstance(operand, Element):
            return operand.value
        if id(operand) not in self._names:
            self._names[id(operand)] = self._added(operand)
        return self._names[id(operand)]

    def _added(self, operand: Expression | Array) -> str:
        if not isinstance(operand, Expression):
            name = f"c{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(operand, name))
            return name
        inputs = [self.value(each) for each in operand.operands]
        name = f"v{len(self.nodes)}"
        node = NodeProto()
        node.CopyFrom(operand.node.proto)
        del node.input[:], node.output[:]
        node.input.extend(inputs)
        node.output.append(name)
        node.name = name
        self.nodes.append(node)
        return name


@lru_cache(maxsize=256)
def _session(model: bytes) -> Any:
    import onnxruntime

    runtime: Any = onnxruntime  # without type stubs
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
