"""`tilefold explore zigzag` from its options to its files."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from tilefold.machines import load_machine
from tilefold.tests.explore.zigzag_fixture import facts
from tilefold.tests.support.mixed_networks import conv, net, quantised
from tilefold.tools.tilefold import main

Run = Callable[..., tuple[int, str, str]]
FILES = ("--accelerator", "hw.yaml", "--mapping", "map.yaml", "--workload", "net.yaml")
CASE: dict[str, Any] = facts()["cases"][0]
FIRST = "/conv1/Conv"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command beside ZigZag's tpu_like and two layers: exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    layers = [each["layer"] for each in CASE["layers"][:2]]
    files = {"hw.yaml": CASE["hardware"], "map.yaml": CASE["mapping"], "net.yaml": layers}
    for name, content in files.items():
        Path(name).write_text(json.dumps(content))

    def zigzag(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(["explore", "zigzag", *arguments])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return zigzag


def cells(text: str, title: str) -> list[list[str]]:
    """The cells of the table of that title."""
    lines = text[text.index(title) :].splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith("└"))
    return [[c.strip() for c in line.split("│")[1:-1]] for line in lines[:end] if line[0] == "│"]


def test_tables_and_files_say_the_same(run: Run) -> None:
    code, out, err = run(*FILES, "--report", "out/r.json", "--csv", "out/csv", "--loops", FIRST)
    assert (code, err) == (0, "")
    record = json.loads(Path("out/r.json").read_text())
    assert (record["architecture"], record["objective"]) == ("tpu_like", "energy")
    for name in ("layers", "accesses", "memories", "loops"):
        with Path(f"out/csv/{name}.csv").open() as file:
            rows = [list(row.values()) for row in csv.DictReader(file)]
        assert rows == [[str(value) for value in row.values()] for row in record[name]]
    *layers, total = cells(out, "net on tpu_like: mappings of least energy")
    assert [row[0] for row in layers if row[0]] == [FIRST, "/layer1/layer1.0/conv1/Conv"]
    energies = [f"{row['energy_pj'] / 1e3:,.1f}" for row in record["layers"]]
    assert [row[3] for row in layers if row[0]] == energies
    assert total[:5] == [
        "total", "", f"{record['total']['macs']:,}",
        f"{record['total']['energy_pj'] / 1e3:,.1f}", f"{record['total']['cycles']:,}",
    ]  # fmt: skip
    assert [row[:4] for row in cells(out, "accesses of all layers")] == [
        [row["memory"], row["operand"], f"{row['reads']:,}", f"{row['writes']:,}"]
        for row in record["memories"]
    ]
    loops = [row for row in record["loops"] if row["layer"] == FIRST]
    assert [row[:2] for row in cells(out, f"loops of {FIRST}")] == [
        [row["loop"], f"{row['iterations']:,}"] for row in loops
    ]
    code, out, _ = run(*FILES, "--json")
    assert code == 0 and json.loads(out) == record
    assert (
        json.loads(run(*FILES, "--objective", "latency", "--json")[1])["total"] != record["total"]
    )


def test_a_model_and_a_machine(run: Run) -> None:
    """The machine can be compiled for; what it lacks is told beside the output."""
    builder = net()
    x = quantised(builder, builder.input((1, 4, 6, 6)))
    builder.output(quantised(builder, conv(builder, x, (4, 8), "only")))
    onnx.save(builder.model(), "net.onnx")
    words = [*FILES[:-1], "net.onnx", "--machine-out", "out/m.mlir", "--json"]
    code, out, err = run(*words)
    assert code == 0
    (row,) = json.loads(out)["layers"]
    assert (row["layer"], row["macs"]) == ("only", 36 * 4 * 8 * 9)
    assert load_machine(Path("out/m.mlir")).name == "tpu_like"
    lines = err.splitlines()
    assert lines and all(line.startswith("not in out/m.mlir: ") for line in lines)
    with pytest.raises(SystemExit) as stop:
        main(["compile", "net.onnx", "--machine", "out/m.mlir", "-o", "net.tfp"])
    assert stop.value.code == 0 and Path("net.tfp").exists()


def with_file(option: str, name: str) -> list[str]:
    """The options, with another file for one of them."""
    words = list(FILES)
    words[words.index(option) + 1] = name
    return words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (with_file("--accelerator", "no.yaml"), "cannot read no.yaml: No such file or directory"),
        (with_file("--mapping", "hw.yaml"), "hw.yaml: no list of entries"),
        (with_file("--workload", "hw.yaml"), "hw.yaml: no list of entries"),
        (with_file("--workload", "none.onnx"), "none.onnx: no such file"),
        (with_file("--workload", "bad.onnx"), "bad.onnx: not an ONNX model"),
        ((*FILES, "--loops", "conv1"), "net.yaml: no layer is called 'conv1'; there are /conv1"),
        ((*FILES, "--report", "hw.yaml/r.json"), "cannot be written"),
    ],
)
def test_what_is_wrong_is_said(run: Run, words: list[str], message: str) -> None:
    Path("bad.onnx").write_bytes(b"no model")
    code, out, err = run(*words, "--csv", "out")
    assert code == 1 and out == ""
    assert err.startswith("error: ") and message in err and err.count("\n") <= 2
    assert not any(Path("out").glob("*.csv"))


def test_nothing_is_written_where_there_is_no_machine(run: Run) -> None:
    """A layer of its own dimensions has energies and cycles, but is no convolution."""
    layer = {
        "id": 0, "name": "other", "operator_type": "Other", "equation": "O[d][k]+=I[d][c]*W[c][k]",
        "loop_dims": ["C", "D", "K"], "loop_sizes": [64, 8, 64],
        "operand_precision": {"W": 8, "I": 8, "O": 16, "O_final": 8},
    }  # fmt: skip
    entry = {**CASE["mapping"][0], "spatial_mapping": {"D1": ["K, 32"], "D2": ["D, 8"]}}
    Path("net.yaml").write_text(json.dumps([layer]))
    Path("map.yaml").write_text(json.dumps([entry]))
    assert run(*FILES)[0] == 0
    code, _, err = run(*FILES, "--report", "r.json", "--machine-out", "m.mlir")
    assert code == 1 and "unrolls D, which convolutions do not have" in err
    assert not Path("r.json").exists() and not Path("m.mlir").exists()


def test_all_three_files_are_needed(run: Run) -> None:
    for option in FILES[::2]:
        place = FILES.index(option)
        code, _, err = run(*FILES[:place], *FILES[place + 2 :])
        assert code == 2 and f"Missing option '{option}'" in err


def test_without_yaml_the_error_names_the_extra(run: Run) -> None:
    code = "import sys; sys.modules['yaml'] = None\nfrom tilefold.tools.tilefold import main\n"
    code += f"main(['explore', 'zigzag', *{FILES!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ZigZag's files need PyYAML, which is not installed")
    assert "pip install 'tilefold[explore]'" in done.stderr
