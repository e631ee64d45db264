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
    """Inputs by name, each [samples, ...] of the network's shape with the batch of 1 left out."""

    arrays: Mapping[str, Array]

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values()), ()))

    def __iter__(self) -> Iterator[dict[str, Array]]:
        """The inputs of one sample after the other, with a batch of 1."""
        for row in range(len(self)):
            yield {name: array[row : row + 1] for name, array in self.arrays.items()}

    def first(self, count: int) -> "Samples":
        """The first `count` samples, all with 0."""
        if not count:
            return self
        return Samples({name: array[:count] for name, array in self.arrays.items()})

    @staticmethod
    def of(arrays: Mapping[str, Array], network: Network) -> "Samples":
        """Samples that fit a network; a single array without its name will do for one input.

        Raises TilefoldError naming the input that is missing or does not fit.
        """
        names = network.input_names
        if len(arrays) == 1 and len(names) == 1:
            arrays = {names[0]: next(iter(arrays.values()))}
        for name, value in zip(names, network.inputs, strict=True):
            wanted, dtype = shape_of(value), numpy_type(tensor_of(value).element_type)
            array = arrays.get(name)
            if array is None:
                given = ", ".join(arrays) or "none"
                raise TilefoldError(f"samples: input '{name}' is missing; there are {given}")
            if array.shape[1:] != wanted[1:] or array.dtype != dtype or not len(array):
                raise TilefoldError(
                    f"samples: '{name}' is {array.dtype}{list(array.shape)}, but must be "
                    f"{dtype}{['n', *wanted[1:]]}"
                )
            if not np.isfinite(array).all():
                raise TilefoldError(f"samples: '{name}' holds NaN or infinity")
        if len({len(arrays[name]) for name in names}) > 1:
            raise TilefoldError("samples: inputs have different numbers of samples")
        return Samples({name: arrays[name] for name in names})


def read_samples(file: Path, network: Network) -> Samples:
    """The samples in an .npz file; TilefoldError where they do not fit the network."""
    arrays = read_arrays(file)
    try:
        return Samples.of(arrays, network)
    except TilefoldError as error:
        raise TilefoldError(f"{file}: {error}") from error
