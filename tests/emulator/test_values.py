"""Every instruction against the naive interpreter, on random views and random bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tilefold.dialects.isa_operands import Affine, ElementType, Operand, Ring, View
from tilefold.emulator.kernels import fused
from tilefold.emulator.values import execute_all
from tilefold.errors import TilefoldError
from tilefold.tests.emulator.harness import (
    assert_same,
    plan_of,
    random_bytes,
    run_emulator,
    state_of,
)
from tilefold.tests.emulator.naive import fma
from tilefold.tests.support.programs import Builder, parameters, view

NARROW = ("u2", "i2", "u4", "i4", "u8", "i8")
SIZES = {"dram": 1 << 14, "data": 4096, "weights": 2048}
Draw = st.DrawFn


def rows_of(sizes: tuple[int, ...], bits: int, gap: int = 0) -> list[int]:
    """Element strides of (..., rows, channels) with rows padded to bytes plus `gap` bytes."""
    per_byte = max(1, 8 // bits)
    strides = [1]
    step = (-(-sizes[-1] // per_byte) + gap) * per_byte
    for size in reversed(sizes[:-1]):
        strides.insert(0, step)
        step *= size
    return strides


@st.composite
def clipped(draw: Draw, memory: str, base: int, sizes: tuple[int, ...], kind: str) -> View:
    """A local view of `sizes` with random clipping and spare bytes."""
    bits = ElementType(kind).bits
    origins: list[int] = []
    extents: list[int] = []
    for size in sizes:
        whole = draw(st.booleans())
        origins.append(0 if whole else draw(st.integers(-1, 2)))
        extents.append(size if whole else draw(st.integers(1, size + 2)))
    strides = rows_of(sizes, bits, draw(st.integers(0, 1)))
    return view(memory, base, sizes, kind, origins=origins, extents=extents, strides=strides)


@st.composite
def transfers(draw: Draw) -> Builder:
    """A load into a ring and a store back, in two loops, all clipped anyhow."""
    builder = Builder()
    kind = draw(st.sampled_from((*NARROW, "i32")))
    bits = ElementType(kind).bits
    per_byte = max(1, 8 // bits)
    sizes = tuple(draw(st.integers(1, 4)) for _ in range(3))
    full = tuple(draw(st.integers(1, 7)) for _ in range(3))
    strides = rows_of(full, bits)
    origins = [
        Affine.of(draw(st.integers(-2, 2)), {level: draw(st.integers(-2, 3)) for level in (0, 1)})
        for _ in range(2)
    ]
    last = Affine.of(draw(st.integers(-1, 1)) * per_byte, {1: draw(st.integers(-1, 1)) * per_byte})
    ring = Ring(draw(st.integers(1, 3)), 512, draw(st.integers(0, 2)))
    tile = draw(clipped("data", 16, sizes, kind))
    tile = View("data", 16, ring, tile.type, True, tile.dims)
    ends = [
        view("dram", base, sizes, kind, origins=[*origins, last], extents=full, strides=strides)
        for base in (1024, 8192)
    ]
    with builder.loop(draw(st.integers(1, 3))), builder.loop(draw(st.integers(1, 3))):
        builder.load("load", ends[0], tile, draw(st.integers(-300, 300)))
        builder.store("store", tile, ends[1])
    return builder


@settings(deadline=None, max_examples=150)
@given(transfers(), st.integers(0, 99))
def test_transfers(builder: Builder, seed: int) -> None:
    assert_same(builder.code(), random_bytes(seed, **SIZES))


@st.composite
def convolutions(draw: Draw) -> tuple[Builder, bytes]:
    """A random convolution and its parameters' bytes at weights[1024]."""
    builder = Builder()
    depthwise = draw(st.booleans())
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    stride = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    channels, mult = draw(st.integers(1, 5)), draw(st.integers(1, 2))
    outputs = channels * mult if depthwise else draw(st.integers(1, 5))
    spare = draw(st.integers(0, 1))
    size = [
        (n - 1) * s + (k - 1) * d + 1 + spare
        for n, s, k, d in zip((rows, columns), stride, kernel, dilation, strict=True)
    ]
    kinds = [draw(st.sampled_from(NARROW)) for _ in range(2)]
    result = draw(st.sampled_from((*NARROW, "i32")))
    shape = (outputs, *kernel) if depthwise else (outputs, *kernel, channels)
    source = draw(clipped("data", 0, (*size, channels), kinds[0]))
    weights = view("weights", 0, shape, kinds[1])
    par = view("weights", 1024, (outputs, 3), "i32")
    target = draw(clipped("data", 2048, (rows, columns, outputs), result))
    changes: dict[str, Operand] = {
        "stride_y": stride[0],
        "stride_x": stride[1],
        "dil_y": dilation[0],
        "dil_x": dilation[1],
        "src_zero": draw(st.integers(-3, 130)),
        "dst_zero": draw(st.integers(-2, 2)),
    }
    if depthwise:
        changes["mult"] = mult
    builder.group("configure", "conv.0")
    builder.conv("conv.0", source, weights, par, target, **changes)
    scale = draw(st.sampled_from((0.001, 0.0123, 0.5, 3.7e30)))
    bias = draw(st.integers(-(2**27), 2**27)) if draw(st.booleans()) else draw(st.integers(-99, 99))
    zero = draw(st.integers(-3, 3))
    table = parameters([bias] * outputs, [scale] * outputs, [zero] * outputs)
    return builder, table.tobytes()


