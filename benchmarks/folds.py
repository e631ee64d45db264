"""What reconfiguration is worth: emulated cycles by how folds are chosen.

`python benchmarks/folds.py [--docs] [--json FILE] [NETWORK..]`; docs/folds.md tells how to read it.
"""

import argparse
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from subjects import EFFICIENTNET, EFFICIENTNET_LITE0, ROOT, quantised_subject  # isort: skip

import numpy as np
from light import light, names
from pages import Cells, options_of, table, with_measured
from pages import markdown as markdown_table
from tilefold.backend.program import Program
from tilefold.compiler import compile_levels, context_for
from tilefold.costmodel.integers import IntArray
from tilefold.dialects import nn
from tilefold.dialects.fabric import FoldAttr
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.emulator.session import session_of
from tilefold.emulator.timing import time_program
from tilefold.errors import TilefoldError
from tilefold.frontend import import_model
from tilefold.machines import load_machine
from tilefold.machines.model import Machine, parse_machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.cascades import cascade_candidates
from tilefold.passes.choose_fold import ChooseFoldPass, fold_space
from tilefold.passes.folding.choice import all_together, cost
from tilefold.passes.folding.space import Space
from tilefold.passes.fuse_epilogue import FuseEpiloguePass
from tilefold.passes.pipelines import nn_passes, run_passes
from tilefold.tools.command import console, write_files
from xdsl.dialects.builtin import ModuleOp

MACHINE = "dna_a600"
ROWS = {"1": 1, "2": 2, "unlimited": 64}
"""Rows of weights a cycle; 64 are all that an array has."""
CASCADES = 6
"""Cascades that are tried."""
SWITCHES = (0, 64, 800)
"""Cycles to make a configuration current."""
PAGE = ROOT / "docs" / "folds.md"

Folds = tuple[FoldAttr, ...]
R = TypeVar("R")


@dataclass(frozen=True)
class Row:
    """Emulated cycles of a network on a variant of the machine, and utilisation 0..1.

    `fixed`: the best single configuration; `one_fold`: the best single fold, whose mode may change;
    `alone`: each layer's best, switches taken to be free; `charged`: all layers together;
    `prefetched`: the same on a machine with shadow registers; `beside`: there with layers side by
    side; `striped`: there with the best of the first cascades that might help, None where there is
    none. `switches` counts the changes of configuration from `one_fold` to `prefetched`.
    """

    network: str
    rows: str
    switch: int
    fixed: int
    one_fold: int
    alone: int
    charged: int
    prefetched: int
    beside: int
    striped: int | None
    before: float
    after: float
    side_by_side: float
    switches: tuple[int, ...]
    configuration: str
    fold: str


@cache
def machine_with(rows: int, switch: int, shadow: bool) -> Machine:
    """The machine with so many rows of weights a cycle, cycles to switch, and shadow registers."""
    text = load_machine(MACHINE).text
    fields = {"rows_per_cycle": rows, "switch_cycles": switch, "shadow": str(shadow).lower()}
    for name, value in fields.items():
        text, count = re.subn(rf"\b{name} = \w+", f"{name} = {value}", text)
        assert count == 1, f"{MACHINE} has {count} fields {name}"
    return parse_machine(text, MACHINE)


