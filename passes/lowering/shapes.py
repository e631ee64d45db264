"""What a convolution or matrix product is to a machine: sizes, windows, containers, tiles."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm

from ...dialects.isa_operands import ElementType
from ...dialects.schedule import TilingAttr

TABLE_BYTES = 256
"""Of a table, an entry for every byte."""


@dataclass(frozen=True)
class ConvShape:
    """A convolution as the arrays see it; a matrix product is one with a 1x1 window.

    `k` and `c` are output and input channels of one group; a depthwise convolution counts as one
    group with `multiplier` output channels an input channel (0 marks a dense convolution).
    `output_type` is what the array makes, `stored_type` what goes to DRAM: the same, or what an
    epilogue makes of it. `input_strides` are the distances, in elements, of the rows and columns of
    the input in the tensor that holds it.
    """

    rows_in: int
    columns_in: int
    rows: int
    columns: int
    groups: int
    k: int
    c: int
    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    pads: tuple[int, int]
    multiplier: int
    input_type: ElementType
    weight_type: ElementType
    output_type: ElementType
    stored_type: ElementType
    input_strides: tuple[int, int]

    @property
    def depthwise(self) -> bool:
        """Whether each output channel reads a single input channel."""
        return self.multiplier > 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the whole layer."""
        window = self.kernel[0] * self.kernel[1]
        reduction = window if self.depthwise else window * self.c
        return self.rows * self.columns * self.groups * self.k * reduction

    @property
    def channel_step(self) -> int:
        """Tiles of output channels are multiples of this, so that their rows start at bytes."""
        types = (self.input_type, self.output_type, self.stored_type)
        per_byte = lcm(*(max(1, 8 // t.bits) for t in types))
        return per_byte * max(1, self.multiplier)

    @property
    def reduction_step(self) -> int:
        """Tiles of input channels are multiples of this."""
        return lcm(*(max(1, 8 // t.bits) for t in (self.input_type, self.weight_type)))

    def input_window(self, rows: int, columns: int) -> tuple[int, int]:
        """Input rows and columns that a tile of output rows and columns needs, halo included."""
        sizes = zip((rows, columns), self.strides, self.kernel, self.dilations, strict=True)
        window = tuple(
            (size - 1) * stride + (kernel - 1) * dilation + 1
            for size, stride, kernel, dilation in sizes
        )
        return window[0], window[1]

    def input_channels(self, tiling: "Tile") -> int:
        """Input channels of a tile."""
        return tiling.k // self.multiplier if self.depthwise else tiling.c

    def input_sizes(self, tile: "Tile") -> tuple[int, ...]:
        """Sizes of the input buffer: rows, columns, [group,] channels."""
        window = self.input_window(tile.rows, tile.columns)
        group = (1,) if self.groups > 1 else ()
        return (*window, *group, self.input_channels(tile))

    def output_sizes(self, tile: "Tile") -> tuple[int, ...]:
        """Sizes of the output buffer: rows, columns, [group,] channels."""
        group = (1,) if self.groups > 1 else ()
        return (tile.rows, tile.columns, *group, tile.k)


@dataclass(frozen=True)
class Tile:
    """Sizes of a tile: output rows, columns and channels, input channels; and the loop order."""

    rows: int
    columns: int
    k: int
    c: int
    order: tuple[str, ...]

    @staticmethod
    def of(tiling: TilingAttr) -> "Tile":
        """The tile that an attribute describes."""
        order = tuple(tiling.order.data.split())
        return Tile(tiling.rows.data, tiling.columns.data, tiling.k.data, tiling.c.data, order)

    def trips(self, shape: ConvShape) -> dict[str, int]:
        """How many tiles along each loop: group `g`, `k`, `y`, `x` and the reduction `c`."""
        return {
            "g": shape.groups,
            "y": -(-shape.rows // self.rows),
            "x": -(-shape.columns // self.columns),
            "k": -(-shape.k // self.k),
            "c": 1 if shape.depthwise else -(-shape.c // self.c),
        }

    def loops(self, shape: ConvShape) -> Iterator[tuple[str, int]]:
        """The loops that run more than once, outermost first."""
        trips = self.trips(shape)
        for axis in ("g", *self.order, "c"):
            if trips[axis] > 1:
                yield axis, trips[axis]
