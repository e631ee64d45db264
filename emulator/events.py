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
    MARK,
    PORT,
    PREFETCH,
    RECONFIGURATION,
    SERVED,
    TAKEN,
    TRANSFER,
    TURN_COUNT,
    UNIT,
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


@njit(cache=True, nogil=True)
def _next(c, s, unit):
    place = s.place[unit] + 1
    while True:
        kind = c.kind[place]
        if kind == ENTER:
            s.counters[unit, c.level[place]] = 0
            place += 1
        elif kind == BACK:
            level = c.level[place] - 1
            if s.counters[unit, level] + 1 < c.trips[place]:
                s.counters[unit, level] += 1
                place = c.first[unit] + c.number[place]
            else:
                place += 1
        else:
            break
    s.place[unit] = place
    s.ready[unit] = s.issue[unit]


@njit(cache=True, nogil=True)
def _advance(c, s, unit, layer, time, what):
    spent = time - s.issue[unit]
    if spent <= 0:
        return
    step = s.member_of[unit]
    if step < 0:
        s.spent[unit, layer, what] += spent
    else:
        for i in range(c.group_at[step], c.group_at[step + 1]):
            s.spent[c.group[i], layer, what] += spent
    s.issue[unit] = time


@njit(cache=True, nogil=True)
def _settle(c, s, unit):
    if not c.is_vector[unit]:
        return
    lanes, turns = s.lanes[unit], s.turns[unit]
    present = s.issue[unit]
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


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _complete(s, unit, layer, time):
    s.done[unit] = max(s.done[unit], time)
    s.finished[layer] = max(s.finished[layer], time)


@njit(cache=True, nogil=True)
def _wait(c, s, unit, time, source):
    if time <= s.issue[unit]:
        return
    layer, cause = c.layer[c.step[s.place[unit]]], c.cause[unit, source]
    if c.is_vector[unit]:
        s.lanes[unit, CAUSE] = cause
        s.lanes[unit, LAYER] = layer
        s.issue[unit] = time
    else:
        _advance(c, s, unit, layer, time, cause)


@njit(cache=True, nogil=True)
def _receive(c, s, unit, semaphore):
    """Take a token and go on, or wait for one."""
    _settle(c, s, unit)
    if not s.token_count[semaphore]:
        s.waiting[semaphore] = unit
        return
    first = c.token_at[semaphore]
    token = s.tokens[first + s.token_head[semaphore]]
    room = c.token_at[semaphore + 1] - first
    s.token_head[semaphore] = (s.token_head[semaphore] + 1) % room
    s.token_count[semaphore] -= 1
    _wait(c, s, unit, token[0], token[1])
    _next(c, s, unit)


@njit(cache=True, nogil=True)
def _signal(c, s, unit, semaphore):
    """Returns whether there was room for the token."""
    time = max(s.done[unit], s.issue[unit])
    source = c.source[unit]
    if source < 0:
        source = s.brought[unit]
    _next(c, s, unit)
    waiter = s.waiting[semaphore]
    if waiter >= 0:
        s.waiting[semaphore] = -1
        _wait(c, s, waiter, time, source)
        _next(c, s, waiter)
        return True
    first = c.token_at[semaphore]
    room = c.token_at[semaphore + 1] - first
    if s.token_count[semaphore] == room:
        return False
    at = first + (s.token_head[semaphore] + s.token_count[semaphore]) % room
    s.tokens[at, 0] = time
    s.tokens[at, 1] = source
    s.token_count[semaphore] += 1
    return True


@njit(cache=True, nogil=True)
def _reserve_dram(s, start, cycles):
    end = max(s.scalars[DRAM_FREE], start) + cycles
    s.scalars[DRAM_FREE] = end
    return end


@njit(cache=True, nogil=True)
def _fetch(c, s, step, start):
    """When a configuration is in its registers."""
    if not c.fetch_bytes[step]:
        return start
    s.fetched[step] += 1
    return _reserve_dram(s, start, c.fetch_cycles[step]) + c.fetch_latency[step]


@njit(cache=True, nogil=True)
def _in_group(c, step, unit):
    for i in range(c.group_at[step], c.group_at[step + 1]):  # noqa: SIM110
        if c.group[i] == unit:
            return True
    return False


@njit(cache=True, nogil=True)
def _released(c, s, step, unit):
    """Whether `unit` leaves its group when that of `step` forms."""
    if s.leads[unit] < 0 or _in_group(c, step, unit):
        return False
    for i in range(c.group_at[step], c.group_at[step + 1]):
        if s.leads[c.group[i]] == s.leads[unit]:
            return True
    return False


@njit(cache=True, nogil=True)
def _meets(c, s, other, unit):
    place = s.place[other]
    if c.step[place] != c.step[s.place[unit]]:
        return False
    for i in range(s.scalars[GATHERED]):
        if s.gathered[i] == other:
            for level in range(c.level[place]):
                if s.counters[other, level] != s.counters[unit, level]:
                    return False
            return True
    return False


@njit(cache=True, nogil=True)
def _can_form(c, s, step, unit):
    if unit != c.owner[step] or s.forming[unit]:
        return False
    for i in range(c.group_at[step], c.group_at[step + 1]):
        other = c.group[i]
        if not _meets(c, s, other, unit):
            return False
        if s.leads[other] >= 0 and not _in_group(c, step, s.leads[other]):
            return False
    return True


