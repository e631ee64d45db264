"""Many machines as one, whose numbers are arrays: the cost model takes them as they are."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...costmodel.integers import IntArray
from ...machines.model import Array, Machine

Fields = Mapping[tuple[str, str], IntArray]
"""By part and field, such as ("data", "bytes"): the numbers [machines, 1] of all machines.

A grid of equal sides is the field "side" of its array, the lines of its accumulators "lines".
"""


def batched(machine: Machine, fields: Fields) -> Machine:
    """`machine` with arrays in place of some numbers; only the cost model may be asked about it."""
    changes: dict[str, dict[str, Any]] = {}
    for (part, field), numbers in fields.items():
        changes.setdefault(part, {})[field] = numbers
    names = {part.name for part in machine.parts}
    assert set(changes) <= names, f"no such parts: {set(changes) - names}"
    parts = tuple(
        _changed(part, changes[part.name]) if part.name in changes else part
        for part in machine.parts
    )
    return replace(machine, parts=parts)


def _changed(part: Any, changes: Mapping[str, Any]) -> Any:
    plain = {field: value for field, value in changes.items() if field not in ("side", "lines")}
    if isinstance(part, Array):
        if "side" in changes:
            plain["axes"] = tuple((axis, changes["side"]) for axis, _ in part.axes)
        if "lines" in changes:
            plain["accumulator"] = replace(part.accumulator, lines=changes["lines"])
    return replace(part, **plain)
