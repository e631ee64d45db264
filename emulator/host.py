"""The host's part of a run: checking, quantising and laying out inputs, and back for outputs."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from ..backend.program import Port
from ..dialects.isa_operands import ElementType
from ..dialects.layout import container_bits, from_memory, to_memory
from ..errors import TilefoldError

Array = npt.NDArray[np.generic]


def element_type(port: Port) -> ElementType:
    """The container of a port's elements in memory."""
    return ElementType.of(container_bits(port.bits), port.signed)


def numpy_type(port: Port) -> np.dtype[np.generic]:
    """The numpy type of a port's integers."""
    if port.bits == 32:
        return np.dtype(np.int32)
    return np.dtype(np.int8 if port.signed else np.uint8)


def _shape(port: Port) -> list[int]:
    """The shape in which scales and zero points broadcast against the port's tensor."""
    shape = [1] * len(port.shape)
    if port.axis is not None:
        shape[port.axis] = port.shape[port.axis]
    return shape


def quantise(port: Port, values: npt.NDArray[np.float32]) -> npt.NDArray[np.integer]:
    """saturate(rint(x / scale) + zero point), in float32."""
    low = -(1 << (port.bits - 1)) if port.signed else 0
    scale = np.array(port.scale, np.float32).reshape(_shape(port))
    zero = np.array(port.zero_point, np.float32).reshape(_shape(port))
    with np.errstate(over="ignore"):
        codes = np.rint(values / scale) + zero
    clipped = np.clip(codes, low, low + (1 << port.bits) - 1)
    return clipped.astype(np.int8 if port.signed else np.uint8)


def dequantise(port: Port, codes: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """(q - zero point) * scale, in float32."""
    scale = np.array(port.scale, np.float32).reshape(_shape(port))
    zero = np.array(port.zero_point, np.int64).reshape(_shape(port))
    return np.subtract(codes, zero, dtype=np.int64).astype(np.float32) * scale


def check_inputs(
    ports: Sequence[Port], inputs: Mapping[str, Array]
) -> tuple[dict[str, Array], int]:
    """The inputs with a leading batch dimension, and the size of the batch.

    An input has its port's shape, or the shape with a larger first dimension: a batch of inputs.
    Raises TilefoldError, naming the input, for wrong names, shapes or types, and NaN or infinity.
    """
    known = {port.name for port in ports}
    if unknown := sorted(set(inputs) - known):
        raise TilefoldError(f"no input '{unknown[0]}'; the network has {', '.join(sorted(known))}")
    batches: dict[str, Array] = {}
    for port in ports:
        if port.name not in inputs:
            raise TilefoldError(f"input '{port.name}' is missing")
        batches[port.name] = check_input(port, inputs[port.name])
    sizes = {name: len(batch) for name, batch in batches.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"'{name}' {size}" for name, size in sizes.items())
        raise TilefoldError(f"inputs have different batch sizes: {listed}")
    return batches, next(iter(sizes.values()), 1)


def check_input(port: Port, values: Array) -> Array:
    """`values` as [batch, *port.shape]; TilefoldError where they do not fit."""
    one = port.shape[0] if port.shape else 1
    wanted = port.shape[1:]
    fits = values.ndim == len(port.shape) and values.shape[1:] == wanted
    if not fits or (values.ndim and (not values.shape[0] or values.shape[0] % one)):
        raise TilefoldError(
            f"input '{port.name}' has shape {list(values.shape)}, not {list(port.shape)} "
            "(or a multiple of its first dimension)"
        )
    if np.issubdtype(values.dtype, np.floating):
        if port.bits == 32:
            raise TilefoldError(f"input '{port.name}' takes int32, not {values.dtype}")
        if not np.isfinite(values).all():
            raise TilefoldError(f"input '{port.name}' holds NaN or infinity")
    elif values.dtype != numpy_type(port):
        raise TilefoldError(
            f"input '{port.name}' has elements {values.dtype}; "
            f"give float32, or {numpy_type(port)} already quantised"
        )
    return values.reshape(-1, *port.shape)


def to_device(port: Port, values: Array) -> npt.NDArray[np.uint8]:
    """The bytes of one input of the port's shape, quantised first if it is not integers.

    Raises TilefoldError for integers outside the port's range.
    """
    if np.issubdtype(values.dtype, np.floating):
        codes = quantise(port, values.astype(np.float32, copy=False))
    else:
        codes = cast(npt.NDArray[np.integer], values)
        low = -(1 << (port.bits - 1)) if port.signed else 0
        if (
            port.bits < 8
            and codes.size
            and not low <= codes.min() <= codes.max() < low + (1 << port.bits)
        ):
            raise TilefoldError(
                f"input '{port.name}' has integers outside its {port.bits} bits: "
                f"{codes.min()} to {codes.max()}"
            )
    return to_memory(codes, container_bits(port.bits))


def from_device(port: Port, data: npt.NDArray[np.uint8]) -> Array:
    """An output of the port's shape from its bytes, dequantised if its interface is float."""
    kind = element_type(port)
    codes = from_memory(data, port.shape, kind.bits, kind.signed)
    # Codes may be a view of `data`, which the next run overwrites.
    return dequantise(port, codes) if port.float_interface else codes.copy()
