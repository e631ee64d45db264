"""Random small arrays of every policy and dataflow, each with a small layer and a fold."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random

from tilefold.costmodel.array import ConvCost, conv_cost
from tilefold.machines import load_machine
from tilefold.machines.model import Array, Fold, Mode
from tilefold.tests.costmodel.array_passes import Layer, Pass, list_passes

TINY = load_machine("tiny").array("conv")

SPATIAL = {
    "W": (
        {"y": ("C",), "x": ("K",)},
        {"y": ("C", "FX"), "x": ("K",)},
        {"y": ("C", "FY", "FX"), "x": ("K",)},
        {"y": ("FY", "FX"), "x": ("G", "K")},
        {"y": ("C",), "x": ("K", "OX")},
        {"y": ("C", "FX"), "x": ("OX", "K", "OY")},
        {"y": ("FY", "FX"), "x": ("G", "K", "OX")},
    ),
    "I": (
        {"y": ("C",), "x": ("OX",)},
        {"y": ("C", "FX"), "x": ("OY", "OX")},
        {"y": ("C", "FY", "FX"), "x": ("OY", "OX")},
        {"y": ("FY", "FX"), "x": ("G", "OX")},
        {"y": ("C",), "x": ("OX", "K")},
    ),
    "O": (
        {"y": ("OX",), "x": ("K",)},
        {"y": ("OY", "OX"), "x": ("K",)},
        {"y": ("K",), "x": ("OY", "OX")},
        {"y": ("OX",), "x": ("G", "K")},
    ),
}
"""Loops in space, by what stays; those with G take the groups of a depthwise layer."""

KINDS = (
    "weights stay",
    "inputs stay",
    "sums stay",
    "depthwise",
    "several groups, one after the other",
    "chain of several units",
    "several units over pixels",
    "several units over output channels",
    "several units over groups",
    "ragged: some places without a product",
    "several chunks or blocks",
    "one plane",
    "two planes",
    "rows leave or fill several a cycle",
    "all rows fill or leave",
    "filling or emptying takes longer than the stream",
    "sums leave row by row",
    "grid empties after each pass",
    "only who needs the sums waits",
    "skewed through the whole grid",
    "skewed through the positions in use",
    "broadcast",
    "loops along an axis cut as one",
    "an operand that stays in several places at once",
    "a loop limited to fewer places than there are",
    "several products a cycle",
)


@dataclass(frozen=True)
class Case:
    """One array, mode, fold and layer; `bits` of activations and weights."""

    array: Array
    mode: Mode
    fold: Fold
    layer: Layer
    bits: tuple[int, int]
    hop: int

    @cached_property
    def units(self) -> list[list[list[Pass]]]:
        """The passes of every unit, by place in its chain."""
        products = self.array.products(*self.bits)
        return list_passes(self.array, self.mode, self.fold, self.layer, products)

    @property
    def passes(self) -> list[Pass]:
        """All passes of all units."""
        return [each for link in self.units for unit in link for each in unit]

    def cost(self) -> ConvCost:
        """What the cost model says."""
        sizes, (act_bits, wgt_bits) = self.layer.sizes, self.bits
        return conv_cost(
            self.array,
            self.mode,
            self.fold,
            rows=sizes["OY"],
            cols=sizes["OX"],
            k=sizes["K"],
            c=sizes["C"],
            kh=sizes["FY"],
            kw=sizes["FX"],
            groups=sizes["G"],
            act_bits=act_bits,
            wgt_bits=wgt_bits,
            hop_cycles=self.hop,
        )

    def kinds(self) -> set[str]:
        """Which of `KINDS` this is."""
        local, sizes, fold = self.array.local_for(self.mode), self.layer.sizes, self.fold
        depthwise = sizes["G"] > 1 and sizes["C"] == 1 and self.mode.unrolls("G")
        empties = self.array.empties_each_pass(self.mode)
        skew = self.array.feed == "skew"
        stream, used, _ = self.units[0][0][0].made.shape
        moved = self.array.axes[0][1] if local.rows == "all" else used
        stays = [each.weights if self.mode.stays == "W" else each.inputs for each in self.passes]
        several = any(len(dims) > 1 for _, dims in self.mode.spatial)
        holds = (
            self.mode.stays == "W",
            self.mode.stays == "I",
            self.mode.stays == "O",
            depthwise,
            sizes["G"] > 1 and not self.mode.unrolls("G"),
            fold.chain > 1,
            fold.pixels > 1,
            fold.cols > 1,
            fold.groups > 1,
            any(each.products < each.places for each in self.passes),
            len({each.target.tobytes() for each in self.units[0][0]}) > 1,
            local.planes == 1,
            local.planes == 2,
            local.rows_per_cycle > 1,
            local.rows == "all",
            -(-moved // local.rows_per_cycle) > stream,
            local.unload == "row",
            empties,
            not empties,
            skew and self.array.span == "all",
            skew and self.array.span == "used",
            not skew,
            self.mode.flat and several,
            self.mode.stays != "O"
            and any(each.kept > stay for each, stay in zip(self.passes, stays, strict=True)),
            any(most < self.array.axes[1][1] for _, most in self.mode.limit),
            self.array.products(*self.bits) > 1,
        )
        return {kind for kind, is_so in zip(KINDS, holds, strict=True) if is_so}


def count_kinds(seeds: Iterable[int]) -> Counter[str]:
    """How many of the cases are of each kind."""
    return Counter(kind for seed in seeds for kind in random_case(seed).kinds())


def random_case(seed: int) -> Case:
    """The case of a seed."""
    rng = Random(seed)
    stays = rng.choice("WIO")
    which = rng.randrange(len(SPATIAL[stays]))
    spatial = SPATIAL[stays][which]
    grouped = "G" in spatial["x"]
    alike = all(set(dims) <= {"OY", "OX"} or "OX" not in dims for dims in spatial.values())
    flat = not grouped and alike and rng.random() < 0.5
    mode = Mode(
        "drawn",
        tuple(spatial.items()),
        stays,
        flat=flat,
        drain=rng.choice(("", "each_pass", "on_dependence")),
        src="drawn",
        limit=() if flat or rng.random() < 0.7 else ((spatial["x"][-1], rng.randint(1, 3)),),
    )
    array = _array(rng, mode)
    fold = Fold(*(rng.choice((1, 1, 2, 3)) for _ in range(4)))
    sizes = {
        "G": rng.randint(2, 5) if grouped else rng.choice((1, 1, 3)),
        "K": rng.randint(1, 3 if grouped else 7),
        "C": 1 if grouped and rng.random() < 0.7 else rng.randint(1, 6),
        "OY": rng.randint(1, 3),
        "OX": rng.randint(1, 6),
        "FY": rng.randint(1, 3 if grouped else 2),
        "FX": rng.randint(1, 3),
    }
    if rng.random() < 0.3:
        sizes |= {"C": min(sizes["C"], 2), "FY": 1, "FX": 1}
    bits = rng.choice(((8, 8), (8, 8), (8, 4), (4, 4)))
    fold = fold if fold.units <= 8 else Fold(chain=fold.chain)
    return Case(array, mode, fold, Layer.random(sizes, seed), bits, rng.randint(0, 3))


def _array(rng: Random, mode: Mode) -> Array:
    """An array of up to 5 x 5 with one mode; fields that contradict each other are not drawn."""
    rows, columns = rng.randint(1, 5), rng.randint(1, 5)
    feed = rng.choice(("skew", "skew", "broadcast"))
    by_row = mode.stays == "O" and feed == "skew" and rng.random() < 0.6
    local = replace(
        TINY.locals[0],
        operand=mode.stays,
        planes=1 if by_row else rng.randint(1, 2),
        rows_per_cycle=rng.randint(1, 3),
        rows="used" if by_row else rng.choice(("used", "all")),
        unload="row" if by_row else "tile",
    )
    least = rows if mode.stays == "O" else 1
    return replace(
        TINY,
        axes=(("y", rows), ("x", columns)),
        feed=feed,
        span=rng.choice(("all", "used")) if feed == "skew" else "all",
        locals=(local,),
        accumulator=replace(TINY.accumulator, lines=rng.randint(least, least + 6)),
        modes=(mode,),
    )
