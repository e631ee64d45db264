"""The `schedule` dialect: a network mapped on a machine, before it is instructions.

A `schedule.program` is a sequentially correct list of steps in tile loops that stay loops: it
configures the arrays, loads tiles of DRAM tensors into on-chip buffers, computes on buffers and
stores tiles back. Every step names the unit in whose queue it will run; *tokens* order the queues:

```mlir
%image = schedule.tensor {kind = "input", name = "image", ...} : !schedule.tensor<28x28x1xu8>
%out = schedule.tensor {kind = "temporary", ...} : !schedule.tensor<28x28x8xu8>
%tile = schedule.buffer "data" {depth = 2} : !schedule.buffer<6x30x1xu8>
schedule.for %y = 7 {
  schedule.load "load" %image to %tile [%y] {origin = affine_map<(d0) -> (d0 * 4 - 1, -1, 0)>,
      extents = [28, 28, 1], strides = [28, 1, 1], pad = 0}
  %full = schedule.signal "load"
  schedule.wait "conv.0", %full
  ...
}
```

- A *tensor* lies in DRAM in memory form (see `dialects.layout`), a *buffer* on chip. A buffer of
  depth d is a ring of d tiles: the iteration of the loops around its writer picks the tile.
- Every buffer has exactly one writer. The writer says where in its logical tensor the tile lies
  (`origin`, affine in the loop counters, and `extents`); elements outside are padding. Readers of
  the buffer see the same tile in the same iteration.
- A token is made by `signal` (all earlier steps of that unit are done) and used by at most one
  `wait`. Through loops tokens travel as iteration arguments; d of them rotating make the free
  list of a ring of depth d.
"""

from collections.abc import Iterator, Sequence
from math import prod

