"""The closed form of a loop nest: when each unit begins its part, and when it ends.

A unit has so many cycles of work in a nest, whatever the others do. It begins when what it waits
for in the first iteration is there, and does not end before

- its own work is done from there on;
- what it waits for in the last iteration is there, and the work that follows that is done;
- where tiles go through a ring of d slots: the ring has gone round n / d times, each time a tile
  is filled and emptied; and of what fills it all but d tiles come after the first was read.

Work before, after and between two points of a nest are sums over tiles. `docs/prediction.md`
derives it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from .marks import STALLS, VECTOR, Mark, latest
from .turns import Transfers
from .work import Work

Loops = tuple[tuple[int, int], ...]
"""The loops around an instruction, outermost first: a number of its own, and how often it runs."""


@dataclass(frozen=True, eq=False)
class Item:
    """An instruction of a nest: one with `work`, which is of a `kind`, or a wait or a signal.

    `wait` and `signal` are semaphores, -1 for none.
    """

    unit: str
    loops: Loops
    work: Work | None = None
    kind: str = STALLS
    wait: int = -1
    signal: int = -1

    @property
    def trips(self) -> int:
        """How often it runs."""
        return prod(count for _, count in self.loops)


@dataclass(frozen=True)
class Edge:
    """The item `tail` signals to `head`, which takes the signal of `distance` iterations before."""

    tail: int
    head: int
    distance: int


@dataclass
class State:
    """Where all units are: when each can go on, and when all that it took is complete.

    `tokens` are the signals that nobody has waited for, by semaphore; `transfers` all of the DRAM.
    """

    issue: dict[str, Mark]
    done: dict[str, Mark]
    tokens: dict[int, list[Mark]] = field(default_factory=dict[int, list[Mark]])
    transfers: list[Transfers] = field(default_factory=list[Transfers])


@dataclass
class Line:
    """A unit's part in a nest; others let it end at `limit` at the earliest."""

    begin: Mark
    end: Mark
    limit: float = 0.0

    def extend(self, mark: Mark) -> None:
        """The part does not end before `mark`, which others impose."""
        self.end = latest((self.end, mark))
        self.limit = max(self.limit, mark.time)


