"""Why a design has the metrics that it has: numbers that open into what they are made of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isclose, prod
from typing import Final, Literal, Protocol, runtime_checkable

from .evaluator import Evaluator, unrestricted
from .findings import Table
from .space import IntArray

How = Literal[
    "given", "sum", "largest", "least", "product", "quotient", "floor", "ceiling", "excess"
]
"""What a term is of its parts. `quotient`, `floor` and `ceiling` divide the first by the second,
the latter two rounded down and up; `excess` is how far the first is above the second, or 0."""

_ROUNDING: Final = 1e-9
"""By how much of it a term that is not an integer may differ from what its parts make."""

_MOST_NAMES: Final = 6
"""Parts that a formula names; of more it tells the number."""


@dataclass(frozen=True)
class Term:
    """A number with its unit, and what it is made of; `text` says what it is, or where it is from.

    Raises ValueError where the parts do not make the value: integers exactly, others but for
    rounding.
    """

    name: str
    value: float
    unit: str
    text: str = ""
    how: How = "given"
    parts: tuple["Term", ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        made = self._made()
        same = made == self.value
        if not same and not (isinstance(made, int) and isinstance(self.value, int)):
            same = isclose(made, self.value, rel_tol=_ROUNDING)
        if not same:
            raise ValueError(f"{self.name} is {self.value}, its parts make {made}")

    def _made(self) -> float:
        values = [part.value for part in self.parts]
        match self.how:
            case "given":
                return self.value
            case "sum":
                return sum(values)
            case "product":
                return prod(values)
            case "largest":
                return max(values)
            case "least":
                return min(values)
            case _:
                first, second = values
        match self.how:
            case "quotient":
                return first / second
            case "floor":
                return first // second
            case "ceiling":
                return -(-first // second)
            case _:
                return max(first - second, 0)

    @property
    def formula(self) -> str:
        """How the parts, by their names, make the value; "" where there are none."""
        names = [part.name for part in self.parts]
        if self.how in ("sum", "largest", "least", "product") and len(names) > _MOST_NAMES:
            return f"{self.how} of {len(names)}"
        match self.how:
            case "given":
                return ""
            case "sum":
                return " + ".join(names)
            case "product":
                return " × ".join(names)
            case "largest":
                return f"max({', '.join(names)})"
            case "least":
                return f"min({', '.join(names)})"
            case "quotient":
                return f"{names[0]} / {names[1]}"
            case "floor":
                return f"⌊{names[0]} / {names[1]}⌋"
            case "ceiling":
                return f"⌈{names[0]} / {names[1]}⌉"
            case _:
                return f"max({names[0]} − {names[1]}, 0)"

    def walk(self, *above: str) -> Iterator[tuple[tuple[str, ...], "Term"]]:
        """This term and all below, each with the names that lead to it."""
        path = (*above, self.name)
        yield path, self
        for part in self.parts:
            yield from part.walk(*path)


@dataclass(frozen=True)
class Explanation:
    """Of a design: a term for each metric that is explained, by name, and rows about its layers.

    A row has the `network`, the `layer`, its `cycles` and what these go to.
    """

    metrics: Mapping[str, Term]
    layers: Table

    @property
    def terms(self) -> Table:
        """All terms as rows, each after the one that it is a part of."""
        return [
            {
                "metric": metric,
                "depth": len(path) - 1,
                "term": " / ".join(path),
                "value": term.value,
                "unit": term.unit,
                "formula": term.formula,
                "text": term.text,
            }
            for metric, whole in self.metrics.items()
            for path, term in whole.walk()
        ]


@runtime_checkable
class Explains(Protocol):
    """An evaluator that can say why."""

    def explained(self, points: IntArray) -> Sequence[Explanation]:
        """An explanation of each of few `points` [n], all valid; their numbers are those of
        `evaluate`."""
        ...


def explanation_of(evaluator: Evaluator, points: IntArray) -> Sequence[Explanation]:
    """Explanations of `points` [n], valid ones; none where the evaluator has none."""
    whole, there = unrestricted(evaluator, points)
    return whole.explained(there) if isinstance(whole, Explains) else []