@njit(cache=True, nogil=True)
def _gather(c, s):
    """Every group whose units have all arrived waits for what they took, and then forms."""
    for i in range(s.scalars[GATHERED]):
        unit = s.gathered[i]
        step = c.step[s.place[unit]]
        if not _can_form(c, s, step, unit):
            continue
        start = 0
        for other in range(len(s.issue)):
            if _in_group(c, step, other) or _released(c, s, step, other):
                s.clocks[other] = s.issue[s.leader[other]]
                start = max(start, s.done[other], s.clocks[other])
            else:
                s.clocks[other] = -1
        for other in range(len(s.issue)):
            if s.clocks[other] >= 0:
                s.spent[other, c.layer[step], CONFIGURATION] += start - s.clocks[other]
                s.issue[other] = start
                s.done[other] = start
                s.member_of[other] = -1
                s.leader[other] = other
        s.forming[unit] = 1
        s.ready[unit] = start


@njit(cache=True, nogil=True)
def _form(c, s, step):
    owner = c.owner[step]
    for unit in range(len(s.leads)):
        s.clocks[unit] = _released(c, s, step, unit)
    for unit in range(len(s.leads)):
        if s.clocks[unit]:
            s.leads[unit] = -1
        if _in_group(c, step, unit):
            s.leads[unit] = owner
            s.leader[unit] = owner
    kept = 0
    for i in range(s.scalars[GATHERED]):
        if not _in_group(c, step, s.gathered[i]):
            s.gathered[kept] = s.gathered[i]
            kept += 1
    s.scalars[GATHERED] = kept
    s.forming[owner] = 0
    _switch(c, s, step, owner)
    for i in range(c.group_at[step], c.group_at[step + 1]):
        _next(c, s, c.group[i])


@njit(cache=True, nogil=True)
def _switch(c, s, step, owner):
    """`Timing.configure`."""
    start = s.issue[owner]
    prepared = s.shadow[owner] == c.operands[step]
    loaded = s.loaded[owner] if prepared else _fetch(c, s, step, start)
    s.shadow[owner] = -1
    end = max(start, loaded) + c.switch_cycles[step]
    layer = c.layer[step]
    s.member_of[owner] = step
    _advance(c, s, owner, layer, end, RECONFIGURATION)
    for i in range(c.group_at[step], c.group_at[step + 1]):
        s.issue[c.group[i]] = end
        s.done[c.group[i]] = end
    s.configuration[owner] = step
    s.reconfigured[layer] += 1
    s.reconfiguring[layer] += end - start
    s.finished[layer] = max(s.finished[layer], end)


@njit(cache=True, nogil=True)
def _prefetch(c, s, unit, step):
    loaded = _fetch(c, s, step, s.issue[unit])
    s.shadow[unit] = c.operands[step]
    s.loaded[unit] = loaded
    if not c.shadowed[step]:
        _advance(c, s, unit, c.layer[step], loaded, RECONFIGURATION)


@njit(cache=True, nogil=True)
def _transfer(c, s, unit, step, row):
    busy, dram, latency = row[BUSY], row[DRAM], row[LATENCY]
    layer, start = c.layer[step], s.issue[unit]
    if c.brings[step] >= 0:
        s.brought[unit] = c.brings[step]
    _advance(c, s, unit, layer, start + busy, 0)
    if dram:
        _advance(c, s, unit, layer, _reserve_dram(s, start, dram), PORT)
    _complete(s, unit, layer, s.issue[unit] + latency)


@njit(cache=True, nogil=True)
def _convolve(c, s, unit, step, row):
    """Returns whether there was room for a turn of the lanes."""
    busy, drain, latency = row[BUSY], row[DRAIN], row[LATENCY]
    layer, start = c.layer[step], s.issue[unit]
    _advance(c, s, unit, layer, start + busy, 0)
    end = start + busy + latency
    if drain:
        drained = _take(s, c.drain[unit], start, drain, layer)
        if drained < 0:
            return False
        if drained > end:
            _advance(c, s, unit, layer, start + busy + drained - end, LANES)
            end = drained
    _complete(s, unit, layer, end)
    return True


@njit(cache=True, nogil=True)
def _execute(c, s, charges, unit, step, kind):
    number = c.labels_at[step]
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
        end = _take(s, unit, s.issue[unit], row[BUSY], c.layer[step])
        if end < 0:
            return False
        s.issue[unit] = end
        _complete(s, unit, c.layer[step], end)
    return True


@njit(cache=True, nogil=True)
def _first(s):
    """The unit to serve next, -1 for none."""
    unit = -1
    for other in range(len(s.ready)):
        time = s.ready[other]
        if time >= 0 and (unit < 0 or time < s.ready[unit]):
            unit = other
    return unit


@njit(cache=True, nogil=True)
def _serve(c, s, charges, unit):
    place = s.place[unit]
    kind, step = c.kind[place], c.step[place]
    s.scalars[SERVED] += 1
    if kind in (COMPUTE, TRANSFER, VECTOR, PREFETCH):
        if kind == COMPUTE and s.leads[unit] != unit:
            return STUCK
        if kind != PREFETCH and charges.bound[step] != s.configuration[unit]:
            s.scalars[SERVED] -= 1
            s.scalars[UNIT] = unit
            return UNPRICED
    s.ready[unit] = -1
    if kind == DONE:
        _settle(c, s, unit)
    elif kind == WAIT:
        _receive(c, s, unit, c.number[place])
    elif kind == SIGNAL:
        return RUNNING if _signal(c, s, unit, c.number[place]) else STUCK
    elif kind == CONFIGURE:
        if s.forming[unit]:
            _form(c, s, step)
        else:
            s.gathered[s.scalars[GATHERED]] = unit
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


@njit(cache=True, nogil=True)
def begin(code: Code, state: State, queues: int) -> None:
    """Move the first `queues` units to their first instructions."""
    for unit in range(queues):
        _next(code, state, unit)


@njit(cache=True, nogil=True)
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
