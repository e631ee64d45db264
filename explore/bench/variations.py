"""Machines that differ from a given one in one thing: what each of its resources is worth."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.parser import Parser

from ...dialects import fabric
from ...dialects.fabric_array import AccumulatorOp, ArrayOp
from ...dialects.fields import FieldOp, to_attribute
from ...errors import TilefoldError
from ...machines.model import FIXED, Array, Machine, parse_machine

Fields = Mapping[str, Any]
Change = Callable[[FieldOp], Fields]
"""The fields of a part that change, with their new values."""

FACTORS: Final = ("c", "k", "p", "g")
"""The fields of `fabric.folds` that list how many units join."""


@dataclass(frozen=True)
class Variation:
    """A machine with one thing changed, as `text` says; None where there can be no such machine.

    `reason` says why there is none.
    """

    name: str
    text: str
    machine: Machine | None
    reason: str = ""


def variations(machine: Machine) -> Iterator[Variation]:
    """The machine with more of each of its resources, one at a time.

    Twice the bandwidth of the DRAM, of the DMA engines and of both; twice the vector lanes, the
    memories on the chip, the accumulators, each axis of an array and, where units fold into groups,
    their number, with groups that are twice as large; switches and a DRAM without latency.
    """
    wide = _doubled(fabric.DmaOp, "bytes_per_cycle")
    fast: dict[type[FieldOp], Change] = {fabric.MemoryOp: _dram_bandwidth}
    yield _varied(machine, "dram", "twice the DRAM bandwidth", fast)
    yield _varied(machine, "ports", "twice the DMA bandwidth", wide)
    yield _varied(machine, "dram and ports", "twice the DRAM and DMA bandwidth", fast | wide)
    yield _varied(machine, "latency", "no DRAM latency", {fabric.MemoryOp: _no_latency})
    yield _varied(machine, "lanes", "twice the vector lanes", _doubled(fabric.VectorOp, "lanes"))
    yield _varied(machine, "memory", "twice the memory on the chip", {fabric.MemoryOp: _larger})
    lines = _doubled(AccumulatorOp, "lines")
    yield _varied(machine, "accumulators", "twice the accumulator lines", lines)
    for array in machine.arrays:
        yield from _of_array(machine, array)
    if any(machine.folds_for(array.name) is not FIXED for array in machine.arrays):
        yield _varied(machine, "switches", "switches without cost", {fabric.FoldsOp: _free})


def _of_array(machine: Machine, array: Array) -> Iterator[Variation]:
    """A machine with more units, where they fold, and with twice the positions of each axis."""
    if machine.folds_for(array.name) is not FIXED:

        def units(op: FieldOp) -> Fields:
            return {"count": 2 * op.get("count")} if op.sym_name.data == array.name else {}

        def larger_groups(op: FieldOp) -> Fields:
            if op.get("of") != array.name:
                return {}
            return {factor: _with_doubles(op.get(factor)) for factor in FACTORS}

        changes: dict[type[FieldOp], Change] = {ArrayOp: units, fabric.FoldsOp: larger_groups}
        text = f"twice the units of @{array.name}"
        yield _varied(machine, f"units of {array.name}", text, changes)
    for axis, size in array.axes:
        if size > 1:
            longer = _longer(array.name, axis)
            text = f"@{array.name} twice as long in {axis}"
            yield _varied(machine, f"{axis} of {array.name}", text, {ArrayOp: longer})


def _varied(
    machine: Machine, name: str, text: str, changes: Mapping[type[FieldOp], Change]
) -> Variation:
    try:
        return Variation(name, text, edited(machine, changes))
    except TilefoldError as error:
        return Variation(name, text, None, str(error))


def edited(machine: Machine, changes: Mapping[type[FieldOp], Change]) -> Machine:
    """The machine with fields of some kinds of parts changed; its name stays.

    Raises TilefoldError where that is no machine.
    """
    context = Context()
    context.load_dialect(Builtin)
    context.load_dialect(fabric.Fabric)
    parsed = Parser(context, machine.text, machine.name).parse_op()
    for op in parsed.walk():
        if isinstance(op, FieldOp) and (change := changes.get(type(op))):
            for field, value in change(op).items():
                op.attributes[field] = to_attribute(value)
    return parse_machine(str(parsed), f"{machine.name}, changed")


def _doubled(kind: type[FieldOp], field: str) -> dict[type[FieldOp], Change]:
    return {kind: lambda op: {field: 2 * op.get(field)}}


def _is_dram(op: FieldOp) -> bool:
    return op.get("kind") == "dram"


def _dram_bandwidth(op: FieldOp) -> Fields:
    return {"bytes_per_cycle": 2 * op.get("bytes_per_cycle")} if _is_dram(op) else {}


def _no_latency(op: FieldOp) -> Fields:
    return {"latency_cycles": 0} if _is_dram(op) else {}


def _larger(op: FieldOp) -> Fields:
    return {} if _is_dram(op) else {"bytes": 2 * op.get("bytes")}


def _longer(array: str, axis: str) -> Change:
    def change(op: FieldOp) -> Fields:
        if op.sym_name.data != array:
            return {}
        axes = op.get("axes")
        return {"axes": {**axes, axis: 2 * axes[axis]}}

    return change


def _with_doubles(factors: tuple[int, ...]) -> tuple[int, ...]:
    """Factors, and twice each of them; units that never join along an axis do not now."""
    return factors if max(factors) == 1 else tuple(sorted({*factors, *(2 * f for f in factors)}))


def _free(_: FieldOp) -> Fields:
    return {"switch_cycles": 0, "config_bytes": 0}
