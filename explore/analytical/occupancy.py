"""Who must wait for whose place on chip: tensors of several images share addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xdsl.ir import Operation

from ...passes.keep_on_chip import size_of
from ...passes.lowering.state import address_of


@dataclass(frozen=True)
class _Tensor:
    start: int
    end: int
    readers: frozenset[int]
    """Numbers of the layers that make and read it."""


def waits(ops: Sequence[Operation], numbers: Mapping[Operation, int]) -> dict[int, frozenset[int]]:
    """The layers, by number, that must be complete before each begins to write on chip.

    `ops` are in program order, with the addresses that they are kept at, and `numbers` say which
    layer computes each. A layer waits for those before it that make or read a tensor which lay
    where its own will.
    """
    tensors: list[_Tensor] = []
    found: dict[int, frozenset[int]] = {}
    for op in ops:
        if len(op.results) != 1 or (start := address_of(op.results[0])) is None:
            continue
        end, own = start + size_of(op), numbers.get(op)
        over = [each for each in tensors if each.start < end and start < each.end]
        if own is not None:
            before = (number for each in over for number in each.readers if number < own)
            found[own] = found.get(own, frozenset()).union(before)
            tensors = [each for each in tensors if not start <= each.start < each.end <= end]
        users = (numbers.get(use.operation) for use in op.results[0].uses)
        readers = {own, *users} - {None}
        tensors.append(_Tensor(start, end, frozenset(each for each in readers if each is not None)))
    return found
