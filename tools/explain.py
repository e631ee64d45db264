"""What `tilefold compile --explain` prints: the candidates for a layer, and the chosen ones."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..backend.prediction import LayerPrediction
from ..dialects.schedule import TilingAttr
from ..passes.explanation import Explanation
from ..passes.folding.ranking import RankedFold
from ..passes.folding.space import Configuration
from ..passes.tilings import Parts, Ranked

PARTS = tuple(field.name for field in fields(Parts))


def record(found: Explanation, predicted: LayerPrediction | None) -> dict[str, Any]:
    """An explanation as JSON holds it."""
    prediction = {}
    if predicted is not None:
        bound = {"cycles": predicted.cycles, "bound_by": predicted.bound_by}
        prediction = {"prediction": bound | predicted.by_kind}
    return {
        "layer": found.layer,
        "operation": found.operation,
        "folds": [_fold_record(each) for each in found.folds],
        "fold": found.fold,
        "tilings": [_tiling_record(each) for each in (*found.tilings, *found.unfit)],
        "inputs": dict(found.inputs),
        "result": found.result,
        "epilogue": found.epilogue,
        **prediction,
    }


def tables(found: Explanation, predicted: LayerPrediction | None) -> Iterator[RenderableType]:
    """An explanation as tables and lines."""
    yield Text(f"{found.layer}: {found.operation}", style="bold")
    if found.folds:
        yield _folds(found.folds)
        yield Text(f"fold      {found.fold}")
    if found.tilings:
        yield _tilings(found.tilings, found.unfit)
        yield Text(f"tiling    {_tiling(found.tilings[0].tiling)}: cheapest of those that fit")
    for source, where in found.inputs:
        yield Text(f"input     {source}: {where}")
    yield Text(f"result    {found.result}")
    if found.epilogue:
        yield Text(f"epilogue  {found.epilogue}")
    if predicted is not None:
        parts = ", ".join(f"{cycles:,} {kind}" for kind, cycles in predicted.by_kind.items())
        bound = f"; bound by {predicted.bound_by}" if predicted.bound_by else ""
        yield Text(f"predicted {predicted.cycles:,} cycles added to the run: {parts}{bound}")


def _table(title: str, names: Sequence[str], numbers: Sequence[str], last: str) -> Table:
    table = Table(title=title)
    for name in names:
        table.add_column(name, no_wrap=True)
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column(last)
    return table


def _folds(folds: Sequence[RankedFold]) -> Table:
    numbers = ("cycles", "latency", "to it", "from it", "together", "utilisation")
    table = _table(
        "folds, between their neighbours", ("array", "mode", "fold"), numbers, "standing"
    )
    for each in folds:
        configuration = each.configuration
        cycles = (each.cycles, each.latency, each.enter, each.leave, each.total)
        table.add_row(
            configuration.array,
            str(configuration.mode),
            _fold(configuration),
            *(f"{number:,}" for number in cycles),
            f"{each.utilisation:.1%}",
            each.standing,
        )
    return table


def _fold(configuration: Configuration) -> str:
    return ", ".join(f"{name} {number}" for name, number in vars(configuration.fold).items())


def _tilings(tilings: Sequence[Ranked], unfit: Sequence[Ranked]) -> Table:
    numbers = ("tiles", "cycles", *PARTS, "DRAM bytes")
    names = ("rows x columns x k x c", "order")
    table = _table("tilings, by estimated cycles", names, numbers, "standing")
    for number, each in enumerate((*tilings, *unfit)):
        cells = (each.tiles, each.cycles, *(each.parts[part] for part in PARTS), each.moved)
        standing = "" if each.fits else "does not fit"
        table.add_row(
            _sizes(each.tiling),
            each.tiling.order.data,
            *(f"{cell:,}" for cell in cells),
            standing if number else "chosen",
        )
    return table


def _sizes(tiling: TilingAttr) -> str:
    sizes = (tiling.rows, tiling.columns, tiling.k, tiling.c)
    return " x ".join(str(size.data) for size in sizes)


def _tiling(tiling: TilingAttr) -> str:
    return f"{_sizes(tiling)}, {tiling.order.data}"


def _fold_record(each: RankedFold) -> dict[str, Any]:
    configuration = each.configuration
    return {
        "array": configuration.array,
        "mode": configuration.mode,
        **vars(configuration.fold),
        "cycles": each.cycles,
        "latency": each.latency,
        "enter": each.enter,
        "leave": each.leave,
        "utilisation": round(each.utilisation, 6),
        "standing": each.standing,
    }


def _tiling_record(each: Ranked) -> dict[str, Any]:
    tiling = each.tiling
    sizes = {name: getattr(tiling, name).data for name in ("rows", "columns", "k", "c", "order")}
    numbers = {"depth": each.depth, "tiles": each.tiles, "cycles": each.cycles}
    return sizes | numbers | dict(each.parts) | {"dram_bytes": each.moved, "fits": each.fits}
