"""A recording made small enough to be looked at: fewer slices, functions of time by bins."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from .occupancy import Steps
from .recorder import Recording

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NONE: Final = -1


@dataclass(frozen=True)
class Pieces:
    """What units did, in pieces: parallel arrays, sorted by unit and start, disjoint in a unit.

    A piece is one slice of the recording, or several of one unit that follow one another, perhaps
    with gaps. `cycles` (shape [pieces, whats]) are how many cycles went into what; `what` is what
    most of them went into, and `layer` that of the longest slice of it. There are `slices` slices;
    `instruction` and `iteration` are NONE where these are several.
    """

    unit: Ints
    start: Ints
    end: Ints
    layer: Ints
    instruction: Ints
    iteration: Ints
    slices: Ints
    what: Ints
    cycles: Ints


def condense(recording: Recording, limit: int) -> Pieces:
    """The slices of a recording in at most `limit` pieces, but two for each unit at least.

    If there are more slices, those of a unit that start in the same interval of time become one
    piece; intervals are as short as the limit allows.
    """
    slices = recording.slices
    count, units = len(slices.unit), len(recording.units)
    new = np.ones(count, np.bool_)
    if count > limit:
        intervals = max(1, limit // units - 1)
        place = np.stack([slices.unit, slices.start // -(-recording.cycles // intervals)])
        new[1:] = (place[:, 1:] != place[:, :-1]).any(axis=0)
    first = np.flatnonzero(new)
    last = np.append(first[1:], count) - 1
    piece = new.cumsum() - 1
    length = slices.end - slices.start
    cycles = np.zeros((len(first), len(recording.whats)), np.int64)
    np.add.at(cycles, (piece, slices.what), length)
    what = cycles.argmax(axis=1)
    longest = np.lexsort((length * (slices.what == what[piece]), piece))[last]
    alone = first == last
    return Pieces(
        slices.unit[first],
        slices.start[first],
        slices.end[last],
        slices.layer[longest],
        np.where(alone, slices.instruction[first], NONE),
        np.where(alone, slices.iteration[first], NONE),
        last - first + 1,
        what,
        cycles,
    )


def bandwidth(recording: Recording, bins: int) -> tuple[Ints, Floats]:
    """The bytes a cycle that DRAM moved: edges of at most `bins` bins [n + 1], and means [n]."""
    edges = np.linspace(0, recording.cycles, min(bins, recording.cycles) + 1).astype(np.int64)
    turns = recording.turns
    times = np.stack([turns.start, turns.end], axis=1).ravel()
    moved = np.stack([turns.size.cumsum() - turns.size, turns.size.cumsum()], axis=1).ravel()
    until = np.interp(edges, times, moved, left=0)
    return edges, np.diff(until) / np.maximum(1, np.diff(edges))


def crests(steps: Steps, cycles: int, limit: int) -> Steps:
    """A step function over `cycles` in at most `limit` steps, each the highest in its interval."""
    if len(steps.time) <= limit:
        return steps
    edges = np.linspace(0, cycles, limit, endpoint=False).astype(np.int64)
    entry = steps.value[np.searchsorted(steps.time, edges, "right") - 1]
    highest = entry.copy()
    np.maximum.at(highest, np.searchsorted(edges, steps.time, "right") - 1, steps.value)
    return Steps(edges, highest)
