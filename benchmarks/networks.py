"""Whole networks beside their bounds, and what each step and each part of the machine is worth.

`python benchmarks/networks.py [--docs] [--json FILE]`. Every program is compiled in a process of
its own, one after the other; only time is emulated. `--docs` puts the tables into
docs/schedules.md, which says what they show.
"""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

# Before anything that imports numpy: it sets the number of threads.
from subjects import CACHE, ROOT, environment  # isort: skip

from pages import Cells, options_of, table, with_measured, with_tables
from tilefold.backend.build import build_program
from tilefold.backend.program import Program
from tilefold.compiler import compile_levels, context_for
from tilefold.costmodel.integers import as_array
from tilefold.dialects import nn
from tilefold.dialects.fabric import FoldAttr
from tilefold.dialects.location import name_of
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.emulator.layer_bound import layer_bound, supply_of, works_of
from tilefold.emulator.session import session_of
from tilefold.errors import TilefoldError
from tilefold.examples.networks import quantised
from tilefold.frontend import import_model
from tilefold.machines import load_machine
from tilefold.machines.model import Machine, parse_machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.choose_fold import ChooseFoldPass
from tilefold.passes.folding.space import Placement, layer_cost
from tilefold.passes.fuse_epilogue import FuseEpiloguePass
from tilefold.passes.keep_on_chip import KeepOnChipPass
from tilefold.passes.lower_to_isa import LowerToIsaPass
from tilefold.passes.lower_to_schedule import LowerToSchedulePass
from tilefold.passes.lowering.convolution import conv_shape
from tilefold.passes.pipelines import Schedule, nn_passes, run_passes, schedule_passes
from tilefold.passes.schedule_buffer_depth import ScheduleBufferDepthPass
from tilefold.passes.schedule_prefetch_configure import SchedulePrefetchConfigurePass
from tilefold.search import differences
from tilefold.tools.command import console, write_files
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

NETWORKS = ("resnet50", "resnet18", "mobilenetv2")
TARGETS = {"resnet50": 1.2, "resnet18": 1.2, "mobilenetv2": 1.5}
"""Cycles over the bound, at most."""
EFFORTS = (1,)
"""What searches of all networks are allowed."""
LARGE = 448
"""Rows and columns of images whose tensors are too large for some chips."""
TAKEN_APART = ("resnet50", "mobilenetv2")
MACHINE = "dna_a600"
"""What schedules are taken apart on."""

MERA = {
    ("resnet50", "dna_a600"): 770_566,
    ("resnet50", "dna_f200"): 1_143_916,
    ("resnet50", "dna_f100"): 1_952_676,
    ("resnet18", "dna_a600"): 239_930,
    ("resnet18", "dna_f200"): 419_816,
    ("resnet18", "dna_f100"): 702_038,
}
"""The fewest cycles by MERA 1.6's simulator, for int8 images of 224 x 224 (docs/mera.md)."""

PAGE = ROOT / "docs" / "schedules.md"


class Edit(NamedTuple):
    """What stands in a machine's text so many times, and what takes its place."""

    old: str
    new: str
    times: int = 1


Passes = Sequence[ModulePass]

PORTS = Edit("bytes_per_cycle = 85,", "bytes_per_cycle = 128,")
"""DRAM as fast as the ports of weights."""
MACHINES: Mapping[str, tuple[str, Edit | None]] = {
    "dna_a600": ("dna_a600", None),
    "dna_a600, DRAM 128 B/cycle": ("dna_a600", PORTS),
    "dna_f200": ("dna_f200", None),
    "dna_f100": ("dna_f100", None),
}

