"""The search for a better program: choices of the passes, judged by emulating what they make.

The passes decide by estimates. Where time matters more than the compiler's own, a network is
compiled in several ways, each program is emulated, time and traffic alone, and the best is kept.
What is tried depends on the results so far, and on nothing else: a search ends where it did before.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from .backend.build import build_program
from .dialects.store import StoreContext
from .emulator import emulate
from .emulator.report import Row
from .errors import TilefoldError
from .machines.model import Machine
from .passes.cascades import cascade_candidates
from .passes.lower_to_isa import LowerToIsaPass
from .passes.nn_cascade import NnCascadePass
from .passes.nn_frames import FrameOrder
from .passes.pipelines import Choices, run_passes, schedule_passes
from .passes.predict_cycles import PredictCyclesPass

TRIALS = {1: 6, 2: 30, 3: 200}
"""The most programs that are tried, by effort; with effort 0 there is no search."""

TILE_OPTIONS = ({"sizes": 6}, {"lag": 4}, {"sizes": 8}, {"sizes": 20}, {"lag": 2}, {"lag": 16})
"""Other options of `choose-tile`, the likeliest first."""

RESERVES = (8, 2)
"""Other options of `keep-on-chip`."""

SINGLES = 3
"""How many configurations are tried for all layers alike."""

SKIPPED = 2
"""How many tilings of a layer are passed over at most."""


class Objective(StrEnum):
    """What is to be least: cycles, energy, or their product."""

    LATENCY = "latency"
    ENERGY = "energy"
    ENERGY_DELAY = "energy-delay"


Progress = Callable[[str, int, int | None], None]
"""Called with what goes on, what is done of it, and how much there is (None: not known)."""


@dataclass(frozen=True)
class Trial:
    """What came of some choices: cycles, energy in pJ (None where no technology says), a score.

    All are None where the machine's memories are too small for these choices, or it has no such
    configuration.
    """

    choices: Choices
    cycles: int | None = None
    energy: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class _Found:
    """The best program so far: its levels, and what came of it in all and by layer."""

    schedule: ModuleOp
    isa: ModuleOp
    choices: Choices
    cycles: int
    score: float
    layers: Sequence[Row]


class Search:
    """A search for the program of one network on one machine that has the lowest score."""

    def __init__(
        self,
        context: StoreContext,
        machine: Machine,
        network: ModuleOp,
        effort: int,
        objective: Objective = Objective.LATENCY,
        first: Choices | None = None,
        progress: Progress | None = None,
    ):
        self._context, self._machine, self._network = context, machine, network
        self._effort, self._objective = effort, objective
        self._first, self._progress = first or Choices(), progress
        self._trials: dict[Choices, Trial] = {}
        self._found: _Found | None = None

    def run(self) -> tuple[ModuleOp, ModuleOp, Sequence[Trial]]:
        """Try what `effort` allows; the best schedule, its instructions, and all trials in order.

        Raises TilefoldError where the network does not fit the machine even as the passes have it,
        or where there is no energy to judge by.
        """
        self._try(self._first)
        if self._first.frames > 1:
            for order in FrameOrder:
                if order is not FrameOrder.PIPELINE or len(self._machine.arrays) > 1:
                    self._vary(order=order)
        for options in TILE_OPTIONS:
            self._vary(**options)
        if self._effort >= 2:
            if not self._best.pipeline:
                self._vary(groups=not self._best.groups)
                for single in range(1, SINGLES + 1):
                    self._vary(single=single, groups=False)
            for reserve in RESERVES:
                self._vary(reserve=reserve)
            self._add_cascades()
        if self._effort >= 3:
            self._replace_tilings()
        assert self._found is not None, "what the passes have on their own is tried first"
        run_passes((PredictCyclesPass(),), self._context, self._found.isa)
        return self._found.schedule, self._found.isa, tuple(self._trials.values())

    @property
    def _best(self) -> Choices:
        return self._found.choices if self._found else self._first

    def _vary(self, **options: Any) -> None:
        """Try the best choices so far with some others in their place."""
        self._try(replace(self._best, **options))

    def _add_cascades(self) -> None:
        """Add the best cascade to the best choices, as long as one makes them better."""
        candidates = cascade_candidates(self._context, self._network)
        while candidates:
            before = self._best.cascades
            for each in candidates:
                self._try(replace(self._best, cascades=(*before, each)))
            added = self._best.cascades[len(before) :]
            candidates = [c for c in candidates if added and not self._touches(c, added[0])]

    def _replace_tilings(self) -> None:
        """Give layers, the longest first, the next cheapest tilings by estimate."""
        assert self._found is not None
        for row in sorted(self._found.layers, key=lambda row: -row.cycles):
            for times in range(1, SKIPPED + 1):
                others = (each for each in self._best.skipping if each != row.name)
                self._vary(skipping=(*others, *[row.name] * times))

    def _touches(self, one: NnCascadePass, other: NnCascadePass) -> bool:
        return bool({*one.layers_of(self._network)} & {*other.layers_of(self._network)})

    def _try(self, choices: Choices) -> None:
        """Compile and emulate with some choices, and keep what is better than all before."""
        if choices in self._trials or len(self._trials) >= TRIALS[self._effort]:
            return
        if self._progress:
            self._progress(self._so_far(), len(self._trials), TRIALS[self._effort])
        schedule = self._network.clone()
        try:
            run_passes(schedule_passes(choices=choices), self._context, schedule)
        except TilefoldError:
            if not self._trials:
                raise
            self._trials[choices] = Trial(choices)
            return
        isa = schedule.clone()
        run_passes((LowerToIsaPass(),), self._context, isa)
        program = build_program(isa, self._machine, self._context.store)
        report = emulate(program, {}, values=False, check=False).report
        total = report.total
        score = self._score(total)
        self._trials[choices] = Trial(choices, total.cycles, total.picojoules, score)
        if self._found is None or score < self._found.score:
            self._found = _Found(schedule, isa, choices, total.cycles, score, report.layers)

    def _score(self, total: Row) -> float:
        if self._objective is Objective.LATENCY:
            return total.cycles
        if total.picojoules is None:
            raise TilefoldError(
                f"{self._objective} cannot be judged: machine {self._machine.name} names no "
                "technology (docs/energy.md)"
            )
        delay = total.cycles if self._objective is Objective.ENERGY_DELAY else 1
        return total.picojoules * delay

    def _so_far(self) -> str:
        if self._found is None:
            return "compiling"
        return f"searching, {self._found.cycles:,} cycles at best"


def differences(choices: Choices) -> Iterator[str]:
    """How some choices differ from those that the passes make on their own."""
    for each in fields(Choices):
        value = getattr(choices, each.name)
        if value == each.default or each.name == "frames":
            continue
        if each.name == "cascades":
            yield from (f"{c.first} to {c.last} in {c.stripes} stripes" for c in value)
        elif each.name == "groups":
            yield "groups side by side"
        elif each.name == "single":
            yield f"one configuration for all layers, number {value}"
        elif each.name == "order":
            yield "a pipeline" if value is FrameOrder.PIPELINE else f"{value} by {value}"
        elif each.name == "skipping":
            yield f"other tiles in {len(set(value))} layers"
        else:
            yield f"{each.name} {value}"
