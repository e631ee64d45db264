"""The shortcut through loops that have settled.

Time is homogeneous: what happens next depends on how far clocks are apart, not on where they are.
So when everything that the future depends on - clocks relative to the present, tokens under way,
places of all streams but for one loop counter each - is as it was some iterations ago, the stretch
since then repeats, for as long as the iterations to come cost what those of the stretch did.
`Settling` finds such stretches and adds as many repetitions as the costs allow: clocks move on by
the stretch's cycles, counters by its amounts. Iterations at edges, which clipping makes different,
are left to the queues.

What lies behind the present is compared as such: a server that has been free for long, or a token
that the receiver is too late for, does not matter however long ago that was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .clock import Timing, Token
from .counters import LayerTime
from .queues import Queues
from .streams import Lap
from .tree import Step

Place = tuple[int, tuple[int, ...]]
"""Where a stream is: its next instruction and its loop counters."""


class LanesState(NamedTuple):
    """Lanes (see `lanes.Lanes`), `turns` and `free` relative to the present."""

    free: int
    turns: tuple[tuple[int, int], ...]
    busy: int
    mark: int
    stalled: LayerTime | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a run at `present`, when the next unit is ready; `entry` is in the journal."""

    present: int
    entry: int
    places: Mapping[str, Place]
    issue: Mapping[str, int]
    done: Mapping[str, int]
    dram: int
    lanes: Mapping[str, LanesState]
    tokens: Mapping[int, tuple[Token, ...]]
    shadow: Mapping[str, tuple[object, int]]
    brought: Mapping[str, str]
    configuration: Mapping[str, Step]
    finished: Mapping[int, int]


class Move(NamedTuple):
    """A stream that advanced `by` iterations of a loop, otherwise being where it was."""

    lap: Lap
    by: int


