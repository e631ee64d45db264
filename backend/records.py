"""Fields of JSON objects that come from outside, each of the type that it must have."""

from collections.abc import Mapping
from typing import TypeVar, cast

from ..errors import TilefoldError

T = TypeVar("T")
Record = Mapping[str, object]
"""A JSON object."""


def get_field(record: Record, key: str, *kinds: type[T]) -> T:
    """The value of `key`, which must be of exactly one of `kinds`."""
    value = record.get(key)
    if key not in record or type(value) not in kinds:
        raise TilefoldError(f"'{key}' is missing or has the wrong type in a table")
    return cast(T, value)


def get_tuple(record: Record, key: str, *kinds: type[T]) -> tuple[T, ...]:
    """The list `key`, whose elements must be of exactly one of `kinds`."""
    values = cast(list[T], get_field(record, key, list))
    if any(type(value) not in kinds for value in values):
        raise TilefoldError(f"'{key}' has an element of the wrong type")
    return tuple(values)


def get_records(record: Record, key: str) -> tuple[Record, ...]:
    """The list `key` of JSON objects."""
    return cast(tuple[Record, ...], get_tuple(record, key, dict))
