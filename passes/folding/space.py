"""All that a machine can be configured to be, and what every layer costs on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ...costmodel.array import ConvCost, conv_cost
from ...costmodel.banks import Inputs
from ...costmodel.dataflow import Factors
from ...costmodel.integers import IntArray, Ints, as_array, ceil_div
from ...dialects.fabric import FoldAttr
from ...errors import LayerError, TilefoldError
from ...machines.model import Array, Fold, Machine, fold_of
from ..lowering.shapes import ConvShape


@dataclass(frozen=True)
class Configuration:
    """A mode of an array class, and a group of its units from `first` on; without a precision."""

    array: str
    mode: int
    fold: Fold
    first: int = 0

    @staticmethod
    def of(attribute: FoldAttr) -> "Configuration":
        """What an attribute says, but for its precision."""
        mode, first = attribute.mode.data, attribute.first.data
        return Configuration(attribute.array.data, mode, fold_of(attribute), first)

    def attribute(self, bits: tuple[int, int]) -> FoldAttr:
        """The attribute for activations and weights of so many bits."""
        return FoldAttr.get(
            self.array,
            first=self.first,
            chain=self.fold.chain,
            cols=self.fold.cols,
            pixels=self.fold.pixels,
            groups=self.fold.groups,
            mode=self.mode,
            act_bits=bits[0],
            wgt_bits=bits[1],
        )


@dataclass(frozen=True)
class Placement:
    """Where a layer runs: a mode of an array, a fold (or many, `Factors`), at so many bits."""

    array: str
    mode: int
    fold: Fold | Factors
    act_bits: int
    wgt_bits: int

    @staticmethod
    def of(attribute: FoldAttr) -> "Placement":
        """What an attribute says."""
        bits = attribute.act_bits.data, attribute.wgt_bits.data
        return Placement(attribute.array.data, attribute.mode.data, fold_of(attribute), *bits)


@dataclass(frozen=True)
class Work:
    """A layer to be placed: its name, its shape, and its bits of activations and weights.

    It runs on `given` alone, if there is one.
    """

    name: str
    shape: ConvShape
    bits: tuple[int, int]
    given: Configuration | None = None


@dataclass(frozen=True)
class Space:
    """Layers in program order (rows) on configurations (columns).

    `cycles` and `latency` [layers, configurations] are those of `ConvCost.occupancy`, of all groups
    of the layer, and `ConvCost.latency`; where not `legal` they mean nothing.
    """

    machine: Machine
    works: tuple[Work, ...]
    columns: tuple[Configuration, ...]
    cycles: IntArray
    latency: IntArray
    legal: npt.NDArray[np.bool_]

    @property
    def units(self) -> IntArray:
        """Units of each configuration."""
        return np.array([column.fold.units for column in self.columns], np.int64)

    def take(self, columns: IntArray) -> "Space":
        """These columns alone, given in ascending order."""
        return replace(
            self,
            columns=tuple(column for n, column in enumerate(self.columns) if n in columns),
            cycles=self.cycles[:, columns],
            latency=self.latency[:, columns],
            legal=self.legal[:, columns],
        )


def configurations(machine: Machine) -> tuple[Configuration, ...]:
    """Every mode and legal fold of every array class, in the order of the machine's file."""
    return tuple(
        Configuration(array.name, mode, fold)
        for array in machine.arrays
        for mode in range(len(array.modes))
        for fold in machine.folds(array.name)
    )


_Modes = dict[tuple[str, int], tuple[IntArray, Factors]]
"""By array and mode: the columns of their configurations, and the factors of these."""
_Row = tuple[IntArray, IntArray, npt.NDArray[np.bool_]]
"""Cycles, latency, and whether they are known, of one layer on all columns."""


