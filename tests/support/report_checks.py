"""What must hold of every report, whatever the network and the machine."""

from collections import Counter

from tilefold.compiler import Compilation
from tilefold.dialects import schedule
from tilefold.emulator import Report
from tilefold.machines.model import Machine
from tilefold.tests.support.schedule_bytes import Counts, schedule_bytes

CAUSES = {
    "code", "data", "weights", "space", "token", "configuration", "reconfiguration", "port",
    "vector",
}  # fmt: skip


def check_cycles_of_units(report: Report, machine: Machine) -> None:
    """Every unit is busy, stalled or idle in every cycle."""
    total = report.total
    assert total.cycles > 0
    assert set(total.units) == set(machine.units)
    for unit, time in total.units.items():
        assert time.busy + sum(time.stalls.values()) + time.idle == total.cycles, unit
        assert min(time.busy, time.idle, *time.stalls.values()) >= 0
        assert time.stalls.keys() <= CAUSES


def check_sums_of_layers(report: Report) -> None:
    """Layers add up to the total: cycles, products, changes, time of units, bytes."""
    for what in ("cycles", "macs", "reconfigurations", "reconfiguration_cycles"):
        assert sum(getattr(row, what) for row in report.layers) == getattr(report.total, what)
    for unit, time in report.total.units.items():
        rows = [row.units[unit] for row in report.layers if unit in row.units]
        assert sum(row.busy for row in rows) == time.busy
        stalls = sum((Counter(row.stalls) for row in rows), Counter[str]())
        assert stalls == Counter(time.stalls)
    for memory, moved in report.total.bytes.items():
        for direction, size in moved.items():
            rows = [row.bytes.get(memory, {}).get(direction, 0) for row in report.layers]
            roles = [
                kind.get(memory, {}).get(direction, 0) for kind in report.total.operands.values()
            ]
            assert sum(rows) == sum(roles) == size


def check_bytes(report: Report, levels: Compilation) -> None:
    """Every layer's bytes of every memory are those counted from the schedule, and the code's."""
    (program,) = (op for op in levels.schedule.ops if isinstance(op, schedule.ProgramOp))
    expected = schedule_bytes(program, levels.machine)
    dram = levels.machine.dram
    code = -(-levels.program.code_bytes // dram.burst) * dram.burst
    expected["(program)", dram.name, "read"] = expected.pop(("", dram.name, "read"), 0) + code
    counted: Counts = Counter(
        {
            (row.name, memory, direction): size
            for row in report.layers
            for memory, moved in row.bytes.items()
            for direction, size in moved.items()
        }
    )
    assert +counted == +expected
