"""Machines with other numbers, to look at with the cost model."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..machines.model import Array, Machine


@dataclass(frozen=True)
class Edit:
    """What a `field` of a part of a machine is instead, or of the machine itself, part "".

    In an array `LOCAL.planes` is a field of its registers or accumulators, `limit.LOOP` the most
    positions of a loop in all modes that have such a limit.
    """

    part: str
    field: str
    value: Any


def edited(machine: Machine, edits: Iterable[Edit]) -> Machine:
    """`machine` as edited; its text is not, so only the cost model may be asked about it."""
    for edit in edits:
        if not edit.part:
            machine = replace(machine, **{edit.field: edit.value})
            continue
        assert edit.part in {part.name for part in machine.parts}, f"no part {edit.part}"
        parts = (_edited(part, edit) if part.name == edit.part else part for part in machine.parts)
        machine = replace(machine, parts=tuple(parts))
    return machine


def _edited(part: Any, edit: Edit) -> Any:
    first, _, name = edit.field.partition(".")
    if not name:
        return replace(part, **{edit.field: edit.value})
    assert isinstance(part, Array), f"{part.name} has no field {edit.field}"
    if first == "limit":
        modes = (
            replace(mode, limit=tuple((loop, edit.value if loop == name else most)
                                      for loop, most in mode.limit))
            for mode in part.modes
        )  # fmt: skip
        return replace(part, modes=tuple(modes))
    change = {name: edit.value}
    if first == part.accumulator.name:
        return replace(part, accumulator=replace(part.accumulator, **change))
    locals_ = (replace(each, **change) if each.name == first else each for each in part.locals)
    return replace(part, locals=tuple(locals_))
