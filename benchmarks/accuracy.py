"""What quantisation keeps of networks: the table of docs/quantisation.md.

    python benchmarks/accuracy.py [NETWORK..] [--docs] [--json FILE]

The shipped network is quantised by its first 200 images and judged on the other 800.
EfficientNet-Lite0 takes part where its model and 500 labelled photographs are beside the checkout:
50 for calibration, the other 450 to judge by.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pages import with_tables
from PIL import Image
from tilefold.frontend.quality import quality
from tilefold.quantizer import Quantisation, quantised
from tilefold.tools.command import console, write_files

Array = npt.NDArray[Any]

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "quantisation.md"
SHARED = ROOT.parent / "shared"
FASHION = ROOT / "examples" / "fashion"

WIDTHS = (
    Quantisation(8, 8),
    Quantisation(6, 6),
    Quantisation(5, 5),
    Quantisation(4, 4),
    Quantisation(4, 8),
    Quantisation(4, 8, first=8, last=8),
)


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
    """What came of a network at some widths."""

    weights: str
    activations: int
    right: float
    before: float
    agreement: float
    signal_to_noise: float


def subjects() -> Iterator[Subject]:
    """The networks that are at hand."""
    arrays = np.load(FASHION / "images.npz", allow_pickle=False)
    images = arrays["image"].astype(np.float32) / np.float32(255)
    yield Subject(
        "shipped",
        FASHION / "float.onnx",
        {"image": images[:200]},
        {"image": images[200:]},
        arrays["label"][200:],
    )
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


def measured(subject: Subject, options: Quantisation) -> Row:
    """Quantise a network and judge it."""
    made = quantised(subject.model, subject.calibration, options)
    found = quality(made.original, made.model, made.samples_of(subject.test), subject.labels)
    assert found.right is not None
    assert found.right_before is not None
    ends = f", {options.first} at the ends" if options.first else ""
    return Row(
        f"{options.weights}{ends}",
        options.activations,
        found.right,
        found.right_before,
        found.agreement,
        found.signal_to_noise,
    )


def cells(rows: list[Row]) -> list[list[str]]:
    """The table."""
    heading = ["weights", "activations", "right", "float", "agree", "signal to noise, dB"]
    return [
        heading,
        *(
            [
                row.weights,
                str(row.activations),
                f"{row.right:.2%}",
                f"{row.before:.2%}",
                f"{row.agreement:.1%}",
                f"{row.signal_to_noise:.1f}",
            ]
            for row in rows
        ),
    ]


def main() -> None:
    """Measure, print and, where asked for, put the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("networks", nargs="*", help="of these alone")
    parser.add_argument("--docs", action="store_true", help="put the table into the page")
    parser.add_argument("--json", type=Path, help="write the figures")
    options = parser.parse_args()
    rows: dict[str, list[Row]] = {}
    for subject in subjects():
        for widths in WIDTHS if subject.name in (options.networks or [subject.name]) else ():
            rows.setdefault(subject.name, []).append(measured(subject, widths))
            console().print(rows[subject.name][-1])
    records = {name: [asdict(row) for row in found] for name, found in rows.items()}
    if options.json:
        write_files({options.json: json.dumps(records, indent=1).encode()})
    if options.docs:
        page = PAGE.read_text(encoding="utf-8")
        tables = {name: cells(rows[name]) for name in rows if f"<!-- {name} -->" in page}
        write_files({PAGE: with_tables(PAGE, tables, dict.fromkeys(tables, 1)).encode()})


if __name__ == "__main__":
    main()
