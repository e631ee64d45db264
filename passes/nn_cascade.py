"""nn-cascade: run layers depth first, a stripe of rows at a time through all of them.

Before, with `first` = "a", `last` = "b" and `stripes` = 2:

```mlir
%a = nn.conv %x, %v {pads = [1, 1, 1, 1], ...} : (tensor<1x3x8x8x...>, ...) -> tensor<1x16x8x8x...>
%b = nn.conv %a, %w {pads = [1, 1, 1, 1], ...} : (tensor<1x16x8x8x...>, ...) -> tensor<1x4x8x8x...>
```

After:

```mlir
%x0 = nn.slice %x {starts = [0, 0, 0, 0], sizes = [1, 3, 6, 8]} : ...
%a0 = nn.conv %x0, %v {pads = [1, 1, 0, 1], ...} : (...) -> tensor<1x16x5x8x...>
%b0 = nn.conv %a0, %w {pads = [1, 1, 0, 1], ...} : (...) -> tensor<1x4x4x8x...>
%x1 = nn.slice %x {starts = [0, 0, 2, 0], sizes = [1, 3, 6, 8]} : ...
%a1 = nn.conv %x1, %v {pads = [0, 1, 1, 1], ...} : (...) -> tensor<1x16x5x8x...>
%b1 = nn.conv %a1, %w {pads = [0, 1, 1, 1], ...} : (...) -> tensor<1x4x4x8x...>
%b = nn.concat %b0, %b1 {axis = 2} : ...
```

No tensor between the layers is ever whole, so that stripes of tensors that are too large stay on
chip. The price: rows at the edges of stripes (two of `%a` here) are computed twice, and weights are
loaded once for each stripe. Branches between `first` and `last` go along, whatever they read from
outside; only the result of `last` may be used after it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from ..dialects import nn
from ..dialects.location import name_of
from ..dialects.nn_network import network_of
from ..dialects.nn_syntax import ints
from ..dialects.nn_types import element_of, shape_of, tensor_of
from ..dialects.quant import UniformType
from ..errors import TilefoldError

ROWS = 2
"""The axis of rows in a logical shape."""

Rows = tuple[int, int]
"""The first row and the one after the last."""

Windowed = nn.ConvOp | nn.MaxPoolOp | nn.AvgPoolOp
ALIKE = nn.BinaryOp | nn.LutOp | nn.RequantizeOp | nn.ConcatOp
"""Layers whose rows depend on the same rows of what they read."""


@dataclass(frozen=True)
class NnCascadePass(ModulePass):
    """Run the layers from `first` to `last` in `stripes` stripes of rows of the last one."""

    name = "nn-cascade"

    first: str
    last: str
    stripes: int = 2

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite `op` in place.

        Raises TilefoldError where no such layers are there, or they cannot run in stripes.
        """
        segment = self.layers_of(op)
        if reason := whole_because(segment):
            raise TilefoldError(f"{self.name}: {reason}")
        rows = shape_of(segment[-1].results[0])[ROWS]
        if not 1 < self.stripes <= rows:
            raise TilefoldError(
                f"{self.name}: {self.last} has {rows} rows, which are no {self.stripes} stripes"
            )
        cascade(segment, self.stripes)

    def layers_of(self, module: ModuleOp) -> Sequence[Operation]:
        """The layers of a network from `first` to `last`; TilefoldError where there are none."""
        layers = network_layers(module)
        segment = layers[self._index(layers, self.first) : self._index(layers, self.last, -1) + 1]
        if not segment:
            raise TilefoldError(f"{self.name}: {self.last} does not come after {self.first}")
        return segment

    def _index(self, layers: Sequence[Operation], name: str, which: int = 0) -> int:
        places = [place for place, layer in enumerate(layers) if name_of(layer) == name]
        if not places:
            raise TilefoldError(f'{self.name}: the network has no layer "{name}"')
        return places[which]


def network_layers(module: ModuleOp) -> Sequence[Operation]:
    """The layers of a network, in their order."""
    return [op for op in network_of(module).function.body.ops if is_layer(op)]


def is_layer(op: Operation) -> bool:
    """Whether an operation of a network computes, on chip or by the host."""
    return isinstance(op, nn.LayerOp) and not isinstance(op, nn.ConstantOp)


def whole_because(segment: Sequence[Operation]) -> str | None:
    """Why consecutive layers cannot run in stripes of rows; None where they can."""
    inside = set(segment)
    for op in segment:
        if not _by_rows(op):
            return f"{name_of(op)}: {op.name} needs all rows at once"
        sums = [value for value in op.operands if value.owner not in inside and _is_sums(value)]
        if sums and isinstance(op, nn.RequantizeOp):
            return f"{name_of(op)}: the sums that it requantises are made before the cascade"
        later = [use.operation for use in op.results[0].uses if use.operation not in inside]
        if later and op is not segment[-1]:
            return f"{name_of(op)}: {name_of(later[0])} reads it after the cascade"
    if _is_sums(segment[-1].results[0]):
        return f"{name_of(segment[-1])}: its sums are not requantised"
    return None


def _is_sums(value: SSAValue) -> bool:
    return isinstance(tensor_of(value).element_type, UniformType) and (
        element_of(value).is_accumulator
    )


