"""The queues of a program, run at their own pace under tokens.

Each unit runs its projection of the program. What "time" means is up to a `Clock`: cycles for
timing, vector clocks for the race check; both see the same events, in an order that tokens allow.

A `configure` is a rendezvous of every unit that it names. Taking units out of a group that another
unit leads must be preceded by a configure of that leader (which releases them).
"""

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Final, Generic, Protocol, TypeVar

from ..errors import TilefoldError
from .footprint import Plan
from .streams import COMPUTE, CONFIGURE, DONE, SIGNAL, WAIT, Lap, Stream, group_units
from .tree import Counters, Step

Token = TypeVar("Token")
PULSE: Final = 1 << 13
"""Events between two reports of progress."""


class Clock(Protocol[Token]):
    """What happens to time at each event; `ready` never decreases for a unit."""

    def ready(self, unit: str) -> int:
        """When `unit` can take its next instruction: units are served in this order."""
        ...

    def credit(self) -> Token:
        """The token of an initial credit."""
        ...

    def signal(self, step: Step) -> Token:
        """`step.unit` signals once all its earlier instructions are complete."""
        ...

    def arrive(self, step: Step) -> None:
        """`step.unit` has come to a wait; the token may be there already or not."""
        ...

    def wait(self, step: Step, token: Token) -> None:
        """`step.unit` receives `token`."""
        ...

    def gather(self, step: Step, units: Sequence[str]) -> None:
        """`units` meet at a configure: they are ready for it when all that they took is done."""
        ...

    def configure(self, step: Step, units: Sequence[str], released: Sequence[str]) -> None:
        """`units`, gathered before, become one group; `released` left the groups they were in."""
        ...

    def execute(self, step: Step, counters: Counters) -> None:
        """Any other instruction, at the loop `counters`."""
        ...

    def finish(self, unit: str) -> None:
        """`unit` has come to the end of its instructions."""
        ...


