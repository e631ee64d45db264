"""The steps of `schedule`: what units do, one operation each."""

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    AffineMapAttr,
    BoolAttr,
    DenseArrayBase,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    StringAttr,
    i64,
)
from xdsl.ir import (
    SSAValue,
)
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    var_operand_def,
)
from xdsl.utils.exceptions import VerifyException

from .schedule_types import BoxType, BufferType, TensorType


class StepOp(IRDLOperation):
    """A step of a unit: reads tensors or buffers, writes one of them.

    `origin` gives, for each dimension of the logical tensor that the written tile lies in (the
    read tensor for a load), the tile's first element, affine in `indices`; `extents` its sizes.
    """

    @property
    def target(self) -> SSAValue:
        """What the step writes."""
        return self.operands[0]

    @property
    def sources(self) -> tuple[SSAValue, ...]:
        """What the step reads."""
        raise NotImplementedError

    @property
    def counters(self) -> tuple[SSAValue, ...]:
        """The loop counters that `origin` takes."""
        return tuple(value for value in self.operands if not isinstance(value.type, BoxType))

    @property
    def queue(self) -> str:
        """The unit in whose queue the step runs."""
        unit = self.properties["unit"]
        assert isinstance(unit, StringAttr)
        return unit.data

    @property
    def reduction_loops(self) -> int:
        """How many of the innermost loops around the step accumulate into one tile."""
        return 0

    def check_access(
        self,
        origin: AffineMapAttr,
        extents: DenseArrayBase,
        indices: Sequence[SSAValue],
        rank: int,
    ) -> None:
        """Refuse maps and extents that do not fit the tile's rank or the loop counters."""
        if origin.data.num_dims != len(indices) or origin.data.num_symbols:
            raise VerifyException(
                f"the origin takes {origin.data.num_dims} counters, {len(indices)} are given"
            )
        if len(origin.data.results) != rank or len(extents) != rank:
            raise VerifyException(
                f"origin and extents of rank {len(origin.data.results)} and {len(extents)} "
                f"do not fit a tile of rank {rank}"
            )


def box_of(value: SSAValue) -> BoxType:
    """The box type of a tensor or buffer value."""
    assert isinstance(value.type, BoxType)
    return value.type


class TransferOp(StepOp):
    """Moves a tile between DRAM and a buffer.

    `strides` (in elements, one a dimension of the tile) and `extents` view the tensor; any order
    and reinterpretation of its elements can be moved.
    """

    unit = prop_def(StringAttr)
    origin = prop_def(AffineMapAttr)
    extents = prop_def(DenseArrayBase.constr(i64))
    strides = prop_def(DenseArrayBase.constr(i64))
    irdl_options = (ParsePropInAttrDict(),)

    def check_transfer(self, tensor: SSAValue, tile: SSAValue, indices: Sequence[SSAValue]) -> None:
        """Refuse tiles that do not fit the view, and views beyond the tensor."""
        box, buffer = box_of(tensor), box_of(tile)
        self.check_access(self.origin, self.extents, indices, len(buffer.sizes))
        extents, strides = self.extents.get_values(), self.strides.get_values()
        if len(strides) != len(extents):
            raise VerifyException("extents and strides differ in rank")
        if box.bits != buffer.bits:
            raise VerifyException(f"cannot move {box.element.data} to {buffer.element.data}")
        last = sum((extent - 1) * stride for extent, stride in zip(extents, strides, strict=True))
        if min(strides, default=0) < 0 or last * box.bits // 8 >= box.byte_size:
            raise VerifyException("the view reaches beyond the tensor")


@irdl_op_definition
class LoadOp(TransferOp):
    """Loads a tile of a tensor into a buffer; elements outside the extents become `pad`."""

    name = "schedule.load"
    buffer = operand_def(BufferType)
    tensor = operand_def(TensorType)
    indices = var_operand_def(IndexType)
    pad = prop_def(IntegerAttr)
    assembly_format = (
        "$unit $tensor `to` $buffer `[` $indices `]` attr-dict `:` type($tensor) `to` type($buffer)"
    )

    @property
    def sources(self) -> tuple[SSAValue, ...]:
        """The tensor."""
        return (self.tensor,)

    def verify_(self) -> None:
        self.check_transfer(self.tensor, self.buffer, self.indices)


@irdl_op_definition
class StoreOp(TransferOp):
    """Stores a buffer's tile into a tensor; elements outside the extents are dropped."""

    name = "schedule.store"
    tensor = operand_def(TensorType)
    buffer = operand_def(BufferType)
    indices = var_operand_def(IndexType)
    assembly_format = (
        "$unit $buffer `to` $tensor `[` $indices `]` attr-dict `:` type($buffer) `to` type($tensor)"
    )

    @property
    def sources(self) -> tuple[SSAValue, ...]:
        """The buffer."""
        return (self.buffer,)

    def verify_(self) -> None:
        self.check_transfer(self.tensor, self.buffer, self.indices)


class ComputeOp(StepOp):
    """Computes one tile of a logical tensor; only elements within `extents` are computed."""

    unit = prop_def(StringAttr)
    origin = prop_def(AffineMapAttr)
    extents = prop_def(DenseArrayBase.constr(i64))
    irdl_options = (ParsePropInAttrDict(),)

    @property
    def sources(self) -> tuple[SSAValue, ...]:
        """The buffers read."""
        return tuple(
            operand for operand in self.operands[1:] if isinstance(operand.type, BufferType)
        )

    def verify_(self) -> None:
        self.check_access(
            self.origin, self.extents, self.counters, len(box_of(self.operands[0]).sizes)
        )


