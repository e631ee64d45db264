"""Weights as the arrays want them: packed blocks, one contiguous load for each tile.

A block holds, for each of its output channels, three 32-bit words (bias, multiplier as float32
bits, weight zero point), then the weights: output channel, window row, window column, input
channel, innermost rows padded to bytes. Output channels beyond the layer's are zero.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ...dialects.layout import pack

IntArray = npt.NDArray[np.integer[Any]]


def parameters(
    bias: IntArray, multiplier: npt.NDArray[np.float32], zero_point: IntArray
) -> npt.NDArray[np.int32]:
    """The words of each output channel, [K, 3]."""
    bits = multiplier.astype(np.float32).view(np.int32)
    return np.stack([bias.astype(np.int32), bits, zero_point.astype(np.int32)], axis=1)


def pack_blocks(
    weights: IntArray, words: npt.NDArray[np.int32], k_tile: int, c_tile: int, bits: int
) -> npt.NDArray[np.uint8]:
    """Blocks [group x k tile, c tile, bytes] of `weights` [G, K, rows, columns, C] in `bits`.

    `words` [G * K, 3] are the parameters of all output channels.
    """
    groups, k, rows, columns, c = weights.shape
    k_tiles, c_tiles = -(-k // k_tile), -(-c // c_tile)
    padding = ((0, 0), (0, k_tiles * k_tile - k), (0, 0), (0, 0), (0, c_tiles * c_tile - c))
    padded = np.pad(weights, padding)
    blocks = padded.reshape(groups * k_tiles, k_tile, rows, columns, c_tiles, c_tile)
    blocks = np.ascontiguousarray(blocks.transpose(0, 4, 1, 2, 3, 5))
    body = pack(blocks, bits).reshape(groups * k_tiles, c_tiles, -1)
    head = np.pad(words.reshape(groups, k, 3), ((0, 0), (0, k_tiles * k_tile - k), (0, 0)))
    head = np.ascontiguousarray(head, dtype="<i4").view(np.uint8)
    head = head.reshape(groups * k_tiles, 1, k_tile * 12)
    head = np.broadcast_to(head, (groups * k_tiles, c_tiles, k_tile * 12))
    return np.concatenate([head, body], axis=2)
