"""What instructions do that costs energy, as `costmodel.energy` counts it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from ..costmodel.energy import Action, Actions
from ..machines.model import Array, Machine
from .footprint import Footprint
from .tree import Step

_SUM_BITS: Final = 32

_ONCE: Final[Mapping[str, int]] = MappingProxyType({})
"""No operand is read more than once."""


class Accesses(NamedTuple):
    """What a convolution does in the array, as `costmodel.array.ConvCost` counts it."""

    macs: int
    spilled: int
    input_reads: int
    weight_loads: int
    sums: int
    kept: int


_LANES: Final[Mapping[str, Literal["requantise", "add", "multiply", "table"]]] = {
    "vquant": "requantise",
    "vadd": "add",
    "vmul": "multiply",
    "vlut": "table",
}


def count_accesses(
    footprint: Footprint,
    entered: Mapping[str, int] = _ONCE,
    moved: tuple[str, int] = ("", 0),
) -> Actions:
    """Count the bytes that an instruction reads and writes.

    `entered` gives the elements of operands that are read more than once; `moved` a memory's own
    count of bytes. An instruction that is not `last` does not write its results.
    """
    actions = Actions()
    memory, size = moved
    for name, box in footprint.boxes.items():
        written = name == "dst"
        if written and not footprint.last:
            continue
        count = size if box.memory == memory else box.bytes
        if name in entered:
            count = -(-entered[name] * box.bits // 8)
        actions[Action("write" if written else "read", box.memory)] += count
    return actions


def count_vector(step: Step, footprint: Footprint) -> Actions:
    """Count a vector instruction: its lanes' work and its bytes; a pool reads every window."""
    actions = Actions()
    elements = footprint.boxes["dst"].elements
    entered: dict[str, int] = {}
    if step.mnemonic == "vpool":
        get = step.instruction.integer
        entered["src"] = elements * get("kernel_y") * get("kernel_x")
        actions[Action("pool", step.unit)] += entered["src"]
    else:
        actions[Action(_LANES[step.mnemonic], step.unit)] += elements
    actions.update(count_accesses(footprint, entered))
    return actions


def count_convolution(
    machine: Machine,
    array: Array,
    footprint: Footprint,
    configuration: Step,
    cost: Accesses,
) -> Actions:
    """Count a convolution: products, registers, sums, links, drain, spilled sums and bytes.

    Sums pass every link of a chain on their way to the accumulators. An array of several units is
    behind an interconnect that operands and drained sums cross once. A spilled sum leaves the
    accumulators or comes back to them, at the cost of one that drains.
    """
    actions = Actions()
    get = configuration.instruction.integer
    act_bits, wgt_bits = get("act_bits"), get("wgt_bits")
    inputs, weights = cost.input_reads * act_bits, cost.weight_loads * wgt_bits
    width = {"I": act_bits, "W": wgt_bits, "O": _SUM_BITS}[array.modes[get("mode")].stays]
    results = footprint.boxes["dst"].elements if footprint.last else 0
    drained = results + cost.spilled
    name = array.name
    actions[Action("product", name, act_bits, wgt_bits)] += cost.macs
    actions[Action("keep", name)] += cost.kept * width
    actions[Action("sum", name)] += cost.sums
    actions[Action("drain", name)] += drained
    actions[Action("requantise", machine.drain_for(array).name)] += results
    links = cost.sums * _SUM_BITS * (get("chain") - 1)
    if array.count > 1:
        links += inputs + weights + drained * _SUM_BITS
    actions[Action("link", name)] += links
    if cost.spilled:
        memory = machine.memory_for("O").name
        read, written = not footprint.first, not footprint.last
        each = cost.spilled * _SUM_BITS // 8 // (read + written)
        actions[Action("read", memory)] += each * read
        actions[Action("write", memory)] += each * written
    entered = {"src": cost.input_reads, "wgt": cost.weight_loads}
    actions.update(count_accesses(footprint, entered))
    return actions
