"""Which layers must be complete before a layer can start, read off a program's addresses."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import gcd

import numpy as np
import numpy.typing as npt

from .buffers import MOVED, element_range, extent_of
from .footprint import Plan
from .memory import ViewPlan
from .tree import Step

Layers = frozenset[int]


@dataclass
class Needs:
    """The layers whose results a layer reads: to start computing at all, and to be complete."""

    start: Layers | None = None
    finish: Layers = field(default_factory=Layers)


def needs_of(plan: Plan) -> dict[int, Needs]:
    """What each layer needs, in the order in which layers first compute or store.

    A layer that only moves data has no `start`; needs of layers that begin later are left out, as
    those have that run in stripes or side by side.

    What an instruction reads was written by the last instruction before it that wrote some of
    those bytes, and by those before that one that wrote others: if of the same layer, it needs what
    they need. Of instructions of a layer
    that compute, the one that needs least can start first, so common needs are those to start.
    """
    steps = [step for step in plan.tree.steps if step.mnemonic in MOVED]
    writes = _Writes(plan, steps)
    needs: dict[int, Needs] = {}
    before: dict[int, Layers] = {}
    of_step: list[Layers] = []
    for place, step in enumerate(steps):
        found = Layers()
        for name, view in plan.views(step).items():
            for writer in () if name == "dst" else writes.of(view, place):
                layer = steps[writer].layer
                found |= of_step[writer] if layer == step.layer else {layer}
        of_step.append(found)
        if step.mnemonic != "load" and step.layer >= 0:
            earlier = before.setdefault(step.layer, frozenset(needs))
            of_layer = needs.setdefault(step.layer, Needs())
            found &= earlier
            of_layer.finish |= found
            if step.mnemonic != "store":
                of_layer.start = found if of_layer.start is None else of_layer.start & found
    return dict(needs)


class _Writes:
    """What the steps of a program write, in program order."""

    def __init__(self, plan: Plan, steps: list[Step]) -> None:
        rows: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        self._combs: dict[int, _Comb] = {}
        for place, step in enumerate(steps):
            target = plan.views(step)["dst"]
            memory, first, end = extent_of(target.view, target.counts)
            rows[memory].append((place, first, end))
            self._combs[place] = _Comb.of(target)
        self._columns: dict[str, npt.NDArray[np.int64]] = {
            memory: np.array(found, np.int64).T for memory, found in rows.items()
        }

    def of(self, view: ViewPlan, before: int) -> Iterator[int]:
        """The places of steps in front of place `before` that wrote what a view sees, last first.

        Each wrote bytes that none of the later ones can have written.
        """
        memory, first, end = extent_of(view.view, view.counts)
        if memory not in self._columns:
            return
        places, starts, ends = self._columns[memory]
        count = int(np.searchsorted(places, before))
        seen, later = _Comb.of(view), list[tuple[int, int, _Comb]]()
        for found in np.flatnonzero((starts[:count] < end) & (first < ends[:count]))[::-1]:
            place, low, high = int(places[found]), int(starts[found]), int(ends[found])
            comb = self._combs[place]
            if seen.misses(comb):
                continue
            if all(high <= a or b <= low or comb.misses(other) for a, b, other in later):
                yield place
            later.append((low, high, comb))


@dataclass(frozen=True)
class _Comb:
    """Bytes `width` long that begin at `start` and multiples of `pitch` from there, at most.

    So lie the channels of a part of an image. Without a `pitch` it is anything.
    """

    pitch: int = 0
    start: int = 0
    width: int = 0

    @staticmethod
    def of(view: ViewPlan) -> "_Comb":
        """What a view touches."""
        seen, (_, start, _) = view.view, extent_of(view.view, view.counts)
        size = width = seen.bits // 8
        pitch = 0
        for dim in sorted(range(len(seen.dims)), key=lambda dim: seen.dims[dim].stride):
            first, last = element_range(seen, dim, view.counts)
            stride = seen.dims[dim].stride * size
            if stride <= width:
                width += (last - first) * stride
            elif last > first:
                pitch = gcd(pitch, stride)
        known = size and not seen.ring and width < pitch
        return _Comb(pitch, start, width) if known else _Comb()

    def misses(self, other: "_Comb") -> bool:
        """Whether the two share no byte for certain."""
        pitch = gcd(self.pitch, other.pitch) if self.pitch and other.pitch else 0
        if not pitch:
            return False
        ahead, behind = (other.start - self.start) % pitch, (self.start - other.start) % pitch
        return self.width <= ahead and other.width <= behind
