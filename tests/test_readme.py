"""Every command that the README shows prints what the README says."""

from pathlib import Path

import tilefold
from tilefold.tests.support.tour import commands, run

README = Path(next(iter(tilefold.__path__))) / "README.md"


def test_the_tour(tmp_path: Path) -> None:
    tour = commands(README.read_text("utf-8"))
    assert tour
    for command in tour:
        actual = run(command.text, tmp_path)
        shown, printed = "\n".join(command.lines), "\n".join(actual)
        assert command.prints(actual), (
            f"$ {command.text}\n{printed}\n--- not, as shown ---\n{shown}"
        )
