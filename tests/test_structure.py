"""Data flows one way through the folders: no folder imports one that comes later."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = (
    "dialects",
    "machines",
    "costmodel",
    "interpreters",
    "passes",
    "backend",
    "emulator",
    "explore",
    "tools",
)
ALLOWED = {folder: set(ORDER[: number + 1]) for number, folder in enumerate(ORDER)}
ALLOWED["frontend"] = {"dialects", "interpreters", "frontend"}
ALLOWED["explore"] |= {"frontend", "compiler"}
ALLOWED["tools"] |= {"frontend", "examples", "bit_allocation", "compiler", "quantizer", "search"}
EVERYWHERE = {"errors"}


def imported(path: Path) -> Iterator[str]:
    """The folders and modules of the package that a file imports, at its top or further in."""
    inside = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = (*inside[: len(inside) - node.level + 1], *(node.module or "").split("."))
            names = [name for name in base if name]
            yield from names[:1] or (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
            assert (module or "").split(".")[0] != "tilefold", f"{path}: imports by full name"


@pytest.mark.parametrize("folder", ALLOWED)
def test_imports_go_one_way(folder: str) -> None:
    files = list((ROOT / folder).rglob("*.py"))
    assert files
    for path in files:
        upward = set(imported(path)) - ALLOWED[folder] - EVERYWHERE
        assert not upward, f"{path.relative_to(ROOT)} imports {', '.join(sorted(upward))}"