BESIDE = ', "OX"]}, limit = {OX = 4}'
"""Where modes name output pixels last along x."""
WITHOUT: Mapping[str, Edit] = {
    "weights of the next pass in a second plane": Edit(
        'axis = "y", planes = 2,', 'axis = "y", planes = 1,'
    ),
    "a second plane of accumulators": Edit("lines = 512, planes = 2", "lines = 512, planes = 1"),
    "shadow registers": Edit("shadow = true", "shadow = false"),
    "switching in 16 cycles: 800": Edit("switch_cycles = 16", "switch_cycles = 800"),
    "half of the vector lanes": Edit("lanes = 64", "lanes = 32"),
    "output pixels in columns that channels leave": Edit(BESIDE, "]}", times=3),
    "the mode for few channels": Edit(
        f'    fabric.mode @window {{spatial = {{y = ["C", "FY", "FX"], x = ["K"{BESIDE}, '
        'src = "assumed: rows that few channels leave take the positions of the window, '
        'columns as in dense"}\n',
        "",
    ),
    "the mode for depthwise layers": Edit(
        f'    fabric.mode @depthwise {{spatial = {{y = ["FY", "FX"], x = ["G", "K"{BESIDE}, '
        'src = "assumed; the machine has no separate depthwise unit; columns as in dense"}\n',
        "",
    ),
}
"""What is assumed of the machine, and its file without it."""
FACTORS = "c = [1, 2, 3, 6], p = [1, 2, 3, 6]"
FIXED: Mapping[str, Edit] = {
    f"chains of {chain}, {6 // chain} of them over pixels": Edit(
        FACTORS,
        f"c = [{chain}], p = [{6 // chain}]",
    )
    for chain in (1, 2, 3, 6)
}
"""Machines that have all six units in one configuration for all layers."""


@dataclass(frozen=True)
class Task:
    """A network to compile for a machine, in the way of `pipeline` (see `STEPS`, `LEFT_OUT`).

    Or, with an `effort`, as a search finds it; for images of `size` rows and columns.
    """

    network: str
    machine: str = MACHINE
    edit: Edit | None = None
    pipeline: str = "all"
    effort: int = 0
    size: int = 224


@dataclass(frozen=True)
class Outcome:
    """Cycles emulated and by both bounds, a utilisation of 0..1, and what compiling took.

    `folded` is the bound with each layer at the cycles of its fold in place of the arrays' peak.
    `seconds` of a processor and `peak_bytes` of memory are those of a process that started, read
    and compiled the model. `dram_bytes` move over its port. A search tried so many `programs`, and
    found `how`.
    """

    cycles: int
    bound: int
    folded: int
    roofline: int
    utilisation: float
    seconds: float
    peak_bytes: int
    dram_bytes: int
    programs: int = 1
    how: str = ""

    @property
    def ratio(self) -> float:
        """How many times the bound the cycles are."""
        return self.cycles / self.bound


def _without(passes: Passes, *kinds: type[ModulePass]) -> Passes:
    return [each for each in passes if not isinstance(each, kinds)]


def _whole_layers(passes: Passes) -> Passes:
    """No layer in pieces."""
    return [
        replace(each, piece=1 << 40) if isinstance(each, LowerToSchedulePass) else each
        for each in passes
    ]


def _double_buffered(passes: Passes) -> Passes:
    """Rings of constants as deep as any other."""
    return [
        replace(each, constant_depth=each.depth)
        if isinstance(each, ScheduleBufferDepthPass)
        else each
        for each in passes
    ]


def _all(passes: Passes) -> Passes:
    return passes


def _serial(_: Passes) -> Passes:
    return schedule_passes(Schedule.LAYER_SERIAL)


def _switching_exposed(passes: Passes) -> Passes:
    return _without(passes, SchedulePrefetchConfigurePass)


def _pieces(passes: Passes) -> Passes:
    return _double_buffered(_switching_exposed(passes))


def _kept(passes: Passes) -> Passes:
    return _whole_layers(_pieces(passes))


def _overlapped(passes: Passes) -> Passes:
    return _without(_kept(passes), KeepOnChipPass)


