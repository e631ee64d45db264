"""Keep tensors on chip from the layer that makes them to the last one that reads them.

```mlir
%y = nn.conv %x, %w ...          %y = nn.conv %x, %w {kept = 0, room = 8187904} ...
%z = nn.conv %y, %v ...    ->    %z = nn.conv %y, %v {room = 8187904} ...
```

A tensor that is `kept` lies at that address of the memory of inputs and outputs; layers compute on
it in place, and neither store nor load it. It must be of whole bytes, made and read by layers that
compute (a reshape that moves nothing only names it anew), and there must be one memory for inputs
and outputs. Those that are needed for the shortest time come first, the smallest of equals, each at
the lowest address that is free as long as it lives. `room` is what is left above them for the tiles
of a layer, at least the `reserve`-th part of the memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from ..dialects import nn
from ..dialects.layout import memory_form
from ..dialects.location import name_of
from ..dialects.nn_network import network_of
from ..dialects.nn_types import shape_of
from ..dialects.schedule import TensorType
from ..machines.model import Machine, Memory
from .arena import Arena
from .attach_machine import machine_of
from .fuse_epilogue import EPILOGUE, Epilogue, Producer, epilogue_of, producer_of
from .lowering.budget import ceil_to
from .lowering.movement import Reorder, moves_nothing
from .lowering.state import KEPT, container_of

ROOM = "room"
"""The attribute of a layer that says how many bytes of its memory are left for its tiles."""

COMPUTING = (
    nn.ConvOp,
    nn.MatmulOp,
    nn.AddOp,
    nn.LutOp,
    nn.MaxPoolOp,
    nn.AvgPoolOp,
    nn.GlobalAvgPoolOp,
)


@dataclass(frozen=True)
class KeepOnChipPass(ModulePass):
    """Choose the tensors that stay on chip, and their addresses."""

    name = "keep-on-chip"

    reserve: int = 4

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        memory = machine.memory_for("O")
        if memory != machine.memory_for("I"):
            return
        layers = [layer for layer in network_of(op).function.body.ops if layer.results]
        turns = {layer: turn for turn, layer in enumerate(layers)}
        limit = memory.bytes - memory.bytes // self.reserve
        tops = _place(_kept(layers, turns), memory, limit, len(layers))
        for layer in layers:
            if isinstance(layer, COMPUTING):
                layer.attributes[ROOM] = IntegerAttr(memory.bytes - tops[turns[layer]], i64)


def room_in(machine: Machine, layer: Operation) -> Machine:
    """The machine with no more memory for inputs and outputs than `layer` may use."""
    room = layer.attributes.get(ROOM)
    if not isinstance(room, IntegerAttr):
        return machine
    name = machine.memory_for("O").name
    parts = tuple(
        replace(part, bytes=room.value.data)
        if isinstance(part, Memory) and part.name == name
        else part
        for part in machine.parts
    )
    return replace(machine, parts=parts)


@dataclass(frozen=True)
class _Life:
    """A tensor with the first and the last turn in which it is needed.

    `layers` are the one that makes it and those that only name it anew.
    """

    layers: Sequence[Operation]
    size: int
    first: int
    last: int


def _kept(layers: Sequence[Operation], turns: dict[Operation, int]) -> list[_Life]:
    """The tensors that could be kept, the best first."""
    lives: list[_Life] = []
    for layer in layers:
        if obstacle(layer) is None:
            same, readers = _same_memory(layer)
            last = max(turns[reader] for reader in readers)
            lives.append(_Life(same, size_of(layer), turns[_made_by(layer)], last))
    return sorted(lives, key=lambda life: (life.last - life.first, life.size, life.first))


def obstacle(layer: Operation) -> str | None:
    """Why the result of a layer cannot be kept, whatever room there is; None if it can."""
    if not _in_place(layer):
        return "its layer does not compute in place"
    if _never_made(layer):
        return "it exists in tiles only, for the epilogue"
    readers = _same_memory(layer)[1]
    if not readers or any(isinstance(reader, nn.DequantizeOp | ReturnOp) for reader in readers):
        return "it is an output of the network"
    for reader in readers:
        if not _in_place(reader):
            return f"{name_of(reader)}, which reads it, does not compute in place"
    if container_of(layer.results[0]).bits != 8:
        return "its elements do not take whole bytes"
    return None


def size_of(layer: Operation) -> int:
    """The bytes of a layer's result in memory."""
    value = layer.results[0]
    return TensorType(memory_form(shape_of(value)), container_of(value)).byte_size


def _same_memory(layer: Operation) -> tuple[list[Operation], list[Operation]]:
    """A layer and the reshapes of its result that move nothing; and what else reads these."""
    same, readers = [layer], list[Operation]()
    for each in same:
        for use in each.results[0].uses:
            reshape = isinstance(use.operation, Reorder) and moves_nothing(use.operation)
            (same if reshape else readers).append(use.operation)
    return same, readers


def _in_place(op: Operation) -> bool:
    """Whether an operation can compute on tensors in place."""
    if isinstance(op, nn.ConvOp):
        groups = op.groups.value.data
        return groups in (1, shape_of(op.input)[1])
    return isinstance(op, COMPUTING)


def _made_by(layer: Operation) -> Operation:
    """The layer in whose nest a result is made."""
    if EPILOGUE in layer.attributes and isinstance(layer, Epilogue):
        return producer_of(layer) or layer
    return layer


def _never_made(layer: Operation) -> bool:
    """Whether the result is on chip in tiles only, for what follows in the same nest."""
    return isinstance(layer, Producer) and epilogue_of(layer) is not None


def _place(lives: Sequence[_Life], memory: Memory, limit: int, turns: int) -> list[int]:
    """Give tensors their addresses; returns the end of the highest one in each turn."""
    tops = [0] * turns
    arena = Arena()
    for life in lives:
        size = ceil_to(life.size, memory.line)
        address = arena.lowest(size, life.first, life.last)
        if address + size <= limit:
            arena.put(address, size, life.first, life.last)
            for layer in life.layers:
                layer.attributes[KEPT] = IntegerAttr(address, i64)
            for turn in range(life.first, life.last + 1):
                tops[turn] = max(tops[turn], address + size)
    return tops
