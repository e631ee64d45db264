"""The machines: files, and what is read from them."""

from pathlib import Path

from .model import Machine, parse_machine
from .named_files import read_named

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """The machines that come with the package, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.mlir")))


def load_machine(name_or_path: str | Path) -> Machine:
    """The machine of that name, or in that file (a path that ends in `.mlir`).

    Raises TilefoldError, listing the names for an unknown one, or naming the place in the file.
    """
    path, text = read_named(
        name_or_path, _FOLDER, ".mlir", names(), kind="machine", content="machine"
    )
    return parse_machine(text, str(path))
