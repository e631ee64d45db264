"""Cycles: the queues of a program run on the machine's clock, through settled loops in one step."""

from collections.abc import Callable

from ..machines.model import Machine
from .clock import Listener, Timing
from .counters import Counters
from .footprint import Plan
from .queues import Queues
from .settling import Settling


def time_program(
    plan: Plan,
    machine: Machine,
    code_bytes: int,
    listener: Listener | None = None,
    *,
    shortcut: bool = True,
    pulse: Callable[[int], None] | None = None,
) -> Counters:
    """Run the queues of a program of `code_bytes` bytes of code on the machine's clock.

    A `listener` is told of every event. Without one, loops that have settled are not followed to
    their ends event by event, unless `shortcut` is off: the counters are the same. `pulse` is
    called now and then with the events so far.

    Raises TilefoldError on a deadlock or misuse of tokens (see `Queues.run`).
    """
    timing = Timing(plan, machine, code_bytes, listener)
    queues = Queues(plan, timing)
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
