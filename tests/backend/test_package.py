"""Package files: what is saved is what is loaded, and damage is refused."""

import json
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from tilefold.backend import archive
from tilefold.backend.package import HostPort, HostStep, Package, load
from tilefold.backend.program import Program
from tilefold.compiler import PackageCompilation, compile_network
from tilefold.errors import TilefoldError
from tilefold.tests.backend.test_program import edited, rewrite
from tilefold.tests.support import mixed_networks as mixed


@cache
def package() -> Package:
    compiled = compile_network(mixed.zigzag(), "tiny")
    assert isinstance(compiled, PackageCompilation)
    return compiled.package


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "net.tfp"
    package().save(path)
    return path


def refused(path: Path, message: str) -> None:
    with pytest.raises(TilefoldError, match=message) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_round_trip_is_exact_and_deterministic(saved: Path, tmp_path: Path) -> None:
    loaded = load(saved)
    assert loaded == package() == Package.load(saved)
    again = tmp_path / "again.tfp"
    loaded.save(again)
    assert again.read_bytes() == saved.read_bytes()


def test_programs_and_packages_are_told_apart(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(TilefoldError, match="a package of steps for machine and host"):
        Program.load(saved)
    alone = tmp_path / "program.tfp"
    package().programs[0].save(alone)
    assert load(alone) == package().programs[0]
    with pytest.raises(TilefoldError, match="a program for the machine alone"):
        Package.load(alone)


def test_weights_can_be_left_out(saved: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.tfp"
    package().without_weights().save(bare)
    assert bare.stat().st_size < saved.stat().st_size
    assert load(bare) == package().without_weights() != package()


def test_byte_flips_are_refused_or_harmless(saved: Path) -> None:
    """Headers of the archive hold times and such, which mean nothing."""
    rng, whole = random.Random(1), saved.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        saved.write_bytes(data)
        try:
            assert load(saved) == package()
        except TilefoldError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("size", [0, 1, 100, -1000, -1])
def test_truncation_is_refused(saved: Path, size: int) -> None:
    saved.write_bytes(saved.read_bytes()[:size])
    refused(saved, "damaged, or not a program")


def test_manifests_are_checked(saved: Path) -> None:
    manifest = json.loads(edited(saved))
    steps = manifest["steps"]
    for fields, message in (
        ({"format": "other"}, "format is 'other', but must be 'tilefold package'"),
        ({"version": 2}, "version is 2, but must be 4"),
        ({"steps": steps[:3]}, "unknown entry '3.model.onnx'"),
        ({"steps": [*steps, steps[1]]}, "entry '4.model.onnx' is missing"),
        ({"steps": [{"kind": "python"}, *steps[1:]]}, "a step is a 'python', but must be"),
        ({"steps": [{}] * 1001}, "1001 steps, more than 1000"),
        ({"inputs": ["y"]}, "a step reads 'x', which no step before it makes"),
        ({"outputs": ["nothing"]}, "no step makes the output 'nothing'"),
        ({"network": 3}, "'network' is missing or has the wrong type"),
    ):
        rewrite(saved, {archive.MANIFEST: edited(saved, **fields)})
        refused(saved, message)
        package().save(saved)
    rewrite(saved, {"nodes.json": b'{"nodes": [{"name": 3}]}'})
    refused(saved, "'name' is missing or has the wrong type")
    record = {"name": "a", "operator": "b", "step": 9, "on_machine": True, "reason": "", "macs": 0}
    rewrite(saved, {"nodes.json": json.dumps({"nodes": [record]}).encode()})
    refused(saved, "a node is said to run in a step that is not there")


def host_model(**changes: object) -> onnx.ModelProto:
    model = onnx.ModelProto.FromString(package().steps[1].model)  # type: ignore[union-attr]
    for key, value in changes.items():
        setattr(model.graph, key, value)
    return model


def test_host_models_are_what_their_steps_say(saved: Path) -> None:
    rewrite(saved, {"1.model.onnx": b"no model at all"})
    refused(saved, "a host model is not an ONNX model")
    package().save(saved)
    rewrite(saved, {"1.model.onnx": host_model(name="other").SerializeToString()})
    refused(saved, "a host model has other inputs or outputs than its step")


def test_host_models_refer_to_no_files(saved: Path) -> None:
    """Neither at the top nor in a graph that is an attribute of a node."""
    elsewhere = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
    elsewhere.data_location = TensorProto.EXTERNAL
    elsewhere.external_data.add(key="location", value="/etc/passwd")
    top = host_model()
    top.graph.initializer.append(elsewhere)
    inner = host_model()
    inner.graph.node.append(helper.make_node("Constant", [], ["w"], value=elsewhere))
    body = helper.make_graph(list(inner.graph.node), "body", [], [], [elsewhere])
    deep = host_model()
    deep.graph.node.append(helper.make_node("If", ["c"], ["r"], then_branch=body))
    for model in (top, inner, deep):
        package().save(saved)
        rewrite(saved, {"1.model.onnx": model.SerializeToString()})
        refused(saved, "a host model refers to other files")


def test_steps_are_for_one_machine(tmp_path: Path) -> None:
    other = compile_network(mixed.zigzag(), "tpu_like")
    assert isinstance(other, PackageCompilation)
    steps = (*package().steps[:2], *other.package.steps[2:])
    with pytest.raises(TilefoldError, match="the steps are for different machines"):
        replace(package(), steps=steps).save(tmp_path / "x.tfp")


def test_host_ports_are_tensors_of_numbers() -> None:
    step = package().steps[1]
    assert isinstance(step, HostStep)
    assert step.inputs[0] == HostPort("turned:0:quantized", "uint8", (1, 9, 11, 8))
    model = host_model()
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.STRING
    with pytest.raises(TilefoldError, match="'erf:0' is no tensor of numbers"):
        HostStep.of(model)