def space_of(machine: Machine, works: Sequence[Work], *, spread: bool = True) -> Space:
    """Price every layer on every configuration.

    Each is charged conflicts of banks as if all of its input were on chip, `spread` or as made.
    Raises LayerError, naming the layers, where no array has its precision.
    """
    legal = configurations(machine)
    given = dict.fromkeys(work.given for work in works if work.given)
    columns = (*legal, *(column for column in given if column not in legal))
    modes, rows = _modes(columns), dict[tuple[ConvShape, tuple[int, int]], _Row]()
    allowed = np.zeros((len(works), len(columns)), bool)
    refused: dict[str, str] = {}
    for row, work in enumerate(works):
        kind = work.shape, work.bits
        try:
            rows[kind] = rows.get(kind) or _row(machine, work, modes, len(columns), spread)
        except TilefoldError as error:
            refused[work.name] = str(error)
            continue
        chosen = slice(len(legal)) if work.given is None else columns.index(work.given)
        allowed[row, chosen] = rows[kind][2][chosen]
    if refused:
        raise LayerError(refused)
    priced = [rows[work.shape, work.bits] for work in works]
    cycles = np.array([row[0] for row in priced])
    latency = np.array([row[1] for row in priced])
    return Space(machine, tuple(works), columns, cycles, latency, allowed)


def _modes(columns: Sequence[Configuration]) -> _Modes:
    places: dict[tuple[str, int], list[int]] = {}
    for place, column in enumerate(columns):
        places.setdefault((column.array, column.mode), []).append(place)
    return {
        mode: (np.array(same), Factors.of([columns[place].fold for place in same]))
        for mode, same in places.items()
    }


def _row(machine: Machine, work: Work, modes: _Modes, columns: int, spread: bool) -> _Row:
    shape = work.shape
    cycles, latency = np.zeros((2, columns), np.int64)
    known, lacking = np.zeros(columns, bool), list[TilefoldError]()
    inputs = whole_input(machine, shape, spread)
    for (array, mode), (places, factors) in modes.items():
        try:
            cost = _price(machine, machine.array(array), mode, factors, shape, work.bits, inputs)
        except TilefoldError as error:
            lacking.append(error)
            continue
        cycles[places] = as_array(cost.occupancy) * shape.groups
        latency[places], known[places] = cost.latency, True
    if not known.any():
        raise lacking[0]
    return cycles, latency, known


def whole_input(machine: Machine, shape: ConvShape, spread: bool) -> Inputs | None:
    """A layer's input where all of it is on chip, with rows `spread` over the banks or as made.

    None where conflicts do not count.
    """
    memory, bits = machine.memory_for("I"), shape.input_type.bits
    if not memory.conflicts:
        return None
    row, pixel = (stride * bits // 8 for stride in shape.input_strides)
    return Inputs(memory, row, pixel, bits, shape.strides, spread)


def layer_cost(
    machine: Machine,
    at: Placement,
    shape: ConvShape,
    tile: Mapping[str, Ints] | None = None,
    finishes: bool = True,
    inputs: Inputs | None = None,
) -> ConvCost:
    """The cost of a layer, or of tiles of it, where it is placed.

    `tile` may give `rows`, `cols`, `k` and `c` as arrays in place of the layer's own. Conflicts of
    banks are charged where `inputs` say how what is read lies in memory.
    """
    array, bits = machine.array(at.array), (at.act_bits, at.wgt_bits)
    return _price(machine, array, at.mode, at.fold, shape, bits, inputs, tile, finishes)


def _price(
    machine: Machine,
    array: Array,
    mode: int,
    fold: Fold | Factors,
    shape: ConvShape,
    bits: tuple[int, int],
    inputs: Inputs | None,
    tile: Mapping[str, Ints] | None = None,
    finishes: bool = True,
) -> ConvCost:
    sizes: dict[str, Ints] = {"rows": shape.rows, "cols": shape.columns, "k": shape.k, "c": shape.c}
    sizes.update(tile or {})
    if shape.depthwise:
        groups = ceil_div(sizes["k"], shape.multiplier)
        sizes |= {"groups": groups, "k": shape.multiplier, "c": 1}
    return conv_cost(
        array,
        mode,
        fold,
        **sizes,
        kh=shape.kernel[0],
        kw=shape.kernel[1],
        act_bits=bits[0],
        wgt_bits=bits[1],
        hop_cycles=machine.folds_for(array.name).hop_cycles,
        drain_lanes=machine.drain_for(array).elements_per_cycle,
        inputs=inputs,
        finishes=finishes,
    )
