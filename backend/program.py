"""Program files: all that an emulator (or a driver) needs to run a compiled network.

| entry | content |
|---|---|
| `manifest.json` | format and ISA version, digests of all entries and of the machine, memory map |
| `machine.mlir` | the machine, as text |
| `code.bin` | the instructions (`encoding.py`) |
| `weights.safetensors` | the bytes of every segment, by name; none if weights are left out |
| `provenance.json` | each instruction's layer, and the cycles predicted for each |
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import isfinite, prod
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from ..dialects.frames import in_frame
from ..dialects.isa_table import ISA_VERSION
from ..dialects.layout import container_bits, memory_bytes
from ..errors import TilefoldError
from .archive import parse_json, read_archive, write_archive
from .code import Code
from .encoding import decode, encode
from .prediction import Prediction
from .records import Record, get_field, get_records, get_tuple

FORMAT: Final = "tilefold program"
PACKAGE_FORMAT: Final = "tilefold package"
"""The format of files with several programs (`package.py`)."""
FORMAT_VERSION: Final = 2
_ADDRESSES: Final = 1 << 32
LIMITS: Final[Mapping[str, int]] = {
    "machine.mlir": 16 << 20,
    "code.bin": 256 << 20,
    "weights.safetensors": 2 << 30,
    "provenance.json": 256 << 20,
}
"""The entries of a program file, and the most bytes of each."""


@dataclass(frozen=True, eq=False)
class Segment:
    """Constant bytes that lie at `address` in DRAM before the program starts."""

    name: str
    address: int
    data: npt.NDArray[np.uint8]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Segment)
            and (self.name, self.address) == (other.name, other.address)
            and np.array_equal(self.data, other.data)
        )

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Port:
    """An input or an output of the network, in DRAM in memory form (`dialects/layout.py`).

    `shape` is logical. Elements have `bits` (2..8, or 32); `scale` and `zero_point` have one entry,
    or one for each index of `axis`. With `float_interface` the host quantises what it passes in
    and dequantises what it hands out.
    """

    name: str
    shape: tuple[int, ...]
    float_interface: bool
    bits: int
    signed: bool
    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None
    address: int

    @property
    def bytes(self) -> int:
        """Bytes in DRAM."""
        return memory_bytes(self.shape, container_bits(self.bits))

    def check(self) -> None:
        """Raise `TilefoldError` if the fields do not fit together."""
        problem = next(self._problems(), None)
        if problem:
            raise TilefoldError(f"port '{self.name}' has {problem}")
        _check_place(f"port '{self.name}'", self.address, self.bytes)

    def _problems(self) -> Iterator[str]:
        if min(self.shape, default=1) < 1 or prod(self.shape) > _ADDRESSES:
            yield f"shape {list(self.shape)}"
        if not (2 <= self.bits <= 8 or self.bits == 32):
            yield f"{self.bits} bits"
        if self.axis is not None and not 0 <= self.axis < len(self.shape):
            yield f"axis {self.axis}"
        channels = 1 if self.axis is None else self.shape[self.axis]
        if not len(self.scale) == len(self.zero_point) == channels:
            yield f"{len(self.scale)} scales and {len(self.zero_point)} zero points"
        if not all(isfinite(scale) and scale > 0 for scale in self.scale):
            yield "a scale that is not a positive number"


@dataclass(frozen=True)
class Program:
    """A compiled network.

    `layers` are the names of the network's nodes; `layer_of` gives, for every instruction, an index
    into them, or -1. Without `weights` the segments' data are placeholders: the program can be
    timed and checked, but has no values. `prediction` is None where none was made. It takes so
    many `frames` at a time: ports are those of frame 0, then those of frame 1, ..., and names are
    as in `dialects/frames.py`.
    """

    code: Code
    machine_text: str
    segments: tuple[Segment, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[str, ...]
    layer_of: tuple[int, ...]
    weights: bool = True
    prediction: Prediction | None = None
    frames: int = 1

    def inputs_of(self, frame: int) -> tuple[Port, ...]:
        """The inputs of a frame."""
        return _part(self.inputs, frame, self.frames)

    def outputs_of(self, frame: int) -> tuple[Port, ...]:
        """The outputs of a frame."""
        return _part(self.outputs, frame, self.frames)

    def without_weights(self) -> "Program":
        """This program with its weights left out."""
        segments = (_placeholder(s.name, s.address, s.data.size) for s in self.segments)
        return replace(self, segments=tuple(segments), weights=False)

    @cached_property
    def code_bytes(self) -> int:
        """The bytes of the instructions, which a machine fetches before it starts."""
        return len(encode(self.code))

    @property
    def network(self) -> str:
        """The network's name."""
        return self.code.header.network

    def check(self) -> None:
        """Raise `TilefoldError` if the parts do not fit together."""
        self.code.check()
        if machine_digest(self.machine_text) != self.code.header.digest:
            raise TilefoldError("the code is for another machine than the one in the program")
        if len(self.layer_of) != len(self.code.instructions):
            raise TilefoldError("provenance does not cover every instruction")
        if any(not -1 <= index < len(self.layers) for index in self.layer_of):
            raise TilefoldError("provenance names a layer that is not there")
        if self.prediction:
            self.prediction.check(len(self.layers))
        end = 0
        for segment in sorted(self.segments, key=lambda segment: segment.address):
            _check_place(f"segment '{segment.name}'", segment.address, segment.data.size)
            if segment.address < end:
                raise TilefoldError(f"segment '{segment.name}' overlaps the one before it")
            end = segment.address + segment.data.size
        for what in (self.segments, self.inputs, self.outputs):
            names = [part.name for part in what]
            if len(set(names)) < len(names):
                raise TilefoldError("two segments or two ports have the same name")
        for port in (*self.inputs, *self.outputs):
            port.check()
        for frame in range(self.frames):
            _check_alike(self.inputs_of(0), self.inputs_of(frame), frame)
            _check_alike(self.outputs_of(0), self.outputs_of(frame), frame)

    def save(self, path: str | Path) -> None:
        """Write the program file at `path`, whole or not at all; raises `TilefoldError`."""
        self.check()
        write_archive(Path(path), *self.parts())

    def parts(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The manifest and the entries of the program file."""
        weights = {s.name: s.data for s in self.segments} if self.weights else {}
        manifest = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "isa": ISA_VERSION,
            "machine": self.code.header.digest,
            "weights": self.weights,
            "segments": [
                {"name": s.name, "address": s.address, "bytes": s.data.size} for s in self.segments
            ],
            "inputs": [_port_record(port) for port in self.inputs],
            "outputs": [_port_record(port) for port in self.outputs],
            **({"frames": self.frames} if self.frames > 1 else {}),
        }
        provenance: dict[str, Any] = {"layers": self.layers, "layer_of": self.layer_of}
        if self.prediction:
            provenance["prediction"] = self.prediction.record()
        entries = {
            "machine.mlir": self.machine_text.encode(),
            "code.bin": encode(self.code),
            "weights.safetensors": save_tensors(weights),
            "provenance.json": json.dumps(provenance).encode(),
        }
        return manifest, entries

    @staticmethod
    def of_parts(manifest: Mapping[str, Any], entries: Mapping[str, bytes]) -> "Program":
        """The program of a file's manifest and entries; raises `TilefoldError`."""
        program = _from_parts(manifest, entries)
        program.check()
        return program

    @staticmethod
    def load(path: str | Path) -> "Program":
        """The program in the file at `path`; raises `TilefoldError` if anything is wrong."""
        manifest, entries = read_archive(Path(path), _limits)
        try:
            return Program.of_parts(manifest, entries)
        except TilefoldError as error:
            raise TilefoldError(f"{path}: {error}") from None


def machine_digest(text: str) -> str:
    """The digest of a machine's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _part(ports: tuple[Port, ...], number: int, count: int) -> tuple[Port, ...]:
    """One of so many equal parts."""
    size = len(ports) // count
    return ports[number * size : (number + 1) * size]


def _check_alike(first: Sequence[Port], ports: Sequence[Port], frame: int) -> None:
    """Raise TilefoldError unless `ports` are those of frame 0 but for names and addresses."""
    wanted = [replace(port, name=in_frame(port.name, frame), address=0) for port in first]
    if wanted != [replace(port, address=0) for port in ports]:
        raise TilefoldError(f"the ports of frame {frame} are not those of frame 0")


def _check_place(what: str, address: int, size: int) -> None:
    if size < 0 or not 0 <= address <= _ADDRESSES - size:
        raise TilefoldError(f"{what}: {size} bytes at {address:#x} do not fit into 4 GiB")


def _limits(manifest: Mapping[str, Any]) -> Mapping[str, int]:
    """The entries of a program file, and the most bytes of each."""
    if manifest.get("format") == PACKAGE_FORMAT:
        raise TilefoldError(
            "a package of steps for machine and host, not one program; `tilefold run` runs it"
        )
    return LIMITS


def _from_parts(manifest: Mapping[str, Any], entries: Mapping[str, bytes]) -> Program:
    """The program in the parts of an archive, its form checked but not its sense."""
    wanted = {"format": FORMAT, "version": FORMAT_VERSION, "isa": ISA_VERSION}
    for key, value in wanted.items():
        if manifest.get(key) != value:
            raise TilefoldError(f"{key} is {manifest.get(key)!r}, but must be {value!r}")
    code = decode(entries["code.bin"])
    if manifest.get("machine") != code.header.digest:
        raise TilefoldError("the code is for another machine than the manifest says")
    provenance = parse_json(entries["provenance.json"])
    try:
        machine_text = entries["machine.mlir"].decode()
    except UnicodeDecodeError:
        raise TilefoldError("the machine is not text") from None
    present = get_field(manifest, "weights", bool)
    records = get_records(manifest, "segments")
    return Program(
        code,
        machine_text,
        _segments(records, entries["weights.safetensors"], present),
        tuple(map(_port, get_records(manifest, "inputs"))),
        tuple(map(_port, get_records(manifest, "outputs"))),
        get_tuple(provenance, "layers", str),
        get_tuple(provenance, "layer_of", int),
        present,
        _prediction(provenance),
        _frames(manifest),
    )


def _frames(manifest: Record) -> int:
    """How many frames a program takes: one in files that do not say."""
    frames = get_field(manifest, "frames", int) if "frames" in manifest else 1
    inputs, outputs = (len(get_records(manifest, ports)) for ports in ("inputs", "outputs"))
    if not 1 <= frames <= max(1, outputs) or inputs % frames or outputs % frames:
        raise TilefoldError(f"the ports are not those of {frames} frames")
    return frames


def _prediction(provenance: Record) -> Prediction | None:
    """What was predicted; None in files that have nothing of it."""
    if "prediction" not in provenance:
        return None
    record = cast(Record, get_field(provenance, "prediction", dict))
    rows = cast(tuple[list[object], ...], get_tuple(record, "layers", list))
    return Prediction.of(get_field(record, "start", int), rows)


def _placeholder(name: str, address: int, size: int) -> Segment:
    """A segment whose bytes are not known; takes no memory."""
    return Segment(name, address, np.broadcast_to(np.uint8(0), size))


def _segments(records: Iterable[Record], data: bytes, present: bool) -> tuple[Segment, ...]:
    try:
        tensors = load_tensors(data)
    except SafetensorError as error:
        raise TilefoldError(f"weights: {error}") from None
    segments: list[Segment] = []
    for record in records:
        name = get_field(record, "name", str)
        address, size = get_field(record, "address", int), get_field(record, "bytes", int)
        _check_place(f"segment '{name}'", address, size)
        if not present:
            segments.append(_placeholder(name, address, size))
            continue
        tensor = tensors.pop(name, None)
        if tensor is None or tensor.dtype != np.uint8 or tensor.ndim != 1:
            raise TilefoldError(f"weights: segment '{name}' is missing or not bytes")
        if tensor.size != size:
            raise TilefoldError(f"weights: segment '{name}' has {tensor.size} bytes, not {size}")
        segments.append(Segment(name, address, tensor))
    if tensors:
        raise TilefoldError(f"weights: segment '{min(tensors)}' is not in the manifest")
    return tuple(segments)


def _port_record(port: Port) -> dict[str, Any]:
    return {field.name: getattr(port, field.name) for field in fields(port)}


def _port(record: Record) -> Port:
    return Port(
        name=get_field(record, "name", str),
        shape=get_tuple(record, "shape", int),
        float_interface=get_field(record, "float_interface", bool),
        bits=get_field(record, "bits", int),
        signed=get_field(record, "signed", bool),
        scale=get_tuple(record, "scale", float),
        zero_point=get_tuple(record, "zero_point", int),
        axis=get_field(record, "axis", int, type(None)),
        address=get_field(record, "address", int),
    )
