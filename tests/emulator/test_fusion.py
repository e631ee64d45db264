"""Loops as whole operations against the same loops tile by tile."""

from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from tilefold.backend.code import Code
from tilefold.compiler import compile_levels
from tilefold.dialects.isa_operands import Affine, Ring, View
from tilefold.emulator import emulate
from tilefold.emulator.buffers import overlap, sites_of
from tilefold.emulator.fusion import Fusion, fuse, run
from tilefold.emulator.gather import writes_of
from tilefold.emulator.session import session_of
from tilefold.emulator.state import State
from tilefold.emulator.values import execute_all
from tilefold.errors import TilefoldError
from tilefold.machines import load_machine
from tilefold.tests.emulator.harness import plan_of, random_bytes, state_of
from tilefold.tests.emulator.test_races import SIZES as RACE_SIZES
from tilefold.tests.emulator.test_races import random_program
from tilefold.tests.support.programs import Builder, parameters, view
from tilefold.tests.support.random_networks import random_network

SIZES = {"dram": 4096, "data": 2048, "weights": 1024}
CONSTANTS = ("dram", 0, 512)
"""Weights at 0, parameters at 128, a table at 256."""


def fused(code: Code, memories: Mapping[str, bytearray]) -> tuple[Fusion, bytes | str]:
    """The whole operations of a program, and DRAM after it or the error."""
    plan, state = plan_of(code), state_of(memories)
    dram = state.memories["dram"]
    sizes = {name: memory.data.size for name, memory in state.memories.items()}
    written = writes_of(sites_of(plan), "dram")
    constants = [] if any(overlap(CONSTANTS, extent) for extent in written) else [CONSTANTS]
    fusion = fuse(plan, dram, sizes, constants)
    try:
        run(plan, fusion, State({**state.memories, **fusion.memories}))
    except TilefoldError as error:
        return fusion, str(error)
    return fusion, dram.data.tobytes()


def tiled(code: Code, memories: Mapping[str, bytearray]) -> bytes | str:
    """DRAM after a program that runs tile by tile, or the error."""
    state = state_of(memories)
    try:
        execute_all(plan_of(code), state)
    except TilefoldError as error:
        return str(error)
    return state.memories["dram"].data.tobytes()


def check(builder: Builder, seed: int = 0, sizes: Mapping[str, int] = SIZES) -> Fusion:
    """Both ways give the same; returns what was fused."""
    memories = random_bytes(seed, **sizes)
    table = parameters([5, -6, 700, 8], [0.01, 0.02, 0.03, 0.004], [0, 1, 0, -2])
    memories["dram"][128 : 128 + table.size] = table.tobytes()
    code = builder.code()
    expected = tiled(code, memories)
    fusion, actual = fused(code, memories)
    assert actual == expected
    return fusion


@pytest.mark.parametrize("start", range(0, 300, 100))
def test_random_accesses(start: int) -> None:
    for seed in range(start, start + 100):
        check(random_program(Random(seed)), seed, RACE_SIZES)