STEPS: Mapping[str, Callable[[Passes], Passes]] = {
    "layer-serial": _serial,
    "layers overlapped, activations through DRAM": _overlapped,
    "tensors kept on chip": _kept,
    "weights ahead, in pieces": _pieces,
    "weights ahead, in deep rings": _switching_exposed,
    "configurations prefetched": _all,
}
"""Pipelines, each with one step more than the one before."""
LEFT_OUT: Mapping[str, Callable[[Passes], Passes]] = {
    "additions and tables fused": lambda passes: _without(passes, FuseEpiloguePass),
    "tensors kept on chip": lambda passes: _without(passes, KeepOnChipPass),
    "weights in pieces": _whole_layers,
    "deep rings of weights": _double_buffered,
    "configurations prefetched": _switching_exposed,
}
"""The whole pipeline without one of its steps."""
PIPELINES = {**{f"step {n}": s for n, s in STEPS.items()}, **LEFT_OUT, "all": _all}


def machine_of(task: Task) -> Machine:
    """The machine of `task`; TilefoldError where its edit does not fit the file."""
    machine = load_machine(task.machine)
    if task.edit is None:
        return machine
    old, new, times = task.edit
    if machine.text.count(old) != times:
        raise TilefoldError(f"machine {machine.name} has '{old}' {machine.text.count(old)} times")
    return parse_machine(machine.text.replace(old, new), f"{machine.name}, edited")


def compiled(task: Task, file: Path) -> tuple[Program, dict[str, int]]:
    """The network of `file` by the passes of the task's pipeline, and `fold_cycles`."""
    store = Store()
    context = context_for(store)
    module = import_model(file, store)
    machine = machine_of(task)
    attach_machine(module, machine)
    run_passes(nn_passes(), context, module)
    passes = [*PIPELINES[task.pipeline](schedule_passes()), LowerToIsaPass()]
    folded = [each.name for each in passes].index(ChooseFoldPass.name) + 1
    run_passes(passes[:folded], context, module)
    cycles = fold_cycles(module, machine, store)
    run_passes(passes[folded:], context, module)
    return build_program(module, machine, store), cycles


def fold_cycles(module: ModuleOp, machine: Machine, store: Store) -> dict[str, int]:
    """By layer that multiplies, the cycles of the arrays if its fold ran it as one tile."""
    cycles: dict[str, int] = {}
    for layer in module.walk():
        fold = layer.attributes.get("fold")
        if isinstance(layer, nn.ConvOp | nn.MatmulOp) and isinstance(fold, FoldAttr):
            cost = layer_cost(machine, Placement.of(fold), conv_shape(layer, store))
            cycles[name_of(layer)] = int(as_array(cost.occupancy))
    return cycles


def folded_bound(program: Program, cycles: Mapping[str, int]) -> int:
    """The bound of `emulator.layer_bound`, with the arrays' `cycles` by layer given."""
    session = session_of(program)
    counters = session.timer.run(None)
    works = works_of(session.layers, session.machine, counters)
    names = [program.layers[layer] for layer in session.layers.needs]
    slower = [
        replace(work, compute=max(work.compute, Fraction(cycles.get(name, 0))))
        for name, work in zip(names, works, strict=True)
    ]
    return layer_bound(slower, supply_of(session.machine, counters.start))


