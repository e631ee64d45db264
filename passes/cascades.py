"""Which layers might run in stripes: those around tensors that are too large to stay on chip."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import ceil

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from ..dialects import nn
from ..dialects.location import name_of
from ..dialects.nn_types import shape_of
from ..machines.model import Machine
from .attach_machine import machine_of
from .fuse_epilogue import FuseEpiloguePass
from .keep_on_chip import KeepOnChipPass, never_made, size_of
from .lowering.state import KEPT
from .nn_cascade import ROWS, NnCascadePass, is_layer, network_layers, whole_because


@dataclass(frozen=True)
class Candidate:
    """Consecutive layers that can run in stripes: the numbers of the first and the last one.

    `spared` is the bytes of the tensors within that go through DRAM otherwise, `stripes` how many
    it takes at least until what a layer reads and makes fits the chip.
    """

    first: int
    last: int
    spared: int
    stripes: int


def cascade_candidates(ctx: Context, module: ModuleOp) -> Sequence[NnCascadePass]:
    """Cascades that might be worth it for a network with a machine, the likeliest first.

    They are the shortest runs of layers around each tensor that `keep-on-chip` leaves in DRAM, and
    what lies from one such run to another; each in as few stripes as fit, twice and four times as
    many.
    """
    layers = network_layers(module)
    found = sorted(
        set(_candidates(layers, _in_dram(ctx, module), machine_of(module))),
        key=lambda each: (-each.spared, each.last - each.first),
    )
    return [
        NnCascadePass(name_of(layers[each.first]), name_of(layers[each.last]), stripes)
        for each in found
        for stripes in (each.stripes, 2 * each.stripes, 4 * each.stripes)
        if stripes <= shape_of(layers[each.last].results[0])[ROWS]
    ]


def _in_dram(ctx: Context, module: ModuleOp) -> Sequence[int]:
    """The numbers of the layers whose images go through DRAM to other layers."""
    copy = module.clone()
    for each in (FuseEpiloguePass(), KeepOnChipPass()):
        each.apply(ctx, copy)
    return [
        number
        for number, layer in enumerate(network_layers(copy))
        if KEPT not in layer.attributes
        and not isinstance(layer, nn.QuantizeOp)
        and not never_made(layer)
        and len(shape_of(layer.results[0])) == 4
        and any(is_layer(use.operation) for use in layer.results[0].uses)
    ]


def _candidates(
    layers: Sequence[Operation], in_dram: Sequence[int], machine: Machine
) -> Iterator[Candidate]:
    ends = _ends(layers)
    around: list[tuple[int, int]] = []
    for number in in_dram:
        before = [end for end in ends if end < number]
        after = [end for end in ends if end > number]
        if after:
            around.append((before[-1] + 1 if before else 0, after[0]))
    for (first, _), (_, last) in combinations_with_replacement(sorted(set(around)), 2):
        segment = layers[first : last + 1]
        if not segment or whole_because(segment):
            continue
        spared = sum(size_of(layers[n]) for n in in_dram if first <= n < last)
        memory = machine.memory_for("O").bytes
        stripes = max(2, ceil(max(map(_touched, segment)) / memory))
        yield Candidate(first, last, spared, stripes)


def _ends(layers: Sequence[Operation]) -> Sequence[int]:
    """The layers after which nothing but their own result is read of all that was made before."""
    numbers = {layer: number for number, layer in enumerate(layers)}
    ends: list[int] = []
    furthest = 0
    for number, layer in enumerate(layers):
        if furthest <= number:
            ends.append(number)
        readers = [numbers.get(use.operation, 0) for use in layer.results[0].uses]
        furthest = max([furthest, *readers])
    return ends


def _touched(layer: Operation) -> int:
    """Bytes of the images that a layer reads, and of what it makes."""
    read = [value.owner for value in layer.operands if isinstance(value.owner, nn.LayerOp)]
    images = [owner for owner in read if is_layer(owner) and not isinstance(owner, nn.QuantizeOp)]
    return size_of(layer) + sum(map(size_of, images))
