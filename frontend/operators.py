"""The ONNX operators that can be converted: one object each.

The same object refuses a node, makes the list of `tilefold ops`, and is the entry in
`docs/operators.md`, so that the three cannot disagree.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import TilefoldError
from .graph import Node
from .scope import Scope
from .values import Value

MICROSOFT = "com.microsoft"

Holds = Callable[[Scope, Node], bool]
Convert = Callable[[Scope, Node], Value | tuple[Value, ...]]
"""Makes of a node the value of its output, or those of several."""


@dataclass(frozen=True)
class Constraint:
    """What a node must satisfy: a sentence for people, and the check of it."""

    sentence: str
    holds: Holds


@dataclass(frozen=True)
class Operator:
    """An ONNX operator: what becomes of it, under which constraints, and how."""

    name: str
    domain: str
    summary: str
    constraints: tuple[Constraint, ...]
    convert: Convert

    @property
    def qualified_name(self) -> str:
        """The name with its domain, where that is not ONNX's own."""
        return f"{self.domain}.{self.name}" if self.domain else self.name

    def apply(self, scope: Scope, node: Node) -> Value | tuple[Value, ...]:
        """Convert `node`: its output, or all of several.

        Raises TilefoldError with the first constraint that does not hold.
        """
        for constraint in self.constraints:
            if not constraint.holds(scope, node):
                sentence = constraint.sentence[0].lower() + constraint.sentence[1:].rstrip(".")
                raise TilefoldError(f"{node}: not supported unless {sentence}")
        return self.convert(scope, node)


_OPERATORS: dict[tuple[str, str], Operator] = {}


def operator(
    name: str, summary: str, *constraints: Constraint, domain: str = ""
) -> Callable[[Convert], Convert]:
    """Register the decorated function as the conversion of the ONNX operator `name`."""

    def register(convert: Convert) -> Convert:
        _OPERATORS[domain, name] = Operator(name, domain, summary, constraints, convert)
        return convert

    return register


def registered() -> Mapping[tuple[str, str], Operator]:
    """The operators by (domain, name), sorted; `catalogue.OPERATORS` has all of them."""
    return dict(sorted(_OPERATORS.items()))


def attribute_is(name: str, value: int | str, sentence: str) -> Constraint:
    """The constraint that the attribute `name` is `value` or left out."""

    def holds(scope: Scope, node: Node) -> bool:
        return node.attributes.get(name, value) == value

    return Constraint(sentence, holds)


def constant_inputs(sentence: str, *indices: int) -> Constraint:
    """The constraint that the inputs `indices` are constants or left out."""

    def holds(scope: Scope, node: Node) -> bool:
        return all(
            not node.input(index) or scope.constant(node, index) is not None for index in indices
        )

    return Constraint(sentence, holds)
