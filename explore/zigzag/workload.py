"""ZigZag's workload files: layers by equations and loop sizes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd
from pathlib import Path

from ...costmodel.hierarchy.layer import Layer, Operand, Window
from ...errors import TilefoldError
from .files import Record, entries

_ACCESS = r"(\w+)((?:\[\w*\])+)"
_EQUATION = re.compile(rf"\s*{_ACCESS}\s*\+?=\s*{_ACCESS}\s*[*+]\s*{_ACCESS}\s*")
_RELATION = re.compile(r"\s*(\w+)\s*=\s*(?:(\d+)\s*\*\s*)?(\w+)\s*\+\s*(?:(\d+)\s*\*\s*)?(\w+)\s*")
_CONVOLUTION = {"B", "G", "K", "C", "OY", "OX", "FY", "FX"}


@dataclass(frozen=True)
class WorkloadLayer:
    """A layer of a workload: a name, an operator, loops, and operands with their bits.

    `operands` are in the order of the equation, results first, each with its indices.
    """

    name: str
    operator: str
    dims: dict[str, int]
    operands: tuple[tuple[str, tuple[str | Window, ...]], ...]
    bits: dict[str, int]

    def layer(self, links: Mapping[str, str]) -> Layer:
        """The layer for the cost model, its operands being memory operands as `links` say."""
        final = self.bits.get("O_final", self.bits["O"])
        operands = tuple(
            Operand(
                name,
                indices,
                links[name],
                self.bits[name],
                final if name == "O" else self.bits[name],
            )
            for name, indices in self.operands
        )
        return Layer(self.name, self.dims, operands)


@dataclass(frozen=True)
class Convolution:
    """The shape of a layer that is a convolution; rows come before columns.

    `inputs` and `outputs` are channels of one group; `size` is of the input, without `padding`,
    which is what both ends of an axis have together. A matrix product has a window of 1 x 1.
    """

    batch: int
    groups: int
    inputs: int
    outputs: int
    size: tuple[int, int]
    output_size: tuple[int, int]
    window: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]
    padding: tuple[int, int]


def convolution_of(layer: WorkloadLayer) -> Convolution:
    """A layer as a convolution. Raises TilefoldError where it has other loops."""
    if unknown := {dim for dim, size in layer.dims.items() if size > 1} - _CONVOLUTION:
        raise TilefoldError(f"layer '{layer.name}' is no convolution: it has a loop {min(unknown)}")
    windows = {
        index.outer: index
        for _, indices in layer.operands
        for index in indices
        if isinstance(index, Window)
    }

    def size(dim: str) -> int:
        return layer.dims.get(dim, 1)

    def of(window: Window | None, outer: str, inner: str) -> tuple[int, int, int, int]:
        """Input positions, stride, dilation and padding along an axis."""
        if window is None:
            if size(inner) > 1:
                raise TilefoldError(f"layer '{layer.name}' has a window {inner} of no relation")
            return size(outer), 1, 1, 0
        whole = window.step * (size(outer) - 1) + window.dilation * (size(inner) - 1) + 1
        return window.limit, window.step, window.dilation, max(0, whole - window.limit)

    rows, columns = of(windows.get("OY"), "OY", "FY"), of(windows.get("OX"), "OX", "FX")
    inner, strides, dilations, padding = zip(rows, columns, strict=True)
    return Convolution(
        batch=size("B"),
        groups=size("G"),
        inputs=size("C"),
        outputs=size("K"),
        size=inner,
        output_size=(size("OY"), size("OX")),
        window=(size("FY"), size("FX")),
        strides=strides,
        dilations=dilations,
        padding=padding,
    )


def read_workload(path: Path) -> tuple[WorkloadLayer, ...]:
    """The layers of a workload file, in its order.

    Raises TilefoldError for keys that are unknown, missing or of the wrong kind, for equations that
    do not make `O` of two operands `I` and `W`, and for loops without a size.
    """
    return tuple(read_layer(record) for record in entries(path))


def read_layer(record: Record) -> WorkloadLayer:
    """One entry of a workload."""
    number = record.whole("id", 0, 0)
    name = record.text("name", f"Layer{number}")
    operator = record.text("operator_type")
    names, sizes = [dim.upper() for dim in record.texts("loop_dims")], record.sizes("loop_sizes")
    if len(names) != len(sizes) or len(set(names)) != len(names):
        record.fail(f"has {len(set(names))} names for {len(sizes)} loop_sizes", "loop_dims")
    dims = dict(zip(names, sizes, strict=True))
    known: dict[str, str | Window] = {dim: dim for dim in dims} | _windows(record, dims)
    equation = record.text("equation")
    match = _EQUATION.fullmatch(equation)
    if match is None:
        record.fail(f"is not O[..]+=I[..]*W[..]: '{equation:.60}'", "equation")
    operands: list[tuple[str, tuple[str | Window, ...]]] = []
    for operand, indices in (match.group(1, 2), match.group(3, 4), match.group(5, 6)):
        found = [index.upper() for index in re.findall(r"\w+", indices)]
        if unknown := [index for index in found if index not in known]:
            record.fail(f"indexes {operand} by {unknown[0]}, which has no size", "equation")
        operands.append((operand, tuple(known[index] for index in found)))
    if operands[0][0] != "O" or {name for name, _ in operands} != {"O", "I", "W"}:
        record.fail(f"is not of O, I and W: '{equation:.60}'", "equation")
    precision = record.record("operand_precision")
    bits = {key: precision.whole(key) for key in precision.names()}
    if wrong := (set(bits) - {"O_final"}) ^ {"O", "I", "W"}:
        precision.fail("has to be given for O, I and W, and for O_final if it differs", min(wrong))
    _skip(record)
    return WorkloadLayer(name, operator, dims, tuple(operands), bits)


def _windows(record: Record, dims: Mapping[str, int]) -> dict[str, Window]:
    """The indices that two loops make together."""
    names = [dim.upper() for dim in record.texts("pr_loop_dims", ())]
    given = record.sizes("pr_loop_sizes", ())
    padding = record.items("padding", ())
    for key, items in (("pr_loop_sizes", given), ("padding", padding)):
        if items and len(items) != len(names):
            record.fail(f"has {len(items)} entries for {len(names)} pr_loop_dims", key)
    padded: dict[str, int] = {}
    for dim, item in zip(names, padding, strict=False):
        match item:
            case [int() as before, int() as after] if before >= 0 and after >= 0:
                padded[dim] = before + after
            case _:
                record.fail(f"has {item!r:.40}, not two numbers", "padding")
    result: dict[str, Window] = {}
    for text in record.texts("dimension_relations", ()):
        match = _RELATION.fullmatch(text)
        if match is None:
            record.fail(f"has '{text:.60}', not like ix=2*ox+1*fx", "dimension_relations")
        index, outer, inner = (match[n].upper() for n in (1, 3, 5))
        step, dilation = int(match[2] or 1), int(match[4] or 1)
        if unknown := {outer, inner} - dims.keys():
            record.fail(f"needs a size of {min(unknown)}", "dimension_relations")
        if step < 1 or dilation < 1:
            record.fail(f"has '{text:.60}' with a factor below 1", "dimension_relations")
        limit = dict(zip(names, given, strict=False)).get(index)
        if limit is None:
            whole = Window(outer, step, inner, dilation, dims[outer] * dims[inner])
            limit = _touched(whole, dims) - padded.get(index, 0)
        if limit < 1:
            record.fail(f"leaves no {index} within the padding", "padding")
        result[index] = Window(outer, step, inner, dilation, limit)
    if unknown := set(names) - result.keys():
        record.fail(f"has {min(unknown)}, which no relation makes", "pr_loop_dims")
    return result


def _touched(window: Window, dims: Mapping[str, int]) -> int:
    """All values that the index takes."""
    outer, inner = dims[window.outer], dims[window.inner]
    common = gcd(window.step, window.dilation)
    met = max(0, inner - window.step // common) * max(0, outer - window.dilation // common)
    return outer * inner - met


def _skip(record: Record) -> None:
    """Keys that say where operands come from, which costs do not depend on."""
    if record.has("operand_source"):
        source = record.record("operand_source")
        for operand in source.names():
            source.whole(operand, 0)
    record.done()
