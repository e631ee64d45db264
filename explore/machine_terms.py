"""The metrics of one machine, opened: latency by layers, energy by actions, area by components."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from ..costmodel.area import Component
from ..costmodel.energy import Action, Prices, sections
from ..machines.model import Fold
from ..passes.tilings import Candidates
from .analytical.energy import Meter, Spending, Tariff
from .analytical.network import Layer, Movement
from .analytical.tiles import Pieces, pieces_of
from .analytical.time import PARTS, MovementTime, ProductTime
from .analytical.time_terms import movement_term, product_term, start_term
from .families import ARRAY
from .findings import Table
from .network_on_family import NetworkOnFamily, Run, Values
from .terms import Explanation, Term

_ACTIONS: Final[Mapping[str, str]] = {
    "product": "products",
    "keep": "bits into registers",
    "sum": "sums into accumulators",
    "drain": "sums out of accumulators",
    "link": "bits over links",
    "requantise": "requantised elements",
    "add": "added elements",
    "multiply": "multiplied elements",
    "pool": "pooled elements",
    "table": "looked-up elements",
    "read": "bytes",
    "write": "bytes",
}
"""What is counted of each action (`costmodel.energy.What`)."""


@dataclass(frozen=True)
class _Mapped:
    """A layer on the machine, when it ran and what it did; how it is mapped, as text, and its
    tiles, where it multiplies."""

    layer: Layer
    step: ProductTime | MovementTime
    spending: Spending
    how: Mapping[str, str]
    pieces: Pieces | None = None


def explanation(
    networks: Sequence[NetworkOnFamily], tariff: Tariff, values: Values, hz: int
) -> Explanation:
    """Of the one machine that has `values` [1]."""
    rows: Table = []
    latencies: list[Term] = []
    energies: list[Term] = []
    for network in networks:
        run = network.run(values, tariff)
        layers = list(_mapped(network, run))
        latencies.append(_latency(network.name, run, layers, hz))
        energies.append(_energy(network.name, run, layers, tariff, values, hz))
        rows += _rows(network.name, run, layers)
    text = "one image through each network, one network after the other"
    return Explanation(
        {
            "latency": _sum("latency", latencies, "ms", text),
            "energy": _sum("energy", energies, "mJ", text),
            "area": _area(tariff, values),
        },
        rows,
    )


def _sum(name: str, parts: Sequence[Term], unit: str, text: str) -> Term:
    return Term(name, sum(part.value for part in parts), unit, text, "sum", tuple(parts))


def _mapped(network: NetworkOnFamily, run: Run) -> Iterator[_Mapped]:
    """All layers."""
    columns = iter(run.folds.T)
    modes, folds = network.configurations
    named = run.meter.machine.array(ARRAY).modes
    for layer, step, spending in zip(run.layers, run.timeline.steps, run.spending, strict=True):
        if isinstance(layer.work, Movement):
            yield _Mapped(layer, step, spending, dict.fromkeys(("mode", "fold", "tiles"), ""))
            continue
        column = next(columns)
        ((_, tiling, _),) = network.tiled(run.meter.values, column, layer.work)
        how = {
            "mode": named[int(modes[column[0]])].name,
            "fold": _fold_text(folds[int(column[0])]),
            "tiles": _tiles_text(tiling),
        }
        yield _Mapped(layer, step, spending, how, pieces_of(tiling)[0])


def _fold_text(fold: Fold) -> str:
    several = [f"{name} {number}" for name, number in asdict(fold).items() if number > 1]
    return ", ".join(several) or "one unit"


def _tiles_text(tiling: Candidates) -> str:
    axes = (tiling.rows, tiling.columns, tiling.k, tiling.c)
    sizes = " x ".join(str(int(axis.ravel()[0])) for axis in axes)
    return f"{sizes}, {np.asarray(tiling.order).ravel()[0]}"


def _latency(name: str, run: Run, layers: Sequence[_Mapped], hz: int) -> Term:
    parts = [start_term(run.timeline)]
    for each in layers:
        if isinstance(each.step, MovementTime):
            parts.append(movement_term(each.layer, each.step))
        elif each.pieces is not None:
            text = "; ".join(f"{what} {how}" for what, how in each.how.items())
            parts.append(product_term(each.layer, each.step, each.pieces, text))
    count = int(run.timeline.cycles[0])
    cycles = Term("cycles", count, "cycles", "layer after layer", "sum", tuple(parts))
    clock = Term("clock", hz / 1e3, "cycles/ms", "hz of the machine")
    return Term(name, count / hz * 1e3, "ms", "", "quotient", (cycles, clock))


def _rows(name: str, run: Run, layers: Sequence[_Mapped]) -> Table:
    """What the cycles of each layer go to, those before the first one in a row of their own."""
    start = int(run.timeline.start[0])
    first = {"network": name, "layer": "(start)", "cycles": start}
    nothing = dict.fromkeys(PARTS, 0) | {"stalls": start}
    rows: Table = [
        first | nothing | {"bound": "", "pJ": 0.0} | dict.fromkeys(("mode", "fold", "tiles"), "")
    ]
    for each in layers:
        parts = {part: int(cycles[0]) for part, cycles in each.step.parts.items()}
        busy = {part: cycles for part, cycles in parts.items() if part != "stalls"}
        rows.append(
            {
                "network": name,
                "layer": each.layer.name,
                "cycles": int(each.step.cycles[0]),
                **parts,
                "bound": max(busy, key=busy.__getitem__) if any(busy.values()) else "",
                "pJ": float(run.meter.energy(each.spending)[0]),
                **each.how,
            }
        )
    return rows


def _energy(
    name: str, run: Run, mapped: Sequence[_Mapped], tariff: Tariff, values: Values, hz: int
) -> Term:
    layers = [_spent(each, run.meter, tariff, values) for each in mapped]
    leaked = _leaked(run, tariff, values, hz)
    pj = Term("pJ", float(run.energy[0]), "pJ", "layers, and leakage", "sum", (*layers, leaked))
    scale = Term("pJ a mJ", 1e9, "pJ/mJ")
    return Term(name, float(run.energy[0]) / 1e9, "mJ", "", "quotient", (pj, scale))


def _spent(mapped: _Mapped, meter: Meter, tariff: Tariff, values: Values) -> Term:
    actions: list[Term] = []
    for action, times in mapped.spending:
        count, prices = int(np.asarray(times).ravel()[0]), tariff.prices(action.where, values)
        if not count:
            continue
        price = float(meter.pj(action)[0])
        parts = (
            Term("count", count, _ACTIONS[action.what]),
            Term("price", price, "pJ", _source(prices, action)),
        )
        name = f"{prices.of(action).component}, {_ACTIONS[action.what]}"
        actions.append(Term(name, count * price, "pJ", "", "product", parts))
    pj = float(meter.energy(mapped.spending)[0])
    return Term(mapped.layer.name, pj, "pJ", "", "sum", tuple(actions))


def _source(prices: Prices, action: Action) -> str:
    found = sections(prices.machine, prices.technology, action)
    return f"technology {prices.technology.name}: {', '.join(found)}"


def _leaked(run: Run, tariff: Tariff, values: Values, hz: int) -> Term:
    components = tariff.components(values)
    parts = tuple(_pieces(name, each, each.microwatts, "uW") for name, each in components.items())
    power = Term("power", float(tariff.leakage(values)[0]), "uW", "all parts", "sum", parts)
    clock = Term("clock", hz / 1e6, "MHz", "hz of the machine")
    cycle = Term("a cycle", power.value / clock.value, "pJ", "uW / MHz", "quotient", (power, clock))
    cycles = Term("cycles", int(run.timeline.cycles[0]), "cycles", "see latency")
    text = "every part leaks all the time"
    return Term("leakage", float(run.leaked[0]), "pJ", text, "product", (cycle, cycles))


def _area(tariff: Tariff, values: Values) -> Term:
    parts: list[Term] = []
    for name, each in tariff.components(values).items():
        um2 = _pieces("um2", each, each.um2, "um2")
        scale = Term("um2 a mm2", 1e6, "um2/mm2")
        parts.append(Term(name, um2.value / 1e6, "mm2", "", "quotient", (um2, scale)))
    text = "without interconnect, DMA engines, control and pads: docs/energy.md"
    return Term("area", float(tariff.area(values)[0]), "mm2", text, "sum", tuple(parts))


def _pieces(name: str, component: Component, each: float, unit: str) -> Term:
    """So many equal pieces."""
    parts = (
        Term("count", component.count, f"{component.what}s"),
        Term("each", each, unit, f"a {component.what}; technology: {component.section}"),
    )
    return Term(name, component.count * each, unit, "", "product", parts)
