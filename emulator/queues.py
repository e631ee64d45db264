"""The queues of a program, run at their own pace under tokens.

Each unit runs its projection of the program. What "time" means is up to a `Clock`: cycles for
timing, vector clocks for the race check; both see the same events, in an order that tokens allow.

A `configure` is a rendezvous of every unit that it names. Taking units out of a group that another
unit leads must be preceded by a configure of that leader (which releases them).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from typing import Generic, Protocol, TypeVar

from ..errors import TilefoldError
from .footprint import Plan
from .tree import Counters, Step, project, walk

Token = TypeVar("Token")
Event = tuple[Step, Counters]


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
        """Any other instruction."""
        ...


def group_units(step: Step) -> tuple[str, ...]:
    """The array units that a configure or prefetch names."""
    array, _, first = step.unit.rpartition(".")
    units = step.instruction.integer("units")
    return tuple(f"{array}.{int(first) + number}" for number in range(units))


class Queues(Generic[Token]):
    """Runs the projections of `plan` on `clock`."""

    def __init__(self, plan: Plan, clock: Clock[Token]) -> None:
        self.plan = plan
        self.clock = clock
        self.kinds = plan.code.header.kinds
        self._order = {unit: number for number, unit in enumerate(self.kinds)}
        self._streams = {unit: self._stream(unit) for unit in self.kinds}
        self._heads: dict[str, Event] = {}
        self._heap: list[tuple[int, int, str]] = []
        self._tokens = {
            semaphore: deque(clock.credit() for _ in range(credits))
            for semaphore, credits in plan.tree.credits.items()
        }
        self._waiting: dict[int, str] = {}
        self._gathered: dict[str, None] = {}
        self._forming: set[str] = set()
        self._leaders: dict[str, str] = {}

    def _stream(self, unit: str) -> Iterator[Event]:
        def belongs(step: Step) -> bool:
            if step.mnemonic == "configure":
                return unit in group_units(step)
            return step.unit == unit

        return walk(project(self.plan.tree.body, belongs))

    def run(self) -> None:
        """Run all queues to their ends.

        Raises TilefoldError on a deadlock (naming every blocked queue and what it waits for), when
        a unit computes that leads no group, and when signals beyond the initial credits are never
        awaited.
        """
        for unit in self._streams:
            self._next(unit)
        while self._heap:
            _, _, unit = heappop(self._heap)
            self._serve(unit)
        if self._heads:
            raise TilefoldError("deadlock: " + "; ".join(map(self._blocked, self._heads)))
        for semaphore, tokens in self._tokens.items():
            if len(tokens) > (credits := self.plan.tree.credits[semaphore]):
                raise TilefoldError(
                    f"semaphore {semaphore}: {len(tokens) - credits} signals are never awaited"
                )

    def _next(self, unit: str) -> None:
        """Move `unit` to its next instruction."""
        event = next(self._streams[unit], None)
        if event is None:
            self._heads.pop(unit, None)
            return
        self._heads[unit] = event
        heappush(self._heap, (self.clock.ready(unit), self._order[unit], unit))

    def _serve(self, unit: str) -> None:
        step, counters = self._heads[unit]
        match step.mnemonic:
            case "wait":
                semaphore = step.instruction.integer("sem")
                tokens = self._tokens[semaphore]
                if not tokens:
                    self._waiting[semaphore] = unit
                    return
                self.clock.wait(step, tokens.popleft())
                self._next(unit)
            case "signal":
                semaphore = step.instruction.integer("sem")
                self._tokens[semaphore].append(self.clock.signal(step))
                self._next(unit)
                if (waiter := self._waiting.pop(semaphore, None)) is not None:
                    self._serve(waiter)
            case "configure" if unit in self._forming:
                self._form(step)
                self._gather()
            case "configure":
                self._gathered[unit] = None
                self._gather()
            case "conv" | "dwconv" if self._leaders.get(unit) != unit:
                raise self.plan.error(
                    step, counters, ValueError(f"{unit} leads no group here; configure it first")
                )
            case _:
                self.clock.execute(step, counters)
                self._next(unit)

    def _gather(self) -> None:
        """Schedule every configure whose units have all arrived and are led by none but them."""
        for unit in self._gathered:
            event = self._heads[unit]
            units = group_units(event[0])
            if (
                unit == event[0].unit
                and unit not in self._forming
                and all(other in self._gathered and self._heads[other] == event for other in units)
                and all(self._leaders.get(other, unit) in units for other in units)
            ):
                self.clock.gather(event[0], (*units, *self._released(units)))
                self._forming.add(unit)
                heappush(self._heap, (self.clock.ready(unit), self._order[unit], unit))

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
        step, counters = self._heads[unit]
        text = f"{unit} at {self.plan.describe(step, counters)} waits for "
        if step.mnemonic == "wait":
            return text + f"semaphore {step.instruction.integer('sem')}"
        absent = [
            other
            for other in group_units(step)
            if self._heads.get(other) != (step, counters) or other not in self._gathered
        ]
        held = {self._leaders[other] for other in group_units(step) if other in self._leaders}
        return text + ", ".join(absent or sorted(held - set(group_units(step))))
