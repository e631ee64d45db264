"""Files that come with the package, by name, or those of users, by path."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from ..errors import TilefoldError

_MAX_CHARACTERS = 1 << 20


def read_named(
    name_or_path: str | Path,
    folder: Path,
    suffix: str,
    names: Sequence[str],
    *,
    kind: str,
    content: str,
) -> tuple[Path, str]:
    """Path and text of the `kind` of that name in `folder`, or in that file (ends in `suffix`).

    `names` are those in the folder, `content` is what such a file holds. Raises TilefoldError,
    listing the names for an unknown one, or for a file that cannot be read or is too large.
    """
    given = str(name_or_path)
    path = Path(given) if given.endswith(suffix) else folder / f"{given}{suffix}"
    if not given.endswith(suffix) and given not in names:
        near = get_close_matches(given, names, 1)
        other = f"give one of these or a path to a {suffix} file"
        hint = f"did you mean {near[0]}?" if near else other
        raise TilefoldError(f"no {kind} is named {given!r}; {hint} ({', '.join(names)})")
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MAX_CHARACTERS + 1)
    except OSError as error:
        raise TilefoldError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TilefoldError(f"{path}: is not text in UTF-8") from None
    if len(text) > _MAX_CHARACTERS:
        raise TilefoldError(
            f"{path}: more than {_MAX_CHARACTERS} characters; no {content} is that large"
        )
    return path, text
