"""Tables of figures, for the terminal and for pages of Markdown."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

Cells = list[list[str]]
"""A heading, and a line for each row."""


def options_of(about: str, page: Path, networks: Sequence[str] = ()) -> argparse.Namespace:
    """What the command line asks for: `docs`, `json` and, where there is a choice, `networks`.

    `about` is the help; all of `networks` are meant where none is named.
    """
    parser = argparse.ArgumentParser(description=about)
    if networks:
        parser.add_argument("networks", nargs="*", help=f"some of: {', '.join(networks)}")
    parser.add_argument("--docs", action="store_true", help=f"update docs/{page.name}")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    if networks:
        if unknown := set(options.networks) - set(networks):
            parser.error(f"no network '{min(unknown)}'; there are {', '.join(networks)}")
        options.networks = options.networks or list(networks)
    return options


def markdown(cells: Cells, left: int | None = None) -> str:
    """A table of Markdown; the first `left` columns are text, or those that hold no number."""
    header, *body = cells
    rule = ["--:" if right else "---" for right in _right(cells, left)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, rule, *body))


def table(title: str, cells: Cells, left: int | None = None) -> Table:
    """The same as a table of rich."""
    header, *body = cells
    shown = Table(title=title)
    for name, right in zip(header, _right(cells, left), strict=True):
        shown.add_column(name, justify="right" if right else "left")
    for line in body:
        shown.add_row(*line)
    return shown


def _right(cells: Cells, left: int | None) -> list[bool]:
    """Which columns are set to the right."""
    if left is not None:
        return [place >= left for place in range(len(cells[0]))]
    return [re.fullmatch(r"[\d,.%]+", cell) is not None for cell in cells[1]]


def with_measured(page: str, name: str, text: str) -> str:
    """`page` with the lines of `text` between its markers of that name."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, rest = page.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{text}\n{end}{after}"


def with_tables(
    page: Path, tables: Mapping[str, Cells], left: Mapping[str, int] | None = None
) -> str:
    """The text of a page with tables between the markers of their names.

    `left` says of each how many columns are text, as `markdown` takes it.
    """
    text, columns = page.read_text(encoding="utf-8"), left or {}
    for name, cells in tables.items():
        text = with_measured(text, name, markdown(cells, columns.get(name)))
    return text
