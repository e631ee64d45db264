"""The layer-serial schedule: what takes turns in it, what it computes, and MERA's cycles."""

import csv
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
import tilefold
from tilefold.backend.program import Program
from tilefold.compiler import compile_levels
from tilefold.dialects.isa_operands import View
from tilefold.emulator import Recording, emulate
from tilefold.errors import TilefoldError
from tilefold.examples import fashion
from tilefold.examples.networks import convolution, quantised
from tilefold.frontend.judge import Judge
from tilefold.interpreters.nn import run
from tilefold.machines import names
from tilefold.passes.pipelines import Schedule
from tilefold.tests.support.chunks import chunks
from tilefold.tests.support.compiled_networks import shipped_network, shipped_on
from tilefold.tests.support.random_machines import machine_of_case
from tilefold.tests.support.random_networks import random_network
from tilefold.tests.test_random_networks import TOO_SMALL, run_case

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "networks"
CSV = ROOT.parent / "shared" / "data" / "mera_cycles.csv"

LAYERS = {
    "conv3x3 64->64 56x56": ((64, 64, 3, 56), 41_778),
    "conv3x3 512->512 28x28": ((512, 512, 3, 28), 481_138),
    "conv1x1 256->64 56x56": ((256, 64, 1, 56), 47_998),
}
NETWORKS = {"resnet50": 1_952_676, "resnet18": 702_038}
"""Cycles of MERA 1.6's simulator for DNAF100L0003, fast mode, int8, 224 x 224 images."""
TOLERANCE = 0.12
CHUNK = 20
QUICK, CASES = 20, 60

Mask = npt.NDArray[np.bool_]


def serial(machine: str) -> Program:
    return shipped_on(machine, Schedule.LAYER_SERIAL).program


def overlapped(machine: str) -> Program:
    return shipped_on(machine).program


def cycles(program: Program) -> int:
    return emulate(program, {}, values=False).report.total.cycles


# Against MERA.


@pytest.mark.parametrize("name", LAYERS)
def test_layers_take_about_the_cycles_of_mera(name: str) -> None:
    shape, vendor = LAYERS[name]
    program = tilefold.compile(convolution(*shape), "dna_f100", schedule=Schedule.LAYER_SERIAL)
    assert cycles(program) == pytest.approx(vendor, rel=TOLERANCE)


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_take_about_the_cycles_of_mera(name: str) -> None:
    file = quantised(name, CACHE)
    program = tilefold.compile(file, "dna_f100", schedule=Schedule.LAYER_SERIAL)
    assert cycles(program) == pytest.approx(NETWORKS[name], rel=TOLERANCE)


def test_the_numbers_are_those_of_the_file() -> None:
    if not CSV.exists():
        pytest.skip(f"{CSV} is not there")
    with CSV.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["machine"] == "DNAF100L0003"]
    given = {row["network_or_layer"]: int(row["cycles"]) for row in rows}
    assert given == NETWORKS | {name: vendor for name, (_, vendor) in LAYERS.items()}
    assert {row["mode"] for row in rows} == {"Fast"}


def test_single_layers_compute_what_onnxruntime_does() -> None:
    model = convolution(9, 7, 3, 12)
    x = np.random.default_rng(3).integers(0, 256, (2, 9, 12, 12)).astype(np.uint8)
    expected = np.concatenate([Judge(model).run({"x": image[None]})["y"] for image in x])
    assert ((expected > 0) & (expected < 255)).mean() > 0.9
    assert expected.std() > 10
    program = tilefold.compile(model, "tiny", schedule=Schedule.LAYER_SERIAL)
    assert np.array_equal(emulate(program, {"x": x}).outputs["y"], expected)


# Turns.


