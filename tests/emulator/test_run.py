"""Whole programs through `emulate`: a layer in two double-buffered tiles, inputs, reports."""

import sys
from dataclasses import replace
from gc import collect
from weakref import ref

import numpy as np
import pytest
from tilefold.backend.encoding import encode
from tilefold.backend.program import Program, Segment
from tilefold.dialects.isa_operands import Affine, Ring
from tilefold.emulator import emulate, kernels
from tilefold.emulator.queues import PULSE
from tilefold.emulator.session import session_of
from tilefold.emulator.state import loops
from tilefold.errors import TilefoldError
from tilefold.tests.support.programs import Builder, parameters, port, view

ROWS, COLUMNS, CHANNELS, OUTPUTS, TILES = 8, 6, 4, 4, 4
RNG = np.random.default_rng(0)
WEIGHTS = RNG.integers(-99, 99, (OUTPUTS, 1, 1, CHANNELS), np.int8)
BIAS = RNG.integers(-99, 99, OUTPUTS)


def pointwise(depth: int = 2, **changes: object) -> Program:
    """A 1x1 convolution of [1,4,8,6] in four tiles of two rows, through rings of `depth`."""
    builder = Builder()
    builder.layer("conv1")
    for number, credits in enumerate((0, depth, 0, 0, depth)):
        builder.sem(number, credits)
    builder.segments.append(Segment("w", 0, WEIGHTS.reshape(-1).view(np.uint8)))
    table = parameters(list(BIAS), [0.01] * OUTPUTS, [0] * OUTPUTS)
    builder.segments.append(Segment("p", 16, table))
    size = (TILES * 2, COLUMNS, CHANNELS)
    builder.inputs.append(port("x", (1, CHANNELS, ROWS, COLUMNS), 256, **changes))
    builder.outputs.append(port("y", (1, OUTPUTS, ROWS, COLUMNS), 1024, zero_point=(5,)))
    wgt, par = view("weights", 0, WEIGHTS.shape, "i8"), view("weights", 64, (OUTPUTS, 3), "i32")
    builder.load("wload", view("dram", 0, WEIGHTS.shape, "i8"), wgt)
    builder.load("wload", view("dram", 16, (OUTPUTS, 3), "i32"), par)
    builder.signal("wload", 0)
    builder.group("configure", "conv.0")
    builder.wait("conv.0", 0)
    tile, ring = (2, COLUMNS, CHANNELS), Ring(depth, 64, 1)
    origins = [Affine(0, ((0, 2),)), 0, 0]
    source = view("data", 0, tile, ring=ring)
    target = view("data", 1024, tile, ring=ring)
    with builder.loop(TILES):
        builder.wait("load", 1)
        builder.load("load", view("dram", 256, tile, origins=origins, extents=size), source)
        builder.signal("load", 2)
        builder.wait("conv.0", 2)
        builder.wait("conv.0", 4)
        builder.conv("conv.0", source, wgt, par, target, src_zero=3, dst_zero=5)
        builder.signal("conv.0", 1)
        builder.signal("conv.0", 3)
        builder.wait("store", 3)
        builder.store("store", target, view("dram", 1024, tile, origins=origins, extents=size))
        builder.signal("store", 4)
    return builder.program()


def expected(x: np.ndarray) -> np.ndarray:
    sums = np.einsum("nchw,kc->nkhw", x.astype(np.int64) - 3, WEIGHTS[:, 0, 0].astype(np.int64))
    sums = (sums + BIAS[:, None, None]).astype(np.float32) * np.float32(0.01)
    return np.clip(np.rint(sums) + 5, 0, 255).astype(np.uint8)


def images(count: int = 1) -> np.ndarray:
    return RNG.integers(0, 256, (count, CHANNELS, ROWS, COLUMNS), np.uint8)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 3])
def test_outputs(depth: int, batch: int) -> None:
    x = images(batch)
    seen: list[tuple[int, int]] = []
    result = emulate(pointwise(depth), {"x": x}, progress=lambda *done: seen.append(done))
    np.testing.assert_array_equal(result.outputs["y"], expected(x))
    assert seen == [(number + 1, batch) for number in range(batch)]


def test_double_buffering_is_faster_and_changes_no_bytes() -> None:
    one, two = (emulate(pointwise(depth), {"x": images()}).report for depth in (1, 2))
    assert two.total.cycles < one.total.cycles
    assert two.total.bytes == one.total.bytes