from xdsl.dialects.builtin import (
    AffineMapAttr,
    ArrayAttr,
    BoolAttr,
    DenseArrayBase,
    Float32Type,
    FloatAttr,
    IndexType,
    IntAttr,
    IntegerAttr,
    StringAttr,
    i64,
)
from xdsl.ir import (
    Attribute,
    Dialect,
    Operation,
    ParametrizedAttribute,
    Region,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.parser import AttrParser, Parser
from xdsl.printer import Printer
from xdsl.traits import IsTerminator, NoTerminator
from xdsl.utils.exceptions import VerifyException

from .fabric import FoldAttr
from .isa_operands import ElementType
from .layout import row_elements

KINDS = ("input", "output", "constant", "temporary")


def words_up(size: int) -> int:
    """A number of bytes rounded up to whole 32-bit words, where the slots of rings start."""
    return -(-size // 4) * 4


@irdl_attr_definition
class TokenType(ParametrizedAttribute, TypeAttribute):
    """The event that all steps of a unit before a point are done."""

    name = "schedule.token"


class BoxType(ParametrizedAttribute, TypeAttribute):
    """A dense box of elements in memory, rows of the last dimension padded to bytes."""

    shape: ArrayAttr[IntAttr]
    element: StringAttr

    def __init__(self, shape: Sequence[int], element: str):
        super().__init__(ArrayAttr(IntAttr(size) for size in shape), StringAttr(element))

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the box, outermost first."""
        return tuple(size.data for size in self.shape)

    @property
    def bits(self) -> int:
        """Bits of an element's container."""
        return self.element_type.bits

    @property
    def element_type(self) -> ElementType:
        """The element's container."""
        return ElementType(self.element.data)

    @property
    def strides(self) -> tuple[int, ...]:
        """Distances in elements between neighbours along each dimension."""
        sizes = (*self.sizes[:-1], row_elements(self.sizes[-1], self.bits))
        return tuple(prod(sizes[axis + 1 :]) for axis in range(len(sizes)))

    @property
    def byte_size(self) -> int:
        """Bytes of the box."""
        rows = prod(self.sizes[:-1])
        return rows * row_elements(self.sizes[-1], self.bits) * self.bits // 8

    def verify(self) -> None:
        if self.element.data not in set(ElementType):
            raise VerifyException(
                f"element type {self.element.data} is none of {', '.join(ElementType)}"
            )
        if not self.sizes or any(size <= 0 for size in self.sizes):
            raise VerifyException(f"sizes {self.sizes} must be positive")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        sizes: list[int] = []
        element = None
        with parser.in_angle_brackets():
            while element is None:
                sizes.append(parser.parse_shape_dimension(allow_dynamic=False))
                parser.parse_shape_delimiter()
                element = parser.parse_optional_identifier()
        return [ArrayAttr(IntAttr(size) for size in sizes), StringAttr(element)]

    def print_parameters(self, printer: Printer) -> None:
        sizes = "".join(f"{size}x" for size in self.sizes)
        printer.print_string(f"<{sizes}{self.element.data}>")


@irdl_attr_definition
class TensorType(BoxType):
    """A tensor in DRAM, in memory form: `!schedule.tensor<28x28x16xu8>`."""

    name = "schedule.tensor"


@irdl_attr_definition
class BufferType(BoxType):
    """One tile of an on-chip ring: `!schedule.buffer<6x30x16xu8>`."""

    name = "schedule.buffer"


@irdl_attr_definition
class TilingAttr(ParametrizedAttribute):
    """How a layer is cut: output rows, columns and channels, input channels of a tile, and the
    order of the loops from the outermost in (`c`, the reduction, is always innermost).

    `#schedule.tiling<rows = 8, columns = 56, k = 64, c = 64, order = "k y x">`
    """

    name = "schedule.tiling"
    rows: IntAttr
    columns: IntAttr
    k: IntAttr
    c: IntAttr
    order: StringAttr

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        sizes: list[Attribute] = []
        with parser.in_angle_brackets():
            for key in ("rows", "columns", "k", "c"):
                parser.parse_keyword(key)
                parser.parse_punctuation("=")
                sizes.append(IntAttr(parser.parse_integer(allow_boolean=False)))
                parser.parse_punctuation(",")
            parser.parse_keyword("order")
            parser.parse_punctuation("=")
            sizes.append(StringAttr(parser.parse_str_literal()))
        return sizes

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(
            f"<rows = {self.rows.data}, columns = {self.columns.data}, k = {self.k.data}, "
            f'c = {self.c.data}, order = "{self.order.data}">'
        )

    def verify(self) -> None:
        if min(self.rows.data, self.columns.data, self.k.data, self.c.data) <= 0:
            raise VerifyException("tile sizes must be positive")
        if sorted(self.order.data.split()) != ["k", "x", "y"]:
            raise VerifyException(f'order "{self.order.data}" must arrange k, y and x')


@irdl_op_definition
class ProgramOp(IRDLOperation):
    """A network on a machine: a sequence of tensors, buffers and steps."""

    name = "schedule.program"
    sym_name = prop_def(StringAttr)
    machine = prop_def(StringAttr)
    body = region_def("single_block")
    traits = traits_def(NoTerminator())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "attr-dict-with-keyword $body"

    def __init__(self, name: str, machine: str, body: Region):
        super().__init__(
            properties={"sym_name": StringAttr(name), "machine": StringAttr(machine)},
            regions=[body],
        )


@irdl_op_definition
class TensorOp(IRDLOperation):
    """A tensor in DRAM: the network's `input` or `output`, a `constant` or a `temporary`.

    `logical` is the network's type of a port, for the host's conversion; a port with `host_float`
    is seen by users in float32. `data` is the digest of a constant's bytes in the side store.
    """

    name = "schedule.tensor"
    kind = prop_def(StringAttr)
    label = prop_def(StringAttr)
    logical = opt_prop_def(Attribute)
    host_float = opt_prop_def(BoolAttr)
    data = opt_prop_def(StringAttr)
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
    ):
        super().__init__(
            properties={
                "kind": StringAttr(kind),
                "label": StringAttr(label),
                "logical": logical,
                "host_float": BoolAttr.from_bool(True) if host_float else None,
                "data": StringAttr(data) if data else None,
            },
            result_types=[type],
        )

    def verify_(self) -> None:
        if self.kind.data not in KINDS:
            raise VerifyException(f"tensor kind {self.kind.data!r} is none of {', '.join(KINDS)}")
        if (self.kind.data == "constant") != (self.data is not None):
            raise VerifyException("exactly the constant tensors have data")
        if (self.kind.data in ("input", "output")) != (self.logical is not None):
            raise VerifyException("exactly the inputs and outputs have a logical type")

    @property
    def box(self) -> TensorType:
        """The tensor's type."""
        assert isinstance(self.result.type, TensorType)
        return self.result.type


@irdl_op_definition
class BufferOp(IRDLOperation):
    """A ring of `depth` tiles in an on-chip memory."""

    name = "schedule.buffer"
    memory = prop_def(StringAttr)
    depth = prop_def(IntegerAttr)
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

    @property
    def box(self) -> BufferType:
        """The type of one tile."""
        assert isinstance(self.result.type, BufferType)
        return self.result.type

    @property
    def slot_bytes(self) -> int:
        """Bytes from one slot to the next: whole words."""
        return words_up(self.box.byte_size)

    @property
    def total_bytes(self) -> int:
        """Bytes of the whole ring."""
        return self.slot_bytes * self.depth.value.data


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Hands tokens to the next iteration."""

    name = "schedule.yield"
    tokens = var_operand_def(TokenType)
    traits = traits_def(IsTerminator())
    assembly_format = "attr-dict ($tokens^ `:` type($tokens))?"

    def __init__(self, tokens: Sequence[SSAValue] = ()):
        super().__init__(operands=[tokens])


@irdl_op_definition
class ForOp(IRDLOperation):
    """A tile loop: `schedule.for %i = 4 iter(%a = %b, ...) { ... }`."""

    name = "schedule.for"
    count = prop_def(IntegerAttr)
    inits = var_operand_def(TokenType)
    outs = var_result_def(TokenType)
    body = region_def("single_block")

    def __init__(self, count: int, inits: Sequence[SSAValue], body: Region):
        super().__init__(
            operands=[inits],
            properties={"count": IntegerAttr(count, i64)},
            result_types=[[TokenType()] * len(inits)],
            regions=[body],
        )

    @property
    def counter(self) -> SSAValue:
        """The loop counter, of type index."""
        return self.body.block.args[0]

    @property
    def trips(self) -> int:
        """How often the body runs."""
        return self.count.value.data

    def verify_(self) -> None:
        arguments = self.body.block.args
        if self.trips < 1:
            raise VerifyException("a loop runs at least once")
        if not arguments or not isinstance(arguments[0].type, IndexType):
            raise VerifyException("the first argument of a loop body is its counter")
        terminator = self.body.block.last_op
        if not isinstance(terminator, YieldOp):
            raise VerifyException("a loop body ends in schedule.yield")
        if not len(arguments) - 1 == len(self.inits) == len(terminator.tokens):
            raise VerifyException(
                f"a loop with {len(self.inits)} initial tokens has {len(arguments) - 1} token "
                f"arguments and yields {len(terminator.tokens)}"
            )

    @classmethod
    def parse(cls, parser: Parser) -> "ForOp":
        counter = parser.parse_argument(expect_type=False)
        parser.parse_punctuation("=")
        count = parser.parse_integer(allow_boolean=False)
        inits: list[SSAValue] = []
        arguments = [counter.resolve(IndexType())]
        if parser.parse_optional_keyword("iter"):

            def pair() -> None:
                arguments.append(parser.parse_argument(expect_type=False).resolve(TokenType()))
                parser.parse_punctuation("=")
                operand = parser.parse_unresolved_operand()
                inits.append(parser.resolve_operand(operand, TokenType()))

            parser.parse_comma_separated_list(parser.Delimiter.PAREN, pair)
        body = parser.parse_region(arguments)
        attributes = parser.parse_optional_attr_dict()
        if not isinstance(body.block.last_op, YieldOp):
            body.block.add_op(YieldOp())
        loop = cls(count, inits, body)
        loop.attributes |= attributes
        return loop

    def print(self, printer: Printer) -> None:
        counter, *tokens = self.body.block.args
        printer.print_string(" ")
        printer.print_ssa_value(counter)
        printer.print_string(f" = {self.trips}")
        if tokens:
            printer.print_string(" iter(")
            for position, (token, init) in enumerate(zip(tokens, self.inits, strict=True)):
                printer.print_string(", " if position else "")
                printer.print_ssa_value(token)
                printer.print_string(" = ")
                printer.print_ssa_value(init)
            printer.print_string(")")
        printer.print_string(" ")
        printer.print_region(
            self.body, print_entry_block_args=False, print_block_terminators=bool(tokens)
        )
        printer.print_op_attributes(self.attributes)


@irdl_op_definition
class ReadyOp(IRDLOperation):
    """A token that is there from the start: a free slot of a ring."""

    name = "schedule.ready"
    token = result_def(TokenType)
    assembly_format = "attr-dict"

    def __init__(self):
        super().__init__(result_types=[TokenType()])


@irdl_op_definition
class SignalOp(IRDLOperation):
    """The event that all earlier steps of `unit` are done."""

    name = "schedule.signal"
    unit = prop_def(StringAttr)
    token = result_def(TokenType)
    assembly_format = "$unit attr-dict"

    def __init__(self, unit: str):
        super().__init__(properties={"unit": StringAttr(unit)}, result_types=[TokenType()])


@irdl_op_definition
class WaitOp(IRDLOperation):
    """`unit` goes on only when the token is there."""

    name = "schedule.wait"
    unit = prop_def(StringAttr)
    token = operand_def(TokenType)
    assembly_format = "$unit `,` $token attr-dict"

    def __init__(self, unit: str, token: SSAValue):
        super().__init__(operands=[token], properties={"unit": StringAttr(unit)})

    def verify_(self) -> None:
        if len(list(self.token.uses)) != 1:
            raise VerifyException("a token is awaited, or handed on, at most once")


@irdl_op_definition
class ConfigureOp(IRDLOperation):
    """Folds units of an array into a group; waits for, and orders, all their queues."""

    name = "schedule.configure"
    fold = prop_def(FoldAttr)
    assembly_format = "$fold attr-dict"

    def __init__(self, fold: FoldAttr):
        super().__init__(properties={"fold": fold})


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


def writer_of(buffer: SSAValue) -> StepOp:
    """The one step that writes a buffer.

    Raises VerifyException when there is none or several.
    """
    writers = [use.operation for use in buffer.uses if _writes(use.operation, buffer)]
    if len(writers) != 1:
        raise VerifyException(f"a buffer has one writer, this one has {len(writers)}")
    (writer,) = writers
    assert isinstance(writer, StepOp)
    return writer


def _writes(operation: Operation, value: SSAValue) -> bool:
    return isinstance(operation, StepOp) and operation.target is value


def loops_around(operation: Operation) -> tuple[ForOp, ...]:
    """The loops that enclose an operation, outermost first."""
    loops: list[ForOp] = []
    parent = operation.parent_op()
    while isinstance(parent, ForOp):
        loops.append(parent)
        parent = parent.parent_op()
    return tuple(reversed(loops))


def ring_loops(writer: StepOp) -> tuple[ForOp, ...]:
    """The loops whose iterations take new slots of the ring that `writer` writes."""
    loops = loops_around(writer)
    return loops[: len(loops) - writer.reduction_loops]


def steps_in(operation: Operation) -> Iterator[StepOp]:
    """The steps in an operation, in program order."""
    return (step for step in operation.walk() if isinstance(step, StepOp))


Schedule = Dialect(
    "schedule",
    [
        ProgramOp,
        TensorOp,
        BufferOp,
        ForOp,
        YieldOp,
        ReadyOp,
        SignalOp,
        WaitOp,
        ConfigureOp,
        LoadOp,
        StoreOp,
        ConvOp,
        DepthwiseOp,
        AddOp,
        LutOp,
        RequantizeOp,
        PoolOp,
    ],
    [TokenType, TensorType, BufferType, TilingAttr],
)
