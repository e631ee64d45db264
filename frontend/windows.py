"""Sliding windows: ONNX's ways to pad spelt out as four numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

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


def _two_dimensional(scope: Scope, node: Node) -> bool:
    lengths = {"kernel_shape": 2, "strides": 2, "dilations": 2, "pads": 4}
    given = {name: len(node.integers(name, ())) for name in lengths}
    return all(given[name] in (0, length) for name, length in lengths.items())


WINDOW = Constraint("Windows have two dimensions.", _two_dimensional)


def window_of(node: Node, size: Sequence[int], kernel: Sequence[int]) -> Window:
    """The window of `node` over rows and columns `size`, auto_pad and ceil_mode resolved.

    With ceil_mode the bottom and right pads grow until the last window fits; windows that would
    start in them are left out, as ONNX says.
    """
    strides = node.integers("strides", (1, 1))
    dilations = node.integers("dilations", (1, 1))
    pads = node.integers("pads", (0, 0, 0, 0))
    if min(*strides, *dilations, *kernel) < 1 or min(pads) < 0:
        raise TilefoldError(
            f"{node}: kernel, strides and dilations must be positive, and pads not negative"
        )
    spans = [dilation * (taps - 1) + 1 for taps, dilation in zip(kernel, dilations, strict=True)]
    auto_pad = node.text("auto_pad", "NOTSET")
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        pads = _same(size, spans, strides, upper=auto_pad == "SAME_UPPER")
    elif auto_pad == "VALID":
        pads = (0, 0, 0, 0)
    elif auto_pad != "NOTSET":
        raise TilefoldError(f"{node}: unknown auto_pad {auto_pad}")
    if node.integer("ceil_mode", 0) and auto_pad == "NOTSET":
        pads = _ceil(node, size, spans, strides, pads)
    return Window(tuple(kernel), strides, dilations, pads)


def _same(
    size: Sequence[int], spans: Sequence[int], strides: Sequence[int], upper: bool
) -> tuple[int, ...]:
    """Pads that make the output ceil(size / stride); the odd one goes below or above."""
    low: list[int] = []
    high: list[int] = []
    for length, span, stride in zip(size, spans, strides, strict=True):
        total = max(0, (-(-length // stride) - 1) * stride + span - length)
        low.append(total // 2 if upper else total - total // 2)
        high.append(total - low[-1])
    return (*low, *high)


def _ceil(
    node: Node,
    size: Sequence[int],
    spans: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
) -> tuple[int, ...]:
    high: list[int] = []
    for axis, (length, span, stride) in enumerate(zip(size, spans, strides, strict=True)):
        low = pads[axis]
        outputs = -(-(length + low + pads[axis + 2] - span) // stride) + 1
        if (outputs - 1) * stride >= length + low:
            outputs -= 1
        high.append(max(pads[axis + 2], (outputs - 1) * stride + span - length - low))
    if node.integer("count_include_pad", 0) and tuple(high) != tuple(pads[2:]):
        raise TilefoldError(f"{node}: ceil_mode with count_include_pad is not supported")
    return (*pads[:2], *high)
