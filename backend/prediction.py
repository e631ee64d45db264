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
    def of(start: int, rows: Sequence[Sequence[object]]) -> "Prediction":
        """What `record` gave; raises TilefoldError where it is of another form."""
        layers: dict[int, LayerPrediction] = {}
        for row in rows:
            if len(row) != 1 + len(KINDS) or any(type(value) is not int for value in row):
                raise TilefoldError("the prediction has a layer of the wrong form")
            number, *parts = cast(Sequence[int], row)
            if number in layers:
                raise TilefoldError("the prediction has a layer twice")
            layers[number] = LayerPrediction(tuple(parts))
        return Prediction(start, layers)

    def check(self, layers: int) -> None:
        """Raise TilefoldError if this cannot be of a program of so many layers."""
        if any(not 0 <= number < layers for number in self.layers):
            raise TilefoldError("the prediction has a layer that is not there")
        parts = [part for layer in self.layers.values() for part in layer.parts]
        if not all(0 <= cycles < _MOST for cycles in (self.start, *parts)):
            raise TilefoldError("the prediction has impossible cycles")
