"""Values in any order that tokens allow."""

from collections.abc import Mapping
from random import Random

from tilefold.emulator.footprint import Plan
from tilefold.emulator.queues import Queues
from tilefold.emulator.races import VectorClocks
from tilefold.emulator.tree import Counters, Step
from tilefold.emulator.values import execute
from tilefold.tests.emulator.harness import state_of


class Interleaving(VectorClocks):
    """Serves units in random order, and executes instructions as they come."""

    def __init__(self, plan: Plan, rng: Random, memories: Mapping[str, bytearray]) -> None:
        super().__init__(plan.code.header.units)
        self.plan, self.rng, self.state = plan, rng, state_of(memories)

    def ready(self, unit: str) -> int:
        return self.rng.randrange(1 << 30)

    def execute(self, step: Step, counters: Counters) -> None:
        super().execute(step, counters)
        execute(self.plan, self.state, step, counters)


def interleaved(plan: Plan, rng: Random, memories: Mapping[str, bytearray]) -> dict[str, bytes]:
    """The memories after a random order that tokens allow."""
    clock = Interleaving(plan, rng, memories)
    Queues(plan, clock).run()
    return {name: memory.data.tobytes() for name, memory in clock.state.memories.items()}
