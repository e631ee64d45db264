"""Random networks compiled for random machines."""

from random import Random

from tilefold.backend.program import Program
from tilefold.compiler import compile_levels
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.tests.support.random_machines import random_machine
from tilefold.tests.support.random_networks import random_network


def compiled_network(seed: int) -> Program | None:
    """The program of that seed, every second one for `tiny`; None where it does not compile."""
    rng = Random(seed)
    module, store, _ = random_network(rng)
    machine = random_machine(rng) if seed % 2 else load_machine("tiny")
    try:
        return compile_levels(module, machine, store=store).program
    except TilefoldError:
        return None
