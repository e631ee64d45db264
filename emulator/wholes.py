"""Instructions on all their tiles together: the views of an instruction in a nest as whole tensors.

`fusion.py` says when that gives the same values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..dialects.isa_operands import Affine, ElementType, View
from .buffers import Extent, Site, extent_of, overlap
from .convolution import make_filters
from .footprint import Footprint, Plan
from .gather import Constants, gather_filters, gather_words
from .memory import Box, Memory
from .regions import (
    Frame,
    Range,
    Region,
    UnfitError,
    clip,
    dense,
    fit,
    injective,
    offset,
    union,
)
from .state import Filters
from .tree import Step

Ranges = tuple[Range, ...]
ELEMENTWISE = ("vadd", "vmul", "vlut", "vquant")


@dataclass(frozen=True)
class Whole:
    """An instruction on all its tiles together, with the filters of a convolution."""

    step: Step
    footprint: Footprint
    filters: Filters | None = None


@dataclass
class Network:
    """How the instructions of a program are connected, and what is known of their tensors.

    `writers` gives the site that wrote what a site (its number) reads as a view, `readers` the
    other direction. `memories` are those that whole operations add.
    """

    plan: Plan
    dram: str
    sites: Sequence[Site]
    writers: Mapping[tuple[int, str], Site]
    constants: Constants
    memories: dict[str, Memory] = field(default_factory=dict[str, Memory])
    _frames: dict[int, Frame] = field(default_factory=dict[int, Frame])
    _regions: dict[int, Region] = field(default_factory=dict[int, Region])

    def __post_init__(self) -> None:
        self.readers: dict[int, list[tuple[Site, str]]] = {site.number: [] for site in self.sites}
        for (number, name), writer in self.writers.items():
            self.readers[writer.number].append((self.sites[number], name))
        self._stores: list[tuple[Extent, Site]] = [
            (extent_of(site.view("dst"), site.step.counts), site)
            for site in self.sites
            if site.view("dst").memory == self.dram
        ]

    def frame(self, site: Site) -> Frame:
        """The frame of what a site writes; raises UnfitError where there is none."""
        if site.number not in self._frames:
            self._frames[site.number] = self._find_frame(site)
        return self._frames[site.number]

    def _find_frame(self, site: Site) -> Frame:
        counts = site.step.counts
        if site.mnemonic == "load":
            return _origins(site.view("src"))
        if not site.view("dst").local:
            return _origins(site.view("dst"))
        frame: list[Affine] = []
        for number, dim in enumerate(site.view("dst").dims):
            clips = clip(dim, dim.origin, counts) is not None
            if dim.origin.terms or clips:
                frame.append(dim.origin)
            else:
                frame.append(Affine(0, self._wanted(site, number)))
        levels = {level for origin in frame for level, _ in origin.terms}
        fit(all(level < len(counts) for level in levels) and not levels & site.reduced)
        return tuple(frame)

    def source(self, site: Site, name: str) -> Frame:
        """The frame of what a view reads."""
        view = site.view(name)
        return self.frame(self.writers[site.number, name]) if view.local else _origins(view)

    def _wanted(self, site: Site, dim: int) -> tuple[tuple[int, int], ...]:
        """The terms of the origin that the first reader of a computed buffer gives it."""
        if not self.readers[site.number]:
            return ()
        reader, _ = self.readers[site.number][0]
        fit(len(reader.view("dst").dims) == len(site.view("dst").dims))
        if reader.mnemonic == "store":
            return reader.view("dst").dims[dim].origin.terms
        scale = 1
        if dim < 2 and reader.mnemonic not in ELEMENTWISE:
            scale = reader.step.instruction.integer("stride_y" if dim == 0 else "stride_x")
        elif reader.mnemonic == "conv" or "mult" in reader.step.instruction.operands:
            return ()
        return tuple((level, c * scale) for level, c in self.frame(reader)[dim].terms)

    def deferred(self, load: Site) -> bool:
        """Whether what a load brings can be read in DRAM wherever its buffer is read."""
        extent = extent_of(load.view("src"), load.step.counts)
        last = max((reader.node for reader, _ in self.readers[load.number]), default=load.node)
        return not any(
            load.node <= store.node <= last and overlap(extent, written)
            for written, store in self._stores
        )

    def region(self, site: Site) -> Region:
        """Where what a site writes is to be read, in its frame."""
        if site.number not in self._regions:
            self._regions[site.number] = self._find_region(site)
        return self._regions[site.number]

    def _find_region(self, site: Site) -> Region:
        target, counts = site.view("dst"), site.step.counts
        if site.mnemonic == "load":
            source = site.view("src")
            fit(len(source.dims) == len(target.dims))
            if self.deferred(site):
                return replace(_seen(source), pad=site.step.instruction.integer("pad"))
            fit(not site.loops)
        ranges = union(target.dims, self.frame(site), counts)
        name = f"tensor {site.number}"
        region, size = dense(name, target.bits, ranges)
        self.memories[name] = Memory(name, size)
        return region

    def needs(self, reader: Site, name: str, needed: Mapping[int, Range]) -> Region:
        """The region that a view reads, once it is clear that its buffer had all that is `needed`.

        `needed` are positions in the writer's frame by dimension.
        """
        view = reader.view(name)
        if not view.local:
            return _seen(view)
        writer = self.writers[reader.number, name]
        target = writer.view("dst")
        fit(len(view.dims) == len(target.dims))
        fit(view.base == target.base and view.bits == target.bits)
        fit(all(a.size <= b.size for a, b in zip(view.dims, target.dims, strict=True)))
        fit(
            all(
                a.size == 1 or a.stride == b.stride
                for a, b in zip(view.dims, target.dims, strict=True)
            )
        )
        region, frame = self.region(writer), self.frame(writer)
        for number, (low, high) in needed.items():
            if writer.mnemonic == "load":
                limits = clip(target.dims[number], frame[number], writer.step.counts)
            else:
                limits = region.ranges[number]
            fit(limits is None or (limits[0] <= low and high <= limits[1]))
        return region


def _origins(view: View) -> Frame:
    return tuple(dim.origin for dim in view.dims)


def _seen(view: View) -> Region:
    """The tensor that a global view sees."""
    strides = tuple(dim.stride for dim in view.dims)
    ranges = tuple((0, dim.extent) for dim in view.dims)
    return Region(view.memory, view.bits, view.base * 8, strides, ranges)


def whole_of(network: Network, site: Site) -> Whole | None:
    """A site on all its tiles together; None if there is nothing to do any more.

    Raises UnfitError where that is not known to give the same values.
    """
    if site.mnemonic == "load":
        return _load(network, site)
    if site.mnemonic == "store":
        return _store(network, site)
    if site.mnemonic in ELEMENTWISE:
        return _elementwise(network, site)
    return _windowed(network, site)


def _footprint(boxes: dict[str, Box]) -> Footprint:
    reads = tuple(box for name, box in boxes.items() if name != "dst" and box.elements)
    return Footprint(boxes, reads, (boxes["dst"],))


def _load(network: Network, site: Site) -> Whole | None:
    """A load that cannot be deferred copies its one tile."""
    if network.deferred(site):
        return None
    rank = len(site.view("dst").dims)
    if all(len(reader.view(name).dims) != rank for reader, name in network.readers[site.number]):
        return None
    region = network.region(site)
    boxes = network.plan.footprint(site.step, ()).boxes
    source, target = boxes["src"], boxes["dst"]
    fit(region.memory != network.dram and target.elements > 0)
    shifts = tuple(origin.const for origin in network.frame(site))
    ranges = [
        (low + shift, low + shift + count)
        for low, count, shift in zip(target.low, target.counts, shifts, strict=True)
    ]
    copied = region.box(target.type, ranges, shifts)
    return Whole(site.step, _footprint({"src": source, "dst": copied}))


def _stored(network: Network, store: Site, frame: Frame) -> tuple[Ranges, Region, tuple[int, ...]]:
    """What a store moves of a buffer with this frame, where to, and how much further on."""
    source, target = store.view("src"), store.view("dst")
    counts = store.step.counts
    fit(injective(target) and len(source.dims) == len(target.dims))
    origins = tuple(dim.origin for dim in target.dims)
    shifts = tuple(offset(a, b) for a, b in zip(origins, frame, strict=True))
    ranges: list[Range] = []
    for number, (low, high) in enumerate(union(target.dims, origins, counts)):
        low, high = low - shifts[number], high - shifts[number]
        limits = clip(source.dims[number], frame[number], counts)
        if limits is not None:
            low, high = max(low, limits[0]), min(high, limits[1])
        fit(low < high)
        ranges.append((low, high))
    region = _seen(target)
    return tuple(ranges), region, shifts


def _moved(ranges: Sequence[Range], shifts: Sequence[int]) -> Ranges:
    return tuple((a + s, b + s) for (a, b), s in zip(ranges, shifts, strict=True))


def _direct(network: Network, site: Site) -> Site | None:
    """The store that is the only reader of what a site computes."""
    readers = network.readers[site.number]
    if len(readers) != 1:
        return None
    reader, _ = readers[0]
    return reader if reader.mnemonic == "store" and reader.node == site.node else None


def _store(network: Network, store: Site) -> Whole | None:
    """What is left of a store: to copy what is computed elsewhere."""
    writer = network.writers[store.number, "src"]
    frame = network.frame(writer)
    ranges, region, shifts = _stored(network, store, frame)
    source = network.needs(store, "src", dict(enumerate(ranges)))
    if writer.mnemonic != "load" and _direct(network, writer) is store:
        return None
    element, step = store.view("src").type, store.step
    target = region.box(store.view("dst").type, _moved(ranges, shifts), shifts)
    found = [
        (max(a, c), max(max(a, c), min(b, d)))
        for (a, b), (c, d) in zip(ranges, source.ranges, strict=True)
    ]
    if source.pad is not None:
        step = writer.step  # a copy that pads
    return Whole(step, _footprint({"src": source.box(element, found), "dst": target}))


def _result(network: Network, site: Site) -> tuple[Ranges, Box]:
    """The range that a site computes, in its frame, and where to."""
    view, frame = site.view("dst"), network.frame(site)
    computed = union(view.dims, frame, site.step.counts)
    if not view.local:
        fit(injective(view))
        return computed, _seen(view).box(view.type, computed)
    store = _direct(network, site)
    if store is None:
        return computed, network.region(site).box(view.type, computed)
    ranges, region, shifts = _stored(network, store, frame)
    fit(all(c[0] <= r[0] and r[1] <= c[1] for r, c in zip(ranges, computed, strict=True)))
    return ranges, region.box(view.type, _moved(ranges, shifts), shifts)


def _elementwise(network: Network, site: Site) -> Whole:
    frame = network.frame(site)
    ranges, target = _result(network, site)
    boxes: dict[str, Box] = {}
    for name in site.reads:
        if name == "table":
            writer = _writer(network, site, name)
            boxes[name] = network.constants.behind(site, name, writer, _start(site))
        elif name == "par":
            boxes[name] = _words(network, site, frame[-1], ranges[-1])
        else:
            boxes[name] = _same(network, site, name, frame, ranges)
    boxes["dst"] = target
    return Whole(site.step, _footprint(boxes))


def _start(site: Site) -> tuple[int, ...]:
    return (0,) * len(site.loops)


def _writer(network: Network, site: Site, name: str) -> Site:
    """The load that brings the constants which a view reads."""
    writer = network.writers.get((site.number, name))
    if writer is None or writer.mnemonic != "load":
        raise UnfitError
    if name == "table":
        fit(not any(dim.origin.terms for dim in writer.view("src").dims))
    return writer


def _words(network: Network, site: Site, frame: Affine, wanted: Range) -> Box:
    """The parameters of all channels, in a memory of their own."""
    writer = _writer(network, site, "par")
    words = gather_words(network.constants, site, writer, frame, wanted)
    name = f"parameters {site.number}"
    region, size = dense(name, 32, ((0, len(words)), (0, 3)))
    memory = network.memories[name] = Memory(name, size)
    box = region.box(site.view("par").type, region.ranges)
    memory.write(box, words)
    return box


def _same(network: Network, site: Site, name: str, frame: Frame, ranges: Ranges) -> Box:
    """The elements that a view has where the result has `ranges`."""
    view = site.view(name)
    source = network.source(site, name)
    fit(len(source) == len(frame))
    shifts = tuple(offset(a, b) for a, b in zip(source, frame, strict=True))
    wanted = _moved(ranges, shifts)
    region = network.needs(site, name, dict(enumerate(wanted)))
    if not view.local:
        # What is not stored is computed all the same, and must be there.
        computed = _moved(union(site.view("dst").dims, frame, site.step.counts), shifts)
        fit(all(a <= c and d <= b for (a, b), (c, d) in zip(region.ranges, computed, strict=True)))
    for number, (low, high) in enumerate(wanted):
        limits = clip(view.dims[number], source[number], site.step.counts)
        for first, end in (region.ranges[number], limits or (low, high)):
            fit(first <= low and high <= end)
    return region.box(view.type, wanted, shifts)


def _windowed(network: Network, site: Site) -> Whole:
    """A convolution or pool."""
    frame = network.frame(site)
    ranges, target = _result(network, site)
    instruction, view = site.step.instruction, site.view("src")
    source = network.source(site, "src")
    fit(len(source) == 3 == len(frame))
    needed: list[Range] = []
    shifts: list[int] = []
    for dim, axis in enumerate("yx"):
        stride, dilation = (instruction.integer(f"{name}_{axis}") for name in ("stride", "dil"))
        reach = (_kernel(site, dim) - 1) * dilation + 1
        shift = offset(source[dim], frame[dim], stride)
        fit((site.view("dst").dims[dim].size - 1) * stride + reach <= view.dims[dim].size)
        low, high = ranges[dim]
        needed.append((low * stride + shift, (high - 1) * stride + reach + shift))
        shifts.append(shift)
    if site.mnemonic == "conv":
        fit(frozenset(level for level, _ in source[2].terms) == site.reduced)
        needed.append(union((view.dims[2],), (source[2],), site.step.counts)[0])
        shifts.append(0)
    else:
        fit(not site.reduced)
        channels, shift = _channels(site, (source[2], frame[2]), ranges[2])
        needed.append(channels)
        shifts.append(shift)
    found = _found(network, site, source, needed)
    boxes = {"src": found.box(view.type, found.ranges, shifts), "dst": target}
    if "wgt" not in site.reads:
        return Whole(site.step, _footprint(boxes))
    return _with_filters(network, site, boxes, ranges[2], (source[2], found.ranges[2], needed[2]))


def _channels(site: Site, frames: tuple[Affine, Affine], wanted: Range) -> tuple[Range, int]:
    """The source channels of depthwise or pooled channels, in the source's frame, and the shift.

    `frames` are those of source and result.
    """
    source, result = frames
    mult = site.step.instruction.integer("mult") if site.mnemonic == "dwconv" else 1
    if mult == 1:
        shift = offset(source, result)
        return (wanted[0] + shift, wanted[1] + shift), shift
    fit(offset(result, source, mult) == 0)
    return (wanted[0] // mult, (wanted[1] - 1) // mult + 1), 0


def _kernel(site: Site, dim: int) -> int:
    """The rows (0) or columns (1) of the window."""
    if "wgt" in site.reads:
        return site.view("wgt").dims[1 + dim].size
    return site.step.instruction.integer(("kernel_y", "kernel_x")[dim])


def _found(network: Network, site: Site, source: Frame, needed: Sequence[Range]) -> Region:
    """The part of the source's region that is read, cut to what there is of `needed`.

    What is missing must be what the instruction takes for padding.
    """
    view, counts = site.view("src"), site.step.counts
    passed: list[Range] = []
    for dim, (low, high) in enumerate(needed):
        limits = clip(view.dims[dim], source[dim], counts)
        first, end = limits or (low, high)
        passed.append((max(low, first), min(high, end)))
    region = network.needs(site, "src", dict(enumerate(passed)))
    found = [
        (max(a, c), max(max(a, c), min(b, d)))
        for (a, b), (c, d) in zip(passed, region.ranges, strict=True)
    ]
    if list(passed) != found:
        fit(region.pad is not None and site.mnemonic in ("conv", "dwconv"))
        assert region.pad is not None
        fit(_stored_code(region.pad, view.type) == site.step.instruction.integer("src_zero"))
    return replace(region, ranges=tuple(found))


def _stored_code(value: int, element: ElementType) -> int:
    """What an element reads as once `value` was cut to it."""
    code = value & ((1 << element.bits) - 1)
    return code - (1 << element.bits) if element.signed and code >> (element.bits - 1) else code


def _with_filters(
    network: Network,
    site: Site,
    boxes: dict[str, Box],
    outputs: Range,
    inputs: tuple[Affine, Range, Range],
) -> Whole:
    """A convolution with the weights of all its tiles."""
    origin, wanted, needed = inputs
    depthwise = site.mnemonic == "dwconv"
    fit(depthwise or (needed[0] <= wanted[0] and wanted[1] <= needed[1] and wanted[0] < wanted[1]))
    writers = _writer(network, site, "wgt"), _writer(network, site, "par")
    weights, words = gather_filters(
        network.constants,
        site,
        writers,
        (network.frame(site)[2], None if depthwise else origin),
        (outputs, None if depthwise else wanted),
    )
    tile = network.plan.footprint(site.step, _start(site)).boxes
    filters = make_filters(site.step, boxes["src"], tile["par"], weights, words)
    fit(not site.reduced or filters.constant is not None)  # else partial sums may overflow
    boxes = {"src": boxes["src"], "wgt": tile["wgt"], "par": tile["par"], "dst": boxes["dst"]}
    return Whole(site.step, _footprint(boxes), filters)