@dataclass
class Network:
    """A network whose `nn` module is ready for machines, and its programs without weights.

    Programs are told apart by folds, rows and shadow registers: the cycles of a switch matter to
    the choice of folds alone.
    """

    name: str
    module: ModuleOp
    store: Store
    programs: dict[tuple[Folds, int, bool], Program] = field(
        default_factory=dict[tuple[Folds, int, bool], Program]
    )

    @staticmethod
    def load(name: str) -> "Network":
        """Import one of `available`."""
        file = light(name) if name in names() else quantised_subject(name)
        store = Store()
        module = import_model(file, store)
        run_passes(nn_passes(), context_for(store), module)
        return Network(name, module, store)

    def on(self, machine: Machine) -> ModuleOp:
        """The module as `choose-fold` meets it."""
        module = self.module.clone()
        attach_machine(module, machine)
        run_passes([FuseEpiloguePass()], context_for(self.store), module)
        return module

    def chosen(self, machine: Machine, switching: str) -> Folds:
        """The folds that the pass chooses."""
        module = self.on(machine)
        run_passes([ChooseFoldPass(switching)], context_for(self.store), module)
        return tuple(_folds(module))

    def program(self, folds: Folds, rows: int, shadow: bool) -> Program:
        """The program with these folds, one a layer."""
        key = folds, rows, shadow
        if key not in self.programs:
            module = self.module.clone()
            for layer, fold in zip(_layers(module), folds, strict=True):
                layer.attributes["fold"] = fold
            levels = compile_levels(module, machine_with(rows, 0, shadow), store=self.store)
            self.programs[key] = levels.program.without_weights()
        return self.programs[key]

    def cycles(self, folds: Folds, rows: int, switch: int, shadow: bool = False) -> int:
        """The emulated cycles with these folds."""
        program = self.program(folds, rows, shadow)
        machine = machine_with(rows, switch, shadow)
        return time_program(session_of(program).plan, machine, program.code_bytes).cycles

    def cycles_beside(self, rows: int, switch: int) -> int:
        """The emulated cycles with layers side by side and shadow registers."""
        machine = machine_with(rows, switch, True)
        return self._compiled_cycles(self.module, machine, groups=True)

    def cycles_in_stripes(self, rows: int, switch: int) -> int | None:
        """The fewest emulated cycles with one of the likeliest cascades, if there is any."""
        machine, context = machine_with(rows, switch, True), context_for(self.store)
        ready = self.module.clone()
        attach_machine(ready, machine)
        found: list[int] = []
        for each in cascade_candidates(context, ready)[:CASCADES]:
            module = self.module.clone()
            each.apply(context, module)
            found.append(self._compiled_cycles(module, machine))
        return min(found, default=None)

    def _compiled_cycles(self, module: ModuleOp, machine: Machine, groups: bool = False) -> int:
        levels = compile_levels(module, machine, groups=groups, store=self.store)
        program = levels.program.without_weights()
        return time_program(session_of(program).plan, machine, program.code_bytes).cycles

    def macs_per_cycle(self, folds: Folds, rows: int) -> tuple[int, int]:
        """Products of the network, and those that the machine makes in a cycle at most."""
        total = emulate(self.program(folds, rows, False), {}, values=False, check=False).report
        peak = sum(a.count * a.multipliers for a in machine_with(rows, 0, False).arrays)
        return total.total.macs, peak


def _layers(module: ModuleOp) -> list[nn.ConvOp | nn.MatmulOp]:
    return [op for op in module.walk() if isinstance(op, nn.ConvOp | nn.MatmulOp)]


def _folds(module: ModuleOp) -> list[FoldAttr]:
    folds = [layer.attributes["fold"] for layer in _layers(module)]
    return [fold for fold in folds if isinstance(fold, FoldAttr)]


@dataclass(frozen=True)
class Restricted:
    """A choice among some of the configurations: its cycles, the folds, and what they are."""

    cycles: int
    folds: Folds
    label: str


def best_of(
    network: Network, space: Space, groups: Mapping[str, IntArray], rows: int, switch: int
) -> Restricted:
    """The group of columns within which the network takes the fewest emulated cycles.

    All are candidates in which every layer is legal. Those whose arrays alone, by the cost model,
    take longer than the best so far are not emulated.
    """
    choices: list[tuple[int, int, Folds, str]] = []
    for label, columns in groups.items():
        within = space.take(columns)
        if within.legal.any(axis=1).all():
            choice = all_together(within)
            cycles = within.cycles[np.arange(len(choice)), choice].sum()
            folds = tuple(
                within.columns[int(column)].attribute(work.bits)
                for column, work in zip(choice, space.works, strict=True)
            )
            choices.append((cost(within, choice), int(cycles), folds, label))
    best: Restricted | None = None
    for _, cycles, folds, label in sorted(choices, key=lambda choice: choice[0]):
        if best is None or cycles < best.cycles:
            tried = Restricted(network.cycles(folds, rows, switch), folds, label)
            best = tried if best is None or tried.cycles < best.cycles else best
    if best is None:
        raise TilefoldError(f"{network.name}: no configuration is legal for all layers")
    return best


