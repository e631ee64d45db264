"""ZigZag's mapping files: what the array unrolls, and orders of loops, by layer or operator."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ...costmodel.hierarchy.architecture import Architecture, Way
from ...costmodel.hierarchy.layer import Layer
from ...costmodel.hierarchy.unrolling import Unrolling
from ...errors import TilefoldError
from .files import Record, entries
from .hardware import OPERANDS

LINKS = {"O": "O", "I": "I1", "W": "I2"}
"""Which memory operand an operand of a layer is, where a file does not say."""


@dataclass(frozen=True)
class MappingEntry:
    """What a file says of layers of one name or operator.

    `axes[axis][loop]` are unrolled; `links` name the memory operand of each operand; `ordering` are
    loops from the innermost, with their iterations, if the file gives them all.
    """

    name: str
    axes: dict[str, dict[str, int]]
    links: dict[str, str]
    ordering: tuple[tuple[str, int], ...]


def read_mapping(path: Path) -> tuple[MappingEntry, ...]:
    """All entries of a mapping file.

    Raises TilefoldError for keys that are unknown, missing or of the wrong kind, for hints of
    unrolled loops without the loops, and where no entry is called `default`.
    """
    found = tuple(_entry(record) for record in entries(path))
    names = [entry.name for entry in found]
    if "default" not in names:
        raise TilefoldError(f"{path}: no entry is called default")
    if twice := [name for name in names if names.count(name) > 1]:
        raise TilefoldError(f"{path}: two entries are called {twice[0]}")
    return found


def _entry(record: Record) -> MappingEntry:
    name = record.text("name")
    spatial = record.record("spatial_mapping", {})
    axes = {axis: _unrolled(spatial, axis) for axis in spatial.names()}
    links = record.record("memory_operand_links", LINKS)
    linked = {operand: links.text(operand) for operand in links.names()}
    if sorted(linked) != sorted(LINKS) or sorted(linked.values()) != sorted(OPERANDS):
        links.fail(f"do not link {', '.join(LINKS)} to {', '.join(OPERANDS)}")
    ordering = [_loop(record, item) for item in record.items("temporal_ordering", ())]
    if record.has("spatial_mapping_hint"):
        hint = record.record("spatial_mapping_hint")
        for axis in hint.names():
            hint.texts(axis)
            if axis not in axes:
                hint.fail("is only hinted at: give spatial_mapping what it unrolls", axis)
    record.done()
    return MappingEntry(name, axes, linked, tuple(ordering))


def _unrolled(record: Record, axis: str) -> dict[str, int]:
    loops: dict[str, int] = {}
    for text in record.texts(axis):
        match = re.fullmatch(r"([A-Za-z]\w*),\s*(\d{1,9})", text)
        if match is None or int(match[2]) < 1:
            record.fail(f"has '{text}', not a loop and its unrolled iterations", axis)
        loops[match[1].upper()] = int(match[2])
    return loops


def _loop(record: Record, item: object) -> tuple[str, int]:
    match cast(list[object], item) if isinstance(item, list) else []:
        case [str() as dim, int() as size] if size > 0:
            return dim.upper(), size
        case _:
            problem = f"has {item!r:.40}, not a loop with its iterations"
            return record.fail(problem, "temporal_ordering")


def entry_for(mapping: Sequence[MappingEntry], layer: str, operator: str) -> MappingEntry:
    """The entry for a layer: of its name, else of its operator, else the default."""
    by_name = {entry.name: entry for entry in mapping}
    return by_name.get(layer) or by_name.get(operator) or by_name["default"]


def unroll(layer: Layer, architecture: Architecture, entry: MappingEntry) -> Unrolling:
    """The unrolled loops of an entry as far as a layer and an array have them.

    Where the innermost memory of an operand serves an axis, loops that its elements depend on are
    unrolled there as far as its port has bits for. Raises TilefoldError for axes that the array
    does not have, or that the entry does not speak of.
    """
    for axis in entry.axes:
        if axis not in architecture.axes:
            raise TilefoldError(
                f"mapping '{entry.name}': {architecture.name} has no dimension {axis}"
            )
    if missing := [axis for axis in architecture.axes if axis not in entry.axes]:
        raise TilefoldError(f"mapping '{entry.name}': spatial_mapping lacks {missing[0]}")
    axes = {axis: dict(loops) for axis, loops in entry.axes.items()}
    for operand in layer.operands:
        place, *_ = architecture.levels(operand.memory)
        memory = architecture.memories[place]
        way = Way.WRITE_FROM_BELOW if operand.is_output else Way.READ_FOR_BELOW
        port = memory.port(operand.memory, way)
        _, irrelevant = layer.relevance(operand)
        free = {dim for dim, is_free in zip(layer.order, irrelevant, strict=False) if is_free}
        for axis in memory.serves & axes.keys():
            for dim in axes[axis].keys() - free:
                if port is not None and _is_innermost(architecture, place):
                    most = max(1, port.max_bits // operand.bits)
                    axes[axis][dim] = min(axes[axis][dim], most)
    return Unrolling.fitted(layer, architecture, axes)


def _is_innermost(architecture: Architecture, place: int) -> bool:
    """Whether no operand of a memory is held by another below it."""
    operands = set(architecture.memories[place].operands)
    return not any(operands & set(memory.operands) for memory in architecture.memories[:place])