def test_report() -> None:
    report = emulate(pointwise(), {}, values=False).report.to_json()
    total = report["total"]
    size = ROWS * COLUMNS * CHANNELS
    assert total["macs"] == size * OUTPUTS
    assert total["bytes"]["data"] == {"read": 2 * size, "written": 2 * size}
    assert total["bytes"]["weights"] == {"read": TILES * (16 + 48), "written": 16 + 48}
    code = -(-len(encode(pointwise().code)) // 8) * 8
    assert total["bytes"]["dram"] == {"read": size + 16 + 48 + 16 + code, "written": size}
    assert total["operands"]["W"]["dram"] == {"read": 16 + 48, "written": 0}
    assert total["reconfigurations"] == 1
    assert [row["name"] for row in report["layers"]] == ["conv1", "(program)"]
    assert sum(row["cycles"] for row in report["layers"]) == total["cycles"] > 0
    assert total["utilisation"] == round(total["macs"] / (total["cycles"] * 32), 6)
    for time in total["units"].values():
        assert time["idle"] >= 0
        assert time["busy"] + sum(time["stalls"].values()) + time["idle"] == total["cycles"]


def test_values_and_time_alone() -> None:
    program, x = pointwise(), images()
    values = emulate(program, {"x": x}, time=False, check=False)
    np.testing.assert_array_equal(values.outputs["y"], expected(x))
    assert values.report.total.cycles == 0
    time = emulate(program, {}, values=False)
    assert not time.outputs
    assert time.report.total.cycles == emulate(program, {"x": x}).report.total.cycles


def test_time_and_check_without_weights() -> None:
    bare = pointwise().without_weights()
    for check in (True, False):
        report = emulate(bare, {}, values=False, check=check).report
        assert report.to_json() == emulate(pointwise(), {}, values=False).report.to_json()
    with pytest.raises(TilefoldError, match="weights were left out"):
        emulate(bare, {"x": images()})


def test_pulse() -> None:
    seen: list[tuple[str, int]] = []
    builder = Builder()
    with builder.loop(PULSE):
        builder.load("load", view("dram", 0, (8,)), view("data", 0, (8,)))
        builder.load("load", view("dram", 0, (8,)), view("data", 0, (8,)))
    builder.inputs.append(port("x", (1, 8, 1, 1), 0))
    emulate(
        builder.program(), {}, values=False, shortcut=False, pulse=lambda *now: seen.append(now)
    )
    for what in ("checking", "timing"):
        events = [number for name, number in seen if name == what]
        assert events == sorted(set(events))
        assert PULSE in events


def test_table() -> None:
    table = emulate(pointwise(), {}, values=False).report.table()
    assert table.row_count == 3


def test_float_interface() -> None:
    program = pointwise(float_interface=True, scale=(0.5,), zero_point=(3,))
    outputs = tuple(replace(p, float_interface=True, scale=(0.25,)) for p in program.outputs)
    x = RNG.normal(0, 40, (1, CHANNELS, ROWS, COLUMNS)).astype(np.float32)
    y = emulate(replace(program, outputs=outputs), {"x": x}).outputs["y"]
    codes = np.clip(np.rint(x / np.float32(0.5)) + 3, 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(y, (expected(codes).astype(np.float32) - 5) * np.float32(0.25))
    assert y.dtype == np.float32


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "input 'x' is missing"),
        ({"x": images(), "z": images()}, "no input 'z'; the network has x"),
        ({"x": images()[:, :2]}, r"input 'x' has shape \[1, 2, 8, 6\], not \[1, 4, 8, 6\]"),
        ({"x": images().astype(np.int8)}, "input 'x' has elements int8; give float32, or uint8"),
        ({"x": images().astype(np.float32) * np.nan}, "input 'x' holds NaN or infinity"),
    ],
)
def test_wrong_inputs(inputs: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(TilefoldError, match=message):
        emulate(pointwise(), inputs)


def test_without_numba_the_kernels_in_numpy_run(monkeypatch: pytest.MonkeyPatch) -> None:
    x, program = images(), pointwise()
    monkeypatch.setitem(sys.modules, "tilefold.emulator.compiled", None)
    monkeypatch.delattr("tilefold.emulator.compiled", raising=False)
    loops.cache_clear()
    try:
        assert loops() is kernels
        result = emulate(program, {"x": x}).outputs["y"]
    finally:
        loops.cache_clear()
    np.testing.assert_array_equal(result, expected(x))


def test_preparation_is_kept_and_the_program_cannot_be_changed_any_more() -> None:
    program = pointwise()
    x = images()
    first = emulate(program, {"x": x}).outputs["y"]
    session = session_of(program)
    np.testing.assert_array_equal(emulate(program, {"x": x}).outputs["y"], first)
    assert session_of(program) is session
    assert session_of(replace(program)) is not session
    with pytest.raises(ValueError, match="read-only"):
        program.segments[0].data[0] = 1


def test_sessions_end_with_their_programs() -> None:
    program = pointwise()
    session = ref(session_of(program))
    del program
    collect()
    assert session() is None


def test_inputs_do_not_depend_on_the_run_before() -> None:
    program, x = pointwise(), images(2)
    for one in (x[:1], x[1:], x[:1]):
        result = emulate(program, {"x": one}, time=False).outputs["y"]
        np.testing.assert_array_equal(result, expected(one))
