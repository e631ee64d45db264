"""The command line `tilefold-emu`."""

import json
from pathlib import Path

import numpy as np
import pytest
from tilefold.tests.emulator.test_run import expected, images, pointwise
from tilefold.tests.support.compiled_networks import shipped_on
from tilefold.tests.support.trace_format import Trace
from tilefold.tools.emulate import main


def run(*arguments: object) -> int:
    """The exit code of `tilefold-emu`."""
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "net.tfp"
    pointwise().save(path)
    return path


def test_outputs_and_report(
    program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = images(2)
    np.save(tmp_path / "x.npy", x)
    report = tmp_path / "report.json"
    options = ("--input", f"x={tmp_path / 'x.npy'}", "--output-dir", tmp_path / "out")
    assert run(program, *options, "--report", report) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "y.npy"), expected(x))
    record = json.loads(report.read_text())
    assert record["machine"] == "tiny"
    assert f"{record['total']['cycles']:,}" in capsys.readouterr().out


def test_json_without_inputs(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(program, "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"]["macs"] > 0


def test_roofline(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(program, "--json") == 0
    total = json.loads(capsys.readouterr().out)["total"]
    assert run(program, "--roofline") == 0
    printed = capsys.readouterr().out
    assert f"{total['bound']['cycles']:,}" in printed
    assert f"{total['distance']:.2f}" in printed
    assert f"{total['operations_per_byte']:.1f}" in printed


def test_prediction(program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(program, "--prediction") == 0
    assert "no prediction" in capsys.readouterr().out
    compiled = shipped_on("tiny").program
    compiled.save(tmp_path / "fashion.tfp")
    assert run(tmp_path / "fashion.tfp", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert compiled.prediction is not None
    assert record["prediction"]["cycles"] == compiled.prediction.cycles
    assert record["layers"][0]["predicted"]["cycles"] == compiled.prediction.layers[0].cycles
    assert "predicted" not in record["layers"][-1]
    strata = record["prediction"]["strata"].values()
    assert sum(stratum["layers"] for stratum in strata) == len(compiled.layers)
    assert run(tmp_path / "fashion.tfp", "--prediction") == 0
    printed = capsys.readouterr().out
    assert f"{compiled.prediction.cycles:,}" in printed
    assert f"{record['prediction']['layers']['mean']:.1%}" in printed


def test_sensitivity(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(program, "--sensitivity", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["sensitivity"]
    assert rows[0] == {"parameter": "weight rows a cycle", "value": "1"} | {
        "cycles": rows[0]["cycles"],
        "ratio": 1.0,
    }
    assert run(program, "--sensitivity", "--no-check") == 0
    printed = capsys.readouterr().out
    assert all(f"{row['cycles']:,}" in printed for row in rows)


@pytest.mark.parametrize("check", ["--check", "--no-check"])
@pytest.mark.parametrize(("values", "time"), [(True, True), (True, False), (False, True)])
def test_modes(
    program: Path,
    tmp_path: Path,
    check: str,
    values: bool,
    time: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.save(tmp_path / "x.npy", images())
    options = [f"--input=x={tmp_path / 'x.npy'}", "--values" if values else "--no-values"]
    options += ["--time" if time else "--no-time", check, f"--output-dir={tmp_path / 'out'}"]
    assert run(program, "--json", *options) == 0
    assert (json.loads(capsys.readouterr().out)["total"]["cycles"] > 0) == time
    assert (tmp_path / "out" / "y.npy").is_file() == values


def test_a_program_without_weights_is_timed_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bare.tfp"
    pointwise().without_weights().save(path)
    assert run(path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"]["cycles"] > 0
    np.save(tmp_path / "x.npy", images())
    assert run(path, f"--input=x={tmp_path / 'x.npy'}") == 1
    assert "weights were left out" in capsys.readouterr().err
    assert run(path, f"--input=x={tmp_path / 'x.npy'}", "--no-values") == 0


def test_the_shortcut_can_be_left_out(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records: list[str] = []
    for option in ("--shortcut", "--no-shortcut"):
        assert run(program, "--json", option) == 0
        records.append(capsys.readouterr().out)
    assert records[0] == records[1]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("x", "error: --input x: give NAME=FILE.npy"),
        ("x=absent.npy", "error: absent.npy: No such file or directory"),
        ("x={program}", "not arrays of numbers in numpy's format"),
    ],
)
def test_errors_are_one_line(
    program: Path, option: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(program, "--input", option.format(program=program)) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_trace(tmp_path: Path) -> None:
    pointwise().save(tmp_path / "net.tfp")
    assert run(tmp_path / "net.tfp", "--trace", tmp_path / "trace.json") == 0
    trace = Trace((tmp_path / "trace.json").read_text())
    assert [piece.event["name"] for piece in trace.track("layer")]
    assert trace.flows


def test_a_trace_needs_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pointwise().save(tmp_path / "net.tfp")
    assert run(tmp_path / "net.tfp", "--no-time", "--trace", tmp_path / "trace.json") == 1
    assert capsys.readouterr().err.startswith("error: without time there is nothing to record")
    assert not (tmp_path / "trace.json").exists()
