"""Keep tensors on chip from the layer that makes them to the last one that reads them.

```mlir
%y = nn.conv %x, %w ...          %y = nn.conv %x, %w {kept = 0, room = 8187904} ...
%z = nn.conv %y, %v ...    ->    %z = nn.conv %y, %v {room = 8187904} ...
```

A tensor that is `kept` lies at that address of the memory of inputs and outputs; layers compute on
it in place, and neither store nor load it. It must be of whole bytes, made and read by layers that
compute, and there must be one memory for inputs and outputs. A reshape that moves nothing only
names it anew, and a slice of rows is part of it; a concatenation is kept if all its parts are made
in their places. Those that are needed for the shortest time come first, the smallest of equals, as
long as all that is needed at once fits; `passes/arena.py` packs them. Where units run far ahead of
one another, an address that is used again at once makes one wait for the other: it is left alone
for up to `linger` layers, as far as there is room. `room` is what is left above tensors for the
tiles of a layer, at least the `reserve`-th part of the memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
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
from .arena import Life, load, packed
from .attach_machine import machine_of
from .fuse_epilogue import EPILOGUE, Epilogue, Producer, epilogue_of, producer_of
from .lowering.budget import ceil_to
from .lowering.movement import Reorder, moves_nothing
from .lowering.parts import container_of, place_in_concat, place_in_slice
from .lowering.sharing import SHARED, members_of, sharers
from .lowering.state import KEPT

ROOM = "room"
"""The attribute of a layer that says how many bytes of its memory are left for its tiles."""

COMPUTING = (
    nn.ConvOp,
    nn.MatmulOp,
    nn.AddOp,
    nn.MulOp,
    nn.LutOp,
    nn.MaxPoolOp,
    nn.AvgPoolOp,
    nn.GlobalAvgPoolOp,
)

RENAMING = (nn.ReshapeOp, nn.TransposeOp, nn.RearrangeOp, nn.SliceOp, nn.ConcatOp)


@dataclass(frozen=True)
class KeepOnChipPass(ModulePass):
    """Choose the tensors that stay on chip, and their addresses."""

    name = "keep-on-chip"

    reserve: int = 4
    linger: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        machine = machine_of(op)
        memory = machine.memory_for("O")
        if memory != machine.memory_for("I"):
            return
        layers = [layer for layer in network_of(op).function.body.ops if layer.results]
        turns = {layer: turn for turn, layer in enumerate(layers)}
        turns |= {
            layer: turns[members_of(layer)[0]] for layer in layers if SHARED in layer.attributes
        }
        limit = memory.bytes - memory.bytes // self.reserve
        tops = _place(_keepable(layers, turns, memory.line), limit, len(layers), self.linger)
        for layer in layers:
            if isinstance(layer, COMPUTING):
                layer.attributes[ROOM] = IntegerAttr(memory.bytes - tops[turns[layer]], i64)


def first_to_fit(machine: Machine, layers: Sequence[Operation], copies: int) -> int:
    """From which of `layers` on all that could be kept would fit, so many `copies` of it.

    That is their number if it does not even for the last; 0 where nothing can be kept.
    """
    memory = machine.memory_for("O")
    if memory != machine.memory_for("I"):
        return 0
    turns = {layer: turn for turn, layer in enumerate(layers)}
    needed = np.zeros(len(layers) + 1, np.int64)
    for tensor in _keepable(layers, turns, memory.line):
        needed[tensor.life.first : tensor.life.last + 1] += tensor.life.size
    limit = memory.bytes - memory.bytes // KeepOnChipPass.reserve
    too_much = np.flatnonzero(needed * copies > limit)
    return int(too_much[-1]) + 1 if len(too_much) else 0


def room_in(machine: Machine, layer: Operation) -> Machine:
    """The machine with no more memory for inputs and outputs than `layer` may use.

    Layers that share their weights have equal parts of it.
    """
    room, count = layer.attributes.get(ROOM), sharers(layer)
    if room is None and count == 1:
        return machine
    memories = machine.memory_for("I"), machine.memory_for("O")
    sizes = {memory.name: memory.bytes // count for memory in memories}
    if isinstance(room, IntegerAttr):
        sizes[memories[1].name] = room.value.data // count
    parts = tuple(
        replace(part, bytes=sizes[part.name])
        if isinstance(part, Memory) and part.name in sizes
        else part
        for part in machine.parts
    )
    return replace(machine, parts=parts)


@dataclass(frozen=True)
class _Tensor:
    """A tensor that may be kept, with the turns in which it is needed.

    `offsets` has the layers that make it, or parts of it, and those that only name it or a part
    anew: for each the byte at which its result begins.
    """

    offsets: Mapping[Operation, int]
    life: Life


def _keepable(layers: Sequence[Operation], turns: dict[Operation, int], line: int) -> list[_Tensor]:
    """The tensors that could be kept, in whole lines, the best first."""
    tensors: list[_Tensor] = []
    for layer in layers:
        (value,) = layer.results
        if place_in_concat(value) is None and obstacle(layer) is None:
            offsets, readers = _same_memory(layer)
            first = min(turns[_made_by(maker)] for maker in _makers(offsets))
            last = max(turns[reader] for reader in readers)
            size = ceil_to(size_of(layer), line)
            tensors.append(_Tensor(offsets, Life(size, first, last)))
    return sorted(tensors, key=lambda each: _preference(each.life))


def _preference(life: Life) -> tuple[int, int, int]:
    return life.last - life.first, life.size, life.first


def obstacle(layer: Operation) -> str | None:
    """Why the result of a layer cannot be kept, whatever room there is; None if it can."""
    (value,) = layer.results
    if place := place_in_concat(value):
        return obstacle(place[0])
    if not isinstance(layer, (*COMPUTING, nn.ConcatOp)):
        return "its layer does not compute in place"
    offsets, readers = _same_memory(layer)
    for maker in _makers(offsets):
        if never_made(maker):
            return "it exists in tiles only, for the epilogue"
        if not _in_place(maker):
            return f"{name_of(maker)}, which makes it, does not compute in place"
    if not readers or any(isinstance(reader, nn.DequantizeOp | ReturnOp) for reader in readers):
        return "it is an output of the network"
    for reader in readers:
        if not _in_place(reader):
            return f"{name_of(reader)}, which reads it, does not compute in place"
        if isinstance(reader, nn.MatmulOp) and reader.weight.owner in offsets:
            return f"it becomes the weights of {name_of(reader)}"
    if container_of(value).bits != 8:
        return "its elements do not take whole bytes"
    return None


def size_of(layer: Operation) -> int:
    """The bytes of a layer's result in memory."""
    value = layer.results[0]
    return TensorType(memory_form(shape_of(value)), container_of(value)).byte_size


