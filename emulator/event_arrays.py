"""A program and the state of its run as arrays of integers, for the compiled loop of `events`.

Units, semaphores, steps and layers are numbers from 0 on; the last layer stands for none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from . import counters
from .clock import stall_cause, unit_kind
from .costs import Costs
from .streams import OTHER, Op, group_units
from .tree import Step

Ints = npt.NDArray[np.int64]

TRANSFER: Final = 8
VECTOR: Final = 9
PREFETCH: Final = 10
"""Kinds of instructions that `streams` calls OTHER."""

CAUSES: Final = (
    counters.BUSY, "code", "data", "weights", "space", "vector", "port", "configuration",
    "reconfiguration", "token",
)  # fmt: skip
"""What a unit spends cycles on, by number."""
CODE: Final = CAUSES.index("code")
PORT: Final = CAUSES.index("port")
LANES: Final = CAUSES.index("vector")
CONFIGURATION: Final = CAUSES.index("configuration")
RECONFIGURATION: Final = CAUSES.index("reconfiguration")

SOURCES: Final = ("credit", "data", "weights", "array", "vector", "store")
"""Who sent a token, by number; see `clock.Token`."""
DATA: Final = SOURCES.index("data")
WEIGHTS: Final = SOURCES.index("weights")

UNBOUND: Final = -2
TURNS: Final = 1 << 10
"""The most turns of lanes that the arrays have room for."""
TOKENS: Final = 1 << 16
"""The most tokens of one semaphore that the arrays have room for."""

BUSY, DRAM, DRAIN, LATENCY = range(4)
"""Columns of `Charges.rows`."""
FREE, TAKEN, MARK, CAUSE, LAYER, HEAD, TURN_COUNT = range(7)
"""Columns of `State.lanes`; see `lanes.Lanes`."""
SERVED, DRAM_FREE, GATHERED, UNIT = range(4)
"""Places in `State.scalars`: events, the DRAM's clock, units at a configure, who lacks charges."""


OP_KIND, OP_STEP, OP_NUMBER, OP_LEVEL, OP_TRIPS = range(5)
"""Columns of `Code.ops`."""
(
    STEP_LAYER,
    STEP_OWNER,
    STEP_OPERANDS,
    STEP_LABELS_AT,
    STEP_BRINGS,
    STEP_OPENS,
    STEP_SWITCH_CYCLES,
    STEP_FETCH_CYCLES,
    STEP_FETCH_BYTES,
    STEP_FETCH_LATENCY,
    STEP_SHADOWED,
) = range(11)
"""Columns of `Code.steps`."""
UNIT_FIRST, UNIT_IS_VECTOR, UNIT_DRAIN, UNIT_SOURCE = range(4)
"""Columns of `Code.units`."""
(
    NOW_PLACE,
    NOW_READY,
    NOW_ISSUE,
    NOW_DONE,
    NOW_GATHERED,
    NOW_FORMING,
    NOW_LEADS,
    NOW_LEADER,
    NOW_MEMBER_OF,
    NOW_CONFIGURATION,
    NOW_SHADOW,
    NOW_LOADED,
    NOW_BROUGHT,
    NOW_CLOCKS,
) = range(14)
"""Columns of `State.units`."""
SEM_TOKEN_HEAD, SEM_TOKEN_COUNT, SEM_WAITING = range(3)
"""Columns of `State.semaphores`."""
LAYER_RECONFIGURED, LAYER_RECONFIGURING, LAYER_FINISHED = range(3)
"""Columns of `State.layers`."""


class Status(IntEnum):
    """How far a compiled run is."""

    RUNNING = 0
    ENDED = 1
    """Nothing more can happen."""
    UNPRICED = 2
    """The charges of the next instruction are not known."""
    STUCK = 3
    """The program is at fault, or the arrays are too small for it."""


class Code(NamedTuple):
    """What depends on program and machine.

    `ops` has a row for each place in a stream, its number a semaphore or where a body begins, its
    level and trips those of the loop that goes back there; a step's group is
    `group[group_at[step] : group_at[step + 1]]`, equal operands have equal numbers, its classes are
    `labels[labels_at + counters @ strides]`, and a load brings the source of tokens after it and
    opens a frame if it loads its input. The
    tokens of a semaphore begin at `token_at`; a unit's first place, the unit whose lanes drain it
    and the source of its tokens (-1: what it brought) are in `units`, the `cause` of its waiting
    is by source.
    """

    ops: Ints
    steps: Ints
    units: Ints
    group: Ints
    group_at: Ints
    labels: Ints
    strides: Ints
    cause: Ints
    token_at: Ints


class Charges(NamedTuple):
    """What classes cost: a row each, with -1 cycles busy where there is nothing to do.

    The rows of a step begin at `base` as long as its unit's configuration is `bound`.
    """

    rows: Ints
    base: Ints
    bound: Ints


