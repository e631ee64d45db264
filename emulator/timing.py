"""Cycles: the queues of a program run on the machine's clock.

There are two loops over events, to the same counters: one compiled by numba, if that is installed,
and one in Python, which can be listened to and goes through settled loops in one step.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from ..machines.model import Machine
from .clock import Listener, Timing
from .costs import Costs
from .counters import Counters
from .footprint import Plan
from .queues import Queues
from .settling import Settling
from .tree import length

if TYPE_CHECKING:
    from .compiled_timing import CompiledTiming

COMPILED_LIMIT: Final = 1 << 18
"""Dynamic instructions up to which the compiled loop is sure to be faster than settling."""

Pulse = Callable[[int], None]
"""Called now and then with the events so far."""


class Timer:
    """Runs the queues of a program of `code_bytes` bytes of code on the machine's clock.

    Every run simulates; what instructions cost is kept from one to the next.
    """

    def __init__(self, plan: Plan, machine: Machine, code_bytes: int) -> None:
        self._code_bytes = code_bytes
        self._costs = Costs(plan, machine)

    @cached_property
    def _compiled(self) -> "CompiledTiming | None":
        """The compiled loop, None without numba."""
        try:
            from .compiled_timing import CompiledTiming
        except ImportError:
            return None
        return CompiledTiming(self._costs, self._code_bytes)

    @cached_property
    def _short(self) -> bool:
        return length(self._costs.plan.tree.body) <= COMPILED_LIMIT

    def run(
        self,
        listener: Listener | None = None,
        *,
        shortcut: bool = True,
        compiled: bool = True,
        pulse: Pulse | None = None,
    ) -> Counters:
        """What the program does and how long it takes.

        A `listener` is told of every event. Without one, a program of up to `COMPILED_LIMIT`
        dynamic instructions runs in the compiled loop, unless `compiled` is off, and in a longer
        one, loops that have settled are not followed to their ends event by event, unless
        `shortcut` is off, which lets it run in the compiled loop, too: the counters are the same.

        Raises TilefoldError on a deadlock or misuse of tokens (see `Queues.run`).
        """
        if compiled and listener is None and (self._short or not shortcut) and self._compiled:
            counters = self._compiled.run(pulse)
            if counters is not None:
                return counters
            # What is wrong with the program, the loop in Python will say.
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
    compiled: bool = True,
    pulse: Pulse | None = None,
) -> Counters:
    """A single run (see `Timer`)."""
    timer = Timer(plan, machine, code_bytes)
    return timer.run(listener, shortcut=shortcut, compiled=compiled, pulse=pulse)
