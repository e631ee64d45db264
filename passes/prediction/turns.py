"""The DRAM: one server, at which the transfers of all units take turns."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import Final

TURNS: Final = 64
"""What a unit has left is cut into so many turns at most while others want the DRAM, too."""


@dataclass(eq=False)
class Transfers:
    """The `count` transfers of a unit in one nest, asked for evenly from `start` to `end`.

    Each takes `size` cycles of the DRAM and `alone` cycles of its unit where nobody is in its way.
    `waited` are the cycles that all of them took longer because of others.
    """

    unit: str
    start: float
    end: float
    size: float
    alone: float
    count: int
    waited: float = 0.0

    @property
    def period(self) -> float:
        """Cycles from one to the next."""
        return (self.end - self.start) / self.count


def take_turns(transfers: Iterable[Transfers]) -> None:
    """Count how long transfers wait for one another.

    A unit asks for the DRAM when it has got what it asked for before; who asks first has the first
    turn. What a unit wants while no other does goes by at once.
    """
    queues: dict[str, deque[Transfers]] = {}
    for each in transfers:
        queues.setdefault(each.unit, deque()).append(each)
    order = {unit: number for number, unit in enumerate(queues)}
    asking = [(queue[0].start, order[unit], unit) for unit, queue in queues.items()]
    asking.sort()
    left = {unit: queue[0].count for unit, queue in queues.items()}
    free = 0.0
    while asking:
        asked, _, unit = heappop(asking)
        head = queues[unit][0]
        other = asking[0][0] if asking else inf
        count = max(1, left[unit] // TURNS)
        if free <= asked and other > asked + head.period:
            undisturbed = (other - asked) / head.period
            count = left[unit] if undisturbed >= left[unit] else max(count, int(undisturbed))
            free = asked + (count - 1) * head.period + head.size
        else:
            free = max(free, asked) + count * head.size
            head.waited += max(0.0, free - asked - count * head.alone)
        ready = max(free, asked + count * head.period)
        left[unit] -= count
        if not left[unit]:
            queues[unit].popleft()
            if not queues[unit]:
                continue
            ready = max(ready, queues[unit][0].start)
            left[unit] = queues[unit][0].count
        heappush(asking, (ready, order[unit], unit))
