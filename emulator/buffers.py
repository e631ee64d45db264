"""Which instruction writes what another one reads on chip.

A program is looked at instruction by instruction, not iteration by iteration: extents of all
iterations and ring slots together are intervals of bytes. Where that finds no single writer for
what is read, nothing is known of the program (`UnknownWriterError`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, takewhile

from ..dialects.isa_operands import View
from .footprint import Plan
from .tree import Loop, Node, Step

Extent = tuple[str, int, int]
"""A memory, the first byte and the byte after the last."""
MOVED = ("load", "store", "conv", "dwconv", "vadd", "vmul", "vlut", "vquant", "vpool")
"""The instructions that read and write memories."""


class UnknownWriterError(Exception):
    """What an instruction reads was not written by one instruction of known iterations."""


@dataclass(frozen=True, eq=False)
class Site:
    """An instruction that moves or computes, and where it stands.

    `number` counts sites in program order, `node` is the index of its top-level node, `loops` are
    numbers of the enclosing loops, outermost first.
    """

    number: int
    step: Step
    node: int
    loops: tuple[int, ...]

    @property
    def mnemonic(self) -> str:
        """The instruction's name."""
        return self.step.mnemonic

    def view(self, name: str) -> View:
        """The view operand `name`."""
        return self.step.instruction.view(name)

    @property
    def reads(self) -> tuple[str, ...]:
        """The names of the views that are read."""
        return tuple(f.name for f in self.step.instruction.spec.views if f.name != "dst")

    @property
    def reduced(self) -> frozenset[int]:
        """The loop levels over which a convolution accumulates."""
        if self.mnemonic not in ("conv", "dwconv"):
            return frozenset()
        return self.step.instruction.levels("reduce")

    def shared(self, other: "Site") -> int:
        """How many loops enclose both, outermost first."""
        pairs = zip(self.loops, other.loops, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def sites_of(plan: Plan) -> list[Site]:
    """The instructions that move or compute, in program order."""
    sites: list[Site] = []
    numbers = count()

    def visit(body: Sequence[Node], node: int | None, loops: tuple[int, ...]) -> None:
        for index, item in enumerate(body):
            top = index if node is None else node
            if isinstance(item, Loop):
                visit(item.body, top, (*loops, next(numbers)))
            elif item.mnemonic in MOVED:
                sites.append(Site(len(sites), item, top, loops))

    visit(plan.tree.body, None, ())
    return sites


def origin_range(view: View, dim: int, counts: Sequence[int]) -> tuple[int, int]:
    """The smallest and the largest origin in a dimension over all iterations."""
    origin = view.dims[dim].origin
    ends = [(c * (counts[level] - 1)) for level, c in origin.terms]
    low = origin.const + sum(min(0, end) for end in ends)
    return low, origin.const + sum(max(0, end) for end in ends)


def element_range(view: View, dim: int, counts: Sequence[int]) -> tuple[int, int]:
    """The first and last element along `dim` that a view may touch in any iteration."""
    spec = view.dims[dim]
    if view.local:
        return 0, spec.size - 1
    least, most = origin_range(view, dim, counts)
    return max(0, least), min(spec.extent - 1, most + spec.size - 1)


def extent_of(view: View, counts: Sequence[int]) -> Extent:
    """The bytes that a view may touch in any iteration of loops with these trip counts."""
    low = high = 0
    for dim, spec in enumerate(view.dims):
        first, last = element_range(view, dim, counts)
        ends = first * spec.stride, last * spec.stride
        low, high = low + min(ends), high + max(ends)
    ring = (view.ring.depth - 1) * view.ring.stride if view.ring else 0
    start = view.base + low * view.bits // 8
    return view.memory, start, view.base + ring + ((high + 1) * view.bits + 7) // 8


def overlap(one: Extent, other: Extent) -> bool:
    """Whether two extents share a byte."""
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


def find_writers(sites: Sequence[Site], dram: str) -> dict[tuple[int, str], Site]:
    """For each site (its number) and buffer read on chip: the site that wrote it.

    Tensors on chip, which views see globally, are not looked at: they are where they are. What is
    read at loop counters was then written at the same counters, as far as loops enclose both.

    Raises UnknownWriterError where that is not so.
    """
    writes = [
        (extent_of(site.view("dst"), site.step.counts), site)
        for site in sites
        if site.view("dst").memory != dram
    ]
    by_loop: dict[int, list[tuple[Extent, Site]]] = {}
    for extent, site in writes:
        for loop in site.loops:
            by_loop.setdefault(loop, []).append((extent, site))
    live: dict[int, tuple[Extent, Site]] = {}
    writers: dict[tuple[int, str], Site] = {}
    extents = {site.number: extent for extent, site in writes}
    for site in sites:
        for name in site.reads:
            view = site.view(name)
            if view.memory != dram and view.local:
                extent = extent_of(view, site.step.counts)
                found = [item for item in live.values() if overlap(item[0], extent)]
                writers[site.number, name] = _only(found, extent, site, view, by_loop)
        if site.number in extents:
            extent = extents[site.number]
            for number in [n for n, item in live.items() if overlap(item[0], extent)]:
                del live[number]
            live[site.number] = extent, site
    return writers


def _only(
    found: Sequence[tuple[Extent, Site]],
    extent: Extent,
    reader: Site,
    view: View,
    by_loop: dict[int, list[tuple[Extent, Site]]],
) -> Site:
    """The one writer found for `extent`, if it wrote all of it at the reader's counters."""
    if len(found) != 1:
        raise UnknownWriterError
    (_, first, end), writer = found[0]
    shared = writer.shared(reader)
    inner = set(range(shared, len(writer.loops)))
    clobbers = (
        overlap(other, extent)
        for loop in reader.loops[shared:]
        for other, _ in by_loop.get(loop, ())
    )
    target = writer.view("dst")
    ring_fits = view.ring == target.ring and (view.ring is None or view.ring.level <= shared)
    inside = first <= extent[1] and extent[2] <= end
    if not inside or not inner <= writer.reduced or not ring_fits or any(clobbers):
        raise UnknownWriterError
    return writer
