"""Packages: networks that run in steps, some on the machine and some on the host.

A package file is an archive like a program file. Each step has its entries, numbered:

| entry | content |
|---|---|
| `manifest.json` | format, the network's inputs and outputs, for each step its kind; digests |
| `N.program.*` | a machine program: the entries of a program file; its manifest is in this one's |
| `N.model.onnx` | a host model: nothing but data for onnxruntime; none if weights are left out |
| `nodes.json` | where each node of the network runs, and why |

A step reads values that the network was given or that steps before it made, by name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, helper

from ..errors import TilefoldError
from ..interpreters.host_model import HostModel
from ..interpreters.onnx_tensors import external_tensors
from ..interpreters.placed_node import PlacedNode
from .archive import parse_json, read_archive, write_archive
from .program import FORMAT as PROGRAM_FORMAT
from .program import LIMITS, Program
from .program import PACKAGE_FORMAT as FORMAT
from .records import Record, get_field, get_records, get_tuple

FORMAT_VERSION: Final = 4
MAX_STEPS: Final = 1000
MODEL_LIMIT: Final = (2 << 30) - 1
"""Bytes of a host model: protobuf's own limit."""


@dataclass(frozen=True)
class HostPort:
    """An input or output of a host model: its numpy type's name, and its shape if it is fixed.

    None stands for a dimension that is known only when the network runs.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class HostStep:
    """A part of a network that the host runs: an ONNX model; empty if weights are left out."""

    name: str
    model: bytes
    inputs: tuple[HostPort, ...]
    outputs: tuple[HostPort, ...]

    @staticmethod
    def of(model: ModelProto) -> "HostStep":
        """The step that runs `model`; TilefoldError where it is larger than 2 GiB."""
        name = model.graph.name
        try:
            data = model.SerializeToString(deterministic=True)
        except (ValueError, DecodeError):
            raise TilefoldError(f"{name}: more than 2 GiB of constants on the host") from None
        return HostStep(
            name,
            data,
            tuple(map(_host_port, model.graph.input)),
            tuple(map(_host_port, model.graph.output)),
        )

    @property
    def network(self) -> str:
        """The name of the part."""
        return self.name

    @cached_property
    def runner(self) -> HostModel:
        """The model ready to run, kept as long as the step is; raises `TilefoldError`."""
        self.check()
        return HostModel(self.name, self.model)

    def check(self) -> None:
        """Raise `TilefoldError` if the model is not what the step says, or refers to files."""
        if not self.model:
            return
        try:
            model = ModelProto.FromString(self.model)
        except DecodeError:
            raise TilefoldError("a host model is not an ONNX model") from None
        if any(external_tensors(model)):
            raise TilefoldError("a host model refers to other files")
        found = HostStep.of(model)
        if (found.name, found.inputs, found.outputs) != (self.name, self.inputs, self.outputs):
            raise TilefoldError("a host model has other inputs or outputs than its step")


Step = Program | HostStep


@dataclass(frozen=True)
class Package:
    """A network in steps that run one after the other, the machine's all for one machine.

    `inputs` are those of the network; `outputs` are the names of its results. `fixed` are inputs
    that chose between parts of the network, and the integers that it was compiled for.
    """

    network: str
    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[PlacedNode, ...]
    fixed: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def programs(self) -> tuple[Program, ...]:
        """The machine's steps."""
        return tuple(step for step in self.steps if isinstance(step, Program))

    @property
    def weights(self) -> bool:
        """Whether it has weights: without them it can be timed and checked, not run."""
        return all(
            step.weights if isinstance(step, Program) else bool(step.model) for step in self.steps
        )

    def without_weights(self) -> "Package":
        """This package with weights, and host models, left out."""
        steps = (
            step.without_weights() if isinstance(step, Program) else replace(step, model=b"")
            for step in self.steps
        )
        return replace(self, steps=tuple(steps))

    @cached_property
    def machine_share(self) -> float | None:
        """Products on the machine over all products; None if there are none."""
        total = sum(node.macs for node in self.nodes)
        mine = sum(node.macs for node in self.nodes if node.on_machine)
        return mine / total if total else None

    def check(self) -> None:
        """Raise `TilefoldError` if the parts do not fit together."""
        if len(self.steps) > MAX_STEPS:
            raise TilefoldError(f"{len(self.steps)} steps, more than {MAX_STEPS}")
        known = set(self.inputs)
        for step in self.steps:
            step.check()
            if missing := sorted({port.name for port in step.inputs} - known):
                raise TilefoldError(f"a step reads '{missing[0]}', which no step before it makes")
            known.update(port.name for port in step.outputs)
        if missing := sorted(set(self.outputs) - known):
            raise TilefoldError(f"no step makes the output '{missing[0]}'")
        if len({program.code.header.digest for program in self.programs}) > 1:
            raise TilefoldError("the steps are for different machines")
        if any(not 0 <= node.step < len(self.steps) for node in self.nodes):
            raise TilefoldError("a node is said to run in a step that is not there")

    def save(self, path: str | Path) -> None:
        """Write the package file at `path`, whole or not at all; raises `TilefoldError`."""
        self.check()
        entries: dict[str, bytes] = {}
        kinds: list[dict[str, Any]] = []
        for number, step in enumerate(self.steps):
            if isinstance(step, Program):
                manifest, parts = step.parts()
                entries |= {f"{number}.program.{name}": data for name, data in parts.items()}
                kinds.append({"kind": "program", "manifest": manifest})
            else:
                entries[f"{number}.model.onnx"] = step.model
                ports = {
                    "inputs": [_record(port) for port in step.inputs],
                    "outputs": [_record(port) for port in step.outputs],
                }
                kinds.append({"kind": "host", "name": step.name, **ports})
        entries["nodes.json"] = json.dumps({"nodes": list(map(_record, self.nodes))}).encode()
        manifest = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "network": self.network,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "fixed": [{"name": name, "value": value} for name, value in self.fixed.items()],
            "steps": kinds,
        }
        write_archive(Path(path), manifest, entries)

    @staticmethod
    def load(path: str | Path) -> "Package":
        """The package in the file at `path`; raises `TilefoldError` if anything is wrong."""
        found = load(path)
        if isinstance(found, Program):
            raise TilefoldError(f"{path}: a program for the machine alone, not a package")
        return found


