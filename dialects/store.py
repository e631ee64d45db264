"""The side store: arrays too large for the IR's text, addressed by their content.

An attribute in the IR names an array by its digest; the store that travels in the context holds the
array. On disk a store is one safetensors file `store.safetensors` in a directory of its own.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]
from xdsl.context import Context

from ..errors import TilefoldError

Array = npt.NDArray[Any]

FILE_NAME = "store.safetensors"
DIGEST_LENGTH = 32
# fmt: off
DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64",
)
# fmt: on


def digest_of(array: Array) -> str:
    """The first 32 hex digits of the sha256 over data type, shape and bytes of `array`."""
    if array.dtype.name not in DTYPES:
        raise TypeError(f"a store holds {', '.join(DTYPES)}, not {array.dtype.name}")
    content = hashlib.sha256(f"{array.dtype.name}{list(array.shape)}".encode())
    content.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())
    return content.hexdigest()[:DIGEST_LENGTH]


class Store:
    """Read-only arrays of `DTYPES` by digest; those of a file are read when first asked for."""

    def __init__(self) -> None:
        self._arrays: dict[str, Array] = {}
        self._file: Any = None
        self._path: Path | None = None

    def put(self, array: Array) -> str:
        """Keep a copy of `array` and return its digest; TypeError for other data types."""
        digest = digest_of(array)
        if digest not in self._arrays:
            kept = np.array(array, order="C")
            kept.flags.writeable = False
            self._arrays[digest] = kept
        return digest

    def get(self, digest: str) -> Array:
        """The array with `digest`; TilefoldError where it is missing or damaged."""
        if digest not in self._arrays:
            self._arrays[digest] = self._read(digest)
        return self._arrays[digest]

    def __contains__(self, digest: str) -> bool:
        return digest in self._arrays or digest in self._file_digests()

    def digests(self) -> tuple[str, ...]:
        """The digests of all arrays, sorted."""
        return tuple(sorted({*self._arrays, *self._file_digests()}))

    def save(self, directory: Path | str) -> None:
        """Write all arrays to `directory`, which is made where missing."""
        path = Path(directory) / FILE_NAME
        arrays = {digest: self.get(digest) for digest in self.digests()}
        written = path.with_suffix(".partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            save_file(arrays, written)
            written.replace(path)
        except OSError as error:
            raise TilefoldError(f"{path}: cannot write the store: {error.strerror}") from error

    @classmethod
    def load(cls, directory: Path | str) -> "Store":
        """Open the store in `directory`; TilefoldError where there is none."""
        store = cls()
        path = Path(directory) / FILE_NAME
        if not path.is_file():
            raise TilefoldError(f"{path}: no such store; it is written by `Store.save`")
        try:
            store._file = safe_open(path, framework="numpy")
        except (SafetensorError, OSError) as error:
            raise TilefoldError(f"{path}: not a readable store: {error}") from error
        store._path = path
        return store

    def _file_digests(self) -> frozenset[str]:
        return frozenset() if self._file is None else frozenset(self._file.keys())

    def _read(self, digest: str) -> Array:
        if digest not in self._file_digests():
            raise TilefoldError(f"the store has no array {digest}; pass the store it came with")
        try:
            array: Array = self._file.get_tensor(digest)
            intact = digest_of(array) == digest
        except (SafetensorError, TypeError):
            intact = False
            array = np.zeros(0, np.int8)
        if not intact:
            raise TilefoldError(f"{self._path}: array {digest} is damaged; write the store again")
        array.flags.writeable = False
        return array


@dataclass
class StoreContext(Context):
    """A context of dialects together with the store that its modules refer to."""

    store: Store = field(default_factory=Store)

    def clone(self) -> "StoreContext":
        """A context with the same registrations that shares the store."""
        copy = super().clone()
        return StoreContext(**vars(copy), store=self.store)


def store_of(ctx: Context) -> Store:
    """The store of `ctx`; TilefoldError where it has none."""
    if isinstance(ctx, StoreContext):
        return ctx.store
    raise TilefoldError("this needs the store of the network's arrays; pass --store DIRECTORY")
