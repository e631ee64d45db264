"""How a tensor lies in a machine's memory.

The *memory form* of a tensor is three axes, channels innermost:

| logical shape | memory form |
|---|---|
| `[1, C, H, W]` | `(H, W, C)` |
| `[1, T, F]` | `(T', T, F)` with all other dims in `T'`... kept as `(1, T, F)` |
| `[1, F]` | `(1, 1, F)` |

Elements sit in *containers* of 2, 4, 8 or 32 bits (a width of 3 in 4; 5 to 7 in 8), packed little
end first along the channels; every channel row is padded to whole bytes.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.integer]


def container_bits(width: int) -> int:
    """The bits that an element of `width` bits (2..8, or 32) takes in memory."""
    return next(bits for bits in (2, 4, 8, 32) if width <= bits)


def memory_form(shape: Sequence[int]) -> tuple[int, int, int]:
    """The memory form (rows, columns, channels) of a tensor of logical `shape` (batch 1)."""
    if len(shape) == 4:
        _, channels, rows, columns = shape
        return rows, columns, channels
    return 1, prod(shape[:-1]), shape[-1] if shape else 1


def row_elements(channels: int, bits: int) -> int:
    """Elements in a channel row of `channels` after padding to whole bytes."""
    per_byte = max(1, 8 // bits)
    return -(-channels // per_byte) * per_byte


def logical_strides(shape: Sequence[int], bits: int) -> list[int]:
    """The distance in memory, in elements, between neighbours along each logical axis."""
    rows, columns, channels = memory_form(shape)
    row = row_elements(channels, bits)
    if len(shape) == 4:
        return [rows * columns * row, 1, columns * row, row]
    strides = [1, row]
    for size in reversed(shape[1:-1]):
        strides.append(strides[-1] * size)
    return strides[: len(shape)][::-1]


def memory_axes(rank: int) -> tuple[int, ...]:
    """The logical axes of a tensor, outermost in memory first; an image's batch of 1 left out."""
    return (2, 3, 1) if rank == 4 else tuple(range(rank))


def memory_bytes(shape: Sequence[int], bits: int) -> int:
    """Bytes that a tensor of logical `shape` takes in containers of `bits`."""
    rows, columns, channels = memory_form(shape)
    return rows * columns * row_elements(channels, bits) * bits // 8


def pack(rows: IntArray, bits: int) -> npt.NDArray[np.uint8]:
    """Pack integers [..., channels] into bytes [..., row bytes] in containers of `bits`."""
    if bits == 32:
        return np.ascontiguousarray(rows, dtype="<i4").view(np.uint8)
    codes = rows.astype(np.uint8)
    if bits == 8:
        return codes
    per_byte = 8 // bits
    channels = codes.shape[-1]
    padding = row_elements(channels, bits) - channels
    codes = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, padding)]) & ((1 << bits) - 1)
    codes = codes.reshape(*codes.shape[:-1], -1, per_byte)
    shifts = np.arange(per_byte, dtype=np.uint8) * bits
    return np.bitwise_or.reduce(codes << shifts, axis=-1).astype(np.uint8)


def unpack(data: npt.NDArray[np.uint8], channels: int, bits: int, signed: bool) -> IntArray:
    """The integers [..., channels] in bytes [..., row bytes]: the inverse of `pack`."""
    if bits == 32:
        return np.ascontiguousarray(data).view("<i4")
    if bits == 8:
        return data.view(np.int8) if signed else data
    shifts = np.arange(8 // bits, dtype=np.uint8) * bits
    codes = (data[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    codes = codes.reshape(*data.shape[:-1], -1)[..., :channels]
    if not signed:
        return codes
    sign = np.uint8(1 << (bits - 1))
    return ((codes ^ sign).astype(np.int16) - int(sign)).astype(np.int8)


def to_memory(array: IntArray, bits: int) -> npt.NDArray[np.uint8]:
    """The bytes of a tensor of logical shape in its memory form."""
    if array.ndim == 4:
        assert array.shape[0] == 1, "the memory form holds batch 1"
        array = array[0].transpose(1, 2, 0)
    return pack(array, bits).reshape(-1)


def from_memory(
    data: npt.NDArray[np.uint8], shape: Sequence[int], bits: int, signed: bool
) -> IntArray:
    """The tensor of logical `shape` in bytes in memory form: the inverse of `to_memory`."""
    rows, columns, channels = memory_form(shape)
    elements = unpack(data.reshape(rows, columns, -1), channels, bits, signed)
    if len(shape) == 4:
        elements = elements.transpose(2, 0, 1)
    return np.ascontiguousarray(elements).reshape(tuple(shape))
