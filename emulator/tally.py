"""What the charges of a run come to: counters from how often each charge was made."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from ..costmodel.energy import Action
from .costs import Charge
from .counters import Counters
from .roles import ByteKey

Key = TypeVar("Key")
Ints = npt.NDArray[np.int64]


class Sums(Generic[Key]):
    """Amounts by key, each of them so much a charge."""

    def __init__(self) -> None:
        self._numbers: dict[Key, int] = {}
        self._entries: list[tuple[int, int, int]] = []
        self._columns: Ints = np.zeros((3, 0), np.int64)

    def add(self, charge: int, key: Key, amount: int) -> None:
        """Every charge of number `charge` adds `amount` to `key`."""
        number = self._numbers.setdefault(key, len(self._numbers))
        self._entries.append((charge, number, amount))

    def over(self, counts: Ints) -> dict[Key, int]:
        """The sums for so many of each charge, for keys of charges that there are any of."""
        if self._columns.shape[1] != len(self._entries):
            self._columns = np.array(self._entries, np.int64).reshape(-1, 3).T.copy()
        charges, numbers, amounts = self._columns
        times = counts[charges]
        sums: Ints = np.zeros(len(self._numbers), np.int64)
        there = np.zeros(len(self._numbers), np.bool_)
        np.add.at(sums, numbers, times * amounts)
        there[numbers[times > 0]] = True
        found = zip(self._numbers, sums.tolist(), there.tolist(), strict=True)
        return {key: amount for key, amount, made in found if made}


class Tally:
    """Charges by number, and the counters that they come to."""

    def __init__(self) -> None:
        self._size = 0
        self._peaks: dict[int, tuple[int, int]] = {}
        self._bytes = Sums[ByteKey]()
        self._macs = Sums[int]()
        self._transferred = Sums[tuple[int, str]]()
        self._actions = Sums[tuple[int, Action]]()

    def extend(self, charges: Sequence[Charge | None]) -> None:
        """Number some more charges."""
        for number, charge in enumerate(charges, self._size):
            if charge is not None:
                self._add(number, charge)
        self._size += len(charges)

    def _add(self, number: int, charge: Charge) -> None:
        layer = charge.step.layer
        if charge.macs:
            self._macs.add(number, layer, charge.macs)
            self._peaks[number] = layer, charge.peak
        if charge.dram_bytes:
            self._transferred.add(number, (layer, charge.step.unit), charge.dram_bytes)
        for key, size in charge.bytes:
            self._bytes.add(number, key, size)
        for action, times in charge.actions.items():
            self._actions.add(number, (layer, action), times)

    def count(self, counters: Counters, counts: Ints) -> None:
        """Count so many of each charge; `counters` counts nothing of the kind yet."""
        counters.bytes.update(self._bytes.over(counts))
        counters.macs.update(self._macs.over(counts))
        counters.transferred.update(self._transferred.over(counts))
        for (layer, action), times in self._actions.over(counts).items():
            counters.actions[layer][action] = times
        for number in np.flatnonzero(counts).tolist():
            if number in self._peaks:
                layer, peak = self._peaks[number]
                counters.peak[layer] = max(counters.peak.get(layer, 0), peak)
