"""Hardware loops as whole operations: an affine analysis, made once for a program.

A loop nest that brings tiles in, computes on them and takes tiles out has the values of operations
on whole tensors. Then

- a load moves nothing: who reads its buffer reads DRAM, with the load's padding outside;
- a buffer that an instruction computes becomes the tensor in DRAM that its tiles are stored to, or,
  if it is read otherwise, a memory of its own that holds the whole tensor;
- a tensor that lies on chip is read and written where it lies;
- every instruction is executed once, on all its tiles together (`wholes.py`).

That gives the same values if all of these hold; a nest for which one fails runs tile by tile:

- What an instruction reads from a buffer, one instruction of the same iteration wrote
  (`buffers.py`). So the slots of rings are private to an iteration, and of no concern.
- Where tiles of one tensor meet those of another, the position of an element in one is a function
  of its position in the other, the same in all iterations (`regions.py`). Tiles that overlap then
  hold the same values.
- Tiles leave no gap between them.
- Nothing is stored where a load has still to be read from; a load outside all loops is copied then.
- Weights are constant, and each is in one tile (`gather.py`).
- All accesses lie within the memories.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from .buffers import Extent, Site, UnknownWriterError, extent_of, find_writers, overlap, sites_of
from .convolution import convolve_with
from .footprint import Plan
from .gather import Constants, writes_of
from .memory import Memory, StepError
from .regions import UnfitError
from .state import State
from .tree import Node, walk
from .values import compute, execute
from .wholes import Network, Whole, whole_of


@dataclass(frozen=True)
class Fusion:
    """A program as whole operations and, where that cannot be, nodes to run tile by tile.

    `memories` are those that the operations need besides the machine's.
    """

    parts: tuple[Whole | Node, ...]
    memories: Mapping[str, Memory]

    @property
    def wholes(self) -> int:
        """How many operations are whole."""
        return sum(isinstance(part, Whole) for part in self.parts)


def tile_by_tile(plan: Plan) -> Fusion:
    """The program as it is."""
    return Fusion(plan.tree.body, {})


def fuse(plan: Plan, dram: Memory, sizes: Mapping[str, int], segments: Sequence[Extent]) -> Fusion:
    """Find the whole operations of a program.

    `dram` holds the constants in `segments` (memory, first byte, end), which nothing overwrites;
    `sizes` are those of all memories by name.
    """
    sites = sites_of(plan)
    try:
        writers = find_writers(sites, dram.name)
    except UnknownWriterError:
        return tile_by_tile(plan)
    network = Network(plan, dram.name, sites, writers, Constants(plan, dram, segments))
    by_node: dict[int, list[Site]] = {}
    for site in sites:
        by_node.setdefault(site.node, []).append(site)
    wholes: dict[int, list[Whole]] = {}
    for node, inside in by_node.items():
        try:
            _check_extents(inside, sizes, dram.name)
            found = [whole_of(network, site) for site in inside]
        except (UnfitError, StepError):
            continue
        wholes[node] = [whole for whole in found if whole is not None]
    both = _settle(network, wholes)
    parts: list[Whole | Node] = []
    for number, node in enumerate(plan.tree.body):
        parts += wholes.get(number, ())
        if number in by_node and (number not in wholes or number in both):
            parts.append(node)
    return Fusion(tuple(parts), network.memories)


def _check_extents(sites: Sequence[Site], sizes: Mapping[str, int], dram: str) -> None:
    """Check that all accesses lie within the memories, and that stores in loops are apart.

    No tensor on chip is read where something is written.
    """
    written = [extent_of(site.view("dst"), site.step.counts) for site in sites]
    for site in sites:
        for view in map(site.view, site.reads):
            if view.memory != dram and not view.local:
                read = extent_of(view, site.step.counts)
                if any(overlap(read, extent) for extent in written):
                    raise UnfitError
    stores = [extent for site in sites if site.loops for extent in writes_of([site], dram)]
    if any(overlap(one, other) for one, other in combinations(stores, 2)):
        raise UnfitError
    for site in sites:
        for name in (*site.reads, "dst"):
            memory, first, end = extent_of(site.view(name), site.step.counts)
            if first < 0 or end > sizes[memory]:
                raise UnfitError


def _settle(network: Network, wholes: dict[int, list[Whole]]) -> set[int]:
    """Drop nodes from `wholes` until none needs a buffer that a dropped one computes, or the
    other way round. Returns the nodes that must run tile by tile as well: loads for dropped nodes.
    """
    both: set[int] = set()
    changed = True
    while changed:
        changed = False
        for (number, _), writer in network.writers.items():
            one, other = writer.node, network.sites[number].node
            if one == other or (one in wholes) == (other in wholes):
                continue
            if writer.mnemonic == "load" and one in wholes:
                both.add(one)
            elif writer.mnemonic != "load" or not network.deferred(writer):
                changed = True
                wholes.pop(one, None)
                wholes.pop(other, None)
    return both


def run(plan: Plan, fusion: Fusion, state: State) -> None:
    """Compute all values; raises TilefoldError as `values.execute` does."""
    for part in fusion.parts:
        if isinstance(part, Whole):
            try:
                if part.filters is None:
                    compute(part.step, part.footprint, state)
                else:
                    convolve_with(part.step, part.footprint, state, part.filters)
            except StepError as error:
                raise plan.error(part.step, (), error) from None
        else:
            for step, counters in walk((part,)):
                execute(plan, state, step, counters)
