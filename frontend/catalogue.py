"""All operators that can be converted; importing their modules registers them."""

from collections.abc import Mapping

from . import (
    boundary,
    channelwise,
    elementwise,
    functions,
    movement,
    pools,
    products,
    resize,
    selection,
    transposed,
)
from .operators import Operator, registered

MODULES = (
    boundary,
    products,
    transposed,
    channelwise,
    elementwise,
    functions,
    pools,
    movement,
    selection,
    resize,
)

OPERATORS: Mapping[tuple[str, str], Operator] = registered()
"""By (domain, name), sorted."""

HEADING = """# ONNX operators

Made by `tilefold ops --markdown` from the objects that convert the operators.

Networks come quantised in one of two forms. In the QDQ form operators on float numbers stand
between DequantizeLinear and QuantizeLinear; in the operator form (QLinearConv, ...) they take
integers. Activations have 2 to 8 bits and one scale per tensor, weights one per tensor or per
output channel. The batch is 1. Nodes on constants alone (Constant, Shape, Slice, Cast, ...) are
computed when the model is read. All other operators, and those that are not supported as they are,
run on the host (see [architecture.md](architecture.md#machine-and-host)).

Any chain of functions of one tensor between DequantizeLinear and QuantizeLinear is one table of 256
entries, which onnxruntime computes when the model is read.
"""


def markdown() -> str:
    """The page `docs/operators.md`."""
    lines = [HEADING, "| operator | becomes | supported where |", "|---|---|---|"]
    for operator in OPERATORS.values():
        sentences = " ".join(constraint.sentence for constraint in operator.constraints)
        lines.append(f"| {operator.qualified_name} | {operator.summary} | {sentences} |")
    return "\n".join(lines) + "\n"


def records() -> list[dict[str, object]]:
    """The operators as plain data, for JSON."""
    return [
        {
            "domain": operator.domain,
            "name": operator.name,
            "summary": operator.summary,
            "constraints": [constraint.sentence for constraint in operator.constraints],
        }
        for operator in OPERATORS.values()
    ]
