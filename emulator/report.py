"""What a run reports, by layer and in total: as a dictionary for JSON, or as a table."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from rich.table import Table

from ..costmodel.energy import Actions, Prices
from ..dialects.frames import split_frame
from ..machines.model import Machine
from .bounds import Bound
from .counters import BUSY, Counters, LayerTime
from .frames import FrameTime
from .prediction import PROGRAM, Comparison
from .roles import ByteKey
from .sensitivity import Variation


@dataclass(slots=True)
class UnitTime:
    """The cycles of one unit: busy, stalled by cause, idle."""

    busy: int = 0
    stalls: dict[str, int] = field(default_factory=dict[str, int])
    idle: int = 0

    def add(self, other: "UnitTime") -> None:
        """Add the cycles that `other` is busy or stalled."""
        self.busy += other.busy
        for cause, cycles in other.stalls.items():
            self.stalls[cause] = self.stalls.get(cause, 0) + cycles

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        return {"busy": self.busy, "stalls": dict(sorted(self.stalls.items())), "idle": self.idle}


@dataclass
class Row:
    """One layer, or the total.

    `cycles` is what the layer adds to the time when all before it is complete, so layers sum to the
    total; `units` are the cycles that units spent on its instructions, whenever that was.
    `utilisation` is products over cycles times the peak of all arrays at the layer's precision;
    where layers overlap so that one adds less than its busiest unit works, over what this works
    (`working`).
    Bytes are by memory, direction and operand. `energy` is in pJ by component (`costmodel.energy`),
    None without a technology or without timing. `bound` says how few cycles would do (see
    `bounds`), and `distance` how many times as many it took: less than 1 for a layer whose work
    was partly done while those before it were not complete. `layer_by_layer` says it for running
    layers one after the other (see `layer_bound`): of the total, None elsewhere.
    """

    name: str
    cycles: int = 0
    macs: int = 0
    peak: int = 0
    bytes: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    operands: dict[str, dict[str, dict[str, int]]] = field(
        default_factory=dict[str, dict[str, dict[str, int]]]
    )
    reconfigurations: int = 0
    reconfiguration_cycles: int = 0
    units: dict[str, UnitTime] = field(default_factory=dict[str, UnitTime])
    energy: dict[str, float] | None = None
    dram: str = ""
    bound: Bound = field(default_factory=Bound)
    layer_by_layer: int | None = None

    @property
    def picojoules(self) -> float | None:
        """Energy of all components, None where it is not known."""
        return None if self.energy is None else sum(self.energy.values())

    @property
    def operations_per_byte(self) -> float:
        """Additions and multiplications for each byte that DRAM moves; 0 if it moves none."""
        moved = sum(self.bytes.get(self.dram, {}).values())
        return 2 * self.macs / moved if moved else 0.0

    @property
    def distance(self) -> float:
        """Cycles over the fewest possible; 0 if there was nothing to do."""
        return self.cycles / self.bound.cycles if self.bound.cycles else 0.0

    @property
    def serial_distance(self) -> float:
        """Cycles over `layer_by_layer`; 0 if that is not known."""
        return self.cycles / self.layer_by_layer if self.layer_by_layer else 0.0

    @property
    def working(self) -> int:
        """Cycles that the row adds, or that its busiest unit is busy if these are more."""
        return max(self.cycles, *(time.busy for time in self.units.values()), 0)

    @property
    def utilisation(self) -> float:
        """Products over the most that can be done while the row works; 0 if it has none."""
        return self.macs / (self.working * self.peak) if self.working and self.peak else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        serial = {} if self.layer_by_layer is None else {"layer_by_layer": self.layer_by_layer}
        return {
            "name": self.name,
            "cycles": self.cycles,
            "macs": self.macs,
            "utilisation": round(self.utilisation, 6),
            "operations": 2 * self.macs,
            "operations_per_byte": round(self.operations_per_byte, 6),
            "bound": {
                "cycles": self.bound.cycles,
                "by": self.bound.by,
                "resources": {
                    name: ceil(cycles) for name, cycles in sorted(self.bound.resources.items())
                },
                **serial,
            },
            "distance": round(self.distance, 6),
            "bytes": self.bytes,
            "operands": self.operands,
            "reconfigurations": self.reconfigurations,
            "reconfiguration_cycles": self.reconfiguration_cycles,
            "energy_pj": _rounded(self.energy),
            "units": {unit: time.to_json() for unit, time in self.units.items()},
        }


@dataclass
class Report:
    """A run's counters by layer and in total.

    A run is of one image, or of as many as the program takes frames; a layer's row is of all.
    `frames` says when each begins and is complete, nothing without timing.
    `host` counts the bytes that the host quantised, dequantised or laid out anew;
    its time is not part of the cycles. Without timing, cycles and counters are 0. `area` is in mm2
    by component, None without a `technology`; `sensitivity` has the cycles on variations of the
    machine, if asked for; `prediction` is what the compiler predicted beside what was emulated,
    None where one of them is missing.
    """

    machine: str
    network: str
    hz: int
    total: Row
    layers: list[Row]
    host: dict[str, int]
    technology: str | None = None
    area: dict[str, float] | None = None
    sensitivity: list[Variation] | None = None
    prediction: Comparison | None = None
    frames: tuple[FrameTime, ...] = ()

    @property
    def frames_per_second(self) -> float:
        """Frames over all cycles at the machine's clock; 0 without timing."""
        return len(self.frames) * self.hz / self.total.cycles if self.frames else 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings and numbers."""
        record: dict[str, Any] = {
            "machine": self.machine,
            "network": self.network,
            "hz": self.hz,
            "technology": self.technology,
            "area_mm2": _rounded(self.area),
            "total": self.total.to_json(),
            "layers": [row.to_json() for row in self.layers],
            "host": self.host,
        }
        if self.prediction is not None:
            record["prediction"] = self.prediction.to_json()
            layers = self.prediction.by_name()
            for row in record["layers"]:
                if row["name"] in layers:
                    row["predicted"] = layers[row["name"]].to_json()
        if len(self.frames) > 1:
            record["frames"] = [frame.to_json() for frame in self.frames]
            record["frames_per_second"] = round(self.frames_per_second, 6)
        if self.sensitivity is not None:
            record["sensitivity"] = [variation.to_json() for variation in self.sensitivity]
        return record

    def table(self) -> Table:
        """A table with a row for each layer, and the total."""
        table = Table(title=f"{self.network} on {self.machine}", caption=self._frames())
        table.add_column("layer", overflow="fold")
        for column in ("cycles", "MACs", "utilisation"):
            table.add_column(column, justify="right", no_wrap=True)
        energy = ["energy nJ"] if self.total.energy is not None else []
        for column in (*_memories(self.total), "reconfigured", *energy):
            table.add_column(column, justify="right", overflow="fold")
        return self._filled(table, lambda row: _cells(row, self.total))

    def _frames(self) -> str | None:
        """Latency and throughput in a line; None for a single frame."""
        if len(self.frames) < 2:
            return None
        count, longest = len(self.frames), max(frame.latency for frame in self.frames)
        return (
            f"{count} frames: latency {self.frames[0].latency:,} cycles of the first, "
            f"{longest:,} of the slowest; one every {self.total.cycles / count:,.0f} cycles, "
            f"{self.frames_per_second:,.0f} frames/s"
        )

    def roofline(self) -> Table:
        """A table of operations for each byte of DRAM, lower bounds, and distances from them."""
        table = Table(title=f"bounds of {self.network} on {self.machine}")
        table.add_column("layer", overflow="fold")
        for column in ("cycles", "operations", "ops/byte", "bound", "distance"):
            table.add_column(column, justify="right", no_wrap=True)
        table.add_column("bound by")
        self._filled(table, _roofline_cells)
        if self.total.layer_by_layer:
            serial = [f"{self.total.layer_by_layer:,}", f"{self.total.serial_distance:.2f}"]
            table.add_row("layer by layer", *[""] * 3, *serial, "order of layers", style="bold")
        return table

    def _filled(self, table: Table, cells: Callable[[Row], list[str]]) -> Table:
        for row in self.layers:
            table.add_row(*cells(row))
        table.add_section()
        table.add_row(*cells(self.total), style="bold")
        return table

    def energy_table(self) -> Table | str:
        """Energy and area by component; a sentence where the machine has no technology."""
        if self.technology is None:
            return (
                f"no energy: machine {self.machine} names no technology; "
                "give one with --technology (docs/energy.md)"
            )
        areas = self.area or {}
        return component_table(f"energy and area at {self.technology}", self.total.energy, areas)


def component_table(
    title: str, energy: Mapping[str, float] | None, areas: Mapping[str, float]
) -> Table:
    """Energy (None: not known) and area by component, and their sums."""
    table = Table(title=title)
    table.add_column("component")
    for column in (*(("energy nJ", "share") if energy is not None else ()), "area mm2"):
        table.add_column(column, justify="right")
    total = sum((energy or {}).values())
    for name in {**(energy or {}), **areas}:
        cells = [f"{areas[name]:.4f}" if name in areas else ""]
        if energy is not None:
            spent = energy.get(name)
            shares = ["", ""] if spent is None else [_nanojoules(spent), f"{spent / total:.1%}"]
            cells = [*shares, *cells]
        table.add_row(name, *cells)
    table.add_section()
    sums = [_nanojoules(total), "100.0%"] if energy is not None else []
    table.add_row("total", *sums, f"{sum(areas.values()):.4f}", style="bold")
    return table


def _nanojoules(picojoules: float) -> str:
    return f"{picojoules / 1e3:,.3f}"


def _rounded(values: Mapping[str, float] | None) -> dict[str, float] | None:
    """By component and in total, for JSON."""
    if values is None:
        return None
    return {name: round(v, 6) for name, v in {**values, "total": sum(values.values())}.items()}


def _memories(row: Row) -> list[str]:
    return [f"{memory}\nread / written" for memory in row.bytes]


def _cells(row: Row, total: Row) -> list[str]:
    cells = [row.name, f"{row.cycles:,}", f"{row.macs:,}", f"{row.utilisation:.1%}"]
    for memory in total.bytes:
        count = row.bytes.get(memory, {"read": 0, "written": 0})
        cells.append(f"{count['read']:,} / {count['written']:,}")
    cells.append(f"{row.reconfigurations} ({row.reconfiguration_cycles:,})")
    return cells if row.picojoules is None else [*cells, _nanojoules(row.picojoules)]


def _roofline_cells(row: Row) -> list[str]:
    numbers = [f"{row.cycles:,}", f"{2 * row.macs:,}", f"{row.operations_per_byte:.1f}"]
    return [row.name, *numbers, f"{row.bound.cycles:,}", f"{row.distance:.2f}", row.bound.by]


def build_report(
    machine: Machine,
    network: str,
    layers: Sequence[str],
    units: Sequence[str],
    counters: Counters | None,
    lower: Mapping[int, Bound],
    host: Mapping[str, int],
    prices: Prices | None = None,
    frames: int = 1,
) -> Report:
    """The report of a run; `counters` is None if time was not asked for.

    `lower` has the bounds of layers; copies of a layer for several `frames` are one row. Fetching
    the code and instructions of no layer are the last row, named `(program)`. Raises TilefoldError
    if the technology of `prices` lacks something that the machine has.
    """
    timed, counters = counters is not None, counters or Counters()
    cycles = counters.layer_cycles()
    times = counters.times
    rows = _rows(layers, frames)
    array_peaks = (
        array.count * array.multipliers * max(1, *_products(array.precisions))
        for array in machine.arrays
    )
    total_peak = max(counters.peak.values(), default=max(array_peaks, default=0))
    total = Row("total", counters.cycles, sum(counters.macs.values()), total_peak)
    total.dram = machine.dram.name
    for number, row in rows.items():
        row.dram = machine.dram.name
        row.cycles += cycles.get(number, 0)
        row.macs += counters.macs.get(number, 0)
        row.bound.add(lower.get(number, Bound()))
        total.bound.add(lower.get(number, Bound()))
        row.peak = max(row.peak, counters.peak.get(number, 0))
        row.reconfigurations += counters.reconfigurations.get(number, 0)
        row.reconfiguration_cycles += counters.reconfiguration_cycles.get(number, 0)
    total.reconfigurations = sum(counters.reconfigurations.values())
    total.reconfiguration_cycles = sum(counters.reconfiguration_cycles.values())
    _add_bytes(rows, total, counters.bytes)
    _add_times(rows, total, units, times)
    if prices and timed:
        _add_energy(rows, total, prices, counters.actions)
    listed = [row for row in _distinct(rows) if row is not rows[-1] or row.units]
    report = Report(machine.name, network, machine.hz, total, listed, dict(host))
    if prices:
        report.technology, report.area = prices.technology.name, dict(prices.area)
    return report


def _rows(layers: Sequence[str], frames: int) -> dict[int, Row]:
    """A row for each layer by number, one for all copies of a layer; -1 is that of no layer."""
    rows: dict[int, Row] = {}
    shared: dict[str, Row] = {}
    for number, name in enumerate(layers):
        base, _ = split_frame(name, frames)
        rows[number] = shared.setdefault(base, Row(base)) if frames > 1 else Row(name)
    return {**rows, -1: Row(PROGRAM)}


def _distinct(rows: Mapping[int, Row]) -> list[Row]:
    return list({id(row): row for row in rows.values()}.values())


def _add_energy(
    rows: Mapping[int, Row], total: Row, prices: Prices, actions: Mapping[int, Actions]
) -> None:
    """Price the actions of each row and of all, and their leakage over the cycles."""
    whole, of_rows = Actions(), {id(row): Actions() for row in rows.values()}
    for number, row in rows.items():
        of_rows[id(row)].update(actions.get(number, Actions()))
        whole.update(actions.get(number, Actions()))
    for row in _distinct(rows):
        row.energy = prices.energy(of_rows[id(row)], row.cycles)
    total.energy = prices.energy(whole, total.cycles)


def _products(precisions: Iterable[tuple[int, int, int]]) -> list[int]:
    return [products for _, _, products in precisions]


def _add_bytes(rows: Mapping[int, Row], total: Row, counts: Mapping[ByteKey, int]) -> None:
    """Spread byte counts over rows and the total."""
    whole: defaultdict[tuple[str, str, str], int] = defaultdict(int)
    for key in sorted(counts):
        layer, operand, memory, direction = key
        size = counts[key]
        _add_size(rows[layer], operand, memory, direction, size)
        whole[operand, memory, direction] += size
    for (operand, memory, direction), size in whole.items():
        _add_size(total, operand, memory, direction, size)


def _add_size(row: Row, operand: str, memory: str, direction: str, size: int) -> None:
    for memories in (row.bytes, row.operands.setdefault(operand, {})):
        if memory not in memories:
            memories[memory] = {"read": 0, "written": 0}
        memories[memory][direction] += size


def _add_times(
    rows: Mapping[int, Row], total: Row, units: Sequence[str], times: Mapping[LayerTime, int]
) -> None:
    """Spread unit times over rows; a row's idle time is what is left of its own cycles."""
    for (unit, layer, what), cycles in times.items():
        row = rows[layer].units
        time = row.get(unit)
        if time is None:
            time = row[unit] = UnitTime()
        if what == BUSY:
            time.busy += cycles
        else:
            time.stalls[what] = time.stalls.get(what, 0) + cycles
    total.units = {unit: UnitTime() for unit in units}
    for row in _distinct(rows):
        row.units = {unit: row.units[unit] for unit in units if unit in row.units}
        for unit, time in row.units.items():
            total.units[unit].add(time)
    for time in total.units.values():
        time.idle = total.cycles - time.busy - sum(time.stalls.values())
