"""The command line `tilefold`."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tilefold.backend.assembler import assemble
from tilefold.backend.program import Program
from tilefold.examples import fashion
from tilefold.tools.tilefold import main

Run = Callable[..., tuple[int, str, str]]
MODEL = fashion.int8_model()
IMAGES = 3


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `tilefold` in an empty folder: the exit code, standard output and errors."""
    monkeypatch.chdir(tmp_path)

    def tilefold(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return tilefold


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a compiled program and images to run it on."""
    folder = tmp_path_factory.mktemp("inputs")
    with pytest.raises(SystemExit) as stop:
        main(["compile", str(MODEL), "-o", str(folder / "net.tfp")])
    assert stop.value.code == 0
    images, _ = fashion.images()
    np.savez(folder / "images.npz", image=images[:IMAGES])
    np.save(folder / "image.npy", images[:IMAGES])
    return folder


def test_version(run: Run) -> None:
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("tilefold 0.")


def test_demo(run: Run) -> None:
    code, out, _ = run("demo", "--images", "5", "--machine", "tiny", "--output-dir", "results")
    assert code == 0
    assert "50 of 50 outputs equal onnxruntime's" in out
    report = json.loads(Path("results/report.json").read_text())
    assert report["machine"] == "tiny"
    assert report["comparison"] == {
        "name": "logits",
        "elements": 50,
        "mismatches": 0,
        "largest": 0.0,
    }
    program = Program.load(Path("results/program.tfp"))
    assert assemble(Path("results/program.s").read_text()) == program.code


def test_compile_with_effort(run: Run) -> None:
    code, out, _ = run("compile", MODEL, "--machine", "tiny", "--effort", 1, "-o", "net.tfp")
    assert code == 0
    first, second, third = out.splitlines()
    assert first.startswith("net.tfp: ")
    assert " tensors on chip in " in second
    assert third.startswith("tried 6 programs, the best is 1.")
    assert " times as good as the first: " in third


def test_explain(run: Run) -> None:
    code, out, _ = run("compile", MODEL, "--machine", "tiny", "--explain", "stem/conv")
    assert code == 0
    assert out.startswith("stem/conv: nn.conv")
    assert "predicted " in out
    code, out, _ = run("compile", MODEL, "--explain", "stem/c", "--candidates", 2, "--json")
    assert code == 0
    record = json.loads(out)
    assert record["layer"] == "stem/conv"
    assert len([tiling for tiling in record["tilings"] if tiling["fits"]]) == 2
    assert not any(Path().iterdir())
    code, _, err = run("compile", MODEL, "--explain", "stem/con", "--json", "-o", "net.tfp")
    assert code == 0 and Path("net.tfp").exists()
    code, _, err = run("compile", MODEL, "--explain", "nothing")
    assert code == 1 and "no layer is called 'nothing'; there are" in err
    code, _, err = run("compile", MODEL, "--json", "-o", "net.tfp")
    assert code == 1 and "--json is for --explain LAYER" in err


def test_compile_and_run(run: Run, folder: Path) -> None:
    code, out, _ = run("compile", MODEL, "--machine", "tpu_like", "-o", "net.tfp")
    assert code == 0
    assert out.startswith("net.tfp: int8 for tpu_like: ")
    image = f"image={folder / 'image.npy'}"
    options = ("--input", image, "--output-dir", "out", "--report", "report.json")
    code, out, _ = run("run", "net.tfp", *options)
    assert code == 0
    assert np.load("out/logits.npy").shape == (IMAGES, 10)
    cycles = json.loads(Path("report.json").read_text())["total"]["cycles"]
    assert f"{cycles:,}" in out


def test_several_frames(run: Run, folder: Path) -> None:
    options = ("--machine", "tpu_like", "--frames", 2)
    assert run("compile", MODEL, *options, "--frame-order", "layer", "-o", "net.tfp")[0] == 0
    image = f"image={folder / 'image.npy'}"
    code, out, _ = run("run", "net.tfp", "--input", image, "--report", "report.json")
    assert code == 0
    assert "2 frames: latency " in out
    assert len(json.loads(Path("report.json").read_text())["frames"]) == 2
    code, _, err = run("compile", MODEL, "--frames", 65, "-o", "net.tfp")
    assert code == 2
    assert "--frames" in err
    inputs = folder / "images.npz"
    code, out, _ = run("verify", MODEL, "--inputs", inputs, *options, "--json")
    assert code == 0
    assert json.loads(out)["outputs"][0]["emulator"]["elements"] == 10 * IMAGES


@pytest.mark.parametrize(
    ("level", "text"), [("nn", "nn.conv"), ("schedule", "schedule.conv"), ("isa", "isa.conv")]
)
def test_levels_are_printed(run: Run, level: str, text: str) -> None:
    code, out, _ = run("compile", MODEL, "--emit", level)
    assert code == 0
    assert text in out
    assert 'loc("stem/conv"' in out


def test_assembly_is_written(run: Run, folder: Path) -> None:
    assert run("compile", MODEL, "--emit", "asm", "-o", "net.s", "--store", "store")[0] == 0
    code = Program.load(folder / "net.tfp").code
    assert assemble(Path("net.s").read_text()) == code
    assert Path("store/store.safetensors").exists()


def test_verify(run: Run, folder: Path) -> None:
    arguments = ("verify", MODEL, "--inputs", folder / "images.npz")
    code, out, _ = run(*arguments, "--layers", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["equal"]
    assert found["in_float"] == []
    assert [row["name"] for row in found["outputs"]] == ["logits"]
    assert found["outputs"][0]["emulator"]["elements"] == 10 * IMAGES
    layers = {row["name"]: row for row in found["layers"]}
    assert layers["block2/add"]["operations"] == ["nn.add"]
    assert layers["image_QuantizeLinear"]["emulator"] is None
    assert all(row["emulator"]["mismatches"] == 0 for row in layers.values() if row["emulator"])
    assert "every element equals onnxruntime's, on tiny" in run(*arguments, "--machine", "tiny")[1]


def test_verify_finds_the_layer_that_differs(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tilefold.tools.verify as tool
    from tilefold.emulator import Result, emulate

    def broken(*arguments: object, **options: object) -> Result:
        result = emulate(*arguments, **options)  # type: ignore[arg-type]
        wrong = {name: values + 1 for name, values in result.outputs.items()}
        return Result(wrong, result.report)

    monkeypatch.setattr(tool, "emulate", broken)
    code, out, err = run("verify", MODEL, "--inputs", folder / "images.npz", "--layers")
    assert code == 1
    assert "there are differences from onnxruntime's" in out
    assert err.startswith("layer 'stem/conv' is the first that differs")
    ours, theirs = (np.load(f"out/stem_conv.{who}.npy") for who in ("tilefold", "onnxruntime"))
    assert np.array_equal(ours, theirs + np.uint8(1))


def test_machines(run: Run) -> None:
    assert "dna_a600" in run("machines")[1]
    assert json.loads(run("machines", "tiny", "--json")[1])["name"] == "tiny"


def test_operators(run: Run) -> None:
    assert "Conv" in run("ops")[1]
    assert json.loads(run("ops", "--json")[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("compile absent.onnx -o x.tfp", "absent.onnx: no such file"),
        ("compile {model} -o x.tfp --objective energy", "objective energy takes a search"),
        ("compile {model}", "give -o FILE.tfp, --emit LEVEL or --explain LAYER"),
        ("compile {model} -o x.tfp --machine tinny", "no machine is named 'tinny'; did you mean"),
        ("compile {model} -o absent/x.tfp", "absent/x.tfp: cannot be written"),
        ("compile {inputs}/net.tfp -o x.tfp", "not an ONNX model"),
        ("run absent.tfp", "absent.tfp: cannot be read: No such file or directory"),
        ("run {model}", "damaged, or not a program"),
        ("run {inputs}/damaged.tfp", "damaged, or not a program"),
        ("run {inputs}/net.tfp --input picture={inputs}/image.npy", "no input 'picture'"),
        ("run {inputs}/net.tfp --input image=absent.npy", "absent.npy: No such file"),
        ("run {inputs}/net.tfp --input image={inputs}/other.npz", "holds no array 'image', only"),
        ("verify {model} --inputs absent.npz", "absent.npz: No such file or directory"),
        ("verify {model} --inputs {inputs}/damaged.npz", "not arrays of numbers in numpy's format"),
        ("verify {model} --inputs {inputs}/pickled.npy", "not arrays of numbers in numpy's format"),
        ("verify {model} --inputs {inputs}/image.npy", "one array without a name"),
        ("verify {model} --inputs {inputs}/other.npz", "no input 'picture'"),
        ("verify {model} --inputs {inputs}/integers.npz", "but the model takes float32"),
        ("machines tinny", "no machine is named 'tinny'"),
        ("demo --images 5 --output-dir {model}", "int8.onnx"),
    ],
)
def test_errors_are_one_line(run: Run, folder: Path, arguments: str, message: str) -> None:
    images, _ = fashion.images()
    (folder / "damaged.tfp").write_bytes((folder / "net.tfp").read_bytes()[:-500])
    (folder / "damaged.npz").write_bytes((folder / "images.npz").read_bytes()[:500])
    np.save(folder / "pickled.npy", np.array([print], object), allow_pickle=True)
    np.savez(folder / "other.npz", picture=images[:1])
    np.savez(folder / "integers.npz", image=images[:1].astype(np.uint8))
    code, out, err = run(*arguments.format(model=MODEL, inputs=folder).split())
    assert code == 1
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") <= 2
    assert "Traceback" not in err + out


def test_unknown_options_are_refused(run: Run) -> None:
    assert run("demo", "--pictures", "5")[0] == 2
