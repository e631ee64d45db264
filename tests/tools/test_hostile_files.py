"""Broken and hostile files on the command line: a short message, soon, in little memory."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tilefold import onnx_backend
from tilefold.errors import TilefoldError
from tilefold.tests.support import hostile_files, hostile_models
from tilefold.tests.support.model_mutations import parsed

SECONDS = 5
KILOBYTES = 1 << 20
"""Memory that the process may ever hold, of which Python and its libraries take about 120 MB."""


def test_each_is_refused_in_a_line_or_two(tmp_path: Path) -> None:
    """One process goes through all of them; it must survive, and leave nothing at the output."""
    module = "tilefold.tests.support.hostile_sweep"
    command = [sys.executable, "-Werror::RuntimeWarning", "-m", module, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    begun, ended = rows[::2], rows[1::2]
    assert found.returncode == 0, f"{begun[-1]}: {found.returncode}, {found.stderr[-2000:]}"
    count = 2 * len(hostile_models.CASES) + len(hostile_files.CASES)
    assert len(begun) == len(ended) == count
    mistakes = [
        f"{start['arguments']} of {start['name']}: {mistake}"
        for start, end in zip(begun, ended, strict=True)
        for mistake in mistakes_of(start, end)
    ]
    assert not mistakes, "\n".join(mistakes)
    assert ended[-1]["peak"] < KILOBYTES


@pytest.mark.parametrize("floating", [False, True])
def test_the_backend_refuses_them_too(floating: bool) -> None:
    """But for those that only `quantize` objects to, and dimensions that inputs make known."""
    image = np.zeros(hostile_models.SHAPE, np.float32)
    ran: set[str] = set()
    for name, case in hostile_models.CASES.items():
        if case.floating == floating and (model := parsed(case.content())) is not None:
            try:
                onnx_backend.prepare(model, machine="tiny").run([image])
                ran.add(name)
            except TilefoldError as error:
                assert len(str(error).splitlines()) <= 2, name
    fine = {name for name, case in hostile_models.CASES.items() if case.floating}
    assert ran == (fine if floating else SHAPED)


SHAPED = {"dynamic_dimensions", "negative_dimension", "dimension_of_zero"}


def mistakes_of(start: dict, end: dict) -> list[str]:
    """What is wrong with how a case was refused."""
    case = hostile_models.CASES.get(start["name"]) or hostile_files.CASES[start["name"]]
    parts = [case.text]
    if isinstance(case, hostile_models.Case):
        parts = [case.by_samples if start["arguments"][0] == "quantize" else case.text]
        parts += [f"node '{case.node}"] if case.node else []
    lines = end["errors"].splitlines()
    found = [f"no '{part}' in {lines}" for part in parts if part not in end["errors"]]
    if end["code"] != 1:
        found.append(f"ended with {end['code']}")
    if not 1 <= len(lines) <= 2 or not end["errors"].startswith("error: "):
        found.append(f"{len(lines)} lines: {lines}")
    if max(map(len, lines), default=0) > 700 or not end["errors"].replace("\n", "").isprintable():
        found.append(f"not a readable line: {lines}")
    if end["seconds"] > SECONDS:
        found.append(f"took {end['seconds']:.1f} s")
    if end["written"]:
        found.append(f"wrote {end['written']}")
    return found
