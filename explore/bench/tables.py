"""The tables of benchmarks: what is printed, and written as JSON, CSV and HTML."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from ..findings import Table
from .benchmark import Alternatives, Benchmark, Share

CONVENTIONS: Final[Mapping[str, str]] = {
    "operations": "two for each product",
    "weights, inputs, outputs": "bytes of the layer's tensors, each once",
    "dram_bytes": "what the compiled program's transfers move at the DRAM, in whole bursts",
    "balance": "operations a byte at which arrays and DRAM take the same time",
    "cycles": "as the compiler predicts them: what a layer adds to the time of those before it",
    "limit": "what most of these cycles go by with",
}
"""What the columns mean, for files."""


def tables_of(benchmarks: Sequence[Benchmark]) -> dict[str, Table]:
    """The tables by name.

    `networks` has a row for each network on each machine, `layers` one for each layer there,
    `limits` what cycles go by with, `machines` what the network takes where one thing of the
    machine is different, and `folds` the configurations of the layers that take most cycles.
    """
    return {
        "networks": [_network(each) for each in benchmarks],
        "layers": [_of(each) | _layer(each, row) for each in benchmarks for row in each.layers],
        "limits": [row for each in benchmarks for row in _limits(each)],
        "machines": [row for each in benchmarks for row in _machines(each)],
        "folds": [
            _of(each) | row
            for each in benchmarks
            for some in each.alternatives
            for row in _folds(each, some)
        ],
    }


def to_json(benchmarks: Sequence[Benchmark]) -> dict[str, Any]:
    """All tables, and what their columns mean, as a plain dictionary."""
    return {"conventions": dict(CONVENTIONS), **tables_of(benchmarks)}


def _of(benchmark: Benchmark) -> dict[str, Any]:
    return {"network": benchmark.network, "machine": benchmark.machine.name}


def _network(benchmark: Benchmark) -> dict[str, Any]:
    total, hz = benchmark.total, benchmark.machine.hz
    return {
        **_of(benchmark),
        **_work(total),
        **_speed(total, hz),
        "layer_by_layer_cycles": benchmark.serial,
        "error": _rounded(total.cycles / total.emulated - 1 if total.emulated else None),
        "milliseconds": _rounded(1e3 * total.cycles / hz),
        "inputs_per_second": _rounded(hz / total.cycles if total.cycles else None),
        "host_nodes": benchmark.host,
    }


def _layer(benchmark: Benchmark, row: Share) -> dict[str, Any]:
    return {
        "step": row.step,
        "layer": row.name,
        "operations": " ".join(row.sizes.operations),
        **_work(row),
        **_speed(row, benchmark.machine.hz),
        **row.parts,
    }


def _work(row: Share) -> dict[str, Any]:
    """What is to be done, and where that lies between the DRAM and the arrays."""
    intensity, balance = row.intensity, row.balance
    return {
        "macs": row.macs,
        "weight_bytes": row.sizes.weights,
        "input_bytes": row.sizes.inputs,
        "output_bytes": row.sizes.outputs,
        "dram_bytes": row.moved,
        "ops_per_tensor_byte": _rounded(row.tensor_intensity),
        "ops_per_dram_byte": _rounded(intensity),
        "balance": _rounded(balance),
        "of_balance": _rounded(intensity / balance if intensity and balance else None),
    }


def _speed(row: Share, hz: int) -> dict[str, Any]:
    """What that takes."""
    return {
        "attainable_gops": _giga(row.attainable, hz),
        "attained_gops": _giga(row.attained, hz),
        "roofline_cycles": row.bound,
        "roofline_by": row.bound_by,
        "cycles": row.cycles,
        "emulated_cycles": row.emulated,
        "utilisation": _rounded(row.utilisation),
        "limit": row.limit,
    }


def _limits(benchmark: Benchmark) -> Iterable[dict[str, Any]]:
    cycles = benchmark.total.cycles
    for limit, rows in benchmark.limited().items():
        spent = benchmark.total.parts[limit]
        yield {
            **_of(benchmark),
            "limit": limit,
            "cycles": spent,
            "share": _rounded(spent / cycles if cycles else None),
            "layers": len(rows),
            "cycles_of_these": sum(row.cycles for row in rows),
        }


def _machines(benchmark: Benchmark) -> Iterable[dict[str, Any]]:
    cycles = benchmark.total.cycles
    for each in benchmark.varied:
        yield {
            **_of(benchmark),
            "change": each.variation.name,
            "what": each.variation.text,
            "cycles": each.cycles,
            "speedup": _rounded(cycles / each.cycles if each.cycles else None),
            "reason": each.reason,
        }


def _folds(benchmark: Benchmark, some: Alternatives) -> Iterable[dict[str, Any]]:
    for each in some.folds:
        fold = each.configuration
        yield {
            "layer": some.layer,
            "array": fold.array,
            "mode": benchmark.machine.array(fold.array).modes[fold.mode].name,
            **vars(fold.fold),
            "array_cycles": each.cycles,
            "latency": each.latency,
            "enter": each.enter,
            "leave": each.leave,
            "utilisation": _rounded(each.utilisation),
            "standing": each.standing,
            "why": some.why if each.standing == "chosen" else "",
        }


def _giga(per_cycle: float | None, hz: int) -> float | None:
    return None if per_cycle is None else _rounded(per_cycle * hz / 1e9)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
