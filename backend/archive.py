"""Archives: plain zip files of a few known entries, each with its digest in a manifest.

Nothing in an archive is trusted: names, sizes and digests are checked before anything is used, and
whatever is wrong becomes a one-line `TilefoldError`.
"""

import hashlib
import json
import os
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import TilefoldError

MANIFEST: Final = "manifest.json"
MAX_BYTES: Final = 2 << 30
"""Largest archive that is read."""
MAX_MANIFEST: Final = 64 << 20

Limits = Callable[[Mapping[str, Any]], Mapping[str, int]]

_DAMAGE = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    ValueError,
    EOFError,
    OSError,
    struct.error,
)
"""What `zipfile` raises on damaged files."""


def write_archive(path: Path, manifest: Mapping[str, Any], entries: Mapping[str, bytes]) -> None:
    """Write `entries` and a manifest with their digests to `path`, whole or not at all.

    Equal content gives equal bytes. Raises `TilefoldError` if the file cannot be written.
    """
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in entries.items()}
    head = json.dumps({**manifest, "entries": digests}, indent=1).encode()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for name, data in {MANIFEST: head, **entries}.items():
                    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                    info.external_attr = 0o644 << 16
                    archive.writestr(info, data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise TilefoldError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def read_archive(path: Path, limits: Limits) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the entries of the archive at `path`, digests checked.

    `limits(manifest)` gives the entries that must be there and the most bytes of each.
    """
    try:
        size = path.stat().st_size
        file = path.open("rb")
    except OSError as error:
        raise TilefoldError(f"{path}: cannot be read: {error.strerror}") from None
    if size > MAX_BYTES:
        file.close()
        raise TilefoldError(f"{path}: {size} bytes, more than a program may have ({MAX_BYTES})")
    with file:
        try:
            with zipfile.ZipFile(file) as archive:
                manifest = _manifest(archive)
                entries = _entries(archive, {MANIFEST: MAX_MANIFEST, **limits(manifest)})
            del entries[MANIFEST]
        except TilefoldError as error:
            raise TilefoldError(f"{path}: {error}") from None
        except _DAMAGE as error:
            raise TilefoldError(f"{path}: damaged, or not a program: {error}") from None
    digests = manifest.get("entries")
    if digests != {name: hashlib.sha256(data).hexdigest() for name, data in entries.items()}:
        raise TilefoldError(f"{path}: digests in the manifest do not match the entries")
    return manifest, entries


def parse_json(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`; raises `TilefoldError`."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise TilefoldError("a table is not JSON") from None
    if not isinstance(value, dict):
        raise TilefoldError("a table is not a JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """The manifest, which says what else there is."""
    known = {info.filename: MAX_BYTES for info in archive.infolist()}
    _check_entries(archive, {**known, MANIFEST: MAX_MANIFEST})
    return parse_json(archive.read(MANIFEST))


def _entries(archive: zipfile.ZipFile, limits: Mapping[str, int]) -> dict[str, bytes]:
    """The contents of exactly the entries that `limits` names."""
    _check_entries(archive, limits)
    return {info.filename: archive.read(info) for info in archive.infolist()}


def _check_entries(archive: zipfile.ZipFile, limits: Mapping[str, int]) -> None:
    """Raise `TilefoldError` unless there are exactly the entries that `limits` names."""
    infos = archive.infolist()
    names = [info.filename for info in infos]
    for info in infos:
        name = info.filename
        if name not in limits:
            raise TilefoldError(f"unknown entry {name!r}")
        if names.count(name) > 1:
            raise TilefoldError(f"entry '{name}' is there twice")
        if info.flag_bits & 1:
            raise TilefoldError(f"entry '{name}' is encrypted")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise TilefoldError(f"entry '{name}' is compressed")
        if info.file_size > limits[name]:
            raise TilefoldError(f"entry '{name}' has {info.file_size} bytes, too many")
    missing = set(limits) - set(names)
    if missing:
        raise TilefoldError(f"entry '{min(missing)}' is missing")
