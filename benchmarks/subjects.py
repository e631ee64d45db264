"""What the benchmarks run, on one thread: import this module before numpy.

The networks are quantised once, with made-up images, into `.cache/networks`.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import gc
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from tilefold.examples import fashion
from tilefold.examples.networks import build, quantised, quantised_file, random_images

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "networks"
EFFICIENTNET_LITE0 = "efficientnet_lite0"
EFFICIENTNET = ROOT.parent / "shared" / "models" / "efficientnet_lite0.onnx"
"""Not part of the repository; measured where it is there."""
SAMPLE_SECONDS = 0.1
"""The least time that a sample takes."""

Array = npt.NDArray[np.float32]
Key = TypeVar("Key")
_runtime: Any = onnxruntime  # without type stubs


@dataclass(frozen=True)
class Subject:
    """A network in float32 and in int8, and one image for it by input name."""

    name: str
    floating: onnx.ModelProto
    quantised: Path
    image: Mapping[str, Array]


def subject(name: str) -> Subject:
    """The network `name`: one of `available`."""
    if name == "fashion":
        image = np.asarray(fashion.images()[0][:1], np.float32)
        model = onnx.load(fashion.float_model())
        return Subject(name, model, fashion.int8_model(), {"image": image})
    image = random_images(1, seed=1)
    if name == EFFICIENTNET_LITE0:
        return Subject(name, onnx.load(EFFICIENTNET), quantised_subject(name), {"input": image})
    return Subject(name, build(name), quantised_subject(name), {"image": image})


def quantised_subject(name: str) -> Path:
    """The int8 file of one of `NETWORKS`, or of EfficientNet-Lite0."""
    if name == EFFICIENTNET_LITE0:
        return quantised_file(onnx.load(EFFICIENTNET), name, CACHE)
    return quantised(name, CACHE)


def available() -> tuple[str, ...]:
    """The names of the networks, large ones first."""
    efficientnet = (EFFICIENTNET_LITE0,) if EFFICIENTNET.exists() else ()
    return ("resnet50", "resnet18", *efficientnet, "mobilenetv2", "fashion")


def onnxruntime_run(
    model: onnx.ModelProto | Path, image: Mapping[str, Array]
) -> Callable[[], object]:
    """One inference by onnxruntime with one thread and its defaults."""
    options = _runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # only errors
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    session = _runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, image)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Processor time of `work`, which other processes disturb less than the time on the clock.

    Short work is repeated, and its mean taken.
    """
    runs, start = 0, time.process_time()
    while True:
        work()
        runs += 1
        elapsed = time.process_time() - start
        if elapsed >= SAMPLE_SECONDS:
            return elapsed / runs


def interleaved(works: Mapping[Key, Callable[[], object]], rounds: int) -> dict[Key, list[float]]:
    """Processor seconds of each of `works`, in rounds of all: A B A B ...

    What the process holds already is kept from Python's garbage collector meanwhile: whichever work
    happens to set off a full collection would pay for going through all of it.
    """
    samples: dict[Key, list[float]] = {name: [] for name in works}
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        for name, work in works.items():
            samples[name].append(cpu_seconds(work))
    gc.unfreeze()
    return samples


def environment(machine: str, rounds: int) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "machine": machine,
        "rounds": rounds,
        "threads": 1,
        "processor": _processor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnxruntime": _runtime.__version__,
    }


def _processor() -> str:
    """The processor's name as Linux tells it, else as Python does."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
