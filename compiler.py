"""The compiler as a whole: from a model and a machine to a program, or to a package of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import onnx
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func

from .backend.build import build_program
from .backend.package import HostStep, Package
from .backend.program import Program
from .dialects.nn_network import network_of
from .dialects.registry import DIALECTS
from .dialects.store import Store, StoreContext
from .errors import LayerError, TilefoldError
from .frontend import import_model
from .frontend.graph import Graph
from .frontend.importer import convert
from .frontend.loading import load
from .frontend.partition import Segment, model_of, partition
from .frontend.shapes import Shapes
from .interpreters.nn import run as interpret
from .interpreters.placed_node import PlacedNode
from .interpreters.steps import Array, Step, Values, run_steps
from .machines import load_machine
from .machines.model import Machine
from .passes.attach_machine import attach_machine
from .passes.nn_frames import MOST, FrameOrder
from .passes.pipelines import Choices, Schedule, isa_passes, nn_passes, run_passes, schedule_passes
from .quantizer import Quantisation, quantised
from .search import TRIALS, Objective, Progress, Search, Trial

Model = str | Path | onnx.ModelProto
DEFAULT = Quantisation()


@dataclass(frozen=True)
class Compilation:
    """A network on its way to a machine: as imported, and the module as it is after each level."""

    context: StoreContext
    machine: Machine
    source: ModuleOp
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


@dataclass(frozen=True)
class PackageCompilation:
    """A network on its way to a machine and its host."""

    network: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: tuple[Compilation | HostStep, ...]
    nodes: tuple[PlacedNode, ...]
    fixed: Mapping[str, int]
    """Inputs that it was compiled for one number of."""

    @cached_property
    def package(self) -> Package:
        """The package file's content."""
        steps = tuple(step if isinstance(step, HostStep) else step.program for step in self.steps)
        return Package(self.network, steps, self.inputs, self.outputs, self.nodes, self.fixed)

    @property
    def machine_steps(self) -> dict[int, Compilation]:
        """The machine's steps by their numbers."""
        steps = enumerate(self.steps)
        return {number: step for number, step in steps if isinstance(step, Compilation)}

    def values(self, inputs: Values) -> dict[str, Array]:
        """What crosses between steps and the outputs, by name, for inputs of batch 1.

        The machine's steps are interpreted (`interpreters.nn`), the host's run as ever: it is what
        an emulated package must equal.
        """
        return run_steps(map(_reference, self.steps), inputs)


def _reference(step: Compilation | HostStep) -> Step:
    if isinstance(step, HostStep):
        return Step(tuple(port.name for port in step.inputs), step.runner.run)
    names, store = network_of(step.source).input_names, step.context.store
    return Step(names, lambda values: interpret(step.source, values, store))


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
    source = model if isinstance(model, ModuleOp) else import_model(model, store)
    module = source.clone()
    attach_machine(module, target)
    names: Callable[[str], None] | None = progress and (lambda name: progress(name, 0, None))
    run_passes(nn_passes(), context, module, names)
    choices = Choices(groups=groups, frames=frames, order=order)
    if effort:
        search = Search(context, target, module, effort, objective, choices, progress)
        schedule_level, isa_level, trials = search.run()
        return Compilation(context, target, source, module, schedule_level, isa_level, trials)
    lowered = module.clone()
    run_passes(schedule_passes(schedule, choices), context, lowered, names)
    isa = lowered.clone()
    run_passes(isa_passes(), context, isa, names)
    return Compilation(context, target, source, module, lowered, isa)


def _check_effort(schedule: Schedule, effort: int, objective: Objective) -> None:
    if effort not in (0, *TRIALS):
        raise TilefoldError(f"effort {effort} is not from 0 to {max(TRIALS)}")
    if effort and schedule is not Schedule.OVERLAPPED:
        raise TilefoldError(f"the {schedule} schedule is not searched for: leave effort at 0")
    if not effort and objective is not Objective.LATENCY:
        raise TilefoldError(f"the objective {objective} takes a search: give an effort of 1 to 3")


