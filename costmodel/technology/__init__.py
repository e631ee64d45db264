"""Technologies: tables of energy and area, and what is read from them."""

from difflib import get_close_matches
from pathlib import Path
from typing import Final

from ...errors import TilefoldError
from .reading import parse_technology
from .table import Technology

_FOLDER: Final = Path(__file__).parent
_MAX_BYTES: Final = 1 << 20

__all__ = ["Technology", "load_technology", "names"]


def names() -> tuple[str, ...]:
    """The technologies that come with the package, the largest features first."""
    stems = (path.stem for path in _FOLDER.glob("*.toml"))
    return tuple(sorted(stems, key=lambda stem: -int(stem.removesuffix("nm"))))


def load_technology(name_or_path: str | Path) -> Technology:
    """The technology of that name, or in that file (a path that ends in `.toml`).

    Raises TilefoldError, listing the names for an unknown one, or naming file and key.
    """
    given = str(name_or_path)
    path = Path(given) if given.endswith(".toml") else _FOLDER / f"{given}.toml"
    if not given.endswith(".toml") and given not in names():
        near = get_close_matches(given, names(), 1)
        hint = f"did you mean {near[0]}?" if near else "give one of these or a path to a .toml file"
        raise TilefoldError(f"no technology is named {given!r}; {hint} ({', '.join(names())})")
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise TilefoldError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TilefoldError(f"{path}: is not text in UTF-8") from None
    if len(text) > _MAX_BYTES:
        raise TilefoldError(f"{path}: more than {_MAX_BYTES} characters; no table is that large")
    return parse_technology(text, str(path), _shipped)


def _shipped(name: str, filename: str) -> Technology:
    """The base of another table: one of the package's, or TilefoldError."""
    if name not in names():
        raise TilefoldError(f"{filename}: scaled.base must be one of {', '.join(names())}")
    return load_technology(name)
