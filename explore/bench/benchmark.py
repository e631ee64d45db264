"""A network on a machine: compiled, its cycles predicted and emulated, beside the roofline.

Operations are two for each product, an addition and a multiplication (S. Williams, A. Waterman,
D. Patterson: Roofline, CACM 52 (4), 2009). `docs/benching.md` says what each number is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ...backend.prediction import LayerPrediction, Prediction
from ...backend.program import Program
from ...compiler import Compilation, compile_levels, compile_network
from ...dialects.isa_prediction import KINDS
from ...emulator import Report, emulate
from ...emulator.prediction import PROGRAM
from ...emulator.report import Row
from ...errors import TilefoldError
from ...machines.model import Machine
from ...passes.explanation import explain
from ...passes.folding.ranking import RankedFold
from ...passes.pipelines import Schedule
from .sizes import Sizes, sizes_of
from .variations import Variation, variations

CODE: Final = "code"
"""Cycles until the program's instructions are on the chip."""
LIMITS: Final = (*KINDS, CODE)
"""What cycles go by with."""

Tell = Callable[[str], None]
"""Called with what is done next."""


@dataclass(frozen=True)
class Share:
    """A layer, or all of them, on a machine.

    `sizes` are bytes of its tensors, each once, `moved` those that its transfers move at the DRAM,
    `peak` the products that all arrays do in a cycle at its precision (0: it has none), `rate` the
    bytes that the DRAM moves in a cycle. `parts` are the cycles that it is predicted to add to the
    time of those before it, by what they go by with (`LIMITS`), `emulated` those that it does add.
    `working` is `cycles`, or the cycles that its busiest unit works on it, if these are more:
    layers overlap. No run can take fewer than `bound` cycles, which `bound_by` needs.
    """

    name: str
    step: int
    macs: int
    sizes: Sizes
    moved: int
    peak: int
    rate: int
    parts: Mapping[str, int]
    emulated: int
    working: int
    bound: int
    bound_by: str

    @property
    def cycles(self) -> int:
        """As predicted."""
        return sum(self.parts.values())

    @property
    def limit(self) -> str:
        """What most of the cycles go by with; "" if there are none."""
        return max(self.parts, key=lambda part: self.parts[part]) if self.cycles else ""

    @property
    def tensors(self) -> int:
        """Bytes of weights, inputs and outputs, each once."""
        return self.sizes.weights + self.sizes.inputs + self.sizes.outputs

    @property
    def intensity(self) -> float | None:
        """Operations for each byte that the DRAM moves; None where either is none."""
        return 2 * self.macs / self.moved if self.macs and self.moved else None

    @property
    def tensor_intensity(self) -> float | None:
        """Operations for each byte of its tensors; None where either is none."""
        return 2 * self.macs / self.tensors if self.macs and self.tensors else None

    @property
    def balance(self) -> float | None:
        """Operations a byte at which arrays and DRAM take the same time; None without products."""
        return 2 * self.peak / self.rate if self.peak else None

    @property
    def attainable(self) -> float | None:
        """Operations a cycle under the roofs of arrays and DRAM; None without products."""
        if not self.macs:
            return None
        flat = 2.0 * self.peak
        return flat if self.intensity is None else min(flat, self.intensity * self.rate)

    @property
    def attained(self) -> float | None:
        """Operations a cycle while it works; None without products."""
        return 2 * self.macs / self.working if self.macs and self.working else None

    @property
    def utilisation(self) -> float | None:
        """Products over what all arrays could do while it works; None without products."""
        return self.macs / (self.working * self.peak) if self.macs and self.working else None


@dataclass(frozen=True)
class Varied:
    """What a network is predicted to take on another machine; None where it cannot run there."""

    variation: Variation
    cycles: int | None
    reason: str


@dataclass(frozen=True)
class Alternatives:
    """A layer's configurations of the arrays, the cheapest between its neighbours first."""

    layer: str
    why: str
    folds: tuple[RankedFold, ...]


@dataclass(frozen=True)
class Benchmark:
    """A network on a machine.

    `serial` is the least that running layers one after the other takes (`emulator.layer_bound`);
    `host` the number of the network's nodes that run on the host and are not counted.
    """

    network: str
    machine: Machine
    layers: tuple[Share, ...]
    total: Share
    serial: int
    host: int
    varied: tuple[Varied, ...]
    alternatives: tuple[Alternatives, ...]

    def limited(self) -> dict[str, list[Share]]:
        """The layers by what limits them, in the order of `LIMITS`."""
        groups = {limit: [row for row in self.layers if row.limit == limit] for limit in LIMITS}
        return {limit: rows for limit, rows in groups.items() if rows or self.total.parts[limit]}


@dataclass(frozen=True)
class Wanted:
    """For how many of the layers that take most cycles folds are listed, how many of each, and
    whether other machines are looked at."""

    layers: int = 3
    folds: int = 4
    others: bool = True


