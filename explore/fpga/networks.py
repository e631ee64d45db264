"""The networks of DNNExplorer's experiment as tables of layers."""

from typing import Final

from ...costmodel.fpga import ConvLayer
from ...errors import TilefoldError

GROUPS: Final = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""VGG16's groups: convolutions and their output channels; a pool of 2 x 2 ends each."""

DEPTHS: Final = (13, 18, 28, 38)
"""Convolutions of the VGG-like networks."""

INPUTS: Final = (
    (32, 32),
    (64, 64),
    (128, 128),
    (224, 224),
    (320, 320),
    (384, 384),
    (320, 480),
    (448, 448),
    (512, 512),
    (480, 800),
    (512, 1382),
    (720, 1280),
)
"""Rows and columns of VGG16's inputs."""


def vgg(convolutions: int = 13, rows: int = 224, cols: int = 224) -> tuple[ConvLayer, ...]:
    """The convolutions of a VGG-like network for an image of 3 x `rows` x `cols`.

    VGG16 without its fully connected layers has 13 in five groups. The deeper ones have one,
    three or five more in each group, with the group's channels: the one equal deepening that
    gives 18, 28 and 38, and the one at which AccDNN's allocation gives the known figure for 38.
    Pools round down.

    Raises TilefoldError for another number of convolutions or an image too small for five pools.
    """
    more, rest = divmod(convolutions - DEPTHS[0], len(GROUPS))
    if rest or more < 0:
        raise TilefoldError(f"no VGG-like network has {convolutions} convolutions: 13, 18, 23, ...")
    if min(rows, cols) < 2 ** len(GROUPS):
        raise TilefoldError(f"{rows} x {cols}: five pools need at least 32 rows and columns")
    layers: list[ConvLayer] = []
    channels = 3
    for group, (count, kernels) in enumerate(GROUPS, 1):
        for number in range(1, count + more + 1):
            pool = 2 if number == count + more else 1
            name = f"conv{group}_{number}"
            layers.append(ConvLayer(name, kernels, channels, rows, cols, pool=pool))
            channels = kernels
        rows, cols = rows // 2, cols // 2
    return tuple(layers)
