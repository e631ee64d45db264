"""Cycles of the vector units: each lane reads one operand element a cycle.

All units of a class work on one instruction, so n elements take ceil(n / (units x lanes)) cycles.
Constants (scales, tables, bounds) sit in the lanes and are not read per element. Assumed; the
machines' makers publish only how many units there are.
"""

from ..machines.model import Vector
from .integers import Ints, as_array, ceil_div, plain

OPERANDS = {"vadd": 2, "vmul": 2, "vlut": 1, "vquant": 1}
"""Operand elements that an instruction reads for each output (pools: see `pool_cycles`)."""


def elementwise_cycles(vector: Vector, mnemonic: str, outputs: Ints) -> Ints:
    """Cycles of `vadd`, `vmul`, `vlut` or `vquant` for a number of output elements."""
    return plain(ceil_div(as_array(outputs) * OPERANDS[mnemonic], vector.elements_per_cycle))


def pool_cycles(vector: Vector, outputs: Ints, window: Ints) -> Ints:
    """Cycles of `vpool`: every output reads its whole window (kh x kw elements), padding too.

    A global average's window is the whole input.
    """
    return plain(ceil_div(as_array(outputs) * as_array(window), vector.elements_per_cycle))


def drain_cycles(vector: Vector, outputs: Ints) -> Ints:
    """Cycles to requantise an array's results on their way from the accumulators."""
    return plain(ceil_div(outputs, vector.elements_per_cycle))
