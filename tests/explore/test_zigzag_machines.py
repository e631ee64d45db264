"""ZigZag's architectures as machines: their parts, what is lost, what programs run on them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tilefold
from tilefold.costmodel.hierarchy.architecture import Architecture
from tilefold.errors import TilefoldError
from tilefold.explore.zigzag.fabric import as_machine
from tilefold.explore.zigzag.hardware import read_architecture
from tilefold.explore.zigzag.mapping import MappingEntry, read_mapping
from tilefold.machines import load_machine
from tilefold.machines.model import parse_machine
from tilefold.tests.explore.zigzag_fixture import facts
from tilefold.tests.frontend import models

BY_HAND = {"tpu_like": "tpu_like", "meta_prototype": "meta_prototype_like"}


def read(folder: Path, name: str) -> tuple[Architecture, MappingEntry]:
    case = next(case for case in facts()["cases"] if case["hardware"]["name"] == name)
    for part in ("hardware", "mapping"):
        (folder / f"{part}.yaml").write_text(json.dumps(case[part]), "utf-8")
    return read_architecture(folder / "hardware.yaml"), read_mapping(folder / "mapping.yaml")[0]


@pytest.mark.parametrize("name", BY_HAND)
def test_as_the_machines_made_by_hand(tmp_path: Path, name: str) -> None:
    """Of the same memories, links to DRAM, axes, dataflow and registers."""
    machine = parse_machine(as_machine(*read(tmp_path, name)).text, name)
    shipped = load_machine(BY_HAND[name])
    for operand in ("I", "W", "O"):
        ours, theirs = (
            next(memory for memory in each.memories if operand in memory.holds)
            for each in (machine, shipped)
        )
        assert (ours.bytes, ours.line, set(ours.holds)) == (
            theirs.bytes,
            theirs.line,
            set(theirs.holds),
        )
    assert machine.dram.bytes_per_cycle == shipped.dram.bytes_per_cycle
    ours, theirs = machine.arrays[0], shipped.arrays[0]
    assert (ours.axes, ours.feed, ours.precisions) == (theirs.axes, theirs.feed, theirs.precisions)
    assert [mode.spatial for mode in ours.modes] == [mode.spatial for mode in theirs.modes]
    kept, expected = ours.locals[0], theirs.locals[0]
    assert (kept.operand, kept.axis, kept.planes, kept.rows_per_cycle) == (
        expected.operand,
        expected.axis,
        expected.planes,
        expected.rows_per_cycle,
    )


@pytest.mark.parametrize("name", BY_HAND)
def test_programs_run_on_them(tmp_path: Path, name: str) -> None:
    """A convolution has the values there that it has on a machine that is shipped."""
    path = tmp_path / "machine.mlir"
    path.write_text(as_machine(*read(tmp_path, name)).text, "utf-8")
    model = models.qdq_conv(models.Net(np.random.default_rng(0)))
    feeds = models.feeds(model, np.random.default_rng(1))
    ours, theirs = (
        tilefold.emulate(tilefold.compile(model, machine), feeds) for machine in (path, "tiny")
    )
    assert theirs.outputs
    for output, values in theirs.outputs.items():
        assert np.array_equal(ours.outputs[output], values)


def test_what_is_lost_is_said(tmp_path: Path) -> None:
    lost = as_machine(*read(tmp_path, "meta_prototype")).lost
    assert any("sram_64KB, 65536 bytes of W between sram_1MB_W" in text for text in lost)
    assert any("sram_32KB, 32768 bytes of I between sram_1MB_A" in text for text in lost)
    assert any("partial sums in sram_1MB_A" in text for text in lost)
    lost = as_machine(*read(tmp_path, "tpu_like")).lost
    assert any("the way of W from dram past sram_2MB" in text for text in lost)
    assert any("registers of 128 elements of W" in text for text in lost)


def test_axes_that_are_not_used(tmp_path: Path) -> None:
    architecture, entry = read(tmp_path, "tpu_like")
    some = replace(entry, axes={"D1": {"K": 8}, "D2": {"C": 32}})
    translation = as_machine(architecture, some)
    assert any("24 of 32 positions of D1" in text for text in translation.lost)
    assert dict(parse_machine(translation.text, "t").arrays[0].axes) == {"y": 32, "x": 8}


def test_what_is_no_machine_is_refused(tmp_path: Path) -> None:
    architecture, entry = read(tmp_path, "tpu_like")
    with pytest.raises(TilefoldError, match="unrolls B, which convolutions do not have"):
        as_machine(architecture, replace(entry, axes={"D1": {"B": 4}, "D2": {"C": 32}}))
    with pytest.raises(TilefoldError, match="unrolls 0 axes"):
        as_machine(architecture, replace(entry, axes={}))
    flat = replace(architecture, memories=(*architecture.memories[:2], architecture.memories[3]))
    with pytest.raises(TilefoldError, match="I has no memory between the array and dram"):
        as_machine(flat, entry)
    served = tuple(replace(m, serves=frozenset(architecture.axes)) for m in architecture.memories)
    with pytest.raises(TilefoldError, match="no operand has registers in the array"):
        as_machine(replace(architecture, memories=served), entry)
