"""Load the next configuration into the shadow registers while the units work on this one.

```mlir
schedule.configure #fabric.fold<A>        schedule.configure #fabric.fold<A>
schedule.conv ...                         schedule.prefetch #fabric.fold<B>
schedule.configure #fabric.fold<B>  ->    schedule.conv ...
                                          schedule.configure #fabric.fold<B>
```

A configuration that is in the shadow registers costs the switch alone. It is fetched as early as
can be, right after its first unit was configured before. Then the shadow registers of its other
units must be free, too: each was configured by that operation, or by an earlier one that shares a
unit with it, or never. Only configurations outside of loops are fetched ahead, and only on arrays
that have shadow registers.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from ..dialects import schedule
from .attach_machine import machine_of
from .schedule_release_units import Unit, leader_of, units_of
from .tokens import insert


@dataclass(frozen=True)
class SchedulePrefetchConfigurePass(ModulePass):
    """Insert a `schedule.prefetch` for every configuration whose shadow registers are free."""

    name = "schedule-prefetch-configure"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        for program in schedule.programs_of(op):
            before: dict[Unit, schedule.ConfigureOp] = {}
            for configure in list(program.body.block.ops):
                if not isinstance(configure, schedule.ConfigureOp):
                    continue
                units = units_of(configure.fold)
                own = before.get(leader_of(configure.fold))
                others = {before[unit] for unit in units if unit in before}
                shadow = machine.folds_for(configure.fold.array.data).shadow
                if shadow and own and all(_comes_first(other, own) for other in others):
                    prefetch = schedule.PrefetchOp(configure.fold)
                    insert(InsertPoint.after(own), prefetch, configure)
                before |= dict.fromkeys(units, configure)


def _comes_first(one: schedule.ConfigureOp, other: schedule.ConfigureOp) -> bool:
    """Whether `one` is over when `other` is: it is the same, or earlier and shares a unit."""
    shares = units_of(one.fold) & units_of(other.fold)
    return one is other or (bool(shares) and one.is_before_in_block(other))
