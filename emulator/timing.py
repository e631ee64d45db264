"""Cycles: the queues of a program on the machine's clock, event by event.

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

from ..costmodel.energy import Action
from ..dialects.isa_operands import Operand
from ..machines.model import Dma, Machine
from .actions import count_accesses, count_convolution, count_vector
from .costs import Costs
from .counters import BUSY, ByteKey, Counters, Roles, count_bytes, count_spills
from .footprint import Footprint, Plan
from .queues import Queues
from .recorder import Recorder
from .tree import Counters as LoopCounters
from .tree import Step

Token = tuple[int, str]
"""When a signal fired, and who sent it: what the signalling load brought, or the unit's kind."""

START: Token = (0, "credit")


class Timing:
    """A `Clock` (see `queues`) that counts cycles into `counters`, and tells `recorder` of them."""

    def __init__(
        self, plan: Plan, machine: Machine, code_bytes: int, recorder: Recorder | None = None
    ) -> None:
        self.plan = plan
        self.machine = machine
        self.recorder = recorder
        self.costs = Costs(machine)
        self.roles = Roles(plan)
        self.counters = Counters()
        units = plan.code.header.units
        self._kind = {unit: self._unit_kind(unit) for unit in units}
        self._members: dict[str, tuple[str, ...]] = {unit: (unit,) for unit in units}
        self._leader = {unit: unit for unit in units}
        self._configuration: dict[str, Step] = {}
        self._shadow: dict[str, tuple[Mapping[str, Operand], int]] = {}
        self._brought: dict[str, str] = {}
        self.counters.slices = {unit: [] for unit in units}
        self._vector_free = {vector.name: 0 for vector in machine.vectors}
        self._dram_free = 0
        self._reserve_dram(0, self.costs.fetch(code_bytes), code_bytes)
        code = -(-code_bytes // machine.dram.burst) * machine.dram.burst
        self.counters.actions[-1][Action("read", machine.dram.name)] += code
        start = self._dram_free + machine.dram.latency_cycles
        self._issue = dict.fromkeys(units, start)
        self._done = dict.fromkeys(units, start)
        self.counters.cycles = start
        for unit in units:
            self._spend(unit, 0, start, "code", None)

    def _unit_kind(self, unit: str) -> str:
        part = self.machine.unit(unit)
        if isinstance(part, Dma):
            return "load" if part.path[0] == self.machine.dram.name else "store"
        return self.machine.unit_kind(unit)

    def ready(self, unit: str) -> int:
        """The issue clock."""
        return self._issue[unit]

    def credit(self) -> Token:
        """Credits are there from the start."""
        return START

    def signal(self, step: Step) -> Token:
        """Fires when the unit's earlier instructions are complete."""
        unit = step.unit
        source = self._brought.get(unit, "data") if self._kind[unit] == "load" else self._kind[unit]
        time = max(self._done[unit], self._issue[unit])
        if self.recorder:
            self.recorder.signalled(step, self._issue[unit], time)
        return time, source

    def wait(self, step: Step, token: Token) -> None:
        """Stalls the unit until the signal."""
        time, source = token
        self._advance(step, time, stall_cause(self._kind[step.unit], source))
        if self.recorder:
            self.recorder.waited(step, self._issue[step.unit])

    def _spend(self, unit: str, start: int, end: int, what: str, step: Step | None) -> None:
        """Note that `unit` was busy or stalled from `start` to `end`."""
        self.counters.spend(unit, start, end, what, step)
        if self.recorder:
            self.recorder.spent(unit, start, end, what, step)

    def _advance(self, step: Step, time: int, what: str) -> None:
        """Move the issue clock of the step's unit to `time`, if later; its group spends that."""
        for unit in self._members[step.unit]:
            self._spend(unit, self._issue[step.unit], time, what, step)
        self._issue[step.unit] = max(self._issue[step.unit], time)

    def gather(self, step: Step, units: Sequence[str]) -> None:
        """Stalls all units until everything that they took is complete."""
        clocks = {unit: self._issue[self._leader[unit]] for unit in units}
        start = max(max(self._done[unit], clocks[unit]) for unit in units)
        for unit in units:
            self._spend(unit, clocks[unit], start, "configuration", step)
            self._issue[unit] = self._done[unit] = start
            self._members[unit], self._leader[unit] = (unit,), unit

    def configure(self, step: Step, units: Sequence[str], released: Sequence[str]) -> None:
        """Fetches the configuration, unless that was done ahead, and switches to it."""
        start = self._issue[step.unit]
        cost = self.costs.configure(step)
        shadow, loaded = self._shadow.pop(step.unit, (None, 0))
        if shadow != step.instruction.operands:
            loaded = self._fetch_configuration(step, start)
        end = max(start, loaded) + cost.switch_cycles
        self._members[step.unit] = tuple(units)
        self._leader |= dict.fromkeys(units, step.unit)
        self._advance(step, end, "reconfiguration")
        for unit in units:
            self._issue[unit] = self._done[unit] = end
        self._configuration[step.unit] = step
        self.counters.reconfigurations[step.layer] += 1
        self.counters.reconfiguration_cycles[step.layer] += end - start
        self.counters.complete(step.layer, end)

    def _reserve_dram(self, start: int, cycles: int, size: int) -> int:
        """Take a turn of `cycles` at the DRAM from `start` on for `size` bytes; returns its end."""
        begin = max(self._dram_free, start)
        self._dram_free = begin + cycles
        if self.recorder:
            self.recorder.moved(begin, self._dram_free, size)
        return self._dram_free

    def _fetch_configuration(self, step: Step, start: int) -> int:
        """When the configuration of `step`, asked for at `start`, is in its registers."""
        cost = self.costs.configure(step)
        if not cost.dram_bytes:
            return start
        key = ByteKey(step.layer, "other", self.machine.dram.name, "read")
        size = int(cost.dram_bytes)
        self.counters.bytes[key] += size
        self.counters.actions[step.layer][Action("read", self.machine.dram.name)] += size
        return self._reserve_dram(start, int(cost.fetch_cycles), size) + cost.fetch_latency

    def execute(self, step: Step, counters: LoopCounters) -> None:
        """Charges an instruction to its unit and to the servers that it uses."""
        self.counters.instructions += 1
        if step.mnemonic == "prefetch":
            self._prefetch(step)
            return
        footprint = self.plan.footprint(step, counters)
        if footprint.empty:
            return
        start = self._issue[step.unit]
        if self.recorder:
            self.recorder.begins(step, counters)
        match step.mnemonic:
            case "load" | "store":
                self._transfer(step, footprint)
            case "conv" | "dwconv":
                self._convolve(step, footprint)
            case _:
                self._vector(step, footprint)
        if self.recorder:
            self.recorder.executed(footprint, start, self._done[step.unit])

    def _prefetch(self, step: Step) -> None:
        loaded = self._fetch_configuration(step, self._issue[step.unit])
        self._shadow[step.unit] = step.instruction.operands, loaded
        if not self.costs.has_shadow(step):
            self._advance(step, loaded, "reconfiguration")

    def _complete(self, step: Step, time: int) -> None:
        self._done[step.unit] = max(self._done[step.unit], time)
        self.counters.complete(step.layer, time)

    def _transfer(self, step: Step, footprint: Footprint) -> None:
        cost = self.costs.transfer(step, footprint)
        if step.mnemonic == "load":
            self._brought[step.unit] = "weights" if self.roles.load(step) == "W" else "data"
        start = self._issue[step.unit]
        self._advance(step, start + cost.port_cycles, BUSY)
        if cost.dram_cycles:
            turn = self._reserve_dram(start, cost.dram_cycles, cost.dram_bytes)
            self._advance(step, turn, "dram")
        latency = self.machine.dram.latency_cycles if cost.dram_cycles else 0
        self._complete(step, self._issue[step.unit] + latency)
        moved = self.machine.dram.name, cost.dram_bytes
        count_bytes(self.counters, self.roles, step, footprint, moved)
        count_accesses(self.counters.actions[step.layer], step, footprint, moved=moved)

    def _convolve(self, step: Step, footprint: Footprint) -> None:
        cost = self.costs.convolve(step, footprint, self._configuration[step.unit])
        start = self._issue[step.unit]
        self._advance(step, start + cost.occupancy, BUSY)
        end = start + cost.occupancy + cost.latency
        if cost.drain:
            late = self._drain(step, start, cost.drain) - end
            # The array waits for the lanes as long as its last result is late because of them.
            self._advance(step, start + cost.occupancy + max(0, late), "vector")
            end += max(0, late)
        self._complete(step, end)
        counters = self.counters
        counters.macs[step.layer] += cost.macs
        peak = self.costs.peak(self._configuration[step.unit])
        counters.peak[step.layer] = max(counters.peak.get(step.layer, 0), peak)
        count_bytes(counters, self.roles, step, footprint)
        if cost.spilled:
            count_spills(counters, step, footprint, self.machine.memory_for("O").name, cost.spilled)
        count_convolution(
            counters.actions[step.layer],
            self.machine,
            self.costs.array_of(step),
            step,
            footprint,
            self._configuration[step.unit],
            cost,
        )

    def _drain(self, step: Step, start: int, cycles: int) -> int:
        """Take the lanes that drain an array from `start` on; returns when they are done."""
        vector = self.costs.drain_of(step).name
        begin = max(start, self._vector_free[vector])
        self._vector_free[vector] = begin + cycles
        self._spend(vector, begin, begin + cycles, BUSY, step)
        return begin + cycles

    def _vector(self, step: Step, footprint: Footprint) -> None:
        cycles = self.costs.vector(step, footprint)
        self._advance(step, self._vector_free[step.unit], "vector")
        self._advance(step, self._issue[step.unit] + cycles, BUSY)
        self._vector_free[step.unit] = self._issue[step.unit]
        self._complete(step, self._issue[step.unit])
        count_bytes(self.counters, self.roles, step, footprint)
        count_vector(self.counters.actions[step.layer], step, footprint)


def stall_cause(waiting: str, signalling: str) -> str:
    """Why a unit of kind `waiting` stalls for one of kind `signalling`.

    A load waits for whoever frees its buffer ("space"), unless for data that was stored.
    """
    match waiting, signalling:
        case _, "data" | "weights":
            return signalling
        case "load", "store":
            return "data"
        case ("load", _) | (_, "store"):
            return "space"
        case _, "vector":
            return "vector"
        case _:
            return "compute"


def time_program(
    plan: Plan, machine: Machine, code_bytes: int, recorder: Recorder | None = None
) -> Counters:
    """Run the queues of a program of `code_bytes` bytes of code on the machine's clock.

    A `recorder` is told of every event. Raises TilefoldError on a deadlock or misuse of tokens
    (see `Queues.run`).
    """
    timing = Timing(plan, machine, code_bytes, recorder)
    Queues(plan, timing).run()
    return timing.counters
