"""The best temporal mapping of a layer that a search finds, in energy or in cycles."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, prod
from typing import Literal

import numpy as np

from ...costmodel.hierarchy.evaluate import Costs, evaluate
from ...costmodel.hierarchy.layer import Floats, Ints
from ...costmodel.hierarchy.mappings import Mappings, joined
from ...costmodel.hierarchy.unrolling import Unrolling
from ...errors import TilefoldError
from .allocation import allocate, fitting
from .orders import all_orders, count_orders, factors_of

Objective = Literal["energy", "latency"]
LIMIT = 6
"""Loops of a nest whose orders are all tried, as by ZigZag's `lpf_limit`."""
EVERYTHING = 1 << 12
"""Mappings that a layer may have for all of them to be tried."""
BATCH = 1 << 13
"""Mappings that are evaluated at once."""
ORDERS = 1 << 20
"""Orders that a search may try."""


@dataclass(frozen=True)
class Found:
    """The best mapping, its costs (batches of one), and how many were evaluated for it."""

    mapping: Mappings
    costs: Costs
    evaluated: int


def best_mapping(
    unrolling: Unrolling,
    objective: Objective = "energy",
    *,
    limit: int = LIMIT,
    refine: bool = True,
    supplied: Mappings | None = None,
) -> Found:
    """The mapping of least energy or latency, the other one deciding between equals.

    All orders of the layer's prime factors, merged to `limit` loops, are allocated to the memories
    and evaluated. With `refine` the best one is then improved on with all prime factors: loops
    change places, memories hold more or fewer of an operand's loops, as long as that helps; or all
    mappings are tried, where there are at most `EVERYTHING`. Mappings that the user has `supplied`
    are candidates from the start. Every run finds the same.

    Raises TilefoldError where no order fits into the memories, where a supplied mapping does not,
    or where there are more than `ORDERS` orders.
    """
    layer = unrolling.layer
    factors = factors_of(unrolling.temporal, limit)
    if count_orders(factors) > ORDERS:
        raise TilefoldError(
            f"layer '{layer.name}': {len(factors)} loops have {count_orders(factors)} orders, more "
            f"than {ORDERS}: search with a lower limit"
        )
    dims, sizes = all_orders(factors, layer.order)
    candidates, _ = allocate(unrolling, dims, sizes)
    batches = [candidates.take(slice(n, n + BATCH)) for n in range(0, len(candidates), BATCH)]
    if supplied is not None:
        if not fitting(supplied).all():
            raise TilefoldError(f"layer '{layer.name}': a supplied mapping exceeds a memory")
        batches.append(supplied)
    if not batches:
        raise TilefoldError(
            f"layer '{layer.name}' does not fit into the memories of {unrolling.architecture.name}"
        )
    best = None
    for batch in batches:
        best = _better(best, batch, objective)
    assert best is not None
    return _refined(best, objective) if refine else best


