"""Cycles: the queues of a program run on the machine's clock, through settled loops in one step."""

from collections.abc import Callable

from ..machines.model import Machine
from .clock import Listener, Timing
from .costs import Costs
from .counters import Counters
from .footprint import Plan
from .queues import Queues
from .settling import Settling

Pulse = Callable[[int], None]
"""Called now and then with the events so far."""


class Timer:
    """Runs the queues of a program of `code_bytes` bytes of code on the machine's clock.

    Every run simulates; what instructions cost is kept from one to the next.
    """

    def __init__(self, plan: Plan, machine: Machine, code_bytes: int) -> None:
        self._code_bytes = code_bytes
        self._costs = Costs(plan, machine)

    def run(
        self, listener: Listener | None = None, *, shortcut: bool = True, pulse: Pulse | None = None
    ) -> Counters:
        """What the program does and how long it takes.

        A `listener` is told of every event. Without one, loops that have settled are not followed
        to their ends event by event, unless `shortcut` is off: the counters are the same.

        Raises TilefoldError on a deadlock or misuse of tokens (see `Queues.run`).
        """
        timing = Timing(self._costs, self._code_bytes, listener)
        queues = Queues(self._costs.plan, timing)
        settling = Settling(queues, timing) if shortcut and listener is None else None

        def every_so_often(served: int) -> None:
            if timing.journal.shorten() and settling:
                settling.forget()
            if pulse:
                pulse(served)

        queues.pulse = every_so_often
        queues.watch = settling.look if settling else None
        queues.run()
        timing.counters.take(timing.journal)
        return timing.counters


def time_program(
    plan: Plan,
    machine: Machine,
    code_bytes: int,
    listener: Listener | None = None,
    *,
    shortcut: bool = True,
    pulse: Pulse | None = None,
) -> Counters:
    """A single run (see `Timer`)."""
    return Timer(plan, machine, code_bytes).run(listener, shortcut=shortcut, pulse=pulse)
