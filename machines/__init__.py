"""The machines: files, and what is read from them."""

from difflib import get_close_matches
from pathlib import Path

from ..errors import TilefoldError
from .model import Machine, parse_machine

_FOLDER = Path(__file__).parent
_MAX_BYTES = 1 << 20


def names() -> tuple[str, ...]:
    """The machines that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.mlir")))


def load_machine(name_or_path: str | Path) -> Machine:
    """The machine of that name, or in that file (a path that ends in `.mlir`).

    Raises TilefoldError, listing the names for an unknown one, or naming the place in the file.
    """
    given = str(name_or_path)
    path = Path(given) if given.endswith(".mlir") else _FOLDER / f"{given}.mlir"
    if not given.endswith(".mlir") and given not in names():
        near = get_close_matches(given, names(), 1)
        hint = f"did you mean {near[0]}?" if near else "give one of these or a path to a .mlir file"
        raise TilefoldError(f"no machine is named {given!r}; {hint} ({', '.join(names())})")
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise TilefoldError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TilefoldError(f"{path}: is not text in UTF-8") from None
    if len(text) > _MAX_BYTES:
        raise TilefoldError(f"{path}: more than {_MAX_BYTES} characters; no machine is that large")
    return parse_machine(text, str(path))
