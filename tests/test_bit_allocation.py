"""The search for widths of layers under a budget of accuracy."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tilefold.bit_allocation import Site, Work, allocate, bit_operations
from tilefold.errors import TilefoldError
from tilefold.examples import fashion
from tilefold.frontend.quality import quality
from tilefold.passes.quantising.widths import read_widths
from tilefold.quantizer import Calibrated, Quantisation, calibrated
from tilefold.tools.tilefold import main

IMAGES, LABELS = fashion.images()
OPTIONS = Quantisation(8, 8, rounding="corrected")


@pytest.fixture(scope="module")
def ready() -> Calibrated:
    return calibrated(fashion.float_model(), {"image": IMAGES[:8]}, OPTIONS)


def test_bit_operations_are_products_of_both_widths() -> None:
    weights, values = Site("a", "weights"), Site("a", "activations")
    works = [Work(weights, None, 100), Work(Site("b", "weights"), values, 10)]
    bits = {weights: 4, values: 5, Site("b", "weights"): 2}
    assert bit_operations(works, bits, Quantisation(8, 6)) == 100 * 4 * 6 + 10 * 2 * 5
    assert bit_operations(works, bits, Quantisation(8, 6, input=8)) == 100 * 4 * 8 + 10 * 2 * 5


def test_a_budget_is_kept_and_used(ready: Calibrated, tmp_path: Path) -> None:
    test = ready.samples_of({"image": IMAGES[100:150]})
    found = [
        allocate(ready, budget, OPTIONS, test=test, labels=LABELS[100:150])
        for budget in (2.0, 20.0)
    ]
    for each, budget in zip(found, (2.0, 20.0), strict=True):
        assert each.lost <= budget
        assert each.bit_operations < each.widest
        assert each.quality.samples == 50
    assert found[1].bit_operations < found[0].bit_operations < 0.7 * found[0].widest
    # Layers differ, and the file of widths makes the same network again.
    assert len(set(found[0].layers.values())) > 2
    file = tmp_path / "widths.json"
    file.write_text(json.dumps(found[0].as_json()))
    again = ready.quantised(OPTIONS, read_widths(str(file)))
    assert again.model.SerializeToString() == found[0].made.model.SerializeToString()
    same = allocate(ready, 2.0, OPTIONS, test=test, labels=LABELS[100:150])
    assert same.as_json() == found[0].as_json()


def test_sensitive_layers_keep_their_bits(ready: Calibrated) -> None:
    """At no more bit operations, the widths found make less noise than the same for all layers."""
    test = ready.samples_of({"image": IMAGES[100:150]})
    found = allocate(ready, 4.0, OPTIONS, test=test)
    part = found.bit_operations / found.widest
    even = max(bits for bits in range(2, 9) if (bits / 8) ** 2 <= max(part, 1 / 16))
    options = replace(OPTIONS, weights=even, activations=even)
    uniform = ready.quantised(options)
    noise = quality(uniform.original, uniform.model, test).signal_to_noise
    assert found.quality.signal_to_noise > noise


def test_budgets_that_cannot_be_kept_are_refused(ready: Calibrated) -> None:
    with pytest.raises(TilefoldError, match=r"points are lost with 2 bits of weights and 2 of"):
        allocate(ready, 0.0, Quantisation(2, 2, rounding="nearest"))
    for budget in (-1.0, float("nan")):
        with pytest.raises(TilefoldError, match="must not be negative"):
            allocate(ready, budget, OPTIONS)


@pytest.fixture
def run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    np.savez("samples.npz", image=IMAGES[:8])

    def tilefold(*arguments: object) -> tuple[int, str, str]:
        given = ["quantize", fashion.float_model(), "--calibrate", "samples.npz", "-o", "q.onnx"]
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in (*given, *arguments)])
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return tilefold


def test_the_tool_searches_and_writes_the_widths(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run(
        "--budget", 20, "--layers-output", "w.json", "--rounding", "corrected", "--input", 8
    )
    assert code == 0
    assert "% of the bit operations, " in out.splitlines()[1]
    assert Path("q.onnx").exists()
    found = read_widths("w.json")
    assert any(widths.weights for widths in found.values())
    assert any(widths.activations for widths in found.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--budget", 1, "--layers", "w.json"), "--budget finds the widths of layers"),
        (("--layers-output", "w.json"), "give a --budget POINTS"),
        (("--budget", -1), "a budget of -1.0 points: it must not be negative"),
    ],
)
def test_options_that_do_not_go_together(
    run: Callable[..., tuple[int, str, str]], options: tuple[object, ...], message: str
) -> None:
    code, _, err = run(*options)
    assert code == 1
    assert message in err
    assert not Path("q.onnx").exists()
