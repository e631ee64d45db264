"""The configurations of a layer beside the chosen one: what they would cost, and why it is not."""

from dataclasses import dataclass

import numpy as np

from ...costmodel.integers import IntArray
from .choice import Switching, each_alone, undominated, worth_it
from .space import Configuration, Space

CHOSEN = "chosen"
CANNOT_GAIN = "cannot gain, whatever its neighbours get"
REPLACEABLE = "another one is no worse in any layer"


@dataclass(frozen=True)
class RankedFold:
    """A configuration of a layer between its neighbours, which keep theirs.

    In cycles: `cycles` and `latency` of the layer, `enter` and `leave` of the switches from the
    layer before and to the one after. `utilisation` is products over what all multipliers of the
    array could do in `cycles`. `standing` is "" for one that was in the choice to the end.
    """

    configuration: Configuration
    cycles: int
    latency: int
    enter: int
    leave: int
    utilisation: float
    standing: str

    @property
    def total(self) -> int:
        """The layer and both switches."""
        return self.cycles + self.enter + self.leave


def ranked_folds(space: Space, chosen: IntArray, row: int) -> list[RankedFold]:
    """All legal configurations of the layer `row`, the cheapest in its place first.

    `chosen` has the configurations (columns) of all layers.
    """
    changes, works = Switching.of(space), space.works
    enter, leave = changes.unprepared, space.latency[row]
    if row:
        before = changes.between(space.cycles[row - 1], space.latency[row - 1], _alike(space, row))
        enter = before[chosen[row - 1]]
    if row + 1 < len(works):
        after = changes.between(space.cycles[row], space.latency[row], _alike(space, row + 1))
        leave = after[:, chosen[row + 1]]
    gaining, kept = worth_it(space).legal[row], undominated(worth_it(space))
    ranked: list[RankedFold] = []
    for column in np.flatnonzero(space.legal[row]).tolist():
        standing = CHOSEN if column == chosen[row] else ""
        if not standing and not gaining[column]:
            standing = CANNOT_GAIN
        elif not standing and column not in kept:
            standing = REPLACEABLE
        array = space.machine.array(space.columns[column].array)
        most = array.count * array.multipliers * array.products(*works[row].bits)
        cycles = int(space.cycles[row, column])
        ranked.append(
            RankedFold(
                space.columns[column],
                cycles,
                int(space.latency[row, column]),
                int(enter[column]),
                int(leave[column]),
                works[row].shape.macs / (cycles * most) if cycles else 0.0,
                standing,
            )
        )
    return sorted(ranked, key=lambda each: (each.total, each.configuration.fold.units))


def why_chosen(space: Space, chosen: IntArray, row: int) -> str:
    """Why the layer `row` has its configuration, in a sentence."""
    if space.works[row].given is not None:
        return "given"
    ranked = {each.configuration: each for each in ranked_folds(space, chosen, row)}
    mine = ranked[space.columns[chosen[row]]]
    alone = ranked[space.columns[each_alone(space)[row]]]
    if alone.cycles + alone.latency == mine.cycles + mine.latency:
        return "cheapest alone"
    more = mine.cycles - alone.cycles
    saved = alone.enter + alone.leave - mine.enter - mine.leave
    return f"cheapest with its neighbours: {more:,} more cycles save {saved:,} of switching"


def _alike(space: Space, row: int) -> bool:
    """Whether a layer has the precision of the one before it."""
    return space.works[row].bits == space.works[row - 1].bits
