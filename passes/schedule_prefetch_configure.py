"""Load the next configuration into the shadow registers while the units work on this one.

```mlir
schedule.configure #fabric.fold<A>        schedule.configure #fabric.fold<A>
schedule.conv ...                         schedule.prefetch #fabric.fold<B>
schedule.configure #fabric.fold<B>  ->    schedule.conv ...
                                          schedule.configure #fabric.fold<B>
```

A configuration that is in the shadow registers costs the switch alone. It is fetched as early as
can be, right after the one before it of the same queue has left them. Only configurations outside
of loops are, and only on arrays that have shadow registers.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from ..dialects import schedule
from .attach_machine import machine_of
from .tokens import insert


@dataclass(frozen=True)
class SchedulePrefetchConfigurePass(ModulePass):
    """Insert a `schedule.prefetch` for every configuration but the first of its queue."""

    name = "schedule-prefetch-configure"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        for program in op.walk():
            if not isinstance(program, schedule.ProgramOp):
                continue
            before: dict[tuple[str, int], schedule.ConfigureOp] = {}
            for configure in list(program.body.block.ops):
                if not isinstance(configure, schedule.ConfigureOp):
                    continue
                fold = configure.fold
                queue = fold.array.data, fold.first.data
                if queue in before and machine.folds_for(fold.array.data).shadow:
                    point = InsertPoint.after(before[queue])
                    insert(point, schedule.PrefetchOp(fold), configure)
                before[queue] = configure