class State(NamedTuple):
    """Where a run is, and what it counted."""

    scalars: Ints
    units: Ints
    counters: Ints
    tokens: Ints
    semaphores: Ints
    lanes: Ints
    turns: Ints
    spent: Ints
    executed: Ints
    fetched: Ints
    layers: Ints
    begun: Ints


@dataclass(frozen=True)
class Names:
    """What the numbers stand for; the first `queues` units run instructions."""

    units: tuple[str, ...]
    queues: int
    semaphores: tuple[int, ...]
    steps: tuple[Step, ...]
    layers: int
    frames: int

    def layer(self, number: int) -> int:
        """The layer of that number, -1 for none."""
        return number if number < self.layers else -1


def names_of(costs: Costs) -> Names:
    """The names of a program; vector classes have numbers even if nothing runs on them."""
    plan = costs.plan
    units = dict.fromkeys([*plan.code.header.kinds, *(v.name for v in costs.machine.vectors)])
    queues = len(plan.code.header.kinds)
    return Names(
        tuple(units),
        queues,
        tuple(plan.tree.credits),
        plan.tree.steps,
        len(plan.layers),
        max(plan.frames.opens.values(), default=-1) + 1,
    )


def code_of(costs: Costs, names: Names) -> Code:
    """The arrays of a program on a machine."""
    streams = [costs.plan.projections.get(unit, ()) for unit in names.units]
    sizes = [0, *(len(ops) for ops in streams)]
    arrays = {
        **_stream_arrays([op for ops in streams for op in ops], names),
        **_step_arrays(costs, names),
        **_class_arrays(costs, names),
        **_unit_arrays(costs, names),
        "first": np.cumsum(sizes[:-1]),
        "token_at": _token_places(costs, names),
    }
    for table, columns in _TABLES.items():
        arrays[table] = np.stack([arrays.pop(name) for name in columns], axis=1)
    return Code(**arrays)


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)


_TABLES: Final = {
    "ops": ("kind", "step", "number", "level", "trips"),
    "steps": (
        "layer",
        "owner",
        "operands",
        "labels_at",
        "brings",
        "opens",
        "switch_cycles",
        "fetch_cycles",
        "fetch_bytes",
        "fetch_latency",
        "shadowed",
    ),
    "units": ("first", "is_vector", "drain", "source"),
}
"""The columns of tables in `Code`, in the order of their names above."""
_MNEMONICS: Final = {"load": TRANSFER, "store": TRANSFER, "prefetch": PREFETCH}


def _stream_arrays(ops: Sequence[Op], names: Names) -> dict[str, Ints]:
    """All streams, one after the other; bodies of loops are numbered from each stream's start."""
    steps = {step.index: number for number, step in enumerate(names.steps)}
    semaphores = {semaphore: number for number, semaphore in enumerate(names.semaphores)}
    kinds: list[int] = []
    numbers: list[int] = []
    for op in ops:
        other = op.kind == OTHER and op.step is not None
        kinds.append(_MNEMONICS.get(op.step.mnemonic, VECTOR) if other and op.step else op.kind)
        semaphore = op.step is not None and op.number >= 0
        numbers.append(semaphores[op.number] if semaphore else op.number)
    return {
        "kind": _ints(kinds),
        "step": _ints([steps[op.step.index] if op.step else -1 for op in ops]),
        "number": _ints(numbers),
        "level": _ints([len(op.laps) for op in ops]),
        "trips": _ints([op.laps[-1].count if op.laps else 0 for op in ops]),
    }


def _step_arrays(costs: Costs, names: Names) -> dict[str, Ints]:
    numbers = {unit: number for number, unit in enumerate(names.units)}
    group: list[int] = []
    ends = [0]
    configurations: list[tuple[int, int, int, int, int]] = []
    operands: dict[object, int] = {}
    same: list[int] = []
    for step in names.steps:
        grouped = step.mnemonic in ("configure", "prefetch")
        if grouped:
            cost = costs.configure(step)
            times = (cost.switch_cycles, cost.fetch_cycles, cost.dram_bytes, cost.fetch_latency)
            configurations.append((*(int(time) for time in times), costs.has_shadow(step)))  # type: ignore[arg-type]
            key = frozenset(step.instruction.operands.items())
            same.append(operands.setdefault(key, len(operands)))
        else:
            configurations.append((0, 0, 0, 0, 0))
            same.append(-1)
        if step.mnemonic == "configure":
            group += [numbers[unit] for unit in group_units(step)]
        ends.append(len(group))
    columns = np.array(configurations, np.int64).reshape(-1, 5).T.copy()
    fields = ("switch_cycles", "fetch_cycles", "fetch_bytes", "fetch_latency", "shadowed")
    layers = [step.layer if step.layer >= 0 else names.layers for step in names.steps]
    return {
        "layer": _ints(layers),
        "owner": _ints([numbers[step.unit] for step in names.steps]),
        "group": _ints(group),
        "group_at": _ints(ends),
        "operands": _ints(same),
        "brings": _ints([_brings(costs, step) for step in names.steps]),
        "opens": _ints([costs.plan.frames.opens.get(step.index, -1) for step in names.steps]),
        **dict(zip(fields, columns, strict=True)),
    }


