"""EfficientNet-Lite0, quantised here: emulator, interpreter and onnxruntime agree bit by bit.

The float model and the images are not part of the repository: without `../shared` the tests are
skipped. The quantised model is kept in `.cache`.
"""

import csv
import warnings
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pytest
from tilefold.compiler import Compilation, compile_levels
from tilefold.dialects.store import Store
from tilefold.emulator import emulate
from tilefold.emulator.trace import chrome_trace
from tilefold.frontend import import_model
from tilefold.frontend.judge import Judge
from tilefold.interpreters.nn import run
from tilefold.tests.support.report_checks import (
    check_bytes,
    check_cycles_of_units,
    check_sums_of_layers,
)
from tilefold.tests.support.trace_format import Trace
from tilefold.tools.pictures.page import html_report

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
MODEL = SHARED / "models" / "efficientnet_lite0.onnx"
IMAGES = SHARED / "data" / "imagenet_sample"
QUANTISED = ROOT / ".cache" / "efficientnet_lite0_imagenet.onnx"
CALIBRATION = 50
"""So many images calibrate the scales; those after them are tested."""

pytestmark = pytest.mark.skipif(
    not (MODEL.is_file() and IMAGES.is_dir()), reason="needs ../shared/models and ../shared/data"
)


def image(number: int) -> npt.NDArray[np.float32]:
    """An image as the network takes it, [1, 3, 224, 224]."""
    pillow = pytest.importorskip("PIL.Image", reason="needs pillow to read images")
    with (IMAGES / "labels.csv").open() as file:
        row = list(csv.DictReader(file))[number]
    pixels = np.asarray(pillow.open(IMAGES / row["file"]).convert("RGB"), np.float32)
    return ((pixels - np.float32(127)) / np.float32(128)).transpose(2, 0, 1)[None]


@cache
def quantised() -> Path:
    """The model quantised by onnxruntime: uint8 activations, int8 weights per channel."""
    if QUANTISED.is_file():
        return QUANTISED
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.images = ({"input": image(number)} for number in range(CALIBRATION))

        def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
            return next(self.images, None)

    QUANTISED.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=QUANTISED.parent) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared, result = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        quant_pre_process(MODEL, prepared)
        quantization.quantize_static(
            prepared,
            result,
            Reader(),
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        result.replace(QUANTISED)
    return QUANTISED


def check_images(machines: list[str], count: int) -> None:
    """Emulator, interpreter and onnxruntime agree in every element on `count` images."""
    inputs = [image(CALIBRATION + number) for number in range(count)]
    judge = Judge(quantised())
    assert not judge.in_float
    store = Store()
    module = import_model(quantised(), store)
    interpreted = [run(module, {"input": pixels}, store) for pixels in inputs]
    (name,) = interpreted[0]
    expected = np.concatenate([outputs[name] for outputs in interpreted])
    batch = {"input": np.concatenate(inputs)}
    assert np.array_equal(expected, judge.run(batch)[name])
    for machine in machines:
        program = compile_levels(module, machine, store=store).program
        actual = emulate(program, batch, time=False).outputs[name]
        assert np.array_equal(actual, expected), machine


@cache
def on_dna_a600() -> Compilation:
    store = Store()
    return compile_levels(import_model(quantised(), store), "dna_a600", store=store)


def test_its_report_is_complete() -> None:
    """A row for each layer; all adds up, and bytes are those that the schedule moves."""
    levels = on_dna_a600()
    program = levels.program
    report = emulate(program, {}, values=False, check=False).report
    assert [row.name for row in report.layers] == [*program.layers, "(program)"]
    assert all(row.units and row.bound.cycles for row in report.layers)
    assert set(report.total.bytes) == {memory.name for memory in levels.machine.memories}
    check_cycles_of_units(report, levels.machine)
    check_sums_of_layers(report)
    check_bytes(report, levels)


def test_its_run_can_be_seen() -> None:
    """Its trace is sound and whole, its report is made, both of bounded size."""
    pytest.importorskip("plotly")
    program = on_dna_a600().program
    result = emulate(program, {}, values=False, check=False, record=True)
    assert result.recording
    text = chrome_trace(program, result.report, result.recording)
    trace = Trace(text)
    assert {piece.event["name"] for piece in trace.track("layer")} <= set(program.layers)
    assert sum(map(len, trace.slices.values())) > len(result.recording.slices.unit)
    assert len(trace.flows) == len(result.recording.tokens.sender)
    assert len(text) < 64 << 20
    assert len(html_report(program, result.report, result.recording)) < 16 << 20


def test_two_images() -> None:
    check_images(["dna_a600", "dna_f100"], 2)


@pytest.mark.long
@pytest.mark.parametrize("machine", ["dna_a600", "dna_f100"])
def test_twenty_images(machine: str) -> None:
    check_images([machine], 20)
