"""ResNet-18 and ResNet-50 (He et al., 2016), the latter as v1.5: its stride is in the 3x3."""

from onnx import ModelProto

from .writer import INPUT, Writer

BRANCH_GAIN = 0.5
"""Of the last convolution of a branch: sums of sixteen branches stay in range."""
STAGES = (64, 128, 256, 512)
EXPANSION = 4


def _stem(write: Writer) -> str:
    x = write.relu(write.conv("stem/conv", INPUT, 64, kernel=7, stride=2))
    return write.node(
        "MaxPool", "stem/pool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
    )


def _join(write: Writer, name: str, x: str, branch: str, stride: int) -> str:
    """Branch plus shortcut; the shortcut is projected where shapes differ."""
    channels = write.channels[branch]
    if stride != 1 or write.channels[x] != channels:
        x = write.conv(f"{name}/shortcut", x, channels, stride=stride, gain=1.0)
    return write.relu(write.add(f"{name}/add", x, branch))


def _basic(write: Writer, name: str, x: str, width: int, stride: int) -> str:
    y = write.relu(write.conv(f"{name}/conv1", x, width, kernel=3, stride=stride))
    y = write.conv(f"{name}/conv2", y, width, kernel=3, gain=BRANCH_GAIN)
    return _join(write, name, x, y, stride)


def _bottleneck(write: Writer, name: str, x: str, width: int, stride: int) -> str:
    y = write.relu(write.conv(f"{name}/conv1", x, width))
    y = write.relu(write.conv(f"{name}/conv2", y, width, kernel=3, stride=stride))
    y = write.conv(f"{name}/conv3", y, EXPANSION * width, gain=BRANCH_GAIN)
    return _join(write, name, x, y, stride)


def resnet18(size: int = 224) -> ModelProto:
    """ResNet-18 for images [1, 3, size, size]: 1.81 GMAC and 11.7 million weights at 224."""
    write = Writer()
    x = _stem(write)
    for stage, width in enumerate(STAGES, 1):
        for block in range(2):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _basic(write, f"stage{stage}/block{block + 1}", x, width, stride)
    write.classifier(x)
    return write.finish("resnet18", size)


def resnet50(size: int = 224) -> ModelProto:
    """ResNet-50 v1.5 for images [1, 3, size, size]: 4.09 GMAC, 25.6 million weights at 224."""
    write = Writer()
    x = _stem(write)
    for stage, (width, blocks) in enumerate(zip(STAGES, (3, 4, 6, 3), strict=True), 1):
        for block in range(blocks):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _bottleneck(write, f"stage{stage}/block{block + 1}", x, width, stride)
    write.classifier(x)
    return write.finish("resnet50", size)