def peak_memory() -> int:
    """The most bytes that this process held; on Linux.

    What getrusage tells counts the process that started this one, too.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (kibibytes,) = re.findall(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return int(kibibytes) * 1024


def outcome(task: Task, file: Path) -> Outcome:
    """Compile the network in `file` and time it; to be called once a process."""
    programs, how, cycles = 1, "", dict[str, int]()
    if task.effort:
        levels = compile_levels(file, machine_of(task), effort=task.effort)
        program, programs = levels.program, len(levels.trials)
        assert levels.best is not None
        how = "; ".join(differences(levels.best.choices))
    else:
        program, cycles = compiled(task, file)
    seconds, memory = time.process_time(), peak_memory()
    report = emulate(program, {}, values=False).report
    total = report.total
    assert total.layer_by_layer is not None
    return Outcome(
        total.cycles,
        total.layer_by_layer,
        folded_bound(program, cycles),
        total.bound.cycles,
        total.utilisation,
        seconds,
        memory,
        sum(total.bytes[report.total.dram].values()),
        programs,
        how,
    )


def outcomes(tasks: Sequence[Task], tell: Callable[[str], None]) -> dict[Task, Outcome]:
    """The outcome of every task, each in a process of its own."""
    kinds = {(task.network, task.size) for task in tasks}
    files = {kind: quantised(kind[0], CACHE, kind[1]) for kind in sorted(kinds)}
    found: dict[Task, Outcome] = {}
    context = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        for number, task in enumerate(dict.fromkeys(tasks), 1):
            tell(f"{number} of {len(set(tasks))}: {task.network}, {task.machine}, {task.pipeline}")
            found[task] = pool.submit(outcome, task, files[task.network, task.size]).result()
    return found


def network_tasks() -> dict[tuple[str, str], Task]:
    """By network and machine."""
    return {
        (network, name): Task(network, machine, edit)
        for network in NETWORKS
        for name, (machine, edit) in MACHINES.items()
    }


def effort_tasks() -> dict[tuple[str, str, int], Task]:
    """By network, machine and effort: searches of the networks."""
    return {
        (network, machine, effort): replace(task, effort=effort)
        for effort in (0, *EFFORTS)
        for (network, machine), task in network_tasks().items()
    }


def stripe_tasks() -> dict[tuple[str, str, int], Task]:
    """By network, machine and effort: images whose tensors do not fit the chip."""
    return {
        (network, machine, effort): Task(network, machine, effort=effort, size=LARGE)
        for network in ("mobilenetv2", "resnet18")
        for machine in ("dna_f100", "tpu_like")
        for effort in (0, 2)
    }


def variants(network: str) -> dict[str, dict[str, Task]]:
    """The tasks that take a network apart, by table and line."""
    return {
        "steps": {step: Task(network, pipeline=f"step {step}") for step in STEPS},
        "left out": {step: Task(network, pipeline=step) for step in LEFT_OUT},
        "without": {part: Task(network, edit=edit) for part, edit in WITHOUT.items()},
        "fixed": {name: Task(network, edit=edit) for name, edit in FIXED.items()},
    }


def all_tasks() -> list[Task]:
    """What all tables take."""
    tasks = [*network_tasks().values(), *effort_tasks().values(), *stripe_tasks().values()]
    for network in TAKEN_APART:
        tasks += [task for group in variants(network).values() for task in group.values()]
    return tasks


def network_cells(found: Mapping[Task, Outcome]) -> Cells:
    """A line for each network and machine."""
    header = ["network", "machine", "cycles", "bound", "ratio", "at most", "folds", "schedule"]
    cells: Cells = [[*header, "roofline", "utilisation", "MERA", "compiled in", "memory"]]
    for (network, machine), task in network_tasks().items():
        one = found[task]
        vendor = MERA.get((network, machine))
        cells.append([network, machine, f"{one.cycles:,}", f"{one.bound:,}"])
        cells[-1] += [f"{one.ratio:.3f}", f"{TARGETS[network]:.2f}"]
        cells[-1] += [f"{one.folded / one.bound:.3f}", f"{one.cycles / one.folded:.3f}"]
        cells[-1] += [f"{one.roofline:,}", f"{one.utilisation:.1%}"]
        cells[-1] += [f"{vendor:,}" if vendor else ""]
        cells[-1] += [f"{one.seconds:.1f} s", f"{one.peak_bytes / 1e6:,.0f} MB"]
    return cells


def effort_cells(found: Mapping[Task, Outcome]) -> Cells:
    """A line for each network and machine: what a search finds, and takes."""
    cells: Cells = [["network", "machine", "cycles", "ratio"]]
    for effort in EFFORTS:
        cells[0] += [f"effort {effort}", "ratio", "programs", "compiled in", "what it takes"]
    every = effort_tasks()
    for network, machine in network_tasks():
        first = found[every[network, machine, 0]]
        cells.append([network, machine, f"{first.cycles:,}", f"{first.ratio:.3f}"])
        for effort in EFFORTS:
            one = found[every[network, machine, effort]]
            cells[-1] += [f"{one.cycles:,}", f"{one.ratio:.3f}", str(one.programs)]
            cells[-1] += [f"{one.seconds:.1f} s", one.how or "nothing else"]
    return cells


def stripe_cells(found: Mapping[Task, Outcome]) -> Cells:
    """A line for each network and machine: whole layers beside what a search finds."""
    cells: Cells = [["network", "machine", "cycles", "DRAM bytes"]]
    cells[0] += ["searched: cycles", "DRAM bytes", "gain", "what it takes"]
    every = stripe_tasks()
    for network, machine in dict.fromkeys((key[0], key[1]) for key in every):
        before, after = (found[every[network, machine, effort]] for effort in (0, 2))
        cells.append([network, machine, f"{before.cycles:,}", f"{before.dram_bytes:,}"])
        cells[-1] += [f"{after.cycles:,}", f"{after.dram_bytes:,}"]
        cells[-1] += [f"{before.cycles / after.cycles:.3f}", after.how or "nothing else"]
    return cells


def step_cells(found: Mapping[Task, Outcome]) -> Cells:
    """A line for each step; how many times as fast as before it."""
    cells: Cells = [["step"]]
    cells += [[step] for step in STEPS]
    for network in TAKEN_APART:
        cells[0] += [network, "gain"]
        before: int | None = None
        for line, task in zip(cells[1:], variants(network)["steps"].values(), strict=True):
            cycles = found[task].cycles
            line += [f"{cycles:,}", f"{before / cycles:.3f}" if before else "1.000"]
            before = cycles
    return cells


def without_cells(found: Mapping[Task, Outcome], which: str, title: str) -> Cells:
    """A line for each variant of a table of `variants`; how many times the cycles of the whole."""
    names = list(variants(NETWORKS[0])[which])
    cells: Cells = [[title], ["nothing"], *([name] for name in names)]
    for network in TAKEN_APART:
        cells[0] += [network, "/ whole"]
        whole = found[Task(network)].cycles
        tasks = [Task(network), *variants(network)[which].values()]
        for line, task in zip(cells[1:], tasks, strict=True):
            cycles = found[task].cycles
            line += [f"{cycles:,}", f"{cycles / whole:.3f}"]
    return cells


def tables(found: Mapping[Task, Outcome]) -> dict[str, Cells]:
    """Every table by the name of its markers in the page."""
    return {
        "networks": network_cells(found),
        "efforts": effort_cells(found),
        "stripes": stripe_cells(found),
        "steps": step_cells(found),
        "left out": without_cells(found, "left out", "left out"),
        "without": without_cells(found, "without", "the machine without"),
        "fixed": without_cells(found, "fixed", "all layers on"),
    }


def main() -> None:
    """Compile, emulate, print, and write what is asked for."""
    options = options_of("Compares networks with their bounds.", PAGE)
    tasks = all_tasks()
    screen = console()
    try:
        with screen.status("compiling") as status:
            found = outcomes(tasks, status.update)
    except TilefoldError as error:
        raise SystemExit(f"error: {error}") from None
    about = environment(MACHINE, 1)
    shown = tables(found)
    screen.print(*(table(name, cells) for name, cells in shown.items()))
    files: dict[Path, bytes] = {}
    if options.docs:
        measured = "Measured on {processor}, Python {python}.".format(**about)
        files[PAGE] = with_measured(with_tables(PAGE, shown), "processor", measured).encode()
    if options.json:
        rows: list[dict[str, Any]] = [
            asdict(task) | asdict(one) | {"ratio": one.ratio} for task, one in found.items()
        ]
        record = {"environment": about, "rows": rows}
        files[options.json] = (json.dumps(record, indent=1) + "\n").encode()
    write_files(files)


if __name__ == "__main__":
    main()
