"""The queues and the clock in one loop over integers, compiled by numba (the extra `fast`).

Event by event the same as `queues.Queues` on `clock.Timing`, which say what the policies are; the
functions here have their names. What is amiss in a program is told by a status alone: the twin in
Python finds the words.
"""
# Decorated functions have no types that a checker could know.
# pyright: reportUntypedFunctionDecorator=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportMissingParameterType=false, reportUnknownMemberType=false

from numba import njit

from .event_arrays import (
    BUSY,
    CAUSE,
    CONFIGURATION,
    DRAIN,
    DRAM,
    DRAM_FREE,
    FREE,
    GATHERED,
    HEAD,
    LANES,
    LATENCY,
    LAYER,
    LAYER_FINISHED,
    LAYER_RECONFIGURED,
    LAYER_RECONFIGURING,
    MARK,
    NOW_BROUGHT,
    NOW_CLOCKS,
    NOW_CONFIGURATION,
    NOW_DONE,
    NOW_FORMING,
    NOW_GATHERED,
    NOW_ISSUE,
    NOW_LEADER,
    NOW_LEADS,
    NOW_LOADED,
    NOW_MEMBER_OF,
    NOW_PLACE,
    NOW_READY,
    NOW_SHADOW,
    OP_KIND,
    OP_LEVEL,
    OP_NUMBER,
    OP_STEP,
    OP_TRIPS,
    PORT,
    PREFETCH,
    RECONFIGURATION,
    SEM_TOKEN_COUNT,
    SEM_TOKEN_HEAD,
    SEM_WAITING,
    SERVED,
    STEP_BRINGS,
    STEP_FETCH_BYTES,
    STEP_FETCH_CYCLES,
    STEP_FETCH_LATENCY,
    STEP_LABELS_AT,
    STEP_LAYER,
    STEP_OPENS,
    STEP_OPERANDS,
    STEP_OWNER,
    STEP_SHADOWED,
    STEP_SWITCH_CYCLES,
    TAKEN,
    TRANSFER,
    TURN_COUNT,
    UNIT,
    UNIT_DRAIN,
    UNIT_FIRST,
    UNIT_IS_VECTOR,
    UNIT_SOURCE,
    VECTOR,
    Charges,
    Code,
    State,
    Status,
)
from .streams import BACK, COMPUTE, CONFIGURE, DONE, ENTER, SIGNAL, WAIT

RUNNING = int(Status.RUNNING)
ENDED = int(Status.ENDED)
UNPRICED = int(Status.UNPRICED)
STUCK = int(Status.STUCK)

# Nothing here makes an array, so none need be counted: counting references took half the time.
_compiled = njit(cache=True, nogil=True, _nrt=False)  # pyright: ignore[reportCallIssue]


@_compiled
def _next(c, s, unit):
    place = s.units[unit, NOW_PLACE] + 1
    while True:
        kind = c.ops[place, OP_KIND]
        if kind == ENTER:
            s.counters[unit, c.ops[place, OP_LEVEL]] = 0
            place += 1
        elif kind == BACK:
            level = c.ops[place, OP_LEVEL] - 1
            if s.counters[unit, level] + 1 < c.ops[place, OP_TRIPS]:
                s.counters[unit, level] += 1
                place = c.units[unit, UNIT_FIRST] + c.ops[place, OP_NUMBER]
            else:
                place += 1
        else:
            break
    s.units[unit, NOW_PLACE] = place
    s.units[unit, NOW_READY] = s.units[unit, NOW_ISSUE]


@_compiled
def _advance(c, s, unit, layer, time, what):
    spent = time - s.units[unit, NOW_ISSUE]
    if spent <= 0:
        return
    step = s.units[unit, NOW_MEMBER_OF]
    if step < 0:
        s.spent[unit, layer, what] += spent
    else:
        for i in range(c.group_at[step], c.group_at[step + 1]):
            s.spent[c.group[i], layer, what] += spent
    s.units[unit, NOW_ISSUE] = time


@_compiled
def _settle(c, s, unit):
    if not c.units[unit, UNIT_IS_VECTOR]:
        return
    lanes, turns = s.lanes[unit], s.turns[unit]
    present = s.units[unit, NOW_ISSUE]
    later = 0
    for i in range(lanes[TURN_COUNT]):
        at = (lanes[HEAD] + i) % len(turns)
        if turns[at, 1] > present:
            later += turns[at, 1] - max(turns[at, 0], present)
    mark = present - (lanes[TAKEN] - later)
    if lanes[CAUSE] >= 0:
        s.spent[unit, lanes[LAYER], lanes[CAUSE]] += mark - lanes[MARK]
    lanes[MARK] = mark
    lanes[CAUSE] = -1


