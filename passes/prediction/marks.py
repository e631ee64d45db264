"""Points in time that know what led to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ...dialects.isa_prediction import COMPUTE, KINDS, MEMORY, RECONFIGURATION, STALLS, VECTOR

__all__ = ["COMPUTE", "MEMORY", "RECONFIGURATION", "STALLS", "START", "VECTOR", "Mark", "latest"]


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A point in time, in cycles, and the one `before` it, since when time went by with `kind`."""

    time: float
    kind: str = STALLS
    before: "Mark | None" = None

    def after(self, cycles: float, kind: str) -> "Mark":
        """The point `cycles` later; where they are negative, earlier."""
        return Mark(self.time + cycles, kind, self) if cycles else self

    def until(self, time: float, kind: str) -> "Mark":
        """The point `time`, if that is later than this one."""
        return Mark(time, kind, self) if time > self.time else self

    def spent(self, start: float) -> dict[str, float]:
        """Cycles by kind from `start` on, along what led to this point."""
        spent = dict.fromkeys(KINDS, 0.0)
        now, mark = self.time, self
        while mark is not None and now > start:
            begin = max(start, mark.before.time) if mark.before else start
            if begin < now:
                spent[mark.kind] += now - begin
                now = begin
            mark = mark.before
        return spent


START: Final = Mark(0.0)
"""When the units start."""


def latest(marks: Iterable[Mark]) -> Mark:
    """The last of some points in time; of equal ones the first given."""
    return max(marks, key=lambda mark: mark.time)