def cascade(segment: Sequence[Operation], stripes: int) -> None:
    """Replace consecutive layers by copies of them, each for some rows of the last one."""
    last = segment[-1]
    (result,) = last.results
    rows = shape_of(result)[ROWS]
    edges = [rows * number // stripes for number in range(stripes + 1)]
    ends = [_Stripe(segment, (low, high)).build() for low, high in pairwise(edges)]
    whole = nn.ConcatOp(ends, element_of(result), ROWS)
    whole.location = last.location
    Rewriter.insert_op(whole, InsertPoint.before(last))
    result.replace_all_uses_with(whole.result)
    for op in reversed(segment):
        op.detach()
        op.erase()


def input_rows(op: Windowed, rows: Rows) -> tuple[Rows, tuple[int, int]]:
    """The rows of its input that a layer needs for some `rows`, and the padding around them."""
    height = shape_of(op.input)[ROWS]
    stride, top = op.strides.get_values()[0], op.pads.get_values()[0]
    low, high = rows[0] * stride - top, (rows[1] - 1) * stride - top + _span(op)
    inside = max(low, 0), min(high, height)
    return inside, (inside[0] - low, high - inside[1])


class _Stripe:
    """Some rows of the last of consecutive layers, and what these take."""

    def __init__(self, segment: Sequence[Operation], rows: Rows):
        self._segment = segment
        self._place = InsertPoint.before(segment[-1])
        self._needed = self._rows_needed(rows)
        self._made: dict[SSAValue, SSAValue] = {}

    def _rows_needed(self, rows: Rows) -> Mapping[SSAValue, Rows]:
        needed: dict[SSAValue, Rows] = {self._segment[-1].results[0]: rows}
        for op in reversed(self._segment):
            for value, (low, high) in _reads(op, needed[op.results[0]]).items():
                known = needed.get(value, (low, high))
                needed[value] = min(known[0], low), max(known[1], high)
        return needed

    def build(self) -> SSAValue:
        """Build the copies before the last layer; the rows of that one."""
        for op in self._segment:
            (value,) = op.results
            rows = self._needed[value]
            reads = _reads(op, rows)
            shape, properties = list(shape_of(value)), dict(op.properties)
            shape[ROWS] = rows[1] - rows[0]
            if isinstance(op, Windowed):
                _, left, _, right = op.pads.get_values()
                top, bottom = input_rows(op, rows)[1]
                properties["pads"] = ints((top, left, bottom, right))
            copy = type(op).create(
                operands=[self._rows_of(v, reads[v]) if v in reads else v for v in op.operands],
                result_types=[TensorType(element_of(value), shape)],
                properties=properties,
            )
            copy.location = op.location
            Rewriter.insert_op(copy, self._place)
            self._made[value] = copy.results[0]
        return self._made[self._segment[-1].results[0]]

    def _rows_of(self, value: SSAValue, rows: Rows) -> SSAValue:
        """Some rows of a value from outside, or of those of it that this stripe has made."""
        source, first = value, 0
        if value in self._made:
            source, first = self._made[value], self._needed[value][0]
        shape = list(shape_of(source))
        if rows == (first, first + shape[ROWS]):
            return source
        starts = [0] * len(shape)
        starts[ROWS], shape[ROWS] = rows[0] - first, rows[1] - rows[0]
        part = nn.SliceOp(source, starts, shape)
        part.location = self._segment[0].location
        Rewriter.insert_op(part, self._place)
        return part.result


def _reads(op: Operation, rows: Rows) -> Mapping[SSAValue, Rows]:
    """The rows that a layer reads of each image, for some `rows` of its result.

    Of what is repeated over rows that is all of it.
    """
    if isinstance(op, Windowed):
        return {op.input: input_rows(op, rows)[0]}
    height = shape_of(op.results[0])[ROWS]
    images = [value for value in op.operands if len(shape_of(value)) == 4]
    heights = {value: shape_of(value)[ROWS] for value in images}
    return {value: rows if own == height else (0, own) for value, own in heights.items()}


def _by_rows(op: Operation) -> bool:
    """Whether every row of a layer's result depends on some rows of images, and on nothing else."""
    if not isinstance(op, Windowed | ALIKE) or len(shape_of(op.results[0])) != 4:
        return False
    if isinstance(op, Windowed):
        # A row of padding alone would depend on none.
        top, _, bottom, _ = op.pads.get_values()
        return max(top, bottom) < _span(op)
    if isinstance(op, nn.ConcatOp):
        return op.axis.value.data != ROWS
    flat = [shape_of(value) for value in op.operands if len(shape_of(value)) < 4]
    return not isinstance(op, nn.BinaryOp) or all(shape[-2:-1] in ((), (1,)) for shape in flat)


def _span(op: Windowed) -> int:
    """Rows from the first to the last one of a window."""
    taps = shape_of(op.weight)[ROWS] if isinstance(op, nn.ConvOp) else op.kernel.get_values()[0]
    dilation = 1 if isinstance(op, nn.AvgPoolOp) else op.dilations.get_values()[0]
    return (taps - 1) * dilation + 1
