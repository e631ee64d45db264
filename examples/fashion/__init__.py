"""The embedded default: a small residual CNN for Fashion-MNIST, with images to run it on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_FOLDER = Path(__file__).parent


def float_model() -> Path:
    """The trained network in float32, as ``train.py`` wrote it."""
    return _FOLDER / "float.onnx"


def int8_model() -> Path:
    """The network quantised to 8 bits (QDQ form), as ``quantise.py`` wrote it."""
    return _FOLDER / "int8.onnx"


def images() -> tuple[np.ndarray, np.ndarray]:
    """The first 1,000 test images (float32 in [0, 1], [1000, 1, 28, 28]) and their labels."""
    with np.load(_FOLDER / "images.npz", allow_pickle=False) as archive:
        return archive["image"].astype(np.float32) / np.float32(255), archive["label"]
