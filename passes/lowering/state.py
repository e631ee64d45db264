"""What the lowering of every operation needs: the machine, the store, the tensors so far."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.builder import Builder
from xdsl.dialects.builtin import AffineMapAttr, FloatAttr, IntegerAttr, StringAttr, f32, i64
from xdsl.ir import Attribute, Operation, SSAValue

from ...dialects import nn, schedule
from ...dialects.fabric import FoldAttr
from ...dialects.frames import split_frame
from ...dialects.isa_operands import ElementType
from ...dialects.layout import to_memory
from ...dialects.location import name_of, named
from ...dialects.nn_syntax import Ints
from ...dialects.store import Store
from ...errors import TilefoldError
from ...machines.model import Machine, Operand
from .nest import Access, Place, ints
from .parts import box_type, container_of, part_type, place_in_concat, stored_shape

KEPT = "kept"
"""The attribute of a layer whose result is kept on chip: its address (`keep-on-chip`)."""


PIECE = 1 << 18
"""Bytes of weights that are loaded as a whole, unless told otherwise."""


def address_of(value: SSAValue) -> int | None:
    """Where a value is kept on chip; None where it is not."""
    owner = value.owner
    address = owner.attributes.get(KEPT) if isinstance(owner, Operation) else None
    return address.value.data if isinstance(address, IntegerAttr) else None


def numbers(values: Ints) -> tuple[int, ...]:
    """The integers of an option of an `nn` operation."""
    return tuple(values.get_values())


def constant_of(value: SSAValue, store: Store, layer: Operation) -> npt.NDArray[Any]:
    """The integers of a constant operand of `layer`; TilefoldError where it is none."""
    if not isinstance(value.owner, nn.ConstantOp):
        raise TilefoldError(
            f"{name_of(layer)}: weights and biases must be constants of the network"
        )
    return value.owner.array(store)


def array_before(op: Operation) -> str | None:
    """The array class that makes what an operation goes on with, if one does.

    Of what it reads it goes on with what comes last in program order.
    """
    while not isinstance(fold := op.attributes.get("fold"), FoldAttr):
        owners = [value.owner for value in op.operands if isinstance(value.owner, Operation)]
        made = [owner for owner in owners if not isinstance(owner, nn.ConstantOp)]
        if not made:
            return None
        op = reduce(lambda one, other: other if one.is_before_in_block(other) else one, made)
    return fold.array.data


def int64(value: int) -> IntegerAttr[Any]:
    """A 64-bit integer attribute."""
    return IntegerAttr(value, i64)


def real(value: float | np.float32) -> FloatAttr[Any]:
    """A float32 attribute."""
    return FloatAttr(float(value), f32)


@dataclass
class Lowering:
    """The lowering of one network: `tensors` maps values of `nn` to tensors.

    `overlap` says whether tiles are cut so that loads, work and stores overlap; weights of more
    bytes than a `piece` are loaded in pieces. The network is one of so many `frames`.
    """

    machine: Machine
    store: Store
    builder: Builder
    overlap: bool = True
    piece: int = PIECE
    frames: int = 1
    tensors: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    _temporaries: int = 0
    _constants: dict[tuple[str, str, schedule.TensorType], tuple[int, SSAValue]] = field(
        default_factory=dict[tuple[str, str, schedule.TensorType], tuple[int, SSAValue]]
    )

    def vector_unit(self, op: Operation) -> str:
        """The vector unit for an operation: beside the array that makes what it reads, if one does.

        Otherwise the first that works between the memories of inputs and outputs.
        """
        array = array_before(op)
        if array is not None:
            return self.machine.lanes_beside(self.machine.array(array)).name
        source, target = self.machine.memory_for("I"), self.machine.memory_for("O")
        return self.machine.vector_for(source.name, target.name).name

    def tensor(self, value: SSAValue) -> SSAValue:
        """The tensor in DRAM that holds a value of the network; constants are put there."""
        if value not in self.tensors:
            assert isinstance(value.owner, nn.ConstantOp)
            label = name_of(value.owner)
            box = box_type(value, label)
            array = value.owner.array(self.store).reshape(stored_shape(value))
            data = to_memory(array, container_of(value).bits)
            self.tensors[value] = self.constant(label, data, box)
        return self.tensors[value]

    def result(self, value: SSAValue) -> SSAValue:
        """The tensor that a value is to be stored in, made where it is no output."""
        if value not in self.tensors:
            assert isinstance(value.owner, Operation)
            if place := place_in_concat(value):
                concat, offset = place
                whole, type = self.result(concat.result), part_type(value, name_of(value.owner))
                self.tensors[value] = self.part(whole, offset, type)
            else:
                box = box_type(value, name_of(value.owner))
                self.tensors[value] = self.temporary(box, address_of(value))
        return self.tensors[value]

    def part(self, tensor: SSAValue, offset: int, type: schedule.TensorType) -> SSAValue:
        """What lies in `tensor` from byte `offset` on, as a tensor of a type."""
        return self.builder.insert(schedule.PartOp(tensor, offset, type)).result

    def temporary(self, type: schedule.TensorType, kept: int | None = None) -> SSAValue:
        """A new tensor for what is computed on the way: in DRAM, or `kept` at an address."""
        self._temporaries += 1
        memory = self.machine.memory_for("O").name if kept is not None else None
        tensor = schedule.TensorOp("temporary", f"t{self._temporaries}", type, memory=memory)
        tensor.address = None if kept is None else int64(kept)
        return self.builder.insert(tensor).result

    def on_chip(self, tensor: SSAValue) -> bool:
        """Whether a tensor lies on chip."""
        return schedule.place_of(tensor)[0].memory is not None

    def window(
        self,
        place: Place,
        tensor: SSAValue,
        sizes: Sequence[int],
        element: ElementType,
        access: Access,
        pad: int = 0,
    ) -> SSAValue:
        """The tile at `access` of a tensor on chip, in place."""
        origin, indices = place.origin(access.positions)
        window = schedule.WindowOp(
            operands=[tensor, indices],
            properties={
                "origin": origin,
                "extents": ints(access.extents),
                "strides": ints(access.strides),
                "pad": int64(pad),
            },
            result_types=[schedule.BufferType(sizes, element)],
        )
        return place.builder.insert(window).tile

    def port(self, kind: str, name: str, value: SSAValue, host_float: bool) -> SSAValue:
        """A new tensor in DRAM for an input or output of the network."""
        box = box_type(value, name)
        port = schedule.TensorOp(kind, name, box, logical=value.type, host_float=host_float)
        port.location = named(name)
        return self.builder.insert(port).result

    def buffer(self, operand: Operand, sizes: Sequence[int], element: ElementType) -> SSAValue:
        """A new buffer for `operand` (I, W or O)."""
        memory = self.machine.memory_for(operand).name
        return self.builder.insert(
            schedule.BufferOp(memory, schedule.BufferType(sizes, element))
        ).result

    def constant(
        self, label: str, data: npt.NDArray[np.uint8], type: schedule.TensorType | None = None
    ) -> SSAValue:
        """A constant tensor in DRAM with the bytes `data`; as they are where no `type`.

        It is new, or that of the same layer in another frame.
        """
        type = type or schedule.TensorType(data.shape, ElementType.U8)
        digest = self.store.put(data)
        name, frame = split_frame(label, self.frames)
        made_for, made = self._constants.get((name, digest, type), (frame, None))
        if made is None or made_for == frame:
            op = schedule.TensorOp("constant", name, type, data=digest)
            made = self.builder.insert(op).result
            self._constants[name, digest, type] = frame, made
        return made

    def words(self, label: str, words: npt.NDArray[np.int32]) -> SSAValue:
        """A new constant tensor of 32-bit words."""
        type = schedule.TensorType(words.shape, ElementType.I32)
        return self.constant(label, words.view(np.uint8).reshape(-1), type)

    def load(
        self,
        place: Place,
        operand: Operand,
        tensor: SSAValue,
        buffer: SSAValue,
        access: Access,
        pad: int = 0,
    ) -> None:
        """Load the tile at `access` of `tensor` into the buffer of an operand (I or W)."""
        origin, indices = place.origin(access.positions)
        unit = self.machine.dma_for_operand(operand, "load").name
        place.builder.insert(
            schedule.LoadOp(
                operands=[buffer, tensor, indices],
                properties=_transfer(unit, origin, access) | {"pad": int64(pad)},
            )
        )

    def store_tile(self, place: Place, buffer: SSAValue, tensor: SSAValue, access: Access) -> None:
        """Store `buffer` into the tile at `access` of `tensor`."""
        origin, indices = place.origin(access.positions)
        unit = self.machine.dma_for_operand("O", "store").name
        place.builder.insert(
            schedule.StoreOp(
                operands=[tensor, buffer, indices], properties=_transfer(unit, origin, access)
            )
        )


def _transfer(unit: str, origin: AffineMapAttr, access: Access) -> dict[str, Attribute]:
    return {
        "unit": StringAttr(unit),
        "origin": origin,
        "extents": ints(access.extents),
        "strides": ints(access.strides),
    }
