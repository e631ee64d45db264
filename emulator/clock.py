"""The machine's clock: what each event of the queues costs, and who waits for whom.

Every unit has an *issue* clock, when it can take its next instruction, and a *done* clock, when all
that it took is complete; a signal waits for the latter. Policies:

- The units start when the code has been fetched from DRAM, as one transfer.
- DRAM is one server. A transfer takes its turn in order of its start, and occupies DRAM and its own
  port; the port is free for the next one when both parts are over, and the transfer is complete a
  latency later.
- Results of an array drain through a vector class, another server: a finishing convolution takes
  its lanes for outputs / lanes cycles from its start on, and lasts at least until these are over.
- A configure starts when all that its units (and the groups they belonged to) took is complete.
- A prefetch loads the shadow registers while its unit goes on; the configure that follows with the
  same operands waits for it and then costs the switch alone.

Nothing depends on values.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..dialects.isa_operands import Operand
from ..machines.model import Dma, Machine
from .costs import Charge, Costs
from .counters import BUSY, Counters, Journal, LayerTime, Reconfiguration
from .footprint import Footprint
from .lanes import Lanes
from .roles import ByteKey
from .tree import Counters as LoopCounters
from .tree import Step

Token = tuple[int, str]
"""When a signal fired, and who sent it: what the signalling load brought, or the unit's kind."""

START: Token = (0, "credit")


class Listener(Protocol):
    """Is told of every event of a run as it happens."""

    def spent(self, unit: str, start: int, end: int, what: str, step: Step | None) -> None:
        """`unit` was busy with `step` from `start` to `end`, or `what` stalled it there."""
        ...

    def signalled(self, step: Step, issued: int, fired: int) -> None:
        """`step.unit` signalled at `issued`; the token fired at `fired`."""
        ...

    def waited(self, step: Step, received: int) -> None:
        """`step.unit` received a token, or used up a credit, and went on at `received`."""
        ...

    def moved(self, start: int, end: int, size: int) -> None:
        """DRAM moved `size` bytes from `start` to `end`."""
        ...

    def begins(self, step: Step, counters: LoopCounters) -> None:
        """`step` begins at the loop `counters`; what is spent on it next belongs to these."""
        ...

    def executed(self, footprint: Footprint, start: int, end: int) -> None:
        """What began last touched `footprint`; it took its turn at `start`, complete at `end`."""
        ...


