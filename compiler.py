"""The compiler as a whole: from a model and a machine to a program."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnx
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func

from .backend.build import build_program
from .backend.program import Program
from .dialects.registry import DIALECTS
from .dialects.store import Store, StoreContext
from .errors import TilefoldError
from .frontend import import_model
from .machines import load_machine
from .machines.model import Machine
from .passes.attach_machine import attach_machine
from .passes.nn_frames import MOST, FrameOrder
from .passes.pipelines import Choices, Schedule, isa_passes, nn_passes, run_passes, schedule_passes
from .search import TRIALS, Objective, Progress, Search, Trial

Model = str | Path | onnx.ModelProto


@dataclass(frozen=True)
class Compilation:
    """A network on its way to a machine: the module as it is after each level."""

    context: StoreContext
    machine: Machine
    nn: ModuleOp
    schedule: ModuleOp
    isa: ModuleOp
    trials: Sequence[Trial] = ()
    """All that a search tried, in its order."""

    @cached_property
    def program(self) -> Program:
        """The program file's content."""
        return build_program(self.isa, self.machine, self.context.store)

    @property
    def best(self) -> Trial | None:
        """The trial that this came of, if there was a search."""
        judged = [(trial.score, trial) for trial in self.trials if trial.score is not None]
        return min(judged, key=lambda pair: pair[0], default=(None, None))[1]


def context_for(store: Store) -> StoreContext:
    """A context with all dialects and `store`."""
    context = StoreContext(store=store)
    for dialect in (Builtin, Func, *DIALECTS):
        context.load_dialect(dialect)
    return context


def compile_levels(
    model: Model | ModuleOp,
    machine: str | Path | Machine = "dna_a600",
    *,
    schedule: Schedule = Schedule.OVERLAPPED,
    groups: bool = False,
    frames: int = 1,
    order: FrameOrder = FrameOrder.FRAME,
    effort: int = 0,
    objective: Objective = Objective.LATENCY,
    store: Store | None = None,
    progress: Progress | None = None,
) -> Compilation:
    """Compile a model (an ONNX file or ModelProto, or an `nn` module with its store).

    `groups` lets layers that do not read one another run side by side. The program takes so many
    `frames` at a time, one image after the other or in the `order` of layers, each for all images.
    With an `effort` of 1 to 3 several programs are made, and the one that has the least of the
    `objective` is kept (`search`).
    Raises TilefoldError where the model, the machine or both together are not supported.
    """
    _check_effort(schedule, effort, objective)
    if not 1 <= frames <= MOST:
        raise TilefoldError(f"{frames} frames are not from 1 to {MOST}")
    store = store if store is not None else Store()
    context = context_for(store)
    target = machine if isinstance(machine, Machine) else load_machine(machine)
    module = model.clone() if isinstance(model, ModuleOp) else import_model(model, store)
    attach_machine(module, target)
    names: Callable[[str], None] | None = progress and (lambda name: progress(name, 0, None))
    run_passes(nn_passes(), context, module, names)
    choices = Choices(groups=groups, frames=frames, order=order)
    if effort:
        search = Search(context, target, module, effort, objective, choices, progress)
        schedule_level, isa_level, trials = search.run()
        return Compilation(context, target, module, schedule_level, isa_level, trials)
    lowered = module.clone()
    run_passes(schedule_passes(schedule, choices), context, lowered, names)
    isa = lowered.clone()
    run_passes(isa_passes(), context, isa, names)
    return Compilation(context, target, module, lowered, isa)


def _check_effort(schedule: Schedule, effort: int, objective: Objective) -> None:
    if effort not in (0, *TRIALS):
        raise TilefoldError(f"effort {effort} is not from 0 to {max(TRIALS)}")
    if effort and schedule is not Schedule.OVERLAPPED:
        raise TilefoldError(f"the {schedule} schedule is not searched for: leave effort at 0")
    if not effort and objective is not Objective.LATENCY:
        raise TilefoldError(f"the objective {objective} takes a search: give an effort of 1 to 3")


def compile(
    model: Model,
    machine: str | Path | Machine = "dna_a600",
    *,
    schedule: Schedule = Schedule.OVERLAPPED,
    groups: bool = False,
    frames: int = 1,
    order: FrameOrder = FrameOrder.FRAME,
    effort: int = 0,
    objective: Objective = Objective.LATENCY,
    progress: Progress | None = None,
) -> Program:
    """Compile a quantised ONNX model for a machine.

    `model` is a path or a ModelProto, `machine` a name, the path of a machine file, or a Machine;
    `schedule` whether layers overlap, `groups` whether layers that do not read one another may run
    at the same time on units of their own; `frames` how many images the program takes at a time,
    and `order` whether one after the other or layer by layer; `effort` (0 to 3) how long to search
    for the least of the `objective`.
    Raises TilefoldError, naming the node and the reason, where it cannot be compiled.
    """
    return compile_levels(
        model,
        machine,
        schedule=schedule,
        groups=groups,
        frames=frames,
        order=order,
        effort=effort,
        objective=objective,
        progress=progress,
    ).program
