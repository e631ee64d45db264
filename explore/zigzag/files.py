"""YAML from outside: bounded, plain data, every key accounted for."""

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import NoReturn, cast

import yaml

from ...errors import TilefoldError

LIMIT = 1 << 20
"""Bytes of a file, at most; ZigZag's own have a few thousand."""


class _Loader(yaml.SafeLoader):
    """Plain data without aliases, which make small files of huge values."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = cast(yaml.Event, self.peek_event()).start_mark
            raise yaml.MarkedYAMLError(None, None, "aliases are not read", mark)
        return super().compose_node(parent, index)


def load(path: Path) -> object:
    """The plain data in a YAML file.

    Raises TilefoldError for files that cannot be read, exceed `LIMIT`, or are no plain YAML.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LIMIT + 1)
    except OSError as error:
        raise TilefoldError(f"cannot read {path}: {error.strerror}") from error
    if len(text) > LIMIT:
        raise TilefoldError(f"{path}: larger than {LIMIT} bytes")
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f"{path}:{mark.line + 1}" if mark else str(path)
        raise TilefoldError(f"{line}: {error.problem}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise TilefoldError(f"{path}: no YAML of plain data ({type(error).__name__})") from error


class Record:
    """Keys with values at a place of a file; each key has to be asked for before `done`.

    What asks for a key raises TilefoldError, naming file, place and key, where the value is of
    another kind, or missing or null without a default.
    """

    def __init__(self, file: Path, place: str, value: object) -> None:
        self.file, self.place = file, place
        if not isinstance(value, dict):
            self.fail("holds no keys with values")
        items = cast(dict[object, object], value).items()
        self._left = {str(key): item for key, item in items}

    def fail(self, problem: str, key: str = "") -> NoReturn:
        """Raise TilefoldError naming file, place and key."""
        raise TilefoldError(f"{self.file}: {self._at(key) or 'the file'} {problem}")

    def _at(self, key: str) -> str:
        return ".".join(part for part in (self.place, key) if part)

    def has(self, key: str) -> bool:
        """Whether there is a value that is not null."""
        return self._left.get(key) is not None

    def _take(self, key: str, kinds: type | tuple[type, ...], name: str, default: object) -> object:
        value = self._left.pop(key, None)
        if value is None:
            if default is None:
                self.fail("is missing", key)
            return default
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            self.fail(f"is not {name}: {value!r:.40}", key)
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A text."""
        return cast(str, self._take(key, str, "text", default))

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        return cast(bool, self._take(key, bool, "true or false", default))

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number from zero."""
        value = float(cast(float, self._take(key, (int, float), "a number", default)))
        if not 0 <= value < inf:
            self.fail(f"is not a number from zero: {value}", key)
        return value

    def whole(self, key: str, least: int = 1, default: int | None = None) -> int:
        """A whole number that is not below `least`."""
        value = cast(int, self._take(key, int, "a whole number", default))
        if value < least:
            self.fail(f"is below {least}: {value}", key)
        return value

    def items(self, key: str, default: Sequence[object] | None = None) -> list[object]:
        """A list."""
        return cast(
            list[object],
            self._take(key, list, "a list", None if default is None else list(default)),
        )

    def texts(self, key: str, default: Sequence[str] | None = None) -> list[str]:
        """A list of texts."""
        items = self.items(key, default)
        if wrong := [item for item in items if not isinstance(item, str)]:
            self.fail(f"holds no text: {wrong[0]!r:.40}", key)
        return cast(list[str], items)

    def sizes(self, key: str, default: Sequence[int] | None = None) -> list[int]:
        """A list of whole numbers above zero."""
        items = self.items(key, default)
        for item in items:
            if not isinstance(item, int) or isinstance(item, bool) or item < 1:
                self.fail(f"holds no whole number above zero: {item!r:.40}", key)
        return cast(list[int], items)

    def record(self, key: str, default: Mapping[str, object] | None = None) -> "Record":
        """The keys and values below a key."""
        value = self._take(
            key, dict, "keys with values", None if default is None else dict(default)
        )
        return Record(self.file, self._at(key), value)

    def records(self) -> dict[str, "Record"]:
        """All values, each with keys and values of its own."""
        left, self._left = self._left, {}
        return {key: Record(self.file, self._at(key), value) for key, value in left.items()}

    def names(self) -> tuple[str, ...]:
        """The keys that have not been asked for."""
        return tuple(self._left)

    def done(self) -> None:
        """Raise TilefoldError where a key has not been asked for."""
        if self._left:
            self.fail("is no known key", next(iter(self._left)))


def entries(file: Path) -> list[Record]:
    """The entries of a file that is a list of keys with values."""
    value = load(file)
    if not isinstance(value, list) or not value:
        raise TilefoldError(f"{file}: no list of entries")
    items = cast(list[object], value)
    return [Record(file, f"entry {number + 1}", item) for number, item in enumerate(items)]
