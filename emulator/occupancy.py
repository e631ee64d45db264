"""How many bytes of a memory hold something that is still needed.

A byte is *live* from the start of the instruction that writes it to the completion of the last
instruction that reads what was written (or of the writer, if none does). That is less than what the
compiler allocated: the slots of a ring count only while they are full.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .accesses import byte_region
from .memory import Box, check_bounds

Ints = npt.NDArray[np.int64]


class Steps(NamedTuple):
    """A step function: `value[i]` from `time[i]` on, times ascending."""

    time: Ints
    value: Ints


class Occupancy:
    """The live bytes of a memory of `size` bytes, told of its accesses in an order tokens allow.

    Accesses outside the memory raise `StepError`.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._death = np.zeros(size, np.int64)
        self._changes: list[tuple[int, int]] = []

    def read(self, box: Box, end: int) -> None:
        """What `box` holds is needed until `end`."""
        check_bounds(box, self._size)
        region = byte_region(box)
        deaths = region.of(self._death)
        if region.indices is not None:
            self._death[region.indices] = np.maximum(deaths, end)
        else:
            np.maximum(deaths, end, out=deaths)

    def write(self, box: Box, start: int, end: int) -> None:
        """From `start` on, `box` holds something new, complete at `end`."""
        check_bounds(box, self._size)
        region = byte_region(box)
        deaths = region.of(self._death)
        self._bury(deaths, start)
        self._changes.append((start, deaths.size))
        region.set(self._death, end)

    def _bury(self, deaths: Ints, latest: int) -> None:
        """Count bytes that died: those in use until `latest` were replaced in place then."""
        first, last = int(deaths.min()), int(deaths.max())
        if last == 0:
            return
        if first == last:
            self._changes.append((min(first, latest), -deaths.size))
            return
        times, counts = np.unique(deaths[deaths > 0], return_counts=True)
        bounded = np.minimum(times, latest)
        self._changes.extend((int(t), -int(n)) for t, n in zip(bounded, counts, strict=True))

    def steps(self) -> Steps:
        """Live bytes over time, from 0 on."""
        alive = self._death[self._death > 0]
        times, counts = np.unique(alive, return_counts=True)
        changes = np.array([(0, 0), *self._changes], np.int64)
        when = np.concatenate([changes[:, 0], times])
        change = np.concatenate([changes[:, 1], -counts])
        time, place = np.unique(when, return_inverse=True)
        by_time = np.zeros(len(time), np.int64)
        np.add.at(by_time, place, change)
        value = by_time.cumsum()
        kept = np.concatenate([[True], value[1:] != value[:-1]])
        return Steps(time[kept], value[kept])