@_compiled
def _take(s, unit, start, cycles, layer):
    """Returns the end, or -1 if there is no room for another turn."""
    lanes, turns = s.lanes[unit], s.turns[unit]
    while lanes[TURN_COUNT] and turns[lanes[HEAD], 1] <= start:
        lanes[HEAD] = (lanes[HEAD] + 1) % len(turns)
        lanes[TURN_COUNT] -= 1
    if lanes[TURN_COUNT] == len(turns):
        return -1
    begin = max(start, lanes[FREE])
    lanes[FREE] = begin + cycles
    lanes[TAKEN] += cycles
    at = (lanes[HEAD] + lanes[TURN_COUNT]) % len(turns)
    turns[at, 0] = begin
    turns[at, 1] = begin + cycles
    lanes[TURN_COUNT] += 1
    s.spent[unit, layer, 0] += cycles
    return begin + cycles


@_compiled
def _complete(s, unit, layer, time):
    s.units[unit, NOW_DONE] = max(s.units[unit, NOW_DONE], time)
    s.layers[layer, LAYER_FINISHED] = max(s.layers[layer, LAYER_FINISHED], time)


@_compiled
def _wait(c, s, unit, time, source):
    if time <= s.units[unit, NOW_ISSUE]:
        return
    layer, cause = (
        c.steps[c.ops[s.units[unit, NOW_PLACE], OP_STEP], STEP_LAYER],
        c.cause[unit, source],
    )
    if c.units[unit, UNIT_IS_VECTOR]:
        s.lanes[unit, CAUSE] = cause
        s.lanes[unit, LAYER] = layer
        s.units[unit, NOW_ISSUE] = time
    else:
        _advance(c, s, unit, layer, time, cause)


@_compiled
def _receive(c, s, unit, semaphore):
    """Take a token and go on, or wait for one."""
    _settle(c, s, unit)
    if not s.semaphores[semaphore, SEM_TOKEN_COUNT]:
        s.semaphores[semaphore, SEM_WAITING] = unit
        return
    first = c.token_at[semaphore]
    token = s.tokens[first + s.semaphores[semaphore, SEM_TOKEN_HEAD]]
    room = c.token_at[semaphore + 1] - first
    s.semaphores[semaphore, SEM_TOKEN_HEAD] = (s.semaphores[semaphore, SEM_TOKEN_HEAD] + 1) % room
    s.semaphores[semaphore, SEM_TOKEN_COUNT] -= 1
    _wait(c, s, unit, token[0], token[1])
    _next(c, s, unit)


@_compiled
def _signal(c, s, unit, semaphore):
    """Returns whether there was room for the token."""
    time = max(s.units[unit, NOW_DONE], s.units[unit, NOW_ISSUE])
    source = c.units[unit, UNIT_SOURCE]
    if source < 0:
        source = s.units[unit, NOW_BROUGHT]
    _next(c, s, unit)
    waiter = s.semaphores[semaphore, SEM_WAITING]
    if waiter >= 0:
        s.semaphores[semaphore, SEM_WAITING] = -1
        _wait(c, s, waiter, time, source)
        _next(c, s, waiter)
        return True
    first = c.token_at[semaphore]
    room = c.token_at[semaphore + 1] - first
    if s.semaphores[semaphore, SEM_TOKEN_COUNT] == room:
        return False
    at = (
        first
        + (s.semaphores[semaphore, SEM_TOKEN_HEAD] + s.semaphores[semaphore, SEM_TOKEN_COUNT])
        % room
    )
    s.tokens[at, 0] = time
    s.tokens[at, 1] = source
    s.semaphores[semaphore, SEM_TOKEN_COUNT] += 1
    return True


@_compiled
def _reserve_dram(s, start, cycles):
    end = max(s.scalars[DRAM_FREE], start) + cycles
    s.scalars[DRAM_FREE] = end
    return end


@_compiled
def _fetch(c, s, step, start):
    """When a configuration is in its registers."""
    if not c.steps[step, STEP_FETCH_BYTES]:
        return start
    s.fetched[step] += 1
    return (
        _reserve_dram(s, start, c.steps[step, STEP_FETCH_CYCLES])
        + c.steps[step, STEP_FETCH_LATENCY]
    )


@_compiled
def _in_group(c, step, unit):
    for i in range(c.group_at[step], c.group_at[step + 1]):  # noqa: SIM110
        if c.group[i] == unit:
            return True
    return False


@_compiled
def _released(c, s, step, unit):
    """Whether `unit` leaves its group when that of `step` forms."""
    if s.units[unit, NOW_LEADS] < 0 or _in_group(c, step, unit):
        return False
    for i in range(c.group_at[step], c.group_at[step + 1]):
        if s.units[c.group[i], NOW_LEADS] == s.units[unit, NOW_LEADS]:
            return True
    return False