class RequantisingOp(ComputeOp):
    """A step whose results are rounded into `[lo, hi]` around `dst_zero`."""

    dst_zero = prop_def(IntegerAttr)
    lo = prop_def(IntegerAttr)
    hi = prop_def(IntegerAttr)

    def verify_(self) -> None:
        super().verify_()
        if self.lo.value.data > self.hi.value.data:
            raise VerifyException("the clamp's lower bound is above its upper bound")


class ConvolvingOp(RequantisingOp):
    """What `conv` and `depthwise` share.

    `weights` is one packed block in memory: for each of the tile's output channels three words
    (bias, multiplier as float32 bits, weight zero point), then the weights, output channel first.
    """

    kernel = prop_def(DenseArrayBase.constr(i64))
    strides = prop_def(DenseArrayBase.constr(i64))
    dilations = prop_def(DenseArrayBase.constr(i64))
    src_zero = prop_def(IntegerAttr)
    weight_type = prop_def(StringAttr)


@irdl_op_definition
class ConvOp(ConvolvingOp):
    """A convolution (or matrix product) of everything in its buffers.

    Inside `reduction` innermost loops it accumulates over tiles of input channels.
    """

    name = "schedule.conv"
    out = operand_def(BufferType)
    source = operand_def(BufferType)
    weights = operand_def(BufferType)
    indices = var_operand_def(IndexType)
    reduction = prop_def(IntegerAttr)
    assembly_format = (
        "$unit $out `=` $source `,` $weights `[` $indices `]` attr-dict "
        "`:` type($out) `=` type($source) `,` type($weights)"
    )

    @property
    def reduction_loops(self) -> int:
        """Innermost loops that run over input channels."""
        return self.reduction.value.data


@irdl_op_definition
class DepthwiseOp(ConvolvingOp):
    """A depthwise convolution: output channel k reads input channel k / multiplier."""

    name = "schedule.depthwise"
    out = operand_def(BufferType)
    source = operand_def(BufferType)
    weights = operand_def(BufferType)
    indices = var_operand_def(IndexType)
    multiplier = prop_def(IntegerAttr)
    assembly_format = (
        "$unit $out `=` $source `,` $weights `[` $indices `]` attr-dict "
        "`:` type($out) `=` type($source) `,` type($weights)"
    )


@irdl_op_definition
class AddOp(ComputeOp):
    """Element by element `rint(fma(b, rb, fma(a, ra, fix)))`, clamped."""

    name = "schedule.add"
    out = operand_def(BufferType)
    lhs = operand_def(BufferType)
    rhs = operand_def(BufferType)
    indices = var_operand_def(IndexType)
    ra = prop_def(FloatAttr.constr(Float32Type()))
    rb = prop_def(FloatAttr.constr(Float32Type()))
    fix = prop_def(FloatAttr.constr(Float32Type()))
    lo = prop_def(IntegerAttr)
    hi = prop_def(IntegerAttr)
    assembly_format = (
        "$unit $out `=` $lhs `,` $rhs `[` $indices `]` attr-dict "
        "`:` type($out) `=` type($lhs) `,` type($rhs)"
    )


@irdl_op_definition
class LutOp(ComputeOp):
    """Element by element through a table of 256 entries in a buffer."""

    name = "schedule.lut"
    out = operand_def(BufferType)
    source = operand_def(BufferType)
    table = operand_def(BufferType)
    indices = var_operand_def(IndexType)
    assembly_format = (
        "$unit $out `=` $source `,` $table `[` $indices `]` attr-dict "
        "`:` type($out) `=` type($source) `,` type($table)"
    )


@irdl_op_definition
class RequantizeOp(RequantisingOp):
    """Rescales each channel by its multiplier; `params` as in a weights block."""

    name = "schedule.requantize"
    out = operand_def(BufferType)
    source = operand_def(BufferType)
    params = operand_def(BufferType)
    indices = var_operand_def(IndexType)
    src_zero = prop_def(IntegerAttr)
    assembly_format = (
        "$unit $out `=` $source `,` $params `[` $indices `]` attr-dict "
        "`:` type($out) `=` type($source) `,` type($params)"
    )


POOL_KINDS = ("max", "average", "global_average")


@irdl_op_definition
class PoolOp(RequantisingOp):
    """Pools windows; source elements outside their logical tensor are padding."""

    name = "schedule.pool"
    out = operand_def(BufferType)
    source = operand_def(BufferType)
    indices = var_operand_def(IndexType)
    kind = prop_def(StringAttr)
    kernel = prop_def(DenseArrayBase.constr(i64))
    strides = prop_def(DenseArrayBase.constr(i64))
    dilations = prop_def(DenseArrayBase.constr(i64))
    src_zero = prop_def(IntegerAttr)
    src_scale = prop_def(FloatAttr.constr(Float32Type()))
    dst_scale = prop_def(FloatAttr.constr(Float32Type()))
    include_pad = prop_def(BoolAttr)
    assembly_format = (
        "$unit $out `=` $source `[` $indices `]` attr-dict `:` type($out) `=` type($source)"
    )

    def verify_(self) -> None:
        super().verify_()
        if self.kind.data not in POOL_KINDS:
            raise VerifyException(f"pool kind {self.kind.data!r} is none of {POOL_KINDS}")