class Settling:
    """Watches `queues` run on the clock `timing`, and moves them ahead where they have settled."""

    def __init__(self, queues: "Queues[Token]", timing: Timing) -> None:
        self._queues = queues
        self._timing = timing
        self._plan = timing.plan
        self._receiver = {
            step.instruction.integer("sem"): step.unit
            for step in self._plan.tree.steps
            if step.mnemonic == "wait"
        }
        self._seen: dict[int, tuple[tuple[int, ...], dict[object, Snapshot | None]]] = {}
        self._changes: dict[tuple[Lap, tuple[int, ...], int], list[int]] = {}

    def look(self, lap: Lap) -> None:
        """A stream began an iteration of `lap`: jump, if this state was seen before."""
        assert lap.watched is not None
        counters = self._queues.streams[lap.unit].counters
        outer = tuple(counters[: lap.level])
        if lap.count - counters[lap.level] < 3 or not self._queues.heap:
            return
        before, seen = self._seen.get(lap.watched, ((), {}))
        if before != outer or not seen:
            seen = {}
            self._seen[lap.watched] = outer, seen
        key = self._key()
        if key not in seen:
            seen[key] = None
            return
        now, then = self._snapshot(), seen[key]
        seen[key] = now
        if then is not None and self._jump(then, now):
            seen.clear()

    def forget(self) -> None:
        """Forget what was seen: the journal's entries have new numbers."""
        self._seen.clear()

    def _key(self) -> object:
        """What must be equal between two snapshots and is quickly had."""
        heap = self._queues.heap
        present = heap[0][0]
        places = tuple(stream.place for stream in self._queues.streams.values())
        ready = tuple(sorted((time - present, order) for time, order, _ in heap))
        return places, ready, self._queues.groups()

    def _snapshot(self) -> Snapshot:
        timing, streams = self._timing, self._queues.streams
        present = self._queues.heap[0][0]
        active = [stream.laps[0] for stream in streams.values() if stream.laps]
        semaphores = {number for lap in active for number in lap.semaphores}
        layers = {layer for lap in active for layer in lap.layers}
        return Snapshot(
            present,
            len(timing.journal),
            {unit: (stream.place, tuple(stream.counters)) for unit, stream in streams.items()},
            dict(timing.issue),
            dict(timing.done),
            max(0, timing.dram_free - present),
            {
                name: LanesState(
                    max(0, lanes.free - present),
                    tuple((a - present, b - present) for a, b in lanes.turns if b > present),
                    lanes.busy,
                    lanes.mark,
                    lanes.stalled,
                )
                for name, lanes in timing.lanes.items()
            },
            {number: tuple(self._queues.tokens[number]) for number in semaphores},
            dict(timing.shadow),
            dict(timing.brought),
            dict(timing.configuration),
            {layer: timing.counters.finished.get(layer, -1) for layer in layers},
        )

    def _jump(self, then: Snapshot, now: Snapshot) -> bool:
        """Repeat the stretch between two snapshots as often as possible; says whether it was."""
        moves = self._moves(then, now)
        if moves is None or not self._alike(then, now, moves):
            return False
        times = min(self._repeats(move, now.places[unit][1]) for unit, move in moves.items())
        if times < 1:
            return False
        shift = times * (now.present - then.present)
        timing = self._timing
        self._shift_places(moves, times, shift)
        timing.dram_free += shift
        for unit in timing.lanes:
            self._shift_lanes(unit, unit in moves, then, now, times)
        for number in now.tokens:
            if self._receiver.get(number) in moves:
                tokens = self._queues.tokens[number]
                moved = [(time + shift, source) for time, source in tokens]
                tokens.clear()
                tokens.extend(moved)
        for unit, (operands, loaded) in timing.shadow.items():
            if unit in moves:
                timing.shadow[unit] = operands, loaded + shift
        for layer in self._layers(moves):
            if layer in timing.counters.finished:
                timing.counters.finished[layer] += shift
        timing.journal.repeat(then.entry, times)
        return True

    def _moves(self, then: Snapshot, now: Snapshot) -> dict[str, Move] | None:
        """The streams that moved; None unless each moved within one loop."""
        moves: dict[str, Move] = {}
        for unit, (place, counters) in now.places.items():
            before_place, before = then.places[unit]
            if place != before_place:
                return None
            differ = [level for level, n in enumerate(counters) if n != before[level]]
            if len(differ) > 1:
                return None
            for level in differ:
                lap = self._queues.streams[unit].laps[level]
                moves[unit] = Move(lap, counters[level] - before[level])
        return moves

    def _alike(self, then: Snapshot, now: Snapshot, moves: Mapping[str, Move]) -> bool:
        """Whether the future of both snapshots is the same but for a shift in time."""
        return (
            then.dram == now.dram
            and then.brought == now.brought
            and then.configuration == now.configuration
            and then.tokens.keys() == now.tokens.keys()
            and then.shadow.keys() == now.shadow.keys()
            and all(self._unit_alike(unit, then, now, unit in moves) for unit in now.places)
            and all(self._lanes_alike(unit, then, now, unit in moves) for unit in now.lanes)
            and all(self._tokens_alike(number, then, now, moves) for number in now.tokens)
            and all(self._finished_alike(layer, then, now) for layer in self._layers(moves))
        )

    def _unit_alike(self, unit: str, then: Snapshot, now: Snapshot, moved: bool) -> bool:
        shift = now.present - then.present if moved else 0
        if now.issue[unit] - then.issue[unit] != shift:
            return False
        if unit in now.shadow:
            (before, loaded), (after, reloaded) = then.shadow[unit], now.shadow[unit]
            if before != after or reloaded - loaded != shift:
                return False
        late = max(then.done[unit] - then.issue[unit], 0), max(now.done[unit] - now.issue[unit], 0)
        return late[0] == late[1]

    def _lanes_alike(self, unit: str, then: Snapshot, now: Snapshot, moved: bool) -> bool:
        before, after = then.lanes[unit], now.lanes[unit]
        idle = 0
        if moved:
            idle = (now.present - then.present) - (after.busy - before.busy)
        return (
            before.free == after.free
            and before.turns == after.turns
            and before.stalled == after.stalled
            and after.mark - before.mark == idle
        )

    def _tokens_alike(
        self, number: int, then: Snapshot, now: Snapshot, moves: Mapping[str, Move]
    ) -> bool:
        unit = self._receiver.get(number, "")
        shift = now.present - then.present if unit in moves else 0
        before, after = then.tokens[number], now.tokens[number]
        if len(before) != len(after):
            return False
        if not unit:
            return before == after
        return all(
            (time <= then.issue[unit] and later <= now.issue[unit])
            or (later - time == shift and source == again)
            for (time, source), (later, again) in zip(before, after, strict=True)
        )

    def _finished_alike(self, layer: int, then: Snapshot, now: Snapshot) -> bool:
        """The last completion of a layer moves with the rest, if there was any."""
        before, after = then.finished.get(layer, -1), now.finished.get(layer, -1)
        return before == after == -1 or after - before == now.present - then.present

    def _layers(self, moves: Mapping[str, Move]) -> set[int]:
        return {layer for move in moves.values() for layer in move.lap.layers}

    def _repeats(self, move: Move, counters: Sequence[int]) -> int:
        """How often a stretch of `move.by` iterations can be repeated at equal costs."""
        lap, by = move
        counter = counters[lap.level]
        changes = self._changes_in(lap, tuple(counters[: lap.level]), by)
        end = next((change for change in changes if change >= counter), lap.count)
        return (end - 1 - counter) // by

    def _changes_in(self, lap: Lap, outer: tuple[int, ...], by: int) -> list[int]:
        """The iterations of a loop that differ from the one `by` before, in ascending order."""
        key = lap, outer, by
        if key not in self._changes:
            differ = np.zeros(lap.count, np.bool_)
            for step in lap.steps:
                grid = self._plan.classes(step).grid
                if grid.size == 1 or grid.shape[lap.level] == 1:
                    continue
                for counter in outer:
                    grid = grid[min(counter, len(grid) - 1)]
                changed = grid[by:] != grid[:-by]
                differ[by:] |= changed.reshape(len(changed), -1).any(axis=1)
            self._changes[key] = np.flatnonzero(differ).tolist()
        return self._changes[key]

    def _shift_places(self, moves: Mapping[str, Move], times: int, shift: int) -> None:
        timing, queues = self._timing, self._queues
        for unit, (lap, by) in moves.items():
            queues.streams[unit].counters[lap.level] += by * times
            timing.issue[unit] += shift
            timing.done[unit] += shift
        queues.heap[:] = [(time + shift, order, unit) for time, order, unit in queues.heap]

    def _shift_lanes(
        self, unit: str, moved: bool, then: Snapshot, now: Snapshot, times: int
    ) -> None:
        lanes = self._timing.lanes[unit]
        shift = times * (now.present - then.present)
        busy = times * (now.lanes[unit].busy - then.lanes[unit].busy)
        lanes.free += shift
        turns = [(begin + shift, end + shift) for begin, end in lanes.turns]
        lanes.turns.clear()
        lanes.turns.extend(turns)
        lanes.busy += busy
        if moved:
            lanes.mark += shift - busy
