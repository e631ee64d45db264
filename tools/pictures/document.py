"""Reports as pages: one HTML file that needs nothing else, not even a network."""

import json
from collections.abc import Sequence
from html import escape
from importlib import import_module
from string import Template
from types import ModuleType
from typing import Final, NamedTuple

from ...errors import TilefoldError
from .style import GRID, INK, PALE_INK, Figure

_PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="$policy">
<title>$title</title>
<link rel="icon" href="data:,">
<style>
body { margin: 0 auto; max-width: 1240px; padding: 24px 32px 64px; color: $ink; background: #fff;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 26px; margin: 0 0 2px; }
h2 { font-size: 19px; margin: 44px 0 2px; }
p { margin: 0 0 10px; max-width: 86ch; color: $pale; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(220px, 1fr)); gap: 12px;
  margin: 20px 0 0; }
dl div { border: 1px solid $grid; border-radius: 8px; padding: 10px 14px; }
dt { font-size: 13px; color: $pale; }
dd { margin: 0; font-size: 20px; font-weight: 600; white-space: nowrap; }
dd small { font-size: 13px; font-weight: 400; color: $pale; }
details { margin-top: 44px; }
summary { font-size: 19px; font-weight: 600; cursor: pointer; }
table { border-collapse: collapse; font-size: 13px; margin-top: 10px; width: 100%; }
th, td { padding: 3px 10px; border-bottom: 1px solid $grid; text-align: right; }
details.term { margin: 2px 0; }
.term summary { font-size: 14px; font-weight: 400; }
.term .term { margin-left: 20px; }
div.term { font-size: 14px; padding-left: 15px; }
.term code, .term small { color: $pale; font-size: 12px; }
.wide { overflow: auto; max-height: 640px; }
.wide td, .wide th, .wide td:first-child { white-space: nowrap; overflow-wrap: normal; }
.wide td:last-child { white-space: normal; min-width: 420px; }
pre { overflow: auto; font-size: 12px; border: 1px solid $grid; border-radius: 8px; padding: 10px; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
</style>
<script>$plotly</script>
</head>
<body>
<h1>$title</h1>
<p>$subtitle</p>
<dl>$facts</dl>
$sections
$tables
<script>
"use strict";
const figures = $figures;
const options = {displayModeBar: false, responsive: true};
Promise.all(Object.entries(figures).map(
  ([name, figure]) => Plotly.newPlot(name, figure.data, figure.layout, options)
)).then(() => { document.body.dataset.drawn = Object.keys(figures).join(" "); });
</script>
</body>
</html>
""")

_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
"""What the page may load: only what it holds itself, so that no browser reaches for a network."""


class Tree(NamedTuple):
    """A value that opens into its parts: what it is, how the parts make it, and a note."""

    name: str
    value: str
    formula: str
    text: str
    parts: Sequence["Tree"]


class Section(NamedTuple):
    """A heading, what the figure below it shows, and the figure (None: there is none).

    Below that are trees, a table (its `rows`, the first one a heading) and `lines` of plain text.
    """

    name: str
    title: str
    text: str
    figure: Figure | None
    trees: Sequence[Tree] = ()
    rows: Sequence[Sequence[str]] = ()
    lines: str = ""


def load_plotly() -> ModuleType:
    """`plotly.offline`; raises TilefoldError where plotly is not installed."""
    try:
        return import_module("plotly.offline")
    except ImportError:
        raise TilefoldError(
            "HTML reports need plotly, which is not installed: pip install 'tilefold[report]'"
        ) from None


def document(
    title: str,
    subtitle: str,
    facts: Sequence[tuple[str, str, str]],
    sections: Sequence[Section],
    tables: Sequence[tuple[str, Sequence[Sequence[str]]]],
) -> str:
    """The page: its facts (name, value, unit), its sections, and tables (title, rows; a heading).

    All strings are text. Raises TilefoldError without plotly.
    """
    figures = {section.name: section.figure for section in sections if section.figure}
    # "<" could end the script.
    data = json.dumps(figures, separators=(",", ":")).replace("<", "\\u003c")
    return _PAGE.substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        policy=_POLICY,
        ink=INK,
        pale=PALE_INK,
        grid=GRID,
        plotly=load_plotly().get_plotlyjs(),
        facts="".join(map(_fact, facts)),
        sections="\n".join(map(_section, sections)),
        tables="\n".join(_table(*table) for table in tables),
        figures=data,
    )


def _fact(fact: tuple[str, str, str]) -> str:
    name, value, unit = map(escape, fact)
    return f"<div><dt>{name}</dt><dd>{value} <small>{unit}</small></dd></div>"


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", f"<p>{escape(section.text)}</p>"]
    if section.figure:
        parts.append(f'<div id="{section.name}"></div>')
    parts += map(_tree, section.trees)
    if section.rows:
        parts.append(f'<div class="wide">{_cells(section.rows)}</div>')
    if section.lines:
        parts.append(f"<pre>{escape(section.lines)}</pre>")
    return "\n".join(parts)


def _tree(tree: Tree) -> str:
    formula = f"= {escape(tree.formula)}" if tree.formula else ""
    line = (
        f"<b>{escape(tree.name)}</b> {escape(tree.value)} <code>{formula}</code> "
        f"<small>{escape(tree.text)}</small>"
    )
    if not tree.parts:
        return f'<div class="term">{line}</div>'
    parts = "".join(map(_tree, tree.parts))
    return f'<details class="term"><summary>{line}</summary>{parts}</details>'


def _table(title: str, rows: Sequence[Sequence[str]]) -> str:
    return f"<details><summary>{escape(title)}</summary>\n{_cells(rows)}\n</details>"


def _cells(rows: Sequence[Sequence[str]]) -> str:
    header, *body = rows
    lines = [_row(header, "th"), *(_row(cells, "td") for cells in body)]
    return f"<table>{''.join(lines)}</table>"


def _row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>\n"
