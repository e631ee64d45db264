"""MobileNetV2 (Sandler et al., 2018), width 1.0."""

from onnx import ModelProto

from .writer import INPUT, Writer

STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and the first block's stride, as in table 2 of the paper."""


def _block(write: Writer, name: str, x: str, expansion: int, channels: int, stride: int) -> str:
    """An inverted residual: expand, depthwise, project, and the input added if shapes agree."""
    width = expansion * write.channels[x]
    y = x
    if expansion > 1:
        y = write.relu6(write.conv(f"{name}/expand", y, width))
    y = write.conv(f"{name}/depthwise", y, width, kernel=3, stride=stride, groups=width)
    y = write.conv(f"{name}/project", write.relu6(y), channels, gain=1.0)
    if stride == 1 and write.channels[x] == channels:
        return write.add(f"{name}/add", x, y)
    return y


def mobilenet_v2(size: int = 224) -> ModelProto:
    """MobileNetV2 for images [1, 3, size, size]: 0.301 GMAC and 3.5 million weights at 224."""
    write = Writer()
    x = write.relu6(write.conv("stem/conv", INPUT, 32, kernel=3, stride=2))
    for stage, (expansion, channels, blocks, stride) in enumerate(STAGES, 1):
        for block in range(blocks):
            name = f"stage{stage}/block{block + 1}"
            x = _block(write, name, x, expansion, channels, stride if block == 0 else 1)
    x = write.relu6(write.conv("head/conv", x, 1280))
    write.classifier(x)
    return write.finish("mobilenetv2", size)