@settings(deadline=None, max_examples=300)
@given(convolutions(), st.integers(0, 99))
def test_convolutions(case: tuple[Builder, bytes], seed: int) -> None:
    builder, table = case
    memories = random_bytes(seed, **SIZES)
    memories["weights"][1024 : 1024 + len(table)] = table
    assert_same(builder.code(), memories)


@pytest.mark.parametrize("channels", [6, 7])
@pytest.mark.parametrize("result", ["i8", "i32"])
def test_sums_over_a_loop_of_channel_tiles(channels: int, result: str) -> None:
    builder = Builder()
    builder.group("configure", "conv.0")
    source = view(
        "data",
        0,
        (4, 4, 3),
        strides=[28, 7, 1],
        local=False,
        origins=[0, 0, Affine(0, ((1, 3),))],
        extents=(4, 4, channels),
    )
    weights = view(
        "weights",
        0,
        (5, 2, 2, 3),
        "i8",
        strides=[28, 14, 7, 1],
        local=False,
        origins=[0, 0, 0, Affine(0, ((1, 3),))],
        extents=(5, 2, 2, channels),
    )
    par = view("weights", 1024, (5, 3), "i32")
    target = view("data", 1024, (3, 3, 5), result, ring=Ring(2, 512, 1))
    with builder.loop(2), builder.loop(3):
        builder.conv("conv.0", source, weights, par, target, reduce=frozenset({1}), src_zero=9)
    memories = random_bytes(3, **SIZES)
    table = parameters([5, -6, 7, 8, 9], [0.01] * 5, [0, 1, 2, 3, -4]).tobytes()
    memories["weights"][1024 : 1024 + len(table)] = table
    assert_same(builder.code(), memories)


def test_large_sums_are_exact() -> None:
    """Beyond 2^24, where float32 would round: 4096 products of 255 * -128."""
    builder = Builder()
    builder.group("configure", "conv.0")
    source = view("data", 0, (1, 1, 2000))
    weights = view("weights", 0, (1, 1, 1, 2000), "i8", strides=[0, 0, 0, 1])
    par = view("weights", 2032, (1, 3), "i32")
    builder.conv("conv.0", source, weights, par, view("data", 2048, (1, 1, 1), "i32"))
    memories = random_bytes(0, **SIZES)
    memories["data"][:2000] = bytes([255, 254] * 1000)
    memories["weights"][:2000] = bytes([128, 129] * 1000)
    memories["weights"][2032:2044] = parameters([-1], [1.0], [0]).tobytes()
    assert_same(builder.code(), memories)
    data = np.frombuffer(run_emulator(builder.code(), memories)["data"], np.int32)
    assert data[512] == -1000 * (255 * 128 + 254 * 127) - 1


def test_accumulator_overflow_is_an_error() -> None:
    builder = Builder()
    builder.layer("c1")
    builder.group("configure", "conv.0")
    par = view("weights", 1024, (1, 3), "i32")
    source, weights = view("data", 0, (1, 1, 4)), view("weights", 0, (1, 1, 1, 4), "i8")
    builder.conv("conv.0", source, weights, par, view("data", 64, (1, 1, 1)))
    memories = {name: bytearray(size) for name, size in SIZES.items()}
    memories["data"][:4] = memories["weights"][:4] = bytes([100] * 4)
    memories["weights"][1024:1036] = parameters([2**31 - 40001], [1.0], [0]).tobytes()
    run_emulator(builder.code(), memories)
    memories["weights"][1024:1036] = parameters([2**31 - 40000], [1.0], [0]).tobytes()
    with pytest.raises(
        TilefoldError, match=r"instruction 1 \(conv on conv.0\): sums .* exceed int32"
    ):
        run_emulator(builder.code(), memories)


