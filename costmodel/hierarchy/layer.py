"""Layers as loops: what each operand is indexed by, and how many elements loops touch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import gcd, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import TilefoldError
from .architecture import OUTPUT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOISE = 1e-9
"""Fractions of unrolled loops are products of quotients: this much below a whole number is it."""


@dataclass(frozen=True)
class Window:
    """An index that two loops make together: `step` * `outer` + `dilation` * `inner`.

    Rows of a convolution's input are stride * OY + dilation * FY. `limit` is how many there are
    without padding: no more are ever stored or moved.
    """

    outer: str
    step: int
    inner: str
    dilation: int
    limit: int

    def extent(self, outer: Floats, inner: Floats) -> Floats:
        """How many values the index takes in the first `outer` and `inner` iterations.

        Two pairs of iterations meet where they differ by (dilation, -step) over their common
        divisor, so of all pairs those that have such a neighbour are not new.
        """
        common = gcd(self.step, self.dilation)
        outer, inner = np.floor(outer + NOISE), np.floor(inner + NOISE)
        met = np.maximum(0, inner - self.step // common)
        met = met * np.maximum(0, outer - self.dilation // common)
        return np.minimum(outer * inner - met, self.limit)


Index = str | Window


@dataclass(frozen=True)
class Operand:
    """A tensor of a layer: its indices, the memory operand it is, and its bits an element.

    Results have `bits` while they are partial sums and `final_bits` when they are complete.
    """

    name: str
    indices: tuple[Index, ...]
    memory: str
    bits: int
    final_bits: int

    @property
    def is_output(self) -> bool:
        """Whether these are the results."""
        return self.memory == OUTPUT


@dataclass(frozen=True)
class Layer:
    """A nest of loops around one multiplication, `dims` with their sizes, and its operands.

    Grouped convolutions have a loop over groups that indexes all operands. Raises TilefoldError
    where an operand is indexed by a loop that there is not, or there is not one result.
    """

    name: str
    dims: Mapping[str, int]
    operands: tuple[Operand, ...]

    def __post_init__(self) -> None:
        if sum(operand.is_output for operand in self.operands) != 1:
            raise TilefoldError(f"layer '{self.name}': one operand has to be the result")
        if bad := [dim for dim, size in self.dims.items() if size < 1]:
            raise TilefoldError(f"layer '{self.name}': loop {bad[0]} has a size below 1")
        for operand in self.operands:
            for index in operand.indices:
                if unknown := [dim for dim in dims_of(index) if dim not in self.dims]:
                    raise TilefoldError(
                        f"layer '{self.name}': {operand.name} is indexed by {unknown[0]}, "
                        f"which is no loop of {', '.join(self.dims)}"
                    )

    @cached_property
    def macs(self) -> int:
        """All multiplications."""
        return prod(self.dims.values())

    @property
    def output(self) -> Operand:
        """The results."""
        return next(operand for operand in self.operands if operand.is_output)

    @property
    def inputs(self) -> tuple[Operand, ...]:
        """All operands that are not the results."""
        return tuple(operand for operand in self.operands if not operand.is_output)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The loops, in the order in which arrays of mappings number them."""
        return tuple(self.dims)

    def elements(self, operand: Operand) -> int:
        """The whole tensor's elements."""
        return round(float(extent_of(operand, lambda dim: np.float64(self.dims[dim]))))

    def relevance(self, operand: Operand) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each loop: if it changes the element, and if it does not; both of the last, no loop.

        Loops that make an index together are neither: two of their iterations can touch the same
        element. So are loops of one iteration.
        """
        whole = {index for index in operand.indices if isinstance(index, str)}
        parts = {
            dim
            for index in operand.indices
            if isinstance(index, Window)
            for dim in (index.outer, index.inner)
        }
        longer = {dim for dim, size in self.dims.items() if size > 1}
        relevant = [dim in whole & longer for dim in self.order]
        irrelevant = [dim in longer - whole - parts for dim in self.order]
        return np.array([*relevant, True]), np.array([*irrelevant, True])


def dims_of(index: Index) -> tuple[str, ...]:
    """The loops that make an index."""
    return (index,) if isinstance(index, str) else (index.outer, index.inner)


def extent_of(operand: Operand, size: Callable[[str], Any]) -> Any:
    """The elements that loops touch which take `size` of each dimension."""
    elements: Any = 1.0
    for index in operand.indices:
        if isinstance(index, str):
            elements = elements * size(index)
        else:
            elements = elements * index.extent(size(index.outer), size(index.inner))
    return elements
