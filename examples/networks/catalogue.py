"""The networks by name."""

from collections.abc import Callable, Mapping

from onnx import ModelProto

from .mobilenet import mobilenet_v2
from .resnet import resnet18, resnet50

NETWORKS: Mapping[str, Callable[[int], ModelProto]] = {
    "resnet50": resnet50,
    "resnet18": resnet18,
    "mobilenetv2": mobilenet_v2,
}
"""Each a function of the image size."""


def build(name: str, size: int = 224) -> ModelProto:
    """The float network `name` for one image [1, 3, size, size]; KeyError if there is none."""
    return NETWORKS[name](size)
