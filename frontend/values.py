"""What an ONNX value is while its graph is converted.

In the QDQ form ONNX spells integers as float operators between DequantizeLinear and QuantizeLinear.
A float value is therefore kept as what it stands for: the dequantised view of integers, or an
operator still waiting for the QuantizeLinear that says how its result is stored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from ..dialects.quant import UniformType
from .expressions import Expression, Floats
from .graph import Node

Array = npt.NDArray[Any]
Clamp = tuple[int, int] | None


@dataclass(frozen=True)
class Real:
    """A float input of the network, not yet quantised."""

    ssa: SSAValue


@dataclass(frozen=True)
class Integers:
    """A quantised tensor; its SSA type carries scale and zero point."""

    ssa: SSAValue


@dataclass(frozen=True)
class View:
    """The float view of `ssa`: its elements dequantised, and then the `function` of them."""

    ssa: SSAValue
    function: Expression | None = None


@dataclass(frozen=True)
class ConstantView:
    """The float view of constant integers: `scales * (integers - zero_points)` along `axis`."""

    integers: Array
    bits: int
    signed: bool
    scales: Floats
    zero_points: npt.NDArray[np.int32]
    axis: int | None


@dataclass(frozen=True)
class Pending:
    """The float result of `node`, waiting to be quantised.

    `build(type)` makes the operation with results of the element type `type`, its stored integers
    within the bounds `clamp`, where given. `accumulator` is the type of its raw
    result, None where there is none. A `function` that only bounds may follow it.
    `with_bias(array)` is the operator with a float constant added, where it can take one.
    """

    node: Node
    build: Callable[[UniformType, Clamp], SSAValue]
    accumulator: UniformType | None = None
    function: Expression | None = None
    with_bias: "Callable[[Array], Pending] | None" = None


Value = Real | Integers | View | ConstantView | Pending | Array