def kind_of_slices(program: Program, recording: Recording) -> npt.NDArray[np.str_]:
    """What each slice is: "compute", "store", "load" of activations, "added" or "".

    Added is what a layer loads to add it to what its convolution computes; "" are stalls, loads of
    constants and configurations.
    """
    code, slices = program.code.instructions, recording.slices
    layer_of = dict(zip(slices.instruction.tolist(), slices.layer.tolist(), strict=True))
    convolved = {layer_of.get(i) for i, op in enumerate(code) if op.mnemonic in ("conv", "dwconv")}
    addends = {
        (layer_of.get(i), operand.base)
        for i, op in enumerate(code)
        if op.mnemonic == "vadd" and layer_of.get(i) in convolved
        for name in ("a", "b")
        if isinstance(operand := op.operands[name], View)
    }
    constants = [(s.address, s.address + s.data.size) for s in program.segments]
    kinds: list[str] = []
    for index, op in enumerate(code):
        kind = {"load": "load", "store": "store"}.get(op.mnemonic, "compute")
        if op.mnemonic in ("configure", "prefetch"):
            kind = ""
        elif kind == "load":
            source, target = op.operands["src"], op.operands["dst"]
            assert isinstance(source, View)
            assert isinstance(target, View)
            if any(low <= source.base < high for low, high in constants):
                kind = ""
            elif (layer_of.get(index), target.base) in addends:
                kind = "added"
        kinds.append(kind)
    return np.where(slices.what == 0, np.array([*kinds, ""])[slices.instruction], "")


def common(recording: Recording, one: Mask, other: Mask) -> int:
    """Cycles in which both a slice of `one` and one of `other` run."""
    slices = recording.slices

    def running(mask: Mask) -> Mask:
        change = np.zeros(recording.cycles + 1, np.int64)
        np.add.at(change, slices.start[mask], 1)
        np.add.at(change, slices.end[mask], -1)
        return change.cumsum() > 0

    return int((running(one) & running(other)).sum())


def overlaps(program: Program) -> Iterator[str]:
    """What runs at the same time although it should take turns."""
    recording = emulate(program, {}, values=False, record=True).recording
    assert recording is not None
    kinds, layer = kind_of_slices(program, recording), recording.slices.layer
    assert {"load", "store"} <= set(kinds)
    for one, other in combinations(("load", "added", "compute", "store"), 2):
        count = common(recording, kinds == one, kinds == other)
        if count and {one, other} != {"added", "compute"}:
            yield f"{one} and {other}: {count} cycles"
    for which in np.unique(layer[kinds == "added"]):
        added = (kinds == "added") & (layer == which)
        if count := common(recording, added, (kinds == "compute") & (layer != which)):
            yield f"compute and what {program.layers[which]} adds: {count} cycles"


@pytest.mark.parametrize("machine", names())
def test_loading_computing_and_storing_take_turns(machine: str) -> None:
    recording = emulate(serial(machine), {}, values=False, record=True).recording
    assert recording is not None
    assert "compute" in set(kind_of_slices(serial(machine), recording))
    assert not list(overlaps(serial(machine)))


def test_overlap_is_seen_where_it_is() -> None:
    # Where all of the network stays on chip there is little to overlap.
    for name in ("tiny", "tpu_like"):
        assert list(overlaps(overlapped(name))), name


@pytest.mark.parametrize("start", chunks(CHUNK, QUICK, CASES))
def test_turns_of_random_networks_on_random_machines(start: int) -> None:
    checked = 0
    for seed in range(start, start + CHUNK):
        rng = Random(seed)
        module, store, _ = random_network(rng)
        machine = machine_of_case(seed, rng)
        turns = Schedule.LAYER_SERIAL
        try:
            program = compile_levels(module, machine, schedule=turns, store=store).program
        except TilefoldError as error:
            assert any(words in str(error) for words in TOO_SMALL) or "whole bytes" in str(error)
            continue
        assert not list(overlaps(program)), seed
        checked += 1
    assert checked > 0.75 * CHUNK


@pytest.mark.parametrize("machine", names())
def test_overlap_never_costs_time(machine: str) -> None:
    assert cycles(serial(machine)) >= cycles(overlapped(machine))


# Values.


@pytest.mark.parametrize("machine", names())
def test_values_are_the_interpreters(machine: str) -> None:
    pixels, (module, store) = fashion.images()[0][:2], shipped_network()
    expected = [run(module, {"image": image[None]}, store)["logits"] for image in pixels]
    actual = emulate(serial(machine), {"image": pixels}).outputs["logits"]
    assert np.array_equal(actual, np.concatenate(expected))


@pytest.mark.parametrize("start", chunks(CHUNK, QUICK, CASES))
def test_values_of_random_networks_are_the_interpreters(start: int) -> None:
    outcomes = [run_case(seed, Schedule.LAYER_SERIAL) for seed in range(start, start + CHUNK)]
    assert outcomes.count("equal") > 0.75 * CHUNK
