"""FPGA boards: how much of each resource a design may use."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ...errors import TilefoldError
from ...machines.named_files import read_named

_FOLDER: Final = Path(__file__).parent
_FIELDS: Final = ("dsp", "bram18", "dram_bytes_per_second", "hz")
_LIMIT: Final = 10**13


@dataclass(frozen=True)
class Board:
    """A budget: DSPs, blocks of 18 Kb of RAM, bytes/s of DRAM, and the clock in Hz.

    `sources` says of each number where it comes from.
    """

    name: str
    dsp: int
    bram18: int
    dram_bytes_per_second: int
    hz: int
    sources: tuple[str, ...] = ("", "", "", "")


def names() -> tuple[str, ...]:
    """The boards that come with the package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def load_board(name_or_path: str | Path) -> Board:
    """The board of that name, or in that file (a path that ends in `.toml`).

    Raises TilefoldError, listing the names for an unknown one, or naming file and key.
    """
    path, text = read_named(name_or_path, _FOLDER, ".toml", names(), kind="board", content="board")
    return parse_board(text, str(path))


def parse_board(text: str, filename: str) -> Board:
    """Read a board from TOML: a `name`, and for each number a table with `number` and `src`.

    Raises TilefoldError naming the file and the key that is unknown, missing or impossible.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TilefoldError(f"{filename}: {error}") from None
    _check_keys(given, ("name", *_FIELDS), filename, "")
    numbers: list[int] = []
    sources: list[str] = []
    for field in _FIELDS:
        entry = given[field]
        if not isinstance(entry, dict):
            raise TilefoldError(f"{filename}: {field} must be a table with number and src")
        table = cast(dict[str, Any], entry)
        _check_keys(table, ("number", "src"), filename, f"{field}.")
        numbers.append(_count(table["number"], filename, f"{field}.number"))
        sources.append(_text(table["src"], filename, f"{field}.src"))
    return Board(_text(given["name"], filename, "name"), *numbers, sources=tuple(sources))


def _check_keys(table: dict[str, Any], known: tuple[str, ...], filename: str, prefix: str) -> None:
    for key in table:
        if key not in known:
            raise TilefoldError(
                f"{filename}: unknown key `{prefix}{key}`; known are {', '.join(known)}"
            )
    for key in known:
        if key not in table:
            raise TilefoldError(f"{filename}: key `{prefix}{key}` is missing")


def _count(value: object, filename: str, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _LIMIT:
        raise TilefoldError(f"{filename}: {where} must be an integer from 1 to {_LIMIT}")
    return value


def _text(value: object, filename: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TilefoldError(f"{filename}: {where} must be a string that is not empty")
    return value