def load(path: str | Path) -> Program | Package:
    """The program or package in the file at `path`; raises `TilefoldError` if it is neither."""
    manifest, entries = read_archive(Path(path), _limits)
    try:
        if manifest.get("format") == PROGRAM_FORMAT:
            return Program.of_parts(manifest, entries)
        package = _from_parts(manifest, entries)
        package.check()
    except TilefoldError as error:
        raise TilefoldError(f"{path}: {error}") from None
    return package


def _limits(manifest: Record) -> Mapping[str, int]:
    """The entries that an archive must have, and the most bytes of each."""
    if manifest.get("format") == PROGRAM_FORMAT:
        return LIMITS
    wanted = {"format": FORMAT, "version": FORMAT_VERSION}
    for key, value in wanted.items():
        if manifest.get(key) != value:
            raise TilefoldError(f"{key} is {manifest.get(key)!r}, but must be {value!r}")
    limits = {"nodes.json": 64 << 20}
    steps = get_records(manifest, "steps")
    if len(steps) > MAX_STEPS:
        raise TilefoldError(f"{len(steps)} steps, more than {MAX_STEPS}")
    for number, step in enumerate(steps):
        if _kind(step) == "program":
            limits |= {f"{number}.program.{name}": limit for name, limit in LIMITS.items()}
        else:
            limits[f"{number}.model.onnx"] = MODEL_LIMIT
    return limits


def _kind(step: Record) -> str:
    kind = get_field(step, "kind", str)
    if kind not in ("program", "host"):
        raise TilefoldError(f"a step is a {kind!r}, but must be a program or host")
    return kind


def _from_parts(manifest: Record, entries: Mapping[str, bytes]) -> Package:
    steps: list[Step] = []
    for number, step in enumerate(get_records(manifest, "steps")):
        if _kind(step) == "program":
            parts = {name: entries[f"{number}.program.{name}"] for name in LIMITS}
            inner = cast(dict[str, Any], get_field(step, "manifest", dict))
            steps.append(Program.of_parts(inner, parts))
            continue
        steps.append(
            HostStep(
                get_field(step, "name", str),
                entries[f"{number}.model.onnx"],
                tuple(map(_host_port_of, get_records(step, "inputs"))),
                tuple(map(_host_port_of, get_records(step, "outputs"))),
            )
        )
    return Package(
        get_field(manifest, "network", str),
        tuple(steps),
        get_tuple(manifest, "inputs", str),
        get_tuple(manifest, "outputs", str),
        tuple(map(_node_of, get_records(parse_json(entries["nodes.json"]), "nodes"))),
        {
            get_field(record, "name", str): get_field(record, "value", int)
            for record in get_records(manifest, "fixed")
        },
    )


def _record(part: HostPort | PlacedNode) -> dict[str, Any]:
    return {each.name: getattr(part, each.name) for each in fields(part)}


def _host_port_of(record: Record) -> HostPort:
    return HostPort(
        get_field(record, "name", str),
        get_field(record, "dtype", str),
        get_tuple(record, "shape", int, type(None)),
    )


def _node_of(record: Record) -> PlacedNode:
    return PlacedNode(
        get_field(record, "name", str),
        get_field(record, "operator", str),
        get_field(record, "step", int),
        get_field(record, "on_machine", bool),
        get_field(record, "reason", str),
        get_field(record, "macs", int),
    )


def _host_port(value: Any) -> HostPort:
    """The port of a `ValueInfoProto`; TilefoldError where it is no tensor of numbers."""
    kind = value.type.tensor_type
    known = kind.elem_type in TensorProto.DataType.values()
    if not known or kind.elem_type in (TensorProto.UNDEFINED, TensorProto.STRING):
        raise TilefoldError(f"'{value.name}' is no tensor of numbers")
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim]
    dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
    return HostPort(value.name, dtype.name, tuple(dims))
