"""Convolutions and matrix products: tiles of input and packed weights, one step for each pair."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import SSAValue

from ...dialects import nn, schedule
from ...dialects.fabric import FoldAttr
from ...dialects.isa_operands import ElementType
from ...dialects.location import name_of
from ...dialects.nn_types import element_of, shape_of
from ...dialects.store import Store
from ...errors import TilefoldError
from ..fuse_epilogue import Epilogue, epilogue_of, other_operand
from .computed_weights import is_computed, packed_on_machine
from .elementwise import byte_wide, storable
from .nest import HERE, Access, Nest, Place, Position, ints
from .parts import container_of, strides_of
from .shapes import ConvShape, Tile
from .sharing import Convolution, members_of
from .state import Lowering, constant_of, int64, numbers
from .tables import look_up_step, stored, table_buffer
from .tiles import At, Tiles
from .vector import binary_step
from .weights import IntArray, pack_blocks, parameters


@dataclass(frozen=True)
class Layer:
    """A convolution or matrix product ready for the arrays.

    `weights` is [groups, k, window rows, window columns, c], `words` [groups * k, 3].
    """

    shape: ConvShape
    weights: IntArray
    words: npt.NDArray[np.int32]


def layer_of(op: Convolution, store: Store) -> Layer:
    """The layer that `op` is; grouped channels that do not start at bytes are made dense."""
    shape, weights = _conv(op, store) if isinstance(op, nn.ConvOp) else _matmul(op, store)
    words = _words(op, store)
    if shape.groups > 1 and (shape.k % shape.channel_step or shape.c % shape.reduction_step):
        shape, weights = _dense(shape, weights, words[:, 2])
    return Layer(shape, weights, words)


def _made_type(op: Convolution) -> ElementType:
    """The elements that the array makes."""
    return _stored_type(op) if epilogue_of(op) is None else container_of(op.result)


def _stored_type(op: Convolution) -> ElementType:
    """The elements that the layer stores: its own or those of its epilogue, wider where needed."""
    result = (epilogue_of(op) or op).result
    element = container_of(result)
    return storable(element, _strides(op, result, element))


def _input_strides(op: Convolution) -> tuple[int, int]:
    row, column, _ = _strides(op, op.input, container_of(op.input))
    return row, column


def conv_shape(op: Convolution, store: Store) -> ConvShape:
    """The sizes alone of the layer that `op` is."""
    return layer_of(op, store).shape


def _conv(op: nn.ConvOp, store: Store) -> tuple[ConvShape, IntArray]:
    weights = constant_of(op.weight, store, op)
    _, channels, rows_in, columns_in = shape_of(op.input)
    _, k, rows, columns = shape_of(op.result)
    groups = op.groups.value.data
    depthwise = groups == channels and groups > 1
    k_total, c, ky, kx = weights.shape
    if depthwise:
        packed = weights.reshape(1, k_total, ky, 1, kx)
    else:
        packed = weights.reshape(groups, k_total // groups, c, ky, kx).transpose(0, 1, 3, 4, 2)
    top, left, _, _ = numbers(op.pads)
    sy, sx = numbers(op.strides)
    dy, dx = numbers(op.dilations)
    shape = ConvShape(
        rows_in,
        columns_in,
        rows,
        columns,
        groups=1 if depthwise else groups,
        k=k if depthwise else k // groups,
        c=channels if depthwise else c,
        kernel=(ky, kx),
        strides=(sy, sx),
        dilations=(dy, dx),
        pads=(top, left),
        multiplier=k // channels if depthwise else 0,
        input_type=container_of(op.input),
        weight_type=container_of(op.weight),
        output_type=_made_type(op),
        stored_type=_stored_type(op),
        input_strides=_input_strides(op),
    )
    return shape, packed


def _matmul(op: nn.MatmulOp, store: Store) -> tuple[ConvShape, IntArray]:
    c, k = shape_of(op.weight)
    weight_type = container_of(op.weight)
    if is_computed(op.weight):
        weights, weight_type = np.zeros((c, k), np.int8), byte_wide(weight_type)
    else:
        weights = constant_of(op.weight, store, op)
    image = shape_of(op.input)
    rows = image[1] if len(image) == 4 else 1
    columns = prod(image[:-1]) // rows
    shape = ConvShape(
        rows,
        columns,
        rows,
        columns,
        groups=1,
        k=k,
        c=c,
        kernel=(1, 1),
        strides=(1, 1),
        dilations=(1, 1),
        pads=(0, 0),
        multiplier=0,
        input_type=container_of(op.input),
        weight_type=weight_type,
        output_type=_made_type(op),
        stored_type=_stored_type(op),
        input_strides=_input_strides(op),
    )
    return shape, weights.T.reshape(1, k, 1, 1, c)


def _words(op: Convolution, store: Store) -> npt.NDArray[np.int32]:
    k = shape_of(op.result)[1 if isinstance(op, nn.ConvOp) else -1]
    bias = np.zeros(k, np.int32) if op.bias is None else constant_of(op.bias, store, op)
    multiplier = np.broadcast_to(_multipliers(op, store), (k,))
    zero_points = np.broadcast_to(element_of(op.weight).zero_points(store), (k,))
    return parameters(bias, multiplier, zero_points)


def _multipliers(op: Convolution, store: Store) -> npt.NDArray[np.float32]:
    """f32(f32(xs * ws) / ys) for each output channel; 0 where the result stays raw."""
    if op.is_raw:
        return np.zeros(1, np.float32)
    scales = element_of(op.input).scale * element_of(op.weight).scales(store)
    return scales / element_of(op.result).scale


def _dense(
    shape: ConvShape, weights: IntArray, zero_points: IntArray
) -> tuple[ConvShape, IntArray]:
    """A grouped convolution as a dense one whose other weights are at their zero point."""
    groups, k, ky, kx, c = weights.shape
    dense = np.broadcast_to(
        zero_points.reshape(groups * k, 1, 1, 1), (groups * k, ky, kx, groups * c)
    ).astype(weights.dtype)
    for group in range(groups):
        dense[group * k : (group + 1) * k, :, :, group * c : (group + 1) * c] = weights[group]
    return replace(shape, groups=1, k=groups * k, c=groups * c), dense[None]


def lower(state: Lowering, op: Convolution) -> None:
    """Build the configuration, buffers and tile loops of a convolution or matrix product.

    Layers that share its weights are built into its nest.
    """
    fold, tiling = op.attributes.get("fold"), op.attributes.get("tiling")
    if not isinstance(fold, FoldAttr) or not isinstance(tiling, schedule.TilingAttr):
        raise TilefoldError(
            f"{name_of(op)}: has no fold or no tiling; run choose-fold and choose-tile first"
        )
    layer, tile = layer_of(op, state.store), Tile.of(tiling)
    nests = [_ConvolutionNest(state, each, layer, fold, tile) for each in members_of(op)]
    nests[0].build(nests)


def _strides(op: Convolution, value: SSAValue, element: ElementType) -> Sequence[int]:
    """The distances in memory between the rows, columns and channels of an operand or result.

    A matrix product's are its last three axes; in memory those of rank 4 have another order.
    """
    shape, strides = shape_of(value), strides_of(value, element)
    if isinstance(op, nn.ConvOp):
        return strides[2], strides[3], strides[1]
    if len(shape) == 4:
        return strides[1:]
    return prod(shape[:-1]) * strides[-2], strides[-2], 1


class _ConvolutionNest:
    """The nest of a layer."""

    def __init__(self, state: Lowering, op: Convolution, layer: Layer, fold: FoldAttr, tile: Tile):
        self.state, self.op, self.fold, self.tile = state, op, fold, tile
        self.layer, self.shape = layer, layer.shape

    def build(self, members: Sequence["_ConvolutionNest"]) -> None:
        """Build everything, for this layer and all `members` that share its weights."""
        state, shape, tile = self.state, self.shape, self.tile
        blocks = pack_blocks(
            self.layer.weights,
            self.layer.words,
            tile.k,
            shape.kernel[1] if shape.depthwise else tile.c,
            shape.weight_type.bits,
        )
        weights = None
        if isinstance(self.op, nn.MatmulOp) and is_computed(self.op.weight):
            weights = packed_on_machine(state, self.op, blocks, tile, shape.weight_type)
        state.builder.insert(schedule.ConfigureOp(self.fold))
        weights = weights or state.constant(name_of(self.op), blocks)
        element = self.shape.stored_type
        assert storable(element, self._stored().strides) == element, name_of(self.op)
        with ExitStack() as stack:
            results = [epilogue_of(each.op) or each.op for each in members]
            targets = [stack.enter_context(stored(state, op, element)) for op in results]
            on_chip = all(state.on_chip(each.source) for each in members)
            for first, count in self._pieces(blocks, on_chip):
                loops = [(axis, count if axis == "k" else n) for axis, n in tile.loops(shape)]
                loops = [(axis, n) for axis, n in loops if n > 1]
                nest = Nest(state.builder, loops, {"k": first} if first else None)
                block = state.buffer("W", (1, 1, blocks.shape[2]), ElementType.U8)
                self._load_weights(nest, weights, block, blocks)
                for each, target in zip(members, targets, strict=True):
                    each.build_steps(nest, block, target)
                nest.emit()

    def _pieces(self, blocks: IntArray, on_chip: bool) -> Iterator[tuple[int, int]]:
        """The first tile along k of each nest, and how many tiles it has.

        Weights that take more than a piece are loaded into buffers of their own, each as soon as
        there is room, if that costs no more loads of inputs: these are `on_chip`.
        """
        tiles = self.tile.trips(self.shape)
        size = tiles["c"] * blocks.shape[2]
        count = max(1, self.state.piece // size)
        outside = self.tile.order[0] == "k" or tiles["y"] * tiles["x"] == 1
        if self.shape.groups > 1 or not outside or not on_chip:
            count = tiles["k"]
        for first in range(0, tiles["k"], count):
            yield first, min(count, tiles["k"] - first)

    @property
    def source(self) -> SSAValue:
        """The tensor that is read."""
        return self.state.tensor(self.op.input)

    def _load_weights(
        self, nest: Nest, weights: SSAValue, block: SSAValue, blocks: IntArray
    ) -> None:
        access = self._block(blocks)
        nest.load("gkc", lambda at: self.state.load(at, "W", weights, block, access))

    def build_steps(self, nest: Nest, block: SSAValue, target: SSAValue) -> None:
        """Load inputs, compute tiles, and store them or what the epilogue makes."""
        state, shape, tile = self.state, self.shape, self.tile
        nest.location = self.op.location
        pad = element_of(self.op.input).zero_point
        sizes, element = shape.input_sizes(tile), shape.input_type
        inputs = Tiles(state, self.source, sizes, element, self._input(), pad).loaded(
            nest, "yx" + ("k" if shape.depthwise else "gc")
        )
        sizes, element = shape.output_sizes(tile), shape.stored_type
        tiles = Tiles(state, target, sizes, element, self._stored())
        results = tiles.written()
        if (epilogue := epilogue_of(self.op)) is None:
            nest.result("gkyxc", lambda at: self._compute(at, results(at), inputs(at), block))
        else:
            made = state.buffer("O", sizes, shape.output_type)
            nest.result("gkyxc", lambda at: self._compute(at, made, inputs(at), block))
            self._run(nest, epilogue, made, results)
        tiles.stored(nest, "gkyx", results)

    def _run(self, nest: Nest, epilogue: Epilogue, made: SSAValue, results: At) -> None:
        """Put the epilogue into the nest: from the tiles `made` to `results`."""
        state, sizes = self.state, self.shape.output_sizes(self.tile)
        access = self._stored()
        if isinstance(epilogue, nn.LutOp):
            table = table_buffer(state, epilogue, epilogue.entries)
            nest.result(
                "gkyx",
                lambda at: look_up_step(state, epilogue, at, results(at), made, table, access),
            )
            return
        value = other_operand(epilogue, self.op)
        element = container_of(value)
        where = self._output(element, value)
        others = Tiles(state, state.tensor(value), sizes, element, where).loaded(nest, "gkyx")

        def compute(at: Place) -> None:
            ins = (made, others(at)) if epilogue.lhs is self.op.result else (others(at), made)
            binary_step(state, epilogue, at, results(at), ins, access)

        nest.result("gkyx", compute)

    def _block(self, blocks: IntArray) -> Access:
        k_tiles = self.tile.trips(self.shape)["k"]
        _, c_tiles, size = blocks.shape
        positions: list[Position] = [(0, {"g": k_tiles, "k": 1}), (0, {"c": 1}), HERE]
        return Access(positions, blocks.shape, (c_tiles * size, size, 1))

    def _input(self) -> Access:
        shape, tile = self.shape, self.tile
        sy, sx = shape.strides
        positions: list[Position] = [
            (-shape.pads[0], {"y": tile.rows * sy}),
            (-shape.pads[1], {"x": tile.columns * sx}),
        ]
        extents = [shape.rows_in, shape.columns_in]
        *strides, channel = _strides(self.op, self.op.input, shape.input_type)
        if shape.groups > 1:
            positions.append((0, {"g": 1}))
            extents.append(shape.groups)
            strides.append(shape.c)
        axis = "k" if shape.depthwise else "c"
        positions.append((0, {axis: shape.input_channels(tile)}))
        return Access(positions, [*extents, shape.c], [*strides, channel])

    def _stored(self) -> Access:
        """Tiles of what the layer, or its epilogue, makes."""
        return self._output(self.shape.stored_type, (epilogue_of(self.op) or self.op).result)

    def _output(self, element: ElementType, value: SSAValue) -> Access:
        """Tiles of the shape of the result, in what holds `value` in such elements."""
        shape, tile = self.shape, self.tile
        positions: list[Position] = [(0, {"y": tile.rows}), (0, {"x": tile.columns})]
        extents = [shape.rows, shape.columns]
        *strides, channel = _strides(self.op, value, element)
        if shape.groups > 1:
            positions.append((0, {"g": 1}))
            extents.append(shape.groups)
            strides.append(shape.k)
        positions.append((0, {"k": tile.k}))
        return Access(positions, [*extents, shape.k], [*strides, channel])

    def _compute(self, at: Place, outputs: SSAValue, inputs: SSAValue, block: SSAValue) -> None:
        shape, access = self.shape, self._stored()
        origin, indices = at.origin(access.positions)
        lo, hi = self.op.bounds
        properties = {
            "unit": StringAttr(f"{self.fold.array.data}.{self.fold.first.data}"),
            "origin": origin,
            "extents": ints(access.extents),
            "kernel": ints(shape.kernel),
            "strides": ints(shape.strides),
            "dilations": ints(shape.dilations),
            "weight_type": StringAttr(shape.weight_type),
            "src_zero": int64(element_of(self.op.input).zero_point),
            "dst_zero": int64(0 if self.op.is_raw else element_of(self.op.result).zero_point),
            "lo": int64(lo),
            "hi": int64(hi),
        }
        if shape.depthwise:
            properties["multiplier"] = int64(shape.multiplier)
            kind = schedule.DepthwiseOp
        else:
            properties["reduction"] = int64(int(self.tile.trips(shape)["c"] > 1))
            kind = schedule.ConvOp
        at.builder.insert(kind(operands=[outputs, inputs, block, indices], properties=properties))
