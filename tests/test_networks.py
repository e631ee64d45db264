"""The networks that the benchmarks run: their cost, their weights, and that they compile right."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import tilefold
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.examples.networks import NETWORKS, build, macs, quantised, random_images
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge
from tilefold.interpreters.nn import run

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "networks"
MACHINES = ("dna_a600", "dna_f100", "tpu_like")

GIGA_MACS = {"resnet50": 4.09, "resnet18": 1.81, "mobilenetv2": 0.301}
WEIGHTS = {"resnet50": 25.56, "resnet18": 11.69, "mobilenetv2": 3.50}
"""Published millions of weights, before folding batch normalisation."""
DIGESTS = {
    "resnet50": "b310989d75881d7c",
    "resnet18": "0a8add02d68359ce",
    "mobilenetv2": "4f574d57b259710c",
}


@pytest.mark.parametrize("name", NETWORKS)
def test_cost_and_weights(name: str):
    model = build(name)
    onnx.checker.check_model(model, full_check=True)
    assert macs(model) / 1e9 == pytest.approx(GIGA_MACS[name], rel=0.01)
    tensors = [onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer]
    assert sum(tensor.size for tensor in tensors) / 1e6 == pytest.approx(WEIGHTS[name], rel=0.01)
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(np.ascontiguousarray(tensor).tobytes())
    assert digest.hexdigest()[:16] == DIGESTS[name]
    names = [node.name for node in model.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)


def check_equal(name: str, size: int, cache: Path, machine: str):
    """Emulator, interpreter and onnxruntime agree in every bit of the scores of one image."""
    file = quantised(name, cache, size)
    inputs = {"image": random_images(1, size, seed=1)}
    judge = Judge(file)
    assert not judge.in_float
    expected = judge.run(inputs)["logits"]
    assert expected.std() > 0.05  # scores that differ, not the classifier's bias alone
    store = Store()
    np.testing.assert_array_equal(run(import_model(file, store), inputs, store)["logits"], expected)
    result = emulate(tilefold.compile(file, machine), inputs)
    np.testing.assert_array_equal(result.outputs["logits"], expected)
    assert result.report.total.macs == macs(build(name, size))
    assert 0 < result.report.total.utilisation <= 1


def test_small_image(tmp_path: Path):
    check_equal("mobilenetv2", 32, tmp_path, "dna_a600")


@pytest.mark.long
@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", NETWORKS)
def test_whole_network(name: str, machine: str):
    check_equal(name, 224, CACHE, machine)
