"""Reading arrays of numpy from files: data alone, of bounded sizes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from ..errors import TilefoldError

Array = npt.NDArray[Any]

MAX_ARRAYS: Final = 4 << 30
"""Most bytes of arrays that are read from one .npz file."""

FREE, EXPANSION = 64 << 20, 100
"""Bytes that any .npz file may unpack to; more may be `EXPANSION` times what the file has."""


def read_array(path: Path, name: str) -> Array:
    """The array in a .npy file, or the array `name` in an .npz file; raises `TilefoldError`."""
    loaded = _load(path)
    if isinstance(loaded, np.ndarray):
        return loaded
    if name not in loaded:
        raise TilefoldError(f"{path}: holds no array '{name}', only {_listed(loaded)}")
    return loaded[name]


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays in an .npz file by name; raises `TilefoldError`."""
    loaded = _load(path)
    if isinstance(loaded, np.ndarray):
        raise TilefoldError(f"{path}: one array without a name; give an .npz file (numpy.savez)")
    return loaded


def _load(path: Path) -> Array | dict[str, Array]:
    """The array in a .npy file, or those in an .npz file; nothing in it is ever executed."""
    try:
        with path.open("rb") as file:
            loaded: Any = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return cast(Array, loaded)
            _check_size(path, sum(entry.file_size for entry in loaded.zip.infolist()))
            arrays: dict[str, Any] = {name: loaded[name] for name in loaded.files}
    except (TilefoldError, FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except Exception:  # numpy and zipfile let through whatever their parsers raise
        arrays = {"": None}
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise TilefoldError(f"{path}: not arrays of numbers in numpy's format (.npy or .npz)")
    return arrays


def _check_size(path: Path, unpacked: int) -> None:
    """Refuse an .npz file that unpacks to too many bytes."""
    if unpacked > MAX_ARRAYS:
        raise TilefoldError(f"{path}: more than {MAX_ARRAYS >> 30} GiB of arrays")
    if unpacked > max(FREE, EXPANSION * path.stat().st_size):
        raise TilefoldError(f"{path}: unpacks to more than {EXPANSION} times its size: a zip bomb?")


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none at all"
