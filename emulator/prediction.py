"""The predicted cycles of a program's layers beside the emulated ones."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from rich.table import Table

from ..backend.prediction import LayerPrediction, Prediction
from ..dialects.isa_prediction import KINDS

PROGRAM: Final = "(program)"
"""Fetching the code, and instructions of no layer."""


@dataclass(frozen=True)
class Compared:
    """What a layer was predicted to add to the time of those before it, and what it did add.

    `error` is |predicted - emulated| / emulated. Where a layer added nothing, it is over one cycle.
    """

    layer: str
    predicted: LayerPrediction
    emulated: int

    @property
    def error(self) -> float:
        """Of the emulated cycles."""
        return abs(self.predicted.cycles - self.emulated) / max(1, self.emulated)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        return {
            "cycles": self.predicted.cycles,
            "error": round(self.error, 6),
            "bound_by": self.predicted.bound_by,
            **self.predicted.by_kind,
        }


@dataclass(frozen=True)
class Errors:
    """Errors of so many `layers`: their mean, the 95th percentile and the largest.

    `weighted` is the sum of all |predicted - emulated| over that of all emulated cycles.
    """

    layers: int
    mean: float
    p95: float
    worst: float
    weighted: float

    @staticmethod
    def of(compared: Sequence[Compared]) -> "Errors":
        """The errors of some layers, all 0 if there are none."""
        if not compared:
            return Errors(0, 0.0, 0.0, 0.0, 0.0)
        errors = np.array([each.error for each in compared])
        missed = sum(abs(each.predicted.cycles - each.emulated) for each in compared)
        emulated = max(1, sum(each.emulated for each in compared))
        p95 = float(np.percentile(errors, 95))
        worst, mean = float(errors.max()), float(errors.mean())
        return Errors(len(compared), mean, p95, worst, missed / emulated)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        numbers = {"mean": self.mean, "p95": self.p95, "worst": self.worst}
        rounded = {name: round(value, 6) for name, value in numbers.items()}
        return {"layers": self.layers, **rounded, "weighted": round(self.weighted, 6)}


@dataclass(frozen=True)
class Comparison:
    """A program's prediction beside a run: its layers in order, and the totals."""

    layers: tuple[Compared, ...]
    predicted: int
    emulated: int

    @staticmethod
    def of(prediction: Prediction, names: Sequence[str], cycles: Mapping[int, int]) -> "Comparison":
        """`prediction` beside the emulated `cycles` by layer, which are indices into `names`.

        Layers of one name, as those of several frames are, add up.
        """
        parts: dict[str, tuple[int, ...]] = {}
        emulated: defaultdict[str, int] = defaultdict(int)
        for number, predicted in prediction.layers.items():
            name = names[number]
            both = zip(parts.get(name, (0,) * len(KINDS)), predicted.parts, strict=True)
            parts[name] = tuple(a + b for a, b in both)
            emulated[name] += cycles.get(number, 0)
        layers = (Compared(each, LayerPrediction(parts[each]), emulated[each]) for each in parts)
        return Comparison(tuple(layers), prediction.cycles, sum(cycles.values()))

    @property
    def error(self) -> float:
        """Of the total: predicted over emulated cycles, less one."""
        return self.predicted / max(1, self.emulated) - 1

    def by_name(self) -> dict[str, Compared]:
        """The layers by name."""
        return {each.layer: each for each in self.layers}

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        strata = stratified(self.layers).items()
        return {
            "cycles": self.predicted,
            "error": round(self.error, 6),
            "layers": Errors.of(self.layers).to_json(),
            "strata": {name: Errors.of(each).to_json() for name, each in strata},
        }

    def table(self, title: str) -> Table:
        """Both cycles of every layer, and what the predicted ones go to."""
        table = Table(title=title)
        table.add_column("layer", overflow="fold")
        for column in ("cycles", "predicted", "error", *KINDS):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("bound by")
        for each in self.layers:
            parts = [f"{cycles:,}" for cycles in each.predicted.parts]
            numbers = (f"{each.emulated:,}", f"{each.predicted.cycles:,}", f"{each.error:.1%}")
            table.add_row(each.layer, *numbers, *parts, each.predicted.bound_by)
        table.add_section()
        total = f"{self.emulated:,}", f"{self.predicted:,}", f"{abs(self.error):.1%}"
        table.add_row("total", *total, style="bold")
        return table


def stratified(compared: Sequence[Compared]) -> dict[str, list[Compared]]:
    """Layers by what binds them, in the order of `KINDS`; "" binds those of no cycles."""
    strata: defaultdict[str, list[Compared]] = defaultdict(list)
    for each in compared:
        strata[each.predicted.bound_by].append(each)
    return {name: strata[name] for name in (*KINDS, "") if name in strata}


def errors_table(comparison: Comparison) -> Table:
    """How far the layers were predicted wrongly, all and by what binds them."""
    table = Table(title="errors of the prediction")
    table.add_column("layers bound by")
    for column in ("layers", "mean", "95 %", "worst", "by cycles"):
        table.add_column(column, justify="right")
    rows = {name or "nothing": each for name, each in stratified(comparison.layers).items()}
    for name, each in {**rows, "all": list(comparison.layers)}.items():
        errors = Errors.of(each)
        parts = (errors.mean, errors.p95, errors.worst, errors.weighted)
        table.add_row(name, f"{errors.layers}", *(f"{part:.1%}" for part in parts))
    return table