def restrictions(space: Space) -> tuple[dict[str, IntArray], dict[str, IntArray]]:
    """The columns by configuration, one each, and by fold, one for each mode."""
    single: dict[str, IntArray] = {}
    by_fold: dict[str, IntArray] = {}
    for place, column in enumerate(space.columns):
        mode = space.machine.array(column.array).modes[column.mode].name
        factors = (f"{name} = {n}" for name, n in asdict(column.fold).items() if n > 1)
        fold = ", ".join(factors) or "one unit"
        single[f"{mode}, {fold}"] = np.array([place])
        by_fold[fold] = np.append(by_fold.get(fold, np.array([], np.int64)), place)
    return single, by_fold


def measure(network: Network) -> list[Row]:
    """All variants of one network."""
    result: list[Row] = []
    for label, rows in ROWS.items():
        for switch in SWITCHES:
            plain, shadowed = (machine_with(rows, switch, shadow) for shadow in (False, True))
            _, space = fold_space(network.on(plain), network.store)
            fixed, fold = (best_of(network, space, g, rows, switch) for g in restrictions(space))
            alone = network.chosen(plain, "free")
            charged = network.chosen(plain, "charged")
            ahead = network.chosen(shadowed, "charged")
            after = network.cycles(ahead, rows, switch, shadow=True)
            beside = network.cycles_beside(rows, switch)
            macs, peak = network.macs_per_cycle(fixed.folds, rows)
            result.append(
                Row(
                    network.name,
                    label,
                    switch,
                    fixed.cycles,
                    fold.cycles,
                    network.cycles(alone, rows, switch),
                    network.cycles(charged, rows, switch),
                    after,
                    beside,
                    network.cycles_in_stripes(rows, switch),
                    macs / (fixed.cycles * peak),
                    macs / (after * peak),
                    macs / (beside * peak),
                    (_changes(fold.folds), *map(_changes, (alone, charged, ahead))),
                    fixed.label,
                    fold.label,
                )
            )
    return result


def _changes(folds: Folds) -> int:
    return sum(a != b for a, b in pairwise(folds))


def cells(rows: Sequence[Row]) -> Cells:
    """A heading, and a line for each row."""
    heading = ["network", "rows", "switch", "fixed", "one fold", "alone", "charged", "ahead"]
    heading += [
        "side by side",
        "in stripes",
        "fixed / ahead",
        "one fold / ahead",
        "ahead / side by side",
    ]
    lines = [[*heading, "switches", "utilisation"]]
    for row in rows:
        counts = (row.fixed, row.one_fold, row.alone, row.charged, row.prefetched, row.beside)
        lines.append([row.network, row.rows, str(row.switch), *(f"{n:,}" for n in counts)])
        lines[-1] += ["none" if row.striped is None else f"{row.striped:,}"]
        lines[-1] += [f"{old / row.prefetched:.2f}" for old in (row.fixed, row.one_fold)]
        lines[-1] += [f"{row.prefetched / row.beside:.3f}", " / ".join(map(str, row.switches))]
        lines[-1].append(f"{row.before:.1%} to {row.after:.1%} to {row.side_by_side:.1%}")
    return lines


