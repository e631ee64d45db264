"""`tilefold quantize`, and models quantised on the way to a program."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from tilefold.examples import fashion
from tilefold.tools.tilefold import main

Run = Callable[..., tuple[int, str, str]]
MODEL = Path(fashion.__file__).parent / "float.onnx"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `tilefold` in a folder with samples and labels: exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    images, labels = fashion.images()
    np.savez("samples.npz", image=images[:12])
    np.savez("test.npz", image=images[12:32])
    np.save("labels.npy", labels[12:32])

    def tilefold(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return tilefold


def test_a_model_is_quantised_and_compared(run: Run) -> None:
    options = ("--calibrate", "samples.npz", "--test", "test.npz", "--labels", "labels.npy")
    code, out, _ = run("quantize", MODEL, *options, "-o", "small.onnx", "--weights", 6)
    assert code == 0
    first, second = out.splitlines()
    assert first.startswith("small.onnx: 14 products with weights of 6 bits, ")
    assert first.endswith(" values of 8 bits, from 12 samples")
    assert second.startswith("20 samples: ")
    assert " right where it has " in second
    written = onnx.load("small.onnx")
    onnx.checker.check_model(written)
    kinds = {node.op_type for node in written.graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds


def test_quality_as_json(run: Run) -> None:
    options = ("--calibrate", "samples.npz", "--test", "test.npz", "--layers-quality", "--json")
    code, out, _ = run("quantize", MODEL, *options, "-o", "small.onnx", "--rounding", "nearest")
    assert code == 0
    record = json.loads(out)
    assert record["quality"]["samples"] == 20
    assert record["quality"]["right"] is None
    assert all(ratio > 10 for ratio in record["layers"].values())


def test_a_float_model_is_compiled(run: Run) -> None:
    code, out, _ = run(
        "compile", MODEL, "--calibrate", "samples.npz", "--machine", "tiny", "-o", "net.tfp"
    )
    assert code == 0
    assert out.startswith("net.tfp: float for tiny: ")
    code, out, _ = run("run", "net.tfp", "--input", "image=test.npz", "--output-dir", "out")
    assert code == 0
    logits = np.load("out/logits.npy")
    assert (logits.argmax(axis=-1) == np.load("labels.npy")).mean() > 0.7


def test_what_is_wrong_is_said_in_a_line(run: Run) -> None:
    code, _, err = run(
        "quantize",
        MODEL,
        "--calibrate",
        "samples.npz",
        "--labels",
        "labels.npy",
        "-o",
        "small.onnx",
    )
    assert (code, err) == (1, "error: --labels are of samples: give these by --test FILE.npz\n")
    np.savez("wrong.npz", image=np.zeros((2, 1, 28, 27), np.float32))
    code, _, err = run("quantize", MODEL, "--calibrate", "wrong.npz", "-o", "small.onnx")
    assert code == 1
    assert "'image' is float32[2, 1, 28, 27], but must be float32['n', 1, 28, 28]" in err
    assert not Path("small.onnx").exists()
