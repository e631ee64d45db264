"""Sample inputs of a network: for calibration, and to see what quantisation has done."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dialects.nn_network import Network
from ..dialects.nn_types import numpy_type, shape_of, tensor_of
from ..errors import TilefoldError
from .arrays import read_arrays

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """Inputs by name, each [samples, ...] of the network's shape with the batch of 1 left out.

    Inputs that have no batch are `whole`: [samples, *shape].
    """

    arrays: Mapping[str, Array]
    whole: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values()), ()))

    def __iter__(self) -> Iterator[dict[str, Array]]:
        """The inputs of one sample after the other, with a batch of 1."""
        for row in range(len(self)):
            yield {
                name: array[row] if name in self.whole else array[row : row + 1]
                for name, array in self.arrays.items()
            }

    def first(self, count: int) -> "Samples":
        """The first `count` samples, all with 0."""
        if not count:
            return self
        return Samples({name: array[:count] for name, array in self.arrays.items()}, self.whole)

    @staticmethod
    def of(arrays: Mapping[str, Array], network: Network) -> "Samples":
        """Samples that fit a network; a single array without its name will do for one input.

        Samples lie behind one another along the first dimension or along one of their own; a number
        alone is that of all samples. Real numbers of any width will do.
        Raises TilefoldError naming the input that is missing or does not fit.
        """
        names = network.input_names
        if len(arrays) == 1 and len(names) == 1:
            arrays = {names[0]: next(iter(arrays.values()))}
        shapes = {name: shape_of(value) for name, value in zip(names, network.inputs, strict=True)}
        found: dict[str, Array] = {}
        for name, value in zip(names, network.inputs, strict=True):
            if name not in arrays:
                given = ", ".join(arrays) or "none"
                raise TilefoldError(f"samples: input '{name}' is missing; there are {given}")
            dtype = numpy_type(tensor_of(value).element_type)
            found[name] = _by_sample(name, arrays[name], shapes[name], dtype)
        counts = {len(array) for array in found.values() if array.ndim}
        if len(counts) > 1:
            raise TilefoldError("samples: inputs have different numbers of samples")
        count = counts.pop() if counts else 1
        for name, array in found.items():
            if not array.ndim:
                found[name] = np.broadcast_to(array, (count,))
        whole = frozenset(name for name, array in found.items() if array.shape[1:] == shapes[name])
        return Samples(found, whole)


def _by_sample(name: str, array: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """`array` as [n, ...] with the batch of `shape` left out, or all of it where it has none.

    What is a number, and is given once, stays one. Raises TilefoldError where it does not fit.
    """
    if np.issubdtype(dtype, np.floating) and np.issubdtype(array.dtype, np.floating):
        with np.errstate(over="ignore"):  # what is too large is found infinite
            array = array.astype(dtype)
    stacked = array.shape[1:] == shape and array.ndim > len(shape)
    behind = bool(shape) and array.ndim == len(shape) and array.shape[1:] == shape[1:]
    fits = array.shape == shape == () or ((stacked or behind) and len(array) > 0)
    if behind and shape[0] != 1:
        fits = fits and len(array) % shape[0] == 0
    if not fits or array.dtype != dtype:
        raise TilefoldError(
            f"samples: '{name}' is {array.dtype}{list(array.shape)}, but must be "
            f"{dtype}{['n', *(shape[1:] if shape[:1] == (1,) else shape)]}"
        )
    if not np.isfinite(array).all():
        raise TilefoldError(f"samples: '{name}' holds NaN or infinity")
    return array.reshape(-1, *shape) if behind and shape[0] != 1 else array


def read_samples(file: Path, network: Network) -> Samples:
    """The samples in an .npz file; TilefoldError where they do not fit the network."""
    arrays = read_arrays(file)
    try:
        return Samples.of(arrays, network)
    except TilefoldError as error:
        raise TilefoldError(f"{file}: {error}") from error
