"""Quantises ``float.onnx`` to 8 bits, and writes ``int8.onnx`` and ``images.npz``.

onnxruntime's static quantiser in QDQ form: activations uint8, one scale and zero point a tensor,
from the least and greatest values over the calibration images; weights int8, symmetric, one
scale an output channel. The calibration images are training images chosen with a fixed seed.

Run by hand (never by make), as ``python -m tilefold.examples.fashion.quantise``; it needs
Debian's ``dataset-fashion-mnist``. The files shipped here were written with Python 3.11,
numpy 2.4.6, onnx 1.23.2 and onnxruntime 1.31.1, with this script's default options.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from . import dataset, float_model, int8_model

SEED = 2024
SHIPPED_IMAGES = 1000


class Calibration(CalibrationDataReader):
    """Hands the quantiser the images, one batch at a time."""

    def __init__(self, name: str, images: np.ndarray, batch: int) -> None:
        self.name = name
        self.batches = iter(np.split(images, range(batch, len(images), batch)))

    def get_next(self) -> dict[str, np.ndarray] | None:  # pyright: ignore
        """The next batch, or None when there is no more: what the quantiser asks for."""
        batch = next(self.batches, None)
        return None if batch is None else {self.name: batch}


def quantise(
    source: Path, target: Path, images: np.ndarray, name: str = "image", batch: int = 64
) -> None:
    """Writes the model at ``source``, calibrated on images for its input, to ``target``."""
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        # Only to infer shapes: the optimiser is left out, so that every node keeps its name.
        quant_pre_process(source, prepared, skip_optimization=True)
        quantize_static(
            prepared,
            target,
            Calibration(name, images, batch),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=False,
            calibrate_method=CalibrationMethod.MinMax,
        )


def accuracy(model: Path, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images that the ONNX model at this path classifies rightly."""
    options = onnxruntime.SessionOptions()
    # Without this, x86 CPUs that lack VNNI saturate sums of uint8 x int8 products at 16 bits.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    right = 0
    for start in range(0, len(images), 500):
        (logits,) = session.run(["logits"], {"image": images[start : start + 500]})
        right += int((np.asarray(logits).argmax(1) == labels[start : start + 500]).sum())
    return right / len(images)


def main() -> None:
    """Quantises, writes the model and the images, and prints the accuracies."""
    parser = argparse.ArgumentParser(description="Quantises the embedded default.")
    parser.add_argument("--data", type=Path, default=dataset.FOLDER, help="the dataset's folder")
    parser.add_argument("--output", type=Path, default=int8_model(), help="the model to write")
    parser.add_argument("--calibration", type=int, default=512, help="how many training images")
    options = parser.parse_args()

    pixels, _ = dataset.read("train", options.data)
    chosen = np.random.default_rng(SEED).permutation(len(pixels))[: options.calibration]
    quantise(float_model(), options.output, dataset.preprocess(pixels[chosen]))

    pixels, labels = dataset.read("t10k", options.data)
    np.savez_compressed(
        options.output.with_name("images.npz"),
        image=pixels[:SHIPPED_IMAGES],
        label=labels[:SHIPPED_IMAGES],
    )
    images = dataset.preprocess(pixels)
    for model in (float_model(), options.output):
        whole = accuracy(model, images, labels)
        shipped = accuracy(model, images[:SHIPPED_IMAGES], labels[:SHIPPED_IMAGES])
        print(f"{model.name}: {whole:.2%} of 10,000 test images, {shipped:.2%} of those shipped")


if __name__ == "__main__":
    main()
