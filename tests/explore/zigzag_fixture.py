"""What ZigZag told of a few of its mappings (benchmarks/zigzag.py --fixture)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tilefold.costmodel.hierarchy.mappings import Mappings
from tilefold.costmodel.hierarchy.unrolling import Unrolling
from tilefold.explore.zigzag.files import Record
from tilefold.explore.zigzag.hardware import read_architecture
from tilefold.explore.zigzag.mapping import entry_for, read_mapping, unroll
from tilefold.explore.zigzag.workload import read_layer

FILE = Path(__file__).parent / "zigzag_mappings.json"


@dataclass(frozen=True)
class Told:
    """A layer on a machine: its mappings, and the costs that ZigZag told."""

    name: str
    unrolling: Unrolling
    unrolled: dict[str, dict[str, int]]
    mappings: list[dict[str, Any]]

    @property
    def batch(self) -> Mappings:
        """The mappings, checked."""
        order = self.unrolling.layer.order
        dims = [[order.index(dim) for dim, _ in each["loops"]] for each in self.mappings]
        sizes = [[size for _, size in each["loops"]] for each in self.mappings]
        depth = max(map(len, dims))
        ends = {
            operand.name: np.array([each["ends"][operand.name] for each in self.mappings])
            for operand in self.unrolling.layer.operands
        }
        assert all(len(row) == depth for row in dims)
        return Mappings.checked(self.unrolling, np.array(dims), np.array(sizes), ends)


def facts() -> dict[str, Any]:
    """The file, as it is."""
    return json.loads(FILE.read_text("utf-8"))


@cache
def told() -> tuple[Told, ...]:
    """All layers of the file, read as ZigZag's files are: JSON is YAML."""
    return tuple(_told())


def _told() -> Iterator[Told]:
    for case in facts()["cases"]:
        with TemporaryDirectory() as folder:
            hardware, mapping = Path(folder) / "hardware.yaml", Path(folder) / "mapping.yaml"
            hardware.write_text(json.dumps(case["hardware"]), "utf-8")
            mapping.write_text(json.dumps(case["mapping"]), "utf-8")
            architecture, entries = read_architecture(hardware), read_mapping(mapping)
        for layer in case["layers"]:
            read = read_layer(Record(FILE, layer["layer"]["name"], dict(layer["layer"])))
            entry = entry_for(entries, read.name, read.operator)
            unrolling = unroll(read.layer(entry.links), architecture, entry)
            name = f"{case['network']} {read.name} on {architecture.name}"
            yield Told(name, unrolling, layer["unrolled"], layer["mappings"])