def _makers(offsets: Iterable[Operation]) -> list[Operation]:
    """The layers that make a tensor, or parts of it, and do not only name it anew."""
    return [each for each in offsets if not isinstance(each, RENAMING)]


def _same_memory(layer: Operation) -> tuple[Mapping[Operation, int], list[Operation]]:
    """Layers whose results lie in that of `layer`, with their offsets in bytes; what reads them."""
    offsets, readers = {layer: 0}, list[Operation]()
    waiting = [layer]
    for each in waiting:
        if isinstance(each, nn.ConcatOp):
            for value in each.inputs:
                place, owner = place_in_concat(value), value.owner
                if place and place[0] is each and isinstance(owner, Operation):
                    offsets[owner] = offsets[each] + place[1]
                    waiting.append(owner)
                else:
                    readers.append(each)
        for use in each.results[0].uses:
            offset = renamed(use.operation)
            if offset is not None:
                offsets[use.operation] = offsets[each] + offset
                waiting.append(use.operation)
            elif use.operation not in offsets:
                readers.append(use.operation)
    return offsets, readers


def renamed(op: Operation) -> int | None:
    """The byte of its input at which the result of a layer that moves nothing begins."""
    if isinstance(op, Reorder):
        return 0 if moves_nothing(op) else None
    return place_in_slice(op) if isinstance(op, nn.SliceOp) else None


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


def never_made(layer: Operation) -> bool:
    """Whether the result is on chip in tiles only, for what follows in the same nest."""
    return isinstance(layer, Producer) and epilogue_of(layer) is not None


def _lingering(
    kept: Sequence[_Tensor], limit: int, turns: int, linger: int
) -> tuple[list[Life], list[int]]:
    """Tensors that are left alone for as many turns as fit the memory, `linger` at most.

    How long they are needed, then, and their addresses.
    """
    while True:
        lives = [replace(each.life, last=min(each.life.last + linger, turns - 1)) for each in kept]
        addresses = packed(lives) if not linger or load(lives) <= limit else []
        fits = all(at + life.size <= limit for at, life in zip(addresses, lives, strict=False))
        if not linger or (addresses and fits):
            return lives, addresses
        linger //= 2


def _place(tensors: Sequence[_Tensor], limit: int, turns: int, linger: int) -> list[int]:
    """Give tensors their addresses; returns the end of the highest one in each turn."""
    kept: list[_Tensor] = []
    for tensor in tensors:
        if load([*(each.life for each in kept), tensor.life]) <= limit:
            kept.append(tensor)
    lives, addresses = _lingering(kept, limit, turns, linger)
    while any(at + life.size > limit for life, at in zip(lives, addresses, strict=True)):
        kept.pop()
        lives = [each.life for each in kept]
        addresses = packed(lives)
    tops = [0] * turns
    for tensor, life, address in zip(kept, lives, addresses, strict=True):
        for layer, offset in tensor.offsets.items():
            layer.attributes[KEPT] = IntegerAttr(address + offset, i64)
        for turn in range(life.first, life.last + 1):
            tops[turn] = max(tops[turn], address + life.size)
    return tops