class Nests:
    """Builds nests that nearly are whole operations: random tiles, rings, addresses, hazards."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.builder = Builder()
        self.odd = self.rng.random() < 0.5

    def oddly(self, usual: int, *others: int) -> int:
        """`usual`, or sometimes something else."""
        return self.rng.choice(others) if self.odd and self.rng.random() < 0.08 else usual

    def build(self) -> Builder:
        """One to three nests, one after the other."""
        build = self.builder
        weights = [view(memory, 0, (4, 1, 1, 4), "i8") for memory in ("dram", "weights")]
        build.load("wload", *weights)
        build.load("wload", view("dram", 128, (4, 3), "i32"), view("weights", 64, (4, 3), "i32"))
        build.load("wload", view("dram", 256, (256,)), view("weights", 256, (256,)))
        build.group("configure", "conv.0")
        tensors = [512, 1024, 1536, 2048]
        for _ in range(self.rng.randint(1, 3)):
            self.nest(*self.rng.sample(tensors, 2), self.rng.choice(tensors))
        return build

    def nest(self, source: int, target: int, other: int) -> None:
        """Load, compute once or twice, store, over tiles of rows and perhaps of columns."""
        rng, build = self.rng, self.builder
        target = self.oddly(target, source, source + 16)
        size, trips = rng.randint(1, 3), rng.randint(1, 4)
        rows = size * trips - rng.choice((0, 0, 0, size - 1))
        step = self.oddly(size, max(1, size - 1), size + 1)
        ring = Ring(rng.randint(1, 2), 64, 1) if rng.random() < 0.8 else None
        out_ring = Ring(self.oddly(ring.depth, 3), 64, 1) if ring else None
        origins = [Affine.of(0, {0: step}), 0, 0]
        extents, tile = (rows, 4, 4), (size, 4, 4)
        kind = rng.choice(("copy", "vlut", "vadd", "pool", "conv", "dwconv", "chain"))
        halo = kind == "pool"
        shift = rng.choice((0, 1)) if halo else self.oddly(0, 1, -1)
        read = (size + 2, 4, 4) if halo else tile
        loaded = view("data", 0, read, ring=ring and Ring(ring.depth, 128, 1))
        other_ring = Ring(self.oddly(ring.depth, 3), 128, 1) if ring else None
        taken = view("data", self.oddly(0, 16), read, ring=other_ring)
        result = view(
            "data", self.oddly(512, 0, 64), tile, origins=origins, extents=extents, ring=out_ring
        )
        with build.loop(trips):
            whence = [Affine.of(-shift, {0: step}), 0, 0]
            build.load("load", view("dram", source, read, origins=whence, extents=extents), loaded,
                       rng.choice((0, 7)))  # fmt: skip
            if kind == "copy":
                result = taken
            else:
                self.compute(kind, taken, result, other, origins, extents)
            plain = view("data", result.base, tile, ring=result.ring)
            store = [Affine.of(0, {0: self.oddly(step, step + 1, step - 1)}), 0, 0]
            stored = (self.oddly(rows, rows + 1), 4, 4)
            build.store("store", plain, view("dram", target, tile, origins=store, extents=stored))

    def compute(
        self, kind: str, source: View, target: View, other: int,
        origins: list[int | Affine], extents: tuple[int, ...],
    ) -> None:  # fmt: skip
        """What the nest computes."""
        rng, build = self.rng, self.builder
        tile = target.sizes
        wgt, par = view("weights", 0, (4, 1, 1, 4), "i8"), view("weights", 64, (4, 3), "i32")
        zero = rng.choice((0, 7))
        if kind == "vlut":
            table = view("weights", 256, (256,))
            build.add("vlut", unit="act", src=source, table=table, dst=target)
        elif kind == "vadd":
            second = view("data", 1024, tile, ring=target.ring)
            build.load("load", view("dram", other, tile, origins=origins, extents=extents), second)
            self.add(source, second, target)
        elif kind == "pool":
            build.add(
                "vpool", unit="act", src=source, dst=target, kind=rng.randint(0, 1), kernel_y=3,
                kernel_x=1, stride_y=1, stride_x=1, dil_y=1, dil_x=1, src_zero=3, dst_zero=1,
                src_scale=0.5, dst_scale=0.7109375, lo=0, hi=255, include_pad=1,
            )  # fmt: skip
        elif kind == "dwconv":
            narrow = view("weights", 0, (4, 1, 1), "i8")
            build.conv("conv.0", source, narrow, par, target, mult=1, src_zero=zero)
        elif kind == "conv":
            build.conv("conv.0", source, wgt, par, target, src_zero=zero)
        else:
            between = View("data", 1024, target.ring, target.type, True, target.dims)
            build.conv("conv.0", source, wgt, par, between, src_zero=zero)
            whole = view("data", 1024, tile, ring=target.ring)
            self.add(whole, source if rng.random() < 0.5 else whole, target)

    def add(self, a: View, b: View, target: View) -> None:
        """An addition or a product."""
        if self.rng.random() < 0.5:
            self.builder.add("vadd", unit="act", a=a, b=b, dst=target, ra=0.5, rb=0.25, fix=1.5,
                             lo=0, hi=255)  # fmt: skip
        else:
            self.builder.add("vmul", unit="act", a=a, b=b, dst=target, a_zero=3, b_zero=90, m=0.5,
                             dst_zero=40, lo=0, hi=255)  # fmt: skip


def test_nearly_whole_nests() -> None:
    seen: Counter[str] = Counter()
    for seed in range(600):
        fusion = check(Nests(seed).build(), seed)
        parts = len(fusion.parts)
        seen["all" if fusion.wholes == parts else "some" if fusion.wholes else "none"] += 1
    assert min(seen["all"], seen["some"], seen["none"]) > 20, seen


def test_a_load_whose_source_is_overwritten_before_it_is_used_is_copied() -> None:
    builder = Builder()
    tile, origins = (2, 4, 4), [Affine(0, ((0, 2),)), 0, 0]
    builder.load("load", view("dram", 1024, (1, 4, 4)), view("data", 0, (1, 4, 4)))
    with builder.loop(2):
        ring = view("data", 512, tile, ring=Ring(2, 32, 1))
        builder.load("load", view("dram", 2048, tile, origins=origins, extents=(4, 4, 4)), ring)
        builder.store("store", ring, view("dram", 1024, tile, origins=origins, extents=(4, 4, 4)))
    builder.store("store", view("data", 0, (1, 4, 4)), view("dram", 3072, (1, 4, 4)))
    fusion = check(builder)
    assert fusion.wholes == len(fusion.parts) == 3
    assert fusion.memories


def test_a_loop_that_reads_what_it_stores_runs_tile_by_tile() -> None:
    builder = Builder()
    buffer = view("data", 0, (8,), ring=Ring(2, 8, 1))
    with builder.loop(4):
        ends = [
            view("dram", 1024, (8,), origins=[Affine(start, ((0, 8),))], extents=(64,))
            for start in (0, 8)
        ]
        builder.load("load", ends[0], buffer)
        builder.store("store", buffer, ends[1])
    assert check(builder).wholes == 0


ROWS = [Affine(0, ((0, 2),)), 0]


def test_a_buffer_overwritten_in_the_loop_that_reads_it() -> None:
    """The first iteration stores what was loaded before the loop, the others do not."""
    builder = Builder()
    buffer = view("data", 0, (2, 8))
    builder.load("load", view("dram", 1024, (2, 8)), buffer)
    with builder.loop(3):
        builder.store("store", buffer, view("dram", 2048, (2, 8)))
        builder.load("load", view("dram", 1536, (2, 8)), buffer)
    assert check(builder).wholes == 0


def test_part_of_a_buffer() -> None:
    """The second row of each tile of two is stored."""
    builder = Builder()
    row = [Affine(0, ((0, 1),)), 0]
    with builder.loop(3):
        source = view("dram", 1024, (2, 8), origins=row, extents=(6, 8))
        builder.load("load", source, view("data", 0, (2, 8)))
        target = view("dram", 2048, (1, 8), origins=row, extents=(3, 8))
        builder.store("store", view("data", 8, (1, 8)), target)
    assert check(builder).wholes == 0


def test_tiles_that_overlap_where_they_are_stored_but_not_where_they_are_loaded() -> None:
    builder = Builder()
    with builder.loop(3):
        source = view("dram", 1024, (2, 8), origins=ROWS, extents=(6, 8))
        builder.load("load", source, view("data", 0, (2, 8)))
        row = [Affine(0, ((0, 1),)), 0]
        target = view("dram", 2048, (2, 8), origins=row, extents=(4, 8))
        builder.store("store", view("data", 0, (2, 8)), target)
    assert check(builder).wholes == 0


def test_two_stores_of_a_loop_to_the_same_bytes() -> None:
    """An iteration's second store is in part overwritten by the next one's first."""
    builder = Builder()
    with builder.loop(3):
        for start in (0, 8):
            source = view("dram", 1024 + 256 * start, (2, 8), origins=ROWS, extents=(6, 8))
            builder.load("load", source, view("data", 0, (2, 8)))
            target = view("dram", 2048 + start, (2, 8), origins=ROWS, extents=(6, 8))
            builder.store("store", view("data", 0, (2, 8)), target)
    assert check(builder).wholes == 0


def test_a_store_whose_rows_overlap() -> None:
    builder = Builder()
    with builder.loop(3):
        source = view("dram", 1024, (2, 8), origins=ROWS, extents=(6, 8))
        builder.load("load", source, view("data", 0, (2, 8)))
        target = view("dram", 2048, (2, 8), origins=ROWS, extents=(6, 8), strides=[4, 1])
        builder.store("store", view("data", 0, (2, 8)), target)
    assert check(builder).wholes == 0


def test_rings_of_different_depth() -> None:
    """From the third iteration on, what is stored was not loaded in the same iteration."""
    builder = Builder()
    for slot in range(3):
        builder.load("load", view("dram", 512, (2, 8)), view("data", 16 * slot, (2, 8)))
    with builder.loop(6):
        source = view("dram", 1024, (2, 8), origins=ROWS, extents=(12, 8))
        builder.load("load", source, view("data", 0, (2, 8), ring=Ring(3, 16, 1)))
        target = view("dram", 2048, (2, 8), origins=ROWS, extents=(12, 8))
        builder.store("store", view("data", 0, (2, 8), ring=Ring(2, 16, 1)), target)
    assert check(builder).wholes == 0


def test_partial_sums_in_tiles_of_channels() -> None:
    builder = Builder()
    builder.group("configure", "conv.0")
    tile = (2, 4, 2)
    channels = Affine(0, ((1, 2),))
    rows = Affine(0, ((0, 2),))
    source = view("data", 0, tile, ring=Ring(2, 16, 2))
    block = view("weights", 0, (4, 1, 1, 2), "i8", ring=Ring(2, 8, 2))
    out = view("data", 512, (2, 4, 4), origins=[rows, 0, 0], extents=(4, 4, 4), ring=Ring(2, 32, 1))
    builder.load("wload", view("dram", 128, (4, 3), "i32"), view("weights", 64, (4, 3), "i32"))
    with builder.loop(2):
        with builder.loop(2):
            weights = view("dram", 0, (1, 8), origins=[Affine(0, ((1, 1),)), 0], extents=(2, 8))
            builder.load("wload", weights, view("weights", 0, (1, 8), ring=Ring(2, 8, 2)))
            builder.load(
                "load",
                view("dram", 1024, tile, origins=[rows, 0, channels], extents=(4, 4, 4)),
                source,
            )
            par = view("weights", 64, (4, 3), "i32")
            builder.conv("conv.0", source, block, par, out, reduce=frozenset({1}), src_zero=9)
        plain = view("data", 512, (2, 4, 4), ring=Ring(2, 32, 1))
        builder.store(
            "store", plain, view("dram", 2048, (2, 4, 4), origins=[rows, 0, 0], extents=(4, 4, 4))
        )
    fusion = check(builder)
    assert fusion.wholes == len(fusion.parts) == 1


class Chains:
    """Nests between tensors on chip, 4 x 4 x 4 bytes each, which nearly are whole operations."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.builder = Builder()
        self.odd = self.rng.random() < 0.5
        self.size = self.rng.choice((1, 2, 3, 4))

    def window(self, address: int, halo: int = 0) -> View:
        """A tile of some rows of the tensor at an address, with rows and columns around it."""
        row = Affine.of(-halo, {0: self.size}) if self.size < 4 else -halo
        sizes, origins = (self.size + 2 * halo, 4 + 2 * halo, 4), (row, -halo, 0)
        return view("data", address, sizes, local=False, origins=origins, extents=(4, 4, 4))

    def build(self) -> Builder:
        """Loads a tensor, goes from tensor to tensor, and stores the last one."""
        rng, build = self.rng, self.builder
        weights = [view(memory, 0, (4, 3, 3, 4), "i8") for memory in ("dram", "weights")]
        build.load("wload", *weights)
        build.load("wload", view("dram", 128, (4, 3), "i32"), view("weights", 192, (4, 3), "i32"))
        build.load("wload", view("dram", 256, (256,)), view("weights", 256, (256,)))
        build.group("configure", "conv.0")
        at = 1024
        for _ in range(rng.randint(1, 4)):
            close = self.odd and rng.random() < 0.3
            target = (
                at + rng.choice((0, 16, -16))
                if close
                else rng.choice([other for other in (1024, 1088, 1152) if other != at])
            )
            with build.loop(-(-4 // self.size)) if self.size < 4 else nullcontext():
                self.compute(at, target)
            at = target
        buffer = view("data", 0, (self.size, 4, 4))
        with build.loop(-(-4 // self.size)) if self.size < 4 else nullcontext():
            place = replace(self.window(1024), memory="dram")
            clipped = [dim.origin for dim in place.dims]
            target = view("data", 0, buffer.sizes, origins=clipped, extents=(4, 4, 4))
            self.look_up(self.window(at), target)
            build.store("store", buffer, place)
        return build

    def look_up(self, source: View, target: View) -> None:
        """A table."""
        table = view("weights", 256, (256,))
        self.builder.add("vlut", unit="act", src=source, table=table, dst=target)

    def compute(self, source: int, target: int) -> None:
        """One step from a tensor to another."""
        rng, build, out = self.rng, self.builder, self.window(target)
        match rng.choice(("vlut", "vadd", "pool", "conv", "chain")):
            case "vlut":
                self.look_up(self.window(source), out)
            case "vadd":
                self.add(self.window(source), self.window(rng.choice((source, 1216))), out)
            case "pool":
                build.add(
                    "vpool", unit="act", src=self.window(source, 1), dst=out,
                    kind=rng.randint(0, 1), kernel_y=3, kernel_x=3, stride_y=1, stride_x=1, dil_y=1,
                    dil_x=1, src_zero=3, dst_zero=1, src_scale=0.5, dst_scale=0.7109375, lo=0,
                    hi=255, include_pad=rng.randint(0, 1),
                )  # fmt: skip
            case "conv":
                self.convolve(source, out)
            case _:
                made = view("data", 0, (self.size, 4, 4), origins=[d.origin for d in out.dims],
                            extents=(4, 4, 4))  # fmt: skip
                self.convolve(source, made)
                self.add(view("data", 0, (self.size, 4, 4)), self.window(1216), out)

    def convolve(self, source: int, target: View) -> None:
        """A convolution of 3 x 3, whose padding is outside the tensor."""
        block = view("weights", 0, (4, 3, 3, 4), "i8"), view("weights", 192, (4, 3), "i32")
        zero = self.rng.choice((0, 7))
        self.builder.conv("conv.0", self.window(source, 1), *block, target, src_zero=zero)

    def add(self, a: View, b: View, target: View) -> None:
        """An addition or a product."""
        if self.rng.random() < 0.5:
            self.builder.add("vadd", unit="act", a=a, b=b, dst=target, ra=0.5, rb=0.25, fix=1.5,
                             lo=0, hi=255)  # fmt: skip
        else:
            self.builder.add("vmul", unit="act", a=a, b=b, dst=target, a_zero=3, b_zero=90, m=0.5,
                             dst_zero=40, lo=0, hi=255)  # fmt: skip


def test_chains_of_tensors_on_chip() -> None:
    seen: Counter[str] = Counter()
    for seed in range(300):
        chains = Chains(seed)
        fusion = check(chains.build(), seed)
        parts = len(fusion.parts)
        seen["all" if fusion.wholes == parts else "some"] += 1
        assert chains.odd or fusion.wholes == parts
    assert min(seen["all"], seen["some"]) > 20, seen


def test_a_loop_that_writes_the_tensor_on_chip_that_it_reads_runs_tile_by_tile() -> None:
    """Each row is made of the one before, which the loop has just made."""
    builder = Builder()
    row = Affine(0, ((0, 1),))
    before, after = (
        view("data", at, (1, 8), local=False, origins=(row, 0), extents=(4, 8)) for at in (512, 520)
    )
    builder.load("wload", view("dram", 256, (256,)), view("weights", 256, (256,)))
    table = view("weights", 256, (256,))
    with builder.loop(4):
        builder.add("vlut", unit="act", src=before, table=table, dst=after)
    made, buffer = view("data", 520, (4, 8), local=False), view("data", 0, (4, 8))
    builder.add("vlut", unit="act", src=made, table=table, dst=buffer)
    builder.store("store", buffer, view("dram", 2048, (4, 8)))
    fusion = check(builder)
    # The step after the loop and the store are whole operations; the loop and the load are not.
    assert (fusion.wholes, len(fusion.parts)) == (2, 4)


@pytest.mark.parametrize("start", range(0, 40, 20))
def test_compiled_networks(start: int) -> None:
    """Nearly all that the compiler makes runs as whole operations."""
    whole = parts = 0
    for seed in range(start, start + 20):
        rng = Random(seed)
        module, store, inputs = random_network(rng)
        try:
            program = compile_levels(module, load_machine("tiny"), store=store).program
        except TilefoldError:
            continue
        batch = {
            name: np.concatenate([value, value[::-1, ..., ::-1], value])
            for name, value in inputs.items()
        }
        together = emulate(program, batch, time=False, check=False).outputs
        apart = emulate(program, batch, time=False, check=False, fuse=False).outputs
        single = emulate(program, inputs, time=False, check=False).outputs
        for name, value in together.items():
            np.testing.assert_array_equal(value, apart[name])
            np.testing.assert_array_equal(value[: len(value) // 3], single[name])
            np.testing.assert_array_equal(value[-len(value) // 3 :], single[name])
        whole += session_of(program).fusion.wholes
        parts += len(session_of(program).fusion.parts)
    assert whole > 0.8 * parts > 0


def test_an_access_outside_a_memory_is_named_with_its_iteration() -> None:
    builder = Builder()
    with builder.loop(3):
        source = view("dram", 1024, (2, 8), origins=ROWS, extents=(6, 8))
        buffer = view("data", 2048 - 40, (2, 8), ring=Ring(3, 16, 1))
        builder.load("load", source, buffer)
        target = view("dram", 2048, (2, 8), origins=ROWS, extents=(6, 8))
        builder.store("store", buffer, target)
    check(builder)
    _, error = fused(builder.code(), random_bytes(0, **SIZES))
    assert isinstance(error, str)
    assert "instruction 1 (load on load, loops 2): data[0x7f8..0x807] is outside" in error


@pytest.mark.parametrize("over", [0, 1])
def test_overflow_is_an_error_in_whole_operations_too(over: int) -> None:
    """Sums of 4 x 100 x 100 and a bias that just fits, or does not."""
    builder = Builder()
    builder.layer("c1")
    builder.group("configure", "conv.0")
    par, wgt = view("weights", 64, (1, 3), "i32"), view("weights", 0, (1, 1, 1, 4), "i8")
    builder.load("wload", view("dram", 0, (1, 1, 1, 4), "i8"), wgt)
    builder.load("wload", view("dram", 128, (1, 3), "i32"), par)
    origins = [Affine(0, ((0, 1),)), 0, 0]
    buffer, out = view("data", 0, (1, 1, 4)), view("data", 64, (1, 1, 1))
    with builder.loop(3):
        source = view("dram", 1024, (1, 1, 4), origins=origins, extents=(3, 1, 4))
        builder.load("load", source, buffer)
        builder.conv("conv.0", buffer, wgt, par, out)
        target = view("dram", 2048, (1, 1, 1), origins=origins, extents=(3, 1, 1))
        builder.store("store", out, target)
    memories = random_bytes(0, **SIZES)
    memories["dram"][:4] = bytes([100] * 4)
    memories["dram"][1024:1036] = bytes([100] * 12)
    memories["dram"][128:140] = parameters([2**31 - 40001 + over], [1.0], [0]).tobytes()
    fusion, result = fused(builder.code(), memories)
    assert fusion.wholes == len(fusion.parts) == 1
    if over:
        assert isinstance(result, str)
        assert "(conv on conv.0): sums from 2147483648" in result
    else:
        assert result == tiled(builder.code(), memories)
