"""Run hostile cases through the command line, one line of JSON each: `... hostile_sweep FOLDER`.

A process of its own: what crashes or eats memory does so here.
"""

import contextlib
import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tilefold.tests.support import hostile_files, hostile_models
from tilefold.tests.support.memory import peak
from tilefold.tools.tilefold import main

HANGS = 30
"""Seconds after which a case ends the process."""


def trials(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """The cases' names and command lines; their files are written just before."""
    samples = hostile_files.npz(x=hostile_files.good_samples())
    for name, case in hostile_models.CASES.items():
        for arguments in (hostile_files.COMPILE, hostile_files.QUANTIZE):
            enter(folder, f"{name}-{arguments[0]}")
            Path("m.onnx").write_bytes(case.content())
            Path("samples.npz").write_bytes(samples)
            options = ["--calibrate", "samples.npz"] if case.floating else []
            yield name, [*arguments, *(options if arguments[0] == "compile" else [])]
    for name, beside in hostile_files.CASES.items():
        enter(folder, name)
        yield name, beside.prepare(Path())


def enter(folder: Path, name: str) -> None:
    """Work in a new folder, with an empty folder `out` in it."""
    (folder / name / "out").mkdir(parents=True)
    os.chdir(folder / name)


def refuse(arguments: list[str]) -> dict[str, object]:
    """What the command line makes of a case."""
    errors = io.StringIO()
    code: object = 0
    started = time.perf_counter()
    signal.alarm(HANGS)
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            main(arguments)
        except SystemExit as ended:
            code = ended.code
        except BaseException:
            code = traceback.format_exc()
    return {
        "seconds": time.perf_counter() - started,
        "code": code,
        "errors": errors.getvalue(),
        "written": sorted(str(path) for path in Path("out").rglob("*")),
        "peak": peak(),
    }


def sweep(folder: Path) -> None:
    """All cases."""
    for name, arguments in trials(folder):
        print(json.dumps({"name": name, "arguments": arguments}), flush=True)
        print(json.dumps(refuse(arguments)), flush=True)


if __name__ == "__main__":
    sweep(Path(sys.argv[1]).resolve())