@st.composite
def elementwise(draw: Draw) -> Builder:
    builder = Builder()
    mnemonic = draw(st.sampled_from(("vadd", "vmul", "vlut", "vquant")))
    sizes = tuple(draw(st.integers(1, 4)) for _ in range(draw(st.integers(1, 4))))
    result = draw(st.sampled_from(NARROW if mnemonic == "vlut" else (*NARROW, "i32")))
    target = draw(clipped("data", 3072, sizes, result))
    low, high = ElementType(result).range if result != "i32" else (-(2**20), 2**20)
    clamp: dict[str, Operand] = {"lo": low, "hi": high}
    sources = []
    for number in range(2):
        kind = draw(st.sampled_from(NARROW if mnemonic != "vquant" else (*NARROW, "i32")))
        strides = rows_of(sizes, ElementType(kind).bits)
        if mnemonic in ("vadd", "vmul") and number and draw(st.booleans()):
            strides = [0] * len(strides[:-1]) + strides[-1:]
        sources.append(view("data", 1024 * number, sizes, kind, strides=strides))
    if mnemonic == "vadd":
        factor = st.floats(-4, 4, width=32)
        factors = {name: draw(factor) for name in ("ra", "rb", "fix")}
        builder.add("vadd", unit="act", a=sources[0], b=sources[1], dst=target, **factors, **clamp)
    elif mnemonic == "vmul":
        numbers = {name: draw(st.integers(-9, 9)) for name in ("a_zero", "b_zero", "dst_zero")}
        numbers |= {"m": draw(st.floats(-0.5, 0.5, width=32)), **clamp}
        builder.add("vmul", unit="act", a=sources[0], b=sources[1], dst=target, **numbers)
    elif mnemonic == "vlut":
        table = view("weights", 256, (256,), draw(st.sampled_from(("u8", "i8"))))
        builder.add("vlut", unit="act", src=sources[0], table=table, dst=target)
    else:
        par = view("weights", 1024, (sizes[-1], 3), "i32")
        zeros: dict[str, Operand] = {"src_zero": draw(st.integers(-9, 9)), "dst_zero": 3}
        builder.add("vquant", unit="act", src=sources[0], par=par, dst=target, **zeros, **clamp)
    return builder


@settings(deadline=None, max_examples=200)
@given(elementwise(), st.integers(0, 99))
def test_elementwise(builder: Builder, seed: int) -> None:
    memories = random_bytes(seed, **SIZES)
    table = parameters([7, -8, 9, 10], [1e-8, 1e-9, 0.5, 3.3], [0] * 4).tobytes()
    memories["weights"][1024 : 1024 + len(table)] = table
    memories["data"][3:64:4] = bytes(16)  # keeps i32 sources from overflowing
    assert_same(builder.code(), memories)


@settings(deadline=None, max_examples=300)
@given(
    st.integers(-(2**8), 2**8),
    st.floats(
        width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**90), max_value=2.0**90
    ),
    st.floats(
        width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**90), max_value=2.0**90
    ),
)
def test_fused_multiply_add_rounds_once(x: int, y: float, z: float) -> None:
    result = fused(np.array([float(x)]), np.float32(y), np.float32(z))
    assert float(result[0]) == fma(x, y, z)


@st.composite
def pools(draw: Draw) -> Builder:
    builder = Builder()
    kind = draw(st.integers(0, 2))
    kernel = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    stride = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    rows, columns = (1, 1) if kind == 2 else (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    channels = draw(st.integers(1, 4))
    size = [(n - 1) * s + k for n, s, k in zip((rows, columns), stride, kernel, strict=True)]
    source = draw(clipped("data", 0, (*size, channels), draw(st.sampled_from(NARROW))))
    result = draw(st.sampled_from(NARROW))
    low, high = ElementType(result).range
    target = draw(clipped("data", 2048, (rows, columns, channels), result))
    builder.add(
        "vpool", unit="act", src=source, dst=target,
        kind=kind, kernel_y=kernel[0], kernel_x=kernel[1], stride_y=stride[0], stride_x=stride[1],
        dil_y=1, dil_x=1, src_zero=draw(st.integers(-2, 2)), dst_zero=draw(st.integers(-2, 2)),
        src_scale=0.5, dst_scale=draw(st.sampled_from((0.25, 0.7109375, 3.0))), lo=low, hi=high,
        include_pad=draw(st.integers(0, 1)),
    )  # fmt: skip
    return builder


@settings(deadline=None, max_examples=200)
@given(pools(), st.integers(0, 99))
def test_pools(builder: Builder, seed: int) -> None:
    assert_same(builder.code(), random_bytes(seed, **SIZES))


def test_an_access_outside_a_memory_is_named() -> None:
    builder = Builder()
    builder.layer("conv1")
    with builder.loop(2):
        builder.load("load", view("dram", 0, (8,)), view("data", 4084, (8,), ring=Ring(2, 8, 1)))
    plan = plan_of(builder.code())
    state = state_of(random_bytes(0, **SIZES))
    message = r"instruction 1 \(load on load, loops 1\): data\[0xffc..0x1003\] is outside .* 4096"
    with pytest.raises(TilefoldError, match=message):
        execute_all(plan, state)
