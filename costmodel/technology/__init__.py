"""Technologies: tables of energy and area, and what is read from them."""

from pathlib import Path
from typing import Final

from ...errors import TilefoldError
from ...machines.named_files import read_named
from .reading import parse_technology
from .table import Technology

_FOLDER: Final = Path(__file__).parent

__all__ = ["Technology", "load_technology", "names"]


def names() -> tuple[str, ...]:
    """The technologies that come with the package, the largest features first."""
    stems = (path.stem for path in _FOLDER.glob("*.toml"))
    return tuple(sorted(stems, key=lambda stem: -int(stem.removesuffix("nm"))))


def load_technology(name_or_path: str | Path) -> Technology:
    """The technology of that name, or in that file (a path that ends in `.toml`).

    Raises TilefoldError, listing the names for an unknown one, or naming file and key.
    """
    path, text = read_named(
        name_or_path, _FOLDER, ".toml", names(), kind="technology", content="table"
    )
    return parse_technology(text, str(path), _shipped)


def _shipped(name: str, filename: str) -> Technology:
    """The base of another table: one of the package's, or TilefoldError."""
    if name not in names():
        raise TilefoldError(f"{filename}: scaled.base must be one of {', '.join(names())}")
    return load_technology(name)
