"""The steps of `schedule`: what units do, one operation each."""

import abc
from math import prod

from xdsl.dialects.builtin import (
    AffineMapAttr,
    BoolAttr,
    DenseArrayBase,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    StringAttr,
    i64,
)
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineBinaryOpExpr, AffineBinaryOpKind, AffineExpr
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    var_operand_def,
)
from xdsl.utils.exceptions import VerifyException

from .isa_operands import ElementType
from .layout import row_elements
from .schedule_types import PARAMETER_BYTES, BoxType, BufferType, TensorType

TABLE_ENTRIES = 256


class PlacingOp(IRDLOperation):
    """Says where in a logical tensor a tile lies.

    `origin` gives the tile's first element in each dimension, affine in the loop counters among the
    operands; `extents` are the sizes of the tensor.
    """

    origin = prop_def(AffineMapAttr)
    extents = prop_def(DenseArrayBase.constr(i64))
    irdl_options = (ParsePropInAttrDict(),)

    @property
    def counters(self) -> tuple[SSAValue, ...]:
        """The loop counters that `origin` takes."""
        return tuple(value for value in self.operands if not isinstance(value.type, BoxType))

    def check_access(self, tile: SSAValue) -> None:
        """Refuse an origin and extents that do not fit the tile's rank or the loop counters."""
        origin, extents, rank = self.origin.data, self.extents.get_values(), len(box_of(tile).sizes)
        if origin.num_dims != len(self.counters) or origin.num_symbols:
            raise VerifyException(
                f"the origin takes {origin.num_dims} counters, {len(self.counters)} are given"
            )
        if len(origin.results) != rank or len(extents) != rank:
            raise VerifyException(
                f"origin and extents of rank {len(origin.results)} and {len(extents)} "
                f"do not fit a tile of rank {rank}"
            )
        if not all(map(_is_affine, origin.results)):
            raise VerifyException("the origin must be a sum of constant multiples of counters")
        if min(extents) < 1:
            raise VerifyException(f"extents {list(extents)} must be positive")


class StepOp(PlacingOp):
    """A step of a unit: reads tensors or buffers, writes one of them.

    The tile that it places is what it writes, for a load in the tensor that it reads.
    """

    unit = prop_def(StringAttr)

    @property
    def target(self) -> SSAValue:
        """What the step writes."""
        return self.operands[0]

    @property
    def sources(self) -> tuple[SSAValue, ...]:
        """What the step reads."""
        raise NotImplementedError

    @property
    def queue(self) -> str:
        """The unit in whose queue the step runs."""
        return self.unit.data

    @property
    def reduction_loops(self) -> int:
        """How many of the innermost loops around the step accumulate into one tile."""
        return 0


def _is_affine(expression: AffineExpr) -> bool:
    """Whether an expression has no division and no remainder."""
    if not isinstance(expression, AffineBinaryOpExpr):
        return True
    linear = expression.kind in (AffineBinaryOpKind.Add, AffineBinaryOpKind.Mul)
    return linear and _is_affine(expression.lhs) and _is_affine(expression.rhs)


def box_of(value: SSAValue) -> BoxType:
    """The box type of a tensor or buffer value."""
    assert isinstance(value.type, BoxType)
    return value.type


class ViewingOp(PlacingOp):
    """Says where the elements of a tile lie in memory, too.

    `strides` (in elements, one a dimension of the tile) and `extents` view the tensor; any order
    and reinterpretation of its elements can be seen.
    """

    strides = prop_def(DenseArrayBase.constr(i64))

    def check_view(self, tensor: SSAValue, tile: SSAValue) -> None:
        """Refuse tiles that do not fit the view, and views beyond the tensor."""
        box, buffer = box_of(tensor), box_of(tile)
        self.check_access(tile)
        extents, strides = self.extents.get_values(), self.strides.get_values()
        if len(strides) != len(extents):
            raise VerifyException("extents and strides differ in rank")
        if box.bits != buffer.bits:
            raise VerifyException(f"cannot move {box.element.data} to {buffer.element.data}")
        last = sum((extent - 1) * stride for extent, stride in zip(extents, strides, strict=True))
        if min(strides, default=0) < 0 or last * box.bits // 8 >= box.byte_size:
            raise VerifyException("the view reaches beyond the tensor")