class Timing:
    """A `Clock` (see `queues`) that counts cycles into `counters`, and tells `listener` of them.

    The attributes without underscore are its whole state, apart from what it counts.
    """

    def __init__(self, costs: Costs, code_bytes: int, listener: Listener | None = None) -> None:
        plan, machine = costs.plan, costs.machine
        self.plan = plan
        self.machine = machine
        self.listener = listener
        self.costs = costs
        self.journal = Journal()
        self.counters = Counters()
        units = plan.code.header.units
        self._keys: dict[tuple[str, int, str], LayerTime] = {}
        self._kind = {unit: unit_kind(machine, unit) for unit in units}
        self._drains = {
            f"{array.name}.{number}": machine.drain_for(array).name
            for array in machine.arrays
            for number in range(array.count)
        }
        self.members: dict[str, tuple[str, ...]] = {unit: (unit,) for unit in units}
        self.leader = {unit: unit for unit in units}
        self.configuration: dict[str, Step] = {}
        self.shadow: dict[str, tuple[Mapping[str, Operand], int]] = {}
        self.brought: dict[str, str] = {}
        self.lanes = {vector.name: Lanes() for vector in machine.vectors}
        self.dram_free = 0
        cycles, moved = self.costs.fetch(code_bytes)
        start = self._reserve_dram(0, cycles, moved) + machine.dram.latency_cycles
        self.counters.start = start
        if moved:
            key = ByteKey(-1, "other", machine.dram.name, "read")
            self.journal.add(key, moved)
        self.issue = dict.fromkeys(units, start)
        self.done = dict.fromkeys(units, start)
        for unit in units:
            self._spend(unit, 0, start, "code", None)

    def ready(self, unit: str) -> int:
        """The issue clock."""
        return self.issue[unit]

    def credit(self) -> Token:
        """Credits are there from the start."""
        return START

    def signal(self, step: Step) -> Token:
        """Fires when the unit's earlier instructions are complete."""
        unit = step.unit
        source = kind = self._kind[unit]
        if kind == "load":
            source = self.brought.get(unit, "data")
        time = max(self.done[unit], self.issue[unit])
        if self.listener:
            self.listener.signalled(step, self.issue[unit], time)
        return time, source

    def arrive(self, step: Step) -> None:
        """What the lanes did until now is known."""
        self._settle(step.unit)

    def finish(self, unit: str) -> None:
        """What the lanes did until now is known."""
        self._settle(unit)

    def wait(self, step: Step, token: Token) -> None:
        """Stalls the unit until the signal."""
        time, source = token
        unit = step.unit
        if time > self.issue[unit]:
            cause = stall_cause(self._kind[unit], source)
            if unit in self.lanes:
                self.lanes[unit].stall(self._key(unit, step.layer, cause))
                if self.listener:
                    self.listener.spent(unit, self.issue[unit], time, cause, step)
                self.issue[unit] = time
            else:
                self._advance(step, time, cause)
        if self.listener:
            self.listener.waited(step, self.issue[unit])

    def _settle(self, unit: str) -> None:
        """Count the stall of a vector class that ended at its issue clock."""
        if unit in self.lanes and (stall := self.lanes[unit].settle(self.issue[unit])):
            self.journal.add(*stall)

    def _key(self, unit: str, layer: int, what: str) -> LayerTime:
        """One key for all equal ones: there are few of them in many entries."""
        key = unit, layer, what
        if key not in self._keys:
            self._keys[key] = LayerTime(*key)
        return self._keys[key]

    def _spend(self, unit: str, start: int, end: int, what: str, step: Step | None) -> None:
        """Note that `unit` was busy or stalled from `start` to `end`."""
        if end > start:
            layer = step.layer if step else -1
            self.journal.add(LayerTime(unit, layer, what), end - start)
            if self.listener:
                self.listener.spent(unit, start, end, what, step)

    def _advance(self, step: Step, time: int, what: str) -> None:
        """Move the issue clock of the step's unit to `time`, if later; its group spends that."""
        start = self.issue[step.unit]
        if time > start:
            for unit in self.members[step.unit]:
                self._spend(unit, start, time, what, step)
            self.issue[step.unit] = time

    def gather(self, step: Step, units: Sequence[str]) -> None:
        """Stalls all units until everything that they took is complete."""
        clocks = {unit: self.issue[self.leader[unit]] for unit in units}
        start = max(max(self.done[unit], clocks[unit]) for unit in units)
        for unit in units:
            self._spend(unit, clocks[unit], start, "configuration", step)
            self.issue[unit] = self.done[unit] = start
            self.members[unit], self.leader[unit] = (unit,), unit

    def configure(self, step: Step, units: Sequence[str], released: Sequence[str]) -> None:
        """Fetches the configuration, unless that was done ahead, and switches to it."""
        start = self.issue[step.unit]
        cost = self.costs.configure(step)
        shadow, loaded = self.shadow.pop(step.unit, (None, 0))
        if shadow != step.instruction.operands:
            loaded = self._fetch_configuration(step, start)
        end = max(start, loaded) + cost.switch_cycles
        self.members[step.unit] = tuple(units)
        self.leader |= dict.fromkeys(units, step.unit)
        self._advance(step, end, "reconfiguration")
        for unit in units:
            self.issue[unit] = self.done[unit] = end
        self.configuration[step.unit] = step
        self.journal.add(Reconfiguration(step.layer, "number"))
        self.journal.add(Reconfiguration(step.layer, "cycles"), end - start)
        self.counters.complete(step.layer, end)

    def _reserve_dram(self, start: int, cycles: int, size: int) -> int:
        """Take a turn of `cycles` at the DRAM from `start` on for `size` bytes; returns its end."""
        begin = max(self.dram_free, start)
        self.dram_free = begin + cycles
        if self.listener and cycles:
            self.listener.moved(begin, self.dram_free, size)
        return self.dram_free

    def _fetch_configuration(self, step: Step, start: int) -> int:
        """When the configuration of `step`, asked for at `start`, is in its registers."""
        cost = self.costs.configure(step)
        if not cost.dram_bytes:
            return start
        cycles, moved = int(cost.fetch_cycles), int(cost.dram_bytes)
        key = ByteKey(step.layer, "other", self.machine.dram.name, "read")
        self.journal.add(key, moved)
        return self._reserve_dram(start, cycles, moved) + cost.fetch_latency

    def execute(self, step: Step, counters: LoopCounters) -> None:
        """Charges an instruction to its unit and to the servers that it uses."""
        self._settle(step.unit)
        if step.mnemonic == "prefetch":
            self._prefetch(step)
            return
        charge = self.costs.charge(step, counters, self.configuration.get(step.unit))
        if charge is None:
            return
        start = self.issue[step.unit]
        if self.listener:
            self.listener.begins(step, counters)
        match step.mnemonic:
            case "load" | "store":
                self._transfer(charge)
            case "conv" | "dwconv":
                self._convolve(charge)
            case _:
                self._vector(charge)
        self.journal.add(charge)
        if self.listener:
            footprint = self.plan.footprint(step, counters)
            self.listener.executed(footprint, start, self.done[step.unit])

    def _prefetch(self, step: Step) -> None:
        loaded = self._fetch_configuration(step, self.issue[step.unit])
        self.shadow[step.unit] = step.instruction.operands, loaded
        if not self.costs.has_shadow(step):
            self._advance(step, loaded, "reconfiguration")

    def _complete(self, step: Step, time: int) -> None:
        if time > self.done[step.unit]:
            self.done[step.unit] = time
        self.counters.complete(step.layer, time)

    def _transfer(self, charge: Charge) -> None:
        step = charge.step
        unit = step.unit
        if step.mnemonic == "load":
            self.brought[unit] = "weights" if self.costs.roles.load(step) == "W" else "data"
        start = self.issue[unit]
        if step.index in self.plan.frames.opens:
            self.counters.begin(self.plan.frames.opens[step.index], start)
        self._advance(step, start + charge.busy, BUSY)
        if charge.dram:
            turn = self._reserve_dram(start, charge.dram, charge.dram_bytes)
            self._advance(step, turn, "port")
        self._complete(step, self.issue[unit] + charge.latency)

    def _convolve(self, charge: Charge) -> None:
        step = charge.step
        start = self.issue[step.unit]
        self._advance(step, start + charge.busy, BUSY)
        end = start + charge.busy + charge.latency
        if charge.drain:
            late = self._drain(step, start, charge.drain) - end
            if late > 0:
                # The array waits for the lanes as long as its last result is late because of them.
                self._advance(step, start + charge.busy + late, "vector")
                end += late
        self._complete(step, end)

    def _drain(self, step: Step, start: int, cycles: int) -> int:
        """Take the lanes that drain an array from `start` on; returns when they are done."""
        vector = self._drains[step.unit]
        begin, end = self.lanes[vector].take(start, cycles)
        self._spend(vector, begin, end, BUSY, step)
        return end

    def _vector(self, charge: Charge) -> None:
        step = charge.step
        begin, end = self.lanes[step.unit].take(self.issue[step.unit], charge.busy)
        self._spend(step.unit, begin, end, BUSY, step)
        self.issue[step.unit] = end
        self._complete(step, end)


def unit_kind(machine: Machine, unit: str) -> str:
    """What stalls tell apart: "load", "store", "array" or "vector"."""
    part = machine.unit(unit)
    if isinstance(part, Dma):
        return "load" if part.path[0] == machine.dram.name else "store"
    return machine.unit_kind(unit)


def stall_cause(waiting: str, signalling: str) -> str:
    """Why a unit of kind `waiting` stalls for one of kind `signalling`.

    A load waits for whoever frees its buffer ("space"), unless for data that was stored; what it
    brought is "data" or "weights" to others, and so is to a store or a vector unit what an array
    computed. Anything else is a "token": units of one kind that take turns.
    """
    match waiting, signalling:
        case _, "data" | "weights":
            return signalling
        case ("load", "store") | ("store" | "vector", "array"):
            return "data"
        case ("load", _) | (_, "store"):
            return "space"
        case ("store", "vector"):
            return "data"
        case ("array", "vector"):
            return "vector"
        case _:
            return "token"
