"""What a run of a package reports: the machine's steps, and the host's apart from them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table

from ..backend.package import Package
from .report import Report


@dataclass(frozen=True)
class HostPart:
    """What the host does in a step for one input.

    It runs `nodes` operators, and takes `milliseconds` of this computer's clock, the median of all
    inputs; None if nothing was computed. It reads so many bytes that the machine's step before made
    for later ones, and writes so many for the machine's step after, in memory form.
    """

    name: str
    nodes: int
    bytes_read: int
    bytes_written: int
    milliseconds: float | None


@dataclass(frozen=True)
class PackageReport:
    """The reports of a package's steps in turn, of one input.

    Cycles, products and energy are the machine's alone; the host's time is measured, not modelled.
    """

    network: str
    machine: str
    steps: tuple[Report | HostPart, ...]

    @staticmethod
    def of(
        package: Package, machine: Sequence[Report], host: Mapping[int, HostPart]
    ) -> "PackageReport":
        """The report of `package`: of the machine's steps in order, of the host's by number."""
        reports = iter(machine)
        steps = tuple(
            host[number] if number in host else next(reports)
            for number in range(len(package.steps))
        )
        name = machine[0].machine if machine else "no machine"
        return PackageReport(package.network, name, steps)

    @property
    def programs(self) -> tuple[Report, ...]:
        """The reports of the machine's steps."""
        return tuple(step for step in self.steps if isinstance(step, Report))

    @property
    def host(self) -> tuple[HostPart, ...]:
        """The host's steps."""
        return tuple(step for step in self.steps if isinstance(step, HostPart))

    @property
    def cycles(self) -> int:
        """Cycles of all machine steps, each from a cold start."""
        return sum(report.total.cycles for report in self.programs)

    @property
    def picojoules(self) -> float | None:
        """Energy of all machine steps, None where it is not known."""
        parts = [report.total.picojoules for report in self.programs]
        known = [part for part in parts if part is not None]
        return sum(known) if known and len(known) == len(parts) else None

    @property
    def milliseconds(self) -> float | None:
        """Measured time of all host steps; None if nothing was computed."""
        known = [part.milliseconds for part in self.host if part.milliseconds is not None]
        return sum(known) if known else None

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers."""
        energy = self.picojoules
        return {
            "machine": self.machine,
            "network": self.network,
            "total": {
                "cycles": self.cycles,
                "macs": sum(report.total.macs for report in self.programs),
                "energy_pj": None if energy is None else round(energy, 6),
                "bytes_read_by_host": sum(part.bytes_read for part in self.host),
                "bytes_written_by_host": sum(part.bytes_written for part in self.host),
                "host_nodes": sum(part.nodes for part in self.host),
                "host_milliseconds_measured": self.milliseconds,
            },
            "steps": [
                {"on": "host", **asdict(step)}
                if isinstance(step, HostPart)
                else {"on": "machine", **step.to_json()}
                for step in self.steps
            ],
        }

    def table(self) -> Table:
        """A table with a row for each step, and the total."""
        table = Table(title=escape(f"{self.network}: steps on {self.machine} and on the host"))
        table.add_column("step", overflow="fold")
        table.add_column("on")
        energy = self.picojoules is not None
        for column in ("cycles", "MACs", *(["energy nJ"] if energy else [])):
            table.add_column(column, justify="right")
        for column in ("host nodes", "bytes read\nfrom the machine", "written to it"):
            table.add_column(column, justify="right")
        table.add_column("host ms,\nmeasured here", justify="right")
        for step in self.steps:
            if isinstance(step, HostPart):
                blank = [""] * (3 if energy else 2)
                table.add_row(escape(step.name), "host", *blank, *_host_cells([step]))
            else:
                cells = _machine_cells([step], energy)
                table.add_row(escape(step.network), self.machine, *cells, *[""] * 4)
        table.add_section()
        cells = [*_machine_cells(self.programs, energy), *_host_cells(self.host)]
        table.add_row("total", "", *cells, style="bold")
        return table


def _machine_cells(reports: Sequence[Report], energy: bool) -> list[str]:
    cycles = sum(report.total.cycles for report in reports)
    macs = sum(report.total.macs for report in reports)
    spent = sum(report.total.picojoules or 0 for report in reports)
    return [f"{cycles:,}", f"{macs:,}", *([f"{spent / 1e3:,.3f}"] if energy else [])]


def _host_cells(parts: Sequence[HostPart]) -> list[str]:
    known = [part.milliseconds for part in parts if part.milliseconds is not None]
    return [
        f"{sum(part.nodes for part in parts):,}",
        f"{sum(part.bytes_read for part in parts):,}",
        f"{sum(part.bytes_written for part in parts):,}",
        f"{sum(known):.3f}" if known else "",
    ]
