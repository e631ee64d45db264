"""ZigZag's hardware files: an array of multipliers and the memories above it."""

import re
from pathlib import Path

from ...costmodel.hierarchy.architecture import Architecture, Memory, Port, Way
from .files import Record, load

WAYS = {
    "tl": Way.READ_FOR_BELOW,
    "fl": Way.WRITE_FROM_BELOW,
    "th": Way.READ_FOR_ABOVE,
    "fh": Way.WRITE_FROM_ABOVE,
}
"""To and from the lower and the higher level."""
OPERANDS = ("I1", "I2", "O")
_READS = (Way.READ_FOR_BELOW, Way.READ_FOR_ABOVE)
_KINDS = {"read": _READS, "write": tuple(set(Way) - set(_READS)), "read_write": tuple(Way)}


def read_architecture(path: Path) -> Architecture:
    """The architecture in a hardware file, exactly.

    Area and latency of memories are read and not used, as ZigZag's cost model does not use them.
    Raises TilefoldError for keys that are unknown, missing or of the wrong kind, for dimensions
    that the array does not have, for arrays that compute in memory, and for costs that only CACTI
    can tell.
    """
    record = Record(path, "", load(path))
    array = record.record("operational_array")
    axes, mac_pj, systolic = _array(array)
    name = record.text("name")
    if record.has("dataflows"):
        flows = record.record("dataflows")
        for axis in flows.names():
            if axis not in axes:
                flows.fail("is no dimension of the array", axis)
            flows.texts(axis)
    memories = record.record("memories")
    listed = tuple(
        _memory(key, memory, axes, array.place) for key, memory in memories.records().items()
    )
    record.done()
    if missing := set(OPERANDS) - {operand for memory in listed for operand in memory.operands}:
        memories.fail(f"have none that holds {min(missing)}")
    return Architecture(name, axes, listed, mac_pj, systolic)


def _array(record: Record) -> tuple[dict[str, int], float, frozenset[str]]:
    """Axes, energy of a multiplication, systolic axes."""
    if record.flag("is_imc", False):
        record.fail("computes in memory, which is not modelled", "is_imc")
    names, sizes = record.texts("dimensions"), record.sizes("sizes")
    if len(names) != len(sizes) or len(set(names)) != len(names):
        record.fail(f"has {len(set(names))} names for {len(sizes)} sizes", "dimensions")
    energy = record.number("unit_energy")
    record.number("unit_area", 0.0)
    systolic = record.texts("systolic_dimensions", ())
    if unknown := set(systolic) - set(names):
        record.fail(f"has {min(unknown)}, no dimension of the array", "systolic_dimensions")
    if record.has("input_precision"):
        record.sizes("input_precision")
    record.done()
    return dict(zip(names, sizes, strict=True)), energy, frozenset(systolic)


def _memory(name: str, record: Record, axes: dict[str, int], array: str) -> Memory:
    if record.flag("auto_cost_extraction", False):
        record.fail("needs CACTI: give r_cost and w_cost instead", "auto_cost_extraction")
    operands = record.texts("operands")
    for operand in operands:
        if operand not in OPERANDS or operands.count(operand) > 1:
            record.fail(
                f"has '{operand}'; {', '.join(OPERANDS)} can be held, once each", "operands"
            )
    serves = record.texts("served_dimensions")
    if unknown := [axis for axis in serves if axis not in axes]:
        record.fail(f"has {unknown[0]}, no dimension of {array}", "served_dimensions")
    ports = [
        Record(record.file, f"{record.place}.ports[{number}]", port)
        for number, port in enumerate(record.items("ports"))
    ]
    memory = Memory(
        name=name,
        bits=record.whole("size"),
        read_pj=record.number("r_cost"),
        write_pj=record.number("w_cost"),
        operands=tuple(operands),
        ports=tuple(_port(port, operands) for port in ports),
        serves=frozenset(serves),
        double_buffered=record.flag("force_double_buffering", False),
    )
    record.number("area", 0.0)
    record.whole("latency", 0, 1)
    record.text("mem_type", "sram")
    record.done()
    moved = [served for port in memory.ports for served in port.serves]
    if twice := [served for served in moved if moved.count(served) > 1]:
        record.fail(f"allocates {twice[0][0]} twice in one direction", "ports")
    return memory


def _port(record: Record, operands: list[str]) -> Port:
    kind = record.text("type")
    if kind not in _KINDS:
        record.fail(f"is none of {', '.join(_KINDS)}: {kind}", "type")
    served: list[tuple[str, Way]] = []
    for text in record.texts("allocation"):
        match = re.fullmatch(r"(\w+),\s*(\w+)", text)
        if match is None or match[1] not in operands or match[2] not in WAYS:
            record.fail(
                f"has '{text}', not an operand of the memory and one of {', '.join(WAYS)}",
                "allocation",
            )
        if WAYS[match[2]] not in _KINDS[kind]:
            record.fail(f"has '{text}' at a port for {kind}", "allocation")
        served.append((match[1], WAYS[match[2]]))
    # Operand by operand, as ZigZag deals ports out.
    served.sort(key=lambda pair: operands.index(pair[0]))
    name, least, most = (
        record.text("name"),
        record.whole("bandwidth_min"),
        record.whole("bandwidth_max"),
    )
    if least > most:
        record.fail("is above bandwidth_max", "bandwidth_min")
    record.done()
    return Port(name, least, most, tuple(served))