def findings(rows: Sequence[Row]) -> list[str]:
    """In how many rows each step saves cycles, changes none and costs some."""
    steps = (
        ("changing the mode", "fixed", "one_fold"),
        ("a fold for each layer, switches charged", "one_fold", "charged"),
        ("charging switches, not leaving them free", "alone", "charged"),
        ("prefetching", "charged", "prefetched"),
        ("layers side by side", "prefetched", "beside"),
    )
    lines: list[str] = []
    for what, old, new in steps:
        ratios = [getattr(row, new) / getattr(row, old) for row in rows]
        saved, cost = sum(r < 1 for r in ratios), sum(r > 1 for r in ratios)
        mean, worst = float(np.exp(np.mean(np.log(ratios)))), max(ratios)
        verdict = f"cycles x {mean:.3f} on (geometric) average, x {worst:.3f} at worst"
        helps = "" if saved else "; it helps nothing"
        lines.append(
            f"- {what}: fewer cycles in {saved} rows, as many in {len(ratios) - saved - cost}, "
            f"more in {cost}; {verdict}{helps}"
        )
    striped = [row for row in rows if row.striped is not None]
    better = sum((row.striped or 0) < row.prefetched for row in striped)
    lines.append(
        f"- cascades: fewer cycles in {better} of {len(striped)} rows in which an image goes "
        f"through DRAM between layers; in the other {len(rows) - len(striped)} there is nothing "
        "to gain"
    )
    return lines


def markdown(rows: Sequence[Row], refused: Mapping[str, str]) -> str:
    """What stands between the markers of the page."""
    lines = [markdown_table(cells(rows), left=1)]
    fixed: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        fixed.setdefault((row.configuration, row.fold), []).append(f"{row.network} {row.rows}")
    lines += ["", "The single configuration and the single fold that are best:", ""]
    for (one, fold), where in fixed.items():
        lines.append(f"- {one}; {fold}: {', '.join(dict.fromkeys(where))} rows")
    lines += ["", "What each step does, over all rows:", "", *findings(rows)]
    if refused:
        lines += ["", "Not supported yet:", ""]
        lines += [f"- `{name}`: {why}" for name, why in refused.items()]
    return "\n".join(lines)


def available() -> list[str]:
    """The names of the networks."""
    efficientnet = [EFFICIENTNET_LITE0] if EFFICIENTNET.exists() else []
    return ["resnet50", "resnet18", "mobilenetv2", *efficientnet, *names()]


def measured(
    about: str, page: Path, measure: Callable[[Network], Sequence[R]]
) -> tuple[argparse.Namespace, list[R], dict[str, str]]:
    """Measure the networks that the command line names, or all of them; `about` is its help
    and `page` what it may update.

    Returns the options (`docs`, `json`), the rows of every network, and why some have none.
    """
    options = options_of(about, page, available())
    logging.disable(logging.WARNING)  # the quantiser's, of operators that it leaves alone
    rows: list[R] = []
    refused: dict[str, str] = {}
    for name in options.networks:
        with console().status(f"measuring {name}"):
            try:
                network = Network.load(name)
            except TilefoldError as error:
                refused[name] = str(error).splitlines()[0].split(": ", 1)[1]
            else:
                rows += measure(network)
    return options, rows, refused


def main() -> None:
    """Measure, print, and write what is asked for."""
    options, rows, refused = measured("Measures what reconfiguration is worth.", PAGE, measure)
    console().print(
        table(f"{MACHINE}, emulated cycles", cells(rows), left=1),
        *findings(rows),
        *(f"{n}: {why}" for n, why in refused.items()),
    )
    files: dict[Path, bytes] = {}
    if options.docs:
        page = with_measured(PAGE.read_text(encoding="utf-8"), "folds", markdown(rows, refused))
        files[PAGE] = page.encode()
    if options.json:
        record: dict[str, Any] = {"machine": MACHINE, "rows": [asdict(row) for row in rows]}
        record["refused"] = refused
        files[options.json] = (json.dumps(record, indent=1) + "\n").encode()
    write_files(files)


if __name__ == "__main__":
    main()
