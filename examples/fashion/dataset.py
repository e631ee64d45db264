"""Reads the Fashion-MNIST files that Debian's package ``dataset-fashion-mnist`` installs."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package puts the four IDX files."""

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def read(split: str, folder: Path = FOLDER) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (uint8, [count, 1, 28, 28]) and labels (uint8, [count]) of ``train`` or ``t10k``."""
    with gzip.open(folder / f"{split}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 1, 28, 28)
    with gzip.open(folder / f"{split}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    if len(pixels) != len(labels):
        raise ValueError(f"{folder}: {len(pixels)} images but {len(labels)} labels in {split}")
    return pixels, labels


def preprocess(pixels: np.ndarray) -> np.ndarray:
    """What the network takes: pixels 0..255 as float32 in [0, 1]."""
    return pixels.astype(np.float32) / np.float32(255)
