"""Products of real numbers as matrices: weights as rows, what they meet in the input as columns.

A product has `groups` of output channels (those of a convolution, else one), each the same number
of rows of as many weights; its input has columns for each group, one for an output position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...dialects import nn
from ...dialects.nn_onnx import is_operator
from ...dialects.nn_shapes import same_pads
from ...dialects.nn_types import shape_of

Floats = npt.NDArray[np.floating]


def has_rows(op: nn.OnnxOp) -> bool:
    """Whether a product is one of rows and columns."""
    matrix = not is_operator(op, "MatMul") or len(shape_of(op.inputs[1])) == 2
    return matrix and not is_operator(op, "ConvTranspose")


@dataclass(frozen=True)
class Product:
    """A Conv, Gemm or MatMul with constant weights."""

    op: nn.OnnxOp

    @property
    def is_convolution(self) -> bool:
        """Whether it slides over an image or a signal."""
        return is_operator(self.op, "Conv")

    @property
    def groups(self) -> int:
        """Groups of channels."""
        return self.op.integer("group", 1) if self.is_convolution else 1

    @property
    def _weights_are_rows(self) -> bool:
        return self.is_convolution or bool(self.op.integer("transB", 0))

    def rows(self, weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """A weight, or anything of its shape, as [groups, rows, columns]."""
        matrix = weight if self._weights_are_rows else weight.T
        return matrix.reshape(self.groups, len(matrix) // self.groups, -1)

    def weight(self, rows: Floats) -> Floats:
        """The weight whose rows these are."""
        shape = shape_of(self.op.inputs[1])
        if self._weights_are_rows:
            return rows.reshape(shape)
        return rows.reshape(shape[::-1]).T

    def columns(self, x: Floats, generator: np.random.Generator, most: int) -> Floats:
        """What rows meet in the input `x` of one sample: [groups, columns, positions].

        Of all positions `most` at most, drawn by `generator`.
        """
        if not self.is_convolution:
            flat = x.reshape(-1, x.shape[-1])
            return flat[_drawn(len(flat), generator, most)].T[None]
        image = x[0] if x.ndim == 4 else x[0][:, None, :]
        kernel, strides, dilations = self._window()
        spans = [
            dilation * (taps - 1) + 1 for taps, dilation in zip(kernel, dilations, strict=True)
        ]
        pads = self._pads(image.shape[1:], spans, strides)
        padded = np.pad(image, ((0, 0), pads[::2], pads[1::2]))
        windows = np.lib.stride_tricks.sliding_window_view(padded, spans, (1, 2))
        windows = windows[:, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]
        height, width = windows.shape[1:3]
        places = _drawn(height * width, generator, most)
        found = windows[:, places // width, places % width]
        return np.moveaxis(found, 1, -1).reshape(self.groups, -1, len(places))

    def _window(self) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
        """Kernel, strides, dilations [y, x]."""
        kernel = shape_of(self.op.inputs[1])[2:]
        one = [1] * len(kernel)
        strides, dilations = self.op.integers("strides", one), self.op.integers("dilations", one)
        if len(kernel) == 1:
            return (1, *kernel), (1, *strides), (1, *dilations)
        return kernel, strides, dilations

    def _pads(
        self, size: Sequence[int], spans: Sequence[int], strides: Sequence[int]
    ) -> Sequence[int]:
        """Pads top, left, bottom, right of an image of `size`."""
        auto = self.op.text("auto_pad", "NOTSET")
        if auto.startswith("SAME"):
            return same_pads(size, spans, strides, upper=auto == "SAME_UPPER")
        dims = len(shape_of(self.op.inputs[1])) - 2
        pads = self.op.integers("pads", [0] * 2 * dims)
        return pads if dims == 2 else (0, pads[0], 0, pads[1])


def _drawn(count: int, generator: np.random.Generator, most: int) -> npt.NDArray[np.int64]:
    """The numbers below `count`, or `most` of them."""
    if count <= most:
        return np.arange(count)
    return np.sort(generator.choice(count, most, replace=False))
