"""Designs that are machines, which the compiler takes."""

from typing import Protocol, runtime_checkable

import numpy as np

from .evaluator import Evaluator, unrestricted


@runtime_checkable
class Builds(Protocol):
    """An evaluator of machines for networks."""

    @property
    def network_names(self) -> tuple[str, ...]:
        """Of all networks, in the order in which they were given.

        There are metrics NAME_cycles and NAME_energy, in mJ, of each.
        """
        ...

    def machine_text(self, point: int) -> str:
        """The machine file of a design."""
        ...


def builds(evaluator: Evaluator) -> bool:
    """Whether designs are machines."""
    whole, _ = unrestricted(evaluator, np.zeros(0, np.int64))
    return isinstance(whole, Builds)


def machine_of(evaluator: Evaluator, point: int) -> tuple[tuple[str, ...], str] | None:
    """The names of the networks, and a design's machine file; None where it is no machine."""
    whole, there = unrestricted(evaluator, np.array([point]))
    if not isinstance(whole, Builds):
        return None
    return whole.network_names, whole.machine_text(int(there[0]))
