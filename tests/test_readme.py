"""Every command that the README and other pages show prints what they say."""

from pathlib import Path

import pytest
import tilefold
from tilefold.tests.support.tour import commands, run

ROOT = Path(next(iter(tilefold.__path__)))
PAGES = ("README.md", pytest.param("docs/benching.md", marks=pytest.mark.long))


@pytest.mark.parametrize("page", PAGES)
def test_the_tour(tmp_path: Path, page: str) -> None:
    tour = commands((ROOT / page).read_text("utf-8"))
    assert tour
    for command in tour:
        actual = run(command.text, tmp_path)
        shown, printed = "\n".join(command.lines), "\n".join(actual)
        assert command.prints(actual), (
            f"$ {command.text}\n{printed}\n--- not, as shown ---\n{shown}"
        )
