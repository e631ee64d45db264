"""The lanes of a vector class: a server with a queue of its own, and the arrays that drain."""

from collections import deque

from .counters import LayerTime


class Lanes:
    """When the lanes are free, and how long they were idle while their own queue waited.

    A class that drains an array is busy even while its own queue waits, so a stall is the time in
    it in which the lanes were *idle*. How long they were idle before a time is known as soon as no
    unit can take them before that time any more; a stall is counted then.
    """

    def __init__(self) -> None:
        self.free = 0
        self.busy = 0
        self.turns: deque[tuple[int, int]] = deque()
        """Turns that may end after the present."""
        self.mark = 0
        """Idle cycles before the queue's issue clock."""
        self.stalled: LayerTime | None = None
        """What the queue has been waiting for since `mark`."""

    def take(self, start: int, cycles: int) -> tuple[int, int]:
        """Take the lanes for `cycles` from `start`, the present, on; returns begin and end."""
        while self.turns and self.turns[0][1] <= start:
            self.turns.popleft()
        begin = max(start, self.free)
        self.free = begin + cycles
        self.busy += cycles
        self.turns.append((begin, self.free))
        return begin, self.free

    def idle(self, time: int) -> int:
        """Idle cycles before `time`, which is not before the present."""
        later = sum(end - max(begin, time) for begin, end in self.turns if end > time)
        return time - (self.busy - later)

    def stall(self, what: LayerTime) -> None:
        """The queue, settled just now, waits for `what`."""
        self.stalled = what

    def settle(self, present: int) -> tuple[LayerTime, int] | None:
        """Note that the queue is at `present`; the stall that ended there and its idle cycles."""
        before, self.mark = self.mark, self.idle(present)
        stalled, self.stalled = self.stalled, None
        if stalled is None or self.mark == before:
            return None
        return stalled, self.mark - before
