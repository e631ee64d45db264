"""Reading technologies from TOML.

A table is complete, or names a `base` in its section `scaled`: sections that it lacks are then the
base's, energies times `scaled.energy`, areas and leakages times `scaled.area`. DRAM is the same at
every node.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from math import isfinite
from typing import Any, Final, TypeVar, cast, get_type_hints

from ...errors import TilefoldError
from .table import (
    Adder,
    Dram,
    Grid,
    Interconnect,
    Lane,
    Logic,
    Multiplier,
    Register,
    Sram,
    Technology,
)


@dataclass(frozen=True)
class _Rule:
    """How the sections that a table lacks come from another one."""

    base: str
    energy: float
    area: float
    source: str


SECTIONS: Final[Mapping[str, type[Any]]] = {
    "fixed": Multiplier,
    "scalable": Multiplier,
    "register": Register,
    "adder": Adder,
    "lane": Lane,
    "interconnect": Interconnect,
    "logic": Logic,
    "sram": Sram,
}
"""The sections of a table but `dram`, whose keys are free, and `scaled`."""

_SectionT = TypeVar("_SectionT")
Load = Callable[[str, str], Technology]
"""Gives the technology of a name for the file that asks for it."""


def parse_technology(text: str, filename: str, load: Load) -> Technology:
    """Read a technology from TOML; `load` gives the base that it may name.

    Raises TilefoldError naming the file and the key that is unknown, missing or impossible.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TilefoldError(f"{filename}: {error}") from None
    head = ("name", "node_nm", "volts")
    known = {*head, *SECTIONS, "dram", "scaled"}
    rule = _rule(given, filename) if "scaled" in given else None
    _check_keys(given, known, () if rule else (*SECTIONS, "dram"), filename, "")
    _check_keys(given, known, head, filename, "")
    sections: dict[str, Any] = {
        name: _section(kind, given[name], filename, name)
        for name, kind in SECTIONS.items()
        if name in given
    }
    dram = {
        name: _section(Dram, entry, filename, f"dram.{name}")
        for name, entry in _table(given.get("dram", {}), filename, "dram").items()
    }
    values = {
        "name": _text(given["name"], filename, "name"),
        "node_nm": _positive(given["node_nm"], filename, "node_nm"),
        "volts": _positive(given["volts"], filename, "volts"),
    }
    if rule is None:
        return Technology(**values, **sections, dram=dram)
    base = load(rule.base, filename)
    missing = tuple(name for name in SECTIONS if name not in given)
    sections |= {
        name: scaled_section(getattr(base, name), rule.energy, rule.area) for name in missing
    }
    how = f"{base.name} times {rule.energy:g} (energy), {rule.area:g} (area): {rule.source}"
    return Technology(**values, **sections, dram={**base.dram, **dram}, scaled=missing, rule=how)


def _rule(given: Mapping[str, Any], filename: str) -> _Rule:
    table = _table(given["scaled"], filename, "scaled")
    names = [each.name for each in fields(_Rule)]
    _check_keys(table, set(names), names, filename, "scaled.")
    return _Rule(
        _text(table["base"], filename, "scaled.base"),
        _positive(table["energy"], filename, "scaled.energy"),
        _positive(table["area"], filename, "scaled.area"),
        _text(table["source"], filename, "scaled.source"),
    )


def _section(kind: type[_SectionT], given: object, filename: str, where: str) -> _SectionT:
    """A section with every field checked."""
    table = _table(given, filename, where)
    kinds = _kinds(kind)
    names = ["source", *kinds]
    _check_keys(table, set(names), names, filename, f"{where}.")
    values: dict[str, Any] = {"source": _text(table["source"], filename, f"{where}.source")}
    for name, (rank, _) in kinds.items():
        values[name] = _numbers(table[name], rank, filename, f"{where}.{name}")
    _check_sizes(values, filename, where)
    return kind(**values)


def _kinds(section: type[Any]) -> dict[str, tuple[int, str]]:
    """How deep each field of numbers is nested, and how it scales."""
    hints = get_type_hints(section, include_extras=True)
    return {name: hint.__metadata__ for name, hint in hints.items() if name != "source"}


def _check_sizes(values: Mapping[str, Any], filename: str, where: str) -> None:
    """Points of interpolation must rise, and lists and grids must have as many entries."""
    for name in ("bits", "lines"):
        points = values.get(name, (1.0, 2.0))
        if len(points) < 2 or any(a >= b for a, b in pairwise(points)):
            raise TilefoldError(f"{filename}: {where}.{name}: give at least two rising numbers")
    columns, rows = len(values.get("bits", ())), len(values.get("lines", ()))
    for name, value in values.items():
        if not isinstance(value, tuple) or name in ("bits", "lines"):
            continue
        grid = cast(Grid, value if rows else (value,))
        if len(grid) != (rows or 1) or any(len(row) != columns for row in grid):
            shape = f"{rows} rows of {columns}" if rows else f"{columns}"
            raise TilefoldError(f"{filename}: {where}.{name}: give {shape} numbers")


def scaled_section(section: _SectionT, energy: float, area: float) -> _SectionT:
    """A section with its energies and its areas, leakage of SRAM included, times these factors."""

    def times(value: Any, factor: float) -> Any:
        if isinstance(value, tuple):
            return tuple(times(each, factor) for each in cast(tuple[Any, ...], value))
        return value * factor

    factors = {"energy": energy, "area": area}
    changed = {
        name: times(getattr(section, name), factors[how])
        for name, (_, how) in _kinds(cast(type[Any], type(section))).items()
        if how
    }
    return replace(cast(Any, section), **changed)


def _check_keys(
    table: Mapping[str, Any],
    known: set[str],
    needed: Sequence[str],
    filename: str,
    prefix: str,
) -> None:
    for key in table:
        if key not in known:
            raise TilefoldError(
                f"{filename}: unknown key `{prefix}{key}`; known are {', '.join(sorted(known))}"
            )
    for key in needed:
        if key not in table:
            raise TilefoldError(f"{filename}: key `{prefix}{key}` is missing")


def _table(value: object, filename: str, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TilefoldError(f"{filename}: {where} must be a table")
    return cast(dict[str, Any], value)


def _text(value: object, filename: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TilefoldError(f"{filename}: {where} must be a string that is not empty")
    return value


def _positive(value: object, filename: str, where: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not isfinite(cast(float, value)) or cast(float, value) <= 0:
        raise TilefoldError(f"{filename}: {where} must be a positive number, not {value!r}")
    return float(cast(float, value))


def _numbers(value: object, rank: int, filename: str, where: str) -> Any:
    """A number (rank 0), a list of numbers, or a list of lists, as tuples of floats."""
    if not rank:
        return _positive(value, filename, where)
    if not isinstance(value, list):
        raise TilefoldError(f"{filename}: {where} must be a list")
    return tuple(_numbers(each, rank - 1, filename, where) for each in cast(list[object], value))
