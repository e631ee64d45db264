"""What quantisation keeps of networks: the tables of docs/quantisation.md.

    python benchmarks/accuracy.py [NETWORK..] [--docs] [--json FILE]

With the files of Fashion-MNIST (Debian's `dataset-fashion-mnist`, or its four files in
`.cache/fashion`) the shipped network is quantised by 200 training images and judged on the 10,000
test images; without them by the first 200 of the images shipped with it, on the other 800.
EfficientNet-Lite0 takes part where its model and 500 labelled photographs are beside the checkout:
50 for calibration, the other 450 to judge by. onnxruntime's own quantiser gets the same samples.
"""

import argparse
import csv
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from pages import with_tables
from PIL import Image
from tilefold.examples import fashion
from tilefold.examples.fashion import dataset
from tilefold.frontend.quality import Quality, quality
from tilefold.interpreters.samples import Samples
from tilefold.quantizer import Quantisation, quantised
from tilefold.tools.command import console, write_files

Array = npt.NDArray[Any]

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "quantisation.md"
SHARED = ROOT.parent / "shared"
CACHE = ROOT / ".cache" / "fashion"

WIDTHS = (
    Quantisation(8, 8),
    Quantisation(6, 6),
    Quantisation(5, 5, input=8),
    Quantisation(4, 4, input=8),
    Quantisation(4, 8),
    Quantisation(4, 8, first=8, last=8),
)

METHODS: Mapping[str, Mapping[str, Any]] = {
    "nearest integers": {"method": "minmax", "rounding": "nearest", "equalize": False},
    "and ranges of the least error": {"rounding": "nearest", "equalize": False},
    "and means kept": {"rounding": "corrected", "equalize": False},
    "and channels equalised": {"rounding": "corrected"},
    "and weights rounded together": {},
}
"""What methods do that are added in turn: the options of those up to each."""

ABLATED = (Quantisation(8, 8), Quantisation(5, 5, input=8), Quantisation(4, 8, first=8, last=8))

RUNTIME = ("MinMax", "Entropy", "Percentile")
"""How onnxruntime's quantiser finds ranges."""


@dataclass(frozen=True)
class Subject:
    """A float model, what it is quantised by, and labelled samples to judge it on."""

    name: str
    model: Path
    calibration: Mapping[str, Array]
    test: Mapping[str, Array]
    labels: Array


@dataclass(frozen=True)
class Row:
    """What came of a network at some widths, or by some method."""

    by: str
    weights: str
    activations: str
    quality: Quality


def subjects() -> Iterator[Subject]:
    """The networks that are at hand."""
    yield shipped()
    folder = SHARED / "data" / "imagenet_sample"
    model = SHARED / "models" / "efficientnet_lite0.onnx"
    if not (folder.is_dir() and model.is_file()):
        print("EfficientNet-Lite0 and the photographs are not beside the checkout: left out")
        return
    with (folder / "labels.csv").open() as file:
        labels = {row["file"]: int(row["label"]) for row in csv.DictReader(file)}
    names = sorted(labels)
    pixels = [np.asarray(Image.open(folder / name).convert("RGB"), np.float32) for name in names]
    images = ((np.stack(pixels) - 127) / 128).transpose(0, 3, 1, 2).astype(np.float32)
    classes = np.array([labels[name] for name in names])
    yield Subject(
        "efficientnet_lite0", model, {"input": images[:50]}, {"input": images[50:]}, classes[50:]
    )


def shipped() -> Subject:
    """The network that is shipped, with all test images where there are more than are shipped."""
    for folder in (dataset.FOLDER, CACHE):
        if (folder / "t10k-images-idx3-ubyte.gz").is_file():
            known = dataset.preprocess(dataset.read("train", folder)[0][:200])
            pixels, labels = dataset.read("t10k", folder)
            images = dataset.preprocess(pixels)
            break
    else:
        print(f"no Fashion-MNIST in {dataset.FOLDER} or {CACHE}: judged on 800 shipped images")
        images, labels = fashion.images()
        known, images, labels = images[:200], images[200:], labels[200:]
    return Subject("shipped", fashion.float_model(), {"image": known}, {"image": images}, labels)


