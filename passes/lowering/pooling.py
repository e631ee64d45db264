"""Pools: tiles of input windows, padding left to the step itself."""

from collections.abc import Sequence

from xdsl.dialects.builtin import BoolAttr, StringAttr
from xdsl.ir import SSAValue

from ...dialects import nn, schedule
from ...dialects.layout import memory_form, row_elements
from ...dialects.location import name_of
from ...dialects.nn_types import element_of, shape_of
from ...machines.model import Operand
from .budget import Needs, cut
from .nest import Access, Nest, Place, Position, ints
from .parts import container_of, strides_of
from .state import Lowering, address_of, int64, numbers, real
from .tiles import Tiles

Pool = nn.MaxPoolOp | nn.AvgPoolOp | nn.GlobalAvgPoolOp


def lower(state: Lowering, op: Pool) -> None:
    """Build the buffers and tile loops of a pool."""
    _PoolNest(state, op).build()


class _PoolNest:
    """The nest of one pool over output rows, columns and channels."""

    def __init__(self, state: Lowering, op: Pool):
        self.state, self.op = state, op
        self.rows_in, self.columns_in, self.channels = memory_form(shape_of(op.input))
        self.rows, self.columns, _ = memory_form(shape_of(op.result))
        if isinstance(op, nn.GlobalAvgPoolOp):
            self.kind, self.kernel = "global_average", (self.rows_in, self.columns_in)
            self.strides, self.pads = (1, 1), (0, 0, 0, 0)
        else:
            self.kind = "max" if isinstance(op, nn.MaxPoolOp) else "average"
            self.kernel, self.strides = numbers(op.kernel), numbers(op.strides)
            self.pads = numbers(op.pads)
        self.dilations = numbers(op.dilations) if isinstance(op, nn.MaxPoolOp) else (1, 1)

    def _window(self, tile: Sequence[int]) -> list[int]:
        spans = zip(tile[:2], self.strides, self.kernel, self.dilations, strict=True)
        return [
            (size - 1) * stride + (kernel - 1) * dilation + 1
            for size, stride, kernel, dilation in spans
        ]

    def _needs(self, tile: Sequence[int]) -> Needs:
        source, target = container_of(self.op.input), container_of(self.op.result)
        rows, columns = self._window(tile)
        needs: list[tuple[Operand, int]] = []
        if address_of(self.op.input) is None:
            row = row_elements(tile[2], source.bits) * source.bits // 8
            needs.append(("I", rows * columns * row))
        if address_of(self.op.result) is None:
            row = row_elements(tile[2], target.bits) * target.bits // 8
            needs.append(("O", tile[0] * tile[1] * row))
        return needs

    def build(self) -> None:
        """Build everything."""
        state, op = self.state, self.op
        step = max(8 // container_of(value).bits for value in (op.input, op.result))
        box = (self.rows, self.columns, self.channels)
        tile = cut(state.machine, box, (1, 1, step), self._needs, name_of(op), state.overlap)
        trips = [-(-size // part) for size, part in zip(box, tile, strict=True)]
        loops = [(axis, count) for axis, count in zip("yxc", trips, strict=True) if count > 1]
        nest = Nest(state.builder, loops)
        output = self._access(op.result, tile, (0, 0), box)
        inputs = Tiles(
            state,
            state.tensor(op.input),
            (*self._window(tile), tile[2]),
            container_of(op.input),
            self._input(tile),
        ).loaded(nest, "yxc")
        tiles = Tiles(state, state.result(op.result), tile, container_of(op.result), output)
        outputs = tiles.written()
        nest.result("yxc", lambda at: self._compute(at, outputs(at), inputs(at), output))
        tiles.stored(nest, "yxc", outputs)
        nest.emit()

    def _input(self, tile: Sequence[int]) -> Access:
        steps = [tile[0] * self.strides[0], tile[1] * self.strides[1], tile[2]]
        starts = (-self.pads[0], -self.pads[1])
        extents = (self.rows_in, self.columns_in, self.channels)
        return self._access(self.op.input, steps, starts, extents)

    def _access(
        self,
        value: SSAValue,
        steps: Sequence[int],
        starts: Sequence[int],
        extents: Sequence[int],
    ) -> Access:
        positions: list[Position] = [
            (start, {axis: step})
            for axis, start, step in zip("yxc", (*starts, 0), steps, strict=True)
        ]
        _, channel, row, column = strides_of(value)
        return Access(positions, extents, (row, column, channel))

    def _compute(self, at: Place, outputs: SSAValue, inputs: SSAValue, access: Access) -> None:
        op = self.op
        origin, indices = at.origin(access.positions)
        source, target = element_of(op.input), element_of(op.result)
        include_pad = isinstance(op, nn.AvgPoolOp) and bool(op.count_include_pad)
        lo, hi = target.qmin, target.qmax
        at.builder.insert(
            schedule.PoolOp(
                operands=[outputs, inputs, indices],
                properties={
                    "unit": StringAttr(self.state.vector_unit(op)),
                    "origin": origin,
                    "extents": ints(access.extents),
                    "kind": StringAttr(self.kind),
                    "kernel": ints(self.kernel),
                    "strides": ints(self.strides),
                    "dilations": ints(self.dilations),
                    "src_zero": int64(source.zero_point),
                    "dst_zero": int64(target.zero_point),
                    "src_scale": real(source.scale),
                    "dst_scale": real(target.scale),
                    "lo": int64(lo),
                    "hi": int64(hi),
                    "include_pad": BoolAttr.from_bool(include_pad),
                },
            )
        )
