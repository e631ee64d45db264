"""Energy and area of many machines at once: what layers do, times what the technology charges.

Prices are those of `costmodel.energy`. A part's depend on few parameters of a family, so they are
asked for once for each choice of these.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ...costmodel.area import Component, leakages
from ...costmodel.energy import Action, Prices, What
from ...costmodel.integers import IntArray, as_array
from ...costmodel.technology.table import Technology
from ...machines.model import Machine
from .network import Movement, Product
from .tiles import Costs

FloatArray = npt.NDArray[np.float64]
Values = Mapping[str, npt.NDArray[Any]]

SUM_BITS = 32
ADD_READS = 2
"""Operands that an addition or product of an epilogue reads from memory for each element."""

_EPILOGUES: Final[Mapping[str, What]] = {"vadd": "add", "vmul": "multiply", "vlut": "table"}


@dataclass(frozen=True)
class Tariff:
    """What actions cost on the machines of a family.

    `machine` makes one of a choice of all parameters; `depends` has the parameters that the prices,
    area and leakage of a part depend on.
    """

    machine: Callable[[Mapping[str, Any]], Machine]
    depends: Mapping[str, Sequence[str]]
    technology: Technology
    _known: dict[tuple[Any, ...], Prices] = field(
        default_factory=dict[tuple[Any, ...], Prices], init=False, repr=False, compare=False
    )

    def pj(self, values: Values, action: Action) -> FloatArray:
        """The price [machines] of an action."""
        return self._each(values, action.where, lambda prices: prices.of(action).pj)

    def area(self, values: Values) -> FloatArray:
        """mm2 [machines] of all parts."""
        return sum((self._each(values, part, _area_of(part)) for part in self.depends), np.zeros(1))

    def leakage(self, values: Values) -> FloatArray:
        """uW [machines] of all parts."""
        return sum((self._each(values, part, _leak_of(part)) for part in self.depends), np.zeros(1))

    def prices(self, part: str, values: Values) -> Prices:
        """The prices of a part of one machine, which has `values` [1]."""
        return self._prices(part, {name: column[0] for name, column in values.items()})

    def components(self, values: Values) -> dict[str, Component]:
        """What the area and the leakage of one machine are of, which has `values` [1]."""
        return {
            name: component
            for part in self.depends
            for name, component in self.prices(part, values).components.items()
            if _belongs(name, part)
        }

    def _each(self, values: Values, part: str, ask: Callable[[Prices], float]) -> FloatArray:
        count = len(next(iter(values.values())))
        names = self.depends[part]
        if not names:
            return np.full(
                count, ask(self._prices(part, {name: v[0] for name, v in values.items()}))
            )
        codes = [np.unique(values[name], return_inverse=True) for name in names]
        shape = [len(found) for found, _ in codes]
        flat = np.ravel_multi_index([where for _, where in codes], shape)
        distinct, first, where = np.unique(flat, return_index=True, return_inverse=True)
        some = {name: column[first] for name, column in values.items()}
        answers = [
            ask(self._prices(part, {name: column[number] for name, column in some.items()}))
            for number in range(len(distinct))
        ]
        return np.array(answers)[where]

    def _prices(self, part: str, values: Mapping[str, Any]) -> Prices:
        key = part, *(values[name] for name in self.depends[part])
        if key not in self._known:
            self._known[key] = Prices(self.machine(values), self.technology)
        return self._known[key]


def _area_of(part: str) -> Callable[[Prices], float]:
    return lambda prices: _sum_of(part, prices.area)


def _leak_of(part: str) -> Callable[[Prices], float]:
    return lambda prices: _sum_of(part, leakages(prices.machine, prices.technology))


def _sum_of(part: str, components: Mapping[str, float]) -> float:
    """What belongs to a part, whose name its components begin with."""
    return sum(value for name, value in components.items() if _belongs(name, part))


def _belongs(component: str, part: str) -> bool:
    return component.split(" ")[0] == part


Spending = Sequence[tuple[Action, IntArray]]
"""What a layer does that costs energy, and how often on each machine [machines]."""


@dataclass(frozen=True)
class Meter:
    """Counts what layers do on a `batched` machine, and adds up what that costs."""

    tariff: Tariff
    values: Values
    machine: Machine
    array: str
    _prices: dict[Action, FloatArray] = field(
        default_factory=dict[Action, FloatArray], init=False, repr=False, compare=False
    )

    def pj(self, action: Action) -> FloatArray:
        """The price [machines] of an action."""
        if action not in self._prices:
            self._prices[action] = self.tariff.pj(self.values, action)
        return self._prices[action]

    def energy(self, spending: Spending) -> FloatArray:
        """pJ [machines]."""
        count = len(next(iter(self.values.values())))
        return sum((self.pj(action) * times for action, times in spending), np.zeros(count))

    def product(self, work: Product, cost: Costs, chain: IntArray) -> Spending:
        """What a product does whose units form chains of so many; see `emulator.actions`."""
        act, wgt = work.bits
        array, weights_in = self.array, self.machine.memory_for("W").name
        data = self.machine.memory_for("O").name
        drain = self.machine.drain_for(self.machine.array(array)).name
        results = work.shape.rows * work.shape.columns * work.shape.groups * work.shape.k
        inputs, weights = cost.input_reads * act, cost.weight_loads * wgt
        links = cost.accumulator_writes * SUM_BITS * (chain - 1)
        several = np.asarray(self.machine.array(array).count).ravel() > 1
        links = links + np.where(several, inputs + weights + results * SUM_BITS, 0)
        read = inputs // 8 + cost.stored
        written = results * work.shape.output_type.bits // 8 + cost.loaded
        spending: list[tuple[Action, IntArray]] = [
            (Action("product", array, act, wgt), cost.macs),
            (Action("keep", array), cost.register_writes * wgt),
            (Action("sum", array), cost.accumulator_writes),
            (Action("drain", array), as_array(results)),
            (Action("link", array), links),
            (Action("requantise", drain), as_array(results)),
            (Action("write", weights_in), cost.weights),
            (Action("read", weights_in), weights // 8),
        ]
        if work.extras.epilogue:
            what: What = _EPILOGUES[work.extras.epilogue]
            operands = 1 if what == "table" else ADD_READS
            spending.append((Action(what, drain), as_array(results)))
            read, written = read + operands * results, written + results
        spending += [(Action("read", data), read), (Action("write", data), written)]
        return [*spending, *self._dram(cost.read, cost.written)]

    def movement(self, work: Movement) -> Spending:
        """What a layer of the vector lanes does, or a copy."""
        memory = self.machine.memory_for("O").name
        spending = [
            *self._dram(as_array(work.loads), as_array(work.stores)),
            (Action("read", memory), as_array(work.reads + work.stores)),
            (Action("write", memory), as_array(work.loads + work.results)),
        ]
        if work.what:
            lanes = self.machine.vector_for(memory, memory).name
            spending.append((Action(work.what, lanes), as_array(work.elements)))
        return spending

    def leaked(self, cycles: IntArray) -> FloatArray:
        """pJ [machines] that all parts leak in so many cycles."""
        return self.tariff.leakage(self.values) * 1e6 * cycles / self.machine.hz

    def _dram(self, read: IntArray, written: IntArray) -> Spending:
        dram = self.machine.dram.name
        return (Action("read", dram), read), (Action("write", dram), written)
