"""The cycles that the compiler predicted for a program, fixed in its file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from ..dialects.isa_prediction import KINDS, STALLS
from ..errors import TilefoldError

_MOST: Final = 1 << 53
"""Cycles beyond which a JSON number is not exact."""


@dataclass(frozen=True)
class LayerPrediction:
    """Cycles that a layer adds to the time of those before it, by kind in the order of `KINDS`."""

    parts: tuple[int, ...]

    @property
    def cycles(self) -> int:
        """All of them."""
        return sum(self.parts)

    @property
    def by_kind(self) -> dict[str, int]:
        """The parts by name."""
        return dict(zip(KINDS, self.parts, strict=True))

    @property
    def bound_by(self) -> str:
        """The resource that takes most of the cycles; "" if none takes any."""
        busy = {kind: cycles for kind, cycles in self.by_kind.items() if kind != STALLS and cycles}
        return max(busy, key=lambda kind: busy[kind], default="")


@dataclass(frozen=True)
class Prediction:
    """Cycles until the units start, and those of the layers, by index into the program's."""

    start: int
    layers: Mapping[int, LayerPrediction]

    @property
    def cycles(self) -> int:
        """The cycles of the whole program."""
        return self.start + sum(layer.cycles for layer in self.layers.values())

    def record(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        rows = [[number, *layer.parts] for number, layer in self.layers.items()]
        return {"start": self.start, "layers": rows}

    @staticmethod
    def of(start: int, rows: Sequence[Sequence[object]], layers: int) -> "Prediction":
        """What `record` gave of a program of so many `layers`; raises TilefoldError."""
        found: dict[int, LayerPrediction] = {}
        for row in ((start,), *rows):
            if not all(type(value) is int and 0 <= value < _MOST for value in row):
                raise TilefoldError("the prediction has something that is no number of cycles")
        if any(not row for row in rows):
            raise TilefoldError("the prediction has an empty row")
        for number, *parts in cast(Sequence[Sequence[int]], rows):
            if number >= layers or number in found or len(parts) != len(KINDS):
                raise TilefoldError("the prediction does not fit the program's layers")
            found[number] = LayerPrediction(tuple(parts))
        return Prediction(start, found)
