"""Places in a memory, shared by what is not needed at the same time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import numpy as np

TRIES = 48
"""Orders that are tried at most until one packs as tightly as can be."""


@dataclass(frozen=True)
class Life:
    """Bytes that are needed from turn `first` to turn `last`, both included."""

    size: int
    first: int
    last: int


@dataclass
class Arena:
    """A memory from address `start` on, and what was put there."""

    start: int = 0
    _placed: list[tuple[int, int, Life]] = field(default_factory=list[tuple[int, int, Life]])

    def put(self, life: Life) -> int:
        """The lowest address that is free as long as it takes, which is taken."""
        address = self.start
        for low, end, other in sorted(self._placed, key=lambda placed: placed[:2]):
            if other.last < life.first or life.last < other.first:
                continue
            if address + life.size <= low:
                break
            address = max(address, end)
        self._placed.append((address, address + life.size, life))
        return address

    @property
    def end(self) -> int:
        """The end of the highest place, `start` if there is none."""
        return max([self.start, *(end for _, end, _ in self._placed)])


def load(lives: Sequence[Life]) -> int:
    """The most bytes needed in one turn: no packing ends lower."""
    changes = np.zeros(max((life.last for life in lives), default=0) + 2, np.int64)
    for life in lives:
        changes[life.first] += life.size
        changes[life.last + 1] -= life.size
    return int(changes.cumsum().max())


def packed(lives: Sequence[Life], start: int = 0, seed: int = 0) -> list[int]:
    """Addresses from `start` on, each the lowest that is free, in the best of several orders.

    The order given is tried first, then the largest first, then the longest, then these two with
    neighbours exchanged at random, from `seed`; until one ends at the lower bound (`load`).
    """
    given = list(range(len(lives)))
    largest = sorted(given, key=lambda n: (-lives[n].size, lives[n].first))
    longest = sorted(given, key=lambda n: (lives[n].first - lives[n].last, -lives[n].size))
    orders, bound, random = [given, largest, longest], start + load(lives), Random(seed)
    best, lowest = list[int](), -1
    for turn in range(TRIES):
        order = orders[turn] if turn < len(orders) else _shaken(orders[1 + turn % 2], random)
        arena, addresses = Arena(start), [0] * len(lives)
        for n in order:
            addresses[n] = arena.put(lives[n])
        if lowest < 0 or arena.end < lowest:
            best, lowest = addresses, arena.end
        if lowest == bound:
            break
    return best


def _shaken(order: Sequence[int], random: Random) -> list[int]:
    """An order in which each has moved a few places at most."""
    reach = 1 + len(order) // 8
    places = {each: place + random.uniform(0, reach) for place, each in enumerate(order)}
    return sorted(order, key=lambda each: places[each])