class Nest:
    """A top-level instruction or loop nest of a program.

    `drains` gives the vector class whose lanes drain an array's unit.
    """

    def __init__(self, items: Sequence[Item], drains: Mapping[str, str]) -> None:
        self.items = items
        self.units = tuple(dict.fromkeys(item.unit for item in items))
        self._drains = drains
        self._steps = {unit: list(self._steps_of(unit)) for unit in self.units}
        self._kind = {
            unit: items[steps[0]].kind if steps else STALLS for unit, steps in self._steps.items()
        }
        sums = {unit: [items[n].work for n in steps] for unit, steps in self._steps.items()}
        self._own = {u: float(sum(w.own.sum() for w in works if w)) for u, works in sums.items()}
        self._dram = {u: float(sum(w.dram.sum() for w in works if w)) for u, works in sums.items()}
        self._lanes = {
            u: float(sum(w.lanes.sum() for w in works if w)) for u, works in sums.items()
        }
        self._waited = dict.fromkeys(self.units, 0.0)
        self._transfers: dict[str, list[Transfers]] = {}
        self._edges: list[Edge] = []

    def _steps_of(self, unit: str) -> Iterator[int]:
        return (n for n, item in enumerate(self.items) if item.work and item.unit == unit)

    def run(self, state: State) -> None:
        """Move `state` on to the end of the nest."""
        self._edges = self._edges_of(state)
        lines = {unit: Line(begin, begin) for unit, begin in self._begins(state).items()}
        for unit, line in lines.items():
            line.end = line.begin.after(self._total(unit), self._kind[unit])
            drained = line.begin.time + self._lanes[unit] - self._last_latency(unit)
            line.end = line.end.until(drained if self._lanes[unit] else 0.0, VECTOR)
        self._share_lanes(lines)
        for edge in self._edges:
            if edge.distance and self.items[edge.head].trips > edge.distance:
                self._ring(edge, lines)
        # Twice, as a unit may wait for one that stands after it in the nest.
        for edge in 2 * [edge for edge in self._edges if not edge.distance]:
            self._finish_after(edge, lines, 0.0)
        for edge in reversed(self._edges):
            if edge.distance and self.items[edge.head].trips > edge.distance:
                self._throttle(edge, lines)
        for unit, line in lines.items():
            self._transfers[unit] = list(self._transfers_of(unit, line))
            state.transfers += self._transfers[unit]
            done = line.end.after(self._last_latency(unit), STALLS)
            state.issue[unit], state.done[unit] = line.end, latest((state.done[unit], done))
        self._hand_on(state)

    def wait_for_dram(self) -> None:
        """From now on, count what the transfers of the last run waited for the DRAM."""
        for unit, transfers in self._transfers.items():
            self._waited[unit] = sum(each.waited for each in transfers)

    # Work.

    def _total(self, unit: str) -> float:
        return self._own[unit] + self._waited[unit]

    def _stretch(self, unit: str) -> float:
        return self._total(unit) / self._own[unit] if self._own[unit] else 1.0

    def _sum(self, point: int, steps: Sequence[int], index: int) -> float:
        """Cycles of `steps` in the iteration `index` of the loops that they share with `point`."""
        total, around = 0.0, self.items[point].loops
        for number in steps:
            item = self.items[number]
            assert item.work is not None
            shared = sum(ours == theirs for ours, theirs in zip(around, item.loops, strict=False))
            total += float(item.work.own[(index,) * shared].sum())
        return total * self._stretch(self.items[point].unit)

    def _before(self, point: int) -> float:
        """Cycles of the unit before it comes to `point` for the first time."""
        steps = self._steps[self.items[point].unit]
        return self._sum(point, [number for number in steps if number < point], 0)

    def _after(self, point: int) -> float:
        """Cycles of the unit after it was at `point` for the last time."""
        steps = self._steps[self.items[point].unit]
        return self._sum(point, [number for number in steps if number > point], -1)

    def _mean(self, unit: str, loops: Loops) -> float:
        """Cycles of a unit in an iteration of `loops`."""
        return self._total(unit) / prod(count for _, count in loops)

    def _latency(self, point: int, index: int | None) -> float:
        """Latency of the unit's last step before `point`, on the tile `index`, or on average."""
        steps = [n for n in self._steps[self.items[point].unit] if n < point]
        work = self.items[steps[-1]].work if steps else None
        if work is None:
            return 0.0
        return float(work.latency.mean() if index is None else work.latency.flat[index])

    def _last_latency(self, unit: str) -> float:
        steps = self._steps[unit]
        work = self.items[steps[-1]].work if steps else None
        return float(work.latency.flat[-1]) if work else 0.0

    # The first iteration.

    def _edges_of(self, state: State) -> list[Edge]:
        signals = {item.signal: n for n, item in enumerate(self.items) if item.signal >= 0}
        return [
            Edge(signals[item.wait], head, len(state.tokens.get(item.wait, ())))
            for head, item in enumerate(self.items)
            if item.wait in signals and item.unit != self.items[signals[item.wait]].unit
        ]

    def _begins(self, state: State) -> dict[str, Mark]:
        begins = {unit: state.issue[unit] for unit in self.units}
        tails = {edge.head: edge.tail for edge in self._edges if not edge.distance}
        for head, item in enumerate(self.items):
            if item.wait < 0:
                continue
            tokens = state.tokens.get(item.wait)
            if tokens:
                token = tokens[0]
            elif head in tails:
                tail = tails[head]
                sender = self.items[tail].unit
                token = begins[sender].after(self._before(tail), self._kind[sender])
                token = token.after(self._latency(tail, 0), STALLS)
            else:
                continue
            token = token.after(-self._before(head), STALLS)
            begins[item.unit] = latest((begins[item.unit], token))
        return begins

    # From the first to the last iteration.

    def _share_lanes(self, lines: Mapping[str, Line]) -> None:
        """A vector class ends when its own work and the draining of arrays are both done."""
        for name in dict.fromkeys(self._drains[unit] for unit in lines if unit in self._drains):
            arrays = [unit for unit in lines if self._drains.get(unit) == name]
            if name in lines and self._own[name]:
                first = min((lines[unit].begin for unit in arrays), key=lambda mark: mark.time)
                lanes = self._own[name] + sum(self._lanes[unit] for unit in arrays)
                lines[name].end = latest((lines[name].end, first.after(lanes, VECTOR)))

    def _ring(self, back: Edge, lines: Mapping[str, Line]) -> None:
        """A ring is filled by the unit of `back.head`, emptied by that of `back.tail`."""
        filler, reader = self.items[back.head].unit, self.items[back.tail].unit
        loops, trips = self.items[back.head].loops, self.items[back.head].trips
        fill, read = self._mean(filler, loops), self._mean(reader, loops)
        first = lines[reader].begin.after(self._before(back.tail), self._kind[reader])
        first = first.after(self._latency(back.tail, 0), STALLS)
        lines[filler].extend(first.after((trips - back.distance) * fill, self._kind[filler]))
        round_ = self._round(back)
        if round_:
            rounds, more = divmod(trips - 1, back.distance)
            mark = lines[filler].begin
            for kind, cycles in round_.items():
                mark = mark.after(cycles * (rounds + 1), kind)
            mark = mark.after(more * max(fill, read), self._kind[filler if fill > read else reader])
            mark = mark.after(self._after(back.tail) - self._latency(back.tail, None), STALLS)
            lines[reader].end = latest((lines[reader].end, mark))

    def _round(self, back: Edge) -> dict[str, float] | None:
        """Cycles by kind from the wait of `back` to its signal, in an average iteration.

        That is the longest way over the units in between; None where there is none.
        """
        loops = self.items[back.head].loops
        ways: dict[str, dict[str, float]] = {self.items[back.head].unit: {}}
        for edge in [edge for edge in self._edges if not edge.distance]:
            tail, head = self.items[edge.tail], self.items[edge.head]
            if tail.loops == loops and tail.unit in ways:
                way = self._through(edge.tail, ways[tail.unit])
                if sum(way.values()) > sum(ways.get(head.unit, {}).values()):
                    ways[head.unit] = way
        last = self.items[back.tail].unit
        return self._through(back.tail, ways[last]) if last in ways else None

    def _through(self, point: int, way: Mapping[str, float]) -> dict[str, float]:
        """The way `way`, gone on through the unit of the signal at `point`."""
        item = self.items[point]
        longer = dict(way)
        kind = self._kind[item.unit]
        longer[kind] = longer.get(kind, 0.0) + self._mean(item.unit, item.loops)
        longer[STALLS] = longer.get(STALLS, 0.0) + self._latency(point, None)
        return longer

    # The last iteration.

    def _finish_after(self, edge: Edge, lines: Mapping[str, Line], earlier: float) -> None:
        """The last wait of `edge.head` takes a signal that came `earlier` than the last one."""
        tail, head = self.items[edge.tail], self.items[edge.head]
        token = lines[tail.unit].end.after(-self._after(edge.tail) - earlier, STALLS)
        token = token.after(self._latency(edge.tail, -1), STALLS)
        lines[head.unit].extend(token.after(self._after(edge.head), self._kind[head.unit]))

    def _throttle(self, edge: Edge, lines: Mapping[str, Line]) -> None:
        """The last tiles of a ring are filled after those `edge.distance` before were read."""
        tail = self.items[edge.tail]
        line = lines[tail.unit]
        first = line.begin.time + self._before(edge.tail)
        last = line.end.time - self._after(edge.tail)
        period = (last - first) / (self.items[edge.head].trips - 1)
        self._finish_after(edge, lines, period * edge.distance)

    # What others see of it.

    def _transfers_of(self, unit: str, line: Line) -> Iterator[Transfers]:
        """The unit's transfers: as fast as it can, or from a ring's last slot on as others let."""
        works = (self.items[number].work for number in self._steps[unit])
        count = sum(int((work.dram > 0).sum()) for work in works if work)
        if not count:
            return
        start, alone, size = line.begin.time, self._own[unit] / count, self._dram[unit] / count
        end = max(start + self._own[unit], line.limit)
        rings = [edge for edge in self._edges if edge.distance]
        early = [
            edge.distance * count // self.items[edge.head].trips
            for edge in rings
            if self.items[edge.head].unit == unit
        ]
        free = min((count, *early))
        middle = start + free * alone if free < count else end
        if free:
            yield Transfers(unit, start, middle, size, alone, free)
        if free < count:
            yield Transfers(unit, middle, max(end, middle), size, alone, count - free)

    def _hand_on(self, state: State) -> None:
        waits = {item.wait for item in self.items} - {-1}
        signals = {item.signal: item.unit for item in self.items if item.signal >= 0}
        for semaphore in waits - signals.keys():
            tokens = state.tokens.get(semaphore)
            if tokens:
                tokens.pop(0)
        for semaphore, unit in signals.items():
            tokens = state.tokens.setdefault(semaphore, [])
            if semaphore in waits:
                tokens[:] = [state.done[unit]] * len(tokens)
            else:
                tokens.append(state.done[unit])
