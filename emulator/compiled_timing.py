"""The timing of a program by the compiled loop of `events`: the same counters as `clock.Timing`."""

from collections.abc import Callable
from typing import Final

import numpy as np

from ..costmodel.energy import Action
from . import events
from .costs import Charge, Costs
from .counters import Counters, LayerTime
from .event_arrays import (
    CAUSES,
    LAYER_FINISHED,
    LAYER_RECONFIGURED,
    LAYER_RECONFIGURING,
    NOW_CONFIGURATION,
    NOW_PLACE,
    OP_KIND,
    OP_STEP,
    SEM_TOKEN_COUNT,
    STEP_FETCH_BYTES,
    UNIT,
    Names,
    State,
    Status,
    charges_of,
    code_of,
    names_of,
    state_of,
)
from .queues import PULSE
from .roles import ByteKey
from .streams import DONE
from .tally import Tally

NOTHING: Final = (-1, 0, 0, 0)


class CompiledTiming:
    """Runs a program, again and again; charges are worked out when they are first met."""

    def __init__(self, costs: Costs, code_bytes: int) -> None:
        self._costs = costs
        self._names = names_of(costs)
        self._code = code_of(costs, self._names)
        self._charges = charges_of(self._names)
        self._bases: dict[tuple[int, int], int] = {}
        self._tally = Tally()
        cycles, self._fetched = costs.fetch(code_bytes)
        self._dram_free = cycles
        self._start = cycles + costs.machine.dram.latency_cycles
        self._credits = costs.plan.tree.credits
        self._times = _Times(self._names)

    def run(self, pulse: Callable[[int], None] | None = None) -> Counters | None:
        """The counters of a run; None for a program that is at fault or too large for the arrays.

        Raises TilefoldError for an instruction whose views do not fit each other.
        """
        rows = len(self._charges.rows)
        state = state_of(self._code, self._names, self._credits, rows, self._start, self._dram_free)
        events.begin(self._code, state, self._names.queues)
        until = PULSE
        while True:
            status = Status(events.serve(self._code, state, self._charges, until))
            match status:
                case Status.RUNNING:
                    if pulse:
                        pulse(until)
                    until += PULSE
                case Status.UNPRICED:
                    state = self._price(state)
                case Status.STUCK:
                    return None
                case Status.ENDED:
                    return self._count(state) if self._ended_well(state) else None

    def _ended_well(self, state: State) -> bool:
        """Whether all units came to their ends and all signals were awaited."""
        places = state.units[: self._names.queues, NOW_PLACE]
        credits = np.array(list(self._credits.values()), np.int64)
        return bool(
            (self._code.ops[places, OP_KIND] == DONE).all()
            and (state.semaphores[:, SEM_TOKEN_COUNT] <= credits).all()
        )

    def _price(self, state: State) -> State:
        """Put the charges of the next instruction of a unit in their place."""
        unit = int(state.scalars[UNIT])
        number = int(self._code.ops[state.units[unit, NOW_PLACE], OP_STEP])
        configuration = int(state.units[unit, NOW_CONFIGURATION])
        if (number, configuration) not in self._bases:
            steps = self._names.steps
            configured = steps[configuration] if configuration >= 0 else None
            table = self._costs.table(steps[number], configured)
            self._bases[number, configuration] = len(self._charges.rows)
            self._tally.extend(table)
            rows = np.array([_row(charge) for charge in table], np.int64)
            self._charges = self._charges._replace(rows=np.vstack([self._charges.rows, rows]))
        self._charges.base[number] = self._bases[number, configuration]
        self._charges.bound[number] = configuration
        more = len(self._charges.rows) - len(state.executed)
        return state._replace(executed=np.pad(state.executed, (0, more))) if more else state

    def _count(self, state: State) -> Counters:
        names = self._names
        counters = Counters(start=self._start)
        self._tally.count(counters, state.executed)
        self._count_fetched(counters, state)
        spent = state.spent.reshape(-1)
        places = np.flatnonzero(spent)
        keys = map(self._times.__getitem__, places.tolist())
        counters.times.update(zip(keys, spent[places].tolist(), strict=True))
        for number in np.flatnonzero(state.layers[:, LAYER_RECONFIGURED]).tolist():
            layer = names.layer(number)
            counters.reconfigurations[layer] = int(state.layers[number, LAYER_RECONFIGURED])
            counters.reconfiguration_cycles[layer] = int(state.layers[number, LAYER_RECONFIGURING])
        for number in np.flatnonzero(state.layers[:, LAYER_FINISHED] >= 0).tolist():
            counters.finished[names.layer(number)] = int(state.layers[number, LAYER_FINISHED])
        for frame in np.flatnonzero(state.begun >= 0).tolist():
            counters.begun[frame] = int(state.begun[frame])
        counters.cycles = max(counters.start, *counters.finished.values(), 0)
        return counters

    def _count_fetched(self, counters: Counters, state: State) -> None:
        """Bytes of code and of configurations."""
        fetched = np.flatnonzero(state.fetched)
        sizes = (state.fetched * self._code.steps[:, STEP_FETCH_BYTES])[fetched]
        layers = [self._names.steps[number].layer for number in fetched.tolist()]
        dram = self._costs.machine.dram.name
        for layer, size in [(-1, self._fetched), *zip(layers, sizes.tolist(), strict=True)]:
            if size:
                counters.bytes[ByteKey(layer, "other", dram, "read")] += size
                counters.actions[layer][Action("read", dram)] += size


class _Times(dict[int, LayerTime]):
    """What cycles at a place of `State.spent` are spent on, made when it is first asked for."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, place: int) -> LayerTime:
        rest, cause = divmod(place, len(CAUSES))
        unit, layer = divmod(rest, self._names.layers + 1)
        what = LayerTime(self._names.units[unit], self._names.layer(layer), CAUSES[cause])
        self[place] = what
        return what


def _row(charge: Charge | None) -> tuple[int, int, int, int]:
    if charge is None:
        return NOTHING
    return charge.busy, charge.dram, charge.drain, charge.latency
