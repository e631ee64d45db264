"""Which operations lost their layer's name: those made in a rewrite have none unless given one.

Rewrites use `dialects.location.replace_with_location`.
"""

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation

from ..dialects import isa, schedule
from ..dialects.fields import FieldOp
from ..dialects.location import name_of

FRAME = (
    ModuleOp,
    FuncOp,
    ReturnOp,
    FieldOp,
    schedule.ProgramOp,
    schedule.YieldOp,
    isa.ProgramOp,
    isa.SemOp,
    isa.HaltOp,
)
"""What belongs to no layer: what holds the operations of a level, and machines."""


def unlocated(module: ModuleOp) -> tuple[Operation, ...]:
    """The operations of `module` without a layer name, but for those of the frame."""
    return tuple(op for op in module.walk() if not isinstance(op, FRAME) and not name_of(op))
