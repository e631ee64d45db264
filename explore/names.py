"""Names that users give, and libraries that they may not have."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, Final

from ..errors import TilefoldError

IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""Names of parameters and metrics: they are columns of tables and stand in constraints."""

RESERVED: Final = ("point", "valid", "run")
"""Columns that every table of points has."""


def check_names(names: Sequence[str]) -> None:
    """Raise ValueError unless `names` can be columns beside those of `RESERVED`."""
    for name in names:
        if not IDENTIFIER.fullmatch(name) or name in RESERVED:
            raise ValueError(f"{name!r} cannot name a column")
    # SQL does not tell upper from lower case.
    if len({name.lower() for name in names}) < len(names):
        raise ValueError(f"a name stands twice among {', '.join(names)}")


def resolved(name: str, names: Sequence[str], kind: str) -> str:
    """The one of `names` that is `name`, or `name` and a unit: `latency` is `latency_ms`.

    Raises TilefoldError, with what is near, for a `kind` that is not there.
    """
    if name in names:
        return name
    longer = [each for each in names if each.startswith(f"{name}_")]
    if len(longer) == 1:
        return longer[0]
    without_unit = {each.rpartition("_")[0] or each: each for each in names}
    near = get_close_matches(name, [*names, *without_unit], 1)
    meant = [without_unit.get(each, each) for each in near]
    hint = f"did you mean {meant[0]}?" if meant else "give one of these"
    raise TilefoldError(f"no {kind} is named {name!r}; {hint} ({', '.join(names)})")


def library(module: str) -> Any:
    """A module of an optional library; raises TilefoldError where it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        raise TilefoldError(
            f"this needs {name}, which is not installed: pip install 'tilefold[explore]'"
        ) from None