def best_mappings(
    layers: Sequence[Unrolling],
    objective: Objective = "energy",
    *,
    limit: int = LIMIT,
    refine: bool = True,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> list[Found]:
    """What `best_mapping` finds for each layer; those that only differ in name are one search.

    `tell` is called before each layer with the number of those that are done, and of all.
    """
    found: dict[str, Found] = {}
    result: list[Found] = []
    for unrolling in layers:
        tell(len(result), len(layers))
        key = repr((replace(unrolling.layer, name=""), unrolling.axes, unrolling.architecture))
        if key not in found:
            found[key] = best_mapping(unrolling, objective, limit=limit, refine=refine)
        mapping = replace(found[key].mapping, unrolling=unrolling)
        result.append(replace(found[key], mapping=mapping))
    return result


def _keys(costs: Costs, objective: Objective) -> tuple[Floats, Floats]:
    """What is compared first, and second."""
    keys = (costs.energy_pj, costs.latency)
    return keys if objective == "energy" else (keys[1], keys[0])


def _better(best: Found | None, batch: Mappings, objective: Objective) -> Found:
    """The best of a batch, or what is known if nothing in it is better."""
    costs = evaluate(batch)
    first, second = _keys(costs, objective)
    place = int(np.lexsort((second, first))[0])
    evaluated = len(batch) + (best.evaluated if best else 0)
    if best is not None:
        known = tuple(float(key[0]) for key in _keys(best.costs, objective))
        if known <= (float(first[place]), float(second[place])):
            return Found(best.mapping, best.costs, evaluated)
    return Found(batch.take(slice(place, place + 1)), costs.take(place), evaluated)


def _refined(best: Found, objective: Objective) -> Found:
    """The best of all mappings if they are few, else steps to better neighbours until none is."""
    every = _every_mapping(best.mapping.unrolling)
    if every is not None:
        return _better(best, every.take(fitting(every)), objective)
    best = Found(_split(best.mapping), best.costs, best.evaluated)
    while True:
        known = best.mapping
        near = _neighbours(known)
        best = _better(best, near.take(fitting(near)), objective)
        if best.mapping is known:
            return best


def _every_mapping(unrolling: Unrolling) -> Mappings | None:
    """All orders of all prime factors, held in all ways; none if that is more than `EVERYTHING`."""
    factors = factors_of(unrolling.temporal)
    orders, depth = count_orders(factors), len(factors)
    operands = unrolling.layer.operands
    levels = {o.name: len(unrolling.architecture.levels(o.memory)) for o in operands}
    if orders * prod(comb(depth + n - 1, n - 1) for n in levels.values()) > EVERYTHING:
        return None
    dims, sizes = all_orders(factors, unrolling.layer.order)
    others = {name: _all_ends(depth, count) for name, count in levels.items()}
    counts = [len(dims), *map(len, others.values())]
    order, *places = np.indices(counts).reshape(len(counts), -1)
    ends = {name: others[name][place] for name, place in zip(others, places, strict=True)}
    return Mappings(unrolling, dims[order], sizes[order], ends)


def _split(mapping: Mappings) -> Mappings:
    """The same mapping with every loop as its prime factors."""
    dims: list[int] = []
    sizes: list[int] = []
    starts = [0]
    for dim, size in zip(mapping.dims[0], mapping.sizes[0], strict=True):
        factors = factors_of({"": int(size)})
        dims += [int(dim)] * len(factors)
        sizes += [factor for _, factor in factors]
        starts.append(len(dims))
    places = np.array(starts)
    ends = {name: places[held] for name, held in mapping.ends.items()}
    return Mappings(
        mapping.unrolling, np.array([dims], np.int64), np.array([sizes], np.int64), ends
    )


def _neighbours(mapping: Mappings) -> Mappings:
    """Mappings with two loops exchanged, or one moved, or other ends of one operand.

    In another order, the memories hold as many loops as before, or what `allocate` has them hold.
    """
    unrolling, depth = mapping.unrolling, mapping.dims.shape[1]
    orders = [list(range(depth))]
    orders += [_exchanged(depth, a, b) for a, b in combinations(range(depth), 2)]
    orders += [_moved(depth, a, b) for a in range(depth) for b in range(depth) if abs(a - b) > 1]
    order = np.array(orders, np.int64)
    dims, sizes = mapping.dims[0][order], mapping.sizes[0][order]
    _, kept = np.unique(np.concatenate([dims, sizes], axis=1), axis=0, return_index=True)
    kept = np.sort(kept)
    dims, sizes = dims[kept], sizes[kept]
    near = [
        allocate(unrolling, dims, sizes)[0],
        Mappings(unrolling, dims, sizes, _repeated(mapping.ends, len(dims))),
    ]
    for name, held in mapping.ends.items():
        others = _all_ends(depth, held.shape[1])
        count = np.zeros(len(others), np.int64)
        ends = {**_repeated(mapping.ends, len(others)), name: others}
        near.append(Mappings(unrolling, mapping.dims[count], mapping.sizes[count], ends))
    return joined(near)


def _repeated(ends: Mapping[str, Ints], times: int) -> dict[str, Ints]:
    return {name: np.repeat(held, times, axis=0) for name, held in ends.items()}


def _exchanged(depth: int, a: int, b: int) -> list[int]:
    order = list(range(depth))
    order[a], order[b] = b, a
    return order


def _moved(depth: int, source: int, target: int) -> list[int]:
    order = list(range(depth))
    order.insert(target, order.pop(source))
    return order


def _all_ends(depth: int, levels: int) -> Ints:
    """[*, levels]: all ways in which levels can hold loops, the last one all."""
    rows = [
        [place - number for number, place in enumerate(chosen)] + [depth]
        for chosen in combinations(range(depth + levels - 1), levels - 1)
    ]
    return np.array(rows, np.int64)
