"""Sliding windows: ONNX's ways to pad spelt out as four numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue

from ..dialects import nn
from ..dialects.isa_operands import U8
from ..dialects.nn_shapes import same_pads
from ..dialects.nn_types import shape_of
from ..errors import TilefoldError
from .graph import Node
from .operators import Constraint
from .scope import Scope


@dataclass(frozen=True)
class Window:
    """A 2-D window: kernel, strides and dilations [y, x]; pads top, left, bottom, right."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    pads: tuple[int, ...]


def _as_many_dimensions(scope: Scope, node: Node) -> bool:
    shape = scope.shape(node, 0)
    dims = len(shape) - 2 if shape else 2
    lengths = {"kernel_shape": dims, "strides": dims, "dilations": dims, "pads": 2 * dims}
    given = {name: len(node.integers(name, ())) for name in lengths}
    return all(given[name] in (0, length) for name, length in lengths.items())


WINDOW = Constraint("Windows have one or two dimensions, as the input.", _as_many_dimensions)


def _image_or_row(scope: Scope, node: Node) -> bool:
    shape = scope.shape(node, 0)
    return shape is None or len(shape) in (3, 4)


IMAGE_OR_ROW = Constraint("The input is an image [1, C, H, W] or a row [1, C, W].", _image_or_row)


def as_image(scope: Scope, node: Node, x: SSAValue) -> SSAValue:
    """`x` [1, C, H, W]; a row [1, C, W] as an image of one row."""
    if len(shape_of(x)) != 3:
        return x
    return scope.emit(node.name, nn.ReshapeOp, x, (*shape_of(x)[:2], 1, shape_of(x)[2]))


def ranked_as(scope: Scope, node: Node, image: SSAValue, x: SSAValue) -> SSAValue:
    """The result `image` without its one row, where `x` was a row."""
    if len(shape_of(x)) != 3:
        return image
    _, channels, _, columns = shape_of(image)
    return scope.emit(node.name, nn.ReshapeOp, image, (1, channels, columns))


def window_of(node: Node, size: Sequence[int], kernel: Sequence[int]) -> Window:
    """The window of `node` over rows and columns `size`, auto_pad and ceil_mode resolved.

    Over columns alone, it is one of one row. With ceil_mode the bottom and right pads grow until
    the last window fits; windows that would start in them are left out, as ONNX says.
    """
    ones = (1,) * len(size)
    strides, dilations = node.integers("strides", ones), node.integers("dilations", ones)
    pads = node.integers("pads", (0,) * 2 * len(size))
    if min(*strides, *dilations, *kernel) < 1 or min(pads) < 0:
        raise TilefoldError(
            f"{node}: kernel, strides and dilations must be positive, and pads not negative"
        )
    if max(*strides, *dilations) > U8[1]:
        raise TilefoldError(f"{node}: strides and dilations beyond {U8[1]} are not supported")
    spans = [dilation * (taps - 1) + 1 for taps, dilation in zip(kernel, dilations, strict=True)]
    auto_pad = node.text("auto_pad", "NOTSET")
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        pads = same_pads(size, spans, strides, upper=auto_pad == "SAME_UPPER")
    elif auto_pad == "VALID":
        pads = (0,) * 2 * len(size)
    elif auto_pad != "NOTSET":
        raise TilefoldError(f"{node}: unknown auto_pad {auto_pad}")
    if node.integer("ceil_mode", 0) and auto_pad == "NOTSET":
        pads = _ceil(size, spans, strides, pads)
    if len(size) == 1:
        return Window((1, *kernel), (1, *strides), (1, *dilations), (0, pads[0], 0, pads[1]))
    return Window(tuple(kernel), strides, dilations, pads)


def _ceil(
    size: Sequence[int],
    spans: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
) -> tuple[int, ...]:
    high: list[int] = []
    for axis, (length, span, stride) in enumerate(zip(size, spans, strides, strict=True)):
        low = pads[axis]
        given = pads[axis + len(size)]
        outputs = -(-(length + low + given - span) // stride) + 1
        if (outputs - 1) * stride >= length + low:
            outputs -= 1
        high.append(max(given, (outputs - 1) * stride + span - length - low))
    return (*pads[: len(size)], *high)
