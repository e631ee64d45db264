"""Compiled networks that several tests look at: they are compiled once in a process.

What is compiled is shared: tests change copies of it alone.
"""

from functools import cache
from random import Random

from tilefold.backend.program import Program
from tilefold.compiler import Compilation, compile_levels
from tilefold.dialects.store import Store
from tilefold.errors import TilefoldError
from tilefold.examples import fashion
from tilefold.frontend import import_model
from tilefold.machines import load_machine
from tilefold.passes.pipelines import Schedule
from tilefold.tests.support.random_machines import random_machine
from tilefold.tests.support.random_networks import random_network
from xdsl.dialects.builtin import ModuleOp


@cache
def shipped_network() -> tuple[ModuleOp, Store]:
    """The shipped network as it is imported."""
    store = Store()
    return import_model(fashion.int8_model(), store), store


def shipped_on(machine: str, schedule: Schedule = Schedule.OVERLAPPED) -> Compilation:
    """The shipped network compiled for a shipped machine."""
    return _shipped_on(machine, schedule)


@cache
def _shipped_on(machine: str, schedule: Schedule) -> Compilation:
    module, store = shipped_network()
    return compile_levels(module, machine, schedule=schedule, store=store)


@cache
def compiled_network(seed: int) -> Program | None:
    """The random program of that seed, every second one for `tiny`; None where none compiles."""
    rng = Random(seed)
    module, store, _ = random_network(rng)
    machine = random_machine(rng) if seed % 2 else load_machine("tiny")
    try:
        return compile_levels(module, machine, store=store).program
    except TilefoldError:
        return None
