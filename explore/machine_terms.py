"""The metrics of one machine, opened: latency by layers, energy by actions, area by components."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..costmodel.area import Component
from ..costmodel.energy import Action, Prices, sections
from ..machines.model import Fold
from .analytical.energy import Meter, Spending, Tariff
from .analytical.network import Layer, Movement
from .analytical.time import MovementTime
from .analytical.time_terms import movement_term, product_term, start_term
from .families import ARRAY
from .findings import Table
from .network_on_family import NetworkOnFamily, Run, Values
from .terms import Explanation, Term

_ACTIONS: Mapping[str, str] = {
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


def explanation(
    networks: Sequence[NetworkOnFamily], tariff: Tariff, values: Values, hz: int
) -> Explanation:
    """Of the one machine that has `values` [1]."""
    runs = {network.name: network.run(values, tariff) for network in networks}
    layers: Table = []
    latencies: list[Term] = []
    energies: list[Term] = []
    for network in networks:
        run = runs[network.name]
        mapped = [_mapped(network, run, number) for number in range(len(run.layers))]
        latencies.append(_latency(network, run, values, mapped, hz))
        energies.append(_energy(network, run, values, tariff, hz))
        layers += _rows(network.name, run, mapped)
    text = "one image through each network, one network after the other"
    return Explanation(
        {
            "latency": _sum("latency", latencies, "ms", text),
            "energy": _sum("energy", energies, "mJ", text),
            "area": _area(tariff, values),
        },
        layers,
    )


def _sum(name: str, parts: Sequence[Term], unit: str, text: str = "") -> Term:
    return Term(name, sum(part.value for part in parts), unit, text, "sum", tuple(parts))


def _mapped(network: NetworkOnFamily, run: Run, number: int) -> dict[str, Any]:
    """How a layer is mapped: its mode and fold and its tiles, "" for one that has none."""
    work = run.layers[number].work
    if isinstance(work, Movement):
        return {"mode": "", "fold": "", "tiles": ""}
    place = sum(not isinstance(each.work, Movement) for each in run.layers[:number])
    column = run.folds[:, place]
    modes, folds = network.configurations
    mode = run.meter.machine.array(ARRAY).modes[int(modes[column[0]])]
    ((_, tiling, _),) = network.tiled(run.meter.values, column, work)
    sizes = (tiling.rows, tiling.columns, tiling.k, tiling.c)
    order = np.asarray(tiling.order).ravel()[0]
    tiles = f"{' x '.join(str(int(each.ravel()[0])) for each in sizes)}, {order}"
    return {"mode": mode.name, "fold": _fold_text(folds[int(column[0])]), "tiles": tiles}


def _fold_text(fold: Fold) -> str:
    factors = (("chain", fold.chain), ("cols", fold.cols), ("pixels", fold.pixels))
    several = [f"{name} {number}" for name, number in (*factors, ("groups", fold.groups))
               if number > 1]  # fmt: skip
    return ", ".join(several) or "one unit"


def _latency(
    network: NetworkOnFamily, run: Run, values: Values, mapped: list[dict[str, Any]], hz: int
) -> Term:
    columns = iter(run.folds.T)
    layers = [start_term(run.timeline)]
    for layer, step, how in zip(run.layers, run.timeline.steps, mapped, strict=True):
        if isinstance(step, MovementTime):
            layers.append(movement_term(layer, step))
            continue
        assert not isinstance(layer.work, Movement)
        pieces = network.pieces(values, next(columns), layer.work)
        text = f"mode {how['mode']}; {how['fold']}; tiles {how['tiles']}"
        layers.append(product_term(layer, step, pieces, text))
    cycles = Term(
        "cycles", int(run.timeline.cycles[0]), "cycles", "layer after layer", "sum", tuple(layers)
    )
    clock = Term("clock", hz / 1e3, "cycles/ms", "hz of the machine")
    return Term(network.name, cycles.value / hz * 1e3, "ms", "", "quotient", (cycles, clock))


def _rows(name: str, run: Run, mapped: Sequence[Mapping[str, Any]]) -> Table:
    """What the cycles of each layer go to, those before the first one in a row of their own."""
    start = int(run.timeline.start[0])
    nothing = dict.fromkeys(("compute", "memory", "vector", "reconfiguration"), 0)
    rows: Table = [
        {"network": name, "layer": "(start)", "cycles": start, **nothing, "stalls": start,
         "bound": "", "pJ": 0.0, "mode": "", "fold": "", "tiles": ""}
    ]  # fmt: skip
    whole = zip(run.layers, run.timeline.steps, run.spending, mapped, strict=True)
    for layer, step, spending, how in whole:
        parts = {part: int(cycles[0]) for part, cycles in step.parts.items()}
        busy = {part: cycles for part, cycles in parts.items() if part != "stalls"}
        rows.append(
            {
                "network": name,
                "layer": layer.name,
                "cycles": int(step.cycles[0]),
                **parts,
                "bound": max(busy, key=busy.__getitem__) if any(busy.values()) else "",
                "pJ": float(run.meter.energy(spending)[0]),
                **how,
            }
        )
    return rows


def _energy(network: NetworkOnFamily, run: Run, values: Values, tariff: Tariff, hz: int) -> Term:
    layers = [
        _spent(layer, spending, run.meter, tariff, values)
        for layer, spending in zip(run.layers, run.spending, strict=True)
    ]
    leaked = _leaked(run, tariff, values, hz)
    pj = Term("pJ", float(run.energy[0]), "pJ", "layers, and leakage", "sum", (*layers, leaked))
    scale = Term("pJ a mJ", 1e9, "pJ/mJ")
    return Term(network.name, float(run.energy[0]) / 1e9, "mJ", "", "quotient", (pj, scale))


def _spent(layer: Layer, spending: Spending, meter: Meter, tariff: Tariff, values: Values) -> Term:
    actions: list[Term] = []
    for action, times in spending:
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
    return Term(layer.name, float(meter.energy(spending)[0]), "pJ", "", "sum", tuple(actions))


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
