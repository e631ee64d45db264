"""Drop a configuration that the units already have.

```mlir
schedule.configure #fabric.fold<A>        schedule.configure #fabric.fold<A>
schedule.for %i = 4 {                     schedule.for %i = 4 {
  schedule.configure #fabric.fold<A>  ->
}                                         }
```

The state of the fabric (which unit is folded how) flows forward through the program. At the head
of a loop it is the meet of the state on entry and the state at the end of the body, repeated until
it no longer changes: a configuration that the body replaces is not known at its head. Equal
configurations count as equal wherever they were made.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from ..dialects import schedule
from ..dialects.fabric import FoldAttr

State = Mapping[tuple[str, int], FoldAttr]
"""The fold that each unit (array name, index) is known to be in."""


@dataclass(frozen=True)
class ScheduleDropConfigurePass(ModulePass):
    """Erase `schedule.configure` operations that change nothing."""

    name = "schedule-drop-configure"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in schedule.programs_of(op):
            redundant: list[schedule.ConfigureOp] = []
            _flow(program.body.block, {}, redundant)
            for configure in redundant:
                Rewriter.erase_op(configure)


def _units(fold: FoldAttr) -> list[tuple[str, int]]:
    first = fold.first.data
    return [(fold.array.data, unit) for unit in range(first, first + fold.units.data)]


def _meet(left: State, right: State) -> State:
    return {unit: fold for unit, fold in left.items() if right.get(unit) == fold}


def _flow(block: Block, state: State, redundant: list[schedule.ConfigureOp] | None) -> State:
    """The state after `block`, entered in `state`; collects what is redundant."""
    for op in block.ops:
        if isinstance(op, schedule.ConfigureOp):
            units = _units(op.fold)
            if redundant is not None and all(state.get(unit) == op.fold for unit in units):
                redundant.append(op)
            torn = {state[unit] for unit in units if unit in state}
            state = {unit: fold for unit, fold in state.items() if fold not in torn}
            state |= dict.fromkeys(units, op.fold)
        elif isinstance(op, schedule.ForOp):
            head = state
            while (met := _meet(head, _flow(op.body.block, head, None))) != head:
                head = met
            state = _flow(op.body.block, head, redundant)
    return state
