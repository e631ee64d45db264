"""Where the elements of a `schedule` lie: tensors in DRAM, buffers on chip."""

import re

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import BoolAttr, IntegerAttr, StringAttr, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
)
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from ..errors import TilefoldError
from .isa_operands import ElementType
from .layout import memory_form
from .nn_types import QuantTensor
from .schedule_types import BufferType, TensorType, words_up
from .store import DIGEST_LENGTH, Store

KINDS = ("input", "output", "constant", "temporary")


@irdl_op_definition
class TensorOp(IRDLOperation):
    """A tensor: the network's `input` or `output`, a `constant` or a `temporary`.

    It lies in DRAM, or, if it is a temporary one with a `memory`, on chip in that.
    `logical` is the network's type of a port, for the host's conversion; a port with `host_float`
    is seen by users in float32. `data` is the digest of a constant's bytes in the side store.
    """

    name = "schedule.tensor"
    kind = prop_def(StringAttr)
    label = prop_def(StringAttr)
    logical = opt_prop_def(Attribute)
    host_float = opt_prop_def(BoolAttr)
    data = opt_prop_def(StringAttr)
    memory = opt_prop_def(StringAttr)
    address = opt_prop_def(IntegerAttr)
    result = result_def(TensorType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "attr-dict `:` type($result)"

    def __init__(
        self,
        kind: str,
        label: str,
        type: TensorType,
        *,
        logical: Attribute | None = None,
        host_float: bool = False,
        data: str | None = None,
        memory: str | None = None,
    ):
        super().__init__(
            properties={
                "kind": StringAttr(kind),
                "label": StringAttr(label),
                "logical": logical,
                "host_float": BoolAttr.from_bool(True) if host_float else None,
                "data": StringAttr(data) if data else None,
                "memory": StringAttr(memory) if memory else None,
            },
            result_types=[type],
        )

    def verify_(self) -> None:
        if self.kind.data not in KINDS:
            raise VerifyException(f"tensor kind {self.kind.data!r} is none of {', '.join(KINDS)}")
        if (self.kind.data == "constant") != (self.data is not None):
            raise VerifyException("exactly the constant tensors have data")
        if self.data and not re.fullmatch(f"[0-9a-f]{{{DIGEST_LENGTH}}}", self.data.data):
            raise VerifyException(f'"{self.data.data}" is no digest of {DIGEST_LENGTH} hex digits')
        if (self.kind.data in ("input", "output")) != (self.logical is not None):
            raise VerifyException("exactly the inputs and outputs have a logical type")
        if self.memory is not None and self.kind.data != "temporary":
            raise VerifyException("only temporary tensors lie on chip")
        if self.logical is not None:
            self._check_logical(self.logical)
        _check_address(self.address)

    def _check_logical(self, logical: Attribute) -> None:
        if not isa(logical, QuantTensor):
            raise VerifyException(f"the logical type {logical} is not a quantised tensor")
        element = logical.element_type
        container = ElementType.of(element.container_bits, element.signed)
        form = TensorType(memory_form(logical.get_shape()), container)
        if self.box != form:
            raise VerifyException(f"{logical} lies in memory as {form}, not {self.box}")

    def bytes(self, store: Store) -> npt.NDArray[np.uint8]:
        """A constant's bytes; TilefoldError where the store lacks them or has another number."""
        assert self.data is not None, "only constants have bytes"
        data = np.ascontiguousarray(store.get(self.data.data)).reshape(-1).view(np.uint8)
        if data.size != self.box.byte_size:
            raise TilefoldError(
                f"constant {self.label.data}: the store has {data.size} bytes of it, "
                f"{self.box} takes {self.box.byte_size}"
            )
        return data

    @property
    def box(self) -> TensorType:
        """The tensor's type."""
        assert isinstance(self.result.type, TensorType)
        return self.result.type


@irdl_op_definition
class PartOp(IRDLOperation):
    """Part of a tensor, in place: what lies there from byte `offset` on, as a tensor of its own.

    `%rows = schedule.part %image {offset = 1792} : !schedule.tensor<56x56x8xu8> -> ...`
    """

    name = "schedule.part"
    tensor = operand_def(TensorType)
    offset = prop_def(IntegerAttr)
    result = result_def(TensorType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$tensor attr-dict `:` type($tensor) `->` type($result)"

    def __init__(self, tensor: SSAValue, offset: int, type: TensorType):
        super().__init__(
            operands=[tensor],
            properties={"offset": IntegerAttr(offset, i64)},
            result_types=[type],
        )

    def verify_(self) -> None:
        offset, whole, part = self.offset.value.data, self.tensor.type, self.result.type
        assert isinstance(whole, TensorType) and isinstance(part, TensorType)
        if not isinstance(self.tensor.owner, TensorOp | PartOp):
            raise VerifyException("a part is of a tensor")
        if offset < 0 or offset + part.byte_size > whole.byte_size:
            raise VerifyException(
                f"{part.byte_size} bytes from byte {offset} on reach beyond the tensor, which has "
                f"{whole.byte_size}"
            )


def place_of(tensor: SSAValue) -> tuple[TensorOp, int]:
    """The tensor that a value is or is part of, and the byte of it at which it begins."""
    offset = 0
    while isinstance(tensor.owner, PartOp):
        offset += tensor.owner.offset.value.data
        tensor = tensor.owner.tensor
    assert isinstance(tensor.owner, TensorOp), "a part is of a tensor"
    return tensor.owner, offset


@irdl_op_definition
class BufferOp(IRDLOperation):
    """A ring of `depth` tiles in an on-chip memory.

    The rows (the outermost dimension) of a tile lie `pitch` elements apart, or close together.
    """

    name = "schedule.buffer"
    memory = prop_def(StringAttr)
    depth = prop_def(IntegerAttr)
    pitch = opt_prop_def(IntegerAttr)
    address = opt_prop_def(IntegerAttr)
    result = result_def(BufferType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$memory attr-dict `:` type($result)"

    def __init__(self, memory: str, type: BufferType, depth: int = 1):
        super().__init__(
            properties={"memory": StringAttr(memory), "depth": IntegerAttr(depth, i64)},
            result_types=[type],
        )

    def verify_(self) -> None:
        if self.depth.value.data < 1:
            raise VerifyException("a buffer's depth must be at least 1")
        if self.pitch is not None:
            self._check_pitch(self.pitch.value.data)
        _check_address(self.address)

    @property
    def box(self) -> BufferType:
        """The type of one tile."""
        assert isinstance(self.result.type, BufferType)
        return self.result.type

    def _check_pitch(self, pitch: int) -> None:
        row = self.box.strides[0]
        if pitch < row or pitch * self.box.bits % 8:
            raise VerifyException(f"a pitch of {pitch} is less than a row of {row}, or no bytes")

    @property
    def strides(self) -> tuple[int, ...]:
        """Distances in elements between neighbours along each dimension of a tile."""
        row, *inner = self.box.strides
        return (row if self.pitch is None else self.pitch.value.data), *inner

    @property
    def slot_bytes(self) -> int:
        """Bytes from one slot to the next: whole words."""
        apart = (self.strides[0] - self.box.strides[0]) * self.box.bits // 8
        return words_up(self.box.byte_size + (self.box.sizes[0] - 1) * apart)

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole ring."""
        return self.slot_bytes * self.depth.value.data


def _check_address(address: IntegerAttr | None) -> None:
    if address is not None and address.value.data < 0:
        raise VerifyException("an address must not be negative")
