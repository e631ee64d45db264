"""Which layers must be complete before a layer can start, read off a program's addresses."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .buffers import MOVED, extent_of
from .footprint import Plan
from .tree import Step

Layers = frozenset[int]


@dataclass
class Needs:
    """The layers whose results a layer reads: to start computing at all, and to be complete."""

    start: Layers | None = None
    finish: Layers = field(default_factory=Layers)


def needs_of(plan: Plan) -> dict[int, Needs]:
    """What each layer needs, in the order in which layers first compute or store.

    A layer that only moves data has no `start`; needs of layers that come later are left out.

    What an instruction reads was written by the last instruction before it that wrote some of
    those bytes: if of the same layer, it needs what that one needs. Of instructions of a layer
    that compute, the one that needs least can start first, so common needs are those to start.
    """
    steps = [step for step in plan.tree.steps if step.mnemonic in MOVED]
    writes = _Writes(plan, steps)
    needs: defaultdict[int, Needs] = defaultdict(Needs)
    of_step: list[Layers] = []
    for place, step in enumerate(steps):
        found = Layers()
        for name, view in plan.views(step).items():
            writer = -1 if name == "dst" else writes.last(*extent_of(view.view, view.counts), place)
            if writer >= 0:
                layer = steps[writer].layer
                found |= of_step[writer] if layer == step.layer else {layer}
        of_step.append(found)
        if step.mnemonic != "load" and step.layer >= 0:
            of_layer = needs[step.layer]
            found = found.intersection(needs)
            of_layer.finish |= found
            if step.mnemonic != "store":
                of_layer.start = found if of_layer.start is None else of_layer.start & found
    return dict(needs)


class _Writes:
    """What the steps of a program write, in program order."""

    def __init__(self, plan: Plan, steps: list[Step]) -> None:
        rows: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
        for place, step in enumerate(steps):
            target = plan.views(step)["dst"]
            memory, first, end = extent_of(target.view, target.counts)
            rows[memory].append((place, first, end))
        self._columns: dict[str, npt.NDArray[np.int64]] = {
            memory: np.array(found, np.int64).T for memory, found in rows.items()
        }

    def last(self, memory: str, first: int, end: int, before: int) -> int:
        """The place of the last step in front of place `before` that wrote there, -1 if none."""
        if memory not in self._columns:
            return -1
        places, starts, ends = self._columns[memory]
        count = int(np.searchsorted(places, before))
        found = np.flatnonzero((starts[:count] < end) & (first < ends[:count]))
        return int(places[found[-1]]) if found.size else -1