def measured(subject: Subject, options: Quantisation, by: str = "tilefold") -> Row:
    """Quantise a network and judge it."""
    made = quantised(subject.model, subject.calibration, options)
    found = quality(made.original, made.model, made.samples_of(subject.test), subject.labels)
    weights = f"{options.weights}, {options.first} at the ends" if options.first else ""
    activations = f"{options.activations}, {options.input} of the input" if options.input else ""
    return Row(by, weights or str(options.weights), activations or str(options.activations), found)


def ablation(subject: Subject, options: Quantisation) -> Iterator[Row]:
    """What comes of a network at some widths as methods are added in turn."""
    done: list[Quantisation] = []
    for by, changes in METHODS.items():
        changed = replace(options, **changes)
        if changed.activations == 8:  # where "auto" is "minmax"
            changed = replace(changed, method="minmax")
        if changed not in done:
            yield measured(subject, changed, by)
        done.append(changed)


class _Reader(CalibrationDataReader):
    """Hands onnxruntime's quantiser one sample after the other."""

    def __init__(self, samples: Samples) -> None:
        self._samples = iter(samples)

    def get_next(self) -> dict[str, Array] | None:  # pyright: ignore
        return next(self._samples, None)


def by_onnxruntime(subject: Subject, method: str) -> Row:
    """The same by onnxruntime's quantiser: 8 bits, a scale for each channel of weights."""
    with tempfile.TemporaryDirectory() as folder:
        prepared, written = Path(folder) / "prepared.onnx", Path(folder) / "quantised.onnx"
        quant_pre_process(subject.model, prepared)
        quantize_static(
            prepared,
            written,
            _Reader(Samples(subject.calibration)),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            calibrate_method=CalibrationMethod[method],
        )
        model = onnx.load(written)
    original = onnx.load(subject.model)
    found = quality(original, model, Samples(subject.test), subject.labels)
    return Row(f"onnxruntime, {method}", "8", "8", found)


def cells(rows: list[Row]) -> list[list[str]]:
    """The table."""
    heading = ["by", "weights", "activations", "right", "float", "agree", "signal to noise, dB"]
    return [heading, *map(_line, rows)]


def _line(row: Row) -> list[str]:
    found = row.quality
    assert found.right is not None
    assert found.right_before is not None
    return [
        row.by,
        row.weights,
        row.activations,
        f"{found.right:.2%}",
        f"{found.right_before:.2%}",
        f"{found.agreement:.1%}",
        f"{found.signal_to_noise:.1f}",
    ]


def rows_of(subject: Subject) -> Iterator[tuple[str, Row]]:
    """The rows of a network, each with the name of its table."""
    for widths in WIDTHS:
        yield subject.name, measured(subject, widths)
    for method in RUNTIME:
        yield subject.name, by_onnxruntime(subject, method)
    for widths in ABLATED if subject.name == "efficientnet_lite0" else ():
        for row in ablation(subject, widths):
            yield f"{subject.name}, methods", row


def main() -> None:
    """Measure, print and, where asked for, put the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="of these alone")
    parser.add_argument("--docs", action="store_true", help="put the tables into the page")
    parser.add_argument("--json", type=Path, help="write the figures")
    options = parser.parse_args()
    rows: dict[str, list[Row]] = {}
    for subject in subjects():
        if subject.name in (options.networks or [subject.name]):
            for name, row in rows_of(subject):
                rows.setdefault(name, []).append(row)
                console().print(name, *_line(row), highlight=False)
    if options.json:
        records = {name: [asdict(row) for row in found] for name, found in rows.items()}
        write_files({options.json: json.dumps(records, indent=1).encode()})
    if options.docs:
        page = PAGE.read_text(encoding="utf-8")
        tables = {name: cells(rows[name]) for name in rows if f"<!-- {name} -->" in page}
        write_files({PAGE: with_tables(PAGE, tables, dict.fromkeys(tables, 3)).encode()})


if __name__ == "__main__":
    main()