@irdl_op_definition
class WindowOp(ViewingOp):
    """A tile of a tensor that lies on chip, in place: nothing moves.

    Who reads it finds `pad` outside the extents; who writes it drops what lies there.
    """

    name = "schedule.window"
    tensor = operand_def(TensorType)
    indices = var_operand_def(IndexType)
    pad = prop_def(IntegerAttr)
    tile = result_def(BufferType)
    assembly_format = "$tensor `[` $indices `]` attr-dict `:` type($tensor) `to` type($tile)"

    def verify_(self) -> None:
        self.check_view(self.tensor, self.tile)


class TransferOp(ViewingOp, StepOp):
    """Moves a tile between DRAM and a buffer."""


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
        self.check_view(self.tensor, self.buffer)


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
        self.check_view(self.tensor, self.buffer)


class ComputeOp(StepOp):
    """Computes one tile of a logical tensor; only elements within `extents` are computed."""

    @property
    def sources(self) -> tuple[SSAValue, ...]:
        """The buffers read."""
        return tuple(
            operand for operand in self.operands[1:] if isinstance(operand.type, BufferType)
        )

    @property
    def tiles(self) -> tuple[BoxType, ...]:
        """What the step writes, then all that it reads."""
        return tuple(map(box_of, (self.target, *self.sources)))

    def verify_(self) -> None:
        self.check_access(self.target)

    def check_elementwise(self) -> None:
        """Refuse a first source of other sizes than the result."""
        out, source, *_ = self.tiles
        if source.sizes != out.sizes:
            raise VerifyException(f"{source} and {out} differ in size")

    def check_window(self, *options: DenseArrayBase[IntegerType]) -> None:
        """Refuse a source that lacks rows or columns of the windows of the result.

        `options` are the kernel, the strides and the dilations.
        """
        kernel, strides, dilations = (option.get_values() for option in options)
        if any(len(values) != 2 or min(values) < 1 for values in (kernel, strides, dilations)):
            raise VerifyException("kernel, strides and dilations are two positive numbers each")
        out, source, *_ = self.tiles
        if len(out.sizes) != len(source.sizes):
            raise VerifyException(f"{source} and {out} differ in rank")
        for axis, what in enumerate(("rows", "columns")):
            reach = (out.sizes[axis] - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1
            if source.sizes[axis] < reach:
                raise VerifyException(
                    f"the windows reach over {reach} {what}, the source has {source.sizes[axis]}"
                )


class ClampedOp(ComputeOp):
    """A step whose results are rounded into `[lo, hi]`."""

    lo = prop_def(IntegerAttr)
    hi = prop_def(IntegerAttr)

    def verify_(self) -> None:
        super().verify_()
        lo, hi, element = self.lo.value.data, self.hi.value.data, self.tiles[0].element_type
        if lo > hi:
            raise VerifyException("the clamp's lower bound is above its upper bound")
        if lo < element.range[0] or hi > element.range[1]:
            raise VerifyException(f"the clamp [{lo}, {hi}] does not fit {element}")


class RequantisingOp(ClampedOp):
    """A step whose results are rounded into `[lo, hi]` around `dst_zero`."""

    dst_zero = prop_def(IntegerAttr)


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

    def verify_(self) -> None:
        super().verify_()
        self.check_window(self.kernel, self.strides, self.dilations)
        for tile in self.tiles[:2]:
            if len(tile.sizes) != 3 and not (len(tile.sizes) == 4 and tile.sizes[2] == 1):
                raise VerifyException(f"{tile} is not rows, columns, [one group,] channels")
        self._check_block()

    def _check_block(self) -> None:
        """Refuse weights that are not the block of the tile's channels."""
        narrow = [element for element in ElementType if element.bits <= 8]
        if self.weight_type.data not in narrow:
            listed = ", ".join(narrow)
            raise VerifyException(f"weight type {self.weight_type.data} is none of {listed}")
        out, _, block = self.tiles
        k, bits = out.sizes[-1], ElementType(self.weight_type.data).bits
        *rows, row = self.weight_sizes
        size = PARAMETER_BYTES * k + prod(rows) * row_elements(row, bits) * bits // 8
        if block.byte_size != size:
            raise VerifyException(
                f"the block of {k} output channels takes {size} bytes, {block} has "
                f"{block.byte_size}"
            )

    @property
    def weight_sizes(self) -> tuple[int, ...]:
        """The sizes of the weights in the block, rows innermost."""
        raise NotImplementedError


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

    @property
    def weight_sizes(self) -> tuple[int, ...]:
        """Output channels, window rows and columns, input channels."""
        out, source, *_ = self.tiles
        return out.sizes[-1], *self.kernel.get_values(), source.sizes[-1]


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

    @property
    def weight_sizes(self) -> tuple[int, ...]:
        """Output channels, window rows and columns."""
        return self.tiles[0].sizes[-1], *self.kernel.get_values()

    def verify_(self) -> None:
        super().verify_()
        out, source, *_ = self.tiles
        if out.sizes[-1] != source.sizes[-1] * self.multiplier.value.data:
            raise VerifyException(
                f"{source.sizes[-1]} input channels times {self.multiplier.value.data} are not "
                f"{out.sizes[-1]} output channels"
            )


class BinaryOp(ClampedOp, abc.ABC):
    """A step on pairs of elements."""

    out = operand_def(BufferType)
    lhs = operand_def(BufferType)
    rhs = operand_def(BufferType)
    indices = var_operand_def(IndexType)

    def verify_(self) -> None:
        super().verify_()
        self.check_elementwise()
        _, lhs, rhs = self.tiles
        if lhs.sizes != rhs.sizes:
            raise VerifyException(f"{lhs} and {rhs} differ in size")


@irdl_op_definition
class AddOp(BinaryOp):
    """Element by element `rint(fma(b, rb, fma(a, ra, fix)))`, clamped."""

    name = "schedule.add"
    ra = prop_def(FloatAttr.constr(Float32Type()))
    rb = prop_def(FloatAttr.constr(Float32Type()))
    fix = prop_def(FloatAttr.constr(Float32Type()))
    assembly_format = (
        "$unit $out `=` $lhs `,` $rhs `[` $indices `]` attr-dict "
        "`:` type($out) `=` type($lhs) `,` type($rhs)"
    )


@irdl_op_definition
class MulOp(BinaryOp):
    """Element by element `rint((a - a_zero) * (b - b_zero) * m + dst_zero)`, clamped."""

    name = "schedule.mul"
    a_zero = prop_def(IntegerAttr)
    b_zero = prop_def(IntegerAttr)
    m = prop_def(FloatAttr.constr(Float32Type()))
    dst_zero = prop_def(IntegerAttr)
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

    def verify_(self) -> None:
        super().verify_()
        self.check_elementwise()
        out, source, table = self.tiles
        if max(out.bits, source.bits) > 8:
            raise VerifyException("a table is for elements of at most 8 bits")
        if table != BufferType((TABLE_ENTRIES,), ElementType.U8):
            raise VerifyException(f"a table has {TABLE_ENTRIES} entries of u8, not {table}")


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

    def verify_(self) -> None:
        super().verify_()
        self.check_elementwise()
        out, _, params = self.tiles
        wanted = BufferType((out.sizes[-1], 3), ElementType.I32)
        if params != wanted:
            raise VerifyException(f"the parameters of {out} are {wanted}, not {params}")


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
            raise VerifyException(
                f"pool kind {self.kind.data!r} is none of {', '.join(POOL_KINDS)}"
            )
        self.check_window(self.kernel, self.strides, self.dilations)
        out, source = self.tiles
        if len(out.sizes) != 3 or out.sizes[-1] != source.sizes[-1]:
            raise VerifyException(f"{source} and {out} are not rows, columns and equal channels")
