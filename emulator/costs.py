"""What each dynamic instruction costs on a machine: footprints put to the cost model.

Costs depend on clipped shapes alone, so an instruction has a table with a charge for each of its
classes (see `classes`), worked out at once when the instruction is first met.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from ..costmodel.array import ConvCost, conv_cost
from ..costmodel.banks import Inputs
from ..costmodel.dma import fetch_cost, transfer_cost
from ..costmodel.energy import Actions
from ..costmodel.integers import IntArray, Ints, as_array
from ..costmodel.reconfigure import ReconfigureCost, reconfigure_cost
from ..costmodel.vector import elementwise_cycles, pool_cycles
from ..machines.model import Array, Dma, Fold, Machine, Vector
from .actions import Accesses, count_accesses, count_convolution, count_vector
from .classes import Classes
from .footprint import Footprint, Plan
from .memory import Box
from .roles import ByteCounts, Roles, byte_counts, spill_counts
from .tree import Counters, Step


@dataclass(frozen=True, eq=False, slots=True)
class Charge:
    """What one dynamic instruction of a class costs.

    In cycles: `busy` at its unit, `dram` at the DRAM and `drain` at the vector lanes that it also
    takes, `latency` from then until it is complete. `bytes` are those it moves by layer, operand,
    memory and direction, `macs` its products, `actions` what costs energy.
    """

    step: Step
    busy: int
    dram: int = 0
    drain: int = 0
    latency: int = 0
    dram_bytes: int = 0
    macs: int = 0
    peak: int = 0
    bytes: ByteCounts = ()
    actions: Actions = field(default_factory=Actions)


Table = Sequence[Charge | None]
"""Charges by class; None for a class that clipping leaves nothing to do."""


class Costs:
    """The costs of a program's instructions on `machine`, remembered."""

    def __init__(self, plan: Plan, machine: Machine) -> None:
        self.plan = plan
        self.machine = machine
        self.roles = Roles(plan)
        self._tables: dict[tuple[int, int], tuple[Classes, Table]] = {}

    def charge(
        self, step: Step, counters: Counters, configuration: Step | None = None
    ) -> Charge | None:
        """The charge for `step` at the loop `counters`; None if there is nothing to do.

        A `conv` or `dwconv` needs the `configuration` of its group.
        """
        classes, table = self._entry(step, configuration)
        return table[classes.at(counters)]

    def table(self, step: Step, configuration: Step | None = None) -> Table:
        """The charges of all classes of `step`; see `charge`."""
        return self._entry(step, configuration)[1]

    def _entry(self, step: Step, configuration: Step | None) -> tuple[Classes, Table]:
        key = step.index, configuration.index if configuration else -1
        entry = self._tables.get(key)
        if entry is None:
            classes = self.plan.classes(step)
            entry = self._tables[key] = classes, self._table(step, classes, configuration)
        return entry

    def _table(self, step: Step, classes: Classes, configuration: Step | None) -> Table:
        every = [self.plan.footprint(step, counters) for counters in classes.examples]
        some = [footprint for footprint in every if not footprint.empty]
        if not some:
            return [None] * len(every)
        match step.mnemonic:
            case "load" | "store":
                charges = self._transfers(step, some)
            case "conv" | "dwconv":
                assert configuration is not None
                charges = self._convolutions(step, some, configuration)
            case _:
                charges = self._vectors(step, some)
        left = iter(charges)
        return [None if footprint.empty else next(left) for footprint in every]

    def fetch(self, size: int) -> tuple[int, int]:
        """DRAM cycles to fetch `size` bytes in one run, and the bytes of all its bursts."""
        return fetch_cost(self.machine.dram, size)

    def _transfers(self, step: Step, footprints: Sequence[Footprint]) -> list[Charge]:
        """Loads or stores: what their side in DRAM needs."""
        dram = self.machine.dram
        side = "src" if step.mnemonic == "load" else "dst"
        runs = np.array([footprint.boxes[side].runs for footprint in footprints])
        model = transfer_cost(
            cast(Dma, self.machine.unit(step.unit)), dram, rows=runs[:, 0], row_bytes=runs[:, 1]
        )
        columns = (model.port_cycles, model.dram_cycles, model.dram_bytes)
        return [
            Charge(
                step,
                busy=port,
                dram=cycles,
                latency=dram.latency_cycles if cycles else 0,
                dram_bytes=moved,
                bytes=byte_counts(self.roles, step, footprint, {dram.name: moved}),
                actions=count_accesses(footprint, moved=(dram.name, moved)),
            )
            for footprint, port, cycles, moved in zip(footprints, *map(_ints, columns), strict=True)
        ]

    def _vectors(self, step: Step, footprints: Sequence[Footprint]) -> list[Charge]:
        vector = cast(Vector, self.machine.unit(step.unit))
        outputs = np.array([footprint.boxes["dst"].elements for footprint in footprints])
        if step.mnemonic == "vpool":
            get = step.instruction.integer
            model = pool_cycles(vector, outputs, get("kernel_y") * get("kernel_x"))
        else:
            model = elementwise_cycles(vector, step.mnemonic, outputs)
        return [
            Charge(
                step,
                busy=cycles,
                bytes=byte_counts(self.roles, step, footprint),
                actions=count_vector(step, footprint),
            )
            for footprint, cycles in zip(footprints, _ints(model), strict=True)
        ]

    def array_of(self, step: Step) -> Array:
        """The array class of the unit that `step` belongs to."""
        return cast(Array, self.machine.unit(step.unit))

    def drain_of(self, step: Step) -> Vector:
        """The vector class that drains the array of `step`."""
        return self.machine.drain_for(self.array_of(step))

    def _peak(self, configuration: Step) -> int:
        """Products a cycle of all units of the configured array, at the configured precision."""
        array = self.array_of(configuration)
        bits = (configuration.instruction.integer(name) for name in ("act_bits", "wgt_bits"))
        return array.count * array.multipliers * array.products(*bits)

    def _convolutions(
        self, step: Step, footprints: Sequence[Footprint], configuration: Step
    ) -> list[Charge]:
        """Convolutions on a configured group."""
        memory = self.machine.memory_for("O").name
        model = self._conv_model(step, footprints, configuration)
        times = (model.occupancy, model.drain, model.latency)
        counts = (model.macs, model.spilled, model.input_reads, model.weight_loads)
        written = (model.accumulator_writes, model.register_writes)
        accesses = map(Accesses, *map(_ints, (*counts, *written)))
        array, peak = self.array_of(step), self._peak(configuration)
        return [
            Charge(
                step,
                busy=busy,
                drain=drain,
                latency=latency,
                macs=access.macs,
                peak=peak,
                bytes=byte_counts(self.roles, step, footprint)
                + spill_counts(step, footprint, memory, access.spilled),
                actions=count_convolution(self.machine, array, footprint, configuration, access),
            )
            for footprint, access, busy, drain, latency in zip(
                footprints, accesses, *map(_ints, times), strict=True
            )
        ]

    def _conv_model(
        self, step: Step, footprints: Sequence[Footprint], configuration: Step
    ) -> ConvCost:
        boxes = [footprint.boxes for footprint in footprints]
        rows, columns, outputs = _columns([box["dst"].counts for box in boxes])
        kernel_rows, kernel_columns = _columns([box["wgt"].counts[1:3] for box in boxes])
        (channels,) = _columns([box["src"].counts[2:] for box in boxes])
        shape: Mapping[str, Ints] = {"k": outputs, "c": channels, "groups": 1}
        if step.mnemonic == "dwconv":
            shape = {"k": step.instruction.integer("mult"), "c": 1, "groups": channels}
        array = self.array_of(step)
        get = configuration.instruction.integer
        fold = Fold(get("chain"), get("cols"), get("pixels"), get("groups"))
        return conv_cost(
            array,
            get("mode"),
            fold,
            inputs=self._inputs(step, boxes[0]["src"]),
            rows=rows,
            cols=columns,
            kh=kernel_rows,
            kw=kernel_columns,
            **shape,
            act_bits=get("act_bits"),
            wgt_bits=get("wgt_bits"),
            hop_cycles=self.machine.folds_for(array.name).hop_cycles,
            drain_lanes=self.drain_of(step).elements_per_cycle,
            starts=np.array([footprint.first for footprint in footprints], np.int64),
            finishes=np.array([footprint.last for footprint in footprints], np.int64),
        )

    def _inputs(self, step: Step, box: Box) -> Inputs:
        """How the inputs of a step, of which it reads a `box`, lie in their memory."""
        get, memory = step.instruction.integer, self.machine.memory(box.memory)
        row, pixel, _ = (stride * box.bits // 8 for stride in box.strides)
        return Inputs(memory, row, pixel, box.bits, (get("stride_y"), get("stride_x")))

    def configure(self, step: Step) -> ReconfigureCost:
        """The cost of a configure or prefetch."""
        folds = self.machine.folds_for(self.array_of(step).name)
        return reconfigure_cost(folds, self.machine.dram, units=step.instruction.integer("units"))

    def has_shadow(self, step: Step) -> bool:
        """Whether a prefetch of `step` goes on beside its unit."""
        return self.machine.folds_for(self.array_of(step).name).shadow


def _ints(values: Ints) -> list[int]:
    """A column of a cost as plain integers."""
    return cast(list[int], as_array(values).tolist())


def _columns(rows: Sequence[Sequence[int]]) -> list[IntArray]:
    return list(np.array(rows, np.int64).T)
