"""Layers that do not wait for each other, on disjoint groups of units at the same time.

Every layer gets a configuration with a first unit, and its turn, so that the last result is there
as early as can be found. Layer i in configuration x takes the units of x, and

    end(i) = start(i) + cycles(i, x) + latency(i, x)
    start(i) >= end(p)                        for all layers p that it reads,
    start(i) >= start(j) + cycles(j, x)       where its units still have x, from layer j,
    start(i) >= max(done, loaded) + change(x) where they do not,
    start(i) >= start(j) + cycles(j, y)       for layers j before, in y, if both load their inputs:

`done` is when all that its units did has ended, and `loaded` is fetch(x) later or, with shadow
registers, fetch(x) after these were free. `docs/folds.md` has all of it.

The search is a beam search over the orders in which layers can be placed: a state has placed some
layers, and knows of every unit when it is free and how it is configured.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from ...costmodel.integers import IntArray
from .choice import NEVER, Switching, all_together, undominated
from .space import Configuration, Space

Flags = npt.NDArray[np.bool_]
Reads = Sequence[frozenset[int]]
"""For each layer the layers that must have ended before it starts."""

WIDTH = 128
"""States that are kept after each step."""
CAUTIONS = (0.0, 0.5)
"""How much of what is left is taken to run one by one: one search each (see `Model.best`)."""


@dataclass(frozen=True)
class Schedule:
    """What every layer [layers] runs on and when it starts, and when the last one has ended."""

    configurations: tuple[Configuration, ...]
    starts: tuple[int, ...]
    cycles: int


def side_by_side(
    space: Space, reads: Reads, loads: Collection[int] = (), width: int = WIDTH
) -> Schedule:
    """The schedule of fewest cycles that is found; `loads` are the layers that load their inputs.

    It is never worse than the best single configuration, nor than `all_together`, one layer after
    the other. Raises ValueError where layers wait for themselves.
    """
    serial = all_together(space)
    singles = np.flatnonzero(space.legal.all(axis=0))
    choices = np.vstack([serial, np.tile(singles[:, None], len(serial))])
    tried = [Model(space, reads, loads).timed(choices)]
    few = space.take(np.union1d(undominated(space), serial))
    search = Model(everywhere(few), reads, loads)
    chain = np.array([few.columns.index(space.columns[column]) for column in serial])
    tried += [search.best(width, chain, caution) for caution in CAUTIONS]
    return min(tried, key=lambda schedule: schedule.cycles)


def everywhere(space: Space) -> Space:
    """The space with every configuration at all first units, but for those that are given."""
    columns = list(space.columns)
    sources = list(range(len(columns)))
    free = np.array([work.given is None for work in space.works])
    legal = [space.legal[:, place] for place in sources]
    for place, column in enumerate(space.columns):
        last = space.machine.array(column.array).count - column.fold.units
        for first in range(1, last + 1) if column.first == 0 else ():
            moved = replace(column, first=first)
            if moved not in space.columns:
                columns.append(moved)
                sources.append(place)
                legal.append(space.legal[:, place] & free)
    return replace(
        space,
        columns=tuple(columns),
        cycles=space.cycles[:, sources],
        latency=space.latency[:, sources],
        legal=np.array(legal).T,
    )


@dataclass
class _States:
    """So many [states] ways to have placed some layers.

    Of every unit [states, units]: `free` is when its array can go on, `done` when its last result
    is there, `has` its configuration (-1 for none), `set_up` the column that it was last configured
    to, `switched` when. Of every layer [states, layers]: `placed`, `start`, `end`, `column`.
    `loading` [states] is when the last layer that loads its inputs has computed, `begun` when the
    layers before the present segment had ended, `bound` an estimate of the end of this segment.
    """

    free: IntArray
    done: IntArray
    has: IntArray
    set_up: IntArray
    switched: IntArray
    placed: Flags
    start: IntArray
    end: IntArray
    column: IntArray
    loading: IntArray
    begun: IntArray
    bound: IntArray

    @staticmethod
    def initial(units: int, layers: int) -> "_States":
        """One state, in which nothing is placed or configured."""
        by_unit, by_layer = np.zeros((1, units), np.int64), np.zeros((1, layers), np.int64)
        nothing, zero = by_unit - 1, np.zeros(1, np.int64)
        return _States(
            by_unit, by_unit, nothing, nothing, by_unit,
            by_layer.astype(bool), by_layer, by_layer, by_layer, zero, zero, zero,
        )  # fmt: skip

    def take(self, which: IntArray) -> "_States":
        """Copies of some states."""
        return _States(**{each.name: getattr(self, each.name)[which] for each in fields(self)})


@dataclass(frozen=True)
class _Steps:
    """Ways to go on: in `state`, `layer` [steps] on every column [steps, columns]."""

    state: IntArray
    layer: IntArray
    keeps: Flags
    switched: IntArray
    start: IntArray


class Model:
    """The layers of a space, with what they wait for, on its columns at their first units."""

    def __init__(self, space: Space, reads: Reads, loads: Collection[int] = ()) -> None:
        self.space, changes = space, Switching.of(space)
        self.fetch, self.change, self.ahead = changes.fetch, changes.change, changes.ahead
        self.overlap = changes.overlap
        offsets: dict[str, int] = {}
        self.units = 0
        for array in space.machine.arrays:
            offsets[array.name] = self.units
            self.units += array.count
        columns = space.columns
        self.first = np.array([offsets[column.array] + column.first for column in columns])
        shapes = [replace(column, first=0) for column in columns]
        self.shape = np.array([shapes.index(shape) for shape in shapes])
        numbers = np.arange(self.units)
        last = self.first + space.units
        self.of = (self.first[:, None] <= numbers) & (numbers < last[:, None])
        kinds = {bits: kind for kind, bits in enumerate(dict.fromkeys(w.bits for w in space.works))}
        self.kind = np.array([kinds[work.bits] for work in space.works])
        self.cycles = np.where(space.legal, space.cycles, NEVER)
        self.latency = np.where(space.legal, space.latency, 0)
        self.loads = np.isin(np.arange(len(reads)), list(loads))
        self.waits = np.zeros((len(reads), len(reads)), bool)
        for layer, before in enumerate(reads):
            self.waits[layer, list(before)] = True
        self.order, self.segment = _segments(self.waits)
        self._estimate()

    def _estimate(self) -> None:
        """The least that a layer and those after it in its segment take, and its unit-cycles."""
        self.least = least = self.cycles.min(axis=1)
        last = np.where(self.space.legal, self.latency, NEVER).min(axis=1)
        self.after = np.zeros(len(least), np.int64)
        same = self.waits & (self.segment[:, None] == self.segment)
        for layer in self.order[::-1]:
            following = np.flatnonzero(same[:, layer])
            if len(following):
                self.after[layer] = (least + last + self.after)[following].max()
        work = np.where(self.space.legal, self.cycles * self.space.units, NEVER)
        self.work = work.min(axis=1)

    def timed(self, choices: IntArray) -> Schedule:
        """The best of some choices of columns [choices, layers], one layer after the other."""
        every = np.arange(len(choices))
        states = _States.initial(self.units, len(self.kind)).take(every * 0)
        for layer in self.order:
            states = self._chosen(states, layer, choices[:, layer])
        return self._schedule(states)

    def _chosen(self, states: _States, layer: np.int64, columns: IntArray) -> _States:
        """The states in which `layer` is placed on `columns`, one for each."""
        every = np.arange(len(columns))
        steps = self._steps(states, every, np.full(len(every), layer))
        return self._placed(states, steps, every, columns)

    def best(self, width: int, chain: IntArray, caution: float) -> Schedule:
        """The best schedule that is found with so many states.

        Those that begin as the choice `chain` does, one layer after the other, are among them.
        `caution`, from 0 to 1, is how much of what is left is taken to run one by one.
        """
        states = serial = _States.initial(self.units, len(self.kind))
        for layer in self.order:
            steps = self._next_steps(states)
            flat = self._score(states, steps, caution).ravel()
            most = min(8 * width, int((flat < NEVER).sum()))
            chosen = np.sort(np.argpartition(flat, most - 1)[:most])
            chosen = chosen[np.argsort(flat[chosen], kind="stable")]
            following = self._placed(states, steps, *np.divmod(chosen, len(self.first)))
            following.bound = flat[chosen]
            serial = self._chosen(serial, layer, chain[layer, None])
            states = _joined(following.take(self._different(following, width)), serial)
        return self._schedule(states)

    def _schedule(self, states: _States) -> Schedule:
        """The schedule of the state that ends first."""
        best = int(states.end.max(axis=1).argmin())
        columns = tuple(self.space.columns[int(column)] for column in states.column[best])
        starts = tuple(int(start) for start in states.start[best])
        return Schedule(columns, starts, int(states.end[best].max()))

    def _next_steps(self, states: _States) -> _Steps:
        """All layers whose turn it may be."""
        waiting = ~states.placed @ self.waits.T
        return self._steps(states, *np.nonzero(~states.placed & ~waiting))

    def _steps(self, states: _States, state: IntArray, layer: IntArray) -> _Steps:
        """When `layer` starts in `state` (both [steps]) on every column."""
        done = np.where(self.of, states.done[:, None, :], 0).max(axis=2)
        before, since = states.set_up[:, self.first], states.switched[:, self.first]
        earlier = self.overlap[states.set_up[:, None, :], before[:, :, None]]
        earlier &= states.switched[:, None, :] <= since[:, :, None]
        ready = earlier | (states.set_up < 0)[:, None, :] | ~self.of
        ahead = self.ahead & (before >= 0) & ready.all(axis=2)
        loaded = np.where(ahead, since, done) + self.fetch
        switched = np.maximum(done, loaded) + self.change
        has = np.arange(len(self.first)) + len(self.first) * self.kind[layer, None]
        keeps = states.has[:, self.first][state] == has
        read = np.where(self.waits[layer], states.end[state], 0).max(axis=1, initial=0)
        read = np.maximum(read, np.where(self.loads[layer], states.loading[state], 0))
        own = np.where(keeps, states.free[:, self.first][state], switched[state])
        return _Steps(state, layer, keeps, switched[state], np.maximum(read[:, None], own))

    def _placed(self, states: _States, steps: _Steps, step: IntArray, column: IntArray) -> _States:
        """The states after `step` on `column`."""
        result = states.take(steps.state[step])
        rows, layer, own = np.arange(len(step)), steps.layer[step], self.of[column]
        start = steps.start[step, column]
        free = start + self.cycles[layer, column]
        end = free + self.latency[layer, column]
        has = column + len(self.first) * self.kind[layer]
        taken = np.where(own, result.has, -2)
        torn = (taken[:, :, None] == result.has[:, None, :]).any(axis=1)
        anew = own & ~steps.keeps[step, column][:, None]
        result.has = np.where(own, has[:, None], np.where(torn, -1, result.has))
        result.set_up = np.where(anew, column[:, None], result.set_up)
        result.switched = np.where(anew, steps.switched[step, column][:, None], result.switched)
        result.free = np.where(own, free[:, None], result.free)
        result.done = np.where(own, np.maximum(result.done, end[:, None]), result.done)
        fresh = ~(result.placed & (self.segment == self.segment[layer][:, None])).any(axis=1)
        result.begun = np.where(fresh, result.end.max(axis=1), result.begun)
        result.loading = np.where(self.loads[layer], free, result.loading)
        result.placed[rows, layer] = True
        result.start[rows, layer], result.end[rows, layer] = start, end
        result.column[rows, layer] = column
        return result

    def _score(self, states: _States, steps: _Steps, caution: float) -> IntArray:
        """An estimate of the end of the present segment after each step, on every column.

        It is the longest path from what is placed on, or the mean over units of when they can go on
        and of their share of the work that is left; with `caution`, in part, when the last of them
        can, and all that is left one layer after the other.
        """
        layer, state = steps.layer, steps.state
        same = self.segment == self.segment[layer][:, None]
        fresh = ~(states.placed[state] & same).any(axis=1)
        begun = np.where(fresh, states.end[state].max(axis=1), states.begun[state])
        bound = np.where(fresh, begun, states.bound[state])
        free = np.maximum(states.free[state], begun[:, None])
        ended = steps.start + self.cycles[layer]
        path = ended + self.latency[layer] + self.after[layer][:, None]
        left = same & ~states.placed[state]
        left[np.arange(len(layer)), layer] = False
        alone = left @ self.least
        shared = left @ (self.work * (1 - caution) + self.least * (self.units * caution))
        used = free.sum(axis=1)[:, None] - free @ self.of.T + ended * self.space.units
        even = (used + shared[:, None]) / self.units
        serial = np.maximum(free.max(axis=1)[:, None], ended) + alone[:, None]
        least = np.maximum(np.maximum(path, bound[:, None]), even)
        score = (least + caution * np.maximum(serial - least, 0)).astype(np.int64)
        return np.where(self.space.legal[layer], score, NEVER)

    def _different(self, states: _States, width: int) -> IntArray:
        """The first `width` states that differ by more than which of like units are used."""
        kinds = np.where(states.has < 0, -1, self.shape[states.has % len(self.first)])
        kinds += states.has // len(self.first) * len(self.first)
        units = np.sort(kinds + states.free * (self.kind.max() + 2) * len(self.first), axis=1)
        seen: set[bytes] = set()
        chosen: list[int] = []
        units = np.column_stack([units, states.loading])
        for number, (placed, unit) in enumerate(zip(states.placed, units, strict=True)):
            key = placed.tobytes() + unit.tobytes()
            if key not in seen:
                seen.add(key)
                chosen.append(number)
                if len(chosen) == width:
                    break
        return np.array(chosen)


def _joined(one: _States, other: _States) -> _States:
    """The states of both."""
    pairs = ((each.name, (one, other)) for each in fields(one))
    return _States(
        **{name: np.concatenate([getattr(s, name) for s in both]) for name, both in pairs}
    )


def _segments(waits: Flags) -> tuple[IntArray, IntArray]:
    """An order in which layers can run, and the segment [layers] that each is in.

    All layers of a segment wait, at last, for all of the segments before it.
    """
    earlier = waits.copy()
    for layer in range(len(waits)):
        earlier |= earlier[:, layer : layer + 1] & earlier[layer]
    if earlier.diagonal().any():
        raise ValueError("layers wait for themselves")
    order = np.argsort(earlier.sum(axis=1), kind="stable")
    segment = np.zeros(len(waits), np.int64)
    number = 0
    for place in range(1, len(order)):
        if earlier[np.ix_(order[place:], order[:place])].all():
            number += 1
        segment[order[place]] = number
    return order, segment
