"""What each dynamic instruction costs on a machine: footprints put to the cost model.

Costs depend on clipped extents alone, so they are kept by instruction and extents.
"""

from typing import NamedTuple, cast

from ..costmodel.array import ConvCost, conv_cost
from ..costmodel.dma import TransferCost, transfer_cost
from ..costmodel.integers import ceil_div
from ..costmodel.reconfigure import ReconfigureCost, reconfigure_cost
from ..costmodel.vector import elementwise_cycles, pool_cycles
from ..machines.model import Array, Dma, Fold, Machine, Vector
from .footprint import Footprint
from .tree import Step


class ArrayCost(NamedTuple):
    """A convolution: see `costmodel.array.ConvCost`; `spilled` and `sums` count 32-bit sums."""

    occupancy: int
    latency: int
    drain: int
    macs: int
    spilled: int
    input_reads: int
    weight_loads: int
    sums: int


class Transfer(NamedTuple):
    """A transfer: cycles of its port and of DRAM, and the bytes that DRAM moves."""

    port_cycles: int
    dram_cycles: int
    dram_bytes: int


class Costs:
    """The costs of instructions on `machine`, remembered."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._arrays: dict[tuple[object, ...], ArrayCost] = {}
        self._transfers: dict[tuple[object, ...], Transfer] = {}
        self._vectors: dict[tuple[object, ...], int] = {}

    def fetch(self, size: int) -> int:
        """DRAM cycles to fetch `size` bytes in one run."""
        dram = self.machine.dram
        return int(ceil_div(ceil_div(size, dram.burst) * dram.burst, dram.bytes_per_cycle))

    def transfer(self, step: Step, footprint: Footprint) -> Transfer:
        """The cost of a load or store: what its side in DRAM needs."""
        side = footprint.boxes["src" if step.mnemonic == "load" else "dst"]
        key = (step.unit, *(runs := side.runs))
        cost = self._transfers.get(key)
        if cost is None:
            dma = cast(Dma, self.machine.unit(step.unit))
            rows, row_bytes = runs
            model: TransferCost = transfer_cost(
                dma, self.machine.dram, rows=rows, row_bytes=row_bytes
            )
            cost = Transfer(
                *(cast(int, n) for n in (model.port_cycles, model.dram_cycles, model.dram_bytes))
            )
            self._transfers[key] = cost
        return cost

    def array_of(self, step: Step) -> Array:
        """The array class of the unit that `step` belongs to."""
        return cast(Array, self.machine.unit(step.unit))

    def drain_of(self, step: Step) -> Vector:
        """The vector class that drains the array of `step`."""
        return self.machine.drain_for(self.array_of(step))

    def peak(self, configuration: Step) -> int:
        """Products a cycle of all units of the configured array, at the configured precision."""
        array = self.array_of(configuration)
        bits = (configuration.instruction.integer(name) for name in ("act_bits", "wgt_bits"))
        return array.count * array.multipliers * array.products(*bits)

    def convolve(self, step: Step, footprint: Footprint, configuration: Step) -> ArrayCost:
        """The cost of a conv or dwconv on a configured group."""
        source, weights, target = (footprint.boxes[name] for name in ("src", "wgt", "dst"))
        extents = (*target.counts, source.counts[2], *weights.counts[1:3])
        key = (step.index, configuration.index, extents, footprint.first, footprint.last)
        cost = self._arrays.get(key)
        if cost is None:
            model = self._conv_model(step, extents, footprint, configuration)
            rows, columns, outputs, channels, kernel_rows, kernel_columns = extents
            macs = rows * columns * outputs * kernel_rows * kernel_columns
            if step.mnemonic == "conv":
                macs *= channels
            times = (model.occupancy, model.latency, model.drain, macs, model.spilled)
            accesses = (model.input_reads, model.weight_loads, model.accumulator_writes)
            cost = ArrayCost(*map(int, cast(tuple[int, ...], (*times, *accesses))))
            self._arrays[key] = cost
        return cost

    def _conv_model(
        self, step: Step, extents: tuple[int, ...], footprint: Footprint, configuration: Step
    ) -> ConvCost:
        rows, columns, outputs, channels, kernel_rows, kernel_columns = extents
        shape = {"k": outputs, "c": channels, "groups": 1}
        if step.mnemonic == "dwconv":
            shape = {"k": step.instruction.integer("mult"), "c": 1, "groups": channels}
        array = self.array_of(step)
        get = configuration.instruction.integer
        return conv_cost(
            array,
            get("mode"),
            Fold(get("chain"), get("cols"), get("pixels"), get("groups")),
            rows=rows,
            cols=columns,
            kh=kernel_rows,
            kw=kernel_columns,
            **shape,
            act_bits=get("act_bits"),
            wgt_bits=get("wgt_bits"),
            hop_cycles=self.machine.folds_for(array.name).hop_cycles,
            drain_lanes=self.drain_of(step).elements_per_cycle,
            starts=footprint.first,
            finishes=footprint.last,
        )

    def vector(self, step: Step, footprint: Footprint) -> int:
        """Cycles of a vector instruction."""
        outputs = footprint.boxes["dst"].elements
        key = (step.index, outputs)
        cycles = self._vectors.get(key)
        if cycles is None:
            vector = cast(Vector, self.machine.unit(step.unit))
            if step.mnemonic == "vpool":
                get = step.instruction.integer
                model = pool_cycles(vector, outputs, get("kernel_y") * get("kernel_x"))
            else:
                model = elementwise_cycles(vector, step.mnemonic, outputs)
            cycles = self._vectors[key] = cast(int, model)
        return cycles

    def configure(self, step: Step) -> ReconfigureCost:
        """The cost of a configure or prefetch."""
        folds = self.machine.folds_for(self.array_of(step).name)
        return reconfigure_cost(folds, self.machine.dram, units=step.instruction.integer("units"))

    def has_shadow(self, step: Step) -> bool:
        """Whether a prefetch of `step` goes on beside its unit."""
        return self.machine.folds_for(self.array_of(step).name).shadow
