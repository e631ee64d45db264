"""The fold of every layer on many machines at once: `passes.folding.choice`, vectorised.

The compiler finds the cheapest chain of configurations with the switches between them. Here, too,
but of few candidates: the cheapest ones of a layer, of its neighbours, and for all layers alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...costmodel.dataflow import Factors
from ...costmodel.integers import IntArray, as_array
from ...costmodel.reconfigure import reconfigure_cost
from ...machines.model import Fold, Machine
from ...passes.folding.choice import NEVER
from ...passes.folding.space import Placement, layer_cost
from .network import Product

KEPT = 4
"""Of each layer's cheapest configurations, candidates for it."""

NEIGHBOURS = 2
"""Of the cheapest ones of the layer before and of the one after, candidates, too."""

SINGLES = 4
"""Of the cheapest ones for all layers alike, candidates for each."""


@dataclass(frozen=True)
class Columns:
    """Configurations of an array: a mode [columns] and a fold each; `legal` [machines, columns]."""

    array: str
    mode: IntArray
    folds: tuple[Fold, ...]
    legal: npt.NDArray[np.bool_]

    @property
    def units(self) -> IntArray:
        """Units of each."""
        return np.array([fold.units for fold in self.folds], np.int64)


def choose(machine: Machine, columns: Columns, products: Sequence[Product]) -> IntArray:
    """The column [machines, layers] of every layer, on a `batched` machine."""
    own, latency = _priced(machine, columns, products)
    fetch, change, ahead = _switches(machine, columns)
    count, layers = len(own), len(products)
    weight = int(columns.units.max()) * layers + 1
    alone = np.where(own < NEVER, own + latency, NEVER // weight // layers).sum(axis=1)
    single = np.argsort(alone, axis=-1, kind="stable")[:, :SINGLES]
    rows = np.arange(count)[:, None]
    came: list[IntArray] = []
    candidates: list[IntArray] = []
    best = np.zeros((count, 0), np.int64)
    ranked = np.where(own < NEVER, own * weight + columns.units, NEVER)
    order = np.argsort(ranked, axis=-1, kind="stable")
    for layer in range(layers):
        beside = (max(layer - 1, 0), min(layer + 1, layers - 1))
        of_neighbours = (order[:, each, :NEIGHBOURS] for each in beside)
        here = np.concatenate([order[:, layer, :KEPT], *of_neighbours, single], axis=1)
        cost = ranked[:, layer][rows, here]
        if layer == 0:
            best = np.minimum(cost + (fetch + change)[rows, here] * weight, NEVER)
        else:
            before, cycles = candidates[-1], own[:, layer - 1][rows, candidates[-1]]
            hidden = np.where(ahead, cycles, 0)[:, :, None]
            stall = np.maximum(fetch[rows, here][:, None, :] - hidden, 0)
            drained = latency[:, layer - 1][rows, before][:, :, None]
            switch = drained + stall + change[rows, here][:, None, :]
            switch = np.where(before[:, :, None] == here[:, None, :], 0, switch)
            through = np.minimum(best[:, :, None] + switch * weight, NEVER)
            came.append(through.argmin(axis=1))
            best = np.minimum(through.min(axis=1) + cost, NEVER)
        candidates.append(here)
    last = np.minimum(best + latency[:, -1][rows, candidates[-1]] * weight, NEVER).argmin(axis=1)
    chosen = np.zeros((count, layers), np.int64)
    for layer in range(layers - 1, -1, -1):
        chosen[:, layer] = candidates[layer][np.arange(count), last]
        if layer:
            last = came[layer - 1][np.arange(count), last]
    return chosen


def _priced(
    machine: Machine, columns: Columns, products: Sequence[Product]
) -> tuple[IntArray, IntArray]:
    """Cycles and latency [machines, layers, columns]; NEVER where a column is not legal."""
    shape = (len(columns.legal), len(products), len(columns.folds))
    cycles, latency = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    known: dict[object, int] = {}
    by_mode = [(mode, np.flatnonzero(columns.mode == mode)) for mode in np.unique(columns.mode)]
    placed = [
        (int(mode), places, Factors.of([columns.folds[place] for place in places]))
        for mode, places in by_mode
    ]
    for layer, product in enumerate(products):
        same = known.setdefault((product.shape, product.bits), layer)
        if same != layer:
            cycles[:, layer], latency[:, layer] = cycles[:, same], latency[:, same]
            continue
        for mode, places, factors in placed:
            place = Placement(columns.array, mode, factors, *product.bits)
            cost = layer_cost(machine, place, product.shape)
            cycles[:, layer, places] = as_array(cost.occupancy) * product.shape.groups
            latency[:, layer, places] = cost.latency
    return np.where(columns.legal[:, None, :], cycles, NEVER), latency


def _switches(machine: Machine, columns: Columns) -> tuple[IntArray, IntArray, IntArray]:
    """Cycles to fetch a configuration and to switch to it [machines, columns], and whether the
    former goes on beside the layer before."""
    folds = machine.folds_for(columns.array)
    cost = reconfigure_cost(folds, machine.dram, units=columns.units)
    shape = columns.legal.shape
    fetch = np.broadcast_to(as_array(cost.fetch_cycles) + cost.fetch_latency, shape)
    change = np.broadcast_to(as_array(cost.switch_cycles), shape)
    return fetch, change, np.broadcast_to(as_array(folds.shadow), (len(columns.legal), 1))
