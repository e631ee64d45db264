"""Let groups of units give up those that another group takes.

```mlir
schedule.configure <first = 0, units = 6>        schedule.configure <first = 0, units = 6>
schedule.conv "conv.0" ...                       schedule.conv "conv.0" ...
                                           ->    schedule.configure <first = 0, units = 3>
schedule.configure <first = 3, units = 3>        schedule.configure <first = 3, units = 3>
schedule.conv "conv.3" ...                       schedule.conv "conv.3" ...
schedule.configure <first = 0, units = 3>
schedule.conv "conv.0" ...                       schedule.conv "conv.0" ...
```

A group whose first unit stays behind must be configured anew before units are taken from it: the
machine waits for that. It is the group's next configuration, if that takes other units and nothing
in between does; otherwise the group is left with its first unit alone. Only configurations outside
of loops are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from ..dialects import schedule
from ..dialects.fabric import FoldAttr
from .tokens import insert

Unit = tuple[str, int]


@dataclass(frozen=True)
class ScheduleReleaseUnitsPass(ModulePass):
    """Insert or move up a `schedule.configure` for every group that loses units."""

    name = "schedule-release-units"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in schedule.programs_of(op):
            _release(program)


def units_of(fold: FoldAttr) -> frozenset[Unit]:
    """The array and number of every unit of a group."""
    first = fold.first.data
    return frozenset((fold.array.data, first + number) for number in range(fold.units.data))


def leader_of(fold: FoldAttr) -> Unit:
    """The first unit of a group, in whose queue it runs."""
    return fold.array.data, fold.first.data


def _release(program: schedule.ProgramOp) -> None:
    waiting = [op for op in program.body.block.ops if isinstance(op, schedule.ConfigureOp)]
    groups: list[FoldAttr] = []
    while waiting:
        configure = waiting.pop(0)
        units = units_of(configure.fold)
        torn = [group for group in groups if units & units_of(group)]
        groups = [group for group in groups if group not in torn]
        for group in torn:
            if leader_of(group) not in units:
                groups.append(_shrunk(group, configure, waiting))
        groups.append(configure.fold)


def _shrunk(
    group: FoldAttr, configure: schedule.ConfigureOp, waiting: list[schedule.ConfigureOp]
) -> FoldAttr:
    """Configure `group` before `configure` to something without the units of that."""
    place = _next_of(group, configure, waiting)
    if place is not None:
        following = waiting.pop(place)
        following.detach()
        InsertPoint.before(configure).block.insert_op_before(following, configure)
        return following.fold
    numbers = {**group.numbers(), "chain": 1, "cols": 1, "pixels": 1, "groups": 1}
    del numbers["units"]
    alone = FoldAttr.get(group.array.data, **numbers)
    insert(InsertPoint.before(configure), schedule.ConfigureOp(alone), configure)
    return alone


def _next_of(
    group: FoldAttr, configure: schedule.ConfigureOp, waiting: Sequence[schedule.ConfigureOp]
) -> int | None:
    """The place of the group's next configuration, if nothing from `configure` on is in its way."""
    taken = units_of(configure.fold)
    for place, other in enumerate(waiting):
        units = units_of(other.fold)
        if leader_of(other.fold) == leader_of(group):
            return place if units <= units_of(group) and not units & taken else None
        taken |= units
    return None
