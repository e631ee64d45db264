"""Runs code on memories of given bytes, by the emulator and by the naive interpreter."""

from collections.abc import Mapping

import numpy as np
from tilefold.backend.code import Code
from tilefold.emulator.footprint import Plan
from tilefold.emulator.memory import Memory
from tilefold.emulator.state import State
from tilefold.emulator.tree import walk
from tilefold.emulator.values import execute_all
from tilefold.tests.emulator.naive import Machine


def random_bytes(seed: int, **sizes: int) -> dict[str, bytearray]:
    """Random contents for memories of the given sizes."""
    rng = np.random.default_rng(seed)
    return {name: bytearray(rng.bytes(size)) for name, size in sizes.items()}


def plan_of(code: Code) -> Plan:
    return Plan(code, (), ())


def state_of(memories: Mapping[str, bytearray]) -> State:
    """Emulator memories with these contents."""
    state: dict[str, Memory] = {}
    for name, data in memories.items():
        state[name] = Memory(name, len(data))
        state[name].data[:] = np.frombuffer(data, np.uint8)
    return State(state)


def run_emulator(code: Code, memories: Mapping[str, bytearray]) -> dict[str, bytes]:
    """The memories after the code, as the emulator computes them."""
    state = state_of(memories)
    execute_all(plan_of(code), state)
    return {name: memory.data.tobytes() for name, memory in state.memories.items()}


def run_naive(code: Code, memories: Mapping[str, bytearray]) -> dict[str, bytes]:
    """The memories after the code, element by element."""
    copies = {name: bytearray(data) for name, data in memories.items()}
    machine = Machine(copies)
    for step, counters in walk(plan_of(code).tree.body):
        machine.execute(step.instruction, counters, step.counts)
    return {name: bytes(data) for name, data in copies.items()}


def assert_same(code: Code, memories: Mapping[str, bytearray]) -> None:
    """Both agree on every byte of every memory."""
    expected, actual = run_naive(code, memories), run_emulator(code, memories)
    for name, data in expected.items():
        wrong = np.flatnonzero(
            np.frombuffer(data, np.uint8) != np.frombuffer(actual[name], np.uint8)
        )
        assert not wrong.size, f"{name}: {wrong.size} bytes differ, first at {wrong[0]:#x}"