def benchmark(model: Path, machine: Machine, wanted: Wanted, tell: Tell) -> Benchmark:
    """The quantised network in a file on a machine.

    Raises TilefoldError where the network cannot run there, in no part either.
    """
    tell("compiling")
    compiled = compile_network(model, machine)
    alone = isinstance(compiled, Compilation)
    steps = {0: compiled} if alone else compiled.machine_steps
    nodes = [] if alone else [node for node in compiled.nodes if not node.on_machine]
    if not steps:
        raise TilefoldError(
            f"{model}: no layer can run on {machine.name}\n"
            f"node '{nodes[0].name}' ({nodes[0].operator}): {nodes[0].reason}"
        )
    tell("timing")
    programs = [each.program for each in steps.values()]
    reports = [emulate(each, {}, values=False, check=False).report for each in programs]
    layers = tuple(
        layer
        for (step, each), report in zip(steps.items(), reports, strict=True)
        for layer in _layers(step, each, report)
    )
    total = _total(layers, reports)
    return Benchmark(
        model.stem,
        machine,
        layers,
        total,
        sum(report.total.layer_by_layer or 0 for report in reports),
        len(nodes),
        tuple(_others(list(steps.values()), machine, tell)) if wanted.others else (),
        tuple(_alternatives(steps, layers, wanted, tell)),
    )


def _layers(step: int, compilation: Compilation, report: Report) -> Iterator[Share]:
    """The layers of a program in order, and the program itself."""
    program, sizes = compilation.program, sizes_of(compilation)
    predicted, start = _predicted(program)
    for row in report.layers:
        prediction = predicted.get(row.name, LayerPrediction((0,) * len(KINDS)))
        code = start if row.name == PROGRAM else 0
        parts = {**prediction.by_kind, CODE: code}
        busy = max((time.busy for time in row.units.values()), default=0)
        yield Share(
            name=row.name,
            step=step,
            macs=row.macs,
            sizes=sizes.get(row.name, Sizes()),
            moved=_moved(row),
            peak=row.peak if row.macs else 0,
            rate=compilation.machine.dram.bytes_per_cycle,
            parts=parts,
            emulated=row.cycles,
            working=max(busy, sum(parts.values())),
            bound=row.bound.cycles,
            bound_by=row.bound.by,
        )


def _predicted(program: Program) -> tuple[dict[str, LayerPrediction], int]:
    """The predictions of a program's layers by name, and when its units start."""
    prediction = _prediction(program)
    layers = {program.layers[number]: each for number, each in prediction.layers.items()}
    return layers, prediction.start


def _prediction(program: Program) -> Prediction:
    assert program.prediction is not None, "predict-cycles has run"
    return program.prediction


def _moved(row: Row) -> int:
    return sum(row.bytes.get(row.dram, {}).values())


def _total(layers: Sequence[Share], reports: Sequence[Report]) -> Share:
    """The sums of the layers; programs run one after the other, each with a bound of its own."""
    parts: Counter[str] = Counter()
    for layer in layers:
        parts.update(layer.parts)
    by = max(reports, key=lambda report: report.total.bound.cycles).total.bound.by
    sizes = [layer.sizes for layer in layers]
    return Share(
        name="total",
        step=0,
        macs=sum(layer.macs for layer in layers),
        sizes=Sizes(
            (),
            sum(each.weights for each in sizes),
            sum(each.inputs for each in sizes),
            sum(each.outputs for each in sizes),
        ),
        moved=sum(layer.moved for layer in layers),
        peak=max(layer.peak for layer in layers),
        rate=layers[0].rate,
        parts={limit: parts[limit] for limit in LIMITS},
        emulated=sum(layer.emulated for layer in layers),
        working=parts.total(),
        bound=sum(report.total.bound.cycles for report in reports),
        bound_by=by,
    )


def _others(steps: Sequence[Compilation], machine: Machine, tell: Tell) -> Iterator[Varied]:
    """The network, compiled anew for machines that differ in one thing."""
    for variation in variations(machine):
        tell(f"with {variation.text}")
        if variation.machine is None:
            yield Varied(variation, None, variation.reason)
            continue
        try:
            yield Varied(variation, sum(_cycles(steps, variation.machine)), "")
        except TilefoldError as error:
            yield Varied(variation, None, str(error))


def _cycles(steps: Iterable[Compilation], machine: Machine) -> Iterator[int]:
    for step in steps:
        other = compile_levels(step.source, machine, store=step.context.store)
        yield _prediction(other.program).cycles


def _alternatives(
    steps: Mapping[int, Compilation], layers: Sequence[Share], wanted: Wanted, tell: Tell
) -> Iterator[Alternatives]:
    """Of the layers that multiply, those that take most cycles."""
    products = [layer for layer in layers if layer.macs]
    for layer in sorted(products, key=lambda layer: -layer.cycles)[: wanted.layers]:
        tell(f"folds of {layer.name}")
        step = steps[layer.step]
        found = explain(step.nn, step.context, Schedule.OVERLAPPED, layer.name, wanted.folds)
        yield Alternatives(layer.name, found.fold, found.folds)
