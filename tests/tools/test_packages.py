"""Command lines on networks that machine and host share."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from tilefold.tests.support import mixed_networks as mixed
from tilefold.tools import tilefold
from tilefold.tools.objdump import main as objdump

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `tilefold` in a folder with a model and inputs; exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    onnx.save(mixed.zigzag(), "net.onnx")
    batch = np.random.default_rng(0).normal(size=(2, 6, 9, 11)).astype(np.float32)
    np.savez("inputs.npz", x=batch)

    def call(*arguments: object) -> tuple[int, str, str]:
        code = 0
        try:
            tilefold.main([str(argument) for argument in arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_compile_says_what_runs_where(run: Run) -> None:
    code, out, _ = run("compile", "net.onnx", "--machine", "tiny", "-o", "net.tfp")
    assert code == 0
    first = "net.tfp: net for tiny in 4 steps, 2 on the machine: 100.0% of the MACs"
    assert out.splitlines()[0] == first
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    assert ["1", "host", "1 LogSoftmax", "", "operator LogSoftmax is not supported"] in rows
    assert ["2", "machine", "1 Add, 2 QuantizeLinear, 1 Conv", "28,512", ""] in rows
    assert "step 2: net#2 for tiny: " in out


def test_no_host_is_an_error(run: Run) -> None:
    code, _, err = run("compile", "net.onnx", "--no-host", "-o", "net.tfp")
    assert code == 1
    assert err.startswith(
        "error: net.onnx: node 'erf' (LogSoftmax): operator LogSoftmax is not supported\n"
    )
    assert not Path("net.tfp").exists()


def test_a_float_model_says_how_to_give_the_machine_work(run: Run) -> None:
    builder = mixed.net()
    builder.output(builder.op("Relu", builder.input((1, 4)), name="relu"), rank=2)
    onnx.save(builder.model(), "float.onnx")
    code, out, _ = run("compile", "float.onnx", "-o", "float.tfp")
    assert code == 0
    assert "in 1 steps, 0 on the machine: --calibrate quantises a float model" in out
    assert run("run", "float.tfp")[0] == 0
    code, _, err = run("run", "float.tfp", "--trace", "trace.json")
    assert code == 1 and "nothing of the network runs on the machine" in err


def test_run_reports_steps(run: Run) -> None:
    run("compile", "net.onnx", "--machine", "tiny", "-o", "net.tfp")
    arguments = ("run", "net.tfp", "--input", "x=inputs.npz", "--output-dir", "out")
    code, out, _ = run(*arguments, "--report", "report.json")
    assert code == 0
    record = json.loads(Path("report.json").read_text())
    assert [step["on"] for step in record["steps"]] == ["machine", "host", "machine", "host"]
    cycles = [step["total"]["cycles"] for step in record["steps"] if step["on"] == "machine"]
    assert record["total"]["cycles"] == sum(cycles) > 0
    measured = [step["milliseconds"] for step in record["steps"] if step["on"] == "host"]
    assert min(measured) > 0
    assert f"{sum(cycles):,}" in out and "measured here" in out
    assert "net#0 on tiny" in out and "net#2 on tiny" in out
    assert sorted(path.name for path in Path("out").iterdir()) == ["best_0.npy", "erf_0.npy"]


def test_pictures_are_of_one_step(run: Run) -> None:
    run("compile", "net.onnx", "--machine", "tiny", "-o", "net.tfp")
    code, _, err = run("run", "net.tfp", "--trace", "trace.json")
    assert code == 1
    assert err == "error: say which of the machine's steps is meant: --step, one of 0, 2\n"
    assert run("run", "net.tfp", "--trace", "trace.json", "--html", "a.html", "--step", 2)[0] == 0
    assert "net#2" in Path("a.html").read_text()
    layers = Path("trace.json").read_text()
    assert "second" in layers and "first" not in layers
    code, _, err = run("run", "net.tfp", "--step", 2)
    assert code == 1 and "--step is for --trace and --html" in err


def test_levels_and_explanations_are_of_one_step(run: Run) -> None:
    arguments = ("compile", "net.onnx", "--machine", "tiny")
    code, _, err = run(*arguments, "--emit", "nn")
    assert code == 1 and "--step, one of 0, 2" in err
    code, out, _ = run(*arguments, "--emit", "nn", "--step", 0)
    assert code == 0 and 'loc("first"' in out and "second" not in out
    code, out, _ = run(*arguments, "--explain", "second", "--step", 2)
    assert code == 0 and out.startswith("second: nn.conv")
    code, _, err = run(*arguments, "--step", 2, "-o", "net.tfp")
    assert code == 1 and "--step is for --emit LEVEL and --explain LAYER" in err


def test_objdump_shows_one_step(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("compile", "net.onnx", "--machine", "tiny", "-o", "net.tfp")
    with pytest.raises(SystemExit):
        objdump(["net.tfp", "--source", "--step", "2"])
    assert "; ---- second" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        objdump(["net.tfp"])
    assert "--step, one of 0, 2" in capsys.readouterr().err


def test_verify(run: Run) -> None:
    arguments = ("verify", "net.onnx", "--machine", "tiny", "--inputs", "inputs.npz")
    code, out, _ = run(*arguments, "--layers", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["equal"]
    assert {"erf", "host", "best"} < set(found["on_host"])
    assert [row["name"] for row in found["outputs"]] == ["erf:0", "best:0"]
    layers = {row["name"]: row["emulator"] for row in found["layers"]}
    assert layers["second"]["mismatches"] == layers["first"]["mismatches"] == 0
    assert layers["second"]["elements"] == 2 * 4 * 9 * 11
    assert "left to the host, which is onnxruntime: erf, host, " in run(*arguments)[1]


def test_weights_left_out(run: Run) -> None:
    run("compile", "net.onnx", "--machine", "tiny", "--no-weights", "-o", "net.tfp")
    assert run("run", "net.tfp")[0] == 0
    code, _, err = run("run", "net.tfp", "--input", "x=inputs.npz")
    assert code == 1 and "weights were left out" in err


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (None, "has a dynamic dimension 2 ('height'); give its shape (--shape x=1x6xHEIGHTx11)"),
        ("x=1x6x9", "error: dynamic.onnx: input 'x' has 4 dimensions: 1x6x9 does not fit"),
        ("x=1x7x9x11", "input 'x' is given 1x7x9x11, but dimension 1 is 6"),
        ("y=1x6x9x11", "a shape is given for 'y', but the inputs are x"),
        ("x=4x6x9x11", "input 'x' has batch 4; export the model with batch 1"),
        ("x=1x6x0x11", "--shape x=1x6x0x11: give NAME=1x3x224x224"),
        ("x=1,6,9,11", "--shape x=1,6,9,11: give NAME=1x3x224x224"),
        ("1x6x9x11", "--shape 1x6x9x11: give NAME=1x3x224x224"),
    ],
)
def test_shapes(run: Run, shape: str | None, message: str) -> None:
    model = mixed.zigzag()
    for axis, name in ((0, "batch"), (2, "height")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    onnx.save(model, "dynamic.onnx")
    options = ("--shape", shape) if shape else ()
    code, _, err = run("compile", "dynamic.onnx", "-o", "dynamic.tfp", *options)
    assert code == 1
    assert message in err and err.count("\n") == 1
    given = ("--shape", "x=1x6x9x11", "--machine", "tiny")
    assert run("compile", "dynamic.onnx", "-o", "dynamic.tfp", *given)[0] == 0
    run("compile", "net.onnx", "-o", "net.tfp", "--machine", "tiny")
    code, out, _ = run("verify", "dynamic.onnx", "--inputs", "inputs.npz", *given, "--json")
    assert code == 0 and json.loads(out)["equal"]