class Queues(Generic[Token]):
    """Runs the projections of `plan` on `clock`.

    `watch`, if given, is called whenever a stream that is the first in its loop begins an
    iteration, and may move everything ahead. `pulse` is called now and then with the events served.
    """

    def __init__(
        self,
        plan: Plan,
        clock: Clock[Token],
        watch: Callable[[Lap], None] | None = None,
        pulse: Callable[[int], None] | None = None,
    ) -> None:
        self.plan = plan
        self.clock = clock
        self.watch = watch
        self.pulse = pulse
        units = plan.code.header.kinds
        self.order = {unit: number for number, unit in enumerate(units)}
        self.streams = {unit: Stream(unit, ops) for unit, ops in plan.projections.items()}
        self.heap: list[tuple[int, int, str]] = []
        self.tokens = {
            semaphore: deque(clock.credit() for _ in range(credits))
            for semaphore, credits in plan.tree.credits.items()
        }
        self._waiting: dict[int, str] = {}
        self._gathered: dict[str, None] = {}
        self._forming: set[str] = set()
        self._leaders: dict[str, str] = {}
        self._lap: Lap | None = None

    def run(self) -> None:
        """Run all queues to their ends.

        Raises TilefoldError on a deadlock (naming every blocked queue and what it waits for), when
        a unit computes that leads no group, and when signals beyond the initial credits are never
        awaited.
        """
        for unit in self.streams:
            self._next(unit)
        served = 0
        while self.heap:
            _, _, unit = heappop(self.heap)
            self._serve(unit)
            if self._lap and self.watch:
                lap, self._lap = self._lap, None
                self.watch(lap)
            served += 1
            if self.pulse and not served % PULSE:
                self.pulse(served)
        self._check_end()

    def _check_end(self) -> None:
        blocked = [unit for unit, stream in self.streams.items() if stream.kind != DONE]
        if blocked:
            raise TilefoldError("deadlock: " + "; ".join(map(self._blocked, blocked)))
        for semaphore, tokens in self.tokens.items():
            if len(tokens) > (credits := self.plan.tree.credits[semaphore]):
                raise TilefoldError(
                    f"semaphore {semaphore}: {len(tokens) - credits} signals are never awaited"
                )

    def _next(self, unit: str) -> None:
        """Move `unit` to its next instruction."""
        if lap := self.streams[unit].advance():
            self._lap = lap
        heappush(self.heap, (self.clock.ready(unit), self.order[unit], unit))

    def _serve(self, unit: str) -> None:
        stream = self.streams[unit]
        kind = stream.kind
        if kind == DONE:
            self.clock.finish(unit)
            return
        step = stream.step
        if kind == WAIT:
            self.clock.arrive(step)
            tokens = self.tokens[stream.semaphore]
            if not tokens:
                self._waiting[stream.semaphore] = unit
                return
            self.clock.wait(step, tokens.popleft())
        elif kind == SIGNAL:
            semaphore = stream.semaphore
            token = self.clock.signal(step)
            self._next(unit)
            if (waiter := self._waiting.pop(semaphore, None)) is None:
                self.tokens[semaphore].append(token)
                return
            self.clock.wait(self.streams[waiter].step, token)
            unit = waiter
        elif kind == CONFIGURE:
            self._configure(unit, step)
            return
        elif kind == COMPUTE and self._leaders.get(unit) != unit:
            error = ValueError(f"{unit} leads no group here; configure it first")
            raise self.plan.error(step, tuple(stream.counters), error)
        else:
            self.clock.execute(step, tuple(stream.counters))
        self._next(unit)

    def groups(self) -> tuple[object, ...]:
        """Everything about groups that decides what happens next."""
        return tuple(self._leaders.items()), tuple(self._gathered), frozenset(self._forming)

    def _configure(self, unit: str, step: Step) -> None:
        if unit in self._forming:
            self._form(step)
        else:
            self._gathered[unit] = None
        self._gather()

    def _gather(self) -> None:
        """Schedule every configure whose units have all arrived and are led by none but them."""
        for unit in self._gathered:
            step = self.streams[unit].step
            units = group_units(step)
            if (
                unit == step.unit
                and unit not in self._forming
                and all(self._meets(other, unit) for other in units)
                and all(self._leaders.get(other, unit) in units for other in units)
            ):
                self.clock.gather(step, (*units, *self._released(units)))
                self._forming.add(unit)
                heappush(self.heap, (self.clock.ready(unit), self.order[unit], unit))

    def _meets(self, other: str, unit: str) -> bool:
        """Whether `other` has arrived at the configure that `unit` is at."""
        mine, theirs = self.streams[unit], self.streams[other]
        return (
            other in self._gathered
            and mine.step is theirs.step
            and mine.counters == theirs.counters
        )

    def _released(self, units: Sequence[str]) -> list[str]:
        """Members, not in `units`, of the groups that `units` are in."""
        dissolved = {self._leaders[unit] for unit in units if unit in self._leaders}
        return [
            unit
            for unit, leader in self._leaders.items()
            if leader in dissolved and unit not in units
        ]

    def _form(self, step: Step) -> None:
        units = group_units(step)
        released = self._released(units)
        for unit in released:
            del self._leaders[unit]
        for unit in units:
            self._leaders[unit] = step.unit
            del self._gathered[unit]
        self._forming.remove(step.unit)
        self.clock.configure(step, units, released)
        for unit in units:
            self._next(unit)

    def _blocked(self, unit: str) -> str:
        stream = self.streams[unit]
        step = stream.step
        text = f"{unit} at {self.plan.describe(step, tuple(stream.counters))} waits for "
        if stream.kind == WAIT:
            return text + f"semaphore {stream.semaphore}"
        absent = [other for other in group_units(step) if not self._meets(other, unit)]
        held = {self._leaders[other] for other in group_units(step) if other in self._leaders}
        return text + ", ".join(absent or sorted(held - set(group_units(step))))
