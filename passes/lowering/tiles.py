"""Tiles of tensors: buffers that are loaded and stored, or windows of what lies on chip."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xdsl.ir import SSAValue

from ...dialects.isa_operands import ElementType
from ...machines.model import Operand
from .nest import Access, Nest, Place
from .state import Lowering

At = Callable[[Place], SSAValue]
"""The tile at a place in a nest."""


@dataclass(frozen=True)
class Tiles:
    """Tiles of `sizes` of one tensor, as a nest moves over it; outside it is `pad`."""

    state: Lowering
    tensor: SSAValue
    sizes: Sequence[int]
    element: ElementType
    access: Access
    pad: int = 0

    def loaded(self, nest: Nest, axes: Iterable[str], operand: Operand = "I") -> At:
        """The tiles to be read, which are others for each iteration over `axes`."""
        if self.state.on_chip(self.tensor):
            return self._window
        buffer = self.state.buffer(operand, self.sizes, self.element)

        def load(at: Place) -> None:
            self.state.load(at, operand, self.tensor, buffer, self.access, self.pad)

        nest.load(axes, load)
        return lambda _: buffer

    def written(self) -> At:
        """The tiles to be written, and then `stored`."""
        if self.state.on_chip(self.tensor):
            return self._window
        buffer = self.state.buffer("O", self.sizes, self.element)
        return lambda _: buffer

    def stored(self, nest: Nest, axes: Iterable[str], tile: At) -> None:
        """Store what was written."""
        if not self.state.on_chip(self.tensor):
            nest.result(
                axes, lambda at: self.state.store_tile(at, tile(at), self.tensor, self.access)
            )

    def _window(self, at: Place) -> SSAValue:
        return self.state.window(at, self.tensor, self.sizes, self.element, self.access, self.pad)
