"""Weights that come in tiles, gathered into whole ones: they are constant, so once a program."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from ..dialects.isa_operands import Affine
from .buffers import Extent, Site, extent_of
from .footprint import Plan
from .memory import Box, IntArray, Memory
from .regions import Range, fit
from .tree import Counters


@dataclass(frozen=True)
class Constants:
    """What of DRAM never changes: the extents of segments that nothing is stored to."""

    plan: Plan
    dram: Memory
    extents: Sequence[Extent]

    def behind(self, reader: Site, name: str, writer: Site, counters: Counters) -> Box:
        """The elements of DRAM that are in the buffer that view `name` reads at `counters`.

        The writer must be a load of contiguous bytes, all of them constant.
        """
        reading = self.plan.footprint(reader.step, counters)
        loading = self.plan.footprint(writer.step, counters[: len(writer.loops)])
        fit(not reading.empty and not loading.empty)
        box, loaded = reading.boxes[name], loading.boxes
        source, target = loaded["src"], loaded["dst"]
        alike = all(
            count == 1 or a == b
            for count, a, b in zip(source.counts, source.strides, target.strides, strict=True)
        )
        fit(source.elements > 0 and source.low == target.low and alike)
        fit(source.runs == (1, source.bytes) and source.start % 8 == target.start % 8 == 0)
        moved = replace(box, memory=source.memory, start=box.start + source.start - target.start)
        first, end = moved.span
        fit(source.span[0] <= first and end <= source.span[1])
        extent = (source.memory, first, end)
        fit(any(e[0] == extent[0] and e[1] <= first and end <= e[2] for e in self.extents))
        return moved


def writes_of(sites: Sequence[Site], dram: str) -> list[Extent]:
    """What the program writes in DRAM."""
    return [
        extent_of(site.view("dst"), site.step.counts)
        for site in sites
        if site.view("dst").memory == dram
    ]


def _tiles(site: Site, origins: Sequence[Affine]) -> list[Counters]:
    """Counters that go through all tiles with these origins, other loops at their start."""
    levels = {level for origin in origins for level, _ in origin.terms}
    ranges = [range(n if level in levels else 1) for level, n in enumerate(site.step.counts)]
    return list(product(*ranges))


def _independent(writer: Site, origins: Sequence[Affine]) -> None:
    """Check that a load brings the same in iterations that differ only in other loops."""
    levels = {level for origin in origins for level, _ in origin.terms}
    source = {level for dim in writer.view("src").dims for level, _ in dim.origin.terms}
    fit(source <= levels)


def gather_filters(
    constants: Constants,
    site: Site,
    writers: tuple[Site, Site],
    frames: tuple[Affine, Affine | None],
    ranges: tuple[Range, Range | None],
) -> tuple[IntArray, IntArray]:
    """Weights [k, ky, kx(, c)] and parameters [k, 3] of all tiles of a convolution.

    `writers` are those of weights and parameters, `frames` the origins of output and input channels
    (None if depthwise), `ranges` which of them are wanted. Each weight must be in one tile.
    """
    origins = [frame for frame in frames if frame is not None]
    for writer in writers:
        _independent(writer, origins)
    (first, end), inner = ranges[0], ranges[1]
    kernel = [dim.size for dim in site.view("wgt").dims[1:3]]
    shape = [end - first, *kernel, *([inner[1] - inner[0]] if inner else [])]
    weights = np.zeros(shape, np.int32)
    words = np.zeros((end - first, 3), np.int32)
    seen = np.zeros(shape, np.uint8)
    for counters in _tiles(site, origins):
        boxes = [
            constants.behind(site, name, writer, counters)
            for name, writer in zip(("wgt", "par"), writers, strict=True)
        ]
        wgt, par = boxes
        places = [_place(wgt, 0, frames[0].at(counters), (first, end))]
        if frames[1] is not None and inner is not None:
            places.append(_place(wgt, 3, frames[1].at(counters), inner))
        tile = constants.dram.read(wgt)
        into = (places[0][0], slice(None), slice(None), *(into for into, _ in places[1:]))
        part = (places[0][1], slice(None), slice(None), *(part for _, part in places[1:]))
        weights[into] = tile[part]
        seen[into] += 1
        into_words, part_words = _place(par, 0, frames[0].at(counters), (first, end))
        words[into_words] = constants.dram.read(par)[part_words]
    fit(bool((seen == 1).all()))
    return weights, words


def gather_words(
    constants: Constants, site: Site, writer: Site, frame: Affine, wanted: Range
) -> IntArray:
    """The parameters [k, 3] of all tiles of a requantisation."""
    _independent(writer, [frame])
    words = np.zeros((wanted[1] - wanted[0], 3), np.int32)
    seen: npt.NDArray[np.bool_] = np.zeros(len(words), np.bool_)
    for counters in _tiles(site, [frame]):
        par = constants.behind(site, "par", writer, counters)
        into, part = _place(par, 0, frame.at(counters), wanted)
        words[into] = constants.dram.read(par)[part]
        seen[into] = True
    fit(bool(seen.all()))
    return words


def _place(box: Box, dim: int, origin: int, wanted: Range) -> tuple[slice, slice]:
    """Where a tile goes in the whole along a dimension, and which part of the tile."""
    low = origin + box.low[dim]
    first, end = max(low, wanted[0]), min(low + box.counts[dim], wanted[1])
    end = max(first, end)
    return slice(first - wanted[0], end - wanted[0]), slice(first - low, end - low)
