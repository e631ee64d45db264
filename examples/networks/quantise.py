"""Quantising the networks with onnxruntime's static quantiser (QDQ form).

Activations are uint8 with one scale and zero point a tensor, from the extremes over a few random
images; weights are int8, symmetric, with one scale an output channel.
"""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import ModelProto
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,  # pyright: ignore[reportUnknownVariableType]
)
from onnxruntime.quantization.shape_inference import (
    quant_pre_process,  # pyright: ignore[reportUnknownVariableType]
)

from .catalogue import build

CALIBRATION_IMAGES = 4
CALIBRATION_SEED = 7
GRIDS = (2, 5, 11, 23, 56)
"""Cells a side of the noises that make up a random image."""

F32Array = npt.NDArray[np.float32]
_runtime: Any = onnxruntime  # without type stubs


def random_images(count: int, size: int = 224, seed: int = 0) -> F32Array:
    """Images [count, 3, size, size] in -2..2, of structure at several scales as photographs are."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, 3, size, size))
    for cells in (*GRIDS, size):
        noise = random.standard_normal((count, 3, cells, cells))
        place = np.arange(size) * cells // size
        images += noise[:, :, place][..., place]
    return np.clip(images / np.sqrt(len(GRIDS) + 1), -2, 2).astype(np.float32)


class Calibration(CalibrationDataReader):
    """Hands the quantiser the images one by one, as the input `name`."""

    def __init__(self, name: str, images: F32Array) -> None:
        self._name = name
        self._images = iter(images)

    def get_next(self) -> dict[str, F32Array] | None:  # pyright: ignore
        """The next image as a batch of one, or None: what the quantiser asks for."""
        image = next(self._images, None)
        return None if image is None else {self._name: image[None]}


def quantise(model: ModelProto) -> ModelProto:
    """A float model of one input [1, 3, size, size] in int8, calibrated on random images."""
    (image,) = model.graph.input
    size = image.type.tensor_type.shape.dim[-1].dim_value
    images = random_images(CALIBRATION_IMAGES, size, CALIBRATION_SEED)
    with tempfile.TemporaryDirectory() as folder:
        prepared, target = Path(folder) / "prepared.onnx", Path(folder) / "int8.onnx"
        # Only to infer shapes: the optimiser is left out, so that every node keeps its name.
        quant_pre_process(model, prepared, skip_optimization=True, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            Calibration(image.name, images),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=False,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return onnx.load(target)


def quantised(name: str, cache: Path, size: int = 224) -> Path:
    """The file of the network `name` in int8, in the folder `cache`; made if it is not there."""
    return quantised_file(build(name, size), f"{name}-{size}", cache)


def quantised_file(model: ModelProto, stem: str, cache: Path) -> Path:
    """The file of a float model in int8, in the folder `cache`; made if it is not there.

    Beside `stem` its name holds a digest of the model and of onnxruntime's release.
    """
    digest = hashlib.sha256(model.SerializeToString(deterministic=True))
    digest.update(_runtime.__version__.encode())
    file = cache / f"{stem}-{digest.hexdigest()[:12]}.onnx"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            whole = Path(folder) / file.name
            onnx.save(quantise(model), whole)
            whole.replace(file)
    return file
