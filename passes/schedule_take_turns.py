"""Let layers, and the tiles of each layer, take turns: nothing but constants is loaded ahead.

```mlir
schedule.for %i = 4 {                schedule.for %i = 4 iter(%f = %ready) {
                                       schedule.wait "load", %f
  schedule.load "load" ...             schedule.load "load" ...
  schedule.conv "conv.0" ...     ->    schedule.conv "conv.0" ...
  schedule.store "store" ...           schedule.store "store" ...
                                       %g = schedule.signal "store"
                                       schedule.yield %g
}                                    }
```

The first step of each unit in a layer waits for the last step of the layer before, and in an
iteration for the last step of the iteration before. Loads of constants are no such steps. Within
an iteration units follow each other as data tells them to: what an epilogue adds can be loaded
while the convolution before it runs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from ..dialects import schedule
from .schedule_allocate import nests_of
from .tokens import carry, child_in, insert


@dataclass(frozen=True)
class ScheduleTakeTurnsPass(ModulePass):
    """Insert the tokens that keep layers and iterations from overlapping."""

    name = "schedule-take-turns"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for program in schedule.programs_of(op):
            loops = [inner for inner in program.walk() if isinstance(inner, schedule.ForOp)]
            for body in [loop.body.block for loop in loops]:
                _order_iterations(body)
            _order_layers(program.body.block)


def loads_constant(step: schedule.StepOp) -> bool:
    """Whether a step loads weights, parameters or tables."""
    if not isinstance(step, schedule.LoadOp):
        return False
    tensor, _ = schedule.place_of(step.tensor)
    return tensor.kind.data == "constant"


def _turns(operations: Iterable[Operation]) -> list[schedule.StepOp]:
    """The steps that take turns, in program order."""
    steps = (step for operation in operations for step in schedule.steps_in(operation))
    return [step for step in steps if not loads_constant(step)]


def _followers(steps: Sequence[schedule.StepOp], last: schedule.StepOp) -> list[schedule.StepOp]:
    """The first of `steps` of each unit other than that of `last`."""
    first: dict[str, schedule.StepOp] = {}
    for step in steps:
        first.setdefault(step.queue, step)
    return [step for unit, step in first.items() if unit != last.queue]


def _order_iterations(body: Block) -> None:
    steps = _turns(body.ops)
    for step in _followers(steps, steps[-1]) if steps else ():
        assert body.last_op is not None
        loops = schedule.loops_around(body.last_op)
        ready = insert(InsertPoint.before(loops[0]), schedule.ReadyOp(), step)
        done = _signal(body, steps[-1])
        _wait(body, step, carry(loops, [ready.token], done))


def _order_layers(block: Block) -> None:
    before: schedule.StepOp | None = None
    # A concatenation counts as a layer for each input; what follows the last store is of none.
    *layers, _ = nests_of(block)
    for layer in layers:
        steps = _turns(layer)
        for step in _followers(steps, before) if before else ():
            assert before is not None
            _wait(block, step, _signal(block, before))
        before = steps[-1] if steps else before


def _signal(block: Block, step: schedule.StepOp) -> SSAValue:
    """A token for when `step`, somewhere in `block`, is done for the last time."""
    return insert(
        InsertPoint.after(child_in(block, step)), schedule.SignalOp(step.queue), step
    ).token


def _wait(block: Block, step: schedule.StepOp, token: SSAValue) -> None:
    """Let `step`, somewhere in `block`, wait for a token before it runs for the first time."""
    insert(InsertPoint.before(child_in(block, step)), schedule.WaitOp(step.queue, token), step)
