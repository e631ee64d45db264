"""Which configuration each layer gets: the cheapest chain of layers and switches between them.

Layers run one after the other in program order, so what a choice costs is

    C = enter(x_1) + sum over i of cycles(i, x_i) + sum over i > 1 of switch(i, x_(i-1), x_i)
        + latency(n, x_n)

and the cheapest choice is found layer by layer (Bellman 1957: what came before a layer matters only
through the configuration that it leaves):

    V_1(x) = enter(x) + cycles(1, x),    V_i(x) = min over y of (V_(i-1)(y) + switch(i, y, x))
                                                + cycles(i, x).

`docs/folds.md` derives the terms and works out an example by hand.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...costmodel.integers import IntArray, as_array
from ...costmodel.reconfigure import reconfigure_cost
from .space import Space

NEVER = 1 << 60
"""More cycles than anything that is legal takes."""


@dataclass(frozen=True)
class Switching:
    """What changes of configuration between the columns of a space cost; cycles, [columns] each.

    `fetch` brings a configuration in, `change` makes it current; `ahead` says whether it can be
    fetched while the units work. `equal`, `queue` and `overlap` [columns, columns] tell whether two
    configurations are the same, have the same first unit, and share any unit.
    """

    fetch: IntArray
    change: IntArray
    ahead: npt.NDArray[np.bool_]
    equal: npt.NDArray[np.bool_]
    queue: npt.NDArray[np.bool_]
    overlap: npt.NDArray[np.bool_]

    @staticmethod
    def of(space: Space) -> "Switching":
        """The changes between the columns of `space`."""
        folds = [space.machine.folds_for(column.array) for column in space.columns]
        costs = [
            reconfigure_cost(fold, space.machine.dram, units=column.fold.units)
            for fold, column in zip(folds, space.columns, strict=True)
        ]
        names = {array.name: number for number, array in enumerate(space.machine.arrays)}
        array = as_array(np.array([names[column.array] for column in space.columns]))
        first = as_array(np.array([column.first for column in space.columns]))
        same, last = array[:, None] == array, first + space.units
        return Switching(
            fetch=np.array([int(cost.fetch_cycles) + cost.fetch_latency for cost in costs]),
            change=np.array([cost.switch_cycles for cost in costs]),
            ahead=np.array([fold.shadow for fold in folds]),
            equal=np.eye(len(space.columns), dtype=bool),
            queue=same & (first[:, None] == first),
            overlap=same & (first[:, None] < last) & (first < last[:, None]),
        )

    @property
    def unprepared(self) -> IntArray:
        """A change that nothing hides."""
        return self.fetch + self.change

    def between(self, cycles: IntArray, latency: IntArray, alike: bool) -> IntArray:
        """From every column to every column after a layer of these `cycles` and this `latency`.

        `alike` says whether the layers have the same precision. Units that the layer before uses
        must first be done; their configuration is fetched meanwhile if they can do that. Others are
        configured while it computes.
        """
        hidden = np.where(self.ahead & self.queue, cycles[:, None], 0)
        drained = latency[:, None] + np.maximum(self.fetch - hidden, 0) + self.change
        beside = np.maximum(self.unprepared - cycles[:, None], 0)
        return np.where(self.equal & alike, 0, np.where(self.overlap, drained, beside))


def worth_it(space: Space) -> Space:
    """The space without configurations that a layer cannot gain from, whatever its neighbours get.

    For layer i that is every x with cycles(i, x) > min over y of (cycles(i, y) + the most that
    coming to y and going from it can cost): with y in its place the total is less.
    """
    unprepared = Switching.of(space).unprepared
    latency = np.where(space.legal, space.latency, 0)
    drains = np.concatenate([[0], latency.max(axis=1)[:-1]])
    most = space.cycles + drains[:, None] + unprepared + latency + unprepared.max()
    bound = np.where(space.legal, most, NEVER).min(axis=1)
    return replace(space, legal=space.legal & (space.cycles <= bound[:, None]))


def undominated(space: Space) -> IntArray:
    """The columns of which none can be replaced by another in every layer without loss.

    Column b replaces a if it has the same first unit and no more units, is legal wherever a is, and
    takes no more cycles and latency there. Replacing a throughout leaves equal neighbours equal; no
    switch costs more but for what fewer cycles hide less, which is no more than they save.
    """
    changes, units = Switching.of(space), space.units
    replaces = changes.queue & (units[:, None] <= units)
    for cycles, latency, legal in zip(space.cycles, space.latency, space.legal, strict=True):
        no_worse = (cycles[:, None] <= cycles) & (latency[:, None] <= latency) & legal[:, None]
        replaces &= no_worse | ~legal
    order = np.arange(len(units))
    strictly = replaces & (~replaces.T | (order[:, None] < order))
    return np.flatnonzero(~strictly.any(axis=0))


def each_alone(space: Space) -> IntArray:
    """The column [layers] of fewest cycles for each layer, as if switching were free.

    Of equal ones the one of fewest units, then the first.
    """
    cycles = (space.cycles + space.latency) * _weight(space) + space.units
    return np.where(space.legal, cycles, NEVER).argmin(axis=1)


def all_together(space: Space) -> IntArray:
    """The columns [layers] that cost least with the switches between them.

    Of equal choices the one of fewest units, summed over layers.
    """
    space = worth_it(space)
    kept = undominated(space)
    return kept[_shortest(space.take(kept))]


def each_the_same(space: Space) -> IntArray:
    """The columns that are legal for all layers, by what they cost as the only one.

    Of equal ones those of fewest units come first, then the first.
    """
    legal = np.flatnonzero(space.legal.all(axis=0))
    alone = np.zeros(len(space.works), np.int64)
    costs = [cost(space.take(np.array([column])), alone) for column in legal.tolist()]
    return legal[np.lexsort((space.units[legal], np.array(costs)))]


def _weight(space: Space) -> int:
    """Costs are multiplied by this and units added, so that units decide between equal costs."""
    return int(space.units.max()) * len(space.works) + 1


def _shortest(space: Space) -> IntArray:
    changes, weight = Switching.of(space), _weight(space)
    bits = [work.bits for work in space.works]
    own = np.where(space.legal, space.cycles * weight + space.units, NEVER)
    best = changes.unprepared * weight + own[0]
    came = np.zeros(own.shape, np.int64)
    for row in range(1, len(own)):
        alike = bits[row] == bits[row - 1]
        change = changes.between(space.cycles[row - 1], space.latency[row - 1], alike)
        through = best[:, None] + change * weight
        came[row] = through.argmin(axis=0)
        best = np.minimum(through.min(axis=0) + own[row], NEVER)
    choice = np.zeros(len(own), np.int64)
    choice[-1] = np.minimum(best + space.latency[-1] * weight, NEVER).argmin()
    for row in range(len(own) - 1, 0, -1):
        choice[row - 1] = came[row, choice[row]]
    return choice


def cost(space: Space, choice: IntArray) -> int:
    """The cycles of a choice of columns [layers], switches included."""
    changes, rows = Switching.of(space), np.arange(len(choice))
    total = int(changes.unprepared[choice[0]] + space.latency[-1, choice[-1]])
    total += int(space.cycles[rows, choice].sum())
    for row in range(1, len(choice)):
        alike = space.works[row].bits == space.works[row - 1].bits
        before, after = choice[row - 1], choice[row]
        table = changes.between(space.cycles[row - 1], space.latency[row - 1], alike)
        total += int(table[before, after])
    return total
