"""The generated pages of `docs/`: one function a page, from the code that they describe.

`python -m tilefold.tools.docs` writes them all; a test checks that the committed ones are current.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from xdsl.ir import Attribute, Dialect
from xdsl.irdl import IRDLOperation
from xdsl.passes import ModulePass

from ..backend import isa_reference
from ..dialects.registry import DIALECTS
from ..frontend import catalogue
from ..passes.registry import PASSES
from .machines import with_field_tables
from .technologies import with_technology_tables

DOCS = Path(__file__).parent.parent / "docs"


def dialects_page() -> str:
    """All dialects: what each is for, its types and its operations."""
    lines = [
        "# The dialects",
        "",
        "This page is written by `python -m tilefold.tools.docs` from the dialects' docstrings and",
        "definitions; change those, not the page. The instructions of `isa` are in",
        "[isa.md](isa.md), the fields of `fabric` in [machines.md](machines.md).",
        "",
    ]
    for dialect in DIALECTS:
        lines += _dialect(dialect)
    return "\n".join(lines)


def _dialect(dialect: Dialect) -> Iterator[str]:
    module = import_module(f"tilefold.dialects.{dialect.name}")
    yield f"## {dialect.name}"
    yield ""
    yield inspect.getdoc(module) or ""
    yield ""
    for attribute in dialect.attributes:
        yield from _entry(f"Type or attribute `{attribute.name}`", attribute)
    for operation in dialect.operations:
        yield from _entry(f"`{operation.name}`", operation)
        if issubclass(operation, IRDLOperation):
            yield from _definition(operation)


def _entry(title: str, kind: type[Attribute] | type[Any]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield inspect.getdoc(kind) or ""
    yield ""


def _definition(operation: type[IRDLOperation]) -> Iterator[str]:
    definition = operation.get_irdl_definition()
    for what, named in (
        ("operands", definition.operands),
        ("properties", definition.properties),
        ("results", definition.results),
        ("regions", definition.regions),
    ):
        names = [name for name, *_ in named] if isinstance(named, list) else list(named)
        if names:
            yield f"- {what}: {', '.join(f'`{name}`' for name in names)}"
    yield ""


def passes_page() -> str:
    """All passes in the order of the pipeline, with their options and an example each."""
    lines = [
        "# The passes",
        "",
        "This page is written by `python -m tilefold.tools.docs` from the passes' docstrings;",
        "change those, not the page. Each runs alone in `tilefold-opt -p 'NAME{option=value}'`.",
        "",
    ]
    for kind in PASSES:
        lines += [f"## {kind.name}", ""]
        options = list(_options(kind))
        if options:
            lines += ["Options: " + ", ".join(options) + ".", ""]
        module = sys.modules[kind.__module__]
        shared = [other for other in PASSES if other.__module__ == kind.__module__]
        lines += [inspect.getdoc(module if len(shared) == 1 else kind) or "", ""]
    return "\n".join(lines)


def _options(kind: type[ModulePass]) -> Iterator[str]:
    for option in fields(kind):
        default = "" if option.default is MISSING else f" (default {option.default})"
        yield f"`{option.name.replace('_', '-')}`{default}"


def machines_page() -> str:
    """The committed page about machines with its field tables made anew."""
    return with_field_tables((DOCS / "machines.md").read_text(encoding="utf-8"))


def energy_page() -> str:
    """The committed page about energy with its tables made anew."""
    return with_technology_tables((DOCS / "energy.md").read_text(encoding="utf-8"))


PAGES: dict[str, Callable[[], str]] = {
    "dialects.md": dialects_page,
    "passes.md": passes_page,
    "isa.md": isa_reference.render,
    "machines.md": machines_page,
    "energy.md": energy_page,
    "operators.md": catalogue.markdown,
}
"""The generated pages by file name."""


def main() -> None:
    """Write every page."""
    for name, render in PAGES.items():
        (DOCS / name).write_text(render().rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
