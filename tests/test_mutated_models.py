"""Mutated models: each compiles and computes what it says, or is refused in a line or two.

A model is its seed. To look at one again:

    python -m tilefold.tests.support.mutation_sweep SEED 1 FOLDER
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tilefold.tests.support.chunks import chunks

CHUNK = 250
QUICK, CASES = 250, 5000
SECONDS = 5
"""Of processor time."""

KILOBYTES = 1 << 20


@pytest.mark.parametrize("start", chunks(CHUNK, QUICK, CASES))
def test_compiled_or_refused(start: int, tmp_path: Path) -> None:
    """A process compiles `CHUNK` models, and survives them in little time and memory."""
    module = "tilefold.tests.support.mutation_sweep"
    command = [
        sys.executable,
        "-Werror::RuntimeWarning",
        "-m",
        module,
        str(start),
        str(CHUNK),
        str(tmp_path),
    ]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    begun, ended = rows[::2], rows[1::2]
    assert found.returncode == 0, f"{begun[-1]}: {found.returncode}, {found.stderr[-2000:]}"
    assert len(ended) == CHUNK
    wrong = [
        f"seed {row['seed']}: {end['wrong'] or end['seconds']}"
        for row, end in zip(begun, ended, strict=True)
        if end["wrong"] or end["seconds"] > SECONDS
    ]
    assert not wrong, "\n".join(wrong)
    assert ended[-1]["peak"] < KILOBYTES
    outcomes = Counter(end["outcome"] for end in ended)
    print(f"seeds {start}..{start + CHUNK - 1}: {dict(outcomes)}")
    assert outcomes["equal"] >= CHUNK // 20 and outcomes["equal, in steps"] >= CHUNK // 20, outcomes