@_compiled
def _meets(c, s, other, unit):
    place = s.units[other, NOW_PLACE]
    if c.ops[place, OP_STEP] != c.ops[s.units[unit, NOW_PLACE], OP_STEP]:
        return False
    for i in range(s.scalars[GATHERED]):
        if s.units[i, NOW_GATHERED] == other:
            for level in range(c.ops[place, OP_LEVEL]):
                if s.counters[other, level] != s.counters[unit, level]:
                    return False
            return True
    return False


@_compiled
def _can_form(c, s, step, unit):
    if unit != c.steps[step, STEP_OWNER] or s.units[unit, NOW_FORMING]:
        return False
    for i in range(c.group_at[step], c.group_at[step + 1]):
        other = c.group[i]
        if not _meets(c, s, other, unit):
            return False
        if s.units[other, NOW_LEADS] >= 0 and not _in_group(c, step, s.units[other, NOW_LEADS]):
            return False
    return True


@_compiled
def _gather(c, s):
    """Every group whose units have all arrived waits for what they took, and then forms."""
    for i in range(s.scalars[GATHERED]):
        unit = s.units[i, NOW_GATHERED]
        step = c.ops[s.units[unit, NOW_PLACE], OP_STEP]
        if not _can_form(c, s, step, unit):
            continue
        start = 0
        for other in range(len(s.units)):
            if _in_group(c, step, other) or _released(c, s, step, other):
                s.units[other, NOW_CLOCKS] = s.units[s.units[other, NOW_LEADER], NOW_ISSUE]
                start = max(start, s.units[other, NOW_DONE], s.units[other, NOW_CLOCKS])
            else:
                s.units[other, NOW_CLOCKS] = -1
        for other in range(len(s.units)):
            if s.units[other, NOW_CLOCKS] >= 0:
                s.spent[other, c.steps[step, STEP_LAYER], CONFIGURATION] += (
                    start - s.units[other, NOW_CLOCKS]
                )
                s.units[other, NOW_ISSUE] = start
                s.units[other, NOW_DONE] = start
                s.units[other, NOW_MEMBER_OF] = -1
                s.units[other, NOW_LEADER] = other
        s.units[unit, NOW_FORMING] = 1
        s.units[unit, NOW_READY] = start


@_compiled
def _form(c, s, step):
    owner = c.steps[step, STEP_OWNER]
    for unit in range(len(s.units)):
        s.units[unit, NOW_CLOCKS] = _released(c, s, step, unit)
    for unit in range(len(s.units)):
        if s.units[unit, NOW_CLOCKS]:
            s.units[unit, NOW_LEADS] = -1
        if _in_group(c, step, unit):
            s.units[unit, NOW_LEADS] = owner
            s.units[unit, NOW_LEADER] = owner
    kept = 0
    for i in range(s.scalars[GATHERED]):
        if not _in_group(c, step, s.units[i, NOW_GATHERED]):
            s.units[kept, NOW_GATHERED] = s.units[i, NOW_GATHERED]
            kept += 1
    s.scalars[GATHERED] = kept
    s.units[owner, NOW_FORMING] = 0
    _switch(c, s, step, owner)
    for i in range(c.group_at[step], c.group_at[step + 1]):
        _next(c, s, c.group[i])


@_compiled
def _switch(c, s, step, owner):
    """`Timing.configure`."""
    start = s.units[owner, NOW_ISSUE]
    prepared = s.units[owner, NOW_SHADOW] == c.steps[step, STEP_OPERANDS]
    loaded = s.units[owner, NOW_LOADED] if prepared else _fetch(c, s, step, start)
    s.units[owner, NOW_SHADOW] = -1
    end = max(start, loaded) + c.steps[step, STEP_SWITCH_CYCLES]
    layer = c.steps[step, STEP_LAYER]
    s.units[owner, NOW_MEMBER_OF] = step
    _advance(c, s, owner, layer, end, RECONFIGURATION)
    for i in range(c.group_at[step], c.group_at[step + 1]):
        s.units[c.group[i], NOW_ISSUE] = end
        s.units[c.group[i], NOW_DONE] = end
    s.units[owner, NOW_CONFIGURATION] = step
    s.layers[layer, LAYER_RECONFIGURED] += 1
    s.layers[layer, LAYER_RECONFIGURING] += end - start
    s.layers[layer, LAYER_FINISHED] = max(s.layers[layer, LAYER_FINISHED], end)


@_compiled
def _prefetch(c, s, unit, step):
    loaded = _fetch(c, s, step, s.units[unit, NOW_ISSUE])
    s.units[unit, NOW_SHADOW] = c.steps[step, STEP_OPERANDS]
    s.units[unit, NOW_LOADED] = loaded
    if not c.steps[step, STEP_SHADOWED]:
        _advance(c, s, unit, c.steps[step, STEP_LAYER], loaded, RECONFIGURATION)


