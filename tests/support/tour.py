"""Commands shown in Markdown with their output: in ```console blocks, each after `$ `.

`python -m tilefold.tests.support.tour README.md` runs them again and writes what they print now.
A line `...` in the output stands for any lines, and stays.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"(```console\n)(.*?)(```)", re.DOTALL)
ELLIPSIS = "..."


@dataclass(frozen=True)
class Command:
    """A command of a tour and the lines that it prints."""

    text: str
    lines: tuple[str, ...]

    def prints(self, actual: list[str]) -> bool:
        """Whether `actual` is what is shown, lines `...` standing for any."""
        pattern = "".join(
            r"(?:.*\n)*" if line == ELLIPSIS else re.escape(f"{line}\n") for line in self.lines
        )
        return re.fullmatch(pattern, "".join(f"{line}\n" for line in actual)) is not None


def commands(page: str) -> list[Command]:
    """All commands of a page, in order."""
    return [command for block in BLOCK.findall(page) for command in _in_block(block[1])]


def run(command: str, folder: Path) -> list[str]:
    """The lines that a command prints when it runs in `folder`, errors after them."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "utf-8"}
    environment.pop("COLUMNS", None)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    return [line.rstrip() for line in done.stdout.splitlines()]


def refreshed(page: str, folder: Path) -> str:
    """The page with what its commands print when they run in `folder`."""

    def block(match: re.Match[str]) -> str:
        text = ""
        for command in _in_block(match[2]):
            lines = run(command.text, folder)
            lines = list(command.lines) if command.prints(lines) else _abridged(command, lines)
            text += "".join(f"{line}\n" for line in (f"$ {command.text}", *lines))
        return match[1] + text + match[3]

    return BLOCK.sub(block, page)


def _in_block(block: str) -> list[Command]:
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    lines = [part.splitlines() for part in parts]
    return [Command(first, tuple(rest)) for first, *rest in lines]


def _abridged(command: Command, lines: list[str]) -> list[str]:
    """New output with as many lines before and after the first `...` as were shown."""
    if ELLIPSIS not in command.lines:
        return lines
    before = command.lines.index(ELLIPSIS)
    after = len(command.lines) - before - 1
    return [*lines[:before], ELLIPSIS, *lines[len(lines) - after :]]


def main() -> None:
    """Bring the pages named on the command line up to date."""
    for name in sys.argv[1:]:
        page = Path(name)
        with tempfile.TemporaryDirectory() as folder:
            page.write_text(refreshed(page.read_text("utf-8"), Path(folder)), "utf-8")


if __name__ == "__main__":
    main()
