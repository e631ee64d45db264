"""What one dynamic instruction touches: its views, clipped to what it really needs.

Values, timing and the race check all work on the same footprints, so an element that is not
computed is neither read nor counted nor charged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from ..backend.code import Code
from ..backend.program import Program
from ..errors import TilefoldError
from .classes import Classes
from .frames import Frames
from .memory import Box, Range, StepError, ViewPlan
from .streams import Op, projections
from .tree import Counters, Step, build

CACHE_LIMIT: Final = 200_000
"""How many footprints a `Plan` keeps."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """The boxes that a dynamic instruction touches.

    `boxes` are the clipped views by operand. `first` and `last` tell a convolution to start and to
    finish its accumulators; an instruction that is not `last` does not touch its `writes`.
    """

    boxes: Mapping[str, Box]
    reads: tuple[Box, ...]
    writes: tuple[Box, ...]
    first: bool = True
    last: bool = True

    @property
    def empty(self) -> bool:
        """Whether clipping left the instruction nothing to do."""
        return not self.reads and not self.writes


EMPTY: Final = Footprint({}, (), ())


class Plan:
    """A program prepared for emulation: its loop tree and, on demand, the footprints in it."""

    def __init__(self, code: Code, layers: Sequence[str], layer_of: Sequence[int]) -> None:
        self.code = code
        self.layers = tuple(layers)
        self.tree = build(code, layer_of)
        self.frames = Frames()
        self._views: dict[int, dict[str, ViewPlan]] = {}
        self._classes: dict[int, Classes] = {}
        self._cache: dict[tuple[int, Counters], Footprint] = {}

    @staticmethod
    def of(program: Program) -> "Plan":
        """The plan of a whole program."""
        plan = Plan(program.code, program.layers, program.layer_of)
        plan.frames = Frames.of(program, plan.tree.steps)
        return plan

    @cached_property
    def projections(self) -> dict[str, tuple[Op, ...]]:
        """What each unit runs of the program."""
        return projections(self.tree, tuple(self.code.header.kinds))

    def views(self, step: Step) -> dict[str, ViewPlan]:
        """The views of `step` by operand."""
        views = self._views.get(step.index)
        if views is None:
            views = {
                field.name: ViewPlan(step.instruction.view(field.name), step.counts)
                for field in step.instruction.spec.views
            }
            self._views[step.index] = views
        return views

    def classes(self, step: Step) -> Classes:
        """The classes of iterations of `step` that clipping leaves alike."""
        classes = self._classes.get(step.index)
        if classes is None:
            classes = self._classes[step.index] = Classes(step, list(self.views(step).values()))
        return classes

    def footprint(self, step: Step, counters: Counters) -> Footprint:
        """The footprint of `step` at the loop `counters`."""
        key = (step.index, counters)
        footprint = self._cache.get(key)
        if footprint is None:
            boxes = {name: view.resolve(counters) for name, view in self.views(step).items()}
            try:
                footprint = _CLIP[step.mnemonic](step, boxes, counters) if boxes else EMPTY
            except StepError as error:
                raise self.error(step, counters, error) from None
            if len(self._cache) >= CACHE_LIMIT:
                self._cache.clear()
            self._cache[key] = footprint
        return footprint

    def layer(self, step: Step) -> str:
        """The name of the layer that `step` belongs to, or a dash."""
        return self.layers[step.layer] if step.layer >= 0 else "-"

    def describe(self, step: Step, counters: Counters) -> str:
        """`instruction 12 (conv on conv.0, layer 'c1', loops 0,3)`."""
        text = f"instruction {step.index} ({step.mnemonic} on {step.unit}"
        if step.layer >= 0:
            text += f", layer '{self.layer(step)}'"
        if counters:
            text += f", loops {','.join(map(str, counters))}"
        return text + ")"

    def error(self, step: Step, counters: Counters, error: Exception) -> TilefoldError:
        """`error` with the instruction that caused it."""
        return TilefoldError(f"{self.describe(step, counters)}: {error}")


def _footprint(
    boxes: dict[str, Box], written: str, first: bool = True, last: bool = True
) -> Footprint:
    if not boxes[written].elements:
        return EMPTY
    reads = tuple(box for name, box in boxes.items() if name != written and box.elements)
    return Footprint(boxes, reads, (boxes[written],) if last else (), first, last)


def _ranges(box: Box) -> list[Range]:
    return list(zip(box.low, box.high, strict=True))


def _load(step: Step, boxes: dict[str, Box], counters: Counters) -> Footprint:
    """The whole valid destination is written; the source is read where it is valid too."""
    del step, counters
    source = boxes["src"].clip(_ranges(boxes["dst"]))
    return _footprint({"src": source, "dst": boxes["dst"]}, "dst")


def _store(step: Step, boxes: dict[str, Box], counters: Counters) -> Footprint:
    """Only what is valid on both sides moves."""
    del step, counters
    source = boxes["src"].clip(_ranges(boxes["dst"]))
    return _footprint({"src": source, "dst": boxes["dst"].clip(_ranges(source))}, "dst")


def _window(outputs: Range, step: Step, axis: str, size: int) -> Range:
    """The inputs under the windows (`size` elements long) of `outputs` along `axis`, y or x."""
    first, end = outputs
    stride = step.instruction.integer(f"stride_{axis}")
    dilation = step.instruction.integer(f"dil_{axis}")
    return first * stride, (end - 1) * stride + (size - 1) * dilation + 1


_WORDS: Final = (0, 3)
"""Parameters of a channel."""


def _needs(box: Box, needed: dict[int, Range], what: str) -> Box:
    """`box` cut to what is `needed` by dimension, all of which must be valid."""
    clipped = box.clip([needed.get(dim) for dim in range(len(box.low))])
    for dim, (first, end) in needed.items():
        if clipped.low[dim] != first or clipped.high[dim] != end:
            raise StepError(
                f"needs {what} {first}..{end - 1} in dimension {dim} of a view that has "
                f"{box.low[dim]}..{box.high[dim] - 1}"
            )
    return clipped


def _conv(step: Step, boxes: dict[str, Box], counters: Counters) -> Footprint:
    """Outputs valid in dst, and the inputs, weights and parameters they need."""
    rows, columns, outputs = _ranges(boxes["dst"])
    if not boxes["dst"].elements:
        return EMPTY
    depthwise = step.mnemonic == "dwconv"
    _, kernel_rows, kernel_columns = step.instruction.view("wgt").sizes[:3]
    channels: Range | None = None
    if depthwise:
        mult = step.instruction.integer("mult")
        channels = outputs[0] // mult, (outputs[1] - 1) // mult + 1
    source = boxes["src"].clip(
        [
            _window(rows, step, "y", kernel_rows),
            _window(columns, step, "x", kernel_columns),
            channels,
        ]
    )
    needed = {0: outputs, 1: (0, kernel_rows), 2: (0, kernel_columns)}
    if not depthwise:
        needed[3] = source.low[2], source.high[2]
    levels = step.instruction.levels("reduce")
    first = all(counters[level] == 0 for level in levels)
    last = all(counters[level] == step.counts[level] - 1 for level in levels)
    clipped = {
        "src": source,
        "wgt": _needs(boxes["wgt"], needed, "weights"),
        "par": _needs(boxes["par"], {0: outputs, 1: _WORDS}, "parameters"),
        "dst": boxes["dst"],
    }
    return _footprint(clipped, "dst", first, last)


def _elementwise(step: Step, boxes: dict[str, Box], counters: Counters) -> Footprint:
    """Every view of the destination's shape is read where the destination is valid."""
    del step, counters
    wanted = dict(enumerate(_ranges(boxes["dst"])))
    if not boxes["dst"].elements:
        return EMPTY
    clipped: dict[str, Box] = {}
    for name, box in boxes.items():
        if name == "par":
            clipped[name] = _needs(box, {0: wanted[len(wanted) - 1], 1: _WORDS}, "parameters")
        elif name == "table":
            clipped[name] = _needs(box, {0: (0, 256)}, "bytes of the table")
        elif name == "dst":
            clipped[name] = box
        else:
            clipped[name] = _needs(box, wanted, f"elements of {name}")
    return _footprint(clipped, "dst")


def _pool(step: Step, boxes: dict[str, Box], counters: Counters) -> Footprint:
    """Outputs valid in dst and the windows under them."""
    del counters
    if not boxes["dst"].elements:
        return EMPTY
    rows, columns, channels = _ranges(boxes["dst"])
    windows = [
        _window(rows, step, "y", step.instruction.integer("kernel_y")),
        _window(columns, step, "x", step.instruction.integer("kernel_x")),
        channels,
    ]
    return _footprint({"src": boxes["src"].clip(windows), "dst": boxes["dst"]}, "dst")


_CLIP: Final[Mapping[str, Callable[[Step, dict[str, Box], Counters], Footprint]]] = {
    "load": _load,
    "store": _store,
    "conv": _conv,
    "dwconv": _conv,
    "vadd": _elementwise,
    "vmul": _elementwise,
    "vlut": _elementwise,
    "vquant": _elementwise,
    "vpool": _pool,
}