@_compiled
def _transfer(c, s, unit, step, row):
    busy, dram, latency = row[BUSY], row[DRAM], row[LATENCY]
    layer, start = c.steps[step, STEP_LAYER], s.units[unit, NOW_ISSUE]
    if c.steps[step, STEP_BRINGS] >= 0:
        s.units[unit, NOW_BROUGHT] = c.steps[step, STEP_BRINGS]
    frame = c.steps[step, STEP_OPENS]
    if frame >= 0 and (s.begun[frame] < 0 or start < s.begun[frame]):
        s.begun[frame] = start
    _advance(c, s, unit, layer, start + busy, 0)
    if dram:
        _advance(c, s, unit, layer, _reserve_dram(s, start, dram), PORT)
    _complete(s, unit, layer, s.units[unit, NOW_ISSUE] + latency)


@_compiled
def _convolve(c, s, unit, step, row):
    """Returns whether there was room for a turn of the lanes."""
    busy, drain, latency = row[BUSY], row[DRAIN], row[LATENCY]
    layer, start = c.steps[step, STEP_LAYER], s.units[unit, NOW_ISSUE]
    _advance(c, s, unit, layer, start + busy, 0)
    end = start + busy + latency
    if drain:
        drained = _take(s, c.units[unit, UNIT_DRAIN], start, drain, layer)
        if drained < 0:
            return False
        if drained > end:
            _advance(c, s, unit, layer, start + busy + drained - end, LANES)
            end = drained
    _complete(s, unit, layer, end)
    return True


@_compiled
def _execute(c, s, charges, unit, step, kind):
    number = c.steps[step, STEP_LABELS_AT]
    for level in range(c.strides.shape[1]):
        number += s.counters[unit, level] * c.strides[step, level]
    index = charges.base[step] + c.labels[number]
    row = charges.rows[index]
    if row[BUSY] < 0:
        return True
    s.executed[index] += 1
    if kind == TRANSFER:
        _transfer(c, s, unit, step, row)
    elif kind == COMPUTE:
        return _convolve(c, s, unit, step, row)
    else:
        end = _take(s, unit, s.units[unit, NOW_ISSUE], row[BUSY], c.steps[step, STEP_LAYER])
        if end < 0:
            return False
        s.units[unit, NOW_ISSUE] = end
        _complete(s, unit, c.steps[step, STEP_LAYER], end)
    return True


@_compiled
def _first(s):
    """The unit to serve next, -1 for none."""
    unit = -1
    for other in range(len(s.units)):
        time = s.units[other, NOW_READY]
        if time >= 0 and (unit < 0 or time < s.units[unit, NOW_READY]):
            unit = other
    return unit


@_compiled
def _serve(c, s, charges, unit):
    place = s.units[unit, NOW_PLACE]
    kind, step = c.ops[place, OP_KIND], c.ops[place, OP_STEP]
    s.scalars[SERVED] += 1
    if kind in (COMPUTE, TRANSFER, VECTOR, PREFETCH):
        if kind == COMPUTE and s.units[unit, NOW_LEADS] != unit:
            return STUCK
        if kind != PREFETCH and charges.bound[step] != s.units[unit, NOW_CONFIGURATION]:
            s.scalars[SERVED] -= 1
            s.scalars[UNIT] = unit
            return UNPRICED
    s.units[unit, NOW_READY] = -1
    if kind == DONE:
        _settle(c, s, unit)
    elif kind == WAIT:
        _receive(c, s, unit, c.ops[place, OP_NUMBER])
    elif kind == SIGNAL:
        return RUNNING if _signal(c, s, unit, c.ops[place, OP_NUMBER]) else STUCK
    elif kind == CONFIGURE:
        if s.units[unit, NOW_FORMING]:
            _form(c, s, step)
        else:
            s.units[s.scalars[GATHERED], NOW_GATHERED] = unit
            s.scalars[GATHERED] += 1
        _gather(c, s)
    else:
        _settle(c, s, unit)
        if kind == PREFETCH:
            _prefetch(c, s, unit, step)
        elif not _execute(c, s, charges, unit, step, kind):
            return STUCK
        _next(c, s, unit)
    return RUNNING


@_compiled
def begin(code: Code, state: State, queues: int) -> None:
    """Move the first `queues` units to their first instructions."""
    for unit in range(queues):
        _next(code, state, unit)


@_compiled
def serve(code: Code, state: State, charges: Charges, events: int) -> int:
    """Serve units until `events` were served in all, or there is nothing more to do."""
    while state.scalars[SERVED] < events:
        unit = _first(state)
        if unit < 0:
            return ENDED
        status = _serve(code, state, charges, unit)
        if status != RUNNING:
            return status
    return RUNNING