def compile_network(
    model: Model,
    machine: str | Path | Machine = "dna_a600",
    *,
    host: bool = True,
    samples: Mapping[str, Array] | None = None,
    quantisation: Quantisation = DEFAULT,
    shapes: Shapes | None = None,
    batches: bool = False,
    schedule: Schedule = Schedule.OVERLAPPED,
    groups: bool = False,
    frames: int = 1,
    order: FrameOrder = FrameOrder.FRAME,
    effort: int = 0,
    objective: Objective = Objective.LATENCY,
    progress: Progress | None = None,
) -> Compilation | PackageCompilation:
    """Compile a model for a machine, and, with `host`, leave to the host what it cannot run.

    A model that can run on the machine alone gives a program, any other a package; without `host`
    it is an error. With `samples`, arrays [n, ...] by input name, a float model is quantised first,
    as `quantisation` says. `shapes` gives those of inputs with dynamic dimensions. With `batches`,
    what reads an input of a fixed batch beyond 1 stays on the host; otherwise such a model is
    refused. The others are those of `compile_levels`; a package takes one frame at a time.
    Raises TilefoldError where the model, the machine or both together are not supported.
    """
    _check_effort(schedule, effort, objective)
    levels = partial(
        compile_levels,
        machine=machine if isinstance(machine, Machine) else load_machine(machine),
        schedule=schedule,
        groups=groups,
        frames=frames,
        order=order,
        effort=effort,
        objective=objective,
        progress=progress,
    )
    fixed: Mapping[str, int] = {}
    if samples is not None:
        made = quantised(model, samples, quantisation, shapes=shapes, progress=progress)
        model, fixed, shapes = made.model, made.fixed, None  # the model has its shapes now
        if fixed and frames > 1:
            raise TilefoldError(f"input '{min(fixed)}' has one number for all: one frame at a time")
    graph, store = load(model, shapes), Store()
    try:
        module = convert(graph, store)
    except TilefoldError as error:
        refusal, refused = error, dict[str, str]()
    else:
        try:
            if not fixed:  # which only packages check
                return levels(module, store=store)
            return _in_steps(graph, {}, batches, levels, fixed)
        except LayerError as error:
            refusal, refused = error, error.refused
    if not host:
        raise refusal
    if frames > 1:
        raise TilefoldError(f"{refusal}\nwith a part on the host, one frame at a time") from None
    return _in_steps(graph, refused, batches, levels, fixed)


def _in_steps(
    graph: Graph,
    refused: Mapping[str, str],
    batches: bool,
    levels: Callable[..., Compilation],
    fixed: Mapping[str, int],
) -> PackageCompilation:
    """The segments of `graph`, those of the machine compiled by `levels`.

    What the machine has refused is left to the host, and what it refuses of the segments as well.
    """
    parts = partition(graph, batches, refused)
    try:
        steps = tuple(_step(graph, segment, levels) for segment in parts.segments)
    except LayerError as error:
        nodes = {node.name for node in graph.nodes} - set(refused)
        more = {name: reason for name, reason in error.refused.items() if name in nodes}
        if not more:
            raise
        return _in_steps(graph, {**refused, **more}, batches, levels, fixed)
    return PackageCompilation(
        graph.name,
        tuple(port.name for port in graph.inputs),
        tuple(port.name for port in graph.outputs),
        steps,
        parts.nodes,
        fixed,
    )


def _step(
    graph: Graph, segment: Segment, levels: Callable[..., Compilation]
) -> Compilation | HostStep:
    if not segment.on_machine:
        return _host_step(graph, segment.graph)
    store = Store()
    return levels(convert(segment.graph, store), store=store)


def _host_step(whole: Graph, part: Graph) -> HostStep:
    """A part of the network as a step of the host; TilefoldError where the host cannot run it."""
    try:
        step = HostStep.of(model_of(part))
        step.runner  # noqa: B018  # onnxruntime refuses now what it would refuse later
    except TilefoldError as error:
        raise TilefoldError(f"{whole.file}: {error}") from None
    return step


def compile(
    model: Model,
    machine: str | Path | Machine = "dna_a600",
    *,
    host: bool = True,
    samples: Mapping[str, Array] | None = None,
    quantisation: Quantisation = DEFAULT,
    shapes: Mapping[str, Sequence[int]] | None = None,
    schedule: Schedule = Schedule.OVERLAPPED,
    groups: bool = False,
    frames: int = 1,
    order: FrameOrder = FrameOrder.FRAME,
    effort: int = 0,
    objective: Objective = Objective.LATENCY,
    progress: Progress | None = None,
) -> Program | Package:
    """Compile an ONNX model for a machine.

    `model` is a path or a ModelProto, `machine` a name, the path of a machine file, or a Machine;
    `schedule` whether layers overlap, `groups` whether layers that do not read one another may run
    at the same time on units of their own; `frames` how many images the program takes at a time,
    and `order` whether one after the other or layer by layer; `effort` (0 to 3) how long to search
    for the least of the `objective`. `shapes` gives those of inputs with dynamic dimensions. With
    `samples`, arrays [n, ...] by input name, a float model is quantised first.
    What the machine cannot run is left to the host: then the result is a package of steps for both,
    unless `host` forbids it.
    Raises TilefoldError, naming the node and the reason, where it cannot be compiled.
    """
    compiled = compile_network(
        model,
        machine,
        host=host,
        samples=samples,
        quantisation=quantisation,
        shapes=shapes,
        schedule=schedule,
        groups=groups,
        frames=frames,
        order=order,
        effort=effort,
        objective=objective,
        progress=progress,
    )
    return compiled.program if isinstance(compiled, Compilation) else compiled.package
