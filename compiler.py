"""The compiler as a whole: from a model and a machine to a program."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func

from .backend.build import build_program
from .backend.program import Program
from .dialects.registry import DIALECTS
from .dialects.store import Store, StoreContext
from .frontend import import_model
from .machines import load_machine
from .machines.model import Machine
from .passes.attach_machine import attach_machine
from .passes.lower_to_isa import LowerToIsaPass
from .passes.pipelines import Schedule, nn_passes, run_passes, schedule_passes

Model = str | Path | onnx.ModelProto
Progress = Callable[[str], None]
"""Called with the name of each pass before it runs."""


@dataclass(frozen=True)
class Compilation:
    """A network on its way to a machine: the module as it is after each level."""

    context: StoreContext
    machine: Machine
    nn: ModuleOp
    schedule: ModuleOp
    isa: ModuleOp

    @property
    def program(self) -> Program:
        """The program file's content."""
        return build_program(self.isa, self.machine, self.context.store)


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
    store: Store | None = None,
    progress: Progress | None = None,
) -> Compilation:
    """Compile a model (an ONNX file or ModelProto, or an `nn` module with its store).

    Raises TilefoldError where the model, the machine or both together are not supported.
    """
    store = store if store is not None else Store()
    context = context_for(store)
    target = machine if isinstance(machine, Machine) else load_machine(machine)
    module = model.clone() if isinstance(model, ModuleOp) else import_model(model, store)
    attach_machine(module, target)
    levels: list[ModuleOp] = []
    for passes in (nn_passes(), schedule_passes(schedule, groups), (LowerToIsaPass(),)):
        module = module.clone()
        run_passes(passes, context, module, progress)
        levels.append(module)
    return Compilation(context, target, *levels)


def compile(
    model: Model,
    machine: str | Path | Machine = "dna_a600",
    *,
    schedule: Schedule = Schedule.OVERLAPPED,
    groups: bool = False,
    progress: Progress | None = None,
) -> Program:
    """Compile a quantised ONNX model for a machine.

    `model` is a path or a ModelProto, `machine` a name, the path of a machine file, or a Machine;
    `schedule` whether layers overlap, `groups` whether layers that do not read one another may run
    at the same time on units of their own.
    Raises TilefoldError, naming the node and the reason, where it cannot be compiled.
    """
    levels = compile_levels(model, machine, schedule=schedule, groups=groups, progress=progress)
    return levels.program