def _brings(costs: Costs, step: Step) -> int:
    """The source of tokens after a load, -1 for other instructions."""
    if step.mnemonic != "load":
        return -1
    return WEIGHTS if costs.roles.load(step) == "W" else DATA


def _class_arrays(costs: Costs, names: Names) -> dict[str, Ints]:
    grids = [costs.plan.classes(step).grid for step in names.steps]
    depth = max((len(step.counts) for step in names.steps), default=0)
    strides = np.zeros((len(grids), max(depth, 1)), np.int64)
    for number, grid in enumerate(grids):
        for level, size in enumerate(grid.shape):
            if size > 1:
                strides[number, level] = grid.strides[level] // grid.itemsize
    sizes = [0, *(grid.size for grid in grids)]
    labels = [grid.reshape(-1) for grid in grids]
    return {
        "labels": np.concatenate(labels) if labels else _ints([]),
        "labels_at": np.cumsum(sizes[:-1]),
        "strides": strides,
    }


def _unit_arrays(costs: Costs, names: Names) -> dict[str, Ints]:
    machine = costs.machine
    numbers = {unit: number for number, unit in enumerate(names.units)}
    kinds = [unit_kind(machine, unit) for unit in names.units]
    drain = dict.fromkeys(names.units, -1)
    for array in machine.arrays:
        for number in range(array.count):
            drain[f"{array.name}.{number}"] = numbers[machine.drain_for(array).name]
    causes = [[CAUSES.index(stall_cause(kind, source)) for source in SOURCES] for kind in kinds]
    return {
        "is_vector": _ints([kind == "vector" for kind in kinds]),
        "drain": _ints([drain[unit] for unit in names.units]),
        "source": _ints([-1 if kind == "load" else SOURCES.index(kind) for kind in kinds]),
        "cause": np.array(causes, np.int64),
    }


def _token_places(costs: Costs, names: Names) -> Ints:
    """Where the tokens of each semaphore begin: room for all that can ever be, or `TOKENS`."""
    most = dict(costs.plan.tree.credits)
    for step in names.steps:
        if step.mnemonic == "signal":
            most[step.instruction.integer("sem")] += int(np.prod(step.counts, dtype=np.int64))
    sizes = [
        max(credits, min(most[semaphore], TOKENS))
        for semaphore, credits in costs.plan.tree.credits.items()
    ]
    return np.cumsum([0, *sizes])


def charges_of(names: Names) -> Charges:
    """No charges yet."""
    steps = len(names.steps)
    return Charges(
        np.zeros((0, 4), np.int64), np.zeros(steps, np.int64), np.full(steps, UNBOUND, np.int64)
    )


def state_of(
    code: Code, names: Names, credits: Mapping[int, int], rows: int, start: int, dram_free: int
) -> State:
    """The state in which the units start at `start`."""
    units, semaphores, layers = len(names.units), len(names.semaphores), names.layers + 1
    steps = len(names.steps)

    def full(value: int, *shape: int) -> Ints:
        return np.full(shape, value, np.int64)

    lanes = full(0, units, 7)
    lanes[:, CAUSE] = -1
    spent = full(0, units, layers, len(CAUSES))
    spent[: names.queues, -1, CODE] = start
    now = full(-1, units, 14)
    now[:, NOW_PLACE] = code.units[:, UNIT_FIRST] - 1
    now[:, [NOW_ISSUE, NOW_DONE]] = start
    now[:, NOW_FORMING] = 0
    now[:, NOW_LEADER] = np.arange(units)
    now[:, NOW_BROUGHT] = DATA
    waits = full(0, semaphores, 3)
    waits[:, SEM_TOKEN_COUNT] = [credits[semaphore] for semaphore in names.semaphores]
    waits[:, SEM_WAITING] = -1
    counts = full(0, layers, 3)
    counts[:, LAYER_FINISHED] = -1
    return State(
        scalars=_ints([0, dram_free, 0, -1]),
        units=now,
        counters=full(0, units, code.strides.shape[1]),
        tokens=full(0, int(code.token_at[-1]), 2),
        semaphores=waits,
        lanes=lanes,
        turns=full(0, units, TURNS, 2),
        spent=spent,
        executed=full(0, rows),
        fetched=full(0, steps),
        layers=counts,
        begun=full(-1, names.frames),
    )
