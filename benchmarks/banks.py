"""What conflicts of banks cost networks, and what the compiler saves of that.

`python benchmarks/banks.py [--docs] [--json FILE]`. Programs are compiled for the machines as their
files have them, and for the same machines with conflicts counted in the memory of inputs; only time
is emulated. `--docs` puts the table into docs/schedules.md, which says what it shows.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

# Before anything that imports numpy: it sets the number of threads.
from subjects import ROOT, available, environment, quantised_subject  # isort: skip

from pages import Cells, options_of, table, with_tables
from tilefold.backend.build import build_program
from tilefold.backend.program import Program
from tilefold.compiler import context_for
from tilefold.dialects.store import Store
from tilefold.emulator.session import session_of
from tilefold.emulator.timing import time_program
from tilefold.errors import TilefoldError
from tilefold.frontend import import_model
from tilefold.machines import load_machine
from tilefold.machines.model import Machine, parse_machine
from tilefold.passes.attach_machine import attach_machine
from tilefold.passes.choose_fold import ChooseFoldPass
from tilefold.passes.choose_tile import ChooseTilePass
from tilefold.passes.lower_to_isa import LowerToIsaPass
from tilefold.passes.pipelines import nn_passes, run_passes, schedule_passes
from tilefold.passes.schedule_spread_banks import ScheduleSpreadBanksPass
from tilefold.tools.command import console, write_files
from xdsl.passes import ModulePass

MACHINES = ("dna_f100", "dna_f200", "dna_a600")
PAGE = ROOT / "docs" / "schedules.md"


@dataclass(frozen=True)
class Outcome:
    """Cycles of a network on a machine.

    `free` where conflicts do not count; where they do, `unknown` of the same program, `priced` of
    one for which they were charged, but rows lie as they are made, and `spread` of the whole
    compiler's.
    """

    network: str
    machine: str
    free: int
    unknown: int
    priced: int
    spread: int


def counting(machine: Machine) -> Machine:
    """The machine with conflicts of banks counted in its memory of inputs."""
    text, held = machine.text, 'holds = ["I"'
    if text.count(held) != 1:
        raise TilefoldError(f"machine {machine.name} has '{held}' {text.count(held)} times")
    counted = parse_machine(text.replace(held, f"conflicts = true, {held}"), machine.name)
    assert counted.memory_for("I").conflicts
    return counted


def as_made() -> list[ModulePass]:
    """The passes of a schedule, none of which spreads rows or expects them to be."""
    passes = [each for each in schedule_passes() if not isinstance(each, ScheduleSpreadBanksPass)]
    return [
        replace(each, spread=False) if isinstance(each, ChooseFoldPass | ChooseTilePass) else each
        for each in passes
    ]


def compiled(file: Path, machine: Machine, passes: list[ModulePass]) -> Program:
    """The network of `file` by these passes of a schedule."""
    store = Store()
    context, module = context_for(store), import_model(file, store)
    attach_machine(module, machine)
    run_passes(nn_passes(), context, module)
    run_passes([*passes, LowerToIsaPass()], context, module)
    return build_program(module, machine, store)


def cycles(program: Program, machine: Machine) -> int:
    """Cycles of a program on `machine`, which may not be the one that it was compiled for."""
    return time_program(session_of(program).plan, machine, program.code_bytes).cycles


def outcome(network: str, name: str) -> Outcome:
    """All programs of a network for a machine."""
    file, plain, whole = quantised_subject(network), load_machine(name), [*schedule_passes()]
    counted = counting(plain)
    unknowing = compiled(file, plain, whole)
    return Outcome(
        network,
        name,
        cycles(unknowing, plain),
        cycles(unknowing, counted),
        cycles(compiled(file, counted, as_made()), counted),
        cycles(compiled(file, counted, whole), counted),
    )


def cells(outcomes: list[Outcome]) -> Cells:
    """A line for each network and machine; how many times the cycles without conflicts."""
    kinds = ("unknown", "priced", "spread")
    shown: Cells = [["network", "machine", "not counted"]]
    shown[0] += [heading for kind in kinds for heading in (kind, "/ not counted")]
    for one in outcomes:
        shown.append([one.network, one.machine, f"{one.free:,}"])
        for kind in kinds:
            taken: int = getattr(one, kind)
            shown[-1] += [f"{taken:,}", f"{taken / one.free:.3f}"]
    return shown


def main() -> None:
    """Compile, emulate, print, and write what is asked for."""
    options = options_of("Measures what conflicts of banks cost.", PAGE)
    networks = [network for network in available() if network != "fashion"]
    screen = console()
    found: list[Outcome] = []
    try:
        with screen.status("compiling") as status:
            for network in networks:
                for machine in MACHINES:
                    status.update(f"{network}, {machine}")
                    found.append(outcome(network, machine))
    except TilefoldError as error:
        raise SystemExit(f"error: {error}") from None
    screen.print(table("conflicts of banks", cells(found)))
    files: dict[Path, bytes] = {}
    if options.docs:
        files[PAGE] = with_tables(PAGE, {"banks": cells(found)}).encode()
    if options.json:
        record = {"environment": environment(MACHINES[0], 1), "rows": list(map(asdict, found))}
        files[options.json] = (json.dumps(record, indent=1) + "\n").encode()
    write_files(files)


if __name__ == "__main__":
    main()
