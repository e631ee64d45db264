"""Opens pages in a headless Chromium that cannot reach any network."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
"""Debian's Chromium, or None."""

OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--v=0",
    "--virtual-time-budget=60000",
    "--window-size=1300,2400",
)


@dataclass(frozen=True)
class Page:
    """A page after its scripts ran: its HTML then, and all that went to the console.

    Chromium's log does not tell errors from notes, so `console` has both.
    """

    dom: str
    console: tuple[str, ...]


def opened(file: Path, profile: Path) -> Page:
    """The page in `file`, opened with a new profile in the folder `profile`."""
    assert CHROMIUM
    done = subprocess.run(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={profile}", "--dump-dom", file.as_uri()],
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        check=True,
    )
    lines = done.stderr.splitlines()
    return Page(done.stdout, tuple(line for line in lines if ":CONSOLE" in line))
