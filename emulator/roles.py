"""Which operand every byte belongs to, and the bytes that a dynamic instruction moves."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from .footprint import Footprint, Plan
from .tree import Step

Operand = Literal["I", "W", "O", "other"]
Direction = Literal["read", "written"]


class ByteKey(NamedTuple):
    """What a byte count belongs to; layers are indices into the program's layers, -1 for none."""

    layer: int
    operand: Operand
    memory: str
    direction: Direction


ByteCounts = tuple[tuple[ByteKey, int], ...]
"""Bytes by what they belong to."""


class Roles:
    """Which operand of a layer each view is: inputs, weights, outputs or other."""

    _FIXED: Final[Mapping[str, Operand]] = {"wgt": "W", "par": "W", "table": "other", "dst": "O"}

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._weights: dict[tuple[int, str], list[tuple[int, int]]] = {}
        self._loads: dict[int, Operand] = {}
        for step in plan.tree.steps:
            for name, view in plan.views(step).items():
                if name in ("wgt", "par", "table"):
                    key = (step.layer, view.view.memory)
                    self._weights.setdefault(key, []).append((view.view.base, view.reach()))

    def of(self, step: Step, operand: str) -> Operand:
        """The role of an operand of `step`.

        A load brings weights if the buffer that it fills is one from which its layer takes
        weights, parameters or tables.
        """
        if step.mnemonic == "load":
            return self.load(step)
        if step.mnemonic == "store":
            return "O"
        return self._FIXED.get(operand, "I")

    def load(self, step: Step) -> Operand:
        """The role of what a load brings."""
        role = self._loads.get(step.index)
        if role is None:
            target = self._plan.views(step)["dst"]
            first, end = target.view.base, target.reach()
            weights = self._weights.get((step.layer, target.view.memory), [])
            role = "W" if any(low < end and first < high for low, high in weights) else "I"
            self._loads[step.index] = role
        return role


def byte_counts(
    roles: Roles, step: Step, footprint: Footprint, moved: Mapping[str, int] | None = None
) -> ByteCounts:
    """The bytes that one dynamic instruction moves; `moved` gives memories' own count of them."""
    moved = moved or {}
    counts: list[tuple[ByteKey, int]] = []
    for name, box in footprint.boxes.items():
        written = name == "dst"
        if written and not footprint.last:
            continue
        direction = "written" if written else "read"
        key = ByteKey(step.layer, roles.of(step, name), box.memory, direction)
        counts.append((key, moved.get(box.memory, box.bytes)))
    return tuple(counts)


def spill_counts(step: Step, footprint: Footprint, memory: str, spilled: int) -> ByteCounts:
    """32-bit sums moved to `memory` (an unfinished convolution) or back (a continued one)."""
    directions: list[Direction] = []
    if not footprint.first:
        directions.append("read")
    if not footprint.last:
        directions.append("written")
    return tuple(
        (ByteKey(step.layer, "O", memory, direction), 4 * spilled // len(directions))
        for direction in directions
        if spilled
    )
